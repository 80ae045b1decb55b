"""What two venues' own fields say of one game: the names of its sides, whom YES stands for, when it begins. Must never use a
name whose place among the title's two sides is not certain."""

from __future__ import annotations

from datetime import date
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_told import TWICE_A_DAY

ONE_START: Final = 3_600 * 1_000_000_000
"""Starts no further apart than this are one start: the day of a code is told in some time zone, a start in none."""

SAME_START: Final = 6 * 3_600 * 1_000_000_000
"""Two starts further apart than this are two games of a doubleheader, not one."""

SAME_START_TWICE: Final = 2 * 3_600 * 1_000_000_000
"""The same where two games on one day are usual, each of them shorter than this apart."""


def start_vetoes(first: Reading, second: Reading) -> list[tuple[str, str]]:
    """The days of two codes and the starts that the venues tell."""
    one, other = first.game, second.game
    gap = _gap(first, second)
    if gap is not None and gap > _longest(first, second):
        return [("date", "the starts are hours apart: two games of the same sides")]
    if one is None or other is None or not one.day or not other.day or one.day == other.day:
        return []
    return [] if together(first, second) else [("date", f"games of {one.day} and {other.day}")]


def together(first: Reading, second: Reading) -> bool:
    """Whether both venues tell one start, and codes that name a day name the same one or the next."""
    gap = _gap(first, second)
    if gap is None or gap > ONE_START:
        return False
    days = [reading.game.day for reading in (first, second) if reading.game is not None and reading.game.day]
    if len(days) < 2:
        return True
    try:
        one, other = map(date.fromisoformat, days)
    except ValueError:
        return False
    return abs((one - other).days) <= 1


def _gap(first: Reading, second: Reading) -> int | None:
    one, other = first.listing.starts_ns, second.listing.starts_ns
    return None if one is None or other is None else abs(one - other)


def _longest(first: Reading, second: Reading) -> int:
    return SAME_START_TWICE if {first.told.sport, second.told.sport} & TWICE_A_DAY else SAME_START
