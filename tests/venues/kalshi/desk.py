"""One member at one simulated exchange, in memory: what the tests of the adapter trade with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from dutchbook.core.claim import Claim, Outcome
from dutchbook.core.clock import DAY, HOUR, SECOND
from dutchbook.core.events import StreamEvent
from dutchbook.core.fees import Precision
from dutchbook.core.market import Market
from dutchbook.core.money import Cash, Price, Size
from dutchbook.core.order import Action, Intent, OrderReport, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import FrameKind, Request
from dutchbook.core.venue import Stream
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.venues.kalshi import KalshiData, KalshiKey, KalshiTrading
from venues.kalshi.bits import CONFIG, NOW, SeededEntropy, StillClock, micro

YES, NO, BUY, SELL = Outcome.YES, Outcome.NO, Action.BUY, Action.SELL
FOK, IOC, GTC, GTD = TimeInForce.FOK, TimeInForce.IOC, TimeInForce.GTC, TimeInForce.GTD
TICKER, OTHER = "KXGAME-26NOV20AB-A", "KXGAME-26NOV20AB-B"
DONE, RESTING, REJECTED = ReportStatus.DONE, ReportStatus.RESTING, ReportStatus.REJECTED


def a_spec(ticker: str) -> MarketSpec:
    return MarketSpec(
        id=ticker,
        event="KXGAME-26NOV20AB",
        title="Game",
        rules="The winner.",
        tick=10_000,
        taker_rate="1",
        opens_ns=NOW - DAY,
        closes_ns=NOW + DAY,
        outcomes=("A", "B"),
        series="KXGAME",
        shard=3,
        mutually_exclusive=True,
    )


@dataclass
class Desk:
    """One member at one simulated exchange."""

    exchange: KalshiExchange
    clock: StillClock
    transport: MemoryTransport
    data: KalshiData
    trading: KalshiTrading
    market: Market
    key: KalshiKey

    def order(self, outcome: Outcome, action: Action, limit: str, size: str, tif: TimeInForce, **more: Any) -> Prepared:
        claim = Claim(self.market.id, outcome)
        intent = Intent("t.0.1", "t", 0, claim, action, Size(micro(size)), Price(micro(limit)), tif, **more)
        return self.trading.prepare(intent, self.clock.wall() + SECOND)

    async def place(self, *words: Any, **more: Any) -> tuple[Prepared, OrderReport]:
        order = self.order(*words, **more)
        return order, await self.trading.send(order)

    def quote(self, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> None:
        def levels(side: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
            return [(micro(price), micro(size)) for price, size in side]

        self.exchange.quote(TICKER, "maker", levels(bids), levels(asks), self.clock.wall())

    def fault(self, name: str, **fields: Any) -> None:
        """Ask the exchange's control endpoint for trouble."""
        body = msgspec.json.encode({"fault": name, **fields})
        answer = self.exchange.handle(Request("POST", "https://kalshi.test/__control", {}, body), self.clock.wall())
        assert answer.status == 200, answer.body

    async def cash(self) -> Cash:
        return (await self.trading.balances()).available["kalshi:3"]

    async def held(self) -> dict[Claim, Size]:
        return dict((await self.trading.positions()).held)


@asynccontextmanager
async def a_desk(**options: Any) -> AsyncIterator[Desk]:
    """`options` are the exchange's."""
    clock = StillClock()
    exchange = KalshiExchange(seed=1, **({"control": True} | options))
    exchange.settle_delay_ns = HOUR
    for ticker in (TICKER, OTHER):
        exchange.list_market(a_spec(ticker), clock.wall())
    account = exchange.add_account("me", {0: micro("5"), 3: micro("100")}, clock.wall())
    key = KalshiKey(account.fields["key_id"], account.fields["private_key_pem"].encode())
    config = replace(CONFIG, precision=Precision.DIRECT)
    transport = MemoryTransport(exchange, clock)
    data = KalshiData(config, transport, clock, key)
    trading = KalshiTrading(config, transport, clock, SeededEntropy(), key)
    markets = await data.markets()
    trading.know(markets)
    desk = Desk(exchange, clock, transport, data, trading, next(m for m in markets if m.native == TICKER), key)
    desk.quote([("0.40", "50"), ("0.39", "100")], [("0.45", "20"), ("0.46", "100")])
    try:
        yield desk
    finally:
        await transport.close()


async def follow(desk: Desk, stream: Stream) -> AsyncIterator[StreamEvent]:
    """What a stream says after its subscriptions, as long as frames are waiting."""
    channel = await desk.transport.open(stream.url, stream.headers(desk.clock.wall()))
    stream.opened()
    try:
        while True:
            while stream.outbox:
                await channel.send(stream.outbox.pop(0))
            try:
                async with asyncio.timeout(0.02):
                    frame = await channel.receive()
            except TimeoutError:
                yield None  # type: ignore[misc]
                continue
            assert frame.kind is FrameKind.TEXT
            for event in stream.receive(frame.data, desk.clock.monotonic()):
                yield event
    finally:
        await channel.close()


async def until_quiet(events: AsyncIterator[StreamEvent]) -> list[StreamEvent]:
    found: list[StreamEvent] = []
    async for event in events:
        if event is None:
            return found
        found.append(event)
    return found
