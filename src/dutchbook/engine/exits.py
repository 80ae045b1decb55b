"""Looks at locked trades and sells those that bring enough before their markets pay (B5). Off unless a rule is set.

Judges nothing itself (`execution.leaving` does) and never sells a part of a bundle on purpose: every leg goes fill-or-kill, and
what a miss leaves is balanced as after any round.
"""

from __future__ import annotations

from dutchbook.core.errors import Skip
from dutchbook.core.money import format_dollars
from dutchbook.core.trade import Phase
from dutchbook.engine.desk import Desk
from dutchbook.engine.trades import Trades
from dutchbook.engine.view import unresolved
from dutchbook.execution.leaving import exit_value, worth_leaving


class Exits:
    """Remembers since when each exit has been worth taking."""

    def __init__(self, desk: Desk, trades: Trades) -> None:
        self._desk = desk
        self._trades = trades
        self._since: dict[str, int] = {}

    async def look(self) -> None:
        """One look at every locked bundle. None is sold while another trade's legs are unequal."""
        desk = self._desk
        rule = desk.config.early_exit
        locked = [trade for trade in desk.ledger.open.values() if trade.phase is Phase.LOCKED and len(trade.legs) > 1]
        if rule is None or not desk.config.sending or any(unresolved(t) for t in desk.ledger.working):
            self._since.clear()
            return
        scene = desk.scene()
        since = {}
        for trade in locked:
            value = exit_value(trade, scene)
            if value is None or not worth_leaving(value, rule):
                continue
            since[trade.id] = self._since.get(trade.id, scene.now_ns)
            if scene.now_ns - since[trade.id] < rule.patience_ns:
                continue
            try:
                self._trades.exit(trade, f"early exit for {format_dollars(value.profit, 4)}")
            except Skip as error:
                desk.note(trade, "not sold early", reason=str(error))
            break
        self._since = since
