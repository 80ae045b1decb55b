"""The server shell around one exchange core: HTTP and WebSocket on loopback, nothing else.

It never looks into a body or a frame, never leaves loopback, and keeps no access log, only counters.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from aiohttp import WSMsgType, web

from dutchbook.core.clock import SECOND, Clock, SystemClock
from dutchbook.core.transport import Request, Response
from dutchbook.simulator.delivery import DelayLine, Delivery, Latency
from dutchbook.simulator.exchange import DROPPED, Exchange, held

SLOW_CONSUMER_BYTES = 16 * 1024 * 1024
"""A client that lets this much pile up in its socket is cut off, as a venue would."""


@dataclass(frozen=True, slots=True)
class ServerPing:
    """WebSocket pings that the venue sends by itself."""

    every_ns: int
    body: bytes


SERVER_PINGS = MappingProxyType({"kalshi": ServerPing(10 * SECOND, b"heartbeat")})
"""By exchange name. Kalshi pings every 10 s with the body `heartbeat`; Polymarket leaves keep-alive to the client."""


def text_frame(data: bytes) -> bytes:
    """One unfragmented, unmasked text frame (RFC 6455, section 5.2)."""
    size = len(data)
    if size < 126:
        return bytes((0x81, size)) + data
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + data
    return b"\x81\x7f" + size.to_bytes(8, "big") + data


@dataclass(slots=True)
class Accepted:
    """What the server has taken so far."""

    requests: int = 0
    connections: int = 0


class _Line:
    """The venue's end of one WebSocket: whole batches of frames written in one call."""

    def __init__(self, socket: web.WebSocketResponse, latency: Latency) -> None:
        self.socket = socket
        self._down: DelayLine[list[bytes | None]] = DelayLine(latency.inbound, self._write)
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes | None] = []
        self.cut = False
        """The exchange has closed this connection."""
        self._closing: asyncio.Task[bool] | None = None

    def push(self, batch: list[bytes | None]) -> None:
        """Frames from the exchange; kept until the handshake is through."""
        self.cut = self.cut or None in batch
        if self._transport is None:
            self._early.extend(batch)
        else:
            self._down.push(batch)

    def start(self, transport: asyncio.Transport) -> None:
        """The handshake is through."""
        self._transport = transport
        if self._early:
            self._down.push(self._early)
            self._early = []

    def end(self, code: int) -> None:
        """Close with a status code, once; what was written before still goes out."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self.socket.close(code=code))

    async def ended(self) -> None:
        """Wait for the close handshake (at most a second) and drop what is still delayed."""
        self._down.close()
        if self._closing is not None:
            await self._closing

    def _write(self, batch: list[bytes | None]) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or self._closing is not None:
            return
        # Framed here, not by the library: it would cost one write per frame, and a stream has tens of thousands a
        # second. Compression is off, so a frame is its header and its bytes.
        transport.write(b"".join([text_frame(data) for data in batch if data is not None]))
        if None in batch:
            self.end(1001)
        elif transport.get_write_buffer_size() > SLOW_CONSUMER_BYTES:
            transport.abort()


@dataclass(slots=True)
class VenueServer:
    """A running server. After touching the exchange by hand (a world's step), call `flush`."""

    rest_url: str
    """`http://127.0.0.1:port`, without a path."""
    ws_url: str
    """`ws://127.0.0.1:port`, without a path."""
    accepted: Accepted
    delivery: Delivery = field(repr=False)

    def flush(self) -> None:
        """Send what the exchange has queued."""
        self.delivery.flush()


class _Shell:
    """Answers aiohttp's requests from the exchange."""

    def __init__(self, delivery: Delivery, latency: Latency) -> None:
        self.delivery = delivery
        self.latency = latency
        self.accepted = Accepted()
        self.lines: dict[int, _Line] = {}
        self.base = ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        url = self.base + request.raw_path
        headers = dict(request.headers)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._converse(request, url, headers)
        body = await request.read()
        await _pause(self.latency.outbound())
        self.accepted.requests += 1
        asked = Request(method=request.method, url=url, headers=headers, body=body)
        delay_ns, response = held(self.delivery.exchange.handle(asked, self.delivery.now()))
        self.delivery.flush()
        await _pause(self.latency.inbound() + delay_ns)
        if response.status == DROPPED.status:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return _web_response(response)

    async def ping_all(self, ping: ServerPing) -> None:
        """Ping every open socket each `every_ns`, for ever."""
        while True:
            await asyncio.sleep(ping.every_ns / SECOND)
            for line in list(self.lines.values()):
                try:
                    await line.socket.ping(ping.body)
                except ConnectionError:
                    pass  # the reading side ends this connection

    async def hang_up(self) -> None:
        """Close every socket with 1001 (going away) and wait for the handshakes."""
        lines = list(self.lines.values())
        for line in lines:
            line.end(1001)
        for line in lines:
            await line.ended()

    async def _converse(self, request: web.BaseRequest, url: str, headers: dict[str, str]) -> web.StreamResponse:
        await _pause(self.latency.outbound())
        exchange, delivery = self.delivery.exchange, self.delivery
        verdict = exchange.connect(url, headers, delivery.now())
        if isinstance(verdict, Response):
            return _web_response(verdict)
        connection = verdict
        self.accepted.connections += 1
        socket = web.WebSocketResponse(compress=False, timeout=1.0)
        line = self.lines[connection] = _Line(socket, self.latency)
        delivery.attach(connection, line.push)

        def arrive(data: bytes) -> None:
            if not line.cut:
                exchange.receive(connection, data, delivery.now())
                delivery.flush()

        up: DelayLine[bytes] = DelayLine(self.latency.outbound, arrive)
        try:
            await socket.prepare(request)
            if request.transport is not None:
                line.start(request.transport)
                delivery.flush()
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    up.push(message.data.encode())
        finally:
            del self.lines[connection]
            up.close()
            delivery.detach(connection)
            await line.ended()
        return socket


def _web_response(response: Response) -> web.Response:
    headers = {"content-type": "application/json", **response.headers}
    return web.Response(status=response.status, body=response.body, headers=headers)


async def _pause(delay_ns: int) -> None:
    if delay_ns:
        await asyncio.sleep(delay_ns / SECOND)


def _check_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"host: {host!r} is not a loopback address; a simulator is served on this machine only")


@asynccontextmanager
async def serve(
    exchange: Exchange,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    clock: Clock | None = None,
    latency: Latency | None = None,
    ping: ServerPing | None = None,
) -> AsyncIterator[VenueServer]:
    """Serve one exchange on loopback until the block ends; port 0 takes a free one.

    `clock` gives the wall time that the exchange sees (default: the machine's). `ping` overrides the venue's own
    habit in `SERVER_PINGS`. Raises ValueError for an address that is not loopback, OSError when the port is taken.
    """
    _check_loopback(host)
    delivery = Delivery(exchange, clock or SystemClock())
    shell = _Shell(delivery, latency or Latency())
    runner = web.ServerRunner(web.Server(shell.answer, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    pinging: asyncio.Task[None] | None = None
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        authority = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
        shell.base = f"http://{authority}"
        habit = ping or SERVER_PINGS.get(exchange.name)
        if habit is not None:
            pinging = asyncio.get_running_loop().create_task(shell.ping_all(habit))
        delivery.flush()
        yield VenueServer(shell.base, f"ws://{authority}", shell.accepted, delivery)
    finally:
        if pinging is not None:
            pinging.cancel()
        await shell.hang_up()
        delivery.close()
        await runner.cleanup()
