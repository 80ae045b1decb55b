"""Fee schedules as data, and exact fees of one order. Usable without a venue adapter.

One formula serves both venues: `rate * size * (price * (1 - price)) ** exponent` per fill, rounded to `trade_quantum`;
Kalshi then floors the balance change to the member's precision and pays back whole units of what that rounding
overcharged within an order (docs of 2026-09-18); Polymarket has no such step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Final

from dutchbook.core.money import MICRO, Cash, Price, Rate, Rounding, Size, divide, parse_rate

_ONE_STEP: Final = 10**24
"""Scale of rate x size x price x (1 - price) against millionths of a dollar, for exponent 1."""


class Liquidity(Enum):
    TAKER = "taker"
    MAKER = "maker"


class Precision(Enum):
    """Kalshi member's balance precision in millionths of a dollar."""

    DIRECT = 100
    NON_DIRECT = 10_000


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """How one market charges. Rates are over 1e-12, quanta in millionths of a dollar.

    `balance_quantum` zero means that balances move by whole millionths: no second rounding, no accumulator.
    """

    name: str
    taker_rate: Rate
    maker_rate: Rate
    exponent: int = 1
    trade_quantum: int = 1
    balance_quantum: int = 0

    def rate(self, liquidity: Liquidity) -> Rate:
        return self.taker_rate if liquidity is Liquidity.TAKER else self.maker_rate

    def model(self, price: Price, size: Size, liquidity: Liquidity = Liquidity.TAKER) -> Fraction:
        """The unrounded fee in millionths of a dollar."""
        spread = price * (MICRO - price)
        return Fraction(self.rate(liquidity) * size * spread**self.exponent, 10 ** (12 + 12 * self.exponent))

    def trade_fee(self, price: Price, size: Size, liquidity: Liquidity = Liquidity.TAKER) -> Cash:
        """One fill's fee, ceiling to `trade_quantum`, before any balance rounding."""
        rate = self.taker_rate if liquidity is Liquidity.TAKER else self.maker_rate
        exponent = self.exponent
        if exponent == 1:
            numerator = rate * size * price * (MICRO - price)
            divisor = _ONE_STEP
        else:
            numerator = rate * size * (price * (MICRO - price)) ** exponent
            divisor = 10 ** (12 + 12 * exponent)
        quantum = self.trade_quantum
        return Cash(-(-numerator // (divisor * quantum)) * quantum)


class FeeMeter:
    """Fees of one order, fill after fill, with the per-order accumulator of rounding overpayment.

    Net fee of a fill = trade fee + rounding fee - rebate, never below zero; a rebate is paid in whole balance quanta
    and a part that would make the net fee negative stays in the accumulator.
    """

    __slots__ = ("_overpaid", "schedule")

    def __init__(self, schedule: FeeSchedule, overpaid: Cash = Cash(0)) -> None:
        """`overpaid` takes an order up where another meter stood."""
        self.schedule = schedule
        self._overpaid: int = overpaid

    @property
    def overpaid(self) -> Cash:
        """Rounding overpayment not yet paid back, millionths of a dollar."""
        return Cash(self._overpaid)

    def charge(self, price: Price, size: Size, *, buying: bool, liquidity: Liquidity = Liquidity.TAKER) -> Cash:
        """The net fee of the next fill of this order; `price` is the claim's own price."""
        schedule = self.schedule
        trade = schedule.trade_fee(price, size, liquidity)
        quantum = schedule.balance_quantum
        if not quantum:
            return trade
        # floor of the signed revenue: a purchase's cash is rounded up, a sale's down
        revenue = -price * size // MICRO if buying else price * size // MICRO
        rounding = (revenue - trade) % quantum
        gross = trade + rounding
        overpaid = self._overpaid + rounding
        rebate = (overpaid if overpaid < gross else gross) // quantum * quantum
        self._overpaid = overpaid - rebate
        return Cash(gross - rebate)


def order_fee(
    schedule: FeeSchedule,
    fills: list[tuple[Price, Size]],
    *,
    buying: bool = True,
    liquidity: Liquidity = Liquidity.TAKER,
) -> Cash:
    """Total net fee of one order filled as `fills` in that order."""
    meter = FeeMeter(schedule)
    return Cash(sum(meter.charge(price, size, buying=buying, liquidity=liquidity) for price, size in fills))


_KALSHI_TAKER: Final = parse_rate("0.07")
_KALSHI_MAKER_SHARE: Final = {
    "quadratic": Fraction(0),
    "quadratic_with_maker_fees": Fraction(1, 4),
    "quadratic_with_combo_maker_fees": Fraction(1, 2),
}


def kalshi_fees(multiplier: Rate, fee_type: str, precision: Precision = Precision.NON_DIRECT) -> FeeSchedule:
    """Kalshi's schedule for a series or event (`fee_multiplier`, `fee_type`).

    Raises ValueError for a fee type whose table is not published (`flat`): such a market is not traded.
    """
    share = _KALSHI_MAKER_SHARE.get(fee_type)
    if share is None:
        raise ValueError(f"fee_type: {fee_type!r} is not a known Kalshi fee shape; the market is not traded")
    taker = _KALSHI_TAKER * multiplier // 10**12
    maker = Fraction(taker) * share
    return FeeSchedule(
        name=f"kalshi {fee_type}",
        taker_rate=Rate(taker),
        maker_rate=Rate(divide(maker.numerator, maker.denominator, Rounding.CEIL)),
        trade_quantum=1,
        balance_quantum=precision.value,
    )


def polymarket_fees(rate: Rate, exponent: int = 1, maker_rate: Rate = Rate(0)) -> FeeSchedule:
    """Polymarket's schedule: takers only, five decimals, decided with the ceiling per match (an upper bound)."""
    if exponent < 1:
        raise ValueError(f"exponent: {exponent} is not a known Polymarket fee shape; the market is not traded")
    return FeeSchedule("polymarket", Rate(rate), maker_rate, exponent=exponent, trade_quantum=10)


FREE: Final = FeeSchedule("free", Rate(0), Rate(0))
"""No fee at all."""
