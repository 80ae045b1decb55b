"""Posting and cancelling: every order type, and every way to be refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dutchbook.simulator.polymarket import signing
from dutchbook.simulator.polymarket.venue import Mode
from simulator.polymarket.trader import GAME, SECOND, World, error, spec

FOK_TEXT = "order couldn't be fully filled. FOK orders are fully filled or killed."


def test_a_resting_order_is_live_and_not_a_fill() -> None:
    world = World()
    ann = world.trader()
    posted = ann.done("BUY", "0.40", "10")
    assert posted["status"] == "live"
    assert (posted["makingAmount"], posted["takingAmount"], posted["tradeIDs"]) == ("", "", [])
    assert [row["id"] for row in ann.read("/data/orders")["data"]] == [posted["orderID"]]
    assert ann.read("/data/trades")["data"] == []
    assert ann.money["cash"] == 1000_000_000


def test_the_order_id_is_the_eip712_hash() -> None:
    world = World()
    ann = world.trader()
    body = ann.body("BUY")
    order = body["order"]
    fields = signing.SignedFields(
        salt=order["salt"],
        maker=order["maker"],
        signer=order["signer"],
        token_id=int(order["tokenId"]),
        maker_amount=5_000_000,
        taker_amount=10_000_000,
        side=0,
        signature_type=0,
        timestamp=int(order["timestamp"]),
        metadata=order["metadata"],
        builder=order["builder"],
    )
    expected = "0x" + signing.order_hash(fields, signing.Domain(signing.CTF_EXCHANGE_V2, "2")).hex()
    assert json.loads(ann.call("POST", "/order", body).body)["orderID"] == expected


def test_an_immediate_match_reports_amounts_and_trades_but_no_transaction() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.55", "100")])
    posted = ann.done("BUY", "0.55", "5", order_type="FOK")
    assert posted["status"] == "matched"
    assert (posted["makingAmount"], posted["takingAmount"]) == ("2.75", "5")
    assert len(posted["tradeIDs"]) == 1
    assert posted["transactionsHashes"] == []


def test_a_gtc_takes_what_crosses_and_rests_the_remainder() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.50", "4"), ("0.60", "100")])
    posted = ann.done("BUY", "0.55", "10")
    assert (posted["status"], posted["takingAmount"], posted["makingAmount"]) == ("matched", "4", "2")
    row = ann.read(f"/data/order/{posted['orderID']}")
    assert (row["status"], row["original_size"], row["size_matched"]) == ("ORDER_STATUS_LIVE", "10", "4")
    assert world.exchange.best(GAME) == (550_000, 600_000)


def test_a_fok_that_cannot_fill_is_killed_without_a_trace() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.50", "9.99")])
    assert ann.refused("BUY", "0.50", "10", order_type="FOK") == FOK_TEXT
    assert world.exchange.best(GAME) == (None, 500_000)
    assert ann.money["cash"] == 1000_000_000
    assert ann.read("/data/trades")["data"] == []


def test_a_fok_kill_may_come_as_a_200_with_the_same_text() -> None:
    world = World()
    ann = world.trader()
    world.exchange.fok_kill_status = 200
    answer = json.loads(ann.post("BUY", order_type="FOK").body)
    assert (answer["success"], answer["errorMsg"], answer["tradeIDs"]) == (False, FOK_TEXT, [])


def test_a_fak_takes_what_is_there_and_drops_the_rest() -> None:
    world = World()
    ann = world.trader()
    assert ann.refused("BUY", order_type="FAK").startswith("no orders found to match with FAK order.")
    world.quote([], [("0.50", "4")])
    assert ann.done("BUY", order_type="FAK")["takingAmount"] == "4"
    assert ann.read("/data/orders")["data"] == []
    assert ann.money["held_cash"] == 0


def test_a_gtd_needs_three_minutes_and_ends_a_minute_early() -> None:
    world = World()
    ann = world.trader()
    second = world.now // SECOND
    assert ann.refused("BUY", order_type="GTD", expiration=second + 180) == "invalid expiration"
    posted = ann.done("BUY", order_type="GTD", expiration=second + 181)
    world.pass_time((second + 121) * SECOND - world.now - 1)
    assert len(ann.read("/data/orders")["data"]) == 1
    world.pass_time(1)
    assert ann.read("/data/orders")["data"] == []
    assert ann.read(f"/data/order/{posted['orderID']}")["status"] == "ORDER_STATUS_CANCELED"
    assert ann.money["held_cash"] == 0


def test_only_a_gtd_has_an_expiration() -> None:
    world = World()
    ann = world.trader()
    assert ann.refused("BUY", expiration=world.now // SECOND + 9999) == "invalid expiration"


def test_post_only_rests_or_is_refused() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.50", "100")])
    assert ann.refused("BUY", "0.50", postOnly=True) == "invalid post-only order: order crosses book"
    assert ann.done("BUY", "0.49", postOnly=True)["status"] == "live"
    assert ann.refused("BUY", "0.50", postOnly=True, order_type="FOK") == "Invalid order payload"


def test_the_same_signed_bytes_cannot_fill_twice() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.50", "100")])
    body = ann.body("BUY", order_type="FOK")
    first = json.loads(ann.call("POST", "/order", body).body)
    again = ann.call("POST", "/order", body)
    assert (again.status, error(again)) == (400, f"order {first['orderID']} is invalid. Duplicated.")
    assert len(ann.read("/data/trades")["data"]) == 1


@pytest.mark.parametrize(("remembered", "text"), [(True, "Duplicated."), (False, FOK_TEXT)])
def test_whether_a_killed_hash_is_remembered_is_a_knob(remembered: bool, text: str) -> None:
    world = World()
    ann = world.trader()
    world.exchange.killed_is_duplicate = remembered
    body = ann.body("BUY", order_type="FOK")
    assert error(ann.call("POST", "/order", body)) == FOK_TEXT
    assert error(ann.call("POST", "/order", body)).endswith(text)


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
@pytest.mark.parametrize("neg_risk", [False, True])
def test_every_wallet_type_can_trade_on_either_exchange(kind: int, neg_risk: bool) -> None:
    world = World(spec(neg_risk=neg_risk))
    ann = world.trader(signature_type=kind)
    assert ann.done("BUY")["status"] == "live"
    assert ann.read("/data/orders")["data"][0]["maker_address"] == ann.fields["funder"]
    assert ann.balance() == 1000_000_000
    assert ann.balance(kind=(kind + 1) % 4) == 0


@pytest.mark.parametrize("kind", [0, 3])
@pytest.mark.parametrize(
    "domain",
    [signing.Domain(signing.NEG_RISK_EXCHANGE_V2, "2"), signing.Domain(signing.EXCHANGE_V3, "3"),
     signing.Domain(signing.CTF_EXCHANGE_V2, "1"), signing.Domain(signing.CTF_EXCHANGE_V2, "2", 80002)],
)  # fmt: skip
def test_an_order_signed_for_another_exchange_is_an_invalid_signature(kind: int, domain: signing.Domain) -> None:
    assert World().trader(signature_type=kind).refused("BUY", domain=domain) == "invalid signature"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"makerAmount": "4000000"}, "invalid signature"),
        ({"signature": "0x" + "11" * 65}, "invalid signature"),
        ({"signature": "0xzz"}, "Invalid order payload"),
        ({"owner": "somebody-else"}, "the order owner has to be the owner of the API KEY"),
        ({"signer": "0x" + "22" * 20}, "the order signer address has to be the address of the API KEY"),
        ({"maker": "0x" + "22" * 20}, "maker address not allowed, please use the deposit wallet flow"),
        ({"signatureType": 1}, "maker address not allowed, please use the deposit wallet flow"),
        ({"salt": "12"}, "Invalid order payload"),
        ({"salt": 1 << 53}, "Invalid order payload"),
        ({"timestamp": "1795220183"}, "Invalid order payload"),
        ({"side": "HOLD"}, "Invalid order payload"),
        ({"makerAmount": "0"}, "Invalid order payload"),
        ({"makerAmount": "5.0"}, "Invalid order payload"),
        ({"orderType": "IOC"}, "Invalid order payload"),
        ({"tokenId": "1234"}, "the orderbook 1234 does not exist"),
    ],
)
def test_a_tampered_order_is_refused_with_its_own_text(changes: dict[str, Any], text: str) -> None:
    ann = World().trader()
    assert ann.refused("BUY", **changes) == text
    assert ann.read("/data/orders")["data"] == []


def test_an_order_of_the_first_version_is_told_so() -> None:
    ann = World().trader()
    body = ann.body("BUY")
    del body["order"]["timestamp"]
    body["order"] |= {"nonce": "0", "feeRateBps": "0", "taker": "0x" + "00" * 20}
    assert error(ann.call("POST", "/order", body)) == "order_version_mismatch"
    assert error(ann.call("POST", "/order", b"{")) == "Invalid order payload"


def test_unknown_fields_in_a_posting_do_no_harm() -> None:
    assert World().trader().post("BUY", somethingNew=[1]).status == 200


def test_a_price_off_the_tick_is_refused() -> None:
    ann = World().trader()
    text = ann.refused("BUY", "0.555", "10")
    assert text.startswith("order 0x")
    assert text.endswith("is invalid. Price (0.555) breaks minimum tick size rule: 0.01")


def test_a_fok_with_too_many_decimals_is_refused_even_on_the_grid() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.58", "100")])
    assert "max accuracy of 2 decimals" in ann.refused("BUY", "0.58", "1.74", order_type="FOK")


def test_a_resting_order_has_five_shares_but_a_taker_needs_only_a_dollar() -> None:
    world = World()
    ann = world.trader()
    assert ann.refused("BUY", "0.40", "4.99").endswith("Size (4.99) lower than the minimum: 5")
    world.quote([("0.30", "100")], [("0.50", "100")])
    assert ann.done("BUY", "0.50", "2", order_type="FOK")["takingAmount"] == "2"
    assert ann.refused("BUY", "0.50", "1.98", order_type="FOK") == (
        "invalid amount for a marketable BUY order ($0.99), min size: $1"
    )
    world.exchange.marketable_buy_minimum = 0
    assert ann.done("BUY", "0.50", "1.98", order_type="FOK")["takingAmount"] == "1.98"
    world.pass_time(SECOND)
    assert ann.done("SELL", "0.30", "1", order_type="FOK")["takingAmount"] == "0.3"


def test_money_held_by_open_orders_cannot_be_spent_again() -> None:
    ann = World().trader(cash="10")
    ann.done("BUY", "0.40", "20")
    text = ann.refused("BUY", "0.40", "6")
    assert text == (
        "not enough balance / allowance: the balance is not enough -> balance: 10000000, "
        "sum of active orders: 8000000, sum of matched orders: 0, order amount: 2400000"
    )
    ann.done("BUY", "0.40", "5")


def test_tokens_not_held_cannot_be_sold() -> None:
    ann = World().trader()
    assert ann.refused("SELL", "0.60", "10") == (
        "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 10000000"
    )


def test_without_an_approval_nothing_can_be_bought() -> None:
    world = World()
    ann = world.trader()
    world.exchange.accounts["ann"].allowance = 0
    assert "the allowance is not enough" in ann.refused("BUY")


def test_a_market_that_has_not_opened_takes_no_orders() -> None:
    world = World()
    world.exchange.list_market(spec("later", opens_ns=world.now + SECOND), world.now)
    ann = world.trader()
    assert ann.refused("BUY", market="later") == "the market is not yet ready to process new orders"
    world.pass_time(SECOND)
    assert ann.done("BUY", market="later")["status"] == "live"


def test_a_batch_has_independent_results_and_a_limit_of_fifteen() -> None:
    world = World()
    ann = world.trader()
    good, bad = ann.body("BUY", "0.40"), ann.body("SELL", "0.60")
    first, second = json.loads(ann.call("POST", "/orders", [good, bad]).body)
    assert (first["success"], first["status"]) == (True, "live")
    assert (second["success"], second["orderID"]) == (False, "")
    assert second["errorMsg"].startswith("not enough balance")
    many = ann.call("POST", "/orders", [good] * 16)
    assert error(many) == "Too many orders in payload: 16, max allowed: 15"


# --- cancels ----------------------------------------------------------------------------------------------------------


def test_a_cancel_frees_the_money_and_the_book() -> None:
    world = World()
    ann = world.trader()
    order_id = ann.done("BUY")["orderID"]
    answer = json.loads(ann.call("DELETE", "/order", {"orderID": order_id}).body)
    assert answer == {"canceled": [order_id], "not_canceled": {}}
    assert world.exchange.best(GAME) == (None, None)
    assert ann.money["held_cash"] == 0
    again = ann.call("DELETE", "/order", {"orderID": order_id})
    assert again.status == 200
    assert json.loads(again.body)["not_canceled"] == {order_id: "order can't be found - already canceled or matched"}


def test_somebody_elses_order_is_not_found() -> None:
    world = World()
    ann, bob = world.trader("ann"), world.trader("bob")
    order_id = ann.done("BUY")["orderID"]
    answer = json.loads(bob.call("DELETE", "/orders", [order_id]).body)
    assert answer == {"canceled": [], "not_canceled": {order_id: "order not found"}}
    missing = bob.call("GET", f"/data/order/{order_id}")
    assert (missing.status, error(missing)) == (404, "order not found")


def test_cancel_market_and_cancel_all_choose_their_orders() -> None:
    world = World(spec(), spec("other"))
    ann = world.trader()
    yes = ann.done("BUY", "0.40")["orderID"]
    no = ann.done("BUY", "0.40", leg="no")["orderID"]
    other = ann.done("BUY", "0.40", market="other")["orderID"]
    condition, _, no_token = world.exchange.tokens(GAME)
    body = {"market": condition, "asset_id": no_token}
    assert json.loads(ann.call("DELETE", "/cancel-market-orders", body).body)["canceled"] == [no]
    assert json.loads(ann.call("DELETE", "/cancel-all").body)["canceled"] == [yes, other]


def test_more_than_a_thousand_cancels_are_too_many() -> None:
    refused = World().trader().call("DELETE", "/orders", ["0x1"] * 1001)
    assert (refused.status, error(refused)) == (400, "Too many orders in payload, max allowed: 1000")


def test_a_missed_heartbeat_cancels_everything_of_its_key() -> None:
    world = World()
    ann, bob = world.trader("ann"), world.trader("bob")
    ann.done("BUY", "0.40")
    bob.done("BUY", "0.30")
    world.pass_time(60 * SECOND)
    assert len(ann.read("/data/orders")["data"]) == 1, "no heartbeat was ever sent"
    beat = json.loads(ann.call("POST", "/v1/heartbeats", {"heartbeat_id": ""}).body)["heartbeat_id"]
    world.pass_time(9 * SECOND)
    beat = json.loads(ann.call("POST", "/v1/heartbeats", {"heartbeat_id": beat}).body)["heartbeat_id"]
    world.pass_time(9 * SECOND)
    assert len(ann.read("/data/orders")["data"]) == 1
    stale = ann.call("POST", "/v1/heartbeats", {"heartbeat_id": "old"})
    assert stale.status == 400
    assert json.loads(stale.body)["error_msg"] == "Invalid Heartbeat ID"
    assert json.loads(stale.body)["heartbeat_id"] == beat
    world.pass_time(SECOND)
    assert ann.read("/data/orders")["data"] == []
    assert len(bob.read("/data/orders")["data"]) == 1
    assert ann.call("POST", "/v1/heartbeats", {"heartbeat_id": ""}).status == 200


@pytest.mark.parametrize(
    ("mode", "taker", "maker", "cancel"),
    [
        ("restarting", 425, 425, 425),
        ("post_only", 503, 200, 200),
        ("cancel_only", 503, 503, 200),
        ("disabled", 503, 503, 503),
    ],
)
def test_the_modes_of_the_engine_refuse_what_they_refuse(mode: Mode, taker: int, maker: int, cancel: int) -> None:
    world = World()
    ann = world.trader()
    world.exchange.mode = mode
    assert ann.post("BUY").status == taker
    assert ann.post("BUY", postOnly=True).status == maker
    assert ann.call("DELETE", "/cancel-all").status == cancel
    if mode == "post_only":
        refused = ann.post("BUY")
        assert json.loads(refused.body)["code"] == "post_only_mode"
        assert refused.headers["retry-after"] == "79"
