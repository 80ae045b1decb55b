"""The circuit breakers as rules: which counters throw the kill switch, which only hold entries (M16)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import SECOND
from dutchbook.core.money import Cash
from dutchbook.core.opportunity import Rejection
from dutchbook.risk.breakers import BreakerLimits, Counters, Effect, trips
from dutchbook.risk.gate import RiskGate
from dutchbook.risk.view import KillSwitch
from risk.scene import LIMITS as GATE
from risk.scene import opportunity, view

LIMITS = BreakerLimits()


def rejected(count: int, of: int, venue: str = "kalshi") -> Counters:
    return Counters(answered={venue: of}, rejected={venue: count})


def test_m16_a_calm_market_trips_nothing() -> None:
    assert trips(Counters(answered={"kalshi": 40}, rejected={"kalshi": 4}), LIMITS) == []


@pytest.mark.parametrize(
    ("count", "of", "tripped"),
    [(4, 4, False), (5, 5, True), (5, 9, True), (5, 10, False), (6, 11, True), (50, 100, False), (51, 100, True)],
)
def test_m16_five_rejections_that_are_more_than_half_throw_the_switch(count: int, of: int, tripped: bool) -> None:
    found = trips(rejected(count, of), LIMITS)
    assert [trip.effect for trip in found] == ([Effect.KILL] if tripped else [])


def test_m16_the_reject_rate_is_of_one_venue_and_names_it() -> None:
    counters = Counters(answered={"kalshi": 5, "polymarket": 95}, rejected={"kalshi": 5, "polymarket": 0})
    (trip,) = trips(counters, LIMITS)
    assert trip.text == "reject rate: kalshi rejected 5 of 5 orders in 300 s"


@pytest.mark.parametrize(("unknown", "tripped"), [(0, False), (2, False), (3, True), (8, True)])
def test_m16_three_orders_of_unknown_fate_throw_the_switch(unknown: int, tripped: bool) -> None:
    found = trips(Counters(unknown=unknown), LIMITS)
    assert [trip.effect for trip in found] == ([Effect.KILL] if tripped else [])
    assert all(str(unknown) in trip.text for trip in found)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_m16_naked_contracts_above_their_cap_throw_the_switch_and_at_the_cap_they_do_not(cost: int, cap: int) -> None:
    found = trips(Counters(naked_cost=Cash(cost)), replace(LIMITS, naked_exposure=Cash(cap)))
    assert bool(found) == (cost > cap)
    assert all(trip.effect is Effect.KILL for trip in found)


def test_m16_a_silent_feed_with_trades_open_holds_entries_and_throws_nothing() -> None:
    quiet = LIMITS.silent_ns
    counters = Counters(silent_ns={"kalshi": quiet + SECOND, "polymarket": quiet})
    (trip,) = trips(counters, LIMITS)
    assert trip.effect is Effect.HOLD
    assert trip.text == "silent feed: the books of kalshi say nothing for 6.000 s while trades are open there"


def test_m16_a_breaker_that_holds_is_the_gates_reason() -> None:
    held = Rejection("breaker", "silent feed: kalshi")
    assert RiskGate(GATE).check(opportunity(), view(breaker=held)) == held
    assert RiskGate(GATE).check_by_hand(opportunity(), view(breaker=held)) == held


def test_m16_a_thrown_switch_comes_before_a_breaker_that_holds() -> None:
    verdict = RiskGate(GATE).check(
        opportunity(), view(breaker=Rejection("breaker", "x"), kill_switch=KillSwitch(True, "a person"))
    )
    assert isinstance(verdict, Rejection)
    assert verdict.code == "kill_switch"
