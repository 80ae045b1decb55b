"""The server shell, over real sockets on loopback, around a small exchange that shows what reached it."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from yarl import URL

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.server import ServerPing, serve, text_frame
from simulator.bell import Bell


async def test_a_request_reaches_the_exchange_exactly_as_sent() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client:
        url = server.rest_url + "/trade-api/v2/markets?tickers=A%2CB&limit=5"
        async with client.post(URL(url, encoded=True), data=b'{"a": 1}', headers={"KALSHI-ACCESS-KEY": "k"}) as answer:
            assert answer.status == 201
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-bell"] == "rung"
            assert await answer.json() == {"path": "/trade-api/v2/markets?tickers=A%2CB&limit=5"}
        (request,) = bell.requests
        assert (request.method, request.body) == ("POST", b'{"a": 1}')
        assert request.headers["KALSHI-ACCESS-KEY"] == "k"
        assert server.accepted.requests == 1


async def test_the_exchange_is_given_the_wall_time_of_the_request() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client:
        before = time.time_ns()
        await client.get(server.rest_url + "/time")
        assert before <= bell.times[-1] <= time.time_ns()


async def test_frames_arrive_as_text_in_order_whatever_their_size() -> None:
    bell = Bell()
    frames = [b"x" * size for size in (0, 1, 125, 126, 65_535, 65_536, 200_000)]
    async with serve(bell) as server, ClientSession() as client, client.ws_connect(server.ws_url + "/ws") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "1:hello"
        bell.ring(1, *frames)
        server.flush()
        assert [(await socket.receive_str()).encode() for _ in frames] == frames


def test_a_frame_is_one_unmasked_text_frame() -> None:
    assert text_frame(b"Hello") == bytes.fromhex("810548656c6c6f")  # the example of RFC 6455, section 5.7
    assert text_frame(b"a" * 126)[:4] == b"\x81\x7e\x00\x7e"
    assert text_frame(b"a" * 65_536)[:10] == b"\x81\x7f" + (65_536).to_bytes(8, "big")


async def test_twenty_thousand_small_frames_take_far_less_than_a_second() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client, client.ws_connect(server.ws_url) as socket:
        await socket.send_str("hello")
        await socket.receive_str()
        started = time.perf_counter()
        for batch in range(200):
            bell.ring(1, *(b'{"seq":%d}' % (batch * 100 + n) for n in range(100)))
            server.flush()
        spent = time.perf_counter() - started
        assert spent < 0.5
        for n in range(20_000):
            assert (await socket.receive()).data == f'{{"seq":{n}}}'


async def test_each_connection_gets_its_own_frames() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client:
        async with client.ws_connect(server.ws_url) as one, client.ws_connect(server.ws_url) as two:
            await two.send_str("b")
            await one.send_str("a")
            assert await one.receive_str() == "1:a"
            assert await two.receive_str() == "2:b"
        assert server.accepted.connections == 2


async def test_a_refused_handshake_is_answered_with_the_exchanges_status() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client:
        with pytest.raises(WSServerHandshakeError) as refused:
            await client.ws_connect(server.ws_url, headers={"refuse": "yes"})
        assert refused.value.status == 401


async def test_when_the_exchange_closes_a_connection_its_last_frames_still_arrive() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client, client.ws_connect(server.ws_url) as socket:
        await socket.send_str("hello")
        await socket.receive_str()
        bell.ring(1, b"last", None)
        server.flush()
        assert await socket.receive_str() == "last"
        closing = await socket.receive()
        assert (closing.type, closing.data) == (WSMsgType.CLOSE, 1001)
    assert bell.gone == [1]


async def test_the_exchange_hears_that_a_client_has_gone() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client:
        async with client.ws_connect(server.ws_url) as socket:
            await socket.send_str("hello")
            await socket.receive_str()
            assert bell.gone == []
        await asyncio.wait_for(bell.left.wait(), 2)
        assert bell.gone == [1]


async def test_what_the_exchange_does_by_itself_is_sent_when_it_is_due() -> None:
    bell = Bell()
    async with serve(bell) as server, ClientSession() as client, client.ws_connect(server.ws_url) as socket:
        await socket.send_str("hello")
        await socket.receive_str()
        due = time.time_ns() + 20 * MILLISECOND
        bell.alarm = (due, 1, b"woken")
        server.flush()
        drained = bell.drained
        assert await socket.receive_str(timeout=2) == "woken"
        assert time.time_ns() >= due
        assert bell.drained - drained <= 4, "the pump span instead of sleeping"


async def test_kalshi_pings_with_the_body_heartbeat() -> None:
    async with (
        serve(Bell(), ping=ServerPing(10 * MILLISECOND, b"heartbeat")) as server,
        ClientSession() as client,
        client.ws_connect(server.ws_url, autoping=False) as socket,
    ):
        message = await socket.receive(timeout=2)
        assert (message.type, message.data) == (WSMsgType.PING, b"heartbeat")


async def test_streams_are_not_compressed_even_when_asked() -> None:
    async with (
        serve(Bell()) as server,
        ClientSession() as client,
        client.ws_connect(server.ws_url, compress=15) as socket,
    ):
        assert socket.compress == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
async def test_another_address_than_loopback_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        async with serve(Bell(), host=host):
            pass


async def test_ending_the_server_closes_every_stream_with_going_away() -> None:
    bell = Bell()
    async with ClientSession() as client:
        async with serve(bell) as server:
            socket = await client.ws_connect(server.ws_url)
            reading = asyncio.create_task(socket.receive())
        message = await reading
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
        assert bell.gone == [1]
        await socket.close()


async def test_an_answer_takes_the_latency_of_both_directions() -> None:
    latency = Latency(to_venue=(5 * MILLISECOND, 8 * MILLISECOND), from_venue=(5 * MILLISECOND, 8 * MILLISECOND))
    async with serve(Bell(), latency=latency) as server, ClientSession() as client:
        started = time.perf_counter_ns()
        await client.get(server.rest_url + "/time")
        assert time.perf_counter_ns() - started >= 10 * MILLISECOND


async def test_latency_keeps_the_order_of_a_stream() -> None:
    bell = Bell()
    latency = Latency(to_venue=(0, 3 * MILLISECOND), from_venue=(0, 5 * MILLISECOND), seed=3)
    async with (
        serve(bell, latency=latency) as server,
        ClientSession() as client,
        client.ws_connect(server.ws_url) as socket,
    ):
        for n in range(30):
            await socket.send_str(str(n))
        assert [await socket.receive_str() for n in range(30)] == [f"1:{n}" for n in range(30)]


@pytest.mark.parametrize("bounds", [(5, 4), (-1, 4)])
def test_a_latency_that_is_no_range_is_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="latency"):
        Latency(to_venue=bounds)


def test_latency_draws_are_the_seeds() -> None:
    def draws(seed: int) -> list[int]:
        latency = Latency((0, SECOND), (0, SECOND), seed)
        return [latency.outbound() for _ in range(3)] + [latency.inbound() for _ in range(3)]

    assert draws(1) == draws(1) != draws(2)
