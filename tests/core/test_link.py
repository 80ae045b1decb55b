"""A link is a payoff table: what each claim pays in each state, and the least that a bundle pays in the core states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.errors import Skip
from dutchbook.core.link import Link, LinkKind, State, same_bet
from dutchbook.core.money import MICRO, Price

A, B, C = MarketId("kalshi:A"), MarketId("polymarket:B"), MarketId("kalshi:C")
YES, NO = Outcome.YES, Outcome.NO


def table(states: tuple[State, ...], **rows: tuple[int, ...]) -> Link:
    payoffs = {market: tuple(Price(value) for value in rows[name]) for name, market in (("a", A), ("b", B), ("c", C))}
    return Link("link", LinkKind.THREE_WAY, "event", states, payoffs)


def test_yes_of_one_and_no_of_the_other_pay_one_in_every_state_of_the_same_bet() -> None:
    link = same_bet("link", "event", A, B)
    assert link.guaranteed((Claim(A, YES), Claim(B, NO))) == MICRO
    assert link.guaranteed((Claim(A, YES), Claim(B, YES))) == 0


def test_both_yes_pay_one_in_every_state_of_a_complementary_pair() -> None:
    link = same_bet("link", "event", A, B, inverse=True)
    assert link.kind is LinkKind.CROSS_TEAM
    assert link.guaranteed((Claim(A, YES), Claim(B, YES))) == MICRO
    assert link.guaranteed((Claim(A, YES), Claim(B, NO))) == 0


def test_a_three_way_field_pays_one_for_all_yes_and_two_for_all_no() -> None:
    one = MICRO
    link = table((State("a"), State("b"), State("c")), a=(one, 0, 0), b=(0, one, 0), c=(0, 0, one))
    assert link.guaranteed((Claim(A, YES), Claim(B, YES), Claim(C, YES))) == MICRO
    assert link.guaranteed((Claim(A, NO), Claim(B, NO), Claim(C, NO))) == 2 * MICRO


def test_a_tail_state_does_not_lower_the_guarantee() -> None:
    one = MICRO
    states = (State("a"), State("b"), State("void", core=False))
    link = table(states, a=(one, 0, 0), b=(0, one, 0), c=(0, 0, 0))
    assert link.guaranteed((Claim(A, YES), Claim(B, YES))) == MICRO
    assert link.pays(Claim(A, YES), 2) == 0


@given(st.integers(0, MICRO))
def test_yes_and_no_of_a_market_pay_one_together_in_every_state(value: int) -> None:
    link = table((State("a"),), a=(value,), b=(0,), c=(0,))
    assert link.pays(Claim(A, YES), 0) + link.pays(Claim(A, NO), 0) == MICRO


def test_a_link_without_a_core_state_is_refused() -> None:
    with pytest.raises(Skip, match="core state"):
        table((State("void", core=False),), a=(0,), b=(0,), c=(0,))


def test_a_market_without_a_payoff_for_every_state_is_refused_by_name() -> None:
    with pytest.raises(Skip, match="polymarket:B has 1 payoffs for 2 states"):
        table((State("a"), State("b")), a=(0, 0), b=(0,), c=(0, 0))


@pytest.mark.parametrize("value", [-1, MICRO + 1])
def test_a_payoff_outside_zero_and_one_is_refused(value: int) -> None:
    with pytest.raises(Skip, match="kalshi:C"):
        table((State("a"),), a=(0,), b=(0,), c=(value,))


def test_nothing_is_approved_unless_a_person_said_so() -> None:
    assert not same_bet("link", "event", A, B).approved
