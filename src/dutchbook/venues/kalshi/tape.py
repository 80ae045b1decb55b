"""Public trades and best quotes as they happen, from one WebSocket without I/O. For screens and studies: books are built
from `stream`, never from this.

Trades are numbered per subscription, quotes are not; a missed trade is told, and read by REST if it matters. Nothing that
the venue sends raises. Source: Kalshi API documentation, WebSockets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.events import StreamTrouble
from dutchbook.core.money import MICRO, Price, Size
from dutchbook.venues.kalshi import frames
from dutchbook.venues.kalshi.auth import signed_headers
from dutchbook.venues.kalshi.config import VENUE, KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.fields import UNREADABLE, decoded, price_of, size_of
from dutchbook.venues.kalshi.reference import TradePrint, TradeRow, trade_of


class Quote(msgspec.Struct, frozen=True):
    """Best YES bid and ask with their sizes; None for an empty side (the wire says 0 or 1)."""

    market: MarketId
    bid: Price | None
    bid_size: Size
    ask: Price | None
    ask_size: Size
    at_ns: int


class _TickerRow(msgspec.Struct):
    market_ticker: str
    yes_bid_dollars: Decimal
    yes_ask_dollars: Decimal
    yes_bid_size_fp: Decimal
    yes_ask_size_fp: Decimal
    ts_ms: int = 0


_TICKER: Final = msgspec.json.Decoder(_TickerRow)
_TRADE: Final = msgspec.json.Decoder(TradeRow)

TapeEvent = TradePrint | Quote | StreamTrouble


class KalshiTape:
    """Trades and quotes of named markets (native tickers). `troubles` counts frames that could not be read or told of an
    error."""

    heartbeat: bytes | None = None

    def __init__(self, config: KalshiConfig, key: KalshiKey, natives: Sequence[str]) -> None:
        self.url = config.ws_url
        self.outbox: list[bytes] = []
        self.troubles = 0
        self._key = key
        self._natives = list(natives)
        self._next: dict[int, int] = {}

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """Signed handshake headers."""
        return signed_headers(self._key, wall_ns, "GET", self.url)

    def opened(self) -> None:
        """Subscribe anew; quotes come at once, trades as they happen."""
        self._next.clear()
        self.outbox[:] = [
            frames.subscribe(1, ("trade",), self._natives),
            frames.subscribe(2, ("ticker",), self._natives, send_initial_snapshot=True),
        ]

    def closed(self) -> Sequence[TapeEvent]:
        """Nothing to say: trades of the meantime are read by REST."""
        self.outbox.clear()
        return ()

    def receive(self, data: bytes, received_ns: int) -> Sequence[TapeEvent]:
        """Decode one frame; trouble is an event. Frames carry their own times, `received_ns` is not needed."""
        try:
            events = self._events(frames.ENVELOPE.decode(data))
        except UNREADABLE as error:
            events = (StreamTrouble(f"kalshi frame: {error}", terminal=False),)
        self.troubles += any(isinstance(event, StreamTrouble) for event in events)
        return events

    def _events(self, frame: frames.Envelope) -> Sequence[TapeEvent]:
        missed: tuple[TapeEvent, ...] = ()
        if frame.sid is not None and frame.seq is not None:
            expected = self._next.get(frame.sid, frame.seq)
            self._next[frame.sid] = frame.seq + 1
            if frame.seq != expected:
                reason = f"kalshi sid {frame.sid}: seq {frame.seq} after {expected - 1}: trades were missed"
                missed = (StreamTrouble(reason, terminal=False),)
        try:
            match frame.type:
                case "trade":
                    return (*missed, trade_of(decoded(_TRADE, frame.msg, "trade")))
                case "ticker":
                    return (*missed, _quote(decoded(_TICKER, frame.msg, "ticker")))
                case "error":
                    return (*missed, frames.trouble_of(frame))
                case _:
                    return missed
        except MalformedFrame as error:
            return (*missed, StreamTrouble(str(error), terminal=False))


def _quote(row: _TickerRow) -> Quote:
    bid, ask = price_of(row.yes_bid_dollars, "yes_bid_dollars"), price_of(row.yes_ask_dollars, "yes_ask_dollars")
    return Quote(
        market_id(VENUE, row.market_ticker),
        bid if 0 < bid < MICRO else None,
        size_of(row.yes_bid_size_fp, "yes_bid_size_fp"),
        ask if 0 < ask < MICRO else None,
        size_of(row.yes_ask_size_fp, "yes_ask_size_fp"),
        row.ts_ms * MILLISECOND,
    )
