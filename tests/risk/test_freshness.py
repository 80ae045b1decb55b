"""The age limit against the published figures, and the trading day over clock changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from dutchbook.core.money import MICRO, Cash, Price
from dutchbook.risk.freshness import age_limit, volatility
from dutchbook.risk.limits import MAX_AGE_NS, MIN_AGE_NS

HALF = Price(500_000)


@pytest.mark.parametrize(
    ("remaining", "one_cent_ms", "two_cents_ms"),
    [(HOUR, 141, 565), (3 * HOUR, 424, 1_697), (DAY, 3_393, 13_572), (10 * MINUTE, 50, 94), (30 * DAY, 30_000, 30_000)],
)
def test_the_age_limit_is_that_of_the_facts(remaining: int, one_cent_ms: int, two_cents_ms: int) -> None:
    """Market structure, section 6.3: the raw values at p = 0.5, clamped to [50 ms, 30 s]."""
    for edge, expected in ((10_000, one_cent_ms), (20_000, two_cents_ms)):
        assert abs(age_limit(Cash(edge), [HALF], remaining) - expected * MILLISECOND) < 2 * MILLISECOND


@given(st.integers(-MICRO, MICRO), st.integers(0, MICRO), st.integers(-DAY, 400 * DAY))
def test_the_age_limit_is_always_clamped(edge: int, price: int, remaining: int) -> None:
    assert MIN_AGE_NS <= age_limit(Cash(edge), [Price(price)], remaining) <= MAX_AGE_NS


@given(st.integers(1, 300_000), st.integers(10_000, 990_000), st.integers(MINUTE, 30 * DAY))
def test_less_edge_or_less_time_never_allows_an_older_quote(edge: int, price: int, remaining: int) -> None:
    limit = age_limit(Cash(edge), [Price(price)], remaining)
    assert age_limit(Cash(edge - 1), [Price(price)], remaining) <= limit
    assert age_limit(Cash(edge), [Price(price)], remaining - SECOND) <= limit
    assert age_limit(Cash(edge), [Price(price), HALF], remaining) <= limit


def test_a_price_in_the_middle_moves_fastest() -> None:
    assert volatility(HALF) == 398_942
    assert volatility(Price(495_000)) == volatility(Price(505_000)) == 398_942
    assert volatility(Price(100_000)) == volatility(Price(900_000)) == 175_498
    assert volatility(Price(0)) == volatility(Price(MICRO)) == 0
