"""Grids and lots: what may be ordered, at which price, in which sizes."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.claim import MarketId
from dutchbook.core.fees import FREE
from dutchbook.core.market import Market, MarketStatus, TickGrid, TickRange
from dutchbook.core.money import MICRO, Cash, Price, Size

TAPERED = TickGrid(
    (
        TickRange(Price(0), Price(100_000), Price(1_000)),
        TickRange(Price(100_000), Price(900_000), Price(10_000)),
        TickRange(Price(900_000), Price(MICRO), Price(1_000)),
    )
)
GRIDS = [TAPERED, *(TickGrid.uniform(Price(step)) for step in (100_000, 10_000, 5_000, 2_500, 1_000, 100))]


def market(take_lot: int, buy_cash_step: int, lot: int = 10_000) -> Market:
    return Market(
        id=MarketId("somewhere:m"),
        event="event",
        title="title",
        rules="rules",
        outcomes=("yes", "no"),
        grid=TAPERED,
        lot=Size(lot),
        take_lot=Size(take_lot),
        min_size=Size(0),
        min_cash=Cash(0),
        buy_cash_step=Cash(buy_cash_step),
        sell_cash_step=Cash(buy_cash_step),
        fees=FREE,
        pool="pool",
        status=MarketStatus.OPEN,
        closes_ns=0,
    )


def test_nothing_and_everything_are_never_prices() -> None:
    for grid in GRIDS:
        assert not grid.contains(Price(0))
        assert not grid.contains(Price(MICRO))


def test_a_tapered_grid_is_fine_at_the_edges_and_coarse_in_the_middle() -> None:
    assert TAPERED.contains(Price(99_000))
    assert not TAPERED.contains(Price(101_000))
    assert TAPERED.contains(Price(110_000))
    assert TAPERED.contains(Price(901_000))


def test_half_cent_and_quarter_cent_grids_refuse_what_the_venue_refuses() -> None:
    assert not TickGrid.uniform(Price(2_500)).contains(Price(553_000))
    assert not TickGrid.uniform(Price(5_000)).contains(Price(557_000))
    assert TickGrid.uniform(Price(2_500)).contains(Price(997_500))
    assert TickGrid.uniform(Price(5_000)).contains(Price(995_000))


@given(st.sampled_from(GRIDS), st.integers(1, MICRO - 1))
def test_rounding_to_the_grid_gives_the_nearest_tradable_price_on_that_side(grid: TickGrid, price: int) -> None:
    tradable = [p for p in range(max(1, price - 100_000), min(MICRO, price + 100_001)) if p % 100 == 0]
    below = [p for p in tradable if p <= price and grid.contains(Price(p))]
    above = [p for p in tradable if p >= price and grid.contains(Price(p))]
    assert grid.floor(Price(price)) == (below[-1] if below else None)
    assert grid.ceil(Price(price)) == (above[0] if above else None)


def test_a_step_that_does_not_divide_one_is_refused() -> None:
    with pytest.raises(ValueError, match="tick"):
        TickGrid.uniform(Price(30_000))


def test_whole_shares_at_fifty_five_cents_and_even_shares_at_fifty_five_and_a_half() -> None:
    polymarket = market(take_lot=MICRO, buy_cash_step=10_000)
    assert polymarket.marketable_lot(Price(550_000)) == MICRO
    assert polymarket.marketable_lot(Price(555_000)) == 2 * MICRO
    assert polymarket.marketable_lot(Price(552_500)) == 4 * MICRO


@pytest.mark.parametrize(("tick", "safe"), [(100_000, 1), (10_000, 1), (5_000, 2), (2_500, 4), (1_000, 10), (100, 100)])
def test_the_lot_at_any_price_of_a_tick_divides_the_safe_bound_of_that_tick(tick: int, safe: int) -> None:
    polymarket = market(take_lot=MICRO, buy_cash_step=10_000)
    lots = {polymarket.marketable_lot(Price(price)) for price in range(tick, MICRO, tick)}
    assert all(safe * MICRO % lot == 0 for lot in lots)
    assert max(lots) == safe * MICRO


@given(
    st.integers(1, 9_999).map(lambda p: p * 100), st.sampled_from([100, 10_000, MICRO]), st.sampled_from([1, 10_000])
)
def test_a_marketable_lot_is_the_smallest_step_that_keeps_cash_on_its_grid(
    price: int, take_lot: int, step: int
) -> None:
    lot = market(take_lot, step).marketable_lot(Price(price))

    def fits(size: int) -> bool:
        return size % take_lot == 0 and (Fraction(size, MICRO) * price / step).denominator == 1

    assert fits(lot)
    smaller = [lot // d for d in (2, 3, 5, 7) if lot % d == 0]
    assert not any(fits(size) for size in smaller)


def test_a_sale_uses_the_ordinary_lot() -> None:
    coarse_to_take = market(take_lot=MICRO, buy_cash_step=1)
    assert coarse_to_take.marketable_lot(Price(500_000), buying=False) == 10_000


def test_an_approval_is_bound_to_the_rules_text() -> None:
    first = market(100, 1)
    assert first.rules_hash == replace(first, title="another title").rules_hash
    assert first.rules_hash != replace(first, rules="rules, clarified").rules_hash
