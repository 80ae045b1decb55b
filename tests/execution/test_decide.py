"""What a trade does next, as a pure function of its facts: the same facts give the same steps, and nothing is remembered."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.clock import SECOND
from dutchbook.core.facts import FillSettled, OrderAbsent, OrderMoved
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.trade import Phase, Turn
from dutchbook.execution.actions import Ask, AskFills, Cancel, Finish, Place, Step, Void, Wait
from dutchbook.execution.decide import Policy, Scene, Wish, decide
from execution.books import KALSHI, MARKETS, POLYMARKET, Story, book

POLICY = Policy(absence_margin_ns={"kalshi": 10 * SECOND, "polymarket": 60 * SECOND})
TEN = 10 * MICRO


def deep() -> dict[MarketId, Book]:
    """Books in which completing (NO at 60) loses less than unwinding (YES at 38)."""
    return {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(40, 100)], [(54, 100)])}


def thin() -> dict[MarketId, Book]:
    """Books in which unwinding loses less."""
    return {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(20, 100)], [(54, 100)])}


def steps(story: Story, books: dict[MarketId, Book], wall_ns: int = 10_000, wish: Wish | None = None) -> list[Step]:
    """What is done next; a round that fell short is noted first, as the driver does."""
    scene = Scene(books, MARKETS, 0, wall_ns)
    found = decide(story.trade, scene, POLICY, wish)
    if isinstance(found[0], Finish) and found[0].turn is Turn.FALL_SHORT:
        story.turns(Turn.FALL_SHORT)
        return decide(story.trade, scene, POLICY, wish)
    return found


def step(story: Story, books: dict[MarketId, Book], wall_ns: int = 10_000, wish: Wish | None = None) -> Step:
    (only,) = steps(story, books, wall_ns, wish)
    return only


@pytest.mark.parametrize("filled", [TEN, 3 * MICRO])
def test_unequal_legs_are_partial_before_anything_is_decided(filled: int) -> None:
    story = Story().ends("t.0.1", filled).ends("t.1.1")
    (found,) = decide(story.trade, Scene(deep(), MARKETS, 0, 10_000), POLICY)
    assert isinstance(found, Finish)
    assert found.turn is Turn.FALL_SHORT
    assert isinstance(step(story, deep()), Place)
    assert story.trade.phase is Phase.PARTIAL


def test_an_order_that_is_out_is_waited_for() -> None:
    assert all(isinstance(each, Wait) for each in steps(Story(), deep()))


def test_equal_counts_lock() -> None:
    found = step(Story().ends("t.0.1", TEN).ends("t.1.1", TEN), deep())
    assert isinstance(found, Finish)
    assert found.turn is Turn.LOCK


def test_nothing_filled_is_a_miss() -> None:
    found = step(Story().ends("t.0.1").ends("t.1.1", event=OrderEvent.REJECT), deep())
    assert isinstance(found, Finish)
    assert found.turn is Turn.MISS


def test_a_miss_says_each_reason_once() -> None:
    story = Story()
    for order in ("t.0.1", "t.1.1"):
        told = OrderMoved(
            "t", order, OrderEvent.FINISH, reason="CANCELED_no_match at the price", code="canceled_no_match"
        )
        story.trade.apply(told, story.now)
    found = step(story, deep())
    assert isinstance(found, Finish)
    assert found.reason == "CANCELED_no_match at the price"


def test_m30_a_resting_order_is_not_a_fill_and_is_taken_out() -> None:
    assert step(Story().moves("t.0.1", OrderEvent.REST).ends("t.1.1"), deep()) == Cancel("t.0.1")


def test_m30_a_delayed_order_is_not_a_fill_and_is_asked_about() -> None:
    assert step(Story().moves("t.0.1", OrderEvent.DELAY).ends("t.1.1"), deep()) == Ask("t.0.1")


def test_a_count_that_no_fill_explains_is_asked_for() -> None:
    story = Story().moves("t.0.1", OrderEvent.FINISH, filled=TEN).ends("t.1.1", TEN)
    assert step(story, deep()) == AskFills("t.0.1")


def test_nothing_is_decided_about_the_legs_while_one_order_is_unknown() -> None:
    story = Story().ends("t.0.1", TEN).moves("t.1.1", OrderEvent.LOSE)
    assert steps(story, thin()) == [Ask("t.1.1")]


def test_absence_is_evidence_only_past_deadline_and_margin_and_twice() -> None:
    story = Story().ends("t.0.1", TEN).moves("t.1.1", OrderEvent.LOSE)
    just = story.trade.order("t.1.1").plan.send_by_ns + 60 * SECOND
    for as_of, wanted in ((just, Ask), (just, Ask), (just + 1, Ask), (just + 1, Void)):
        story.trade.apply(OrderAbsent("t", "t.1.1", as_of), 0)
        assert isinstance(step(story, thin()), wanted)


def test_a_delayed_order_that_the_venue_has_forgotten_ends_by_the_same_evidence() -> None:
    story = Story().ends("t.0.1", TEN).moves("t.1.1", OrderEvent.DELAY)
    past = story.trade.order("t.1.1").plan.send_by_ns + 60 * SECOND + 1
    for wanted in (Ask, Void):
        story.trade.apply(OrderAbsent("t", "t.1.1", past), 0)
        assert isinstance(step(story, thin()), wanted)
    assert story.moves("t.1.1", OrderEvent.VOID).trade.order("t.1.1").ended


def test_an_order_with_a_fill_is_never_void() -> None:
    story = Story().ends("t.0.1", TEN).moves("t.1.1", OrderEvent.LOSE)
    for _ in range(3):
        story.trade.apply(OrderAbsent("t", "t.1.1", 1 << 62), 0)
    story.ends("t.1.1", MICRO, event=OrderEvent.LOSE)
    assert step(story, thin()) == Ask("t.1.1")


def test_completing_takes_what_is_there_and_the_first_sale_is_fill_or_kill() -> None:
    buy = step(Story().ends("t.0.1", TEN).ends("t.1.1"), deep())
    assert isinstance(buy, Place)
    assert (buy.turn, buy.intents[0].action, buy.intents[0].tif) == (Turn.HEDGE, Action.BUY, TimeInForce.IOC)
    sale = step(Story().ends("t.0.1", TEN).ends("t.1.1"), thin())
    assert isinstance(sale, Place)
    assert (sale.turn, sale.intents[0].action, sale.intents[0].tif) == (Turn.UNWIND, Action.SELL, TimeInForce.FOK)
    assert not sale.intents[0].reduce_only


def test_the_second_sale_takes_what_is_there() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1")
    story.ends(story.next_round(0, Action.SELL, turn=Turn.UNWIND))
    sale = step(story, thin())
    assert isinstance(sale, Place)
    assert sale.intents[0].tif is TimeInForce.IOC


def test_the_first_sale_too_only_closes_what_is_held_where_the_venue_offers_that() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1").turns(Turn.FALL_SHORT)
    policy = replace(POLICY, reduce_only={"kalshi": frozenset({TimeInForce.IOC})})
    for owned, form in (
        (None, (TimeInForce.IOC, True)),
        (lambda claim: TEN, (TimeInForce.IOC, True)),
        # another trade holds the opposite: the account's own position is smaller than what this one must sell
        (lambda claim: TEN - 1, (TimeInForce.FOK, False)),
    ):
        (sale,) = decide(story.trade, Scene(thin(), MARKETS, 0, 10_000, owned=owned), policy)
        assert isinstance(sale, Place)
        assert (sale.intents[0].tif, sale.intents[0].reduce_only) == form


def test_contracts_that_are_not_settled_are_waited_for() -> None:
    books = {KALSHI: book(KALSHI), POLYMARKET: book(POLYMARKET, [], [(54, 100)])}
    story = Story().ends("t.0.1").ends("t.1.1", TEN, sellable=False)
    found = step(story, books)
    assert isinstance(found, Finish)
    assert found.turn is Turn.AWAIT
    assert isinstance(step(story.turns(Turn.AWAIT), books), Wait)
    story.trade.apply(FillSettled("t", "t.1.1", "fill 1", final=False), story.now)
    sale = step(story, books)
    assert isinstance(sale, Place)
    assert (sale.turn, sale.intents[0].action, sale.intents[0].size) == (Turn.UNWIND, Action.SELL, TEN)


def test_waiting_ends_when_the_missing_leg_becomes_the_cheaper_way() -> None:
    story = Story().ends("t.0.1").ends("t.1.1", TEN, sellable=False)
    books = {KALSHI: book(KALSHI), POLYMARKET: book(POLYMARKET, [], [(54, 100)])}
    assert isinstance(step(story, books), Finish)
    story.turns(Turn.AWAIT)
    hedge = step(story, {**books, KALSHI: book(KALSHI, [], [(42, 100)])})
    assert isinstance(hedge, Place)
    assert (hedge.turn, hedge.intents[0].leg) == (Turn.HEDGE, 0)


def test_what_the_venue_refused_twice_is_left_for_the_other_way_out() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1", event=OrderEvent.REJECT)
    again = step(story, deep())
    assert isinstance(again, Place)
    assert again.turn is Turn.HEDGE
    story.ends(story.next_round(1, Action.BUY), event=OrderEvent.REJECT)
    other = step(story, deep())
    assert isinstance(other, Place)
    assert (other.turn, other.intents[0].leg) == (Turn.UNWIND, 0)


def test_two_orders_that_brought_nothing_are_a_reason_to_pause() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1")
    story.ends(story.next_round(1, Action.BUY))
    paused = step(story, deep(), story.now + SECOND // 4)
    assert paused == Wait(3 * SECOND // 4, "the last orders brought nothing")
    assert isinstance(step(story, deep(), story.now + SECOND), Place)


def test_an_order_that_brought_something_is_followed_at_once() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1")
    story.ends(story.next_round(1, Action.BUY), 6 * MICRO)
    assert isinstance(step(story, deep(), story.now), Place)


def test_rounds_used_up_is_naked_and_then_one_round_a_second() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1")
    for _ in range(POLICY.rounds - 1):
        story.ends(story.next_round(0, Action.SELL, turn=Turn.UNWIND), MICRO)
    found = step(story, thin())
    assert isinstance(found, Finish)
    assert found.turn is Turn.STRAND
    story.turns(Turn.STRAND)
    assert isinstance(step(story, thin(), story.now + SECOND - 1), Wait)
    assert isinstance(step(story, thin(), story.now + SECOND), Place)


def test_without_an_executable_price_the_trade_is_naked_and_waits() -> None:
    nothing = {KALSHI: book(KALSHI), POLYMARKET: book(POLYMARKET)}
    story = Story().ends("t.0.1", TEN).ends("t.1.1")
    found = step(story, nothing)
    assert isinstance(found, Finish)
    assert found.turn is Turn.STRAND
    assert isinstance(step(story.turns(Turn.STRAND), nothing), Wait)


def test_a_person_may_want_the_dearer_way() -> None:
    """Selling is cheaper in the thin books, completing in the deep ones."""
    for books, wish, turn in ((thin(), Wish.COMPLETE, Turn.HEDGE), (deep(), Wish.UNWIND, Turn.UNWIND)):
        unasked = step(Story().ends("t.0.1", TEN).ends("t.1.1"), books)
        asked = step(Story().ends("t.0.1", TEN).ends("t.1.1"), books, wish=wish)
        assert isinstance(unasked, Place) and isinstance(asked, Place)
        assert unasked.turn is not turn
        assert asked.turn is turn
        assert asked.intents[0].size == TEN


def test_a_wish_that_the_books_do_not_allow_does_not_leave_the_legs_unequal() -> None:
    books = {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET)}
    found = step(Story().ends("t.0.1", TEN).ends("t.1.1"), books, wish=Wish.COMPLETE)
    assert isinstance(found, Place)
    assert found.turn is Turn.UNWIND


def test_nothing_is_decided_on_a_book_that_is_stale() -> None:
    for stale in (KALSHI, POLYMARKET):
        story = Story().ends("t.0.1", TEN).ends("t.1.1").turns(Turn.FALL_SHORT)
        (found,) = decide(story.trade, Scene(deep(), MARKETS, 0, 10_000, stale={stale}), POLICY)
        assert isinstance(found, Finish)
        assert found.turn is Turn.STRAND
        assert stale in found.reason


def test_a_naked_trade_does_what_the_books_that_are_fresh_allow() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1").turns(Turn.FALL_SHORT).turns(Turn.STRAND)
    (sale,) = decide(story.trade, Scene(deep(), MARKETS, 0, 10 * SECOND, stale={POLYMARKET}), POLICY)
    assert isinstance(sale, Place)
    assert [intent.leg for intent in sale.intents] == [0], "completing would be cheaper, but its book is stale"
    both = Scene(deep(), MARKETS, 0, 10 * SECOND, stale={POLYMARKET, KALSHI})
    assert isinstance(decide(story.trade, both, POLICY)[0], Wait)


def test_dust_alone_ends_a_first_round_without_an_impossible_turn() -> None:
    story = Story().ends("t.0.1", 4_000).ends("t.1.1")
    found = step(story, deep())
    assert isinstance(found, Finish)
    assert found.turn is Turn.FLATTEN
    story.turns(found.turn)
    assert not story.trade.working


ENDS = st.sampled_from([OrderEvent.FINISH, OrderEvent.REJECT, OrderEvent.LOSE, OrderEvent.REST, OrderEvent.DELAY])
FILLED = st.integers(0, 10).map(lambda n: n * MICRO)


@given(ENDS, FILLED, ENDS, FILLED, st.booleans(), st.integers(0, 99), st.integers(1, 98))
@settings(max_examples=200, deadline=None)
def test_the_same_facts_and_books_give_the_same_steps_and_change_nothing(
    first: OrderEvent, one: int, second: OrderEvent, two: int, sellable: bool, depth: int, bid: int
) -> None:
    story = Story()
    for order, event, filled in (("t.0.1", first, one), ("t.1.1", second, two)):
        story.ends(order, 0 if event is OrderEvent.REJECT else filled, event=event, sellable=sellable)
    books = {
        KALSHI: book(KALSHI, [(bid, depth)], [(bid + 1, depth)]),
        POLYMARKET: book(POLYMARKET, [(bid, 50)], [(bid + 1, 50)]),
    }
    before = copy.deepcopy(story.trade)
    scene = Scene(books, MARKETS, 0, 10_000)
    first_look = decide(story.trade, scene, POLICY)
    assert first_look
    assert decide(story.trade, scene, POLICY) == first_look
    assert story.trade == before
    decided = steps(story, books)
    assert decide(copy.deepcopy(story.trade), scene, POLICY) == decided
    for each in decided:
        if isinstance(each, Place):
            assert not any(row.plan.id == intent.id for row in story.trade.orders() for intent in each.intents)
            for intent in each.intents:
                if intent.action is Action.SELL:
                    assert intent.size <= story.trade.legs[intent.leg].sellable
