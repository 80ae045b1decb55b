"""Whether an engine is heard, in a word and a sentence: what the page, the alerts and the watchdog go by.

Keeps who spoke last and when, and is told what the ledger knows besides. Reads nothing by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from dutchbook.bus.messages import Hello
from dutchbook.bus.reader import Connected, Disconnected, Update
from dutchbook.core.clock import SECOND

SILENT_S: Final = 10.0
"""An engine that should run and says nothing for so long is an alert (M46)."""

FRESH_NS: Final = 5 * SECOND
"""A running engine writes its gauges every second; older ones are of an engine that does not run."""


class Hearing:
    """`take` each update of the state stream."""

    def __init__(self) -> None:
        self.hello: Hello | None = None
        self.heard_ns = 0
        """Wall time at which the engine last said anything."""
        self._heard = time.monotonic()

    def take(self, update: Update) -> None:
        """One word of the stream."""
        if not isinstance(update, Disconnected):
            self._heard, self.heard_ns = time.monotonic(), time.time_ns()
        match update:
            case Connected(hello):
                self.hello = hello
            case Disconnected():
                self.hello = None

    def silent_s(self) -> float:
        """Seconds since the engine said anything."""
        return time.monotonic() - self._heard

    def engine(
        self, *, started_ns: int, stopped: str | None, latest_ns: int, health: object, trouble: str = ""
    ) -> dict[str, Any]:
        """Whether an engine runs: `state` is running, silent, stopped, dead or never started, with a sentence and since when.

        From the ledger: when the last engine started, with which words it stopped, the time of the newest fact, the gauge
        `health`, and why the ledger cannot be read.
        """
        if self.hello is not None and self.silent_s() < SILENT_S:
            return {"state": "running", "text": "the engine is running", "since_ns": self.hello.started_ns}
        if self.hello is not None:
            text = "the engine holds the line but says nothing: it hangs, or this machine is overloaded"
            return {"state": "silent", "text": text, "since_ns": self.heard_ns}
        if not started_ns:
            return {"state": "never started", "text": trouble or "no engine has run on this ledger", "since_ns": 0}
        if stopped is not None:
            return {"state": "stopped", "text": f"the engine stopped: {stopped}", "since_ns": latest_ns}
        if isinstance(health, Mapping) and time.time_ns() - int(health.get("at_ns", 0)) < FRESH_NS:
            return {"state": "running", "text": "the engine is running (no state stream)", "since_ns": started_ns}
        text = "the engine is gone and did not say goodbye; the next start goes on where it stopped"
        return {"state": "dead", "text": text, "since_ns": max(self.heard_ns, latest_ns)}
