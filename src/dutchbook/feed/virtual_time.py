"""Virtual time: an event loop that jumps to its next timer instead of waiting, and the clock that reads it.

The same engine code runs on it in replay, in the seed bench and in tests. Real sockets do not work on it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from dutchbook.core.clock import SECOND

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: what would be a wait moves the loop's time on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self._asked = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("virtual time: every task waits and no timer is set")
        if timeout > 0:
            # round up, so that the timer which asked for this wait is due afterwards
            self.now_ns += int(timeout * SECOND) + 1
        self._asked += 1
        # in virtual time nothing arrives from outside but, rarely, a signal: the system is not asked every time
        return super().select(0) if self._asked % 64 == 0 else []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose `time()` starts at zero and moves only by jumps."""

    def __init__(self) -> None:
        self.selector = _JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_ns / SECOND


class VirtualClock:
    """Clock of a virtual loop. `origin_ns` is the wall time at its start."""

    def __init__(self, loop: VirtualLoop, origin_ns: int) -> None:
        self._selector = loop.selector
        self._origin_ns = origin_ns

    def wall(self) -> int:
        return self._origin_ns + self._selector.now_ns

    def monotonic(self) -> int:
        return self._selector.now_ns

    async def sleep(self, duration_ns: int) -> None:
        await asyncio.sleep(duration_ns / SECOND)

    def advance_to(self, wall_ns: int) -> None:
        """Jump to a wall time that lies ahead; the past is ignored."""
        self._selector.now_ns = max(self._selector.now_ns, wall_ns - self._origin_ns)

    def step_wall(self, step_ns: int) -> None:
        """Set this clock's wall time forward or (negative) back, as a clock service does; monotonic time goes on evenly.

        Other clocks of the same loop do not notice.
        """
        self._origin_ns += step_ns


def run_virtual(loop: VirtualLoop, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a virtual loop, cancel what it left behind, and close the loop.

    Raises RuntimeError when a callback or a forgotten task failed meanwhile: a run with a hidden error proves nothing.
    """
    errors: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: errors.append(context))
    try:
        result = loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    if errors:
        raise RuntimeError(f"virtual time: {errors[0]['message']}") from errors[0].get("exception")
    return result
