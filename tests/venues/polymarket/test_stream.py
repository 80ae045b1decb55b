"""The book stream: snapshots and absolute changes make the venue's book, or the book is invalid and says so."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import Outcome, market_id
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.events import BookGap, MarketChanged, MarketResolved, StreamTrouble
from dutchbook.core.money import MICRO, Price
from dutchbook.core.venue import BookSnapshot
from dutchbook.venues.polymarket.frames import Level, sizes_of
from dutchbook.venues.polymarket.stream import PolymarketBookStream
from dutchbook.venues.polymarket.tokens import MarketTokens
from venues.polymarket.desk import MARKET, NO_TOKEN, TOKENS, YES_TOKEN, micros

CENT = 10_000


def a_stream() -> PolymarketBookStream:
    stream = PolymarketBookStream("wss://x/ws/market", {MARKET: TOKENS})
    stream.opened()
    return stream


def frame(*messages: dict) -> bytes:
    return json.dumps(messages[0] if len(messages) == 1 else list(messages)).encode()


def book(bids: dict[str, str], asks: dict[str, str], at: int = 1000, token: str = YES_TOKEN) -> dict:
    """Sides as the venue lists them: the best price last."""
    return {
        "event_type": "book",
        "market": TOKENS.condition,
        "asset_id": token,
        "timestamp": str(at),
        "hash": "0x",
        "bids": [{"price": p, "size": bids[p]} for p in sorted(bids, key=float)],
        "asks": [{"price": p, "size": asks[p]} for p in sorted(asks, key=float, reverse=True)],
    }


def change(price: str, size: str, side: str, bid: str | None, ask: str | None, token: str = YES_TOKEN) -> dict:
    best = {"best_bid": bid, "best_ask": ask}
    return {"asset_id": token, "price": price, "size": size, "side": side, "hash": "h"} | best


def changes(*rows: dict, at: int = 2000) -> dict:
    return {"event_type": "price_change", "market": TOKENS.condition, "timestamp": str(at), "price_changes": list(rows)}


def started() -> PolymarketBookStream:
    stream = a_stream()
    stream.receive(frame(book({"0.48": "500", "0.50": "200"}, {"0.53": "400", "0.51": "150.5"})), 1)
    return stream


def sides(stream: PolymarketBookStream) -> tuple[list, list]:
    return stream.books[MARKET].bids.levels(), stream.books[MARKET].asks.levels()


def test_the_yes_token_is_subscribed() -> None:
    stream = a_stream()
    (sent,) = stream.outbox
    assert json.loads(sent) == {"type": "market", "assets_ids": [YES_TOKEN], "custom_feature_enabled": True}
    assert stream.heartbeat == b"PING"
    assert stream.headers(1) == {}


def test_a_snapshot_makes_the_book_live_best_first() -> None:
    stream = a_stream()
    assert not stream.books[MARKET].live
    assert stream.receive(frame(book({"0.48": "500", "0.50": "200"}, {"0.53": "400", "0.51": "150.5"})), 7) == [
        stream.books[MARKET]
    ]
    made = stream.books[MARKET]
    assert made.live and made.received_ns == 7 and made.as_of_ns == 1000 * MILLISECOND
    assert sides(stream) == (
        [(500_000, 200_000_000), (480_000, 500_000_000)],
        [(510_000, 150_500_000), (530_000, 400_000_000)],
    )
    assert made.best_offer(Outcome.NO) == 500_000


def test_a_change_carries_the_new_size_not_a_difference() -> None:
    stream = started()
    events = stream.receive(frame(changes(change("0.50", "30", "BUY", "0.50", "0.51"))), 9)
    assert events == [stream.books[MARKET]]
    assert stream.books[MARKET].bids.size_at(500_000) == 30_000_000
    assert stream.books[MARKET].received_ns == 9 and stream.books[MARKET].as_of_ns == 2000 * MILLISECOND


def test_a_change_to_zero_removes_the_level() -> None:
    stream = started()
    stream.receive(frame(changes(change("0.50", "0", "BUY", "0.48", "0.51"))), 9)
    assert stream.books[MARKET].bids.best() == 480_000


def test_the_mirror_entries_of_the_no_token_are_passed_over() -> None:
    stream = started()
    before = sides(stream)
    twin = change("0.50", "99", "SELL", "0.49", "0.50", token=NO_TOKEN)
    assert stream.receive(frame(changes(twin)), 9) == []
    assert stream.receive(frame(book({"0.1": "1"}, {}, token=NO_TOKEN)), 9) == []
    assert sides(stream) == before


def test_frames_come_as_objects_or_arrays() -> None:
    stream = a_stream()
    events = stream.receive(
        frame(book({"0.4": "1"}, {"0.6": "1"}), changes(change("0.4", "2", "BUY", "0.4", "0.6"))), 1
    )
    assert events == [stream.books[MARKET]] * 2
    assert stream.books[MARKET].bids.size_at(400_000) == 2_000_000


def test_the_pong_is_no_event() -> None:
    assert a_stream().receive(b"PONG", 1) == ()


@pytest.mark.parametrize(("bid", "ask"), [("0.49", "0.51"), ("0.50", "0.52"), ("0", "0.51"), ("0.50", "")])
def test_a_best_price_that_differs_invalidates_the_book_and_asks_for_it(bid: str, ask: str) -> None:
    stream = started()
    (gap,) = stream.receive(frame(changes(change("0.48", "1", "BUY", bid, ask))), 9)
    assert isinstance(gap, BookGap) and gap.markets == (MARKET,) and gap.fetch
    assert not stream.books[MARKET].live


def test_an_empty_side_is_told_as_zero_one_or_nothing() -> None:
    for bid, ask in (("0", "1"), ("", ""), ("0.00", "0"), (None, None)):
        stream = a_stream()
        stream.receive(frame(book({"0.4": "1"}, {})), 1)
        assert stream.receive(frame(changes(change("0.4", "0", "BUY", bid, ask))), 2) == [stream.books[MARKET]]


def test_a_loaded_book_takes_the_changes_that_came_after_it() -> None:
    stream = started()
    stream.receive(frame(changes(change("0.48", "1", "BUY", "0.49", "0.51"), at=2000)), 9)
    assert stream.receive(frame(changes(change("0.47", "7", "BUY", "0.49", "0.51"), at=2900)), 10) == []
    assert stream.receive(frame(changes(change("0.49", "9", "BUY", "0.49", "0.51"), at=3100)), 11) == []
    snapshot = BookSnapshot(MARKET, ((490_000, 5), (480_000, 6)), ((510_000, 7),), 3000 * MILLISECOND)
    assert stream.load(snapshot, 12) == (stream.books[MARKET],)
    assert sides(stream) == ([(490_000, 9_000_000), (480_000, 6)], [(510_000, 7)])
    assert stream.books[MARKET].as_of_ns == 3100 * MILLISECOND and stream.books[MARKET].live


def test_a_change_of_the_snapshots_own_millisecond_is_applied_again() -> None:
    stream = started()
    stream.receive(frame(changes(change("0.48", "1", "BUY", "0.49", "0.51"), at=2000)), 9)
    stream.receive(frame(changes(change("0.49", "9", "BUY", "0.49", "0.51"), at=3000)), 10)
    stream.load(BookSnapshot(MARKET, ((480_000, 6),), ((510_000, 7),), 3000 * MILLISECOND), 12)
    assert sides(stream) == ([(490_000, 9_000_000), (480_000, 6)], [(510_000, 7)])


def test_a_book_of_the_socket_is_newer_than_every_change_before_it() -> None:
    stream = a_stream()
    stream.receive(frame(changes(change("0.49", "9", "BUY", "0.49", "0.51"), at=3000)), 1)
    stream.receive(frame(book({"0.4": "1"}, {"0.6": "1"}, at=3001)), 2)
    stream.receive(frame(changes(change("0.4", "1", "BUY", "0.3", "0.6"), at=3002)), 3)
    assert not stream.books[MARKET].live
    stream.load(BookSnapshot(MARKET, ((300_000, 6),), ((600_000, 7),), 2999 * MILLISECOND), 4)
    assert sides(stream) == ([(300_000, 6)], [(600_000, 7)])


def test_a_loaded_book_that_the_stream_contradicts_is_a_gap_again() -> None:
    stream = started()
    stream.receive(frame(changes(change("0.48", "1", "BUY", "0.49", "0.51"), at=2000)), 9)
    stream.receive(frame(changes(change("0.47", "7", "BUY", "0.49", "0.51"), at=3100)), 11)
    (gap,) = stream.load(BookSnapshot(MARKET, ((480_000, 6),), ((510_000, 7),), 3000 * MILLISECOND), 12)
    assert isinstance(gap, BookGap) and gap.fetch
    assert not stream.books[MARKET].live


def test_a_snapshot_older_than_a_live_book_is_ignored() -> None:
    stream = started()
    before = sides(stream)
    assert stream.load(BookSnapshot(MARKET, ((10_000, 1),), (), 999 * MILLISECOND), 12) == ()
    assert sides(stream) == before


def test_a_closed_stream_has_no_live_book() -> None:
    stream = started()
    (gap,) = stream.closed()
    assert isinstance(gap, BookGap) and not gap.fetch
    assert not stream.books[MARKET].live


def test_a_crossed_snapshot_is_a_gap() -> None:
    (gap,) = a_stream().receive(frame(book({"0.51": "1"}, {"0.51": "1"})), 1)
    assert isinstance(gap, BookGap) and gap.fetch


def test_a_tick_change_says_that_the_market_changed() -> None:
    message = {
        "event_type": "tick_size_change",
        "asset_id": NO_TOKEN,
        "old_tick_size": "0.01",
        "new_tick_size": "0.001",
    }
    assert started().receive(frame(message), 1) == [MarketChanged(MARKET, "tick 0.01 -> 0.001")]


@pytest.mark.parametrize(("winner", "value"), [(YES_TOKEN, MICRO), (NO_TOKEN, 0)])
def test_a_result_on_the_stream_is_never_final(winner: str, value: int) -> None:
    message = {"event_type": "market_resolved", "market": TOKENS.condition, "winning_asset_id": winner}
    expected = MarketResolved(Resolution(MARKET, Price(value), final=False))
    assert started().receive(frame(message), 1) == [expected]


def test_a_result_without_a_winner_asks_to_read_the_market() -> None:
    message = {"event_type": "market_resolved", "market": TOKENS.condition}
    assert started().receive(frame(message), 1) == [MarketChanged(MARKET, "resolved")]


@pytest.mark.parametrize(
    "message",
    [
        {"event_type": "last_trade_price", "asset_id": YES_TOKEN, "price": "0.5"},
        {"event_type": "best_bid_ask", "asset_id": YES_TOKEN, "best_bid": "0.1"},
        {"event_type": "new_market", "slug": "x"},
        {"event_type": "a_kind_of_next_year", "asset_id": YES_TOKEN},
        book({"0.1": "1"}, {}, token="999"),
        changes(change("0.1", "1", "BUY", "0.1", "0.2", token="999")),
    ],
)
def test_other_news_touches_no_book(message: dict) -> None:
    stream = started()
    before = sides(stream)
    assert list(stream.receive(frame(message), 1)) == []
    assert sides(stream) == before and stream.books[MARKET].live


def test_a_new_kind_inside_an_array_hides_nothing() -> None:
    stream = started()
    news = {"event_type": "a_kind_of_next_year"}
    events = stream.receive(frame(news, changes(change("0.50", "30", "BUY", "0.50", "0.51"))), 9)
    assert list(events) == [stream.books[MARKET]]
    assert stream.books[MARKET].bids.size_at(500_000) == 30_000_000


@pytest.mark.parametrize(
    "message",
    [
        changes(change("0.50", "-1", "BUY", "0.50", "0.51")),
        changes(change("1.50", "1", "BUY", "0.50", "0.51")),
        changes(change("half", "1", "BUY", "0.50", "0.51")),
        changes(change("0.50", "1e3", "BUY", "0.50", "0.51")),
        changes(change("0.50", "1", "HOLD", "0.50", "0.51")),
        changes(change("0.50", "1", "BUY", "?", "0.51")),
        {"event_type": "price_change", "timestamp": "1", "price_changes": [{"asset_id": YES_TOKEN, "price": "0.5"}]},
        {"event_type": "price_change", "price_changes": []},
        {"event_type": "book", "asset_id": YES_TOKEN, "bids": [], "asks": []},
        {"event_type": "book", "asset_id": YES_TOKEN, "bids": None, "asks": [], "timestamp": "1"},
        book({"0": "1"}, {}),
        book({"0.2": "-4"}, {}),
        book({"0.2": "4"}, {}) | {"timestamp": "soon"},
        {"asset_id": YES_TOKEN, "bids": [], "asks": [], "timestamp": "1"},
    ],
)
def test_a_frame_that_cannot_be_read_invalidates_the_book(message: dict) -> None:
    stream = started()
    events = stream.receive(frame(message), 1)
    assert [gap.markets for gap in events if isinstance(gap, BookGap)] == [(MARKET,)]
    assert all(gap.fetch for gap in events if isinstance(gap, BookGap))
    assert not stream.books[MARKET].live


def test_the_field_that_is_missing_is_named() -> None:
    events = started().receive(frame({"event_type": "book", "asset_id": YES_TOKEN, "bids": [], "asks": []}), 1)
    assert isinstance(events[0], StreamTrouble) and "`timestamp`" in events[0].reason


def test_words_of_the_venue_are_trouble_but_hide_no_change() -> None:
    stream = started()
    (trouble,) = stream.receive(b"INVALID OPERATION", 1)
    assert isinstance(trouble, StreamTrouble) and "INVALID OPERATION" in trouble.reason
    assert stream.books[MARKET].live


@given(st.binary(max_size=80) | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"[]", b"{}", b"[[]]", b"null"]))
def test_no_bytes_can_break_the_stream(data: bytes) -> None:
    for event in started().receive(data, 1):
        assert isinstance(event, StreamTrouble | BookGap)


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[bool, int, int]]:
    cents = st.integers(1, 99)
    return draw(st.lists(st.tuples(st.booleans(), cents, st.integers(0, 400)), max_size=40))


def best(level: dict[int, int], *, bids: bool) -> str:
    open_prices = [price for price, size in level.items() if size]
    if not open_prices:
        return "0" if bids else "1"
    return f"0.{(max if bids else min)(open_prices):02d}"


def text(cent: int) -> str:
    return f"0.{cent:02d}"


@given(first=moves(), later=moves(), lost=st.sets(st.integers(0, 39)))
def test_the_book_is_the_venues_or_it_is_not_live(
    first: list[tuple[bool, int, int]], later: list[tuple[bool, int, int]], lost: set[int]
) -> None:
    """A model exchange publishes every change, some frames are lost; a live book whose best prices were confirmed after
    the last loss of its sides equals the model, and a book without losses is always live and equal."""
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for is_bid, cent, size in first:
        (bids if is_bid else asks)[cent] = size
    if bids and asks:
        # an uncrossed start
        asks = {cent: size for cent, size in asks.items() if cent > max(bids)}
    shown_bids = {text(c): f"{s / 100:.2f}" for c, s in bids.items() if s}
    shown_asks = {text(c): f"{s / 100:.2f}" for c, s in asks.items() if s}
    stream = a_stream()
    stream.receive(frame(book(shown_bids, shown_asks)), 1)
    lost_any = False
    for index, (is_bid, cent, size) in enumerate(later):
        other = [c for c, s in (asks if is_bid else bids).items() if s]
        if size and other and (cent >= min(other) if is_bid else cent <= max(other)):
            continue
        (bids if is_bid else asks)[cent] = size
        if index in lost:
            lost_any = True
            continue
        row = change(
            text(cent), f"{size / 100:.2f}", "BUY" if is_bid else "SELL", best(bids, bids=True), best(asks, bids=False)
        )
        (event,) = stream.receive(frame(changes(row, at=2000 + index)), index) or (None,)
        made = stream.books[MARKET]
        if isinstance(event, Book):
            assert (made.bids.best() or 0) == CENT * max((c for c, s in bids.items() if s), default=0)
            assert (made.asks.best() or MICRO) == CENT * min((c for c, s in asks.items() if s), default=100)
        else:
            assert lost_any and not made.live
            levels = [tuple((c * CENT, s * CENT) for c, s in side.items() if s) for side in (bids, asks)]
            loaded = stream.load(BookSnapshot(MARKET, levels[0], levels[1], (2000 + index) * MILLISECOND), index)
            assert loaded == (made,)
            lost_any = False
    if not lost_any:
        model = [sorted(((c * CENT, s * CENT) for c, s in side.items() if s)) for side in (bids, asks)]
        if not lost:
            assert sides(stream) == (model[0][::-1], model[1])


def test_sizes_and_prices_are_read_to_the_millionth() -> None:
    stream = a_stream()
    stream.receive(frame(book({"0.4975": "0.01", "0.0001": "10500100"}, {"0.9999": "199.313131"})), 1)
    assert sides(stream) == (
        [(micros("0.4975"), 10_000), (100, 10_500_100_000_000)],
        [(999_900, 199_313_131)],
    )


def test_a_book_that_drifted_unseen_is_noticed_by_the_next_full_book_of_the_same_hash() -> None:
    """The best prices agreed all along; the hash says that nothing changed since, and yet a level differs."""
    stream = started()
    agreed = change("0.48", "500", "BUY", "0.5", "0.51") | {"hash": "same"}
    stream.receive(frame(changes(agreed)), 2)
    true = book({"0.48": "499", "0.50": "200"}, {"0.53": "400", "0.51": "150.5"}) | {"hash": "same"}
    trouble, mended = stream.receive(frame(true), 3)
    assert isinstance(trouble, StreamTrouble) and "drifted" in trouble.reason and stream.drifts == 1
    assert mended is stream.books[MARKET] and sides(stream)[0] == [(500_000, 200_000_000), (480_000, 499_000_000)]


@pytest.mark.parametrize(("hash_text", "size"), [("same", "500"), ("other", "499")])
def test_a_full_book_that_agrees_or_is_of_another_moment_is_no_drift(hash_text: str, size: str) -> None:
    stream = started()
    stream.receive(frame(changes(change("0.48", "500", "BUY", "0.5", "0.51") | {"hash": "same"})), 2)
    newer = book({"0.48": size, "0.50": "200"}, {"0.53": "400", "0.51": "150.5"}) | {"hash": hash_text}
    assert stream.receive(frame(newer), 3) == [stream.books[MARKET]] and stream.drifts == 0


def test_many_markets_are_subscribed_a_hundred_at_a_time() -> None:
    tokens = {
        market_id("polymarket", f"m-{number}"): MarketTokens(f"0x{number:064x}", f"{number}1", f"{number}2", False)
        for number in range(250)
    }
    stream = PolymarketBookStream("wss://x/ws/market", tokens)
    stream.opened()
    sent = [json.loads(message) for message in stream.outbox]
    assert [len(message["assets_ids"]) for message in sent] == [100, 100, 50]
    assert sent[0]["type"] == "market" and [message.get("operation") for message in sent[1:]] == ["subscribe"] * 2
    assert len({token for message in sent for token in message["assets_ids"]}) == 250


@given(st.lists(st.decimals(0, 10**9, allow_nan=False, places=6), max_size=8))
def test_sizes_read_together_are_sizes_read_one_by_one(values: list[Decimal]) -> None:
    texts = [f"{value.normalize():f}" for value in values]
    assert sizes_of([Level("0.5", text) for text in texts]) == [micros(text) for text in texts]


@given(st.lists(st.text("0123456789.,-+eE _", max_size=6), min_size=1, max_size=4))
def test_a_size_is_read_as_the_careful_parser_reads_it_or_refused(texts: list[str]) -> None:
    try:
        wanted: list[int] | None = [micros(text) for text in texts]
    except ValueError:
        wanted = None
    try:
        read: list[int] | None = sizes_of([Level("0.5", text) for text in texts])
    except ValueError:
        read = None
    assert read == wanted
