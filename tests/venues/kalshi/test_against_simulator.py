"""Every method of the adapter against the simulated exchange, an independent witness of the same public rules.

The exchange is read only through the adapter and its own public protocol. Runs in memory; one test over real sockets.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dutchbook.core.claim import Claim, Outcome
from dutchbook.core.clock import DAY, MINUTE, SECOND, SystemClock
from dutchbook.core.errors import CredentialsError, Refused
from dutchbook.core.events import BookGap, FillSeen, MarketResolved, OrderSeen
from dutchbook.core.fees import order_fee
from dutchbook.core.market import MarketStatus
from dutchbook.core.money import MICRO, Price, Size
from dutchbook.core.order import Intent
from dutchbook.core.venue import VenueMode
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.server import serve
from dutchbook.venues.http import AioTransport
from dutchbook.venues.kalshi import KalshiConfig, KalshiData, KalshiKey, KalshiTrading
from venues.kalshi.bits import CONFIG, SEED_PEM, SeededEntropy, micro
from venues.kalshi.desk import (
    BUY,
    DONE,
    FOK,
    GTC,
    GTD,
    IOC,
    NO,
    REJECTED,
    RESTING,
    SELL,
    TICKER,
    YES,
    a_desk,
    a_spec,
    follow,
    until_quiet,
)


async def test_listed_markets_are_read_with_grid_fees_and_shard() -> None:
    async with a_desk() as desk:
        market = desk.market
        assert (market.id, market.event, market.pool) == (f"kalshi:{TICKER}", "KXGAME-26NOV20AB", "kalshi:3")
        assert (market.status, market.outcomes, market.mutually_exclusive) == (MarketStatus.OPEN, ("A", "B"), True)
        assert market.grid.contains(Price(10_000)) and not market.grid.contains(Price(5_000))
        assert market.fees.taker_rate == 70_000_000_000
        assert desk.data.unreadable == {}
        assert await desk.data.markets([TICKER]) == [market]
        with pytest.raises(Refused, match="KXNONE"):
            await desk.data.markets(["KXNONE"])


async def test_clock_mode_and_as_of_time_are_the_venues() -> None:
    async with a_desk() as desk:
        earliest, latest = await desk.data.server_time()
        assert earliest <= desk.clock.wall() <= latest
        assert await desk.data.mode() is VenueMode.TRADING
        assert await desk.trading.reads_as_of() == desk.clock.wall()


async def test_a_rest_snapshot_and_the_stream_show_the_same_book() -> None:
    async with a_desk() as desk:
        stream = desk.data.stream([desk.market])
        events = follow(desk, stream)
        await until_quiet(events)
        book = stream.books[desk.market.id]

        async def same() -> None:
            rest = await desk.data.snapshot(desk.market.id)
            assert book.live and not book.crossed
            assert (tuple(book.bids.levels()), tuple(book.asks.levels())) == (rest.bids, rest.asks)

        await same()
        assert book.asks.levels()[0] == (450_000, 20 * MICRO)
        desk.quote([("0.41", "7.25"), ("0.39", "100")], [("0.44", "3"), ("0.46", "90")])
        await desk.trading.reads_as_of()  # any request lets the exchange hand out what the quotes caused
        await until_quiet(events)
        await same()
        assert book.as_of_ns == desk.clock.wall()
        await desk.place(YES, BUY, "0.46", "10", IOC)
        await until_quiet(events)
        await same()
        await events.aclose()  # type: ignore[attr-defined]


async def test_a_dropped_delta_is_noticed_and_mended_by_a_fresh_snapshot() -> None:
    async with a_desk() as desk:
        stream = desk.data.stream([desk.market])
        book = stream.books[desk.market.id]
        events = follow(desk, stream)
        await until_quiet(events)
        desk.exchange.drop_deltas(1, 1, 1)
        for price in ("0.43", "0.44"):
            desk.quote([], [(price, "3")])
            await desk.trading.reads_as_of()
        seen = await until_quiet(events)
        assert any(isinstance(event, BookGap) and event.markets == (desk.market.id,) for event in seen)
        rest = await desk.data.snapshot(desk.market.id)
        assert book.live and (tuple(book.bids.levels()), tuple(book.asks.levels())) == (rest.bids, rest.asks)
        await events.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("outcome", "limit", "cost"),
    [(YES, "0.45", "4.50"), (NO, "0.60", "6.00")],
)
async def test_a_purchase_costs_its_cash_and_the_scheduled_fee(outcome: Outcome, limit: str, cost: str) -> None:
    async with a_desk() as desk:
        before = await desk.cash()
        order, report = await desk.place(outcome, BUY, limit, "10", FOK)
        assert (report.status, report.filled, report.identity) == (DONE, 10 * MICRO, order.identity)
        (fill,) = await desk.trading.fills(order, report.venue_order_id)
        assert (fill.claim, fill.action, fill.cash) == (order.intent.claim, BUY, micro(cost))
        assert fill.fee == order_fee(desk.market.fees, [(Price(micro(limit)), Size(10 * MICRO))])
        assert before - await desk.cash() == fill.cash + fill.fee
        assert await desk.held() == {order.intent.claim: 10 * MICRO}


async def test_a_sale_of_what_was_bought_brings_its_cash_back() -> None:
    async with a_desk() as desk:
        await desk.place(NO, BUY, "0.60", "10", FOK)
        before = await desk.cash()
        order, report = await desk.place(NO, SELL, "0.54", "10", IOC, reduce_only=True)
        assert (report.status, report.filled) == (DONE, 10 * MICRO)
        (fill,) = await desk.trading.fills(order, report.venue_order_id)
        # the NO bid of 10 contracts is the YES ask at 0.45: 0.55 each
        assert (fill.action, fill.claim.outcome, fill.cash) == (SELL, NO, micro("5.5"))
        assert await desk.cash() - before == fill.cash - fill.fee
        assert await desk.held() == {}


async def test_a_purchase_through_two_levels_is_reported_fill_by_fill() -> None:
    async with a_desk() as desk:
        order, report = await desk.place(YES, BUY, "0.46", "50", IOC)
        fills = await desk.trading.fills(order, report.venue_order_id)
        assert sorted((fill.size, fill.cash) for fill in fills) == [
            (20 * MICRO, micro("9")),
            (30 * MICRO, micro("13.8")),
        ]
        levels = [(Price(450_000), Size(20 * MICRO)), (Price(460_000), Size(30 * MICRO))]
        assert sum(fill.fee for fill in fills) == order_fee(desk.market.fees, levels)


async def test_a_missed_fill_or_kill_and_an_empty_ioc_are_done_with_nothing_filled() -> None:
    async with a_desk() as desk:
        for tif, limit, filled in ((FOK, "0.45", 0), (IOC, "0.44", 0), (IOC, "0.45", 20 * MICRO)):
            _, report = await desk.place(YES, BUY, limit, "25", tif)
            assert (report.status, report.filled) == (DONE, filled)


async def test_a_resting_order_is_not_a_fill_and_can_be_found_listed_and_cancelled() -> None:
    async with a_desk() as desk:
        order, report = await desk.place(YES, BUY, "0.41", "10", GTC, post_only=True)
        assert (report.status, report.filled) == (RESTING, 0)
        assert await desk.held() == {}
        found = await desk.trading.find(order)
        assert found is not None and (found.status, found.venue_order_id) == (RESTING, report.venue_order_id)
        assert [each.identity for each in await desk.trading.open_orders()] == [order.identity]
        desk.exchange.take(TICKER, "somebody", False, micro("0.41"), micro("4"), desk.clock.wall())
        cancelled = await desk.trading.cancel(order, report.venue_order_id)
        assert (cancelled.status, cancelled.filled) == (DONE, 4 * MICRO)
        assert await desk.trading.open_orders() == []
        again = await desk.trading.cancel(order, report.venue_order_id)
        assert (again.status, again.filled) == (DONE, 4 * MICRO)


async def test_an_order_with_an_expiry_ends_by_itself() -> None:
    async with a_desk() as desk:
        order, report = await desk.place(YES, BUY, "0.41", "10", GTD, expires_ns=desk.clock.wall() + MINUTE)
        assert report.status is RESTING
        desk.clock.now += 2 * MINUTE
        found = await desk.trading.find(order)
        assert found is not None and (found.status, found.filled) == (DONE, 0)


async def test_an_order_that_was_never_sent_is_not_found() -> None:
    async with a_desk() as desk:
        order = desk.order(YES, BUY, "0.45", "10", IOC)
        assert await desk.trading.find(order) is None
        assert await desk.trading.fills(order, "") == []


async def test_the_same_identity_while_open_is_found_not_doubled() -> None:
    async with a_desk() as desk:
        order, first = await desk.place(YES, BUY, "0.41", "10", GTC)
        second = await desk.trading.send(order)
        assert (second.status, second.venue_order_id) == (RESTING, first.venue_order_id)
        assert len(await desk.trading.open_orders()) == 1


async def test_our_own_resting_order_gives_way_to_our_hedge() -> None:
    async with a_desk() as desk:
        resting, _ = await desk.place(YES, BUY, "0.42", "10", GTC)
        _, hedge = await desk.place(YES, SELL, "0.40", "10", IOC)
        assert (hedge.status, hedge.filled) == (DONE, 10 * MICRO)
        found = await desk.trading.find(resting)
        assert found is not None and (found.status, found.filled) == (DONE, 0)


async def test_what_cannot_be_afforded_is_rejected_with_the_venues_words() -> None:
    async with a_desk() as desk:
        desk.quote([], [("0.45", "1000")])
        _, report = await desk.place(YES, BUY, "0.45", "900", IOC)
        assert report.status is REJECTED and "balance" in report.code + report.reason
        assert await desk.held() == {}


async def test_balances_are_per_shard() -> None:
    async with a_desk() as desk:
        assert (await desk.trading.balances()).available == {"kalshi:0": micro("5"), "kalshi:3": micro("100")}


async def test_a_foreign_key_is_refused_at_connect() -> None:
    async with a_desk() as desk:
        await desk.trading.connect()
        stranger = KalshiKey("00000000-0000-4000-8000-000000000000", SEED_PEM)
        trading = KalshiTrading(CONFIG, desk.transport, desk.clock, SeededEntropy(), stranger)
        with pytest.raises(CredentialsError):
            await trading.connect()
        trading.know([desk.market])
        intent = desk.order(YES, BUY, "0.45", "1", IOC).intent
        report = await trading.send(trading.prepare(intent, desk.clock.wall() + SECOND))
        assert report.status is REJECTED
        with pytest.raises(Refused):
            await desk.transport.open(CONFIG.ws_url, trading.stream().headers(desk.clock.wall()))


async def test_the_private_stream_tells_orders_and_fills_as_the_reads_do() -> None:
    async with a_desk() as desk:
        events = follow(desk, desk.trading.stream())
        assert await until_quiet(events) == []
        order, report = await desk.place(NO, BUY, "0.61", "60", IOC)
        seen = await until_quiet(events)
        fills = [event.fill for event in seen if isinstance(event, FillSeen)]
        read = await desk.trading.fills(order, report.venue_order_id)
        assert {f.id: (f.claim, f.action, f.size, f.cash, f.fee) for f in fills} == {
            f.id: (f.claim, f.action, f.size, f.cash, f.fee) for f in read
        }
        assert sum(fill.size for fill in fills) == report.filled == 60 * MICRO
        assert all(fill.identity == order.identity for fill in fills)
        last = [event.report for event in seen if isinstance(event, OrderSeen)][-1]
        assert (last.identity, last.status, last.filled) == (order.identity, DONE, 60 * MICRO)
        await events.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [MICRO, 0, 500_000])
async def test_a_result_is_told_and_read_and_final_only_when_paid(value: int) -> None:
    async with a_desk() as desk:
        events = follow(desk, desk.trading.stream())
        await until_quiet(events)
        await desk.place(YES, BUY, "0.45", "10", IOC)
        assert await desk.trading.resolutions([desk.market.id]) == []
        before = await desk.cash()
        desk.exchange.settle(TICKER, value, desk.clock.wall())
        (determined,) = await desk.trading.resolutions([desk.market.id])
        assert (determined.yes_value, determined.final) == (value, False)
        desk.clock.now += DAY
        (final,) = await desk.trading.resolutions([desk.market.id])
        assert (final.yes_value, final.final, final.fee) == (value, True, 0)
        told = [event.resolution for event in await until_quiet(events) if isinstance(event, MarketResolved)]
        # the stream does not tell the fee that rounds a part of a dollar to whole cents: that result is final once it is read
        assert [(each.yes_value, each.final) for each in told] == [(value, False), (value, value in (0, MICRO))]
        assert await desk.cash() - before == 10 * value
        assert await desk.held() == {}
        await events.aclose()  # type: ignore[attr-defined]


async def test_the_same_adapter_trades_over_real_sockets() -> None:
    clock = SystemClock()
    exchange = KalshiExchange(seed=2)
    now = clock.wall()
    exchange.list_market(replace(a_spec(TICKER), opens_ns=now - DAY, closes_ns=now + DAY), now)
    exchange.quote(TICKER, "maker", [], [(450_000, 20 * MICRO)], now)
    account = exchange.add_account("me", {3: micro("100")}, now)
    key = KalshiKey(account.fields["key_id"], account.fields["private_key_pem"].encode())
    transport = AioTransport(clock)
    async with serve(exchange) as server:
        config = KalshiConfig(f"{server.rest_url}/trade-api/v2", f"{server.ws_url}/trade-api/ws/v2")
        data = KalshiData(config, transport, clock, key)
        trading = KalshiTrading(config, transport, clock, SeededEntropy(), key)
        (market,) = await data.markets()
        trading.know([market])
        earliest, latest = await data.server_time()
        assert earliest - SECOND <= clock.wall() <= latest + SECOND
        claim = Claim(market.id, YES)
        intent = Intent("t.0.1", "t", 0, claim, BUY, Size(10 * MICRO), Price(450_000), FOK)
        report = await trading.send(trading.prepare(intent, clock.wall() + 5 * SECOND))
        assert (report.status, report.filled) == (DONE, 10 * MICRO)
        stream = data.stream([market])
        channel = await transport.open(stream.url, stream.headers(clock.wall()))
        stream.opened()
        for command in stream.outbox:
            await channel.send(command)
        while not stream.books[market.id].live:
            stream.receive((await channel.receive()).data, clock.monotonic())
        assert stream.books[market.id].asks.levels() == [(450_000, 10 * MICRO)]
        await channel.close()
        await transport.close()
