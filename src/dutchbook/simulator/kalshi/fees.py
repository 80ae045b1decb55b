"""Kalshi's fees and their rounding, exact. Never uses a float and never changes a balance.

Source: facts §8 (schedule of July 2026, rounding page of 2026-09-18). Money in millionths of a dollar.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from dutchbook.simulator.kalshi.text import ONE

DIRECT_UNIT = 100
"""Balances of a direct member move in steps of $0.0001."""
BROKER_UNIT = 10_000
"""Balances behind a broker (non-direct) move in steps of $0.01."""

TAKER = Fraction(7, 100)
_MAKER_SHARE = {
    "quadratic": Fraction(0),
    "quadratic_with_maker_fees": Fraction(1, 4),
    "quadratic_with_combo_maker_fees": Fraction(1, 2),
}
FEE_TYPES = frozenset(_MAKER_SHARE)
"""The types that can be charged; the table of `flat` is not public."""


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Coefficients of `C x P x (1 - P)`, multiplier included."""

    taker: Fraction
    maker: Fraction


def fee_rates(fee_type: str, multiplier: str) -> FeeRates:
    """The rates of a series or event. Raises ValueError for an unknown type or a negative multiplier."""
    if fee_type not in _MAKER_SHARE:
        raise ValueError(f"fee type {fee_type!r} cannot be charged")
    taker = TAKER * Fraction(multiplier)
    if taker < 0:
        raise ValueError(f"fee multiplier {multiplier!r} is negative")
    return FeeRates(taker, taker * _MAKER_SHARE[fee_type])


def trade_fee(rate: Fraction, size: int, price: int) -> int:
    """The model fee of `size` at `price`, rounded up to $0.000001 (facts §8.2, step 1)."""
    model = rate * size * price * (ONE - price)
    return -(-model.numerator // (model.denominator * ONE * ONE))


@dataclass(frozen=True, slots=True)
class Charge:
    """What one fill does to a balance. `fee = trade + rounding - rebate` and is never negative."""

    trade: int
    rounding: int
    rebate: int
    carry: int
    """Rounding overpayment that the order carries to its next fill."""

    @property
    def fee(self) -> int:
        return self.trade + self.rounding - self.rebate


def charge(revenue: int, trade: int, unit: int, carry: int) -> Charge:
    """Round one fill's balance change down to `unit` and rebate what earlier fills overpaid (facts §8.2, steps 2-4).

    `revenue` is signed (negative for a purchase). The rebate is whole units and at most what makes the fee zero.
    """
    change = revenue - trade
    rounding = change - change // unit * unit
    carried = carry + rounding
    rebate = min(carried // unit, (trade + rounding) // unit) * unit
    return Charge(trade, rounding, rebate, carried - rebate)
