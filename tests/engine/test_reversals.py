"""A Polymarket match is provisional until CONFIRMED; FAILED opens the exposure again, however the news comes (M30)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.order import Action
from dutchbook.core.trade import Phase
from dutchbook.torture.line import private_of
from dutchbook.torture.network import Fault, answer_with, reads_of
from engine.parts import CASH, CONFIG, DOLLAR
from engine.rig import Rig, cross, play


def test_m30_a_trade_that_fails_after_the_lock_reopens_and_is_completed_anew(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.fail_next_trades = 1
        process = await rig.start()
        cross(rig, 40)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        await rig.until(lambda: process.trade.working)
        assert process.trade.legs[1].held == 0
        await rig.until(lambda: not process.trade.working)
        # the buyer at 52 is still there
        assert process.trade.phase is Phase.LOCKED
        assert process.trade.legs[1].held == process.trade.legs[0].held
        await rig.idle()
        assert await rig.mismatches() == []
        rig.settle()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED)
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_a_trade_that_fails_after_the_lock_is_unwound_when_that_is_cheaper(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.fail_next_trades = 1
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        rig.quote("polymarket", maker="stray")
        rig.quote("polymarket", [(20, 100)], [(54, 100)])
        await rig.until(lambda: process.trade.working)
        await rig.until(lambda: not process.trade.working)
        assert process.trade.phase is Phase.FLAT
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_m30_a_failure_that_the_stream_never_told_is_found_by_asking(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.fail_next_trades = 1
        process = await rig.start()
        cross(rig, 40)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        rig.network.muffled = private_of("polymarket")
        await rig.until(lambda: process.trade.working, 120)
        await rig.until(lambda: not process.trade.working, 120)
        await rig.idle(300)
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_a_confirmation_that_the_stream_never_told_is_found_by_asking(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        rig.network.muffled = private_of("polymarket")
        await rig.idle(30)
        assert process.trade.phase is Phase.LOCKED
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_a_process_that_died_before_the_failure_learns_of_it_when_it_is_back(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.fail_next_trades = 1
        process = await rig.start()
        cross(rig, 40)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        await rig.die()
        await rig.wait(5)
        process = await rig.start()
        assert process.trade.phase is Phase.LOCKED, "the ledger still believes in it"
        await rig.until(lambda: process.trade.working, 120)
        await rig.until(lambda: not process.trade.working, 120)
        await rig.idle(300)
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_a_process_that_died_before_the_match_was_told_and_failed_ends_whole(tmp_path: Path) -> None:
    """The order's own count goes on to say that it filled; no fill explains it."""

    async def story(rig: Rig) -> None:
        rig.polymarket.fail_next_trades = 1
        process = await rig.start()
        cross(rig, 40)
        await rig.until(lambda: len(rig.network.orders) == 2)
        await rig.wait(0.025)
        await rig.die()
        await rig.wait(5)
        process = await rig.start()
        assert process.trade.working
        await rig.until(lambda: not process.trade.working, 300)
        await rig.idle(300)
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_tokens_that_are_not_settled_are_not_sold(tmp_path: Path) -> None:
    """MINED comes late: until then the trade waits and sends nothing, and a lost MINED frame is made up by asking."""

    async def story(rig: Rig) -> None:
        rig.polymarket.mined_lag_ns = 3 * SECOND
        rig.polymarket.confirmed_lag_ns = 4 * SECOND
        process = await rig.start()
        cross(rig)
        rig.after(25 * MILLISECOND, lambda: rig.quote("kalshi", [(38, 100)], [(80, 100)]))
        await rig.until(lambda: bool(process.trades) and process.trade.legs[1].held == 10 * DOLLAR)
        rig.network.muffled = private_of("polymarket")
        await rig.wait(2.9)
        assert [order.action for order in rig.network.orders] == ["bid", "buy"]
        await rig.until(lambda: not process.trade.working, 30)
        assert process.trade.phase is Phase.FLAT
        assert [row.plan.action for row in process.trade.legs[1].orders] == [Action.BUY, Action.SELL]

    rig = play(tmp_path, story)
    bought, sold = (order for order in rig.network.orders if order.venue == "polymarket")
    assert sold.at_ns - bought.at_ns > 3 * SECOND


def test_a_market_that_pays_before_its_fill_is_final_is_booked_when_it_is(tmp_path: Path) -> None:
    """A match fails after the market was resolved: the venue pays nothing for it, and neither does the ledger."""

    async def story(rig: Rig) -> None:
        rig.polymarket.fail_next_trades = 1
        rig.polymarket.confirmed_lag_ns = 5 * SECOND
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        rig.settle(0)
        await rig.wait(60)
        assert process.trade.flat
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_a_fill_that_is_missing_now_and_then_but_is_listed_between_is_not_reversed(tmp_path: Path) -> None:
    """Only rounds in a row are evidence that the venue took a fill back."""

    async def story(rig: Rig) -> None:
        rig.polymarket.confirmed_lag_ns = 600 * SECOND
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        rig.network.muffled = private_of("polymarket")
        await rig.wait(70)
        for _ in range(3):
            none = Fault(reads_of("poly", "/data/trades"), answer_with(200, b'{"data":[],"next_cursor":"LTE="}'))
            rig.network.faults.append(none)
            await process.engine.confirmations.ask()
            assert none.times == 0
            await process.engine.confirmations.ask()
        assert not any(row.reversed for row in process.trade.orders())
        assert process.trade.phase is Phase.LOCKED

    play(tmp_path, story, config=replace(CONFIG, confirm_every_ns=3600 * SECOND, reconcile_every_ns=3600 * SECOND))
