"""The scripted world: a function of its seed, fair to every venue, and worth trading."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.simulator.competitors import Gap
from dutchbook.simulator.world import World
from simulator.hands import Recorder

START = 1_795_000_000_000_000_000
SECOND = 1_000_000_000
MILLISECOND = 1_000_000
ONE = 1_000_000


class Stage:
    """A world on two recorders."""

    def __init__(self, seed: int, *, kalshi: bool = True, polymarket: bool = True, speed: float = 1.0) -> None:
        self.kalshi, self.polymarket = Recorder("kalshi"), Recorder("polymarket")
        self.world = World(
            seed, self.kalshi if kalshi else None, self.polymarket if polymarket else None, START, speed=speed
        )
        self.world.list_all(START)

    def ticks(self, seconds: float) -> Iterator[int]:
        """Step at every due time; yields it."""
        end = START + int(seconds * SECOND)
        while (due := self.world.next_at()) is not None and due <= end:
            self.world.step(due)
            yield due

    def play(self, seconds: float) -> Stage:
        for _ in self.ticks(seconds):
            pass
        return self


def test_the_same_seed_gives_the_same_stream_and_another_seed_another() -> None:
    first, again, other = Stage(11).play(4), Stage(11).play(4), Stage(12).play(4)
    assert len(first.kalshi.deeds) > 300
    assert first.kalshi.deeds == again.kalshi.deeds
    assert first.polymarket.deeds == again.polymarket.deeds
    assert first.kalshi.deeds != other.kalshi.deeds


def test_it_does_not_matter_how_often_the_world_is_stepped() -> None:
    fine, coarse = Stage(3).play(4), Stage(3)
    for second in (1, 4):
        coarse.world.step(START + second * SECOND)
    assert fine.kalshi.deeds == coarse.kalshi.deeds
    assert fine.polymarket.deeds == coarse.polymarket.deeds


def test_a_venue_alone_sees_what_it_would_see_beside_the_other() -> None:
    both = Stage(5).play(4)
    assert Stage(5, polymarket=False).play(4).kalshi.deeds == both.kalshi.deeds
    assert Stage(5, kalshi=False).play(4).polymarket.deeds == both.polymarket.deeds
    assert any(deed[0] == "take" for deed in both.polymarket.deeds)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), speed=st.sampled_from([0.5, 1.0, 4.0]))
def test_makers_quote_on_the_grid_inside_one_market_and_never_cross(seed: int, speed: float) -> None:
    stage = Stage(seed, speed=speed)
    for _ in stage.ticks(2.0 / speed):
        pass
    for venue in (stage.kalshi, stage.polymarket):
        quoted: dict[str, dict[str, tuple[list[int], list[int]]]] = {}
        for deed in venue.deeds:
            if deed[0] != "quote":
                continue
            _, market, maker, bids, asks = deed
            assert isinstance(market, str) and isinstance(maker, str)
            assert isinstance(bids, tuple) and isinstance(asks, tuple)
            tick = venue.specs[market].tick
            for price, size in bids + asks:
                assert type(price) is int and 0 < price < ONE and price % tick == 0
                assert type(size) is int and 5 * ONE <= size <= 200 * ONE and size % ONE == 0
            assert [p for p, _ in bids] == sorted({p for p, _ in bids}, reverse=True)
            assert [p for p, _ in asks] == sorted({p for p, _ in asks})
            quoted.setdefault(market, {})[maker] = ([p for p, _ in bids], [p for p, _ in asks])
        assert quoted.keys() == venue.specs.keys()
        for makers in quoted.values():
            assert all(len(bids) + len(asks) >= 3 for bids, asks in makers.values())


def _openings(seed: int) -> tuple[int, list[tuple[int, int, Gap]]]:
    """Over 30 s: gross crossings, and (lifetime ns, size, gap) of those wider than the fees of both legs."""
    stage = Stage(seed)
    stage.play(3)
    alive: dict[int, tuple[int, Gap]] = {}
    crossed: set[int] = set()
    gross, ended = 0, []
    for number, due in enumerate(stage.ticks(33)):
        if number % 6:
            continue
        gaps = dict(enumerate(gap for _, gap in stage.world.gaps()))
        now_crossed = {n for n, gap in gaps.items() if gap.gross > 0}
        gross += len(now_crossed - crossed)
        crossed = now_crossed
        for n, gap in gaps.items():
            if gap.gross > gap.fees:
                alive.setdefault(n, (due, gap))
            elif n in alive:
                since, widest = alive.pop(n)
                ended.append((due - since, widest.size, widest))
    return gross, ended


@pytest.mark.parametrize("seed", [1, 20, 333])
def test_gaps_wider_than_the_fees_appear_and_vanish(seed: int) -> None:
    gross, ended = _openings(seed)
    assert gross > len(ended)
    assert 5 <= len(ended) <= 45
    lifetimes = sorted(lifetime for lifetime, _, _ in ended)
    assert 50 * MILLISECOND < lifetimes[len(lifetimes) // 2] < 1_500 * MILLISECOND
    sizes = sorted(size for _, size, _ in ended)
    assert 5 * ONE <= sizes[len(sizes) // 2] <= 200 * ONE


def test_hundreds_of_quotes_a_second_and_some_trades() -> None:
    stage = Stage(7).play(5)
    deeds = stage.kalshi.deeds + stage.polymarket.deeds
    quotes = sum(deed[0] == "quote" for deed in deeds)
    assert 200 <= quotes / 5 <= 800
    assert sum(deed[0] == "take" for deed in deeds) >= 10


def test_speed_scales_how_much_happens() -> None:
    slow, fast = Stage(7, speed=0.25).play(4), Stage(7, speed=2.0).play(4)
    assert len(fast.kalshi.deeds) > 4 * len(slow.kalshi.deeds)
    with pytest.raises(ValueError, match="speed"):
        World(7, None, None, START, speed=0.0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_settlement_is_one_state_of_each_event_on_both_venues(seed: int) -> None:
    stage = Stage(seed).play(0.2)
    outcome = stage.world.settle_all(START + SECOND)
    values = {"kalshi": stage.kalshi.values, "polymarket": stage.polymarket.values}
    assert set(values["kalshi"]) == set(stage.kalshi.specs)
    assert set(values["polymarket"]) == set(stage.polymarket.specs)
    for link in stage.world.links():
        state = link["states"].index(outcome[link["event"]])
        for member in link["members"]:
            assert values[member["venue"]][member["id"]] == member["pays"][state] * ONE


def test_the_venue_alone_settles_as_the_pair_does() -> None:
    both, alone = Stage(9), Stage(9, kalshi=False)
    assert both.world.settle_all(START + 5 * SECOND) == alone.world.settle_all(START + 5 * SECOND)
    assert both.polymarket.values == alone.polymarket.values


def test_outcomes_follow_the_chances() -> None:
    won = [0, 0]
    for seed in range(60):
        outcome = Stage(seed).world.settle_all(START)
        (state,) = (state for event, state in outcome.items() if event.startswith("westmark-minister"))
        won[state == "yes"] += 1
    assert won[0] > 3 * won[1] > 0


def test_after_settlement_nothing_happens_any_more() -> None:
    stage = Stage(4).play(1)
    stage.world.settle_all(START + SECOND)
    before = len(stage.kalshi.deeds)
    assert stage.world.next_at() is None
    stage.world.step(START + 60 * SECOND)
    assert len(stage.kalshi.deeds) == before


def test_links_name_listed_markets_and_pay_what_their_kind_says() -> None:
    stage = Stage(2)
    listed = {("kalshi", i) for i in stage.kalshi.specs} | {("polymarket", i) for i in stage.polymarket.specs}
    links = stage.world.links()
    assert {link["kind"] for link in links} == {"yes_no", "cross_team", "three_way"}
    for link in links:
        members = [(member["venue"], member["id"]) for member in link["members"]]
        assert set(members) <= listed
        assert len(set(members)) == len(members) >= 2
        pays = [member["pays"] for member in link["members"]]
        assert all(len(row) == len(link["states"]) for row in pays)
        if link["kind"] == "yes_no":
            assert pays == [[1, 0], [1, 0]]
        elif link["kind"] == "cross_team":
            assert {tuple(row) for row in pays} == {(1, 0), (0, 1)}
        else:
            for venue in {member["venue"] for member in link["members"]}:
                rows = [member["pays"] for member in link["members"] if member["venue"] == venue]
                assert [sum(column) for column in zip(*rows, strict=True)] == [1, 1, 1]


def test_no_template_is_left_in_a_listed_text() -> None:
    stage = Stage(2)
    for spec in [*stage.kalshi.specs.values(), *stage.polymarket.specs.values()]:
        assert "{" not in spec.id + spec.event + spec.title + spec.rules


def test_a_world_lists_once() -> None:
    stage = Stage(2)
    with pytest.raises(RuntimeError, match="already"):
        stage.world.list_all(START)
