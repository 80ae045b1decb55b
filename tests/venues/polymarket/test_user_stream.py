"""The private stream: order news are reports, trades are fills that may still fail."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.events import FillFailed, FillSeen, OrderSeen, StreamTrouble
from dutchbook.core.order import ReportStatus
from dutchbook.venues.polymarket.config import ApiCredentials
from dutchbook.venues.polymarket.user_stream import PolymarketUserStream
from venues.polymarket.desk import YES, YES_TOKEN, a_registry

SECRET = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
WALLET = "0x1111111111111111111111111111111111111111"


def a_stream() -> PolymarketUserStream:
    return PolymarketUserStream("wss://x/ws/user", ApiCredentials("key-id", SECRET, "pass"), WALLET, a_registry())


def an_order(**changes: object) -> dict:
    row = {"event_type": "order", "type": "UPDATE", "id": "0xa", "status": "LIVE", "size_matched": "2", "side": "BUY"}
    return row | {"order_type": "GTC", "price": "0.5", "original_size": "10", "asset_id": YES_TOKEN} | changes


def a_trade(**changes: object) -> dict:
    maker = {"order_id": "0xb", "matched_amount": "10", "price": "0.5", "asset_id": YES_TOKEN, "owner": "other"}
    row = {"event_type": "trade", "type": "TRADE", "id": "t-1", "taker_order_id": "0xa", "asset_id": YES_TOKEN}
    row |= {"side": "BUY", "size": "10", "price": "0.5", "status": "MATCHED", "trader_side": "TAKER"}
    return row | {"owner": "key-id", "matchtime": "1795220183", "maker_orders": [maker]} | changes


def receive(*rows: dict) -> list:
    stream = a_stream()
    return list(stream.receive(json.dumps(rows[0] if len(rows) == 1 else rows).encode(), 1))


def test_the_subscription_carries_the_credentials_as_they_were_given() -> None:
    stream = a_stream()
    stream.opened()
    auth = {"apiKey": "key-id", "secret": SECRET, "passphrase": "pass"}
    assert [json.loads(sent) for sent in stream.outbox] == [{"type": "user", "auth": auth}]
    assert stream.heartbeat == b"PING" and stream.receive(b"PONG", 1) == () and stream.closed() == ()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, ReportStatus.RESTING),
        ({"type": "PLACEMENT", "size_matched": "0"}, ReportStatus.RESTING),
        ({"status": "MATCHED"}, ReportStatus.DONE),
        ({"status": "DELAYED"}, ReportStatus.DELAYED),
        ({"status": "CANCELED_ORDER_TIMED_OUT", "type": "CANCELLATION"}, ReportStatus.DONE),
        ({"status": "UNMATCHED", "order_type": "FAK"}, ReportStatus.UNKNOWN),
    ],
)
def test_order_news_are_reports(changes: dict, status: ReportStatus) -> None:
    (event,) = receive(an_order(**changes))
    assert isinstance(event, OrderSeen)
    assert (event.report.identity, event.report.status) == ("0xa", status)


@pytest.mark.parametrize(
    ("status", "sellable", "final"),
    [("MATCHED", False, False), ("MINED", True, False), ("CONFIRMED", True, True), ("RETRYING", False, False)],
)
def test_a_trade_is_a_fill_whose_news_come_again(status: str, sellable: bool, final: bool) -> None:
    (event,) = receive(a_trade(status=status))
    assert isinstance(event, FillSeen)
    fill = event.fill
    assert (fill.id, fill.identity, fill.claim, fill.size, fill.cash) == ("t-1:0xa", "0xa", YES, 10_000_000, 5_000_000)
    assert (fill.sellable, fill.final) == (sellable, final)


def test_a_failed_trade_takes_back_the_fill_of_the_same_name() -> None:
    assert receive(a_trade(status="FAILED", err_msg="reverted")) == [FillFailed("t-1:0xa", "reverted")]


def test_as_maker_the_fill_is_our_own_order_among_the_makers() -> None:
    makers = [
        {"order_id": "0xb", "matched_amount": "7", "price": "0.5", "asset_id": YES_TOKEN, "owner": "other"},
        {"order_id": "0xa", "matched_amount": "3", "price": "0.49", "asset_id": YES_TOKEN, "owner": "key-id"},
    ]
    (event,) = receive(a_trade(maker_orders=makers, taker_order_id="0xz", trader_side="MAKER", owner="other"))
    assert isinstance(event, FillSeen)
    assert (event.fill.id, event.fill.size, event.fill.cash) == ("t-1:0xa", 3_000_000, 1_470_000)


def test_one_bad_row_does_not_hide_the_others() -> None:
    events = receive(a_trade(size="x", maker_orders=[]), an_order(), {"event_type": "trade"}, an_order(id="0xc"))
    assert [type(event) for event in events] == [StreamTrouble, OrderSeen, StreamTrouble, OrderSeen]


def test_a_fill_in_a_market_never_read_is_trouble() -> None:
    (event,) = receive(a_trade(asset_id="77"))
    assert isinstance(event, StreamTrouble) and "belongs to no market" in event.reason


def test_news_of_other_kinds_are_passed_over() -> None:
    assert receive({"event_type": "a_kind_of_next_year"}) == []


@given(st.binary(max_size=80) | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"[]", b"{}", b"[[]]", b"null", b"[1]"]))
def test_no_bytes_can_break_the_stream(data: bytes) -> None:
    assert all(isinstance(event, StreamTrouble) for event in a_stream().receive(data, 1))
