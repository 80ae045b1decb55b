"""Whether two readings are the same bet, the opposite bet, or not one: the judgement and its reasons. Proposes only;
approves never."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_title import parse
from dutchbook.linking.vetoes import Veto, compare, price_gap, unlinkable
from dutchbook.linking.vetoes_game import compare_games
from dutchbook.linking.vetoes_rules import rules_vetoes

__all__ = ["Polarity", "Verdict", "Veto", "judge"]

Polarity = Literal["same", "inverse"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What linking thinks of a pair.

    `proposed`: worth a person's approval: no veto, and the polarity is known. `high`: both venues' own codes name
    the same game, part, line and side, letter for letter. `why` is one sentence for the screen.
    """

    polarity: Polarity | None
    vetoes: tuple[Veto, ...]
    high: bool
    proposed: bool
    why: str


def judge(first: Reading, second: Reading, *, briefly: bool = False) -> Verdict:
    """Compare two readings. Without evidence for sameness nothing is proposed; with any veto nothing is. `briefly`: of a pair
    with a veto not every other one is looked for."""
    first, second = _as_games(first, second), _as_games(second, first)
    refused = unlinkable(first, second)
    if refused:
        return _vetoed(None, tuple(refused))
    exact = False
    if (first.game is not None and second.game is not None) or (first.topic == second.topic == "game"):
        pairing = compare_games(first, second)
        vetoes, related, flips, exact = (
            [Veto(*veto) for veto in pairing.vetoes],
            pairing.related,
            pairing.flips,
            pairing.exact,
        )
        why = "the same game, part and line by both venues' codes" if exact else "the same game, part and line"
    elif (first.game is None) != (second.game is None) and "game" not in (
        first.topic if first.game is None else second.topic
    ):
        vetoes, related, flips, why = _game_and_other(first, second)
    else:
        comparison = compare(first, second, briefly=briefly)
        vetoes, related, flips = list(comparison.vetoes), comparison.related, comparison.flips
        why = "every word, number and time of one title is met by the other's"
    if not related:
        return Verdict(None, (), high=False, proposed=False, why="nothing says that these are the same question")
    polarity: Polarity = "inverse" if flips % 2 else "same"
    if not vetoes:
        vetoes += [Veto(code, text) for code, text in rules_vetoes(first, second)]
    vetoes += price_gap(first, second, inverse=polarity == "inverse")
    if vetoes:
        return _vetoed(polarity, tuple(vetoes))
    return Verdict(polarity, (), high=exact, proposed=True, why=why)


def _game_and_other(first: Reading, second: Reading) -> tuple[list[Veto], bool, int, str]:
    """One market is about one game by its code, the other is not."""
    comparison = compare(first, second)
    vetoes = [*comparison.vetoes, Veto("period", "one is about a single game, the other is not")]
    return vetoes, comparison.related, 0, ""


def _as_games(reading: Reading, other: Reading) -> Reading:
    """An "A at B" title read as a game when it is compared with one ("at" alone does not make a game of a title)."""
    if other.topic != "game" or reading.title.names or " at " not in reading.listing.title or reading.unlinkable:
        return reading
    title = parse(reading.listing.title, reading.listing.subtitle, at_is_versus=True)
    return replace(reading, title=title, topic="game") if title.names else reading


def _vetoed(polarity: Polarity | None, vetoes: tuple[Veto, ...]) -> Verdict:
    return Verdict(polarity, vetoes, high=False, proposed=False, why=vetoes[0].text)
