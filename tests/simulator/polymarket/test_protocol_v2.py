"""Markets of protocol v2: position ids of the published layout, their own exchange contract, ledger and listing."""

from __future__ import annotations

import json

import pytest

from dutchbook.simulator.polymarket import signing
from simulator.polymarket.trader import GAME, SECOND, World, spec

NEW = "new-kind"
V2 = signing.Domain(signing.EXCHANGE_V3, "3")


@pytest.mark.parametrize("neg_risk", [False, True])
def test_a_position_id_has_its_module_first_its_outcome_last_and_the_zeros_between(neg_risk: bool) -> None:
    world = World(spec(NEW, protocol=2, neg_risk=neg_risk))
    condition, yes, no = world.exchange.tokens(NEW)
    first, second = int(yes).to_bytes(32, "big"), int(no).to_bytes(32, "big")
    assert first[0] == second[0] == (2 if neg_risk else 1) and (first[31], second[31]) == (0, 1)
    assert first[:31] == second[:31] and condition == "0x" + first[:31].hex()
    assert signing.is_v2_asset(int(yes)) and signing.is_v2_asset(int(no))
    assert int(yes) & (((1 << 64) - 1) << 40) == 0


@pytest.mark.parametrize("neg_risk", [False, True])
@pytest.mark.parametrize(
    "wrong", [signing.Domain(signing.CTF_EXCHANGE_V2, "2"), signing.Domain(signing.NEG_RISK_EXCHANGE_V2, "2")]
)
def test_an_order_must_be_signed_for_exchange_v3(neg_risk: bool, wrong: signing.Domain) -> None:
    world = World(spec(NEW, protocol=2, neg_risk=neg_risk))
    ann = world.trader()
    assert ann.refused("BUY", market=NEW, domain=wrong) == "invalid signature"
    assert ann.done("BUY", market=NEW, domain=V2)["status"] == "live"


def test_its_tokens_are_in_the_new_ledger_only() -> None:
    world = World(spec(NEW, protocol=2), spec())
    ann = world.trader()
    ann.hold("yes", "10", NEW)
    ann.hold("yes", "10", GAME)
    for market, held, other in ((NEW, "CONDITIONAL-V2", "CONDITIONAL"), (GAME, "CONDITIONAL", "CONDITIONAL-V2")):
        token = world.exchange.tokens(market)[1]
        assert ann.balance(held, token) == 10_000_000 and ann.balance(other, token) == 0


def test_it_is_listed_only_for_those_who_ask_for_its_version() -> None:
    world = World(spec(NEW, protocol=2), spec())

    def listed(query: str) -> list[str]:
        return [row["slug"] for row in world.read(f"/markets/keyset?{query}")["markets"]]

    assert listed("limit=10") == [GAME]
    assert listed("limit=10&version=v2") == [NEW]
    assert listed("limit=10&version=v1&version=v2") == [NEW, GAME]
    assert [event["markets"][0]["slug"] for event in world.read("/events/keyset?version=v2")["events"]] == [NEW]


def test_its_row_shows_position_ids_a_padded_condition_and_ids_that_trade_nothing() -> None:
    world = World(spec(NEW, protocol=2))
    condition, yes, no = world.exchange.tokens(NEW)
    (row,) = world.read("/markets/keyset?version=v2")["markets"]
    assert row["positionIds"] == [yes, no] and row["conditionId"] == condition + "00"
    for legacy in json.loads(row["clobTokenIds"]):
        assert not signing.is_v2_asset(int(legacy)) and world.get(f"/book?token_id={legacy}").status == 404
    assert world.read(f"/clob-markets/{row['conditionId']}") == world.read(f"/clob-markets/{condition}")


def test_a_padded_condition_filters_like_a_plain_one() -> None:
    world = World(spec(NEW, protocol=2))
    ann = world.trader()
    condition, _, _ = world.exchange.tokens(NEW)
    ann.done("BUY", market=NEW)
    for text in (condition, condition + "00"):
        assert len(ann.read(f"/data/orders?market={text}")["data"]) == 1
        assert len(world.read(f"/markets/keyset?version=v2&condition_ids={text}")["markets"]) == 1
    answer = json.loads(ann.call("DELETE", "/cancel-market-orders", {"market": condition + "00", "asset_id": ""}).body)
    assert len(answer["canceled"]) == 1


def test_it_is_resolved_and_redeemed_like_any_other() -> None:
    world = World(spec(NEW, protocol=2))
    ann = world.trader()
    ann.hold("yes", "10", NEW)
    world.exchange.settle(NEW, 1_000_000, world.now)
    world.pass_time(SECOND)
    condition = world.exchange.tokens(NEW)[0]
    (row,) = world.read(f"/v2/resolutions?condition={condition}00")["data"]
    assert row["payouts"] == [1_000_000, 0] and ann.money["cash"] == 1_005_000_000
