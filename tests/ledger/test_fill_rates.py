"""Fill rates and unwind costs out of the engine's own trades: what counts, what does not, and how sure one may be of it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dutchbook.core.facts import AnyFact, OrdersPlanned, TradeTurned
from dutchbook.core.money import MICRO, RATE_ONE, Cash, parse_rate
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Turn
from dutchbook.ledger.fill_rates import Entry, FillRates, Tally, wilson_upper
from dutchbook.ledger.projection import Ledger
from ledger.story import CENT, book, bought, ledger, moved, opening, plan, reversed_fill, sent

AT_KALSHI, AT_POLYMARKET = Entry("kalshi", delayed=False), Entry("polymarket", delayed=False)


def rates(*trades: TradeBook) -> FillRates:
    """What these trades say."""
    made = FillRates()
    for trade in trades:
        made.take(trade)
    return made


def filled(order: str, fill: str, size: int = 10, cents: int = 40, fee: int = 0) -> list[AnyFact]:
    return [bought(order, fill, size, cents, fee), moved(order, OrderEvent.FINISH, size)]


def locked(trade: str = "t") -> TradeBook:
    facts = [*filled(f"{trade}.0.1", f"{trade}a"), *filled(f"{trade}.1.1", f"{trade}b")]
    return book(turned(trade, Turn.START), *sent(trade), *facts, turned(trade, Turn.LOCK), opened=opening(trade))


def turned(trade: str, turn: Turn) -> TradeTurned:
    return TradeTurned(trade, turn)


def rolled_back(trade: str = "t", cents: int = 36) -> TradeBook:
    """Ten YES bought at Kalshi for 40 (fee 0.10), nothing at Polymarket, sold again (fee 0.05)."""
    sale = plan(f"{trade}.0.2", Action.SELL)
    return book(
        turned(trade, Turn.START),
        *sent(trade),
        *filled(f"{trade}.0.1", "a", fee=100_000),
        moved(f"{trade}.1.1", OrderEvent.FINISH),
        turned(trade, Turn.FALL_SHORT),
        OrdersPlanned(trade, Turn.UNWIND, "", (sale,)),
        moved(sale.id, OrderEvent.SEND),
        *filled(sale.id, "b", cents=cents, fee=50_000),
        turned(trade, Turn.FLATTEN),
        opened=opening(trade),
    )


# --- counting -------------------------------------------------------------------------------------------------------


def test_both_orders_of_a_locked_trade_count_as_filled() -> None:
    seen = rates(locked())
    assert seen.known() == {AT_KALSHI: Tally(1, 1, 0, 0), AT_POLYMARKET: Tally(1, 1, 0, 0)}


def test_a_miss_counts_and_the_unwinding_costs_what_it_really_cost() -> None:
    seen = rates(rolled_back())
    assert seen.tally(AT_POLYMARKET) == Tally(1, 0, 0, 0)
    # paid 4.00 + 0.10, brought 3.60 - 0.05
    assert seen.tally(AT_KALSHI) == Tally(1, 1, 10 * MICRO, 550_000)


def test_a_partly_filled_order_is_not_filled() -> None:
    facts = [*filled("t.0.1", "a", 4), *filled("t.1.1", "b", 4)]
    seen = rates(book(turned("t", Turn.START), *sent("t"), *facts, turned("t", Turn.LOCK)))
    assert seen.tally(AT_KALSHI) == Tally(1, 0, 0, 0)


def test_a_leg_sent_after_the_first_answer_is_counted_apart() -> None:
    alone = structs.replace(opening(), orders=(plan("t.1.1"),))
    second = plan("t.0.1")
    seen = rates(
        book(
            turned("t", Turn.START),
            moved("t.1.1", OrderEvent.SEND),
            *filled("t.1.1", "a"),
            turned("t", Turn.FALL_SHORT),
            OrdersPlanned("t", Turn.HEDGE, "", (second,)),
            moved(second.id, OrderEvent.SEND),
            *filled(second.id, "b"),
            turned("t", Turn.LOCK),
            opened=alone,
        )
    )
    assert seen.known() == {AT_POLYMARKET: Tally(1, 1, 0, 0), AT_KALSHI._replace(later=True): Tally(1, 1, 0, 0)}


def test_a_delayed_market_is_counted_apart() -> None:
    trade = locked()
    trade.legs[1].plan = structs.replace(trade.legs[1].plan, taker_delay_ns=1_000_000_000)
    seen = rates(trade)
    assert seen.tally(AT_POLYMARKET) == Tally(0, 0, 0, 0)
    assert seen.tally(Entry("polymarket", delayed=True)) == Tally(1, 1, 0, 0)


def test_orders_that_never_left_and_orders_by_hand_are_no_evidence() -> None:
    held_back = book(
        turned("t", Turn.START),
        *(moved(f"t.{i}.1", OrderEvent.WITHHOLD) for i in (0, 1)),
        turned("t", Turn.MISS),
    )
    by_hand = locked("h")
    by_hand.opened = structs.replace(by_hand.opened, kind="single")
    assert rates(held_back, by_hand).known() == {}


def test_selling_every_leg_early_is_no_unwinding() -> None:
    exits = [plan(f"t.{i}.2", Action.SELL) for i in (0, 1)]
    trade = locked()
    trade.apply(OrdersPlanned("t", Turn.EXIT, "", tuple(exits)), 200)
    for number, sale in enumerate(exits):
        trade.apply(moved(sale.id, OrderEvent.SEND), 201)
        for fact in filled(sale.id, f"sale {number}", cents=30):
            trade.apply(fact, 202)
    assert rates(trade).tally(AT_KALSHI) == Tally(1, 1, 0, 0)


def test_pairing_with_the_opposite_claim_is_an_unwinding_too() -> None:
    pairing = structs.replace(plan("t.0.2"), opposite=True)
    trade = book(
        turned("t", Turn.START),
        *sent("t"),
        *filled("t.0.1", "a"),
        moved("t.1.1", OrderEvent.FINISH),
        turned("t", Turn.FALL_SHORT),
        OrdersPlanned("t", Turn.UNWIND, "", (pairing,)),
        moved(pairing.id, OrderEvent.SEND),
        *filled(pairing.id, "b", cents=63),
        turned("t", Turn.FLATTEN),
    )
    # bought for 40, and for 63 more it is a dollar: three cents a contract lost
    assert rates(trade).tally(AT_KALSHI) == Tally(1, 1, 10 * MICRO, 10 * 3 * CENT)


def test_a_trade_that_is_reopened_and_ends_again_counts_once_as_it_ended_last() -> None:
    trade = locked()
    seen = rates(trade)
    trade.apply(reversed_fill("t.1.1", "tb"), 50)
    seen.take(trade)
    assert seen.tally(AT_POLYMARKET) == Tally(1, 0, 0, 0)
    assert seen.tally(AT_KALSHI) == Tally(1, 1, 0, 0)


# --- following the ledger -------------------------------------------------------------------------------------------


def story_of(trade: str) -> list[AnyFact]:
    return [
        opening(trade),
        turned(trade, Turn.START),
        *sent(trade),
        *filled(f"{trade}.0.1", f"{trade}a"),
        *filled(f"{trade}.1.1", f"{trade}b"),
        turned(trade, Turn.LOCK),
    ]


def test_following_takes_each_ended_trade_once_and_none_that_works() -> None:
    *almost, last = story_of("u")
    world = ledger(*story_of("t"), *almost)
    seen = rates()
    for _ in range(3):
        seen.follow(world)
    assert seen.tally(AT_KALSHI).sent == 1
    world.apply(last, 99)
    seen.follow(world)
    assert seen.tally(AT_KALSHI) == Tally(2, 2, 0, 0)


def test_following_a_long_ledger_looks_at_nothing_that_is_past() -> None:
    class Counting(FillRates):
        looked = 0

        def take(self, trade: TradeBook) -> None:
            Counting.looked += 1
            super().take(trade)

    world = Ledger()
    seen = Counting()
    for number in range(50):
        for fact in story_of(f"t{number}"):
            world.apply(fact, number)
        seen.follow(world)
    assert Counting.looked == 50
    again = rates()
    again.follow(world)
    assert again.known() == seen.known()


# --- estimates ------------------------------------------------------------------------------------------------------


def test_before_the_first_trade_the_priors_rule() -> None:
    nothing = rates()
    assert nothing.fill(AT_KALSHI) == parse_rate("0.9")
    assert nothing.fill(AT_KALSHI._replace(later=True)) == parse_rate("0.8")
    assert nothing.fill(Entry("polymarket", delayed=True)) == parse_rate("0.7")
    assert nothing.unwind(AT_KALSHI, Cash(45_000)) == 45_000


def test_evidence_moves_the_estimates() -> None:
    seen = rates(*(rolled_back(f"t{number}") for number in range(10)))
    assert seen.fill(AT_POLYMARKET) == parse_rate("0.45")
    assert seen.fill(AT_KALSHI) == parse_rate("0.95")
    # a hundred contracts unwound at 5.5 cents weigh as much as the books' figure
    assert seen.unwind(AT_KALSHI, Cash(45_000)) == 50_000
    assert seen.unwind(AT_POLYMARKET, Cash(45_000)) == 45_000


def test_an_order_that_waits_is_never_thought_surer_than_one_sent_at_once() -> None:
    seen = rates(*(rolled_back(f"t{number}") for number in range(10)))
    later = AT_POLYMARKET._replace(later=True)
    assert seen.fill(later) == seen.fill(AT_POLYMARKET)
    assert seen.miss_upper(later) == seen.miss_upper(AT_POLYMARKET)


def test_an_unwinding_that_brought_a_profit_is_never_a_negative_cost() -> None:
    assert rates(*(rolled_back(f"t{number}", cents=60) for number in range(30))).unwind(AT_KALSHI, Cash(1)) == 0


@pytest.mark.parametrize(
    ("misses", "trials", "bound"), [(1, 10, "0.3477"), (0, 10, "0.2130"), (3, 60, "0.1187"), (10, 10, "1")]
)
def test_the_bound_is_wilsons(misses: int, trials: int, bound: str) -> None:
    assert abs(Fraction(wilson_upper(misses, trials), RATE_ONE) - Fraction(bound)) < Fraction(1, 10_000)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_above_the_rate_and_solves_wilsons_equation(case: tuple[int, int]) -> None:
    misses, trials = case
    bound, rate = Fraction(wilson_upper(misses, trials), RATE_ONE), Fraction(misses, trials)
    assert rate <= bound <= 1
    if bound < 1:
        # (bound - rate)^2 = z^2 bound (1 - bound) / n, up to rounding
        assert abs((bound - rate) ** 2 - Fraction(2_705_543, 10**6) * bound * (1 - bound) / trials) < Fraction(1, 10**9)


def test_more_evidence_of_the_same_kind_narrows_the_bound() -> None:
    few, many = rates(*(locked(f"t{i}") for i in range(5))), rates(*(locked(f"t{i}") for i in range(50)))
    assert many.fill_lower(AT_KALSHI) > few.fill_lower(AT_KALSHI) > rates().fill_lower(AT_KALSHI)
    assert few.fill_lower(AT_KALSHI) + few.miss_upper(AT_KALSHI) == RATE_ONE
