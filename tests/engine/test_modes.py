"""Dry run and the second key: everything is decided, nothing leaves (M2, M3); and the order of a cycle's results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dutchbook.core.errors import DryRunError
from dutchbook.core.mode import Mode
from dutchbook.core.opportunity import Opportunity
from dutchbook.core.order import OrderState
from dutchbook.core.trade import Phase
from dutchbook.execution.leg_order import Verdict
from dutchbook.opportunity.sizing import SizeLimits, size_bundle
from dutchbook.risk.approved import Approved
from dutchbook.torture.network import Fault, lose_request, orders_to
from engine.parts import CONFIG, DOLLAR
from engine.rig import Process, Rig, cross, play

DRY = replace(CONFIG, mode=Mode.DRY_RUN)
HELD_BACK = replace(CONFIG, sending=False)


def approved(process: Process) -> list[Approved]:
    """What the gate says to the crossings of this moment, best link first."""
    engine = process.engine
    desk = engine.desk
    limits = SizeLimits(
        max_cost=desk.config.limits.max_bet,
        pools=engine.accounts.available(),
        max_contracts=desk.config.limits.max_order_contracts,
        min_profit=desk.config.limits.min_profit,
        hurdle=desk.config.hurdle,
    )
    plans = []
    for bundle in engine.pursuit.scanner.bundles:
        sized = size_bundle(bundle, desk.books, desk.markets, limits, desk.clock.monotonic(), desk.clock.wall())
        if isinstance(sized, Opportunity):
            verdict = engine.pursuit.gate.check(sized, engine.view())
            if isinstance(verdict, Approved):
                plans.append(verdict)
    return plans


def test_a_dry_run_decides_and_records_everything_and_sends_nothing(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.wait(2)
        trade = process.trade
        assert trade.phase is Phase.DRY_RUN
        assert {row.state for row in trade.orders()} == {OrderState.DRY_RUN}
        assert trade.opened.size == 10 * DOLLAR
        assert trade.pnl == 0
        assert process.engine.desk.ledger.reserved("kalshi:0") == 0
        assert process.engine.pursuit.dry_runs == 1
        assert await rig.mismatches() == []

    rig = play(tmp_path, story, config=DRY)
    assert rig.network.orders == []
    assert not [request for request in rig.network.requests if not request.startswith("GET ")]


def test_a_hypothetical_position_is_not_taken_twice(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        for size in (10, 11, 12):
            cross(rig, size)
            await rig.wait(3)
        assert len(process.trades) == 1
        await rig.die()
        process = await rig.start()
        cross(rig, 13)
        await rig.wait(3)
        assert len(process.trades) == 1

    play(tmp_path, story, config=DRY)


def test_a_dry_run_ends_with_what_it_would_have_placed(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.wait(1)
        with capture_logs() as lines:
            await process.engine.stop("over")
        assert "would have placed 1 bets totalling $9.90" in [line["event"] for line in lines]
        assert {line["mode"] for line in lines} == {"[DRY-RUN]"}

    play(tmp_path, story, config=DRY)


def test_the_one_order_path_raises_dry_run_error_where_a_request_would_have_left(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        process.engine.desk.accepting = False
        cross(rig)
        await rig.wait(0.2)
        (plan,) = approved(process)
        pursuit = process.engine.pursuit
        judged = pursuit.leg_policy.judge(plan)
        assert isinstance(judged, Verdict)
        with pytest.raises(DryRunError):
            pursuit.execute(plan, 0, judged)

    play(tmp_path, story, config=DRY)


def test_without_the_second_key_nothing_is_sent_and_the_log_says_so_once_a_minute(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        with capture_logs() as lines:
            process = await rig.start()
            for size in range(10, 40):
                cross(rig, size)
                await rig.wait(6)
        said = [line for line in lines if "EXECUTOR_ENABLED" in line["event"]]
        assert len(said) == 4  # at the start and after 1, 2 and 3 minutes
        assert process.trades == []
        assert set(process.engine.desk.funnel.snapshot()["reasons"]) == {"executor_disabled"}

    rig = play(tmp_path, story, config=HELD_BACK)
    assert rig.network.orders == []


def test_a_cycle_answers_for_each_plan_in_its_order(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.list_pair("snow")
        rig.quote("kalshi", [(38, 100)], [(42, 100)], market="snow")
        rig.quote("polymarket", [(40, 100)], [(54, 100)], market="snow")
        process = await rig.start()
        desk = process.engine.desk
        desk.accepting = False
        cross(rig)
        cross(rig, market="snow")
        await rig.wait(0.1)
        first, second = approved(process)
        desk.accepting = True
        rain = next(market for market in desk.markets if market == "polymarket:rain")
        assert any(leg.claim.market == rain for leg in first.legs)
        await rig.wait(2)  # the first approval has expired; a fresh one stands beside it
        desk.accepting = False
        cross(rig, 11, market="snow")
        await rig.wait(0.1)
        fresh = approved(process)[-1]
        desk.accepting = True
        assert process.engine.pursuit.execute_cycle([first, fresh, second]) == [False, True, False]
        await rig.until(lambda: bool(process.trades) and not process.trade.working)

    play(tmp_path, story)


def test_m2_without_the_second_key_nothing_is_sent_for_a_trade_that_was_left_half_done(tmp_path: Path) -> None:
    """A person is told of its naked leg instead; with the key turned it is worked to its end."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("polymarket"), lose_request))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: len(rig.network.orders) == 2)
        await rig.wait(1)
        await rig.die()
        rig.config = HELD_BACK
        process = await rig.start()
        await rig.until(lambda: process.trade.phase is Phase.NAKED, 120)
        await rig.wait(10)
        assert len(rig.network.orders) == 2, "what is missing is neither bought nor sold"
        assert process.alarms.count("executor_disabled") == 1
        await rig.stop()
        rig.config = CONFIG
        process = await rig.start()
        await rig.until(lambda: not process.trade.working)
        assert len({leg.held for leg in process.trade.legs}) == 1
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)
