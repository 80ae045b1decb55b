"""The private stream: fills in the claim that was ordered, order news, results, and never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.account import Resolution
from dutchbook.core.claim import Outcome
from dutchbook.core.events import FillSeen, MarketResolved, OrderSeen, StreamTrouble
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, Intent, ReportStatus
from dutchbook.venues.kalshi.user_stream import KalshiUserStream, OwnOrders
from venues.kalshi.bits import CONFIG, KEY, MARKET, NOW, an_intent, frame, micro, prepared

FILL: dict[str, Any] = {
    "trade_id": "t1",
    "order_id": "o1",
    "client_order_id": "c1",
    "market_ticker": MARKET.native,
    "exchange_index": 2,
    "is_taker": False,
    "yes_price_dollars": "0.4400",
    "count_fp": "2.50",
    "fee_cost": "0.0012",
    "post_position_fp": "2.50",
    "outcome_side": "yes",
    "book_side": "bid",
    "ts_ms": 1_781_821_370_267,
}
ORDER: dict[str, Any] = {
    "order_id": "o1",
    "client_order_id": "c1",
    "ticker": MARKET.native,
    "status": "resting",
    "outcome_side": "yes",
    "book_side": "bid",
    "fill_count_fp": "4.00",
    "remaining_count_fp": "6.00",
    "initial_count_fp": "10.00",
}


def stream(*intents: Intent) -> KalshiUserStream:
    own = OwnOrders()
    for number, intent in enumerate(intents, start=1):
        own.remember(prepared(intent, f"c{number}"))
    made = KalshiUserStream(CONFIG, KEY, own, {MARKET.native: MARKET})
    made.opened()
    return made


def one(made: KalshiUserStream, kind: str, body: dict[str, Any], **changes: Any) -> Any:
    (event,) = made.receive(frame(kind, body | changes, 1), 5)
    return event


def test_it_subscribes_to_fills_and_orders_first_and_signs_the_handshake() -> None:
    made = stream()
    asked = [json.loads(data)["params"]["channels"] for data in made.outbox]
    assert asked == [["fill", "user_orders"], ["market_positions"], ["order_group_updates"], ["market_lifecycle_v2"]]
    assert made.headers(NOW)["KALSHI-ACCESS-KEY"] == "key-id"
    assert made.closed() == () and made.outbox == []


@pytest.mark.parametrize(
    ("outcome", "action", "side", "cash"),
    [
        (Outcome.YES, Action.BUY, "bid", "1.10"),
        (Outcome.YES, Action.SELL, "ask", "1.10"),
        (Outcome.NO, Action.BUY, "ask", "1.40"),
        (Outcome.NO, Action.SELL, "bid", "1.40"),
    ],
)
def test_a_fill_is_told_in_the_claim_that_was_ordered(outcome: Outcome, action: Action, side: str, cash: str) -> None:
    intent = an_intent(outcome, action)
    seen = one(stream(intent), "fill", FILL, book_side=side, outcome_side="yes" if side == "bid" else "no")
    assert isinstance(seen, FillSeen)
    fill = seen.fill
    assert (fill.claim, fill.action, fill.identity) == (intent.claim, action, "c1")
    assert (fill.cash, fill.fee, fill.size, fill.id) == (micro(cash), micro("0.0012"), micro("2.5"), "t1")
    assert fill.at_ns == 1_781_821_370_267_000_000


def test_a_fill_without_a_client_id_is_known_by_its_order_id() -> None:
    made = stream(an_intent(Outcome.NO, Action.SELL))
    one(made, "user_order", ORDER)
    seen = one(made, "fill", FILL, client_order_id=None)
    assert (seen.fill.identity, seen.fill.claim.outcome, seen.fill.action) == ("c1", Outcome.NO, Action.SELL)


@pytest.mark.parametrize(("side", "outcome", "cash"), [("bid", Outcome.YES, "1.10"), ("ask", Outcome.NO, "1.40")])
def test_a_strangers_fill_is_a_purchase(side: str, outcome: Outcome, cash: str) -> None:
    seen = one(stream(), "fill", FILL, book_side=side)
    assert (seen.fill.claim.outcome, seen.fill.action, seen.fill.cash) == (outcome, Action.BUY, micro(cash))


@pytest.mark.parametrize(
    ("status", "expected"),
    [("resting", ReportStatus.RESTING), ("executed", ReportStatus.DONE), ("canceled", ReportStatus.DONE),
     ("novel", ReportStatus.UNKNOWN)],
)  # fmt: skip
def test_order_news_carry_status_and_cumulative_fills(status: str, expected: ReportStatus) -> None:
    seen = one(stream(an_intent()), "user_order", ORDER, status=status)
    assert isinstance(seen, OrderSeen)
    report = seen.report
    assert (report.identity, report.venue_order_id, report.status, report.filled) == ("c1", "o1", expected, 4 * MICRO)


@pytest.mark.parametrize(
    ("kind", "body", "changes", "word"),
    [("fill", FILL, {"book_side": "ask"}, "t1"), ("fill", FILL, {"fee_cost": None}, "fee_cost"),
     ("fill", FILL, {"count_fp": "x"}, "count_fp"), ("user_order", ORDER, {"ticker": "KXOTHER"}, "ticker"),
     ("user_order", ORDER, {"fill_count_fp": None}, "fill_count_fp")],
)  # fmt: skip
def test_news_that_contradict_our_order_or_miss_a_field_are_trouble(
    kind: str, body: Any, changes: Any, word: str
) -> None:
    trouble = one(stream(an_intent()), kind, body, **changes)
    assert isinstance(trouble, StreamTrouble) and not trouble.terminal and word in trouble.reason


def test_results_are_told_for_known_markets_only() -> None:
    made = stream()
    body = {"market_ticker": MARKET.native, "event_type": "determined", "result": "yes"}
    resolved = one(made, "market_lifecycle_v2", body)
    assert resolved == MarketResolved(Resolution(MARKET.id, MICRO, final=False))  # type: ignore[arg-type]
    assert made.receive(frame("market_lifecycle_v2", body | {"market_ticker": "KXOTHER"}, 3), 5) == ()


def test_a_gap_in_numbered_news_is_trouble_and_unnumbered_ones_never_are() -> None:
    made = stream()
    body = {"market_ticker": "KXOTHER", "event_type": "settled"}
    assert made.receive(frame("market_lifecycle_v2", body, 3, 4), 5) == ()
    assert made.receive(frame("market_lifecycle_v2", body, 3, 5), 5) == ()
    (trouble,) = made.receive(frame("market_lifecycle_v2", body, 3, 7), 5)
    assert isinstance(trouble, StreamTrouble) and not trouble.terminal
    assert len(made.receive(frame("fill", FILL, 1), 5)) == len(made.receive(frame("fill", FILL, 1), 5)) == 1


@pytest.mark.parametrize(("code", "terminal"), [(10, True), (25, True), (9, False)])
def test_a_dead_channel_is_terminal(code: int, terminal: bool) -> None:
    trouble = one(stream(), "error", {"code": code, "msg": "m"})
    assert isinstance(trouble, StreamTrouble) and trouble.terminal is terminal


@given(st.binary(max_size=80))
def test_no_bytes_can_raise(data: bytes) -> None:
    made = stream(an_intent())
    made.receive(data, 5)
    for kind in ("fill", "user_order", "market_lifecycle_v2", "error"):
        made.receive(b'{"type":"' + kind.encode() + b'","msg":' + data + b"}", 5)
