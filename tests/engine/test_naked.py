"""When nothing works the position is NAKED: entries stop, somebody is told, and the engine keeps working it (M29)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.money import Cash
from dutchbook.core.trade import Phase
from dutchbook.torture.network import Crash, Fault, answer_with, orders_to
from engine.parts import CASH, DOLLAR, LATENCY_NS
from engine.rig import Process, Rig, cross, play, uncross, with_limits

BETWEEN_NS = LATENCY_NS + 5 * MILLISECOND


def strand(rig: Rig) -> None:
    """Kalshi fills; then nobody offers NO at Polymarket and nobody bids at Kalshi."""
    cross(rig)

    def leave() -> None:
        uncross(rig)
        rig.quote("polymarket", [], [(54, 100)])

    rig.after(BETWEEN_NS, leave)
    rig.after(BETWEEN_NS + 5 * MILLISECOND, lambda: rig.quote("kalshi", [], [(42, 100)]))


async def stranded(rig: Rig) -> Process:
    process = await rig.start()
    strand(rig)
    await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.NAKED)
    return process


def test_an_unwind_without_depth_is_naked_said_aloud_and_worked_until_flat(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        assert process.alarms == ["naked"]
        await rig.wait(20)
        assert process.trade.phase is Phase.NAKED
        assert process.alarms == ["naked"], "one alarm, not one a second"
        rig.quote("kalshi", [(36, 100)], [(42, 100)])
        await rig.until(lambda: not process.trade.working, 5)
        assert process.trade.phase is Phase.FLAT
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_no_new_entries_while_a_leg_is_naked(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.list_pair("snow")
        rig.quote("kalshi", [(38, 100)], [(42, 100)], market="snow")
        rig.quote("polymarket", [(40, 100)], [(54, 100)], market="snow")
        process = await stranded(rig)
        cross(rig, market="snow")
        await rig.wait(5)
        assert len(process.trades) == 1
        assert "naked" in process.engine.desk.funnel.snapshot()["reasons"]
        rig.quote("kalshi", [(36, 100)], [(42, 100)])
        await rig.until(lambda: not process.trades[0].working, 5)
        cross(rig, 11, market="snow")
        await rig.until(lambda: len(process.trades) == 2)

    play(tmp_path, story)


def test_a_thin_bid_is_taken_slice_by_slice(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        for _ in range(4):
            rig.quote("kalshi", [(36, 3)], [(42, 100)])
            await rig.wait(2.5)
        assert process.trade.phase is Phase.FLAT
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story)
    sold = [order.content["count"] for order in rig.network.orders if order.action == "ask"]
    assert sold == ["3.00", "3.00", "3.00", "1.00"]


def test_a_naked_trade_sends_no_storm_of_orders(tmp_path: Path) -> None:
    """The venue refuses every sale: one round a second, not one a millisecond."""

    async def story(rig: Rig) -> None:
        killed = answer_with(400, b'{"error":"no"}')
        rig.network.faults.append(Fault(orders_to("kalshi", "ask"), killed, times=10_000))
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [], [(54, 100)])

        rig.after(BETWEEN_NS, leave)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.NAKED, 20)
        await rig.wait(30)

    rig = play(tmp_path, story)
    sales = [order.at_ns for order in rig.network.orders if order.action == "ask"]
    assert 20 < len(sales) < 45
    assert all(later - earlier >= SECOND for earlier, later in list(pairwise(sales))[2:])


def test_a_naked_trade_is_taken_up_again_after_a_death(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        await rig.die()
        await rig.wait(1)
        process = await rig.start()
        assert process.trade.phase is Phase.NAKED
        rig.quote("kalshi", [(36, 100)], [(42, 100)])
        await rig.until(lambda: not process.trade.working, 5)
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_a_naked_trade_whose_market_pays_is_settled_with_what_it_was_paid(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        rig.settle(0)
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 10)
        assert process.trade.pnl == -4_200_000 - 170_600
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl
        await rig.until(lambda: process.engine.trades.working == 0)

    play(tmp_path, story)


def test_a_dead_feed_strands_the_trade_and_the_live_book_still_unwinds_it(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            connection = process.engine.streams.connections["polymarket books"]
            connection.stream.closed()

        rig.after(BETWEEN_NS, leave)
        await rig.until(lambda: bool(process.trades) and not process.trade.working, 10)
        assert process.trade.phase is Phase.FLAT
        assert process.alarms == ["naked"]
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_a_naked_leg_that_sinks_trips_the_daily_loss_by_itself(tmp_path: Path) -> None:
    """Marked at the executable bid, without any new opportunity to ask the gate."""

    async def story(rig: Rig) -> None:
        refusal = Fault(orders_to("kalshi", "ask"), answer_with(400, b'{"error":"no"}'), times=10_000)
        rig.network.faults.append(refusal)
        process = await stranded(rig)
        rig.quote("kalshi", [(30, 1)], [(42, 100)])
        await rig.wait(3)
        assert process.engine.desk.ledger.kill_switch is not None
        assert "daily loss" in process.engine.desk.ledger.kill_switch.reason

    play(tmp_path, story, config=with_limits(max_daily_loss=Cash(DOLLAR)))


def test_a_death_while_stranding_is_recovered(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        while True:
            try:
                process = await rig.start()
                if rig.processes == 1:
                    strand(rig)
                await rig.wait(3)
                rig.quote("kalshi", [(36, 100)], [(42, 100)])
                process.engine.halt_entries()
                await rig.idle(200)
                assert await rig.mismatches() == []
                assert all(trade.phase in (Phase.FLAT, Phase.FAILED) for trade in process.trades)
                return
            except Crash:
                await rig.die()

    count = len(play(tmp_path / "whole", story).points)
    for number in range(0, count, 2):
        play(tmp_path / str(number), story, crash_at=[number])
