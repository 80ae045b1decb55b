"""Money as integers: prices, sizes and cash in millionths, rates in trillionths.

No float ever enters. Text is converted at the wire and on screens; every rounding has a name.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Final, NewType

Price = NewType("Price", int)
"""Millionths of a dollar per contract; 0 < price < 1_000_000 when tradable."""

Size = NewType("Size", int)
"""Millionths of a contract."""

Cash = NewType("Cash", int)
"""Millionths of a dollar; negative when it leaves us."""

Rate = NewType("Rate", int)
"""Trillionths (1e-12): fee rates, probabilities, ratios."""

MICRO: Final = 1_000_000
"""One dollar, one contract, or a price of 1, in millionths."""

RATE_ONE: Final = 1_000_000_000_000
"""A rate of exactly 1."""

_WIDEST_SHIFT: Final = 60
"""Largest power of ten that a Decimal is scaled by: "1e999999" must not become a million digits."""


class Rounding(Enum):
    """How an exact quotient becomes an integer."""

    FLOOR = "floor"
    CEIL = "ceil"
    HALF_EVEN = "half_even"
    EXACT = "exact"


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """`numerator / denominator` as an integer under a named rounding.

    Raises ValueError for `Rounding.EXACT` when there is a remainder. `denominator` must be positive.
    """
    quotient, remainder = divmod(numerator, denominator)
    if remainder == 0 or rounding is Rounding.FLOOR:
        return quotient
    if rounding is Rounding.CEIL:
        return quotient + 1
    if rounding is Rounding.HALF_EVEN:
        twice = 2 * remainder
        if twice > denominator or (twice == denominator and quotient % 2):
            return quotient + 1
        return quotient
    raise ValueError(f"{numerator}/{denominator} is not an integer")


def round_to(value: int, quantum: int, rounding: Rounding) -> int:
    """`value` moved to a multiple of `quantum` (both in the same unit)."""
    return divide(value, quantum, rounding) * quantum


def notional(price: Price, size: Size, rounding: Rounding = Rounding.EXACT) -> Cash:
    """`price * size` in millionths of a dollar.

    Exact for every grid the venues have (price step >= 1e-4, size step >= 1e-2); elsewhere name the rounding.
    """
    return Cash(divide(price * size, MICRO, rounding))


def complement(price: Price) -> Price:
    """The price of the opposite claim: 1 - price."""
    return Price(MICRO - price)


def parse_micros(text: str | int | Decimal, name: str = "value") -> int:
    """Exact millionths of a plain decimal text ("0.7500", "-54.00", "3").

    Refuses exponents, blanks, NaN, more than six significant decimals, and floats. Raises ValueError naming `name`.
    """
    return _parse(text, 6, name)


def parse_rate(text: str | int | Decimal, name: str = "rate") -> Rate:
    """Exact trillionths of a plain decimal text or Decimal; raises ValueError naming `name`."""
    return Rate(_parse(text, 12, name))


def _parse(text: str | int | Decimal, places: int, name: str) -> int:
    if isinstance(text, (bool, float)):
        raise ValueError(f"{name}: {text!r} is not a decimal text; a float has no exact value")
    if isinstance(text, int):
        return int(text * 10**places)
    if isinstance(text, Decimal):
        if not text.is_finite():
            raise ValueError(f"{name}: {text} is not a finite number")
        return _scaled(text, places, name)
    body = text[1:] if text[:1] == "-" else text
    whole_text, dot, fraction = body.partition(".")
    if not (whole_text.isascii() and whole_text.isdigit()) or (dot and not (fraction.isascii() and fraction.isdigit())):
        raise ValueError(f"{name}: {text!r} is not a plain decimal number")
    if len(fraction) > places:
        if fraction[places:].strip("0"):
            raise ValueError(f"{name}: {text!r} has more than {places} decimals")
        fraction = fraction[:places]
    value = int(whole_text + fraction.ljust(places, "0"))
    return -value if body is not text else value


def _scaled(number: Decimal, places: int, name: str) -> int:
    """`number * 10**places`, exactly: arithmetic on Decimals would round to the context's 28 digits."""
    sign, digits, exponent = number.as_tuple()
    coefficient = int("".join(map(str, digits)))
    shift = int(exponent) + places
    if shift > _WIDEST_SHIFT:
        raise ValueError(f"{name}: {number} is too large")
    if shift >= 0:
        whole = coefficient * int(10**shift)
    else:
        whole, rest = divmod(coefficient, int(10 ** min(-shift, len(digits))))
        if rest or (coefficient and -shift > len(digits)):
            raise ValueError(f"{name}: {number} has more than {places} decimals")
    return -whole if sign else whole


def format_micros(value: int, places: int = 6, *, trim: bool = False) -> str:
    """Decimal text of millionths with exactly `places` decimals (`trim` drops trailing zeros, keeping two).

    Raises ValueError when digits would be lost: rounding for a screen is `format_dollars`.
    """
    if places < 6 and value % 10 ** (6 - places):
        raise ValueError(f"{value} millionths do not fit {places} decimals")
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(value), MICRO)
    digits = f"{fraction:06d}"[:places].ljust(places, "0")
    if trim:
        digits = digits.rstrip("0").ljust(min(2, places), "0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def format_dollars(value: int, places: int = 2) -> str:
    """Text for a screen: "$12.34", "-$0.05"; rounded half-even to `places`."""
    rounded = round_to(value, 10 ** (6 - places), Rounding.HALF_EVEN)
    return f"{'-' if rounded < 0 else ''}${format_micros(abs(rounded), places)}"


def ratio(numerator: int, denominator: int) -> Rate:
    """`numerator / denominator` as a rate, floored; zero when the denominator is zero."""
    return Rate(numerator * RATE_ONE // denominator) if denominator else Rate(0)
