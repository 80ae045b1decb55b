"""A market whose book moves as it really did: a recorded window of the venue's own frames, played by a house maker.

Sizes change by what the recording says they changed, so liquidity that a client took stays taken until the venue's book
says otherwise (a snapshot, or more size at that price). Prices are kept as recorded; trades of the recording are not
repeated, their effect on the book is in its deltas. Never looks at a member's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import partial

import msgspec

from dutchbook.simulator.kalshi.house import HouseQuotes
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import ONE

MAKER = "recorded"
"""The house maker that stands for everybody on the real venue."""

Frames = Iterable[tuple[int, bytes]]
"""(receive time in ns, one WebSocket frame), in order."""


class _Frame(msgspec.Struct):
    type: str
    msg: msgspec.Raw = msgspec.Raw(b"{}")


class _Snapshot(msgspec.Struct):
    market_ticker: str
    yes_dollars_fp: list[tuple[Decimal, Decimal]] = []
    no_dollars_fp: list[tuple[Decimal, Decimal]] = []


class _Delta(msgspec.Struct):
    market_ticker: str
    price_dollars: Decimal
    delta_fp: Decimal
    side: str


_FRAME = msgspec.json.Decoder(_Frame)


class Playback:
    """Plays frames of one market on the exchange's own clock: the first comes at once, the rest as far apart as recorded."""

    def __init__(
        self, state: State, quotes: HouseQuotes, market: Market, frames: Frames, now: int, *, use_yes_price: bool
    ) -> None:
        self._state = state
        self._quotes = quotes
        self._market = market
        self._use_yes_price = use_yes_price
        self._frames: Iterator[tuple[int, bytes]] = iter(frames)
        self._began_ns = now
        self._first_ns: int | None = None
        self.played = 0
        """Frames that changed the book so far."""
        self._next(now)

    def _next(self, now: int) -> None:
        """Play every frame that is due, then wait for the next one."""
        for recorded_ns, data in self._frames:
            if self._first_ns is None:
                self._first_ns = recorded_ns
            at = self._began_ns + max(0, recorded_ns - self._first_ns)
            if at > now:
                self._state.schedule(at, partial(self._due, data))
                return
            self._play(data)

    def _due(self, data: bytes, now: int) -> None:
        self._play(data)
        self._next(now)

    def _play(self, data: bytes) -> None:
        frame = _FRAME.decode(data)
        if frame.type == "orderbook_snapshot":
            side = msgspec.json.decode(frame.msg, type=_Snapshot)
            if side.market_ticker != self._market.ticker:
                return
            bids = [(_millionths(price), _millionths(size)) for price, size in side.yes_dollars_fp]
            asks = [(self._ask(price), _millionths(size)) for price, size in side.no_dollars_fp]
            self._quotes.replace(self._market.ticker, MAKER, bids, asks)
        elif frame.type == "orderbook_delta":
            delta = msgspec.json.decode(frame.msg, type=_Delta)
            if delta.market_ticker != self._market.ticker:
                return
            bid = delta.side == "yes"
            price = _millionths(delta.price_dollars) if bid else self._ask(delta.price_dollars)
            self._quotes.nudge(self._market.ticker, MAKER, bid, price, _millionths(delta.delta_fp))
        else:
            return
        self.played += 1

    def _ask(self, price: Decimal) -> int:
        """A NO bid as an ask of YES."""
        return _millionths(price) if self._use_yes_price else ONE - _millionths(price)


def _millionths(value: Decimal) -> int:
    """Raises ValueError for what is no whole number of millionths."""
    scaled = value * ONE
    if scaled != int(scaled):
        raise ValueError(f"{value} is finer than a millionth")
    return int(scaled)
