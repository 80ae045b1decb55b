"""Payouts that are booked while their tokens still lie at the venue: no difference, and nothing to stop for (M35)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dutchbook.core.clock import SECOND
from dutchbook.core.trade import Phase
from dutchbook.core.transport import Request
from dutchbook.torture.network import Fault, answer_with, reads_of
from engine.parts import CASH, CONFIG, DOLLAR
from engine.rig import Process, Rig, calm, cross, play, uncross
from engine.test_sets import WITH_TREASURY, paired, with_wallet

OFTEN = replace(CONFIG, balance_every_ns=5 * SECOND)


def booked(process: Process) -> list[tuple[str, int]]:
    """Cash events after the opening ones."""
    events = process.engine.desk.ledger.cash_events
    return [(event.kind, event.amount) for _, event in events if event.kind != "opening"]


def told_waiting(process: Process) -> list[str]:
    """What readers in other processes are told of payouts that wait."""
    told: list[str] = process.journal.gauge("reconciliation")["venues"]["polymarket"]["waiting"]
    return told


def of_tokens(request: Request) -> bool:
    return "balance-allowance" in request.url and "CONDITIONAL" in request.url


async def locked(rig: Rig) -> Process:
    """Ten bundles, at a venue that redeems nothing by itself."""
    rig.polymarket.auto_redeem = False
    process = await rig.start()
    cross(rig)
    await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
    await rig.idle()
    return process


async def waiting(rig: Rig, yes_value: int = 0) -> Process:
    """Ten NO at Polymarket have paid a dollar each (with `yes_value` a dollar: nothing), and nobody redeems."""
    process = await locked(rig)
    rig.settle(yes_value)
    await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
    await rig.wait(20)
    assert booked(process) == []
    return process


async def elsewhere(rig: Rig) -> Process:
    """A new process on other links."""
    await rig.die()
    rig.links.clear()
    rig.list_pair("snow")
    uncross(rig, market="snow")
    return await rig.start()


def redeem_only(rig: Rig, winner: str, size: int) -> None:
    """The winning token is redeemed by its position alone; the losing one stays where it is."""
    account, market = rig.polymarket.accounts["trader"], rig.polymarket.markets["rain"]
    token = market.yes if winner == "yes" else market.no
    assert account.tokens[token] == size
    account.tokens[token] = 0
    account.cash += size
    market.collateral -= size


def test_m35_a_payout_that_waits_to_be_redeemed_is_no_difference(tmp_path: Path) -> None:
    """Nobody redeems for a minute: the venue's cash lacks the payout, and its tokens say why."""

    async def story(rig: Rig) -> None:
        process = await waiting(rig)
        await rig.wait(60)
        assert booked(process) == []
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl - 10 * DOLLAR
        await process.engine.reconciliation.round()
        (sentence,) = told_waiting(process)
        assert (
            "a payout of $10.0000 of polymarket:rain waits" in sentence and "dutchbook wallet redeem rain" in sentence
        )
        rig.polymarket.redeem("trader", "rain", rig.clock.wall())
        await rig.wait(60)
        await process.engine.reconciliation.round()
        assert told_waiting(process) == []
        assert booked(process) == []
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story, config=OFTEN)


def test_m35_after_a_restart_payouts_wait_also_in_markets_that_no_link_names_any_more(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await waiting(rig)
        wallet = with_wallet(rig)
        again = await elsewhere(rig)
        await rig.until(lambda: bool(wallet.done), 60)
        await rig.wait(60)
        assert wallet.done == ["redeem polymarket:rain"]
        assert booked(again) == []
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + again.trade.pnl

    play(tmp_path, story, config=WITH_TREASURY)


def test_the_losing_half_of_a_set_that_was_paid_is_no_payout(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.auto_redeem = False
        process, wallet = await paired(rig)
        wallet.failures = 10**6
        await rig.idle()
        rig.settle()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
        redeem_only(rig, "yes", 10 * DOLLAR)
        await rig.wait(90)
        assert booked(process) == []

    play(tmp_path, story, config=OFTEN)


def test_losing_tokens_of_a_person_are_no_payout(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await locked(rig)
        account, market = rig.polymarket.accounts["trader"], rig.polymarket.markets["rain"]
        account.tokens[market.yes] += 5 * DOLLAR
        market.collateral += 5 * DOLLAR
        rig.settle(0)
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
        redeem_only(rig, "no", 10 * DOLLAR)
        await rig.wait(90)
        assert booked(process) == []

    play(tmp_path, story, config=OFTEN)


def test_holdings_that_cannot_be_read_at_the_start_are_read_later_and_nothing_is_booked_before(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await waiting(rig)
        rig.network.faults.append(Fault(reads_of("poly", "/v2/positions"), answer_with(500, b"{}"), times=1))
        again = await elsewhere(rig)
        await rig.wait(90)
        assert again.engine.accounts.payouts.known("polymarket")
        assert again.engine.accounts.payouts.at("polymarket")
        assert booked(again) == []

    play(tmp_path, story, config=OFTEN)


@pytest.mark.parametrize("answer", [(500, b"{}"), (200, b'{"c":"x"}'), (404, b'{"error":"not found"}')])
@pytest.mark.parametrize("yes_value", [0, DOLLAR])
def test_a_market_paid_long_ago_that_cannot_be_read_keeps_no_engine_from_starting(
    tmp_path: Path, answer: tuple[int, bytes], yes_value: int
) -> None:
    async def story(rig: Rig) -> None:
        await waiting(rig, yes_value)
        condition = rig.polymarket.markets["rain"].condition
        rig.network.faults.append(
            Fault(lambda request: f"/clob-markets/{condition}" in request.url, answer_with(*answer), times=10**6)
        )
        again = await elsewhere(rig)
        await rig.wait(30)
        assert booked(again) == []

    play(tmp_path, story, config=OFTEN)


@pytest.mark.parametrize("stale_s", [4, 6, 9, 20])
@pytest.mark.parametrize("what", ["positions", "balances"])
def test_tokens_and_cash_that_are_not_of_one_instant_book_nothing(tmp_path: Path, stale_s: int, what: str) -> None:
    """A redemption shows in one of the two readings seconds before it shows in the other."""

    async def story(rig: Rig) -> None:
        process = await waiting(rig)
        trading, clock = process.engine.desk.trading["polymarket"], rig.clock
        read = getattr(trading, what)
        old = await read()
        rig.polymarket.redeem("trader", "rain", clock.wall())
        until = clock.monotonic() + stale_s * SECOND

        async def late() -> object:
            if clock.monotonic() >= until:
                return await read()
            return replace(old, received_ns=clock.monotonic()) if what == "balances" else old

        setattr(trading, what, late)
        await rig.wait(90)
        assert booked(process) == []
        assert await rig.mismatches() == []

    play(tmp_path, story, config=OFTEN)


def test_cash_that_really_differs_is_booked_also_while_a_payout_waits(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await waiting(rig)
        rig.polymarket.deposit("trader", 0, 7 * DOLLAR, rig.clock.wall())
        await rig.wait(20)
        assert booked(process) == []
        await rig.wait(70)
        assert booked(process) == [("unexplained", 7 * DOLLAR)]
        assert process.engine.accounts.payouts.at("polymarket")

    play(tmp_path, story, config=OFTEN)


def test_while_tokens_cannot_be_read_balances_are_and_trading_goes_on(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.list_pair("snow")
        calm(rig, "snow")
        process = await waiting(rig)
        rig.network.faults.append(Fault(of_tokens, answer_with(500, b"{}"), times=10**6))
        await rig.wait(60)
        cross(rig, market="snow")
        await rig.until(lambda: len(process.trades) == 2, 20)

    play(tmp_path, story, config=OFTEN)


def test_a_statement_without_positions_judges_no_cash(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await waiting(rig)
        rig.network.faults.append(Fault(of_tokens, answer_with(500, b"{}"), times=1))
        looking = process.engine.reconciliation
        await looking.look("polymarket")
        assert looking.unread["polymarket"]
        assert looking.findings["polymarket"] == []

    play(tmp_path, story, config=replace(CONFIG, balance_every_ns=300 * SECOND))


def test_the_state_tells_cash_as_the_venue_should_state_it(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await waiting(rig)
        told = process.engine.state.balances()["polymarket:pusd"]
        assert told["stated"] == told["expected"] == told["free"]

    play(tmp_path, story, config=OFTEN)


def test_worthless_tokens_of_past_markets_are_not_asked_about_again_and_again(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await waiting(rig, DOLLAR)
        again = await elsewhere(rig)
        asked: list[str] = []

        def heard(request: Request) -> bool:
            if of_tokens(request) or "/clob-markets/" in request.url:
                asked.append(request.url)
            return False

        tokens: tuple[str, ...] = rig.polymarket.markets["rain"].tokens
        rig.network.faults.append(Fault(heard, answer_with(500), times=1))
        await rig.wait(120)
        assert not any(token in url for url in asked for token in tokens)
        assert booked(again) == []

    play(tmp_path, story, config=OFTEN)
