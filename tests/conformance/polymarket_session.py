"""A scripted session that calls every endpoint of the Polymarket simulator and causes every frame; it judges nothing."""

from __future__ import annotations

import msgspec

from conformance.tape import Tape
from dutchbook.core.transport import Request
from simulator.polymarket.trader import GAME, MS, SECOND, M, Socket, Trader, World, spec

CUP = "the-cup-a"
CLOCKED = "delayed-game"


def play() -> Tape:
    """Run the whole session and return what came back."""
    world = World(
        spec(taker_rate="0.05", starts_ns=spec().closes_ns - 3_600 * SECOND),
        spec(CUP, event="The Cup", neg_risk=True, tick=1_000, series="cup"),
        spec(CLOCKED, event="Later", taker_delay_ns=3 * SECOND),
    )
    tape = Tape(world.exchange)
    world.exchange = tape  # type: ignore[assignment]
    for market in (GAME, CUP, CLOCKED):
        world.quote([("0.4", "1000")], [("0.6", "1000")], market)
    ann = world.trader()
    condition, yes, no = tape.tokens(GAME)
    public = world.open("/ws/market", {"type": "market", "assets_ids": [yes, no], "custom_feature_enabled": True})
    user = ann.user_socket()
    public.send(b"PING")
    _keys(ann)
    _look_around(world, condition, yes)
    _trade(world, tape, ann, condition, yes)
    _be_refused(world, tape, ann)
    _move_the_market(world, tape, public, user)
    _look_around(world, condition, tape.tokens(CUP)[1])
    _beat(ann)
    _private_reads(ann, yes)
    return tape


def _keys(ann: Trader) -> None:
    ann.l1("POST", "/auth/api-key", nonce=5)
    ann.l1("POST", "/auth/api-key")
    ann.l1("GET", "/auth/derive-api-key")
    ann.l1("GET", "/auth/derive-api-key", nonce=99)
    ann.l1("POST", "/auth/api-key", stamp=1)
    ann.call("GET", "/auth/api-keys")
    ann.call("GET", "/auth/ban-status/closed-only")


def _beat(ann: Trader) -> None:
    first = ann.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
    assert first.status == 200
    ann.call("POST", "/v1/heartbeats", {"heartbeat_id": "not-the-one"})


def post(world: World, path: str, body: object) -> None:
    """A public call with a body."""
    request = Request("POST", f"https://anything.example{path}", {}, msgspec.json.encode(body))
    world.exchange.handle(request, world.now)


def _look_around(world: World, condition: str, token: str) -> None:
    for path in (
        "/time",
        "/ok",
        "/version",
        "/api/geoblock",
        f"/book?token_id={token}",
        f"/price?token_id={token}&side=BUY",
        f"/midpoint?token_id={token}",
        f"/spread?token_id={token}",
        f"/last-trade-price?token_id={token}",
        f"/tick-size?token_id={token}",
        f"/neg-risk?token_id={token}",
        f"/fee-rate?token_id={token}",
        f"/markets-by-token/{token}",
        f"/clob-markets/{condition}",
        "/markets/keyset?limit=2",
        "/events/keyset?limit=2",
        "/markets",
        "/events",
        "/markets/1500000",
        "/events/91500000",
        f"/markets/slug/{GAME}",
        "/events/slug/suns-vs-heat",
        f"/v2/resolutions?condition={condition}",
        "/book?token_id=1",
        "/markets/0",
    ):
        world.get(path)
    for path in ("/books", "/midpoints", "/spreads", "/last-trades-prices"):
        post(world, path, [{"token_id": token}])
    post(world, "/prices", [{"token_id": token, "side": "BUY"}, {"token_id": token, "side": "SELL"}])


def _trade(world: World, tape: Tape, ann: Trader, condition: str, yes: str) -> None:
    resting = ann.done("BUY", "0.5", "20")
    ann.call("GET", f"/data/order/{resting['orderID']}")
    ann.call("GET", "/data/orders")
    world.exchange.take(GAME, "somebody", False, 500_000, 5 * M, world.now)
    ann.done("BUY", "0.6", "10", order_type="FOK")
    tape.exchange.fail_next_trades = 1
    ann.done("BUY", "0.6", "5", market=CUP, order_type="FAK")
    ann.done("BUY", "0.6", "5", market=CLOCKED, order_type="FAK")
    world.pass_time(5 * SECOND)
    ann.call("GET", "/data/trades")
    bodies = [ann.body("BUY", "0.45", "10"), ann.body("BUY", "0.45", "100000"), ann.body("BUY", "0.44", "10")]
    ann.call("POST", "/orders", bodies)
    ann.done("SELL", "0.61", "5")
    ann.call("DELETE", "/order", {"orderID": resting["orderID"]})
    more = ann.done("BUY", "0.43", "10")
    ann.call("DELETE", "/orders", [more["orderID"], resting["orderID"]])
    ann.call("DELETE", "/cancel-market-orders", {"market": condition, "asset_id": yes})
    ann.done("BUY", "0.41", "10", market=CUP)
    ann.call("DELETE", "/cancel-all")
    end = world.now // SECOND + 200
    ann.done("BUY", "0.41", "10", order_type="GTD", expiration=end)
    world.pass_time(150 * SECOND)


def _be_refused(world: World, tape: Tape, ann: Trader) -> None:
    ann.post("BUY", "0.6", "5000", order_type="FOK")
    ann.post("BUY", "0.5", "10", order_type="FAK")
    ann.post("BUY", "0.505", "10")
    ann.call("POST", "/order", b"{}")
    ann.call("GET", "/data/order/0x00")
    world.get("/data/orders")
    tape.exchange.fok_kill_status = 200
    ann.post("BUY", "0.5", "100", order_type="FOK")
    for mode in ("restarting", "disabled", "cancel_only", "post_only"):
        tape.exchange.mode = mode
        ann.post("BUY", "0.5", "10")
    tape.exchange.mode = "normal"


def _move_the_market(world: World, tape: Tape, public: Socket, user: Socket) -> None:
    public.send(b"nonsense")
    world.quote([("0.41", "1000")], [("0.6", "1000")])
    tape.change_tick(GAME, 1_000, world.now)
    tape.list_market(spec("a-new-one"), world.now)
    world.pass_time(20 * MS)
    tape.exchange.auto_redeem = False
    tape.settle(GAME, M, world.now)
    world.pass_time(20 * MS)
    assert user.number in tape.exchange.streams.connections


def _private_reads(ann: Trader, token: str) -> None:
    for path in (
        "/data/orders",
        "/data/trades",
        "/balance-allowance?asset_type=COLLATERAL&signature_type=0",
        f"/balance-allowance?asset_type=CONDITIONAL&token_id={token}&signature_type=0",
        "/balance-allowance/update?asset_type=COLLATERAL&signature_type=0",
        f"/v2/positions?user={ann.fields['funder']}",
        f"/deployed?address={ann.fields['funder']}",
    ):
        ann.call("GET", path)
    ann.call("DELETE", "/auth/api-key")
