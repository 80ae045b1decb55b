"""Best-quote lines as a venue's market data: one level a side, malformed lines as trouble, never as a wrong book."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.claim import Outcome, market_id
from dutchbook.core.clock import DAY
from dutchbook.core.errors import NotSent
from dutchbook.core.events import StreamTrouble
from dutchbook.core.fees import kalshi_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, Cash, Price, Size, format_micros, parse_rate
from dutchbook.feed.best_quotes import BestQuoteData, BestQuoteStream

RAIN, SNOW = market_id("kalshi", "RAIN"), market_id("kalshi", "SNOW")


def market(native: str) -> Market:
    return Market(
        id=market_id("kalshi", native),
        event=native,
        title=native,
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(10_000)),
        lot=Size(10_000),
        take_lot=Size(10_000),
        min_size=Size(10_000),
        min_cash=Cash(0),
        buy_cash_step=Cash(1),
        sell_cash_step=Cash(1),
        fees=kalshi_fees(parse_rate("1"), "quadratic"),
        pool="kalshi:0",
        status=MarketStatus.OPEN,
        closes_ns=DAY,
    )


MARKETS = [market("RAIN"), market("SNOW")]


def stream() -> BestQuoteStream:
    return BestQuoteStream("replay://kalshi", MARKETS)


def line(bid: str, bid_size: str, ask: str, ask_size: str, instrument: str = "RAIN") -> bytes:
    return f"2026-02-20T10:00:00,kalshi,bbo,{instrument},{bid},{bid_size},{ask},{ask_size}".encode()


prices = st.integers(1, MICRO - 1)
sizes = st.integers(1, 10**12)


@given(prices, sizes, prices, sizes)
def test_a_line_is_the_whole_book_to_the_millionth(bid: int, bid_size: int, ask: int, ask_size: int) -> None:
    venue = stream()
    texts = [format_micros(value) for value in (bid, bid_size, ask, ask_size)]
    (book,) = venue.receive(line(*texts), 7)
    assert book is venue.books[RAIN]
    assert venue.books[RAIN].demand(Outcome.YES) == [(bid, bid_size)]
    assert venue.books[RAIN].offers(Outcome.YES) == [(ask, ask_size)]
    assert (venue.books[RAIN].live, venue.books[RAIN].received_ns) == (True, 7)


def test_the_next_line_replaces_the_one_before() -> None:
    venue = stream()
    venue.receive(line("0.40", "10", "0.42", "5"), 1)
    venue.receive(line("0.39", "3", "0.43", "4"), 2)
    assert venue.books[RAIN].demand(Outcome.YES) == [(390_000, 3 * MICRO)]
    assert venue.books[RAIN].offers(Outcome.YES) == [(430_000, 4 * MICRO)]


def test_each_instrument_has_its_own_book() -> None:
    venue = stream()
    venue.receive(line("0.40", "10", "0.42", "5"), 1)
    assert venue.books[RAIN].live
    assert not venue.books[SNOW].live


@pytest.mark.parametrize("price", ["", "0", "0.0000", "1", "1.0000"])
def test_an_empty_price_a_zero_and_a_one_are_an_empty_side(price: str) -> None:
    venue = stream()
    venue.receive(line(price, "10", price, "10"), 1)
    assert venue.books[RAIN].live
    assert venue.books[RAIN].best_demand(Outcome.YES) is None
    assert venue.books[RAIN].best_offer(Outcome.YES) is None


def test_a_price_without_a_size_is_no_level() -> None:
    venue = stream()
    venue.receive(line("0.40", "", "0.42", "0"), 1)
    assert venue.books[RAIN].demand(Outcome.YES) == venue.books[RAIN].offers(Outcome.YES) == []


def test_instruments_that_no_link_names_are_counted_and_left_out() -> None:
    venue = stream()
    assert venue.receive(line("0.40", "1", "0.42", "1", instrument="HAIL"), 1) == ()
    assert venue.unlinked == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (line("0.4e1", "1", "0.42", "1"), "bid price"),
        (line("0.40", "1", "n/a", "1"), "ask price"),
        (line("0.40", "many", "0.42", "1"), "bid size"),
        (line("0.1234567", "1", "0.42", "1"), "bid price"),
        (line("0.40", "1", "0.42", "1") + b",more", "9 columns instead of 8"),
        (b"2026-02-20T10:00:00,kalshi", "2 columns instead of 8"),
        (b"", "0 columns instead of 8"),
        (b"\xff\xfe,,,RAIN,,,,", "best quotes"),
    ],
)
def test_a_malformed_line_is_trouble_naming_what_is_wrong(data: bytes, words: str) -> None:
    (trouble,) = stream().receive(data, 1)
    assert isinstance(trouble, StreamTrouble)
    assert words in trouble.reason
    assert not trouble.terminal


def test_a_malformed_line_of_an_instrument_makes_its_book_untradable_until_the_next() -> None:
    venue = stream()
    venue.receive(line("0.40", "10", "0.42", "5"), 1)
    venue.receive(line("0.40", "10", "x", "5"), 2)
    assert not venue.books[RAIN].live
    venue.receive(line("0.40", "10", "0.42", "5"), 3)
    assert venue.books[RAIN].live


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for event in stream().receive(data, 1):
        assert isinstance(event, StreamTrouble)


@given(st.lists(st.text(alphabet='0123456789.,"-e\x00 ', max_size=12), min_size=4, max_size=4))
def test_no_figures_make_a_book_that_cannot_be(figures: list[str]) -> None:
    venue = stream()
    venue.receive(line(*figures), 1)
    for outcome in Outcome:
        for price, size in [*venue.books[RAIN].demand(outcome), *venue.books[RAIN].offers(outcome)]:
            assert 0 < price < MICRO
            assert size > 0


def test_no_book_is_live_before_its_first_line_nor_after_the_end() -> None:
    venue = stream()
    assert not any(book.live for book in venue.books.values())
    venue.receive(line("0.40", "10", "0.42", "5"), 1)
    assert venue.closed() == ()
    assert not any(book.live for book in venue.books.values())


def test_nothing_is_asked_of_a_recording() -> None:
    venue = stream()
    venue.opened()
    assert (venue.outbox, venue.headers(1), venue.heartbeat) == ([], {}, None)


def test_the_recorded_venue_knows_its_markets_and_has_no_rest_side() -> None:
    data = BestQuoteData("kalshi", "replay://kalshi", MARKETS)

    async def main() -> None:
        assert await data.markets() == MARKETS
        assert await data.markets(["SNOW"]) == MARKETS[1:]
        earliest, latest = await data.server_time()
        assert earliest < latest
        with pytest.raises(NotSent, match="no REST side"):
            await data.snapshot(RAIN)

    asyncio.run(main())
    assert set(data.stream(MARKETS[:1]).books) == {RAIN}
