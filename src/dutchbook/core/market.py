"""A market as the venue describes it: grids, minimums, fees, delay, times. All of it read from the venue."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import gcd

from dutchbook.core.claim import MarketId, native_of, venue_of
from dutchbook.core.fees import FeeSchedule
from dutchbook.core.money import MICRO, Cash, Price, Size, format_micros


@dataclass(frozen=True, slots=True)
class TickRange:
    """Prices `start + k * step` up to and including `end`."""

    start: Price
    end: Price
    step: Price


@dataclass(frozen=True, slots=True)
class TickGrid:
    """The tradable prices of a market; 0 and 1 never are."""

    ranges: tuple[TickRange, ...]

    @staticmethod
    def uniform(step: Price) -> TickGrid:
        """One range over the whole book; raises ValueError for a step that does not divide 1."""
        if step <= 0 or MICRO % step:
            raise ValueError(f"tick: {format_micros(step)} does not divide 1")
        return TickGrid((TickRange(step, Price(MICRO - step), step),))

    def contains(self, price: Price) -> bool:
        """Whether an order at this price is on the grid and strictly inside (0, 1)."""
        return 0 < price < MICRO and any(
            r.start <= price <= r.end and (price - r.start) % r.step == 0 for r in self.ranges
        )

    def floor(self, price: Price) -> Price | None:
        """The highest tradable price not above `price`; None when there is none."""
        found = [r.start + (min(price, r.end) - r.start) // r.step * r.step for r in self.ranges if r.start <= price]
        tradable = [p for p in found if 0 < p < MICRO]
        return Price(max(tradable)) if tradable else None

    def ceil(self, price: Price) -> Price | None:
        """The lowest tradable price not below `price`; None when there is none."""
        found: list[int] = []
        for r in self.ranges:
            if price <= r.end:
                candidate = r.start if price <= r.start else r.start - (r.start - price) // r.step * r.step
                if candidate == 0:
                    candidate = r.step
                if candidate <= r.end and candidate < MICRO:
                    found.append(candidate)
        return Price(min(found)) if found else None


class MarketStatus(Enum):
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    DETERMINED = "determined"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Market:
    """One binary market.

    `lot` is the size step; `min_size` the smallest order that may rest, `min_cash` the smallest marketable purchase.
    A marketable order's `price * size` must be a multiple of `buy_cash_step` (or `sell_cash_step`), and its size one of
    `take_lot`: Polymarket's decimals rule for FOK and FAK; Kalshi has 1 and its lot. `pool` names the cash that pays.
    """

    id: MarketId
    event: str
    title: str
    rules: str
    outcomes: tuple[str, str]
    grid: TickGrid
    lot: Size
    take_lot: Size
    min_size: Size
    min_cash: Cash
    buy_cash_step: Cash
    sell_cash_step: Cash
    fees: FeeSchedule
    pool: str
    status: MarketStatus
    closes_ns: int
    starts_ns: int | None = None
    taker_delay_ns: int = 0
    mutually_exclusive: bool = False

    @property
    def venue(self) -> str:
        return venue_of(self.id)

    @property
    def native(self) -> str:
        return native_of(self.id)

    @property
    def rules_hash(self) -> str:
        """SHA-256 of the rules text: an approval of a link is bound to it."""
        return hashlib.sha256(self.rules.encode()).hexdigest()

    @property
    def buys_in_cash(self) -> bool:
        """Whether a purchase names its cash: a better price than its limit may then bring more contracts than asked."""
        return self.buy_cash_step > 1

    def marketable_lot(self, price: Price, *, buying: bool = True) -> Size:
        """The smallest size step that a marketable order at `price` may have."""
        if buying:
            return _lot(self.take_lot, self.buy_cash_step, price)
        return _lot(self.lot, self.sell_cash_step, price)


@lru_cache(maxsize=16_384)
def _lot(base: Size, cash_step: Cash, price: Price) -> Size:
    """The smallest multiple of `base` whose cash at `price` is a multiple of `cash_step`."""
    needed = cash_step * MICRO // gcd(cash_step * MICRO, price)
    return Size(base * needed // gcd(base, needed))
