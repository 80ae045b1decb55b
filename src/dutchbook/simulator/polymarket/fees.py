"""What a taker pays: C * r * (p * (1 - p))^e dollars, to five decimals. Exact fractions only; makers pay nothing."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Literal

from dutchbook.simulator.polymarket.amounts import MICRO

Rounding = Literal["half_up", "ceiling", "floor"]
_UNIT = 10
"""Millionths in one fee unit of 0.00001 dollars."""


def taker_fee(size: int, price: int, rate: Fraction, exponent: int = 1, rounding: Rounding = "half_up") -> int:
    """The fee in millionths for `size` shares at `price`; below 0.00001 dollars it is nothing (venue fee page)."""
    p = Fraction(price, MICRO)
    exact = size * rate * (p * (1 - p)) ** exponent
    if exact < _UNIT:
        return 0
    units = exact / _UNIT
    if rounding == "ceiling":
        return ceil(units) * _UNIT
    if rounding == "floor":
        return floor(units) * _UNIT
    return floor(units + Fraction(1, 2)) * _UNIT
