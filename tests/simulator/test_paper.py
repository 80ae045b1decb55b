"""Paper: the exchange core follows the live book, and never trades on anything that book did not show."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.clock import SECOND
from dutchbook.core.transport import Request
from dutchbook.simulator.exchange import Exchange, Level, MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.paper import HOUSE, PaperVenue
from dutchbook.simulator.polymarket.exchange import PolymarketExchange

NOW = 1_795_000_000 * SECOND
ONE = 1_000_000
CENT = 10_000
M = "KXRAIN-26NOV21-Y"
EXCHANGES = [KalshiExchange, PolymarketExchange]

Book = tuple[list[Level], list[Level]]


def level(cents: int, contracts: int) -> Level:
    return cents * CENT, contracts * ONE


class Live:
    """The real venue's book, as a test sets it."""

    def __init__(self) -> None:
        self.book: Book | None = ([], [])
        self.looked = 0

    def read(self, market: str) -> Book | None:
        self.looked += 1
        return self.book


def paper(exchange: Exchange, live: Live | None = None) -> PaperVenue:
    venue = PaperVenue(exchange, (live or Live()).read)
    venue.list_market(
        MarketSpec(
            id=M,
            event=M,
            title="Rain?",
            rules="",
            tick=100,
            taker_rate="0",
            opens_ns=0,
            closes_ns=NOW + 10**18,
            series=M,
        ),
        NOW,
    )
    return venue


@pytest.fixture(params=EXCHANGES)
def venue(request: pytest.FixtureRequest) -> PaperVenue:
    return paper(request.param())


def take(venue: PaperVenue, buy: bool, cents: int, contracts: int) -> int:
    """Contracts that a market order of that size gets."""
    return venue.take(M, "somebody", buy, cents * CENT, contracts * ONE, NOW) // ONE


def shown(venue: PaperVenue) -> Book:
    return venue.resting(M, HOUSE)


def test_the_paper_book_is_the_live_book(venue: PaperVenue) -> None:
    venue.show(M, [level(40, 10), level(39, 5)], [level(42, 7)], NOW)
    assert shown(venue) == ([level(40, 10), level(39, 5)], [level(42, 7)])
    venue.show(M, [level(41, 3)], [level(42, 7), level(43, 1)], NOW)
    assert shown(venue) == ([level(41, 3)], [level(42, 7), level(43, 1)])


def test_depth_is_consumed_and_a_limit_is_respected(venue: PaperVenue) -> None:
    venue.show(M, [], [level(42, 7), level(43, 5), level(44, 100)], NOW)
    assert take(venue, True, 43, 50) == 12
    assert take(venue, True, 43, 50) == 0


def test_what_we_took_stays_taken_while_the_venue_shows_the_same_size(venue: PaperVenue) -> None:
    venue.show(M, [level(40, 10)], [level(42, 7)], NOW)
    assert take(venue, True, 42, 5) == 5
    for bid in (11, 12, 13):
        venue.show(M, [level(40, bid)], [level(42, 7)], NOW)
    assert shown(venue)[1] == [level(42, 2)]
    assert take(venue, True, 42, 7) == 2
    venue.show(M, [level(40, 10)], [level(42, 7)], NOW)
    assert shown(venue)[1] == []


def test_a_changed_size_is_the_venues_word_on_that_level(venue: PaperVenue) -> None:
    venue.show(M, [], [level(42, 7), level(43, 9)], NOW)
    assert take(venue, True, 43, 16) == 16
    venue.show(M, [], [level(42, 8), level(43, 9)], NOW)
    assert shown(venue)[1] == [level(42, 8)]


def test_a_level_that_went_away_and_came_back_is_new(venue: PaperVenue) -> None:
    venue.show(M, [], [level(42, 7)], NOW)
    assert take(venue, True, 42, 7) == 7
    venue.show(M, [], [], NOW)
    venue.show(M, [], [level(42, 7)], NOW)
    assert take(venue, True, 42, 7) == 7


def test_a_lost_book_sells_nothing_and_what_was_taken_is_remembered(venue: PaperVenue) -> None:
    venue.show(M, [], [level(42, 7)], NOW)
    assert take(venue, True, 42, 3) == 3
    venue.hide(M, NOW)
    assert take(venue, True, 99, 7) == 0
    venue.hide(M, NOW)
    venue.show(M, [], [level(42, 7)], NOW)
    assert take(venue, True, 42, 7) == 4


def test_a_crossed_live_book_shows_nothing(venue: PaperVenue) -> None:
    venue.show(M, [level(40, 10)], [level(42, 7)], NOW)
    venue.show(M, [level(43, 10)], [level(42, 7)], NOW)
    assert shown(venue) == ([], [])


@pytest.mark.parametrize("make", EXCHANGES)
def test_following_a_lively_book_costs_nothing_until_something_can_match(make: type[Exchange]) -> None:
    live = Live()
    venue = paper(make(), live)
    for size in range(1, 100):
        live.book = ([], [level(42, size)])
        assert venue.moved(M, NOW) is False
    venue.handle(Request("GET", "http://venue/anything"), NOW)
    assert live.looked == 0
    venue.handle(Request("POST", "http://venue/anything"), NOW)
    assert live.looked == 1
    assert shown(venue)[1] == [level(42, 99)]


@pytest.mark.parametrize("make", EXCHANGES)
def test_a_market_where_an_order_may_rest_is_followed_move_by_move(make: type[Exchange]) -> None:
    live = Live()
    venue = paper(make(), live)
    venue.keep_up(M)
    live.book = ([level(40, 2)], [])
    assert venue.moved(M, NOW) is True
    assert shown(venue)[0] == [level(40, 2)]


def test_a_book_of_another_market_is_passed_over(venue: PaperVenue) -> None:
    assert venue.moved("KXOTHER", NOW) is False


def test_the_first_result_settles_and_a_second_is_ignored(venue: PaperVenue) -> None:
    venue.settle(M, ONE, NOW)
    venue.settle(M, 0, NOW)
    with pytest.raises(KeyError):
        venue.settle("KXOTHER", ONE, NOW)


def test_a_settled_market_takes_no_more_quotes(venue: PaperVenue) -> None:
    venue.settle(M, ONE, NOW)
    venue.show(M, [level(40, 10)], [level(42, 7)], NOW)
    assert shown(venue) == ([], [])


# -- properties --------------------------------------------------------------------------------------------------------

sides = st.dictionaries(st.integers(1, 98), st.integers(1, 30), max_size=4)


@st.composite
def books(draw: st.DrawFn) -> Book:
    """An uncrossed book: bids below a price, asks above it."""
    middle = draw(st.integers(2, 98))
    bids = {price: size for price, size in draw(sides).items() if price < middle}
    asks = {price: size for price, size in draw(sides).items() if price >= middle}
    return (
        [level(price, size) for price, size in sorted(bids.items(), reverse=True)],
        [level(price, size) for price, size in sorted(asks.items())],
    )


moves = st.lists(
    st.one_of(books(), st.tuples(st.booleans(), st.integers(1, 98), st.integers(1, 40)), st.none()), max_size=12
)


@pytest.mark.parametrize("make", EXCHANGES)
@settings(max_examples=60, deadline=None)
@given(moves=moves)
def test_the_paper_book_is_never_more_than_the_live_one(
    make: type[Exchange], moves: Sequence[Book | tuple[bool, int, int] | None]
) -> None:
    """Against a model: each level has the live size less what was taken since that size was first shown."""
    venue = paper(make())
    live: dict[tuple[bool, int], int] = {}
    left: dict[tuple[bool, int], int] = {}
    hidden = True
    for move in moves:
        if move is None:
            venue.hide(M, NOW)
            hidden = True
        elif len(move) == 2:
            bids, asks = move
            new = {(True, price): size for price, size in bids} | {(False, price): size for price, size in asks}
            left = {key: left[key] if live.get(key) == size else size for key, size in new.items()}
            live, hidden = new, False
            venue.show(M, bids, asks, NOW)
        else:
            buy, cents, contracts = move
            wanted = contracts * ONE
            for key in sorted((k for k in left if k[0] is not buy), key=lambda k: k[1] if buy else -k[1]):
                reached = key[1] <= cents * CENT if buy else key[1] >= cents * CENT
                part = min(wanted, left[key]) if reached and not hidden else 0
                left[key] -= part
                wanted -= part
            assert take(venue, buy, cents, contracts) * ONE == contracts * ONE - wanted
        expected = {} if hidden else {key: size for key, size in left.items() if size}
        found = shown(venue)
        assert {(True, p): s for p, s in found[0]} | {(False, p): s for p, s in found[1]} == expected
