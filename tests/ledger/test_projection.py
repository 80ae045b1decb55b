"""The ledger's state as a fold: expected cash per pool, contracts, what is reserved, what a person must know."""

import pytest
from msgspec.structs import replace

from dutchbook.core.claim import Claim
from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    CashMoved,
    Commanded,
    EngineStarted,
    EngineStopped,
    FeeTrued,
    KillSwitchSet,
    OutcomesDiverged,
    TradeTurned,
)
from dutchbook.core.money import MICRO, Size
from dutchbook.core.order import OrderEvent
from dutchbook.core.trade import Turn
from dutchbook.ledger.projection import KEPT
from ledger.story import (
    CENT,
    K_NO,
    K_YES,
    KALSHI,
    P_NO,
    P_YES,
    PAIR,
    POLY,
    bought,
    fell_short,
    ledger,
    marked,
    merged,
    moved,
    opening,
    paid,
    paired,
    resettled,
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


def test_payouts_wait_while_the_venue_still_holds_their_tokens() -> None:
    """Ten NO paid a dollar each: booked here, and the venue states less cash until its tokens are redeemed."""
    after = ledger(*CASH, *started(), bought("t.1.1", "f1", 10, 40), paid("t", 1, 0, 1000))
    held = {P_NO: Size(10 * MICRO), K_YES: Size(10 * MICRO)}
    waiting = after.unredeemed(held)
    assert waiting == {POLY: {"polymarket:wallet": 1000 * CENT}}
    assert after.cash_without(waiting)["polymarket:wallet"] == after.cash["polymarket:wallet"] - 1000 * CENT
    assert after.cash_without(waiting)["kalshi:0"] == after.cash["kalshi:0"]
    assert after.unredeemed({P_NO: Size(0)}) == {}


def test_no_more_waits_than_the_tokens_are_worth() -> None:
    """One of two trades was redeemed before the other's tokens came; and tokens of the losing side are worth nothing."""
    both = ledger(
        *CASH, *started("a"), *started("b"), bought("a.1.1", "f1", 10, 40), bought("b.1.1", "f2", 5, 40),
        paid("a", 1, 0, 1000), paid("b", 1, 0, 500),
    )  # fmt: skip
    assert both.unredeemed({P_NO: Size(5 * MICRO)}) == {POLY: {"polymarket:wallet": 500 * CENT}}
    assert both.unredeemed({P_NO: Size(15 * MICRO)}) == {POLY: {"polymarket:wallet": 1500 * CENT}}
    assert both.unredeemed({P_YES: Size(5 * MICRO)}) == {}


def test_tokens_worth_nothing_and_a_venue_that_pays_by_itself_have_no_payout_waiting() -> None:
    lost = ledger(*CASH, *started(), bought("t.1.1", "f1", 10, 40), paid("t", 1, 100, 0))
    assert lost.unredeemed({P_NO: Size(10 * MICRO)}) == {}
    kalshi = ledger(*CASH, *started(), bought("t.0.1", "f1", 10, 40), paid("t", 0, 100, 1000))
    assert kalshi.unredeemed({K_YES: Size(10 * MICRO)}) == {}


# -- complete sets ----------------------------------------------------------------------------------------------------

WALLET = "polymarket:wallet"


def in_sets(size: int = 10) -> list[AnyFact]:
    """Ten NO at 50 cents on the venue that does not net, and so many YES at 52 to make sets with them."""
    filled = [*started(), bought("t.1.1", "f1", 10, 50), fell_short()]
    return [*CASH, *filled, *paired("t.1.2"), bought("t.1.2", "p1", size, 52, fee=7)]


def test_the_opposite_is_paid_for_and_held_as_the_other_token() -> None:
    after = ledger(*in_sets(6))
    assert after.cash[WALLET] == (10_000 - 500 - 312) * CENT - 7
    assert (after.held(P_NO), after.held(P_YES)) == (10 * MICRO, 6 * MICRO)
    assert after.net() == {POLY: -4 * MICRO}


def test_merged_sets_leave_both_tokens_and_bring_a_dollar_each() -> None:
    after = ledger(*in_sets(6), merged("t", 1, 4))
    assert after.cash[WALLET] == (10_000 - 500 - 312 + 400) * CENT - 7
    assert (after.held(P_NO), after.held(P_YES)) == (6 * MICRO, 2 * MICRO)
    assert after.net() == {POLY: -4 * MICRO}


@pytest.mark.parametrize(("yes", "alone"), [(0, 400), (100, 0), (37, 252)])
def test_sets_are_paid_a_dollar_whatever_happens_and_the_rest_by_the_result(yes: int, alone: int) -> None:
    facts = [*in_sets(6), merged("t", 1, 2)]
    after = ledger(*facts, paid("t", 1, yes, alone))
    assert after.cash[WALLET] == (10_000 - 500 - 312 + 200 + 400 + alone) * CENT - 7
    assert (after.held(P_NO), after.held(P_YES), after.net()) == (0, 0, {})
    assert sum(after.cash.values()) == 200 * MICRO + after.trades["t"].pnl


def test_sets_on_a_venue_that_nets_are_a_dollar_at_once_and_never_again() -> None:
    facts = [*CASH, *started(), bought("t.0.1", "f1", 10, 50), fell_short()]
    facts = [*facts, *paired("t.0.2"), bought("t.0.2", "p1", 10, 52)]
    cash = (10_000 - 500 - 520 + 1000) * CENT
    after = ledger(*facts)
    assert (after.cash["kalshi:0"], after.net()) == (cash, {})
    assert ledger(*facts, merged("t", 0, 4)).cash["kalshi:0"] == cash
    for end in ([], [merged("t", 0, 4)]):
        assert ledger(*facts, *end, paid("t", 0, 100, 0)).cash["kalshi:0"] == cash


def test_an_opposite_told_after_the_payout_is_paid_with_the_correction() -> None:
    """Ten NO, six of them in sets, were paid at NO = 1; the seventh YES was bought before and told after."""
    facts = [*in_sets(6), paid("t", 1, 0, 400)]
    after = ledger(*facts, bought("t.1.2", "late", 1, 52), resettled("t", 1, 0, 300))
    assert after.cash[WALLET] == (10_000 - 500 - 364 + 700 + 300) * CENT - 7
    assert (after.held(P_NO), after.held(P_YES), after.net()) == (0, 0, {})


# -- counter-entries and corrections ----------------------------------------------------------------------------------


def test_a_counter_entry_moves_contracts_and_cash_of_its_leg_and_its_reverse_undoes_it() -> None:
    facts = [*CASH, *started(), bought("t.0.1", "f1", 10, 40)]
    after = ledger(*facts, marked("t", 1, 10, cents=-505))
    assert after.cash == {"kalshi:0": 9_600 * CENT, WALLET: (10_000 - 505) * CENT}
    assert after.net() == {KALSHI: 10 * MICRO, POLY: -10 * MICRO}
    undone = ledger(*facts, marked("t", 1, 10, cents=-505), marked("t", 1, -10, cents=505))
    assert (undone.cash, undone.net()) == (ledger(*facts).cash, ledger(*facts).net())


def test_a_counter_entry_on_a_netting_venue_is_netted_like_a_fill() -> None:
    after = ledger(
        *CASH, *started("a"), *started("b", (K_NO, P_NO)), bought("a.0.1", "f1", 5, 40), marked("b", 0, 5, -275)
    )
    assert after.cash["kalshi:0"] == (10_000 - 200 - 275 + 500) * CENT
    assert after.net() == {}


@pytest.mark.parametrize(("yes", "payout"), [(0, 0), (37, 370)], ids=["reversed", "scalar"])
def test_a_corrected_payout_moves_the_difference_only(yes: int, payout: int) -> None:
    facts = [*CASH, *started(), bought("t.0.1", "f1", 10, 40), paid("t", 0, 100, 1000, fee=CENT)]
    after = ledger(*facts, resettled("t", 0, yes, payout, fee=2 * CENT))
    assert after.cash["kalshi:0"] == (10_000 - 400 + payout - 2) * CENT
    assert after.net() == {}
    back = ledger(*facts, resettled("t", 0, yes, payout), resettled("t", 0, 100, 1000, fee=CENT))
    assert back.cash == ledger(*facts).cash


def test_a_fill_told_after_the_payout_is_paid_with_the_correction() -> None:
    facts = [*CASH, *started(), bought("t.0.1", "f1", 9, 40), paid("t", 0, 100, 900), bought("t.0.1", "f2", 1, 40)]
    assert ledger(*facts).net() == {KALSHI: MICRO}
    after = ledger(*facts, resettled("t", 0, 100, 1000))
    assert (after.cash["kalshi:0"], after.net()) == ((10_000 - 400 + 1000) * CENT, {})


def test_a_late_fill_that_was_netted_for_a_moment_is_not_paid_twice() -> None:
    """The other trade's leg of the same market has not been booked yet."""
    late = [paid("a", 0, 100, 500), bought("a.0.1", "late", 1, 40), resettled("a", 0, 100, 600)]
    after = ledger(*both_sides_of_kalshi(), *late)
    assert after.cash["kalshi:0"] == (10_000 - 240 - 275 + 600) * CENT
    assert after.net() == {KALSHI: -5 * MICRO}


def test_an_operators_command_is_kept_with_its_time() -> None:
    told = Commanded("trade mark", "t 0 10", "operator")
    assert ledger(*CASH, told).commands == [(3, told)]


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


def test_the_newest_alarms_and_commands_are_kept_all_are_counted_and_the_last_stop_stands() -> None:
    told = [Alarmed("a", str(number)) for number in range(5 * KEPT)]
    stop, start = Commanded("stop", "{}", "ann"), Commanded("start", "{}", "bob")
    asked = [Commanded("reconcile", str(number), "ann") for number in range(5 * KEPT)]
    after = ledger(start, stop, *told, *asked)
    assert after.alarms_told == 5 * KEPT
    assert KEPT <= len(after.alarms) <= 2 * KEPT and after.alarms == told[-len(after.alarms) :]
    assert len(after.commands) <= 2 * KEPT + 2 and after.commands[-1][1] == asked[-1]
    assert [command for _, command in after.commands if command.command != "reconcile"] == [start, stop]


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
        resettled("t", 0, 100, 500),
        merged("t", 0, 1),
        marked("t", 0, -6, 100),
        marked("u", 0, 1),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_fact_that_cannot_follow_raises_and_changes_neither_cash_nor_contracts(fact: AnyFact) -> None:
    facts = [*CASH, *started(), bought("t.0.1", "f1", 5, 40)]
    after = ledger(*facts)
    with pytest.raises(ImpossibleEvent):
        after.apply(fact, 99)
    assert after == ledger(*facts)
