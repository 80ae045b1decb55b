"""The live transport against real sockets on loopback: what counts as not sent, and what as lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from dutchbook.core.clock import MILLISECOND, SystemClock
from dutchbook.core.errors import Lost, NotSent, Refused
from dutchbook.core.transport import CLOSED, PONG, FrameKind, Request, Response
from dutchbook.venues.http import AioTransport

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(handler: Handler) -> AsyncIterator[str]:
    """A TCP server that does what a test says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def web_server(**handlers: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    for name, handler in handlers.items():
        app.router.add_route("*", f"/{name}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def live() -> AsyncIterator[AioTransport]:
    transport = AioTransport(SystemClock())
    try:
        yield transport
    finally:
        await transport.close()


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(
        status=201, body=f"{request.method} {request.path_qs} {request.headers.get('X-One')} ".encode() + body,
        headers={"X-Answer": "Yes"},
    )  # fmt: skip


async def test_a_request_is_sent_as_it_is_and_header_names_come_back_in_lower_case() -> None:
    async with live() as transport, web_server(echo=echo) as base:
        sent = Request("POST", f"{base}/echo?a=%2Fb&c=d", {"X-One": "1"}, b'{"x":1}')
        answer = await transport.send(sent)
    assert (answer.status, answer.body) == (201, b'POST /echo?a=%2Fb&c=d 1 {"x":1}')
    assert answer.headers["x-answer"] == "Yes"


async def test_error_answers_and_redirects_are_answers() -> None:
    async def moved(request: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": "/elsewhere"})

    async def broken(request: web.Request) -> web.Response:
        return web.Response(status=503, body=b"<html>")

    async with live() as transport, web_server(moved=moved, broken=broken) as base:
        assert (await transport.send(Request("GET", f"{base}/moved"))).status == 301
        assert (await transport.send(Request("GET", f"{base}/broken"))).body == b"<html>"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://name.invalid/x", "http:///x", "not a url"])
async def test_without_a_connection_nothing_was_sent(url: str) -> None:
    async with live() as transport:
        with pytest.raises(NotSent):
            await transport.send(Request("POST", url, body=b"{}"))
        with pytest.raises(NotSent):
            await transport.open(url.replace("http", "ws"), {})


async def test_a_connection_that_does_not_open_in_time_is_not_sent() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with live() as transport, raw_server(hold) as base:
        # the TLS handshake never ends, so no byte of the request was written
        secure = base.replace("http:", "https:")
        with pytest.raises(NotSent):
            await transport.send(Request("POST", secure, body=b"{}", timeout_ns=100 * MILLISECOND))


async def test_an_answer_that_does_not_come_in_time_is_lost() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with live() as transport, raw_server(hold) as base:
        with pytest.raises(Lost, match=r"POST .*/x: .* after [0-9]+ ms"):
            await transport.send(Request("POST", f"{base}/x?secret=1", body=b"{}", timeout_ns=100 * MILLISECOND))


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n",
     b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_a_broken_answer_is_lost_and_never_asked_for_again(method: str, answer: bytes) -> None:
    heard: list[bytes] = []

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()

    async with live() as transport, raw_server(drop) as base:
        with pytest.raises(Lost):
            await transport.send(Request(method, f"{base}/x", body=b"{}" if method == "POST" else b""))
    assert len(heard) == 1


async def test_a_kept_connection_that_died_is_lost_not_repeated() -> None:
    heard: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        heard.append(await reader.readuntil(b"\r\n\r\n"))  # the second request; the connection ends without an answer

    async with live() as transport, raw_server(once) as base:
        assert (await transport.send(Request("GET", f"{base}/a"))).body == b"ok"
        with pytest.raises(Lost):
            await transport.send(Request("GET", f"{base}/b"))
    assert len(heard) == 2


async def test_requests_share_a_warm_connection_and_no_cookies() -> None:
    peers: list[object] = []

    async def sticky(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        answer = web.Response(text=str(len(request.cookies)))
        answer.set_cookie("a", "b")
        return answer

    async with live() as transport, web_server(x=sticky) as address:
        base = address.replace("127.0.0.1", "localhost")  # a jar would keep cookies of names only
        answers: list[Response] = [await transport.send(Request("GET", f"{base}/x")) for _ in range(3)]
    assert len(set(peers)) == 1
    assert [answer.body for answer in answers] == [b"0"] * 3


async def test_a_channel_carries_text_and_shows_pongs() -> None:
    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.ping(b"heartbeat")
        pong = await socket.receive()
        await socket.send_str(f"{pong.type is WSMsgType.PONG} {pong.data.decode()} {request.headers['X-One']}")
        text = await socket.receive()
        ping = await socket.receive()
        await socket.pong(ping.data)
        await socket.send_str("é" + text.data * 5_000_000)
        await socket.send_bytes(b"binary")
        await socket.close()
        return socket

    async with live() as transport, web_server(ws=talk) as base:
        channel = await transport.open(base.replace("http", "ws") + "/ws", {"X-One": "1"})
        first = await channel.receive()
        assert (first.kind, first.data) == (FrameKind.TEXT, b"True heartbeat 1")
        await channel.send(b"x")
        await channel.ping()
        assert await channel.receive() == PONG
        big = await channel.receive()
        assert len(big.data) == 5_000_002 and big.data.startswith("é".encode())
        assert (await channel.receive()).data == b"binary"
        assert await channel.receive() == CLOSED
        assert await channel.receive() == CLOSED
        with pytest.raises(NotSent):
            await channel.send(b"late")
        with pytest.raises(NotSent):
            await channel.ping()
        await channel.close()


async def test_a_connection_cut_in_the_middle_is_closed() -> None:
    async def cut(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return socket

    async with live() as transport, web_server(ws=cut) as base:
        channel = await transport.open(base.replace("http", "ws") + "/ws", {})
        assert await channel.receive() == CLOSED


async def test_a_refused_handshake_carries_its_status() -> None:
    async def no(request: web.Request) -> web.Response:
        return web.Response(status=401)

    async with live() as transport, web_server(ws=no) as base:
        with pytest.raises(Refused, match="401") as caught:
            await transport.open(base.replace("http", "ws") + "/ws", {})
    assert caught.value.code == "401"


async def test_a_closed_transport_can_be_used_again() -> None:
    async with live() as transport, web_server(echo=echo) as base:
        await transport.send(Request("GET", f"{base}/echo"))
        await transport.close()
        await transport.close()
        assert (await transport.send(Request("GET", f"{base}/echo"))).status == 201
