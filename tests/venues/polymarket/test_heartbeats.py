"""The dead man's switch: fed while orders rest, left alone while none do."""

from __future__ import annotations

import asyncio

import pytest

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Refused
from dutchbook.core.order import ReportStatus, TimeInForce
from dutchbook.core.transport import Response
from dutchbook.venues.polymarket.heartbeats import Heartbeats
from venues.polymarket.floor import Desk, broken, state


async def turns(count: int) -> None:
    """Let the other tasks run; each turn of the feeding task is a second of its clock, or a request."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def desk():
    made = await Desk().open()
    yield made
    await made.transport.close()


def test_none_is_due_without_a_resting_order() -> None:
    beats = Heartbeats()
    assert beats.due_ns(0) is None
    beats.rests("a")
    assert beats.due_ns(0) == 0
    beats.ended("a")
    assert beats.due_ns(0) is None


def test_the_next_is_due_five_seconds_after_the_last() -> None:
    beats = Heartbeats()
    beats.rests("a")
    beats.accepted(b'{"heartbeat_id":"h-1"}', 10 * SECOND)
    assert beats.due_ns(12 * SECOND) == 3 * SECOND and beats.due_ns(20 * SECOND) == 0
    assert beats.body() == b'{"heartbeat_id":"h-1"}'


def test_it_can_be_asked_for_without_orders() -> None:
    beats = Heartbeats()
    beats.asked = True
    assert beats.due_ns(0) == 0 and beats.body() == b'{"heartbeat_id":""}'


def test_the_id_that_the_venue_expects_is_adopted() -> None:
    beats = Heartbeats()
    assert beats.stale(b'{"error_msg":"Invalid Heartbeat ID","heartbeat_id":"h-7"}')
    assert beats.body() == b'{"heartbeat_id":"h-7"}'
    assert not beats.stale(b'{"error":"Invalid order payload"}') and not beats.stale(b"<html>")


async def test_orders_live_as_long_as_the_switch_is_fed(desk: Desk) -> None:
    order, _ = await desk.place("10", "0.4", tif=TimeInForce.GTC)
    for _ in range(4):
        await desk.trading.heartbeat()
        desk.pass_time(5 * SECOND)
    assert state(await desk.trading.find(order)) == (ReportStatus.RESTING, 0)
    desk.pass_time(11 * SECOND)
    assert state(await desk.trading.find(order)) == (ReportStatus.DONE, 0)
    assert desk.trading.heartbeats.due_ns(0) is None


async def test_a_chain_that_another_process_began_is_taken_up(desk: Desk) -> None:
    await desk.trading.heartbeat()
    other, _ = broken(desk, lambda request: None)
    other.heartbeats.stale(b'{"heartbeat_id":"from-last-week"}')
    await other.heartbeat()
    assert other.heartbeats.body() != b'{"heartbeat_id":"from-last-week"}'


async def test_a_refusal_that_is_not_about_the_id_is_an_error(desk: Desk) -> None:
    no = Response(400, b'{"error":"no"}')
    trading, wire = broken(desk, lambda request: no if "heartbeats" in request.url else None)
    with pytest.raises(Refused):
        await trading.heartbeat()
    assert len(wire.seen) == 1


async def test_the_list_of_open_orders_is_the_last_word(desk: Desk) -> None:
    order, _ = await desk.place("10", "0.4", tif=TimeInForce.GTC)
    assert desk.trading.heartbeats.needed
    desk.exchange.take("rain", "bob", False, 400_000, 10_000_000, desk.clock.now)
    await desk.trading.open_orders()
    assert not desk.trading.heartbeats.needed, order


async def test_the_switch_is_fed_by_itself_until_the_last_order_is_gone(desk: Desk) -> None:
    sent: list[int] = []

    def listen(request):  # type: ignore[no-untyped-def]
        if "heartbeats" in request.url:
            sent.append(desk.clock.now)

    trading, _ = broken(desk, listen)
    await trading.send(desk.prepare("10", "0.4", tif=TimeInForce.GTC))
    began = desk.clock.now
    feeding = asyncio.create_task(trading.keep_alive())
    await turns(25)
    await trading.cancel_all()
    count = len(sent)
    await turns(60)
    feeding.cancel()
    assert count >= 3 and len(sent) == count
    assert [now - began for now in sent] == [number * 5 * SECOND for number in range(count)]
    assert desk.clock.now > sent[-1] + 30 * SECOND


async def test_a_heartbeat_that_fails_is_counted_and_tried_again(desk: Desk) -> None:
    no = Response(502, b"<html>")
    trading, wire = broken(desk, lambda request: no if "heartbeats" in request.url else None)
    trading.heartbeats.asked = True
    feeding = asyncio.create_task(trading.keep_alive())
    await turns(20)
    feeding.cancel()
    assert trading.heartbeats.failures == len(wire.seen) >= 3
    assert "gateway" in trading.heartbeats.last_failure
