"""The daily loss limit: it throws the switch, and a setting says what happens to open risk (M21)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dutchbook.core.money import Cash
from dutchbook.core.trade import Phase
from dutchbook.engine.config import EngineConfig
from dutchbook.risk.breakers import OpenRisk
from engine.parts import CENT
from engine.rig import Rig, play, with_limits
from engine.scenes import at_rest_at_the_venues, lock, lose, rest


def loses(then: OpenRisk) -> EngineConfig:
    return replace(
        with_limits(max_daily_loss=Cash(50 * CENT), max_event_exposure=Cash(1000 * 1_000_000)), on_daily_loss=then
    )


@pytest.mark.parametrize(
    ("then", "at_rest", "phase"),
    [
        (OpenRisk.HOLD, 2, Phase.LOCKED),
        (OpenRisk.CANCEL, 0, Phase.LOCKED),
        (OpenRisk.FLATTEN, 0, Phase.FLAT),
    ],
)
def test_m21_the_setting_says_what_happens_to_open_risk_when_the_limit_throws_the_switch(
    tmp_path: Path, then: OpenRisk, at_rest: int, phase: Phase
) -> None:
    async def story(rig: Rig) -> None:
        rig.list_pair("snow")
        rig.quote("kalshi", [(38, 100)], [(42, 100)], market="snow")
        rig.quote("polymarket", [(40, 100)], [(54, 100)], market="snow")
        process = await rig.start()
        held = await lock(rig, process, market="snow")
        rig.quote("kalshi", [(46, 100)], [(50, 100)], market="snow")
        rig.quote("polymarket", [(40, 100)], [(46, 100)], market="snow")
        await rig.until(lambda: all(leg.sellable == leg.held for leg in held.legs))
        assert held.phase is Phase.LOCKED
        rest(process, "kalshi", market="snow")
        rest(process, "polymarket", market="snow")
        await rig.wait(1)
        assert await at_rest_at_the_venues(process) == 2
        await lose(rig, process)
        switch = process.engine.desk.ledger.kill_switch
        assert switch is not None
        assert switch.reason.startswith("daily loss")
        await rig.wait(10)
        assert await at_rest_at_the_venues(process) == at_rest
        assert held.phase is phase
        sent = len(rig.network.orders)
        await rig.wait(10)
        assert len(rig.network.orders) == sent, "what is down stays down"

    play(tmp_path, story, config=loses(then))


def test_m21_a_restart_goes_on_with_what_the_limit_asked_for(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        rest(process, "kalshi")
        await rig.wait(1)
        await lose(rig, process)
        await rig.die()
        rig.config = loses(OpenRisk.CANCEL)
        process = await rig.start()
        await rig.wait(3)
        assert await at_rest_at_the_venues(process) == 0

    play(tmp_path, story, config=loses(OpenRisk.HOLD))
