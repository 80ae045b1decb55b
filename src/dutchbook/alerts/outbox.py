"""What waits to be sent: bounded, at a polite pace, tried again until it arrives, and told as a digest when much has waited.

`put` never waits. A message that arrived is reported to `delivered`; one that Telegram refuses as it is goes out as plain text.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from dutchbook.alerts.digest import Tally, digest
from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.text import LIMIT, length, plain, split

KEPT: Final = 400
"""Messages that wait; beyond that the oldest routine one is only counted."""

DIGEST_FROM: Final = 20
"""So many waiting messages become a digest."""

DIGEST_AFTER_S: Final = 60.0
"""Messages that have waited so long become a digest."""

HOLD_S: Final = 3.0
"""A partial trade is told after this long, if nothing has come of it until then."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0


class Later(Exception):
    """Not delivered, try again; `after_s` when Telegram said how long to wait."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Unacceptable(Exception):
    """Telegram will never take this text."""


class Log(Protocol):
    """A structured logger."""

    def info(self, event: str, **values: object) -> object: ...

    def warning(self, event: str, **values: object) -> object: ...


@dataclass(slots=True)
class Waiting:
    """A message, since when it waits and from when it may go (loop time)."""

    message: Message
    since: float
    from_s: float


class Outbox:
    """`send` delivers one text of at most 4,096 units as HTML (or plain); raises Later or Unacceptable.

    `gap_s` is the pause between two texts: Telegram takes about one a second in a chat, twenty a minute in a group.
    """

    def __init__(
        self,
        send: Callable[[str, bool], Awaitable[None]],
        *,
        gap_s: float,
        zone: ZoneInfo,
        log: Log,
        wall_ns: Callable[[], int],
        delivered: Callable[[Message], None],
    ) -> None:
        self._send = send
        self._gap_s = gap_s
        self._zone = zone
        self._log = log
        self._wall_ns = wall_ns
        self._delivered = delivered
        self._waiting: deque[Waiting] = deque()
        self._dropped = Tally()
        self._changed = asyncio.Event()
        self._sending: tuple[Message, ...] = ()
        self._sending_dropped = Tally()
        self._next_s = 0.0
        self.failing = ""
        """Why nothing can be sent now; empty while all is well."""

    @property
    def waiting(self) -> int:
        """Messages that have not arrived."""
        return len(self._waiting) + len(self._sending)

    def pending_seq(self) -> int | None:
        """The earliest record whose message has not arrived, in whatever form; None when there is none."""
        seqs = [each.message.seq for each in self._waiting]
        seqs += [message.seq for message in self._sending]
        seqs += [self._dropped.first_seq, self._sending_dropped.first_seq]
        return min((seq for seq in seqs if seq), default=None)

    def put(self, message: Message) -> None:
        """Send this as soon as possible. What came of a partial trade takes the place of that message."""
        now = asyncio.get_running_loop().time()
        if message.trade:
            for each in tuple(self._waiting):
                if each.message.kind is Kind.PARTIAL and each.message.trade == message.trade:
                    self._waiting.remove(each)
        # what happened long ago (this process was away) has waited as long
        age_s = max(0.0, (self._wall_ns() - message.at_ns) / 1e9)
        hold = HOLD_S if message.kind is Kind.PARTIAL and age_s < HOLD_S else 0.0
        self._waiting.append(Waiting(message, now - age_s, now + hold))
        if len(self._waiting) > KEPT:
            oldest = next((each for each in self._waiting if each.message.routine), self._waiting[0])
            self._waiting.remove(oldest)
            self._dropped.add(oldest.message)
        self._changed.set()

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        while True:
            await self._until_due()
            texts = self._take()
            await self._deliver(texts)

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            due = min((each.from_s for each in self._waiting), default=None)
            if due is not None and due <= loop.time():
                return
            # a timer may fire a hair early: the clock is looked at again, never trusted to have passed
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._changed.wait()

    def _take(self) -> list[str]:
        """What goes out next: one message, a few that fit into one text, or a digest of all."""
        now = asyncio.get_running_loop().time()
        due = [each for each in self._waiting if each.from_s <= now]
        late = bool(due) and now - min(each.since for each in due) > DIGEST_AFTER_S
        if self._dropped or len(due) >= DIGEST_FROM or (late and len(due) > 1):
            chosen = due
            text = digest([each.message for each in due], self._dropped, self._zone)
            self._sending_dropped, self._dropped = self._dropped, Tally()
        else:
            chosen = due[:1]
            text = due[0].message.text
            for each in due[1:]:
                grown = f"{text}\n\n{each.message.text}"
                if length(grown) > LIMIT:
                    break
                chosen, text = [*chosen, each], grown
        for each in chosen:
            self._waiting.remove(each)
        self._sending = tuple(each.message for each in chosen)
        return split(text)

    async def _deliver(self, texts: list[str]) -> None:
        for text in texts:
            await self._arrive(text)
        sent, self._sending, self._sending_dropped = self._sending, (), Tally()
        for message in sent:
            self._delivered(message)

    async def _arrive(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_S
        formatted = True
        while True:
            await asyncio.sleep(max(0.0, self._next_s - loop.time()))
            try:
                await self._send(text if formatted else plain(text), formatted)
            except Later as error:
                wait = pause if error.after_s is None else error.after_s
                if not self.failing:
                    self._log.warning("Telegram does not take messages", reason=str(error))
                self.failing = str(error)
                pause = min(LONGEST_PAUSE_S, pause * 2)
                self._next_s = loop.time() + max(wait, self._gap_s)
            except Unacceptable as error:
                self._log.warning("Telegram refuses a message", reason=str(error), formatted=formatted)
                self._next_s = loop.time() + self._gap_s
                if not formatted:
                    return
                formatted = False
            else:
                if self.failing:
                    self._log.info("Telegram takes messages again", waiting=self.waiting)
                self.failing = ""
                self._next_s = loop.time() + self._gap_s
                return
