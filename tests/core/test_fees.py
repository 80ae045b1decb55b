"""Fees to the millionth: the venues' published vectors, and what must hold for every order."""

import csv
import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.fees import (
    FREE,
    FeeMeter,
    FeeSchedule,
    Liquidity,
    Precision,
    kalshi_fees,
    order_fee,
    polymarket_fees,
)
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Price, Rate, Rounding, Size, notional, parse_micros, parse_rate

ONE = Rate(RATE_ONE)
CENT = 10_000


def price(text: str) -> Price:
    return Price(parse_micros(text))


def size(text: str) -> Size:
    return Size(parse_micros(text))


def kalshi(precision: Precision, fee_type: str = "quadratic", multiplier: Rate = ONE) -> FeeSchedule:
    return kalshi_fees(multiplier, fee_type, precision)


def kalshi_buy(precision: Precision, at: str, contracts: str) -> tuple[Cash, Cash]:
    """(net fee, balance change) of one taker purchase."""
    fee = FeeMeter(kalshi(precision)).charge(price(at), size(contracts), buying=True)
    return fee, Cash(-notional(price(at), size(contracts), Rounding.EXACT) - fee)


@pytest.mark.parametrize(
    ("at", "contracts", "model", "trade"),
    [
        ("0.055", "1", "0.00363825", "0.003639"),
        ("0.50", "1", "0.0175", "0.017500"),
        ("0.50", "100", "1.75", "1.750000"),
        ("0.10", "100", "0.63", "0.630000"),
        ("0.3333", "3.33", "0.051797409741", "0.051798"),
        ("0.01", "1", "0.000693", "0.000693"),
        ("0.99", "1", "0.000693", "0.000693"),
        ("0.50", "0.01", "0.000175", "0.000175"),
    ],
)
def test_kalshi_model_and_trade_fee_are_the_published_ones(at: str, contracts: str, model: str, trade: str) -> None:
    schedule = kalshi(Precision.DIRECT)
    assert schedule.model(price(at), size(contracts)) / MICRO == Fraction(model)
    assert schedule.trade_fee(price(at), size(contracts)) == parse_micros(trade)


@pytest.mark.parametrize(
    ("at", "contracts", "change", "net"),
    [
        ("0.055", "1", "-0.06", "0.005"),
        ("0.50", "1", "-0.52", "0.02"),
        ("0.50", "100", "-51.75", "1.75"),
        ("0.10", "100", "-10.63", "0.63"),
        ("0.3333", "3.33", "-1.17", "0.060111"),
        ("0.01", "1", "-0.02", "0.01"),
        ("0.99", "1", "-1.00", "0.01"),
        ("0.50", "0.01", "-0.01", "0.005"),
    ],
)
def test_kalshi_moves_a_non_direct_balance_by_whole_cents(at: str, contracts: str, change: str, net: str) -> None:
    assert kalshi_buy(Precision.NON_DIRECT, at, contracts) == (parse_micros(net), parse_micros(change))


@pytest.mark.parametrize(
    ("at", "contracts", "change", "net"),
    [
        ("0.055", "1", "-0.0587", "0.0037"),
        ("0.50", "1", "-0.5175", "0.0175"),
        ("0.50", "100", "-51.75", "1.75"),
        ("0.10", "100", "-10.63", "0.63"),
        ("0.3333", "3.33", "-1.1617", "0.051811"),
        ("0.01", "1", "-0.0107", "0.0007"),
        ("0.99", "1", "-0.9907", "0.0007"),
        ("0.50", "0.01", "-0.0052", "0.0002"),
    ],
)
def test_kalshi_moves_a_direct_balance_by_hundredths_of_a_cent(at: str, contracts: str, change: str, net: str) -> None:
    assert kalshi_buy(Precision.DIRECT, at, contracts) == (parse_micros(net), parse_micros(change))


@pytest.mark.parametrize(("at", "model", "net"), [("0.67", "0.0077385", "0.0078"), ("0.12", "0.003696", "0.0037")])
def test_kalshi_maker_fees_are_the_ones_seen_live(at: str, model: str, net: str) -> None:
    schedule = kalshi(Precision.DIRECT, "quadratic_with_maker_fees")
    assert schedule.model(price(at), size("2"), Liquidity.MAKER) / MICRO == Fraction(model)
    fee = FeeMeter(schedule).charge(price(at), size("2"), buying=True, liquidity=Liquidity.MAKER)
    assert fee == parse_micros(net)


def test_kalshi_makers_pay_nothing_in_a_series_without_maker_fees_and_half_in_combos() -> None:
    plain, combo = kalshi(Precision.DIRECT), kalshi(Precision.DIRECT, "quadratic_with_combo_maker_fees")
    assert plain.model(price("0.5"), size("1"), Liquidity.MAKER) == 0
    assert combo.rate(Liquidity.MAKER) == parse_rate("0.035")


def test_a_baseball_game_costs_half() -> None:
    half = kalshi(Precision.DIRECT, multiplier=parse_rate("0.5"))
    assert half.trade_fee(price("0.50"), size("100")) == parse_micros("0.875")


def test_a_fee_shape_whose_table_is_unknown_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="flat"):
        kalshi_fees(ONE, "flat")


def test_the_accumulator_carries_four_and_eight_thousandths_and_then_rebates_a_cent() -> None:
    meter = FeeMeter(kalshi(Precision.NON_DIRECT))
    # 3.2 contracts at 0.50: cash 1.60 and trade fee 0.056, so each fill is rounded up by 0.004
    nets, carried = [], []
    for _ in range(3):
        nets.append(meter.charge(price("0.50"), size("3.2"), buying=True))
        carried.append(meter.overpaid)
    assert carried == [4_000, 8_000, 2_000]
    assert nets == [60_000, 60_000, 50_000]


def test_a_rebate_that_would_make_a_fee_negative_waits_in_the_accumulator() -> None:
    meter = FeeMeter(FeeSchedule("only rounding", Rate(0), Rate(0), balance_quantum=CENT))
    nets = [meter.charge(price("0.506"), size("1"), buying=True) for _ in range(3)]
    assert (nets, meter.overpaid) == ([4_000, 4_000, 4_000], 12_000)


@pytest.mark.parametrize(("rate", "fee"), [("0.07", "1.75"), ("0.05", "1.25"), ("0.04", "1.00"), ("0", "0")])
def test_polymarket_charges_each_category_what_its_table_says_for_a_hundred_at_a_half(rate: str, fee: str) -> None:
    assert order_fee(polymarket_fees(parse_rate(rate)), [(price("0.50"), size("100"))]) == parse_micros(fee)


def test_polymarket_makers_pay_nothing() -> None:
    schedule = polymarket_fees(parse_rate("0.05"))
    assert order_fee(schedule, [(price("0.5"), size("100"))], liquidity=Liquidity.MAKER) == 0


def test_polymarket_rounds_each_match_up_to_five_decimals() -> None:
    schedule = polymarket_fees(parse_rate("0.05"))
    assert schedule.model(price("0.33"), size("1")) == Fraction(11_055)  # 0.011055
    assert schedule.trade_fee(price("0.33"), size("1")) == 11_060


def test_the_exponent_of_early_2026_is_still_understood_and_zero_is_refused() -> None:
    schedule = polymarket_fees(parse_rate("0.25"), exponent=2)
    assert schedule.trade_fee(price("0.50"), size("100")) == parse_micros("1.5625")
    with pytest.raises(ValueError, match="exponent"):
        polymarket_fees(parse_rate("0.05"), exponent=0)


def test_ten_dollars_at_a_half_with_four_percent_buys_what_the_sdk_says() -> None:
    """$10 at 0.5, r = 0.04: the SDK shrinks the amount to 9.8039, so that amount and fee are ten dollars."""
    shares = size("19.6078")
    fee = order_fee(polymarket_fees(parse_rate("0.04")), [(price("0.5"), shares)])
    total = notional(price("0.5"), shares) + fee
    assert 10 * MICRO - 200 <= total <= 10 * MICRO


fills = st.lists(
    st.tuples(st.integers(1, 9_999).map(lambda p: p * 100), st.integers(1, 50_000).map(lambda s: s * CENT)),
    min_size=1,
    max_size=6,
)
schedules = st.sampled_from(
    [
        kalshi(Precision.DIRECT),
        kalshi(Precision.NON_DIRECT),
        kalshi(Precision.DIRECT, multiplier=parse_rate("0.5")),
        polymarket_fees(parse_rate("0.05")),
        polymarket_fees(parse_rate("0.07")),
        FREE,
    ]
)


@given(schedules, fills, st.booleans())
def test_an_order_never_pays_less_than_the_model_fee_and_no_fill_is_paid_for_trading(
    schedule: FeeSchedule, order: list[tuple[Price, Size]], buying: bool
) -> None:
    meter = FeeMeter(schedule)
    charged = [meter.charge(at, count, buying=buying) for at, count in order]
    assert min(charged) >= 0
    assert sum(charged) >= sum(schedule.model(at, count) for at, count in order)


@given(st.sampled_from(list(Precision)), fills, st.booleans())
def test_every_kalshi_fill_leaves_the_balance_on_the_members_grid(
    precision: Precision, order: list[tuple[Price, Size]], buying: bool
) -> None:
    meter = FeeMeter(kalshi(precision))
    for at, count in order:
        fee = meter.charge(at, count, buying=buying)
        cash = notional(at, count)
        assert ((-cash if buying else cash) - fee) % precision.value == 0


@given(st.sampled_from(list(Precision)), fills)
def test_what_an_order_paid_is_its_trade_fees_and_what_the_accumulator_still_holds(
    precision: Precision, order: list[tuple[Price, Size]]
) -> None:
    schedule = kalshi(precision)
    meter = FeeMeter(schedule)
    charged = sum(meter.charge(at, count, buying=True) for at, count in order)
    assert charged - meter.overpaid == sum(schedule.trade_fee(at, count) for at, count in order)


@given(schedules, fills)
def test_a_meter_taken_up_where_another_stood_charges_the_same(
    schedule: FeeSchedule, order: list[tuple[Price, Size]]
) -> None:
    meter = FeeMeter(schedule)
    for at, count in order:
        tried = FeeMeter(schedule, meter.overpaid).charge(at, count, buying=True)
        assert meter.charge(at, count, buying=True) == tried


DATA = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
REVIEWED = DATA / "fees" / "reviewed_pairs_2026-10-10.csv"
REVIEWED_RATES = {"f1_2026_champion": "0.03", "republican_nominee_2028": "0.04", "democratic_nominee_2028": "0.04"}


def reviewed() -> list[dict[str, str]]:
    with REVIEWED.open() as lines:
        return list(csv.DictReader(lines))


needs_reviewed = pytest.mark.skipif(
    not REVIEWED.exists(), reason="the recorded fee data is not beside the checkout (set DUTCHBOOK_DATA)"
)


@needs_reviewed
def test_polymarket_fees_agree_with_the_reviewed_pairs_to_the_cent() -> None:
    for row in reviewed():
        count, fee = Decimal(row["polymarket_shares"]), Decimal(row["polymarket_fee_usd"])
        at = parse_micros((Decimal(row["polymarket_all_in_price"]) - fee / count).quantize(Decimal("0.000001")))
        schedule = polymarket_fees(parse_rate(REVIEWED_RATES[row["family"]]))
        ours = order_fee(schedule, [(Price(at), Size(int(count * MICRO)))])
        assert abs(ours - int(fee * MICRO)) <= CENT, (row["outcome_short"], ours, fee)


@needs_reviewed
def test_kalshi_fees_agree_with_the_reviewed_pairs_to_the_cent() -> None:
    """An average between ticks hides a walk over several levels. There the publisher rounded every level up to the cent,
    which the venue's accumulator pays back, so it may differ by a cent a level."""
    on_a_tick = 0
    for row in reviewed():
        count, fee = int(Decimal(row["kalshi_shares"])), parse_micros(row["kalshi_fee_usd"])
        total = parse_micros((count * Decimal(row["kalshi_all_in_price"])).quantize(Decimal("0.01")))
        # so many contracts at each of two neighbouring ticks make up the cash
        tick = (total - fee) // count // 1_000 * 1_000
        dearer = (total - fee - tick * count) // 1_000
        order = [(Price(tick), Size((count - dearer) * MICRO)), (Price(tick + 1_000), Size(dearer * MICRO))]
        levels = [(at, contracts) for at, contracts in order if contracts]
        ours = order_fee(kalshi(Precision.NON_DIRECT), levels)
        assert abs(ours - fee) <= CENT * len(levels), (row["outcome_short"], ours, fee)
        on_a_tick += len(levels) == 1
    assert on_a_tick >= 20
