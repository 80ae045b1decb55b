"""Asks what became of fills that may still be reversed, where the stream has not said it (M30).

A Polymarket match is provisional until CONFIRMED. The stream tells it, but a stream may be down and a process may die: so
each provisional fill is asked about until it is final. A fill that the venue does not list any more, or a count that no
fill explains, counts as reversed by the rule of absence: two reads, complete past the venue's margin.
"""

from __future__ import annotations

from typing import Final

from dutchbook.core.claim import venue_of
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import DutchbookError
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.engine.desk import Desk
from dutchbook.engine.orders import restore
from dutchbook.engine.trades import Trades

PATIENCE_NS: Final = 5 * SECOND
"""How long the stream may take to make a fill final before the venue is asked."""


class Confirmations:
    """Decides nothing about the trade: what it learns goes to the trade as the stream's news would."""

    def __init__(self, desk: Desk, trades: Trades) -> None:
        self._desk = desk
        self._trades = trades
        self._missing: dict[tuple[str, str], int] = {}

    async def ask(self) -> None:
        """One round of questions. A read that fails says nothing, and the next round asks again."""
        wall = self._desk.clock.wall()
        for trade in list(self._desk.ledger.open.values()):
            for row in list(trade.orders()):
                if row.ended and _open_since(row) + PATIENCE_NS < wall:
                    try:
                        await self._ask(trade, row)
                    except DutchbookError as error:
                        self._desk.note(trade, "question failed", order=row.plan.id, reason=str(error))

    async def _ask(self, trade: TradeBook, row: OrderRow) -> None:
        venue = venue_of(trade.legs[row.plan.leg].claim.market)
        trading, margin = self._desk.trading[venue], self._desk.policy.absence_margin_ns[venue]
        as_of = await trading.reads_as_of()
        listed = await trading.fills(restore(trade, row), row.venue_order_id)
        for fill in listed:
            self._trades.on_fill(fill)
        ids = {fill.id for fill in listed}
        absent = [
            fill_id
            for fill_id, known in row.fills.items()
            if not known.final and fill_id not in ids and as_of > known.at_ns + margin
        ]
        if not row.accounted and as_of > row.plan.send_by_ns + margin:
            absent.append(f"untold:{row.plan.id}")
        # what is listed again was never gone: only rounds in a row count
        self._missing = {key: n for key, n in self._missing.items() if key[0] != row.plan.id or key[1] in absent}
        for fill_id in absent:
            self._absent(trade, row, fill_id)

    def _absent(self, trade: TradeBook, row: OrderRow, fill_id: str) -> None:
        """Two rounds agree before anything is taken back."""
        key = (row.plan.id, fill_id)
        self._missing[key] = self._missing.get(key, 0) + 1
        if self._missing[key] >= self._desk.policy.absences_needed:
            del self._missing[key]
            self._trades.reverse(trade, row, fill_id, "the venue lists it no more")


def _open_since(row: OrderRow) -> int:
    """Wall time of the oldest thing about an order that is not settled; the far future when all is."""
    times = [fill.at_ns for fill in row.fills.values() if not fill.final]
    if not row.accounted:
        times.append(row.plan.send_by_ns)
    return min(times, default=1 << 63)
