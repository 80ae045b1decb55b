"""What a venue may send when it is not itself: one clear counted error, the stream lives on, no order's fate is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError, DutchbookError, MalformedFrame, Refused, Unavailable
from dutchbook.core.events import BookGap, FillSeen, OrderSeen, StreamTrouble
from dutchbook.core.order import ReportStatus, TimeInForce
from dutchbook.core.transport import Request, Response
from dutchbook.venues.polymarket.stream import PolymarketBookStream
from venues.polymarket.desk import MARKET as RAINY
from venues.polymarket.desk import NO_TOKEN, TOKENS, YES_TOKEN
from venues.polymarket.floor import RAIN, YES, Desk, Live, broken, spec, state

HTML = Response(200, b"<!DOCTYPE html><html><body>Just a moment...</body></html>")
READS: list[tuple[str, Callable[[Desk], object]]] = [
    ("/balance-allowance", lambda desk: desk.balances()),  # type: ignore[attr-defined]
    ("/data/orders", lambda desk: desk.open_orders()),  # type: ignore[attr-defined]
    ("/time", lambda desk: desk.reads_as_of()),  # type: ignore[attr-defined]
]


@pytest.fixture
async def desk():
    made = await Desk().open()
    made.quote({"0.4": "50"}, {"0.5": "100"})
    yield made
    await made.transport.close()


def answering(desk: Desk, part: str, answer: Response):  # type: ignore[no-untyped-def]
    return broken(desk, lambda request: answer if part in request.url else None)[0]


# --- orders ---


@pytest.mark.parametrize("fault", ["lost", "late_error", "html", "truncated"])
async def test_an_order_that_was_taken_behind_a_broken_answer_is_unknown_and_then_found(desk: Desk, fault: str) -> None:
    desk.fault(fault, path="/order")
    order, report = await desk.place("10", "0.5")
    assert state(report) == (ReportStatus.UNKNOWN, 0)
    assert state(await desk.trading.find(order)) == (ReportStatus.DONE, 10_000_000)
    assert state(await desk.trading.resend(order)) == (ReportStatus.DONE, 10_000_000)
    assert [fill.size for fill in await desk.trading.fills(order, "")] == [10_000_000]


async def test_an_order_that_failed_before_it_was_taken_is_unknown_and_then_absent(desk: Desk) -> None:
    desk.fault("error", path="/order")
    order, report = await desk.place("10", "0.5")
    assert state(report) == (ReportStatus.UNKNOWN, 0)
    assert await desk.trading.find(order) is None
    assert state(await desk.trading.resend(order)) == (ReportStatus.DONE, 10_000_000)


@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_a_truncated_refusal_may_have_said_duplicated_and_is_unknown(desk: Desk, cut: int) -> None:
    whole = b'{"error":"order 0xabcdef is invalid. Duplicated."}'
    report = await answering(desk, "/order", Response(400, whole[: min(cut, 30)])).send(desk.prepare("10", "0.5"))
    assert report.status is ReportStatus.UNKNOWN


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b'{"error":"Unauthorized/Invalid api key"}', "unauthorized"),
        (403, b'{"error":"Trading restricted in your region"}', "region"),
        (403, b"<html>error code: 1010</html>", "forbidden"),
        (400, b'{"error":"the order signer address has to be the address of the API KEY"}', "wrong_signer"),
        (400, b'{"error":"the order owner has to be the owner of the API KEY"}', "wrong_owner"),
        (400, b'{"error":"\'0xabc\' address banned"}', "banned"),
    ],
)
async def test_a_refusal_of_the_caller_is_rejected_with_a_code(desk: Desk, status: int, body: bytes, code: str) -> None:
    report = await answering(desk, "/order", Response(status, body)).send(desk.prepare("10", "0.5"))
    assert (report.status, report.code, report.filled) == (ReportStatus.REJECTED, code, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "under_review"},
        {"status": None},
        {"status": 7},
        {"orderID": None},
        {"success": "true"},
        {"takingAmount": None, "makingAmount": None},
        {"takingAmount": "1e1"},
        {"takingAmount": "-10"},
        {"takingAmount": "NaN"},
        {"takingAmount": {}},
    ],
)
async def test_an_answer_with_a_field_that_is_not_understood_is_never_a_fill(desk: Desk, changes: dict) -> None:
    order = desk.prepare("10", "0.5")
    body = {
        "success": True,
        "errorMsg": "",
        "orderID": order.identity,
        "status": "matched",
        "makingAmount": "5",
        "takingAmount": "10",
    }
    report = await answering(desk, "/order", Response(200, json.dumps(body | changes).encode())).send(order)
    assert state(report) == (ReportStatus.UNKNOWN, 0)


@pytest.mark.parametrize("amount", ["10", 10, "10.00", 10.0, "10000000", 10000000])
async def test_amounts_are_read_whether_they_come_as_text_or_as_numbers(desk: Desk, amount: object) -> None:
    order = desk.prepare("10", "0.5")
    body = {"success": True, "orderID": order.identity, "status": "matched", "takingAmount": amount, "tradeIDs": None}
    report = await answering(desk, "/order", Response(200, json.dumps(body).encode())).send(order)
    assert state(report) == (ReportStatus.DONE, 10_000_000)


# --- reads ---


@pytest.mark.parametrize(("path", "read"), READS)
async def test_a_web_page_instead_of_json_is_one_clear_error(desk: Desk, path: str, read: Callable) -> None:
    with pytest.raises(MalformedFrame, match="web page instead of JSON"):
        await read(answering(desk, path, HTML))


@pytest.mark.parametrize(("path", "read"), READS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, CredentialsError), (403, Refused), (404, Refused), (500, Unavailable), (425, Unavailable)],
)
async def test_a_failed_read_is_an_error_of_the_tree_and_never_empty(
    desk: Desk, path: str, read: Callable, status: int, kind: type[DutchbookError]
) -> None:
    with pytest.raises(kind):
        await read(answering(desk, path, Response(status, b'{"error":"no"}')))


@pytest.mark.parametrize("path", ["/data/trades", "/data/order/"])
async def test_a_truncated_page_leaves_the_order_unknown(desk: Desk, path: str) -> None:
    order, _ = await desk.place("10", "0.5")
    desk.fault("truncated", path=path, count=9)
    with pytest.raises(MalformedFrame):
        await (desk.trading.fills(order, "") if path == "/data/trades" else desk.trading.find(order))


@pytest.mark.parametrize("field", ["id", "taker_order_id", "asset_id", "side", "size", "price", "status"])
async def test_a_trade_without_a_required_field_is_an_error_that_names_it(desk: Desk, field: str) -> None:
    order, _ = await desk.place("10", "0.5")
    page = json.loads((await desk.trading.session.ask("/data/trades")).body)
    del page["data"][0][field]
    trading = answering(desk, "/data/trades", Response(200, json.dumps(page).encode()))
    with pytest.raises(MalformedFrame, match=field):
        await trading.fills(order, "")


async def test_a_price_with_an_exponent_is_an_error_and_not_a_fill(desk: Desk) -> None:
    order, _ = await desk.place("10", "0.5")
    page = json.loads((await desk.trading.session.ask("/data/trades")).body)
    page["data"][0]["maker_orders"][0]["price"] = "5e-1"
    trading = answering(desk, "/data/trades", Response(200, json.dumps(page).encode()))
    with pytest.raises(MalformedFrame, match="price"):
        await trading.fills(order, "")


async def test_the_same_trade_listed_twice_is_one_fill_by_its_id(desk: Desk) -> None:
    order, _ = await desk.place("10", "0.5")
    page = json.loads((await desk.trading.session.ask("/data/trades")).body)
    page["data"] *= 2
    trading = answering(desk, "/data/trades", Response(200, json.dumps(page).encode()))
    assert [fill.size for fill in await trading.fills(order, "")] == [10_000_000]


async def test_a_rest_book_whose_hash_is_not_its_own_is_refused(desk: Desk) -> None:
    body = (await broken(desk, lambda request: None)[1].inner.send(_book(desk))).body
    book = json.loads(body)
    book["bids"][0]["size"] = "51"
    data = desk.data.__class__(
        broken(desk, lambda request: Response(200, json.dumps(book).encode()))[1],
        desk.trading.session.config,
        desk.registry,
    )
    with pytest.raises(MalformedFrame, match="hash"):
        await data.snapshot(RAIN)
    assert (await desk.data.snapshot(RAIN)).bids == ((400_000, 50_000_000),)


def _book(desk: Desk) -> Request:
    return Request("GET", f"{desk.trading.session.config.clob_url}/book?token_id={desk.registry.tokens(RAIN).yes}")


async def test_everything_works_on_a_venue_that_is_dirty_all_over() -> None:
    """Nulls, empty fee rates, numbers for texts and unknown statuses: every order's fate is still the true one."""
    desk = Desk(spec(), spec("other"))
    desk.fault("dirty")
    await desk.open()
    desk.trading.know(await desk.data.markets(["rain", "other"]))
    assert desk.data.unreadable == {}
    desk.quote({}, {"0.5": "1000"})
    live = await Live.open(desk, desk.trading.stream())
    told = []
    unknown = 0
    for _ in range(9):
        order, report = await desk.place("10", "0.5")
        unknown += report.status is ReportStatus.UNKNOWN
        if report.status is ReportStatus.UNKNOWN:
            report = await desk.trading.find(order)
        assert state(report) == (ReportStatus.DONE, 10_000_000)
        assert [fill.size for fill in await desk.trading.fills(order, "")] == [10_000_000]
        told += await live.drain()
    assert unknown == 3
    resting, report = await desk.place("10", "0.4", tif=TimeInForce.GTC)
    seen = [await desk.trading.find(resting) for _ in range(6)]
    assert {one.status for one in seen if one} == {ReportStatus.RESTING, ReportStatus.UNKNOWN}
    assert state(await desk.trading.cancel(resting, "")) == (ReportStatus.DONE, 0)
    desk.pass_time(10 * SECOND)
    told += await live.drain()
    assert not [event for event in told if isinstance(event, StreamTrouble)]
    final = {event.fill.id for event in told if isinstance(event, FillSeen) and event.fill.final}
    assert len(final) == 9 and any(isinstance(event, OrderSeen) for event in told)
    assert (await desk.trading.positions()).held == {YES: 90_000_000}


# --- the market stream ---


def stream() -> PolymarketBookStream:
    made = PolymarketBookStream("ws://x", {RAINY: TOKENS})
    made.opened()
    made.receive(frame("book", bids=[["0.4", "10"]], asks=[["0.5", "10"]]), 1)
    assert made.books[RAINY].live
    return made


def frame(kind: str, bids: list | None = None, asks: list | None = None, **more: object) -> bytes:
    body: dict = {"event_type": kind, "market": TOKENS.condition, "asset_id": YES_TOKEN, "timestamp": "1795220000000"}
    if kind == "book":
        body |= {
            "bids": [{"price": price, "size": size} for price, size in bids or []],
            "asks": [{"price": price, "size": size} for price, size in asks or []],
        }
    return json.dumps(body | more).encode()


def change(price: object = "0.4", size: object = "20", side: object = "BUY", **more: object) -> bytes:
    entry = {
        "asset_id": YES_TOKEN,
        "price": price,
        "size": size,
        "side": side,
        "best_bid": "0.4",
        "best_ask": "0.5",
    } | more
    return frame("price_change", price_changes=[entry])


BAD_FRAMES = {
    "a price with an exponent": change(price="4e-1"),
    "a number for a text": change(price=0.4),
    "a side of another language": change(side="KAUF"),
    "a negative size": change(size="-1"),
    "a price of one": change(price="1"),
    "seven decimals": change(size="0.0000001"),
    "a missing price": frame("price_change", price_changes=[{"asset_id": YES_TOKEN, "size": "1", "side": "BUY"}]),
    "a book without bids": json.dumps(
        {"event_type": "book", "asset_id": YES_TOKEN, "timestamp": "1", "asks": []}
    ).encode(),
    "a book with a size that is no number": frame("book", bids=[["0.4", "ten"]], asks=[]),
    "a book with an empty size": frame("book", bids=[["0.4", ""], ["0.3", "1"]], asks=[]),
    "a book with two points in a size": frame("book", bids=[["0.4", "1.2.3"]], asks=[]),
    "a book with a bare point": frame("book", bids=[["0.4", "."]], asks=[]),
    "a book with a blank in a size": frame("book", bids=[["0.4", "1 0"]], asks=[]),
    "a book with digits of another script": frame("book", bids=[["0.4", "١٠"]], asks=[]),
    "a time in words": frame("book", bids=[], asks=[], timestamp="now"),
    "half a frame": change()[:60],
    "a frame that is a number": b"[1,2,3]",
}


@pytest.mark.parametrize("data", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
def test_a_frame_that_cannot_be_true_is_one_trouble_and_the_stream_lives_on(data: bytes) -> None:
    made = stream()
    events = made.receive(data, 2)
    assert len([event for event in events if isinstance(event, StreamTrouble)]) == 1
    assert not made.books[RAINY].live and any(isinstance(event, BookGap) for event in events)
    assert made.receive(frame("book", bids=[["0.3", "7.25"]], asks=[]), 3) == [made.books[RAINY]]
    assert made.books[RAINY].live and made.books[RAINY].bids.levels() == [(300_000, 7_250_000)]


@pytest.mark.parametrize(
    "data",
    [
        frame("a_kind_of_next_year", weather="sun"),
        change(weather="sun", best_bid="0.4"),
        frame("price_change", price_changes=[{"asset_id": NO_TOKEN, "price": "0.6", "size": "1", "side": "SELL"}]),
    ],
)
def test_unknown_kinds_and_extra_fields_are_no_trouble(data: bytes) -> None:
    made = stream()
    assert not [event for event in made.receive(data, 2) if not hasattr(event, "bids")]
    assert made.books[RAINY].live


async def test_a_frame_of_more_than_a_megabyte_is_read_like_any_other(desk: Desk) -> None:
    desk.fault("huge_frames", bytes=1_500_000)
    made = desk.data.stream([desk.registry.market(RAIN)])
    live = await Live.open(desk, made)
    assert [event for event in await live.drain() if isinstance(event, StreamTrouble)] == []
    assert made.books[RAIN].live and made.books[RAIN].bids.levels() == [(400_000, 50_000_000)]


async def test_a_slow_frame_is_as_old_as_its_own_time_says(desk: Desk) -> None:
    """Its receive time is ours, its age the venue's: the freshness rule sees both."""
    made = desk.data.stream([desk.registry.market(RAIN)])
    live = await Live.open(desk, made)
    desk.clock.now += 9 * SECOND
    await live.drain()
    book = made.books[RAIN]
    assert book.received_ns == desk.clock.monotonic() and desk.clock.now - book.as_of_ns >= 9 * SECOND


async def test_a_disconnect_leaves_no_live_book_and_the_next_socket_mends_it(desk: Desk) -> None:
    made = desk.data.stream([desk.registry.market(RAIN)])
    live = await Live.open(desk, made)
    await live.drain()
    desk.fault("disconnect", kind="market")
    made.closed()
    assert not made.books[RAIN].live
    again = await Live.open(desk, made)
    await again.drain()
    assert made.books[RAIN].live


async def test_a_tick_that_changes_live_is_told_and_read_again(desk: Desk) -> None:
    made = desk.data.stream([desk.registry.market(RAIN)])
    live = await Live.open(desk, made)
    await live.drain()
    desk.fault("tick", market="rain", tick=1_000)
    assert [event.what for event in await live.drain()] == ["tick 0.01 -> 0.001"] * 2
    (market,) = await desk.data.markets(["rain"])
    desk.trading.know([market])
    assert state((await desk.place("10", "0.405", tif=TimeInForce.GTC))[1]) == (ReportStatus.RESTING, 0)


async def test_a_delayed_order_that_ends_unmatched_rests() -> None:
    desk = await Desk(spec(taker_delay_ns=SECOND)).open()
    desk.fault("unmatched")
    desk.quote({}, {"0.5": "10"})
    order, report = await desk.place("10", "0.5", tif=TimeInForce.GTC)
    assert report.status is ReportStatus.DELAYED
    desk.quote({}, {})
    desk.pass_time(2 * SECOND)
    found = await desk.trading.find(order)
    assert state(found) == (ReportStatus.RESTING, 0) and found is not None and found.code == "unmatched"
