"""A leg that may not be sold yet is paired with its opposite; complete sets are merged where the engine may (M29, M35)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dutchbook.core.claim import MarketId, native_of
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Lost, Unavailable
from dutchbook.core.facts import WalletMoved, WalletStage
from dutchbook.core.money import Size
from dutchbook.core.trade import Phase
from dutchbook.torture.network import Fault, answer_with, orders_to
from engine.parts import CASH, CONFIG, DOLLAR
from engine.rig import Process, Rig, cross, play


class ChainWallet:
    """What the venue's slow path does on chain, done at the simulator: the one part that cannot exist here."""

    def __init__(self, rig: Rig) -> None:
        self.failures = 0
        self.trouble: Callable[[], Exception] = lambda: Unavailable("the relayer does not answer")
        self.silent = 0
        """So many merges are carried out without an answer."""
        self.done: list[str] = []
        self._rig = rig

    async def merge(self, market: MarketId, size: Size) -> str:
        await self._rig.clock.sleep(2 * SECOND)
        if self.failures:
            self.failures -= 1
            raise self.trouble()
        self._rig.polymarket.merge("trader", native_of(market), size, self._rig.clock.wall())
        self.done.append(f"merge {size}")
        if self.silent:
            self.silent -= 1
            raise Lost("the relayer's answer is lost")
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


async def paired(rig: Rig) -> tuple[Process, ChainWallet]:
    """Ten complete sets at Polymarket, not merged yet."""
    wallet = with_wallet(rig)
    kalshi_refuses(rig)
    process = await rig.start()
    cross(rig)
    await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.FLAT, 20)
    return process, wallet


def moves(process: Process) -> list[WalletStage]:
    facts = [record.fact for record in process.journal.records()]
    return [fact.stage for fact in facts if isinstance(fact, WalletMoved)]


async def come_home(rig: Rig, process: Process) -> None:
    """Merged and booked, to the millionth."""
    await rig.until(lambda: process.trade.legs[1].sets == 0, 200)
    await rig.idle()
    assert process.alarms.count("cash_difference") == 0
    assert await rig.mismatches() == []
    assert rig.wealth() == 2 * CASH + process.trade.pnl


def test_m35_a_merge_is_in_the_journal_before_it_is_asked_and_after_a_crash_positions_tell_what_came_of_it(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process, wallet = await paired(rig)
        await rig.until(lambda: bool(moves(process)), 60)
        assert moves(process) == [WalletStage.ASKED] and not wallet.done
        await rig.die()
        # the relayer carries it out; nobody is there to hear it
        await wallet.merge(MarketId("polymarket:rain"), Size(10 * DOLLAR))
        again = await rig.start()
        await come_home(rig, again)
        assert wallet.done == [f"merge {10 * DOLLAR}"] and moves(again) == [WalletStage.ASKED]

    play(tmp_path, story, config=WITH_TREASURY)


def test_m35_a_merge_without_an_answer_is_not_asked_for_again_when_it_was_carried_out(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process, wallet = await paired(rig)
        wallet.silent = 1
        await come_home(rig, process)
        assert wallet.done == [f"merge {10 * DOLLAR}"]
        assert process.alarms.count("wallet") == 1

    play(tmp_path, story, config=WITH_TREASURY)


@pytest.mark.parametrize("trouble", [lambda: Lost("no answer"), lambda: RuntimeError("a defect of its library")])
def test_m35_a_merge_that_was_not_carried_out_is_asked_for_again_only_when_the_venue_shows_it(
    tmp_path: Path, trouble: Callable[[], Exception]
) -> None:
    async def story(rig: Rig) -> None:
        process, wallet = await paired(rig)
        wallet.failures, wallet.trouble = 1, trouble
        await rig.until(lambda: bool(process.alarms.count("wallet")), 30)
        assert moves(process) == [WalletStage.ASKED]
        assert process.engine.desk.failure is None
        await come_home(rig, process)
        assert moves(process) == [WalletStage.ASKED, WalletStage.FAILED, WalletStage.ASKED]

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
