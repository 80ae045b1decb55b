"""Where faults have struck: fault x trade state x leg, counted; and how the orders and trades that met them ended.

Counts only. A fault that concerns one order counts for the trade and the leg of that order; one that concerns a venue, a stream,
the store or the process counts for every trade that is under way and has a leg there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dutchbook.core.claim import venue_of
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import WORKING, Phase
from dutchbook.ledger.projection import Ledger
from dutchbook.torture.kinds import BOTH

Cell = tuple[str, str, str]
"""(kind of fault, phase of the trade, venue of the leg)."""

_COUNTED = WORKING | {Phase.LOCKED}


@dataclass(slots=True)
class Cells:
    """The counters of one seed; they add up over seeds."""

    kinds: Counter[str] = field(default_factory=Counter)
    cells: Counter[Cell] = field(default_factory=Counter)
    met: dict[str, set[str]] = field(default_factory=dict)
    """Trades by the kind of fault that met them while they were under way."""

    def strike(self, kind: str, where: str, ledger: Ledger | None, trade_of: TradeBook | None) -> None:
        """A fault has hit `where` (see `Weather`)."""
        self.kinds[kind] += 1
        venues = {word for word in where.split(" ") if word in BOTH} or set(BOTH)
        if trade_of is not None:
            self._count(kind, trade_of, venues)
        elif ledger is not None and " order " not in where and " chain " not in where:
            for trade in ledger.open.values():
                if trade.phase in _COUNTED:
                    self._count(kind, trade, venues)

    def _count(self, kind: str, trade: TradeBook, venues: set[str]) -> None:
        for leg in {venue_of(leg.claim.market) for leg in trade.legs} & venues:
            self.cells[kind, trade.phase.value, leg] += 1
        if trade.working:
            self.met.setdefault(kind, set()).add(trade.id)
