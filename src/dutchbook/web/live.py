"""What is known now, and whoever wants to hear when it changes: one reader of the state stream for all visitors.

Keeps the newest of everything and a version of each topic. Visitors look at versions at their own pace, so a slow one costs
nothing but its own place. Without a stream (an older engine, or none) the ledger's file is looked at once a second.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dutchbook.bus.hearing import Hearing
from dutchbook.bus.messages import Event, Hello, Missed, Snapshot
from dutchbook.bus.reader import Connected, Disconnected, StateReader, Update
from dutchbook.core.errors import LedgerError
from dutchbook.ledger.view import LedgerView

LOOK_S: Final = 1.0

GAUGES: Final = ("health", "funnel", "capital", "reconciliation")
"""What an engine also writes into the ledger's file."""


class Live:
    """`run` keeps it current. `values` are the newest snapshots with the wall time of each; `versions` count changes by topic.

    Topics are the snapshots' names, `ledger` for new facts, `facts` for the same at most once a second, `engine` for whether one
    is heard, `watchdog` for what that found.
    """

    def __init__(self, view: LedgerView) -> None:
        self.view = view
        self.values: dict[str, tuple[int, Any]] = {}
        self.versions: dict[str, int] = {}
        self.hearing = Hearing()
        self.table: dict[str, dict[str, Any]] = {}
        self.bundles = 0
        self.changed_rows: tuple[int, dict[str, dict[str, Any]], tuple[str, ...]] = (0, {}, ())
        """Version of the newest table, the rows that differ from the one before it, and those that are gone."""
        self._waiting: set[asyncio.Event] = set()

    # -- what others ask ----------------------------------------------------------------------------------------------

    def value(self, name: str) -> Any:
        """The newest snapshot of a name; None when there is none."""
        return self.values.get(name, (0, None))[1]

    @property
    def hello(self) -> Hello | None:
        """Of the engine that is heard; None when none is."""
        return self.hearing.hello

    def engine(self) -> dict[str, Any]:
        """Whether an engine runs: `state` is running, silent, stopped, dead or never started, with a sentence and since when."""
        view = self.view
        return self.hearing.engine(
            started_ns=view.ledger.started_ns,
            stopped=view.ledger.stopped,
            latest_ns=view.latest_ns,
            health=self.value("health"),
            trouble=view.trouble,
        )

    def listen(self) -> asyncio.Event:
        """An event that is set at every change until `leave`."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def leave(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    @property
    def visitors(self) -> int:
        return len(self._waiting)

    # -- keeping current ----------------------------------------------------------------------------------------------

    async def run(self, path: Path) -> None:
        """Listen and look until cancelled."""
        looking = asyncio.create_task(self._look())
        try:
            async for update in StateReader(path).updates():
                self.take(update)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    def take(self, update: Update) -> None:
        """One word of the stream."""
        self.hearing.take(update)
        match update:
            case Connected() | Disconnected():
                self.catch_up()
                self.touch("engine")
            case Snapshot(name, at_ns, value):
                if name == "opportunities":
                    self._take_table(value)
                self.values[name] = at_ns, value
                self.touch(name)
            case Event() | Missed():
                self.catch_up()

    def catch_up(self) -> None:
        """Read what the ledger has new."""
        if self.view.catch_up():
            self.touch("ledger")

    def _take_table(self, value: Any) -> None:
        rows = {row["id"]: row for row in value["rows"]}
        changed = {name: row for name, row in rows.items() if self.table.get(name) != row}
        gone = tuple(name for name in self.table if name not in rows)
        self.table, self.bundles = rows, value["bundles"]
        self.changed_rows = self.versions.get("opportunities", 0) + 1, changed, gone

    def touch(self, topic: str) -> None:
        """Something of this topic has changed: wake whoever listens."""
        self.versions[topic] = self.versions.get(topic, 0) + 1
        for event in self._waiting:
            event.set()

    async def _look(self) -> None:
        """By the clock: the ledger's file where no stream tells, and whether the engine has fallen silent."""
        state, facts = "", -1
        while True:
            self.catch_up()
            if self.view.ledger.facts != facts:
                facts = self.view.ledger.facts
                self.touch("facts")
            if self.hello is None:
                self._read_gauges()
            now = self.engine()["state"]
            if now != state:
                state = now
                self.touch("engine")
            await asyncio.sleep(LOOK_S)

    def _read_gauges(self) -> None:
        journal = self.view.journal
        if journal is None:
            return
        with suppress(LedgerError):
            for name in GAUGES:
                value = journal.gauge(name)
                if value is not None and value != self.value(name):
                    at_ns = value.get("at_ns", 0) if isinstance(value, dict) else 0
                    self.values[name] = int(at_ns), value
                    self.touch(name)
