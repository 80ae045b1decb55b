"""The market and user sockets: snapshots, changes, hashes, prints, and the two faults."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.transport import Response
from simulator.polymarket.trader import GAME, SECOND, M, Socket, World, micros, spec


def market_socket(world: World, *legs: str, custom: bool = False) -> Socket:
    _, yes, no = world.exchange.tokens(GAME)
    tokens = [{"yes": yes, "no": no}[leg] for leg in legs or ("yes", "no")]
    return world.open("/ws/market", {"type": "market", "assets_ids": tokens, "custom_feature_enabled": custom})


def test_subscribing_brings_a_book_with_the_best_prices_last() -> None:
    world = World()
    world.quote([("0.48", "30"), ("0.49", "20.5")], [("0.52", "25"), ("0.53", "40")])
    socket = market_socket(world, "yes")
    raw = socket.raw()
    (book,) = json.loads(raw[0] or b"")
    assert [level["price"] for level in book["bids"]] == ["0.48", "0.49"]
    assert [level["price"] for level in book["asks"]] == ["0.53", "0.52"]
    assert book["bids"][-1]["size"] == "20.5"
    rest = world.read(f"/book?token_id={world.exchange.tokens(GAME)[1]}")
    assert {**rest, "event_type": "book"} == book


def test_a_change_carries_both_outcomes_with_best_prices_and_hashes() -> None:
    world = World()
    world.quote([("0.48", "30")], [("0.52", "25")])
    socket = market_socket(world, "no")
    socket.read()
    world.now += SECOND
    world.quote([("0.49", "10"), ("0.48", "30")], [("0.52", "25")])
    (event,) = socket.read()
    assert event["event_type"] == "price_change"
    _, yes, no = world.exchange.tokens(GAME)
    books = {token: world.read(f"/book?token_id={token}") for token in (yes, no)}
    assert event["price_changes"] == [
        {"asset_id": yes, "price": "0.49", "size": "10", "side": "BUY", "hash": books[yes]["hash"],
         "best_bid": "0.49", "best_ask": "0.52"},
        {"asset_id": no, "price": "0.51", "size": "10", "side": "SELL", "hash": books[no]["hash"],
         "best_bid": "0.48", "best_ask": "0.51"},
    ]  # fmt: skip


def test_unchanged_quotes_say_nothing() -> None:
    world = World()
    world.quote([("0.48", "30")], [("0.52", "25")])
    socket = market_socket(world)
    socket.read()
    world.quote([("0.48", "30")], [("0.52", "25")])
    assert socket.read() == []


def test_a_print_is_followed_by_the_change_and_the_book() -> None:
    world = World()
    world.quote([], [("0.52", "25")])
    socket = market_socket(world, "yes", custom=True)
    socket.read()
    world.trader().done("BUY", "0.52", "25", order_type="FOK")
    events = socket.read()
    assert [e["event_type"] for e in events] == ["last_trade_price", "price_change", "book", "best_bid_ask"]
    assert (events[0]["price"], events[0]["size"], events[0]["side"]) == ("0.52", "25", "BUY")
    assert events[1]["price_changes"][0]["size"] == "0"
    assert events[1]["price_changes"][0]["best_ask"] == "1", "an empty side"
    assert events[2]["last_trade_price"] == "0.52"
    assert events[3]["spread"] == "1"


def test_custom_events_only_come_when_asked_for() -> None:
    world = World()
    plain, custom = market_socket(world), market_socket(world, custom=True)
    for socket in (plain, custom):
        socket.raw()
    world.exchange.list_market(spec("new-one"), world.now)
    frames = world.exchange.drain(world.now)
    assert [number for number, _ in frames] == [custom.number]
    assert json.loads(frames[0][1] or b"")["slug"] == "new-one"


def test_a_subscription_can_grow_and_shrink() -> None:
    world = World(spec(), spec("other"))
    socket = market_socket(world, "yes")
    socket.read()
    _, other, _ = world.exchange.tokens("other")
    socket.send(json.dumps({"operation": "subscribe", "assets_ids": [other]}).encode())
    assert [event["asset_id"] for event in socket.read("book")] == [other]
    socket.send(json.dumps({"operation": "unsubscribe", "assets_ids": [other]}).encode())
    world.quote([("0.4", "5")], [], market="other")
    assert socket.read() == []
    world.quote([("0.4", "5")], [])
    assert len(socket.read()) == 1


def test_ping_is_answered_and_nonsense_does_not_break_the_socket() -> None:
    world = World()
    socket = market_socket(world)
    socket.raw()
    socket.send(b"PING")
    socket.send(b"{")
    socket.send(b"[]")
    assert socket.raw() == [b"PONG", b"INVALID OPERATION", b"INVALID OPERATION"]


def test_a_tick_change_is_announced_and_enforced() -> None:
    world = World()
    ann = world.trader()
    socket = market_socket(world)
    socket.read()
    world.exchange.change_tick(GAME, 1_000, world.now)
    events = socket.read("tick_size_change")
    assert [(e["old_tick_size"], e["new_tick_size"]) for e in events] == [("0.01", "0.001")] * 2
    assert ann.done("BUY", "0.405", "10")["status"] == "live"


def test_lost_changes_are_lost_and_the_rest_arrive() -> None:
    world = World()
    socket, other = market_socket(world), market_socket(world)
    world.exchange.drain(world.now)
    world.exchange.drop_price_changes(socket.number, 1)
    world.quote([("0.40", "5")], [])
    world.quote([("0.41", "5")], [])
    frames = world.exchange.drain(world.now)
    assert [number for number, _ in frames] == [other.number, socket.number, other.number]


def test_a_closed_connection_gets_its_end_and_nothing_after() -> None:
    world = World()
    socket = market_socket(world)
    socket.raw()
    world.exchange.close_connection(socket.number)
    world.quote([("0.40", "5")], [])
    assert socket.raw() == [None]


def test_only_two_paths_are_sockets() -> None:
    world = World()
    refused = world.exchange.connect("wss://x.example/ws/sports", {}, world.now)
    assert isinstance(refused, Response)
    assert refused.status == 404


def test_a_user_socket_needs_the_right_secret() -> None:
    world = World()
    ann = world.trader()
    auth = {"apiKey": ann.fields["api_key"], "secret": "wrong", "passphrase": ann.fields["api_passphrase"]}
    assert world.open("/ws/user", {"type": "user", "auth": auth}).raw() == [None]


def test_a_user_hears_of_its_own_orders_in_its_own_markets_only() -> None:
    world = World(spec(), spec("other"))
    ann, bob = world.trader("ann"), world.trader("bob")
    everything, one = ann.user_socket(), ann.user_socket(world.exchange.tokens("other")[0])
    placed = ann.done("BUY", "0.40", "10")["orderID"]
    bob.done("BUY", "0.40", "10")
    ann.call("DELETE", "/order", {"orderID": placed})
    frames = world.exchange.drain(world.now)
    assert {number for number, _ in frames} == {everything.number}
    assert one.number not in {number for number, _ in frames}
    events = [json.loads(data or b"") for _, data in frames]
    assert [(e["type"], e["id"], e["status"]) for e in events] == [
        ("PLACEMENT", placed, "LIVE"),
        ("CANCELLATION", placed, "CANCELED"),
    ]


def test_a_maker_hears_of_its_fill_as_an_update_and_a_trade() -> None:
    world = World()
    ann = world.trader()
    order_id = ann.done("BUY", "0.40", "10")["orderID"]
    user = ann.user_socket()
    world.exchange.take(GAME, "flow", False, 400_000, 4 * M, world.now)
    update, trade = user.read()
    assert (update["type"], update["status"], update["size_matched"]) == ("UPDATE", "LIVE", "4")
    assert (trade["trader_side"], trade["status"]) == ("MAKER", "MATCHED")
    assert trade["maker_orders"][0]["order_id"] == order_id
    world.now += 3 * SECOND
    assert [event["status"] for event in user.read("trade")] == ["MINED", "CONFIRMED"]


# --- the stream rebuilds the book -------------------------------------------------------------------------------------

cents = st.integers(1, 99).map(lambda c: c * 10_000)
sizes = st.integers(1, 40).map(lambda s: s * 500_000)
level = st.tuples(cents, sizes)
step = st.one_of(
    st.tuples(st.just("quote"), st.sampled_from(["a", "b"]), st.lists(level, max_size=3), st.lists(level, max_size=3)),
    st.tuples(st.just("take"), st.booleans(), cents, sizes),
    st.tuples(st.just("post"), st.sampled_from(["yes", "no"]), st.integers(1, 99), st.integers(5, 20)),
    st.tuples(st.just("cancel")),
)


def uncrossed(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    best = max((price for price, _ in bids), default=0)
    return [(price, size) for price, size in asks if price > best]


def act(world: World, trader: Any, action: tuple[Any, ...]) -> None:
    world.now += SECOND // 10
    if action[0] == "quote":
        _, maker, bids, asks = action
        world.exchange.quote(GAME, maker, bids, uncrossed(bids, asks), world.now)
    elif action[0] == "take":
        _, buy, limit, size = action
        world.exchange.take(GAME, "flow", buy, limit, size, world.now)
    elif action[0] == "post":
        _, leg, price, size = action
        trader.post("BUY", f"0.{price:02d}", str(size), leg=leg)
    else:
        trader.call("DELETE", "/cancel-all")


@given(actions=st.lists(step, max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_and_the_changes_rebuild_the_rest_book(actions: list[tuple[Any, ...]]) -> None:
    world = World()
    ann = world.trader()
    socket = market_socket(world)
    books: dict[str, dict[str, dict[str, str]]] = {}
    snapshots = 0
    hashes: dict[str, str] = {}
    for action in [("cancel",), *actions]:
        act(world, ann, action)
        for event in socket.read():
            if event["event_type"] == "book" and snapshots < 2:
                snapshots += 1
                books[event["asset_id"]] = {
                    "BUY": {x["price"]: x["size"] for x in event["bids"]},
                    "SELL": {x["price"]: x["size"] for x in event["asks"]},
                }
            for change in event.get("price_changes", ()):
                side = books[change["asset_id"]][change["side"]]
                side[change["price"]] = change["size"]
                if change["size"] == "0":
                    del side[change["price"]]
                hashes[change["asset_id"]] = change["hash"]
        for token in world.exchange.tokens(GAME)[1:]:
            rest = world.read(f"/book?token_id={token}")
            assert books[token]["BUY"] == {x["price"]: x["size"] for x in rest["bids"]}
            assert books[token]["SELL"] == {x["price"]: x["size"] for x in rest["asks"]}
            assert hashes.get(token, rest["hash"]) == rest["hash"]
            bids, asks = [micros(x["price"]) for x in rest["bids"]], [micros(x["price"]) for x in rest["asks"]]
            assert bids == sorted(bids)
            assert asks == sorted(asks, reverse=True)
            assert not bids or not asks or bids[-1] < asks[-1], "never crossed"
