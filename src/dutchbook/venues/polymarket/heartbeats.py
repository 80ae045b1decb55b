"""The dead man's switch: once a heartbeat was sent, the venue cancels all our orders when the next one stays away.

Sans-I/O: it says when one is due and what it carries, and reads the answer. Each carries the id that the last one was
given. Without resting orders none is sent, because an open switch that nobody feeds would cancel what comes later.
"""

from __future__ import annotations

from typing import Final

import msgspec

from dutchbook.core.clock import SECOND
from dutchbook.venues.polymarket.reads import decode

PATH: Final = "/v1/heartbeats"
EVERY_NS: Final = 5 * SECOND
"""The venue's rhythm; after 10 s without one it cancels."""


class _Accepted(msgspec.Struct):
    heartbeat_id: str


class _Stale(msgspec.Struct):
    heartbeat_id: str | None = None


class Heartbeats:
    """The chain of ids, and the orders that it protects."""

    def __init__(self) -> None:
        self.failures = 0
        self.last_failure = ""
        self.asked = False
        """Keep the switch fed without resting orders too."""
        self._resting: set[str] = set()
        self._id = ""
        self._last_ns: int | None = None

    @property
    def needed(self) -> bool:
        """Whether anything is to be protected."""
        return self.asked or bool(self._resting)

    def rests(self, order: str) -> None:
        """An order of ours is open."""
        self._resting.add(order)

    def ended(self, order: str) -> None:
        """An order of ours is open no more."""
        self._resting.discard(order)

    def open_are(self, orders: set[str]) -> None:
        """The venue's own list of our open orders replaces what we believed."""
        self._resting = set(orders)

    def due_ns(self, now_ns: int) -> int | None:
        """Nanoseconds until the next heartbeat is due (0: now); None while none is needed."""
        if not self.needed:
            return None
        return 0 if self._last_ns is None else max(0, self._last_ns + EVERY_NS - now_ns)

    def body(self) -> bytes:
        """What POST /v1/heartbeats carries: the id of the last answer, empty at first."""
        return msgspec.json.encode({"heartbeat_id": self._id})

    def accepted(self, body: bytes, now_ns: int) -> None:
        """Chain the id of a 200 answer; raises MalformedFrame when it has none."""
        self._id = decode(body, _Accepted, "heartbeat").heartbeat_id
        self._last_ns = now_ns

    def failed(self, reason: str) -> None:
        """A heartbeat did not come through."""
        self.failures += 1
        self.last_failure = reason

    def stale(self, body: bytes) -> bool:
        """Adopt the id that a 400 answer expects; False when it names none (then it is not about the id)."""
        try:
            expected = msgspec.json.decode(body, type=_Stale).heartbeat_id
        except msgspec.DecodeError:
            return False
        if expected is None:
            return False
        self._id = expected
        return True
