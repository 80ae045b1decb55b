"""After an event that no table knows a trade is still worked on, and one that keeps running into such events is a person's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dutchbook.core.facts import LegPlan, LotsMarked, OrderMoved, OrderPlan, TradeOpened, TradeTurned
from dutchbook.core.order import Action, OrderEvent, OrderReport, OrderState, Prepared, TimeInForce
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.engine import driver
from dutchbook.execution.actions import Step
from dutchbook.execution.decide import decide
from dutchbook.torture.network import Fault, answer_late, orders_to
from engine.parts import CENT, DOLLAR, LATENCY_NS
from engine.rig import Process, Rig, cross, play
from engine.scenes import command


def test_an_order_that_was_out_when_an_impossible_event_struck_is_asked_about_and_never_waited_for_in_vain(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        rig.network.faults.append(Fault(orders_to("polymarket"), answer_late))
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        rig.network.muffled = lambda frame: True
        trade = process.trade
        kalshi, polymarket = (leg.orders[0] for leg in trade.legs)
        # its answer will say that it filled
        process.engine.desk.record(OrderMoved(trade.id, kalshi.plan.id, OrderEvent.WITHHOLD))
        await rig.wait(LATENCY_NS * 4 / 1e9)
        assert polymarket.state is OrderState.SENT and process.alarms == ["impossible_event"]
        await rig.until(lambda: polymarket.state is OrderState.DONE, 60)
        rig.network.muffled = None
        await rig.until(lambda: not trade.working, 120)
        assert polymarket.filled == 10 * DOLLAR
        assert process.engine.desk.failure is None

    play(tmp_path, story)


def odd(process: Process) -> None:
    """A trade with unequal legs whose next order would have the id of an earlier one."""
    desk = process.engine.desk
    legs = tuple(
        LegPlan(leg.claim.market, leg.claim.outcome, desk.markets[leg.claim.market].pool, 10 * DOLLAR, 1, 1, 0, 1)
        for leg in process.trades[0].legs
    )
    plans = tuple(
        OrderPlan(f"odd.{n}.2", n, Action.BUY, 10 * DOLLAR, 42 * CENT, TimeInForce.IOC, f"odd {n}", desk.clock.wall())
        for n in (0, 1)
    )
    desk.record(
        TradeOpened("odd", process.trades[0].opened.link, "yes_no", "odd", DOLLAR, 10 * DOLLAR, 1, 1, legs, plans),
        TradeTurned("odd", Turn.START),
        *(OrderMoved("odd", plan.id, OrderEvent.WITHHOLD) for plan in plans),
        LotsMarked("odd", 0, 10 * DOLLAR, -4 * DOLLAR, "left over", "test"),
    )
    process.engine.trades.drive(desk.ledger.trades["odd"])


def test_a_trade_that_keeps_running_into_impossible_events_is_shown_as_naked_and_a_person_can_take_it(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        odd(process)
        trade = process.engine.desk.ledger.trades["odd"]
        await rig.until(lambda: trade.phase is Phase.NAKED, 60)
        assert trade.reason.startswith("needs a person: ") and "used twice" in trade.reason
        assert process.alarms.count("naked") == 1 and process.alarms.count("impossible_event") == 1
        assert process.engine.desk.ledger.kill_switch is not None
        answer = await command(rig, "trade_hand_over", trade="odd", reason="mine")
        assert answer.done, answer.text
        assert trade.phase is Phase.HANDED_OVER
        await rig.wait(20)
        assert process.engine.trades.working == 0
        assert (await command(rig, "trade_mark", trade="odd", leg="0", contracts="-10", cash="4", reason="sold")).done
        assert trade.phase is Phase.FLAT

    play(tmp_path, story)


def test_a_defect_in_working_on_a_trade_is_shown_throws_the_switch_and_ends_neither_trade_nor_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        left = 2

        def broken(trade: TradeBook, *words: Any) -> list[Step]:
            nonlocal left
            if left and all(row.ended for row in trade.orders()):
                left -= 1
                raise KeyError("not there")
            return decide(trade, *words)

        monkeypatch.setattr(driver, "decide", broken)
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working, 60)
        assert process.trade.phase is Phase.LOCKED and process.engine.desk.failure is None
        assert process.alarms.count("defect") == 1 and process.engine.desk.ledger.kill_switch is not None
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


@pytest.mark.parametrize("trouble", [OSError("no route"), ZeroDivisionError("a defect")])
def test_a_question_that_fails_unexpectedly_is_asked_again_and_a_person_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trading = process.engine.desk.trading["polymarket"]
        find, left = trading.find, 3

        async def broken(order: Prepared) -> OrderReport | None:
            nonlocal left
            left -= 1
            if left >= 0:
                raise trouble
            return await find(order)

        monkeypatch.setattr(trading, "find", broken)
        rig.network.faults.append(Fault(orders_to("polymarket"), answer_late))
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        rig.network.muffled = lambda frame: True
        await rig.until(lambda: left < 0, 60)
        rig.network.muffled = None
        await rig.until(lambda: not process.trade.working, 60)
        assert process.trade.phase is Phase.LOCKED and process.engine.desk.failure is None
        assert process.alarms.count("defect") == 1

    play(tmp_path, story)
