"""The exchange at the corner: one customer, one lazy maker, real HTTP and WebSocket on loopback. It stands for a venue's servers.

It gives orders no name of any kind, neither the customer's nor its own: only fills are told. Amounts are whole millionths.
Nothing here knows the adapter; the messages below are the whole of its wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast
from urllib.parse import urlsplit

import msgspec

from dutchbook.core.claim import Outcome
from dutchbook.core.clock import SECOND, Clock
from dutchbook.core.errors import DutchbookError
from dutchbook.core.money import MICRO, parse_micros
from dutchbook.core.order import Action
from dutchbook.core.transport import Request, Response, Transport
from dutchbook.simulator.exchange import Exchange
from dutchbook.simulator.server import VenueServer, serve

CENT = 10_000
LOOKS_EVERY_NS = 3 * SECOND // 2
"""How often the maker looks at Kalshi: slowly, so that the corner lags behind."""


class Row(msgspec.Struct):
    """A market and its book in YES terms, best first. `result` is what YES paid."""

    id: str
    bids: list[tuple[int, int]] = []
    asks: list[tuple[int, int]] = []
    result: int | None = None


class Order(msgspec.Struct):
    """`whole`: all or nothing. Whatever is not filled at once is forgotten."""

    market: str
    outcome: Outcome
    action: Action
    size: int
    limit: int
    whole: bool


class Done(msgspec.Struct):
    """A fill. `number` counts the customer's fills; the order that caused it is not named."""

    number: int
    market: str
    outcome: Outcome
    action: Action
    size: int
    cash: int
    at_ns: int


class Account(msgspec.Struct):
    cash: int
    held: list[tuple[str, Outcome, int]]
    fills: list[Done]
    now_ns: int


class Corner:
    """The exchange: the methods by which `simulator.server` serves one, and two hands for its maker."""

    name = "corner"

    def __init__(self, natives: Sequence[str]) -> None:
        self.rows = {native: Row(native) for native in natives}
        self._cash = 1_000 * MICRO
        self._held: dict[tuple[str, Outcome], int] = {}
        self._fills: list[Done] = []
        self._sockets: list[int] = []
        self._frames: list[tuple[int, bytes | None]] = []

    def handle(self, request: Request, now: int) -> Response:
        if request.method == "POST":
            return self._trade(msgspec.json.decode(request.body, type=Order), now)
        markets = urlsplit(request.url).path == "/markets"
        return Response(200, msgspec.json.encode([*self.rows.values()] if markets else self.statement(now)))

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int:
        self._sockets.append(len(self._sockets))
        self._frames += [(self._sockets[-1], msgspec.json.encode(row)) for row in self.rows.values()]
        return self._sockets[-1]

    def receive(self, connection: int, data: bytes, now: int) -> None:
        """A client has nothing to say: every socket is told everything."""

    def disconnect(self, connection: int) -> None:
        """The server drops what is told to a socket that has gone."""

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        frames, self._frames = self._frames, []
        return frames

    def wake_at(self) -> None:
        """It never acts by itself."""

    def quote(self, native: str, bid: int, ask: int) -> None:
        """One level on each side, in place of what was there."""
        self.rows[native].bids, self.rows[native].asks = [(bid, 40 * MICRO)], [(ask, 40 * MICRO)]
        self._tell(self.rows[native])

    def settle(self, native: str, yes_value: int) -> None:
        for outcome, value in ((Outcome.YES, yes_value), (Outcome.NO, MICRO - yes_value)):
            self._cash += self._held.pop((native, outcome), 0) * value // MICRO
        self.rows[native] = Row(native, result=yes_value)
        self._tell(self.rows[native])

    def statement(self, now: int) -> Account:
        return Account(self._cash, [(*key, size) for key, size in self._held.items() if size], self._fills, now)

    def _trade(self, order: Order, now: int) -> Response:
        row, buying, yes = self.rows[order.market], order.action is Action.BUY, order.outcome is Outcome.YES
        levels = row.asks if buying == yes else row.bids
        price, there = levels[0] if levels else (0, 0)
        own = price if yes else MICRO - price
        filled = min(order.size, there) if (own <= order.limit if buying else own >= order.limit) else 0
        if not filled or (order.whole and filled < order.size):
            return Response(200, b"0")
        cash, held = own * filled // MICRO, self._held.get((order.market, order.outcome), 0)
        if (cash > self._cash) if buying else (filled > held):
            return Response(400, b"not enough cash or contracts")
        levels[:] = [(price, there - filled)] if there > filled else []
        self._cash -= cash if buying else -cash
        self._held[order.market, order.outcome] = held + (filled if buying else -filled)
        number = len(self._fills) + 1
        self._fills.append(Done(number, order.market, order.outcome, order.action, filled, cash, now))
        self._tell(self._fills[-1])
        self._tell(row)
        return Response(200, b"%d" % filled)

    def _tell(self, news: Row | Done) -> None:
        self._frames += [(socket, msgspec.json.encode(news)) for socket in self._sockets]


async def copy_kalshi(corner: Corner, send: Transport, url: str, clock: Clock, flush: Callable[[], None]) -> None:
    """The lazy maker: now and then he quotes a cent around Kalshi's middle, and nothing in between. He copies results."""
    while True:
        with suppress(DutchbookError):
            answer = await send.send(Request("GET", f"{url}/markets?tickers={','.join(corner.rows)}"))
            for row in msgspec.json.decode(answer.body)["markets"] if answer.status == 200 else ():
                bid, ask = parse_micros(row["yes_bid_dollars"]), parse_micros(row["yes_ask_dollars"])
                middle = (bid + ask) // 2 // CENT * CENT
                if row["result"] and corner.rows[row["ticker"]].result is None:
                    corner.settle(row["ticker"], MICRO if row["result"] == "yes" else 0)
                elif not row["result"] and CENT < middle < MICRO - CENT:
                    corner.quote(row["ticker"], middle - CENT, middle + CENT)
            flush()
        await clock.sleep(LOOKS_EVERY_NS)


@asynccontextmanager
async def served(
    natives: Sequence[str], kalshi_url: str, transport: Transport, clock: Clock
) -> AsyncIterator[tuple[Corner, VenueServer]]:
    """The exchange with these markets, its server and its maker, until the block ends."""
    corner = Corner(natives)
    # the server needs six methods of an exchange; the rest is for the scripted world, which does not play here
    async with serve(cast(Exchange, corner), clock=clock) as server:
        maker = asyncio.create_task(copy_kalshi(corner, transport, kalshi_url, clock, server.flush))
        try:
            yield corner, server
        finally:
            maker.cancel()
