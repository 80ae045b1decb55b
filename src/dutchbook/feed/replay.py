"""Plays recordings back through the transport seam: the engine's own connections receive them at their recorded times.

Runs in virtual time. Answers nothing but pings; a request through this transport is an error of the composition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import NotSent
from dutchbook.core.transport import CLOSED, Channel, Frame, FrameKind, Request, Response
from dutchbook.feed.virtual_time import VirtualClock

Frames = Iterator[tuple[int, bytes]]
"""(received wall ns, raw frame), in order."""

PAUSE_NS = 30 * SECOND
"""A longer time without any frame is a pause of the recorder: this much of it is lived through, so that trades under way
end as they would have, and the rest is jumped over."""


class ReplayChannel:
    """One recorded stream. Re-opening it goes on where it stood, as a reconnect would."""

    def __init__(self, frames: Frames, transport: ReplayTransport) -> None:
        self._frames = frames
        self._transport = transport
        self._next: tuple[int, bytes] | None = next(frames, None)
        self.ended = asyncio.Event()
        self.delivered = 0

    @property
    def next_ns(self) -> int | None:
        """When the next frame was received; None at the end."""
        return None if self._next is None else self._next[0]

    async def send(self, data: bytes) -> None:
        """Recorded venues hear nothing."""

    async def ping(self) -> None:
        """Nothing comes back: silence in the recording stays silence."""

    async def receive(self) -> Frame:
        if self._next is None:
            self.ended.set()
            return CLOSED
        at_ns, data = self._next
        await self._transport.until(at_ns)
        self._next = next(self._frames, None)
        self.delivered += 1
        return Frame(FrameKind.TEXT, data)

    async def close(self) -> None:
        """The engine hung up; the recording waits for the next opening."""


class ReplayTransport:
    """Recorded streams by URL."""

    def __init__(self, streams: Mapping[str, Frames], clock: VirtualClock) -> None:
        self._clock = clock
        self.channels = {url: ReplayChannel(frames, self) for url, frames in streams.items()}

    async def until(self, wall_ns: int) -> None:
        """Wait for a recorded time; a pause of all streams is jumped over but for its beginning and its last second."""
        while (wait := wall_ns - self._clock.wall()) > PAUSE_NS:
            await self._clock.sleep(PAUSE_NS)
            upcoming = [channel.next_ns for channel in self.channels.values() if channel.next_ns is not None]
            if wall_ns <= min(upcoming):
                self._clock.advance_to(wall_ns - SECOND)
        if wait > 0:
            await self._clock.sleep(wait)

    async def send(self, request: Request) -> Response:
        raise NotSent(f"{request!r}: a recording answers no requests")

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        channel = self.channels.get(url)
        if channel is None:
            raise NotSent(f"{url}: not in the recording")
        if channel.next_ns is None:
            # at the end there is nothing to come back to: wait until the run is stopped
            channel.ended.set()
            await asyncio.Event().wait()
        return channel

    async def close(self) -> None:
        """Nothing to release."""

    async def played(self) -> None:
        """Until every stream has been read to its end."""
        for channel in self.channels.values():
            await channel.ended.wait()
