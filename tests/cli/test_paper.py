"""Paper trading through the real adapters: signed orders, latency, taker delay, fees to the millionth, results, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.cli.demo.seeds import SeededEntropy
from dutchbook.cli.paper import kalshi_terms, paper_sides, polymarket_rate
from dutchbook.cli.sides import DataSide
from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import Claim, MarketId, Outcome, market_id, venue_of
from dutchbook.core.clock import DAY, MILLISECOND, SECOND, uuid4_text
from dutchbook.core.errors import NotSent, SettingsError, UnknownFee
from dutchbook.core.events import BookGap, FillSeen, MarketResolved, StreamEvent
from dutchbook.core.facts import CashMoved
from dutchbook.core.fees import FeeSchedule, Precision, kalshi_fees, order_fee, polymarket_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid, TickRange
from dutchbook.core.money import Cash, Price, Rate, Size, parse_rate
from dutchbook.core.order import Action, Fill, Intent, OrderReport, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import FrameKind
from dutchbook.core.venue import BookSnapshot, BookStream, Trading, VenueMode
from dutchbook.feed.replay import ReplayTransport
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.projection import Ledger
from dutchbook.settings import KalshiSettings, Settings, TradingSettings

ORIGIN = 1_795_000_000 * SECOND
CENT, ONE = 10_000, 1_000_000
K, P = market_id("kalshi", "KXRAIN-26NOV21-Y"), market_id("polymarket", "rain-2026-11-21")
BOTH = [K, P]
KALSHI_FEES = kalshi_fees(parse_rate("1"), "quadratic")
Result = TypeVar("Result")


def market(name: MarketId, fees: FeeSchedule | None = None, *, delay_ns: int = 0, shard: int = 0) -> Market:
    kalshi = venue_of(name) == "kalshi"
    return Market(
        id=name,
        event="rain",
        title="Rain?",
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(CENT)),
        lot=Size(CENT),
        take_lot=Size(CENT if kalshi else ONE),
        min_size=Size(CENT if kalshi else 5 * ONE),
        min_cash=Cash(0 if kalshi else ONE),
        buy_cash_step=Cash(1 if kalshi else CENT),
        sell_cash_step=Cash(1 if kalshi else 100),
        fees=fees or (KALSHI_FEES if kalshi else polymarket_fees(parse_rate("0.05"))),
        pool=f"kalshi:{shard}" if kalshi else "polymarket:pusd",
        status=MarketStatus.OPEN,
        closes_ns=ORIGIN + DAY,
        taker_delay_ns=delay_ns,
    )


class Told:
    """A book stream that says what the test tells it; `url` is never opened."""

    url = "test://books"
    heartbeat = None

    def __init__(self, books: dict[MarketId, Book]) -> None:
        self.outbox: list[bytes] = []
        self.books = books
        self.next: Sequence[StreamEvent] = ()

    def headers(self, wall_ns: int) -> dict[str, str]:
        return {}

    def opened(self) -> None: ...

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        return self.next

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        return ()

    def closed(self) -> Sequence[StreamEvent]:
        for book in self.books.values():
            book.invalidate()
        return (BookGap(tuple(self.books), "closed", fetch=False),)


class Data:
    """The real venue's public side: its books and results are what the test says."""

    def __init__(self, name: str, markets: Sequence[Market]) -> None:
        self.name = name
        self.listed = list(markets)
        self.results: list[Resolution] = []
        self.told = Told({each.id: Book(each.id) for each in markets})

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        return self.listed

    async def server_time(self) -> tuple[int, int]:
        return 0, 1 << 62

    async def mode(self) -> VenueMode:
        return VenueMode.TRADING

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        raise NotSent("no REST here")

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        return [result for result in self.results if result.market in markets]

    def stream(self, markets: Sequence[Market]) -> BookStream:
        return self.told


class Desk:
    """One venue on paper, and a hand that sets its live book and places orders."""

    def __init__(
        self,
        clock: VirtualClock,
        listed: Sequence[Market],
        resume: Ledger | None = None,
        *,
        setup: Settings | None = None,
    ) -> None:
        self.clock = clock
        self.entropy = SeededEntropy(7)
        self.venue = venue_of(listed[0].id)
        self.data = Data(self.venue, listed)
        silent = ReplayTransport({}, clock)
        sides, self.observe = paper_sides(
            {self.venue: DataSide(self.data, silent)}, setup or Settings(), clock, self.entropy, resume=resume
        )
        self.side = sides[self.venue]
        self.trading: Trading = self.side.trading
        self.stream = self.side.data.stream(listed)
        self.trading.know(listed)
        self.book = self.data.told.books[listed[0].id]

    def show(self, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> None:
        """The live book now, in cents and contracts, as the engine hears of it."""
        self.book.snapshot(
            [(price * CENT, size * ONE) for price, size in bids], [(price * CENT, size * ONE) for price, size in asks]
        )
        self.observe(self.book)

    def order(
        self,
        claim: Claim,
        contracts: int,
        cents: int,
        tif: TimeInForce = TimeInForce.FOK,
        action: Action = Action.BUY,
    ) -> Prepared:
        intent = Intent(
            uuid4_text(self.entropy)[:8], "t", 0, claim, action, Size(contracts * ONE), Price(cents * CENT), tif
        )
        return self.trading.prepare(intent, self.clock.wall() + 2 * SECOND)

    async def buy(self, claim: Claim, contracts: int, cents: int, tif: TimeInForce = TimeInForce.FOK) -> OrderReport:
        return await self.trading.send(self.order(claim, contracts, cents, tif))

    async def cash(self) -> int:
        return (await self.trading.balances()).total


def on_paper(
    listed: Sequence[Market], play: Callable[[Desk], Awaitable[Result]], *, setup: Settings | None = None
) -> Result:
    """Play with a connected desk in virtual time."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN)

    async def run() -> Result:
        desk = Desk(clock, listed, setup=setup)
        await desk.trading.connect()
        try:
            async with asyncio.timeout(60):
                return await play(desk)
        finally:
            await desk.side.trading_transport.close()

    return run_virtual(loop, run())


def yes(name: MarketId) -> Claim:
    return Claim(name, Outcome.YES)


def no(name: MarketId) -> Claim:
    return Claim(name, Outcome.NO)


# -- fills -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
def test_an_order_fills_against_the_live_book(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60), (41, 60)])
        order = desk.order(yes(name), 100, 41)
        report = await desk.trading.send(order)
        assert (report.status, report.filled) == (ReportStatus.DONE, 100 * ONE)
        fills = await desk.trading.fills(order, report.venue_order_id)
        assert sum(fill.cash for fill in fills) == (60 * 40 + 40 * 41) * CENT

    on_paper([market(name)], play)


@pytest.mark.parametrize("name", BOTH)
def test_no_is_bought_from_the_live_bids(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        assert (await desk.buy(no(name), 50, 62)).filled == 50 * ONE
        assert (await desk.trading.positions()).net(name) == (0 if desk.venue == "polymarket" else -50 * ONE)
        await desk.clock.sleep(SECOND)
        assert (await desk.trading.positions()).net(name) == -50 * ONE

    on_paper([market(name)], play)


@pytest.mark.parametrize("name", BOTH)
def test_a_price_that_the_live_book_does_not_show_is_not_filled(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        report = await desk.buy(yes(name), 50, 39)
        assert report.filled == 0
        assert report.status in (ReportStatus.DONE, ReportStatus.REJECTED)

    on_paper([market(name)], play)


@pytest.mark.parametrize("name", BOTH)
def test_the_order_meets_the_book_of_its_arrival_not_of_its_sending(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        task = asyncio.ensure_future(desk.buy(yes(name), 50, 40))
        await desk.clock.sleep(20 * MILLISECOND)
        desk.show([(38, 50)], [(41, 60)])
        assert (await task).filled == 0

    on_paper([market(name)], play)


@pytest.mark.parametrize("name", BOTH)
def test_latency_is_paid_both_ways(name: MarketId) -> None:
    async def play(desk: Desk) -> int:
        desk.show([(38, 50)], [(40, 60)])
        before = desk.clock.monotonic()
        await desk.buy(yes(name), 50, 40)
        return desk.clock.monotonic() - before

    assert on_paper([market(name)], play) == pytest.approx(100 * MILLISECOND, abs=1_000)


@pytest.mark.parametrize("name", BOTH)
def test_depth_that_we_took_is_not_there_for_the_next_order(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        assert (await desk.buy(yes(name), 50, 40)).filled == 50 * ONE
        desk.show([(38, 51)], [(40, 60)])
        assert (await desk.buy(yes(name), 50, 40)).filled == 0
        assert (await desk.buy(yes(name), 10, 40)).filled == 10 * ONE
        desk.show([(38, 51)], [(40, 61)])
        assert (await desk.buy(yes(name), 50, 40)).filled == 50 * ONE

    on_paper([market(name)], play)


@pytest.mark.parametrize("name", BOTH)
def test_an_ioc_order_may_fill_in_part(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 30), (45, 100)])
        report = await desk.buy(yes(name), 50, 40, TimeInForce.IOC)
        assert (report.status, report.filled) == (ReportStatus.DONE, 30 * ONE)

    on_paper([market(name)], play)


@pytest.mark.parametrize("name", BOTH)
def test_nothing_is_filled_while_the_live_book_is_lost(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        assert (await desk.buy(yes(name), 10, 40)).filled == 10 * ONE
        desk.book.invalidate()
        desk.data.told.next = (BookGap((name,), "a sequence number is missing", fetch=False),)
        assert desk.stream.receive(b"", 0) == [BookGap((name,), "a sequence number is missing", fetch=False)]
        assert (await desk.buy(yes(name), 10, 40)).filled == 0
        desk.show([(38, 50)], [(40, 60)])
        assert (await desk.buy(yes(name), 10, 40)).filled == 10 * ONE
        desk.stream.closed()
        assert (await desk.buy(yes(name), 10, 40)).filled == 0

    on_paper([market(name)], play)


def test_a_taker_delay_lets_the_book_move_away() -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        order = desk.order(yes(P), 50, 40)
        assert (await desk.trading.send(order)).status is ReportStatus.DELAYED
        desk.show([(38, 50)], [(41, 60)])
        await desk.clock.sleep(2 * SECOND)
        found = await desk.trading.find(order)
        assert found is not None and found.filled == 0

    on_paper([market(P, delay_ns=SECOND)], play)


def test_a_delayed_order_fills_from_the_book_at_the_end_of_its_delay() -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        order = desk.order(yes(P), 50, 40)
        report = await desk.trading.send(order)
        desk.show([(38, 50)], [(39, 60)])
        await desk.clock.sleep(2 * SECOND)
        (fill,) = await desk.trading.fills(order, report.venue_order_id)
        assert fill.cash == 50 * 39 * CENT

    on_paper([market(P, delay_ns=SECOND)], play)


@pytest.mark.parametrize("name", BOTH)
def test_a_resting_order_is_not_a_fill_until_the_live_book_reaches_it(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(42, 60)])
        order = desk.order(yes(name), 20, 40, TimeInForce.GTC)
        report = await desk.trading.send(order)
        assert (report.status, report.filled) == (ReportStatus.RESTING, 0)
        stream = desk.trading.stream()
        channel = await desk.side.trading_transport.open(stream.url, stream.headers(desk.clock.wall()))
        stream.opened()
        for command in stream.outbox:
            await channel.send(command)
        await desk.clock.sleep(SECOND)
        desk.show([(38, 50)], [(41, 60)])
        desk.show([(38, 50)], [(40, 15)])
        reached_ns = desk.clock.monotonic()
        seen: list[Fill] = []
        while not seen:
            frame = await channel.receive()
            assert frame.kind is FrameKind.TEXT
            seen += [event.fill for event in stream.receive(frame.data, 0) if isinstance(event, FillSeen)]
        assert (seen[0].size, seen[0].cash) == (15 * ONE, 15 * 40 * CENT)
        assert desk.clock.monotonic() - reached_ns == pytest.approx(50 * MILLISECOND, abs=1_000)
        found = await desk.trading.find(order)
        assert found is not None and (found.status, found.filled) == (ReportStatus.RESTING, 15 * ONE)

    on_paper([market(name)], play)


def test_a_tapered_grid_can_be_traded() -> None:
    tapered = TickGrid(
        (
            TickRange(Price(0), Price(100_000), Price(1_000)),
            TickRange(Price(100_000), Price(900_000), Price(CENT)),
            TickRange(Price(900_000), Price(ONE), Price(1_000)),
        )
    )

    async def play(desk: Desk) -> None:
        desk.book.snapshot([], [(95_000, 50 * ONE)])
        desk.observe(desk.book)
        intent = Intent("o", "t", 0, yes(K), Action.BUY, Size(20 * ONE), Price(95_000), TimeInForce.FOK)
        report = await desk.trading.send(desk.trading.prepare(intent, desk.clock.wall() + SECOND))
        assert report.filled == 20 * ONE

    on_paper([replace(market(K), grid=tapered)], play)


# -- money -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fees"),
    [
        (K, kalshi_fees(parse_rate("1"), "quadratic")),
        (K, kalshi_fees(parse_rate("0.5"), "quadratic_with_maker_fees")),
        (K, kalshi_fees(parse_rate("0"), "quadratic")),
        (P, polymarket_fees(parse_rate("0.05"))),
        (P, polymarket_fees(parse_rate("0.0695"))),
        (P, polymarket_fees(Rate(0))),
    ],
)
@settings(max_examples=15, deadline=None)
@given(cents=st.integers(2, 98), contracts=st.integers(60, 100))
def test_the_paper_balance_pays_price_and_the_markets_own_fee(
    name: MarketId, fees: FeeSchedule, cents: int, contracts: int
) -> None:
    listed = market(name, fees)
    setup = Settings(kalshi=KalshiSettings(precision=Precision.NON_DIRECT))

    async def play(desk: Desk) -> tuple[int, int]:
        desk.show([], [(cents, 100)])
        before = await desk.cash()
        assert (await desk.buy(yes(name), contracts, cents)).filled == contracts * ONE
        await desk.clock.sleep(SECOND)
        return before, await desk.cash()

    before, after = on_paper([listed], play, setup=setup)
    price, size = Price(cents * CENT), Size(contracts * ONE)
    expected = order_fee(fees, [(price, size)])
    paid = before - after - cents * CENT * contracts
    # Polymarket rounds the fee half up to $0.00001; the schedule is the ceiling
    assert expected - (10 if name == P else 0) <= paid <= expected


def test_the_bankroll_is_shared_by_venues_and_their_pools() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN)
    shards = [market(K), replace(market(market_id("kalshi", "KXHELION-Y")), pool="kalshi:2")]

    async def run() -> tuple[dict[str, Cash], dict[str, Cash]]:
        silent = ReplayTransport({}, clock)
        public = {
            "kalshi": DataSide(Data("kalshi", shards), silent),
            "polymarket": DataSide(Data("polymarket", []), silent),
        }
        setup = Settings(trading=TradingSettings(initial_bankroll=Cash(1_000_010_000)))
        sides, _ = paper_sides(public, setup, clock, SeededEntropy(1))
        sides["kalshi"].trading.know(shards)
        for side in sides.values():
            await side.trading.connect()
        kalshi, polymarket = [dict((await side.trading.balances()).available) for side in sides.values()]
        return kalshi, polymarket

    kalshi, polymarket = run_virtual(loop, run())
    assert kalshi == {"kalshi:0": 250_000_000, "kalshi:2": 250_000_000}
    assert polymarket == {"polymarket:pusd": 500_000_000}


def test_connecting_twice_does_not_pay_twice() -> None:
    async def play(desk: Desk) -> int:
        await desk.trading.connect()
        return await desk.cash()

    assert on_paper([market(K)], play) == 1_000 * ONE


@pytest.mark.parametrize(
    "fees",
    [
        FeeSchedule("kalshi odd", Rate(70_000_000_000), Rate(30_000_000_000)),
        FeeSchedule("kalshi cubic", Rate(70_000_000_000), Rate(0), exponent=3),
    ],
)
def test_kalshi_fees_that_paper_cannot_charge_are_refused(fees: FeeSchedule) -> None:
    with pytest.raises(UnknownFee, match="KXRAIN"):
        kalshi_terms(market(K, fees))


def test_polymarket_fees_that_paper_cannot_charge_are_refused() -> None:
    with pytest.raises(UnknownFee, match="rain-2026"):
        polymarket_rate(market(P, polymarket_fees(parse_rate("0.05"), 2)))


def test_a_venue_without_a_paper_exchange_is_named() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN)
    public = {"manifold": DataSide(Data("manifold", []), ReplayTransport({}, clock))}
    with pytest.raises(SettingsError, match="manifold"):
        paper_sides(public, Settings(), clock, SeededEntropy(1))
    loop.close()


# -- results and restarts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
def test_the_real_venues_result_pays_on_paper(name: MarketId) -> None:
    async def play(desk: Desk) -> None:
        desk.show([(38, 50)], [(40, 60)])
        await desk.buy(yes(name), 50, 40)
        await desk.clock.sleep(5 * SECOND)
        before = await desk.cash()
        assert await desk.trading.resolutions([name]) == []
        desk.data.results = [Resolution(name, Price(ONE), final=False)]
        assert await desk.trading.resolutions([name]) == []
        desk.data.results = [Resolution(name, Price(ONE), final=True)]
        (result,) = await desk.trading.resolutions([name])
        assert (result.yes_value, result.final) == (ONE, True)
        assert await desk.cash() - before == 50 * ONE

    on_paper([market(name)], play)


def test_a_final_result_of_the_book_stream_reaches_the_engine_from_the_paper_exchange() -> None:
    """Otherwise the ledger would book a payout that the paper account never received."""

    async def play(desk: Desk) -> None:
        stream = desk.trading.stream()
        channel = await desk.side.trading_transport.open(stream.url, stream.headers(desk.clock.wall()))
        stream.opened()
        for command in stream.outbox:
            await channel.send(command)
        await desk.clock.sleep(SECOND)
        early = MarketResolved(Resolution(K, Price(0), final=False))
        desk.data.told.next = (early, MarketResolved(Resolution(K, Price(0), final=True)))
        assert list(desk.stream.receive(b"", 0)) == [early]
        found: list[Resolution] = []
        while not any(result.final for result in found):
            frame = await channel.receive()
            events = stream.receive(frame.data, 0)
            found += [event.resolution for event in events if isinstance(event, MarketResolved)]
        assert found[-1] == Resolution(K, Price(0), final=True)

    on_paper([market(K)], play)


def test_a_paper_account_is_taken_up_again_with_its_cash_and_contracts() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN)
    listed = [market(K), market(market_id("kalshi", "KXOTHER-Y"))]
    earlier = Ledger(frozenset({"kalshi"}))
    earlier.apply(CashMoved("kalshi", "kalshi:0", "opening", 123_450_000), ORIGIN)
    earlier.apply(CashMoved("polymarket", "polymarket:pusd", "opening", 77_000_000), ORIGIN)
    earlier._held = {yes(K): 30 * ONE, no(K): 10 * ONE, no(listed[1].id): 5 * ONE}

    async def run() -> None:
        desk = Desk(clock, listed, earlier)
        await desk.trading.connect()
        assert dict((await desk.trading.balances()).available) == {"kalshi:0": 123_450_000}
        positions = await desk.trading.positions()
        assert positions.net(K) == 20 * ONE
        assert positions.net(listed[1].id) == -5 * ONE
        desk.data.results = [Resolution(K, Price(ONE), True), Resolution(listed[1].id, Price(0), True)]
        await desk.trading.resolutions([each.id for each in listed])
        assert await desk.cash() == 123_450_000 + 25 * ONE

    run_virtual(loop, run())


def test_tokens_of_an_earlier_run_can_be_sold_again() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN)
    earlier = Ledger()
    earlier.apply(CashMoved("polymarket", "polymarket:pusd", "opening", 77_000_000), ORIGIN)
    earlier._held = {yes(P): 30 * ONE, no(P): 10 * ONE}

    async def run() -> None:
        desk = Desk(clock, [market(P, polymarket_fees(Rate(0)))], earlier)
        await desk.trading.connect()
        desk.show([(38, 50)], [(40, 60)])
        held = (await desk.trading.positions()).held
        assert held == {yes(P): 30 * ONE, no(P): 10 * ONE}
        report = await desk.trading.send(desk.order(yes(P), 30, 38, action=Action.SELL))
        assert report.filled == 30 * ONE
        await desk.clock.sleep(SECOND)
        assert await desk.cash() == 77_000_000 + 30 * 38 * CENT

    run_virtual(loop, run())
