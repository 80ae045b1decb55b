"""What stops the engine: impossible events, a full disk, losses, a person. What is stopped stays stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import ImpossibleEvent, LedgerError
from dutchbook.core.events import OrderSeen
from dutchbook.core.facts import KillSwitchSet, OrderMoved
from dutchbook.core.money import Cash, Price, Size
from dutchbook.core.order import OrderEvent, OrderReport, ReportStatus, TimeInForce
from dutchbook.core.trade import Phase
from engine.parts import CENT, DOLLAR, LATENCY_NS
from engine.rig import Rig, cross, play, uncross, with_limits
from engine.scenes import command


def test_an_impossible_event_is_an_alarm_and_throws_the_kill_switch(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        row = next(process.trade.orders())
        with pytest.raises(ImpossibleEvent):
            process.engine.desk.record(OrderMoved(process.trade.id, row.plan.id, OrderEvent.SEND))
        assert process.alarms == ["impossible_event"]
        switch = process.engine.desk.ledger.kill_switch
        assert switch is not None
        assert "impossible event" in switch.reason
        assert process.engine.desk.failure is None, "other trades go on to their end"

    play(tmp_path, story)


def test_an_impossible_event_on_one_trade_lets_another_go_to_its_end(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.list_pair("snow")
        rig.quote("kalshi", [(38, 100)], [(42, 100)], market="snow")
        rig.quote("polymarket", [(40, 100)], [(54, 100)], market="snow")
        process = await rig.start()
        cross(rig)
        cross(rig, market="snow")
        await rig.until(lambda: len(process.trades) == 2)
        sick, well = process.trades
        row = next(sick.orders())
        report = OrderReport(row.plan.identity, "x", ReportStatus.DONE, Size(0))
        process.engine.desk.record(OrderMoved(sick.id, row.plan.id, OrderEvent.WITHHOLD))
        process.engine.trades.on_report(report)  # late copies are harmless
        with pytest.raises(ImpossibleEvent):
            process.engine.trades.on_report(OrderReport(row.plan.identity, "x", ReportStatus.DONE, Size(DOLLAR)))
        await rig.until(lambda: not well.working)
        assert well.phase is Phase.LOCKED
        assert process.engine.desk.ledger.kill_switch is not None

    play(tmp_path, story)


def test_a_trade_with_an_impossible_event_is_worked_on_all_the_same_and_the_same_event_is_told_once(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [(30, 100)], [(54, 100)])

        cross(rig)
        rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
        await rig.until(lambda: bool(process.trades))
        trade, desk = process.trade, process.engine.desk
        (row, *_) = trade.orders()
        impossible = OrderReport(row.plan.identity, "x", ReportStatus.DONE, Size(5 * DOLLAR))
        desk.record(OrderMoved(trade.id, row.plan.id, OrderEvent.WITHHOLD))
        for _ in range(3):
            process.engine.streams.deliver("kalshi user", [OrderSeen(impossible), OrderSeen(impossible)])
            await rig.wait(1)
        told = [alarm.text for alarm in desk.ledger.alarms if alarm.code == "impossible_event"]
        assert told and len(told) == len(set(told))
        assert desk.failure is None and desk.ledger.kill_switch is not None
        await rig.until(lambda: not trade.working, 120)

    play(tmp_path, story)


def test_m16_flatten_does_not_give_a_single_claim_away_to_stub_bids(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        claim = Claim(MarketId("kalshi:KXRAIN-Y"), Outcome.YES)
        uncross(rig)
        await rig.wait(1)
        trade = process.engine.by_hand.buy(claim, Size(10 * DOLLAR), Price(60 * CENT), TimeInForce.FOK)
        await rig.until(lambda: trade.phase is Phase.LOCKED)
        rig.quote("kalshi", [(2, 100)], [(90, 100)])
        await rig.wait(1)
        await command(rig, "stop", then="flatten")
        await rig.wait(10)
        assert trade.phase is Phase.LOCKED
        assert any("is worth" in text for text in process.engine.closing.troubles.values())
        rig.quote("kalshi", [(40, 100)], [(42, 100)])
        await rig.until(lambda: trade.result == "exited", 30)

    play(tmp_path, story)


def test_the_kill_switch_survives_a_restart_and_a_person_takes_it_back(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        process.engine.desk.trip("a person pulled it")
        cross(rig)
        await rig.wait(2)
        assert process.trades == []
        await rig.die()
        process = await rig.start()
        await rig.wait(3)
        assert process.trades == []
        assert set(process.engine.desk.funnel.snapshot()["reasons"]) == {"kill_switch"}
        process.engine.desk.record(KillSwitchSet(False, "checked", "operator"))
        cross(rig, 11)
        await rig.until(lambda: len(process.trades) == 1 and not process.trade.working)

    rig = play(tmp_path, story)
    assert len(rig.network.orders) == 2


def test_a_thrown_switch_does_not_leave_a_leg_alone(tmp_path: Path) -> None:
    """It stops entries; what is half done is still brought to an end."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [(30, 100)], [(54, 100)])

        rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
        await rig.until(lambda: bool(process.trades))
        process.engine.desk.trip("now")
        await rig.until(lambda: not process.trade.working)
        assert process.trade.phase is Phase.FLAT

    play(tmp_path, story)


def test_a_full_disk_fails_the_engine_before_anything_is_sent(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        process.journal.fill_disk()
        cross(rig)
        await rig.until(lambda: process.engine.desk.failure is not None)
        failure = process.engine.desk.failure
        assert isinstance(failure, LedgerError)
        assert "disk is full" in str(failure)
        assert not process.engine.desk.accepting
        assert process.engine.desk.failed.is_set()

    rig = play(tmp_path, story)
    assert rig.network.orders == []


def test_a_disk_that_fills_in_the_middle_of_a_trade_stops_it_and_a_restart_goes_on(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [(30, 100)], [(54, 100)])
            process.journal.fill_disk()

        rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
        await rig.until(lambda: process.engine.desk.failure is not None, 5)
        sent = len(rig.network.orders)
        await rig.wait(5)
        assert len(rig.network.orders) == sent, "nothing is sent once the ledger cannot be written"
        with pytest.raises(LedgerError):
            process.engine.desk.trip("even this cannot be recorded")
        await rig.die()
        process = await rig.start()
        process.engine.halt_entries()
        await rig.idle(100)
        assert process.trade.phase is Phase.FLAT
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_a_ledger_that_failed_once_is_not_written_again_in_this_run(tmp_path: Path) -> None:
    """Memory is ahead of the file then: a later fact would follow from one that is missing there."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        process.journal.fill_disk()
        cross(rig)
        await rig.until(lambda: process.engine.desk.failure is not None)
        process.journal.free_disk()
        written = process.journal.seq
        with pytest.raises(LedgerError):
            process.engine.desk.trip("this would follow from a trade that the file does not have")
        await rig.wait(10)
        assert process.journal.seq == written
        uncross(rig)
        await rig.die()
        process = await rig.start()
        assert process.trades == []
        cross(rig, 12)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.LOCKED

    play(tmp_path, story)


def test_the_daily_loss_trips_the_switch_when_the_trade_that_reached_it_ends(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [(30, 100)], [(54, 100)])

        rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.pnl < -50 * CENT
        switch = process.engine.desk.ledger.kill_switch
        assert switch is not None
        assert "daily loss" in switch.reason
        await rig.wait(3)
        rig.quote("polymarket", [(40, 100)], [(54, 100)])
        cross(rig)
        await rig.wait(3)
        assert len(process.trades) == 1
        assert set(process.engine.desk.funnel.snapshot()["reasons"]) == {"kill_switch"}

    play(tmp_path, story, config=with_limits(max_daily_loss=Cash(50 * CENT)))


def test_a_stop_finishes_what_is_under_way_and_says_so(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        assert process.trade.working
        assert await process.engine.stop("a person asked")
        assert process.trade.phase is Phase.LOCKED
        assert process.engine.desk.ledger.stopped == "a person asked"
        assert len(rig.network.orders) == 2

    play(tmp_path, story)


def test_a_stop_that_cannot_finish_in_time_says_that_too(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [], [(54, 100)])

        rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
        rig.after(LATENCY_NS + 10 * MILLISECOND, lambda: rig.quote("kalshi", [], [(42, 100)]))
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.NAKED)
        assert not await process.engine.stop("a person asked", patience_ns=3_000_000_000)

    play(tmp_path, story)
