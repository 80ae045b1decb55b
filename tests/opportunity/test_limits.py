"""Limits at the marginal hurdle: as wide as the bundle can bear, on the grid, within every budget, and never wider (6.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.book import walk
from dutchbook.core.claim import Outcome
from dutchbook.core.fees import order_fee
from dutchbook.core.link import same_bet
from dutchbook.core.market import TickGrid, TickRange
from dutchbook.core.money import MICRO, Cash, Price, Rate, Rounding, complement, notional, parse_rate
from dutchbook.core.opportunity import Opportunity
from opportunity.oracle import detection
from opportunity.pairs import (
    DIRECT_FEES,
    KALSHI,
    POLY,
    SPORTS,
    bundle_buying,
    contracts,
    dollars,
    limits,
    market,
    offering,
    sized,
)

YES, NO = Outcome.YES, Outcome.NO
BUNDLE = bundle_buying(same_bet("pair", "event", KALSHI, POLY), (KALSHI, YES), (POLY, NO))


def opportunity(*args: Any, **more: Any) -> Opportunity:
    found = sized(*args, **more)
    assert isinstance(found, Opportunity), found
    return found


def test_the_slack_is_shared_evenly_and_what_a_tick_leaves_over_goes_to_the_last_leg() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10")]), offering(POLY, NO, [("0.50", "10")])]
    found = opportunity(BUNDLE, books, [market(KALSHI), market(POLY)], limits())
    assert [leg.limit for leg in found.legs] == [449_000, 550_000]
    assert [leg.worst for leg in found.legs] == [dollars("4.49"), dollars("5.50")]
    # what is expected stays what the books say
    assert (found.cost, found.profit) == (dollars("9.00"), dollars("1.00"))


def test_the_hurdle_and_the_least_profit_stay_out_of_the_limits() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10")]), offering(POLY, NO, [("0.50", "10")])]
    pair = [market(KALSHI), market(POLY)]
    assert opportunity(BUNDLE, books, pair, limits(hurdle="0.04")).worst_cost == dollars("9.60")
    assert opportunity(BUNDLE, books, pair, limits(min_profit="0.20")).worst_cost == dollars("9.80")
    prior = replace(BUNDLE, link=replace(BUNDLE.link, divergence=parse_rate("0.06")))
    assert opportunity(prior, books, pair, limits()).worst_cost == dollars("9.40")


def test_the_fee_is_the_one_at_the_limit() -> None:
    books = [offering(KALSHI, YES, [("0.30", "100")]), offering(POLY, NO, [("0.60", "100")])]
    pair = [market(KALSHI, DIRECT_FEES), market(POLY, SPORTS)]
    found = opportunity(BUNDLE, books, pair, limits())
    for leg, one in zip(found.legs, pair, strict=True):
        fee = order_fee(one.fees, [(leg.limit, found.size)])
        assert leg.worst == notional(leg.limit, found.size, Rounding.CEIL) + fee
        assert leg.limit > {KALSHI: 300_000, POLY: 600_000}[leg.claim.market]


def test_the_leg_under_a_taker_delay_takes_the_odd_tick() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10")]), offering(POLY, NO, [("0.57", "10")])]
    coarse = TickGrid.uniform(Price(10_000))
    # a cent and a half to give away: half of it is no tick, the whole is one
    fine = limits(hurdle="0.015")
    for slow, expected in ((KALSHI, [410_000, 570_000]), (POLY, [400_000, 580_000])):
        pair = [replace(market(name, taker_delay_ns=int(name == slow)), grid=coarse) for name in (KALSHI, POLY)]
        assert [leg.limit for leg in opportunity(BUNDLE, books, pair, fine).legs] == expected


def test_the_largest_bet_and_each_pool_bound_the_limits() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10")]), offering(POLY, NO, [("0.50", "10")])]
    pair = [market(KALSHI, lot="10"), market(POLY, lot="10")]
    assert opportunity(BUNDLE, books, pair, limits(max_cost="9.30")).worst_cost == dollars("9.30")
    tight = opportunity(BUNDLE, books, pair, limits(pools={"kalshi": "4.10", "polymarket": "100"}))
    assert [leg.limit for leg in tight.legs] == [410_000, 589_000]


def test_a_leg_that_is_bought_in_cash_keeps_its_limit_and_the_other_takes_the_slack() -> None:
    """There a better price may come as more contracts: a wide limit would buy them on purpose."""
    books = [offering(KALSHI, YES, [("0.405", "7")]), offering(POLY, NO, [("0.50", "7")])]
    pair = [market(KALSHI), market(POLY, lot="1", cash_step=10_000)]
    found = opportunity(BUNDLE, books, pair, limits())
    assert found.size == contracts("7")
    assert [leg.limit for leg in found.legs] == [499_000, 500_000]


def test_a_bundle_without_slack_keeps_the_walks_limits() -> None:
    books = [offering(KALSHI, YES, [("0.499", "10")]), offering(POLY, NO, [("0.50", "10")])]
    found = opportunity(BUNDLE, books, [market(KALSHI), market(POLY)], limits())
    assert [leg.limit for leg in found.legs] == [499_000, 500_000]


@pytest.mark.parametrize("outcome", [YES, NO])
def test_a_tapered_grid_has_its_own_ticks_at_each_price(outcome: Outcome) -> None:
    tapered = TickGrid(
        (
            TickRange(Price(1_000), Price(99_000), Price(1_000)),
            TickRange(Price(100_000), Price(900_000), Price(10_000)),
            TickRange(Price(901_000), Price(999_000), Price(1_000)),
        )
    )
    link = same_bet("pair", "event", KALSHI, POLY)
    other = NO if outcome is YES else YES
    bundle = bundle_buying(link, (KALSHI, outcome), (POLY, other))
    books = [offering(KALSHI, outcome, [("0.06", "10")]), offering(POLY, other, [("0.80", "10")])]
    pair = [replace(market(KALSHI), grid=tapered), replace(market(POLY), grid=tapered)]
    found = opportunity(bundle, books, pair, limits())
    assert {leg.claim.market: leg.limit for leg in found.legs} == {KALSHI: 120_000, POLY: 870_000}


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([0, 2 * 10**9, 10**10, 3 * 10**10]), st.booleans())
def test_filled_whole_at_its_limits_a_bundle_still_meets_the_hurdle(rng: object, hurdle: int, delayed: bool) -> None:
    case = detection.random_case(rng)
    within = replace(case.limits, hurdle=Rate(hurdle))
    markets = {m: replace(one, taker_delay_ns=int(delayed)) for m, one in case.markets.items()}
    found = detection.detect(replace(case, limits=within, markets=markets))
    if not isinstance(found, Opportunity):
        return
    total, by_pool, walked = 0, dict.fromkeys(within.pools, 0), True
    for leg in found.legs:
        one = markets[leg.claim.market]
        in_yes = leg.limit if leg.claim.outcome is YES else complement(leg.limit)
        assert one.grid.contains(in_yes)
        assert found.size % one.marketable_lot(leg.limit) == 0
        reached = walk(case.books[leg.claim.market].offers(leg.claim.outcome), found.size, Rounding.CEIL)
        assert reached.worst is not None
        assert leg.limit >= reached.worst
        walked = walked and leg.limit == reached.worst
        alone = notional(leg.limit, found.size, Rounding.CEIL) + order_fee(one.fees, [(leg.limit, found.size)])
        assert leg.worst == max(alone, leg.cash + leg.fee)
        total += leg.worst
        by_pool[one.pool] += leg.worst
    assert total == found.worst_cost <= within.max_cost
    assert all(cost <= within.pools[pool] for pool, cost in by_pool.items())
    left = Cash(found.size * found.bundle.guaranteed // MICRO - total)
    # rounding alone can leave less at the walk's own limits, and then they stay as they are
    assert walked or left * 10**12 >= hurdle * found.size
    assert walked or left >= within.min_profit
