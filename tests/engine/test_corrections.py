"""A result that the venue takes back, or pays at a price, is booked as a counter-entry (issue: settlement reversed or scalar)."""

from __future__ import annotations

from pathlib import Path

from dutchbook.core.facts import LegResettled
from dutchbook.core.trade import Phase
from engine.parts import CASH, CENT, DOLLAR
from engine.rig import Process, Rig, cross, play


async def paid(rig: Rig) -> Process:
    """Ten bundles of YES at Kalshi and NO at Polymarket, paid with YES."""
    process = await rig.start()
    cross(rig)
    await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
    await rig.idle()
    rig.settle()
    await rig.until(lambda: process.trade.phase is Phase.SETTLED)
    return process


def test_m35_a_reversed_result_is_a_counter_entry_and_a_divergence(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await paid(rig)
        before = process.trade.pnl
        rig.kalshi.resettle("KXRAIN-Y", 0, rig.clock.wall())
        rig.flush()
        await rig.until(lambda: process.trade.pnl != before, 60)
        assert process.trade.pnl == before - 10 * DOLLAR
        assert process.trade.phase is Phase.SETTLED
        assert {"result_changed", "divergence"} <= set(process.alarms)
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl
        corrections = [r.fact for r in process.journal.records() if isinstance(r.fact, LegResettled)]
        assert [(fact.leg, fact.yes_value, fact.payout) for fact in corrections] == [(0, 0, 0)]

    play(tmp_path, story)


def test_m35_a_reversal_while_nobody_runs_is_found_at_the_next_start(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await paid(rig)
        before = process.trade.pnl
        await rig.die()
        rig.kalshi.resettle("KXRAIN-Y", 0, rig.clock.wall())
        process = await rig.start(books=False)
        await rig.until(lambda: process.trade.pnl != before, 60)
        assert process.trade.pnl == before - 10 * DOLLAR
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m35_a_market_that_pays_a_price_is_booked_at_that_price(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        await rig.idle()
        now = rig.clock.wall()
        rig.kalshi.settle("KXRAIN-Y", 26 * CENT, now)
        rig.polymarket.settle("rain", DOLLAR, now)
        rig.flush()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
        payouts = [leg.settled.payout for leg in process.trade.legs if leg.settled]
        assert payouts == [10 * 26 * CENT, 0]
        assert "divergence" in process.alarms
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)
