"""The fast check: a crossing is reported when best offers cost less than the guarantee, on books that may be believed."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.link import Link, LinkKind, State, same_bet
from dutchbook.core.money import MICRO, Price
from dutchbook.opportunity.scan import Scanner, data_alarms
from opportunity.pairs import KALSHI, POLY, market, offering, three_way

LINK = same_bet("pair", "event", KALSHI, POLY)
MARKETS = {name: market(name) for name in (KALSHI, POLY)}


def by_market(*books: Book) -> dict[MarketId, Book]:
    return {book.market: book for book in books}


def two_sided(name: MarketId, bid: int, ask: int) -> Book:
    book = Book(name)
    book.snapshot([(bid, MICRO)], [(ask, MICRO)])
    return book


def scanner(links: Iterable[Link] = (LINK,)) -> Scanner:
    return Scanner(links, MARKETS)


def test_a_gap_between_venues_is_a_crossing_seen_from_either_market() -> None:
    books = by_market(two_sided(KALSHI, 400_000, 420_000), two_sided(POLY, 430_000, 450_000))
    for name in (KALSHI, POLY):
        (bundle,) = scanner().crossings(name, books)
        assert {(c.market, c.outcome) for c in bundle.claims} == {(KALSHI, Outcome.YES), (POLY, Outcome.NO)}


def test_offers_that_cost_exactly_the_guarantee_are_no_crossing() -> None:
    books = by_market(two_sided(KALSHI, 400_000, 420_000), two_sided(POLY, 420_000, 450_000))
    assert scanner().crossings(KALSHI, books) == []


prices = st.integers(2, 998).map(lambda p: p * 1_000)


@given(prices, prices, prices, prices)
def test_the_fast_check_is_the_sum_of_best_offers(bid: int, ask: int, other_bid: int, other_ask: int) -> None:
    books = by_market(
        two_sided(KALSHI, bid, max(bid + 1, ask)), two_sided(POLY, other_bid, max(other_bid + 1, other_ask))
    )
    watch = scanner()
    expected = {
        bundle.id
        for bundle in watch.bundles
        if sum(books[c.market].best_offer(c.outcome) or MICRO for c in bundle.claims) < bundle.guaranteed
    }
    assert {bundle.id for bundle in watch.crossings(KALSHI, books)} == expected
    assert {bundle.id for bundle in watch.crossings(POLY, books)} == expected


def test_a_basket_of_nos_is_compared_with_what_it_pays() -> None:
    link = three_way("kalshi")
    markets = {name: market(name) for name in link.payoffs}
    books = by_market(*(offering(name, Outcome.NO, [("0.66", "10")]) for name in link.payoffs))
    found = Scanner([link], markets).crossings(next(iter(link.payoffs)), books)
    assert [(len(bundle.claims), bundle.guaranteed) for bundle in found] == [(3, 2 * MICRO)]


def test_a_book_that_is_not_live_takes_part_in_no_crossing() -> None:
    books = by_market(two_sided(KALSHI, 400_000, 420_000), two_sided(POLY, 430_000, 450_000))
    books[POLY].invalidate()
    assert scanner().crossings(KALSHI, books) == []
    assert scanner().crossings(POLY, books) == []


def test_a_missing_or_empty_book_is_no_crossing() -> None:
    kalshi = two_sided(KALSHI, 400_000, 420_000)
    assert scanner().crossings(KALSHI, by_market(kalshi)) == []
    assert scanner().crossings(POLY, by_market(kalshi)) == []
    empty = Book(POLY)
    empty.snapshot([], [])
    assert scanner().crossings(KALSHI, by_market(kalshi, empty)) == []


def test_yes_and_no_below_one_inside_one_market_is_an_alarm_and_not_a_trade() -> None:
    crossed = two_sided(KALSHI, 450_000, 420_000)
    alarm = data_alarms(crossed)
    assert alarm is not None
    assert alarm.code == "data"
    assert KALSHI in alarm.text
    assert "0.45" in alarm.text
    assert "0.42" in alarm.text
    books = by_market(crossed, two_sided(POLY, 430_000, 440_000))
    assert scanner().crossings(POLY, books) == []
    assert scanner().crossings(KALSHI, books) == []


def test_a_sound_or_one_sided_book_raises_no_alarm() -> None:
    assert data_alarms(two_sided(KALSHI, 410_000, 420_000)) is None
    assert data_alarms(offering(KALSHI, Outcome.YES, [("0.01", "1")])) is None


def test_a_link_that_cannot_be_scanned_is_named_and_the_others_live_on() -> None:
    unknown = same_bet("unknown", "event", KALSHI, MarketId("polymarket:new"))
    hopeless = Link("hopeless", LinkKind.BASKET, "event", (State("a"),), {KALSHI: (Price(1),)})
    watch = scanner([unknown, hopeless, LINK])
    assert set(watch.refused) == {"unknown", "hopeless"}
    assert "polymarket:new" in watch.refused["unknown"]
    assert len(watch.bundles_with(KALSHI)) == 2


def test_a_market_in_no_link_crosses_nothing() -> None:
    assert scanner().crossings(MarketId("kalshi:other"), {}) == []
    assert scanner().bundles_with(MarketId("kalshi:other")) == []
