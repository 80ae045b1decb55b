"""Single fields of Kalshi's JSON: decimals, instants, sides, and typed decoding that names what is wrong.

Every failure is a MalformedFrame naming the field. A number where the venue promises a string is accepted when it is
exact; no float is ever made from it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, TypeVar

import msgspec

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import DAY, SECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.money import MICRO, Cash, Price, Size, notional, parse_micros
from dutchbook.core.order import Action

T = TypeVar("T")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 with a zone."""

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises for bytes that are not the promised JSON, however deep the nonsense is nested."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WIDEST: Final = 30
"""Largest power of ten taken seriously: keeps "1e999999" from becoming a million digits."""


def decoded(decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
    """`body` as the decoder's type; raises MalformedFrame naming `what` and the field."""
    try:
        return decoder.decode(body)
    except UNREADABLE as error:
        raise MalformedFrame(f"kalshi {what}: {error}") from None


def micros(value: Decimal, name: str) -> int:
    """Exact millionths; raises MalformedFrame naming the field."""
    if not value.is_finite() or abs(value.adjusted()) > _WIDEST:
        raise MalformedFrame(f"kalshi {name}: {value} is not a plain decimal number")
    try:
        return parse_micros(f"{value:f}", f"kalshi {name}")
    except ValueError as error:
        raise MalformedFrame(str(error)) from None


def price_of(value: Decimal, name: str) -> Price:
    """A price or settlement value in [0, 1]."""
    price = micros(value, name)
    if not 0 <= price <= MICRO:
        raise MalformedFrame(f"kalshi {name}: {value} is outside [0, 1]")
    return Price(price)


def size_of(value: Decimal, name: str) -> Size:
    """A contract count that cannot be negative."""
    size = micros(value, name)
    if size < 0:
        raise MalformedFrame(f"kalshi {name}: {value} is negative")
    return Size(size)


def nanoseconds(instant: datetime) -> int:
    """Nanoseconds since the epoch, by integers."""
    delta = instant - _EPOCH
    return delta.days * DAY + delta.seconds * SECOND + delta.microseconds * 1000


def is_bid(book_side: str | None, outcome_side: str | None) -> bool:
    """Whether an order or fill is on the bid side of the YES leg.

    `bid` is `yes` and `ask` is `no`, always; `book_side` rules when both are there. Raises MalformedFrame for neither.
    """
    if book_side in ("bid", "ask"):
        return book_side == "bid"
    if outcome_side in ("yes", "no"):
        return outcome_side == "yes"
    raise MalformedFrame(f"kalshi book_side: {book_side!r} (outcome_side {outcome_side!r}) is not a side")


def bid_side(outcome: Outcome, action: Action) -> bool:
    """Whether an order for a claim goes to the bid side: buying YES and selling NO do."""
    return (outcome is Outcome.YES) is (action is Action.BUY)


def plain_claim(market: MarketId, bid: bool) -> Claim:
    """What a fill bought when nobody knows the intent: YES on the bid side, NO on the ask side."""
    return Claim(market, Outcome.YES if bid else Outcome.NO)


def cash_of(claim: Claim, yes_price: Price, size: Size) -> Cash:
    """What `size` of the claim cost or brought, without fees; raises MalformedFrame when it is no whole millionth."""
    price = yes_price if claim.outcome is Outcome.YES else Price(MICRO - yes_price)
    try:
        return notional(price, size)
    except ValueError:
        raise MalformedFrame(f"kalshi fill: {size} at {yes_price} millionths is not exact cash") from None
