"""Kalshi's fixed-point strings, times and refusals. Never touches state and never uses a float.

Prices and cash are integer millionths of a dollar, sizes integer millionths of a contract, times wall nanoseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

ONE = 1_000_000
"""One dollar, or one contract."""
PRICE_STEP = 100
"""Prices have at most 4 decimals (facts §4.2)."""
SIZE_STEP = 10_000
"""The smallest size is 0.01 contract (facts §1)."""

REMEMBERED: Final = 8_192
"""Texts that are kept: the same prices, sizes and times are written over and over."""

_NUMBER = re.compile(r"([0-9]{1,12})(?:\.([0-9]+))?\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refusal(Exception):
    """An HTTP error answer with Kalshi's code and message; `details` is omitted when empty."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def body(self) -> dict[str, str]:
        """The flat error object (facts §12)."""
        plain = {"code": self.code, "message": self.message}
        return plain | {"details": self.details} if self.details else plain


def _millionths(text: str, least: int, most: int) -> int | None:
    found = _NUMBER.match(text)
    if found is None:
        return None
    whole, decimals = found.group(1), found.group(2) or ""
    if not least <= len(decimals) <= most:
        return None
    return int(whole) * ONE + int(decimals.ljust(6, "0"))


def price_from(value: object) -> int:
    """A request price in dollars with 2 to 4 decimals (facts §4.2), in millionths. Raises Refusal."""
    price = _millionths(value, 2, 4) if isinstance(value, str) else None
    if price is None:
        raise Refusal(400, "invalid_price", "invalid price", "price must be a dollar string with 2-4 decimals")
    return price


def size_from(value: object, name: str = "count") -> int:
    """A request count with 0 to 2 decimals (facts §4.2), in millionths. Raises Refusal."""
    size = _millionths(value, 0, 2) if isinstance(value, str) else None
    if size is None:
        raise Refusal(400, "invalid_order_size", "invalid order size", f"{name} must be a string with 0-2 decimals")
    return size


@lru_cache(REMEMBERED)
def dollars(amount: int) -> str:
    """Dollars with 4 decimals, or 6 where 4 do not suffice (facts §5)."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    whole, rest = divmod(amount, ONE)
    return f"{sign}{whole}.{rest // 100:04d}" if rest % 100 == 0 else f"{sign}{whole}.{rest:06d}"


@lru_cache(REMEMBERED)
def count(size: int) -> str:
    """A contract count with 2 decimals; `size` is a multiple of 0.01 contract."""
    sign, size = ("-", -size) if size < 0 else ("", size)
    return f"{sign}{size // ONE}.{size % ONE // SIZE_STEP:02d}"


@lru_cache(REMEMBERED)
def rfc3339(ns: int) -> str:
    """Wall nanoseconds as RFC 3339 text in UTC with microseconds."""
    at = _EPOCH + timedelta(microseconds=ns // 1_000)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def milliseconds(ns: int) -> int:
    return ns // 1_000_000


def seconds(ns: int) -> int:
    return ns // 1_000_000_000
