"""Ways out of a position that cannot simply be sold: complete sets, waiting, and the sale of a whole locked bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.clock import SECOND
from dutchbook.core.facts import FillReversed, LegSettled
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Cash, Price, Size
from dutchbook.core.order import Action, TimeInForce
from dutchbook.core.trade import Turn
from dutchbook.execution.actions import Finish, Place, Step, Wait
from dutchbook.execution.balance import Balancing, Holding, balancings, price_order, slices, through_sets
from dutchbook.execution.decide import Policy, Scene, decide, exit_round, exit_sales
from execution.books import CENT, KALSHI, MARKETS, NO, POLYMARKET, YES, Story, book, holding
from execution.test_balance import scenes

TEN = 10 * MICRO
RICH = {"kalshi:0": Cash(1000 * MICRO), "polymarket": Cash(1000 * MICRO)}
POLICY = Policy(absence_margin_ns={"kalshi": 10 * SECOND, "polymarket": 60 * SECOND})
MERGING = replace(POLICY, merges=frozenset({"polymarket"}))


def one_way() -> dict[MarketId, Book]:
    """Nothing at Kalshi; NO sells for 46 cents, and YES costs 54, at Polymarket."""
    return {KALSHI: book(KALSHI), POLYMARKET: book(POLYMARKET, [(52, 100)], [(54, 100)])}


def deep() -> dict[MarketId, Book]:
    """Depth on both sides at both venues."""
    return {KALSHI: book(KALSHI, [(40, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(52, 100)], [(54, 100)])}


def unsold() -> Story:
    """Ten NO at Polymarket that the venue does not let us sell yet."""
    return Story().ends("t.0.1").ends("t.1.1", TEN, sellable=False).turns(Turn.FALL_SHORT)


def look(
    story: Story, policy: Policy, cash: Mapping[str, Cash] | None = None, wall_ns: int = 10_000, stale: tuple = ()
) -> Step:
    scene = Scene(one_way(), MARKETS, 0, wall_ns, stale, RICH if cash is None else cash)
    (only,) = decide(story.trade, scene, policy)
    return only


def taken_back(story: Story, order: str, fill: str) -> Story:
    """The venue does not stand by a fill."""
    story.trade.apply(FillReversed("t", order, fill, "it failed on chain"), story.now)
    return story


def test_an_equal_count_below_nothing_is_no_lock() -> None:
    """Both legs were paired with their opposites, then their purchases failed: the opposites alone are no bundle."""
    story = Story().ends("t.0.1", TEN).ends("t.1.1", TEN).turns(Turn.LOCK).turns(Turn.REOPEN)
    for leg in (0, 1):
        story.ends(story.next_round(leg, Action.BUY, turn=Turn.UNWIND, opposite=True), TEN)
    assert [(leg.held, leg.sets, leg.mergeable) for leg in story.trade.legs] == [(0, TEN, TEN)] * 2
    taken_back(taken_back(story, "t.0.1", "fill 1"), "t.1.1", "fill 2").turns(Turn.FALL_SHORT)
    assert [(leg.held, leg.sets, leg.mergeable) for leg in story.trade.legs] == [(-TEN, TEN, 0)] * 2
    found = decide(story.trade, Scene(deep(), MARKETS, 0, 10_000, (), RICH), POLICY)
    (step,) = found
    assert isinstance(step, Place)
    assert [(intent.leg, intent.action, intent.size) for intent in step.intents] == [
        (0, Action.BUY, TEN),
        (1, Action.BUY, TEN),
    ]


# -- complete sets, decided -------------------------------------------------------------------------------------------


def test_what_may_not_be_sold_is_paired_at_once_where_sets_can_be_merged() -> None:
    found = look(unsold(), MERGING)
    assert isinstance(found, Place)
    (intent,) = found.intents
    assert (found.turn, intent.opposite, intent.action) == (Turn.UNWIND, True, Action.BUY)
    assert (intent.claim, intent.leg, intent.size, intent.limit) == (NO.opposite, 1, TEN, 54 * CENT)
    assert intent.tif is TimeInForce.FOK and not intent.reduce_only


def test_what_may_be_sold_is_never_paired() -> None:
    story = Story().ends("t.0.1").ends("t.1.1", TEN).turns(Turn.FALL_SHORT)
    found = look(story, MERGING)
    assert isinstance(found, Place)
    assert [(intent.action, intent.opposite) for intent in found.intents] == [(Action.SELL, False)]


def test_elsewhere_settlement_is_waited_for_and_sets_are_bought_only_when_it_is_overdue() -> None:
    story = unsold()
    found = look(story, POLICY)
    assert isinstance(found, Finish)
    assert found.turn is Turn.AWAIT
    story.turns(Turn.AWAIT)
    overdue = story.now + POLICY.settling_ns
    assert isinstance(look(story, POLICY, wall_ns=overdue), Wait)
    late = look(story, POLICY, wall_ns=overdue + 1)
    assert isinstance(late, Place)
    assert late.intents[0].opposite


def test_without_the_cash_for_a_set_settlement_is_waited_for() -> None:
    dear = price_order(one_way()[POLYMARKET].offers(YES.outcome), MARKETS[POLYMARKET], Action.BUY, Size(TEN))
    assert dear is not None
    for cash, wanted in ((dear.cash, Place), (dear.cash - 1, Finish)):
        assert isinstance(look(unsold(), MERGING, {"polymarket": Cash(cash)}), wanted)
    assert isinstance(look(unsold(), MERGING, {"kalshi:0": Cash(1000 * MICRO)}), Finish), "the cash of another pool"


def test_no_set_is_bought_on_a_stale_book() -> None:
    found = look(unsold(), MERGING, stale=(POLYMARKET,))
    assert isinstance(found, Finish)
    assert found.turn is Turn.STRAND
    naked = unsold().turns(Turn.STRAND)
    assert isinstance(look(naked, MERGING, wall_ns=60 * SECOND, stale=(POLYMARKET,)), Wait)


def test_a_naked_trade_is_paired_too() -> None:
    found = look(unsold().turns(Turn.STRAND), MERGING, wall_ns=60 * SECOND)
    assert isinstance(found, Place)
    assert found.intents[0].opposite


def test_legs_of_which_all_is_in_sets_are_flat() -> None:
    story = unsold()
    story.ends(story.next_round(1, Action.BUY, turn=Turn.UNWIND, opposite=True), TEN)
    found = look(story, MERGING)
    assert isinstance(found, Finish)
    assert found.turn is Turn.FLATTEN


def test_a_second_purchase_of_the_opposite_takes_what_is_there() -> None:
    story = unsold()
    story.ends(story.next_round(1, Action.BUY, turn=Turn.UNWIND, opposite=True), 4 * MICRO).turns(Turn.FALL_SHORT)
    found = look(story, MERGING)
    assert isinstance(found, Place)
    assert (found.intents[0].opposite, found.intents[0].size, found.intents[0].tif) == (
        True,
        6 * MICRO,
        TimeInForce.IOC,
    )


# -- complete sets, priced --------------------------------------------------------------------------------------------


def way_of(*holdings: Holding) -> Balancing:
    return balancings(holdings, Price(MICRO), Size(TEN), one_way(), MARKETS)[0]


def test_a_set_brings_what_the_sale_would_have_brought_but_for_fees() -> None:
    """NO sells for 46 cents; YES costs 54 and the set pays a dollar: 46 again. Fees are the same at p and 1 - p."""
    holdings = [holding(YES, 0), holding(NO, TEN, sellable=0)]
    way = way_of(*holdings)
    paired = through_sets(way, holdings, one_way(), MARKETS, RICH)
    assert paired is not None
    assert paired.value == way.value == 10 * 46 * CENT - 124_200
    assert not paired.waits_for_settlement


def test_a_purchase_that_the_venue_would_refuse_is_no_way_out() -> None:
    """Below Polymarket's dollar: one NO cannot be paired for 54 cents."""
    holdings = [holding(YES, 0), holding(NO, MICRO, sellable=0)]
    way = way_of(*holdings)
    assert way.corrections, "it could be sold"
    assert through_sets(way, holdings, one_way(), MARKETS, RICH) is None


@given(scenes(), st.integers(0, 20 * MICRO))
@settings(max_examples=300, deadline=None)
def test_any_way_through_sets_is_the_same_way_within_the_pools_cash(
    scene: tuple[list[Holding], dict[MarketId, Book], dict[MarketId, Market], Size], purse: int
) -> None:
    holdings, books, markets, target = scene
    cash = {market.pool: Cash(purse) for market in markets.values()}
    ways = balancings(holdings, Price(MICRO), target, books, markets)
    part = slices(holdings, books, markets)
    for way in ways if part is None else [*ways, part]:
        paired = through_sets(way, holdings, books, markets, cash)
        if paired is None:
            continue
        assert not paired.waits_for_settlement
        assert (paired.count, paired.dust) == (way.count, way.dust)
        spent: dict[str, int] = {}
        for before, after in zip(way.corrections, paired.corrections, strict=True):
            held, market = holdings[before.leg], markets[holdings[before.leg].claim.market]
            assert (after.leg, after.size) == (before.leg, before.size)
            assert after.opposite == (before.action is Action.SELL and before.size > held.sellable)
            if not after.opposite:
                assert after == before
            if after.action is Action.BUY:
                spent[market.pool] = spent.get(market.pool, 0) + after.cash
            if after.opposite:
                assert books[market.id].live
                assert market.grid.contains(after.limit)
                assert after.size % market.take_lot == 0
                assert after.size % market.marketable_lot(after.limit, buying=True) == 0
                assert after.limit * after.size >= market.min_cash * MICRO
        assert all(cost <= purse for cost in spent.values()), "beyond the pool's cash"
        # the books mirror each other: only the rounding of fees and of fractions differs
        assert abs(paired.value - way.value) <= 200 * len(holdings)


# -- selling a locked bundle ------------------------------------------------------------------------------------------


def locked(number: int = 10) -> Story:
    return Story().ends("t.0.1", number * MICRO).ends("t.1.1", number * MICRO).turns(Turn.LOCK)


def bids(yes: int = 100, no: int = 100) -> dict[MarketId, Book]:
    """YES is bid 45 for at Kalshi, NO 57 at Polymarket, for so many contracts."""
    return {KALSHI: book(KALSHI, [(45, yes)]), POLYMARKET: book(POLYMARKET, [], [(43, no)])}


def test_an_early_exit_sells_every_leg_whole_or_kills_it() -> None:
    orders = exit_round(locked().trade, Scene(bids(), MARKETS, 0, 10_000), POLICY)
    assert orders is not None
    assert [(o.leg, o.claim, o.action, o.size, o.limit, o.tif) for o in orders] == [
        (0, YES, Action.SELL, TEN, 45 * CENT, TimeInForce.FOK),
        (1, NO, Action.SELL, TEN, 57 * CENT, TimeInForce.FOK),
    ]
    assert not any(o.reduce_only or o.opposite for o in orders)


@pytest.mark.parametrize(("yes", "no"), [(9, 100), (100, 9), (0, 100)])
def test_no_exit_is_begun_that_the_books_do_not_take_whole(yes: int, no: int) -> None:
    assert exit_round(locked().trade, Scene(bids(yes, no), MARKETS, 0, 10_000), POLICY) is None


@pytest.mark.parametrize("stale", [KALSHI, POLYMARKET])
def test_no_exit_is_begun_on_a_stale_book(stale: MarketId) -> None:
    assert exit_round(locked().trade, Scene(bids(), MARKETS, 0, 10_000, stale={stale}), POLICY) is None
    dead = bids()
    dead[stale].invalidate()
    assert exit_round(locked().trade, Scene(dead, MARKETS, 0, 10_000), POLICY) is None


def test_no_exit_is_begun_while_a_leg_may_not_be_sold_or_has_been_paid() -> None:
    story = Story().ends("t.0.1", TEN).ends("t.1.1", TEN, sellable=False).turns(Turn.LOCK)
    assert exit_round(story.trade, Scene(bids(), MARKETS, 0, 10_000), POLICY) is None
    half_paid = locked()
    half_paid.trade.apply(LegSettled("t", 0, MICRO, TEN), 9)
    assert exit_round(half_paid.trade, Scene(bids(), MARKETS, 0, 10_000), POLICY) is None


def test_a_second_exit_after_one_that_nobody_took_is_all_or_nothing_again() -> None:
    story = locked()
    for leg in (0, 1):
        story.ends(story.next_round(leg, Action.SELL, turn=Turn.EXIT if leg == 0 else Turn.UNWIND))
    story.turns(Turn.LOCK)
    orders = exit_round(story.trade, Scene(bids(), MARKETS, 0, 10_000), POLICY)
    assert orders is not None
    assert {(order.tif, order.reduce_only) for order in orders} == {(TimeInForce.FOK, False)}


@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 2), st.booleans())
def test_an_exit_is_every_leg_whole_or_nothing(number: int, yes: int, no: int, stale: int, live: bool) -> None:
    story, books = locked(number), bids(yes, no)
    if not live:
        books[KALSHI].invalidate()
    names = ((), (KALSHI,), (POLYMARKET,))[stale]
    scene = Scene(books, MARKETS, 0, 10_000, names)
    sales, orders = exit_sales(story.trade, scene), exit_round(story.trade, scene, POLICY)
    possible = live and not names and min(yes, no) >= number
    assert (orders is not None) == (sales is not None) == possible
    if orders is not None:
        assert [(order.leg, order.size) for order in orders] == [(0, number * MICRO), (1, number * MICRO)]
