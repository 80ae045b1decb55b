"""The circuit breakers in a running engine: counted from the ledger, tripped, said, and closed when they cannot see (M16)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import ExecutionFailedError, Skip
from dutchbook.core.money import Cash, Price, Size
from dutchbook.core.order import OrderState, TimeInForce
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase
from dutchbook.engine.view import Figures
from dutchbook.risk.breakers import BreakerLimits
from dutchbook.torture.network import Fault, answer_with, lose_request, orders_to
from engine.parts import CENT, CONFIG, DOLLAR, LATENCY_NS
from engine.rig import Process, Rig, cross, play, uncross
from engine.scenes import command

YES = Claim(MarketId("kalshi:KXRAIN-Y"), Outcome.YES)


def buy(process: Process, contracts: int, cents: int = 42, tif: TimeInForce = TimeInForce.FOK) -> TradeBook:
    return process.engine.by_hand.buy(YES, Size(contracts * DOLLAR), Price(cents * CENT), tif)


def refuse(rig: Rig, times: int) -> None:
    """Kalshi refuses the next orders."""
    words = b'{"error":{"code":"invalid_order","message":"no"}}'
    rig.network.faults.append(Fault(orders_to("kalshi"), answer_with(400, words), times=times))


async def refused(rig: Rig, process: Process, count: int, first: int = 1) -> None:
    for contracts in range(first, first + count):
        trade = buy(process, contracts + 2)
        await rig.until(lambda trade=trade: not trade.working)
        assert [row.state for row in trade.orders()] == [OrderState.REJECTED]


def reason(process: Process) -> str:
    switch = process.engine.desk.ledger.kill_switch
    return "" if switch is None else switch.reason


def test_m16_a_venue_that_refuses_order_after_order_throws_the_switch(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        refuse(rig, 5)
        await refused(rig, process, 4)
        await rig.wait(2)
        assert reason(process) == ""
        await refused(rig, process, 1, first=5)
        assert reason(process) == "reject rate: kalshi rejected 5 of 5 orders in 300 s"
        assert process.alarms == ["kill_switch"]

    play(tmp_path, story)


def test_m16_rejections_are_counted_across_a_restart_and_forgotten_after_their_time(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        refuse(rig, 10)
        await refused(rig, process, 4)
        await rig.die()
        process = await rig.start()
        await refused(rig, process, 1, first=5)
        assert reason(process).startswith("reject rate")

    play(tmp_path, story)


def test_m16_rejections_of_long_ago_count_no_more(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        refuse(rig, 10)
        await refused(rig, process, 4)
        await rig.wait(11)
        await refused(rig, process, 1, first=5)
        await rig.wait(2)
        assert reason(process) == ""

    play(tmp_path, story, config=replace(CONFIG, breakers=BreakerLimits(reject_window_ns=10 * SECOND)))


def test_m16_after_a_person_has_looked_rejections_count_anew(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        refuse(rig, 6)
        await refused(rig, process, 5)
        assert reason(process)
        assert (await command(rig, "start")).done
        await rig.wait(3)
        assert reason(process) == ""
        await refused(rig, process, 1, first=6)
        await rig.wait(3)
        assert reason(process) == ""

    play(tmp_path, story)


def test_m16_three_orders_of_unknown_fate_at_once_throw_the_switch(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        rig.network.faults.append(Fault(orders_to("kalshi"), lose_request, times=3))
        for contracts in (4, 5, 6):
            buy(process, contracts, 30, TimeInForce.GTC)
        await rig.until(lambda: bool(reason(process)), 20)
        assert reason(process).startswith("unknown orders: the fate of 3 orders is not known")

    play(tmp_path, story)


def test_m16_naked_contracts_above_their_cap_throw_the_switch(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [], [(54, 100)])

        rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
        rig.after(LATENCY_NS + 10 * MILLISECOND, lambda: rig.quote("kalshi", [], [(42, 100)]))
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.NAKED)
        await rig.until(lambda: bool(reason(process)), 3)
        assert reason(process) == "naked exposure: $4.20 stand alone, at most $4.19"

    limits = BreakerLimits(naked_exposure=Cash(419 * CENT))
    play(tmp_path, story, config=replace(CONFIG, breakers=limits))


def test_m16_a_silent_feed_under_an_open_trade_holds_entries_until_it_speaks(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = buy(process, 10, 30, TimeInForce.GTC)
        await rig.until(lambda: next(trade.orders()).state is OrderState.RESTING)
        rig.network.muffled = lambda frame: True
        await rig.until(lambda: process.engine.watch.holding is not None, 15)
        with pytest.raises(Skip, match="silent feed"):
            buy(process, 3)
        await rig.wait(30)
        assert process.alarms == ["breaker"], "said once, not at every look"
        assert reason(process) == "", "it ends by itself: no switch"
        rig.network.muffled = None
        await rig.until(lambda: process.engine.watch.holding is None, 60)

    play(tmp_path, story, config=replace(CONFIG, breakers=BreakerLimits(silent_ns=2 * SECOND)))


def test_m16_the_same_order_within_two_seconds_is_refused_before_it_is_written_and_throws_the_switch(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        buy(process, 5)
        await rig.wait(1)
        written = process.engine.desk.ledger.trades.copy()
        with pytest.raises(ExecutionFailedError, match="runaway: buy 5"):
            buy(process, 5)
        assert process.engine.desk.ledger.trades == written
        assert reason(process).startswith("runaway")
        await rig.wait(1)

    assert len(play(tmp_path, story).network.orders) == 1


def test_m16_a_restart_does_not_make_a_runaway_forget(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        buy(process, 5)
        await rig.wait(0.3)
        await rig.die()
        process = await rig.start()
        with pytest.raises(ExecutionFailedError, match="runaway"):
            buy(process, 5)

    play(tmp_path, story)


def test_m16_another_order_or_the_same_one_later_is_no_runaway(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        for contracts in (5, 6):
            buy(process, contracts)
            await rig.wait(0.5)
        await rig.wait(2)
        buy(process, 5)
        await rig.wait(1)
        assert reason(process) == ""

    assert len(play(tmp_path, story).network.orders) == 3


def test_m16_figures_that_cannot_be_read_close_the_gate_and_are_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        honest = Figures.of

        def broken(*arguments: Any) -> NoReturn:
            raise ZeroDivisionError("a defect in the figures")

        monkeypatch.setattr(Figures, "of", staticmethod(broken))
        process.engine.desk.record()  # forgets the figures of before
        cross(rig)
        await rig.wait(5)
        assert process.trades == []
        assert set(process.engine.desk.funnel.reasons) | {"kill_switch"} == {"kill_switch"}
        switch = process.engine.view().kill_switch
        assert switch is not None
        assert switch.on
        assert "cannot be read (ZeroDivisionError: a defect in the figures)" in switch.reason
        assert process.alarms == ["kill_switch"]
        with pytest.raises(Skip, match="kill switch"):
            buy(process, 3)
        assert process.engine.desk.failure is None
        monkeypatch.setattr(Figures, "of", staticmethod(honest))
        cross(rig, 11)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)

    play(tmp_path, story)


def test_m16_a_switch_that_cannot_be_read_counts_as_thrown(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        ledger = process.engine.desk.ledger
        ledger.kill_switch = object()  # type: ignore[assignment]
        cross(rig)
        await rig.wait(3)
        assert process.trades == []
        ledger.kill_switch = None

    assert play(tmp_path, story).network.orders == []
