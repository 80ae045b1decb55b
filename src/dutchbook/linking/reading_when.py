"""Dates in a title: deadlines, days, years, seasons and hours, each in one form. Must never invent the part that was
not said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

WhenKind = Literal["by", "on", "after", "year", "season"]

_LONG: Final = "january february march april may june july august september october november december".split()  # noqa: SIM905
MONTHS: Final[dict[str, int]] = (
    {name: i for i, name in enumerate(_LONG, 1)} | {name[:3]: i for i, name in enumerate(_LONG, 1)} | {"sept": 9}
)
_BEFORE: Final = {"before": "before", "by": "by", "until": "by", "through": "by", "till": "by", "prior": "before"}
_LEADS: Final = frozenset(
    {
        "by",
        "before",
        "until",
        "through",
        "till",
        "in",
        "on",
        "of",
        "after",
        "since",
        "for",
        "during",
        "early",
        "late",
        "next",
    }
)
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class When:
    """One time that a title names. `end` is the last day that counts as (year, month, day); year 0 means it was not
    said.

    `by`: a deadline; `on`: within that day or span (`start` to `end`); `after`; `year`: the year of a recurring
    event, or "in 2026"; `season`: "2025-26", told by the year in which it ends.
    """

    kind: WhenKind
    end: tuple[int, int, int]
    start: tuple[int, int, int] = (0, 0, 0)

    def __str__(self) -> str:
        year, month, day = self.end
        if self.kind == "year":
            return str(year)
        if self.kind == "season":
            return f"season {year - 1}-{year % 100:02d}"
        said = f"{year or '(no year)'}-{month:02d}-{day:02d}"
        if self.kind == "on" and self.start != self.end:
            return f"{self.start[0] or '(no year)'}-{self.start[1]:02d}-{self.start[2]:02d} to {said}"
        return f"{self.kind} {said}"


def _last_day(year: int, month: int) -> int:
    return 29 if month == 2 and year and year % 4 == 0 and (year % 100 or year % 400 == 0) else _DAYS[month - 1]


def day_before(year: int, month: int, day: int) -> tuple[int, int, int]:
    """The last day that "before" a day still holds; a year of 0 stays unsaid."""
    if day > 1:
        return year, month, day - 1
    if month > 1:
        return year, month - 1, _last_day(year, month - 1)
    return (year - 1 if year else 0), 12, 31


def _deadline(lead: str, year: int, month: int, day: int) -> When:
    end = (year, month, day)
    return When("by", day_before(*end) if lead == "before" else end)


def is_year(word: str) -> bool:
    """Whether a word is a calendar year that a market can be about."""
    return len(word) == 4 and word.isdigit() and "1990" <= word <= "2199"


def _day_number(word: str) -> int:
    """1 to 31 for "13", "13th"; else 0."""
    digits = word[:-2] if word[-2:] in ("st", "nd", "rd", "th") else word
    return int(digits) if len(digits) <= 2 and digits.isdigit() and 1 <= int(digits) <= 31 else 0


def take_iso(word: str) -> When | None:
    """The day that "2026-05-13" names, or None."""
    try:
        day = date(*map(int, word.split("-")))
    except (ValueError, TypeError):
        return None
    at = (day.year, day.month, day.day)
    return When("on", at, at)


def take_season(word: str) -> When | None:
    """The season of "2025-26", "2025/26" or "2025-2026"; None when the years do not follow each other."""
    first, second = int(word[:4]), int(word[5:])
    following = (first + 1) % 100 if second < 100 else first + 1
    return When("season", (first + 1, 0, 0)) if second == following else None


def take_year(words: Sequence[str], at: int) -> When:
    """The time that a bare year at `words[at]` stands for, by the words before it."""
    year = int(words[at])
    lead = words[at - 1] if at else ""
    if lead == "before":
        return When("by", (year - 1, 12, 31))
    if lead in ("by", "until", "till"):
        return When("by", (year - 1, 12, 31))
    if lead == "through":
        return When("by", (year, 12, 31))
    if lead == "after":
        return When("after", (year, 12, 31))
    if lead in ("of", "year") and at > 1 and "end" in words[max(0, at - 3) : at]:
        return When("by", (year, 12, 31))
    return When("year", (year, 0, 0))


def take_month(words: Sequence[str], at: int) -> tuple[When, int] | None:
    """The time at a month's name and the index after it; None when the word is not used as a month ("may", "march")."""
    month = MONTHS[words[at]]
    lead = words[at - 1] if at else ""
    following = words[at + 1] if at + 1 < len(words) else ""
    day, end = _day_number(following), at + 2
    leading_day = 0 if day else _day_number(lead)
    if not day:
        end = at + 1
        if words[at] in ("may", "march", "mar") and lead not in _LEADS and not is_year(following) and not leading_day:
            return None
    if leading_day:
        day, lead = leading_day, words[at - 2] if at > 1 else ""
        if lead == "of":
            lead = words[at - 3] if at > 2 else ""
    last = 0
    if day and end + 1 < len(words) and words[end] in ("-", "to", "and"):
        last_month = month
        if words[end + 1] in MONTHS and end + 2 < len(words) and _day_number(words[end + 2]):
            last_month, last, end = MONTHS[words[end + 1]], _day_number(words[end + 2]), end + 3
        elif _day_number(words[end + 1]):
            last, end = _day_number(words[end + 1]), end + 2
        if last:
            year, end = _year_at(words, end)
            return When("on", (year, last_month, last), (year, month, day)), end
    year, end = _year_at(words, end)
    if lead == "the" and at > 1:
        lead = words[at - 2]
    if lead == "after" and end < len(words) and words[end] == "meeting":
        lead = "at"
    if day:
        return _with_day(lead, year, month, day), end
    if lead == "of" and "end" in words[max(0, at - 3) : at]:
        return When("by", (year, month, _last_day(year, month))), end
    if lead == "before":
        return _deadline("before", year, month, 1), end
    if lead in ("by", "until", "till", "through"):
        return When("by", (year, month, _last_day(year, month))), end
    if lead == "after":
        return When("after", (year, month, _last_day(year, month))), end
    return When("on", (year, month, _last_day(year, month)), (year, month, 1)), end


def _year_at(words: Sequence[str], at: int) -> tuple[int, int]:
    return (int(words[at]), at + 1) if at < len(words) and is_year(words[at]) else (0, at)


def _with_day(lead: str, year: int, month: int, day: int) -> When:
    if lead in _BEFORE:
        return _deadline(_BEFORE[lead], year, month, day)
    if lead == "after":
        return When("after", (year, month, day))
    return When("on", (year, month, day), (year, month, day))


def take_clock(word: str, following: str) -> int | None:
    """Minutes after midnight for "5pm", "10:00" + "am", "17:00"; None otherwise."""
    half = word[-2:] if word[-2:] in ("am", "pm") else following if following in ("am", "pm") else ""
    digits = word[:-2] if word[-2:] in ("am", "pm") else word
    hour, _, minute = digits.partition(":")
    if not hour.isdigit() or (minute and not minute.isdigit()) or (not half and not minute):
        return None
    hours, minutes = int(hour), int(minute or 0)
    if hours > (12 if half else 24) or minutes > 59:
        return None
    if half:
        hours = hours % 12 + (12 if half == "pm" else 0)
    return hours * 60 + minutes
