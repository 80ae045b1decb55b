"""How frames and answers leave an exchange core: drained at once, grouped by connection, delayed like a network.

One `Delivery` per exchange, because `drain` hands out the frames of every connection. Nothing here knows a venue or
reads a payload, and nothing is ever re-ordered within one connection.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from dutchbook.core.clock import MILLISECOND, SECOND, Clock
from dutchbook.simulator.exchange import Exchange

Item = TypeVar("Item")
Sink = Callable[[list[bytes | None]], None]
"""Takes the frames of one connection in order; None says that the exchange closed it."""


class Latency:
    """Artificial network time per direction, drawn uniformly from (least, most) nanoseconds with a seed."""

    def __init__(self, to_venue: tuple[int, int] = (0, 0), from_venue: tuple[int, int] = (0, 0), seed: int = 0) -> None:
        for least, most in (to_venue, from_venue):
            if not 0 <= least <= most:
                raise ValueError(f"latency: ({least}, {most}) is not a range of nanoseconds")
        self._to_venue = to_venue
        self._from_venue = from_venue
        self._random = random.Random(f"{seed}:latency")

    def outbound(self) -> int:
        """Nanoseconds until the next request or frame reaches the venue."""
        return self._draw(self._to_venue)

    def inbound(self) -> int:
        """Nanoseconds until the next answer or frame reaches the client."""
        return self._draw(self._from_venue)

    def _draw(self, bounds: tuple[int, int]) -> int:
        return self._random.randint(*bounds) if bounds[1] else 0


class DelayLine(Generic[Item]):
    """Delivers items in the order they were pushed, each after its own drawn delay (no overtaking, as in TCP)."""

    def __init__(self, delay: Callable[[], int], deliver: Callable[[Item], None]) -> None:
        self._delay = delay
        self._deliver = deliver
        self._pending: deque[Item] = deque()
        self._last_due = 0.0
        self._closed = False

    def push(self, item: Item) -> None:
        delay = self._delay()
        if not delay and not self._pending:
            self._deliver(item)
            return
        loop = asyncio.get_running_loop()
        self._last_due = max(self._last_due, loop.time() + delay / SECOND)
        self._pending.append(item)
        loop.call_at(self._last_due, self._pop)

    def close(self) -> None:
        """Forget what is still under way."""
        self._closed = True
        self._pending.clear()

    def _pop(self) -> None:
        # One timer per item and a FIFO queue: order holds even when timers with equal times fire in another order.
        if not self._closed:
            self._deliver(self._pending.popleft())


class Delivery:
    """Hands an exchange's queued frames to the connections' sinks: on `flush`, and by a timer at `wake_at`."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self.exchange = exchange
        self._clock = clock
        self._sinks: dict[int, Sink] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._armed: int | None = None

    def now(self) -> int:
        """Wall nanoseconds of the clock that the exchange lives by."""
        return self._clock.wall()

    def attach(self, connection: int, sink: Sink) -> None:
        self._sinks[connection] = sink

    def detach(self, connection: int) -> None:
        """The client went away: the exchange is told, later frames for it are dropped."""
        if self._sinks.pop(connection, None) is not None:
            self.exchange.disconnect(connection)

    def flush(self) -> None:
        """Drain now and set the timer for the exchange's next own doing. Call it after every input."""
        batches: dict[int, list[bytes | None]] = {}
        for connection, data in self.exchange.drain(self.now()):
            batches.setdefault(connection, []).append(data)
        for connection, batch in batches.items():
            sink = self._sinks.get(connection)
            if sink is not None:
                sink(batch)
        self._arm()

    def close(self) -> None:
        """Detach every connection and stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._armed = None
        for connection in list(self._sinks):
            self.detach(connection)

    def _arm(self) -> None:
        wake = self.exchange.wake_at()
        if wake == self._armed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = wake
        self._timer = None
        if wake is not None:
            # Never sooner than a millisecond: a timer that fires a hair early must not become a busy loop.
            delay = max(wake - self.now(), MILLISECOND)
            self._timer = asyncio.get_running_loop().call_later(delay / SECOND, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._armed = None
        self.flush()
