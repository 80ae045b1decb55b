"""Fees and rounding of the Kalshi simulator against the published vectors."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.simulator.kalshi.fees import BROKER_UNIT, DIRECT_UNIT, charge, fee_rates, trade_fee

TAKER = fee_rates("quadratic", "1").taker
MAKER = fee_rates("quadratic_with_maker_fees", "1").maker


def micro(text: str) -> int:
    value = Decimal(text) * 1_000_000
    assert value == int(value)
    return int(value)


VECTORS = [
    # price, count, trade fee, non-direct (change, rounding, net), direct (change, net)
    ("0.055", "1", "0.003639", ("-0.06", "0.001361", "0.005"), ("-0.0587", "0.0037")),
    ("0.50", "1", "0.017500", ("-0.52", "0.0025", "0.02"), ("-0.5175", "0.0175")),
    ("0.50", "100", "1.75", ("-51.75", "0", "1.75"), ("-51.75", "1.75")),
    ("0.10", "100", "0.63", ("-10.63", "0", "0.63"), ("-10.63", "0.63")),
    ("0.3333", "3.33", "0.051798", ("-1.17", "0.008313", "0.060111"), ("-1.1617", "0.051811")),
    ("0.01", "1", "0.000693", ("-0.02", "0.009307", "0.01"), ("-0.0107", "0.0007")),
    ("0.99", "1", "0.000693", ("-1.00", "0.009307", "0.01"), ("-0.9907", "0.0007")),
    ("0.50", "0.01", "0.000175", ("-0.01", "0.004825", "0.005"), ("-0.0052", "0.0002")),
]


@pytest.mark.parametrize(("price", "count", "trade", "broker", "direct"), VECTORS)
def test_a_purchase_costs_what_the_published_table_says(
    price: str, count: str, trade: str, broker: tuple[str, str, str], direct: tuple[str, str]
) -> None:
    revenue = -micro(price) * micro(count) // 1_000_000
    fee = trade_fee(TAKER, micro(count), micro(price))
    assert fee == micro(trade)
    cents = charge(revenue, fee, BROKER_UNIT, 0)
    assert (revenue - cents.fee, cents.rounding, cents.fee) == tuple(micro(each) for each in broker)
    centicents = charge(revenue, fee, DIRECT_UNIT, 0)
    assert (revenue - centicents.fee, centicents.fee) == tuple(micro(each) for each in direct)


@pytest.mark.parametrize(
    ("price", "count", "trade", "net"), [("0.67", "2", "0.007739", "0.0078"), ("0.12", "2", "0.003696", "0.0037")]
)
def test_a_maker_pays_what_was_seen_live(price: str, count: str, trade: str, net: str) -> None:
    fee = trade_fee(MAKER, micro(count), micro(price))
    assert fee == micro(trade)
    revenue = -micro(price) * micro(count) // 1_000_000
    assert charge(revenue, fee, DIRECT_UNIT, 0).fee == micro(net)


def test_the_accumulator_pays_back_a_whole_cent_after_three_fills_of_the_published_example() -> None:
    revenue, fee = -micro("0.10"), micro("0.006")
    first = charge(revenue, fee, BROKER_UNIT, 0)
    second = charge(revenue, fee, BROKER_UNIT, first.carry)
    third = charge(revenue, fee, BROKER_UNIT, second.carry)
    assert [each.rounding for each in (first, second, third)] == [micro("0.004")] * 3
    assert [each.carry for each in (first, second, third)] == [micro("0.004"), micro("0.008"), micro("0.002")]
    assert [each.rebate for each in (first, second, third)] == [0, 0, micro("0.010")]


def test_a_series_without_maker_fees_charges_makers_nothing() -> None:
    assert fee_rates("quadratic", "1").maker == 0
    assert fee_rates("quadratic_with_combo_maker_fees", "1").maker == Fraction(35, 1000)


def test_the_multiplier_is_applied_exactly() -> None:
    assert trade_fee(fee_rates("quadratic", "0.5").taker, micro("1"), micro("0.50")) == micro("0.00875")
    assert trade_fee(fee_rates("quadratic", "0").taker, micro("1"), micro("0.50")) == 0


def test_a_flat_fee_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="flat"):
        fee_rates("flat", "1")


@given(
    fills=st.lists(st.tuples(st.integers(1, 9999), st.integers(1, 5000), st.booleans()), min_size=1, max_size=20),
    unit=st.sampled_from([DIRECT_UNIT, BROKER_UNIT]),
)
def test_fees_are_never_negative_and_balances_stay_on_the_members_step(
    fills: list[tuple[int, int, bool]], unit: int
) -> None:
    carry, paid, traded = 0, 0, 0
    for price, size, buys in fills:
        price, size = price * 100, size * 10_000
        revenue = price * size // 1_000_000 * (-1 if buys else 1)
        fee = trade_fee(TAKER, size, price)
        charged = charge(revenue, fee, unit, carry)
        assert charged.fee >= 0
        assert charged.rebate % unit == 0
        assert (revenue - charged.fee) % unit == 0
        paid, traded, carry = paid + charged.fee, traded + fee, charged.carry
    assert paid == traded + carry
