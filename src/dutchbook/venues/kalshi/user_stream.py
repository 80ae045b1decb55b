"""Kalshi's private stream without I/O: our orders and fills as they happen, and the results of known markets.

Fills and orders carry no sequence numbers: after a reconnect they are reconciled by REST. Nothing raises for the
venue's bytes. Source: Kalshi API documentation, WebSockets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from dutchbook.core.errors import MalformedFrame
from dutchbook.core.events import FillSeen, MarketChanged, OrderSeen, StreamEvent, StreamTrouble
from dutchbook.core.market import Market
from dutchbook.core.order import Prepared
from dutchbook.venues.kalshi import frames
from dutchbook.venues.kalshi.auth import signed_headers
from dutchbook.venues.kalshi.config import KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.fields import UNREADABLE, decoded
from dutchbook.venues.kalshi.portfolio import FillRow, fill_of
from dutchbook.venues.kalshi.wire import OrderRow, order_report, report_of

_FILL: Final = msgspec.json.Decoder(FillRow)
_ORDER: Final = msgspec.json.Decoder(OrderRow)


class OwnOrders:
    """Orders prepared or asked about by this process, by client order id and by the venue's id."""

    def __init__(self) -> None:
        self._by_identity: dict[str, Prepared] = {}
        self._identity_of: dict[str, str] = {}

    def remember(self, order: Prepared) -> None:
        self._by_identity[order.identity] = order

    def name(self, identity: str, venue_order_id: str) -> None:
        """The venue's id of an order, once an answer has told it."""
        if venue_order_id and identity in self._by_identity:
            self._identity_of[venue_order_id] = identity

    def of(self, identity: str | None, venue_order_id: str) -> Prepared | None:
        """The order, if it is ours."""
        return self._by_identity.get(identity or self._identity_of.get(venue_order_id, ""))


class KalshiUserStream:
    """A `Stream` over one account."""

    heartbeat: bytes | None = None

    def __init__(self, config: KalshiConfig, key: KalshiKey, own: OwnOrders, markets: Mapping[str, Market]) -> None:
        """`markets` by native ticker: only their results are told; it may grow while in use."""
        self.url = config.ws_url
        self.outbox: list[bytes] = []
        self._key = key
        self._own = own
        self._lifecycle = frames.Lifecycle(markets)
        self._next: dict[int, int] = {}

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """Signed handshake headers."""
        return signed_headers(self._key, wall_ns, "GET", self.url)

    def opened(self) -> None:
        """Subscribe to our fills and orders first, then to the markets' lifecycle."""
        self._next.clear()
        self.outbox[:] = [frames.subscribe(1, ("fill", "user_orders")), frames.subscribe(2, ("market_lifecycle_v2",))]

    def closed(self) -> Sequence[StreamEvent]:
        """Nothing to say: what was missed is read by REST."""
        self.outbox.clear()
        return ()

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """Decode one frame; trouble is an event. Private frames carry their own times, `received_ns` is not needed."""
        try:
            frame = frames.ENVELOPE.decode(data)
        except UNREADABLE as error:
            return (StreamTrouble(f"kalshi frame: {error}", terminal=False),)
        try:
            return (*self._missed(frame), *self._handle(frame))
        except MalformedFrame as error:
            return (StreamTrouble(str(error), terminal=False),)

    def _handle(self, frame: frames.Envelope) -> Sequence[StreamEvent]:
        match frame.type:
            case "fill":
                return (self._fill(frame),)
            case "user_order":
                return (self._order(frame),)
            case "error":
                return (frames.trouble_of(frame),)
            case kind if kind in frames.LIFECYCLE_TYPES:
                return [event for event in self._lifecycle.news(frame) if not isinstance(event, MarketChanged)]
            case _:
                return ()

    def _fill(self, frame: frames.Envelope) -> FillSeen:
        row = decoded(_FILL, frame.msg, "fill")
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
        """Only lifecycle frames are numbered here; a gap there may hide a result, which polling finds."""
        if frame.sid is None or frame.seq is None:
            return ()
        expected = self._next.get(frame.sid)
        self._next[frame.sid] = frame.seq + 1
        if expected is None or expected == frame.seq:
            return ()
        return (StreamTrouble(f"kalshi sid {frame.sid}: seq {frame.seq} after {expected - 1}", terminal=False),)
