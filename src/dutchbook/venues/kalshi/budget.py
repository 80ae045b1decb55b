"""The venue's token buckets, kept on our side so that it never has to say 429. No I/O but waiting on the given clock.

Reads wait for their tokens. A write waits too, but an order never past its deadline: then it is not sent at all (NotSent,
`rate_limited`), because a late order at an old price is worse than none. Waiting is first come, first served. When the
venue does say 429 (another program on the same account), the bucket counts as empty and a pause doubles until it accepts.
Source: Kalshi API documentation, rate limits: 10 tokens a request, 2 a cancel or order read, batches N times; single
writes with an explicit `exchange_index` of 1 or more have a write bucket of their own for each shard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from dutchbook.core.clock import MILLISECOND, SECOND, Clock
from dutchbook.core.errors import InvalidOrder, MalformedFrame, NotSent
from dutchbook.venues.kalshi.fields import decoded

REQUEST: Final = 10
CANCEL: Final = 2
READ_ORDER: Final = 2
_FIRST_PAUSE_NS: Final = 250 * MILLISECOND
_LONGEST_PAUSE_NS: Final = 8 * SECOND


@dataclass(frozen=True, slots=True)
class Allowance:
    """One bucket as the venue states it: tokens a second, and how many it holds."""

    refill_rate: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Limits:
    """An account's usage tier and its buckets."""

    tier: str
    read: Allowance
    write: Allowance


BASIC: Final = Limits("basic", Allowance(200, 400), Allowance(100, 100))
"""What every member has; assumed until the account's own limits have been read."""

WITHOUT_KEY: Final = Limits("none", Allowance(100, 100), Allowance(0, 0))
"""Limits without a key are not documented; 429s were reported above about 15 reads a second."""


class _BucketRow(msgspec.Struct):
    refill_rate: int
    bucket_capacity: int


class _LimitsAnswer(msgspec.Struct):
    read: _BucketRow
    write: _BucketRow
    usage_tier: str = ""


_LIMITS: Final = msgspec.json.Decoder(_LimitsAnswer)


def decode_limits(body: bytes) -> Limits:
    """`GET /account/limits`; raises MalformedFrame naming the field."""
    answer = decoded(_LIMITS, body, "account limits")
    for name, row in (("read", answer.read), ("write", answer.write)):
        if row.refill_rate <= 0 or row.bucket_capacity < REQUEST:
            raise MalformedFrame(
                f"kalshi account limits: {name} {row.refill_rate}/s of {row.bucket_capacity} is no bucket"
            )
    return Limits(
        answer.usage_tier,
        Allowance(answer.read.refill_rate, answer.read.bucket_capacity),
        Allowance(answer.write.refill_rate, answer.write.bucket_capacity),
    )


class Bucket:
    """One token bucket. Its level is kept in token-nanoseconds, so nothing is ever rounded.

    `_at` is the time up to which everything has been promised: it lies ahead while callers wait.
    """

    def __init__(self, allowance: Allowance, now_ns: int) -> None:
        """Full at `now_ns` (monotonic)."""
        self.allowance = allowance
        self._level = allowance.capacity * SECOND
        self._at = now_ns
        self._closed_until = now_ns
        self._pause = _FIRST_PAUSE_NS

    def delay(self, cost: int, now_ns: int) -> int:
        """Nanoseconds until `cost` tokens are there, behind everything promised before."""
        start = max(now_ns, self._at, self._closed_until)
        missing = cost * SECOND - self._level_at(start)
        return start - now_ns + (-(-missing // self.allowance.refill_rate) if missing > 0 else 0)

    def take(self, cost: int, now_ns: int) -> int:
        """Promise the tokens to the caller, who must wait out the nanoseconds that are returned."""
        wait = self.delay(cost, now_ns)
        self._level = self._level_at(now_ns + wait) - cost * SECOND
        self._at = now_ns + wait
        return wait

    def left(self, now_ns: int) -> int:
        """Tokens that nobody has been promised."""
        return self._level_at(now_ns) // SECOND

    def refused(self, now_ns: int) -> None:
        """The venue said 429: nothing is left, and each further refusal doubles the pause."""
        self._level = 0
        self._at = max(now_ns, self._at)
        self._closed_until = now_ns + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_NS)

    def accepted(self) -> None:
        """The venue took a request: the next refusal begins with the short pause again."""
        self._pause = _FIRST_PAUSE_NS

    def _level_at(self, when_ns: int) -> int:
        grown = self._level + (when_ns - self._at) * self.allowance.refill_rate
        return min(grown, self.allowance.capacity * SECOND)


class Budget:
    """The buckets of one account: reads, writes, and writes of each shard above 0."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self.adopt(limits)

    def adopt(self, limits: Limits) -> None:
        """Go by these limits from now on; the buckets count as full."""
        self.limits = limits
        now = self._clock.monotonic()
        self.reads = Bucket(limits.read, now)
        self._writes = {0: Bucket(limits.write, now)}

    def writes(self, shard: int) -> Bucket:
        """The bucket of single writes that name their shard; 0 is also that of batches and of writes that name none."""
        if shard not in self._writes:
            self._writes[shard] = Bucket(self.limits.write, self._clock.monotonic())
        return self._writes[shard]

    def allowances(self) -> dict[str, tuple[int, int]]:
        """`core.venue.Budgeted` for this account."""
        now = self._clock.monotonic()
        named = {"reads": self.reads, **{f"writes {shard}": each for shard, each in sorted(self._writes.items())}}
        return {name: (bucket.left(now), bucket.allowance.capacity) for name, bucket in named.items()}

    async def read(self, cost: int = REQUEST) -> None:
        """Wait until a read may be made."""
        await self._spend(self.reads, cost, None)

    async def write(self, cost: int, shard: int = 0, send_by_ns: int | None = None) -> None:
        """Wait until a write may be made.

        Raises NotSent (`rate_limited`) when that would be after `send_by_ns` (wall), and InvalidOrder for a batch that
        the bucket can never hold.
        """
        await self._spend(self.writes(shard), cost, send_by_ns)

    async def _spend(self, bucket: Bucket, cost: int, send_by_ns: int | None) -> None:
        if cost > bucket.allowance.capacity:
            held = bucket.allowance.capacity
            raise InvalidOrder(f"kalshi: a request of {cost} tokens is never allowed, the bucket holds {held}")
        now = self._clock.monotonic()
        wait = bucket.delay(cost, now)
        if wait and send_by_ns is not None and wait > send_by_ns - self._clock.wall():
            raise NotSent(
                f"rate_limited: the next write is allowed in {wait // MILLISECOND} ms, after the order's deadline"
            )
        bucket.take(cost, now)
        if wait > 0:
            await self._clock.sleep(wait)
