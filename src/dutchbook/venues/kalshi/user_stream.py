"""Kalshi's private stream without I/O: our orders and fills as they happen, and the results of known markets.

Fills and orders carry no sequence numbers: after a reconnect they are reconciled by REST. Nothing raises for the
venue's bytes. Source: Kalshi API documentation, WebSockets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.events import FillSeen, MarketChanged, OrderSeen, StreamEvent, StreamTrouble
from dutchbook.core.market import Market
from dutchbook.venues.kalshi import frames
from dutchbook.venues.kalshi.auth import signed_headers
from dutchbook.venues.kalshi.config import VENUE, KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.fields import UNREADABLE, decoded, micros
from dutchbook.venues.kalshi.own_orders import OwnOrders
from dutchbook.venues.kalshi.portfolio import FillRow, fill_of
from dutchbook.venues.kalshi.wire import OrderRow, order_report, report_of

_FILL: Final = msgspec.json.Decoder(FillRow)
_ORDER: Final = msgspec.json.Decoder(OrderRow)


class _Position(msgspec.Struct):
    market_ticker: str
    position_fp: Decimal


class _GroupNews(msgspec.Struct):
    event_type: str
    order_group_id: str


_POSITION: Final = msgspec.json.Decoder(_Position)
_GROUP: Final = msgspec.json.Decoder(_GroupNews)


class KalshiUserStream:
    """A `Stream` over one account.

    `net` is the signed position per market as last told, YES positive: by a fill, which is authoritative, or by a position
    message for a market without a fill on this connection (one may arrive stale behind a newer fill). `troubles` counts
    frames that could not be read or told of an error.
    """

    heartbeat: bytes | None = None

    def __init__(self, config: KalshiConfig, key: KalshiKey, own: OwnOrders, markets: Mapping[str, Market]) -> None:
        """`markets` by native ticker: only their results are told; it may grow while in use."""
        self.url = config.ws_url
        self.outbox: list[bytes] = []
        self._key = key
        self._own = own
        self._lifecycle = frames.Lifecycle(markets)
        self._next: dict[int, int] = {}
        self._filled: set[MarketId] = set()
        self.net: dict[MarketId, int] = {}
        self.troubles = 0

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """Signed handshake headers."""
        return signed_headers(self._key, wall_ns, "GET", self.url)

    def opened(self) -> None:
        """Subscribe to our fills and orders first, then to positions, groups and the markets' lifecycle."""
        self._next.clear()
        self._filled.clear()
        channels = (("fill", "user_orders"), ("market_positions",), ("order_group_updates",), ("market_lifecycle_v2",))
        self.outbox[:] = [frames.subscribe(number, names) for number, names in enumerate(channels, 1)]

    def closed(self) -> Sequence[StreamEvent]:
        """Nothing to say: what was missed is read by REST."""
        self.outbox.clear()
        return ()

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """Decode one frame; trouble is an event. Private frames carry their own times, `received_ns` is not needed."""
        events = self._receive(data)
        self.troubles += any(isinstance(event, StreamTrouble) for event in events)
        return events

    def _receive(self, data: bytes) -> Sequence[StreamEvent]:
        try:
            frame = frames.ENVELOPE.decode(data)
        except UNREADABLE as error:
            return (StreamTrouble(f"kalshi frame: {error}", terminal=False),)
        missed = self._missed(frame)
        try:
            return (*missed, *self._handle(frame))
        except MalformedFrame as error:
            return (*missed, StreamTrouble(str(error), terminal=False))

    def _handle(self, frame: frames.Envelope) -> Sequence[StreamEvent]:
        match frame.type:
            case "fill":
                return (self._fill(frame),)
            case "user_order":
                return (self._order(frame),)
            case "market_position":
                self._position(frame)
            case "order_group_updates":
                return self._group(frame)
            case "error":
                return (self._error(frame),)
            case kind if kind in frames.LIFECYCLE_TYPES:
                return [event for event in self._lifecycle.news(frame) if not isinstance(event, MarketChanged)]
            case _:
                pass
        return ()

    @staticmethod
    def _error(frame: frames.Envelope) -> StreamTrouble:
        """Without our fills and orders the stream is worth nothing: a refused first command means a new connection."""
        trouble = frames.trouble_of(frame)
        return StreamTrouble(trouble.reason, trouble.terminal or (frame.id == 1 and frame.sid is None))

    def _position(self, frame: frames.Envelope) -> None:
        row = decoded(_POSITION, frame.msg, "market_position")
        market = market_id(VENUE, row.market_ticker)
        if market not in self._filled:
            self.net[market] = micros(row.position_fp, "position_fp")

    @staticmethod
    def _group(frame: frames.Envelope) -> Sequence[StreamEvent]:
        news = decoded(_GROUP, frame.msg, "order_group_updates")
        if news.event_type != "triggered":
            return ()
        text = f"kalshi order group {news.order_group_id} has tripped: its orders are cancelled, reset it to go on"
        return (StreamTrouble(text, terminal=False),)

    def _fill(self, frame: frames.Envelope) -> FillSeen:
        row = decoded(_FILL, frame.msg, "fill")
        if row.post_position_fp is not None and row.market_ticker:
            market = market_id(VENUE, row.market_ticker)
            self._filled.add(market)
            self.net[market] = micros(row.post_position_fp, "post_position_fp")
        order = self._own.of(row.client_order_id, row.order_id)
        if order is None:
            return FillSeen(fill_of(row, None, row.client_order_id or ""))
        return FillSeen(fill_of(row, order.intent, order.identity))

    def _order(self, frame: frames.Envelope) -> OrderSeen:
        row = decoded(_ORDER, frame.msg, "user_order")
        order = self._own.of(row.client_order_id, row.order_id)
        if order is None:
            return OrderSeen(order_report(row))
        self._own.name(order.identity, row.order_id)
        return OrderSeen(report_of(order, row))

    def _missed(self, frame: frames.Envelope) -> Sequence[StreamEvent]:
        """Only lifecycle and group frames are numbered here; a gap may hide a result, which polling finds."""
        if frame.sid is None or frame.seq is None:
            return ()
        expected = self._next.get(frame.sid)
        self._next[frame.sid] = frame.seq + 1
        if expected is None or expected == frame.seq:
            return ()
        return (StreamTrouble(f"kalshi sid {frame.sid}: seq {frame.seq} after {expected - 1}", terminal=False),)
