"""One order book per market, in YES terms; NO prices are derived. Integers only.

Prices and sizes are millionths. A book is changed by the venue's stream code and read by everybody else.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.money import MICRO, Cash, Price, Rounding, Size, divide

Level = tuple[Price, Size]


class Ladder:
    """One side, best price first. Keys are prices for asks and negated prices for bids, so the first is the best."""

    __slots__ = ("_keys", "_sign", "_sizes")

    def __init__(self, *, bids: bool) -> None:
        self._sign = -1 if bids else 1
        self._keys: list[int] = []
        self._sizes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def clear(self) -> None:
        self._keys.clear()
        self._sizes.clear()

    def replace(self, levels: Iterable[tuple[int, int]]) -> None:
        """All levels at once; raises MalformedFrame for a price or size that no book can have."""
        sign = self._sign
        sizes: dict[int, int] = {}
        for price, size in levels:
            if not 0 < price < MICRO:
                raise MalformedFrame(f"book level price {price} is not inside (0, 1)")
            if size < 0:
                raise MalformedFrame(f"book level at {price} has negative size {size}")
            if size:
                sizes[price * sign] = size
        self._sizes = sizes
        self._keys = sorted(sizes)

    def set(self, price: int, size: int) -> None:
        """The level's new size; zero removes it."""
        key = price * self._sign
        if size > 0:
            if key not in self._sizes:
                if not 0 < price < MICRO:
                    raise MalformedFrame(f"book level price {price} is not inside (0, 1)")
                insort(self._keys, key)
            self._sizes[key] = size
        elif size == 0:
            if key in self._sizes:
                del self._sizes[key]
                del self._keys[bisect_left(self._keys, key)]
        else:
            raise MalformedFrame(f"book level at {price} has negative size {size}")

    def add(self, price: int, delta: int) -> None:
        """Change a level by `delta`; raises MalformedFrame when it would go below zero."""
        key = price * self._sign
        sizes = self._sizes
        old = sizes.get(key)
        if old is not None:
            size = old + delta
            if size > 0:
                sizes[key] = size
                return
            if size == 0:
                del sizes[key]
                del self._keys[bisect_left(self._keys, key)]
                return
        elif delta > 0 and 0 < price < MICRO:
            insort(self._keys, key)
            sizes[key] = delta
            return
        raise MalformedFrame(f"book level at {price} would be {(old or 0) + delta}")

    def best(self) -> Price | None:
        return Price(self._keys[0] * self._sign) if self._keys else None

    def size_at(self, price: int) -> Size:
        return Size(self._sizes.get(price * self._sign, 0))

    def levels(self, depth: int | None = None) -> list[Level]:
        """(price, size), best first."""
        sign, sizes = self._sign, self._sizes
        keys = self._keys if depth is None else self._keys[:depth]
        # one cast for all: a call of Price and Size per level would cost more than the level itself
        return cast("list[Level]", [(key * sign, sizes[key]) for key in keys])

    def complements(self, depth: int | None = None) -> list[Level]:
        """(1 - price, size), best first: this side as the other claim sees it."""
        sign, sizes = self._sign, self._sizes
        keys = self._keys if depth is None else self._keys[:depth]
        return cast("list[Level]", [(MICRO - key * sign, sizes[key]) for key in keys])


class Book:
    """One market's book with its age.

    `as_of_ns` is the venue's wall time of the last change, `received_ns` our monotonic time of the last frame that
    touched it. `live` is False until a snapshot has come and after a gap: such a book cannot be traded on.
    """

    __slots__ = ("as_of_ns", "asks", "bids", "live", "market", "received_ns", "version")

    def __init__(self, market: MarketId) -> None:
        self.market = market
        self.bids = Ladder(bids=True)
        self.asks = Ladder(bids=False)
        self.as_of_ns = 0
        self.received_ns = 0
        self.live = False
        self.version = 0

    def snapshot(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> None:
        """Replace both sides; the book is live from here."""
        self.bids.replace(bids)
        self.asks.replace(asks)
        self.live = True
        self.version += 1

    def invalidate(self) -> None:
        """Not tradable until the next snapshot: a gap, a disconnect, a malformed delta."""
        self.live = False
        self.version += 1

    @property
    def crossed(self) -> bool:
        """Best bid at or above best ask: the venue would have matched it, so the data is wrong."""
        bid, ask = self.bids.best(), self.asks.best()
        return bid is not None and ask is not None and bid >= ask

    def offers(self, outcome: Outcome, depth: int | None = None) -> list[Level]:
        """What the claim can be bought at, cheapest first, in the claim's own price."""
        return self.asks.levels(depth) if outcome is Outcome.YES else self.bids.complements(depth)

    def demand(self, outcome: Outcome, depth: int | None = None) -> list[Level]:
        """What the claim can be sold at, dearest first, in the claim's own price."""
        return self.bids.levels(depth) if outcome is Outcome.YES else self.asks.complements(depth)

    def best_offer(self, outcome: Outcome) -> Price | None:
        """Cheapest price to buy the claim."""
        if outcome is Outcome.YES:
            return self.asks.best()
        bid = self.bids.best()
        return None if bid is None else Price(MICRO - bid)

    def best_demand(self, outcome: Outcome) -> Price | None:
        """Dearest price to sell the claim."""
        if outcome is Outcome.YES:
            return self.bids.best()
        ask = self.asks.best()
        return None if ask is None else Price(MICRO - ask)


@dataclass(frozen=True, slots=True)
class Walk:
    """A depth walk: what was reached, its cash, the last level's price, and each level's part."""

    size: Size
    cash: Cash
    worst: Price | None
    parts: tuple[Level, ...]

    def average(self, rounding: Rounding) -> Price | None:
        """Cash over size; a derived figure for screens, never multiplied back."""
        return Price(divide(self.cash * MICRO, self.size, rounding)) if self.size else None


def walk(levels: Sequence[Level], size: Size, rounding: Rounding = Rounding.EXACT) -> Walk:
    """Take up to `size` from `levels` in order; cash is the sum of price * size over the levels."""
    parts: list[Level] = []
    product = 0
    left: int = size
    for price, available in levels:
        if left <= 0:
            break
        taken = min(left, available)
        parts.append((price, Size(taken)))
        product += price * taken
        left -= taken
    return Walk(
        size=Size(size - left if size > 0 else 0),
        cash=Cash(divide(product, MICRO, rounding)),
        worst=parts[-1][0] if parts else None,
        parts=tuple(parts),
    )


def size_for_budget(levels: Sequence[Level], budget: Cash, lot: Size) -> Walk:
    """The largest whole number of lots whose cash (without fees) fits `budget`, as a walk."""
    spent = 0
    size = 0
    for price, available in levels:
        room = budget * MICRO - spent
        taken = min(available, room // price)
        size += taken
        spent += price * taken
        if taken < available:
            break
    return walk(levels, Size(size // lot * lot), Rounding.CEIL)
