"""The last look before orders are written: repetition across trades is a runaway, a trade's own next try is not (M16)."""

from __future__ import annotations

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import SECOND
from dutchbook.core.facts import AnyFact, LegPlan, OrderMoved, OrderPlan, OrdersPlanned, TradeOpened, TradeTurned
from dutchbook.core.money import Price, Size
from dutchbook.core.order import Action, Intent, OrderEvent, TimeInForce
from dutchbook.core.position import OrderRow
from dutchbook.core.trade import Turn
from dutchbook.engine.guard import NEXT_TRIES, Guard
from dutchbook.ledger.projection import Ledger

NOW = 1_795_000_000 * SECOND
REPEAT, WINDOW = 2 * SECOND, 2 * SECOND
MARKET = MarketId("kalshi:KXRAIN")
TEN = 10_000_000


def intent(trade: str = "t1", number: int = 1, *, size: int = TEN, action: Action = Action.SELL) -> Intent:
    return Intent(
        id=f"{trade}.0.{number}",
        trade=trade,
        leg=0,
        claim=Claim(MARKET, Outcome.YES),
        action=action,
        size=Size(size),
        limit=Price(400_000),
        tif=TimeInForce.IOC,
    )


def plan(order: Intent, at_ns: int) -> OrderPlan:
    return OrderPlan(
        order.id, 0, order.action, order.size, order.limit, order.tif, f"identity {order.id}", at_ns + WINDOW
    )


def ledger(*facts: AnyFact, at_ns: int = NOW) -> Ledger:
    """One trade with one leg whose first order bought all it wanted."""
    opened = plan(intent(action=Action.BUY), NOW - 60 * SECOND)
    leg = LegPlan(MARKET, Outcome.YES, "kalshi:0", TEN, 400_000, 4_000_000, 0, 4_000_000)
    known = Ledger()
    known.apply(TradeOpened("t1", "rain", "single", "rain", 0, TEN, 0, 0, (leg,), (opened,)), NOW - 60 * SECOND)
    known.apply(TradeTurned("t1", Turn.START), NOW - 60 * SECOND)
    for fact in facts:
        known.apply(fact, at_ns)
    return known


def ended(known: Ledger, order: Intent) -> None:
    for event in (OrderEvent.SEND, OrderEvent.FINISH):
        known.apply(OrderMoved("t1", order.id, event), NOW)


def add(known: Ledger, order: Intent) -> None:
    known.trades["t1"].legs[0].orders.append(OrderRow(plan(order, NOW)))


def test_m16_the_same_order_of_another_trade_is_a_runaway() -> None:
    guard = Guard(Ledger(), REPEAT, WINDOW)
    assert guard.admit([intent("t1")], NOW) is None
    refused = guard.admit([intent("t2")], NOW + SECOND)
    assert refused is not None
    assert refused.code == "runaway"
    assert refused.text == "runaway: sell 10.00 kalshi:KXRAIN/yes at 0.40 again (1.000 s after the same order)"


def test_m16_the_same_order_twice_at_once_is_a_runaway() -> None:
    assert Guard(Ledger(), REPEAT, WINDOW).admit([intent("t1"), intent("t1", 2)], NOW) is not None


def test_m16_after_the_time_it_is_an_order_like_any_other() -> None:
    guard = Guard(Ledger(), REPEAT, WINDOW)
    assert guard.admit([intent("t1")], NOW) is None
    assert guard.admit([intent("t2")], NOW + REPEAT) is None


def test_m16_a_refused_order_is_not_remembered_and_neither_are_those_with_it() -> None:
    guard = Guard(Ledger(), REPEAT, WINDOW)
    assert guard.admit([intent("t1")], NOW) is None
    assert guard.admit([intent("t2", size=TEN + 1), intent("t2", 2)], NOW) is not None
    assert guard.admit([intent("t3", size=TEN + 1)], NOW) is None


def test_m16_a_trades_next_try_is_no_runaway_once_the_one_before_has_ended() -> None:
    known = ledger()
    guard = Guard(known, REPEAT, WINDOW)
    first, second = intent(number=2), intent(number=3)
    add(known, first)
    assert guard.admit([first], NOW) is None
    assert guard.admit([second], NOW) is not None, "its fate is not known yet"
    ended(known, first)
    assert guard.admit([second], NOW) is None


def test_m16_a_trade_that_tries_again_and_again_at_once_is_a_runaway() -> None:
    known = ledger()
    guard = Guard(known, REPEAT, WINDOW)
    admitted = 0
    for number in range(2, 10):
        order = intent(number=number)
        add(known, order)
        if guard.admit([order], NOW) is not None:
            break
        ended(known, order)
        admitted += 1
    assert admitted == NEXT_TRIES


def test_m16_what_the_ledger_knows_of_the_last_seconds_counts_after_a_restart() -> None:
    sale = intent(number=2)
    known = ledger()
    known.apply(TradeTurned("t1", Turn.FALL_SHORT), NOW)
    known.apply(OrdersPlanned("t1", Turn.UNWIND, "", (plan(sale, NOW),)), NOW)
    assert Guard(known, REPEAT, WINDOW).admit([intent("t2")], NOW + SECOND) is not None
    assert Guard(known, REPEAT, WINDOW).admit([intent("t2")], NOW + REPEAT) is None
