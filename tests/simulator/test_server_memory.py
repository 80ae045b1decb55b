"""The transport without sockets: in virtual time, in order, and with the same answers as the server."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import looptime
import pytest
from aiohttp import ClientSession, WSMsgType

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import Lost, NotSent, Refused
from dutchbook.core.transport import CLOSED, PONG, Frame, FrameKind, Request, Transport
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import Exchange
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.simulator.server import serve
from dutchbook.simulator.world import World
from simulator.bell import Bell

START = 1_795_000_000 * SECOND
TEN = (10 * MILLISECOND, 10 * MILLISECOND)
Result = TypeVar("Result")


class LoopClock:
    """Wall time that passes with the running loop."""

    def wall(self) -> int:
        return START + self.monotonic()

    def monotonic(self) -> int:
        return round(asyncio.get_running_loop().time() * SECOND)


class StoppedClock:
    def wall(self) -> int:
        return START

    def monotonic(self) -> int:
        return 0


def virtually(work: Coroutine[Any, Any, Result]) -> Result:
    """Run in a loop whose time jumps instead of passing."""
    loop = looptime.new_event_loop(start=0)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def text(data: bytes) -> Frame:
    return Frame(FrameKind.TEXT, data)


def test_an_answer_takes_the_latency_of_both_directions() -> None:
    async def work() -> None:
        bell = Bell()
        transport: Transport = MemoryTransport(bell, LoopClock(), Latency(TEN, TEN))
        answer = await transport.send(Request("GET", "https://venue.test/time"))
        assert (answer.status, answer.body) == (201, b'{"path":"/time"}')
        assert bell.times == [START + 10 * MILLISECOND]
        assert LoopClock().monotonic() == 20 * MILLISECOND

    virtually(work())


def test_two_processes_beside_each_other_lose_no_frame_whoever_drains() -> None:
    """What a dead process had sent still arrives, and what the venue says to the living one meanwhile reaches it."""

    async def work() -> None:
        exchange = PolymarketExchange(1)
        world = _played(exchange)
        slug = world.listings("polymarket")[0].id
        condition, token, _ = exchange.tokens(slug)
        first = MemoryTransport(exchange, LoopClock(), Latency(TEN, TEN))
        second = MemoryTransport(exchange, LoopClock(), Latency(TEN, TEN), beside=first)
        channel = await second.open("wss://venue.test/ws/market", {})
        await channel.send(f'{{"type":"market","assets_ids":["{token}"]}}'.encode())
        assert condition.encode() in (await channel.receive()).data
        bid, _ = exchange.best(slug)
        assert bid is not None
        exchange.quote(slug, "another", [(bid, 5_000_000)], [], LoopClock().wall())
        await first.send(Request("GET", "https://venue.test/time"))
        async with asyncio.timeout(1):
            assert b"price_change" in (await channel.receive()).data

    virtually(work())


def test_an_answer_that_outlasts_the_timeout_is_lost_but_the_request_arrived() -> None:
    async def work() -> None:
        bell = Bell()
        transport = MemoryTransport(bell, LoopClock(), Latency(TEN, TEN))
        with pytest.raises(Lost, match=r"no answer within 0\.015 s"):
            await transport.send(Request("POST", "https://venue.test/order", timeout_ns=15 * MILLISECOND))
        assert len(bell.requests) == 1
        with pytest.raises(Lost):
            await transport.send(Request("POST", "https://venue.test/order", timeout_ns=5 * MILLISECOND))
        await asyncio.sleep(0.01)
        assert len(bell.requests) == 2

    virtually(work())


def test_a_request_that_has_left_arrives_even_when_its_sender_dies() -> None:
    async def work() -> None:
        bell = Bell()
        transport = MemoryTransport(bell, LoopClock(), Latency(TEN, TEN))
        sending = asyncio.create_task(transport.send(Request("POST", "https://venue.test/order")))
        await asyncio.sleep(0.001)
        sending.cancel()
        await transport.close()
        await asyncio.sleep(0.02)
        assert len(bell.requests) == 1
        assert sending.cancelled()

    virtually(work())


def test_urls_choose_the_venue_by_the_longest_beginning() -> None:
    async def work() -> None:
        one, two = Bell(), Bell()
        transport = MemoryTransport({"https://a.test": one, "https://a.test/two": two}, LoopClock())
        await transport.send(Request("GET", "https://a.test/two/x"))
        await transport.send(Request("GET", "https://a.test/x"))
        assert [request.url for request in one.requests] == ["https://a.test/x"]
        assert [request.url for request in two.requests] == ["https://a.test/two/x"]
        with pytest.raises(NotSent, match=r"b\.test"):
            await transport.send(Request("GET", "https://b.test/x"))

    virtually(work())


def test_frames_come_in_order_and_a_pong_comes_behind_them() -> None:
    async def work() -> None:
        bell = Bell()
        latency = Latency((0, 5 * MILLISECOND), (0, 40 * MILLISECOND), seed=5)
        transport = MemoryTransport(bell, LoopClock(), latency)
        channel = await transport.open("wss://venue.test/ws", {})
        for n in range(50):
            await channel.send(b"%d" % n)
        await channel.ping()
        assert [await channel.receive() for _ in range(51)] == [*(text(b"1:%d" % n) for n in range(50)), PONG]

    virtually(work())


def test_what_the_exchange_does_by_itself_is_delivered_when_it_is_due() -> None:
    async def work() -> None:
        bell = Bell()
        transport = MemoryTransport(bell, LoopClock(), Latency((0, 0), TEN))
        channel = await transport.open("wss://venue.test/ws", {})
        opened = LoopClock().monotonic()
        bell.alarm = (LoopClock().wall() + 3 * SECOND, 1, b"woken")
        transport.flush()
        assert await channel.receive() == text(b"woken")
        assert LoopClock().monotonic() - opened == 3 * SECOND + 10 * MILLISECOND

    virtually(work())


def test_a_closed_channel_says_closed_for_ever_and_takes_nothing() -> None:
    async def work() -> None:
        bell = Bell()
        transport = MemoryTransport(bell, LoopClock())
        channel = await transport.open("wss://venue.test/ws", {})
        bell.ring(1, b"last", None)
        transport.flush()
        assert [await channel.receive() for _ in range(4)] == [text(b"last"), CLOSED, CLOSED, CLOSED]
        with pytest.raises(NotSent):
            await channel.send(b"x")
        with pytest.raises(NotSent):
            await channel.ping()
        assert bell.gone == [1]

    virtually(work())


def test_closing_the_transport_hangs_up_and_loses_what_is_under_way() -> None:
    async def work() -> None:
        bell = Bell()
        transport = MemoryTransport(bell, LoopClock(), Latency(TEN, TEN))
        channel = await transport.open("wss://venue.test/ws", {})
        reading = asyncio.create_task(channel.receive())
        sending = asyncio.create_task(transport.send(Request("GET", "https://venue.test/x")))
        await asyncio.sleep(0.012)
        await transport.close()
        assert await reading == CLOSED
        with pytest.raises(Lost):
            await sending
        with pytest.raises(NotSent):
            await transport.send(Request("GET", "https://venue.test/x"))
        assert bell.gone == [1]

    virtually(work())


def test_a_refused_handshake_names_the_status() -> None:
    async def work() -> None:
        transport = MemoryTransport(Bell(), LoopClock())
        with pytest.raises(Refused, match="401") as refused:
            await transport.open("wss://venue.test/ws", {"refuse": "yes"})
        assert refused.value.code == "401"

    virtually(work())


def test_a_fault_of_the_exchange_reaches_the_caller() -> None:
    class Broken(Bell):
        def connect(self, url: str, headers: object, now: int) -> int:
            raise RuntimeError("broken")

    async def work() -> None:
        with pytest.raises(RuntimeError, match="broken"):
            await MemoryTransport(Broken(), LoopClock()).open("wss://venue.test/ws", {})

    virtually(work())


def _played(exchange: Exchange) -> World:
    kalshi, polymarket = (exchange, None) if exchange.name == "kalshi" else (None, exchange)
    world = World(6, kalshi, polymarket, START)
    world.list_all(START)
    world.step(START)
    return world


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        (KalshiExchange, ["/trade-api/v2/markets?limit=3", "/trade-api/v2/events?limit=2", "/trade-api/v2/nothing"]),
        (PolymarketExchange, ["/time", "/markets/keyset?limit=3&version=v1", "/nothing"]),
    ],
)
async def test_memory_and_server_answer_alike(make: type[Any], paths: list[str]) -> None:
    served, inside = make(1), make(1)
    _played(served), _played(inside)
    transport = MemoryTransport(inside, StoppedClock())
    async with serve(served, clock=StoppedClock()) as server, ClientSession() as client:
        for path in paths:
            async with client.get(server.rest_url + path) as answer:
                direct = await transport.send(Request("GET", server.rest_url + path))
                assert (answer.status, await answer.read()) == (direct.status, direct.body)


async def test_memory_and_server_stream_alike() -> None:
    served, inside = PolymarketExchange(1), PolymarketExchange(1)
    worlds = [_played(served), _played(inside)]
    slug = worlds[0].listings("polymarket")[0].id
    _, token, _ = inside.tokens(slug)
    subscribe = f'{{"type":"market","assets_ids":["{token}"]}}'.encode()
    transport = MemoryTransport(inside, StoppedClock())
    channel = await transport.open("wss://venue.test/ws/market", {})
    async with (
        serve(served, clock=StoppedClock()) as server,
        ClientSession() as client,
        client.ws_connect(server.ws_url + "/ws/market") as socket,
    ):
        await socket.send_str(subscribe.decode())
        await channel.send(subscribe)
        first = await socket.receive(timeout=2)
        assert first.type is WSMsgType.TEXT
        assert await channel.receive() == text(first.data.encode())
        for world in worlds:
            world.step(START + SECOND)
        server.flush()
        transport.flush()
        for _ in range(3):
            message = await socket.receive(timeout=2)
            assert await channel.receive() == text(message.data.encode())
    await transport.close()
