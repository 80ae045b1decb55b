"""The live transport: requests and WebSockets by aiohttp. The only place above the sockets that knows aiohttp.

Never repeats a request, follows a redirect or keeps a cookie. An error is NotSent only when it is certain that no byte
of the request was written; in every other case the answer is Lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from dutchbook.core.clock import MILLISECOND, SECOND, Clock
from dutchbook.core.errors import Lost, NotSent, Refused
from dutchbook.core.transport import CLOSED, PONG, Channel, Frame, FrameKind, Request, Response

_CONNECT_S: Final = 5
_HANDSHAKE_S: Final = 10
_IDLE_S: Final = 55
"""How long an idle connection is kept warm; venues' gateways close theirs after about a minute."""

_TROUBLE: Final = (aiohttp.ClientError, TimeoutError, OSError)


class AioChannel:
    """An open WebSocket. Answers the venue's pings while somebody receives."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        """One text frame; raises NotSent when the channel is closed."""
        try:
            await self._socket.send_frame(data, aiohttp.WSMsgType.TEXT)
        except _TROUBLE as error:
            raise NotSent(f"the channel is closed: {_words(error)}") from None

    async def ping(self) -> None:
        """Raises NotSent when the channel is closed."""
        try:
            await self._socket.ping()
        except _TROUBLE as error:
            raise NotSent(f"the channel is closed: {_words(error)}") from None

    async def receive(self) -> Frame:
        """The next frame; CLOSED for ever once the channel has ended, however it ended."""
        while True:
            try:
                message = await self._socket.receive()
            except _TROUBLE:
                return CLOSED
            kind = message.type
            if kind is aiohttp.WSMsgType.TEXT or kind is aiohttp.WSMsgType.BINARY:
                return Frame(FrameKind.TEXT, message.data)
            if kind is aiohttp.WSMsgType.PONG:
                return PONG
            if kind is aiohttp.WSMsgType.PING:
                try:
                    await self._socket.pong(message.data)
                except _TROUBLE:
                    return CLOSED
                continue
            return CLOSED

    async def close(self) -> None:
        await self._socket.close()


class AioTransport:
    """`core.transport.Transport` over one aiohttp session, which keeps connections warm."""

    def __init__(self, clock: Clock) -> None:
        """`clock` only measures how long an answer was waited for, for the words of an error."""
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """The answer. Raises NotSent when no byte was written, Lost when one may have been."""
        progress = SimpleNamespace(written=False)
        began_ns = self._clock.monotonic()
        timeout = aiohttp.ClientTimeout(total=request.timeout_ns / SECOND, connect=_CONNECT_S)
        try:
            async with self._open_session().request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                timeout=timeout,
                trace_request_ctx=progress,
            ) as answer:
                body = await answer.read()
                return Response(answer.status, body, {name.lower(): value for name, value in answer.headers.items()})
        except (*_TROUBLE, ValueError) as error:
            waited_ms = (self._clock.monotonic() - began_ns) // MILLISECOND
            text = f"{request.method} {_place(request.url)}: {_words(error)} after {waited_ms} ms"
            if progress.written:
                raise Lost(text) from None
            raise NotSent(text) from None

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        """A WebSocket. Raises NotSent without a connection, Refused when the handshake was answered with an error."""
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                socket = await self._open_session().ws_connect(
                    URL(url, encoded=True),
                    headers=headers,
                    # aiohttp's own answering would swallow the pongs that prove the stream to be alive.
                    autoping=False,
                    max_msg_size=0,
                    compress=0,
                    decode_text=False,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(
                f"{_place(url)}: the handshake was answered with {error.status}", code=str(error.status)
            ) from None
        except (*_TROUBLE, ValueError) as error:
            raise NotSent(f"{_place(url)}: no connection: {_words(error)}") from None
        return AioChannel(socket)

    async def close(self) -> None:
        """Close the session and all its connections; the next use opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        # Made on first use, because a session belongs to the loop that runs it.
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_note_written)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S, ttl_dns_cache=300),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
            )
            # aiohttp repeats GET and DELETE on its own when a kept connection turns out dead; nothing is repeated here.
            self._session._retry_connection = False
        return self._session


async def _note_written(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """Called just before the first bytes are handed to the socket. A WebSocket handshake has no progress to note."""
    if context.trace_request_ctx is not None:
        context.trace_request_ctx.written = True


def _place(url: str) -> str:
    """The URL without its query: ids and cursors do not belong in an error."""
    return url.partition("?")[0]


def _words(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
