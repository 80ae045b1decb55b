"""The adapter's floor for tests: one exchange in memory, one account, both sides of the adapter, over real bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import DAY, SECOND
from dutchbook.core.money import Price, Size
from dutchbook.core.order import Action, Intent, OrderReport, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.core.venue import Stream
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.venues.polymarket import (
    PolymarketConfig,
    PolymarketData,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)
from venues.polymarket.desk import NOW, CountingEntropy, HandClock, micros

RAIN = market_id("polymarket", "rain")
YES, NO = Claim(RAIN, Outcome.YES), Claim(RAIN, Outcome.NO)


def spec(slug: str = "rain", **changes: object) -> MarketSpec:
    fields: dict = {
        "event": "Weather",
        "title": "Will it rain?",
        "rules": "Yes if it rains.",
        "tick": 10_000,
        "taker_rate": "0.05",
        "opens_ns": NOW - DAY,
        "closes_ns": NOW + DAY,
    }
    return MarketSpec(id=slug, **(fields | changes))


class Desk:
    """One exchange, one account, both sides of the adapter."""

    def __init__(self, *specs: MarketSpec, signature_type: int = 0, cash: str = "1000") -> None:
        self.clock = HandClock()
        self.exchange = PolymarketExchange(seed=3, control=True)
        for one in specs or (spec(),):
            self.exchange.list_market(one, NOW)
        account = self.exchange.add_account("ann", {0: micros(cash)}, NOW, signature_type)
        self.fields = account.fields
        self.transport = MemoryTransport(self.exchange, self.clock)
        self.registry = TokenRegistry()
        config = PolymarketConfig()
        self.key = PolymarketKey(
            account.fields["private_key"],
            account.fields["funder"] if signature_type else "",
            signature_type,
        )
        self.trading = PolymarketTrading(self.transport, config, self.key, self.registry, self.clock, CountingEntropy())
        self.data = PolymarketData(self.transport, config, self.registry, self.trading.notices)

    async def open(self) -> Desk:
        self.trading.know(await self.data.markets(["rain"]))
        await self.trading.connect()
        return self

    def fault(self, name: str, **fields: Any) -> None:
        """Switch a fault on through the exchange's control endpoint."""
        body = msgspec.json.encode({"fault": name, **fields})
        answer = self.exchange.handle(Request("POST", "http://x/__control", {}, body), self.clock.now)
        assert answer.status == 200, answer.body
        self.transport.flush()

    def quote(self, bids: dict[str, str], asks: dict[str, str], market: str = "rain") -> None:
        sides = [[(micros(p), micros(s)) for p, s in side.items()] for side in (bids, asks)]
        self.exchange.quote(market, "mm", sides[0], sides[1], self.clock.now)
        self.transport.flush()

    def pass_time(self, ns: int) -> None:
        self.clock.now += ns
        self.transport.flush()

    def prepare(
        self,
        size: str,
        limit: str,
        claim: Claim = YES,
        action: Action = Action.BUY,
        tif: TimeInForce = TimeInForce.FOK,
        post_only: bool = False,
    ) -> Prepared:
        intent = Intent("o-1", "t-1", 0, claim, action, Size(micros(size)), Price(micros(limit)), tif, post_only)
        return self.trading.prepare(intent, self.clock.now + 2 * SECOND)

    async def place(self, *args: object, **kwargs: object) -> tuple[Prepared, OrderReport]:
        order = self.prepare(*args, **kwargs)  # type: ignore[arg-type]
        return order, await self.trading.send(order)


def state(report: OrderReport | None) -> tuple[ReportStatus, int]:
    assert report is not None
    return report.status, report.filled


class Broken:
    """A transport that answers as it is told for some requests and passes on the others."""

    def __init__(self, inner: MemoryTransport, breaks: Callable[[Request], Response | None]) -> None:
        self.inner = inner
        self.breaks = breaks
        self.seen: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.seen.append(request)
        broken = self.breaks(request)
        return await self.inner.send(request) if broken is None else broken

    async def open(self, url: str, headers: dict[str, str]) -> Channel:
        return await self.inner.open(url, headers)

    async def close(self) -> None:
        await self.inner.close()


def broken(desk: Desk, breaks: Callable[[Request], Response | None]) -> tuple[PolymarketTrading, Broken]:
    transport = Broken(desk.transport, breaks)
    trading = PolymarketTrading(transport, PolymarketConfig(), desk.key, desk.registry, desk.clock, CountingEntropy())
    return trading, transport


class Live:
    """Runs a sans-I/O stream over a channel, as the engine does."""

    def __init__(self, desk: Desk, stream: Stream, channel: Channel) -> None:
        self.desk, self.stream, self.channel = desk, stream, channel

    @classmethod
    async def open(cls, desk: Desk, stream: Stream) -> Live:
        channel = await desk.transport.open(stream.url, stream.headers(desk.clock.now))
        stream.opened()
        for sent in stream.outbox:
            await channel.send(sent)
        stream.outbox.clear()
        return cls(desk, stream, channel)

    async def drain(self) -> list:
        """Every event up to the answer to a heartbeat."""
        assert self.stream.heartbeat is not None
        await self.channel.send(self.stream.heartbeat)
        events: list = []
        while (frame := await self.channel.receive()).data != b"PONG":
            events.extend(self.stream.receive(frame.data, self.desk.clock.monotonic()))
        return events
