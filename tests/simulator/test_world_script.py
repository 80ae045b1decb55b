"""The default script and the truth behind it."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.simulator.catalogue import DEFAULT_SCRIPT
from dutchbook.simulator.script import market_spec
from dutchbook.simulator.truth import GRID, Truth

START = 1_795_000_000_000_000_000
SECOND = 1_000_000_000
LISTINGS = [listing for event in DEFAULT_SCRIPT.events for listing in event.listings]


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_each_venue_lists_about_twenty_markets_under_different_names(venue: str) -> None:
    ids = [listing.id for listing in LISTINGS if listing.venue == venue]
    assert 18 <= len(ids) <= 24
    assert len(set(ids)) == len(ids)


def test_fees_ticks_delays_and_shards_vary() -> None:
    by_venue = {venue: [m for m in LISTINGS if m.venue == venue] for venue in ("kalshi", "polymarket")}
    assert {m.taker_rate for m in by_venue["kalshi"]} == {"1", "0.5", "0"}
    assert {m.taker_rate for m in by_venue["polymarket"]} == {"0.05", "0.04", "0.07", "0"}
    assert all({m.tick for m in listed} == {10_000, 1_000} for listed in by_venue.values())
    assert sum(m.taker_delay_ns > 0 for m in by_venue["polymarket"]) == 2
    assert {m.event for m in by_venue["kalshi"] if m.shard == 2} == {"KXHELION-{kalshi_date}"}


def test_every_shape_of_bet_is_there() -> None:
    kinds = Counter(event.kind for event in DEFAULT_SCRIPT.events)
    assert kinds["yes_no"] >= 8
    assert kinds["cross_team"] >= 2
    assert kinds["single"] >= 2
    fields = [e for e in DEFAULT_SCRIPT.events if e.kind == "three_way"]
    assert {len({m.venue for m in e.listings}) for e in fields} == {1, 2}


def test_a_cross_team_game_is_two_kalshi_markets_in_one_event_and_one_on_polymarket() -> None:
    for event in DEFAULT_SCRIPT.events:
        if event.kind != "cross_team":
            continue
        kalshi = [m for m in event.listings if m.venue == "kalshi"]
        polymarket = [m for m in event.listings if m.venue == "polymarket"]
        assert len({m.event for m in kalshi}) == 1
        assert [m.pays for m in kalshi] == [(1, 0), (0, 1)]
        assert [m.pays for m in polymarket] == [(1, 0)]
        assert polymarket[0].outcomes != ("Yes", "No")


def test_markets_close_days_away_and_games_start_before_they_close() -> None:
    for event in DEFAULT_SCRIPT.events:
        for listing in event.listings:
            spec = market_spec(event, listing, START)
            assert 0.9 <= (spec.closes_ns - START) / (86_400 * SECOND) <= 21
            assert spec.opens_ns <= START
            assert (spec.starts_ns is not None) == event.is_game
            if spec.starts_ns is not None:
                assert START < spec.starts_ns < spec.closes_ns


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(), looks=st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_a_truth_is_the_same_however_it_is_looked_at(seed: int, looks: list[int]) -> None:
    watched, unwatched = (Truth(str(seed), (0.5, 0.3, 0.2), START, 1.0) for _ in range(2))
    for look in sorted(looks):
        seen = watched.at(START + look * GRID)
        assert math.isclose(sum(seen), 1.0)
        assert all(0 < chance < 1 for chance in seen)
    last = START + max(looks) * GRID
    assert unwatched.at(last) == watched.at(last)


def test_a_truth_looked_at_with_a_lag_is_the_truth_of_then() -> None:
    truth = Truth("a", (0.5, 0.5), START, 1.0)
    then = truth.at(START + SECOND)
    assert truth.at(START + 3 * SECOND) != then
    assert truth.at(START + SECOND) == then


def test_chances_still_move_in_the_middle_after_an_hour() -> None:
    truth = Truth("hour", (0.5, 0.5), START, 1.0)
    chances = [truth.at(START + n * 10 * SECOND)[0] for n in range(360)]
    late = chances[180:]
    assert sum(0.05 < chance < 0.95 for chance in late) > len(late) / 2
    assert max(late) - min(late) > 0.1
