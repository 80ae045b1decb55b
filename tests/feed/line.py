"""A WebSocket in memory on virtual time: the far end is a script, every connection is kept to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import NotSent
from dutchbook.core.events import StreamEvent
from dutchbook.core.transport import CLOSED, PONG, Channel, Frame, FrameKind, Request, Response
from dutchbook.feed.connection import Connection, KeepAlive
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual

T = TypeVar("T")
ORIGIN_NS = 1_795_000_000 * SECOND


class MemoryChannel:
    """One connection. `answers` says whether pings are answered; a closed one delivers CLOSED for ever."""

    def __init__(self, opened_ns: int, answers: bool) -> None:
        self.opened_ns = opened_ns
        self.sent: list[bytes] = []
        self.pings = 0
        self.closed = False
        self.answers = answers
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()

    def say(self, data: bytes) -> None:
        """The far end sends a frame."""
        self._frames.put_nowait(Frame(FrameKind.TEXT, data))

    def pong(self) -> None:
        """The far end answers a ping."""
        self._frames.put_nowait(PONG)

    def hang_up(self) -> None:
        """The far end closes."""
        self._frames.put_nowait(CLOSED)
        self.closed = True

    async def send(self, data: bytes) -> None:
        if self.closed:
            raise NotSent("the channel is closed")
        self.sent.append(data)

    async def ping(self) -> None:
        if self.closed:
            raise NotSent("the channel is closed")
        self.pings += 1
        if self.answers:
            self.pong()

    async def receive(self) -> Frame:
        frame = await self._frames.get()
        if frame is CLOSED:
            self._frames.put_nowait(CLOSED)
        return frame

    async def close(self) -> None:
        if not self.closed:
            self.hang_up()


Far = Callable[[MemoryChannel], Awaitable[None]]
"""What the far end does with one connection."""


class MemoryLine:
    """A transport whose n-th opening is played by the n-th far end (the last one again and again); None refuses."""

    def __init__(self, clock: VirtualClock, far_ends: Sequence[Far | None], *, answers: bool = True) -> None:
        self.attempts: list[int] = []
        self.headers: list[Mapping[str, str]] = []
        self.channels: list[MemoryChannel] = []
        self._clock = clock
        self._far_ends = far_ends
        self.answers = answers
        self._tasks: list[asyncio.Future[None]] = []

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        self.attempts.append(self._clock.monotonic())
        self.headers.append(headers)
        far = self._far_ends[min(len(self.attempts), len(self._far_ends)) - 1]
        if far is None:
            raise NotSent(f"{url}: connection refused")
        channel = MemoryChannel(self._clock.monotonic(), self.answers)
        self.channels.append(channel)
        self._tasks.append(asyncio.ensure_future(far(channel)))
        return channel

    async def send(self, request: Request) -> Response:
        raise NotSent(f"{request!r}: this line has no REST side")

    async def close(self) -> None:
        """Nothing to release."""


class ScriptedStream:
    """A stream whose frames mean what `meanings` says; subscribes with one message, answers what `replies` says."""

    def __init__(
        self,
        meanings: Mapping[bytes, Sequence[StreamEvent]] | None = None,
        *,
        replies: Mapping[bytes, bytes] | None = None,
        heartbeat: bytes | None = None,
        at_close: Sequence[StreamEvent] = (),
    ) -> None:
        self.url = "ws://venue/stream"
        self.outbox: list[bytes] = []
        self.heartbeat = heartbeat
        self.received: list[tuple[bytes, int]] = []
        self._meanings = meanings or {}
        self._replies = replies or {}
        self._at_close = at_close

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        return {"timestamp": str(wall_ns)}

    def opened(self) -> None:
        self.outbox += [b"subscribe books", b"subscribe trades"]

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        self.received.append((data, received_ns))
        if data in self._replies:
            self.outbox.append(self._replies[data])
        return self._meanings.get(data, ())

    def closed(self) -> Sequence[StreamEvent]:
        return self._at_close


class Listener:
    """A connection with everything that it delivered and when."""

    def __init__(
        self,
        clock: VirtualClock,
        far_ends: Sequence[Far | None],
        stream: ScriptedStream | None = None,
        *,
        answers: bool = True,
        keep_alive: KeepAlive | None = None,
    ) -> None:
        self.clock = clock
        self.stream = stream or ScriptedStream()
        self.line = MemoryLine(clock, far_ends, answers=answers)
        self.delivered: list[tuple[int, StreamEvent]] = []
        self.connection = Connection(
            "venue books", self.stream, self.line, clock, self._deliver, keep_alive or KeepAlive()
        )

    def _deliver(self, events: Sequence[StreamEvent]) -> None:
        self.delivered += [(self.clock.monotonic(), event) for event in events]

    @property
    def events(self) -> list[StreamEvent]:
        return [event for _, event in self.delivered]

    async def listen(self, seconds: float) -> None:
        """Run the connection for so long, then cancel it."""
        task = asyncio.create_task(self.connection.run())
        await self.clock.sleep(int(seconds * SECOND))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


def in_virtual_time(story: Callable[[VirtualClock], Coroutine[Any, Any, T]]) -> T:
    """Run a story on a fresh virtual loop."""
    loop = VirtualLoop()
    return run_virtual(loop, story(VirtualClock(loop, ORIGIN_NS)))


def listen(
    far_ends: Sequence[Far | None], seconds: float, stream: ScriptedStream | None = None, **more: Any
) -> Listener:
    """Everything that a connection did in so many virtual seconds."""

    async def story(clock: VirtualClock) -> Listener:
        listener = Listener(clock, far_ends, stream, **more)
        await listener.listen(seconds)
        return listener

    return in_virtual_time(story)


async def quiet(channel: MemoryChannel) -> None:
    """A far end that says nothing and stays."""
