"""Builds what the risk gate sees: figures of the ledger, balances, ages and clocks at one instant. Judges nothing.

Figures that need all trades are kept, and follow the trades that change; a book update computes none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.money import MICRO, Cash, Price, Rounding, divide
from dutchbook.core.order import OrderState
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import UNEQUAL, Phase
from dutchbook.ledger.projection import Ledger
from dutchbook.ledger.statistics import day_bounds, local_day, statistics
from dutchbook.risk.view import DailyCounters


class _Part(NamedTuple):
    """What one trade adds to the figures; `risk` is None for one that is over."""

    trades: int
    realised: int
    event: str
    risk: int | None
    unresolved: bool


@dataclass(slots=True)
class Figures:
    """Per-event and per-day figures folded from the ledger's trades; a fact costs as much as the one trade it is about."""

    day: date
    zone: ZoneInfo
    trades_today: int = 0
    realised_today: Cash = Cash(0)
    open_positions: dict[str, int] = field(default_factory=dict)
    exposure: dict[str, Cash] = field(default_factory=dict)
    unresolved: dict[str, TradeBook] = field(default_factory=dict)
    """By trade."""
    _parts: dict[str, _Part] = field(default_factory=dict)
    _facts: int = 0

    @staticmethod
    def of(ledger: Ledger, zone: ZoneInfo, wall_ns: int) -> Figures:
        """Fresh figures for the local day of `wall_ns`."""
        figures = Figures(local_day(wall_ns, zone), zone)
        begins, _ = day_bounds(figures.day, zone)
        # trades without a fact of this day or later cannot count for it, unless they are open: the past costs nothing
        known = {trade.id: trade for trade in ledger.newest(since_ns=begins)}
        for trade in {**known, **ledger.open}.values():
            figures._take(trade, trade.id in ledger.open)
        figures._facts = ledger.facts
        return figures

    def follow(self, ledger: Ledger) -> None:
        """Take up what has happened to trades since these figures were right."""
        if self._facts != ledger.facts:
            still = ledger.open
            for trade in ledger.newest(after=self._facts):
                self._take(trade, trade.id in still)
            self._facts = ledger.facts

    def _take(self, trade: TradeBook, is_open: bool) -> None:
        before = self._parts.get(trade.id)
        now = self._parts[trade.id] = self._part(trade, is_open)
        for part, sign in ((before, -1), (now, 1)):
            if part is None:
                continue
            self.trades_today += sign * part.trades
            self.realised_today = Cash(self.realised_today + sign * part.realised)
            if part.risk is not None:
                count = self.open_positions[part.event] = self.open_positions.get(part.event, 0) + sign
                self.exposure[part.event] = Cash(self.exposure.get(part.event, 0) + sign * part.risk)
                if not count:
                    del self.open_positions[part.event], self.exposure[part.event]
        if now.unresolved:
            self.unresolved[trade.id] = trade
        else:
            self.unresolved.pop(trade.id, None)

    def _part(self, trade: TradeBook, is_open: bool) -> _Part:
        today = statistics((trade,), self.zone, self.day)
        event, risk, stands_alone = trade.opened.event, None, False
        if is_open and trade.phase is Phase.DRY_RUN:
            risk = would_cost(trade)
        elif is_open and (trade.working or not trade.flat):
            risk, stands_alone = at_risk(trade), unresolved(trade)
        # a ledger has one mode: in dry-run the trades that would have been made count as if they had been
        return _Part(today.trades + today.dry_run, today.realised, event, risk, stands_alone)

    def current(self, wall_ns: int) -> bool:
        """Whether these are still today's."""
        return self.day == local_day(wall_ns, self.zone)

    def counters(self, books: Mapping[MarketId, Book]) -> DailyCounters:
        """Today's counters, with naked legs marked at the executable bid now."""
        marks = sum(mark(trade, books) for trade in self.unresolved.values())
        return DailyCounters(self.trades_today, self.realised_today, Cash(marks))


def unresolved(trade: TradeBook) -> bool:
    """Whether legs are, or may stay, unequal: no new entries meanwhile.

    A first round still out is not unresolved yet; an order whose fate is not known is.
    """
    if trade.phase in UNEQUAL:
        return True
    if trade.working and any(row.state is OrderState.UNKNOWN for row in trade.orders()):
        return True
    return trade.working and all(row.ended for row in trade.orders()) and len({leg.held for leg in trade.legs}) > 1


def would_cost(trade: TradeBook) -> Cash:
    """What a dry-run trade would have cost at worst."""
    return Cash(sum(leg.plan.worst for leg in trade.legs))


def at_risk(trade: TradeBook) -> Cash:
    """Cash that a trade may still lose: what it paid and may still pay, less what came back."""
    paid = sum(leg.spent + leg.fees + leg.reserved - leg.received for leg in trade.legs if not leg.settled)
    return Cash(max(0, paid))


def mark(trade: TradeBook, books: Mapping[MarketId, Book]) -> Cash:
    """Result so far of an unresolved trade, contracts valued at the best executable bid (zero where there is none).

    A leg that has been paid is in the result already.
    """
    value = 0
    for leg in trade.legs:
        if leg.settled:
            continue
        book = books.get(leg.claim.market)
        bid = book.best_demand(leg.claim.outcome) if book is not None and book.live else None
        value += divide((bid or Price(0)) * leg.held, MICRO, Rounding.FLOOR)
    return Cash(trade.pnl + value)
