"""Time is given, never read: wall and monotonic nanoseconds, and the entropy that identities need.

The live clock is `SystemClock`, made once by the command line; replay and the fault simulation give others.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Protocol

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Nanoseconds since the epoch (`wall`) and since an arbitrary origin (`monotonic`); `sleep` waits on this clock."""

    def wall(self) -> int: ...

    def monotonic(self) -> int: ...

    async def sleep(self, duration_ns: int) -> None: ...


class Entropy(Protocol):
    """Random bits for order identities and throw-away keys."""

    def bits(self, count: int) -> int: ...


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> int:
        return time.time_ns()

    def monotonic(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, duration_ns: int) -> None:
        await asyncio.sleep(duration_ns / SECOND)


class SystemEntropy:
    """The operating system's random bits."""

    def bits(self, count: int) -> int:
        return secrets.randbits(count)


def uuid4_text(entropy: Entropy) -> str:
    """A version-4 UUID from given entropy (RFC 9562, section 5.4)."""
    value = entropy.bits(128)
    value = value & ~(0xF << 76) | (4 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
