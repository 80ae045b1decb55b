"""An order's form in the journal, and its handle made from the journal alone. Sends nothing and decides nothing."""

from __future__ import annotations

from dutchbook.core.facts import OrderPlan
from dutchbook.core.fees import FeeMeter
from dutchbook.core.market import Market
from dutchbook.core.money import Price, Rounding, Size, notional
from dutchbook.core.order import Action, Intent, Prepared
from dutchbook.core.position import OrderRow, TradeBook


def order_plan(intent: Intent, prepared: Prepared, market: Market) -> OrderPlan:
    """The journal's form of an order; `worst` is its cost at the limit with the fee there (zero for a SELL)."""
    worst = 0
    if intent.action is Action.BUY:
        fee = FeeMeter(market.fees).charge(intent.limit, intent.size, buying=True)
        worst = notional(intent.limit, intent.size, Rounding.CEIL) + fee
    return OrderPlan(
        id=intent.id,
        leg=intent.leg,
        action=intent.action,
        size=intent.size,
        limit=intent.limit,
        tif=intent.tif,
        identity=prepared.identity,
        send_by_ns=prepared.send_by_ns,
        worst=worst,
        reduce_only=intent.reduce_only,
        opposite=intent.opposite,
    )


def restore(trade: TradeBook, row: OrderRow) -> Prepared:
    """An order's handle from the journal alone: enough to ask about it or cancel it, never to send it again."""
    plan = row.plan
    claim = trade.legs[plan.leg].claim
    intent = Intent(
        id=plan.id,
        trade=trade.id,
        leg=plan.leg,
        claim=claim.opposite if plan.opposite else claim,
        action=plan.action,
        size=Size(plan.size),
        limit=Price(plan.limit),
        tif=plan.tif,
        reduce_only=plan.reduce_only,
        opposite=plan.opposite,
    )
    return Prepared(intent, plan.identity, b"", plan.send_by_ns)
