"""The exchange's token buckets: 10 a request, 2 a cancel, batches as a whole, and a 429 that says nothing more."""

from __future__ import annotations

import json

from simulator.kalshi.member import ONE, ORDERS, SECOND, TICKER, Member, floor

BID = {"ticker": TICKER, "side": "bid", "price": "0.10", "count": "1", "time_in_force": "good_till_canceled",
       "self_trade_prevention_type": "maker"}  # fmt: skip


def limited() -> Member:
    exchange, ann = floor()
    exchange.limit_rates()
    return ann


def statuses(ann: Member, number: int, method: str, path: str, body: object = None) -> list[int]:
    return [ann.send(method, path, body).status for _ in range(number)]


def test_ten_orders_a_second_and_no_burst() -> None:
    ann = limited()
    ann.now += 60 * SECOND
    assert statuses(ann, 11, "POST", ORDERS, BID) == [201] * 10 + [429]
    ann.now += SECOND // 10
    assert statuses(ann, 2, "POST", ORDERS, BID) == [201, 429]


def test_a_refusal_is_a_plain_text_without_advice_when_to_come_back() -> None:
    ann = limited()
    statuses(ann, 10, "POST", ORDERS, BID)
    refused = ann.send("POST", ORDERS, BID)
    assert json.loads(refused.body) == {"error": "too many requests"}
    assert {name.lower() for name in refused.headers} == {"content-type"}


def test_cancels_cost_two_and_a_batch_is_all_or_nothing() -> None:
    ann = limited()
    assert statuses(ann, 51, "DELETE", f"{ORDERS}/nothing") == [404] * 50 + [429]
    ann.now += SECOND
    batch = {"orders": [BID] * 6}
    assert statuses(ann, 2, "POST", f"{ORDERS}/batched", batch) == [201, 429]
    assert len(ann.get("/portfolio/orders")["orders"]) == 6
    ann.now += SECOND
    cancels = {"orders": [{"order_id": "x"}] * 25}
    assert statuses(ann, 3, "DELETE", f"{ORDERS}/batched", cancels) == [200, 200, 429]


def test_a_named_shard_above_zero_is_billed_apart() -> None:
    exchange, ann = floor(shard=2)
    exchange.limit_rates()
    named = BID | {"exchange_index": 2}
    assert statuses(ann, 11, "POST", ORDERS, named) == [201] * 10 + [429]
    assert statuses(ann, 11, "POST", ORDERS, BID) == [201] * 10 + [429], "auto-routed: the common bucket"
    assert ann.send("DELETE", f"{ORDERS}/x?exchange_index=2&market_ticker={TICKER}").status == 429


def test_reads_have_their_own_bucket_and_orders_are_cheap_to_read() -> None:
    ann = limited()
    order = ann.placed("bid", "0.10", "1")["order_id"]
    assert statuses(ann, 200, "GET", f"/portfolio/orders/{order}") == [200] * 200
    assert statuses(ann, 1, "GET", "/portfolio/balance") == [429]
    assert statuses(ann, 1, "POST", ORDERS, BID) == [201]


def test_two_members_do_not_share_and_public_reads_count_for_the_key_they_name() -> None:
    exchange, ann = floor()
    exchange.limit_rates(read=(10, 20))
    ben = Member(exchange, "ben", {0: 10 * ONE})
    assert statuses(ann, 3, "GET", "/markets") == [200, 200, 429]
    assert statuses(ben, 2, "GET", "/exchange/status") == [200, 200]
    assert exchange.rate_limited == 1


def test_the_limits_that_are_told_are_those_that_are_kept() -> None:
    exchange, ann = floor()
    exchange.limit_rates(tier="expert", read=(600, 1200), write=(600, 1200))
    told = ann.get("/account/limits")
    assert told["usage_tier"] == "expert" and told["write"] == {"refill_rate": 600, "bucket_capacity": 1200}
    assert statuses(ann, 121, "POST", ORDERS, BID) == [201] * 120 + [429]
    costs = ann.get("/account/endpoint_costs")
    assert costs["default_cost"] == 10 and {row["cost"] for row in costs["endpoint_costs"]} == {2}


def test_without_limits_everything_passes() -> None:
    _, ann = floor()
    assert statuses(ann, 100, "POST", ORDERS, BID) == [201] * 100
