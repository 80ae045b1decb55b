"""Millionths to and from the venue's texts and JSON numbers. Knows no rule of the venue; never uses binary fractions."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

MICRO = 1_000_000
"""Millionths in one dollar or one share."""

REMEMBERED: Final = 8_192
"""Texts that are kept: the same prices and sizes are written over and over."""


@lru_cache(REMEMBERED)
def text(micros: int) -> str:
    """A plain decimal without trailing zeros: 550000 is "0.55"."""
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICRO)
    return f"{sign}{whole}.{rest:06d}".rstrip("0").rstrip(".")


@lru_cache(REMEMBERED)
def number(micros: int) -> Decimal:
    """The same value for a JSON number."""
    return Decimal(text(micros))


def notional(size: int, price: int) -> int:
    """What `size` shares cost at `price`, rounded down to a millionth of a dollar."""
    return size * price // MICRO


def digits(value: str) -> int | None:
    """An unsigned integer text, or None when it is anything else."""
    return int(value) if value.isascii() and value.isdigit() else None
