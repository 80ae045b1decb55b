"""Milestones, targets, fee changes, candles, trades and the account's past of any age, against the simulated exchange."""

from __future__ import annotations

import pytest

from dutchbook.core.claim import Claim
from dutchbook.core.clock import DAY, HOUR, MINUTE, SECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.events import MarketChanged
from dutchbook.core.money import MICRO
from dutchbook.core.order import ReportStatus
from dutchbook.venues.kalshi import KalshiData
from dutchbook.venues.kalshi.reference import TradePrint
from dutchbook.venues.kalshi.tape import Quote
from venues.kalshi.bits import CONFIG, KEY, ScriptedTransport, StillClock, answer, micro, prepared, trading
from venues.kalshi.desk import BUY, GTC, IOC, NO, TICKER, YES, a_desk, follow, until_quiet

MILESTONE = {
    "id": "m1", "category": "Sports", "type": "football_game", "title": "A at B", "start_date": "2026-11-21T18:00:00Z",
    "related_event_tickers": ["KXGAME-26NOV20AB"], "primary_event_tickers": ["KXGAME-26NOV20AB"],
    "notification_message": "", "details": {"home_team_id": "b"}, "source_ids": {"feed": "7"},
    "last_updated_ts": "2026-11-20T00:00:00Z",
}  # fmt: skip
TARGET = {"id": "t1", "name": "Team A", "type": "football_team", "details": {"market": "Town"}}
CHANGE = {"id": "c", "series_ticker": "KXGAME", "fee_type": "quadratic_with_maker_fees", "fee_multiplier": 0.5,
          "scheduled_ts": "2026-11-30T00:00:00Z"}  # fmt: skip


async def test_milestones_and_targets_are_read_by_event_type_and_id() -> None:
    async with a_desk() as desk:
        other = MILESTONE | {"id": "m2", "type": "tennis_match", "related_event_tickers": ["KXOTHER"]}
        desk.exchange.describe(milestones=[MILESTONE, other], targets=[TARGET, TARGET | {"id": "t2"}])
        reads = desk.data.reference
        assert [row.id for row in await reads.milestones()] == ["m1", "m2"]
        (found,) = await reads.milestones(event="KXGAME-26NOV20AB", kind="football_game")
        assert (found.title, found.primary_event_tickers, found.source_ids) == (
            "A at B", ("KXGAME-26NOV20AB",), {"feed": "7"},
        )  # fmt: skip
        assert [row.id for row in await reads.structured_targets()] == ["t1", "t2"]
        (target,) = await reads.structured_targets(["t2"])
        assert target.name == "Team A"


async def test_fee_changes_are_exact_and_in_order() -> None:
    async with a_desk() as desk:
        now = desk.clock.wall()
        past = CHANGE | {"scheduled_ts": "2026-01-01T00:00:00Z", "fee_multiplier": 1}
        desk.exchange.describe(fee_changes=[(now + DAY, CHANGE), (now - DAY, past)])
        (planned,) = await desk.data.reference.fee_changes()
        assert (planned.series, planned.multiplier, planned.fee_type) == (
            "KXGAME", 500_000_000_000, "quadratic_with_maker_fees",
        )  # fmt: skip
        assert [change.multiplier for change in await desk.data.reference.fee_changes(past=True)] == [
            1_000_000_000_000,
            500_000_000_000,
        ]


async def test_an_override_of_an_events_fees_is_told_live_and_read_with_the_market() -> None:
    async with a_desk() as desk:
        stream = desk.data.stream([desk.market])
        events = follow(desk, stream)
        await until_quiet(events)
        desk.fault("fees", event="KXGAME-26NOV20AB", fee_type="quadratic_with_maker_fees", multiplier="0.5")
        await desk.trading.reads_as_of()
        assert MarketChanged(desk.market.id, "fees") in await until_quiet(events)
        (market,) = await desk.data.markets([TICKER])
        assert (market.fees.taker_rate, market.fees.maker_rate) == (35_000_000_000, 8_750_000_000)
        desk.fault("fees", event="KXGAME-26NOV20AB")
        assert await desk.data.markets([TICKER]) == [desk.market]
        await events.aclose()  # type: ignore[attr-defined]


async def test_a_change_of_the_price_grid_is_told_live_and_read_with_the_market() -> None:
    async with a_desk() as desk:
        stream = desk.data.stream([desk.market])
        events = follow(desk, stream)
        await until_quiet(events)
        desk.fault("grid", market=TICKER, structure="tapered_deci_cent")
        await desk.trading.reads_as_of()
        assert MarketChanged(desk.market.id, "price_level_structure_updated") in await until_quiet(events)
        (market,) = await desk.data.markets([TICKER])
        assert market.grid.contains(micro("0.055"))  # type: ignore[arg-type]
        assert not market.grid.contains(micro("0.455"))  # type: ignore[arg-type]
        desk.trading.know([market])
        _, report = await desk.place(YES, BUY, "0.055", "10", GTC)
        assert report.status is ReportStatus.RESTING
        await events.aclose()  # type: ignore[attr-defined]


async def test_trades_and_candles_show_what_traded() -> None:
    async with a_desk() as desk:
        began = desk.clock.wall()
        await desk.place(YES, BUY, "0.45", "10", IOC)
        desk.clock.now += SECOND
        await desk.place(NO, BUY, "0.60", "4", IOC)
        ends = desk.clock.wall() + MINUTE
        trades = await desk.data.reference.trades(TICKER, began, ends)
        assert [(trade.price, trade.size, trade.bought) for trade in trades] == [
            (micro("0.40"), 4 * MICRO, False),
            (micro("0.45"), 10 * MICRO, True),
        ]
        desk.clock.now += 2 * MINUTE
        candles = await desk.data.reference.candles("KXGAME", TICKER, began - MINUTE, desk.clock.wall())
        assert sum(candle.volume for candle in candles) == 14 * MICRO
        last = next(candle for candle in candles if candle.volume)
        assert (last.bid, last.ask, last.last) == (micro("0.40"), micro("0.45"), micro("0.40"))
        assert last.ends_ns % MINUTE == 0


async def test_the_tape_tells_trades_and_quotes_as_they_happen() -> None:
    async with a_desk() as desk:
        tape = desk.data.tape([desk.market])
        channel = await desk.transport.open(tape.url, tape.headers(desk.clock.wall()))
        tape.opened()
        for command in tape.outbox:
            await channel.send(command)
        await desk.place(YES, BUY, "0.45", "10", IOC)
        seen: list[object] = []
        while not any(isinstance(event, Quote) and event.ask_size == 10 * MICRO for event in seen):
            seen += tape.receive((await channel.receive()).data, 0)
        (trade,) = [event for event in seen if isinstance(event, TradePrint)]
        assert (trade.market, trade.price, trade.size, trade.bought) == (
            desk.market.id, micro("0.45"), 10 * MICRO, True,
        )  # fmt: skip
        first = next(event for event in seen if isinstance(event, Quote))
        assert (first.bid, first.bid_size, first.ask, first.ask_size) == (
            micro("0.40"), 50 * MICRO, micro("0.45"), 20 * MICRO,
        )  # fmt: skip
        assert tape.troubles == 0
        await channel.close()


# -- the account's past


async def test_old_fills_and_orders_are_read_from_the_archive_and_merged() -> None:
    async with a_desk() as desk:
        began = desk.clock.wall()
        old, old_report = await desk.place(YES, BUY, "0.45", "5", IOC)
        desk.clock.now += 20 * HOUR
        new, new_report = await desk.place(YES, BUY, "0.45", "6", IOC)
        desk.exchange.archive_before(desk.clock.wall() - HOUR)
        desk.clock.now += 100 * DAY
        now = desk.clock.wall()
        history = desk.trading.history
        assert [fill.size for fill in await history.fills(began, now)] == [5 * MICRO, 6 * MICRO]
        assert [fill.size for fill in await history.fills(began + HOUR, now)] == [6 * MICRO]
        assert {report.identity for report in await history.orders(began - SECOND, now)} == {old.identity, new.identity}
        for order, report, size in ((old, old_report, 5), (new, new_report, 6)):
            found = await desk.trading.find(order)
            assert found is not None and (found.venue_order_id, found.filled) == (report.venue_order_id, size * MICRO)
            (fill,) = await desk.trading.fills(order, report.venue_order_id)
            assert (fill.claim, fill.size) == (order.intent.claim, size * MICRO)


async def test_a_young_order_is_looked_for_in_the_live_tier_only() -> None:
    venue, transport = trading(answer({"orders": []}), answer({"fills": []}))
    assert await venue.find(prepared()) is None
    assert ["historical" in request.url for request in transport.requests] == [False, False]


async def test_results_of_markets_settled_before_the_cut_off_come_from_the_archive() -> None:
    async with a_desk() as desk:
        desk.exchange.settle(TICKER, MICRO, desk.clock.wall())
        desk.clock.now += 2 * HOUR
        await desk.trading.reads_as_of()
        desk.exchange.archive_before(desk.clock.wall())
        (result,) = await desk.trading.resolutions([desk.market.id])
        assert (result.yes_value, result.final) == (MICRO, True)


async def test_one_market_that_cannot_be_read_does_not_hide_the_results_of_the_others() -> None:
    good = {"ticker": "A", "event_ticker": "E", "status": "finalized", "close_time": "2026-11-20T00:00:00Z",
            "result": "yes"}  # fmt: skip
    page = {"markets": [{"ticker": "B", "status": "finalized"}, good | {"ticker": "C", "result": "odd"}, good],
            "cursor": ""}  # fmt: skip
    data = KalshiData(CONFIG, ScriptedTransport([answer(page)]), StillClock(), KEY)
    (result,) = await data.resolutions(["kalshi:A", "kalshi:B", "kalshi:C"])  # type: ignore[list-item]
    assert result.market == "kalshi:A"
    assert set(data.results.unreadable) == {"B", "C"} and "event_ticker" in data.results.unreadable["B"]


async def test_settlements_say_what_was_paid() -> None:
    async with a_desk() as desk:
        began = desk.clock.wall()
        await desk.place(YES, BUY, "0.45", "10", IOC)
        desk.exchange.settle(TICKER, MICRO, desk.clock.wall())
        desk.clock.now += 2 * HOUR
        (row,) = await desk.trading.history.settlements(began, desk.clock.wall())
        assert (row.market, row.result, row.yes, row.no, row.revenue) == (
            desk.market.id, "yes", 10 * MICRO, 0, 10 * MICRO,
        )  # fmt: skip


async def test_a_settlement_without_its_time_is_an_error_that_names_the_field() -> None:
    row = {"ticker": "A", "revenue": 100, "yes_count_fp": "1.00", "no_count_fp": "0.00", "fee_cost": "0.00"}
    venue, _ = trading(answer({"settlements": [row]}))
    with pytest.raises(MalformedFrame, match="settled_time"):
        await venue.history.settlements(0, 1)


async def test_the_private_stream_keeps_the_position_that_the_last_fill_told() -> None:
    async with a_desk() as desk:
        stream = desk.trading.stream()
        events = follow(desk, stream)
        await until_quiet(events)
        await desk.place(YES, BUY, "0.45", "10", IOC)
        await desk.place(NO, BUY, "0.60", "25", IOC)
        await until_quiet(events)
        assert stream.net == {desk.market.id: -15 * MICRO}
        assert await desk.held() == {Claim(desk.market.id, NO): 15 * MICRO}
        await events.aclose()  # type: ignore[attr-defined]
