"""Orders on Kalshi's wire: functions on bytes, no I/O, no clock.

All prices on this wire are on the YES leg: buying NO at q is an `ask` at 1 - q, selling NO at q a `bid` at 1 - q.
Unknown fields and enum values are tolerated; a missing promised field is a MalformedFrame that names it.
Source: Kalshi API documentation, V2 event orders.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.claim import Outcome, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import InvalidOrder, MalformedFrame
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Price, Size, format_micros
from dutchbook.core.order import Intent, OrderReport, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import Response
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.errors import RATE_LIMITED, VenueError, key_advice, venue_error
from dutchbook.venues.kalshi.fields import bid_side, decoded, is_bid, size_of

FOK_MISS: Final = "FOK_INSUFFICIENT_VOLUME"

_TIF: Final = {
    TimeInForce.FOK: "fill_or_kill",
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.GTC: "good_till_canceled",
    TimeInForce.GTD: "good_till_canceled",
}
TAKING: Final = frozenset({TimeInForce.FOK, TimeInForce.IOC})

_STATUS: Final = {
    "resting": ReportStatus.RESTING,
    "canceled": ReportStatus.DONE,
    "executed": ReportStatus.DONE,
}


def shard_of(market: Market) -> int:
    """The exchange index in the market's cash pool (`kalshi:2`); raises InvalidOrder naming the field."""
    _, _, shard = market.pool.partition(":")
    if not shard.isdigit():
        raise InvalidOrder(f"pool: {market.pool!r} of {market.id} names no Kalshi exchange index")
    return int(shard)


def pool_name(shard: int) -> str:
    """The cash pool of an exchange index."""
    return f"{VENUE}:{shard}"


def yes_price(intent: Intent) -> Price:
    """The intent's limit on the YES leg."""
    return intent.limit if intent.claim.outcome is Outcome.YES else Price(MICRO - intent.limit)


def encode_order(intent: Intent, market: Market, client_order_id: str, order_group: str = "") -> bytes:
    """The body of `POST /portfolio/events/orders`. Raises InvalidOrder naming the field that the venue would refuse.

    A taking order cancels our own resting order that it meets (`maker`), so that a hedge is never silently cancelled;
    a resting order gives way itself (`taker_at_cross`), and is cancelled by a trading pause: during one it could not be
    amended, and after one the world is another. `reduce_only` exists only for IOC at this venue.
    """
    if intent.claim.market != market.id:
        raise InvalidOrder(f"claim: {intent.claim} is not of market {market.id}")
    taking = intent.tif in TAKING
    price = yes_price(intent)
    if not market.grid.contains(price):
        raise InvalidOrder(f"limit: {format_micros(price)} (YES leg) is not on the price grid of {market.id}")
    if intent.size <= 0 or intent.size % market.lot:
        raise InvalidOrder(
            f"size: {format_micros(intent.size)} is not a positive multiple of {format_micros(market.lot)}"
        )
    if intent.post_only and taking:
        raise InvalidOrder(f"post_only: contradicts time in force {intent.tif.value}")
    if intent.reduce_only and intent.tif is not TimeInForce.IOC:
        raise InvalidOrder(f"reduce_only: Kalshi takes it only with ioc, not {intent.tif.value}")
    body: dict[str, str | int | bool] = {
        "ticker": market.native,
        "side": "bid" if bid_side(intent.claim.outcome, intent.action) else "ask",
        "count": decimal_text(intent.size, 2, "size"),
        "price": decimal_text(price, 4, "limit"),
        "time_in_force": _TIF[intent.tif],
        "self_trade_prevention_type": "maker" if taking else "taker_at_cross",
        "client_order_id": client_order_id,
        "exchange_index": shard_of(market),
    }
    if intent.tif is TimeInForce.GTD:
        if intent.expires_ns < SECOND:
            raise InvalidOrder("expires_ns: a gtd order needs its expiry")
        # Whole seconds on the wire; rounding down never lets the order live longer than asked.
        body["expiration_time"] = intent.expires_ns // SECOND
    if not taking:
        body["cancel_order_on_pause"] = True
    if order_group:
        body["order_group_id"] = order_group
    if intent.post_only:
        body["post_only"] = True
    if intent.reduce_only:
        body["reduce_only"] = True
    return msgspec.json.encode(body)


def decimal_text(value: int, places: int, name: str) -> str:
    """Millionths as the wire's decimal text; raises InvalidOrder naming the field when digits would be lost."""
    try:
        return format_micros(value, places)
    except ValueError as error:
        raise InvalidOrder(f"{name}: {error}") from None


class Placed(msgspec.Struct):
    """The answer to a create, and one item of the answer to a batch."""

    order_id: str
    fill_count: Decimal
    remaining_count: Decimal
    client_order_id: str | None = None


class Cancelled(msgspec.Struct):
    """The answer to a cancel, and one item of the answer to a batch."""

    order_id: str
    reduced_by: Decimal
    client_order_id: str | None = None


class OrderRow(msgspec.Struct):
    """An order object, of REST or of the private stream."""

    order_id: str
    ticker: str
    status: str
    fill_count_fp: Decimal
    client_order_id: str | None = None
    book_side: str | None = None
    outcome_side: str | None = None
    last_update_reason: str | None = None
    remaining_count_fp: Decimal | None = None


class OrdersPage(msgspec.Struct):
    orders: list[OrderRow]
    cursor: str | None = None


class _OrderAnswer(msgspec.Struct):
    order: OrderRow


_PLACED: Final = msgspec.json.Decoder(Placed)
_CANCELLED: Final = msgspec.json.Decoder(Cancelled)
ORDERS: Final = msgspec.json.Decoder(OrdersPage)
ORDER: Final = msgspec.json.Decoder(_OrderAnswer)


def unknown(identity: str, reason: str, venue_order_id: str = "", code: str = "") -> OrderReport:
    """The outcome is not known; exposure stays reserved until the venue has been asked."""
    return OrderReport(identity, venue_order_id, ReportStatus.UNKNOWN, Size(0), reason, code)


def decode_placed(order: Prepared, response: Response) -> OrderReport:
    """What the answer to a create says about `order`.

    2xx: DONE or RESTING by the counts. 4xx: REJECTED with the venue's code and words (`rate_limited` for 429), but a
    missed fill-or-kill is DONE with nothing filled. Everything else, and every answer that cannot be about this order,
    is UNKNOWN. A 409 duplicate must be resolved by asking and is UNKNOWN here.
    """
    status = response.status
    if 200 <= status < 300:
        return _accepted(order, response)
    return refused(order, status, venue_error(response))


def refused(order: Prepared, status: int, error: VenueError) -> OrderReport:
    """What an answer that is no success, alone or as an item of a batch, says about `order`."""
    if status == 409:
        return unknown(order.identity, f"409 {error.words}", code=error.code or "duplicate")
    if not 400 <= status < 500 or status == 408:
        return unknown(order.identity, f"{status} {error.words}", code=error.code or str(status))
    if order.intent.tif is TimeInForce.FOK and error.mentions(FOK_MISS):
        return OrderReport(order.identity, "", ReportStatus.DONE, Size(0), error.words, error.code)
    code = RATE_LIMITED if status == 429 else error.code or str(status)
    words = f"{status}: {error.words}"
    if status in (401, 403):
        words += f" ({key_advice(error)})"
    return OrderReport(order.identity, "", ReportStatus.REJECTED, Size(0), words, code)


def _accepted(order: Prepared, response: Response) -> OrderReport:
    try:
        return placed_report(order, decoded(_PLACED, response.body, "create order"))
    except MalformedFrame as error:
        return unknown(order.identity, f"{response.status} unreadable answer: {error}")


def placed_report(order: Prepared, placed: Placed) -> OrderReport:
    """What an accepted order became; UNKNOWN for an answer that cannot be about it. Raises MalformedFrame."""
    identity = order.identity
    filled = size_of(placed.fill_count, "fill_count")
    remaining = size_of(placed.remaining_count, "remaining_count")
    venue_order_id = placed.order_id
    if not venue_order_id:
        return unknown(identity, "the answer has no order_id")
    if placed.client_order_id and placed.client_order_id != identity:
        # The venue has answered with another member's order before (May 2026).
        return unknown(identity, f"answer is about another order: client_order_id {placed.client_order_id}")
    if filled + remaining > order.intent.size:
        return unknown(
            identity, f"fill_count {filled} and remaining_count {remaining} exceed the order", venue_order_id
        )
    if not remaining:
        return OrderReport(identity, venue_order_id, ReportStatus.DONE, filled)
    if order.intent.tif in TAKING:
        return unknown(identity, f"remaining_count {remaining} after a {order.intent.tif.value} order", venue_order_id)
    return OrderReport(identity, venue_order_id, ReportStatus.RESTING, filled)


def decode_cancelled(order: Prepared, venue_order_id: str, response: Response) -> OrderReport:
    """The answer (200) to a cancel: DONE, with what had been filled before.

    Raises MalformedFrame when it is unreadable or about another order: the order's state is then not known.
    """
    return cancelled_report(order, venue_order_id, decoded(_CANCELLED, response.body, "cancel order"))


def cancelled_report(order: Prepared, venue_order_id: str, cancelled: Cancelled) -> OrderReport:
    """DONE with what had been filled before; raises MalformedFrame when it is about another order.

    Only for an order whose size has never changed: `intent.size` less what was taken off is what was filled.
    """
    reduced = size_of(cancelled.reduced_by, "reduced_by")
    if cancelled.order_id != venue_order_id:
        raise MalformedFrame(f"kalshi order_id: {cancelled.order_id} was cancelled instead of {venue_order_id}")
    if cancelled.client_order_id and cancelled.client_order_id != order.identity:
        raise MalformedFrame(f"kalshi client_order_id: {cancelled.client_order_id} is not {order.identity}")
    if reduced > order.intent.size:
        raise MalformedFrame(f"kalshi reduced_by: {reduced} is more than the order's {order.intent.size}")
    return OrderReport(order.identity, venue_order_id, ReportStatus.DONE, Size(order.intent.size - reduced))


def order_report(row: OrderRow) -> OrderReport:
    """An order object in the engine's words; an unknown status is UNKNOWN."""
    return OrderReport(
        identity=row.client_order_id or "",
        venue_order_id=row.order_id,
        status=_STATUS.get(row.status, ReportStatus.UNKNOWN),
        filled=size_of(row.fill_count_fp, "fill_count_fp"),
        reason=row.last_update_reason or "",
        code=row.status,
    )


def report_of(order: Prepared, row: OrderRow) -> OrderReport:
    """The report of our own order; raises MalformedFrame when ticker or side are not the ones that we sent."""
    intent = order.intent
    if market_id(VENUE, row.ticker) != intent.claim.market:
        raise MalformedFrame(f"kalshi ticker: order {row.order_id} is in {row.ticker}, not {intent.claim.market}")
    if is_bid(row.book_side, row.outcome_side) is not bid_side(intent.claim.outcome, intent.action):
        raise MalformedFrame(f"kalshi book_side: order {row.order_id} is on the other side than {order.identity}")
    return replace(order_report(row), identity=order.identity)
