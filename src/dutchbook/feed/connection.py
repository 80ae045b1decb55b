"""Keeps one venue stream open: connect, deliver, keep alive, notice silence, reconnect. Decides nothing about trading.

The stream itself is sans-I/O (`core.venue.Stream`); this shell moves its bytes and hands its events on, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dutchbook.core.clock import MILLISECOND, SECOND, Clock
from dutchbook.core.errors import DutchbookError, NotSent
from dutchbook.core.events import StreamEvent, StreamTrouble
from dutchbook.core.transport import Channel, FrameKind, Transport
from dutchbook.core.venue import Stream

Deliver = Callable[[Sequence[StreamEvent]], None]


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Nanoseconds: how often to prove that the stream is alive, when silence makes it stale, and how reconnects back off."""

    every_ns: int = SECOND
    silent_ns: int = 5 * SECOND
    first_backoff_ns: int = 100 * MILLISECOND
    last_backoff_ns: int = 10 * SECOND


ANSWER: Final = b"PONG"
"""What a venue answers to a heartbeat that is text; protocol pings are answered by frames of their own kind."""


class Connection:
    """One stream on one WebSocket. `run` goes on until it is cancelled.

    `last_frame_ns` is our monotonic time of the last frame of any kind: frames come in order, so it is also the time up to
    which every live book of this stream is known to be current, unless the stream is behind. A line that delivers late, but
    delivers, is not silent: only the answer to a ping tells, because it comes behind everything that the venue had sent
    before. So no further ping is sent while one waits for its answer, and `heard_ns` takes off what the line was last late by.
    """

    def __init__(
        self, name: str, stream: Stream, transport: Transport, clock: Clock, deliver: Deliver, keep_alive: KeepAlive
    ) -> None:
        self.name = name
        self.stream = stream
        self.up = asyncio.Event()
        self.last_frame_ns = 0
        self.frames = 0
        self.reconnects = 0
        self.troubles = 0
        self.last_trouble = ""
        self._asked_ns: int | None = None
        self._answers = False
        self._late_ns = 0
        self._pinged_ns = 0
        self._transport = transport
        self._clock = clock
        self._deliver = deliver
        self._keep_alive = keep_alive

    @property
    def heard_ns(self) -> int:
        """Our monotonic time up to which the stream is known to be current: `last_frame_ns`, less what the last answer to a
        ping took, and not after the ping left that still waits for its answer. A wait no longer than pings are apart is not
        counted, and a venue that has never answered one is not judged by it."""
        heard, asked = self.last_frame_ns - self._late_ns, self._asked_ns
        if asked is None or not self._answers or self._clock.monotonic() - asked <= self._keep_alive.every_ns:
            return heard
        return min(heard, asked)

    async def run(self) -> None:
        """Connect for ever, backing off after failures; a connection that delivered frames resets the back-off.

        One that the stream gave up soon after it was opened does not: it would give up the next one as well.
        """
        backoff = self._keep_alive.first_backoff_ns
        while True:
            before, since = self.frames, self._clock.monotonic()
            given_up = False
            try:
                given_up = await self._session()
            except DutchbookError as error:
                self._trouble(str(error))
            finally:
                self.up.clear()
                self._deliver(self.stream.closed())
            soon = self._clock.monotonic() - since < self._keep_alive.last_backoff_ns
            if self.frames > before and not (given_up and soon):
                backoff = self._keep_alive.first_backoff_ns
            self.reconnects += 1
            await self._clock.sleep(backoff)
            backoff = min(2 * backoff, self._keep_alive.last_backoff_ns)

    async def flush(self, channel: Channel) -> None:
        """Send what the stream has queued, in order."""
        outbox = self.stream.outbox
        while outbox:
            await channel.send(outbox.pop(0))

    async def _session(self) -> bool:
        """One connection from its opening to its end; True when the stream gave it up."""
        channel = await self._transport.open(self.stream.url, self.stream.headers(self._clock.wall()))
        self.last_frame_ns = self._clock.monotonic()
        self._asked_ns, self._late_ns = None, 0
        watch = asyncio.create_task(self._watch(channel), name=f"{self.name} keep-alive")
        try:
            self.stream.opened()
            await self.flush(channel)
            self.up.set()
            return await self._pump(channel)
        finally:
            watch.cancel()
            await channel.close()

    async def _pump(self, channel: Channel) -> bool:
        stream, monotonic, deliver = self.stream, self._clock.monotonic, self._deliver
        while True:
            frame = await channel.receive()
            if frame.kind is FrameKind.CLOSED:
                return False
            now = monotonic()
            self.last_frame_ns = now
            if frame.kind is FrameKind.PONG:
                self._answered(now)
                continue
            if frame.data == ANSWER and stream.heartbeat is not None:
                self._answered(now)
            self.frames += 1
            events = stream.receive(frame.data, now)
            if events:
                # before anything is sent: a socket that has died must not take this frame's events with it
                deliver(events)
                if any(isinstance(event, StreamTrouble) and event.terminal for event in events):
                    return True
            if stream.outbox:
                await self.flush(channel)

    async def _watch(self, channel: Channel) -> None:
        """Ping at an interval; close a connection that stays silent, so that the session ends and reconnects."""
        while True:
            await self._clock.sleep(self._keep_alive.every_ns)
            now, silent_ns = self._clock.monotonic(), self._keep_alive.silent_ns
            missing = self._missing(now)
            if missing:
                self._trouble(f"no {missing} for {silent_ns // SECOND} s on an open socket; reconnecting")
                await channel.close()
                return
            # one at a time, so that its answer is its own; where none has ever come, another at the pace of silence
            if self._asked_ns is not None and (self._answers or now - self._pinged_ns <= silent_ns):
                continue
            try:
                self._asked_ns, self._pinged_ns = self._asked_ns or now, now
                if self.stream.heartbeat is not None:
                    await channel.send(self.stream.heartbeat)
                else:
                    await channel.ping()
            except NotSent:
                return

    def _missing(self, now: int) -> str:
        """What has not come for too long, in words; nothing where all is well."""
        silent_ns, asked = self._keep_alive.silent_ns, self._asked_ns
        if now - self.last_frame_ns > silent_ns:
            return "frame"
        waits = asked is not None and self._answers and now - asked > silent_ns
        return "answer to a ping" if waits or self._late_ns > silent_ns else ""

    def _answered(self, now: int) -> None:
        if self._asked_ns is None:
            return  # nobody has asked
        took = now - self._asked_ns
        self._late_ns = took if took > self._keep_alive.every_ns else 0
        self._asked_ns, self._answers = None, True

    def _trouble(self, reason: str) -> None:
        self.troubles += 1
        self.last_trouble = reason
        self._deliver((StreamTrouble(f"{self.name}: {reason}", terminal=False),))
