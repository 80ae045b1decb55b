"""Whatever comes over the wire: one clear counted error, the stream stays alive, an order's fate is never guessed."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import (
    CredentialsError,
    DutchbookError,
    Lost,
    MalformedFrame,
    RateLimited,
    Refused,
    Stop,
    Unavailable,
)
from dutchbook.core.events import BookGap, StreamTrouble
from dutchbook.core.money import MICRO
from dutchbook.core.order import ReportStatus
from dutchbook.venues.kalshi import KalshiKey, KalshiTrading
from dutchbook.venues.kalshi.own_orders import OwnOrders
from dutchbook.venues.kalshi.stream import KalshiBookStream
from dutchbook.venues.kalshi.tape import KalshiTape
from dutchbook.venues.kalshi.user_stream import KalshiUserStream
from venues.kalshi.bits import (
    CONFIG,
    KEY,
    MARKET,
    NOW,
    SeededEntropy,
    a_market,
    answer,
    frame,
    prepared,
    trading,
)
from venues.kalshi.desk import BUY, DONE, FOK, IOC, YES, a_desk, follow, until_quiet

HTML = b"<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>"
UNKNOWN, REJECTED = ReportStatus.UNKNOWN, ReportStatus.REJECTED
A, B = a_market("A"), a_market("B")


# -- keys and clocks


def test_a_key_of_another_kind_is_refused_without_showing_it() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(CredentialsError, match="neither RSA nor Ed25519") as refusal:
        KalshiKey("id", pem)
    assert pem.decode().splitlines()[1] not in str(refusal.value)


def dated(off_s: int) -> Any:
    body = {"balance_breakdown": [{"exchange_index": 0, "balance": "1.00"}]}
    return answer(body, date=formatdate(NOW // SECOND + off_s, usegmt=True))


@pytest.mark.parametrize("off_s", [-60, -17, 6, 60])
async def test_a_clock_that_is_off_by_more_than_five_seconds_stops_the_start(off_s: int) -> None:
    venue, _ = trading(dated(off_s))
    with pytest.raises(Stop, match="clock is off"):
        await venue.connect()


@pytest.mark.parametrize("off_s", [-4, 0, 5])
async def test_a_clock_within_five_seconds_is_good_enough(off_s: int) -> None:
    venue, _ = trading(dated(off_s), answer(b"", 404))
    await venue.connect()


async def test_a_strict_exchange_refuses_an_old_signature_and_the_error_says_to_set_the_clock() -> None:
    async with a_desk() as desk:
        desk.fault("allowed_skew", ms=5000)
        order = desk.order(YES, BUY, "0.45", "10", IOC)
        exchange_ahead = desk.clock.wall() + 6 * SECOND
        desk.exchange.drain(exchange_ahead)
        with pytest.raises(CredentialsError, match="clock"):
            await desk.trading.balances()
        report = await desk.trading.send(order)
        assert report.status is REJECTED and "clock" in report.reason
        assert desk.trading.failures == {"CredentialsError": 1}


# -- answers to reads

BALANCE = {"balance_breakdown": [{"exchange_index": 0, "balance": "1.00"}]}


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (answer(HTML), MalformedFrame, "balance"),
        (answer(HTML, 502), Unavailable, "Bad Gateway"),
        (answer(HTML, 403), CredentialsError, "403"),
        (answer(b'{"balance_breakdown":[{"exchange_ind'), MalformedFrame, "balance"),
        (answer(b""), MalformedFrame, "balance"),
        (answer({"balance": 100}), MalformedFrame, "balance_breakdown"),
        (answer({"balance_breakdown": [{"exchange_index": 0}]}), MalformedFrame, "balance"),
        (answer({"balance_breakdown": [{"exchange_index": "0", "balance": "1.00"}]}), MalformedFrame, "exchange_index"),
        (answer({"balance_breakdown": [{"exchange_index": 0, "balance": "NaN"}]}), MalformedFrame, "balance"),
        (answer({"balance_breakdown": [{"exchange_index": 0, "balance": "1.0000001"}]}), MalformedFrame, "balance"),
        (answer({"balance_breakdown": [{"exchange_index": 0, "balance": "1e999999"}]}), MalformedFrame, "balance"),
        (
            answer({"error": {"code": "authentication_error", "message": "m"}}, 401),
            CredentialsError,
            "KALSHI_API_KEY_ID",
        ),
        (answer({"code": "region_restricted", "message": "not here"}, 451), Refused, "not here"),
        (Lost("gone"), Lost, "gone"),
    ],
)
async def test_a_bad_answer_is_one_counted_error_and_never_an_empty_account(
    reply: object, kind: type[DutchbookError], words: str
) -> None:
    replies = [reply] * 6 if isinstance(reply, Lost) else [reply]  # a read whose answer was lost is asked again
    venue, _ = trading(*replies)  # type: ignore[arg-type]
    with pytest.raises(kind, match=words):
        await venue.balances()


async def test_reads_that_failed_are_counted_by_kind() -> None:
    venue, _ = trading(answer(HTML, 502), answer(b"{}"), *[answer({"error": "too many requests"}, 429)] * 6)
    for kind in (Unavailable, MalformedFrame, RateLimited):
        with pytest.raises(kind):
            await venue.positions()
    assert venue.failures == {"Unavailable": 1, "MalformedFrame": 1, "RateLimited": 1}


async def test_unknown_fields_and_missing_optional_ones_are_no_error() -> None:
    row = {"exchange_index": 0, "balance": "1.00", "new": {"deep": [1]}}
    venue, _ = trading(answer(BALANCE | {"balance_breakdown": [row], "another": None}))
    assert (await venue.balances()).available == {"kalshi:0": MICRO}


async def test_numbers_where_texts_are_promised_are_read_exactly() -> None:
    venue, _ = trading(answer(b'{"balance_breakdown":[{"exchange_index":0,"balance":1.10}]}'))
    assert (await venue.balances()).available == {"kalshi:0": 1_100_000}


# -- answers to orders


@pytest.mark.parametrize(
    "reply",
    [
        answer(HTML, 200),
        answer(HTML, 502),
        answer(b'{"order_id":"o1","fill_count":"1', 201),
        answer({"fill_count": "10.00", "remaining_count": "0.00"}, 201),
        answer({"order_id": "", "fill_count": "10.00", "remaining_count": "0.00"}, 201),
        answer({"order_id": 7, "fill_count": "10.00", "remaining_count": "0.00"}, 201),
        answer({"order_id": "o1", "fill_count": "ten", "remaining_count": "0.00"}, 201),
        answer({"order_id": "o1", "fill_count": "-1", "remaining_count": "0.00"}, 201),
        answer({"order_id": "o1", "fill_count": "11.00", "remaining_count": "0.00"}, 201),
        answer({"order_id": "o1"}, 201),
        answer(b"[]", 201),
        answer(b"[" * 100_000, 201),
        answer({}, 504),
        Lost("reset by peer"),
    ],
)
async def test_an_order_whose_answer_says_nothing_certain_is_unknown(reply: object) -> None:
    venue, transport = trading(reply)  # type: ignore[arg-type]
    report = await venue.send(prepared())
    assert (report.status, report.filled) == (UNKNOWN, 0)
    assert report.reason and len(transport.requests) == 1


@pytest.mark.parametrize("fault", [{"fault": "lost_reply"}, {"fault": "html"}, {"fault": "truncated"},
                                   {"fault": "error", "status": 503, "executed": True}])  # fmt: skip
async def test_an_order_that_was_executed_behind_a_spoiled_answer_is_found_by_asking(fault: dict[str, Any]) -> None:
    async with a_desk() as desk:
        desk.fault(fault.pop("fault"), method="POST", path="/portfolio/events/orders", **fault)
        order, report = await desk.place(YES, BUY, "0.45", "10", FOK)
        assert (report.status, report.filled) == (UNKNOWN, 0)
        found = await desk.trading.find(order)
        assert found is not None and (found.status, found.filled) == (DONE, 10 * MICRO)
        (fill,) = await desk.trading.fills(order, "")
        assert fill.size == 10 * MICRO
        assert len(await desk.trading.open_orders()) == 0


@pytest.mark.parametrize("fault", [{"fault": "lost_request"}, {"fault": "error", "status": 503}])
async def test_an_order_that_was_not_executed_is_unknown_too_until_the_venue_knows_none(fault: dict[str, Any]) -> None:
    async with a_desk() as desk:
        desk.fault(fault.pop("fault"), method="POST", **fault)
        order, report = await desk.place(YES, BUY, "0.45", "10", FOK)
        assert report.status is UNKNOWN
        assert await desk.trading.find(order) is None
        assert await desk.held() == {}


async def test_an_order_to_an_unfunded_shard_is_rejected_and_comes_back_with_the_cash() -> None:
    async with a_desk() as desk:
        desk.fault("unfund", account="me", shard=3)
        _, report = await desk.place(YES, BUY, "0.45", "10", FOK)
        assert report.status is REJECTED and "balance" in report.code
        assert (await desk.trading.balances()).available == {"kalshi:0": 5 * MICRO}
        desk.fault("fund", account="me", shard=3)
        assert (await desk.place(YES, BUY, "0.45", "10", FOK))[1].filled == 10 * MICRO


# -- streams


def book_stream() -> KalshiBookStream:
    made = KalshiBookStream(CONFIG, KEY, [A, B])
    made.opened()
    made.outbox.clear()
    made.receive(frame("subscribed", {"channel": "orderbook_delta", "sid": 1}, ident=1), NOW)
    for seq, market in enumerate((A, B), 1):
        levels = {
            "market_ticker": market.native,
            "yes_dollars_fp": [["0.40", "5.00"]],
            "no_dollars_fp": [["0.60", "5.00"]],
        }
        made.receive(frame("orderbook_snapshot", levels, 1, seq), NOW)
    assert made.books[A.id].live and made.books[B.id].live and made.troubles == 0
    return made


def delta(**changes: Any) -> dict[str, Any]:
    return {"market_ticker": "A", "price_dollars": "0.41", "delta_fp": "1.00", "side": "yes", "ts_ms": 1} | changes


STREAM_RUBBISH = [
    b"",
    HTML,
    b'{"type":"orderbook_delta","sid":1,"se',
    b"\xff\xfe",
    b"[]",
    b"null",
    b"[" * 100_000,
    frame("error", {"code": "ten"}),
    frame("market_lifecycle_v2", {"event_type": "determined"}, 9, 1),
]


@pytest.mark.parametrize("data", STREAM_RUBBISH)
def test_rubbish_on_the_book_stream_is_one_counted_trouble_and_the_books_live_on(data: bytes) -> None:
    made = book_stream()
    (trouble,) = made.receive(data, NOW)
    assert isinstance(trouble, StreamTrouble) and not trouble.terminal and trouble.reason
    assert made.troubles == 1
    assert made.receive(frame("orderbook_delta", delta(), 1, 3), NOW) == (made.books[A.id],)


@pytest.mark.parametrize(
    "change",
    [{"side": "up"}, {"price_dollars": "abc"}, {"price_dollars": "1.5"}, {"delta_fp": "-9.00"}, {"delta_fp": ""},
     {"delta_fp": None}, {"price_dollars": None}, {"price_dollars": "0.1234567"}],
)  # fmt: skip
def test_a_delta_that_cannot_be_costs_its_own_book_only_and_asks_for_a_snapshot(change: dict[str, Any]) -> None:
    made = book_stream()
    (gap,) = made.receive(frame("orderbook_delta", delta(**change), 1, 3), NOW)
    assert gap == BookGap((A.id,), gap.reason, fetch=False)  # type: ignore[union-attr]
    assert made.troubles == 1 and b"get_snapshot" in made.outbox[0]
    assert made.books[B.id].live and not made.books[A.id].live


@pytest.mark.parametrize("price", ["4.1e-1", "0.41000000", 0.41])
def test_a_price_in_another_spelling_is_the_same_price(price: object) -> None:
    made = book_stream()
    made.receive(frame("orderbook_delta", delta(price_dollars=price, delta_fp=1), 1, 3), NOW)
    assert made.books[A.id].bids.levels()[0] == (410_000, MICRO)
    assert made.troubles == 0


def test_a_huge_frame_is_read_like_any_other() -> None:
    made = book_stream()
    levels = [[f"0.{n:04d}", "1.00"] for n in range(1, 5_000)] * 8
    side = {"market_ticker": "A", "yes_dollars_fp": levels, "padding": "x" * 2_000_000}
    assert made.receive(frame("orderbook_snapshot", side, 1, 3), NOW) == (made.books[A.id],)
    assert len(made.books[A.id].bids.levels()) == 4_999


def test_an_unknown_kind_of_frame_is_not_an_error() -> None:
    made = book_stream()
    assert made.receive(frame("brand_new", {"a": 1}, 1, 3), NOW) == ()
    assert made.receive(frame("orderbook_delta", delta(), 1, 4), NOW) == (made.books[A.id],)
    assert made.troubles == 0


@pytest.mark.parametrize("code", [10, 25])
def test_the_end_of_a_subscription_asks_for_a_new_connection_that_subscribes_anew(code: int) -> None:
    made = book_stream()
    (trouble,) = made.receive(frame("error", {"code": code}, 1, 3), NOW)
    assert isinstance(trouble, StreamTrouble) and trouble.terminal and str(code) in trouble.reason
    made.closed()
    made.opened()
    assert b"orderbook_delta" in made.outbox[0] and not made.books[A.id].live


def test_a_market_that_the_venue_does_not_know_does_not_cost_the_others_of_its_subscription() -> None:
    made = KalshiBookStream(CONFIG, KEY, [A, B])
    made.opened()
    made.outbox.clear()
    (trouble,) = made.receive(frame("error", {"code": 11, "msg": "no", "market_ticker": "A"}, ident=1), NOW)
    assert isinstance(trouble, StreamTrouble) and not trouble.terminal
    (again,) = made.outbox
    assert msgspec.json.decode(again)["params"]["market_tickers"] == ["B"]


@pytest.mark.parametrize("code", [18, 27])
def test_a_subscription_that_was_refused_as_a_whole_asks_for_a_new_connection(code: int) -> None:
    made = KalshiBookStream(CONFIG, KEY, [A, B])
    made.opened()
    (trouble,) = made.receive(frame("error", {"code": code}, ident=1), NOW)
    assert isinstance(trouble, StreamTrouble) and trouble.terminal


def user_stream() -> KalshiUserStream:
    made = KalshiUserStream(CONFIG, KEY, OwnOrders(), {MARKET.native: MARKET})
    made.opened()
    return made


FILL = {
    "trade_id": "f1", "order_id": "o1", "market_ticker": MARKET.native, "is_taker": True, "yes_price_dollars": "0.56",
    "count_fp": "1.00", "fee_cost": "0.02", "book_side": "bid", "ts_ms": 1, "post_position_fp": "1.00",
}  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [*STREAM_RUBBISH[:8], *(frame("fill", {k: v for k, v in FILL.items() if k != name}, 1)
                            for name in ("order_id", "count_fp", "yes_price_dollars", "fee_cost", "trade_id", "ts_ms")),
     frame("fill", FILL | {"ts_ms": "1"}, 1), frame("fill", FILL | {"book_side": "up"}, 1),
     frame("user_order", {"order_id": "o1"}, 1), frame("market_position", {"market_ticker": "A"}, 1),
     frame("order_group_updates", {}, 1)],
)  # fmt: skip
def test_rubbish_on_the_private_stream_is_one_counted_trouble_and_the_next_fill_is_told(data: bytes) -> None:
    made = user_stream()
    (trouble,) = made.receive(data, NOW)
    assert isinstance(trouble, StreamTrouble) and not trouble.terminal
    assert made.troubles == 1
    assert len(made.receive(frame("fill", FILL, 1), NOW)) == 1 and made.troubles == 1


def test_without_its_fills_the_private_stream_asks_for_a_new_connection() -> None:
    (trouble,) = user_stream().receive(frame("error", {"code": 18}, ident=1), NOW)
    assert isinstance(trouble, StreamTrouble) and trouble.terminal


def test_a_position_message_behind_a_newer_fill_changes_nothing() -> None:
    made = user_stream()
    made.receive(frame("market_position", {"market_ticker": MARKET.native, "position_fp": "5.00"}, 3), NOW)
    assert made.net == {MARKET.id: 5 * MICRO}
    made.receive(frame("fill", FILL, 1), NOW)
    made.receive(frame("market_position", {"market_ticker": MARKET.native, "position_fp": "5.00"}, 3), NOW)
    assert made.net == {MARKET.id: MICRO}


@pytest.mark.parametrize("data", [HTML, b"{", frame("trade", {"trade_id": "t"}, 1, 1), frame("ticker", {}, 2)])
def test_rubbish_on_the_tape_is_one_counted_trouble(data: bytes) -> None:
    tape = KalshiTape(CONFIG, KEY, ["A"])
    (trouble,) = tape.receive(data, NOW)
    assert isinstance(trouble, StreamTrouble) and tape.troubles == 1


def test_a_missed_trade_on_the_tape_is_told() -> None:
    tape = KalshiTape(CONFIG, KEY, ["A"])
    trade = {"trade_id": "t", "market_ticker": "A", "yes_price_dollars": "0.5", "count_fp": "1", "taker_book_side": "bid",
             "ts_ms": 1}  # fmt: skip
    assert len(tape.receive(frame("trade", trade, 1, 1), NOW)) == 1
    missed, told = tape.receive(frame("trade", trade, 1, 3), NOW)
    assert isinstance(missed, StreamTrouble) and told != missed


async def test_after_a_forced_disconnect_and_terminal_errors_a_new_connection_has_the_book_again() -> None:
    async with a_desk() as desk:
        stream = desk.data.stream([desk.market])
        for fault, fields in (("disconnect", {}), ("fail_subscriptions", {"code": 25})):
            events = follow(desk, stream)
            await until_quiet(events)
            assert stream.books[desk.market.id].live
            desk.fault(fault, **fields)
            if fault == "fail_subscriptions":
                await desk.trading.reads_as_of()
                (trouble,) = await until_quiet(events)
                assert isinstance(trouble, StreamTrouble) and trouble.terminal
            await events.aclose()  # type: ignore[attr-defined]
            stream.closed()
            assert not stream.books[desk.market.id].live


def test_what_is_remembered_of_our_orders_is_bounded_and_the_newest_stay() -> None:
    own = OwnOrders(kept=10)
    for number in range(100):
        own.remember(prepared(identity=f"c{number}"))
        own.name(f"c{number}", f"o{number}")
        own.resized[f"o{number}"] = None
    own.remember(prepared(identity="c100"))
    assert own.of("c0", "") is None and own.of(None, "o0") is None
    assert own.of("c100", "") is not None and own.of(None, "o99") is not None
    assert len(own.resized) == 10


async def test_a_slow_answer_is_waited_for_and_one_beyond_the_timeout_is_unknown() -> None:
    async with a_desk() as desk:
        desk.fault("slow", ms=5, method="POST")
        _, report = await desk.place(YES, BUY, "0.45", "1", FOK)
        assert report.status is DONE
        hasty = KalshiTrading(
            replace(CONFIG, order_timeout_ns=10_000_000), desk.transport, desk.clock, SeededEntropy(), desk.key
        )
        hasty.know([desk.market])
        desk.fault("slow", ms=60_000, method="POST")
        order = hasty.prepare(desk.order(YES, BUY, "0.45", "1", FOK).intent, desk.clock.wall() + SECOND)
        assert (await hasty.send(order)).status is UNKNOWN
        found = await hasty.find(order)
        assert found is not None and found.status is DONE
