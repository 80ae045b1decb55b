"""Both venues behind a bent network on virtual time, and one signing client for each. No engine."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.transport import Channel, Frame, FrameKind, Request, Response
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.kalshi import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.torture.network import Network, Seam
from dutchbook.torture.venue_faults import Exchanges
from simulator.kalshi import member
from simulator.polymarket import trader

CENT = 10_000
DOLLAR = 1_000_000
TICKER, SLUG = member.TICKER, trader.GAME
KALSHI, POLYMARKET = ("kalshi", TICKER), ("polymarket", SLUG)
LATENCY_NS = 20 * MILLISECOND


@dataclass
class Wires:
    """One test's venues, network and clients. Prices in cents, sizes in contracts."""

    clock: VirtualClock
    kalshi: KalshiExchange
    world: trader.World
    network: Network
    seam: Seam
    transport: MemoryTransport
    ann: member.Member
    bob: trader.Trader

    @property
    def polymarket(self) -> PolymarketExchange:
        return self.world.exchange

    @property
    def exchanges(self) -> Exchanges:
        return Exchanges(
            self.kalshi,
            self.polymarket,
            self.clock.wall,
            [KALSHI, POLYMARKET],
            {KALSHI: [POLYMARKET], POLYMARKET: [KALSHI]},
            "ann",
            flush=self.transport.flush,
        )

    def quote(self, bid: int, ask: int, size: int = 100) -> None:
        """A house maker's quotes on both venues."""
        bids, asks = [(bid * CENT, size * DOLLAR)], [(ask * CENT, size * DOLLAR)]
        self.kalshi.quote(TICKER, "house", bids, asks, self.clock.wall())
        self.polymarket.quote(SLUG, "house", bids, asks, self.clock.wall())
        self.transport.flush()

    def kalshi_order(
        self, side: str = "bid", cents: int = 50, size: int = 10, tif: str = "immediate_or_cancel", name: str = "one"
    ) -> Request:
        self.ann.now = self.clock.wall()
        body = {
            "ticker": TICKER,
            "side": side,
            "price": f"0.{cents:02d}00",
            "count": f"{size}.00",
            "time_in_force": tif,
            "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": name,
        }
        path = member.BASE + member.ORDERS
        headers = self.ann.headers("POST", path)
        return Request("POST", f"http://kalshi{path}", headers, json.dumps(body).encode(), 5 * SECOND)

    def kalshi_read(self, path: str = "/portfolio/orders") -> Request:
        self.ann.now = self.clock.wall()
        return Request("GET", f"http://kalshi{member.BASE}{path}", self.ann.headers("GET", member.BASE + path))

    def polymarket_order(self, side: str = "BUY", cents: int = 50, size: int = 10, kind: str = "FAK") -> Request:
        self.world.now = self.clock.wall()
        raw = json.dumps(self.bob.body(side, f"0.{cents:02d}", str(size), order_type=kind)).encode()
        return Request("POST", "http://poly/order", self.bob.headers("POST", "/order", raw), raw)

    def polymarket_read(self, path: str = "/data/trades") -> Request:
        self.world.now = self.clock.wall()
        return Request("GET", f"http://poly{path}", self.bob.headers("GET", path, b""))

    async def trades(self) -> list[dict[str, Any]]:
        """Polymarket's account of the client's trades, asked past every fault."""
        answer = await self.transport.send(self.polymarket_read())
        return list(json.loads(answer.body)["data"])

    async def orders(self) -> list[dict[str, Any]]:
        """Kalshi's account of the client's orders, asked past every fault."""
        answer = await self.transport.send(self.kalshi_read())
        return list(json.loads(answer.body)["orders"])

    async def book_stream(self) -> Channel:
        """Kalshi's book through the bent seam, its acknowledgement and snapshot already taken."""
        self.ann.now = self.clock.wall()
        channel = await self.seam.open("ws://kalshi/trade-api/ws/v2", self.ann.headers("GET", "/trade-api/ws/v2"))
        params = {"channels": ["orderbook_delta"], "market_tickers": [TICKER], "use_yes_price": True}
        await channel.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}).encode())
        assert json.loads((await channel.receive()).data)["type"] == "subscribed"
        assert json.loads((await channel.receive()).data)["type"] == "orderbook_snapshot"
        return channel

    def change_book(self, times: int) -> None:
        """So many deltas on Kalshi's book: the best bid grows by one contract each time."""
        for _ in range(times):
            (price, size), *_ = self.kalshi.resting(TICKER, "grower")[0] or [(30 * CENT, 0)]
            self.kalshi.quote(TICKER, "grower", [(price, size + DOLLAR)], [], self.clock.wall())
        self.transport.flush()


def delta_numbers(frames: list[Frame]) -> list[int]:
    """Sequence numbers of the frames that can be read."""
    return [json.loads(frame.data)["seq"] for frame in frames if frame.kind is FrameKind.TEXT]


async def failing(call: Awaitable[Response]) -> type[BaseException]:
    """The kind of error that a call raises."""
    try:
        answer = await call
    except Exception as error:
        return type(error)
    raise AssertionError(f"answered: {answer}")


def on_wires(story: Callable[[Wires], Awaitable[None]]) -> None:
    """Run a story in virtual time on fresh venues, each with one market quoted at 40/50."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, trader.NOW)

    async def main() -> None:
        kalshi = KalshiExchange(7)
        kalshi.list_market(member.spec(closes_ns=trader.NOW + 86_400 * SECOND), trader.NOW)
        world = trader.World()
        network = Network(clock)
        polymarket = world.exchange
        transport = MemoryTransport(
            {"http://kalshi": kalshi, "ws://kalshi": kalshi, "http://poly": polymarket, "ws://poly": polymarket},
            clock,
            Latency((LATENCY_NS, LATENCY_NS), (LATENCY_NS, LATENCY_NS)),
        )
        network.transport = transport
        seam = Seam(transport, network, lambda point: None, lambda: None)
        ann = member.Member(kalshi, "ann", {0: 1000 * DOLLAR})
        wires = Wires(clock, kalshi, world, network, seam, transport, ann, world.trader("ann"))
        wires.quote(40, 50)
        await story(wires)
        await transport.close()

    run_virtual(loop, main())
