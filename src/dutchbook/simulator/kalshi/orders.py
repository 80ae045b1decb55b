"""Orders: what a request may say, what an order is, how it reads. Never touches a book or a balance.

Source: facts §4.2 (fields and rules), §4.3 (replies), §4.5 (order object).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dutchbook.simulator.kalshi.account import Account
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.text import ONE, Refusal, count, dollars, milliseconds, price_from, rfc3339, size_from

GTC, IOC, FOK = "good_till_canceled", "immediate_or_cancel", "fill_or_kill"
TAKER_AT_CROSS, MAKER = "taker_at_cross", "maker"
AUTO_ROUTE = -1
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A create request whose fields are well formed; the market and the balance are checked later."""

    ticker: str
    buy: bool
    size: int
    price: int
    time_in_force: str
    self_trade_prevention: str
    client_order_id: str
    expiration_ns: int | None
    post_only: bool
    reduce_only: bool
    cancel_on_pause: bool
    shard: int
    group: str = ""


def invalid(details: str) -> Refusal:
    return Refusal(400, "invalid_order", "invalid order", details)


def text_field(body: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A string field; required when there is no default. Raises Refusal naming the field."""
    value = body.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise Refusal(400, "invalid_parameters", "invalid parameters", f"{name} must be a string")
    return value


def choice_field(body: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = body.get(name)
    if value not in allowed:
        raise Refusal(400, "invalid_parameters", "invalid parameters", f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def integer_field(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal(400, "invalid_parameters", "invalid parameters", f"{name} must be an integer")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Refusal(400, "invalid_parameters", "invalid parameters", f"{name} must be a boolean")
    return value


def primary_only(subaccount: int) -> None:
    """Only the primary subaccount exists here. Raises Refusal."""
    if subaccount != 0:
        raise Refusal(400, "invalid_parameters", "invalid parameters", "unknown subaccount")


def expiration_from(body: Mapping[str, Any], now: int) -> int | None:
    """`expiration_time` in Unix seconds, as nanoseconds; a past time is refused (facts §4.2)."""
    if "expiration_time" not in body or body["expiration_time"] is None:
        return None
    expires = integer_field(body, "expiration_time", 0) * SECOND_NS
    if expires <= now:
        raise invalid("expiration_time is in the past")
    return expires


def new_order(body: Mapping[str, Any], now: int) -> NewOrder:
    """Check every field of a create request against facts §4.2. Raises Refusal 400."""
    ticker = text_field(body, "ticker")
    side = choice_field(body, "side", ("bid", "ask"))
    time_in_force = choice_field(body, "time_in_force", (FOK, GTC, IOC))
    prevention = choice_field(body, "self_trade_prevention_type", (TAKER_AT_CROSS, MAKER))
    size = size_from(body.get("count"))
    if size == 0:
        raise Refusal(400, "invalid_order_size", "invalid order size", "count must be positive")
    price = price_from(body.get("price"))
    client_order_id = text_field(body, "client_order_id", "")
    if len(client_order_id) > 64:
        raise invalid("client_order_id is longer than 64 characters")
    expiration = expiration_from(body, now)
    if expiration is not None and time_in_force != GTC:
        raise invalid("expiration_time needs good_till_canceled")
    post_only, reduce_only = _flag(body, "post_only"), _flag(body, "reduce_only")
    if post_only and time_in_force != GTC:
        raise invalid("post_only needs good_till_canceled")
    if reduce_only and time_in_force != IOC:
        raise invalid("reduce_only needs immediate_or_cancel")
    primary_only(integer_field(body, "subaccount", 0))
    return NewOrder(
        ticker=ticker,
        buy=side == "bid",
        size=size,
        price=price,
        time_in_force=time_in_force,
        self_trade_prevention=prevention,
        client_order_id=client_order_id,
        expiration_ns=expiration,
        post_only=post_only,
        reduce_only=reduce_only,
        cancel_on_pause=_flag(body, "cancel_order_on_pause"),
        shard=integer_field(body, "exchange_index", AUTO_ROUTE),
        group=text_field(body, "order_group_id", ""),
    )


@dataclass(slots=True)
class Order:
    """An order of a member or of a house maker. Sizes, prices and money in millionths."""

    ordinal: int
    order_id: str
    account: Account
    market: Market
    buy: bool
    price: int
    initial: int
    remaining: int
    created_ns: int
    updated_ns: int
    client_order_id: str = ""
    time_in_force: str = GTC
    self_trade_prevention: str = TAKER_AT_CROSS
    post_only: bool = False
    cancel_on_pause: bool = False
    group: str = ""
    expiration_ns: int | None = None
    status: str = "resting"
    reason: str = ""
    """Why it last changed (`last_update_reason`)."""
    filled: int = 0
    carry: int = 0
    """Rounding overpayment carried from fill to fill (facts §8.2)."""
    taker_cost: int = 0
    maker_cost: int = 0
    taker_fees: int = 0
    maker_fees: int = 0

    @property
    def open(self) -> bool:
        return self.status == "resting"

    def archived(self, before_ns: int) -> bool:
        """Whether it ended before the historical cut-off; resting orders never move (facts §5)."""
        return not self.open and self.updated_ns < before_ns

    def _common(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "user_id": self.account.user_id,
            "client_order_id": self.client_order_id,
            "ticker": self.market.ticker,
            "status": self.status,
            "outcome_side": "yes" if self.buy else "no",
            "book_side": "bid" if self.buy else "ask",
            "yes_price_dollars": dollars(self.price),
            "fill_count_fp": count(self.filled),
            "remaining_count_fp": count(self.remaining),
            "initial_count_fp": count(self.initial),
            "taker_fill_cost_dollars": dollars(self.taker_cost),
            "maker_fill_cost_dollars": dollars(self.maker_cost),
            "taker_fees_dollars": dollars(self.taker_fees),
            "maker_fees_dollars": dollars(self.maker_fees),
            "self_trade_prevention_type": self.self_trade_prevention,
            "subaccount_number": 0,
            "exchange_index": self.market.shard,
            "created_time": rfc3339(self.created_ns),
            "last_update_time": rfc3339(self.updated_ns),
            "expiration_time": rfc3339(self.expiration_ns) if self.expiration_ns is not None else None,
            "last_update_reason": self.reason,
        }

    def row(self) -> dict[str, Any]:
        """The Order object of `GET /portfolio/orders`."""
        return self._common() | {
            "type": "limit",
            "no_price_dollars": dollars(ONE - self.price),
            "order_group_id": self.group or None,
            "cancel_order_on_pause": self.cancel_on_pause,
        }

    def frame(self) -> dict[str, Any]:
        """The message of the `user_orders` channel."""
        expires = {} if self.expiration_ns is None else {"expiration_ts_ms": milliseconds(self.expiration_ns)}
        return self._common() | {
            "created_ts_ms": milliseconds(self.created_ns),
            "last_updated_ts_ms": milliseconds(self.updated_ns),
            **expires,
        }


@dataclass(slots=True)
class Outcome:
    """What one write did: the size filled by it, at what total price x size and net fee."""

    order: Order
    filled: int = 0
    notional: int = 0
    fees: int = 0

    def _averages(self) -> dict[str, str]:
        if self.filled == 0:
            return {}
        return {
            "average_fill_price": dollars(_per_contract(self.notional, self.filled)),
            "average_fee_paid": dollars(_per_contract(self.fees, self.filled)),
        }

    def _identity(self) -> dict[str, Any]:
        named = {"client_order_id": self.order.client_order_id} if self.order.client_order_id else {}
        return {"order_id": self.order.order_id, **named}

    def row(self, now: int) -> dict[str, Any]:
        """The create reply; averages only when something filled (facts §4.3)."""
        return {
            **self._identity(),
            "fill_count": count(self.filled),
            "remaining_count": count(self.order.remaining),
            **self._averages(),
            "ts_ms": milliseconds(now),
        }

    def cancel_row(self, reduced_by: int, now: int) -> dict[str, Any]:
        return {**self._identity(), "reduced_by": count(reduced_by), "ts_ms": milliseconds(now)}

    def decrease_row(self, now: int) -> dict[str, Any]:
        return {**self._identity(), "remaining_count": count(self.order.remaining), "ts_ms": milliseconds(now)}


def _per_contract(amount: int, size: int) -> int:
    """`amount` per contract, to the nearest millionth (half up)."""
    return (2 * amount * ONE + size) // (2 * size)
