"""Mistakes that others paid for, one test each, where no other file here has them in its own words."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import DutchbookError, LedgerError
from dutchbook.core.facts import OrderMoved
from dutchbook.core.order import OrderEvent, OrderState
from dutchbook.core.trade import Phase
from dutchbook.core.transport import Request
from dutchbook.engine.reconciliation import Reconciliation
from dutchbook.torture.network import Fault, answer_with, orders_to, posted, reads_of
from engine.parts import CASH, LATENCY_NS
from engine.rig import Rig, cross, play, uncross

KALSHI_RESTS = msgspec.json.encode(
    {"order_id": "0d5c1f4e-0000-4000-8000-000000000001", "fill_count": "0.00", "remaining_count": "10.00", "ts_ms": 1}
)
POLYMARKET_LIVE = msgspec.json.encode(
    {
        "success": True,
        "errorMsg": "",
        "orderID": "0x" + "ab" * 32,
        "status": "live",
        "makingAmount": "",
        "takingAmount": "",
    }
)
POLYMARKET_UNMATCHED = POLYMARKET_LIVE.replace(b'"live"', b'"unmatched"')


@pytest.mark.parametrize(
    ("venue", "answer"),
    [("kalshi", KALSHI_RESTS), ("polymarket", POLYMARKET_LIVE), ("polymarket", POLYMARKET_UNMATCHED)],
    ids=["kalshi resting", "polymarket live", "polymarket unmatched"],
)
def test_an_order_id_that_came_back_is_not_a_fill(tmp_path: Path, venue: str, answer: bytes) -> None:
    """The answer names an order and no fill, and the order never existed in any book."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to(venue), answer_with(200, answer)))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        await rig.wait(2)
        leg = next(leg for leg in process.trade.legs if leg.claim.market.startswith(venue))
        assert leg.held == 0
        assert process.trade.phase is Phase.EXECUTING
        assert leg.orders[0].state is OrderState.UNKNOWN
        await rig.until(lambda: not process.trade.working, 120)
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_balance_that_cannot_be_read_is_not_an_empty_account(tmp_path: Path, venue: str) -> None:
    """The old figure grows stale until it stops new trades; nothing is booked, and nobody is called poor."""

    async def story(rig: Rig) -> None:
        down = Fault(reads_of(venue if venue == "kalshi" else "poly", "balance"), answer_with(503, b"down"), times=0)
        rig.network.faults.append(down)
        process = await rig.start()
        before = dict(process.engine.desk.ledger.cash)
        down.times = 10_000
        await rig.wait(40)
        assert process.engine.desk.ledger.cash == before
        cross(rig)
        await rig.wait(1)
        assert process.trades == []
        uncross(rig)
        await rig.wait(0.1)
        snapshot = process.engine.desk.funnel.snapshot()
        assert snapshot["reasons"] == {"balance": 1}
        assert f"{venue} balance" in snapshot["examples"][0]["text"]
        assert "stale" in snapshot["examples"][0]["text"]

    play(tmp_path, story)


def test_an_engine_does_not_start_on_an_account_that_it_cannot_read(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(reads_of("kalshi", "balance"), answer_with(503, b"down"), times=10_000))
        with pytest.raises(DutchbookError):
            await rig.start()

    rig = play(tmp_path, story)
    assert rig.network.orders == []


def test_a_restart_does_not_trust_the_file_about_what_was_still_open(tmp_path: Path) -> None:
    """Dead in the instant after both orders left: the file knows of no fill, the venues do, and the venues are asked."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: len(rig.network.orders) == 2)
        await rig.die()
        await rig.wait(1)
        process = await rig.start()
        moves = [r.fact for r in process.journal.records() if isinstance(r.fact, OrderMoved)]
        assert [move.event for move in moves[2:4]] == [OrderEvent.LOSE, OrderEvent.LOSE], (
            "nothing came before the question"
        )
        await rig.until(lambda: not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story)
    assert len(rig.network.orders) == 2


def _leaves(rig: Rig, bid: int) -> Callable[[], None]:
    def leave() -> None:
        uncross(rig)
        rig.quote("polymarket", [(bid, 100)], [(54, 100)])

    return leave


@pytest.mark.parametrize("refusal", [400, 429, 500])
def test_the_same_order_is_not_repeated_within_a_second(tmp_path: Path, refusal: int) -> None:
    """42,516 of 56,472 requests of one bot: here at most one repetition follows at once, then they are a second apart."""

    def refused(request: Request) -> bool:
        order = posted(request, 0)
        return order is not None and order.venue == "kalshi" and order.action == "ask"

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(refused, answer_with(refusal, b'{"error":"no"}'), times=10_000))
        process = await rig.start()
        cross(rig)
        rig.after(LATENCY_NS + 5 * MILLISECOND, _leaves(rig, 3))
        await rig.until(lambda: bool(process.trades))
        await rig.wait(30)

    rig = play(tmp_path, story)
    by_kind: dict[tuple[str, str], list[int]] = {}
    for order in rig.network.orders:
        by_kind.setdefault((order.venue, order.action), []).append(order.at_ns)
    for times in by_kind.values():
        assert all(later - earlier >= SECOND for earlier, later in list(pairwise(times))[1:]), by_kind


def test_equal_contracts_and_never_equal_dollars(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        rig.quote("kalshi", [(15, 100)], [(20, 100)])
        rig.quote("polymarket", [(30, 100)], [(54, 100)])
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        one, two = process.trade.legs
        assert one.held == two.held
        assert one.spent != two.spent
        rig.settle()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED)
        assert process.trade.pnl > 0
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_a_snapshot_that_cannot_be_published_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()

        def locked(*arguments: object) -> NoReturn:
            raise LedgerError("locked by another program")

        monkeypatch.setattr(process.journal, "set_gauge", locked)
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        await rig.wait(10)
        assert process.engine.desk.failure is None
        assert process.trade.phase is Phase.LOCKED

    play(tmp_path, story)


def test_a_part_that_fails_while_the_engine_starts_keeps_it_from_trading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(rig: Rig) -> None:
        honest = Reconciliation.round

        async def round_beside_a_failure(self: Reconciliation) -> None:
            await honest(self)
            self._desk.fail(ZeroDivisionError("a defect"))

        monkeypatch.setattr(Reconciliation, "round", round_beside_a_failure)
        process = await rig.start()
        cross(rig)
        await rig.wait(3)
        assert process.trades == []

    play(tmp_path, story)
