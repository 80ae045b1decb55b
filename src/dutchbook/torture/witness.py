"""What the venues themselves know: their orders, fills, results and books, read from their own state and never over the wire.

The rules hold what the engine believes against it. Reads only; nothing here moves time or says anything to anybody.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, native_of, venue_of
from dutchbook.core.clock import SECOND
from dutchbook.core.position import LegRow, OrderRow
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.polymarket import orders
from dutchbook.simulator.polymarket.exchange import PolymarketExchange

WRONG_FOR_NS: Final = 8 * SECOND
"""How long a live book may differ from the venue's unchanged one: a stream that has gone silent is noticed within six."""

AT_ONCE: Final = 6
"""Books that are looked at in one step, beside those that differ."""

Levels = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
"""Bids and asks of one market in YES terms, best first."""


@dataclass(slots=True)
class Witness:
    """Both venues, and whose account is asked about."""

    kalshi: KalshiExchange
    polymarket: PolymarketExchange
    account: str = "trader"

    def alive(self, leg: LegRow, row: OrderRow) -> bool:
        """Whether the venue may still fill an order: it rests there, or is held back."""
        market = leg.claim.market
        if venue_of(market) == "polymarket":
            order = self.polymarket.orders.get(row.plan.identity)
            return order is not None and order.status in (orders.LIVE, orders.DELAYED)
        state = self.kalshi._state
        owner = state.members[self.account].user_id
        return any(
            state.desk.resting_order(resting.id).client_order_id == row.plan.identity
            for resting in state.markets[native_of(market)].book.orders.values()
            if resting.owner == owner
        )

    def filled(self, leg: LegRow, row: OrderRow) -> int:
        """Contracts that the venue has matched for an order, all its copies together."""
        if venue_of(leg.claim.market) == "polymarket":
            order = self.polymarket.orders.get(row.plan.identity)
            return 0 if order is None else order.filled
        fills = self.kalshi._state.members[self.account].fills
        return sum(fill.size for fill in fills if fill.client_order_id == row.plan.identity)

    def levels(self, market: MarketId) -> Levels | None:
        """The venue's book; None when the market does not trade."""
        exchange = self.kalshi if venue_of(market) == "kalshi" else self.polymarket
        native = native_of(market)
        if not exchange.is_open(native):
            return None
        listed = self.kalshi._state.markets[native] if exchange is self.kalshi else self.polymarket.markets[native]
        return tuple(listed.book.bids.levels()), tuple(listed.book.asks.levels())


@dataclass(slots=True)
class BookWatch:
    """Which live books of an engine differ from the venue's, and since when, the venue's standing still meanwhile."""

    witness: Witness
    blind: set[str]
    """Venues whose stream lost or swapped a frame and numbers none: nobody can see that their books are wrong."""
    _next: int = 0
    _wrong: dict[MarketId, tuple[int, Levels]] = field(default_factory=dict)

    def wrong(self, books: Mapping[MarketId, Book], stale: Container[MarketId], now: int) -> MarketId | None:
        """Look at some books; a market whose book has been wrong, live and not stale for too long, if there is one."""
        names = sorted(books)
        if not names:
            return None
        chosen = {names[(self._next + step) % len(names)] for step in range(AT_ONCE)} | self._wrong.keys()
        self._next += AT_ONCE
        for market in sorted(chosen):
            book = books.get(market)
            truth = self.witness.levels(market)
            usable = book is not None and book.live and market not in stale
            if (
                book is None
                or truth is None
                or not usable
                or venue_of(market) in self.blind
                or truth == (tuple(book.bids.levels()), tuple(book.asks.levels()))
            ):
                self._wrong.pop(market, None)
                continue
            since, before = self._wrong.get(market, (now, truth))
            if before != truth:
                since = now
            self._wrong[market] = (since, truth)
            if now - since > WRONG_FOR_NS:
                return market
        return None
