"""The depth walk: books and fees as one concave, piecewise straight profit line in the number of bundles.

Between two break-points (where a leg's level is used up) every leg has one limit price, one lot and one marginal cost, so
the profit before rounding is a straight line; it is never below the exact profit, because fees only round up. Sizes are
millionths of a contract. Unit costs are integers over 1e-24 dollars a contract, totals over 1e-30 dollars, so that a rate
(1e-12) times a price times its complement (1e-6 each) stays whole. This file picks no size and knows no minimum profit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm
from typing import Final

from dutchbook.core.book import Book, Level
from dutchbook.core.claim import Claim
from dutchbook.core.fees import FeeMeter
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Cash, Price, Rounding, Size, notional

CASH_SCALE: Final = 10**24
"""Millionths of a dollar times this are in the walk's 1e-30 dollars."""

PRICE_SCALE: Final = 10**18
"""Millionths of a dollar a contract times this are in the walk's 1e-24 dollars a contract."""

RATE_SCALE: Final = 10**12
"""A rate in dollars a contract (1e-12) times this is in the walk's 1e-24 dollars a contract."""

_FIRST_READ: Final = 12
"""Levels read at first; the rest of a deep book is read only when the walk gets there."""


class Step:
    """One level of one leg: it ends a leg's order for sizes above `start` up to `end`.

    `product` is the sum of price times size over the levels before it, `unit` its all-in cost a contract before rounding.
    """

    __slots__ = (
        "_charged",
        "_fee",
        "_fees",
        "_overpaid",
        "_previous",
        "end",
        "market",
        "price",
        "product",
        "start",
        "unit",
    )

    def __init__(self, market: Market, price: int, size: int, unit: int, previous: Step | None) -> None:
        self.market = market
        self.price = price
        self.unit = unit
        self._previous = previous
        self._fees = market.fees
        self._fee = 0
        self._overpaid = Cash(0)
        self._charged = False
        if previous is None:
            self.start = 0
            self.product = 0
            self.end = size
        else:
            self.start = previous.end
            self.product = previous.product + previous.price * (previous.end - previous.start)
            self.end = previous.end + size

    def _enter(self) -> None:
        """Charge the levels before this one, so that `_fee` and `_overpaid` are the order's when it enters this level."""
        chain = [self]
        previous = self._previous
        while previous is not None and not previous._charged:
            chain.append(previous)
            previous = previous._previous
        meter = FeeMeter(self._fees, previous._overpaid if previous is not None else Cash(0))
        fee = previous._fee if previous is not None else 0
        for step in reversed(chain):
            previous = step._previous
            if previous is not None:
                fee += meter.charge(previous.price, previous.end - previous.start, buying=True)  # type: ignore[arg-type]
            step._fee, step._overpaid, step._charged = fee, meter.overpaid, True

    def spent(self, size: int) -> tuple[int, int]:
        """(cash, fee) of the leg's order for `size` contracts ending in this level: exact, millionths of a dollar."""
        if not self._charged:
            self._enter()
        taken = size - self.start
        fee = FeeMeter(self._fees, self._overpaid).charge(Price(self.price), Size(taken), buying=True)
        return -(-(self.product + self.price * taken) // MICRO), self._fee + fee

    def worst(self, size: int, expected: int) -> int:
        """Cash and fee if all of `size` fills at this level's price in one fill; never below what is `expected`."""
        if not self.start:
            return expected
        price, whole = Price(self.price), Size(size)
        fee = FeeMeter(self._fees).charge(price, whole, buying=True)
        return max(expected, notional(price, whole, Rounding.CEIL) + fee)


class Leg:
    """One claim's offers, walked cheapest first."""

    __slots__ = ("_exponent", "_fee_scale", "_index", "_levels", "_rate", "book", "claim", "market", "step")

    def __init__(self, claim: Claim, market: Market, book: Book) -> None:
        self.claim = claim
        self.market = market
        self.book = book
        self._rate = market.fees.taker_rate
        self._exponent = market.fees.exponent
        self._fee_scale: int = 1 if self._exponent == 1 else 10 ** (12 * self._exponent - 12)
        self._levels: list[Level] = book.offers(claim.outcome, _FIRST_READ)
        self._index = -1
        self.step: Step | None = None
        self.advance()

    def advance(self) -> None:
        """Fill the current level and go to the next; `step` is None after the last."""
        index = self._index = self._index + 1
        if index == len(self._levels) == _FIRST_READ:
            self._levels = self.book.offers(self.claim.outcome)
        if index >= len(self._levels):
            self.step = None
            return
        price, size = self._levels[index]
        spread = price * (MICRO - price)
        # floored, so that the line stays an upper bound of the exact profit
        fee_unit = (
            self._rate * spread if self._exponent == 1 else self._rate * spread**self._exponent // self._fee_scale
        )
        self.step = Step(self.market, price, size, price * PRICE_SCALE + fee_unit, self.step)


class Segment:
    """A straight piece of the profit line, for sizes above `low` up to `end`.

    `base` is the profit before rounding at `low`, `slope` the marginal edge after the hurdle. A piece that just meets a
    hurdle `rises` (it earns the hurdle); one that just breaks even without a hurdle does not (it only ties up cash).
    """

    __slots__ = ("base", "end", "low", "rises", "slope", "steps")

    def __init__(self, low: int, end: int, base: int, slope: int, rises: bool, steps: list[Step]) -> None:
        self.low = low
        self.end = end
        self.base = base
        self.slope = slope
        self.rises = rises
        self.steps = steps

    def smooth(self, size: int) -> int:
        """Profit after the hurdle, before any rounding, 1e-30 dollars."""
        return self.base + self.slope * (size - self.low)

    def sizes(self) -> range:
        """The sizes that every leg can order: on its lot and not below its smallest marketable cash, at its limit."""
        lot = 1
        least = self.low + 1
        for step in self.steps:
            lot = lcm(lot, step.market.marketable_lot(Price(step.price)))
            if step.market.min_cash:
                least = max(least, -(-step.market.min_cash * MICRO // step.price))
        return range(-(-least // lot) * lot, self.end + 1, lot)


Budget = tuple[Cash, tuple[int, ...]]
"""Cash and the numbers of the legs that it must pay for at worst."""

Candidate = tuple[int, int, Segment]
"""(smooth profit, size, segment)."""


class DepthWalk:
    """Segments of the profit line, made one after another as far as somebody asks."""

    __slots__ = ("_base", "_budgets", "_ended", "_guaranteed", "_hurdle", "_legs", "_low", "_most", "segments")

    def __init__(
        self, legs: Sequence[Leg], guaranteed: Price, hurdle: int, budgets: Sequence[Budget], most: Size
    ) -> None:
        self._legs = legs
        self._guaranteed = guaranteed * PRICE_SCALE
        self._hurdle = hurdle
        self._budgets = [(cash * CASH_SCALE, numbers) for cash, numbers in budgets]
        self._most: int = most
        self._low = 0
        self._base = 0
        self._ended = False
        self.segments: list[Segment] = []

    def extend(self) -> Segment | None:
        """The next segment; None when a book, the contract limit or a budget ends the line."""
        if self._ended:
            return None
        low = self._low
        end = self._most
        cost = 0
        steps: list[Step] = []
        for leg in self._legs:
            step = leg.step
            if step is not None and step.end == low:
                leg.advance()
                step = leg.step
            if step is None:
                self._ended = True
                return None
            steps.append(step)
            cost += step.unit
            if step.end < end:
                end = step.end
        high = end
        for cash, numbers in self._budgets:
            # before rounding, with every contract at the limit: the least that the worst cost can be
            count = len(numbers)
            if count == 1:
                unit = steps[numbers[0]].unit
            else:
                unit = cost if count == len(steps) else sum([steps[i].unit for i in numbers])
            if unit * end > cash:
                end = cash // unit
        if end <= low:
            self._ended = True
            return None
        base = self._base
        slope = self._guaranteed - cost - self._hurdle
        segment = Segment(low, end, base, slope, slope > 0 or (slope == 0 and self._hurdle > 0), steps)
        self.segments.append(segment)
        self._ended = end < high or high == self._most
        self._low = end
        self._base = base + slope * (end - low)
        return segment

    def rise(self) -> None:
        """Make segments until the line no longer rises, or ends."""
        segment = self.extend()
        while segment is not None and segment.rises:
            segment = self.extend()

    def downwards(self) -> Iterator[Candidate]:
        """Sizes from the top of the line (after `rise`) towards zero."""
        for segment in reversed(self.segments):
            if segment.rises:
                for size in reversed(segment.sizes()):
                    yield segment.smooth(size), size, segment

    def upwards(self) -> Iterator[Candidate]:
        """Sizes from the top of the line (after `rise`) on to where it ends."""
        number = next((i for i, segment in enumerate(self.segments) if not segment.rises), len(self.segments))
        while number < len(self.segments) or self.extend() is not None:
            segment = self.segments[number]
            for size in segment.sizes():
                yield segment.smooth(size), size, segment
            number += 1
