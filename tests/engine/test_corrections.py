"""A result that the venue takes back, or pays at a price, is booked as a counter-entry (issue: settlement reversed or scalar)."""

from __future__ import annotations

from pathlib import Path

from dutchbook.core.facts import LegResettled, LegSettled
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


def test_m35_the_rounding_of_a_price_is_a_fee_of_the_trade_and_not_unexplained_cash(tmp_path: Path) -> None:
    """Ten contracts at a third of a dollar: 3.333330 is paid as 3.33, as the account's settlements say and no stream."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        await rig.idle()
        rig.kalshi.settle("KXRAIN-Y", DOLLAR // 3, rig.clock.wall())
        rig.polymarket.settle("rain", DOLLAR, rig.clock.wall())
        rig.flush()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
        assert [leg.settled.fee for leg in process.trade.legs if leg.settled] == [3_330, 0]
        assert "cash_difference" not in process.alarms
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_m35_a_result_that_becomes_a_price_brings_its_rounding_with_it(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await paid(rig)
        before = process.trade.pnl
        rig.kalshi.resettle("KXRAIN-Y", DOLLAR // 3, rig.clock.wall())
        rig.flush()
        await rig.until(lambda: process.trade.pnl != before, 60)
        assert process.trade.pnl == before - 10 * DOLLAR + 333 * CENT
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_m34_a_death_between_the_last_payout_and_its_turn_leaves_no_trade_locked_for_ever(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        await rig.idle()
        trade = process.trade.id
        process.engine.desk.record(LegSettled(trade, 0, DOLLAR, 10 * DOLLAR), LegSettled(trade, 1, DOLLAR, 0))
        await rig.die()
        rig.settle()
        process = await rig.start(books=False)
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
        assert await rig.mismatches() == []

    play(tmp_path, story)
