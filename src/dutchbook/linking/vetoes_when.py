"""Whether two titles speak of the same time. Must never take a time that was not said for equal to one that was,
except the year of a recurring event that the venue's own ticker or dates confirm."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_title import parse
from dutchbook.linking.reading_when import MONTHS, When

_TICKER_TIME: Final = re.compile(r"-(\d{2})(?:([A-Z]{3})(\d{2})?)?(?=-|$)")
_EDITION: Final = re.compile(r"-[A-Z]{3,}(2[4-9]|3[0-5])(?=-|$)")
"""The year that ends a ticker's name of an event ("-OPEN27-"); other two digits are a figure."""
_RECURRING: Final = frozenset({"politics", "award", "season", "game"})
_CLOSE: Final = 16 * 60
"""When the exchanges of New York close, as minutes of the day: a title that says "close" need not say the hour."""

_NEW_YORK: Final = timedelta(hours=5)
"""Winter offset: enough to tell a day that ends at 23:59 in New York from the next day in UTC."""


def date_vetoes(first: Reading, second: Reading) -> list[tuple[str, str]]:
    """Date and season vetoes as (code, text)."""
    one, other = said(first), said(second)
    recurring = first.topic in _RECURRING and second.topic in _RECURRING
    vetoes: list[tuple[str, str]] = []
    if one and other:
        unmet = [w for w in one if not any(_meet(w, v, recurring) for v in other)]
        unmet += [w for w in other if not any(_meet(w, v, recurring) for v in one)]
        if unmet:
            vetoes.append((_code((*one, *other)), f"one says {_text(one)}, the other {_text(other)}"))
        elif not _years_agree(first, second):
            vetoes.append(("date", "one names no year, and its venue's own dates lie in another one"))
    elif one or other:
        spoken, silent = (one, second) if one else (other, first)
        veto = _against_silence(spoken, silent, recurring)
        if veto:
            vetoes.append((_code(spoken), veto))
    elif _apart(first, second):
        vetoes.append(("date", "the venues' own closing dates are more than half a year apart"))
    vetoes += _clock_vetoes(first, second)
    return vetoes


def said(reading: Reading) -> tuple[When, ...]:
    """Times in the titles; else in the title of the event."""
    if reading.title.whens or not reading.listing.event_title:
        return reading.title.whens
    return parse(reading.listing.event_title).whens


def told(reading: Reading) -> list[tuple[int, int, int]]:
    """Days (or years alone) that the venue's ticker and timestamps tell, the ticker first."""
    listing = reading.listing
    days: list[tuple[int, int, int]] = []
    for text in (listing.id, listing.event):
        found = _TICKER_TIME.search(text) if text.isupper() or ("-" in text and text[:2].isupper()) else None
        edition = _EDITION.search(text) if found is None and text.isupper() else None
        if edition:
            days.append((2000 + int(edition.group(1)), 0, 0))
            break
        if found:
            year, month, day = found.groups()
            days.append((2000 + int(year), MONTHS.get((month or "").lower(), 0), int(day or 0)))
            break
    for instant in (listing.expires_ns, listing.closes_ns):
        if instant is not None:
            moment = datetime.fromtimestamp(instant // 1_000_000_000, UTC) - _NEW_YORK
            days.append((moment.year, moment.month, moment.day))
    return days


def _meet(one: When, other: When, recurring: bool) -> bool:
    kinds = {one.kind, other.kind}
    if kinds <= {"year", "season"}:
        return one.end[0] == other.end[0]
    if "year" in kinds or "season" in kinds:
        year, exact = (one, other) if one.kind in ("year", "season") else (other, one)
        if exact.end[0] not in (0, year.end[0]):
            return False
        return (
            recurring
            or (exact.kind == "by" and exact.end[1:] == (12, 31))
            or (exact.kind == "on" and exact.start[1:] == (1, 1) and exact.end[1:] == (12, 31))
        )
    if one.kind != other.kind:
        return False
    return _same_day(one.end, other.end) and _same_day(one.start, other.start)


def _same_day(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return one[1:] == other[1:] and (one[0] == other[0] or 0 in (one[0], other[0]))


def _years_agree(first: Reading, second: Reading) -> bool:
    """When only one side names the year of a day, the other side's own dates must not lie in another one."""
    years = [{when.end[0] for when in said(reading) if when.end[0]} for reading in (first, second)]
    for named, silent in ((years[0], second), (years[1], first)):
        if named and not {when.end[0] for when in said(silent) if when.end[0]}:
            days = told(silent)
            if days and not any(abs(day[0] - year) <= 1 for day in days for year in named):
                return False
    return True


def _against_silence(spoken: tuple[When, ...], silent: Reading, recurring: bool) -> str:
    """Why a time said by one side only is not confirmed by the other side's ticker or timestamps; "" when it is."""
    days = told(silent)
    for when in spoken:
        year, month, day = when.end
        if when.kind in ("year", "season"):
            if not days:
                if recurring:
                    continue
                return f"only one says {when}"
            early = (1, 2) if when.kind == "season" else (0, 1, 2)
            if not any(known[0] == year or (known[0] == year + 1 and known[1] in early) for known in days):
                return f"one says {when}, the other's own dates say {days[0][0]}"
            if not recurring and not any(known[1:] in ((12, 31), (1, 1)) or known[1] == 0 for known in days):
                return f"only one says {when}"
            continue
        exact = [known for known in days if known[1] and known[2]]
        if not exact:
            return f"only one says {when}"
        if not any(_near((year or known[0], month, day), known) for known in exact):
            return f"one says {when}, the other's own dates say {'-'.join(map(str, exact[0]))}"
    return ""


def _near(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    try:
        return abs((datetime(*one) - datetime(*other)).days) <= 1
    except ValueError:
        return False


def _apart(first: Reading, second: Reading) -> bool:
    """Neither says a time: both venues' timestamps must not be more than half a year apart."""
    for one, other in (
        (first.listing.expires_ns, second.listing.expires_ns),
        (first.listing.closes_ns, second.listing.closes_ns),
    ):
        if one is not None and other is not None:
            return abs(one - other) > 183 * 86_400 * 1_000_000_000
    return False


def _clock_vetoes(first: Reading, second: Reading) -> list[tuple[str, str]]:
    one, other = set(first.title.clocks), set(second.title.clocks)
    if one ^ other == {_CLOSE} and all("close" in reading.words for reading in (first, second)):
        return []
    if one == other or first.topic == second.topic == "game":
        return []
    text = [
        ", ".join(f"{clock // 60}:{clock % 60:02d}" for clock in sorted(clocks)) or "no hour" for clocks in (one, other)
    ]
    return [("date", f"one says {text[0]}, the other {text[1]}")]


def _code(whens: tuple[When, ...]) -> str:
    return "season" if any(when.kind == "season" for when in whens) else "date"


def _text(whens: tuple[When, ...]) -> str:
    return " and ".join(map(str, whens))
