"""A title taken apart: the words that carry its meaning, its times, its numbers, its stage or period, and whether it is
negated.

Must never drop a word that could tell two questions apart; what it cannot type stays among the words and has to be
met by the other title's words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from dutchbook.linking.reading_figures import Figure, take_figure
from dutchbook.linking.reading_when import (
    MONTHS,
    When,
    is_year,
    take_clock,
    take_iso,
    take_month,
    take_season,
    take_year,
)
from dutchbook.linking.words import fold, spell, tokens
from dutchbook.linking.words_tables import CEREMONIES, CLUB_WORDS, NEGATIONS, SCOPE_NOUNS, SILENT, word_set

_ORDINALS: Final = {
    "first": "1",
    "second": "2",
    "third": "3",
    "fourth": "4",
    "fifth": "5",
    "sixth": "6",
    "seventh": "7",
} | {f"{n}{'st' if n == 1 else 'nd' if n == 2 else 'rd' if n == 3 else 'th'}": str(n) for n in range(1, 11)}
_NUMBERED: Final = re.compile(r"(\d{2,3})(?:st|nd|rd|th)$")
_VERSUS: Final = re.compile(r"\s(?:vs?\.?|versus)\s")
_AT: Final = re.compile(r"\s(?:vs?\.?|versus|at|@)\s")
_ASKED: Final = re.compile(r"will (?:the )?(.+?) wins?\b(.*)$")
_END_OF_NAME: Final = re.compile(
    r"\s-\s|[:?(\[|]|\s(?:winner|who wins|moneyline|match|game|professional|fight|ends? in a (?:draw|tie))\b"
)
_TYPED: Final = re.compile(r"\d|" + "|".join(sorted(MONTHS, key=len, reverse=True)))


@dataclass(frozen=True, slots=True)
class Title:
    """What a market's titles say. `words` are spelled and in order, without times, numbers and silent words; `order`
    keeps all spelled words; `names` are the two sides of an "A vs B" title, `subject` the one that it asks about
    ("Will A win the A vs B match?"), `tail` the words around them, `asked` whom a title without two sides asks about;
    `clubs` says that a side is named like a football club."""

    words: tuple[str, ...]
    order: tuple[str, ...]
    whens: tuple[When, ...] = ()
    figures: tuple[Figure, ...] = ()
    scopes: frozenset[str] = frozenset()
    clocks: tuple[int, ...] = ()
    negations: int = 0
    next_word: str = ""
    names: tuple[tuple[str, ...], ...] = ()
    subject: tuple[str, ...] = ()
    tail: frozenset[str] = frozenset()
    clubs: bool = False
    asked: tuple[str, ...] = ()


def parse(text: str, subtitle: str = "", *, at_is_versus: bool = False) -> Title:
    """Read a title and, when it adds something, a subtitle. Bounded by the title's length limit."""
    folded = fold(text)
    words = tokens(folded)
    if subtitle:
        extra = fold(subtitle)
        if extra not in folded:
            words += ["-", *tokens(extra)]
    whens: list[When] = []
    figures: list[Figure] = []
    scopes: set[str] = set()
    clocks: list[int] = []
    rest = _typed(words, whens, figures, scopes, clocks) if _TYPED.search(folded) or subtitle else words
    order = spell(rest)
    negations, next_word, kept = 0, "", []
    for index, word in enumerate(order):
        if word == "no" and index + 1 < len(order) and (not index or order[index - 1] in ("will", "be")):
            negations += 1
        elif word in SILENT:
            if word == "next" and index + 1 < len(order):
                next_word = order[index + 1]
        elif word in NEGATIONS:
            negations += 1
            if word == "lose":
                kept.append("win")
        elif word in SCOPE_WORDS:
            scopes.add(word)
        else:
            kept.append(word)
    _ordinals(order, scopes, kept)
    _ceremonies(order, whens, kept)
    _extremes(order, figures, kept)
    versus = _versus(folded, at_is_versus)
    if versus.names and figures:
        figures = [figure for figure in figures if str(figure.value) not in versus.raw]
    return Title(
        tuple(kept), tuple(order), tuple(dict.fromkeys(whens)), tuple(dict.fromkeys(figures)), frozenset(scopes), tuple(clocks),
        negations, next_word, versus.names, versus.subject, versus.tail, not versus.raw.isdisjoint(CLUB_WORDS),
        () if versus.names else _asked(folded),
    )  # fmt: skip


SCOPE_WORDS: Final = word_set(
    "1h 2h halftime primary runoff caucus preseason overtime regulation semifinal quarterfinal"
)
"""Words that name a stage or a period by themselves."""


def _ordinals(order: Sequence[str], scopes: set[str], kept: list[str]) -> None:
    for index, word in enumerate(order[:-1]):
        number = _ORDINALS.get(word)
        if number and order[index + 1] in SCOPE_NOUNS:
            scopes.add(f"{order[index + 1]} {number}")
            for used in (word, order[index + 1]):
                if used in kept:
                    kept.remove(used)


def _ceremonies(order: Sequence[str], whens: list[When], kept: list[str]) -> None:
    """ "98th Academy Awards" names a year."""
    for word, following in pairwise(order):
        found = _NUMBERED.match(word) if following in CEREMONIES else None
        if found:
            whens.append(When("year", (CEREMONIES[following] + int(found.group(1)), 0, 0)))
            kept.remove(word)


def _extremes(order: Sequence[str], figures: list[Figure], kept: list[str]) -> None:
    """ "How high will it get — 120,000 or above" asks whether it reaches a level, "how low" whether it dips to one."""
    for asked, sign, word in (("high", ">", "reach"), ("low", "<", "dip")):
        if ("how", asked) in pairwise(order) and "get" in order and figures:
            if any(figure.compare.rstrip("=") != sign for figure in figures):
                continue
            figures[:] = [replace(figure, compare="touch") for figure in figures]
            kept[:] = [word if kept_word == asked else kept_word for kept_word in kept]


def _typed(
    words: list[str], whens: list[When], figures: list[Figure], scopes: set[str], clocks: list[int]
) -> list[str]:
    """Take times, numbers and numbered stages out of the words; returns what is left."""
    rest: list[str] = []
    at, end = 0, len(words)
    while at < end:
        word = words[at]
        if word in MONTHS:
            month = take_month(words, at)
            if month is not None:
                if rest and rest[-1] == words[at - 1] and rest[-1][0].isdigit():
                    rest.pop()
                whens.append(month[0])
                at = month[1]
                continue
        elif word[0].isdigit() or word[0] == "$":
            at = _number(words, at, rest, whens, figures, scopes, clocks)
            continue
        rest.append(word)
        at += 1
    return rest


def _number(
    words: list[str],
    at: int,
    rest: list[str],
    whens: list[When],
    figures: list[Figure],
    scopes: set[str],
    clocks: list[int],
) -> int:
    word, following = words[at], words[at + 1] if at + 1 < len(words) else ""
    length = len(word)
    if length >= 7 and word[4:5] in ("-", "/") and word[:4].isdigit():
        when = take_iso(word) if word.count("-") == 2 else take_season(word)
        if when is not None:
            whens.append(when)
        else:
            rest.append(word)
        return at + 1
    if ":" in word or word[-2:] in ("am", "pm") or following in ("am", "pm"):
        clock = take_clock(word, following)
        if clock is not None:
            clocks.append(clock)
            return at + (2 if following in ("am", "pm") else 1)
    if is_year(word) and not (rest and rest[-1] in ("over", "above", "under", "below", "than")):
        when = take_year(words, at)
        if when not in whens and not any(said.end[0] == int(word) for said in whens):
            whens.append(when)
        return at + 1
    if rest and word.isdigit() and (noun := spell([rest[-1]])[0]) in SCOPE_NOUNS:
        rest.pop()
        scopes.add(f"{noun} {int(word)}")
        return at + 1
    if following in MONTHS or (following == "of" and at + 2 < len(words) and words[at + 2] in MONTHS):
        rest.append(word)
        return at + 1
    taken = take_figure(words, at)
    if taken is None:
        rest.append(word)
        return at + 1
    figure, end = taken
    figures.append(figure)
    while rest and rest[-1] in _SIGNS and (figure.compare or rest[-1] in ("$", "-")):
        rest.pop()
    return end


_SIGNS: Final = word_set(
    "$ - > < >= <= ≥ ≤ over above exceed exceeds exceeding greater more higher under below less fewer lower"
    " than at least most or between"
)
"""Words that belong to the number after them."""


@dataclass(frozen=True, slots=True)
class _Versus:
    names: tuple[tuple[str, ...], ...] = ()
    subject: tuple[str, ...] = ()
    tail: frozenset[str] = frozenset()
    raw: frozenset[str] = frozenset()


_NOT_VERSUS: Final = _Versus()


def _versus(folded: str, at_is_versus: bool) -> _Versus:
    """The two sides of an "A vs B" title, whom it asks about, the words around, and every word of the sides as it
    stands."""
    pattern = _AT if at_is_versus else _VERSUS
    if not at_is_versus and " v" not in folded:
        return _NOT_VERSUS
    parts = pattern.split(folded)
    if len(parts) != 2:
        return _NOT_VERSUS
    left, right = parts
    before, subject = "", ""
    asked = _ASKED.match(left)
    if asked is not None:
        subject, between = asked.groups()
        head, _, left = between.rpartition("the ")
        before = head
    for mark in (":", " - "):
        head, found, last = left.rpartition(mark)
        if found and last.strip():
            before, left = f"{before} {head}", last
    cut = _END_OF_NAME.search(right)
    after = right[cut.start() :] if cut else ""
    right = right[: cut.start()] if cut else right
    names = tuple(_name(side) for side in (left, right))
    if not all(names):
        return _NOT_VERSUS
    tail = frozenset(word for word in spell(tokens(f"{before} {after}")) if word not in SILENT)
    return _Versus(names, _name(subject), tail, frozenset(tokens(f"{left} {right}")))


def _asked(folded: str) -> tuple[str, ...]:
    """Whom "Will A win …?" asks about."""
    found = _ASKED.match(folded) if folded.startswith("will ") else None
    return _name(found.group(1)) if found else ()


def _name(text: str) -> tuple[str, ...]:
    words = [word for word in tokens(text) if word not in CLUB_WORDS and word not in _AROUND_NAMES]
    return tuple(word for word in words if not (len(word) == 4 and word.isdigit() and "1800" <= word <= "1999"))


_AROUND_NAMES: Final = word_set("will the who wins - + game match")
