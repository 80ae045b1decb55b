"""A trade folded from its facts: what is held, what it cost, what may still be lost."""

import pytest
from msgspec.structs import replace

from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import (
    AnyFact,
    CashMoved,
    FeeTrued,
    FillSettled,
    OrderAbsent,
    OrdersPlanned,
    TradeTurned,
)
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent, OrderState
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn
from ledger.story import (
    CENT,
    K_NO,
    K_YES,
    PAIR,
    bought,
    fell_short,
    marked,
    merged,
    moved,
    opening,
    paid,
    plan,
    resettled,
    reversed_fill,
    sent,
)
from ledger.story import book as after

START = TradeTurned("t", Turn.START)
PROVISIONAL = {"final": False, "sellable": False}


def sale(order: str = "t.0.2", size: int = 10) -> list[AnyFact]:
    """The first round fell short, and an unwind order leaves."""
    planned = OrdersPlanned("t", Turn.UNWIND, "leg 0 is too long", (plan(order, Action.SELL, size),))
    return [fell_short(), planned, moved(order, OrderEvent.SEND)]


def unwound() -> list[AnyFact]:
    """Leg 0 filled at 40 cents and sold at 38, leg 1 missed."""
    return [
        START,
        *sent("t"),
        bought("t.0.1", "f1", 10, 40, fee=CENT),
        moved("t.0.1", OrderEvent.FINISH, 10),
        moved("t.1.1", OrderEvent.FINISH, 0),
        *sale(),
        bought("t.0.2", "f2", 10, 38, fee=CENT),
        moved("t.0.2", OrderEvent.FINISH, 10),
    ]


def locked() -> list[AnyFact]:
    """Ten of each leg at 40 and 50 cents, two cents of fees."""
    return [
        START,
        *sent("t"),
        bought("t.0.1", "f1", 10, 40, fee=2 * CENT),
        bought("t.1.1", "f2", 10, 50),
        moved("t.0.1", OrderEvent.FINISH, 10),
        moved("t.1.1", OrderEvent.FINISH, 10),
        TradeTurned("t", Turn.LOCK, "10 on every leg"),
    ]


# -- fills ------------------------------------------------------------------------------------------------------------


def test_a_resting_order_is_not_a_fill() -> None:
    trade = after(*sent("t"), moved("t.0.1", OrderEvent.REST))
    assert trade.legs[0].held == 0
    assert not trade.order("t.0.1").ended


def test_a_count_without_fills_is_not_held_and_not_accounted() -> None:
    """The answer says 10; cash and fees are known only when the fills are."""
    trade = after(*sent("t"), moved("t.0.1", OrderEvent.FINISH, 10))
    assert trade.legs[0].held == 0
    assert not trade.order("t.0.1").accounted


def test_fills_may_come_before_the_answer() -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1"), moved("t.0.1", OrderEvent.FINISH, 10))
    assert trade.order("t.0.1").accounted
    assert trade.legs[0].held == 10 * MICRO


def test_the_same_fill_twice_is_one_fill() -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1"), bought("t.0.1", "f1"))
    assert trade.legs[0].held == 10 * MICRO
    assert trade.legs[0].spent == 400 * CENT


def test_the_venues_count_never_goes_down_by_a_late_copy() -> None:
    trade = after(*sent("t"), moved("t.0.1", OrderEvent.FINISH, 10), moved("t.0.1", OrderEvent.REST, 4))
    assert trade.order("t.0.1").reported == 10 * MICRO


def test_more_than_asked_is_exposure() -> None:
    """A marketable order may fill at better prices for more contracts than were asked for."""
    trade = after(*sent("t"), bought("t.0.1", "f1", 11, 36))
    assert trade.legs[0].held == 11 * MICRO
    assert trade.legs[0].reserved == 0


def test_a_sale_takes_from_what_is_held_and_brings_its_cash() -> None:
    trade = after(*unwound())
    assert trade.legs[0].held == 0
    assert trade.legs[0].bought == 10 * MICRO
    assert trade.legs[0].received == 380 * CENT


def test_the_result_of_a_roll_back_is_its_real_loss() -> None:
    trade = after(*unwound(), TradeTurned("t", Turn.FLATTEN, "unwound"))
    assert trade.phase is Phase.FLAT
    assert trade.pnl == (380 - 400 - 2) * CENT
    assert trade.flat


# -- reversals --------------------------------------------------------------------------------------------------------


def test_a_reversed_fill_gives_contracts_cash_and_fee_back() -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1", fee=CENT, **PROVISIONAL), reversed_fill("t.0.1", "f1"))
    assert trade.legs[0].held == 0
    assert (trade.spent, trade.fees, trade.pnl) == (0, 0, 0)


def test_a_copy_of_a_reversed_fill_does_not_bring_it_back() -> None:
    fill = bought("t.0.1", "f1", **PROVISIONAL)
    trade = after(*sent("t"), fill, reversed_fill("t.0.1", "f1"), fill)
    assert trade.legs[0].held == 0


def test_a_fill_whose_failure_was_heard_first_does_not_count() -> None:
    trade = after(*sent("t"), reversed_fill("t.0.1", "f1"), bought("t.0.1", "f1", **PROVISIONAL))
    assert trade.legs[0].held == 0


@pytest.mark.parametrize("copies", [0, 1, 2])
def test_a_reversed_fill_stays_explained_however_often_the_old_count_comes_again(copies: int) -> None:
    """Otherwise the trade would ask for the fills of that order for ever, with its other leg unhedged."""
    count = moved("t.0.1", OrderEvent.FINISH, 10)
    reversal = [bought("t.0.1", "f1", **PROVISIONAL), count, reversed_fill("t.0.1", "f1")]
    trade = after(*sent("t"), *reversal, *[count] * copies)
    assert trade.order("t.0.1").accounted
    assert trade.order("t.0.1").filled == 0


def test_a_reversal_explains_no_more_than_its_own_fill() -> None:
    reversal = [bought("t.0.1", "f1", 4, **PROVISIONAL), reversed_fill("t.0.1", "f1")]
    trade = after(*sent("t"), *reversal, moved("t.0.1", OrderEvent.FINISH, 10))
    assert not trade.order("t.0.1").accounted
    trade.apply(bought("t.0.1", "f2", 6), 99)
    assert trade.order("t.0.1").accounted


def test_the_same_reversal_twice_is_one_reversal() -> None:
    twice = [reversed_fill("t.0.1", "f1")] * 2
    trade = after(*sent("t"), bought("t.0.1", "f1", 4, **PROVISIONAL), bought("t.0.1", "f2", 6), *twice)
    assert trade.legs[0].held == 6 * MICRO
    assert trade.order("t.0.1").reversed == {"f1": 4 * MICRO}


def test_a_fill_that_fails_after_lock_reopens_the_trade() -> None:
    trade = after(*locked())
    closed = trade.closed_ns
    trade.apply(reversed_fill("t.1.1", "f2"), 50)
    trade.apply(TradeTurned("t", Turn.REOPEN, "a fill failed"), 51)
    assert closed and not trade.closed_ns
    assert trade.working
    assert [leg.held for leg in trade.legs] == [10 * MICRO, 0]


# -- provisional fills ------------------------------------------------------------------------------------------------


def test_what_is_not_settled_cannot_be_sold() -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1", **PROVISIONAL))
    assert trade.legs[0].held == 10 * MICRO
    assert trade.legs[0].sellable == 0


def test_a_mined_fill_can_be_sold_and_may_still_fail() -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1", **PROVISIONAL), FillSettled("t", "t.0.1", "f1", final=False))
    assert trade.legs[0].sellable == 10 * MICRO
    assert not trade.order("t.0.1").fills["f1"].final


def test_settling_changes_neither_size_nor_cash_nor_fee() -> None:
    fill = bought("t.0.1", "f1", 7, 43, fee=123, fee_exact=False, **PROVISIONAL)
    trade = after(*sent("t"), fill, FillSettled("t", "t.0.1", "f1", final=True))
    kept = trade.order("t.0.1").fills["f1"]
    assert (kept.size, kept.cash, kept.fee, kept.fee_exact) == (fill.size, fill.cash, fill.fee, False)
    assert kept.final and kept.sellable


def test_older_news_of_a_final_fill_does_not_make_it_provisional_again() -> None:
    news = [FillSettled("t", "t.0.1", "f1", final=True), FillSettled("t", "t.0.1", "f1", final=False)]
    trade = after(*sent("t"), bought("t.0.1", "f1", **PROVISIONAL), *news)
    assert trade.order("t.0.1").fills["f1"].final


def test_what_is_being_sold_is_not_offered_again() -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1"), moved("t.0.1", OrderEvent.FINISH, 10), START, *sale(size=6))
    assert trade.legs[0].sellable == 4 * MICRO
    trade.apply(bought("t.0.2", "f2", 2), 98)
    trade.apply(moved("t.0.2", OrderEvent.FINISH, 2), 99)
    assert trade.legs[0].sellable == 8 * MICRO


# -- unknown, void, rejected ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [OrderEvent.LOSE, OrderEvent.REST, OrderEvent.DELAY])
def test_an_order_that_has_not_ended_keeps_its_worst_cost_reserved(event: OrderEvent) -> None:
    trade = after(*sent("t"), moved("t.0.1", event))
    assert trade.legs[0].reserved == 4 * MICRO
    trade.apply(bought("t.0.1", "f1", 4), 99)
    assert trade.legs[0].reserved == 240 * CENT


@pytest.mark.parametrize("event", [OrderEvent.FINISH, OrderEvent.REJECT, OrderEvent.WITHHOLD])
def test_an_ended_order_reserves_nothing(event: OrderEvent) -> None:
    assert after(*sent("t"), moved("t.0.1", event)).legs[0].reserved == 0


def test_a_reservation_is_rounded_up() -> None:
    opened = opening(claims=(K_YES,), size=3)
    trade = TradeBook.open(opened, 1)
    trade.apply(moved("t.0.1", OrderEvent.SEND), 2)
    trade.apply(bought("t.0.1", "f1", 1), 3)
    assert trade.legs[0].reserved == -(-4 * MICRO * 2 // 3)


def test_absences_are_kept_as_evidence_with_their_time() -> None:
    trade = after(
        *sent("t"), moved("t.0.1", OrderEvent.LOSE), OrderAbsent("t", "t.0.1", 7), OrderAbsent("t", "t.0.1", 9)
    )
    assert trade.order("t.0.1").absences == [7, 9]
    assert trade.order("t.0.1").state is OrderState.UNKNOWN


@pytest.mark.parametrize("event", [OrderEvent.REST, OrderEvent.DELAY])
def test_absences_before_the_venue_showed_the_order_prove_nothing_afterwards(event: OrderEvent) -> None:
    lost = [moved("t.0.1", OrderEvent.LOSE), OrderAbsent("t", "t.0.1", 7), OrderAbsent("t", "t.0.1", 9)]
    shown = after(*sent("t"), *lost, moved("t.0.1", event), moved("t.0.1", OrderEvent.LOSE))
    assert shown.order("t.0.1").state is OrderState.UNKNOWN
    assert shown.order("t.0.1").absences == []


def test_an_order_that_comes_back_after_it_was_voided_needs_new_evidence() -> None:
    gone = [moved("t.0.1", OrderEvent.LOSE), OrderAbsent("t", "t.0.1", 9), moved("t.0.1", OrderEvent.VOID)]
    for news in (moved("t.0.1", OrderEvent.LOSE), bought("t.0.1", "f1", 4)):
        row = after(*sent("t"), *gone, news).order("t.0.1")
        assert (row.state, row.absences) == (OrderState.UNKNOWN, [])


def test_a_late_fill_reopens_a_voided_order_and_reserves_its_rest_again() -> None:
    void = [moved("t.0.1", OrderEvent.LOSE), moved("t.0.1", OrderEvent.VOID)]
    trade = after(*sent("t"), *void, bought("t.0.1", "f1", 4))
    assert trade.order("t.0.1").state is OrderState.UNKNOWN
    assert trade.legs[0].held == 4 * MICRO
    assert trade.legs[0].reserved == 240 * CENT


def test_a_late_fill_of_a_rejected_order_counts_and_makes_it_unknown() -> None:
    trade = after(*sent("t"), moved("t.0.1", OrderEvent.REJECT), bought("t.0.1", "f1", 4))
    assert trade.order("t.0.1").state is OrderState.UNKNOWN
    assert trade.legs[0].held == 4 * MICRO


@pytest.mark.parametrize(
    "before", [[OrderEvent.WITHHOLD], [OrderEvent.LOSE, OrderEvent.VOID]], ids=["not sent", "never existed"]
)
def test_an_order_that_has_filled_cannot_be_said_never_to_have_reached_the_venue(before: list[OrderEvent]) -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1", 4))
    *known, last = before
    for event in known:
        trade.apply(moved("t.0.1", event), 50)
    with pytest.raises(ImpossibleEvent, match=r"t\.0\.1 has fills"):
        trade.apply(moved("t.0.1", last), 51)
    assert not trade.order("t.0.1").ended


# -- profit -----------------------------------------------------------------------------------------------------------


def test_a_locked_trade_shows_its_sure_profit_and_its_cost() -> None:
    trade = after(*locked())
    assert trade.locked_profit == (1000 - 400 - 500 - 2) * CENT
    assert trade.pnl == -(400 + 500 + 2) * CENT
    assert not trade.flat


def test_unequal_legs_lock_only_their_equal_part() -> None:
    trade = after(*sent("t"), bought("t.0.1", "f1", 10, 40), bought("t.1.1", "f2", 6, 50))
    assert trade.locked_profit == (600 - 400 - 300) * CENT


def test_a_settled_trade_shows_what_it_made_and_is_flat() -> None:
    trade = after(*locked(), paid("t", 0, 100, 1000))
    assert not trade.flat
    trade.apply(paid("t", 1, 100, 0), 90)
    trade.apply(TradeTurned("t", Turn.SETTLE), 91)
    assert trade.flat
    assert trade.pnl == 98 * CENT
    assert (trade.phase, trade.settled_ns) == (Phase.SETTLED, 91)


def test_a_settlement_fee_lowers_the_result() -> None:
    trade = after(*locked(), paid("t", 0, 100, 1000, fee=CENT), paid("t", 1, 100, 0))
    assert trade.pnl == 97 * CENT
    assert trade.fees == 3 * CENT


def test_the_sure_profit_does_not_change_when_the_first_venue_pays() -> None:
    trade = after(*locked())
    before = trade.locked_profit
    trade.apply(paid("t", 0, 100, 1000), 90)
    assert trade.locked_profit == before


def test_a_leg_is_paid_once() -> None:
    trade = after(*locked(), paid("t", 0, 100, 1000))
    with pytest.raises(ImpossibleEvent, match="leg 0 has been paid"):
        trade.apply(paid("t", 0, 100, 1000), 90)
    assert trade.pnl == 98 * CENT


@pytest.mark.parametrize("amount", [7, -7])
def test_a_fee_that_the_balance_corrected_moves_the_result_by_as_much(amount: int) -> None:
    trade = after(*locked())
    before = trade.fees, trade.pnl, trade.locked_profit
    trade.apply(FeeTrued("t", "kalshi", "kalshi:0", amount), 90)
    assert (trade.fees, trade.pnl, trade.locked_profit) == (
        before[0] + amount,
        before[1] - amount,
        before[2] - amount,
    )


# -- what cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fact",
    [
        bought("t.0.9", "f1"),
        moved("t.0.9", OrderEvent.SEND),
        reversed_fill("t.0.9", "f1"),
        FillSettled("t", "t.0.9", "f1", final=True),
        OrderAbsent("t", "t.0.9", 1),
        paid("t", 2, 100, 1000),
        paid("t", -1, 100, 1000),
        OrdersPlanned("t", Turn.UNWIND, "again", (plan("t.0.1", Action.SELL),)),
        OrdersPlanned("t", Turn.UNWIND, "twice", (plan("t.0.2"), plan("t.0.2"))),
        OrdersPlanned("t", Turn.UNWIND, "no such leg", (plan("t.2.1"),)),
        OrdersPlanned("t", Turn.REOPEN, "not now", (plan("t.0.2"),)),
        TradeTurned("t", Turn.SETTLE),
        CashMoved("kalshi", "kalshi:0", "deposit", 1),
        resettled("t", 0, 100, 1000),
        resettled("t", 2, 100, 1000),
        merged("t", 0, 1),
        merged("t", -1, 1),
        marked("t", 0, -1),
        marked("t", 2, 1),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_fact_that_cannot_be_raises_and_changes_nothing(fact: AnyFact) -> None:
    trade = after(START, *sent("t"), fell_short())
    untouched = after(START, *sent("t"), fell_short())
    with pytest.raises(ImpossibleEvent):
        trade.apply(fact, 99)
    assert trade == untouched


def test_a_trade_whose_orders_name_a_leg_that_it_has_not_cannot_be_opened() -> None:
    with pytest.raises(ImpossibleEvent, match="no leg 1"):
        TradeBook.open(replace(opening(), legs=opening(claims=(K_YES,)).legs), 1)


def test_rounds_count_rounds_of_orders_and_not_orders() -> None:
    assert after().rounds == 1
    assert after(START, *sent("t"), *sale()).rounds == 2


def test_a_trade_may_have_one_leg_or_three() -> None:
    assert len(after(opened=opening(claims=(K_YES,))).legs) == 1
    three = after(opened=opening(claims=(*PAIR, K_NO)))
    assert [leg.claim for leg in three.legs] == [*PAIR, K_NO]
