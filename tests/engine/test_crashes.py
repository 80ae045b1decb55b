"""Killed at every instant that matters, started again, the ledger and the venues still agree (M34, rule 6 of the design).

Crash points are: before and after each journal append, before and after each order leaves. Each scenario is played once to
count its points, then once for each point with a death there; the venues live on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.trade import Phase
from dutchbook.feed.connection import KeepAlive
from dutchbook.torture.network import Crash
from engine.parts import CASH, CONFIG, LATENCY_NS
from engine.rig import Rig, cross, play, uncross

QUIET = replace(
    CONFIG,
    keep_alive=KeepAlive(every_ns=2 * SECOND, silent_ns=5 * SECOND),
    balance_every_ns=5 * SECOND,
    results_every_ns=3 * SECOND,
    publish_every_ns=10 * SECOND,
)
"""Nothing here depends on the rhythms of housekeeping, and there are hundreds of lives to live."""

ENDS = {Phase.LOCKED, Phase.FLAT, Phase.FAILED, Phase.SETTLED}
BETWEEN_NS = LATENCY_NS + 5 * MILLISECOND


def both_fill(rig: Rig) -> None:
    cross(rig)


def second_leg_misses(rig: Rig) -> None:
    """Rolled back: the buyer leaves, and what stays is too dear to complete with."""
    cross(rig)

    def leave() -> None:
        uncross(rig)
        rig.quote("polymarket", [(30, 100)], [(54, 100)])

    rig.after(BETWEEN_NS, leave)


def first_leg_misses(rig: Rig) -> None:
    """Rolled back through tokens that must settle first."""
    cross(rig)
    rig.after(BETWEEN_NS, lambda: rig.quote("kalshi", [(38, 100)], [(80, 100)]))


def nothing_fills(rig: Rig) -> None:
    cross(rig)

    def leave() -> None:
        uncross(rig)
        rig.quote("kalshi", [(38, 100)], [(80, 100)])

    rig.after(BETWEEN_NS, leave)


def match_fails(rig: Rig) -> None:
    """Reopened after the lock."""
    rig.polymarket.fail_next_trades = 1
    cross(rig)


SCENARIOS: dict[str, Callable[[Rig], None]] = {
    scenario.__name__: scenario
    for scenario in (both_fill, second_leg_misses, first_leg_misses, nothing_fills, match_fails)
}


def story_of(scenario: Callable[[Rig], None]) -> Callable[[Rig], Awaitable[None]]:
    """Play a scenario to its end, starting again after each death, and prove the ledger before and after settlement."""

    async def story(rig: Rig) -> None:
        done: set[str] = set()

        def once(what: str, act: Callable[[], None]) -> None:
            if what not in done:
                done.add(what)
                act()

        async def live() -> None:
            process = await rig.start(books="settlement" not in done)
            once("scenario", lambda: scenario(rig))
            await rig.wait(1.5)
            process.engine.halt_entries()
            await rig.idle(400)
            assert {trade.phase for trade in process.trades} <= ENDS
            if "settlement" not in done:
                assert await rig.mismatches() == []
            assert all(leg.bought <= trade.opened.size for trade in process.trades for leg in trade.legs)
            once("settlement", rig.settle)
            await rig.until(lambda: all(trade.flat for trade in process.trades), 60)
            assert await rig.mismatches() == []
            assert rig.wealth() == 2 * CASH + sum(trade.pnl for trade in process.trades)
            assert process.engine.desk.failure is None
            assert process.journal.verify() == process.journal.seq
            assert "cash_difference" not in process.alarms

        while True:
            try:
                await live()
                return
            except Crash:
                await rig.die()
                await rig.wait(0.2)

    return story


def assert_nothing_was_sent_twice(rig: Rig) -> None:
    sent = Counter(order.identity for order in rig.network.orders)
    assert set(sent.values()) <= {1}, sent


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_point_and_started_again(tmp_path: Path, name: str) -> None:
    story = story_of(SCENARIOS[name])
    whole = play(tmp_path / "whole", story, config=QUIET)
    assert whole.processes == 1
    assert len(whole.points) > 10
    # every point of the scenarios that roll back; half of them where less can go wrong
    step = 1 if name in ("second_leg_misses", "match_fails") else 2
    for number, point in list(enumerate(whole.points))[::step]:
        try:
            rig = play(tmp_path / str(number), story, config=QUIET, crash_at=[number])
            assert rig.processes == 2
            assert_nothing_was_sent_twice(rig)
        except BaseException as error:
            error.add_note(f"killed at point {number}, {point}")
            raise


@pytest.mark.parametrize("name", ["second_leg_misses", "match_fails"])
def test_killed_again_while_recovering(tmp_path: Path, name: str) -> None:
    story = story_of(SCENARIOS[name])
    count = len(play(tmp_path / "whole", story, config=QUIET).points)
    for number in range(3, count, 5):
        for later in (2, 5):
            try:
                rig = play(tmp_path / f"{number} {later}", story, config=QUIET, crash_at=[number, number + later])
                assert_nothing_was_sent_twice(rig)
            except BaseException as error:
                error.add_note(f"killed at points {number} and {number + later}")
                raise
