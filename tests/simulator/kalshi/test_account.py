"""Cash, collateral, netting, fills, settlement of the Kalshi simulator; nothing is created and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.simulator.kalshi import KalshiExchange
from simulator.kalshi.member import BASE, DOLLAR, ONE, ORDERS, T0, TICKER, Member, floor, spec

IOC = "immediate_or_cancel"
CENT = 10_000


def test_a_purchase_costs_price_and_fee_at_once() -> None:
    exchange, ann = floor(10 * DOLLAR)
    exchange.quote(TICKER, "mm", [], [(500_000, 10 * ONE)], T0)
    answer = ann.placed("bid", "0.5000", "1", IOC)
    assert answer["average_fee_paid"] == "0.0175"
    assert ann.balance() == "9.4825"
    (fill,) = ann.get("/portfolio/fills")["fills"]
    assert (fill["fee_cost"], fill["count_fp"], fill["yes_price_dollars"]) == ("0.0175", "1.00", "0.5000")
    assert (fill["is_taker"], fill["outcome_side"], fill["book_side"]) == (True, "yes", "bid")
    assert "client_order_id" not in fill


def test_a_broker_account_is_charged_in_whole_cents() -> None:
    exchange = KalshiExchange(1, direct_member=False)
    exchange.list_market(spec(tick=1000), T0)
    ann = Member(exchange, "ann", {0: 10 * DOLLAR})
    exchange.quote(TICKER, "mm", [], [(55_000, 10 * ONE)], T0)
    assert ann.placed("bid", "0.0550", "1", IOC)["average_fee_paid"] == "0.0050"
    assert ann.balance() == "9.9400"


def test_rounding_is_carried_within_an_order_and_paid_back() -> None:
    exchange = KalshiExchange(1, direct_member=False)
    exchange.list_market(spec(), T0)
    ann = Member(exchange, "ann", {0: 10 * DOLLAR})
    exchange.quote(TICKER, "mm", [], [(500_000 + step * CENT, ONE) for step in range(4)], T0)
    order_id = ann.placed("bid", "0.5300", "4", IOC)["order_id"]
    fees = [fill["fee_cost"] for fill in reversed(ann.get("/portfolio/fills")["fills"])]
    # trade fees 0.0175 0.017493 0.017472 0.017437; rounding 0.0025 0.002507 0.002528 0.002563 sums to 0.010098
    assert fees == ["0.0200", "0.0200", "0.0200", "0.0100"]
    assert ann.read(order_id)["taker_fees_dollars"] == "0.0700"


def test_makers_pay_only_where_the_series_says_so() -> None:
    for fee_type, fee in (("quadratic", "0.0000"), ("quadratic_with_maker_fees", "0.0078")):
        exchange = KalshiExchange(1)
        exchange.set_fee_type("KXGAME", fee_type)
        exchange.list_market(spec(), T0)
        ann = Member(exchange, "ann", {0: 10 * DOLLAR})
        ann.placed("bid", "0.6700", "2")
        exchange.take(TICKER, "flow", False, 670_000, 2 * ONE, T0)
        (fill,) = ann.get("/portfolio/fills")["fills"]
        assert (fill["fee_cost"], fill["is_taker"]) == (fee, False)
        assert ann.get("/series/KXGAME")["series"]["fee_type"] == fee_type


def test_an_order_must_be_covered_fee_included() -> None:
    exchange, ann = floor(5_174_900)
    exchange.quote(TICKER, "mm", [], [(500_000, 100 * ONE)], T0)
    assert ann.refused("bid", "0.5000", "10", IOC) == (400, "insufficient_balance")
    exchange, ann = floor(5_175_000)
    exchange.quote(TICKER, "mm", [], [(500_000, 100 * ONE)], T0)
    ann.placed("bid", "0.5000", "10", IOC)
    assert ann.balance() == "0.0000"


def test_resting_orders_hold_their_collateral() -> None:
    _, ann = floor(10 * DOLLAR)
    order_id = ann.placed("bid", "0.4000", "10")["order_id"]
    assert ann.balance() == "6.0000"
    assert ann.refused("ask", "0.3900", "10")[1] == "insufficient_balance"
    ann.placed("ask", "0.4100", "10")
    assert ann.balance() == "0.1000"
    ann.send("DELETE", f"{ORDERS}/{order_id}")
    assert ann.balance() == "4.1000"
    assert ann.exchange.statement("ann") == {"cash": {0: 10 * DOLLAR}, "positions": {}}


def test_closing_needs_no_cash_and_returns_a_dollar_per_pair() -> None:
    exchange, ann = floor(6 * DOLLAR, taker_rate="0")
    exchange.quote(TICKER, "mm", [(400_000, 100 * ONE)], [(600_000, 100 * ONE)], T0)
    ann.placed("ask", "0.4000", "10", IOC)  # 10 NO at 0.60
    assert ann.balance() == "0.0000"
    ann.placed("bid", "0.6000", "10", IOC)  # each pair returns 1.00, so 10 x 0.40 comes back
    assert (ann.balance(), ann.position()) == ("4.0000", "0.00")
    row = ann.get("/portfolio/positions")["market_positions"][0]
    assert row["realized_pnl_dollars"] == "-2.0000"
    assert row["market_exposure_dollars"] == "0.0000"


def test_an_order_that_takes_another_orders_cover_away_is_refused() -> None:
    exchange, ann = floor(6 * DOLLAR, taker_rate="0")
    exchange.quote(TICKER, "mm", [(400_000, 100 * ONE)], [(600_000, 100 * ONE)], T0)
    ann.placed("bid", "0.6000", "10", IOC)
    ann.placed("ask", "0.6000", "10")  # closes: held by the position, not by cash
    assert ann.balance() == "0.0000"
    assert ann.refused("ask", "0.4000", "10", IOC)[1] == "insufficient_balance"


def test_resting_orders_close_the_position_once_between_them() -> None:
    exchange, ann = floor(6 * DOLLAR, taker_rate="0")
    exchange.quote(TICKER, "mm", [], [(300_000, 10 * ONE)], T0)
    ann.placed("bid", "0.3000", "10", IOC)
    ann.placed("ask", "0.6000", "10")
    assert ann.balance() == "3.0000"
    ann.placed("ask", "0.7000", "10")
    assert ann.balance() == "0.0000"
    exchange.take(TICKER, "flow", True, 700_000, 20 * ONE, T0)
    assert (ann.position(), ann.balance()) == ("-10.00", "6.0000")


def test_an_amended_order_gives_its_own_cover_back_first() -> None:
    _, ann = floor(5 * DOLLAR)
    order_id = ann.placed("bid", "0.5000", "10")["order_id"]
    body = {"ticker": TICKER, "side": "bid", "price": "0.5500", "count": "9"}
    assert ann.send("POST", f"{ORDERS}/{order_id}/amend", body).status == 200
    assert ann.balance() == "0.0500"
    assert ann.send("POST", f"{ORDERS}/{order_id}/amend", body | {"count": "10"}).status == 400
    assert ann.balance() == "0.0500"


def test_a_resting_order_that_rounding_has_uncovered_is_cancelled() -> None:
    exchange, ann = floor(505_500, tick=100)
    order_id = ann.placed("bid", "0.5055", "1")["order_id"]
    exchange.take(TICKER, "flow", False, 505_500, CENT, T0)  # 0.005055 costs 0.0051
    row = ann.read(order_id)
    assert (row["status"], row["last_update_reason"], row["fill_count_fp"]) == ("canceled", "MarginCancel", "0.01")
    assert ann.balance() == "0.5004"


@pytest.mark.parametrize(("cash", "status"), [(15_200, 400), (15_400, 201)])
def test_many_small_fills_must_be_covered_with_their_rounding(cash: int, status: int) -> None:
    exchange, ann = floor(cash, tick=100, taker_rate="0")
    for maker in ("one", "two", "three"):
        exchange.quote(TICKER, maker, [], [(505_500, CENT)], T0)
    assert ann.order("bid", "0.5055", "0.03", IOC).status == status
    assert exchange.statement("ann")["cash"][0] >= 0


def test_cash_of_one_shard_does_not_cover_another() -> None:
    exchange, _ = floor(shard=2)
    bob = Member(exchange, "bob", {0: 100 * DOLLAR})
    assert bob.refused("bid", "0.5000", "1", exchange_index=0) == (404, "market_not_found")
    assert bob.refused("bid", "0.5000", "1") == (404, "user_not_found")
    assert bob.refused("bid", "0.5000", "1", exchange_index=2) == (400, "insufficient_balance")
    carl = Member(exchange, "carl", {0: 100 * DOLLAR, 2: DOLLAR})
    assert carl.refused("bid", "0.5000", "3") == (400, "insufficient_balance")
    carl.placed("bid", "0.5000", "2", exchange_index=2)
    answer = carl.get("/portfolio/balance")
    assert answer["balance_breakdown"] == [
        {"exchange_index": 0, "balance": "100.0000"},
        {"exchange_index": 2, "balance": "0.0000"},
    ]
    assert (answer["balance"], answer["balance_dollars"]) == (10_000, "100.0000")


def test_the_balance_in_cents_is_truncated() -> None:
    _, ann = floor(9_999_900)
    assert ann.get("/portfolio/balance")["balance"] == 999


# Settlement


def held(exchange: KalshiExchange, ann: Member, side: str, count: str) -> None:
    exchange.quote(TICKER, "mm", [(400_000, 100 * ONE)], [(600_000, 100 * ONE)], T0)
    ann.placed(side, "0.6000" if side == "bid" else "0.4000", count, IOC)


@pytest.mark.parametrize(
    ("side", "yes_value", "result", "revenue", "balance"),
    [
        ("bid", ONE, "yes", 1000, "1004.0000"),
        ("bid", 0, "no", 0, "994.0000"),
        ("ask", 0, "no", 1000, "1004.0000"),
        ("ask", ONE, "yes", 0, "994.0000"),
        ("bid", 500_000, "scalar", 500, "999.0000"),
        ("ask", 260_000, "scalar", 740, "1001.4000"),
    ],
)
def test_settlement_pays_the_net_position(side: str, yes_value: int, result: str, revenue: int, balance: str) -> None:
    exchange, ann = floor(taker_rate="0")
    held(exchange, ann, side, "10")
    exchange.settle(TICKER, yes_value, T0)
    assert ann.balance() == balance
    market = ann.get(f"/markets/{TICKER}")["market"]
    assert (market["status"], market["result"]) == ("finalized", result)
    assert int(float(market["settlement_value_dollars"]) * ONE + 0.5) == yes_value
    (row,) = ann.get("/portfolio/settlements")["settlements"]
    assert (row["market_result"], row["revenue"]) == (result, revenue)
    assert (row["yes_count_fp"], row["no_count_fp"]) == (("10.00", "0.00") if side == "bid" else ("0.00", "10.00"))
    assert row["value"] == yes_value // CENT
    assert ann.get("/portfolio/positions")["market_positions"] == []
    (settled,) = ann.get("/portfolio/positions?settlement_status=settled")["market_positions"]
    assert settled["position_fp"] == "0.00"


def test_a_sub_cent_scalar_payout_is_rounded_down_through_a_fee() -> None:
    exchange, ann = floor(taker_rate="0")
    held(exchange, ann, "bid", "1.50")
    exchange.settle(TICKER, 333_300, T0)  # 1.5 x 0.3333 = 0.49995
    (row,) = ann.get("/portfolio/settlements")["settlements"]
    assert (row["revenue"], row["fee_cost"]) == (49, "0.009950")
    assert exchange.fees_collected == 9_950


def test_only_a_finalized_market_is_paid() -> None:
    exchange, ann = floor(taker_rate="0")
    exchange.settle_delay_ns = 1_000
    held(exchange, ann, "bid", "10")
    resting = ann.placed("bid", "0.1000", "1")
    exchange.settle(TICKER, ONE, T0)
    assert ann.get(f"/markets/{TICKER}")["market"]["status"] == "determined"
    assert ann.balance() == "994.0000"
    assert ann.read(resting["order_id"])["status"] == "canceled"
    assert exchange.wake_at() == T0 + 1_000
    exchange.drain(T0 + 1_000)
    assert ann.get(f"/markets/{TICKER}")["market"]["status"] == "finalized"
    assert ann.balance() == "1004.0000"
    with pytest.raises(ValueError, match="already determined"):
        exchange.settle(TICKER, 0, T0)


# Conservation


ACTIONS = st.one_of(
    st.tuples(
        st.just("order"),
        st.sampled_from(["ann", "bob"]),
        st.booleans(),
        st.integers(1, 99),
        st.integers(1, 3000),
        st.sampled_from(["good_till_canceled", IOC, "fill_or_kill"]),
        st.sampled_from(["maker", "taker_at_cross"]),
    ),
    st.tuples(st.just("quote"), st.integers(2, 60), st.integers(1, 38), st.integers(1, 2000)),
    st.tuples(st.just("take"), st.booleans(), st.integers(1, 99), st.integers(1, 2000)),
    st.tuples(st.just("cancel"), st.sampled_from(["ann", "bob"])),
)


def act(exchange: KalshiExchange, members: dict[str, Member], action: tuple[Any, ...]) -> None:
    kind, *rest = action
    if kind == "order":
        name, buy, cents, size, tif, prevention = rest
        members[name].order(
            "bid" if buy else "ask",
            f"0.{cents:02d}",
            f"{size // 100}.{size % 100:02d}",
            tif,
            self_trade_prevention_type=prevention,
        )
    elif kind == "quote":
        bid, gap, size = rest
        exchange.quote(TICKER, "mm", [(bid * CENT, size * CENT)], [((bid + gap) * CENT, size * CENT)], T0)
    elif kind == "take":
        buy, cents, size = rest
        exchange.take(TICKER, "flow", buy, cents * CENT, size * CENT, T0)
    else:
        members[rest[0]].send("DELETE", ORDERS)


def totals(exchange: KalshiExchange) -> tuple[int, int]:
    """(cash and fees, net position) over everybody; house names that never traded count as nothing."""
    cash, net, longs = exchange.fees_collected, 0, 0
    for name in ("ann", "bob", "mm", "flow"):
        try:
            statement = exchange.statement(name)
        except KeyError:
            continue
        cash += sum(statement["cash"].values())
        net += sum(statement["positions"].values())
        longs += sum(max(0, size) for size in statement["positions"].values())
    return cash + longs, net


@settings(max_examples=60, deadline=None)
@given(
    actions=st.lists(ACTIONS, max_size=25),
    yes_value=st.one_of(st.sampled_from([0, ONE]), st.integers(0, ONE)),
    direct=st.booleans(),
    maker_fees=st.booleans(),
    cash=st.integers(1, 3000),
)
def test_cash_and_fees_and_collateral_are_conserved(
    actions: list[tuple[Any, ...]], yes_value: int, direct: bool, maker_fees: bool, cash: int
) -> None:
    exchange = KalshiExchange(3, direct_member=direct)
    if maker_fees:
        exchange.set_fee_type("KXGAME", "quadratic_with_maker_fees")
    exchange.list_market(spec(), T0)
    members = {name: Member(exchange, name, {0: cash * CENT}) for name in ("ann", "bob")}
    for action in actions:
        act(exchange, members, action)
        assert totals(exchange) == (2 * cash * CENT, 0)
        for name, member in members.items():
            assert exchange.statement(name)["cash"][0] >= 0
            assert not member.balance().startswith("-")
    exchange.settle(TICKER, yes_value, T0)
    assert totals(exchange) == (2 * cash * CENT, 0)
    assert all(exchange.statement(name)["positions"] == {} for name in members)
    assert all(exchange.statement(name)["cash"][0] >= 0 for name in members)


@settings(max_examples=25, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=20))
def test_rest_fills_add_up_to_positions_and_cash(actions: list[tuple[Any, ...]]) -> None:
    exchange, ann = floor()
    members = {"ann": ann, "bob": Member(exchange, "bob", {0: 1000 * DOLLAR})}
    for action in actions:
        act(exchange, members, action)
    for name, member in members.items():
        net, spent = 0, 0
        for fill in member.get("/portfolio/fills?limit=1000")["fills"]:
            price, size, fee = (_millionths(fill[key]) for key in ("yes_price_dollars", "count_fp", "fee_cost"))
            sign = 1 if fill["book_side"] == "bid" else -1
            net += sign * size
            spent += sign * price * size // ONE + fee
        statement = exchange.statement(name)
        assert statement["positions"].get(TICKER, 0) == net
        # A short YES position has $1 per contract set aside.
        assert statement["cash"][0] == 1000 * DOLLAR - spent - max(0, -net)


def _millionths(text: str) -> int:
    whole, decimals = text.split(".")
    return int(whole) * ONE + int(decimals.ljust(6, "0"))


# Listings


def test_pages_end_with_an_empty_cursor_and_repeat_nothing() -> None:
    exchange, ann = floor()
    for number in range(4):
        exchange.list_market(spec(f"KXGAME-26NOV21-{number}"), T0)
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = ann.get(f"/markets?limit=2&cursor={cursor}")
        seen += [market["ticker"] for market in page["markets"]]
        cursor = page["cursor"]
    assert (len(seen), len(set(seen)), cursor) == (5, 5, "")
    orders = [ann.placed("bid", "0.4000", "1")["order_id"] for _ in range(3)]
    page = ann.get("/portfolio/orders?limit=2")
    ann.placed("bid", "0.4000", "1")  # what arrives meanwhile does not shift the pages
    rest = ann.get(f"/portfolio/orders?limit=2&cursor={page['cursor']}")
    assert [row["order_id"] for row in page["orders"] + rest["orders"]] == orders[::-1]
    assert ann.send("GET", "/markets?cursor=%21").status == 400


def test_markets_are_filtered_by_status_event_series_and_ticker() -> None:
    exchange, ann = floor()
    exchange.list_market(spec("KXBTC-1-A", opens_ns=T0 + 1), T0)
    exchange.list_market(spec("KXETH-1-A"), T0)
    exchange.settle("KXETH-1-A", ONE, T0)

    def listed(query: str) -> list[str]:
        return [market["ticker"] for market in ann.get(f"/markets?mve_filter=exclude&{query}")["markets"]]

    assert listed("status=open") == [TICKER]
    assert listed("status=unopened") == ["KXBTC-1-A"]
    assert listed("status=settled") == ["KXETH-1-A"]
    assert listed("series_ticker=KXBTC") == ["KXBTC-1-A"]
    assert listed("event_ticker=KXETH-1") == ["KXETH-1-A"]
    assert listed(f"tickers={TICKER},KXBTC-1-A") == [TICKER, "KXBTC-1-A"]
    assert ann.send("GET", "/markets?status=active").status == 400
    assert ann.send("GET", "/markets?limit=1001").status == 400
    assert [event["event_ticker"] for event in ann.get("/events?status=open")["events"]] == ["KXGAME-26NOV21"]


def test_an_event_names_its_series_shard_and_fee_override() -> None:
    exchange, ann = floor()
    exchange.list_market(spec("KXGAME-26NOV22-B", taker_rate="0.5", mutually_exclusive=True, shard=3), T0)
    plain = ann.get("/events/KXGAME-26NOV21?with_nested_markets=true")["event"]
    assert (plain["fee_multiplier_override"], plain["fee_type_override"]) == (None, None)
    assert plain["markets"][0]["ticker"] == TICKER
    half = ann.get("/events/KXGAME-26NOV22")["event"]
    assert (half["fee_multiplier_override"], half["exchange_index"], half["mutually_exclusive"]) == (0.5, 3, True)
    assert ann.get(f"/series/{half['series_ticker']}")["series"]["fee_multiplier"] == 1
    assert ann.send("GET", "/events/NONE").status == 404
    with pytest.raises(ValueError, match="must share"):
        exchange.list_market(spec("KXGAME-26NOV22-C", taker_rate="1", shard=3), T0)


def test_a_market_shows_its_quotes_and_an_empty_side_as_no_size() -> None:
    exchange, ann = floor()
    exchange.quote(TICKER, "mm", [(400_000, 2 * ONE)], [], T0)
    row = ann.get(f"/markets/{TICKER}")["market"]
    assert (row["yes_bid_dollars"], row["yes_bid_size_fp"], row["no_ask_dollars"]) == ("0.4000", "2.00", "0.6000")
    assert (row["yes_ask_size_fp"], row["no_bid_dollars"]) == ("0.00", "0.0000")
    assert row["price_ranges"] == [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]


def test_order_books_come_singly_in_depth_and_in_batches() -> None:
    exchange, ann = floor()
    exchange.list_market(spec("KXBTC-1-A"), T0)
    exchange.quote(TICKER, "mm", [(400_000, ONE), (390_000, ONE)], [], T0)
    best = ann.get(f"/markets/{TICKER}/orderbook?depth=1")["orderbook_fp"]
    assert best == {"yes_dollars": [["0.4000", "1.00"]], "no_dollars": []}
    books = ann.get(f"/markets/orderbooks?tickers={TICKER}&tickers=KXBTC-1-A")["orderbooks"]
    assert [book["ticker"] for book in books] == [TICKER, "KXBTC-1-A"]
    assert ann.send("GET", "/markets/orderbooks").status == 400


def test_small_answers_have_their_documented_shape() -> None:
    _, ann = floor(shard=2)
    assert ann.get("/exchange/status")["exchange_index_statuses"][1]["exchange_index"] == 2
    assert ann.get("/exchange/user_data_timestamp")["as_of_time"].endswith("Z")
    assert ann.get("/series/fee_changes") == {"series_fee_change_arr": []}
    assert ann.get("/account/limits")["write"] == {"refill_rate": 100, "bucket_capacity": 100}
    moved = ann.send("GET", "/markets/")
    assert (moved.status, moved.headers["location"]) == (301, BASE + "/markets")
    assert json.loads(ann.send("GET", "/nowhere").body)["error"]["code"] == "not_found"
    assert ann.send("POST", ORDERS, []).status == 400


def test_the_same_seed_makes_the_same_exchange() -> None:
    answers = []
    for _ in range(2):
        exchange, ann = floor()
        exchange.quote(TICKER, "mm", [], [(500_000, 5 * ONE)], T0)
        answers.append((ann.placed("bid", "0.5000", "1", IOC), dict(ann.fields), ann.get("/portfolio/fills")))
    assert answers[0] == answers[1]
