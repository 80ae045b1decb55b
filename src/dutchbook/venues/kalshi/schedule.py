"""When the exchange takes what: its status per shard, and its schedule as windows in which nothing may be begun.

Functions on bytes and instants; no I/O, no clock. The schedule speaks in New York time. Every Thursday from 03:00 to 05:00
there trading is paused, whatever the schedule says. Source: Kalshi API documentation, exchange status and schedule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from dutchbook.core.clock import MINUTE
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.venue import VenueMode, Window
from dutchbook.venues.kalshi.fields import Instant, decoded, nanoseconds

NEW_YORK: Final = ZoneInfo("America/New_York")
AHEAD: Final = timedelta(days=8)
"""How far windows are told ahead: a week, and a day so that the next Thursday is always among them."""

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_THURSDAY: Final = 3
_SEAM_NS: Final = MINUTE
"""A day that ends at 23:59 and one that begins at 00:00 are one session."""

_Span = tuple[int, int]


class _Session(msgspec.Struct):
    open_time: str
    close_time: str


class _Week(msgspec.Struct):
    start_time: Instant
    end_time: Instant
    monday: list[_Session]
    tuesday: list[_Session]
    wednesday: list[_Session]
    thursday: list[_Session]
    friday: list[_Session]
    saturday: list[_Session]
    sunday: list[_Session]


class _Maintenance(msgspec.Struct):
    start_datetime: Instant
    end_datetime: Instant


class _Schedule(msgspec.Struct):
    standard_hours: list[_Week]
    maintenance_windows: list[_Maintenance]


class _ScheduleAnswer(msgspec.Struct):
    schedule: _Schedule


class _ShardStatus(msgspec.Struct):
    exchange_index: int
    exchange_active: bool
    trading_active: bool


class _Status(msgspec.Struct):
    exchange_active: bool
    trading_active: bool
    exchange_index_statuses: list[_ShardStatus] | None = None


_SCHEDULE: Final = msgspec.json.Decoder(_ScheduleAnswer)
_STATUS: Final = msgspec.json.Decoder(_Status)


def decode_modes(body: bytes) -> tuple[VenueMode, dict[int, VenueMode]]:
    """What the exchange takes now: the top level (which speaks of shard 0), and every shard that is listed."""
    status = decoded(_STATUS, body, "exchange status")
    shards = {row.exchange_index: _mode(row) for row in status.exchange_index_statuses or ()}
    return _mode(status), shards


def _mode(status: _Status | _ShardStatus) -> VenueMode:
    """A trading pause still takes cancels; an exchange pause takes nothing."""
    if not status.exchange_active:
        return VenueMode.PAUSED
    return VenueMode.TRADING if status.trading_active else VenueMode.CANCEL_ONLY


def strictest(modes: Iterable[VenueMode]) -> VenueMode:
    """The mode that takes least; TRADING for none."""
    order = (VenueMode.PAUSED, VenueMode.CANCEL_ONLY)
    found = set(modes)
    return next((mode for mode in order if mode in found), VenueMode.TRADING)


def decode_windows(body: bytes, wall_ns: int, *, thursday_pause: bool) -> tuple[Window, ...]:
    """Closed hours and maintenance of the coming week, running ones included, in order of their beginning.

    A day that no part of the schedule covers counts as open. Raises MalformedFrame naming the field.
    """
    schedule = decoded(_SCHEDULE, body, "exchange schedule").schedule
    windows = [Window(*span, "closed hours") for span in _closed(schedule.standard_hours, wall_ns)]
    for row in schedule.maintenance_windows:
        begins, ends = nanoseconds(row.start_datetime), nanoseconds(row.end_datetime)
        if ends < begins:
            raise MalformedFrame(f"kalshi maintenance_windows: {row.end_datetime} is before {row.start_datetime}")
        windows.append(Window(begins, ends, "maintenance"))
    if thursday_pause:
        windows += thursday_pauses(wall_ns)
    last = wall_ns + _nanoseconds(AHEAD)
    return tuple(sorted((w for w in windows if wall_ns < w.ends_ns and w.begins_ns <= last), key=_beginning))


def thursday_pauses(wall_ns: int) -> list[Window]:
    """The weekly trading pauses that are running or begin within `AHEAD`."""
    found: list[Window] = []
    for day in _days(wall_ns):
        if day.weekday() == _THURSDAY:
            window = Window(_instant(day, time(3)), _instant(day, time(5)), "Thursday pause")
            if wall_ns < window.ends_ns:
                found.append(window)
    return found


def _closed(weeks: Sequence[_Week], wall_ns: int) -> list[_Span]:
    """The gaps between the sessions of the days that the schedule covers."""
    covered: list[_Span] = []
    open_spans: list[_Span] = []
    for day in _days(wall_ns):
        midnight, next_midnight = _instant(day, time()), _instant(day + timedelta(days=1), time())
        week = next((week for week in weeks if _covers(week, midnight)), None)
        if week is None:
            # an uncovered day counts as open, so that it makes no gap
            open_spans.append((midnight, next_midnight))
        else:
            sessions: list[_Session] = getattr(week, _DAYS[day.weekday()])
            open_spans += [_session(day, session) for session in sessions]
        covered.append((midnight, next_midnight))
    gaps: list[_Span] = []
    at = covered[0][0]
    for begins, ends in sorted(open_spans):
        if begins - at > _SEAM_NS:
            gaps.append((at, begins))
        at = max(at, ends)
    if covered[-1][1] - at > _SEAM_NS:
        gaps.append((at, covered[-1][1]))
    return gaps


def _covers(week: _Week, midnight_ns: int) -> bool:
    return nanoseconds(week.start_time) <= midnight_ns < nanoseconds(week.end_time)


def _session(day: date, session: _Session) -> _Span:
    """A session of a day; one that closes no later than it opens ends on the next day."""
    opens, closes = _clock_time(session.open_time), _clock_time(session.close_time)
    ends_on = day if closes > opens else day + timedelta(days=1)
    return _instant(day, opens), _instant(ends_on, closes)


def _clock_time(text: str) -> time:
    """ "HH:MM" (seconds are tolerated); "24:00" is the midnight that ends the day."""
    try:
        return time() if text.startswith("24:00") else time.fromisoformat(text)
    except ValueError:
        raise MalformedFrame(f"kalshi exchange schedule: {text!r} is no time of day") from None


def _days(wall_ns: int) -> list[date]:
    """From yesterday (whose session may run into today) to the end of the horizon, in New York."""
    today = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).astimezone(NEW_YORK).date()
    return [today + timedelta(days=ahead) for ahead in range(-1, AHEAD.days + 1)]


def _instant(day: date, at: time) -> int:
    return nanoseconds(datetime.combine(day, at, NEW_YORK))


def _nanoseconds(span: timedelta) -> int:
    return span.days * 24 * 60 * MINUTE


def _beginning(window: Window) -> tuple[int, int]:
    return window.begins_ns, window.ends_ns
