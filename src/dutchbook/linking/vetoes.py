"""Why two markets must not be traded as one, each reason with the words of both. Must never know a team, a person or
a market by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dutchbook.core.money import MICRO
from dutchbook.linking.reading import Reading
from dutchbook.linking.vetoes_figures import figure_vetoes
from dutchbook.linking.vetoes_when import date_vetoes
from dutchbook.linking.vetoes_words import compare_words
from dutchbook.linking.words import fold, spell, tokens
from dutchbook.linking.words_tables import SILENT, STAGES

PRICE_GAP: Final = 100_000
"""Ten cents, in millionths: a larger gap between two markets said to be one has always been a difference in their
terms."""


@dataclass(frozen=True, slots=True)
class Veto:
    """One reason why two markets must not be traded as one. `code` is the class, `text` says it with the words of
    both."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two readings have in common. `flips` counts what turns one question into the other's opposite."""

    vetoes: tuple[Veto, ...]
    related: bool
    flips: int = 0


def compare(first: Reading, second: Reading, *, briefly: bool = False) -> Comparison:
    """Two questions that are not games told by codes: words, times, numbers, stages. `briefly`: what a kind of veto was found for
    is not compared further, as nobody will read it."""
    words = compare_words(first, second)
    if not words.related:
        return Comparison((), related=False)
    vetoes = [Veto(code, text) for code, text in words.vetoes]
    if not (briefly and vetoes):
        vetoes += [Veto(code, text) for code, text in date_vetoes(first, second)]
    if briefly and vetoes:
        return Comparison(tuple(vetoes), related=True, flips=words.flips)
    figures, flips = figure_vetoes(first, second)
    vetoes += [Veto(code, text) for code, text in figures]
    vetoes += _scopes(first, second)
    chosen, turned = _chosen(first, second)
    vetoes += chosen
    flips += turned + words.flips + (first.title.negations + second.title.negations) % 2
    return Comparison(tuple(vetoes), related=True, flips=flips)


def unlinkable(first: Reading, second: Reading) -> list[Veto]:
    """A combo, a placeholder or a text without words on either side."""
    found = []
    for reading in (first, second):
        if reading.unlinkable:
            code, _, text = reading.unlinkable.partition(": ")
            found.append(Veto(code, f"{reading.listing.venue} {reading.listing.id}: {text}"))
    return found


def price_gap(first: Reading, second: Reading, *, inverse: bool) -> list[Veto]:
    """A gap too large for one question, when both prices are known: a person reads both rules first."""
    one, other = first.listing.price, second.listing.price
    if one is None or other is None:
        return []
    seen = MICRO - other if inverse else other
    gap = abs(one - seen)
    if gap <= PRICE_GAP:
        return []
    return [
        Veto(
            "price",
            f"prices are {gap / 10_000:.0f} cents apart; read both rules before believing that they are one question",
        )
    ]


def _chosen(first: Reading, second: Reading) -> tuple[list[Veto], int]:
    """The outcomes that YES stands for, where both titles name both: the same one, or one of "A or B" each."""
    picks = [_pick(reading) for reading in (first, second)]
    if not all(picks) or picks[0] & picks[1] or not (picks[0] <= second.words and picks[1] <= first.words):
        return [], 0
    if any(_of_two(reading.listing.title) for reading in (first, second)):
        return [], 1
    one, other = (" ".join(sorted(pick)) for pick in picks)
    return [Veto("entity", f"YES stands for {one} on one, for {other} on the other")], 0


def _of_two(title: str) -> bool:
    """Whether a title offers "A or B" and no third: what stands before a comma ahead of them is a clause, not a name."""
    before, either, _ = title.partition(" or ")
    clause = re.split(r"[:?]", before)[-1].rpartition(",")[0]
    return bool(either) and (not clause.strip() or bool(SILENT & set(tokens(fold(clause)))))


def _pick(reading: Reading) -> frozenset[str]:
    listing = reading.listing
    named = listing.subtitle or (listing.outcomes[0] if len(listing.outcomes) == len(("yes", "no")) else "")
    return _worded(named) & reading.words if named else frozenset()


@lru_cache(maxsize=4096)
def _worded(text: str) -> frozenset[str]:
    """The words of an outcome; a market is compared with many, one after the other."""
    return frozenset(spell(tokens(fold(text))))


def _scopes(first: Reading, second: Reading) -> list[Veto]:
    one, other = first.title.scopes, second.title.scopes
    if one == other:
        return []
    only = sorted(one ^ other)
    code = "stage" if any(word.split()[0] in STAGES for word in only) else "period"
    said = [", ".join(sorted(scopes)) or "the whole" for scopes in (one, other)]
    return [Veto(code, f"one is about {said[0]}, the other about {said[1]}")]
