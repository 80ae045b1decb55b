"""Order groups: the exchange stops a member's orders when they trade too much within 15 seconds."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.kalshi.member import DOLLAR, ONE, SECOND, TICKER, Member, error_code, floor

GROUPS = "/portfolio/order_groups"


def grouped(limit: str = "5.00") -> tuple[Any, Member, str]:
    exchange, ann = floor()
    made = ann.send("POST", f"{GROUPS}/create", {"contracts_limit_fp": limit})
    assert made.status == 201
    (row,) = ann.get(GROUPS)["order_groups"]
    assert row["contracts_limit_fp"] == limit and row["is_auto_cancel_enabled"]
    return exchange, ann, row["id"]


def hit(exchange: Any, ann: Member, size: int) -> None:
    exchange.take(TICKER, "taker", False, 100_000, size * ONE, ann.now)


def test_fills_beyond_the_limit_cancel_the_group_and_refuse_new_orders_until_reset() -> None:
    exchange, ann, group = grouped()
    first = ann.placed("bid", "0.40", "10", order_group_id=group)["order_id"]
    second = ann.placed("bid", "0.30", "10", order_group_id=group)["order_id"]
    free = ann.placed("bid", "0.20", "10")["order_id"]
    hit(exchange, ann, 5)
    assert ann.read(first)["status"] == "resting", "the limit itself is allowed"
    hit(exchange, ann, 1)
    assert [ann.read(each)["status"] for each in (first, second, free)] == ["canceled", "canceled", "resting"]
    assert ann.read(first)["fill_count_fp"] == "6.00"
    assert ann.refused("bid", "0.10", "1", order_group_id=group) == (400, "invalid_order")
    assert not ann.get(GROUPS)["order_groups"][0]["is_auto_cancel_enabled"]
    assert ann.send("PUT", f"{GROUPS}/{group}/reset").status == 200
    ann.placed("bid", "0.10", "1", order_group_id=group)


def test_the_window_rolls() -> None:
    exchange, ann, group = grouped()
    order = ann.placed("bid", "0.40", "30", order_group_id=group)["order_id"]
    for _ in range(3):
        hit(exchange, ann, 5)
        ann.now += 15 * SECOND
    assert ann.read(order)["status"] == "resting"
    hit(exchange, ann, 5)
    ann.now += 15 * SECOND - 1
    exchange.take(TICKER, "taker", False, 100_000, ONE // 100, ann.now)
    assert (ann.read(order)["status"], ann.read(order)["fill_count_fp"]) == ("canceled", "20.01")


def test_a_taking_order_stops_when_its_group_trips() -> None:
    exchange, ann, group = grouped()
    exchange.quote(TICKER, "maker", [], [(500_000, 4 * ONE), (510_000, 4 * ONE), (520_000, 4 * ONE)], ann.now)
    placed = ann.placed("bid", "0.60", "12", "immediate_or_cancel", order_group_id=group)
    assert (placed["fill_count"], placed["remaining_count"]) == ("8.00", "0.00")
    assert ann.position() == "8.00"


def test_a_lower_limit_counts_what_was_filled_just_before() -> None:
    exchange, ann, group = grouped("10.00")
    order = ann.placed("bid", "0.40", "20", order_group_id=group)["order_id"]
    hit(exchange, ann, 6)
    assert ann.send("PUT", f"{GROUPS}/{group}/limit", {"contracts_limit": 5}).status == 200
    assert ann.read(order)["status"] == "canceled"


def test_trigger_and_delete_cancel_and_are_told_on_the_stream() -> None:
    _, ann, group = grouped()
    ann.connect()
    (ack,) = ann.command("subscribe", channels=["order_group_updates"])
    order = ann.placed("bid", "0.40", "10", order_group_id=group)["order_id"]
    assert ann.send("PUT", f"{GROUPS}/{group}/trigger").status == 200
    assert ann.read(order)["status"] == "canceled"
    ann.send("PUT", f"{GROUPS}/{group}/reset")
    order = ann.placed("bid", "0.40", "10", order_group_id=group)["order_id"]
    assert ann.send("DELETE", f"{GROUPS}/{group}").status == 200
    assert ann.read(order)["status"] == "canceled" and ann.get(GROUPS)["order_groups"] == []
    told = ann.frames()
    assert [frame["msg"]["event_type"] for frame in told] == ["triggered", "reset", "deleted"]
    assert [frame["seq"] for frame in told] == [1, 2, 3] and ack["msg"]["sid"] == told[0]["sid"]


@pytest.mark.parametrize("limit", [{}, {"contracts_limit": 0}, {"contracts_limit": 5, "contracts_limit_fp": "6.00"},
                                   {"contracts_limit_fp": "0.50"}, {"contracts_limit": "5"},
                                   {"contracts_limit": 1_000_001}])  # fmt: skip
def test_a_limit_is_one_number_from_one_to_a_million(limit: dict[str, Any]) -> None:
    _, ann = floor()
    assert ann.send("POST", f"{GROUPS}/create", limit).status == 400


def test_a_group_belongs_to_one_member_and_one_shard() -> None:
    exchange, ann, group = grouped()
    ben = Member(exchange, "ben", {0: 10 * DOLLAR})
    assert ben.send("DELETE", f"{GROUPS}/{group}").status == 404
    assert ben.refused("bid", "0.10", "1", order_group_id=group) == (404, "order_group_not_found")
    other = ann.send("POST", f"{GROUPS}/create", {"contracts_limit": 5, "exchange_index": 2})
    assert other.status == 201
    shard_two = ann.get(GROUPS)["order_groups"][1]["id"]
    refused = ann.order("bid", "0.10", "1", order_group_id=shard_two)
    assert (refused.status, error_code(refused)) == (400, "invalid_order")
    assert ann.get(f"{GROUPS}/{group}")["orders"] == []
