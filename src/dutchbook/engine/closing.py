"""Open risk taken down on request: resting orders cancelled, held positions sold. Asked for by a person or by the loss limit.

What was asked for stands until the kill switch is taken back, across restarts: the ledger tells it. Trades under way are left
to their drivers; nothing is bought here, and the sale of a position is begun only when the books take it whole.
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
"""Nothing is sold for less than this part of what a bundle surely pays, or a single claim is worth in the middle of its book:
into a book of stub bids nothing is sold."""

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
        intents = exit_round(trade, desk.scene(), desk.policy)
        if not intents:
            return "a leg cannot be sold whole now: no live bids for all of it, or it is not settled yet"
        brings, worth = _brings(intents), self._worth(trade)
        if brings * 100 < FLOOR_PERCENT * worth:
            what = "surely pays" if len(trade.legs) > 1 else "is worth"
            return f"the books pay {format_dollars(brings)} for what {what} {format_dollars(worth)}"
        try:
            self._trades.exit(trade, self.reason)
        except Skip as error:
            return str(error)
        return None

    def _worth(self, trade: TradeBook) -> int:
        """What a bundle surely pays; of a single claim, its size at the middle of its book, where no offer counts as a dollar."""
        if len(trade.legs) > 1:
            return min(leg.held for leg in trade.legs) * trade.opened.guaranteed // MICRO
        (leg,) = trade.legs
        book = self._desk.books[leg.claim.market]
        bid, offer = book.best_demand(leg.claim.outcome), book.best_offer(leg.claim.outcome)
        return leg.held * ((bid or 0) + (MICRO if offer is None else offer)) // (2 * MICRO)


def _brings(intents: tuple[Intent, ...]) -> int:
    """What sales bring at their limits, fees left out, in millionths of a dollar."""
    return sum(intent.size * intent.limit for intent in intents) // MICRO
