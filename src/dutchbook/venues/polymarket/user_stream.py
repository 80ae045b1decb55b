"""The private stream: our orders and our trades, as order reports and fills.

Subscribes with the API credentials. Trouble is an event: it never raises for the venue's bytes, and never sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from dutchbook.core.errors import DutchbookError
from dutchbook.core.events import FillFailed, FillSeen, OrderSeen, StreamEvent, StreamTrouble
from dutchbook.venues.polymarket.config import ApiCredentials
from dutchbook.venues.polymarket.frames import UNREADABLE
from dutchbook.venues.polymarket.reads import (
    OpenOrder,
    Trade,
    decode,
    fill_id,
    order_report,
    our_orders,
    read_fill,
    trade_status,
)
from dutchbook.venues.polymarket.stream import ANSWER, HEARTBEAT
from dutchbook.venues.polymarket.tokens import TokenRegistry


class _Kind(msgspec.Struct):
    event_type: str = ""
    type: str = ""


_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ORDER_TYPES: Final = frozenset({"PLACEMENT", "UPDATE", "CANCELLATION"})


class PolymarketUserStream:
    """`core.venue.Stream`: a trade is a provisional fill until CONFIRMED, can be sold once MINED, and may still FAIL."""

    heartbeat: bytes | None = HEARTBEAT

    def __init__(self, url: str, credentials: ApiCredentials, funder: str, registry: TokenRegistry) -> None:
        self.url = url
        self.outbox: list[bytes] = []
        self._credentials = credentials
        self._funder = funder
        self._registry = registry

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """Nothing in the handshake: the subscription carries the credentials."""
        return {}

    def opened(self) -> None:
        """Queue the subscription, to all markets."""
        auth = {
            "apiKey": self._credentials.key,
            "secret": self._credentials.secret_text,
            "passphrase": self._credentials.passphrase,
        }
        self.outbox.append(msgspec.json.encode({"type": "user", "auth": auth}))

    def closed(self) -> Sequence[StreamEvent]:
        """No books here; the orders and trades missed meanwhile are for the reads."""
        return ()

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """The events of one frame (an object or an array of them)."""
        if data == ANSWER:
            return ()
        events: list[StreamEvent] = []
        try:
            rows = _ROWS.decode(data) if data.lstrip()[:1] == b"[" else [msgspec.Raw(data)]
        except UNREADABLE as error:
            return (StreamTrouble(f"unreadable user frame: {error}", terminal=False),)
        for row in rows:
            try:
                self._take(row, events)
            except DutchbookError as error:
                events.append(StreamTrouble(str(error), terminal=False))
        return events

    def _take(self, row: msgspec.Raw, events: list[StreamEvent]) -> None:
        kind = decode(row, _Kind, "user frame")
        word = kind.event_type or ("order" if kind.type.upper() in _ORDER_TYPES else kind.type.lower())
        if word == "order":
            events.append(OrderSeen(order_report(decode(row, OpenOrder, "user order"))))
        elif word == "trade":
            trade = decode(row, Trade, "user trade")
            for order in our_orders(trade, self._credentials.key, self._funder):
                if trade_status(trade) == "FAILED":
                    events.append(FillFailed(fill_id(trade, order), trade.err_msg or "the trade failed on chain"))
                    continue
                fill = read_fill(trade, order, self._registry)
                if fill is not None:
                    events.append(FillSeen(fill))
