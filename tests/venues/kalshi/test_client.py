"""The client over a scripted transport: what is asked, and what each answer, good or bad, becomes."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import (
    CredentialsError,
    InvalidOrder,
    Lost,
    MalformedFrame,
    NotSent,
    RateLimited,
    Refused,
    Unavailable,
)
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, ReportStatus, TimeInForce
from dutchbook.core.transport import Request
from dutchbook.core.venue import OrderIdentity, VenueMode
from dutchbook.venues.kalshi import KalshiData
from venues.kalshi.bits import (
    CONFIG,
    KEY,
    LOST,
    MARKET,
    NOW,
    SEND_BY,
    ScriptedTransport,
    StillClock,
    a_market,
    an_intent,
    answer,
    micro,
    prepared,
    trading,
)
from venues.kalshi.test_catalogue import EVENT, ROW, SERIES
from venues.kalshi.test_portfolio import ROW as FILL

DONE, RESTING, UNKNOWN = ReportStatus.DONE, ReportStatus.RESTING, ReportStatus.UNKNOWN


def query(request: Request) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.url).query)


def path(request: Request) -> str:
    return urlsplit(request.url).path.removeprefix("/trade-api/v2")


def an_order(**changes: Any) -> dict[str, Any]:
    fields = {"order_id": "o1", "ticker": MARKET.native, "status": "executed", "fill_count_fp": "4.00",
              "client_order_id": "c1", "book_side": "bid", "outcome_side": "yes"}  # fmt: skip
    return fields | changes


NO_FILLS = answer({"fills": [], "cursor": ""})


def orders(*rows: dict[str, Any], cursor: str | None = "") -> Any:
    return answer({"orders": list(rows), "cursor": cursor})


REFUSED_409 = answer({"error": {"code": "order_already_exists", "message": "exists"}}, 409)


# -- preparing and sending


def test_the_identity_is_fixed_before_sending_and_is_a_uuid4() -> None:
    venue, transport = trading()
    first, second = venue.prepare(an_intent(), SEND_BY), venue.prepare(an_intent(), SEND_BY)
    assert first.identity != second.identity
    assert first.identity[14] == "4" and first.identity[19] in "89ab"
    assert msgspec.json.decode(first.body)["client_order_id"] == first.identity
    assert transport.requests == []


def test_an_order_in_a_market_that_was_never_made_known_is_refused() -> None:
    venue, _ = trading()
    with pytest.raises(InvalidOrder, match="KXOTHER"):
        venue.prepare(an_intent(market=a_market("KXOTHER")), SEND_BY)


async def test_an_order_is_written_once_with_its_prepared_bytes_and_a_fresh_signature() -> None:
    clock = StillClock()
    venue, transport = trading(
        lambda request: answer(
            {"order_id": "o1", "client_order_id": msgspec.json.decode(request.body)["client_order_id"],
             "fill_count": "10.00", "remaining_count": "0.00"}, 201),
        clock=clock,
    )  # fmt: skip
    order = venue.prepare(an_intent(), SEND_BY)
    clock.now += SECOND
    report = await venue.send(order)
    (request,) = transport.requests
    assert (request.method, path(request), request.body) == ("POST", "/portfolio/events/orders", order.body)
    assert request.headers["KALSHI-ACCESS-TIMESTAMP"] == str((NOW + SECOND) // 1_000_000)
    assert request.headers["Content-Type"] == "application/json"
    assert request.timeout_ns == CONFIG.order_timeout_ns
    assert (report.status, report.filled, report.venue_order_id) == (DONE, 10 * MICRO, "o1")


async def test_after_its_deadline_an_order_is_not_written() -> None:
    clock = StillClock()
    venue, transport = trading(clock=clock)
    order = venue.prepare(an_intent(), SEND_BY)
    clock.now = SEND_BY + 1
    with pytest.raises(NotSent, match="deadline"):
        await venue.send(order)
    assert transport.requests == []


async def test_an_order_restored_without_its_bytes_is_never_written() -> None:
    venue, transport = trading()
    order = prepared()
    with pytest.raises(NotSent):
        await venue.send(type(order)(order.intent, order.identity, b"", order.send_by_ns))
    assert transport.requests == []


async def test_a_lost_answer_is_unknown_and_nothing_sent_is_not() -> None:
    venue, transport = trading(LOST, NotSent("no route"))
    assert (await venue.send(prepared())).status is UNKNOWN
    with pytest.raises(NotSent):
        await venue.send(prepared())
    assert len(transport.requests) == 2


async def test_a_duplicate_is_what_the_venue_says_became_of_it() -> None:
    venue, transport = trading(REFUSED_409, orders(an_order()))
    report = await venue.send(prepared())
    assert (report.status, report.filled) == (DONE, 4 * MICRO)
    assert [request.method for request in transport.requests] == ["POST", "GET"]


@pytest.mark.parametrize(
    "lookup", [[orders(), NO_FILLS], [LOST] * 6, [answer(b"x", 500)], [orders(an_order(book_side="ask"))]]
)
async def test_a_duplicate_that_cannot_be_found_is_unknown(lookup: list[Any]) -> None:
    venue, _ = trading(REFUSED_409, *lookup)
    assert (await venue.send(prepared())).status is UNKNOWN


async def test_the_same_bytes_are_never_sent_again() -> None:
    venue, transport = trading()
    with pytest.raises(InvalidOrder, match="find"):
        await venue.resend(prepared())
    assert transport.requests == [] and not venue.capabilities.dedupes
    assert venue.capabilities.identity is OrderIdentity.CLIENT_ID
    assert venue.capabilities.absence_margin_ns == CONFIG.read_as_of_margin_ns


# -- cancelling


async def test_a_cancel_names_market_and_shard() -> None:
    venue, transport = trading(answer({"order_id": "o1", "client_order_id": "c1", "reduced_by": "6.00"}))
    report = await venue.cancel(prepared(), "o1")
    (request,) = transport.requests
    assert (request.method, path(request)) == ("DELETE", "/portfolio/events/orders/o1")
    assert query(request) == {"market_ticker": [MARKET.native], "exchange_index": ["2"]}
    assert (report.status, report.filled) == (DONE, 4 * MICRO)


NOT_FOUND = answer({"error": {"code": "not_found", "message": "not found"}}, 404)


@pytest.mark.parametrize(
    ("replies", "status"),
    [
        ([NOT_FOUND, orders(an_order())], DONE),
        ([NOT_FOUND, orders(an_order(status="resting"))], UNKNOWN),
        ([NOT_FOUND, orders(), NO_FILLS], UNKNOWN),
        ([LOST], UNKNOWN),
        ([answer(b"<html>", 502)], UNKNOWN),
        ([answer(b"", 200)], UNKNOWN),
        ([answer({"order_id": "another", "reduced_by": "1.00"})], UNKNOWN),
        ([answer(b"", 301)], UNKNOWN),
    ],
)
async def test_not_found_is_not_cancelled(replies: list[Any], status: ReportStatus) -> None:
    venue, transport = trading(*replies)
    assert (await venue.cancel(prepared(), "o1")).status is status
    assert transport.replies == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(NotSent("x"), NotSent), (answer({"error": "too many requests"}, 429), RateLimited),
     (answer({"code": "MARKET_INACTIVE", "message": "m"}, 400), Refused), (answer({"error": "x"}, 401), CredentialsError)],
)  # fmt: skip
async def test_a_cancel_that_certainly_did_nothing_raises(reply: Any, kind: type[Exception]) -> None:
    venue, _ = trading(reply)
    with pytest.raises(kind):
        await venue.cancel(prepared(), "o1")


async def test_an_order_without_the_venues_id_cannot_be_cancelled() -> None:
    venue, _ = trading()
    with pytest.raises(InvalidOrder, match="venue_order_id"):
        await venue.cancel(prepared(), "")


# -- asking


async def test_an_order_is_found_by_its_client_id_on_a_later_page() -> None:
    venue, transport = trading(
        orders(an_order(client_order_id="c2", order_id="o0"), cursor="next"), orders(an_order(), cursor=None)
    )
    report = await venue.find(prepared())
    assert report is not None and (report.identity, report.filled) == ("c1", 4 * MICRO)
    first, second = transport.requests
    assert query(first)["ticker"] == [MARKET.native]
    assert int(query(first)["min_ts"][0]) == SEND_BY // SECOND - 3600
    assert "cursor" not in query(first) and query(second)["cursor"] == ["next"]
    assert query(second)["ticker"] == [MARKET.native]


async def test_none_only_when_every_page_was_read() -> None:
    venue, _ = trading(orders(cursor="next"), orders(), NO_FILLS)
    assert await venue.find(prepared()) is None
    for second in (answer(b"x", 503), LOST, answer(b"{}")):
        venue, _ = trading(orders(cursor="next"), *[second] * 6)
        with pytest.raises((Unavailable, Lost, MalformedFrame)):
            await venue.find(prepared())
        venue, _ = trading(orders(), *[second] * 6)
        with pytest.raises((Unavailable, Lost, MalformedFrame)):
            await venue.find(prepared())


async def test_a_cursor_that_goes_in_circles_is_an_error() -> None:
    venue, _ = trading(orders(cursor="a"), orders(cursor="b"), orders(cursor="a"))
    with pytest.raises(MalformedFrame, match="cursor"):
        await venue.open_orders()


async def test_a_page_is_asked_for_again_after_a_rate_limit() -> None:
    clock = StillClock()
    busy = answer({"error": "too many requests"}, 429)
    venue, transport = trading(busy, busy, orders(an_order(status="resting")), clock=clock)
    (report,) = await venue.open_orders()
    assert report.status is RESTING
    assert query(transport.requests[0])["status"] == ["resting"]
    assert clock.slept == [250_000_000, 500_000_000]
    venue, _ = trading(*[busy] * 6)
    with pytest.raises(RateLimited):
        await venue.open_orders()


async def test_fills_are_those_of_the_order_only() -> None:
    venue, transport = trading(
        answer({"fills": [FILL], "cursor": "p2"}), answer({"fills": [FILL | {"fill_id": "f2"}], "cursor": ""})
    )
    found = await venue.fills(prepared(), "o1")
    assert [fill.id for fill in found] == ["f1", "f2"]
    assert {fill.identity for fill in found} == {"c1"}
    assert query(transport.requests[0])["order_id"] == ["o1"]
    venue, _ = trading(answer({"fills": [FILL | {"order_id": "o2"}]}))
    with pytest.raises(MalformedFrame, match="order_id"):
        await venue.fills(prepared(), "o1")


async def test_fills_of_an_order_without_the_venues_id_are_looked_up() -> None:
    venue, transport = trading(orders(an_order(order_id="o1")), answer({"fills": [FILL]}))
    assert len(await venue.fills(prepared(), "")) == 1
    assert query(transport.requests[1])["order_id"] == ["o1"]
    venue, _ = trading(orders(), NO_FILLS)
    assert await venue.fills(prepared(), "") == []


async def test_m32_a_fill_that_no_listed_order_explains_makes_an_absence_unknown() -> None:
    """Orders and fills do not agree: not absent (rule 5c). A fill of another side, or of a listed order, says nothing."""
    not_found = answer({"error": {"code": "not_found", "message": "not found"}}, 404)
    venue, transport = trading(orders(), answer({"fills": [FILL]}), not_found)
    report = await venue.find(prepared())
    assert report is not None and report.status is UNKNOWN and "o1" in report.reason
    assert path(transport.requests[2]) == "/portfolio/orders/o1"
    venue, _ = trading(orders(), answer({"fills": [FILL]}), answer({"order": an_order()}))
    report = await venue.find(prepared())
    assert report is not None and (report.venue_order_id, report.filled) == ("o1", 4 * MICRO)
    venue, _ = trading(orders(), answer({"fills": [FILL]}), answer({"order": an_order(client_order_id="c9")}))
    assert await venue.find(prepared()) is None
    venue, _ = trading(orders(an_order(client_order_id="c9")), answer({"fills": [FILL]}))
    assert await venue.find(prepared()) is None
    venue, _ = trading(orders(), answer({"fills": [FILL | {"book_side": "ask", "outcome_side": "no"}]}))
    assert await venue.find(prepared()) is None


async def test_m32_two_orders_of_one_identity_are_told_as_one() -> None:
    """A request that the network carried out twice: what both filled is ours, and one that is open stays open."""
    twins = orders(an_order(order_id="o1"), an_order(order_id="o2", status="resting"))
    second = answer({"fills": [FILL | {"fill_id": "f2", "order_id": "o2"}]})
    venue, transport = trading(twins, answer({"fills": [FILL]}), second)
    report = await venue.find(prepared())
    assert report is not None
    assert (report.status, report.filled, report.venue_order_id) == (RESTING, 8 * MICRO, "o2")
    assert "o1" in report.reason and "o2" in report.reason
    assert {fill.id for fill in await venue.fills(prepared(), "o1")} == {"f1", "f2"}
    assert [query(request)["order_id"] for request in transport.requests[1:]] == [["o1"], ["o2"]]


async def test_m37_recent_fills_name_the_order_that_the_venue_names() -> None:
    """REST fills carry no client order id: it comes from the orders."""
    foreign = FILL | {"fill_id": "f2", "order_id": "o2"}
    venue, transport = trading(
        answer({"fills": [FILL, foreign]}), orders(an_order(), an_order(order_id="o2", client_order_id=None))
    )
    found = {fill.id: fill.identity for fill in await venue.recent_fills(SEND_BY)}
    assert found == {"f1": "c1", "f2": ""}
    assert int(query(transport.requests[0])["min_ts"][0]) == SEND_BY // SECOND


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(answer({"error": {"code": "authentication_error", "message": "m"}}, 401), CredentialsError),
     (answer(b"", 500), Unavailable), (LOST, Lost), (answer(b"{}"), MalformedFrame),
     (answer({"error": "too many requests"}, 429), RateLimited)],
)  # fmt: skip
async def test_a_failed_read_is_never_an_empty_account(reply: Any, kind: type[Exception]) -> None:
    for read in ("connect", "balances", "reads_as_of"):
        venue, _ = trading(*[reply] * 6)  # a read is asked again after a 429
        with pytest.raises(kind):
            await getattr(venue, read)()
    venue, _ = trading(*[reply] * 6)
    with pytest.raises(kind):
        await venue.positions()


async def test_balances_positions_and_the_as_of_time() -> None:
    venue, transport = trading(
        answer({"balance_breakdown": [{"exchange_index": 2, "balance": "5.25"}]}),
        answer({"market_positions": [{"ticker": "A", "position_fp": "1.00"}], "cursor": "n"}),
        answer({"market_positions": [{"ticker": "B", "position_fp": "-2.00"}], "cursor": ""}),
        answer({"as_of_time": "2026-11-20T00:00:00Z"}),
    )
    balances = await venue.balances()
    assert (balances.available, balances.received_ns) == ({"kalshi:2": micro("5.25")}, NOW)
    held = (await venue.positions()).held
    assert held == {
        Claim(market_id("kalshi", "A"), Outcome.YES): MICRO,
        Claim(market_id("kalshi", "B"), Outcome.NO): 2 * MICRO,
    }
    assert await venue.reads_as_of() == 1_795_132_800 * SECOND
    assert all("KALSHI-ACCESS-SIGNATURE" in request.headers for request in transport.requests)


async def test_results_are_read_and_a_scalar_one_carries_its_rounding_fee() -> None:
    def row(ticker: str, **more: Any) -> dict[str, Any]:
        return ROW | {"ticker": ticker} | more

    venue, transport = trading(
        answer({"markets": [
            row("A", status="finalized", result="yes"),
            row("B", status="determined", result="no"),
            row("C", status="active"),
            row("D", status="finalized", result="scalar", settlement_value_dollars="0.2550"),
        ]}),
        answer({"settlements": [{"ticker": "D", "revenue": 76, "yes_count_fp": "3.00", "no_count_fp": "0.00"}]}),
    )  # fmt: skip
    names = [market_id("kalshi", name) for name in "ABCD"]
    found = {str(each.market): each for each in await venue.resolutions([*names, market_id("polymarket", "x")])}
    assert query(transport.requests[0])["tickers"] == ["A,B,C,D"]
    assert {name: (each.yes_value, each.final) for name, each in found.items()} == {
        "kalshi:A": (MICRO, True),
        "kalshi:B": (0, False),
        "kalshi:D": (255_000, True),
    }
    assert found["kalshi:D"].fee == micro("0.005")


# -- market data


def data(*replies: Any, key: Any = KEY) -> tuple[KalshiData, ScriptedTransport]:
    transport = ScriptedTransport(list(replies))
    return KalshiData(CONFIG, transport, StillClock(), key), transport


async def test_open_markets_come_from_events_and_unreadable_ones_are_left_out_by_name() -> None:
    good, closed, broken = ROW | {"ticker": "A"}, ROW | {"ticker": "B", "status": "closed"}, {"ticker": "C"}
    flat = {"event_ticker": "E2", "series_ticker": "KXFLAT", "markets": [ROW | {"ticker": "D"}]}
    venue, transport = data(
        answer({"series": [SERIES, {"ticker": "KXBROKEN"}, SERIES | {"ticker": "KXFLAT", "fee_type": "flat"}]}),
        answer({"events": [EVENT | {"markets": [good, closed, broken]}, flat], "cursor": "c"}),
        answer({"events": [EVENT | {"series_ticker": "KXLATE", "markets": [ROW | {"ticker": "F"}]}], "cursor": ""}),
        answer({"series": SERIES | {"ticker": "KXLATE"}}),
    )
    found = await venue.markets()
    assert [market.native for market in found] == ["A", "F"]
    assert set(venue.unreadable) == {"C", "D"}
    assert "fee_type" in venue.unreadable["D"]
    assert query(transport.requests[1]) == {"limit": ["200"], "status": ["open"], "with_nested_markets": ["true"]}
    assert path(transport.requests[3]) == "/series/KXLATE"


async def test_an_error_on_a_later_page_is_not_a_shorter_catalogue() -> None:
    venue, _ = data(answer({"series": [SERIES]}), answer({"events": [], "cursor": "c"}), answer(b"x", 500))
    with pytest.raises(Unavailable):
        await venue.markets()


async def test_named_markets_come_in_any_status_with_their_event_and_series() -> None:
    rows = [ROW | {"ticker": "B", "status": "finalized"}, ROW | {"ticker": "A"}]
    venue, transport = data(
        answer({"markets": rows, "cursor": ""}), answer({"event": EVENT}), answer({"series": SERIES})
    )
    found = await venue.markets(["A", "B"])
    assert [market.native for market in found] == ["A", "B"]
    assert [path(request) for request in transport.requests] == [
        "/markets", "/events/KXHIGHNY-24JAN01", "/series/KXHIGHNY"]  # fmt: skip
    assert query(transport.requests[0])["tickers"] == ["A,B"]


async def test_a_name_that_the_venue_does_not_know_is_refused() -> None:
    venue, _ = data(answer({"markets": [ROW | {"ticker": "A"}]}))
    with pytest.raises(Refused, match="KXNONE"):
        await venue.markets(["A", "KXNONE"])


async def test_a_snapshot_is_as_of_the_moment_before_it_was_asked_for() -> None:
    venue, transport = data(answer({"orderbook_fp": {"yes_dollars": [["0.4", "1"]]}}))
    book = await venue.snapshot(market_id("kalshi", "T-4.00"))
    assert (book.bids, book.asks, book.as_of_ns) == (((400_000, MICRO),), (), NOW)
    assert path(transport.requests[0]) == "/markets/T-4.00/orderbook"
    assert query(transport.requests[0]) == {"depth": ["0"]}


MIDNIGHT = 1_795_132_800 * SECOND


@pytest.mark.parametrize(
    ("date", "earliest"),
    [("Fri, 20 Nov 2026 00:00:00 GMT", MIDNIGHT), (None, MIDNIGHT + SECOND // 4)],
)
async def test_the_venues_clock_is_known_to_the_second_that_it_states(date: str | None, earliest: int) -> None:
    body = {"as_of_time": "2026-11-20T00:00:00.250Z"}
    venue, _ = data(answer(body, **({"date": date} if date else {})))
    assert await venue.server_time() == (earliest, earliest + SECOND)


@pytest.mark.parametrize(
    ("exchange", "trading_active", "mode"),
    [(True, True, VenueMode.TRADING), (True, False, VenueMode.CANCEL_ONLY), (False, True, VenueMode.PAUSED)],
)
async def test_a_trading_pause_still_takes_cancels(exchange: bool, trading_active: bool, mode: VenueMode) -> None:
    venue, transport = data(answer({"exchange_active": exchange, "trading_active": trading_active}))
    assert await venue.mode() is mode
    assert path(transport.requests[0]) == "/exchange/status"


async def test_a_date_that_is_no_date_is_refused() -> None:
    venue, _ = data(answer({"as_of_time": "2026-11-20T00:00:00Z"}, date="yesterday"))
    with pytest.raises(MalformedFrame, match="yesterday"):
        await venue.server_time()


async def test_public_reads_need_no_key_but_the_socket_does() -> None:
    venue, transport = data(answer({"orderbook_fp": {}}), key=None)
    await venue.snapshot(MARKET.id)
    assert "KALSHI-ACCESS-KEY" not in transport.requests[0].headers
    with pytest.raises(CredentialsError, match="KALSHI_API_KEY_ID"):
        venue.stream([MARKET])


def test_prepared_orders_are_known_to_the_private_stream() -> None:
    venue, _ = trading()
    order = venue.prepare(an_intent(Outcome.YES, Action.SELL, tif=TimeInForce.GTC), SEND_BY)
    body = FILL | {"client_order_id": order.identity, "book_side": "ask", "outcome_side": "no"}
    (seen,) = venue.stream().receive(msgspec.json.encode({"type": "fill", "msg": body}), 0)
    assert (seen.fill.claim, seen.fill.action) == (order.intent.claim, Action.SELL)  # type: ignore[union-attr]
