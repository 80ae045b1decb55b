"""Sizing: equal contracts, exact fees, the marginal edge and never the average, and one reason when there is no trade."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.clock import DAY
from dutchbook.core.fees import FREE, Liquidity, order_fee, polymarket_fees
from dutchbook.core.link import same_bet
from dutchbook.core.money import MICRO, Price, Rate, Size, parse_rate
from dutchbook.core.opportunity import Opportunity, Rejection
from opportunity.oracle import detection
from opportunity.pairs import (
    CENT_FEES,
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
    three_way,
)

YES, NO = Outcome.YES, Outcome.NO
LINK = same_bet("pair", "event", KALSHI, POLY)
BUNDLE = bundle_buying(LINK, (KALSHI, YES), (POLY, NO))


def opportunity(answer: Opportunity | Rejection) -> Opportunity:
    assert isinstance(answer, Opportunity), answer
    return answer


def rejection(answer: Opportunity | Rejection) -> Rejection:
    assert isinstance(answer, Rejection), answer
    assert answer.text.startswith(f"{answer.code}: ")
    return answer


# --- worked examples ------------------------------------------------------------------------------------------------


def test_elche_real_madrid_a_one_cent_crossing_loses_eighty_one_cents_a_hundred() -> None:
    hundred = contracts("100")
    kalshi_fee = order_fee(CENT_FEES, [(Price(180_000), hundred)])
    polymarket_fee = order_fee(SPORTS, [(Price(810_000), hundred)])
    assert kalshi_fee == dollars("1.04")
    assert polymarket_fee == dollars("0.7695")
    assert dollars("1.00") - kalshi_fee - polymarket_fee == dollars("-0.8095")
    books = [offering(KALSHI, YES, [("0.18", "119000")]), offering(POLY, NO, [("0.81", "119000")])]
    refused = rejection(sized(BUNDLE, books, [market(KALSHI, CENT_FEES), market(POLY, SPORTS)], limits()))
    assert refused.code == "fees"
    assert "$0.0100 gross" in refused.text


def test_bitcoin_above_100k_two_executable_cents_are_less_than_the_fees() -> None:
    crypto = polymarket_fees(parse_rate("0.07"))
    fees = DIRECT_FEES.model(Price(170_000), Size(MICRO)) + crypto.model(Price(810_000), Size(MICRO))
    assert fees == dollars("0.02065")
    books = [offering(KALSHI, YES, [("0.17", "1000")]), offering(POLY, NO, [("0.81", "1000")])]
    assert rejection(sized(BUNDLE, books, [market(KALSHI, DIRECT_FEES), market(POLY, crypto)], limits())).code == "fees"


@pytest.mark.parametrize(
    ("at", "rate", "wall"),
    [
        ("0.50", "0", "1.75"), ("0.50", "0.04", "2.75"), ("0.50", "0.05", "3.00"), ("0.50", "0.07", "3.50"),
        ("0.50", "0.0695", "3.49"), ("0.70", "0.05", "2.52"), ("0.80", "0.04", "1.76"), ("0.90", "0.07", "1.26"),
        ("0.95", "0", "0.33"), ("0.95", "0.05", "0.57"),
    ],
)  # fmt: skip
def test_the_fee_wall_stands_where_the_table_says(at: str, rate: str, wall: str) -> None:
    price, one = Price(dollars(at)), Size(MICRO)
    fees = DIRECT_FEES.model(price, one) + polymarket_fees(parse_rate(rate)).model(price, one)
    assert abs(fees / 10_000 - Fraction(wall)) <= Fraction(1, 200)


def test_a_maker_on_kalshi_halves_the_wall() -> None:
    maker = replace(DIRECT_FEES, maker_rate=parse_rate("0.0175"))
    price, one = Price(500_000), Size(MICRO)
    fees = maker.model(price, one, Liquidity.MAKER) + SPORTS.model(price, one)
    assert abs(fees / 10_000 - Fraction("1.69")) <= Fraction(1, 200)


@pytest.mark.parametrize(("days", "low", "high"), [(45, "0.10", "0.105"), (120, "0.038", "0.039")])
def test_four_cents_in_politics_is_a_percent_and_a_quarter_and_yields_by_its_days(
    days: int, low: str, high: str
) -> None:
    politics = polymarket_fees(parse_rate("0.04"))
    books = [offering(KALSHI, YES, [("0.48", "100")]), offering(POLY, NO, [("0.48", "100")])]
    markets = [market(KALSHI, DIRECT_FEES, closes_ns=days * DAY), market(POLY, politics, closes_ns=DAY)]
    found = opportunity(sized(BUNDLE, books, markets, limits()))
    assert found.size == contracts("100")
    assert parse_rate("0.0126") < found.roi < parse_rate("0.0128")
    assert found.days_to_cash == days
    assert parse_rate(low) < found.annual_yield < parse_rate(high)


@pytest.mark.parametrize(
    ("prior", "trades"), [("0", True), ("0.002", True), ("0.01", True), ("0.02", False), ("0.03", False)]
)
def test_two_cents_are_worth_nothing_when_the_venues_diverge_two_times_in_a_hundred(prior: str, trades: bool) -> None:
    link = same_bet("pair", "event", KALSHI, POLY, divergence=parse_rate(prior))
    bundle = bundle_buying(link, (KALSHI, YES), (POLY, NO))
    books = [offering(KALSHI, YES, [("0.48", "100")]), offering(POLY, NO, [("0.50", "100")])]
    answer = sized(bundle, books, [market(KALSHI), market(POLY)], limits())
    assert isinstance(answer, Opportunity) == trades
    if isinstance(answer, Opportunity):
        assert answer.divergence == parse_rate(prior)
        assert answer.net_edge == parse_rate("0.02")
    else:
        assert answer.code == "fees"


# --- the walk -------------------------------------------------------------------------------------------------------


def test_the_walk_stops_at_the_marginal_edge_and_not_at_the_average() -> None:
    books = [
        offering(KALSHI, YES, [("0.40", "10"), ("0.45", "10"), ("0.51", "10")]),
        offering(POLY, NO, [("0.50", "100")]),
    ]
    found = opportunity(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits()))
    # thirty would still earn on average, but the last ten lose a cent each
    assert found.size == contracts("20")
    assert found.profit == dollars("1.50")
    assert [leg.cash for leg in found.legs] == [dollars("8.50"), dollars("10.00")]


def test_a_hurdle_stops_the_walk_earlier() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10"), ("0.47", "10")]), offering(POLY, NO, [("0.50", "100")])]
    pair = [market(KALSHI), market(POLY)]
    assert opportunity(sized(BUNDLE, books, pair, limits(hurdle="0.02"))).size == contracts("20")
    assert opportunity(sized(BUNDLE, books, pair, limits(hurdle="0.05"))).size == contracts("10")
    assert rejection(sized(BUNDLE, books, pair, limits(hurdle="0.1"))).code == "fees"


def test_a_level_exactly_at_the_hurdle_is_taken() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10"), ("0.47", "10")]), offering(POLY, NO, [("0.50", "100")])]
    assert opportunity(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits(hurdle="0.03"))).size == contracts(
        "20"
    )


def test_a_level_that_only_breaks_even_is_left_alone() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10"), ("0.50", "10")]), offering(POLY, NO, [("0.50", "100")])]
    assert opportunity(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits())).size == contracts("10")


def test_every_leg_has_the_same_number_of_contracts_and_not_of_dollars() -> None:
    books = [offering(KALSHI, YES, [("0.10", "100")]), offering(POLY, NO, [("0.80", "70")])]
    found = opportunity(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits()))
    assert found.size == contracts("70")
    assert [leg.cash for leg in found.legs] == [dollars("7"), dollars("56")]


def test_rounding_can_make_only_odd_counts_pay_and_they_are_found() -> None:
    # Kalshi 0.23 with cents, Polymarket 0.75 at 0.04: of 1 to 40 contracts only 25, 29, 33 and 37 leave anything
    politics = polymarket_fees(parse_rate("0.04"))
    books = [offering(KALSHI, YES, [("0.23", "40")]), offering(POLY, NO, [("0.75", "40")])]
    pair = [market(KALSHI, CENT_FEES, lot="1"), market(POLY, politics, lot="1", cash_step=10_000)]
    found = opportunity(sized(BUNDLE, books, pair, limits()))
    assert (found.size, found.profit) == (contracts("25"), dollars("0.0025"))


def test_polymarket_lots_follow_the_limit_price() -> None:
    books = [offering(KALSHI, YES, [("0.40", "100")]), offering(POLY, NO, [("0.555", "7")])]
    pair = [market(KALSHI), market(POLY, lot="1", cash_step=10_000)]
    assert opportunity(sized(BUNDLE, books, pair, limits())).size == contracts("6")


def test_the_size_is_a_whole_number_of_every_legs_lots() -> None:
    books = [offering(KALSHI, YES, [("0.40", "100")]), offering(POLY, NO, [("0.50", "34")])]
    assert opportunity(
        sized(BUNDLE, books, [market(KALSHI, lot="4"), market(POLY, lot="6")], limits())
    ).size == contracts("24")


def test_a_book_deeper_than_the_first_read_is_walked_to_its_end() -> None:
    deep = [(f"0.{400 + level}", "1") for level in range(40)]
    books = [offering(KALSHI, YES, deep), offering(POLY, NO, [("0.50", "100")])]
    found = opportunity(sized(BUNDLE, books, [market(KALSHI, DIRECT_FEES), market(POLY)], limits()))
    assert found.size == contracts("40")
    walked = [(Price(dollars(price)), contracts(size)) for price, size in deep]
    assert found.legs[0].fee == order_fee(DIRECT_FEES, walked)
    assert found.legs[0].cash == sum(price for price, _ in walked)


def test_a_no_basket_pays_one_less_than_its_legs() -> None:
    link = three_way("kalshi")
    bundle = bundle_buying(link, *((name, NO) for name in link.payoffs))
    books = [offering(name, NO, [("0.66", "10")]) for name in link.payoffs]
    found = opportunity(sized(bundle, books, [market(name) for name in link.payoffs], limits()))
    assert found.profit == dollars("0.20")
    assert {outcome.profit for outcome in found.outcomes} == {dollars("0.20")}


# --- limits and reasons ---------------------------------------------------------------------------------------------


def test_nothing_is_sized_when_the_offers_cost_what_the_bundle_pays() -> None:
    books = [offering(KALSHI, YES, [("0.50", "10")]), offering(POLY, NO, [("0.50", "10")])]
    assert rejection(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits())).code == "no_cross"


def test_a_missing_offer_or_a_dead_book_is_no_cross_and_says_which() -> None:
    kalshi, poly = offering(KALSHI, YES, [("0.40", "10")]), offering(POLY, YES, [("0.50", "10")])
    pair = [market(KALSHI), market(POLY)]
    assert str(POLY) in rejection(sized(BUNDLE, [kalshi, poly], pair, limits())).text
    assert str(POLY) in rejection(sized(BUNDLE, [kalshi], pair, limits())).text
    kalshi.invalidate()
    answer = rejection(sized(BUNDLE, [kalshi, offering(POLY, NO, [("0.50", "10")])], pair, limits()))
    assert (answer.code, str(KALSHI) in answer.text) == ("no_cross", True)


def test_a_book_crossed_in_itself_is_a_data_alarm_and_not_a_trade() -> None:
    poly = offering(POLY, NO, [("0.50", "10")])
    poly.asks.set(450_000, MICRO)
    books = [offering(KALSHI, YES, [("0.40", "10")]), poly]
    assert rejection(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits())).code == "data"


def test_the_smallest_bundle_that_costs_too_much_says_what_it_costs() -> None:
    books = [offering(KALSHI, YES, [("0.42", "100")]), offering(POLY, NO, [("0.55", "100")])]
    pair = [market(KALSHI), market(POLY, lot="5")]
    refused = rejection(sized(BUNDLE, books, pair, limits(max_cost="2")))
    assert refused.text == "size: smallest bundle costs $4.85, the limit is $2.00"


def test_a_pool_that_cannot_pay_its_leg_is_named() -> None:
    books = [offering(KALSHI, YES, [("0.42", "100")]), offering(POLY, NO, [("0.55", "100")])]
    pair = [market(KALSHI), market(POLY, lot="5")]
    refused = rejection(sized(BUNDLE, books, pair, limits(pools={"kalshi": "100", "polymarket": "2.74"})))
    assert refused.code == "size"
    assert "$2.75 of it from polymarket which has $2.74" in refused.text
    unknown = rejection(sized(BUNDLE, books, pair, limits(pools={"kalshi": "100"})))
    assert unknown.text == "size: the balance of polymarket is unknown"


def test_fewer_contracts_than_the_smallest_lot_is_a_size_reason() -> None:
    books = [offering(KALSHI, YES, [("0.42", "100")]), offering(POLY, NO, [("0.55", "100")])]
    pair = [market(KALSHI), market(POLY, lot="5")]
    refused = rejection(sized(BUNDLE, books, pair, limits(max_contracts="4")))
    assert refused.text == "size: smallest bundle is 5.00 contracts, the limit is 4.00"
    shallow = [offering(KALSHI, YES, [("0.42", "4")]), books[1]]
    assert rejection(sized(BUNDLE, shallow, pair, limits())).text == "size: the books offer less than the smallest lot"


def test_a_marketable_minimum_in_cash_is_met_or_the_bundle_is_refused() -> None:
    pair = [market(KALSHI, lot="1"), market(POLY, lot="1", min_cash="1")]
    books = [offering(KALSHI, YES, [("0.80", "100")]), offering(POLY, NO, [("0.10", "9")])]
    assert rejection(sized(BUNDLE, books, pair, limits())).code == "size"
    enough = [books[0], offering(POLY, NO, [("0.10", "10")])]
    assert opportunity(sized(BUNDLE, enough, pair, limits())).size == contracts("10")
    refused = rejection(sized(BUNDLE, enough, pair, limits(max_cost="5")))
    assert "smallest bundle costs $9.00" in refused.text


def test_two_legs_on_one_pool_share_its_cash() -> None:
    here, there = MarketId("kalshi:here"), MarketId("kalshi:there")
    bundle = bundle_buying(same_bet("one venue", "event", here, there), (here, YES), (there, NO))
    books = [offering(here, YES, [("0.40", "100")]), offering(there, NO, [("0.50", "100")])]
    pair = [market(here, lot="1"), market(there, lot="1")]
    apart = [market(here, lot="1", pool="first"), market(there, lot="1", pool="second")]
    assert opportunity(sized(bundle, books, pair, limits(pools={"kalshi": "9"}))).size == contracts("10")
    both = limits(pools={"first": "9", "second": "9"})
    assert opportunity(sized(bundle, books, apart, both)).size == contracts("18")


def test_the_limits_cover_the_fees_at_the_limit_price() -> None:
    books = [offering(KALSHI, YES, [("0.40", "1000")]), offering(POLY, NO, [("0.50", "1000")])]
    pair = [market(KALSHI, DIRECT_FEES, lot="1"), market(POLY, lot="1")]
    # one contract costs 0.40 + 0.0168 + 0.50
    assert opportunity(sized(BUNDLE, books, pair, limits(max_cost="9.168"))).size == contracts("10")
    assert opportunity(sized(BUNDLE, books, pair, limits(max_cost="9.1679"))).size == contracts("9")


def test_a_budget_is_compared_with_the_rounded_fee() -> None:
    books = [offering(KALSHI, YES, [("0.40", "1")]), offering(POLY, NO, [("0.50", "1")])]
    pair = [market(KALSHI, CENT_FEES, lot="1"), market(POLY, lot="1")]
    # 0.9168 before rounding, 0.92 to pay
    assert opportunity(sized(BUNDLE, books, pair, limits(max_cost="0.92"))).cost == dollars("0.92")
    refused = rejection(sized(BUNDLE, books, pair, limits(max_cost="0.919")))
    assert "smallest bundle costs $0.92" in refused.text


def test_a_small_budget_in_front_of_a_deep_book_still_buys_what_it_can() -> None:
    books = [offering(KALSHI, YES, [("0.40", "100000")]), offering(POLY, NO, [("0.50", "100000")])]
    assert opportunity(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits(max_cost="4.5"))).size == contracts(
        "5"
    )


def test_the_worst_cost_is_never_below_the_expected_one_however_fills_are_rounded() -> None:
    # three tiny fills are each rounded up to a cent; one fill of them all would be rounded once
    thin = [("0.400", "0.03"), ("0.401", "0.03"), ("0.402", "0.03")]
    books = [offering(KALSHI, YES, thin), offering(POLY, NO, [("0.10", "1")])]
    found = opportunity(sized(BUNDLE, books, [market(KALSHI, CENT_FEES), market(POLY)], limits()))
    assert found.size == contracts("0.08")
    assert found.legs[0].cash + found.legs[0].fee == found.legs[0].worst == dollars("0.05")


def test_a_profit_below_the_minimum_is_refused_as_such() -> None:
    books = [offering(KALSHI, YES, [("0.40", "0.05")]), offering(POLY, NO, [("0.50", "100")])]
    pair = [market(KALSHI), market(POLY)]
    assert rejection(sized(BUNDLE, books, pair, limits(min_profit="0.01"))).code == "profit"
    assert opportunity(sized(BUNDLE, books, pair, limits(min_profit="0.005"))).profit == dollars("0.005")


def test_a_crossing_that_only_rounding_kills_is_a_fees_reason() -> None:
    books = [offering(KALSHI, YES, [("0.40", "1")]), offering(POLY, NO, [("0.58", "100")])]
    answer = rejection(sized(BUNDLE, books, [market(KALSHI, CENT_FEES, lot="1"), market(POLY)], limits()))
    assert answer.code == "fees"
    assert "rounded" in answer.text


# --- what an opportunity carries ------------------------------------------------------------------------------------


def test_an_opportunity_carries_what_an_operator_asks() -> None:
    link = replace(LINK, settles_ns=10 * DAY)
    books = [
        offering(KALSHI, YES, [("0.40", "10")], received_ns=1_000),
        offering(POLY, NO, [("0.50", "10")], received_ns=3_000),
    ]
    pair = [market(KALSHI, DIRECT_FEES), market(POLY, SPORTS, pool="wallet", taker_delay_ns=7)]
    bundle = replace(BUNDLE, link=link)
    within = limits(pools={"kalshi": "100", "wallet": "100"})
    found = opportunity(sized(bundle, books, pair, within, received_now_ns=5_000, wall_now_ns=3 * DAY + 1))
    kalshi, poly = found.legs
    assert (kalshi.claim.market, kalshi.pool, kalshi.age_ns, kalshi.taker_delay_ns) == (KALSHI, "kalshi", 4_000, 0)
    assert (poly.claim.market, poly.pool, poly.age_ns, poly.taker_delay_ns) == (POLY, "wallet", 2_000, 7)
    assert (kalshi.fee, poly.fee) == (dollars("0.168"), dollars("0.125"))
    assert found.cost == dollars("9.293")
    assert found.profit == dollars("0.707")
    assert found.gross_edge == parse_rate("0.1")
    assert found.net_edge == parse_rate("0.0707")
    assert found.roi == Rate(707 * 10**12 // 9_293)
    assert found.days_to_cash == 7
    assert found.annual_yield == found.roi * 365 // 7
    assert [(outcome.state, outcome.core, outcome.profit) for outcome in found.outcomes] == [
        ("yes", True, found.profit),
        ("no", True, found.profit),
    ]


def test_a_market_that_has_closed_still_takes_a_day_to_pay() -> None:
    books = [offering(KALSHI, YES, [("0.40", "10")]), offering(POLY, NO, [("0.50", "10")])]
    found = opportunity(sized(BUNDLE, books, [market(KALSHI), market(POLY)], limits(), wall_now_ns=400 * DAY))
    assert found.days_to_cash == 1


# --- against brute force --------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_size_chosen_is_the_best_of_all_sizes(rng: object) -> None:
    case = detection.random_case(rng)
    found, best = detection.detect(case), case.best()
    if best is None:
        assert isinstance(found, Rejection)
    else:
        assert opportunity(found).profit == best[0]


ladders = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 12)), min_size=1, max_size=3)


@settings(max_examples=80, deadline=None)
@given(ladders, ladders, ladders, st.integers(-2, 8), st.sampled_from([100, 10_000]), st.integers(2, 40))
def test_a_three_legged_basket_is_sized_as_brute_force_would(
    home: list[tuple[int, int]],
    draw: list[tuple[int, int]],
    away: list[tuple[int, int]],
    gap: int,
    precision: int,
    budget: int,
) -> None:
    link = three_way("kalshi", "polymarket")
    names = [MarketId("kalshi:home"), MarketId("polymarket:draw"), MarketId("kalshi:away")]
    fees = [CENT_FEES if precision == 10_000 else DIRECT_FEES, polymarket_fees(parse_rate("0.04")), FREE]
    rates = [Fraction("0.07"), Fraction("0.04"), Fraction(0)]
    legs, books = [], []
    for name, steps, start, rate in zip(names, (home, draw, away), (34, 33, 33 - gap), rates, strict=True):
        offers, cents = [], start
        for rise, size in steps:
            offers.append((cents * 100, size * 100))
            cents += rise
        kept = precision if name == names[0] else None
        legs.append(detection.OracleLeg(tuple(offers), rate, kept, whole=True))
        books.append(offering(name, YES, [(f"0.{price // 100:02d}", str(size // 100)) for price, size in offers]))
    markets = [market(name, fee, lot="1") for name, fee in zip(names, fees, strict=True)]
    best = detection.brute_force(legs, budget * MICRO, 10**6)
    found = sized(bundle_buying(link, *((name, YES) for name in names)), books, markets, limits(max_cost=str(budget)))
    if best is None:
        assert isinstance(found, Rejection)
    else:
        assert opportunity(found).profit == best[0]
