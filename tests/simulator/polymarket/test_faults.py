"""Faults on demand: the control endpoint, what each fault does to a client, and that none is on by default."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.polymarket import PolymarketExchange
from simulator.polymarket.trader import GAME, SECOND, Trader, World, spec


def controlled(*specs: Any) -> World:
    world = World(*specs)
    world.exchange.control = True
    return world


def ask(world: World, fault: str, **fields: Any) -> Response:
    body = json.dumps({"fault": fault, **fields}).encode()
    return world.exchange.handle(Request("POST", "http://x/__control", {}, body), world.now)


def switch(world: World, fault: str, **fields: Any) -> None:
    answer = ask(world, fault, **fields)
    assert answer.status == 200, answer.body


def test_the_control_endpoint_is_not_there_unless_it_was_asked_for() -> None:
    world = World()
    assert ask(world, "geoblock").status == 404
    assert PolymarketExchange(0, control=True).control and not PolymarketExchange(0).control


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"not json", "malformed"),
        (b"{}", "fault"),
        (b'{"fault":"earthquake"}', "geoblock"),
        (b'{"fault":"mode","mode":"asleep"}', "asleep"),
        (b'{"fault":"closed_only","account":"nobody"}', "nobody"),
        (b'{"fault":"tick","market":"no-such","tick":1}', "tick"),
        (b'{"fault":"signer_limits","tier":"Tin"}', "Platinum"),
        (b'{"fault":"improvement","kind":"both"}', "refund"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(body: bytes, words: str) -> None:
    world = controlled()
    answer = world.exchange.handle(Request("POST", "http://x/__control", {}, body), world.now)
    assert answer.status == 400 and words in str(json.loads(answer.body)["error"])


def test_a_lost_reply_is_no_answer_to_an_order_that_was_taken() -> None:
    world = controlled()
    ann = world.trader()
    switch(world, "lost", path="/order")
    assert ann.post("BUY", "0.40", "10").status == 0
    assert len(ann.read("/data/orders")["data"]) == 1
    assert ann.post("BUY", "0.40", "10").status == 200


def test_an_error_instead_takes_no_order_and_an_error_afterwards_has_taken_it() -> None:
    world = controlled()
    ann = world.trader()
    switch(world, "error", status=502)
    switch(world, "late_error", status=500)
    assert ann.post("BUY").status == 502 and ann.read("/data/orders")["data"] == []
    assert ann.post("BUY").status == 500 and len(ann.read("/data/orders")["data"]) == 1


def test_html_and_half_a_body_come_in_place_of_the_answer() -> None:
    world = controlled()
    switch(world, "html", path="/time")
    switch(world, "truncated", path="/clob-markets")
    assert world.get("/time").body.startswith(b"<!DOCTYPE html>")
    condition = world.exchange.tokens(GAME)[0]
    with pytest.raises(json.JSONDecodeError):
        json.loads(world.get(f"/clob-markets/{condition}").body)
    assert world.get("/time").status == 200


def test_clearing_ends_every_fault() -> None:
    world = controlled()
    ann = world.trader()
    for fault in ("dirty", "geoblock", "signer_limits", "ip_limits", "restart", "unmatched"):
        switch(world, fault)
    switch(world, "error", count=100)
    switch(world, "clear")
    assert ann.done("BUY", "0.40", "10")["makingAmount"] == ""
    world.pass_time(10 * SECOND)
    assert ann.done("BUY", "0.41", "10")["status"] == "live"


def test_a_region_that_is_blocked_takes_no_order_and_says_so() -> None:
    world = controlled()
    ann = world.trader()
    assert world.read("/api/geoblock")["blocked"] is False
    switch(world, "geoblock")
    assert "restricted in your region" in ann.refused("BUY", status=403)
    assert ann.call("POST", "/orders", [ann.body("BUY")]).status == 403
    assert world.read("/api/geoblock")["blocked"] is True


def test_an_account_in_closed_only_mode_sells_and_does_not_buy() -> None:
    world = controlled()
    ann, bob = world.trader(), world.trader("bob")
    ann.hold("yes", "10")
    switch(world, "closed_only", account="ann")
    assert "closed only mode" in ann.refused("BUY")
    assert ann.done("SELL", "0.6", "10")["status"] == "live"
    assert bob.done("BUY", "0.4", "10")["status"] == "live"
    assert [one.read("/auth/ban-status/closed-only")["closed_only"] for one in (ann, bob)] == [True, False]


def test_a_restart_is_425_then_post_only_with_the_time_left_then_over() -> None:
    world = controlled()
    ann = world.trader()
    posted = ann.done("BUY", "0.40", "10")
    switch(world, "restart", seconds=5, post_only_seconds=60)
    ann.refused("BUY", status=425)
    assert ann.call("DELETE", "/order", {"orderID": posted["orderID"]}).status == 425
    world.pass_time(5 * SECOND)
    refused = ann.post("BUY", "0.40", "10")
    assert (refused.status, json.loads(refused.body)["code"], refused.headers["retry-after"]) == (
        503,
        "post_only_mode",
        "60",
    )
    assert ann.done("BUY", "0.40", "10", postOnly=True)["status"] == "live"
    assert ann.call("DELETE", "/cancel-all").status == 200
    world.pass_time(60 * SECOND)
    assert ann.done("BUY", "0.40", "10")["status"] == "live"


def test_a_mode_that_is_set_ends_a_restart_under_way() -> None:
    world = controlled()
    ann = world.trader()
    switch(world, "restart", seconds=5)
    switch(world, "mode", mode="cancel_only")
    world.pass_time(300 * SECOND)
    assert "cancel-only" in ann.refused("BUY", status=503)


def test_a_batch_in_post_only_time_says_success_with_a_message_and_no_order() -> None:
    world = controlled()
    ann = world.trader()
    switch(world, "mode", mode="post_only")
    (row,) = json.loads(ann.call("POST", "/orders", [ann.body("BUY")]).body)
    assert row["success"] is True and row["errorMsg"] and row["orderID"] == row["status"] == ""


def test_a_delayed_order_whose_makers_left_rests_as_unmatched() -> None:
    world = controlled(spec(taker_delay_ns=SECOND))
    ann = world.trader()
    switch(world, "unmatched")
    world.quote([], [("0.50", "10")])
    socket = ann.user_socket()
    posted = ann.done("BUY", "0.50", "10")
    assert posted["status"] == "delayed"
    world.quote([], [])
    socket.read()
    world.now += 2 * SECOND
    assert [event["status"] for event in socket.read("order")] == ["UNMATCHED"]
    assert ann.read(f"/data/order/{posted['orderID']}")["status"] == "ORDER_STATUS_UNMATCHED"
    assert ann.call("DELETE", "/order", {"orderID": posted["orderID"]}).status == 200
    assert ann.read(f"/data/order/{posted['orderID']}")["status"] == "ORDER_STATUS_CANCELED"


def test_a_disconnect_closes_the_sockets_of_the_kind_named() -> None:
    world = controlled()
    ann = world.trader()
    token = world.exchange.tokens(GAME)[1]
    market = world.open("/ws/market", {"type": "market", "assets_ids": [token]})
    user = ann.user_socket()
    market.read()
    switch(world, "disconnect", kind="market")
    frames = world.exchange.drain(world.now)
    assert (market.number, None) in frames and (user.number, None) not in frames


def test_a_padded_book_passes_a_megabyte_and_its_hash_is_still_its_own() -> None:
    world = controlled()
    token = world.exchange.tokens(GAME)[1]
    switch(world, "huge_frames", bytes=1_200_000)
    socket = world.open("/ws/market", {"type": "market", "assets_ids": [token]})
    (frame,) = socket.raw()
    assert frame is not None and len(frame) > 1 << 20
    assert json.loads(frame)[0]["hash"] == world.read(f"/book?token_id={token}")["hash"]


def test_a_dirty_venue_says_the_same_in_another_dress() -> None:
    world = controlled()
    ann = world.trader()
    world.quote([], [("0.50", "100")])
    clean = ann.done("BUY", "0.50", "10", order_type="FOK")
    switch(world, "dirty")
    dirty = ann.done("BUY", "0.50", "10", order_type="FOK")
    assert clean["takingAmount"] == "10" and dirty["takingAmount"] == 10
    assert dirty["transactionsHashes"] is None
    trade = ann.read("/data/trades")["data"][0]
    assert trade["fee_rate_bps"] == "" and trade["size"] == 10 and trade["transaction_hash"] is None
    statuses = {ann.done("BUY", "0.50", "2", order_type="FOK")["status"] for _ in range(6)}
    assert statuses == {"matched", "under_review"}


# --- limits ---


def status_of(ann: Trader, count: int) -> list[int]:
    return [ann.post("BUY", "0.10", "10").status for _ in range(count)]


def test_a_signer_has_a_burst_and_then_a_rate_and_the_headers_say_so() -> None:
    world = controlled()
    ann, bob = world.trader(), world.trader("bob")
    switch(world, "signer_limits")
    assert status_of(ann, 61) == [200] * 60 + [429]
    refused = ann.post("BUY", "0.10", "10")
    assert refused.headers["retry-after"] == "1" and refused.headers["poly-ratelimit-remaining"] == "0"
    assert bob.post("BUY", "0.10", "10").headers["poly-ratelimit-tier"] == "Standard"
    world.pass_time(SECOND)
    assert status_of(ann, 41) == [200] * 40 + [429]


def test_a_batch_is_all_or_nothing() -> None:
    world = controlled()
    ann = world.trader()
    switch(world, "signer_limits")
    status_of(ann, 50)
    assert ann.call("POST", "/orders", [ann.body("BUY", "0.10") for _ in range(11)]).status == 429
    assert ann.call("POST", "/orders", [ann.body("BUY", "0.10") for _ in range(10)]).status == 200


def test_cancel_all_costs_one_more_for_each_order_and_may_go_below_zero() -> None:
    world = controlled()
    ann = world.trader()
    for _ in range(150):
        ann.done("BUY", "0.10", "10")
    switch(world, "signer_limits")
    answer = ann.call("DELETE", "/cancel-all")
    assert answer.status == 200 and answer.headers["poly-ratelimit-remaining"] == "-31"
    assert ann.call("DELETE", "/cancel-all").status == 429


def test_a_better_tier_has_more() -> None:
    world = controlled()
    ann = world.trader()
    switch(world, "signer_limits", tier="Gold")
    assert ann.post("BUY", "0.10", "10").headers["poly-ratelimit-remaining"] == "599"


def test_an_address_has_a_window_of_ten_seconds_per_route() -> None:
    world = controlled()
    token = world.exchange.tokens(GAME)[1]
    switch(world, "ip_limits", scale=500)
    asked = [world.get(f"/book?token_id={token}").status for _ in range(4)]
    assert asked == [200, 200, 200, 429]
    assert world.get("/time").status == 200
    world.pass_time(10 * SECOND)
    assert world.get(f"/book?token_id={token}").status == 200
