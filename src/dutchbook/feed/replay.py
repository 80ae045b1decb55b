"""Plays recordings back through the transport seam: the engine's own connections receive them at their recorded times.

Runs in virtual time. A read is answered as it was answered then, and never before that answer came; nothing else is sent.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from dutchbook.core.account import Resolution
from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Lost, NotSent, SettingsError
from dutchbook.core.market import Market
from dutchbook.core.transport import CLOSED, Channel, Frame, FrameKind, Request, Response
from dutchbook.core.venue import BookSnapshot, BookStream, MarketData, VenueMode
from dutchbook.feed.record import target_of
from dutchbook.feed.virtual_time import VirtualClock

Frames = Iterator[tuple[int, bytes | Frame]]
"""(received wall ns, raw text or a frame of any kind), in order."""

Answers = Mapping[str, Sequence[tuple[int, Response | None]]]
"""Answers by `target_of` their URLs, in order of receipt (wall ns); None where none ever came."""

PAUSE_NS = 30 * SECOND
"""A longer time without any frame is a pause of the recorder: this much of it is lived through, so that trades under way
end as they would have, and the rest is jumped over."""


class ReplayChannel:
    """One recorded stream. Re-opening it goes on where it stood, as a reconnect would. `delivered` counts text frames."""

    def __init__(self, number: int, frames: Frames, transport: ReplayTransport) -> None:
        self.number = number
        self.is_open = False
        self._frames = frames
        self._transport = transport
        self._next: tuple[int, bytes | Frame] | None = next(frames, None)
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
        await self._transport.turn_of(self)
        self._next = next(self._frames, None)
        frame = data if isinstance(data, Frame) else Frame(FrameKind.TEXT, data)
        self.delivered += frame.kind is FrameKind.TEXT
        return frame

    async def close(self) -> None:
        """The engine hung up; the recording waits for the next opening."""
        self.is_open = False


class ReplayTransport:
    """Recorded streams by URL, and recorded answers to reads; `began_ns` is when the recorder began to ask."""

    def __init__(
        self, streams: Mapping[str, Frames], clock: VirtualClock, answers: Answers | None = None, began_ns: int = 0
    ) -> None:
        self._clock = clock
        self._answers = answers or {}
        self._began_ns = began_ns
        self.channels = {
            url: ReplayChannel(number, frames, self) for number, (url, frames) in enumerate(streams.items())
        }

    async def until(self, wall_ns: int) -> None:
        """Wait for a recorded time; a pause of all streams is jumped over but for its beginning and its last second."""
        while (wait := wall_ns - self._clock.wall()) > PAUSE_NS:
            await self._clock.sleep(PAUSE_NS)
            upcoming = [channel.next_ns for channel in self.channels.values() if channel.next_ns is not None]
            if wall_ns <= min(upcoming):
                self._clock.advance_to(wall_ns - SECOND)
        if wait > 0:
            await self._clock.sleep(wait)

    async def turn_of(self, channel: ReplayChannel) -> None:
        """Wait until no other open stream has an earlier frame; of the same instant, the stream that is named first goes first.

        So the order of a recording is its own, whatever timers the engine has running beside it.
        """
        while self._is_behind(channel):
            await self._clock.sleep(1)

    def _is_behind(self, channel: ReplayChannel) -> bool:
        assert channel.next_ns is not None
        mine = (channel.next_ns, channel.number)
        return any(
            other.is_open and other.next_ns is not None and (other.next_ns, other.number) < mine
            for other in self.channels.values()
        )

    async def send(self, request: Request) -> Response:
        """The answer to the same read (path and query) at this time of the recording.

        That is the next one that came within the request's time, when it came; else the last one before. Before the
        recorder began, it is the first one. Raises NotSent where there is none, Lost where the recorder got none.
        """
        known = self._answers.get(target_of(request.url), ()) if request.method == "GET" else ()
        if not known:
            raise NotSent(f"{request!r}: a recording answers no requests but the reads that it holds")
        now = self._clock.wall()
        at = bisect_left(known, now, key=lambda answer: answer[0]) if now >= self._began_ns else 0
        if now >= self._began_ns:
            if at < len(known) and known[at][0] - now <= request.timeout_ns:
                await self._clock.sleep(known[at][0] - now)
            elif at:
                at -= 1
            else:
                raise NotSent(f"{request!r}: the recording answers no requests like this until later")
        response = known[at][1]
        if response is None:
            raise Lost(f"{request!r}: no answer came when it was recorded")
        return response

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        channel = self.channels.get(url)
        if channel is None:
            raise NotSent(f"{url}: not in the recording")
        if channel.next_ns is None:
            # at the end there is nothing to come back to: wait until the run is stopped
            channel.ended.set()
            await asyncio.Event().wait()
        channel.is_open = True
        return channel

    async def close(self) -> None:
        """Nothing to release."""

    async def played(self) -> None:
        """Until every stream has been read to its end."""
        for channel in self.channels.values():
            await channel.ended.wait()


class ReplayedData:
    """A venue's public side over a recording: the real adapter, asked what the recorder asked.

    Markets and results were read for the whole recording at once; those asked for are picked out of it. Books come and go
    as they did, except that the end of a recording is not the venue hanging up: books stay as they were seen.
    """

    def __init__(self, data: MarketData, natives: Sequence[str]) -> None:
        self.name = data.name
        self._data = data
        self._natives = list(natives)

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        """The recorded markets, or the named ones. Raises SettingsError naming one that was not recorded."""
        found = {market.native: market for market in await self._data.markets(self._natives)}
        wanted = self._natives if natives is None else natives
        for native in wanted:
            if native not in found:
                raise SettingsError(f"{self.name}:{native} is not in the recording")
        return [found[native] for native in wanted]

    async def server_time(self) -> tuple[int, int]:
        """A recording has no other clock than ours."""
        return 0, 1 << 63

    async def mode(self) -> VenueMode:
        """What the venue took at this time."""
        return await self._data.mode()

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        """The book that the recorder fetched at this time."""
        return await self._data.snapshot(market)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results known at this time."""
        everything = [market_id(self.name, native) for native in self._natives]
        return [result for result in await self._data.resolutions(everything) if result.market in markets]

    def stream(self, markets: Sequence[Market]) -> BookStream:
        """The adapter's own stream."""
        return self._data.stream(markets)
