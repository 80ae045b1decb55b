"""What the makers of one market have quoted, as the scripted world remembers it.

The world's actors look only here, never at an exchange: so what they do depends on the seed alone, the same whether
one venue is there or both, and whatever an engine trades. Prices and sizes are integer millionths, YES terms.
"""

from __future__ import annotations

from collections.abc import Sequence

from dutchbook.simulator.exchange import Level


class Street:
    """Each maker's ladders, best level first."""

    def __init__(self) -> None:
        self._bids: dict[str, list[Level]] = {}
        self._asks: dict[str, list[Level]] = {}

    def quote(self, maker: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Replace both ladders of a maker."""
        self._bids[maker] = list(bids)
        self._asks[maker] = list(asks)

    def best(self, buy: bool, *, without: str | None = None) -> Level | None:
        """Best price with its total size that a taker can buy at (`buy`) or sell at; None on an empty side."""
        price: int | None = None
        total = 0
        for maker, levels in (self._asks if buy else self._bids).items():
            if maker == without or not levels:
                continue
            top, size = levels[0]
            if price is None or (top < price if buy else top > price):
                price, total = top, size
            elif top == price:
                total += size
        return None if price is None else (price, total)

    def take(self, buy: bool, limit: int, size: int) -> list[str]:
        """Remove up to `size` at `limit` or better; returns the makers that were hit."""
        ladders = self._asks if buy else self._bids
        hit: list[str] = []
        while size > 0:
            best = self.best(buy)
            if best is None or (best[0] > limit if buy else best[0] < limit):
                break
            maker = next(name for name, levels in ladders.items() if levels and levels[0][0] == best[0])
            price, there = ladders[maker].pop(0)
            amount = min(size, there)
            size -= amount
            if amount < there:
                ladders[maker].insert(0, (price, there - amount))
            if maker not in hit:
                hit.append(maker)
        return hit
