"""A locked bundle may be sold before its markets pay, when that brings more than it cost and waiting earns little (B5)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dutchbook.core.clock import SECOND
from dutchbook.core.money import Cash, Rate
from dutchbook.core.trade import Phase
from dutchbook.execution.leaving import ExitRule
from dutchbook.ledger.statistics import statistics
from engine.parts import CASH, CENT, CONFIG, PERCENT
from engine.rig import Process, Rig, cross, play, uncross
from engine.test_naked import stranded

RULE = ExitRule(min_profit=Cash(10 * CENT), yield_wanted=Rate(10 * PERCENT), patience_ns=3 * SECOND)
LEAVING = replace(CONFIG, early_exit=RULE, exits_every_ns=SECOND)


async def locked(rig: Rig) -> Process:
    """Ten bundles bought at 90 cents and fees, and their market no longer crossed."""
    process = await rig.start()
    cross(rig)
    await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
    uncross(rig)
    await rig.idle()
    return process


def rise(rig: Rig) -> None:
    """YES can be sold at 55 at Kalshi, NO at 45 at Polymarket: after fees about 97 cents a bundle that cost 93."""
    rig.quote("kalshi", [(55, 100)], [(58, 100)])
    rig.quote("polymarket", [(52, 100)], [(54, 100)])


def test_b5_a_bundle_is_sold_when_both_legs_bring_more_than_they_cost(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await locked(rig)
        rise(rig)
        await rig.until(lambda: process.trade.phase is Phase.FLAT, 20)
        trade = process.trade
        assert trade.result == "exited"
        assert trade.pnl >= RULE.min_profit
        assert [len(leg.orders) for leg in trade.legs] == [2, 2]
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + trade.pnl
        told = statistics(process.trades, rig.config.zone)
        assert (told.successful, told.rolled_back, told.realised) == (1, 0, trade.pnl)

    play(tmp_path, story, config=replace(LEAVING, early_exit=replace(RULE, yield_wanted=Rate(60 * PERCENT))))


def test_b5_without_the_setting_a_bundle_is_held(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await locked(rig)
        rise(rig)
        await rig.wait(15)
        assert process.trade.phase is Phase.LOCKED

    play(tmp_path, story)


def test_b5_a_bundle_is_held_while_waiting_earns_more_than_the_cash_would(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await locked(rig)
        rise(rig)
        await rig.wait(15)
        assert process.trade.phase is Phase.LOCKED

    play(tmp_path, story, config=replace(LEAVING, early_exit=replace(RULE, yield_wanted=Rate(PERCENT))))


def test_b5_a_price_that_stands_for_a_moment_is_not_an_exit(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await locked(rig)
        for _ in range(4):
            rise(rig)
            await rig.wait(2)
            rig.quote("kalshi", [(38, 100)], [(42, 100)])
            await rig.wait(2)
        assert process.trade.phase is Phase.LOCKED
        assert all(len(leg.orders) == 1 for leg in process.trade.legs)

    play(tmp_path, story, config=replace(LEAVING, early_exit=replace(RULE, yield_wanted=Rate(60 * PERCENT))))


def test_b5_a_bundle_that_cannot_be_sold_whole_is_not_begun(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await locked(rig)
        rise(rig)
        rig.quote("polymarket", [(52, 100)], [(54, 9)])
        await rig.wait(15)
        assert process.trade.phase is Phase.LOCKED
        assert all(len(leg.orders) == 1 for leg in process.trade.legs)

    play(tmp_path, story, config=replace(LEAVING, early_exit=replace(RULE, yield_wanted=Rate(60 * PERCENT))))


def test_b5_an_exit_of_which_one_leg_misses_is_balanced_again(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await locked(rig)
        rise(rig)

        def bids_leave() -> None:
            rig.quote("kalshi", [(30, 100)], [(33, 100)])

        # seen by the engine only after its orders have left
        await rig.until(lambda: len(rig.network.orders) == 4, 20, step_ns=1_000_000)
        bids_leave()
        await rig.until(lambda: len(rig.network.orders) > 4 and not process.trade.working, 60)
        await rig.idle()
        held = {leg.held for leg in process.trade.legs}
        assert len(held) == 1
        assert await rig.mismatches() == []
        assert process.journal.verify() == process.journal.seq
        rig.settle()
        await rig.until(lambda: process.trade.flat, 60)
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story, config=replace(LEAVING, early_exit=replace(RULE, yield_wanted=Rate(60 * PERCENT))))


def test_a_trade_that_is_being_worked_on_keeps_its_one_driver(tmp_path: Path) -> None:
    """Who asks for it again gets the driver that is there; two would ask and decide side by side."""

    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        trades = process.engine.trades
        driver = trades.drive(process.trade)
        assert trades.drive(process.trade) is driver
        assert trades.working == 1

    play(tmp_path, story)
