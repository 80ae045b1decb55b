"""Delay, the way to the chain, failure, resolution and redemption."""

from __future__ import annotations

import json

from simulator.polymarket.trader import GAME, MS, SECOND, M, World, micros, spec


def statuses(world: World, trader_name: str = "ann") -> list[str]:
    return [trade.status for trade in world.exchange.trades_of(world.exchange.accounts[trader_name])]


def test_matched_is_not_settled_until_mined_and_then_confirmed() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.50", "100")])
    ann.done("BUY", "0.50", "10", order_type="FOK")
    _, yes, _ = world.exchange.tokens(GAME)
    seen = []
    for wait in (0, 300 * MS - 1, 1, 1700 * MS - 1, 1):
        world.pass_time(wait)
        (row,) = ann.read("/data/trades")["data"]
        seen.append((row["status"], ann.balance("CONDITIONAL", yes), ann.balance(), "transaction_hash" in row))
    waiting = ("TRADE_STATUS_MATCHED", 0, 1000 * M, False)
    mined = ("TRADE_STATUS_MINED", 10 * M, 995 * M, True)
    assert seen == [waiting, waiting, mined, mined, ("TRADE_STATUS_CONFIRMED", 10 * M, 995 * M, True)]


def test_bought_tokens_cannot_be_sold_before_they_are_mined() -> None:
    world = World()
    ann = world.trader()
    world.quote([("0.49", "100")], [("0.50", "100")])
    ann.done("BUY", "0.50", "10", order_type="FOK")
    assert "balance is not enough -> balance: 0" in ann.refused("SELL", "0.49", "10", order_type="FOK")
    world.pass_time(300 * MS)
    assert ann.done("SELL", "0.49", "10", order_type="FOK")["status"] == "matched"
    assert "sum of matched orders: 10000000" in ann.refused("SELL", "0.49", "10", order_type="FOK")


def test_cash_owed_to_a_match_cannot_be_spent_again() -> None:
    world = World()
    ann = world.trader(cash="6")
    world.quote([], [("0.50", "100")])
    ann.done("BUY", "0.50", "10", order_type="FOK")
    assert "sum of matched orders: 5000000" in ann.refused("BUY", "0.50", "4", order_type="FOK")


def test_a_failing_trade_is_retried_and_then_gives_everything_back() -> None:
    world = World(spec(taker_rate="0.05"))
    ann = world.trader()
    world.quote([], [("0.50", "100")])
    world.exchange.fail_next_trades = 1
    ann.done("BUY", "0.50", "10", order_type="FOK")
    user = ann.user_socket()
    world.now += 3 * SECOND
    assert [event["status"] for event in user.read("trade")] == ["RETRYING", "FAILED"]
    assert ann.money["cash"] == 1000 * M
    assert ann.money["pending_cash"] == 0
    assert ann.money["tokens"][GAME] == ann.money["pending_tokens"][GAME] == {"yes": 0, "no": 0}
    assert world.exchange.fees_collected == 0
    assert ann.refused("SELL", "0.40", "10").startswith("not enough balance")
    ann.done("BUY", "0.50", "10", order_type="FOK")
    world.pass_time(3 * SECOND)
    assert statuses(world) == ["FAILED", "CONFIRMED"], "only the next trade fails"


def test_a_delayed_taker_answers_delayed_and_matches_later() -> None:
    world = World(spec(taker_delay_ns=3 * SECOND))
    ann = world.trader()
    user = ann.user_socket()
    world.quote([], [("0.50", "100")])
    posted = ann.done("BUY", "0.50", "10", order_type="FOK")
    assert (posted["status"], posted["makingAmount"], posted["takingAmount"]) == ("delayed", "", "")
    assert posted["tradeIDs"] == []
    assert ann.read(f"/data/order/{posted['orderID']}")["status"] == "ORDER_STATUS_DELAYED"
    assert world.exchange.wake_at() == world.now + 3 * SECOND
    cancel = json.loads(ann.call("DELETE", "/order", {"orderID": posted["orderID"]}).body)
    assert list(cancel["not_canceled"]) == [posted["orderID"]]
    assert json.loads(ann.call("DELETE", "/cancel-all").body)["canceled"] == []
    world.now += 3 * SECOND
    events = user.read()
    assert [(e["event_type"], e["status"]) for e in events] == [
        ("order", "DELAYED"),
        ("order", "MATCHED"),
        ("trade", "MATCHED"),
    ]
    assert ann.read(f"/data/order/{posted['orderID']}")["size_matched"] == "10"


def test_a_delayed_fok_is_killed_when_the_book_has_left() -> None:
    world = World(spec(taker_delay_ns=SECOND))
    ann = world.trader()
    user = ann.user_socket()
    world.quote([], [("0.50", "100")])
    posted = ann.done("BUY", "0.50", "10", order_type="FOK")
    world.quote([], [("0.60", "100")])
    world.now += SECOND
    assert user.read()[-1]["status"].startswith("CANCELED_order couldn't be fully filled.")
    assert ann.read(f"/data/order/{posted['orderID']}")["status"] == "ORDER_STATUS_CANCELED"
    assert ann.money["held_cash"] == 0
    assert ann.read("/data/trades")["data"] == []


def test_a_delayed_gtc_that_misses_comes_to_rest() -> None:
    world = World(spec(taker_delay_ns=SECOND))
    ann = world.trader()
    world.quote([], [("0.50", "100")])
    ann.done("BUY", "0.50", "10")
    world.quote([], [("0.60", "100")])
    world.pass_time(SECOND)
    assert [row["status"] for row in ann.read("/data/orders")["data"]] == ["ORDER_STATUS_LIVE"]
    assert world.exchange.best(GAME) == (500_000, 600_000)


def test_an_order_that_does_not_cross_is_not_delayed() -> None:
    world = World(spec(taker_delay_ns=SECOND))
    ann = world.trader()
    assert ann.done("BUY", "0.40")["status"] == "live"
    assert "FOK" in ann.refused("BUY", "0.40", order_type="FOK")


def test_a_delayed_order_holds_its_money_with_the_fee() -> None:
    world = World(spec(taker_delay_ns=SECOND, taker_rate="0.05"))
    ann = world.trader(cash="51.25")
    world.quote([], [("0.50", "100")])
    ann.done("BUY", "0.50", "100", order_type="FOK")
    assert ann.money["held_cash"] == micros("51.25")
    assert "balance is not enough" in ann.refused("BUY", "0.10", "10")


def test_resolution_cancels_pays_winners_and_shows_everywhere() -> None:
    world = World()
    ann, bob = world.trader("ann"), world.trader("bob")
    condition, yes, no = world.exchange.tokens(GAME)
    follow = {"type": "market", "assets_ids": [no], "custom_feature_enabled": True}
    custom = world.open("/ws/market", follow)
    plain = world.open("/ws/market", {**follow, "custom_feature_enabled": False})
    user = bob.user_socket()
    ann.hold("yes", "10")
    bob.hold("no", "10")
    bob.done("BUY", "0.30", "10")
    world.exchange.settle(GAME, M, world.now)
    frames = world.exchange.drain(world.now)
    resolved = [number for number, data in frames if data is not None and b"market_resolved" in data]
    assert resolved == [custom.number]
    assert plain.number not in resolved
    last = [json.loads(data) for number, data in frames if number == user.number and data is not None][-1]
    assert (last["type"], last["status"]) == ("CANCELLATION", "CANCELED_MARKET_RESOLVED")
    assert (ann.money["cash"], bob.money["cash"]) == (micros("1005"), micros("995"))
    assert bob.money["held_cash"] == 0
    (row,) = world.read(f"/markets?condition_ids={condition}&closed=true")
    assert (row["closed"], row["umaResolutionStatus"], row["acceptingOrders"]) == (True, "resolved", False)
    assert json.loads(row["outcomePrices"]) == ["1", "0"]
    assert world.read(f"/v2/resolutions?condition={condition}")["data"][0]["payouts"] == [M, 0]
    assert world.get(f"/book?token_id={yes}").status == 404
    assert "does not exist" in ann.refused("BUY")


def test_an_even_split_pays_half_to_each_side() -> None:
    world = World()
    ann, bob = world.trader("ann"), world.trader("bob")
    ann.hold("yes", "10")
    bob.hold("no", "10")
    world.exchange.settle(GAME, M // 2, world.now)
    assert ann.money["cash"] == bob.money["cash"] == 1000 * M


def test_a_trade_still_on_its_way_is_paid_once_it_is_mined() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.50", "100")])
    ann.done("BUY", "0.50", "10", order_type="FOK")
    world.exchange.settle(GAME, M, world.now)
    assert ann.money["cash"] == 1000 * M
    world.pass_time(300 * MS)
    assert ann.money["cash"] == micros("1005")


def test_tokens_sold_before_resolution_are_not_paid_twice() -> None:
    world = World()
    ann = world.trader()
    ann.hold("yes", "10")
    world.quote([("0.90", "100")], [])
    ann.done("SELL", "0.90", "10", order_type="FOK")
    world.exchange.settle(GAME, M, world.now)
    world.pass_time(3 * SECOND)
    assert ann.money["cash"] == micros("1004")
    assert ann.money["tokens"][GAME] == {"yes": 0, "no": 0}


def test_tokens_given_back_by_a_failed_sale_are_paid_too() -> None:
    world = World()
    ann = world.trader()
    ann.hold("yes", "10")
    world.quote([("0.90", "100")], [])
    world.exchange.fail_next_trades = 1
    ann.done("SELL", "0.90", "10", order_type="FOK")
    world.exchange.settle(GAME, M, world.now)
    world.pass_time(3 * SECOND)
    assert ann.money["cash"] == micros("1005")


def test_without_the_automatic_redeemer_winners_redeem_themselves() -> None:
    world = World()
    world.exchange.auto_redeem = False
    ann = world.trader()
    ann.hold("yes", "10")
    world.exchange.settle(GAME, M, world.now)
    assert ann.money["cash"] == micros("995")
    (row,) = world.read(f"/v2/positions?user={ann.fields['funder']}")["data"]
    assert (row["redeemable"], row["current_size"], row["avg_price"]) == (True, 10, 0.5)
    assert world.exchange.redeem("ann", GAME, world.now) == 10 * M
    assert ann.money["cash"] == micros("1005")
    assert world.read(f"/v2/positions?user={ann.fields['funder']}")["data"] == []


def test_complete_sets_merge_into_dollars() -> None:
    world = World()
    ann = world.trader()
    ann.hold("yes", "10")
    ann.hold("no", "10")
    assert all(row["mergeable"] for row in world.read(f"/v2/positions?user={ann.fields['funder']}")["data"])
    world.exchange.merge("ann", GAME, 10 * M, world.now)
    assert ann.money["cash"] == 1000 * M
    assert ann.money["tokens"][GAME] == {"yes": 0, "no": 0}
