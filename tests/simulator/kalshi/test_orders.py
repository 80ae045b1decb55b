"""Orders of the Kalshi simulator: fields, times in force, self trades, identities, routing, cancel, amend."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dutchbook.simulator.kalshi import KalshiExchange
from simulator.kalshi.member import DOLLAR, ONE, ORDERS, SECOND, T0, TICKER, Member, error_code, floor, spec

IOC, FOK = "immediate_or_cancel", "fill_or_kill"


def book(member: Member) -> tuple[list[list[str]], list[list[str]]]:
    shown = member.get(f"/markets/{TICKER}/orderbook")["orderbook_fp"]
    return shown["yes_dollars"], shown["no_dollars"]


def quoted(bids: list[tuple[int, int]], asks: list[tuple[int, int]], **changes: Any) -> tuple[KalshiExchange, Member]:
    """The floor with house quotes in cents and contracts."""
    exchange, ann = floor(**changes)
    scaled = [[(price * 10_000, size * ONE) for price, size in side] for side in (bids, asks)]
    exchange.quote(TICKER, "mm", scaled[0], scaled[1], T0)
    return exchange, ann


# The YES-leg table


@pytest.mark.parametrize(
    ("intent", "side", "price", "before", "after", "cash"),
    [
        ("buy YES at 0.60", "bid", "0.6000", None, "10.00", -6 * DOLLAR),
        ("sell YES at 0.40", "ask", "0.4000", "bid", "0.00", 4 * DOLLAR),
        ("buy NO at 0.60", "ask", "0.4000", None, "-10.00", -6 * DOLLAR),
        ("sell NO at 0.40", "bid", "0.6000", "ask", "0.00", 4 * DOLLAR),
    ],
)
def test_every_intent_is_one_side_of_the_yes_leg(
    intent: str, side: str, price: str, before: str | None, after: str, cash: int
) -> None:
    _, ann = quoted([(40, 100)], [(60, 100)], taker_rate="0")
    if before is not None:
        ann.placed(before, "0.6000" if before == "bid" else "0.4000", "10", IOC)
    had = ann.exchange.statement("ann")["cash"][0]
    assert ann.placed(side, price, "10", IOC)["fill_count"] == "10.00"
    assert ann.position() == after
    assert ann.exchange.statement("ann")["cash"][0] - had == cash


def test_selling_more_than_is_held_closes_first_and_then_opens_no() -> None:
    _, ann = quoted([(40, 100)], [(60, 100)], taker_rate="0")
    ann.placed("bid", "0.6000", "10", IOC)
    ann.placed("ask", "0.4000", "25", IOC)
    assert ann.position() == "-15.00"
    assert ann.balance() == "989.0000"  # 1000 - 10 x 0.60 + 10 x 0.40 - 15 x 0.60


def test_no_bids_are_shown_as_one_minus_the_ask() -> None:
    _, ann = quoted([(40, 1), (38, 2)], [(60, 3), (61, 4)])
    assert book(ann) == ([["0.3800", "2.00"], ["0.4000", "1.00"]], [["0.3900", "4.00"], ["0.4000", "3.00"]])


# Times in force


def test_a_resting_order_is_not_a_fill() -> None:
    _, ann = quoted([(40, 10)], [(60, 10)])
    answer = ann.placed("bid", "0.5000", "10")
    assert (answer["fill_count"], answer["remaining_count"]) == ("0.00", "10.00")
    assert "average_fill_price" not in answer
    assert "average_fee_paid" not in answer
    assert ann.read(answer["order_id"])["status"] == "resting"
    assert ann.get("/portfolio/fills")["fills"] == []


def test_an_ioc_takes_what_is_there_and_cancels_the_rest() -> None:
    _, ann = quoted([], [(50, 4), (51, 3), (60, 10)])
    answer = ann.placed("bid", "0.5500", "10", IOC)
    assert (answer["fill_count"], answer["remaining_count"]) == ("7.00", "0.00")
    assert answer["average_fill_price"] == "0.504286"
    assert ann.read(answer["order_id"])["status"] == "canceled"
    assert book(ann) == ([], [["0.4000", "10.00"]])


def test_a_gtc_rests_what_it_could_not_take() -> None:
    _, ann = quoted([], [(50, 4)])
    answer = ann.placed("bid", "0.5500", "10")
    assert (answer["fill_count"], answer["remaining_count"]) == ("4.00", "6.00")
    assert book(ann) == ([["0.5500", "6.00"]], [])


def test_a_fok_fills_whole_or_not_at_all() -> None:
    _, ann = quoted([], [(50, 4), (51, 3)])
    missed = ann.placed("bid", "0.5500", "8", FOK)
    assert (missed["fill_count"], missed["remaining_count"]) == ("0.00", "0.00")
    assert ann.read(missed["order_id"])["status"] == "canceled"
    assert ann.placed("bid", "0.5500", "7", FOK)["fill_count"] == "7.00"


def test_a_fok_miss_can_be_a_rejection() -> None:
    exchange, ann = quoted([], [(50, 4)])
    exchange.fok_miss = "reject"
    response = ann.order("bid", "0.5500", "8", FOK)
    assert response.status == 400
    assert json.loads(response.body)["error"]["details"] == "FOK_INSUFFICIENT_VOLUME"
    assert ann.get("/portfolio/orders")["orders"] == []


def test_price_improvement_is_paid_at_the_makers_price() -> None:
    _, ann = quoted([], [(30, 10)], taker_rate="0")
    assert ann.placed("bid", "0.9000", "10", IOC)["average_fill_price"] == "0.3000"
    assert ann.balance() == "997.0000"


def test_a_post_only_order_that_would_trade_is_accepted_and_cancelled() -> None:
    _, ann = quoted([], [(50, 4)])
    answer = ann.placed("bid", "0.5000", "10", post_only=True)
    assert (answer["fill_count"], answer["remaining_count"]) == ("0.00", "0.00")
    assert ann.read(answer["order_id"])["last_update_reason"] == "PostOnlyCrossCancel"
    assert ann.placed("bid", "0.4900", "10", post_only=True)["remaining_count"] == "10.00"


def test_an_expiring_order_leaves_at_its_second() -> None:
    exchange, ann = quoted([], [])
    answer = ann.placed("bid", "0.4000", "10", expiration_time=T0 // SECOND + 60)
    assert exchange.wake_at() == T0 + 60 * SECOND
    ann.now = T0 + 60 * SECOND - 1
    assert ann.read(answer["order_id"])["status"] == "resting"
    ann.now += 1
    row = ann.read(answer["order_id"])
    assert (row["status"], row["last_update_reason"], row["remaining_count_fp"]) == ("canceled", "ExpiryCancel", "0.00")
    assert book(ann) == ([], [])


@pytest.mark.parametrize(("amended", "status"), [(None, "canceled"), (0, "resting"), (T0 // SECOND + 90, "resting")])
def test_an_amendment_can_move_or_remove_the_expiry(amended: int | None, status: str) -> None:
    _, ann = floor()
    order_id = ann.placed("bid", "0.4000", "10", expiration_time=T0 // SECOND + 60)["order_id"]
    body = {"ticker": TICKER, "side": "bid", "price": "0.4000", "count": "10", "expiration_time": amended}
    sent = {key: value for key, value in body.items() if value is not None}
    assert ann.send("POST", f"{ORDERS}/{order_id}/amend", sent).status == 200
    ann.now = T0 + 60 * SECOND
    assert ann.read(order_id)["status"] == status


def test_reduce_only_is_capped_by_the_position() -> None:
    _, ann = quoted([(40, 100)], [(60, 100)])
    ann.placed("bid", "0.6000", "10", IOC)
    assert ann.placed("ask", "0.4000", "25", IOC, reduce_only=True)["fill_count"] == "10.00"
    assert ann.position() == "0.00"
    assert ann.placed("ask", "0.4000", "25", IOC, reduce_only=True)["fill_count"] == "0.00"


# Fields


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "0.505"}, "invalid_price"),
        ({"price": "0.0000"}, "invalid_price"),
        ({"price": "1.0000"}, "invalid_price"),
        ({"price": "0.5"}, "invalid_price"),
        ({"price": "0.50000"}, "invalid_price"),
        ({"price": 0.5}, "invalid_price"),
        ({"price": "-0.50"}, "invalid_price"),
        ({"count": "1.005"}, "invalid_order_size"),
        ({"count": "0.00"}, "invalid_order_size"),
        ({"count": 1}, "invalid_order_size"),
        ({"count": None}, "invalid_order_size"),
        ({"side": "yes"}, "invalid_parameters"),
        ({"time_in_force": "GTT"}, "invalid_parameters"),
        ({"time_in_force": None}, "invalid_parameters"),
        ({"self_trade_prevention_type": None}, "invalid_parameters"),
        ({"post_only": "yes"}, "invalid_parameters"),
        ({"reduce_only": True}, "invalid_order"),
        ({"reduce_only": True, "time_in_force": FOK}, "invalid_order"),
        ({"time_in_force": IOC, "expiration_time": T0 // SECOND + 60}, "invalid_order"),
        ({"expiration_time": T0 // SECOND - 60}, "invalid_order"),
        ({"time_in_force": IOC, "post_only": True}, "invalid_order"),
        ({"client_order_id": "x" * 65}, "invalid_order"),
        ({"subaccount": 1}, "invalid_parameters"),
    ],
)
def test_a_malformed_order_is_refused_with_a_reason(change: dict[str, Any], code: str) -> None:
    _, ann = floor()
    assert _refusal(ann, change) == (400, code)


def _refusal(member: Member, change: dict[str, Any]) -> tuple[int, str]:
    body = {
        "ticker": TICKER,
        "side": "bid",
        "price": "0.5000",
        "count": "1",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    response = member.send("POST", ORDERS, {k: v for k, v in (body | change).items() if v is not None})
    return response.status, error_code(response)


@pytest.mark.parametrize(
    ("tick", "price", "status"),
    [
        (25_000, "0.0250", 201),
        (25_000, "0.0150", 400),
        (25_000, "0.0100", 201),
        (1000, "0.5050", 201),
        (1000, "0.5055", 400),
        (100, "0.5055", 201),
    ],
)
def test_the_price_grid_is_the_markets_own(tick: int, price: str, status: int) -> None:
    _, ann = floor(tick=tick)
    assert ann.order("bid", price, "1").status == status


def test_fractions_of_a_contract_trade() -> None:
    _, ann = quoted([], [(50, 1)])
    assert ann.placed("bid", "0.50", "0.37", IOC)["fill_count"] == "0.37"
    assert ann.position() == "0.37"
    assert book(ann)[1] == [["0.5000", "0.63"]]


def test_v1_writes_are_gone() -> None:
    _, ann = floor()
    for method, path in (
        ("POST", "/portfolio/orders"),
        ("DELETE", "/portfolio/orders/x"),
        ("POST", "/portfolio/orders/batched"),
    ):
        response = ann.send(method, path, {})
        assert response.status == 410
        assert json.loads(response.body) == {
            "error": {
                "code": "deprecated_v1_order_endpoint",
                "message": "Please switch to the V2 endpoints",
                "details": "https://docs.kalshi.com/api-reference/orders/create-order-v2",
            }
        }


def test_orders_need_an_open_market() -> None:
    exchange, ann = floor()
    exchange.list_market(spec("KXLATER-1-A", opens_ns=T0 + SECOND), T0)
    assert ann.refused("bid", "0.5000", "1", ticker="KXLATER-1-A") == (400, "market_inactive")
    assert ann.refused("bid", "0.5000", "1", ticker="KXNONE") == (404, "market_not_found")
    resting = ann.placed("bid", "0.4000", "1")
    ann.now = T0 + 3600 * SECOND
    assert ann.refused("bid", "0.5000", "1") == (400, "market_already_closed")
    assert ann.read(resting["order_id"])["last_update_reason"] == "CloseCancel"


def test_a_trading_pause_stops_placing_but_not_cancelling() -> None:
    exchange, ann = floor()
    kept = ann.placed("bid", "0.4000", "1")
    flagged = ann.placed("bid", "0.4000", "1", cancel_order_on_pause=True)
    exchange.pause_trading(T0)
    assert ann.refused("bid", "0.4000", "1") == (400, "trading_paused")
    assert ann.get("/exchange/status")["trading_active"] is False
    assert ann.read(flagged["order_id"])["last_update_reason"] == "HaltCancel"
    assert ann.send("DELETE", f"{ORDERS}/{kept['order_id']}").status == 200
    exchange.resume_trading(T0)
    ann.placed("bid", "0.4000", "1")


# Self trades


def test_taker_at_cross_lets_an_own_resting_order_kill_the_incoming_one() -> None:
    _, ann = quoted([], [(50, 4)])
    own = ann.placed("ask", "0.5100", "5")
    answer = ann.placed("bid", "0.5500", "10", IOC)
    assert answer["fill_count"] == "4.00"
    assert ann.read(answer["order_id"])["last_update_reason"] == "SelfTradeCancel"
    assert ann.read(own["order_id"])["status"] == "resting"


def test_maker_prevention_cancels_the_resting_order_and_goes_on() -> None:
    _, ann = quoted([], [(50, 4), (52, 4)])
    own = ann.placed("ask", "0.5100", "5")
    answer = ann.placed("bid", "0.5500", "8", IOC, self_trade_prevention_type="maker")
    assert answer["fill_count"] == "8.00"
    assert ann.read(own["order_id"])["last_update_reason"] == "SelfTradeCancel"


def test_a_self_crossing_fok_behaves_like_ioc() -> None:
    _, ann = quoted([], [(50, 4)])
    ann.placed("ask", "0.5100", "5")
    assert ann.placed("bid", "0.5500", "9", FOK)["fill_count"] == "4.00"


# Identity


def test_a_client_order_id_of_an_open_order_is_a_conflict() -> None:
    _, ann = floor()
    first = ann.placed("bid", "0.4000", "1", client_order_id="abc")
    response = ann.order("bid", "0.4000", "1", client_order_id="abc")
    assert response.status == 409
    error = json.loads(response.body)["error"]
    assert error["message"] == "Order with this client_order_id already exists"
    assert "order_id" not in error
    assert len(ann.get("/portfolio/orders")["orders"]) == 1
    ann.send("DELETE", f"{ORDERS}/{first['order_id']}")
    ann.placed("bid", "0.4000", "1", client_order_id="abc")


def test_an_ioc_that_filled_and_is_sent_again_fills_twice() -> None:
    _, ann = quoted([], [(50, 10)])
    for _ in range(2):
        assert ann.placed("bid", "0.5000", "3", IOC, client_order_id="abc")["fill_count"] == "3.00"
    assert ann.position() == "6.00"


# Cancel, decrease, amend


def test_cancel_says_how_much_was_taken_out_and_a_second_one_finds_nothing() -> None:
    _, ann = quoted([], [(50, 4)])
    order_id = ann.placed("bid", "0.5000", "10", client_order_id="abc")["order_id"]
    answer = json.loads(ann.send("DELETE", f"{ORDERS}/{order_id}").body)
    assert answer == {"order_id": order_id, "client_order_id": "abc", "reduced_by": "6.00", "ts_ms": T0 // 1_000_000}
    assert ann.send("DELETE", f"{ORDERS}/{order_id}").status == 404


def test_a_cancel_without_a_route_searches_shard_zero_only() -> None:
    _, ann = floor(shard=2)
    order_id = ann.placed("bid", "0.5000", "1")["order_id"]
    path = f"{ORDERS}/{order_id}"
    assert ann.send("DELETE", path).status == 404
    assert ann.send("DELETE", path + "?exchange_index=1").status == 404
    assert ann.send("DELETE", path + "?exchange_index=-1").status == 400
    assert ann.send("DELETE", path + f"?market_ticker={TICKER}").status == 200
    other = ann.placed("bid", "0.5000", "1")["order_id"]
    assert ann.send("DELETE", f"{ORDERS}/{other}?exchange_index=2").status == 200


def test_another_members_order_cannot_be_seen_or_cancelled() -> None:
    exchange, ann = floor()
    bob = Member(exchange, "bob", {0: DOLLAR})
    order_id = ann.placed("bid", "0.5000", "1")["order_id"]
    assert bob.send("GET", f"/portfolio/orders/{order_id}").status == 404
    assert bob.send("DELETE", f"{ORDERS}/{order_id}?market_ticker={TICKER}").status == 404


def test_cancel_all_empties_every_shard() -> None:
    exchange, ann = floor()
    exchange.list_market(spec("KXBTC-1-A", shard=2), T0)
    carl = Member(exchange, "carl", {0: 10 * DOLLAR, 2: 10 * DOLLAR})
    carl.placed("bid", "0.5000", "1")
    carl.placed("bid", "0.5000", "1", ticker="KXBTC-1-A")
    ann.placed("bid", "0.4000", "1")
    response = carl.send("DELETE", ORDERS)
    assert (response.status, response.body) == (204, b"")
    assert carl.get("/portfolio/orders?status=resting")["orders"] == []
    assert len(ann.get("/portfolio/orders?status=resting")["orders"]) == 1


def test_batch_items_stand_alone() -> None:
    _, ann = floor()
    good = {
        "ticker": TICKER,
        "side": "bid",
        "price": "0.40",
        "count": "1",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "maker",
        "client_order_id": "one",
    }
    response = ann.send(
        "POST", ORDERS + "/batched", {"orders": [good, good | {"price": "0.405", "client_order_id": "two"}]}
    )
    assert response.status == 201
    first, second = json.loads(response.body)["orders"]
    assert first["remaining_count"] == "1.00"
    assert (second["client_order_id"], second["error"]["code"]) == ("two", "invalid_price")
    items = [{"order_id": first["order_id"], "market_ticker": TICKER}, {"order_id": "gone", "exchange_index": 0}]
    done, missed = json.loads(ann.send("DELETE", ORDERS + "/batched", {"orders": items}).body)["orders"]
    assert done["reduced_by"] == "1.00"
    assert (missed["order_id"], missed["reduced_by"], missed["error"]["code"]) == ("gone", "0.00", "not_found")


def two_in_line() -> tuple[KalshiExchange, Member, Member, str]:
    """ann's order of 10 stands before bob's at the same price."""
    exchange, ann = floor()
    bob = Member(exchange, "bob", {0: 100 * DOLLAR})
    order_id = ann.placed("bid", "0.4000", "10", client_order_id="abc")["order_id"]
    bob.placed("bid", "0.4000", "10")
    return exchange, ann, bob, order_id


def test_a_decrease_keeps_the_place_in_the_queue() -> None:
    exchange, ann, bob, order_id = two_in_line()
    path = f"{ORDERS}/{order_id}/decrease"
    assert ann.send("POST", path, {"reduce_by": "1", "reduce_to": "2", "market_ticker": TICKER}).status == 400
    answer = json.loads(ann.send("POST", path, {"reduce_by": "4", "market_ticker": TICKER}).body)
    assert answer["remaining_count"] == "6.00"
    exchange.take(TICKER, "flow", False, 400_000, 6 * ONE, T0)
    assert (ann.position(), bob.position()) == ("6.00", "0.00")


@pytest.mark.parametrize(("total", "first"), [("8", True), ("12", False)])
def test_only_a_smaller_amendment_keeps_the_place_in_the_queue(total: str, first: bool) -> None:
    exchange, ann, bob, order_id = two_in_line()
    body = {"ticker": TICKER, "side": "bid", "price": "0.4000", "count": total}
    response = ann.send("POST", f"{ORDERS}/{order_id}/amend", body)
    assert response.status == 200
    assert json.loads(response.body)["remaining_count"] == f"{total}.00"
    assert ann.read(order_id)["initial_count_fp"] == f"{total}.00"
    exchange.take(TICKER, "flow", False, 400_000, 5 * ONE, T0)
    assert (ann.position(), bob.position()) == (("5.00", "0.00") if first else ("0.00", "5.00"))


def test_an_amendment_counts_what_was_filled_and_may_trade() -> None:
    exchange, ann, _, order_id = two_in_line()
    exchange.take(TICKER, "flow", False, 400_000, 3 * ONE, T0)
    exchange.quote(TICKER, "mm", [], [(450_000, 2 * ONE)], T0)
    body = {"ticker": TICKER, "side": "bid", "price": "0.4500", "count": "8", "updated_client_order_id": "new"}
    answer = json.loads(ann.send("POST", f"{ORDERS}/{order_id}/amend", body).body)
    assert (answer["fill_count"], answer["remaining_count"], answer["average_fill_price"]) == ("2.00", "3.00", "0.4500")
    row = ann.read(order_id)
    assert (row["fill_count_fp"], row["initial_count_fp"], row["client_order_id"]) == ("5.00", "8.00", "new")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": "ask"}, "order_side_mismatch"),
        ({"client_order_id": "other"}, "order_id_and_client_order_id_mismatch"),
        ({"price": "0.405"}, "invalid_price"),
        ({"count": "0"}, "invalid_order"),
    ],
)
def test_an_amendment_that_does_not_fit_changes_nothing(change: dict[str, str], code: str) -> None:
    _, ann, _, order_id = two_in_line()
    body = {"ticker": TICKER, "side": "bid", "price": "0.4100", "count": "10"} | change
    response = ann.send("POST", f"{ORDERS}/{order_id}/amend", body)
    assert (response.status, error_code(response)) == (400, code)
    assert ann.read(order_id)["yes_price_dollars"] == "0.4000"


# House makers


def test_unchanged_quotes_keep_their_place_in_the_queue() -> None:
    exchange, ann = quoted([(40, 10)], [])
    ann.placed("bid", "0.4000", "5")
    exchange.quote(TICKER, "mm", [(400_000, 10 * ONE), (390_000, ONE)], [], T0)
    exchange.take(TICKER, "flow", False, 400_000, 10 * ONE, T0)
    assert ann.position() == "0.00"
    exchange.take(TICKER, "flow", False, 400_000, 3 * ONE, T0)
    assert ann.position() == "3.00"


def test_a_quote_that_crosses_trades_first() -> None:
    exchange, ann = quoted([], [])
    ann.placed("ask", "0.4500", "5")
    exchange.quote(TICKER, "mm", [(460_000, 8 * ONE)], [], T0)
    assert ann.position() == "-5.00"
    assert ann.get("/portfolio/fills")["fills"][0]["is_taker"] is False
    assert book(ann) == ([["0.4600", "3.00"]], [])
    assert exchange.best(TICKER) == (460_000, None)
