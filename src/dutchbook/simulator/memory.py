"""The transport seam straight onto exchange cores, without sockets: for paper, replay and the fault simulation.

Time passes only by the event loop (which may be virtual) and the given clock. Requests that have left arrive even
when their sender has given up or died, as on a real network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from dutchbook.core.clock import SECOND, Clock
from dutchbook.core.errors import Lost, NotSent, Refused
from dutchbook.core.transport import CLOSED, PONG, Channel, Frame, FrameKind, Request, Response
from dutchbook.simulator.delivery import DelayLine, Delivery, Latency
from dutchbook.simulator.exchange import Exchange


class MemoryChannel:
    """An open WebSocket to an exchange in memory."""

    def __init__(self, connection: int, delivery: Delivery, latency: Latency) -> None:
        self._connection = connection
        self._delivery = delivery
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._open = True
        self._drained = False
        self._up: DelayLine[bytes | None] = DelayLine(latency.outbound, self._arrive)
        self._down: DelayLine[list[Frame]] = DelayLine(latency.inbound, self._deliver)
        delivery.attach(connection, self._push)

    async def send(self, data: bytes) -> None:
        """A text frame to the venue. Raises NotSent when the channel is closed."""
        self._require_open()
        self._up.push(data)

    async def ping(self) -> None:
        """Answered by a PONG behind every frame that the venue sent before it."""
        self._require_open()
        self._up.push(None)

    async def receive(self) -> Frame:
        """The next frame in order; CLOSED for ever once the channel has ended."""
        if self._drained:
            return CLOSED
        frame = await self._frames.get()
        self._drained = frame.kind is FrameKind.CLOSED
        return frame

    async def close(self) -> None:
        """Hang up; frames not yet received are dropped."""
        self.hang_up()

    def hang_up(self) -> None:
        """What `close` does, without a loop turn: the client's process has ended."""
        if self._open:
            self._up.close()
            self._down.close()
            self._delivery.detach(self._connection)
            self._deliver([CLOSED])

    def _require_open(self) -> None:
        if not self._open:
            raise NotSent("the channel is closed; open a new one")

    def _arrive(self, data: bytes | None) -> None:
        if data is None:
            self._down.push([PONG])
        else:
            self._delivery.exchange.receive(self._connection, data, self._delivery.now())
        self._delivery.flush()

    def _push(self, batch: list[bytes | None]) -> None:
        self._down.push([CLOSED if data is None else Frame(FrameKind.TEXT, data) for data in batch])

    def _deliver(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._frames.put_nowait(frame)
            if frame.kind is FrameKind.CLOSED and self._open:
                self._open = False
                self._up.close()
                self._delivery.detach(self._connection)


class MemoryTransport:
    """A `core.transport.Transport` onto one exchange, or onto several by the beginning of the URL.

    One transport (or server) at a time per exchange: draining hands out the frames of all its connections.
    """

    def __init__(
        self, venues: Exchange | Mapping[str, Exchange], clock: Clock, latency: Latency | None = None
    ) -> None:
        self._clock = clock
        self._latency = latency or Latency()
        by_url = dict(venues) if isinstance(venues, Mapping) else {"": venues}
        made: dict[int, Delivery] = {}
        self._deliveries = {
            base: made.setdefault(id(exchange), Delivery(exchange, clock)) for base, exchange in by_url.items()
        }
        self._channels: list[MemoryChannel] = []
        self._waiting: set[asyncio.Future[Response]] = set()
        self._closed = False

    async def send(self, request: Request) -> Response:
        """The venue's answer. Raises NotSent without a venue at the URL, Lost when the answer outlasts the timeout."""
        delivery = self._venue(request.url)

        def arrive() -> Response:
            response = delivery.exchange.handle(request, delivery.now())
            delivery.flush()
            return response

        answer = self._round_trip(arrive)
        try:
            async with asyncio.timeout(request.timeout_ns / SECOND):
                return await answer
        except TimeoutError:
            raise Lost(f"{request!r}: no answer within {request.timeout_ns / SECOND:g} s") from None

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        """A channel. Raises NotSent without a venue at the URL, Refused when the venue answers with an error status."""
        delivery = self._venue(url)
        opened: list[MemoryChannel] = []

        def arrive() -> Response:
            verdict = delivery.exchange.connect(url, headers, delivery.now())
            if isinstance(verdict, Response):
                return verdict
            channel = MemoryChannel(verdict, delivery, self._latency)
            self._channels = [known for known in self._channels if known._open]
            self._channels.append(channel)
            opened.append(channel)
            delivery.flush()
            return Response(101)

        try:
            response = await self._round_trip(arrive)
        except asyncio.CancelledError:
            for channel in opened:
                channel.hang_up()
            raise
        if not opened:
            raise Refused(f"{url}: the handshake was answered with {response.status}", code=str(response.status))
        return opened[0]

    async def close(self) -> None:
        """Hang up every channel; answers still under way are lost."""
        self._closed = True
        for channel in self._channels:
            channel.hang_up()
        self._channels = []
        for answer in list(self._waiting):
            if not answer.done():
                answer.set_exception(Lost("the transport was closed before the answer came"))
        for delivery in set(self._deliveries.values()):
            delivery.close()

    def flush(self) -> None:
        """Deliver what the exchanges have queued: call it after touching one by hand (a world's step)."""
        for delivery in set(self._deliveries.values()):
            delivery.flush()

    def _venue(self, url: str) -> Delivery:
        if self._closed:
            raise NotSent("the transport is closed")
        bases = [base for base in self._deliveries if url.startswith(base)]
        if not bases:
            raise NotSent(f"{url}: no venue there; known: {', '.join(self._deliveries)}")
        return self._deliveries[max(bases, key=len)]
