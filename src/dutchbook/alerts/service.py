"""What the alerts' process knows and tells: it follows the ledger and the state stream, and puts messages into the outbox.

Read-only but for `command`, which goes through the ledger's inbox. Trading never waits for anything here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from dutchbook.alerts import day
from dutchbook.alerts.cursor import Cursor, Told
from dutchbook.alerts.events import Teller
from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.outbox import Log, Outbox
from dutchbook.alerts.replies import Limits, Now
from dutchbook.alerts.text import escaped
from dutchbook.alerts.trades import At, compose
from dutchbook.bus import watchdog
from dutchbook.bus.hearing import Hearing
from dutchbook.bus.messages import Snapshot
from dutchbook.bus.reader import Connected, Disconnected, StateReader
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import LedgerError, Skip
from dutchbook.core.facts import KillSwitchSet
from dutchbook.core.trade import Phase
from dutchbook.ledger.inbox import Answer
from dutchbook.ledger.journal import Journal, Record
from dutchbook.ledger.view import LedgerView

LOOK_S: Final = 1.0

NOON: Final = 12

BY: Final = "telegram"

Command = Callable[[str, Mapping[str, str], str], Answer]
"""(verb, arguments, who) -> answer, through the ledger's inbox. Blocks up to some seconds. Raises the tree's errors."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What an operator chose. `summary_at` is (hour, minute) of the zone's day; `cancel` lets the watchdog cancel what rests."""

    zone: ZoneInfo
    limits: Limits
    summary_at: tuple[int, int]
    cancel: bool
    by_loss: Callable[[KillSwitchSet], bool]
    """Whether a stop came from the loss limit, so that taking it back needs a second word."""


class Service:
    """`run` until cancelled. `outbox` is attached before by whoever can send."""

    outbox: Outbox

    def __init__(self, path: Path, netting: frozenset[str], command: Command, choices: Choices, log: Log) -> None:
        self.path = path
        self.choices = choices
        self.view = LedgerView(path, netting, self._take)
        self.hearing = Hearing()
        self.cursor = Cursor(path)
        self._snapshots: dict[str, Any] = {}
        self._command = command
        self._one_at_a_time = asyncio.Lock()
        self._log = log
        self._phases: dict[str, Phase] = {}
        self._told = Told(0)
        self._seen = 0
        """The newest record that was looked at for a message."""
        self._summed = ""
        self.stopped_ns = 0
        """Wall time at which somebody stopped the engine last."""
        self._trouble = ""
        self.dog = watchdog.Watchdog(self.engine, self._bark, self._cancel if choices.cancel else None)

    # -- what is asked ------------------------------------------------------------------------------------------------

    @property
    def tag(self) -> str:
        """The ledger's mode as `[PAPER]`."""
        identity = self.view.journal.identity() if self.view.journal is not None else {}
        mode = identity.get("mode", "")
        return f"[{mode.upper()}]" if mode else ""

    def engine(self) -> dict[str, Any]:
        """Whether an engine runs, as `Hearing.engine` says."""
        ledger = self.view.ledger
        return self.hearing.engine(
            started_ns=ledger.started_ns,
            stopped=ledger.stopped,
            latest_ns=self.view.latest_ns,
            health=self._snapshots.get("health"),
            trouble=self.view.trouble,
        )

    def now(self) -> Now:
        """What an answer is made of, as of this moment."""
        self.catch_up()
        choices = self.choices
        return Now(
            self.view.ledger, self.engine(), self._snapshots, choices.limits, choices.zone, time.time_ns(), self.tag
        )

    async def do(self, verb: str, arguments: Mapping[str, str], by: str = BY, seen: int | None = None) -> Answer:
        """Have the engine do something; one command at a time. Raises the errors of the tree.

        `start` with `seen`, the record of the stop that was seen, raises Skip when somebody stopped the engine after that.
        """
        async with self._one_at_a_time:
            self.catch_up()
            if verb == "start" and seen is not None and self.view.stop_seq > seen:
                raise Skip("somebody stopped the engine after you looked; look at the reason, then /start again")
            try:
                return await asyncio.to_thread(self._command, verb, arguments, by)
            finally:
                self.catch_up()

    # -- running ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take the cursor and read the ledger. Messages begin where an earlier process ended; the first one begins now.

        Raises SettingsError when another process has this ledger's cursor.
        """
        self.cursor.hold()
        known = self.cursor.read()
        end = self._end()
        self._told = known if known is not None and known.seq <= end else Told(end, self._due_day(time.time_ns()))
        self._seen, self._summed = self._told.seq, self._told.day
        self._keep(self._told)
        self.catch_up()

    async def run(self) -> None:
        """Follow, watch and sum up until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._look())
            group.create_task(self.dog.run())

    def catch_up(self) -> None:
        """Read what the ledger has new; its messages go into the outbox."""
        self.view.catch_up()
        if self.view.trouble != self._trouble:
            self._trouble = self.view.trouble
            if self._trouble:
                self._log.warning("the ledger cannot be read", reason=self._trouble)

    def delivered(self, message: Message) -> None:
        """A message has arrived."""
        pending = self.outbox.pending_seq()
        seq = self._seen if pending is None else pending - 1
        told = Told(max(self._told.seq, seq), max(self._told.day, message.day))
        if told != self._told:
            self._told = told
            self._keep(told)

    async def _listen(self) -> None:
        async for update in StateReader(self.path).updates():
            self.hearing.take(update)
            match update:
                case Snapshot(name, _, value):
                    if name != "opportunities":
                        self._snapshots[name] = value
                case Connected() | Disconnected():
                    self.catch_up()
                case _:
                    self.catch_up()

    async def _look(self) -> None:
        while True:
            self.catch_up()
            if self.hearing.hello is None:
                self._read_health()
            self.sum_up(time.time_ns())
            await asyncio.sleep(LOOK_S)

    def _read_health(self) -> None:
        journal = self.view.journal
        if journal is not None:
            with suppress(LedgerError):
                self._snapshots["health"] = journal.gauge("health")

    def sum_up(self, wall_ns: int) -> None:
        """Put the daily summary into the outbox when its time has come. Set before noon it tells of the day before."""
        due = self._due_day(wall_ns)
        if due > self._summed and self.view.journal is not None:
            self._summed = due
            told = date.fromisoformat(due)
            self.outbox.put(day.summary(self.view.ledger, self.choices.zone, told, wall_ns, self.tag))

    def _due_day(self, wall_ns: int) -> str:
        """The newest day that is to be summed up by now, ISO."""
        local = datetime.fromtimestamp(wall_ns // SECOND, self.choices.zone)
        hour, minute = self.choices.summary_at
        back = (hour < NOON) + ((local.hour, local.minute) < (hour, minute))
        return (local.date() - timedelta(days=back)).isoformat()

    def _end(self) -> int:
        try:
            journal = Journal.read(self.path)
        except LedgerError:
            return 0
        try:
            return journal.seq
        finally:
            journal.close()

    def _keep(self, told: Told) -> None:
        try:
            self.cursor.write(told)
        except OSError as error:
            self._log.warning("what was told cannot be kept: a restart may tell it again", reason=str(error.strerror))

    def _take(self, record: Record) -> None:
        fact, ledger = record.fact, self.view.ledger
        name = getattr(fact, "trade", "")
        before = self._phases.get(name)
        if name in ledger.trades:
            self._phases[name] = ledger.trades[name].phase
        if record.seq == self.view.stop_seq:
            self.stopped_ns = record.at_ns
        if record.seq <= self._seen:
            return
        self._seen = record.seq
        teller = Teller(self.tag, self.choices.zone, self.choices.by_loss)
        try:
            message = teller.tell(fact, record.seq, record.at_ns, before, ledger)
        except Exception as error:  # a fact that cannot be put into words must not silence those after it
            kind = str(fact.__struct_config__.tag)
            self._log.warning("a fact cannot be told", record=record.seq, fact=kind, reason=repr(error))
            lines = [f"Record {record.seq}, <code>{escaped(kind)}</code>: see <code>dutchbook tail</code>."]
            message = compose(
                Kind.ALARM, "A fact that cannot be put into words", lines, At(record.seq, record.at_ns, self.tag)
            )
        if message is not None:
            self.outbox.put(message)

    # -- the watchdog -------------------------------------------------------------------------------------------------

    def _bark(self, text: str, _shown: str) -> None:
        self._log.warning("watchdog", text=text)
        lines = [] if text == watchdog.HEARD else ["Look at the machine, then <code>dutchbook status</code>."]
        self.outbox.put(compose(Kind.WATCHDOG, text, lines, At(0, time.time_ns(), self.tag)))

    async def _cancel(self) -> str:
        answer = await self.do("stop", {"then": "cancel", "reason": watchdog.REASON}, "watchdog")
        return answer.text
