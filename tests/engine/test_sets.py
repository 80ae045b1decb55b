"""A leg that may not be sold yet is paired with its opposite; complete sets are merged where the engine may (M29, M35)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dutchbook.core.claim import MarketId, native_of
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Unavailable
from dutchbook.core.money import Size
from dutchbook.core.trade import Phase
from dutchbook.torture.network import Fault, answer_with, orders_to
from engine.parts import CASH, CONFIG, DOLLAR
from engine.rig import Rig, cross, play


class ChainWallet:
    """What the venue's slow path does on chain, done at the simulator: the one part that cannot exist here."""

    def __init__(self, rig: Rig) -> None:
        self.failures = 0
        self.done: list[str] = []
        self._rig = rig

    async def merge(self, market: MarketId, size: Size) -> str:
        await self._rig.clock.sleep(2 * SECOND)
        if self.failures:
            self.failures -= 1
            raise Unavailable("the relayer does not answer")
        self._rig.polymarket.merge("trader", native_of(market), size, self._rig.clock.wall())
        self.done.append(f"merge {size}")
        return "0xmerged"

    async def redeem(self, market: MarketId) -> str:
        self._rig.polymarket.redeem("trader", native_of(market), self._rig.clock.wall())
        self.done.append(f"redeem {market}")
        return "0xredeemed"


def with_wallet(rig: Rig) -> ChainWallet:
    """From the next start the engine may use this wallet."""
    rig.wallet = wallet = ChainWallet(rig)
    return wallet


def kalshi_refuses(rig: Rig) -> None:
    """Kalshi takes no orders, so that the NO bought at Polymarket stands alone; its price then falls."""
    body = b'{"error":{"code":"market_closed","message":"no"}}'
    rig.network.faults.append(Fault(orders_to("kalshi"), answer_with(400, body), times=50))


WITH_TREASURY = replace(CONFIG, treasury_every_ns=SECOND)


def test_m29_what_is_not_settled_is_paired_with_its_opposite_and_merged(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        wallet = with_wallet(rig)
        wallet.failures = 1
        kalshi_refuses(rig)
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.FLAT, 20)
        trade = process.trade
        leg = trade.legs[1]
        assert [order.plan.opposite for order in leg.orders] == [False, True]
        assert (leg.held, leg.sets) == (0, 10 * DOLLAR)
        loss = trade.pnl
        await rig.until(lambda: leg.sets == 0, 60)
        await rig.idle()
        assert wallet.done == [f"merge {10 * DOLLAR}"]
        assert process.alarms.count("wallet") == 1
        assert trade.pnl == loss
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + trade.pnl

    play(tmp_path, story, config=WITH_TREASURY)


def test_m29_sets_that_nobody_merges_are_paid_a_dollar_each_with_their_market(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        wallet = with_wallet(rig)
        wallet.failures = 1000
        kalshi_refuses(rig)
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.FLAT, 20)
        loss = process.trade.pnl
        await rig.idle()
        assert await rig.mismatches() == []
        rig.settle()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
        await rig.idle()
        assert process.trade.pnl == loss
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + loss

    play(tmp_path, story, config=WITH_TREASURY)


def test_m35_winning_tokens_that_the_venue_leaves_are_redeemed(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        wallet = with_wallet(rig)
        rig.polymarket.auto_redeem = False
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        await rig.idle()
        rig.settle(0)
        await rig.until(lambda: bool(wallet.done), 60)
        await rig.wait(5)
        assert wallet.done == ["redeem polymarket:rain"]
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story, config=WITH_TREASURY)


def test_m29_without_a_wallet_settled_tokens_are_waited_for_and_sold(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        kalshi_refuses(rig)
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.SETTLING, 20)
        await rig.until(lambda: process.trade.phase is Phase.FLAT, 60)
        assert [order.plan.action.value for order in process.trade.legs[1].orders] == ["buy", "sell"]
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)
