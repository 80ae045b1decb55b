"""Ticks, amounts and fees: the printed examples, and what may never happen to any number."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.simulator.polymarket.fees import Rounding, taker_fee
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.rules import check_precision, limit_price
from simulator.polymarket.trader import M, micros

DATA = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
VECTORS = DATA / "polymarket_vectors" / "vectors.json"


def price_of(order_type: str, side: str, maker: str, taker: str, tick: str) -> int:
    return limit_price("0x1", order_type, side == "BUY", micros(maker), micros(taker), micros(tick))


@pytest.mark.parametrize(
    ("price", "tick"),
    [("0.553", "0.0025"), ("0.557", "0.005"), ("0.555", "0.01"), ("0.998", "0.0025"), ("0.05", "0.1")],
)
def test_a_price_off_the_grid_or_outside_it_is_refused(price: str, tick: str) -> None:
    cash = f"{micros(price) * 100 // M}.{micros(price) * 100 % M:06d}"
    with pytest.raises(Refused, match=f"Price \\({price}\\) breaks minimum tick size rule: {tick}"):
        price_of("GTC", "BUY", cash, "100", tick)


@pytest.mark.parametrize(("price", "tick"), [("0.9975", "0.0025"), ("0.995", "0.005"), ("0.0025", "0.0025")])
def test_the_extremes_of_the_grid_are_prices(price: str, tick: str) -> None:
    cash = f"{micros(price) * 100 // M}.{micros(price) * 100 % M:06d}"
    assert price_of("GTC", "BUY", cash, "100", tick) == micros(price)


@pytest.mark.skipif(not VECTORS.exists(), reason=f"no recorded vectors at {VECTORS}")
def test_every_recorded_limit_order_of_the_official_client_has_its_price() -> None:
    rows = json.loads(VECTORS.read_text())["amounts"]
    assert len(rows) > 300
    for row in rows:
        maker, taker = int(row["makerAmount"]), int(row["takerAmount"])
        assert limit_price("0x1", "GTC", row["side"] == "BUY", maker, taker, micros(row["tick"])) == micros(
            row["price"]
        )
        check_precision("GTC", row["side"] == "BUY", maker, taker)


def test_ten_dollars_at_55_cents_is_an_order_at_55_cents() -> None:
    check_precision("FOK", True, micros("10"), micros("18.1818"))
    assert price_of("FOK", "BUY", "10", "18.1818", "0.01") == micros("0.55")


def test_shares_rounded_up_fall_a_tick_short_of_the_ask() -> None:
    assert price_of("FAK", "BUY", "10", "18.1819", "0.01") == micros("0.54")


@pytest.mark.parametrize(
    ("maker", "taker"),
    [("10", "18.099547"), ("10", "18.01801"), ("9.98", "10.13197"), ("1.0092", "1.74")],
)
def test_immediate_buys_have_whole_cents_and_at_most_four_share_decimals(maker: str, taker: str) -> None:
    with pytest.raises(Refused, match=r"max accuracy of 2 decimals, taker amount a max of 4 decimals"):
        check_precision("FOK", True, micros(maker), micros(taker))
    with pytest.raises(Refused):
        check_precision("FAK", True, micros(maker), micros(taker))


def test_a_resting_order_may_cost_six_decimals_but_has_two_share_decimals() -> None:
    check_precision("GTC", True, 4_292_925, 7_770_000)
    with pytest.raises(Refused):
        check_precision("GTC", True, 4_292_925, 7_775_000)
    with pytest.raises(Refused):
        check_precision("GTC", False, 7_775_000, 4_292_925)


@given(
    lots=st.integers(1, 10_000),
    tick=st.sampled_from(["0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001"]),
    at=st.data(),
)
def test_the_safe_share_lots_pass_at_every_price(lots: int, tick: str, at: st.DataObject) -> None:
    lot = {"0.1": 1, "0.01": 1, "0.005": 2, "0.0025": 4, "0.001": 10, "0.0001": 100}[tick]
    step = micros(tick)
    price = at.draw(st.integers(1, M // step - 1)) * step
    shares = lots * lot * M
    check_precision("FOK", True, shares * price // M, shares)
    assert limit_price("0x1", "FOK", True, shares * price // M, shares, step) == price


@pytest.mark.parametrize(
    ("rate", "fee"), [("0.07", "1.75"), ("0.05", "1.25"), ("0.04", "1"), ("0", "0"), ("0.03", "0.75")]
)
def test_a_hundred_shares_at_fifty_cents_pay_the_published_fee(rate: str, fee: str) -> None:
    assert taker_fee(100 * M, 500_000, Fraction(rate)) == micros(fee)


def test_fees_round_to_five_decimals_in_the_chosen_way() -> None:
    def charged(rounding: Rounding) -> int:
        return taker_fee(130_000, 310_000, Fraction("0.05"), rounding=rounding)  # 0.00139035 dollars

    assert (charged("half_up"), charged("ceiling"), charged("floor")) == (1390, 1400, 1390)
    assert taker_fee(1 * M, 500_000, Fraction("0.00006")) == 20  # 0.000015 exactly: half goes up


def test_a_fee_below_the_smallest_unit_is_nothing() -> None:
    assert taker_fee(700, 500_000, Fraction("0.05"), rounding="ceiling") == 0  # 0.00000875 dollars
    assert taker_fee(800, 500_000, Fraction("0.05"), rounding="ceiling") == 10


def test_an_exponent_sharpens_the_tails() -> None:
    assert taker_fee(100 * M, 500_000, Fraction("0.25"), exponent=2) == 1_562_500


@given(size=st.integers(1, 10**12), price=st.integers(1, M - 1), rate=st.integers(0, 100))
def test_a_fee_is_within_half_a_unit_of_the_formula_and_symmetric(size: int, price: int, rate: int) -> None:
    r = Fraction(rate, 1000)
    exact = Fraction(size) * r * Fraction(price, M) * Fraction(M - price, M)
    fee = taker_fee(size, price, r)
    assert fee % 10 == 0
    assert fee == taker_fee(size, M - price, r)
    assert abs(fee - exact) <= 5 if exact >= 10 else fee == 0
