"""A trade's complete sets, counter-entries, corrected payouts and early exit: what is held, what it brought, how it ended."""

from __future__ import annotations

import pytest

from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import AnyFact, OrdersPlanned, TradeTurned
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn
from ledger.story import (
    CENT,
    bought,
    fell_short,
    marked,
    merged,
    moved,
    paid,
    paired,
    plan,
    resettled,
    reversed_fill,
    sent,
)
from ledger.story import book as after

START = TradeTurned("t", Turn.START)
PROVISIONAL = {"final": False, "sellable": False}


def one_leg(size: int = 10, **more: bool) -> list[AnyFact]:
    """Leg 1 filled at 50 cents, leg 0 missed: the round fell short."""
    return [
        START,
        *sent("t"),
        moved("t.0.1", OrderEvent.FINISH),
        bought("t.1.1", "f1", size, 50, **more),
        moved("t.1.1", OrderEvent.FINISH, size),
        fell_short(),
    ]


def locked() -> list[AnyFact]:
    """Ten of each leg at 40 and 50 cents."""
    return [
        START,
        *sent("t"),
        bought("t.0.1", "f1", 10, 40),
        bought("t.1.1", "f2", 10, 50),
        moved("t.0.1", OrderEvent.FINISH, 10),
        moved("t.1.1", OrderEvent.FINISH, 10),
        TradeTurned("t", Turn.LOCK, "10 on every leg"),
    ]


def leaving() -> list[AnyFact]:
    """A locked trade, and the sale of both legs sent."""
    sales = tuple(plan(f"t.{leg}.2", Action.SELL) for leg in (0, 1))
    return [
        *locked(),
        OrdersPlanned("t", Turn.EXIT, "both legs sell above cost", sales),
        *(moved(sale.id, OrderEvent.SEND) for sale in sales),
    ]


def left() -> list[AnyFact]:
    """Both legs sold for 95 cents a bundle that cost 90."""
    return [
        *leaving(),
        bought("t.0.2", "s1", 10, 43),
        bought("t.1.2", "s2", 10, 52),
        moved("t.0.2", OrderEvent.FINISH, 10),
        moved("t.1.2", OrderEvent.FINISH, 10),
        TradeTurned("t", Turn.FLATTEN, "sold"),
    ]


# -- complete sets ----------------------------------------------------------------------------------------------------


def test_a_contract_and_its_opposite_are_a_set_and_stand_alone_no_more() -> None:
    leg = after(*one_leg(), *paired("t.1.2"), bought("t.1.2", "p1", 6, 52)).legs[1]
    assert (leg.held, leg.sets) == (4 * MICRO, 6 * MICRO)
    assert leg.bought == 10 * MICRO, "the opposite is not the leg's own claim"


def test_a_set_is_worth_a_dollar_before_it_is_merged_and_after() -> None:
    trade = after(*one_leg(), *paired("t.1.2"), bought("t.1.2", "p1", 10, 52, fee=CENT))
    expected = (1000 - 500 - 520 - 1) * CENT
    assert (trade.pnl, trade.locked_profit, trade.legs[1].received) == (expected, expected, 10 * MICRO)
    trade.apply(merged("t", 1, 4), 90)
    assert (trade.pnl, trade.legs[1].sets, trade.legs[1].held) == (expected, 6 * MICRO, 0)


def test_a_trade_is_not_flat_while_it_holds_sets() -> None:
    trade = after(*one_leg(), *paired("t.1.2"), bought("t.1.2", "p1", 10, 52), moved("t.1.2", OrderEvent.FINISH, 10))
    trade.apply(TradeTurned("t", Turn.FLATTEN, "nothing stands alone"), 90)
    assert trade.result == "rolled_back"
    assert not trade.flat and not trade.at_rest
    trade.apply(merged("t", 1, 10), 91)
    assert trade.flat and trade.at_rest


def test_the_purchase_of_the_opposite_is_reserved_and_what_it_pairs_is_not_offered_for_sale() -> None:
    trade = after(*one_leg(), *paired("t.1.2", size=6))
    assert trade.legs[1].reserved == 4 * MICRO
    assert trade.legs[1].sellable == 4 * MICRO
    trade.apply(bought("t.1.2", "p1", 2, 52), 90)
    trade.apply(moved("t.1.2", OrderEvent.FINISH, 2), 91)
    assert trade.legs[1].reserved == 0
    assert trade.legs[1].sellable == 8 * MICRO


def test_what_may_not_be_sold_yet_may_be_paired_and_never_makes_something_sellable() -> None:
    trade = after(*one_leg(**PROVISIONAL), *paired("t.1.2"), bought("t.1.2", "p1", 10, 52))
    assert (trade.legs[1].held, trade.legs[1].sellable, trade.legs[1].sets) == (0, 0, 10 * MICRO)


def test_an_opposite_whose_fill_failed_leaves_the_contract_alone_again() -> None:
    trade = after(*one_leg(), *paired("t.1.2"), bought("t.1.2", "p1", 10, 52, **PROVISIONAL))
    trade.apply(reversed_fill("t.1.2", "p1"), 90)
    assert (trade.legs[1].held, trade.legs[1].sets, trade.pnl) == (10 * MICRO, 0, -500 * CENT)


@pytest.mark.parametrize("size", [11, 0, -1])
def test_no_more_sets_are_merged_than_there_are(size: int) -> None:
    trade = after(*one_leg(), *paired("t.1.2"), bought("t.1.2", "p1", 10, 52))
    with pytest.raises(ImpossibleEvent, match="leg 1"):
        trade.apply(merged("t", 1, size), 90)
    assert trade.legs[1].merged == 0


def test_sets_are_not_merged_after_their_market_has_paid() -> None:
    trade = after(*one_leg(), *paired("t.1.2"), bought("t.1.2", "p1", 10, 52), paid("t", 1, 100, 0))
    with pytest.raises(ImpossibleEvent):
        trade.apply(merged("t", 1, 10), 90)
    assert trade.flat


# -- counter-entries --------------------------------------------------------------------------------------------------


def test_a_mark_brings_contracts_for_cash_and_changes_no_order() -> None:
    trade = after(*one_leg())
    orders = list(trade.orders())
    trade.apply(marked("t", 0, 10, cents=-420), 90)
    assert [leg.held for leg in trade.legs] == [10 * MICRO, 10 * MICRO]
    assert (trade.spent, trade.pnl) == (920 * CENT, -920 * CENT)
    assert trade.locked_profit == 80 * CENT
    assert list(trade.orders()) == orders


def test_a_mark_takes_contracts_out_for_cash() -> None:
    trade = after(*one_leg(), marked("t", 1, -10, cents=480))
    assert (trade.legs[1].held, trade.legs[1].sellable, trade.pnl) == (0, 0, -20 * CENT)
    assert trade.flat


def test_marked_contracts_can_be_sold() -> None:
    assert after(*one_leg(), marked("t", 0, 3)).legs[0].sellable == 3 * MICRO


def test_a_second_mark_undoes_the_first_and_both_stay_on_the_books() -> None:
    trade = after(*one_leg(), marked("t", 0, 10, cents=-420), marked("t", 0, -10, cents=420))
    assert (trade.legs[0].held, trade.pnl) == (0, -500 * CENT)
    assert [mark.size for mark in trade.legs[0].marks] == [10 * MICRO, -10 * MICRO]


@pytest.mark.parametrize(("leg", "size"), [(0, -1), (1, -11)])
def test_a_mark_cannot_take_out_what_is_not_held(leg: int, size: int) -> None:
    trade = after(*one_leg())
    with pytest.raises(ImpossibleEvent, match="cannot go out"):
        trade.apply(marked("t", leg, size, cents=100), 90)
    assert (trade.legs[leg].marks, trade.pnl) == ([], -500 * CENT)


def test_a_contract_bound_in_a_set_cannot_be_marked_out() -> None:
    trade = after(*one_leg(), *paired("t.1.2"), bought("t.1.2", "p1", 6, 52))
    with pytest.raises(ImpossibleEvent):
        trade.apply(marked("t", 1, -5), 90)
    trade.apply(marked("t", 1, -4), 91)
    assert trade.legs[1].held == 0


# -- corrected payouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("yes", "payout"), [(0, 1000), (37, 630)], ids=["reversed", "scalar"])
def test_a_corrected_payout_replaces_the_earlier_one(yes: int, payout: int) -> None:
    trade = after(*locked(), paid("t", 0, 100, 1000), paid("t", 1, 100, 0), TradeTurned("t", Turn.SETTLE))
    trade.apply(resettled("t", 1, yes, payout, fee=CENT), 90)
    assert trade.pnl == (1000 + payout - 900 - 1) * CENT
    assert (trade.phase, trade.at_rest) == (Phase.SETTLED, True)


def test_a_payout_that_never_was_cannot_be_corrected() -> None:
    trade = after(*locked())
    with pytest.raises(ImpossibleEvent, match="leg 0 has not been paid"):
        trade.apply(resettled("t", 0, 0, 0), 90)
    assert trade.legs[0].settled is None


def test_a_fill_told_after_the_payout_keeps_the_trade_awake_until_it_is_paid_too() -> None:
    trade = after(*locked(), paid("t", 0, 100, 1000), paid("t", 1, 100, 0), TradeTurned("t", Turn.SETTLE))
    assert trade.at_rest
    trade.apply(bought("t.0.1", "late", 1, 40), 90)
    assert not trade.at_rest
    trade.apply(resettled("t", 0, 100, 1100), 91)
    assert trade.at_rest
    assert trade.pnl == (1100 - 900 - 40) * CENT


# -- early exit -------------------------------------------------------------------------------------------------------


def test_an_early_exit_ends_flat_and_is_told_from_a_roll_back() -> None:
    trade = after(*left())
    assert (trade.phase, trade.result, trade.pnl) == (Phase.FLAT, "exited", 50 * CENT)
    assert trade.exited and not trade.rolled_back and trade.flat


def test_a_trade_that_is_being_sold_is_not_closed_until_it_is() -> None:
    trade = after(*leaving())
    assert (trade.phase, trade.closed_ns, trade.working) == (Phase.UNWINDING, 0, True)


def test_an_exit_that_nobody_took_is_a_locked_trade_again() -> None:
    killed = [moved(f"t.{leg}.2", OrderEvent.REJECT) for leg in (0, 1)]
    trade = after(*leaving(), *killed, TradeTurned("t", Turn.LOCK))
    assert (trade.result, trade.exited) == ("locked", False)
    assert trade.locked_profit == 100 * CENT


def test_an_exit_that_half_succeeded_goes_on_as_any_unequal_trade() -> None:
    trade = after(*leaving(), bought("t.0.2", "s1", 10, 43), moved("t.1.2", OrderEvent.REJECT), fell_short())
    assert trade.phase is Phase.PARTIAL
    again = OrdersPlanned("t", Turn.HEDGE, "buying back is cheaper", (plan("t.0.3"),))
    for at_ns, fact in enumerate((again, moved("t.0.3", OrderEvent.SEND), bought("t.0.3", "b", 10, 44)), 90):
        trade.apply(fact, at_ns)
    trade.apply(TradeTurned("t", Turn.LOCK), 99)
    assert (trade.result, trade.exited) == ("locked", False)


def test_a_trade_that_was_rolled_back_and_locked_after_all_is_no_roll_back() -> None:
    sale = OrdersPlanned("t", Turn.UNWIND, "selling is cheaper", (plan("t.1.2", Action.SELL),))
    trade = after(*one_leg(), sale, moved("t.1.2", OrderEvent.SEND), bought("t.1.2", "s", 10, 49))
    trade.apply(TradeTurned("t", Turn.FLATTEN), 90)
    assert (trade.result, trade.rolled_back) == ("rolled_back", True)
    trade.apply(marked("t", 0, 10, -400), 91)
    trade.apply(marked("t", 1, 10, -500), 92)
    for at_ns, turn in enumerate((Turn.REOPEN, Turn.LOCK), 93):
        trade.apply(TradeTurned("t", turn), at_ns)
    assert (trade.result, trade.rolled_back) == ("locked", False)


# -- a person takes over ----------------------------------------------------------------------------------------------


def handed_over() -> TradeBook:
    return after(*one_leg(), TradeTurned("t", Turn.STRAND, "no bid"), TradeTurned("t", Turn.HAND_OVER, "mine now"))


def test_a_trade_that_was_handed_over_is_not_worked_on_and_not_forgotten() -> None:
    trade = handed_over()
    assert (trade.result, trade.working, trade.flat, trade.at_rest) == ("handed_over", False, False, False)
    for turn in (Turn.HEDGE, Turn.UNWIND):
        with pytest.raises(ImpossibleEvent):
            trade.apply(OrdersPlanned("t", turn, "no", (plan("t.0.2"),)), 90)


def test_a_trade_that_was_handed_over_ends_by_a_mark_or_by_its_market() -> None:
    sold = handed_over()
    sold.apply(marked("t", 1, -10, cents=450), 90)
    sold.apply(TradeTurned("t", Turn.FLATTEN, "sold by hand"), 91)
    assert (sold.result, sold.pnl, sold.at_rest) == ("rolled_back", -50 * CENT, True)
    waited = handed_over()
    waited.apply(paid("t", 1, 0, 1000), 90)
    waited.apply(TradeTurned("t", Turn.SETTLE), 91)
    assert (waited.result, waited.pnl, waited.at_rest) == ("settled", 500 * CENT, True)
