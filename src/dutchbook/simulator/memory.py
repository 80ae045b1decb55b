"""The transport seam straight onto exchange cores, without sockets: for paper, replay and the fault simulation.

Time passes only by the event loop (which may be virtual) and the given clock. Requests that have left arrive even
when their sender has given up or died, as on a real network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, TypeVar

from dutchbook.core.clock import SECOND, Clock
from dutchbook.core.errors import Lost, NotSent, Refused
from dutchbook.core.transport import CLOSED, PONG, Channel, Frame, FrameKind, Request, Response
from dutchbook.simulator.delivery import DelayLine, Delivery, Latency
from dutchbook.simulator.exchange import DROPPED, Exchange, held

Answer = TypeVar("Answer")


class MemoryChannel:
    """An open WebSocket to an exchange in memory."""

    def __init__(self, connection: int, delivery: Delivery, latency: Latency) -> None:
        self._connection = connection
        self._delivery = delivery
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.is_open = True
        self._cut = False
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
        if self.is_open:
            self._down.close()
            self._deliver([CLOSED])

    def _require_open(self) -> None:
        if not self.is_open:
            raise NotSent("the channel is closed; open a new one")

    def _arrive(self, data: bytes | None) -> None:
        if self._cut:
            return  # the venue has closed its end already
        if data is None:
            self._down.push([PONG])
        else:
            self._delivery.exchange.receive(self._connection, data, self._delivery.now())
        self._delivery.flush()

    def _push(self, batch: list[bytes | None]) -> None:
        self._cut = self._cut or None in batch
        self._down.push([CLOSED if data is None else Frame(FrameKind.TEXT, data) for data in batch])

    def _deliver(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._frames.put_nowait(frame)
            if frame.kind is FrameKind.CLOSED and self.is_open:
                self.is_open = False
                self._up.close()
                self._delivery.detach(self._connection)


class MemoryTransport:
    """A `core.transport.Transport` onto one exchange, or onto several by the beginning of the URL.

    One transport (or server) at a time per exchange: draining hands out the frames of all its connections. The transport
    of another process at the same venues is made `beside` the first: what either of them drains reaches the connection that
    it is for.
    """

    def __init__(
        self,
        venues: Exchange | Mapping[str, Exchange],
        clock: Clock,
        latency: Latency | None = None,
        *,
        beside: MemoryTransport | None = None,
    ) -> None:
        self._clock = clock
        self._latency = latency or Latency()
        by_url = dict(venues) if isinstance(venues, Mapping) else {"": venues}
        made: dict[int, Delivery] = {}
        self._deliveries: dict[str, Delivery] = (
            {base: made.setdefault(id(exchange), Delivery(exchange, clock)) for base, exchange in by_url.items()}
            if beside is None
            else beside._deliveries
        )
        self._channels: list[MemoryChannel] = []
        self._waiting: set[asyncio.Future[Any]] = set()
        self._closed = False

    async def send(self, request: Request) -> Response:
        """The venue's answer. Raises NotSent without a venue at the URL, Lost when the answer outlasts the timeout."""
        delivery = self._venue(request.url)

        def arrive() -> tuple[int, Response]:
            delay_ns, response = held(delivery.exchange.handle(request, delivery.now()))
            self._flush(delivery)
            return delay_ns, response

        return await self._round_trip(arrive, request)

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        """A channel. Raises NotSent without a venue at the URL, Refused when the venue answers with an error status."""
        delivery = self._venue(url)

        def arrive() -> tuple[int, MemoryChannel | Response]:
            verdict = delivery.exchange.connect(url, headers, delivery.now())
            if isinstance(verdict, Response):
                return 0, verdict
            channel = MemoryChannel(verdict, delivery, self._latency)
            self._channels = [known for known in self._channels if known.is_open]
            self._channels.append(channel)
            self._flush(delivery)
            return 0, channel

        answer = await self._round_trip(arrive)
        if isinstance(answer, Response):
            raise Refused(f"{url}: the handshake was answered with {answer.status}", code=str(answer.status))
        return answer

    async def close(self) -> None:
        """Hang up every channel; answers still under way are lost."""
        self._closed = True
        for channel in self._channels:
            channel.hang_up()
        self._channels = []
        for answer in list(self._waiting):
            if not answer.done():
                answer.set_exception(Lost("the transport was closed before the answer came"))
        for delivery in dict.fromkeys(self._deliveries.values()):
            delivery.close()

    def flush(self) -> None:
        """Deliver what the exchanges have queued: call it after touching one by hand (a world's step)."""
        for delivery in dict.fromkeys(self._deliveries.values()):
            delivery.flush()

    def _flush(self, delivery: Delivery) -> None:
        # After close the exchange may already have another transport, whose frames are not ours to drain.
        if not self._closed:
            delivery.flush()

    def _round_trip(
        self, arrive: Callable[[], tuple[int, Answer]], request: Request | None = None
    ) -> asyncio.Future[Answer]:
        """Runs `arrive` at the venue after one latency and resolves after the other; giving up recalls nothing.

        `arrive` tells the answer, and the nanoseconds that the venue itself adds to the way back. An answer that comes after
        the timeout of `request` is Lost when the time is up: no timer is set for the many that come before.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        due = inf if request is None else loop.time() + request.timeout_ns / SECOND

        def given_up() -> None:
            if not future.done() and request is not None:
                future.set_exception(Lost(f"{request!r}: no answer within {request.timeout_ns / SECOND:g} s"))

        def answered(answer: Answer) -> None:
            if not future.done():
                if loop.time() > due:  # the process stood still while the answer came
                    given_up()
                elif isinstance(answer, Response) and answer.status == DROPPED.status:
                    future.set_exception(Lost("the venue dropped the connection without an answer"))
                else:
                    future.set_result(answer)
            elif isinstance(answer, MemoryChannel):
                answer.hang_up()

        def reached() -> None:
            try:
                held_back_ns, answer = arrive()
            except Exception as error:  # a fault of the simulator itself: its test must see it, not the loop
                if future.done():
                    raise
                future.set_exception(error)
                return
            comes = loop.time() + (self._latency.inbound() + held_back_ns) / SECOND
            if comes < due:
                loop.call_at(comes, answered, answer)
            elif leaves < due:
                loop.call_at(due, given_up)

        leaves = loop.time() + self._latency.outbound() / SECOND
        loop.call_at(leaves, reached)
        if leaves >= due:
            loop.call_at(due, given_up)
        return future

    def _venue(self, url: str) -> Delivery:
        if self._closed:
            raise NotSent("the transport is closed")
        bases = [base for base in self._deliveries if url.startswith(base)]
        if not bases:
            raise NotSent(f"{url}: no venue there; known: {', '.join(self._deliveries)}")
        return self._deliveries[max(bases, key=len)]
