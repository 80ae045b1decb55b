"""Which leg goes first and whether the trade is worth its misses: formulas 6.4 and 6.6, by hand and against every outcome."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.money import MICRO, RATE_ONE, Cash, Rate, parse_rate
from dutchbook.core.order import TimeInForce
from dutchbook.execution.leg_order import (
    LegOdds,
    Terms,
    accept,
    break_even_miss_rate,
    choose,
    opening_round,
    sequencing,
    sequencings,
)
from dutchbook.risk.approved import Approved
from dutchbook.risk.gate import RiskGate
from risk.scene import LIMITS, opportunity, view

CENT = 10**10
"""A cent in dollars over 1e-12."""


def leg(fills: str, unwind_cents: str, *, later: str = "", delayed: bool = False) -> LegOdds:
    return LegOdds(
        parse_rate(fills), parse_rate(later or fills), Cash(int(Fraction(unwind_cents) * 10_000)), delayed=delayed
    )


A, B = leg("0.70", "4.5"), leg("0.95", "4.5")
EDGE = Rate(3 * CENT // 2)


def in_cents(rate: Rate) -> Fraction:
    """Cents, to the nearest ten-thousandth: values are floored to 1e-12 dollars."""
    return Fraction(round(Fraction(rate, CENT) * 10_000), 10_000)


# --- 6.4 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "value"), [((0,), "0.84"), ((1,), "-0.285"), ((0, 1), "-0.4425")])
def test_m28_the_order_of_the_legs_alone_turns_the_sign(first: tuple[int, ...], value: str) -> None:
    """The worked example: +0.84 c, -0.29 c and -0.44 c."""
    assert in_cents(sequencing([A, B], first, EDGE).value) == Fraction(value)


def test_m28_the_less_certain_leg_goes_first_when_unwinding_costs_the_same() -> None:
    best = sequencings([A, B], EDGE)[0]
    assert best.first == (0,)
    assert (in_cents(best.gain), in_cents(best.unwinding)) == (Fraction("0.9975"), Fraction("0.1575"))
    assert (best.all_fill, best.miss) == (parse_rate("0.665"), parse_rate("0.035"))
    assert sequencings([B, A], EDGE)[0].first == (1,)


def test_the_leg_that_is_cheap_to_unwind_goes_first_when_both_are_as_certain() -> None:
    assert sequencings([leg("0.9", "8"), leg("0.9", "1")], EDGE)[0].first == (1,)


@pytest.mark.parametrize(
    ("edge", "unwind", "percent"), [("0.01", 45_000, 18), ("0.025", 45_000, 36), ("0.005", 45_000, 10)]
)
def test_the_miss_rate_at_break_even_is_that_of_the_table(edge: str, unwind: int, percent: int) -> None:
    assert round(Fraction(break_even_miss_rate(parse_rate(edge), Cash(unwind)), RATE_ONE) * 100) == percent


def test_at_the_break_even_miss_rate_the_second_leg_is_worth_nothing() -> None:
    missed = break_even_miss_rate(EDGE, Cash(45_000))
    sure, second = leg("1", "4.5"), replace(B, now=Rate(RATE_ONE - missed), later=Rate(RATE_ONE - missed))
    assert abs(sequencing([sure, second], (0,), EDGE).value) <= 1
    assert sequencing([sure, replace(second, later=Rate(second.later - 10**9))], (0,), EDGE).value < 0


def test_nothing_is_broken_even_without_an_edge() -> None:
    assert break_even_miss_rate(Rate(-1), Cash(45_000)) == 0


def test_on_a_tie_all_legs_leave_together() -> None:
    sure = leg("1", "4.5")
    assert [one.first for one in sequencings([sure, sure], EDGE)] == [(0, 1), (0,), (1,)]
    assert sequencings([sure, sure], EDGE)[0].simultaneous


def test_a_second_leg_that_fades_while_it_waits_makes_parallel_orders_worth_more() -> None:
    fading = [leg("0.9", "4.5", later="0.75"), leg("0.9", "4.5", later="0.75")]
    assert sequencings(fading, EDGE)[0].simultaneous
    patient = [replace(one, later=one.now) for one in fading]
    assert not sequencings(patient, EDGE)[0].simultaneous


def test_m28_a_leg_under_a_taker_delay_always_goes_first_whatever_it_is_worth() -> None:
    for delayed in (leg("0.99", "9", delayed=True), leg("0.1", "0", delayed=True)):
        (only,) = sequencings([leg("0.5", "1"), delayed], EDGE)
        assert only.first == (1,)
    (only,) = sequencings([leg("0.5", "1", delayed=True), leg("0.9", "1"), leg("0.5", "1", delayed=True)], EDGE)
    assert only.first == (0, 2)


def test_a_single_leg_just_goes() -> None:
    (only,) = sequencings([A], EDGE)
    assert only.first == (0,)
    assert only.value == Rate(EDGE * 7 // 10)
    assert only.miss == 0


odds = st.builds(
    LegOdds,
    now=st.integers(0, 100).map(lambda percent: Rate(percent * RATE_ONE // 100)),
    later=st.integers(0, 100).map(lambda percent: Rate(percent * RATE_ONE // 100)),
    unwind=st.integers(0, 200_000).map(Cash),
)


def by_outcomes(legs: list[LegOdds], first: tuple[int, ...], edge: Rate) -> tuple[Fraction, Fraction, Fraction]:
    """(value, chance that all fill, chance of a miss), outcome by outcome, in dollars."""
    value = full = missed = Fraction(0)
    rest = [i for i in range(len(legs)) if i not in first]
    for filled in product((True, False), repeat=len(legs)):
        sent = set(first) | (set(rest) if all(filled[i] for i in first) else set())
        chances = [Fraction(legs[i].now if i in first else legs[i].later, RATE_ONE) for i in range(len(legs))]
        chance = prod((p if hit else 1 - p for p, hit in zip(chances, filled, strict=True)), start=Fraction(1))
        held = [i for i in sent if filled[i]]
        if len(held) == len(legs):
            value, full = value + chance * Fraction(edge, RATE_ONE), full + chance
        elif held:
            value, missed = value - chance * Fraction(sum(legs[i].unwind for i in held), MICRO), missed + chance
    return value, full, missed


@settings(max_examples=60, deadline=None)
@given(st.lists(odds, min_size=1, max_size=4), st.integers(-(10**11), 10**11).map(Rate))
def test_every_sequencing_is_worth_what_its_outcomes_are(legs: list[LegOdds], edge: Rate) -> None:
    found = sequencings(legs, edge)
    assert len(found) == 2 ** len(legs) - 1
    assert [one.value for one in found] == sorted((one.value for one in found), reverse=True)
    for one in found:
        value, full, missed = by_outcomes(legs, one.first, edge)
        # the gain is floored and the cost raised, by less than a trillionth of a dollar each
        assert -2 < one.value - value * RATE_ONE <= 0
        assert 0 <= full * RATE_ONE - one.all_fill < 1
        assert 0 <= missed * RATE_ONE - one.miss < 1


@given(odds, odds, st.integers(1, 10**11).map(Rate))
def test_which_of_two_legs_goes_first_follows_the_rule_of_the_facts(one: LegOdds, two: LegOdds, edge: Rate) -> None:
    """A first <=> f_A (1 - f_B) u_A < f_B (1 - f_A) u_B."""
    a, b = replace(one, later=one.now), replace(two, later=two.now)
    left, right = a.now * (RATE_ONE - b.now) * a.unwind, b.now * (RATE_ONE - a.now) * b.unwind
    first, second = (sequencing([a, b], group, edge) for group in ((0,), (1,)))
    if abs(left - right) > RATE_ONE**2 // 10**6:
        assert (first.value > second.value) == (left < right)


# --- 6.6 ------------------------------------------------------------------------------------------------------------


def test_the_accept_test_shows_every_term() -> None:
    terms = Terms(
        edge=Rate(3 * CENT),
        slippage=Rate(CENT),
        divergence=Rate(CENT // 10),
        divergence_upper=Rate(CENT // 5),
        windfall=Rate(CENT // 20),
        carry=Rate(CENT // 4),
    )
    verdict = accept([A, B], [leg("0.5", "4.5"), leg("0.9", "4.5")], (0,), terms, confident=True)
    # 0.665 x (3 - 1) = 1.33; 0.70 x 0.05 x 4.5 = 0.1575; 1.33 - 0.1575 + 0.05 - 0.1 - 0.25
    assert verdict.point.value == Rate(8_725_000_000)
    # 0.45 x 2 = 0.9; 0.5 x 0.1 x 4.5 = 0.225; 0.9 - 0.225 + 0.05 - 0.2 - 0.25
    assert verdict.lower.value == Rate(2_750_000_000)
    assert verdict.accepted
    # 2 / (2 + 4.5)
    assert verdict.break_even == break_even_miss_rate(Rate(2 * CENT), Cash(45_000)) == RATE_ONE * 4 // 13
    assert str(verdict.point) == (
        "0.87 c = 1.33 c gain at 66 % all filled - 0.15 c unwinding at 3 % missed"
        " - 0.10 c divergence + 0.05 c windfall - 0.25 c carry"
    )


def test_a_trade_that_pays_at_the_estimates_alone_needs_the_setting_to_be_off() -> None:
    point, lower = [leg("0.9", "4.5"), leg("0.9", "4.5")], [leg("0.6", "4.5"), leg("0.6", "4.5")]
    terms = Terms(edge=Rate(2 * CENT))
    careful, bold = (choose(point, lower, terms, confident=confident) for confident in (True, False))
    assert careful.point.value > 0 > careful.lower.value
    assert (careful.accepted, bold.accepted) == (False, True)


def test_another_sequencing_is_taken_when_the_best_one_is_not_sure_enough() -> None:
    point = [leg("0.9", "4.5", later="0.8"), leg("0.9", "4.5", later="0.8")]
    lower = [leg("0.65", "4.5", later="0.6"), leg("0.65", "4.5", later="0.6")]
    terms = Terms(edge=Rate(4 * CENT))
    assert choose(point, lower, terms, confident=False).sequencing.simultaneous
    sure = choose(point, lower, terms, confident=True)
    assert sure.accepted
    assert sure.sequencing.first == (0,)
    assert sure.lower.value > 0


def test_a_divergence_that_eats_the_edge_is_refused_with_its_terms() -> None:
    sure = [leg("1", "4.5"), leg("1", "4.5")]
    verdict = choose(sure, sure, Terms(edge=Rate(CENT), divergence=Rate(CENT)), confident=False)
    assert not verdict.accepted
    assert "1.00 c divergence" in str(verdict.point)


def test_the_bound_of_a_divergence_is_never_below_its_estimate() -> None:
    sure = [leg("1", "4.5"), leg("1", "4.5")]
    verdict = accept(sure, sure, (0, 1), Terms(edge=Rate(CENT), divergence=Rate(CENT // 2)), confident=True)
    assert verdict.lower.divergence == CENT // 2


# --- the first orders -----------------------------------------------------------------------------------------------


@pytest.fixture
def approved() -> Approved:
    answer = RiskGate(LIMITS).check(opportunity(), view())
    assert isinstance(answer, Approved)
    return answer


def test_m28_legs_in_parallel_are_fill_or_kill(approved: Approved) -> None:
    orders = opening_round(approved, "t", (0, 1))
    assert [(order.id, order.leg, order.tif) for order in orders] == [
        ("t.0.1", 0, TimeInForce.FOK),
        ("t.1.1", 1, TimeInForce.FOK),
    ]
    assert [(o.claim, o.size, o.limit) for o in orders] == [(p.claim, p.size, p.limit) for p in approved.legs]


def test_m28_a_leg_that_goes_alone_takes_what_is_there(approved: Approved) -> None:
    (order,) = opening_round(approved, "t", (1,))
    assert (order.id, order.leg, order.tif) == ("t.1.1", 1, TimeInForce.IOC)
    assert order.claim == approved.legs[1].claim
