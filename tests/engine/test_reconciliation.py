"""A running engine against what the venues state: differences are shown once, explained or booked, never ignored (M37)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Skip
from dutchbook.core.facts import Alarmed
from dutchbook.core.money import Price, Size
from dutchbook.core.order import OrderState, TimeInForce
from dutchbook.core.trade import Phase
from dutchbook.core.transport import Request, Response
from dutchbook.engine.reconciliation import MOST_TOLD
from dutchbook.execution.findings import Code, Finding
from dutchbook.torture.line import private_of
from dutchbook.torture.network import Fault, Forward, Network, answer_with, lose_answer, orders_to, reads_of, repeat
from engine.parts import CENT, CONFIG, DOLLAR
from engine.rig import Process, Rig, cross, play
from engine.scenes import command

OFTEN = replace(CONFIG, reconcile_every_ns=10 * SECOND)
KALSHI_RAIN = market_id("kalshi", "KXRAIN-Y")


def codes(process: Process, venue: str = "kalshi") -> list[Code]:
    return [finding.code for finding in process.engine.reconciliation.findings[venue]]


def cash_events(process: Process) -> list[tuple[str, int]]:
    return [
        (moved.kind, moved.amount) for _, moved in process.engine.desk.ledger.cash_events if moved.kind != "opening"
    ]


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_m37_a_trade_by_hand_is_shown_once_its_cash_is_booked_and_the_engine_goes_on(
    tmp_path: Path, venue: str
) -> None:
    async def story(rig: Rig) -> None:
        rig.list_pair("snow")
        for each in ("kalshi", "polymarket"):
            rig.quote(each, [(38, 100)], [(42, 100)], market="snow")
        process = await rig.start()
        await rig.wait(5)
        exchange = rig.kalshi if venue == "kalshi" else rig.polymarket
        native = "KXSNOW-Y" if venue == "kalshi" else "snow"
        assert exchange.trade_by_hand("trader", native, True, 42 * CENT, 5 * DOLLAR, rig.clock.wall()) == 5 * DOLLAR
        rig.flush()
        await rig.wait(40)
        assert process.alarms == ["reconcile_fill_foreign", "reconcile_position"]
        ((kind, amount),) = cash_events(process)
        assert kind == "by_hand" and -5 * DOLLAR < amount < -2 * DOLLAR
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        await rig.idle()
        await rig.wait(20)
        assert process.alarms == ["reconcile_fill_foreign", "reconcile_position"], "told once"
        assert [line for line in await rig.mismatches() if "snow" not in line.lower()] == []
        await rig.stop()
        process = await rig.start()
        await rig.wait(30)
        assert process.alarms.count("reconcile_fill_foreign") == 1, "nor again after a restart"
        assert Code.POSITION in codes(process, venue), "but shown for as long as it is there"

    play(tmp_path, story, config=OFTEN)


def test_m37_a_request_carried_out_twice_while_the_stream_is_silent_is_found_through_the_fills(tmp_path: Path) -> None:
    """Nobody tells of the second order: its fills name it, they are booked, and the trade is balanced again."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("kalshi"), repeat))
        rig.network.muffled = private_of("kalshi")
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        assert rig.kalshi.statement("trader")["positions"]["KXRAIN-Y"] == 20 * DOLLAR
        await rig.until(lambda: process.trade.legs[0].bought == 20 * DOLLAR, 60)
        await rig.idle()
        assert len({leg.held for leg in process.trade.legs}) == 1
        assert await rig.mismatches() == []
        assert "cash_difference" not in process.alarms

    play(tmp_path, story, config=OFTEN)


@pytest.mark.parametrize("venue", ["kalshi", "poly"])
def test_m37_reads_that_fail_are_not_an_empty_account(tmp_path: Path, venue: str) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        await rig.idle()
        await rig.wait(15)
        ledger = process.engine.desk.ledger
        before = (ledger.facts, dict(ledger.cash))
        fault = Fault(reads_of(venue, "/"), answer_with(503, b"down"), times=10_000)
        rig.network.faults.append(fault)
        await rig.wait(60)
        assert (ledger.facts, dict(ledger.cash)) == before
        name = "kalshi" if venue == "kalshi" else "polymarket"
        assert codes(process, name) == []
        assert process.engine.reconciliation.unread[name]
        fault.times = 0
        await rig.wait(40)
        assert process.engine.reconciliation.unread[name] == {}
        assert (ledger.facts, dict(ledger.cash)) == before

    play(tmp_path, story, config=OFTEN)


def test_m37_an_empty_answer_in_one_reading_changes_nothing(tmp_path: Path) -> None:
    """One statement without positions and cash is one sighting: it is asked for again before anything is believed."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        await rig.idle()
        await rig.wait(15)
        before = process.engine.desk.ledger.facts
        nothing = answer_with(200, b'{"market_positions":[],"cursor":""}')
        rig.network.faults.append(Fault(reads_of("kalshi", "/portfolio/positions"), nothing))
        await rig.wait(60)
        assert process.engine.desk.ledger.facts == before
        assert process.alarms == []

    play(tmp_path, story, config=OFTEN)


@pytest.mark.parametrize("amount", [DOLLAR // 4, -DOLLAR // 4])
def test_m37_cash_that_nothing_explains_is_booked_with_one_alarm(tmp_path: Path, amount: int) -> None:
    """Interest came, or a fee went: the venue does not say what it was."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        await rig.wait(5)
        move = rig.kalshi.deposit if amount > 0 else rig.kalshi.withdraw
        move("trader", 0, abs(amount), rig.clock.wall())
        await rig.wait(30)
        assert cash_events(process) == [("unexplained", amount)]
        assert process.alarms == ["cash_difference"]
        assert await rig.mismatches() == []
        words = {"pool": "kalshi:0", "amount": f"{amount / DOLLAR}", "kind": "interest", "reason": "on their page"}
        assert (await command(rig, "cash_name", **words)).text == "named; $0.000000 of kalshi:0 are unexplained"
        assert cash_events(process)[1:] == [("unexplained", -amount), ("interest", amount)]
        await rig.wait(30)
        assert await rig.mismatches() == [] and len(cash_events(process)) == 3

    play(tmp_path, story, config=OFTEN)


def test_m37_cash_moved_between_two_pools_is_a_transfer_and_no_alarm(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await rig.wait(5)
        rig.kalshi.withdraw("trader", 0, 3 * DOLLAR, rig.clock.wall())
        rig.kalshi.deposit("trader", 2, 3 * DOLLAR, rig.clock.wall())
        await rig.wait(30)
        assert cash_events(process) == [("transfer", -3 * DOLLAR), ("transfer", 3 * DOLLAR)]
        assert process.alarms == []
        assert await rig.mismatches() == []

    play(tmp_path, story, config=OFTEN)


@pytest.mark.parametrize("balance", ["-5.00", "5000000000.00"])
def test_m37_an_absurd_balance_is_refused_and_said(tmp_path: Path, balance: str) -> None:
    """Nothing is booked from it and nothing is spent on its word; the other venue's account is as it is."""
    body = {"balance": 0, "balance_breakdown": [{"exchange_index": 0, "balance": balance}]}

    async def story(rig: Rig) -> None:
        rig.network.faults.append(
            Fault(reads_of("kalshi", "/balance"), answer_with(200, msgspec.json.encode(body)), times=10_000)
        )
        process = await rig.start(books=False)
        await rig.wait(30)
        assert "kalshi:0" not in process.engine.desk.ledger.cash
        assert process.alarms == ["reconcile_absurd_balance"]
        assert cash_events(process) == []

    play(tmp_path, story, config=OFTEN)


async def _pretend_cancelled(network: Network, request: Request, forward: Forward) -> Response:
    """The venue says that an order is cancelled, and leaves it in the book."""
    name = request.url.partition("?")[0].rpartition("/")[2]
    return Response(200, msgspec.json.encode({"order_id": name, "reduced_by": "8.00"}), {})


def test_m37_an_order_of_ours_that_should_not_rest_is_cancelled(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        claim = Claim(KALSHI_RAIN, Outcome.YES)
        trade = process.engine.by_hand.buy(claim, Size(8 * DOLLAR), Price(30 * CENT), TimeInForce.GTC)
        (order,) = trade.orders()
        await rig.until(lambda: order.state is OrderState.RESTING)
        rig.network.faults.append(Fault(lambda request: request.method == "DELETE", _pretend_cancelled))
        process.engine.by_hand.cancel(order.plan.id)
        await rig.until(lambda: order.state is OrderState.DONE)
        kalshi = process.engine.desk.trading["kalshi"]
        assert len(await kalshi.open_orders()) == 1
        with pytest.raises(Skip):
            process.engine.by_hand.cancel(order.plan.id)
        await rig.wait(40)
        assert await kalshi.open_orders() == []
        assert codes(process) == []
        assert process.alarms == ["reconcile_order_alive"]

    play(tmp_path, story, config=OFTEN)


def test_m37_an_order_that_nobody_here_knows_is_shown_and_left_alone(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        first = await rig.start()
        claim = Claim(KALSHI_RAIN, Outcome.YES)
        trade = first.engine.by_hand.buy(claim, Size(8 * DOLLAR), Price(30 * CENT), TimeInForce.GTC)
        (order,) = trade.orders()
        await rig.until(lambda: order.state is OrderState.RESTING)
        await rig.stop()
        rig.folder = rig.folder / "another"
        rig.folder.mkdir()
        second = await rig.start()
        await rig.wait(30)
        assert codes(second) == [Code.ORDER_FOREIGN]
        assert second.alarms == ["reconcile_order_foreign"]
        assert len(await second.engine.desk.trading["kalshi"].open_orders()) == 1
        answer = await second.engine.commands.do("reconcile", {}, "operator")
        assert answer.text == "1 differences"

    play(tmp_path, story, config=OFTEN)


def test_m37_a_payout_that_a_trade_still_at_work_has_not_booked_is_no_difference(tmp_path: Path) -> None:
    """One leg's market has paid while the fate of the other leg's order is unknown: its cash is not unexplained."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("kalshi"), lose_answer))
        blind = Fault(reads_of("kalshi", "/portfolio/orders"), answer_with(503, b'{"error":"down"}'), times=10_000)
        rig.network.faults.append(blind)
        rig.network.muffled = private_of("kalshi")
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        await rig.until(lambda: process.trade.legs[1].at_rest, 60)
        rig.polymarket.settle("rain", 0, rig.clock.wall())
        rig.flush()
        await rig.wait(60)
        assert process.trade.working
        assert not {"cash_difference", "reconcile_position"} & set(process.alarms)
        blind.times = 0
        rig.network.muffled = None
        await rig.until(lambda: not process.trade.working, 60)
        rig.kalshi.settle("KXRAIN-Y", 0, rig.clock.wall())
        rig.flush()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED, 60)
        assert await rig.mismatches() == []
        assert not {"cash_difference", "reconcile_position"} & set(process.alarms)

    play(tmp_path, story, config=OFTEN)


def test_m37_a_difference_that_stands_is_told_once_however_many_others_come_and_go(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        desk = process.engine.reconciliation
        standing = Finding(Code.POSITION, "kalshi", "it stands", "it stands", confirmed=True)
        for number in range(2 * MOST_TOLD):
            desk._tell(standing)
            desk._tell(replace(standing, text=str(number)))
        told = [record.fact.text for record in process.journal.records() if isinstance(record.fact, Alarmed)]
        assert sum(text.startswith("it stands") for text in told) == 1
        assert len(desk._told) <= MOST_TOLD

    play(tmp_path, story)


def test_m37_before_the_first_new_trade_both_venues_are_asked_for_everything(tmp_path: Path) -> None:
    """Start-up is recovery: orders, fills, positions and balances of both, also when the answers to orders were lost."""

    async def story(rig: Rig) -> None:
        rig.network.faults += [Fault(orders_to("kalshi"), lose_answer), Fault(orders_to("polymarket"), lose_answer)]
        await rig.start()
        cross(rig)
        await rig.until(lambda: len(rig.network.orders) == 2)
        await rig.die()
        rig.network.requests.clear()
        await rig.wait(1)
        process = await rig.start(books=False)
        asked = " ".join(rig.network.requests)
        for path in ("/portfolio/orders", "/portfolio/fills", "/portfolio/positions", "/portfolio/balance"):
            assert path in asked
        for path in ("/data/orders", "/data/trades", "/balance-allowance"):
            assert path in asked
        gauge = process.journal.gauge("reconciliation")
        assert isinstance(gauge, dict) and set(gauge["venues"]) == {"kalshi", "polymarket"}
        await rig.until(lambda: not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        await rig.idle()
        assert await rig.mismatches() == []
        assert process.alarms == []

    play(tmp_path, story)
