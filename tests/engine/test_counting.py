"""The funnel (M15): every crossing that was not traded has exactly one reason, and nothing is lost between the stages."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from dutchbook.core.money import Cash
from engine.parts import CENT, DOLLAR
from engine.rig import Rig, cross, play, uncross, with_limits


def assert_adds_up(snapshot: dict[str, Any]) -> None:
    """sum(reasons) + traded == crossings, and no stage is larger than the one before."""
    counts = snapshot["funnel"]
    assert sum(snapshot["reasons"].values()) + counts["traded"] == counts["crossings"], snapshot
    stages = [counts[name] for name in ("crossings", "net_positive", "approved", "traded")]
    assert stages == sorted(stages, reverse=True)


def test_a_crossing_that_fees_eat_is_counted_with_that_reason(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        rig.quote("polymarket", [(59, 10)], [(70, 10)])
        rig.quote("kalshi", [(50, 10)], [(58, 10)])
        await rig.wait(1)
        uncross(rig)
        snapshot = process.engine.desk.funnel.snapshot()
        assert snapshot["reasons"] == {"fees": 1}
        assert_adds_up(snapshot)

    play(tmp_path, story)


def test_every_crossing_that_was_not_traded_has_one_reason(tmp_path: Path) -> None:
    """A long restless morning: quotes come and go, some cross, some pass the gate."""

    async def story(rig: Rig) -> None:
        for name in ("snow", "hail"):
            rig.list_pair(name)
        moves = random.Random(7)
        process = await rig.start()
        for _ in range(400):
            market = moves.choice(["rain", "snow", "hail"])
            middle = moves.randint(20, 80)
            for venue in ("kalshi", "polymarket"):
                shift = moves.choice([-6, -3, 0, 0, 0, 3, 6])
                bid = min(95, max(2, middle + shift - 1))
                rig.quote(venue, [(bid, moves.randint(1, 40))], [(bid + 2, moves.randint(1, 40))], market=market)
            await rig.wait(moves.choice([0.01, 0.05, 0.3, 1]))
            assert_adds_up(process.engine.desk.funnel.snapshot())
        snapshot = process.engine.desk.funnel.snapshot()
        assert snapshot["funnel"]["crossings"] > 100
        assert snapshot["funnel"]["traded"] >= 2
        assert len(snapshot["reasons"]) >= 3, snapshot["reasons"]
        process.engine.desk.funnel.finish()
        assert_adds_up(process.engine.desk.funnel.snapshot())

    play(tmp_path, story)


def test_two_bundles_cross_on_one_update_and_both_are_counted(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        # a second link over the same Polymarket market: the same question as a market of another name
        rig.list_pair("snow")
        rig.relink("snow", "rain")
        rig.quote("kalshi", [(38, 100)], [(42, 100)], market="snow")
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        snapshot = process.engine.desk.funnel.snapshot()
        assert snapshot["funnel"]["crossings"] == 2
        assert_adds_up(snapshot)

    play(tmp_path, story)


def test_a_market_crossed_in_itself_is_a_data_alarm_and_not_a_trade(tmp_path: Path) -> None:
    """YES and NO of one market for less than 1: the venue would have matched them, so the data is wrong (M13)."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        await rig.wait(0.2)
        book = process.engine.desk.books[next(m for m in process.engine.desk.books if m.startswith("kalshi"))]
        # a frame that the venue would never send
        book.bids.set(60 * CENT, 50 * DOLLAR)
        process.engine.pursuit.on_book(book)
        await rig.wait(2)
        assert process.trades == []
        assert process.engine.desk.funnel.snapshot()["alarms"] == {"data": 1}

    rig = play(tmp_path, story)
    assert rig.network.orders == []


def test_a_bundle_that_no_bet_can_buy_says_what_the_smallest_costs(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.wait(1)
        assert process.trades == []
        uncross(rig)
        await rig.wait(0.1)
        snapshot = process.engine.desk.funnel.snapshot()
        assert snapshot["reasons"] == {"size": 1}
        assert "smallest bundle costs" in snapshot["examples"][0]["text"]

    play(tmp_path, story, config=with_limits(max_bet=Cash(50 * CENT)))
