"""The cheapest way to an equal count: never worse than another, never more than held, always an order the venue takes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.book import Book, walk
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.fees import order_fee
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Price, Rounding, Size
from dutchbook.core.order import Action
from dutchbook.execution.balance import Balancing, Holding, balancings, price_order, slices
from execution.books import (
    CENT,
    HUNDREDTH,
    KALSHI,
    MARKETS,
    NO,
    POLYMARKET,
    YES,
    book,
    holding,
    kalshi_market,
    polymarket_market,
)

DOLLAR = Price(MICRO)
TEN = Size(10 * MICRO)


def best(books: dict[MarketId, Book], *holdings: Holding) -> Balancing:
    return balancings(holdings, DOLLAR, TEN, books, MARKETS)[0]


def test_the_missing_leg_is_bought_when_that_is_cheaper() -> None:
    books = {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(40, 100)], [(54, 100)])}
    way = best(books, holding(YES, 10 * MICRO), holding(NO, 0))
    (buy,) = way.corrections
    assert (buy.leg, buy.action, buy.size, buy.limit) == (1, Action.BUY, TEN, 60 * CENT)
    # ten NO at 0.60 and 0.05 x 10 x 0.6 x 0.4
    assert way.value == 10 * MICRO - 6_000_000 - 120_000


def test_the_held_leg_is_sold_when_completing_costs_more() -> None:
    books = {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(30, 100)], [(54, 100)])}
    (sale,) = best(books, holding(YES, 10 * MICRO), holding(NO, 0)).corrections
    assert (sale.leg, sale.action, sale.size, sale.limit) == (0, Action.SELL, TEN, 38 * CENT)


def test_part_is_completed_and_part_is_sold_where_the_depth_says_so() -> None:
    """Six can be completed well, the rest only at a price above the loss of selling it."""
    books = {
        KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]),
        POLYMARKET: book(POLYMARKET, [(50, 6), (20, 100)], [(54, 100)]),
    }
    way = best(books, holding(YES, 10 * MICRO), holding(NO, 0))
    assert way.count == 6 * MICRO
    assert {(c.leg, c.action, c.size) for c in way.corrections} == {
        (0, Action.SELL, 4 * MICRO),
        (1, Action.BUY, 6 * MICRO),
    }


def test_a_book_that_is_not_live_is_never_traded_on() -> None:
    books = {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(50, 100)], [(54, 100)])}
    books[POLYMARKET].invalidate()
    ways = balancings([holding(YES, 10 * MICRO), holding(NO, 0)], DOLLAR, TEN, books, MARKETS)
    assert [{c.leg for c in way.corrections} for way in ways] == [{0}]
    books[KALSHI].invalidate()
    assert balancings([holding(YES, 10 * MICRO), holding(NO, 0)], DOLLAR, TEN, books, MARKETS) == []


def test_a_sale_of_contracts_that_are_not_settled_says_that_it_waits() -> None:
    books = {KALSHI: book(KALSHI), POLYMARKET: book(POLYMARKET, [], [(54, 100)])}
    way = best(books, holding(YES, 0), holding(NO, 10 * MICRO, sellable=4 * MICRO))
    assert way.waits_for_settlement
    assert not best(books, holding(YES, 0), holding(NO, 10 * MICRO)).waits_for_settlement


def test_a_shortage_below_the_smallest_purchase_is_sold_off_on_the_other_side() -> None:
    """One contract of NO at 0.48 is below Polymarket's dollar."""
    books = {KALSHI: book(KALSHI, [(41, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(52, 100)], [(54, 100)])}
    way = best(books, holding(YES, 10 * MICRO), holding(NO, 9 * MICRO))
    assert way.count == 9 * MICRO
    assert [(c.leg, c.action, c.size) for c in way.corrections] == [(0, Action.SELL, MICRO)]


def test_a_surplus_below_a_lot_is_dust() -> None:
    books = {KALSHI: book(KALSHI, [(41, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(52, 100)], [(54, 100)])}
    way = best(books, holding(YES, 10 * MICRO), holding(NO, 10 * MICRO + 4_000))
    assert way.corrections == ()
    assert way.dust == (0, 4_000)


def test_a_fine_partial_fill_that_no_price_admits_is_completed_to_whole_contracts() -> None:
    """3.33 contracts at 0.48 are not whole cents, and no tick near makes them so: three are completed, 0.33 sold."""
    books = {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET, [(52, 100)], [(54, 100)])}
    way = best(books, holding(YES, 3_330_000), holding(NO, 0))
    assert way.count == 3 * MICRO
    assert {(c.leg, c.action, c.size) for c in way.corrections} == {
        (0, Action.SELL, 330_000),
        (1, Action.BUY, 3 * MICRO),
    }


def test_the_smallest_purchase_that_a_venues_least_cash_allows_is_considered() -> None:
    """One NO at 40 cents alone is below Polymarket's dollar; with a second at 54 it is not, and together they pay."""
    books = {KALSHI: book(KALSHI, [(49, 100)]), POLYMARKET: book(POLYMARKET, [(60, 1), (46, 100)])}
    assert best(books, holding(YES, 6 * MICRO), holding(NO, 0)).count == 2 * MICRO


def test_what_is_equal_already_is_never_sold_to_make_the_rest_equal() -> None:
    """Both bids together pay more than a dollar; but if one of two sales missed, more would stand alone than before."""
    books = {KALSHI: book(KALSHI, [(60, 100)], [(62, 100)]), POLYMARKET: book(POLYMARKET, [(40, 100)], [(45, 100)])}
    ways = balancings([holding(YES, 12 * MICRO), holding(NO, 7 * MICRO)], DOLLAR, TEN, books, MARKETS)
    assert ways and min(way.count for way in ways) == 7 * MICRO


def test_without_a_whole_way_the_part_that_the_book_takes_is_sold() -> None:
    books = {KALSHI: book(KALSHI, [(38, 4)], [(42, 100)]), POLYMARKET: book(POLYMARKET)}
    holdings = [holding(YES, 10 * MICRO), holding(NO, 0)]
    assert balancings(holdings, DOLLAR, TEN, books, MARKETS) == []
    part = slices(holdings, books, MARKETS)
    assert part is not None
    assert [(c.leg, c.action, c.size) for c in part.corrections] == [(0, Action.SELL, 4 * MICRO)]
    assert slices(holdings, {KALSHI: book(KALSHI), POLYMARKET: book(POLYMARKET)}, MARKETS) is None


def test_only_what_is_too_much_is_sold_in_slices() -> None:
    books = {KALSHI: book(KALSHI, [(38, 100)]), POLYMARKET: book(POLYMARKET, [], [(54, 100)])}
    part = slices([holding(YES, 10 * MICRO), holding(NO, 7 * MICRO)], books, MARKETS)
    assert part is not None
    assert [(c.leg, c.size) for c in part.corrections] == [(0, 3 * MICRO)]


def test_a_leg_whose_purchase_was_taken_back_is_not_met_below_nothing() -> None:
    """Its opposite had been bought to pair it: it holds less than nothing. The other leg is sold to nothing, not beyond."""
    books = {KALSHI: book(KALSHI, [(38, 100)], [(42, 100)]), POLYMARKET: book(POLYMARKET)}
    holdings = [holding(YES, 3 * MICRO), holding(NO, -22 * MICRO, 0)]
    assert balancings(holdings, DOLLAR, TEN, books, MARKETS) == []
    part = slices(holdings, books, MARKETS)
    assert part is not None
    assert [(c.leg, c.action, c.size) for c in part.corrections] == [(0, Action.SELL, 3 * MICRO)]
    assert slices([holding(YES, 0), holding(NO, -22 * MICRO, 0)], books, MARKETS) is None


# -- for every book and every holding ---------------------------------------------------------------------------------

levels = st.lists(st.tuples(st.integers(1, 99), st.integers(1, 12)), min_size=0, max_size=4)


@st.composite
def sound_books(draw: st.DrawFn) -> Book:
    """A live book that is not crossed; sizes in whole contracts or in hundredths."""
    middle = draw(st.integers(2, 98))
    unit = draw(st.sampled_from([MICRO, 370_000, HUNDREDTH * 7]))
    market = draw(st.sampled_from([KALSHI, POLYMARKET]))
    made = Book(market)
    bids = [(min(price, middle - 1) * CENT, size * unit) for price, size in draw(levels)]
    asks = [(max(price, middle) * CENT, size * unit) for price, size in draw(levels)]
    made.snapshot(dict(bids).items(), dict(asks).items())
    return made


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Holding], dict[MarketId, Book], dict[MarketId, Market], Size]:
    """Two or three legs on venues of both kinds, with any holdings."""
    claims, books, markets = [], {}, {}
    for number in range(draw(st.integers(2, 3))):
        kind = draw(st.sampled_from(["kalshi", "polymarket"]))
        market = MarketId(f"{kind}:{number}")
        tick = draw(st.sampled_from([CENT, CENT // 10]))
        markets[market] = (kalshi_market if kind == "kalshi" else polymarket_market)(market, tick)
        source = draw(sound_books())
        books[market] = Book(market)
        books[market].snapshot(source.bids.levels(), source.asks.levels())
        if draw(st.integers(0, 9)) == 0:
            books[market].invalidate()
        claims.append(Claim(market, draw(st.sampled_from(Outcome))))
    sizes = st.one_of(st.integers(0, 12).map(lambda n: n * MICRO), st.integers(0, 12 * MICRO))
    holdings = []
    for claim in claims:
        held = draw(sizes)
        holdings.append(holding(claim, held, draw(st.integers(0, held))))
    return holdings, books, markets, Size(draw(st.integers(1, 12)) * MICRO)


def value_of(
    way: Balancing, holdings: list[Holding], books: dict[MarketId, Book], markets: dict[MarketId, Market]
) -> int:
    """What a way brings, computed anew from the books: payout plus sales less purchases, fees included."""
    value = way.count
    for correction in way.corrections:
        claim = holdings[correction.leg].claim
        live, market = books[claim.market], markets[claim.market]
        buying = correction.action is Action.BUY
        side = live.offers(claim.outcome) if buying else live.demand(claim.outcome)
        done = walk(side, correction.size, Rounding.CEIL if buying else Rounding.FLOOR)
        assert done.size == correction.size, "more than the book has"
        fee = order_fee(market.fees, list(done.parts), buying=buying)
        value += -(done.cash + fee) if buying else done.cash - fee
    return value


@given(scenes())
@settings(max_examples=300, deadline=None)
def test_the_chosen_way_is_never_worse_than_another(
    scene: tuple[list[Holding], dict[MarketId, Book], dict[MarketId, Market], Size],
) -> None:
    """Against every whole count between the smallest and the largest holding, priced independently."""
    holdings, books, markets, target = scene
    ways = balancings(holdings, DOLLAR, target, books, markets)
    values = [way.value for way in ways]
    assert values == sorted(values, reverse=True)
    for way in ways:
        assert way.value == value_of(way, holdings, books, markets)
    most = max(h.held for h in holdings)
    least = min(h.held for h in holdings)
    assert all(least <= way.count <= most for way in ways)
    for count in range(-(-least // MICRO) * MICRO, most + 1, MICRO):
        whole = _exactly(holdings, Size(count), books, markets)
        # between two level ends the value is linear but for the rounding of fees
        if whole is not None:
            assert ways
            assert ways[0].value >= whole - 1_000 * len(holdings)


def _exactly(
    holdings: list[Holding], count: Size, books: dict[MarketId, Book], markets: dict[MarketId, Market]
) -> int | None:
    """The value of one count when every leg can trade to it exactly; None otherwise."""
    value: int = count
    for each in holdings:
        live, market = books[each.claim.market], markets[each.claim.market]
        size = Size(abs(count - each.held))
        if not size:
            continue
        buying = each.held < count
        action = Action.BUY if buying else Action.SELL
        if size % HUNDREDTH or not live.live:
            return None
        side = live.offers(each.claim.outcome) if buying else live.demand(each.claim.outcome)
        order = price_order(side, market, action, size)
        if order is None or (buying and order.limit * size < market.min_cash * MICRO):
            return None
        value += -order.cash if buying else order.cash
    return value


@given(scenes())
@settings(max_examples=300, deadline=None)
def test_every_correction_is_an_order_that_the_venue_takes(
    scene: tuple[list[Holding], dict[MarketId, Book], dict[MarketId, Market], Size],
) -> None:
    holdings, books, markets, target = scene
    ways = balancings(holdings, DOLLAR, target, books, markets)
    part = slices(holdings, books, markets)
    for way in ways if part is None else [*ways, part]:
        for correction in way.corrections:
            each = holdings[correction.leg]
            market = markets[each.claim.market]
            buying = correction.action is Action.BUY
            assert books[each.claim.market].live
            assert market.grid.contains(correction.limit)
            assert correction.size > 0
            assert correction.size % market.marketable_lot(correction.limit, buying=buying) == 0
            if buying:
                assert correction.limit * correction.size >= market.min_cash * MICRO
                assert each.held + correction.size <= max(h.held for h in holdings), "beyond the largest leg"
            else:
                assert correction.size <= each.held, "sold what is not held"
                assert way.waits_for_settlement or correction.size <= each.sellable


@given(scenes())
@settings(max_examples=200, deadline=None)
def test_a_way_leaves_every_leg_at_its_count_but_for_dust(
    scene: tuple[list[Holding], dict[MarketId, Book], dict[MarketId, Market], Size],
) -> None:
    holdings, books, markets, target = scene
    for way in balancings(holdings, DOLLAR, target, books, markets):
        after = [h.held for h in holdings]
        for correction in way.corrections:
            after[correction.leg] += correction.size if correction.action is Action.BUY else -correction.size
        for leg, each in enumerate(holdings):
            assert after[leg] - way.count == way.dust[leg]
            assert 0 <= way.dust[leg] < markets[each.claim.market].lot


@given(scenes())
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_legs_does_not_matter(
    scene: tuple[list[Holding], dict[MarketId, Book], dict[MarketId, Market], Size],
) -> None:
    holdings, books, markets, target = scene
    forth = balancings(holdings, DOLLAR, target, books, markets)
    back = balancings(holdings[::-1], DOLLAR, target, books, markets)
    assert [way.value for way in forth] == [way.value for way in back]


@given(st.integers(1, 99), st.integers(1, 1_000), st.sampled_from(list(Action)), st.sampled_from([CENT, 1_000, 100]))
def test_a_limit_is_never_better_for_us_than_the_deepest_level_used(
    cents: int, hundredths: int, action: Action, tick: int
) -> None:
    market = replace(polymarket_market(tick=tick))
    size = Size(hundredths * HUNDREDTH)
    order = price_order([(Price(cents * CENT), size)], market, action, size)
    if order is not None:
        assert market.grid.contains(order.limit)
        worse = order.limit - cents * CENT
        assert 0 <= (worse if action is Action.BUY else -worse) <= 10 * tick
