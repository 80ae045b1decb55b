"""Open risk taken down on request: resting orders cancelled, held positions sold. Asked for by a person or by the loss limit.

What was asked for stands until the kill switch is taken back, across restarts: the ledger tells it. Trades under way are left
to their drivers; nothing is bought here, and a position is sold whole or not at all.
"""

from __future__ import annotations

from typing import Final

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Skip
from dutchbook.core.money import MICRO, format_dollars
from dutchbook.core.order import Intent, OrderState, TimeInForce
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import Phase
from dutchbook.engine.desk import Desk
from dutchbook.engine.trades import Trades
from dutchbook.execution.decide import exit_round
from dutchbook.risk.breakers import OpenRisk

AGAIN_NS: Final = 5 * SECOND
"""Pause between two tries on one order or trade."""

FLOOR_PERCENT: Final = 80
"""A bundle is not sold for less than this part of what it surely pays: into a book of stub bids nothing is sold."""

_OPEN: Final = frozenset({OrderState.RESTING, OrderState.DELAYED})
_MAY_REST: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})
_RANK: Final = {OpenRisk.HOLD: 0, OpenRisk.CANCEL: 1, OpenRisk.FLATTEN: 2}


class Closing:
    """What is to happen to open risk now: `wish`, until somebody resets it."""

    def __init__(self, desk: Desk, trades: Trades) -> None:
        self.wish = OpenRisk.HOLD
        self.reason = ""
        self.troubles: dict[str, str] = {}
        """By trade: why it has not been sold yet."""
        self._desk = desk
        self._trades = trades
        self._tried_ns: dict[str, int] = {}

    def ask(self, wish: OpenRisk, reason: str) -> None:
        """Take risk down as far as `wish` says, or further when that was asked for already."""
        if _RANK[wish] >= _RANK[self.wish]:
            self.wish, self.reason = wish, reason
            self._tried_ns.clear()

    def reset(self) -> None:
        """Leave open risk alone again; what has begun goes on to its end."""
        self.wish, self.reason = OpenRisk.HOLD, ""
        self.troubles.clear()

    def resting(self) -> list[tuple[TradeBook, OrderRow]]:
        """Orders of ours in a venue's book that were meant to stay there."""
        return [
            (trade, row)
            for trade in self._desk.ledger.open.values()
            for row in trade.orders()
            if row.state in _OPEN and row.plan.tif in _MAY_REST
        ]

    def held(self) -> list[TradeBook]:
        """Positions that could be sold: whole trades that wait for their markets to pay."""
        return [trade for trade in self._desk.ledger.holding() if trade.phase is Phase.LOCKED]

    async def work(self) -> None:
        """One round of what is asked for; call it again and again."""
        if self.wish is OpenRisk.HOLD or not self._desk.config.sending:
            return
        for trade, row in self.resting():
            if self._due(row.plan.id):
                self._trades.cancel(trade, row)
        if self.wish is OpenRisk.FLATTEN:
            for trade in self.held():
                if self._due(trade.id):
                    self._sell(trade)

    def _due(self, name: str) -> bool:
        now = self._desk.clock.monotonic()
        tried = self._tried_ns.get(name)
        if tried is not None and now - tried < AGAIN_NS:
            return False
        self._tried_ns[name] = now
        return True

    def _sell(self, trade: TradeBook) -> None:
        trouble = self._trouble(trade)
        if trouble is None:
            self.troubles.pop(trade.id, None)
        elif self.troubles.get(trade.id) != trouble:
            self.troubles[trade.id] = trouble
            self._desk.note(trade, "not sold yet", reason=trouble)

    def _trouble(self, trade: TradeBook) -> str | None:
        """Send the sales of a whole trade; or why that cannot be now."""
        desk = self._desk
        if any(leg.claim.market not in desk.books for leg in trade.legs):
            return "a book of it is not watched"
        intents = exit_round(trade, desk.scene())
        if not intents:
            return "a leg cannot be sold whole now: no live bids for all of it, or it is not settled yet"
        if _brings(intents) * 100 < FLOOR_PERCENT * _pays(trade):
            return (
                f"the books pay {format_dollars(_brings(intents))} for what surely pays {format_dollars(_pays(trade))}"
            )
        try:
            self._trades.exit(trade, self.reason)
        except Skip as error:
            return str(error)
        return None


def _brings(intents: tuple[Intent, ...]) -> int:
    """What sales bring at their limits, fees left out, in millionths of a dollar."""
    return sum(intent.size * intent.limit for intent in intents) // MICRO


def _pays(trade: TradeBook) -> int:
    """What a bundle surely pays when its markets settle; nothing for a single claim."""
    return min(leg.held for leg in trade.legs) * trade.opened.guaranteed // MICRO
