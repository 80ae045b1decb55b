"""Facts for the ledger's tests: one rainy question on two venues, told in contracts and cents."""

from __future__ import annotations

from typing import Any

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.facts import (
    AnyFact,
    Filled,
    FillReversed,
    LegPlan,
    LegResettled,
    LegSettled,
    LotsMarked,
    OrderMoved,
    OrderPlan,
    OrdersPlanned,
    SetsMerged,
    TradeOpened,
    TradeTurned,
)
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Turn
from dutchbook.ledger.projection import Ledger

KALSHI = MarketId("kalshi:RAIN")
POLY = MarketId("polymarket:0xrain")
K_YES, K_NO = Claim(KALSHI, Outcome.YES), Claim(KALSHI, Outcome.NO)
P_YES, P_NO = Claim(POLY, Outcome.YES), Claim(POLY, Outcome.NO)
POOLS = {KALSHI: "kalshi:0", POLY: "polymarket:wallet"}
CENT = 10_000
PAIR = (K_YES, P_NO)


def leg(claim: Claim, size: int = 10, limit: int = 40) -> LegPlan:
    """A leg of whole contracts at a limit in cents."""
    cash = size * limit * CENT
    return LegPlan(claim.market, claim.outcome, POOLS[claim.market], size * MICRO, limit * CENT, cash, 0, cash)


def plan(
    order: str, action: Action = Action.BUY, size: int = 10, worst: int = 4 * MICRO, opposite: bool = False
) -> OrderPlan:
    """An order; its leg is the second part of its id `trade.leg.number`."""
    return OrderPlan(
        id=order,
        leg=int(order.split(".")[1]),
        action=action,
        size=size * MICRO,
        limit=40 * CENT,
        tif=TimeInForce.FOK,
        identity=f"id-{order}",
        send_by_ns=1,
        worst=worst if action is Action.BUY else 0,
        opposite=opposite,
    )


def opening(trade: str = "t", claims: tuple[Claim, ...] = PAIR, size: int = 10, event: str = "rain") -> TradeOpened:
    """A trade with one purchase a leg, named `trade.leg.1`."""
    return TradeOpened(
        trade=trade,
        link="rain",
        kind="yes_no",
        event=event,
        guaranteed=MICRO,
        size=size * MICRO,
        expected_profit=CENT,
        roi=0,
        legs=tuple(leg(claim, size) for claim in claims),
        orders=tuple(plan(f"{trade}.{i}.1", size=size) for i in range(len(claims))),
    )


def moved(order: str, event: OrderEvent, filled: int = 0) -> OrderMoved:
    """The venue's word about an order; its count in contracts."""
    return OrderMoved(order.partition(".")[0], order, event, filled=filled * MICRO)


def bought(order: str, fill: str, size: int = 10, cents: int = 40, fee: int = 0, **more: Any) -> Filled:
    """A fill of whole contracts at a price in cents (a purchase or a sale: the order says which); the fee in millionths."""
    return Filled(
        trade=order.partition(".")[0],
        order=order,
        fill=fill,
        size=size * MICRO,
        cash=size * cents * CENT,
        fee=fee,
        liquidity=Liquidity.TAKER,
        at_ns=1,
        **more,
    )


def reversed_fill(order: str, fill: str) -> FillReversed:
    return FillReversed(order.partition(".")[0], order, fill, "it failed on chain")


def paid(trade: str, leg_number: int, yes_cents: int, payout_cents: int, fee: int = 0) -> LegSettled:
    return LegSettled(trade, leg_number, yes_cents * CENT, payout_cents * CENT, fee)


def resettled(trade: str, leg_number: int, yes_cents: int, payout_cents: int, fee: int = 0) -> LegResettled:
    """The venue corrects what it has paid."""
    return LegResettled(trade, leg_number, yes_cents * CENT, payout_cents * CENT, fee)


def merged(trade: str, leg_number: int, size: int) -> SetsMerged:
    return SetsMerged(trade, leg_number, size * MICRO)


def marked(trade: str, leg_number: int, size: int, cents: int = 0) -> LotsMarked:
    """A person's counter-entry: whole contracts in (negative: out), cents into the account (negative: out)."""
    return LotsMarked(trade, leg_number, size * MICRO, cents * CENT, "done by hand", "operator")


def fell_short(trade: str = "t") -> TradeTurned:
    """The round is over and the legs are unequal."""
    return TradeTurned(trade, Turn.FALL_SHORT, "legs are unequal")


def paired(order: str, size: int = 10, turn: Turn = Turn.UNWIND) -> list[AnyFact]:
    """A round with one order that buys the opposite of its leg leaves."""
    trade = order.partition(".")[0]
    planned = plan(order, size=size, opposite=True)
    return [OrdersPlanned(trade, turn, "through complete sets", (planned,)), moved(order, OrderEvent.SEND)]


def sent(trade: str, legs: int = 2) -> list[AnyFact]:
    """The first orders leave."""
    return [moved(f"{trade}.{i}.1", OrderEvent.SEND) for i in range(legs)]


def book(*facts: AnyFact, opened: TradeOpened | None = None) -> TradeBook:
    """A trade after these facts, one nanosecond apart."""
    trade = TradeBook.open(opened or opening(), 1)
    for at_ns, fact in enumerate(facts, 2):
        trade.apply(fact, at_ns)
    return trade


def ledger(*facts: AnyFact, netting: frozenset[str] = frozenset({"kalshi"})) -> Ledger:
    """A ledger after these facts, one nanosecond apart."""
    folded = Ledger(netting)
    for at_ns, fact in enumerate(facts, 1):
        folded.apply(fact, at_ns)
    return folded
