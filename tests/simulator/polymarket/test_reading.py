"""Public market data and metadata: Gamma's odd shapes, the CLOB's one-call parameters, paging."""

from __future__ import annotations

import json

from simulator.polymarket.trader import GAME, NOW, SECOND, World, error, spec


def test_the_clock_and_the_small_calls() -> None:
    world = World()
    assert world.read("/time") == NOW // SECOND
    assert world.read("/ok") == "OK"
    assert world.read("/version") == {"version": 2}
    assert world.get("/nowhere").status == 404
    assert world.get("/order/1").status == 404


def test_prices_of_both_tokens_mirror_each_other() -> None:
    world = World()
    world.quote([("0.48", "30")], [("0.52", "25")])
    _, yes, no = world.exchange.tokens(GAME)
    assert world.read(f"/price?token_id={yes}&side=BUY") == {"price": "0.52"}
    assert world.read(f"/price?token_id={yes}&side=SELL") == {"price": "0.48"}
    assert world.read(f"/price?token_id={no}&side=BUY") == {"price": "0.52"}
    assert world.read(f"/midpoint?token_id={yes}") == {"mid": "0.5"}
    assert world.read(f"/spread?token_id={no}") == {"spread": "0.04"}
    assert world.read(f"/tick-size?token_id={yes}") == {"minimum_tick_size": 0.01}
    assert world.read(f"/neg-risk?token_id={yes}") == {"neg_risk": False}
    missing = world.get("/book?token_id=1")
    assert (missing.status, error(missing)) == (404, "No orderbook exists for the requested token id")


def test_several_books_in_one_call() -> None:
    world = World()
    ann = world.trader()
    tokens = world.exchange.tokens(GAME)[1:]
    books = json.loads(ann.call("POST", "/books", [{"token_id": token} for token in (*tokens, "1")]).body)
    assert [book["asset_id"] for book in books] == list(tokens)


def test_the_fee_rate_call_does_not_tell_the_rate() -> None:
    world = World(spec(taker_rate="0.03"), spec("free"))
    assert world.read(f"/fee-rate?token_id={world.exchange.tokens(GAME)[1]}") == {"base_fee": 1000}
    assert world.read(f"/fee-rate?token_id={world.exchange.tokens('free')[1]}") == {"base_fee": 0}


def test_one_call_tells_tick_fees_minimum_delay_and_neg_risk() -> None:
    world = World(spec(taker_rate="0.05", neg_risk=True, taker_delay_ns=3 * SECOND, tick=1_000, starts_ns=NOW))
    condition, yes, no = world.exchange.tokens(GAME)
    assert world.read(f"/markets-by-token/{no}")["condition_id"] == condition
    body = world.read(f"/clob-markets/{condition}")
    assert body["t"] == [{"t": yes, "o": "Yes"}, {"t": no, "o": "No"}]
    assert (body["mts"], body["mos"], body["nr"], body["sd"]) == (0.001, 5, True, 3)
    assert body["fd"] == {"r": 0.05, "e": 1, "to": True}
    assert b'"r":0.05' in world.get(f"/clob-markets/{condition}").body, "the exact decimal, not a binary fraction"
    plain = World()
    assert not {"nr", "fd", "gst"} & set(plain.read(f"/clob-markets/{plain.exchange.tokens(GAME)[0]}"))


def test_short_delays_are_flagged_without_seconds() -> None:
    world = World(spec(taker_delay_ns=250_000_000))
    body = world.read(f"/clob-markets/{world.exchange.tokens(GAME)[0]}")
    assert (body["itode"], body["sd"]) == (True, 0)


def test_gamma_writes_its_arrays_as_text() -> None:
    world = World(spec(outcomes=("Suns", "Heat"), taker_rate="0.05", starts_ns=NOW + SECOND))
    world.quote([("0.48", "30")], [("0.52", "25")])
    (row,) = world.read(f"/markets?slug={GAME}")
    condition, yes, no = world.exchange.tokens(GAME)
    assert json.loads(row["outcomes"]) == ["Suns", "Heat"]
    assert json.loads(row["clobTokenIds"]) == [yes, no]
    assert json.loads(row["outcomePrices"]) == ["0.5", "0.5"]
    assert row["conditionId"] == condition
    assert row["description"] == "Resolves to the winner of the game."
    assert row["feeSchedule"] == {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.15}
    assert (row["bestBid"], row["bestAsk"], row["orderPriceMinTickSize"], row["orderMinSize"]) == (0.48, 0.52, 0.01, 5)
    assert row["gameStartTime"] == "2026-11-21 00:16:24+00"
    assert row["closed"] is False
    assert row["events"][0]["title"] == "Suns vs. Heat"
    assert world.read(f"/markets/{row['id']}") == row


def test_pages_are_clamped_to_a_hundred_and_end_with_a_null_cursor() -> None:
    world = World(*(spec(f"m-{n}", event=f"Event {n % 3}") for n in range(120)))
    first = world.read("/markets/keyset?limit=500")
    assert len(first["markets"]) == 100
    second = world.read(f"/markets/keyset?limit=500&after_cursor={first['next_cursor']}")
    assert second["next_cursor"] is None
    assert [row["slug"] for row in first["markets"] + second["markets"]] == [f"m-{n}" for n in range(120)]
    assert world.get("/markets/keyset?after_cursor=%25").status == 422
    events = world.read("/events/keyset?limit=2")
    assert [len(event["markets"]) for event in events["events"]] == [40, 40]
    assert world.read(f"/events/keyset?after_cursor={events['next_cursor']}")["next_cursor"] is None
    single = world.read(f"/events/{events['events'][0]['id']}")
    assert single["slug"] == "event-0"
    assert world.read("/events?slug=event-1")[0]["title"] == "Event 1"


def test_gamma_filters() -> None:
    world = World(spec("a"), spec("b"), spec("c"))
    world.exchange.settle("b", 0, world.now)
    a, b = world.exchange.tokens("a"), world.exchange.tokens("b")

    def slugs(query: str) -> list[str]:
        return [row["slug"] for row in world.read(f"/markets/keyset?{query}")["markets"]]

    assert slugs("") == ["a", "b", "c"]
    assert slugs("closed=false") == ["a", "c"]
    assert slugs("closed=true") == ["b"]
    assert slugs(f"condition_ids={a[0]}&condition_ids={b[0]}") == ["a", "b"]
    assert slugs(f"clob_token_ids={a[2]},{b[1]}") == ["a", "b"]
    assert slugs("version=v1&version=v2&limit=1") == ["a"]
    assert slugs("version=v2") == []


def test_open_orders_and_trades_come_in_pages() -> None:
    world = World()
    ann = world.trader(cash="10000")
    for _ in range(105):
        ann.done("BUY", "0.10", "5")
    first = ann.read("/data/orders?next_cursor=MA==")
    assert (first["count"], len(first["data"])) == (100, 100)
    second = ann.read(f"/data/orders?next_cursor={first['next_cursor']}")
    assert (second["count"], second["next_cursor"]) == (5, "LTE=")
    assert ann.read("/data/orders?next_cursor=LTE=")["data"] == []


def test_trades_can_be_asked_for_by_time_market_and_id() -> None:
    world = World(spec(), spec("other"))
    ann = world.trader()
    for market in (GAME, "other"):
        world.quote([], [("0.50", "100")], market=market)
        ann.done("BUY", "0.50", "10", market=market, order_type="FOK")
        world.pass_time(10 * SECOND)
    newest, oldest = ann.read("/data/trades")["data"]
    assert newest["market"] == world.exchange.tokens("other")[0]

    def ids(query: str) -> list[str]:
        return [row["id"] for row in ann.read(f"/data/trades?{query}")["data"]]

    assert ids(f"market={oldest['market']}") == [oldest["id"]]
    assert ids(f"id={newest['id']}") == [newest["id"]]
    assert ids(f"after={oldest['match_time']}") == [newest["id"]]
    assert ids(f"before={newest['match_time']}") == [oldest["id"]]
    assert ids(f"asset_id={world.exchange.tokens(GAME)[1]}") == [oldest["id"]]
    assert ids(f"maker_address={ann.fields['address']}") == [newest["id"], oldest["id"]]
    assert ids("maker_address=0x" + "11" * 20) == []
