"""What follows a counter-entry by a person: which trades may be marked, and the turn that the table then allows."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.errors import Skip
from dutchbook.core.facts import LegSettled, LotsMarked, TradeTurned
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.execution.repair import after_mark
from execution.books import Story

TEN = 10 * MICRO


def mark(leg: int, size: int, cash: int = 0) -> LotsMarked:
    """Whole contracts."""
    return LotsMarked("t", leg, size * MICRO, cash, "done by hand", "operator")


def naked() -> Story:
    """Ten YES, no NO."""
    return Story().ends("t.0.1", TEN).ends("t.1.1").turns(Turn.FALL_SHORT).turns(Turn.STRAND)


def handed_over() -> Story:
    return naked().turns(Turn.HAND_OVER)


def locked() -> Story:
    return Story().ends("t.0.1", TEN).ends("t.1.1", TEN).turns(Turn.LOCK)


def failed() -> Story:
    return Story().ends("t.0.1").ends("t.1.1").turns(Turn.MISS)


def rolled_back() -> Story:
    story = Story().ends("t.0.1", TEN).ends("t.1.1")
    story.ends(story.next_round(0, Action.SELL, turn=Turn.UNWIND), TEN)
    return story.turns(Turn.FLATTEN)


MARKABLE = {"naked": naked, "handed over": handed_over, "locked": locked, "failed": failed, "rolled back": rolled_back}


@pytest.mark.parametrize("story", [naked, handed_over])
def test_the_mark_that_makes_the_legs_equal_locks_the_trade(story: type) -> None:
    assert after_mark(story().trade, mark(1, 10)) is Turn.LOCK


@pytest.mark.parametrize("story", [naked, handed_over])
def test_the_mark_that_takes_out_all_that_was_held_ends_the_trade_flat(story: type) -> None:
    assert after_mark(story().trade, mark(0, -10)) is Turn.FLATTEN


@pytest.mark.parametrize("story", [naked, handed_over])
def test_a_mark_that_leaves_the_legs_unequal_leaves_the_trade_where_it_is(story: type) -> None:
    assert after_mark(story().trade, mark(0, -4)) is None


@pytest.mark.parametrize("story", [locked, failed, rolled_back])
@pytest.mark.parametrize("size", [3, 10])
def test_contracts_on_one_leg_of_a_trade_that_had_ended_put_it_back_to_work(story: type, size: int) -> None:
    assert after_mark(story().trade, mark(0, size)) is Turn.REOPEN


def test_cash_alone_does_not_wake_a_trade_that_holds_nothing() -> None:
    for story in (failed, rolled_back):
        assert after_mark(story().trade, mark(0, 0, cash=-7)) is None


def test_only_a_trade_that_nobody_works_on_can_be_marked() -> None:
    out = Story().ends("t.0.1", TEN).ends("t.1.1")
    for story in (Story(), out, out.turns(Turn.FALL_SHORT), out.turns(Turn.AWAIT)):
        with pytest.raises(Skip, match=story.trade.phase.value):
            after_mark(story.trade, mark(1, 10))


@pytest.mark.parametrize("leg", [-1, 2])
def test_a_leg_that_is_not_there_is_named(leg: int) -> None:
    with pytest.raises(Skip, match="legs 0 to 1"):
        after_mark(naked().trade, mark(leg, 1))


@pytest.mark.parametrize(("leg", "size"), [(0, -11), (1, -1)])
def test_what_is_not_held_cannot_go_out(leg: int, size: int) -> None:
    with pytest.raises(Skip, match="cannot go out"):
        after_mark(naked().trade, mark(leg, size))


def test_a_leg_that_has_been_paid_cannot_be_marked() -> None:
    story = locked()
    story.trade.apply(LegSettled("t", 0, MICRO, TEN), 9)
    with pytest.raises(Skip, match="has been paid"):
        after_mark(story.trade, mark(0, 1))


def test_no_mark_while_the_fate_of_an_order_is_not_known() -> None:
    story = naked()
    story.next_round(1, Action.BUY)
    with pytest.raises(Skip, match="fate is not known"):
        after_mark(story.trade, mark(0, -10))
    counted = naked()
    counted.moves("t.1.1", OrderEvent.FINISH, filled=MICRO)
    with pytest.raises(Skip, match="fate is not known"):
        after_mark(counted.trade, mark(0, -10))


@given(st.sampled_from(sorted(MARKABLE)), st.integers(0, 1), st.integers(-12, 12), st.integers(-(10**7), 10**7))
def test_every_mark_that_is_let_through_can_be_booked_with_its_turn(name: str, leg: int, size: int, cash: int) -> None:
    trade: TradeBook = MARKABLE[name]().trade
    entry = mark(leg, size, cash)
    before = copy.deepcopy(trade)
    try:
        turn = after_mark(trade, entry)
    except Skip:
        assert trade.legs[leg].held + entry.size < 0
        return
    assert trade == before, "judging a mark books nothing"
    trade.apply(entry, 99)
    if turn is not None:
        trade.apply(TradeTurned("t", turn), 100)
    assert trade.pnl == before.pnl + cash
    held = {row.held for row in trade.legs}
    if not trade.working and trade.phase is not Phase.HANDED_OVER:
        assert len(held) == 1, "no trade is over with unequal legs"
