"""Ctrl-C. For commands that trade: the first asks to end in order, the second leaves at once. Those that watch just end.

Both signals are taken on the loop, so that they also count where the shell that started us had told us to ignore SIGINT
(a background job of a script).

Leaving at once is safe: everything that was sent is in the journal before it was sent, and the next start goes on there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import uvloop

from dutchbook.cli.output import ExitStatus

T = TypeVar("T")

_FIRST = "\nending: no new trades, those under way are finished. Ctrl-C again leaves at once.\n"
_SECOND = "\nleft at once; the journal has everything, and the next start goes on with it.\n"


class Interrupt:
    """`asked` is set by the first SIGINT or SIGTERM."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def note(self) -> None:
        """A signal came."""
        if not self.asked.is_set():
            self.asked.set()
            sys.stderr.write(_FIRST)
            sys.stderr.flush()
            return
        sys.stderr.write(_SECOND)
        sys.stderr.flush()
        # no clean-up on purpose: whatever hangs is what the person wants to get away from
        os._exit(ExitStatus.INTERRUPTED)

    async def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; True as soon as somebody asked to end."""
        try:
            await asyncio.wait_for(self.asked.wait(), seconds)
        except TimeoutError:
            return False
        return True


def run_interruptible(work: Callable[[Interrupt], Coroutine[Any, Any, T]]) -> T:
    """Run `work` on a fresh loop with both signals handed to its `Interrupt`."""

    async def guarded() -> T:
        interrupt = Interrupt()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt.note)
        return await work(interrupt)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(guarded())


def run_until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends by itself, or SIGINT or SIGTERM cancels it, which is a good end."""

    async def guarded() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(guarded())
