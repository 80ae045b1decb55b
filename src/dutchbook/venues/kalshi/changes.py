"""Changes to resting orders, and batches, on Kalshi's wire: functions on bytes, no I/O, no clock.

Every answer is checked to be about the order that was asked about: the venue has answered with another order's data before
(May 2026). An item that is missing from a batch's answer is UNKNOWN, never assumed. Source: Kalshi API documentation, V2
event orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import msgspec

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import InvalidOrder, MalformedFrame
from dutchbook.core.market import Market
from dutchbook.core.money import Price, Size, format_micros
from dutchbook.core.order import OrderReport, Prepared
from dutchbook.core.transport import Response
from dutchbook.venues.kalshi import wire
from dutchbook.venues.kalshi.errors import VenueError, item_error, venue_error
from dutchbook.venues.kalshi.fields import UNREADABLE, bid_side, decoded, size_of

_UNCERTAIN: Final = ("unavailable", "internal", "timeout", "already exists")
"""Words of an item's error after which the order's fate is to be asked for."""


class _Changed(msgspec.Struct):
    order_id: str
    client_order_id: str | None = None


class _Batch(msgspec.Struct):
    """Items stay raw: an unreadable one must not cost the others."""

    orders: list[msgspec.Raw]


class _Item(msgspec.Struct):
    order_id: str | None = None
    client_order_id: str | None = None
    fill_count: Decimal | None = None
    remaining_count: Decimal | None = None
    reduced_by: Decimal | None = None
    error: dict[str, Any] | str | None = None


class _QueuePosition(msgspec.Struct):
    queue_position_fp: Decimal


_CHANGED: Final = msgspec.json.Decoder(_Changed)
_BATCH: Final = msgspec.json.Decoder(_Batch)
_ITEM: Final = msgspec.json.Decoder(_Item)
QUEUE_POSITION: Final = msgspec.json.Decoder(_QueuePosition)


def amended(order: Prepared, market: Market, limit: Price, size: Size) -> Prepared:
    """The order as it will be; `size` is its total, what has been filled included. Raises InvalidOrder."""
    intent = replace(order.intent, limit=limit, size=size)
    if not market.grid.contains(wire.yes_price(intent)):
        raise InvalidOrder(f"limit: {format_micros(limit)} is not on the price grid of {market.id}")
    if size <= 0 or size % market.lot:
        raise InvalidOrder(f"size: {format_micros(size)} is not a positive multiple of {format_micros(market.lot)}")
    return replace(order, intent=intent)


def encode_amend(order: Prepared, market: Market, expires_ns: int | None) -> bytes:
    """The body of `.../amend`; `order` as it will be. `expires_ns` 0 removes the expiry, None keeps it."""
    intent = order.intent
    body: dict[str, str | int] = {
        "ticker": market.native,
        "side": "bid" if bid_side(intent.claim.outcome, intent.action) else "ask",
        "price": wire.decimal_text(wire.yes_price(intent), 4, "limit"),
        "count": wire.decimal_text(intent.size, 2, "size"),
        "client_order_id": order.identity,
        "exchange_index": wire.shard_of(market),
    }
    if expires_ns is not None:
        body["expiration_time"] = expires_ns // SECOND
    return msgspec.json.encode(body)


def encode_decrease(market: Market, remaining: Size) -> bytes:
    """The body of `.../decrease`: what is left resting. Said twice it does no more than once."""
    body = {
        "reduce_to": wire.decimal_text(remaining, 2, "size"),
        "exchange_index": wire.shard_of(market),
        "market_ticker": market.native,
    }
    return msgspec.json.encode(body)


def check_changed(order: Prepared, venue_order_id: str, response: Response, what: str) -> None:
    """Raises MalformedFrame when the answer (200) to an amend or decrease is unreadable or about another order."""
    changed = decoded(_CHANGED, response.body, what)
    if changed.order_id != venue_order_id:
        raise MalformedFrame(f"kalshi {what}: order_id {changed.order_id} was changed instead of {venue_order_id}")
    if changed.client_order_id and changed.client_order_id != order.identity:
        raise MalformedFrame(f"kalshi {what}: client_order_id {changed.client_order_id} is not {order.identity}")


def encode_batch(orders: Sequence[Prepared]) -> bytes:
    """The body of a batch create: the prepared bodies as they are."""
    return msgspec.json.encode({"orders": [msgspec.Raw(order.body) for order in orders]})


def encode_batch_cancel(orders: Sequence[tuple[str, Market]]) -> bytes:
    """The body of a batch cancel. Every item names its market and shard: without them only shard 0 is searched."""
    items = [
        {"order_id": order_id, "market_ticker": market.native, "exchange_index": wire.shard_of(market)}
        for order_id, market in orders
    ]
    return msgspec.json.encode({"orders": items})


def decode_batch(orders: Sequence[Prepared], response: Response) -> list[OrderReport]:
    """One report for each order, in their order.

    A refused batch has done nothing. In an accepted one each item stands alone: it is told by its client order id, or by
    its place where the venue left the id out and answered every item.
    """
    if not 200 <= response.status < 300:
        error = venue_error(response)
        return [wire.refused(order, response.status, error) for order in orders]
    try:
        items = _items(response, "batch create")
    except MalformedFrame as error:
        return [wire.unknown(order.identity, f"{response.status} unreadable answer: {error}") for order in orders]
    named = {item.client_order_id: item for item in items if item is not None and item.client_order_id}
    reports: list[OrderReport] = []
    for place, order in enumerate(orders):
        item = named.get(order.identity)
        if item is None and len(items) == len(orders):
            there = items[place]
            item = there if there is not None and not there.client_order_id else None
        if item is None:
            reports.append(wire.unknown(order.identity, "the batch's answer says nothing readable about this order"))
        else:
            reports.append(_item_report(order, item))
    return reports


def _items(response: Response, what: str) -> list[_Item | None]:
    """The items of a batch's answer; None for one that cannot be read."""
    found: list[_Item | None] = []
    for raw in decoded(_BATCH, response.body, what).orders:
        try:
            found.append(_ITEM.decode(raw))
        except UNREADABLE:
            found.append(None)
    return found


def _item_report(order: Prepared, item: _Item) -> OrderReport:
    if item.error and not item.order_id:
        return item_refused(order, item_error(item.error))
    if item.order_id is None or item.fill_count is None or item.remaining_count is None:
        return wire.unknown(order.identity, "incomplete item in the batch's answer", item.order_id or "")
    placed = wire.Placed(item.order_id, item.fill_count, item.remaining_count, item.client_order_id)
    try:
        return wire.placed_report(order, placed)
    except MalformedFrame as error:
        return wire.unknown(order.identity, str(error), item.order_id)


def item_refused(order: Prepared, error: VenueError) -> OrderReport:
    """An item's error without an order: refused for good, unless its words leave that open."""
    status = 500 if any(error.mentions(word) for word in _UNCERTAIN) else 400
    return wire.refused(order, status, error)


def decode_batch_cancel(
    orders: Sequence[tuple[Prepared, str]], response: Response
) -> list[OrderReport | VenueError | None]:
    """For each order: its report, the venue's error, or None when the answer does not mention it.

    Raises MalformedFrame for an unreadable answer: nothing is known then.
    """
    by_id = {item.order_id: item for item in _items(response, "batch cancel") if item is not None}
    found: list[OrderReport | VenueError | None] = []
    for order, venue_order_id in orders:
        item = by_id.get(venue_order_id)
        if item is not None and item.error:
            found.append(item_error(item.error))
        elif item is None or item.reduced_by is None:
            found.append(None)
        else:
            cancelled = wire.Cancelled(venue_order_id, item.reduced_by, item.client_order_id)
            try:
                found.append(wire.cancelled_report(order, venue_order_id, cancelled))
            except MalformedFrame:
                found.append(None)
    return found


def queue_ahead(position: _QueuePosition) -> Size:
    """Contracts ahead of an order in its queue; zero means first."""
    return size_of(position.queue_position_fp, "queue_position_fp")
