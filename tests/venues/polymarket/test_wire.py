"""Orders as bytes, and what each answer to them means."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.errors import InvalidOrder
from dutchbook.core.money import MICRO, Price, Size
from dutchbook.core.order import Action, ReportStatus, TimeInForce
from dutchbook.venues.polymarket.config import PolymarketKey
from dutchbook.venues.polymarket.signing import SignedOrder
from dutchbook.venues.polymarket.wire import check_order, order_amounts, order_body, read_post_answer
from venues.polymarket.desk import DATA, HARDHAT, HARDHAT_ADDRESS, NO_DATA, NOW, a_market, an_intent, micros

TICKS = ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001")
ORDER_ID = "0x" + "ab" * 32


def refused(match: str, **changes: object) -> None:
    tick = str(changes.pop("tick", "0.01"))
    with pytest.raises(InvalidOrder, match=match):
        check_order(an_intent(**changes), a_market(tick), NOW)  # type: ignore[arg-type]


def accepted(**changes: object) -> None:
    tick = str(changes.pop("tick", "0.01"))
    check_order(an_intent(**changes), a_market(tick), NOW)  # type: ignore[arg-type]


# --- amounts ---


@pytest.mark.parametrize(
    ("action", "size", "price", "amounts"),
    [
        (Action.BUY, "7.77", "0.5525", (4_292_925, 7_770_000)),
        (Action.BUY, "0.29", "0.29", (84_100, 290_000)),
        (Action.BUY, "1.15", "0.5", (575_000, 1_150_000)),
        (Action.SELL, "4.35", "0.29", (4_350_000, 1_261_500)),
    ],
)
def test_amounts_are_exact_where_floats_lose_a_cent(
    action: Action, size: str, price: str, amounts: tuple[int, int]
) -> None:
    assert order_amounts(action, Price(micros(price)), Size(micros(size))) == amounts


def test_limit_amounts_are_those_of_the_venues_own_package() -> None:
    path = DATA / "polymarket_vectors" / "vectors.json"
    if not path.exists():
        pytest.skip(NO_DATA)
    rows = json.loads(path.read_text())["amounts"]
    floored = 0
    for row in rows:
        assert row["kind"] == "limit"
        size = micros(row["qty"])
        if size % 10_000:
            # the package floors to two decimals in silence; we refuse, so that no leg differs from its plan
            floored += 1
            with pytest.raises(InvalidOrder, match="size"):
                check_order(
                    an_intent(row["qty"], row["price"], tif=TimeInForce.GTC), a_market(row["tick"], min_size="0"), NOW
                )
            size = size // 10_000 * 10_000
        made = order_amounts(Action(row["side"].lower()), Price(micros(row["price"])), Size(size))
        assert made == (int(row["makerAmount"]), int(row["takerAmount"])), row
    assert len(rows) == 308
    assert floored == 44


@given(
    tick=st.sampled_from(TICKS),
    step=st.integers(1, 9_999),
    hundredths=st.integers(1, 10**7),
    action=st.sampled_from(Action),
)
def test_amounts_imply_the_limit_exactly(tick: str, step: int, hundredths: int, action: Action) -> None:
    price = step * micros(tick) % MICRO or micros(tick)
    maker, taker = order_amounts(action, Price(price), Size(hundredths * 10_000))
    cash, shares = (maker, taker) if action is Action.BUY else (taker, maker)
    assert Decimal(cash) / shares == Decimal(price) / MICRO


@given(tick=st.sampled_from(TICKS), step=st.integers(1, 9_999), lots=st.integers(1, 500))
def test_a_marketable_lot_always_passes_the_decimals_rule(tick: str, step: int, lots: int) -> None:
    market = a_market(tick)
    price = Price(step * micros(tick) % MICRO or micros(tick))
    size = Size(market.marketable_lot(price) * lots)
    cash, shares = order_amounts(Action.BUY, price, size)
    assert cash % 10_000 == 0 and shares % MICRO == 0
    if cash >= market.min_cash:
        check_order(an_intent(str(size // MICRO), str(Decimal(price) / MICRO)), market, NOW)


@pytest.mark.parametrize(("price", "lot"), [("0.550", 1), ("0.555", 2), ("0.5525", 4), ("0.001", 10), ("0.0001", 100)])
def test_the_smallest_whole_cent_lot_of_a_price(price: str, lot: int) -> None:
    assert a_market("0.0001").marketable_lot(Price(micros(price))) == lot * MICRO


# --- what is caught before sending ---


@pytest.mark.parametrize(("tick", "limit"), [("0.0025", "0.553"), ("0.005", "0.557"), ("0.01", "0.999"), ("0.01", "1")])
def test_a_price_off_the_grid_is_refused(tick: str, limit: str) -> None:
    refused("price", limit=limit, tick=tick)


@pytest.mark.parametrize(("tick", "limit", "size"), [("0.0025", "0.9975", "400"), ("0.005", "0.995", "200")])
def test_the_last_price_of_a_fine_grid_is_accepted(tick: str, limit: str, size: str) -> None:
    accepted(limit=limit, tick=tick, size=size)


def test_a_size_of_three_decimals_is_refused() -> None:
    refused("size", size="10.005", tif=TimeInForce.GTC)
    refused("size", size="0", tif=TimeInForce.GTC)


def test_a_fill_or_kill_purchase_of_broken_cents_is_refused() -> None:
    refused("decimals rule of FOK", size="1.74", limit="0.58")
    refused("multiples of 2.00", size="3", limit="0.555", tick="0.005")
    accepted(size="4", limit="0.555", tick="0.005")
    refused("decimals rule of FAK", size="1.5", limit="0.5", tif=TimeInForce.IOC)


def test_a_fill_or_kill_sale_may_have_hundredths() -> None:
    accepted(size="1.74", limit="0.58", action=Action.SELL)
    refused("size", size="1.11", limit="0.5525", tick="0.0025", action=Action.SELL)


def test_the_minimum_in_shares_is_for_resting_orders() -> None:
    refused("smallest resting order", size="4.99", tif=TimeInForce.GTC)
    accepted(size="5", tif=TimeInForce.GTC)
    accepted(size="4", tif=TimeInForce.FOK)


def test_the_minimum_in_dollars_is_for_marketable_purchases() -> None:
    refused(r"smallest marketable one, \$1\.00", size="1", limit="0.5")
    accepted(size="2", limit="0.5")
    accepted(size="1", limit="0.5", action=Action.SELL)


def test_post_only_cannot_be_fill_or_kill() -> None:
    refused("post_only", post_only=True)
    accepted(post_only=True, tif=TimeInForce.GTC)


def test_a_purchase_cannot_reduce() -> None:
    refused("reduce_only", reduce_only=True)
    accepted(reduce_only=True, action=Action.SELL)


def test_a_good_till_date_order_lives_two_minutes_at_least() -> None:
    refused("expires_ns", tif=TimeInForce.GTD, expires_ns=NOW + 2 * MINUTE - SECOND)
    accepted(tif=TimeInForce.GTD, expires_ns=NOW + 2 * MINUTE)


# --- the body ---


def body(**changes: object) -> bytes:
    return order_body(
        an_intent(**changes),  # type: ignore[arg-type]
        PolymarketKey(HARDHAT),
        "owner-uuid",
        SignedOrder(ORDER_ID, "0x5160"),
        salt=3284938061274702,
        token="7132",
        maker_amount=5_500_000,
        taker_amount=10_000_000,
        timestamp_ms=1795220183248,
    )


def test_the_body_is_the_published_one_to_the_byte() -> None:
    zero = "0x" + "00" * 32
    assert (
        body(tif=TimeInForce.GTC)
        == (
            f'{{"deferExec":false,"order":{{"builder":"{zero}","expiration":"0","maker":"{HARDHAT_ADDRESS}",'
            f'"makerAmount":"5500000","metadata":"{zero}","salt":3284938061274702,"side":"BUY","signature":"0x5160",'
            f'"signatureType":0,"signer":"{HARDHAT_ADDRESS}","takerAmount":"10000000","timestamp":"1795220183248",'
            '"tokenId":"7132"},"orderType":"GTC","owner":"owner-uuid"}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("tif", "word"),
    [
        (TimeInForce.FOK, "FOK"),
        (TimeInForce.IOC, "FAK"),
        (TimeInForce.GTC, "GTC"),
        (TimeInForce.GTD, "GTD"),
    ],
)
def test_each_time_in_force_has_its_word(tif: TimeInForce, word: str) -> None:
    made = json.loads(body(tif=tif, expires_ns=NOW))
    assert made["orderType"] == word
    # the venue ends a GTD order a minute before the field says
    assert made["order"]["expiration"] == (str(NOW // SECOND + 60) if tif is TimeInForce.GTD else "0")
    assert "postOnly" not in made


def test_post_only_is_said_only_when_true() -> None:
    assert json.loads(body(tif=TimeInForce.GTC, post_only=True))["postOnly"] is True
    assert json.loads(body(action=Action.SELL))["order"]["side"] == "SELL"


# --- answers ---


def answer(status: int, text: object, **changes: object) -> tuple[ReportStatus, int, str]:
    raw = text if isinstance(text, bytes) else json.dumps(text).encode()
    report = read_post_answer(status, raw, ORDER_ID, an_intent(**changes))  # type: ignore[arg-type]
    assert report.identity == ORDER_ID
    return report.status, report.filled, report.code


def placed(status: str | None, making: object = "", taking: object = "", **changes: object) -> dict:
    made = {"success": True, "errorMsg": "", "orderID": ORDER_ID, "status": status, "tradeIDs": ["t-1"]}
    return made | {"makingAmount": making, "takingAmount": taking, "transactionsHashes": []} | changes


def test_a_match_says_how_many_shares() -> None:
    assert answer(200, placed("matched", "5", "10")) == (ReportStatus.DONE, 10_000_000, "matched")
    assert answer(200, placed("matched", "10", "5.2"), action=Action.SELL) == (
        ReportStatus.DONE,
        10_000_000,
        "matched",
    )


@pytest.mark.parametrize(
    ("amount", "size", "filled"),
    [
        ("5", "5", 5_000_000),
        ("5000000", "5", 5_000_000),
        (5, "5", 5_000_000),
        (5_000_000, "5", 5_000_000),
        ("5.25", "5", 5_250_000),
        (5.25, "5", 5_250_000),
        ("10000", "10000", 10_000_000_000),
        ("10000000000", "10000", 10_000_000_000),
        ("1", "400", 1_000_000),
        ("15", "5", 15_000_000),
    ],
)
def test_amounts_are_read_in_shares_or_in_millionths(amount: object, size: str, filled: int) -> None:
    assert answer(200, placed("matched", "1", amount), size=size, limit="0.5")[1] == filled


def test_a_resting_order_is_not_a_fill() -> None:
    assert answer(200, placed("live"), tif=TimeInForce.GTC) == (ReportStatus.RESTING, 0, "live")


def test_a_partly_matched_limit_order_rests_on() -> None:
    got = answer(200, placed("matched", "2", "4"), tif=TimeInForce.GTC)
    assert got == (ReportStatus.RESTING, 4_000_000, "matched")


def test_a_delayed_order_is_not_a_fill_and_not_a_miss() -> None:
    assert answer(200, placed("delayed")) == (ReportStatus.DELAYED, 0, "delayed")


@pytest.mark.parametrize(
    "body",
    [
        placed("unmatched"),
        placed("quantum"),
        placed(None),
        placed("live"),  # a FOK that may fill later
        placed("matched"),  # without amounts
        placed("matched", "5", "a lot"),
        placed("matched", "5", "10", orderID=""),
        placed("matched", "5", "10", success=None),
        placed("matched", "5", "10", errorMsg="something new"),
        {"success": True, "errorMsg": "something new", "orderID": "", "status": ""},
        {"success": False, "errorMsg": "something new", "orderID": ORDER_ID},
        {},
        [],
        b"",
        b"<html>ok</html>",
        b'{"success":"yes"}',
        b'{"success":true,"orderID":"\xff"}',
    ],
)
def test_an_answer_that_is_not_understood_is_unknown(body: object) -> None:
    assert answer(200, body)[:2] == (ReportStatus.UNKNOWN, 0)


@pytest.mark.parametrize("status", [200, 400])
def test_a_killed_order_is_a_clean_miss(status: int) -> None:
    fok = "order couldn't be fully filled. FOK orders are fully filled or killed."
    fak = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
    for text, code in ((fok, "fok_not_filled"), (fak, "fak_not_filled")):
        body = {"success": False, "errorMsg": text, "orderID": ""} if status == 200 else {"error": text}
        assert answer(status, body) == (ReportStatus.DONE, 0, code)


def test_a_duplicate_is_not_a_refusal() -> None:
    text = f"order {ORDER_ID} is invalid. Duplicated."
    assert answer(400, {"error": text}) == (ReportStatus.UNKNOWN, 0, "duplicated")
    assert answer(200, {"success": False, "errorMsg": text}) == (ReportStatus.UNKNOWN, 0, "duplicated")


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (401, "Unauthorized/Invalid api key", "unauthorized"),
        (401, "Invalid L1 Request headers", "unauthorized"),
        (400, "Invalid order payload", "invalid_payload"),
        (400, "the order owner has to be the owner of the API KEY", "wrong_owner"),
        (400, "the order signer address has to be the address of the API KEY", "wrong_signer"),
        (400, "'0xabc' address banned", "banned"),
        (400, "0xabc address in closed only mode", "closed_only"),
        (400, "invalid post-only order: order crosses book", "post_only_would_cross"),
        (400, "order 0x1 crosses the book", "post_only_would_cross"),
        (400, "order 0x1 is invalid. Price (0.553) breaks minimum tick size rule: 0.01", "tick_size"),
        (400, "order 0x1 is invalid. Size (1) lower than the minimum: 5", "min_size"),
        (400, "not enough balance / allowance", "not_enough_balance"),
        (
            400,
            "not enough balance / allowance: the balance is not enough -> balance: 1, order amount: 2",
            "not_enough_balance",
        ),
        (400, "invalid expiration", "invalid_expiration"),
        (400, "order canceled in the CTF exchange contract", "canceled_on_chain"),
        (400, "order match delayed due to market conditions", "match_delayed"),
        (400, "the market is not yet ready to process new orders", "market_not_ready"),
        (400, "Too many orders in payload: 16, max allowed: 15", "too_many_orders"),
        (400, "order_version_mismatch", "version_mismatch"),
        (400, "invalid signature", "invalid_signature"),
        (400, "maker address not allowed, please use the deposit wallet flow", "maker_not_allowed"),
        (
            400,
            "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals",
            "invalid_amounts",
        ),
        (400, "a text nobody has seen", "refused"),
        (403, "Trading restricted in your region", "region"),
        (425, "engine restarting", "restarting"),
        (429, "slow down", "rate_limited"),
        (500, "order timed out", "order_timed_out"),
        (503, "Trading is currently disabled. Please try later", "trading_disabled"),
        (503, "Trading is currently cancel-only. New orders are not accepted", "cancel_only"),
    ],
)
def test_a_refusal_is_final_and_has_a_code(status: int, text: str, code: str) -> None:
    assert answer(status, {"error": text}) == (ReportStatus.REJECTED, 0, code)
    assert read_post_answer(status, json.dumps({"error": text}).encode(), ORDER_ID, an_intent()).reason == text


def test_post_only_mode_is_a_refusal() -> None:
    made = {"error": "x", "code": "post_only_mode", "retry_after_seconds": 79}
    assert answer(503, made) == (ReportStatus.REJECTED, 0, "post_only_mode")
    batch = {"success": True, "errorMsg": "exchange is in post-only mode", "orderID": "", "status": ""}
    assert answer(200, batch) == (ReportStatus.REJECTED, 0, "post_only_mode")


def test_a_page_of_the_front_door_is_a_refusal() -> None:
    assert answer(403, b"error code: 1010") == (ReportStatus.REJECTED, 0, "forbidden")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": "there are no matching orders"}),
        (500, {"error": "could not insert order"}),
        (500, {"error": "not enough balance / allowance"}),
        (500, b""),
        (502, {"error": "order timed out"}),
        (503, {"error": "upstream"}),
        (504, b"<html>timeout</html>"),
        (404, {"error": "market not found"}),
        (400, {"error": "context canceled"}),
        (400, b""),
        (302, b""),
    ],
)
def test_whatever_may_have_happened_is_unknown(status: int, body: object) -> None:
    assert answer(status, body)[0] is ReportStatus.UNKNOWN


@given(status=st.sampled_from([200, 201, 400, 404, 500, 503]), raw=st.binary(max_size=60))
def test_no_bytes_can_break_the_reader_or_make_a_fill(status: int, raw: bytes) -> None:
    assert read_post_answer(status, raw, ORDER_ID, an_intent()).filled == 0
