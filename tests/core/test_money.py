"""Money is integers: text in, text out, every rounding named."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.money import (
    MICRO,
    RATE_ONE,
    Price,
    Rounding,
    Size,
    complement,
    divide,
    format_dollars,
    format_micros,
    notional,
    parse_micros,
    parse_rate,
    ratio,
    round_to,
)

amounts = st.integers(-(10**18), 10**18)
positive = st.integers(1, 10**15)


@given(amounts)
def test_text_of_an_amount_reads_back_as_the_same_amount(value: int) -> None:
    assert parse_micros(format_micros(value)) == value
    assert parse_micros(format_micros(value, trim=True)) == value


@given(amounts)
def test_a_json_number_decoded_as_decimal_is_exact(value: int) -> None:
    assert parse_micros(Decimal(value).scaleb(-6)) == value
    assert parse_rate(Decimal(value).scaleb(-12)) == value


@given(amounts, positive)
def test_each_rounding_is_what_its_name_says(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    floor = divide(numerator, denominator, Rounding.FLOOR)
    ceiling = divide(numerator, denominator, Rounding.CEIL)
    even = divide(numerator, denominator, Rounding.HALF_EVEN)
    assert floor <= exact < floor + 1
    assert ceiling - 1 < exact <= ceiling
    assert even == round(exact)


def test_an_exact_division_with_a_remainder_is_an_error() -> None:
    assert divide(6, 3, Rounding.EXACT) == 2
    with pytest.raises(ValueError, match="7/3"):
        divide(7, 3, Rounding.EXACT)


def test_twenty_nine_cents_stays_twenty_nine_cents() -> None:
    assert parse_micros("0.29") == 290_000


@pytest.mark.parametrize("text", ["", "-", ".5", "1e3", "NaN", "+1", " 1", "1,000", "١", "0.1234567", "0x10", "1.2.3"])
def test_text_that_is_not_a_plain_decimal_is_refused_with_the_field_named(text: str) -> None:
    with pytest.raises(ValueError, match="yes_price"):
        parse_micros(text, "yes_price")


def test_a_float_is_refused() -> None:
    with pytest.raises(ValueError, match="float"):
        parse_micros(0.5)  # type: ignore[arg-type]


def test_zeros_beyond_the_sixth_decimal_lose_nothing() -> None:
    assert parse_micros("0.50000000") == 500_000


@given(st.integers(1, 9_999), st.integers(1, 10**9))
def test_price_times_size_is_exact_on_every_grid_the_venues_have(ticks: int, hundredths: int) -> None:
    cash = notional(Price(ticks * 100), Size(hundredths * 10_000))
    assert Fraction(cash, MICRO) == Fraction(ticks, 10_000) * Fraction(hundredths, 100)


def test_a_product_off_the_grid_needs_a_named_rounding() -> None:
    with pytest.raises(ValueError, match="not an integer"):
        notional(Price(333_333), Size(1))
    assert notional(Price(333_333), Size(1), Rounding.CEIL) == 1
    assert notional(Price(333_333), Size(1), Rounding.FLOOR) == 0


@given(st.integers(1, MICRO - 1))
def test_a_price_and_its_complement_make_one_dollar(price: int) -> None:
    assert price + complement(Price(price)) == MICRO


@given(amounts, positive)
def test_rounding_to_a_quantum_lands_on_it(value: int, quantum: int) -> None:
    down, up = (round_to(value, quantum, rounding) for rounding in (Rounding.FLOOR, Rounding.CEIL))
    assert down % quantum == up % quantum == 0
    assert down <= value <= up < down + 2 * quantum


def test_dollars_on_a_screen_are_rounded_half_even_and_signed_before_the_symbol() -> None:
    assert format_dollars(12_345_000) == "$12.34"
    assert format_dollars(12_355_000) == "$12.36"
    assert format_dollars(-50_000) == "-$0.05"
    assert format_dollars(-4_000) == "$0.00"


def test_a_text_that_would_lose_digits_is_an_error() -> None:
    assert format_micros(4_850_000, 2) == "4.85"
    with pytest.raises(ValueError, match="do not fit"):
        format_micros(4_851_000, 2)


@given(amounts, positive)
def test_a_ratio_is_floored_to_a_trillionth(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator) * RATE_ONE
    assert ratio(numerator, denominator) <= exact < ratio(numerator, denominator) + 1


def test_a_ratio_over_nothing_is_zero() -> None:
    assert ratio(5, 0) == 0


@given(st.integers(-(10**40), 10**40), st.integers(0, 20))
def test_a_decimal_of_more_than_28_digits_is_read_exactly(value: int, zeros: int) -> None:
    text = f"{'-' if value < 0 else ''}{abs(value) // MICRO}.{abs(value) % MICRO:06d}{'0' * zeros}"
    assert parse_micros(Decimal(text)) == value


@pytest.mark.parametrize("text", ["1e999999", "1e-999999", "1234567890123456789012345678901.1234567"])
def test_a_decimal_that_is_no_whole_number_of_millionths_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="value"):
        parse_micros(Decimal(text))
