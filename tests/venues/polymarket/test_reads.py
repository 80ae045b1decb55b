"""What orders, trades and failed reads say."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import CredentialsError, MalformedFrame, RateLimited, Refused, Unavailable
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import MICRO, Rounding, divide
from dutchbook.core.order import Action, ReportStatus
from dutchbook.core.transport import Response
from dutchbook.venues.polymarket.reads import (
    OpenOrder,
    Page,
    Trade,
    check_answer,
    decode,
    order_report,
    our_orders,
    read_balance,
    read_fill,
    read_time,
    time_ns,
)
from venues.polymarket.desk import NO, NO_TOKEN, YES, YES_TOKEN, a_market, a_registry

OURS = "0x" + "0a" * 32
THEIRS = "0x" + "0b" * 32
KEY, WALLET = "our-api-key", "0x1111111111111111111111111111111111111111"


def maker(price: str, size: str, token: str, order: str = THEIRS, side: str = "", **more: str) -> dict:
    return {"order_id": order, "matched_amount": size, "price": price, "asset_id": token, "side": side} | more


def trade(*makers: dict, status: str = "MATCHED", taker: str = OURS, side: str = "BUY", **more: object) -> Trade:
    row = {
        "id": "t-1",
        "taker_order_id": taker,
        "asset_id": YES_TOKEN,
        "side": side,
        "size": "10",
        "price": "0.5",
        "fee_rate_bps": "",
        "status": status,
        "match_time": "1795220183",
        "maker_orders": list(makers),
    }
    return msgspec.json.decode(msgspec.json.encode(row | more), type=Trade)


def test_a_taker_pays_what_each_maker_asked() -> None:
    fill = read_fill(trade(maker("0.5", "6", YES_TOKEN), maker("0.45", "4", YES_TOKEN)), OURS, a_registry())
    assert fill is not None
    assert (fill.claim, fill.action, fill.size, fill.cash) == (YES, Action.BUY, 10_000_000, 4_800_000)
    assert fill.liquidity is Liquidity.TAKER and fill.identity == OURS and fill.at_ns == 1795220183 * SECOND


def test_a_maker_on_the_opposite_token_gives_us_one_minus_its_price() -> None:
    fill = read_fill(trade(maker("0.55", "10", NO_TOKEN, side="BUY")), OURS, a_registry())
    assert fill is not None and (fill.size, fill.cash) == (10_000_000, 4_500_000)


def test_the_fee_is_the_schedules_ceiling_match_by_match() -> None:
    fill = read_fill(trade(maker("0.5", "0.01", YES_TOKEN), maker("0.45", "4", YES_TOKEN)), OURS, a_registry())
    assert fill is not None
    # 0.05 * 0.01 * 0.25 = 0.000125 -> 0.00013; 0.05 * 4 * 0.2475 = 0.0495
    assert fill.fee == 130 + 49_500
    assert not fill.fee_exact


def test_a_maker_pays_no_fee_and_its_own_price() -> None:
    made = trade(
        maker("0.52", "3", YES_TOKEN), maker("0.51", "5", YES_TOKEN, order=OURS), taker=THEIRS, price="0.52", size="8"
    )
    fill = read_fill(made, OURS, a_registry())
    assert fill is not None
    assert (fill.claim, fill.action, fill.size, fill.cash, fill.fee) == (YES, Action.SELL, 5_000_000, 2_550_000, 0)
    assert fill.liquidity is Liquidity.MAKER


def test_a_maker_on_the_other_token_than_the_takers_trades_the_same_way() -> None:
    fill = read_fill(trade(maker("0.49", "5", NO_TOKEN, order=OURS), taker=THEIRS), OURS, a_registry())
    assert fill is not None and (fill.claim, fill.action, fill.cash) == (NO, Action.BUY, 2_450_000)


def test_a_trade_of_others_is_no_fill() -> None:
    assert read_fill(trade(maker("0.5", "1", YES_TOKEN), taker=THEIRS), OURS, a_registry()) is None


def test_a_trade_without_makers_is_read_from_its_own_size_and_price() -> None:
    fill = read_fill(trade(), OURS, a_registry())
    assert fill is not None and (fill.size, fill.cash) == (10_000_000, 5_000_000)


@pytest.mark.parametrize(
    ("status", "sellable", "final"),
    [
        ("MATCHED", False, False),
        ("TRADE_STATUS_MATCHED_NOT_BROADCASTED", False, False),
        ("RETRYING", False, False),
        ("MINED", True, False),
        ("TRADE_STATUS_MINED", True, False),
        ("CONFIRMED", True, True),
        ("TRADE_STATUS_CONFIRMED", True, True),
        ("A_STATUS_OF_NEXT_YEAR", False, False),
    ],
)
def test_a_match_is_provisional_until_confirmed_and_sellable_once_mined(
    status: str, sellable: bool, final: bool
) -> None:
    fill = read_fill(trade(maker("0.5", "1", YES_TOKEN), status=status), OURS, a_registry())
    assert fill is not None and (fill.sellable, fill.final) == (sellable, final)


def test_a_trade_of_a_market_never_read_is_an_error_not_a_silence() -> None:
    with pytest.raises(MalformedFrame, match="belongs to no market"):
        read_fill(trade(maker("0.5", "1", "77"), asset_id="77"), OURS, a_registry())
    with pytest.raises(MalformedFrame, match="side 'HOLD'"):
        read_fill(trade(maker("0.5", "1", YES_TOKEN), side="HOLD"), OURS, a_registry())
    with pytest.raises(MalformedFrame, match="inside"):
        read_fill(trade(maker("1.5", "1", YES_TOKEN)), OURS, a_registry())
    with pytest.raises(MalformedFrame, match="matched_amount"):
        read_fill(trade(maker("0.5", "x", YES_TOKEN)), OURS, a_registry())


@given(
    rows=st.lists(st.tuples(st.integers(1, 99), st.integers(1, 10**9), st.booleans()), min_size=1, max_size=5),
    action=st.sampled_from(Action),
)
def test_cash_is_rounded_against_us_and_by_less_than_a_millionth_a_match(
    rows: list[tuple[int, int, bool]], action: Action
) -> None:
    makers = [
        maker(f"0.{cent:02d}", f"{size // MICRO}.{size % MICRO:06d}", NO_TOKEN if flip else YES_TOKEN)
        for cent, size, flip in rows
    ]
    fill = read_fill(trade(*makers, side=action.value.upper()), OURS, a_registry(a_market(rate="0")))
    assert fill is not None
    exact = sum((100 - cent if flip else cent) * 10_000 * size for cent, size, flip in rows)
    assert fill.size == sum(size for _, size, _ in rows)
    slack = fill.cash * MICRO - exact if action is Action.BUY else exact - fill.cash * MICRO
    assert 0 <= slack < len(rows) * MICRO
    assert fill.cash >= divide(exact, MICRO, Rounding.FLOOR) - len(rows)


def test_our_orders_are_the_takers_when_we_took_and_ours_among_the_makers() -> None:
    took = trade(maker("0.5", "1", YES_TOKEN, owner="someone"), trader_side="TAKER", owner=KEY)
    assert list(our_orders(took, KEY, WALLET)) == [OURS]
    made = trade(
        maker("0.5", "1", YES_TOKEN, order="0x1", owner="someone"),
        maker("0.5", "1", YES_TOKEN, order="0x2", owner=KEY),
        maker("0.5", "1", YES_TOKEN, order="0x3", maker_address=WALLET.upper().replace("0X", "0x")),
        maker("0.5", "1", YES_TOKEN, order="0x2", owner=KEY),
        trader_side="MAKER",
        taker=THEIRS,
        owner="someone",
    )
    assert list(our_orders(made, KEY, WALLET)) == ["0x2", "0x3"]
    assert list(our_orders(trade(trade_owner=KEY), KEY, WALLET)) == [OURS]
    assert list(our_orders(trade(owner="someone"), KEY, WALLET)) == []


@pytest.mark.parametrize(
    ("status", "kind", "order_type", "expected"),
    [
        ("LIVE", "", "GTC", ReportStatus.RESTING),
        ("ORDER_STATUS_LIVE", "", "GTC", ReportStatus.RESTING),
        ("LIVE", "PLACEMENT", "GTC", ReportStatus.RESTING),
        ("LIVE", "CANCELLATION", "GTC", ReportStatus.DONE),
        ("MATCHED", "UPDATE", "GTC", ReportStatus.DONE),
        ("ORDER_STATUS_MATCHED", "", "FOK", ReportStatus.DONE),
        ("DELAYED", "", "FOK", ReportStatus.DELAYED),
        ("UNMATCHED", "", "GTC", ReportStatus.RESTING),
        ("UNMATCHED", "", "FOK", ReportStatus.UNKNOWN),
        ("CANCELED", "", "GTC", ReportStatus.DONE),
        ("CANCELED_MARKET_RESOLVED", "", "GTC", ReportStatus.DONE),
        ("CANCELED_NOT_ENOUGH_BALANCE", "", "GTC", ReportStatus.DONE),
        ("CANCELED_EXPIRED_ORDER", "", "GTD", ReportStatus.DONE),
        ("CANCELED_order couldn't be fully filled.", "CANCELLATION", "FOK", ReportStatus.DONE),
        ("INVALID", "CANCELLATION", "GTC", ReportStatus.DONE),
        ("", "PLACEMENT", "GTC", ReportStatus.RESTING),
        ("", "", "GTC", ReportStatus.UNKNOWN),
        ("A_STATUS_OF_NEXT_YEAR", "UPDATE", "GTC", ReportStatus.UNKNOWN),
    ],
)
def test_every_order_status_has_a_meaning(status: str, kind: str, order_type: str, expected: ReportStatus) -> None:
    report = order_report(OpenOrder("0x1", status, "2.5", order_type, kind))
    assert (report.status, report.filled, report.identity) == (expected, 2_500_000, "0x1")


def test_an_order_without_a_count_has_filled_nothing() -> None:
    assert order_report(OpenOrder("0x1", "LIVE", "")).filled == 0


def test_a_failed_read_is_an_error_and_never_an_empty_answer() -> None:
    assert check_answer(Response(200, b"[]"), "x") == b"[]"
    with pytest.raises(RateLimited) as limited:
        check_answer(Response(429, b"{}", {"retry-after": "3"}), "x")
    assert limited.value.retry_after_ns == 3 * SECOND
    for status in (425, 500, 502, 503):
        with pytest.raises(Unavailable, match=str(status)):
            check_answer(Response(status, b"<html>"), "x")
    with pytest.raises(CredentialsError, match="Invalid api key"):
        check_answer(Response(401, b'{"error":"Unauthorized/Invalid api key"}'), "x")
    with pytest.raises(Refused) as refused:
        check_answer(Response(404, b'{"error":"not found"}'), "x")
    assert refused.value.code == "404"


def test_pages_end_with_the_last_cursor_or_none() -> None:
    for cursor in (b'"LTE="', b'""', b"null"):
        assert decode(b'{"data":[],"next_cursor":' + cursor + b"}", Page, "x").next is None
    assert decode(b'{"data":[],"next_cursor":"Mg=="}', Page, "x").next == "Mg=="
    with pytest.raises(MalformedFrame, match="`data`"):
        decode(b"{}", Page, "x")


@pytest.mark.parametrize("body", [b'{"balance":"1000000"}', b'{"balance":1000000,"allowances":{}}'])
def test_a_balance_is_a_six_decimal_integer(body: bytes) -> None:
    assert read_balance(body, "balance") == 1_000_000


@pytest.mark.parametrize("body", [b'{"balance":"1.5"}', b"{}", b'{"balance":"-1"}', b"null", b'{"balance":1.5}'])
def test_any_other_balance_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(MalformedFrame, match="balance"):
        read_balance(body, "balance")


@pytest.mark.parametrize("body", [b"1795220183", b'{"time":1795220183}', b'"1795220183"'])
def test_the_clock_is_unix_seconds_in_any_wrapping(body: bytes) -> None:
    assert read_time(body) == 1795220183 * SECOND


@pytest.mark.parametrize("body", [b"true", b"1.5", b'{"now":1}', b"null", b'"x"'])
def test_a_clock_that_is_not_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedFrame, match="time"):
        read_time(body)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1795220183", 1795220183 * SECOND),
        ("1795220183248", 1795220183248 * MILLISECOND),
        (1795220183, 1795220183 * SECOND),
        ("2024-01-01T00:00:00Z", 1704067200 * SECOND),
        ("2026-04-05 15:10:00+00", 1775401800 * SECOND),
        ("2026-03-11T09:29:01.328428Z", 1773221341328428 * 1000),
        ("2026-03-12", 1773273600 * SECOND),
        ("", 0),
        ("soon", 0),
    ],
)
def test_times_come_in_many_shapes(text: str | int, ns: int) -> None:
    assert time_ns(text) == ns
