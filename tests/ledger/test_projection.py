"""The ledger's state as a fold: expected cash per pool, contracts, what is reserved, what a person must know."""

import pytest
from msgspec.structs import replace

from dutchbook.core.claim import Claim
from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    CashMoved,
    EngineStarted,
    EngineStopped,
    FeeTrued,
    KillSwitchSet,
    OutcomesDiverged,
    TradeTurned,
)
from dutchbook.core.money import MICRO
from dutchbook.core.order import OrderEvent
from dutchbook.core.trade import Turn
from ledger.story import (
    CENT,
    K_NO,
    K_YES,
    KALSHI,
    P_NO,
    PAIR,
    bought,
    ledger,
    moved,
    opening,
    paid,
    reversed_fill,
    sent,
)

CASH = [
    CashMoved("kalshi", "kalshi:0", "opening", 100 * MICRO),
    CashMoved("polymarket", "polymarket:wallet", "opening", 100 * MICRO),
]


def started(trade: str = "t", claims: tuple[Claim, ...] = PAIR) -> list[AnyFact]:
    return [opening(trade, claims), TradeTurned(trade, Turn.START), *sent(trade, len(claims))]


def both_sides_of_kalshi() -> list[AnyFact]:
    """Trade a holds five YES at 40 cents, trade b five NO at 55 cents, on the venue that nets."""
    first = [*started("a", (K_YES, P_NO)), bought("a.0.1", "f1", 5, 40)]
    return [*CASH, *first, *started("b", (K_NO, P_NO)), bought("b.0.1", "f2", 5, 55)]


def test_a_purchase_leaves_its_pool_with_its_fee_and_no_other() -> None:
    after = ledger(*CASH, *started(), bought("t.0.1", "f1", 10, 40, fee=17))
    assert after.cash == {"kalshi:0": 96 * MICRO - 17, "polymarket:wallet": 100 * MICRO}


def test_a_fill_heard_twice_is_paid_once() -> None:
    fill = bought("t.0.1", "f1", 10, 40)
    assert ledger(*CASH, *started(), fill, fill).cash["kalshi:0"] == 96 * MICRO


def test_a_reversed_fill_is_paid_back_once() -> None:
    fill, back = bought("t.1.1", "f1", 10, 40, fee=9, final=False), reversed_fill("t.1.1", "f1")
    after = ledger(*CASH, *started(), fill, back, back, fill)
    assert after.cash["polymarket:wallet"] == 100 * MICRO
    assert after.net() == {}


def test_a_yes_and_a_no_on_a_netting_venue_bring_a_dollar_at_once() -> None:
    after = ledger(*both_sides_of_kalshi())
    assert after.cash["kalshi:0"] == (10_000 - 200 - 275 + 500) * CENT
    assert after.net() == {}
    assert after.held(K_YES) == after.held(K_NO) == 5 * MICRO


def test_elsewhere_they_stay_two_tokens() -> None:
    after = ledger(*both_sides_of_kalshi(), netting=frozenset())
    assert after.cash["kalshi:0"] == (10_000 - 200 - 275) * CENT


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("yes", [0, 100])
def test_settlement_does_not_pay_a_netted_pair_again(order: tuple[str, str], yes: int) -> None:
    payouts = {"a": 5 * yes, "b": 5 * (100 - yes)}
    after = ledger(*both_sides_of_kalshi(), *(paid(trade, 0, yes, payouts[trade]) for trade in order))
    assert after.cash["kalshi:0"] == (10_000 - 200 - 275 + 500) * CENT
    assert after.paired[KALSHI] == 0
    assert after.held(K_YES) == after.held(K_NO) == 0


def test_a_reversed_fill_takes_its_netted_dollar_with_it() -> None:
    after = ledger(*both_sides_of_kalshi(), reversed_fill("a.0.1", "f1"))
    assert after.cash["kalshi:0"] == (10_000 - 275) * CENT
    assert after.net() == {KALSHI: -5 * MICRO}


def test_each_trade_keeps_its_own_result_whatever_was_netted() -> None:
    after = ledger(*both_sides_of_kalshi(), paid("a", 0, 100, 500), paid("b", 0, 100, 0))
    assert after.trades["a"].pnl == 300 * CENT
    assert after.trades["b"].pnl == -275 * CENT
    assert sum(after.cash.values()) == 200 * MICRO + (300 - 275) * CENT


def test_a_settlement_pays_its_pool_less_its_fee() -> None:
    after = ledger(*CASH, *started(), bought("t.0.1", "f1", 10, 40), paid("t", 0, 100, 1000, fee=CENT))
    assert after.cash["kalshi:0"] == (10_000 - 400 + 1000 - 1) * CENT
    assert after.net() == {}


def test_a_leg_paid_twice_reaches_a_person_and_pays_once() -> None:
    after = ledger(*CASH, *started(), bought("t.0.1", "f1", 10, 40), paid("t", 0, 100, 1000))
    cash = dict(after.cash)
    with pytest.raises(ImpossibleEvent, match="paid already"):
        after.apply(paid("t", 0, 100, 1000), 99)
    assert after.cash == cash
    assert after.net() == {}


@pytest.mark.parametrize("amount", [31, -31])
def test_a_corrected_fee_moves_the_cash_and_the_trades_result_alike(amount: int) -> None:
    facts = [*CASH, *started(), bought("t.0.1", "f1", 10, 40, fee=100, fee_exact=False)]
    before, after = ledger(*facts), ledger(*facts, FeeTrued("t", "kalshi", "kalshi:0", amount))
    assert after.cash["kalshi:0"] == before.cash["kalshi:0"] - amount
    assert after.trades["t"].pnl == before.trades["t"].pnl - amount


def test_open_orders_are_reserved_in_their_own_pool_until_they_end() -> None:
    after = ledger(*CASH, *started(), moved("t.0.1", OrderEvent.LOSE))
    assert after.reserved("kalshi:0") == after.reserved("polymarket:wallet") == 4 * MICRO
    after.apply(moved("t.1.1", OrderEvent.REJECT), 99)
    assert after.reserved("polymarket:wallet") == 0
    assert after.reserved("kalshi:0") == 4 * MICRO


def test_what_holds_contracts_is_known_until_every_market_has_paid() -> None:
    facts = [*started(), bought("t.0.1", "f1"), bought("t.1.1", "f2"), TradeTurned("t", Turn.LOCK)]
    after = ledger(*CASH, *facts, paid("t", 0, 100, 1000))
    assert [trade.id for trade in after.holding()] == ["t"]
    after.apply(paid("t", 1, 100, 0), 99)
    assert list(after.holding()) == []


def test_a_working_trade_is_one_that_has_not_ended() -> None:
    after = ledger(*started("a"), *started("b"), TradeTurned("b", Turn.MISS))
    assert [trade.id for trade in after.working] == ["a"]


def test_cash_that_no_trade_explains_is_kept_with_its_time_and_kind() -> None:
    after = ledger(*CASH, CashMoved("kalshi", "kalshi:0", "interest", 12))
    assert [(at_ns, fact.kind, fact.amount) for at_ns, fact in after.cash_events][-1] == (3, "interest", 12)


def test_the_kill_switch_is_what_was_said_last() -> None:
    thrown = KillSwitchSet(True, "daily loss", "engine")
    assert ledger(thrown).kill_switch == thrown
    assert ledger(thrown, KillSwitchSet(False, "mended", "operator")).kill_switch is None


def test_alarms_and_divergences_are_kept_in_order() -> None:
    after = ledger(Alarmed("a", "one"), OutcomesDiverged("t", "rain", "both paid no"), Alarmed("b", "two"))
    assert [alarm.code for alarm in after.alarms] == ["a", "b"]
    assert [event.link for event in after.divergences] == ["rain"]


def test_a_stopped_engine_is_known_until_the_next_one_starts() -> None:
    after = ledger(EngineStarted("1", "paper"), EngineStopped("asked to"))
    assert (after.started_ns, after.stopped) == (1, "asked to")
    after.apply(EngineStarted("1", "paper"), 9)
    assert (after.started_ns, after.stopped) == (9, None)


@pytest.mark.parametrize(
    "fact",
    [
        opening("t"),
        bought("u.0.1", "f"),
        bought("t.0.7", "f"),
        reversed_fill("t.0.7", "f"),
        moved("u.0.1", OrderEvent.SEND),
        paid("u", 0, 100, 1),
        paid("t", 5, 100, 1),
        paid("t", -1, 100, 1),
        FeeTrued("u", "kalshi", "kalshi:0", 1),
        TradeTurned("t", Turn.START),
        replace(opening("u"), legs=()),
        moved("t.0.1", OrderEvent.VOID),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_fact_that_cannot_follow_raises_and_changes_neither_cash_nor_contracts(fact: AnyFact) -> None:
    facts = [*CASH, *started(), bought("t.0.1", "f1", 5, 40)]
    after = ledger(*facts)
    with pytest.raises(ImpossibleEvent):
        after.apply(fact, 99)
    assert after == ledger(*facts)
