"""The Kalshi simulator's WebSocket: commands, sequence numbers, books, private channels, faults."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.simulator.kalshi import KalshiExchange
from simulator.kalshi.member import DOLLAR, ONE, ORDERS, SECOND, T0, TICKER, Member, floor, spec

IOC = "immediate_or_cancel"
OTHER = "KXGAME-26NOV21-B"
CENT = 10_000
Sides = dict[str, dict[str, int]]


def listening(*channels: str, **params: Any) -> tuple[KalshiExchange, Member, list[dict[str, Any]]]:
    """Two markets, house quotes 0.40 / 0.60 in the first, one member subscribed."""
    exchange, ann = floor()
    exchange.list_market(spec(OTHER), T0)
    exchange.quote(TICKER, "mm", [(400_000, 10 * ONE)], [(600_000, 10 * ONE)], T0)
    ann.connect()
    return exchange, ann, ann.command("subscribe", channels=list(channels), **params)


def of_type(frames: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [frame["msg"] for frame in frames if frame["type"] == kind]


# The book


def test_a_subscription_begins_with_a_snapshot() -> None:
    _, _, frames = listening("orderbook_delta", market_tickers=[TICKER])
    ack, snapshot = frames
    assert ack == {"id": 1, "type": "subscribed", "msg": {"channel": "orderbook_delta", "sid": 1}}
    assert (snapshot["type"], snapshot["sid"], snapshot["seq"]) == ("orderbook_snapshot", 1, 1)
    assert snapshot["msg"]["yes_dollars_fp"] == [["0.4000", "10.00"]]
    assert snapshot["msg"]["no_dollars_fp"] == [["0.4000", "10.00"]]
    assert "id" not in snapshot


def test_an_empty_side_has_no_key() -> None:
    _, _, frames = listening("orderbook_delta", market_tickers=[OTHER])
    assert set(frames[1]["msg"]) == {"market_ticker", "market_id"}


@pytest.mark.parametrize(("flag", "shown"), [(True, "0.7000"), (False, "0.3000"), (None, "0.3000")])
def test_no_bids_are_in_yes_prices_only_on_request(flag: bool | None, shown: str) -> None:
    params = {} if flag is None else {"use_yes_price": flag}
    exchange, ann, frames = listening("orderbook_delta", market_ticker=TICKER, **params)
    assert frames[1]["msg"]["no_dollars_fp"] == [["0.6000" if flag else "0.4000", "10.00"]]
    exchange.quote(TICKER, "mm", [(400_000, 10 * ONE)], [(600_000, 10 * ONE), (700_000, ONE)], T0)
    (delta,) = of_type(ann.frames(), "orderbook_delta")
    assert (delta["side"], delta["price_dollars"], delta["delta_fp"]) == ("no", shown, "1.00")


def test_unchanged_quotes_say_nothing_and_changed_ones_their_difference() -> None:
    exchange, ann, _ = listening("orderbook_delta", market_ticker=TICKER)
    exchange.quote(TICKER, "mm", [(400_000, 10 * ONE)], [(600_000, 10 * ONE)], T0)
    assert ann.frames() == []
    exchange.quote(TICKER, "mm", [(400_000, 7 * ONE)], [(600_000, 12 * ONE)], T0)
    deltas = of_type(ann.frames(), "orderbook_delta")
    assert [(delta["side"], delta["delta_fp"]) for delta in deltas] == [("yes", "-3.00"), ("no", "2.00")]


def test_only_the_cause_of_a_change_sees_its_client_order_id() -> None:
    exchange, ann, _ = listening("orderbook_delta", market_ticker=TICKER)
    bob = Member(exchange, "bob", {0: 100 * DOLLAR})
    bob.placed("bid", "0.3000", "1", client_order_id="bobs")
    ann.placed("bid", "0.3100", "1", client_order_id="anns")
    deltas = of_type(ann.frames(), "orderbook_delta")
    assert [delta.get("client_order_id") for delta in deltas] == [None, "anns"]


def test_get_snapshot_answers_with_the_id_and_leaves_the_stream_alone() -> None:
    exchange, ann, _ = listening("orderbook_delta", market_tickers=[TICKER])
    (snapshot,) = ann.command("update_subscription", sids=[1], market_tickers=[TICKER], action="get_snapshot")
    assert (snapshot["id"], snapshot["seq"], snapshot["type"]) == (2, 2, "orderbook_snapshot")
    exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    assert [frame["seq"] for frame in ann.frames()] == [3]


def test_markets_can_be_added_and_deleted() -> None:
    exchange, ann, _ = listening("orderbook_delta", market_tickers=[TICKER])
    ok, snapshot = ann.command("update_subscription", sid=1, market_tickers=[OTHER], action="add_markets")
    assert ok == {"id": 2, "sid": 1, "seq": 2, "type": "ok", "msg": {"market_tickers": [TICKER, OTHER]}}
    assert (snapshot["seq"], snapshot["msg"]["market_ticker"]) == (3, OTHER)
    (ok,) = ann.command("update_subscription", sids=[1], market_tickers=[TICKER], action="delete_markets")
    assert (ok["seq"], ok["msg"]["market_tickers"]) == (4, [OTHER])
    exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    assert ann.frames() == []


def test_a_repeated_subscribe_adds_markets_to_the_same_sid() -> None:
    _, ann, _ = listening("orderbook_delta", market_tickers=[TICKER])
    ok, snapshot = ann.command("subscribe", channels=["orderbook_delta"], market_tickers=[TICKER, OTHER])
    assert (ok["type"], ok["sid"], ok["msg"]["market_tickers"]) == ("ok", 1, [TICKER, OTHER])
    assert snapshot["msg"]["market_ticker"] == OTHER
    (listed,) = ann.command("list_subscriptions")
    assert listed["msg"] == [{"channel": "orderbook_delta", "sid": 1}]


def test_unsubscribe_takes_a_number_and_ends_the_frames() -> None:
    exchange, ann, _ = listening("orderbook_delta", "trade", market_tickers=[TICKER])
    (done,) = ann.command("unsubscribe", sids=[1])
    assert done == {"id": 2, "sid": 1, "seq": 2, "type": "unsubscribed"}
    exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    assert [frame["type"] for frame in ann.frames()] == ["trade"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"not json", 1),
        (b'{"id":1,"cmd":"subscribe"}', 2),
        (b'{"id":1,"cmd":"subscribe","params":{}}', 3),
        (b'{"id":1,"cmd":"unsubscribe","params":{}}', 4),
        (b'{"id":1,"cmd":"dance","params":{}}', 5),
        (b'{"id":1,"cmd":"unsubscribe","params":{"sids":[9]}}', 7),
        (b'{"id":1,"cmd":"subscribe","params":{"channels":["gossip"]}}', 8),
        (b'{"id":1,"cmd":"subscribe","params":{"channels":["trade"],"market_tickers":["NONE"]}}', 11),
        (b'{"id":1,"cmd":"update_subscription","params":{"action":"add_markets"}}', 12),
        (b'{"id":1,"cmd":"update_subscription","params":{"sids":[1],"action":"dance"}}', 13),
        (b'{"id":1,"cmd":"subscribe","params":{"channels":["orderbook_delta"]}}', 14),
        (b'{"id":1,"cmd":"update_subscription","params":{"sids":[1],"action":"add_markets"}}', 14),
        (b'{"id":1,"cmd":"update_subscription","params":{"sids":[1]}}', 15),
    ],
)
def test_every_mistake_has_its_code(command: bytes, code: int) -> None:
    exchange, ann, _ = listening("trade")
    exchange.receive(ann.connection, command, T0)
    (frame,) = ann.frames()
    assert (frame["type"], frame["msg"]["code"]) == ("error", code)
    assert frame.get("id") == (None if code == 1 else 1)


def test_an_error_about_a_subscription_takes_a_number_of_it() -> None:
    exchange, ann, _ = listening("orderbook_delta", market_tickers=[TICKER])
    (error,) = ann.command("update_subscription", sids=[1], market_tickers=["NONE"], action="add_markets")
    assert (error["sid"], error["seq"], error["msg"]["market_ticker"]) == (1, 2, "NONE")
    exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    assert [frame["seq"] for frame in ann.frames()] == [3]


# Public and private channels


def test_trade_is_sequenced_and_the_private_channels_are_not() -> None:
    _, ann, _ = listening("trade", "fill", "user_orders", "market_positions", "ticker")
    ann.placed("bid", "0.6000", "2", IOC)
    frames = ann.frames()
    assert {frame["type"]: "seq" in frame for frame in frames} == {
        "trade": True,
        "fill": False,
        "user_order": False,
        "market_position": False,
        "ticker": False,
    }


def test_a_fill_tells_order_price_fee_and_the_position_after_it() -> None:
    _, ann, _ = listening("fill", "trade")
    answer = ann.placed("ask", "0.4000", "2", IOC, client_order_id="abc")
    frames = ann.frames()
    (fill,), (trade,) = of_type(frames, "fill"), of_type(frames, "trade")
    assert fill["order_id"] == answer["order_id"]
    assert fill["client_order_id"] == "abc"
    assert (fill["book_side"], fill["outcome_side"], fill["is_taker"]) == ("ask", "no", True)
    assert (fill["yes_price_dollars"], fill["count_fp"], fill["post_position_fp"]) == ("0.4000", "2.00", "-2.00")
    assert fill["fee_cost"] == "0.0336"
    assert (trade["trade_id"], trade["ts_ms"]) == (fill["trade_id"], fill["ts_ms"])
    assert (trade["taker_outcome_side"], trade["no_price_dollars"]) == ("no", "0.6000")


def test_fill_and_trade_of_one_execution_come_in_either_order() -> None:
    exchange, ann, _ = listening("fill", "trade")
    orders = set()
    for _ in range(40):
        exchange.quote(TICKER, "mm", [], [(600_000, 10 * ONE)], T0)
        ann.placed("bid", "0.6000", "0.01", IOC)
        orders.add(tuple(frame["type"] for frame in ann.frames()))
    assert orders == {("fill", "trade"), ("trade", "fill")}


def test_a_makers_fill_reaches_its_owner_and_nobody_else() -> None:
    exchange, ann, _ = listening("fill", "user_orders", "market_positions")
    bob = Member(exchange, "bob", {0: 100 * DOLLAR})
    bob.connect()
    bob.command("subscribe", channels=["fill", "user_orders", "market_positions"])
    order_id = ann.placed("bid", "0.5000", "3")["order_id"]
    exchange.take(TICKER, "flow", False, 500_000, 2 * ONE, T0)
    drained = exchange.drain(T0)
    assert {number for number, _ in drained} == {ann.connection}
    frames = [json.loads(data) for _, data in drained if data is not None]
    (fill,) = of_type(frames, "fill")
    assert (fill["is_taker"], fill["count_fp"], fill["fee_cost"]) == (False, "2.00", "0.0000")
    placed, changed = of_type(frames, "user_order")
    assert (placed["status"], placed["remaining_count_fp"]) == ("resting", "3.00")
    assert (changed["order_id"], changed["fill_count_fp"], changed["remaining_count_fp"]) == (order_id, "2.00", "1.00")
    (position,) = of_type(frames, "market_position")
    assert (position["position_fp"], position["position_cost_dollars"]) == ("2.00", "1.0000")


def test_a_cancelled_ioc_tells_its_final_state() -> None:
    _, ann, _ = listening("user_orders")
    ann.placed("bid", "0.6000", "20", IOC)
    (order,) = of_type(ann.frames(), "user_order")
    assert (order["status"], order["fill_count_fp"], order["remaining_count_fp"]) == ("canceled", "10.00", "0.00")


def test_the_ticker_speaks_when_the_top_changes() -> None:
    exchange, ann, frames = listening("ticker", market_tickers=[TICKER], send_initial_snapshot=True)
    assert of_type(frames, "ticker")[0]["yes_bid_dollars"] == "0.4000"
    exchange.quote(TICKER, "mm", [(410_000, 10 * ONE)], [(600_000, 10 * ONE)], T0)
    tickers = of_type(ann.frames(), "ticker")
    assert tickers[-1]["yes_bid_dollars"] == "0.4100"
    exchange.quote(TICKER, "mm", [(410_000, 10 * ONE)], [(600_000, 10 * ONE), (700_000, ONE)], T0)
    assert ann.frames() == []


def test_the_lifecycle_tells_creation_determination_and_settlement() -> None:
    exchange, ann, _ = listening("market_lifecycle_v2")
    exchange.settle_delay_ns = SECOND
    exchange.list_market(spec("KXNEW-1-A"), T0)
    exchange.settle(TICKER, 500_000, T0)
    first = ann.frames()
    assert [frame["msg"]["event_type"] for frame in first] == ["created", "determined"]
    assert (first[1]["msg"]["result"], first[1]["msg"]["settlement_value"]) == ("scalar", "0.5000")
    ann.now = T0 + SECOND
    (settled,) = ann.frames()
    assert (settled["msg"]["event_type"], settled["seq"]) == ("settled", 3)


def test_closing_empties_the_book_without_a_lifecycle_frame() -> None:
    exchange, ann, _ = listening("market_lifecycle_v2", "orderbook_delta", market_tickers=[TICKER])
    ann.now = T0 + 3600 * SECOND
    assert [frame["type"] for frame in ann.frames()] == ["orderbook_delta"] * 2
    assert exchange.best(TICKER) == (None, None)


# Faults


def test_lost_deltas_leave_a_gap_in_the_sequence() -> None:
    exchange, ann, _ = listening("orderbook_delta", market_tickers=[TICKER])
    exchange.drop_deltas(ann.connection, 1, 2)
    for _ in range(3):
        exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    assert [frame["seq"] for frame in ann.frames()] == [4]


def test_a_cut_connection_ends_without_a_word() -> None:
    exchange, ann, _ = listening("trade")
    exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    exchange.cut(ann.connection)
    assert exchange.drain(T0) == [(ann.connection, None)]
    exchange.receive(ann.connection, b"{}", T0)
    assert exchange.drain(T0) == []


@pytest.mark.parametrize("code", [10, 25])
def test_a_terminal_error_ends_its_subscription(code: int) -> None:
    exchange, ann, _ = listening("orderbook_delta", market_tickers=[TICKER])
    exchange.fail_subscription(ann.connection, 1, code)
    (error,) = ann.frames()
    assert (error["msg"]["code"], error["sid"], error["seq"]) == (code, 1, 2)
    exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    assert ann.frames() == []


def test_a_client_that_left_gets_nothing() -> None:
    exchange, ann, _ = listening("trade")
    exchange.take(TICKER, "flow", True, 600_000, ONE, T0)
    exchange.disconnect(ann.connection)
    assert exchange.drain(T0) == []


# The stream is the book


STEPS = st.one_of(
    st.tuples(
        st.just("quote"),
        st.lists(st.tuples(st.integers(1, 45), st.integers(0, 9)), max_size=4),
        st.lists(st.tuples(st.integers(46, 99), st.integers(0, 9)), max_size=4),
    ),
    st.tuples(st.just("order"), st.booleans(), st.integers(1, 99), st.integers(1, 12)),
    st.tuples(st.just("take"), st.booleans(), st.integers(1, 99), st.integers(1, 12)),
    st.tuples(st.just("cancel all")),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("mistake")),
)


def step(exchange: KalshiExchange, ann: Member, action: tuple[Any, ...]) -> list[dict[str, Any]]:
    kind, *rest = action
    if kind == "quote":
        bids, asks = ([(price * CENT, size * ONE) for price, size in dict(side).items()] for side in rest)
        exchange.quote(TICKER, "mm", bids, asks, T0)
    elif kind == "order":
        buy, price, size = rest
        ann.order("bid" if buy else "ask", f"0.{price:02d}", str(size), self_trade_prevention_type="maker")
    elif kind == "take":
        buy, price, size = rest
        exchange.take(TICKER, "flow", buy, price * CENT, size * ONE, T0)
    elif kind == "cancel all":
        ann.send("DELETE", ORDERS)
    else:
        action_name = "get_snapshot" if kind == "snapshot" else "dance"
        return ann.command("update_subscription", sids=[1], market_tickers=[TICKER], action=action_name)
    return ann.frames()


def apply(sides: Sides, frame: dict[str, Any]) -> None:
    message = frame["msg"]
    if frame["type"] == "orderbook_snapshot":
        for side in ("yes", "no"):
            sides[side] = {price: hundredths(size) for price, size in message.get(f"{side}_dollars_fp", [])}
    elif frame["type"] == "orderbook_delta":
        levels, price = sides[message["side"]], message["price_dollars"]
        levels[price] = levels.get(price, 0) + hundredths(message["delta_fp"])
        assert levels[price] >= 0
        if levels[price] == 0:
            del levels[price]


def hundredths(text: str) -> int:
    return int(text.replace(".", ""))


@settings(max_examples=60, deadline=None)
@given(actions=st.lists(STEPS, max_size=20))
def test_snapshot_and_deltas_rebuild_the_rest_book_and_the_sequence_has_no_hole(actions: list[tuple[Any, ...]]) -> None:
    exchange, ann, frames = listening("orderbook_delta", market_tickers=[TICKER])
    sides: Sides = {"yes": {}, "no": {}}
    numbers = [frame["seq"] for frame in frames if "seq" in frame]
    for frame in frames:
        apply(sides, frame)
    for action in actions:
        for frame in step(exchange, ann, action):
            apply(sides, frame)
            numbers.append(frame["seq"])
        shown = ann.get(f"/markets/{TICKER}/orderbook")["orderbook_fp"]
        for side in ("yes", "no"):
            expected = {price: hundredths(size) for price, size in shown[f"{side}_dollars"]}
            assert sides[side] == expected
    assert numbers == list(range(1, len(numbers) + 1))
