"""What rests when the engine dies is taken out by the venue: heartbeats, expiry, cancel on pause (M16)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import SECOND
from dutchbook.core.money import Price, Size
from dutchbook.core.order import OrderState, TimeInForce
from engine.parts import CENT, CONFIG, DOLLAR
from engine.rig import Process, Rig, play
from engine.scenes import rest


async def open_at(rig: Rig, venue: str) -> int:
    """How many orders rest at a venue, asked by a process that starts only to ask."""
    process = await rig.start(books=False)
    count = len(await process.engine.desk.trading[venue].open_orders())
    await rig.die()
    return count


async def at_rest(rig: Rig, process: Process, venue: str) -> None:
    trade = rest(process, venue)
    await rig.until(lambda: next(trade.orders()).state is OrderState.RESTING)


def heartbeats(rig: Rig) -> int:
    return sum("/v1/heartbeats" in request for request in rig.network.requests)


def test_m16_a_resting_polymarket_order_is_fed_with_heartbeats_and_vanishes_when_the_engine_dies(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await rig.wait(20)
        assert heartbeats(rig) == 0, "nothing rests, so nothing is fed"
        await at_rest(rig, process, "polymarket")
        await rig.wait(60)
        assert len(await process.engine.desk.trading["polymarket"].open_orders()) == 1
        assert 10 <= heartbeats(rig) <= 20
        await rig.die()
        await rig.wait(16)
        assert await open_at(rig, "polymarket") == 0

    play(tmp_path, story)


def test_m16_without_the_dead_man_an_order_by_hand_outlives_its_process(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await at_rest(rig, process, "polymarket")
        await rig.stop()
        await rig.wait(60)
        assert await open_at(rig, "polymarket") == 1

    assert heartbeats(play(tmp_path, story, config=replace(CONFIG, dead_man=False))) == 0


def test_m16_an_engine_that_starts_again_feeds_what_still_rests(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await at_rest(rig, process, "polymarket")
        await rig.die()
        process = await rig.start()
        await rig.wait(60)
        assert len(await process.engine.desk.trading["polymarket"].open_orders()) == 1

    play(tmp_path, story)


def test_m16_a_resting_kalshi_order_vanishes_when_the_venue_pauses(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await at_rest(rig, process, "kalshi")
        await rig.die()
        rig.kalshi.pause_trading(rig.clock.wall())
        await rig.wait(1)
        rig.kalshi.resume_trading(rig.clock.wall())
        assert await open_at(rig, "kalshi") == 0

    play(tmp_path, story)


def test_m16_a_kalshi_order_with_an_expiry_vanishes_at_its_time_though_the_engine_is_dead(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        claim = Claim(MarketId("kalshi:KXRAIN-Y"), Outcome.YES)
        trade = process.engine.by_hand.buy(
            claim,
            Size(10 * DOLLAR),
            Price(30 * CENT),
            TimeInForce.GTD,
            expires_ns=rig.clock.wall() + 120 * SECOND,
        )
        await rig.until(lambda: next(trade.orders()).state is OrderState.RESTING)
        await rig.die()
        await rig.wait(60)
        assert await open_at(rig, "kalshi") == 1
        await rig.wait(70)
        assert await open_at(rig, "kalshi") == 0

    play(tmp_path, story)
