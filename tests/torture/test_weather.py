"""The weather: what strikes is a function of the seed, only what was asked for, and on the wire as a venue shows it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter

import pytest

from dutchbook.core.clock import MILLISECOND, MINUTE, SECOND
from dutchbook.core.errors import Lost
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop
from dutchbook.torture.aim import MOST_STRIKES, PHASES, impossible
from dutchbook.torture.kinds import BY_NAME, KINDS, WEATHER, Group, named
from dutchbook.torture.weather import Weather
from torture.wires import DOLLAR, KALSHI, POLYMARKET, Wires, on_wires


def test_every_kind_has_one_name_and_its_own_words() -> None:
    assert len(BY_NAME) == len(KINDS)
    assert len({kind.words for kind in KINDS}) == len(KINDS)
    assert all(kind.rate > 0 for kind in KINDS)
    assert [kind.name for kind in KINDS if not kind.by_default] == ["traded_by_hand"]
    assert sum(len(named(group)) for group in Group) == len(KINDS)


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no such kind of fault: earthquake"):
        Weather(1, ["gap", "earthquake"])


# -- drawing ----------------------------------------------------------------------------------------------------------


def history(seed: int, kinds: list[str] | None = None, rounds: int = 400) -> list[tuple[str, str]]:
    """What a weather lets strike when it is asked the same questions about venues in memory."""
    struck: list[tuple[str, str]] = []

    async def story(wires: Wires) -> None:
        weather = Weather(seed, kinds)
        weather.on_strike = lambda kind, where: struck.append((kind, where))
        weather.exchanges = exchanges = wires.exchanges
        orders = {"kalshi": wires.kalshi_order(), "polymarket": wires.polymarket_order()}
        reads = {"kalshi": wires.kalshi_read(), "polymarket": wires.polymarket_read()}
        own_clock = VirtualClock(asyncio.get_running_loop(), wires.clock.wall())  # type: ignore[arg-type]
        for number in range(rounds):
            await wires.clock.sleep(250 * MILLISECOND)
            if number % 20 == 0:
                wires.quote(40, 50)
            for venue in ("kalshi", "polymarket"):
                weather.request(orders[venue], True, venue)
                weather.request(reads[venue], False, venue)
                weather.frame(f"{venue} book", b"0123456789" * 9)
                weather.frame(f"{venue} private", b"0123456789" * 9)
            venue_plans = wires.polymarket
            if venue_plans.planned_delays or venue_plans.fail_next_trades or venue_plans.retry_next_trades:
                # what is planned strikes when an order meets it
                await wires.transport.send(wires.polymarket_order(size=2))
            fault = weather.append(power_safe=True)
            if fault is not None:
                weather.struck(fault.way, "append")
            weather.death("before an append")
            weather.venue_event(exchanges, wires.clock.wall())
            weather.process_event(own_clock, wires.clock.wall())
        weather.settle(exchanges, [(KALSHI, DOLLAR), (POLYMARKET, DOLLAR)], wires.clock.wall())
        await wires.clock.sleep(MINUTE)
        weather.venue_event(exchanges, wires.clock.wall())

    on_wires(story)
    return struck


def test_the_same_seed_draws_the_same() -> None:
    first = history(11, rounds=200)
    assert first == history(11, rounds=200)
    assert len(first) > 5
    assert first != history(12, rounds=200)


def test_draws_do_not_depend_on_the_hash_seed() -> None:
    code = "import sys; from torture.test_weather import history; print(history(11, rounds=60))"
    said = set()
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        said.add(done.stdout)
    assert len(said) == 1


@pytest.mark.parametrize("kind", [kind.name for kind in WEATHER])
def test_a_weather_of_one_kind_lets_only_that_kind_strike(kind: str) -> None:
    """And it does strike: an order or a settlement that it cannot befall is asked about again with another seed."""
    seen: Counter[str] = Counter()
    for seed in range(40):
        seen += Counter(name for name, _ in history(seed, [kind], 150))
        if seen[kind]:
            break
    assert set(seen) == {kind}


def test_what_is_off_by_default_never_strikes_unasked() -> None:
    assert all("traded_by_hand" not in Weather(seed).rates for seed in range(300))


def test_seeds_differ_in_mood_and_every_kind_has_its_turn() -> None:
    weathers = [Weather(seed) for seed in range(2_000)]
    moods = Counter(weather.mood for weather in weathers)
    assert set(moods) == {"calm", "fair", "foul", "single", "aimed"}
    assert min(moods.values()) > 120
    assert all(len(weather.rates) == 1 for weather in weathers if weather.mood == "single")
    alone = Counter(next(iter(weather.rates)) for weather in weathers if weather.mood == "single")
    assert set(alone) == {kind.name for kind in WEATHER if kind.by_default}


def test_an_aimed_seed_strikes_while_a_trade_is_where_it_aims_and_every_possible_aim_is_drawn() -> None:
    aims = [aim for seed in range(12_000) if (aim := Weather(seed).aim) is not None]
    drawn = {(aim.kind.name, aim.phase) for aim in aims}
    assert drawn == {
        (kind.name, phase)
        for kind in WEATHER
        if kind.by_default
        for phase, _ in PHASES
        if not impossible(kind.name, phase)
    }
    aim = next(aim for aim in aims if aim.kind.name == "lost_answer")
    assert not any(aim.strikes((Group.REQUEST,), "kalshi") for _ in range(100))
    aim.there = lambda phase, venue: (phase, venue) == (aim.phase, "kalshi")
    assert not any(aim.strikes((Group.REQUEST,), "polymarket") for _ in range(100))
    assert sum(aim.strikes((Group.REQUEST,), "kalshi") for _ in range(100)) == MOST_STRIKES


def test_nothing_strikes_in_calm_weather_and_what_lasted_ends() -> None:
    async def story(wires: Wires) -> None:
        weather = Weather(3, ["exchange_pause", "market_halt", "lost_answer", "gap", "death", "torn_write"])
        exchanges = wires.exchanges
        while not weather.venues.lasting:
            await wires.clock.sleep(SECOND)
            weather.venue_event(exchanges, wires.clock.wall())
        weather.calm = True
        weather.on_strike = lambda kind, where: pytest.fail(f"{kind} struck {where}")
        assert weather.venue_event(exchanges, wires.clock.wall()) is None
        assert weather.venues.lasting == 0
        for _ in range(200):
            assert weather.request(wires.kalshi_read(), False, "kalshi") is None
            assert weather.frame("kalshi book", b"x") is None
            assert weather.append() is None
            assert not weather.death("here")
        wires.quote(40, 50)
        assert (await wires.seam.send(wires.kalshi_order())).status == 201
        assert (await wires.seam.send(wires.polymarket_order())).status == 200

    on_wires(story)


def test_most_requests_live_in_any_weather() -> None:
    """A seed in which nothing gets through tests nothing."""

    async def story(wires: Wires) -> None:
        order = wires.kalshi_order()
        for seed in range(60):
            weather = Weather(seed)
            struck = sum(weather.request(order, True, "kalshi") is not None for _ in range(200))
            assert struck < 100, weather.mood

    on_wires(story)


def test_the_power_does_not_fail_under_a_journal_that_makes_no_such_promise() -> None:
    weather = Weather(1, ["power_loss"])
    assert all(weather.append() is None for _ in range(500))
    assert any(weather.append(power_safe=True) for _ in range(500))


def test_the_network_asks_the_weather_and_the_strike_names_the_order() -> None:
    async def story(wires: Wires) -> None:
        struck: list[tuple[str, str]] = []
        weather = Weather(5, ["lost_answer"])
        weather.on_strike = lambda kind, where: struck.append((kind, where))
        wires.network.weather = weather
        errors = 0
        for number in range(80):
            try:
                await wires.seam.send(wires.kalshi_order(size=1, name=f"order {number}"))
            except Lost:
                errors += 1
        assert errors == len(struck) > 0
        assert all(where.startswith("kalshi order order ") for _, where in struck)

    on_wires(story)


# -- clocks -----------------------------------------------------------------------------------------------------------


def test_a_jump_moves_one_wall_clock_and_is_put_right_later() -> None:
    async def story(wires: Wires) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        own = VirtualClock(loop, wires.clock.wall() - wires.clock.monotonic())
        weather = Weather(2, ["clock_jump"])
        exchanges = wires.exchanges
        while weather.process_event(own, wires.clock.wall()) is None:
            await wires.clock.sleep(SECOND)
        assert abs(own.wall() - wires.clock.wall()) >= 20 * MILLISECOND
        assert own.monotonic() == wires.clock.monotonic()
        await wires.clock.sleep(21 * SECOND)
        weather.venue_event(exchanges, wires.clock.wall())
        assert own.wall() == wires.clock.wall()

    on_wires(story)


def test_a_stall_lets_time_pass_while_nothing_runs() -> None:
    async def story(wires: Wires) -> None:
        weather = Weather(2, ["stall"])
        before = wires.clock.monotonic()
        while weather.process_event(wires.clock, wires.clock.wall()) is None:
            await wires.clock.sleep(SECOND)
            before = wires.clock.monotonic()
        assert wires.clock.monotonic() - before >= 100 * MILLISECOND

    on_wires(story)
