"""An open WebSocket, bent: frames lost, repeated, out of order, cut, garbled; silence; sockets that keep closing.

Acts on frames as they come from the venue and knows nothing of engines. A PONG proves that everything before it has been
delivered, so nothing that is held back for re-ordering is ever overtaken by one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

from dutchbook.core.clock import SECOND
from dutchbook.core.transport import CLOSED, Channel, Frame, FrameKind

if TYPE_CHECKING:
    from dutchbook.torture.network import Network

FrameWay = Literal[
    "gap", "duplicate_frame", "reordered_frames", "silence", "reconnect_storm", "torn_frame", "garbage_frame"
]

_ANSWER_TO_PING = b"PONG"
"""Polymarket's answer to a ping is a text."""


@dataclass(frozen=True, slots=True)
class FrameFault:
    """What happens to one frame and those after it.

    `count`: frames that a gap swallows, or sockets that a storm closes. `length`: bytes of a torn frame that are left, or
    frames that a socket of a storm delivers. `duration_ns`: of a silence. `garbage`: what a frame is overwritten with.
    """

    way: FrameWay
    count: int = 1
    length: int = 0
    duration_ns: int = 0
    garbage: bytes = b""


class Streams(Protocol):
    """Who decides about frames: the weather."""

    def frame(self, stream: str, data: bytes) -> FrameFault | None:
        """What to do to this frame of a stream (`kalshi book`, `polymarket private`, ...)."""


def private_of(venue: str) -> Callable[[bytes], bool]:
    """Accepts frames of a venue about our own orders and fills."""
    words = {
        "kalshi": (b'"type":"fill"', b'"type":"user_order"'),
        "polymarket": (b'"event_type":"trade"', b'"event_type":"order"'),
    }[venue]
    return lambda data: any(word in data for word in words)


@dataclass(slots=True)
class Storm:
    """Sockets of one stream that are still to be closed, each after a few frames."""

    left: int = 0
    frames: int = 0


@dataclass(slots=True)
class Storms:
    """The storms of all streams. It outlives every socket."""

    by_stream: dict[str, Storm] = field(default_factory=dict)

    def of(self, stream: str) -> Storm:
        return self.by_stream.setdefault(stream, Storm())


class Line:
    """An open WebSocket whose frames can be held back or spoiled."""

    def __init__(self, inner: Channel, network: Network, url: str = "") -> None:
        self._inner = inner
        self._network = network
        self._venue = "kalshi" if "kalshi" in urlsplit(url).netloc else "polymarket"
        self._private = urlsplit(url).path.rstrip("/").endswith("/user")
        self._held: deque[Frame] = deque()
        self._ready: deque[Frame] = deque()
        self._overtaken: Frame | None = None
        self._swallow = 0
        self._delivered = 0
        self._closing = asyncio.Event()

    @property
    def stream(self) -> str:
        """Venue and what the socket is for: `kalshi book`, `polymarket private`."""
        return f"{self._venue} {'private' if self._private else 'book'}"

    async def send(self, data: bytes) -> None:
        if b'"user_orders"' in data or b'"fill"' in data:
            self._private = True  # Kalshi has one address for both kinds of stream
        await self._inner.send(data)

    async def ping(self) -> None:
        await self._inner.ping()

    async def close(self) -> None:
        self._closing.set()
        await self._inner.close()

    async def receive(self) -> Frame:
        while True:
            frame = self._ready.popleft() if self._ready else await self._next()
            if frame is None:
                continue
            muffled = self._network.muffled
            if muffled is not None and frame.kind is not FrameKind.CLOSED and muffled(frame.data):
                self._held.append(frame)
                continue
            if self._held and muffled is None and frame.kind is not FrameKind.CLOSED:
                self._held.append(frame)  # in order: the answers to later pings let out the rest
                return self._held.popleft()
            return frame

    async def _next(self) -> Frame | None:
        """The next frame after what befalls it; None when it was lost or put aside."""
        frame = await self._inner.receive()
        if frame.kind is FrameKind.CLOSED:
            return frame
        if frame.kind is not FrameKind.TEXT or frame.data == _ANSWER_TO_PING:
            return self._after_overtaken(frame, first=False)
        if self._swallow:
            self._swallow -= 1
            return None
        streams = self._network.streams
        if streams is None:
            return frame
        storm = self._network.storms.of(self.stream)
        if storm.left and self._delivered >= storm.frames:
            storm.left -= 1
            return await self._cut()
        self._delivered += 1
        fault = streams.frame(self.stream, frame.data)
        if fault is not None:
            return await self._strike(fault, frame)
        return self._after_overtaken(frame, first=True)

    def _after_overtaken(self, frame: Frame, *, first: bool) -> Frame:
        """A frame that was put aside comes after this one (`first`), or before it."""
        aside, self._overtaken = self._overtaken, None
        if aside is None:
            return frame
        earlier, later = (frame, aside) if first else (aside, frame)
        self._ready.append(later)
        return earlier

    async def _strike(self, fault: FrameFault, frame: Frame) -> Frame | None:
        match fault.way:
            case "gap":
                self._swallow = fault.count - 1
                return None
            case "duplicate_frame":
                self._ready.append(frame)
                return self._after_overtaken(frame, first=False)
            case "reordered_frames":
                if self._overtaken is not None:
                    return self._after_overtaken(frame, first=True)
                self._overtaken = frame
                return None
            case "silence":
                if await self._closed_within(fault.duration_ns):
                    return CLOSED
                return frame
            case "reconnect_storm":
                storm = self._network.storms.of(self.stream)
                storm.left, storm.frames = fault.count - 1, fault.length
                return await self._cut()
            case "torn_frame":
                return Frame(FrameKind.TEXT, frame.data[: fault.length])
            case "garbage_frame":
                return Frame(FrameKind.TEXT, fault.garbage)

    async def _closed_within(self, duration_ns: int) -> bool:
        """Let a silence pass; True when our side hangs up meanwhile. What the venue sends is waiting behind it."""
        try:
            async with asyncio.timeout(duration_ns / SECOND):
                await self._closing.wait()
        except TimeoutError:
            return False
        return True

    async def _cut(self) -> Frame:
        await self._inner.close()
        return CLOSED
