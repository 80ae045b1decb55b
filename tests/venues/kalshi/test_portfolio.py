"""The private account: exact cash of fills, balances per shard, signed positions, scalar settlement fees."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import MICRO, Price
from dutchbook.core.order import Action, Intent
from dutchbook.venues.kalshi import portfolio
from venues.kalshi.bits import MARKET, an_intent, micro

YES, NO, BUY, SELL = Outcome.YES, Outcome.NO, Action.BUY, Action.SELL
ROW: dict[str, Any] = {
    "fill_id": "f1",
    "order_id": "o1",
    "ticker": MARKET.native,
    "outcome_side": "yes",
    "book_side": "bid",
    "count_fp": "3.33",
    "yes_price_dollars": "0.3333",
    "is_taker": True,
    "fee_cost": "0.051811",
    "created_time": "2026-11-20T00:00:00.000123Z",
}


def fill(intent: Intent | None = None, **changes: Any) -> Any:
    return portfolio.fill_of(msgspec.convert(ROW | changes, portfolio.FillRow), intent, "c1")


def test_a_fill_carries_exact_cash_and_the_reported_fee() -> None:
    found = fill()
    assert (found.size, found.cash, found.fee) == (micro("3.33"), micro("1.109889"), micro("0.051811"))
    assert (found.id, found.identity, found.venue_order_id) == ("f1", "c1", "o1")
    assert (found.liquidity, found.final, found.fee_exact) == (Liquidity.TAKER, True, True)
    assert found.at_ns == 1_795_132_800_000_123_000


@pytest.mark.parametrize(
    ("outcome", "action", "side", "cash"),
    [(YES, BUY, "bid", "4"), (YES, SELL, "ask", "4"), (NO, BUY, "ask", "6"), (NO, SELL, "bid", "6")],
)
def test_a_fill_is_told_in_the_claim_that_was_ordered(outcome: Outcome, action: Action, side: str, cash: str) -> None:
    intent = an_intent(outcome, action)
    row = {"book_side": side, "outcome_side": "yes" if side == "bid" else "no"}
    found = fill(intent, count_fp="10", yes_price_dollars="0.4000", **row)
    assert (found.claim, found.action, found.cash) == (intent.claim, action, micro(cash))


@pytest.mark.parametrize(("side", "outcome", "cash"), [("bid", YES, "4"), ("ask", NO, "6")])
def test_a_strangers_fill_buys_yes_on_the_bid_and_no_on_the_ask(side: str, outcome: Outcome, cash: str) -> None:
    found = fill(None, book_side=side, count_fp=10, yes_price_dollars=0.4)
    assert (found.claim.outcome, found.action, found.cash) == (outcome, BUY, micro(cash))


@pytest.mark.parametrize("changes", [{"book_side": "ask"}, {"ticker": "KXOTHER"}])
def test_a_fill_that_contradicts_its_order_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedFrame, match="f1"):
        fill(an_intent(), **changes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"fill_id": None}, "fill_id"), ({"ticker": None}, "ticker"), ({"created_time": None}, "created_time"),
     ({"yes_price_dollars": "1.01"}, "yes_price_dollars"), ({"count_fp": "-1"}, "count_fp"),
     ({"book_side": None, "outcome_side": None}, "book_side"), ({"fee_cost": "0.0000001"}, "fee_cost"),
     ({"count_fp": "0.001", "yes_price_dollars": "0.3333"}, "exact cash")],
)  # fmt: skip
def test_an_incomplete_fill_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedFrame, match=field):
        fill(**changes)


@given(price=st.integers(1, 9_999), lots=st.integers(1, 10**9), yes=st.booleans())
def test_both_sides_of_a_fill_pay_one_dollar_a_contract_together(price: int, lots: int, yes: bool) -> None:
    row = {"count_fp": f"{lots // 100}.{lots % 100:02d}", "yes_price_dollars": f"0.{price:04d}"}
    bid, ask = fill(None, book_side="bid", **row), fill(None, book_side="ask", **row)
    assert bid.cash + ask.cash == bid.size == lots * 10_000
    assert bid.cash == price * lots


def test_balances_are_per_shard_and_the_aggregate_is_not_read() -> None:
    shards = [{"exchange_index": 0, "balance": "10.500000"}, {"exchange_index": 2, "balance": 3}]
    body = {"balance": 1, "balance_dollars": "9999.00", "balance_breakdown": shards}
    found = portfolio.decode_balances(msgspec.json.encode(body), 77)
    assert found.available == {"kalshi:0": micro("10.5"), "kalshi:2": micro("3")}
    assert (found.venue, found.received_ns) == ("kalshi", 77)


def test_a_balance_without_its_breakdown_is_an_error_not_an_empty_account() -> None:
    with pytest.raises(MalformedFrame, match="balance_breakdown"):
        portfolio.decode_balances(b'{"balance":5,"balance_dollars":"0.05"}', 0)


def test_a_signed_position_is_yes_above_and_no_below_zero() -> None:
    rows = [{"ticker": ticker, "position_fp": size} for ticker, size in (("A", "2.50"), ("B", "-3"), ("C", "0.00"))]
    body = msgspec.json.encode({"market_positions": rows})
    held = portfolio.positions_of(portfolio.POSITIONS.decode(body).market_positions)
    assert held == {
        Claim(market_id("kalshi", "A"), YES): micro("2.5"),
        Claim(market_id("kalshi", "B"), NO): micro("3"),
    }


@pytest.mark.parametrize(
    ("yes", "no", "value", "revenue", "fee"),
    [
        ("3.00", "0.00", "0.255", 76, "0.005"),
        ("0.00", "3.00", "0.255", 223, "0.005"),
        ("2.00", "0.00", "0.25", 50, "0"),
    ],
)
def test_a_scalar_payouts_rounding_is_a_fee(yes: str, no: str, value: str, revenue: int, fee: str) -> None:
    row = msgspec.convert(
        {"ticker": "A", "revenue": revenue, "yes_count_fp": yes, "no_count_fp": no}, portfolio.SettlementRow
    )
    assert portfolio.settlement_fee(row, Price(micro(value))) == micro(fee)
    assert 0 <= micro(fee) < MICRO // 100


def test_the_as_of_time_is_exact_to_the_microsecond() -> None:
    assert portfolio.decode_as_of(b'{"as_of_time":"2026-11-20T00:00:00.123456Z"}') == 1_795_132_800_123_456_000
    with pytest.raises(MalformedFrame, match="as_of_time"):
        portfolio.decode_as_of(b"{}")
