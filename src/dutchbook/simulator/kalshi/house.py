"""House makers and takers: quotes kept as wanted levels, changed by the difference only. Never a member's order.

Prices need 4 decimals at most and sizes 0.01 contract, but not the market's own step: a live book may be replayed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from dutchbook.simulator.exchange import Level
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.orders import Order
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import ONE, PRICE_STEP, SIZE_STEP


def _wanted(bids: Sequence[Level], asks: Sequence[Level]) -> dict[tuple[bool, int], int]:
    wanted: dict[tuple[bool, int], int] = {}
    for buy, levels in ((True, bids), (False, asks)):
        for price, size in levels:
            _check(price, size)
            if size:
                wanted[buy, price] = wanted.get((buy, price), 0) + size
    if bids and asks and max(price for price, _ in bids) >= min(price for price, _ in asks):
        raise ValueError("a maker's own quotes cross")
    return wanted


def _check(price: int, size: int) -> None:
    if not 0 < price < ONE or price % PRICE_STEP:
        raise ValueError(f"price {price} is not between 0 and 1 in steps of 0.0001")
    if size < 0 or size % SIZE_STEP:
        raise ValueError(f"size {size} is not in steps of 0.01 contract")


class HouseQuotes:
    """What each house maker shows in each market."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._shown: dict[tuple[str, str], dict[tuple[bool, int], list[Order]]] = {}

    def replace(self, ticker: str, maker: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Make a maker's resting quotes equal to the wanted levels; ignored where the market does not trade.

        Smaller levels give up their newest size and keep their place, larger ones add at the back of the queue,
        equal ones are not touched. New size that crosses others trades first. Raises ValueError for a bad level.
        """
        market = self._state.markets[ticker]
        wanted = _wanted(bids, asks)
        if market.status != "active":
            return
        shown = self._shown.setdefault((ticker, maker), {})
        for level, orders in list(shown.items()):
            orders[:] = [order for order in orders if order.open]
            self._shrink(orders, sum(order.remaining for order in orders) - wanted.get(level, 0))
            if not orders:
                del shown[level]
        for (buy, price), size in wanted.items():
            missing = size - sum(order.remaining for order in shown.get((buy, price), ()))
            if missing:
                self._add(market, maker, shown, buy, price, missing)

    def nudge(self, ticker: str, maker: str, buy: bool, price: int, delta: int) -> None:
        """Change what a maker shows at one level by `delta`, as far as it is still there; raises ValueError."""
        market = self._state.markets[ticker]
        _check(price, abs(delta))
        if market.status != "active":
            return
        shown = self._shown.setdefault((ticker, maker), {})
        if delta > 0:
            self._add(market, maker, shown, buy, price, delta)
            return
        orders = shown.get((buy, price), [])
        orders[:] = [order for order in orders if order.open]
        self._shrink(orders, min(-delta, sum(order.remaining for order in orders)))

    def _shrink(self, orders: list[Order], excess: int) -> None:
        """Take `excess` away from a level, newest orders first."""
        while excess > 0:
            gone = min(excess, orders[-1].remaining)
            self._state.desk.house_shrink(orders[-1], orders[-1].remaining - gone, self._state.now)
            excess -= gone
            if not orders[-1].open:
                orders.pop()

    def _add(
        self,
        market: Market,
        maker: str,
        shown: dict[tuple[bool, int], list[Order]],
        buy: bool,
        price: int,
        size: int,
    ) -> None:
        house = self._state.house(maker)
        order = self._state.desk.house_order(house, market, buy, price, size, self._state.now)
        if order.open:
            shown.setdefault((buy, price), []).append(order)

    def take(self, ticker: str, taker: str, buy: bool, limit: int, size: int) -> int:
        """Sweep the book to `limit`; returns the size done. Raises ValueError for a bad price or size."""
        market = self._state.markets[ticker]
        _check(limit, size)
        if market.status != "active" or size == 0:
            return 0
        return self._state.desk.house_take(self._state.house(taker), market, buy, limit, size, self._state.now)
