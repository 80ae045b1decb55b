"""One book per market in YES terms: best first, never negative, NO derived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.book import Book, Ladder, size_for_budget, walk
from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.money import MICRO, Cash, Price, Rounding, Size

prices = st.integers(1, 999).map(lambda p: p * 1_000)
sizes = st.integers(1, 10_000).map(lambda s: s * 10_000)
sides = st.dictionaries(prices, sizes, max_size=12)


def book(bids: dict[int, int], asks: dict[int, int]) -> Book:
    made = Book(MarketId("somewhere:m"))
    made.snapshot(bids.items(), asks.items())
    return made


@given(sides, st.booleans())
def test_a_ladder_lists_its_best_price_first_whatever_order_it_came_in(levels: dict[int, int], bids: bool) -> None:
    ladder = Ladder(bids=bids)
    ladder.replace(levels.items())
    assert ladder.levels() == sorted(levels.items(), reverse=bids)
    assert ladder.best() == (next(iter(sorted(levels, reverse=bids)), None))


@given(sides, sides, st.booleans())
def test_setting_levels_one_by_one_gives_the_same_ladder_as_a_snapshot(
    before: dict[int, int], after: dict[int, int], bids: bool
) -> None:
    stepwise, whole = Ladder(bids=bids), Ladder(bids=bids)
    stepwise.replace(before.items())
    for price in before.keys() | after.keys():
        stepwise.set(price, after.get(price, 0))
    whole.replace(after.items())
    assert stepwise.levels() == whole.levels()


@given(sides, st.lists(st.tuples(prices, st.integers(-100, 100).map(lambda d: d * 10_000)), max_size=20))
def test_deltas_sum_up_and_none_can_make_a_level_negative(
    levels: dict[int, int], deltas: list[tuple[int, int]]
) -> None:
    ladder, expected = Ladder(bids=False), dict(levels)
    ladder.replace(levels.items())
    for price, delta in deltas:
        size = expected.get(price, 0) + delta
        if size < 0 or (delta == 0 and price not in expected):
            with pytest.raises(MalformedFrame, match=str(price)):
                ladder.add(price, delta)
            continue
        ladder.add(price, delta)
        expected[price] = size
        if not size:
            del expected[price]
    assert ladder.levels() == sorted(expected.items())


@pytest.mark.parametrize("price", [0, MICRO, -10_000, MICRO + 1])
def test_a_price_that_no_book_can_have_is_malformed(price: int) -> None:
    ladder = Ladder(bids=True)
    with pytest.raises(MalformedFrame, match="not inside"):
        ladder.replace([(price, 1)])
    with pytest.raises(MalformedFrame, match="not inside"):
        ladder.set(price, 1)
    with pytest.raises(MalformedFrame):
        ladder.add(price, 1)


def test_a_negative_size_is_malformed_and_a_zero_is_no_level() -> None:
    ladder = Ladder(bids=True)
    with pytest.raises(MalformedFrame, match="negative size"):
        ladder.replace([(500_000, -1)])
    with pytest.raises(MalformedFrame, match="negative size"):
        ladder.set(500_000, -1)
    ladder.replace([(500_000, 0)])
    assert len(ladder) == 0


@given(sides, sides)
def test_no_is_bought_where_yes_is_bid_and_sold_where_yes_is_asked(bids: dict[int, int], asks: dict[int, int]) -> None:
    made = book(bids, asks)
    assert made.offers(Outcome.NO) == sorted((MICRO - price, size) for price, size in bids.items())
    assert made.demand(Outcome.NO) == sorted(((MICRO - price, size) for price, size in asks.items()), reverse=True)
    for outcome in Outcome:
        offers, demand = made.offers(outcome), made.demand(outcome)
        assert made.best_offer(outcome) == (offers[0][0] if offers else None)
        assert made.best_demand(outcome) == (demand[0][0] if demand else None)


def test_the_venues_own_example_reads_yes_at_forty_four() -> None:
    # bids only, ascending, best last: YES 0.42 x 13, NO 0.56 x 17
    made = book({420_000: 13 * MICRO}, {MICRO - 560_000: 17 * MICRO})
    assert made.offers(Outcome.YES) == [(440_000, 17 * MICRO)]
    assert made.demand(Outcome.YES) == [(420_000, 13 * MICRO)]


def test_a_new_book_and_one_after_a_gap_are_not_live() -> None:
    made = Book(MarketId("somewhere:m"))
    assert not made.live
    made.snapshot([], [])
    assert made.live
    version = made.version
    made.invalidate()
    assert not made.live
    assert made.version > version


@given(prices, prices)
def test_a_book_is_crossed_when_the_venue_would_have_matched_it(bid: int, ask: int) -> None:
    assert book({bid: MICRO}, {ask: MICRO}).crossed == (bid >= ask)


def test_a_one_sided_book_is_not_crossed() -> None:
    assert not book({990_000: MICRO}, {}).crossed


@given(sides, st.integers(0, 10**9))
def test_a_walk_takes_the_cheapest_first_and_no_more_than_there_is(asks: dict[int, int], wanted: int) -> None:
    levels = book({}, asks).offers(Outcome.YES)
    reached = walk(levels, Size(wanted), Rounding.CEIL)
    assert reached.size == min(wanted, sum(asks.values()))
    assert sum(size for _, size in reached.parts) == reached.size
    exact = sum(price * size for price, size in reached.parts)
    assert reached.cash == -(-exact // MICRO)
    for (price, size), (offered_price, offered) in zip(reached.parts[:-1], levels, strict=False):
        assert (price, size) == (offered_price, offered)
    assert reached.worst == (reached.parts[-1][0] if reached.parts else None)


def test_an_average_is_derived_from_the_cash_and_named_rounding() -> None:
    levels = [(Price(400_000), Size(MICRO)), (Price(410_000), Size(2 * MICRO))]
    reached = walk(levels, Size(3 * MICRO))
    assert reached.average(Rounding.FLOOR) == 406_666
    assert reached.average(Rounding.CEIL) == 406_667
    assert walk([], Size(MICRO)).average(Rounding.FLOOR) is None


@given(sides, st.integers(0, 5_000).map(lambda c: c * 10_000), st.sampled_from([10_000, MICRO]))
def test_a_budget_buys_the_most_whole_lots_that_it_covers(asks: dict[int, int], budget: int, lot: int) -> None:
    levels = book({}, asks).offers(Outcome.YES)
    bought = size_for_budget(levels, Cash(budget), Size(lot))
    assert bought.size % lot == 0
    assert bought.cash <= budget
    one_more = walk(levels, Size(bought.size + lot), Rounding.CEIL)
    assert one_more.size < bought.size + lot or one_more.cash > budget
