"""Orders for the page: those that are out now (resting, delayed, of unknown fate), and the newest that have ended. Pure."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from dutchbook.core.money import format_micros
from dutchbook.core.position import LegRow, OrderRow, TradeBook
from dutchbook.ledger.projection import Ledger

ENDED: Final = 20
"""Orders that have ended in one list; the others stand with their trades."""


def order_list(ledger: Ledger) -> dict[str, Any]:
    """Orders that have not ended, those of unknown fate first; then the newest ended ones."""
    out = [each for trade in ledger.working for each in _rows(trade, ended=False)]
    over = (each for trade in ledger.newest() for each in _rows(trade, ended=True))
    out.sort(key=lambda row: row["state"] != "unknown")
    return {"out": out, "ended": list(islice(over, ENDED))}


def _rows(trade: TradeBook, *, ended: bool) -> list[dict[str, Any]]:
    return [_row(trade, leg, order) for leg in trade.legs for order in reversed(leg.orders) if order.ended is ended]


def _row(trade: TradeBook, leg: LegRow, order: OrderRow) -> dict[str, Any]:
    plan = order.plan
    return {
        "order": plan.id,
        "trade": trade.id,
        "event": trade.opened.event,
        "claim": str(leg.claim.opposite if plan.opposite else leg.claim),
        "action": plan.action.value,
        "contracts": format_micros(plan.size),
        "filled": format_micros(order.filled),
        "limit": format_micros(plan.limit),
        "tif": plan.tif.value,
        "state": order.state.value,
        "venue_order_id": order.venue_order_id,
        "reason": order.reason or order.code,
    }
