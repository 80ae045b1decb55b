"""The watchdog (M46): an engine that should run and has been silent for ten seconds is an alert and, by setting, a cancel-all.

It judges by what is heard, never by what is drawn, and acts once an episode. It cannot reach a venue itself: it commands, as a
person would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from dutchbook.bus.hearing import SILENT_S
from dutchbook.core.errors import DutchbookError

EVERY_S: Final = 1.0

WRONG: Final = frozenset({"silent", "dead"})

REASON: Final = "watchdog: the engine is silent"
"""What stands in the ledger with a stop by the watchdog."""


HEARD: Final = "the engine is heard again"


class Watchdog:
    """`engine` is as `Hearing.engine` says. `say` is given each sentence for whoever must know, and what is to stand on a page
    until the next one; `cancel`, where resting orders are to be cancelled, commands it and returns the answer."""

    def __init__(
        self,
        engine: Callable[[], Mapping[str, Any]],
        say: Callable[[str, str], None],
        cancel: Callable[[], Awaitable[str]] | None,
    ) -> None:
        self._engine = engine
        self._say = say
        self._cancel = cancel
        self._wrong_s = 0.0
        self._barked = False
        self._ran = False

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.look(EVERY_S)

    async def look(self, passed_s: float) -> None:
        """One look, so long after the one before. An engine that was dead before this process began is no news."""
        engine = self._engine()
        if engine["state"] not in WRONG:
            self._ran = self._ran or engine["state"] == "running"
            if self._barked:
                self._say(HEARD if engine["state"] == "running" else engine["text"], "")
            self._wrong_s, self._barked = 0.0, False
            return
        self._wrong_s += passed_s
        long_enough = engine["state"] == "silent" or self._wrong_s >= SILENT_S
        if not self._ran or self._barked or not long_enough:
            return
        self._barked = True
        text = f"the engine has been silent for {SILENT_S:.0f} s: {engine['text']}"
        self._say(text, text)
        if self._cancel is not None:
            try:
                came = await self._cancel()
            except DutchbookError as error:
                came = f"NOT cancelled: {error}"
            self._say(came, f"{text}. {came}")
