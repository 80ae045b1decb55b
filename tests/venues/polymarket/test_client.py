"""The adapter against the exchange in memory: every public and private call, over real bytes and signatures."""

from __future__ import annotations

import json

import pytest

from dutchbook.core.claim import MarketId
from dutchbook.core.clock import DAY, MINUTE, SECOND
from dutchbook.core.errors import CredentialsError, InvalidOrder, Lost, MalformedFrame, NotSent, Unavailable
from dutchbook.core.events import BookGap, FillFailed, FillSeen, MarketResolved, OrderSeen
from dutchbook.core.market import Market, MarketStatus
from dutchbook.core.money import Price
from dutchbook.core.order import Action, Fill, ReportStatus, TimeInForce
from dutchbook.core.transport import Request, Response
from dutchbook.core.venue import VenueMode
from dutchbook.venues.polymarket import (
    ApiCredentials,
    PolymarketConfig,
    PolymarketData,
)
from venues.polymarket.desk import HARDHAT, NOW
from venues.polymarket.floor import NO, RAIN, YES, Broken, Desk, Live, broken, spec, state


@pytest.fixture
async def desk():
    made = await Desk().open()
    yield made
    await made.transport.close()


# --- the public side ---


async def test_open_markets_are_paged_through_to_the_end() -> None:
    desk = Desk(*(spec(f"m-{number:03}") for number in range(205)))
    found = await desk.data.markets()
    assert sorted(market.native for market in found) == [f"m-{number:03}" for number in range(205)]
    assert desk.data.unreadable == {}


async def test_a_named_market_is_read_with_what_the_clob_enforces() -> None:
    desk = Desk(spec(tick=1_000, taker_delay_ns=3 * SECOND, starts_ns=NOW + 5 * SECOND, neg_risk=True), spec("other"))
    (market,) = await desk.data.markets(["rain"])
    assert market.id == RAIN and market.status is MarketStatus.OPEN and market.rules == "Yes if it rains."
    assert market.grid.contains(Price(999_000)) and not market.grid.contains(Price(999_500))
    assert market.taker_delay_ns == 3 * SECOND and market.starts_ns == NOW + 5 * SECOND
    assert market.closes_ns == NOW + DAY and market.mutually_exclusive
    assert market.fees.taker_rate == 50_000_000_000 and market.min_size == 5_000_000
    assert desk.registry.tokens(RAIN).condition == desk.exchange.tokens("rain")[0]
    assert desk.registry.tokens(RAIN).neg_risk


async def test_a_named_market_is_found_after_its_end_too() -> None:
    desk = Desk(spec(), spec("dry"))
    desk.exchange.settle("rain", 1_000_000, NOW)
    found = {market.native: market.status for market in await desk.data.markets(["rain", "dry", "no-such"])}
    assert found == {"rain": MarketStatus.FINAL, "dry": MarketStatus.OPEN}
    assert [market.native for market in await desk.data.markets()] == ["dry"]


async def test_a_free_market_has_no_fee() -> None:
    (market,) = await Desk(spec(taker_rate="0")).data.markets(["rain"])
    assert market.fees.taker_rate == 0


async def test_the_venues_clock_is_read_to_the_second() -> None:
    desk = Desk()
    desk.clock.now += 1_900_000_000
    assert await desk.data.server_time() == (NOW + SECOND, NOW + 2 * SECOND)


async def test_an_engine_that_answers_takes_trades() -> None:
    assert await Desk().data.mode() is VenueMode.TRADING


async def test_a_snapshot_is_the_yes_book_best_first(desk: Desk) -> None:
    desk.quote({"0.48": "500", "0.5": "20.5"}, {"0.53": "4", "0.51": "15"})
    got = await desk.data.snapshot(RAIN)
    assert got.bids == ((500_000, 20_500_000), (480_000, 500_000_000))
    assert got.asks == ((510_000, 15_000_000), (530_000, 4_000_000))
    assert got.as_of_ns == NOW
    with pytest.raises(InvalidOrder, match="has not been read"):
        await desk.data.snapshot(MarketId("polymarket:unread"))


async def test_results_are_reported_once_final(desk: Desk) -> None:
    assert await desk.trading.resolutions([RAIN]) == []
    desk.exchange.settle("rain", 500_000, NOW)
    (result,) = await desk.trading.resolutions([RAIN])
    assert (result.market, result.yes_value, result.final) == (RAIN, 500_000, True)


# --- credentials ---


async def test_credentials_are_derived_when_absent(desk: Desk) -> None:
    assert desk.key.credentials is not None
    assert desk.key.credentials.key == desk.fields["api_key"]
    assert desk.key.credentials.passphrase == desk.fields["api_passphrase"]


async def test_given_credentials_are_checked() -> None:
    desk = Desk()
    good = ApiCredentials(desk.fields["api_key"], desk.fields["api_secret"], desk.fields["api_passphrase"])
    desk.key.credentials = good
    await desk.trading.connect()
    assert desk.key.credentials is good
    desk.key.credentials = ApiCredentials(good.key, "AAAA", good.passphrase)
    with pytest.raises(CredentialsError) as refused:
        await desk.trading.connect()
    assert good.passphrase not in str(refused.value)


async def test_an_order_needs_a_connection_and_a_market_that_was_read() -> None:
    desk = Desk()
    with pytest.raises(InvalidOrder, match="has not been read"):
        desk.prepare("10", "0.5")
    await desk.data.markets(["rain"])
    with pytest.raises(CredentialsError, match="connect first"):
        desk.prepare("10", "0.5")
    with pytest.raises(CredentialsError, match="connect first"):
        desk.trading.stream()


# --- orders ---


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
@pytest.mark.parametrize("neg_risk", [False, True])
async def test_the_venue_accepts_every_kind_of_signature_and_names_the_order_by_our_hash(
    signature_type: int, neg_risk: bool
) -> None:
    desk = await Desk(spec(neg_risk=neg_risk), signature_type=signature_type).open()
    desk.quote({}, {"0.5": "100"})
    order, report = await desk.place("10", "0.5")
    assert state(report) == (ReportStatus.DONE, 10_000_000)
    assert report.venue_order_id == report.identity == order.identity
    await desk.transport.close()


async def test_a_fill_or_kill_order_that_cannot_fill_is_a_clean_miss(desk: Desk) -> None:
    desk.quote({}, {"0.5": "5"})
    for status in (400, 200):
        desk.exchange.fok_kill_status = status
        _, report = await desk.place("10", "0.5")
        assert state(report) == (ReportStatus.DONE, 0) and report.code == "fok_not_filled"
    _, report = await desk.place("10", "0.4", tif=TimeInForce.IOC)
    assert state(report) == (ReportStatus.DONE, 0) and report.code == "fak_not_filled"


async def test_an_immediate_order_fills_what_there_is(desk: Desk) -> None:
    desk.quote({}, {"0.5": "5"})
    order, report = await desk.place("10", "0.5", tif=TimeInForce.IOC)
    assert state(report) == (ReportStatus.DONE, 5_000_000)
    (fill,) = await desk.trading.fills(order, report.venue_order_id)
    assert (fill.size, fill.cash) == (5_000_000, 2_500_000)


async def test_a_fill_has_the_makers_prices_and_the_schedules_fee(desk: Desk) -> None:
    desk.quote({}, {"0.48": "4", "0.5": "100"})
    order, report = await desk.place("10", "0.5")
    fills = await desk.trading.fills(order, report.venue_order_id)
    assert sum(fill.size for fill in fills) == 10_000_000
    assert sum(fill.cash for fill in fills) == 4_920_000
    # 0.05 * (4 * 0.48 * 0.52 + 6 * 0.25) = 0.12492
    assert sum(fill.fee for fill in fills) == 124_920
    assert all(fill.claim == YES and fill.action is Action.BUY and not fill.fee_exact for fill in fills)


async def test_no_is_bought_as_no_against_bids_for_yes(desk: Desk) -> None:
    desk.quote({"0.6": "50"}, {})
    order, report = await desk.place("10", "0.4", NO)
    assert state(report) == (ReportStatus.DONE, 10_000_000)
    (fill,) = await desk.trading.fills(order, "")
    assert (fill.claim, fill.size, fill.cash) == (NO, 10_000_000, 4_000_000)


async def test_a_match_is_provisional_then_sellable_then_final(desk: Desk) -> None:
    desk.quote({"0.45": "100"}, {"0.5": "100"})
    order, _ = await desk.place("10", "0.5")

    async def fill() -> Fill:
        (got,) = await desk.trading.fills(order, order.identity)
        return got

    first = await fill()
    assert (first.final, first.sellable) == (False, False)
    _, report = await desk.place("10", "0.45", action=Action.SELL)
    assert report.status is ReportStatus.REJECTED and report.code == "not_enough_balance"
    desk.pass_time(SECOND)
    assert ((await fill()).final, (await fill()).sellable) == (False, True)
    assert (await desk.trading.positions()).held == {YES: 10_000_000}
    _, report = await desk.place("10", "0.45", action=Action.SELL)
    assert state(report) == (ReportStatus.DONE, 10_000_000)
    desk.pass_time(5 * SECOND)
    last = await fill()
    assert last.final and last.id == first.id and (last.size, last.cash) == (first.size, first.cash)
    assert (await desk.trading.positions()).held == {}


async def test_a_failed_trade_is_no_fill_any_more(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    desk.exchange.fail_next_trades = 1
    order, _ = await desk.place("10", "0.5")
    assert len(await desk.trading.fills(order, "")) == 1
    desk.pass_time(10 * SECOND)
    assert await desk.trading.fills(order, "") == []


async def test_the_same_bytes_sent_twice_fill_once(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    order, first = await desk.place("10", "0.5")
    again = await desk.trading.resend(order)
    assert state(first) == state(again) == (ReportStatus.DONE, 10_000_000)
    assert again.identity == order.identity
    assert len(await desk.trading.fills(order, "")) == 1


async def test_two_equal_intents_are_two_orders(desk: Desk) -> None:
    first, second = desk.prepare("10", "0.5"), desk.prepare("10", "0.5")
    assert first.identity != second.identity
    stamps = [json.loads(order.body)["order"]["timestamp"] for order in (first, second)]
    assert int(stamps[1]) == int(stamps[0]) + 1
    assert json.loads(first.body)["order"]["salt"] < 2**53


async def test_a_resting_order_is_found_listed_and_cancelled(desk: Desk) -> None:
    desk.quote({}, {"0.5": "4"})
    order, report = await desk.place("10", "0.5", tif=TimeInForce.GTC)
    assert state(report) == (ReportStatus.RESTING, 4_000_000)
    assert state(await desk.trading.find(order)) == (ReportStatus.RESTING, 4_000_000)
    assert [state(one) for one in await desk.trading.open_orders()] == [(ReportStatus.RESTING, 4_000_000)]
    done = await desk.trading.cancel(order, report.venue_order_id)
    assert state(done) == (ReportStatus.DONE, 4_000_000) and done.code == "canceled"
    assert await desk.trading.open_orders() == []
    assert state(await desk.trading.find(order)) == (ReportStatus.DONE, 4_000_000)


async def test_a_resting_order_that_is_hit_is_a_maker_fill_without_fee(desk: Desk) -> None:
    order, report = await desk.place("10", "0.5", tif=TimeInForce.GTC, post_only=True)
    assert state(report) == (ReportStatus.RESTING, 0)
    assert desk.exchange.take("rain", "bob", False, 500_000, 6_000_000, desk.clock.now) == 6_000_000
    (fill,) = await desk.trading.fills(order, report.venue_order_id)
    assert (fill.claim, fill.action, fill.size, fill.cash, fill.fee) == (YES, Action.BUY, 6_000_000, 3_000_000, 0)
    assert fill.liquidity.value == "maker"


async def test_cancelling_what_is_done_reports_what_it_did(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    order, report = await desk.place("10", "0.5")
    assert state(await desk.trading.cancel(order, report.venue_order_id)) == (ReportStatus.DONE, 10_000_000)


async def test_an_order_never_sent_is_not_found_and_cannot_be_cancelled(desk: Desk) -> None:
    order = desk.prepare("10", "0.5")
    assert await desk.trading.find(order) is None
    assert await desk.trading.fills(order, "") == []
    assert (await desk.trading.cancel(order, "")).status is ReportStatus.UNKNOWN


async def test_a_delayed_order_is_neither_a_fill_nor_a_miss(desk: Desk) -> None:
    slow = await Desk(spec(taker_delay_ns=3 * SECOND)).open()
    slow.quote({}, {"0.5": "100"})
    order, report = await slow.place("10", "0.5")
    assert state(report) == (ReportStatus.DELAYED, 0)
    assert state(await slow.trading.find(order)) == (ReportStatus.DELAYED, 0)
    assert (await slow.trading.cancel(order, report.venue_order_id)).status is ReportStatus.DELAYED
    slow.pass_time(4 * SECOND)
    assert state(await slow.trading.find(order)) == (ReportStatus.DONE, 10_000_000)
    await slow.transport.close()


async def test_an_order_past_its_deadline_is_not_written(desk: Desk) -> None:
    order = desk.prepare("10", "0.5")
    desk.clock.now = order.send_by_ns + 1
    with pytest.raises(NotSent, match="deadline"):
        await desk.trading.send(order)
    with pytest.raises(NotSent, match="deadline"):
        await desk.trading.resend(order)
    assert await desk.trading.find(order) is None


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("restarting", "restarting"),
        ("post_only", "post_only_mode"),
        ("cancel_only", "cancel_only"),
        ("disabled", "trading_disabled"),
    ],
)
async def test_a_venue_that_pauses_refuses_by_name(desk: Desk, mode: str, code: str) -> None:
    desk.quote({}, {"0.5": "100"})
    desk.exchange.mode = mode  # type: ignore[assignment]
    _, report = await desk.place("10", "0.5")
    assert (report.status, report.code) == (ReportStatus.REJECTED, code)


async def test_an_order_beyond_the_balance_is_refused_in_the_venues_words() -> None:
    desk = await Desk(cash="3").open()
    desk.quote({}, {"0.5": "100"})
    _, report = await desk.place("10", "0.5")
    assert report.status is ReportStatus.REJECTED and report.code == "not_enough_balance"
    assert "balance" in report.reason
    await desk.transport.close()


async def test_the_balance_is_the_wallets_cash_after_fees(desk: Desk) -> None:
    before = await desk.trading.balances()
    assert before.available == {"polymarket:pusd": 1_000_000_000} and before.received_ns == desk.clock.monotonic()
    desk.quote({}, {"0.5": "100"})
    await desk.place("10", "0.5")
    desk.pass_time(5 * SECOND)
    assert (await desk.trading.balances()).total == 1_000_000_000 - 5_000_000 - 125_000


async def test_reads_are_as_of_the_venues_clock(desk: Desk) -> None:
    assert await desk.trading.reads_as_of() == NOW


async def test_what_the_venue_can_do_is_declared(desk: Desk) -> None:
    can = desk.trading.capabilities
    assert can.dedupes and can.fill_or_kill and not can.amend and not can.nets_positions
    assert can.absence_margin_ns == MINUTE


# --- the wire going wrong ---


async def test_a_lost_answer_is_unknown_and_the_resend_finds_the_order(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    order = desk.prepare("10", "0.5")
    lost = False

    def lose(request: Request) -> Response | None:
        nonlocal lost
        if request.method == "POST" and not lost:
            lost = True
            desk.exchange.handle(request, desk.clock.now)
            raise Lost("no answer")
        return None

    trading, _ = broken(desk, lose)
    report = await trading.send(order)
    assert state(report) == (ReportStatus.UNKNOWN, 0) and report.code == "lost"
    assert state(await trading.find(order)) == (ReportStatus.DONE, 10_000_000)
    assert state(await trading.resend(order)) == (ReportStatus.DONE, 10_000_000)
    assert len(await trading.fills(order, "")) == 1


async def test_a_duplicate_that_cannot_be_looked_up_stays_unknown(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    order, _ = await desk.place("10", "0.5")
    trading, _ = broken(desk, lambda request: Response(502) if "/data/" in request.url else None)
    report = await trading.resend(order)
    assert report.status is ReportStatus.UNKNOWN and report.code == "duplicated"


async def test_an_order_that_is_not_listed_is_found_by_its_trades(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    order, _ = await desk.place("10", "0.5")
    for answer in (Response(404, b'{"error":"not found"}'), Response(200, b"null"), Response(200, b"")):
        trading, _ = broken(desk, lambda request, answer=answer: answer if "/data/order/" in request.url else None)
        assert state(await trading.find(order)) == (ReportStatus.DONE, 10_000_000)


async def test_failed_trades_count_for_nothing_in_a_lookup(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    desk.exchange.fail_next_trades = 1
    order, _ = await desk.place("10", "0.5")
    desk.pass_time(10 * SECOND)
    trading, _ = broken(desk, lambda request: Response(200, b"null") if "/data/order/" in request.url else None)
    assert state(await trading.find(order)) == (ReportStatus.DONE, 0)


async def test_both_protocol_versions_are_asked_for(desk: Desk) -> None:
    wire = Broken(desk.transport, lambda request: None)
    data = PolymarketData(wire, PolymarketConfig(), desk.registry)
    await data.markets()
    await data.markets(["rain"])
    listings = [request.url for request in wire.seen if "/markets/keyset" in request.url]
    assert listings and all("version=v1&version=v2" in url for url in listings)


async def test_a_failed_lookup_is_an_error_and_not_an_absence(desk: Desk) -> None:
    order = desk.prepare("10", "0.5")
    for part in ("/data/order/", "/data/trades"):
        trading, _ = broken(desk, lambda request, part=part: Response(503) if part in request.url else None)
        with pytest.raises(Unavailable):
            await trading.find(order)


async def test_a_page_that_points_to_itself_is_refused(desk: Desk) -> None:
    page = Response(200, b'{"data":[],"next_cursor":"MA=="}')
    trading, _ = broken(desk, lambda request: page if "/data/orders" in request.url else None)
    with pytest.raises(MalformedFrame, match="next_cursor"):
        await trading.open_orders()


async def test_private_requests_are_signed_without_their_query_and_name_no_library(desk: Desk) -> None:
    trading, wire = broken(desk, lambda request: None)
    await trading.balances()
    (request,) = wire.seen
    assert "?" in request.url and request.headers["POLY_ADDRESS"] == desk.fields["address"]
    assert "Python" not in request.headers["User-Agent"]


async def test_a_key_that_the_venue_gives_no_credentials_is_refused() -> None:
    desk = Desk()
    trading, _ = broken(
        desk,
        lambda request: Response(400, b'{"error":"Could not create api key"}') if "/auth/" in request.url else None,
    )
    with pytest.raises(CredentialsError, match="Could not create api key"):
        await trading.connect()
    assert HARDHAT not in repr(desk.key)


# --- the streams ---


async def the_market(desk: Desk) -> Market:
    return desk.registry.market(RAIN)


async def test_a_live_book_follows_the_venue(desk: Desk) -> None:
    desk.quote({"0.48": "500"}, {"0.51": "15"})
    stream = desk.data.stream([await the_market(desk)])
    live = await Live.open(desk, stream)
    await live.drain()
    book = stream.books[RAIN]
    assert book.live
    for bids, asks in (
        ({"0.48": "400", "0.49": "1"}, {"0.51": "15"}),
        ({"0.49": "1"}, {"0.5": "7", "0.51": "3"}),
        ({}, {"0.5": "7"}),
        ({"0.2": "8.25"}, {}),
    ):
        desk.quote(bids, asks)
        assert not [event for event in await live.drain() if isinstance(event, BookGap)]
        rest = await desk.data.snapshot(RAIN)
        assert (tuple(book.bids.levels()), tuple(book.asks.levels())) == (rest.bids, rest.asks)
    await desk.place("5", "0.8", NO)
    desk.exchange.take("rain", "bob", False, 200_000, 2_000_000, desk.clock.now)
    desk.transport.flush()
    assert not [event for event in await live.drain() if isinstance(event, BookGap)]
    assert book.live and book.bids.levels() == [(200_000, 1_250_000)]


async def test_a_lost_change_is_noticed_and_mended_by_a_snapshot(desk: Desk) -> None:
    desk.quote({"0.48": "500"}, {"0.51": "15"})
    stream = desk.data.stream([await the_market(desk)])
    live = await Live.open(desk, stream)
    await live.drain()
    desk.exchange.drop_price_changes(next(iter(desk.exchange.streams.connections)), 1)
    desk.quote({"0.48": "500", "0.49": "5"}, {"0.51": "15"})
    await live.drain()
    desk.pass_time(SECOND)
    desk.quote({"0.48": "400", "0.49": "5"}, {"0.51": "15"})
    gaps = [event for event in await live.drain() if isinstance(event, BookGap)]
    assert gaps and gaps[0].fetch and not stream.books[RAIN].live
    stream.load(await desk.data.snapshot(RAIN), desk.clock.monotonic())
    assert stream.books[RAIN].live
    assert stream.books[RAIN].bids.levels() == [(490_000, 5_000_000), (480_000, 400_000_000)]


async def test_the_end_of_a_market_is_news_but_not_final(desk: Desk) -> None:
    live = await Live.open(desk, desk.data.stream([await the_market(desk)]))
    await live.drain()
    desk.exchange.settle("rain", 0, desk.clock.now)
    desk.transport.flush()
    (news,) = [event for event in await live.drain() if isinstance(event, MarketResolved)]
    assert news.resolution.yes_value == 0 and not news.resolution.final


async def test_our_trade_is_told_as_matched_mined_and_confirmed(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    live = await Live.open(desk, desk.trading.stream())
    await live.drain()
    order, _ = await desk.place("10", "0.5")
    told = await live.drain()
    for wait in (SECOND, 5 * SECOND):
        desk.pass_time(wait)
        told += await live.drain()
    fills = [event.fill for event in told if isinstance(event, FillSeen)]
    assert {fill.id for fill in fills} == {fills[0].id}
    stages = list(dict.fromkeys((fill.sellable, fill.final) for fill in fills))
    assert stages == [(False, False), (True, False), (True, True)]
    assert await desk.trading.fills(order, "") == [fills[-1]]
    ends = [event.report for event in told if isinstance(event, OrderSeen) and event.report.identity == order.identity]
    assert state(ends[-1]) == (ReportStatus.DONE, 10_000_000)


async def test_our_failed_trade_is_told(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    desk.exchange.fail_next_trades = 1
    live = await Live.open(desk, desk.trading.stream())
    await live.drain()
    await desk.place("10", "0.5")
    told = await live.drain()
    desk.pass_time(10 * SECOND)
    told += await live.drain()
    (seen, *_) = [event.fill.id for event in told if isinstance(event, FillSeen)]
    assert [event.fill_id for event in told if isinstance(event, FillFailed)] == [seen]


async def test_our_resting_order_is_told_from_placement_to_cancellation(desk: Desk) -> None:
    live = await Live.open(desk, desk.trading.stream())
    await live.drain()
    order, report = await desk.place("10", "0.5", tif=TimeInForce.GTC)
    desk.exchange.take("rain", "bob", False, 500_000, 6_000_000, desk.clock.now)
    await desk.trading.cancel(order, report.venue_order_id)
    told = await live.drain()
    reports = [event.report for event in told if isinstance(event, OrderSeen)]
    assert [state(one) for one in reports] == [
        (ReportStatus.RESTING, 0),
        (ReportStatus.RESTING, 6_000_000),
        (ReportStatus.DONE, 6_000_000),
    ]
    (fill,) = [event.fill for event in told if isinstance(event, FillSeen)]
    assert (fill.identity, fill.size, fill.cash, fill.fee) == (order.identity, 6_000_000, 3_000_000, 0)
