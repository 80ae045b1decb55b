"""Pauses: what the exchange takes now, per shard, and when it will take nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import DAY, HOUR, MINUTE, SECOND
from dutchbook.core.errors import MalformedFrame, Unavailable
from dutchbook.core.order import ReportStatus
from dutchbook.core.venue import VenueMode, Window
from dutchbook.venues.kalshi import KalshiData
from dutchbook.venues.kalshi.fields import nanoseconds
from dutchbook.venues.kalshi.schedule import NEW_YORK, decode_windows, thursday_pauses
from venues.kalshi.bits import CONFIG, KEY, ScriptedTransport, StillClock, a_market, answer
from venues.kalshi.desk import BUY, GTC, TICKER, YES, a_desk

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def at(text: str) -> int:
    """A New York wall time as nanoseconds."""
    return nanoseconds(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK))


def hours(*sessions: tuple[str, str]) -> list[dict[str, str]]:
    return [{"open_time": opens, "close_time": closes} for opens, closes in sessions]


def schedule(maintenance: list[tuple[str, str]] | None = None, **days: Any) -> bytes:
    week: dict[str, Any] = dict.fromkeys(DAYS, hours(("00:00", "00:00"))) | days
    week |= {"start_time": "2020-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"}
    windows = [{"start_datetime": begins, "end_datetime": ends} for begins, ends in maintenance or ()]
    return msgspec.json.encode({"schedule": {"standard_hours": [week], "maintenance_windows": windows}})


def windows(body: bytes, now: str = "2026-11-20T12:00", pause: bool = False) -> list[tuple[str, str, str]]:
    def text(ns: int) -> str:
        return datetime.fromtimestamp(ns // SECOND, UTC).astimezone(NEW_YORK).strftime("%a %d %H:%M")

    found = decode_windows(body, at(now), thursday_pause=pause)
    return [(text(w.begins_ns), text(w.ends_ns), w.what) for w in found]


def test_an_exchange_that_is_always_open_has_no_windows() -> None:
    assert windows(schedule()) == []


def test_the_thursday_pause_is_known_without_the_schedule_saying_so() -> None:
    assert windows(schedule(), pause=True) == [("Thu 26 03:00", "Thu 26 05:00", "Thursday pause")]


def test_on_a_thursday_morning_the_running_pause_is_told_and_the_next_one_too() -> None:
    assert windows(schedule(), "2026-11-26T04:00", pause=True) == [
        ("Thu 26 03:00", "Thu 26 05:00", "Thursday pause"),
        ("Thu 03 03:00", "Thu 03 05:00", "Thursday pause"),
    ]


def test_hours_outside_the_sessions_are_windows_over_midnight_too() -> None:
    assert windows(schedule(thursday=hours(("00:00", "03:00"), ("05:00", "24:00")))) == [
        ("Thu 26 03:00", "Thu 26 05:00", "closed hours")
    ]
    nights = schedule(**dict.fromkeys(DAYS, hours(("08:00", "03:00"))))
    assert windows(nights)[0] == ("Sat 21 03:00", "Sat 21 08:00", "closed hours")
    assert len(windows(nights)) == 8
    whole_day = windows(schedule(sunday=[]))
    assert whole_day == [("Sun 22 00:00", "Mon 23 00:00", "closed hours")]


def test_a_day_that_ends_a_minute_before_midnight_makes_no_window() -> None:
    assert windows(schedule(**dict.fromkeys(DAYS, hours(("00:00", "23:59"))))) == []


def test_maintenance_is_a_window_until_it_is_over() -> None:
    planned = [("2026-11-20T18:00:00Z", "2026-11-20T19:00:00Z"), ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"),
               ("2027-03-01T10:00:00Z", "2027-03-01T11:00:00Z")]  # fmt: skip
    assert windows(schedule(planned)) == [("Fri 20 13:00", "Fri 20 14:00", "maintenance")]


def test_a_schedule_that_covers_nothing_says_nothing() -> None:
    body = msgspec.json.encode({"schedule": {"standard_hours": [], "maintenance_windows": []}})
    assert windows(body) == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"{}", "schedule"),
        (b"<html></html>", "exchange schedule"),
        (schedule(monday=hours(("25:00", "26:00"))), "25:00"),
        (schedule(monday=None), "monday"),
        (schedule([("2026-11-20T19:00:00Z", "2026-11-20T18:00:00Z")]), "maintenance_windows"),
    ],
)
def test_an_unreadable_schedule_is_an_error_that_names_what_is_wrong(body: bytes, name: str) -> None:
    with pytest.raises(MalformedFrame, match=name):
        decode_windows(body, at("2026-11-20T12:00"), thursday_pause=True)


@given(st.integers(0, 3 * 365 * 24 * 60))
def test_every_instant_of_the_pause_is_in_a_window_and_no_other_is(minutes: int) -> None:
    wall = at("2026-01-01T00:00") + minutes * MINUTE
    local = datetime.fromtimestamp(wall // SECOND, UTC).astimezone(NEW_YORK)
    paused = local.weekday() == 3 and timedelta(hours=3) <= timedelta(hours=local.hour) < timedelta(hours=5)
    pauses = thursday_pauses(wall)
    assert any(window.begins_ns <= wall < window.ends_ns for window in pauses) is paused
    assert all(window.ends_ns - window.begins_ns == 2 * HOUR for window in pauses)
    upcoming = [window for window in pauses if window.begins_ns > wall]
    assert upcoming and upcoming[0].begins_ns - wall <= 7 * DAY + HOUR


# -- what the exchange takes now


def data(*replies: Any) -> KalshiData:
    return KalshiData(CONFIG, ScriptedTransport(list(replies)), StillClock(), KEY)


def status(top: bool, shards: dict[int, bool] | None = None, active: bool = True, code: int = 200) -> Any:
    rows = [
        {"exchange_index": shard, "exchange_active": True, "trading_active": trading, "description": "d"}
        for shard, trading in (shards or {}).items()
    ]
    listed = {} if shards is None else {"exchange_index_statuses": rows}
    return answer({"exchange_active": active, "trading_active": top, **listed}, code)


async def test_the_mode_is_that_of_the_shards_in_use() -> None:
    venue = data(status(True, {0: True, 2: False}), status(False, {0: False, 2: True}))
    venue.stream([a_market(shard=2)])
    assert await venue.mode() is VenueMode.CANCEL_ONLY
    assert await venue.mode() is VenueMode.TRADING


async def test_the_top_level_counts_for_a_shard_that_is_not_listed() -> None:
    for rows in (None, {0: True}):
        venue = data(status(False, rows))
        venue.stream([a_market(shard=2)])
        assert await venue.mode() is VenueMode.CANCEL_ONLY


async def test_before_any_market_is_read_the_strictest_shard_rules() -> None:
    assert await data(status(True, {0: True, 1: False})).mode() is VenueMode.CANCEL_ONLY


async def test_an_exchange_that_is_down_says_so_with_a_5xx() -> None:
    assert await data(status(False, active=False, code=503)).mode() is VenueMode.PAUSED
    with pytest.raises(Unavailable):
        await data(answer(b"<html>Bad Gateway</html>", 502)).mode()
    with pytest.raises(MalformedFrame):
        await data(answer(b"<html>ok</html>")).mode()


async def test_a_planned_pause_is_announced_and_then_happens() -> None:
    async with a_desk() as desk:
        now = desk.clock.wall()
        desk.exchange.plan_pause(now + HOUR, now + 2 * HOUR, now)
        assert Window(now + HOUR, now + 2 * HOUR, "maintenance") in await desk.data.windows()
        assert await desk.data.mode() is VenueMode.TRADING
        desk.clock.now += HOUR
        assert await desk.data.mode() is VenueMode.CANCEL_ONLY
        desk.clock.now += HOUR
        assert await desk.data.mode() is VenueMode.TRADING


async def test_while_one_shard_is_paused_the_others_trade_and_our_resting_orders_are_gone() -> None:
    async with a_desk() as desk:
        order, _ = await desk.place(YES, BUY, "0.41", "10", GTC)
        desk.fault("pause", shard=0)
        assert await desk.data.shard_modes() == {0: VenueMode.CANCEL_ONLY, 3: VenueMode.TRADING}
        await desk.data.markets([TICKER])
        assert await desk.data.mode() is VenueMode.TRADING
        desk.fault("pause", shard=3)
        assert await desk.data.mode() is VenueMode.CANCEL_ONLY
        _, refused = await desk.place(YES, BUY, "0.45", "1", GTC)
        assert (refused.status, refused.code) == (ReportStatus.REJECTED, "trading_paused")
        found = await desk.trading.find(order)
        assert found is not None and (found.status, found.reason) == (ReportStatus.DONE, "HaltCancel")
        desk.fault("resume")
        assert (await desk.place(YES, BUY, "0.41", "1", GTC))[1].status is ReportStatus.RESTING
