"""A person's word on an order whose fate no read tells: it counts until the venue says something else (M47)."""

from __future__ import annotations

from pathlib import Path

from dutchbook.core.order import OrderState
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase
from dutchbook.torture.network import Fault, answer_with, lose_answer, orders_to, reads_of
from engine.parts import CASH, DOLLAR
from engine.rig import Rig, cross, play
from engine.scenes import command

WHY = "their page shows it"


async def lost(rig: Rig) -> TradeBook:
    """Both legs have filled; Polymarket's answer is lost, and neither its stream nor its reads say anything."""
    process = await rig.start()
    rig.network.faults.append(Fault(orders_to("polymarket"), lose_answer))
    rig.network.faults.append(Fault(reads_of("poly", "/data/"), answer_with(500), times=100_000))
    cross(rig)
    await rig.until(lambda: bool(process.trades))
    rig.network.muffled = lambda frame: True
    trade = process.trade
    await rig.until(lambda: trade.legs[1].orders[0].state is OrderState.UNKNOWN)
    return trade


async def heal(rig: Rig) -> None:
    """Everything answers again, and the whole statement is asked for."""
    rig.network.faults.clear()
    rig.network.muffled = None
    await command(rig, "reconcile")


async def say(rig: Rig, trade: TradeBook, contracts: str, cash: str, fee: str = "0") -> str:
    words = {"contracts": contracts, "cash": cash, "fee": fee, "reason": WHY}
    return (await command(rig, "trade_fill", order=f"{trade.id}.1.1", **words)).text


def test_m47_an_order_of_unknown_fate_is_ended_with_the_fill_that_a_person_saw_and_the_venues_word_replaces_it(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        trade = await lost(rig)
        assert "may still be on its way" in await say(rig, trade, "10", "4.80")
        await rig.wait(120)
        row = trade.legs[1].orders[0]
        assert row.state is OrderState.UNKNOWN and trade.working
        for contracts, cash, why in (
            ("11", "4.80", "10.00 more at most"),
            ("10", "4.81", "--cash: 10.00 contracts at the limit 0.48 or better"),
            ("-10", "4.80", "without a sign"),
            ("0", "0", f"dutchbook trade void {row.plan.id}"),
        ):
            assert why in await say(rig, trade, contracts, cash)
        said = await say(rig, trade, "10", "4.80", "0.1248")
        assert said.startswith(f"order {row.plan.id} has ended; trade {trade.id} is locked")
        assert (trade.legs[1].held, row.fills["by hand 1"].by) == (10 * DOLLAR, "operator")
        await heal(rig)
        await rig.until(lambda: "by hand 1" not in row.fills, 120)
        await rig.idle()
        assert (trade.phase, trade.legs[1].held, row.reversed) == (Phase.LOCKED, 10 * DOLLAR, {})
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m47_a_wrong_word_of_a_person_reopens_the_trade_when_the_venue_contradicts_it(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        trade = await lost(rig)
        await rig.wait(120)
        answer = await command(rig, "trade_void", order=f"{trade.id}.1.1", reason="not on their page")
        assert answer.done, answer.text
        row = trade.legs[1].orders[0]
        assert row.state is OrderState.VOIDED
        await heal(rig)
        await rig.until(lambda: row.filled == 10 * DOLLAR, 120)
        await rig.until(lambda: not trade.working, 120)
        assert trade.phase in (Phase.LOCKED, Phase.FLAT)
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() + sum(leg.held for leg in trade.legs) // 2 >= 2 * CASH + trade.pnl

    play(tmp_path, story)
