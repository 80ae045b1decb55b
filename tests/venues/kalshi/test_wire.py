"""Orders on the wire: the YES-leg mapping, what is refused before sending, and every shape of answer."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.claim import Outcome
from dutchbook.core.errors import InvalidOrder, MalformedFrame
from dutchbook.core.money import MICRO, Price, Size, format_micros
from dutchbook.core.order import Action, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import Response
from dutchbook.venues.kalshi import wire
from venues.kalshi.bits import MARKET, a_market, an_intent, answer, micro, prepared

YES, NO, BUY, SELL = Outcome.YES, Outcome.NO, Action.BUY, Action.SELL
FOK, IOC, GTC, GTD = TimeInForce.FOK, TimeInForce.IOC, TimeInForce.GTC, TimeInForce.GTD


def body_of(**changes: object) -> dict[str, object]:
    return msgspec.json.decode(wire.encode_order(an_intent(**changes), MARKET, "c1"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "action", "limit", "side", "price"),
    [
        (YES, BUY, "0.56", "bid", "0.5600"),
        (YES, SELL, "0.56", "ask", "0.5600"),
        (NO, BUY, "0.56", "ask", "0.4400"),
        (NO, SELL, "0.56", "bid", "0.4400"),
        (NO, BUY, "0.955", "ask", "0.0450"),
    ],
)
def test_every_claim_is_quoted_on_the_yes_leg(
    outcome: Outcome, action: Action, limit: str, side: str, price: str
) -> None:
    body = body_of(outcome=outcome, action=action, limit=limit)
    assert (body["side"], body["price"]) == (side, price)


def test_the_whole_body_of_an_order() -> None:
    assert body_of() == {
        "ticker": "KXTEST-26NOV20-A",
        "side": "bid",
        "count": "10.00",
        "price": "0.5600",
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "maker",
        "client_order_id": "c1",
        "exchange_index": 2,
    }


@pytest.mark.parametrize(
    ("tif", "word", "prevention"),
    [
        (FOK, "fill_or_kill", "maker"),
        (IOC, "immediate_or_cancel", "maker"),
        (GTC, "good_till_canceled", "taker_at_cross"),
        (GTD, "good_till_canceled", "taker_at_cross"),
    ],
)
def test_a_taking_order_is_not_cancelled_by_our_own_resting_one(tif: TimeInForce, word: str, prevention: str) -> None:
    body = body_of(tif=tif, expires_ns=1_795_000_500_999_999_999)
    assert (body["time_in_force"], body["self_trade_prevention_type"]) == (word, prevention)
    assert body.get("expiration_time") == (1_795_000_500 if tif is GTD else None)


def test_post_only_and_reduce_only_are_sent_only_where_the_venue_takes_them() -> None:
    assert body_of(tif=GTC, post_only=True)["post_only"] is True
    assert body_of(tif=IOC, reduce_only=True)["reduce_only"] is True


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limit": "0.5650"}, "limit"),
        ({"limit": "1"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"size": "0"}, "size"),
        ({"size": "-1"}, "size"),
        ({"size": "0.005"}, "size"),
        ({"tif": FOK, "post_only": True}, "post_only"),
        ({"tif": FOK, "reduce_only": True}, "reduce_only"),
        ({"tif": GTC, "reduce_only": True}, "reduce_only"),
        ({"tif": GTD}, "expires_ns"),
    ],
)
def test_what_the_venue_would_refuse_is_refused_before_sending(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidOrder, match=f"^{field}"):
        body_of(**changes)


def test_an_order_for_another_market_or_without_a_shard_is_refused() -> None:
    with pytest.raises(InvalidOrder, match="claim"):
        wire.encode_order(an_intent(), a_market("KXOTHER-1"), "c1")
    with pytest.raises(InvalidOrder, match="pool"):
        wire.encode_order(an_intent(), replace(MARKET, pool="kalshi"), "c1")


@given(
    cents=st.integers(1, 99),
    lots=st.integers(1, 10**8),
    outcome=st.sampled_from(Outcome),
    action=st.sampled_from(Action),
)
def test_what_is_sent_costs_what_was_meant(cents: int, lots: int, outcome: Outcome, action: Action) -> None:
    intent = replace(an_intent(outcome, action), limit=Price(cents * 10_000), size=Size(lots * 10_000))
    body = msgspec.json.decode(wire.encode_order(intent, MARKET, "c1"))
    assert micro(body["count"]) == intent.size
    yes_price = micro(body["price"])
    buys_yes = body["side"] == "bid"
    # on the YES leg, buying YES at p or selling NO at 1 - p are one thing
    assert buys_yes is ((outcome is YES) is (action is BUY))
    assert yes_price == (intent.limit if outcome is YES else MICRO - intent.limit)


def placed(
    tif: TimeInForce, fill: object, remaining: object, status: int = 201, **more: object
) -> tuple[Prepared, Response]:
    body = {"order_id": "o1", "client_order_id": "c1", "fill_count": fill, "remaining_count": remaining, **more}
    return prepared(an_intent(tif=tif)), answer(body, status)


@pytest.mark.parametrize(
    ("tif", "fill", "remaining", "status", "filled"),
    [
        (IOC, "10.00", "0.00", ReportStatus.DONE, "10"),
        (IOC, "3.25", "0.00", ReportStatus.DONE, "3.25"),
        (IOC, "0.00", "0.00", ReportStatus.DONE, "0"),
        (FOK, "10.00", "0.00", ReportStatus.DONE, "10"),
        (FOK, "0.00", "0.00", ReportStatus.DONE, "0"),
        (GTC, "0.00", "10.00", ReportStatus.RESTING, "0"),
        (GTC, "4.00", "6.00", ReportStatus.RESTING, "4"),
        (GTC, "10.00", "0.00", ReportStatus.DONE, "10"),
        (GTC, "0.00", "0.00", ReportStatus.DONE, "0"),
        (GTD, "0", 10, ReportStatus.RESTING, "0"),
        (IOC, 10, 0.0, ReportStatus.DONE, "10"),
        (IOC, 2.5, "0", ReportStatus.DONE, "2.5"),
    ],
)
def test_the_counts_decide_what_became_of_an_order(
    tif: TimeInForce, fill: object, remaining: object, status: ReportStatus, filled: str
) -> None:
    report = wire.decode_placed(*placed(tif, fill, remaining))
    assert (report.status, report.filled, report.venue_order_id) == (status, micro(filled), "o1")
    assert report.identity == "c1"


@pytest.mark.parametrize(
    ("order", "response"),
    [
        placed(IOC, "1.00", "9.00"),
        placed(FOK, "0.00", "10.00"),
        placed(IOC, "10.01", "0.00"),
        placed(GTC, "5.00", "6.00"),
        placed(IOC, "-1.00", "0.00"),
        placed(IOC, "abc", "0.00"),
        placed(IOC, "NaN", "0.00"),
        placed(IOC, "1e999999", "0.00"),
        placed(IOC, 0.00000001, "0.00"),
        placed(IOC, "1.00", "0.00", client_order_id="somebody-else"),
        placed(IOC, "1.00", "0.00", order_id=""),
        (prepared(), answer({"fill_count": "1.00", "remaining_count": "0.00"}, 201)),
        (prepared(), answer({"order_id": "o1", "remaining_count": "0.00"}, 201)),
        (prepared(), answer(b"", 201)),
        (prepared(), answer(b"<html>ok</html>", 200)),
        (prepared(), answer(b"\xff\xfe", 201)),
        (prepared(), answer(b"[" * 100_000, 201)),
        (prepared(), answer(b"", 204)),
        (prepared(), answer(b"", 301)),
        (prepared(), answer({"error": {"code": "service_unavailable", "message": "x"}}, 503)),
        (prepared(), answer(b"<html>502 Bad Gateway</html>", 502)),
        (prepared(), answer({"code": "internal_error", "message": "boom"}, 500)),
        (prepared(), answer({"error": "timeout"}, 504)),
        (prepared(), answer({"error": "timeout"}, 408)),
        (prepared(), answer({"error": {"code": "order_already_exists", "message": "exists"}}, 409)),
    ],
)
def test_an_answer_that_cannot_be_understood_leaves_the_order_unknown(order: Prepared, response: Response) -> None:
    report = wire.decode_placed(order, response)
    assert report.status is ReportStatus.UNKNOWN
    assert report.reason


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({"error": {"code": "insufficient_balance", "message": "no cash"}}, 400, "insufficient_balance", "no cash"),
        ({"code": "invalid_order", "message": "invalid", "details": "INVALID_PRICE"}, 400, "invalid_order", "INVALID_PRICE"),
        ({"error": "too many requests"}, 429, "rate_limited", "too many requests"),
        (b"slow down", 429, "rate_limited", "slow down"),
        ({"error": {"code": "market_not_found", "message": "m"}}, 404, "market_not_found", "m"),
        ({"error": {"code": "deprecated_v1_order_endpoint", "message": "V2"}}, 410, "deprecated_v1_order_endpoint", "V2"),
        (b"<html>Forbidden</html>", 403, "403", "Forbidden"),
        ({"error": {"code": "authentication_error", "message": "x", "details": "INCORRECT_API_KEY_SIGNATURE"}}, 401,
         "authentication_error", "check KALSHI_API_KEY_ID"),
    ],
)  # fmt: skip
def test_a_refusal_is_rejected_with_the_venues_code_and_words(body: object, status: int, code: str, words: str) -> None:
    report = wire.decode_placed(prepared(), answer(body, status))
    assert (report.status, report.code, report.filled) == (ReportStatus.REJECTED, code, 0)
    assert words in report.reason


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "FOK_INSUFFICIENT_VOLUME", "message": "not enough"}},
        {"code": "fok_insufficient_volume", "message": "not enough"},
        {"error": {"code": "invalid_order", "message": "invalid order", "details": "fok insufficient volume"}},
    ],
)
def test_a_missed_fill_or_kill_is_done_with_nothing_filled(body: object) -> None:
    report = wire.decode_placed(prepared(an_intent(tif=FOK)), answer(body, 409 - 9))
    assert (report.status, report.filled) == (ReportStatus.DONE, 0)
    assert wire.decode_placed(prepared(an_intent(tif=IOC)), answer(body, 400)).status is ReportStatus.REJECTED


def test_a_cancel_says_what_had_been_filled() -> None:
    body = {"order_id": "o1", "client_order_id": "c1", "reduced_by": "7.50", "ts_ms": 1}
    report = wire.decode_cancelled(prepared(), "o1", answer(body))
    assert (report.status, report.filled) == (ReportStatus.DONE, micro("2.5"))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"order_id": "o2", "reduced_by": "10.00"}, "order_id"),
        ({"order_id": "o1", "client_order_id": "c2", "reduced_by": "10.00"}, "client_order_id"),
        ({"order_id": "o1", "reduced_by": "10.01"}, "reduced_by"),
        ({"order_id": "o1"}, "reduced_by"),
    ],
)
def test_a_cancel_answer_about_another_order_is_refused(body: object, field: str) -> None:
    with pytest.raises(MalformedFrame, match=field):
        wire.decode_cancelled(prepared(), "o1", answer(body))


def row(**changes: object) -> wire.OrderRow:
    fields = {"order_id": "o1", "ticker": MARKET.native, "status": "resting", "fill_count_fp": "1.00",
              "client_order_id": "c1", "book_side": "bid", "outcome_side": "yes", "unknown_field": {"x": 1}}  # fmt: skip
    return msgspec.convert(fields | changes, wire.OrderRow)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("resting", ReportStatus.RESTING),
        ("canceled", ReportStatus.DONE),
        ("executed", ReportStatus.DONE),
        ("a_new_word", ReportStatus.UNKNOWN),
    ],
)
def test_an_order_objects_status_in_the_engines_words(word: str, status: ReportStatus) -> None:
    report = wire.report_of(prepared(), row(status=word))
    assert (report.status, report.filled, report.code) == (status, MICRO, word)


@pytest.mark.parametrize(
    "changes", [{"ticker": "KXOTHER"}, {"book_side": "ask"}, {"book_side": None, "outcome_side": "no"},
                {"book_side": None, "outcome_side": None}]
)  # fmt: skip
def test_an_order_that_is_not_the_one_we_sent_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedFrame):
        wire.report_of(prepared(), row(**changes))


def test_the_legacy_side_words_are_not_read() -> None:
    with pytest.raises(MalformedFrame, match="book_side"):
        wire.report_of(prepared(), row(book_side=None, outcome_side=None, side="yes", action="buy"))


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_bytes_of_an_answer_can_raise_or_become_a_fill(body: bytes, status: int) -> None:
    report = wire.decode_placed(prepared(), Response(status, body))
    assert report.filled == 0
    assert report.status in (ReportStatus.UNKNOWN, ReportStatus.REJECTED), format_micros(report.filled)
