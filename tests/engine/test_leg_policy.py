"""The order of the legs as the engine chooses it from its own ledger, and plans that are not worth their misses (M28)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from structlog.testing import capture_logs

from dutchbook.core.clock import MILLISECOND
from dutchbook.core.money import RATE_ONE, Rate
from dutchbook.core.trade import Phase
from dutchbook.ledger.fill_rates import Entry
from engine.parts import CONFIG, DOLLAR, LATENCY_NS
from engine.rig import Process, Rig, calm, cross, play, uncross

BETWEEN_NS = LATENCY_NS + 5 * MILLISECOND
"""After the crossing was seen, before the orders arrive."""

BOLD = replace(CONFIG, require_confident_edge=False)
POLYMARKET = Entry("polymarket", delayed=False)


async def ended(rig: Rig, process: Process, count: int) -> None:
    await rig.until(lambda: len(process.trades) == count and not process.trades[-1].working)


async def miss_often(rig: Rig, process: Process, times: int = 6) -> None:
    """The Polymarket offer is gone whenever our orders arrive, so Kalshi's leg is unwound every time."""
    for count in range(1, times + 1):
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [(30, 100)], [(54, 100)])

        rig.after(BETWEEN_NS, leave)
        await ended(rig, process, count)
        await rig.wait(3)
        calm(rig)
    rig.network.orders.clear()


def test_m28_a_delayed_leg_goes_first_and_alone(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await ended(rig, process, 1)
        assert process.trade.phase is Phase.LOCKED

    rig = play(tmp_path, story, delay_ns=500 * MILLISECOND)
    first, second = rig.network.orders
    assert (first.venue, first.tif, second.venue) == ("polymarket", "ioc", "kalshi")
    assert second.at_ns - first.at_ns > 500 * MILLISECOND


def test_m28_the_leg_of_a_rarely_filling_venue_goes_first_and_alone(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await miss_often(rig, process)
        cross(rig)
        await ended(rig, process, 7)
        rates = process.engine.pursuit.leg_policy.rates
        assert (rates.tally(POLYMARKET).sent, rates.tally(POLYMARKET).filled) == (6, 0)
        assert process.trades[-1].phase is Phase.LOCKED
        assert [leg.held for leg in process.trades[-1].legs] == [10 * DOLLAR, 10 * DOLLAR]
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story, config=BOLD)
    first, second = rig.network.orders
    assert (first.venue, first.tif, second.venue) == ("polymarket", "ioc", "kalshi")
    assert second.at_ns - first.at_ns >= 2 * LATENCY_NS


def test_m28_the_second_leg_is_sized_to_what_filled(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await miss_often(rig, process)
        cross(rig)
        rig.after(BETWEEN_NS, lambda: rig.quote("polymarket", [(52, 6), (30, 100)], [(54, 100)]))
        rig.after(BETWEEN_NS, lambda: uncross(rig))
        await ended(rig, process, 7)
        assert process.trades[-1].phase is Phase.LOCKED
        assert [leg.held for leg in process.trades[-1].legs] == [6 * DOLLAR, 6 * DOLLAR]
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story, config=BOLD)
    assert [order.content["count"] for order in rig.network.orders if order.venue == "kalshi"] == ["6.00"]


def test_what_the_ledger_knows_of_fills_survives_a_restart(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await miss_often(rig, process, 3)
        await rig.die()
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: len(process.trades) == 4)
        rates = process.engine.pursuit.leg_policy.rates
        assert (rates.tally(POLYMARKET).sent, rates.tally(POLYMARKET).filled) == (3, 0)

    play(tmp_path, story, config=BOLD)


def test_a_bundle_that_is_not_worth_its_misses_is_refused_with_every_term(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        # NO at 53 and YES at 42: about two cents after fees, and four or more to unwind a leg
        rig.quote("polymarket", [(47, 10), (40, 100)], [(54, 100)])
        rig.quote("kalshi", [(38, 100)], [(42, 100)])
        rig.quote("polymarket", [(51, 10)], maker="stray")
        await rig.wait(1)
        assert process.trades == []
        reasons = process.engine.desk.funnel.snapshot()["reasons"]
        assert set(reasons) == {"expected"}

    cheap = replace(CONFIG, idle_yield=Rate(RATE_ONE // 2))
    rig = play(tmp_path, story, config=cheap)
    assert rig.network.orders == []


def test_the_log_says_which_leg_goes_first_and_why(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await ended(rig, process, 1)

    with capture_logs() as lines:
        play(tmp_path, story)
    (line,) = [line for line in lines if line["event"] == "trade opened"]
    assert line["order"] == "all together"
    assert "gain at 81 % all filled" in line["expected"]
    assert "unwinding" in line["at_least"]
