"""The book stream: both price modes, sequence gaps, malformed frames, lifecycle news, and never an exception."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.errors import CredentialsError
from dutchbook.core.events import BookGap, MarketChanged, MarketResolved, StreamEvent, StreamTrouble
from dutchbook.core.money import MICRO
from dutchbook.core.venue import BookSnapshot
from dutchbook.venues.kalshi import KalshiConfig
from dutchbook.venues.kalshi.stream import KalshiBookStream
from venues.kalshi.bits import CONFIG, KEY, NOW, a_market, frame, micro

A, B, C = (a_market(f"KXTEST-26NOV20-{name}") for name in "ABC")
AT = 1_000


def stream(*, config: KalshiConfig = CONFIG, **options: bool) -> KalshiBookStream:
    made = KalshiBookStream(config, KEY, [A, B, C], **options)
    made.opened()
    return made


def commands(made: KalshiBookStream) -> list[Any]:
    found = [json.loads(data) for data in made.outbox]
    made.outbox.clear()
    return found


def snapshot(
    market: Any = A, seq: int = 1, yes: object = (("0.40", "10.00"),), no: object = (("0.45", "5.00"),), **more: Any
) -> bytes:
    sides = {name: side for name, side in (("yes_dollars_fp", yes), ("no_dollars_fp", no)) if side}
    return frame("orderbook_snapshot", {"market_ticker": market.native, **sides, **more}, 7, seq)


def delta(
    market: Any = A, seq: int = 2, price: Any = "0.4000", change: Any = "1.00", side: str = "yes", **more: Any
) -> bytes:
    body = {
        "market_ticker": market.native,
        "market_id": "x",
        "price_dollars": price,
        "delta_fp": change,
        "side": side,
        "ts_ms": 1_669_149_841_000,
    }
    return frame("orderbook_delta", body | more, 7, seq)


def live(made: KalshiBookStream, *frames: bytes) -> Sequence[StreamEvent]:
    """Feed frames; the events of the last one."""
    events: Sequence[StreamEvent] = ()
    for each in frames:
        events = made.receive(each, AT)
    return events


def levels(book: Book) -> tuple[list[Any], list[Any]]:
    return book.bids.levels(), book.asks.levels()


def ladder(*pairs: tuple[str, str]) -> list[tuple[int, int]]:
    return [(micro(price), micro(size)) for price, size in pairs]


def test_a_connection_subscribes_in_small_groups_and_states_the_price_mode() -> None:
    made = stream(config=KalshiConfig(CONFIG.rest_url, CONFIG.ws_url, markets_per_subscription=2))
    first, second, third = commands(made)
    assert first["params"] == {
        "channels": ["orderbook_delta"],
        "market_tickers": [A.native, B.native],
        "use_yes_price": True,
    }
    assert second["params"]["market_tickers"] == [C.native]
    assert third["params"] == {"channels": ["market_lifecycle_v2"]}
    assert len({first["id"], second["id"], third["id"]}) == 3


def test_the_handshake_is_signed_and_needs_a_key() -> None:
    assert stream().headers(NOW)["KALSHI-ACCESS-KEY"] == "key-id"
    with pytest.raises(CredentialsError, match="KALSHI_API_KEY_ID"):
        KalshiBookStream(CONFIG, None, [A]).headers(NOW)


@pytest.mark.parametrize(("use_yes_price", "ask"), [(True, "0.70"), (False, "0.30")])
def test_a_no_bid_is_an_ask_in_both_price_modes(use_yes_price: bool, ask: str) -> None:
    made = stream(use_yes_price=use_yes_price)
    book = made.books[A.id]
    # a NO bid at 0.30: 0.70 in YES terms, 0.30 in NO terms; both are an ask at 0.70
    assert live(made, snapshot(yes=[["0.60", "1.00"]], no=[[ask, "5.00"]])) == (book,)
    assert levels(book) == (ladder(("0.6", "1")), ladder(("0.7", "5")))
    assert live(made, delta(price=ask, change="-2.00", side="no")) == (book,)
    assert book.asks.levels() == ladder(("0.7", "3"))


def test_a_delta_changes_its_level_and_stamps_the_book() -> None:
    made = stream()
    book = made.books[A.id]
    live(made, snapshot())
    version = book.version
    assert made.receive(delta(change="-4.25"), AT + 5) == (book,)
    assert book.bids.levels() == ladder(("0.4", "5.75"))
    assert (book.as_of_ns, book.received_ns) == (1_669_149_841_000_000_000, AT + 5)
    assert book.version > version and book.live
    live(made, delta(seq=3, change="-5.75"))
    assert book.bids.levels() == []


def test_an_absent_side_of_a_snapshot_is_empty() -> None:
    made = stream()
    live(made, snapshot(), snapshot(seq=2, yes=None, no=None))
    assert levels(made.books[A.id]) == ([], []) and made.books[A.id].live


def test_a_delta_before_the_snapshot_is_not_a_book() -> None:
    made = stream()
    assert live(made, delta(seq=1)) == ()
    assert not made.books[A.id].live


@pytest.mark.parametrize(
    ("price", "change"), [("0.4", "1.5"), (0.4, 1.5), ("0.40000000", "1.500000000"), (0.4, "1.50"), ("0.40", 1.5)]
)
def test_numbers_and_texts_of_any_length_are_the_same_level(price: Any, change: Any) -> None:
    made = stream()
    live(made, snapshot(), delta(price=price, change=change))
    assert made.books[A.id].bids.levels() == ladder(("0.4", "11.5"))


def test_a_gap_invalidates_every_book_of_the_subscription_and_asks_for_snapshots() -> None:
    made = stream()
    live(made, snapshot(A, 1), snapshot(B, 2))
    commands(made)
    events = live(made, delta(A, 4))
    assert events == (BookGap((A.id, B.id), "kalshi sid 7: seq 4 after 2", fetch=False),)
    assert not made.books[A.id].live and not made.books[B.id].live
    (asked,) = commands(made)
    assert asked["cmd"] == "update_subscription"
    assert asked["params"] == {"sids": [7], "market_tickers": [A.native, B.native], "action": "get_snapshot"}
    # what comes before the fresh snapshot is dropped, what comes after it is applied
    assert live(made, delta(A, 5)) == ()
    live(made, snapshot(A, 6), delta(A, 7))
    assert made.books[A.id].live and made.books[A.id].bids.levels() == ladder(("0.4", "11"))
    assert not made.books[B.id].live


def test_a_book_whose_first_snapshot_was_lost_is_asked_for_too() -> None:
    made = stream()
    subscribe = commands(made)[0]["id"]
    live(made, frame("subscribed", {"channel": "orderbook_delta", "sid": 7}, ident=subscribe), snapshot(A, 1))
    live(made, delta(A, 3))
    assert commands(made)[0]["params"]["market_tickers"] == [A.native, B.native, C.native]


@pytest.mark.parametrize("seq", [2, 1, 100])
def test_a_repeated_an_old_and_a_skipped_number_are_all_gaps(seq: int) -> None:
    made = stream()
    live(made, snapshot(A, 1), delta(A, 2))
    (gap,) = live(made, delta(A, seq))
    assert isinstance(gap, BookGap) and not made.books[A.id].live


@pytest.mark.parametrize(
    "between",
    [
        frame("ok", {"market_tickers": []}, 7, 2, 9),
        frame("error", {"code": 2, "msg": "Params required"}, 7, 2, 9),
        frame("unsubscribed", None, 7, 2, 9),
        frame("something_new", {"x": 1}, 7, 2),
        snapshot(B, 2),
        delta(a_market("KXUNKNOWN-1"), 2),
    ],
)
def test_answers_errors_and_other_markets_consume_a_number(between: bytes) -> None:
    made = stream()
    live(made, snapshot(A, 1), between)
    assert live(made, delta(A, 3)) == (made.books[A.id],)


def test_numbers_are_counted_per_subscription() -> None:
    made = stream()
    other = frame("orderbook_snapshot", {"market_ticker": B.native}, 8, 500)
    assert live(made, snapshot(A, 1), other, delta(A, 2)) == (made.books[A.id],)


@pytest.mark.parametrize(
    "bad",
    [
        delta(change="-10.01"),
        delta(price="0.3900", change="-1.00"),
        delta(price="1.0000"),
        delta(price="1.2"),
        delta(price="abc"),
        delta(change="--5.00"),
        delta(change="1e3e3"),
        delta(change="0.0000001"),
        delta(side="maybe"),
        delta(price=None),
        delta(change=[1]),
        snapshot(seq=2, yes=[["0.4", "-1"]]),
        snapshot(seq=2, yes=[["1.4", "1"]]),
        snapshot(seq=2, yes=[["0.4"]]),
    ],
)
def test_an_impossible_change_invalidates_its_book_alone(bad: bytes) -> None:
    made = stream()
    live(made, snapshot(A, 0), snapshot(B, 1))
    commands(made)
    (gap,) = live(made, bad)
    assert isinstance(gap, BookGap) and gap.markets == (A.id,) and not gap.fetch
    assert not made.books[A.id].live and made.books[B.id].live
    (asked,) = commands(made)
    assert asked["params"]["market_tickers"] == [A.native]
    assert live(made, delta(B, 3)) == (made.books[B.id],)


def test_a_crossed_snapshot_is_not_tradable() -> None:
    made = stream()
    (trouble,) = live(made, snapshot(yes=[["0.60", "1.00"]], no=[["0.30", "5.00"]]))
    assert isinstance(trouble, StreamTrouble) and "crossed" in trouble.reason
    assert not made.books[A.id].live


@pytest.mark.parametrize(("code", "terminal"), [(10, True), (25, True), (2, False), (27, False)])
def test_only_a_dead_channel_and_an_overflow_are_terminal(code: int, terminal: bool) -> None:
    (trouble,) = live(stream(), frame("error", {"code": code, "msg": "words"}))
    assert isinstance(trouble, StreamTrouble) and trouble.terminal is terminal
    assert str(code) in trouble.reason and "words" in trouble.reason


def test_a_refused_snapshot_ends_the_connection_because_nothing_else_mends_the_gap() -> None:
    made = stream()
    live(made, snapshot(A, 1), delta(A, 5))
    asked = commands(made)[-1]["id"]
    (trouble,) = live(made, frame("error", {"code": 27, "msg": "too many requests"}, ident=asked))
    assert isinstance(trouble, StreamTrouble) and trouble.terminal


def test_a_subscription_that_the_venue_ends_is_terminal() -> None:
    made = stream()
    (trouble,) = live(made, snapshot(A, 1), frame("unsubscribed", None, 7, 2))
    assert isinstance(trouble, StreamTrouble) and trouble.terminal


def test_a_lost_connection_invalidates_every_book_and_a_new_one_starts_over() -> None:
    made = stream()
    live(made, snapshot(A, 1), delta(A, 2))
    assert made.closed() == (BookGap((A.id,), "connection closed", fetch=False),)
    assert made.closed() == (), "a reconnect that fails has nothing more to lose"
    assert made.outbox == [] and not made.books[A.id].live
    made.opened()
    assert len(commands(made)) == 2
    assert live(made, snapshot(A, 90), delta(A, 91)) == (made.books[A.id],)


def test_without_other_markets_frames_a_jump_is_no_gap_but_going_back_is() -> None:
    made = stream(contiguous=False)
    assert live(made, snapshot(A, 10), delta(A, 900)) == (made.books[A.id],)
    (gap,) = live(made, delta(A, 5))
    assert isinstance(gap, BookGap)
    assert live(made, snapshot(A, 6), delta(A, 20)) == (made.books[A.id],)


def test_a_book_read_by_rest_is_loaded_whole() -> None:
    made = stream()
    book = made.books[A.id]
    read = BookSnapshot(A.id, tuple(ladder(("0.4", "1"))), tuple(ladder(("0.6", "2"))), 55)  # type: ignore[arg-type]
    assert made.load(read, 66) == (book,)
    assert (book.as_of_ns, book.received_ns, book.live) == (55, 66, True)
    (trouble,) = made.load(BookSnapshot(A.id, ((0, 1),), (), 55), 66)
    assert isinstance(trouble, StreamTrouble) and not book.live


def news(event_type: str, market: Any = A, **details: Any) -> bytes:
    return frame("market_lifecycle_v2", {"market_ticker": market.native, "event_type": event_type, **details}, 3)


@pytest.mark.parametrize(
    "what",
    [
        "activated",
        "deactivated",
        "close_date_updated",
        "price_level_structure_updated",
        "metadata_updated",
        "a_new_one",
    ],
)
def test_lifecycle_news_ask_to_read_the_market_again(what: str) -> None:
    assert live(stream(), news(what)) == (MarketChanged(A.id, what),)
    assert live(stream(), news(what, a_market("KXUNKNOWN-1"))) == ()


@pytest.mark.parametrize(
    ("details", "value"),
    [({"result": "yes", "settlement_value": "1.0000"}, MICRO), ({"result": "no"}, 0),
     ({"result": "scalar", "settlement_value": "0.5000"}, 500_000)],
)  # fmt: skip
def test_a_determined_market_is_resolved_and_final_only_when_settled(details: dict[str, str], value: int) -> None:
    """A part of a dollar is not final even then: the fee of rounding it is told by the account's settlements only."""
    made = stream()
    assert live(made, news("determined", **details)) == (
        MarketResolved(Resolution(A.id, value, final=False)),  # type: ignore[arg-type]
        MarketChanged(A.id, "determined"),
    )
    assert live(made, news("settled", settled_ts=1)) == (
        MarketResolved(Resolution(A.id, value, final=value in (0, MICRO))),  # type: ignore[arg-type]
        MarketChanged(A.id, "settled"),
    )


def test_a_settlement_without_its_known_value_is_left_to_the_reads() -> None:
    assert live(stream(), news("settled")) == (MarketChanged(A.id, "settled"),)
    trouble, changed = live(stream(), news("determined", result="scalar"))
    assert isinstance(trouble, StreamTrouble) and changed == MarketChanged(A.id, "determined")


def test_a_fee_override_touches_every_market_of_its_event() -> None:
    body = {"event_ticker": A.event, "fee_type_override": None}
    assert live(stream(), frame("event_fee_update", body)) == tuple(MarketChanged(m.id, "fees") for m in (A, B, C))
    assert live(stream(), frame("event_fee_update", {"event_ticker": "other"})) == ()


def test_missed_lifecycle_news_put_every_market_in_doubt_but_no_book() -> None:
    made = stream()
    subscribe = commands(made)[-1]["id"]
    live(made, snapshot(A, 1), frame("subscribed", {"channel": "market_lifecycle_v2", "sid": 3}, ident=subscribe))
    live(made, frame("event_lifecycle", {}, 3, 1))
    trouble, *changed = live(made, frame("event_lifecycle", {}, 3, 5))
    assert isinstance(trouble, StreamTrouble) and not trouble.terminal
    assert changed == [MarketChanged(m.id, "lifecycle news missed") for m in (A, B, C)]
    assert made.books[A.id].live


@pytest.mark.parametrize(
    "data",
    [b"", b"heartbeat", b"null", b"[]", b"{}", b'{"type":5}', b"\xff\xfe", b"[" * 100_000, b'{"type":"orderbook_delta"}',
     b'{"type":"orderbook_snapshot","sid":7,"seq":1}', b'{"type":"subscribed","id":1}', b'{"type":"error"}',
     b'{"type":"error","msg":7}', b'{"type":"market_lifecycle_v2","msg":null}', b'{"type":"ok","sid":"x"}'],
)  # fmt: skip
def test_an_unreadable_frame_is_trouble_and_the_stream_lives_on(data: bytes) -> None:
    made = stream()
    events = made.receive(data, AT)
    assert all(isinstance(event, StreamTrouble) and not event.terminal for event in events)
    assert len(events) == 1
    assert live(made, snapshot(A, 1)) == (made.books[A.id],)


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_no_bytes_can_raise(data: bytes) -> None:
    made = stream()
    live(made, snapshot(A, 1))
    made.receive(data, AT)
    made.receive(b'{"type":"orderbook_delta","sid":7,"seq":2,"msg":' + data + b"}", AT)


PRICES = st.integers(1, 99)
CHANGES = st.lists(st.tuples(st.booleans(), PRICES, st.integers(-300, 300)), max_size=40)


@given(
    bids=st.dictionaries(st.integers(1, 49), st.integers(1, 500), max_size=6),
    asks=st.dictionaries(st.integers(51, 99), st.integers(1, 500), max_size=6),
    changes=CHANGES,
    use_yes_price=st.booleans(),
)
def test_snapshot_plus_deltas_is_the_model(
    bids: dict[int, int], asks: dict[int, int], changes: list[tuple[bool, int, int]], use_yes_price: bool
) -> None:
    made = stream(use_yes_price=use_yes_price)

    def written(cents: int, yes: bool) -> str:
        shown = cents if yes or use_yes_price else 100 - cents
        return f"0.{shown:02d}00"

    def side(model: dict[int, int], yes: bool) -> list[tuple[str, str]]:
        return [(written(price, yes), f"{size // 100}.{size % 100:02d}") for price, size in model.items()]

    live(made, snapshot(A, 1, side(bids, True), side(asks, False)))
    model = {True: dict(bids), False: dict(asks)}
    book = made.books[A.id]
    for seq, (yes, price, change) in enumerate(changes, start=2):
        after = model[yes].get(price, 0) + change
        text = f"{'-' if change < 0 else ''}{abs(change) // 100}.{abs(change) % 100:02d}"
        events = live(made, delta(A, seq, written(price, yes), text, "yes" if yes else "no"))
        if after < 0 or (change == 0 and price not in model[yes]):
            assert isinstance(events[0], BookGap) and not book.live
            return
        assert events == (book,)
        model[yes][price] = after
        if not after:
            del model[yes][price]
    expected_bids = [(price * 10_000, size * 10_000) for price, size in sorted(model[True].items(), reverse=True)]
    expected_asks = [(price * 10_000, size * 10_000) for price, size in sorted(model[False].items())]
    assert levels(book) == (expected_bids, expected_asks)
