"""Virtual time: an event loop that jumps to its next timer instead of waiting, and the clock that reads it.

The same engine code runs on it in replay, in the seed bench and in tests. Real sockets do not work on it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

from dutchbook.core.clock import SECOND

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose `time()` starts at zero and moves only by jumps; timers of one instant fire as they were set.

    It takes its turns itself: a fault simulation is made of nothing else, and the loop it inherits from spends half of each
    turn on sockets that are not there and on comparing timers.
    """

    _ready: deque[asyncio.Handle]
    _selector: selectors.BaseSelector
    _stopping: bool
    _process_events: Callable[[list[tuple[selectors.SelectorKey, int]]], None]

    def __init__(self) -> None:
        self.now_ns = 0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()
        self._turns = 0
        super().__init__(selectors.SelectSelector())

    def time(self) -> float:
        return self.now_ns / SECOND

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now_ns / SECOND + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        """One turn: jump to the next timer when nothing is ready, then run what is ready by then."""
        timers, ready = self._timers, self._ready
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not ready and not self._stopping:
            if not timers:
                raise RuntimeError("virtual time: every task waits and no timer is set")
            ahead = timers[0][0] - self.time()
            if ahead > 0:
                # round up, so that the timer which asked for this wait is due afterwards
                self.now_ns += int(ahead * SECOND) + 1
        self._turns += 1
        if self._turns % 64 == 0:
            # in virtual time nothing arrives from outside but, rarely, a signal: the system is not asked every time
            self._process_events(self._selector.select(0))
        soon = self.time() + 1e-9
        while timers and timers[0][0] < soon:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()


class VirtualClock:
    """Clock of a virtual loop. `origin_ns` is the wall time at its start."""

    def __init__(self, loop: VirtualLoop, origin_ns: int) -> None:
        self._loop = loop
        self._origin_ns = origin_ns

    def wall(self) -> int:
        return self._origin_ns + self._loop.now_ns

    def monotonic(self) -> int:
        return self._loop.now_ns

    async def sleep(self, duration_ns: int) -> None:
        if duration_ns <= 0:
            await asyncio.sleep(0)
            return
        loop = self._loop
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(duration_ns / SECOND, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()

    def advance_to(self, wall_ns: int) -> None:
        """Jump to a wall time that lies ahead; the past is ignored."""
        self._loop.now_ns = max(self._loop.now_ns, wall_ns - self._origin_ns)

    def step_wall(self, step_ns: int) -> None:
        """Set this clock's wall time forward or (negative) back, as a clock service does; monotonic time goes on evenly.

        Other clocks of the same loop do not notice.
        """
        self._origin_ns += step_ns


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


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
