"""Price-time matching of one market's YES book. Knows no venue, no fees and no accounts' cash.

Prices and sizes are integer millionths. A buy of NO at q is a sell of YES at 1 - q: the caller converts.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Resting:
    """An order resting in the book. `buy` is in YES terms; `owner` is opaque to the matcher."""

    id: str
    owner: str
    buy: bool
    price: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Execution:
    """`size` traded at the resting order's price."""

    maker: Resting
    price: int
    size: int


class Ladder:
    """One side of the book: FIFO queues by price, best price first."""

    def __init__(self, buy: bool) -> None:
        self._sign = -1 if buy else 1
        self._keys: list[int] = []
        self._queues: dict[int, deque[Resting]] = {}

    def __iter__(self) -> Iterator[Resting]:
        """Resting orders in matching order (best price, then oldest)."""
        for key in list(self._keys):
            yield from list(self._queues[key * self._sign])

    def __bool__(self) -> bool:
        return bool(self._keys)

    def best(self) -> int | None:
        return self._keys[0] * self._sign if self._keys else None

    def add(self, order: Resting) -> None:
        queue = self._queues.get(order.price)
        if queue is None:
            self._queues[order.price] = deque([order])
            insort(self._keys, order.price * self._sign)
        else:
            queue.append(order)

    def remove(self, order: Resting) -> None:
        queue = self._queues[order.price]
        queue.remove(order)
        if not queue:
            del self._queues[order.price]
            key = order.price * self._sign
            del self._keys[bisect_left(self._keys, key)]

    def levels(self) -> list[tuple[int, int]]:
        """(price, total size) best first."""
        return [(k * self._sign, sum(o.remaining for o in self._queues[k * self._sign])) for k in self._keys]

    def size_at(self, price: int) -> int:
        return sum(o.remaining for o in self._queues.get(price, ()))


class MatchingBook:
    """One market: bids and asks on the YES leg."""

    def __init__(self) -> None:
        self.bids = Ladder(buy=True)
        self.asks = Ladder(buy=False)
        self.orders: dict[str, Resting] = {}

    def crossing(self, buy: bool, limit: int, *, skip_owner: str | None = None) -> list[Resting]:
        """Opposite orders that `limit` reaches, in matching order, without those of `skip_owner`."""
        side = self.asks if buy else self.bids
        reached: list[Resting] = []
        for order in side:
            if (order.price > limit) if buy else (order.price < limit):
                break
            if order.owner != skip_owner:
                reached.append(order)
        return reached

    def available(self, buy: bool, limit: int, *, skip_owner: str | None = None) -> int:
        """Total size an incoming order at `limit` could take now."""
        return sum(order.remaining for order in self.crossing(buy, limit, skip_owner=skip_owner))

    def take(self, buy: bool, limit: int, size: int, *, skip_owner: str | None = None) -> list[Execution]:
        """Match up to `size` against the book at the makers' prices and return the executions in order."""
        done: list[Execution] = []
        for maker in self.crossing(buy, limit, skip_owner=skip_owner):
            if size <= 0:
                break
            amount = min(size, maker.remaining)
            maker.remaining -= amount
            size -= amount
            done.append(Execution(maker, maker.price, amount))
            if maker.remaining == 0:
                self._drop(maker)
        return done

    def rest(self, order: Resting) -> None:
        """Add a non-crossing remainder to the book."""
        (self.bids if order.buy else self.asks).add(order)
        self.orders[order.id] = order

    def resting(self, owner: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(price, size) of one owner's bids and asks, best first."""
        sides: list[list[tuple[int, int]]] = []
        for side in (self.bids, self.asks):
            sizes: dict[int, int] = {}
            for order in side:
                if order.owner == owner:
                    sizes[order.price] = sizes.get(order.price, 0) + order.remaining
            sides.append(list(sizes.items()))
        return sides[0], sides[1]

    def cancel(self, order_id: str) -> Resting | None:
        """Take an order out; None when it is not resting."""
        order = self.orders.get(order_id)
        if order is not None:
            self._drop(order)
        return order

    def _drop(self, order: Resting) -> None:
        (self.bids if order.buy else self.asks).remove(order)
        del self.orders[order.id]
