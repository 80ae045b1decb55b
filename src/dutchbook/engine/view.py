"""Builds what the risk gate sees: figures of the ledger, balances, ages and clocks at one instant. Judges nothing.

Figures that need all trades are computed when a trade changes, not at every book update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
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


@dataclass(slots=True)
class Figures:
    """Per-event and per-day figures folded from the ledger's trades."""

    day: date | None = None
    trades_today: int = 0
    realised_today: Cash = Cash(0)
    open_positions: dict[str, int] = field(default_factory=dict)
    exposure: dict[str, Cash] = field(default_factory=dict)
    unresolved: list[TradeBook] = field(default_factory=list)

    @staticmethod
    def of(ledger: Ledger, zone: ZoneInfo, wall_ns: int) -> Figures:
        """Fresh figures for the local day of `wall_ns`."""
        day = local_day(wall_ns, zone)
        today = statistics(_touched_on(ledger, day, zone), zone, day)
        # a ledger has one mode: in dry-run the trades that would have been made count as if they had been
        figures = Figures(day=day, trades_today=today.trades + today.dry_run, realised_today=today.realised)
        for trade in ledger.open.values():
            event = trade.opened.event
            if trade.phase is Phase.DRY_RUN:
                figures.open_positions[event] = figures.open_positions.get(event, 0) + 1
                figures.exposure[event] = Cash(figures.exposure.get(event, 0) + would_cost(trade))
                continue
            if not trade.working and trade.flat:
                continue
            figures.open_positions[event] = figures.open_positions.get(event, 0) + 1
            figures.exposure[event] = Cash(figures.exposure.get(event, 0) + at_risk(trade))
            if unresolved(trade):
                figures.unresolved.append(trade)
        return figures

    def current(self, zone: ZoneInfo, wall_ns: int) -> bool:
        """Whether these are still today's."""
        return self.day == local_day(wall_ns, zone)

    def counters(self, books: Mapping[MarketId, Book]) -> DailyCounters:
        """Today's counters, with naked legs marked at the executable bid now."""
        marks = sum(mark(trade, books) for trade in self.unresolved)
        return DailyCounters(self.trades_today, self.realised_today, Cash(marks))


def _touched_on(ledger: Ledger, day: date, zone: ZoneInfo) -> Iterator[TradeBook]:
    """Trades with a fact of this day or later: no other can count for it. Newest first, so the past costs nothing."""
    begins, _ = day_bounds(day, zone)
    return ledger.newest(since_ns=begins)


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
