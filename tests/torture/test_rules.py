"""The rules themselves: each of these breaks one, from facts alone."""

from __future__ import annotations

from dutchbook.core.facts import Alarmed, AnyFact, OrdersPlanned, TradeTurned
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.trade import Turn
from dutchbook.torture.rules import Rules
from ledger.story import bought, moved, opening, plan, sent


def broken_by(*facts: AnyFact) -> set[str]:
    huge = 1 << 60
    rules = Rules(lambda market: True, lambda: 1, lambda: 1, huge, huge, huge)
    rules.appended(facts)
    return {violation.rule for violation in rules.violations}


def locked() -> tuple[AnyFact, ...]:
    fills = (bought("t.0.1", "f1", 10, 40), bought("t.1.1", "f2", 10, 50))
    ends = (moved("t.0.1", OrderEvent.FINISH), moved("t.1.1", OrderEvent.FINISH))
    return (opening("t"), TradeTurned("t", Turn.START), *sent("t"), *fills, *ends, TradeTurned("t", Turn.LOCK))


def test_an_alarm_of_a_defect_is_seen_however_many_others_follow() -> None:
    assert broken_by(Alarmed("defect", "x"), *(Alarmed("naked", "y") for _ in range(9))) == {
        "the tables know every event"
    }


def test_a_locked_trade_may_be_sold_and_no_more_than_it() -> None:
    def sale(size: int) -> OrdersPlanned:
        return OrdersPlanned(
            "t", Turn.EXIT, "early", (plan("t.0.2", Action.SELL, size), plan("t.1.2", Action.SELL, 10))
        )

    assert broken_by(*locked(), sale(10)) == set()
    assert broken_by(*locked(), sale(11)) == {"nothing is sold that is not held"}
