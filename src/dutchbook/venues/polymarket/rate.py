"""Rate limits per signer, kept so that the venue need not say 429: one token bucket for orders, one for cancels.

Counts and answers how long to wait; it never waits, sends or reads a clock. Integers only: tokens are kept in billionths.
Source: the venue's rate-limit page (tiers by 30-day volume) and the `Poly-RateLimit-*` headers of its answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dutchbook.core.clock import SECOND


@dataclass(frozen=True, slots=True)
class Tier:
    """Tokens a second and the most at once, for orders and for cancels."""

    orders: tuple[int, int]
    cancels: tuple[int, int]


STANDARD: Final = Tier((40, 60), (80, 120))
TIERS: Final[Mapping[str, Tier]] = {
    "standard": STANDARD,
    "copper": Tier((60, 90), (120, 180)),
    "bronze": Tier((80, 120), (160, 240)),
    "silver": Tier((200, 300), (400, 600)),
    "gold": Tier((400, 600), (800, 1200)),
    "platinum": Tier((450, 675), (900, 1350)),
    "diamond": Tier((525, 787), (1050, 1575)),
    "elite": Tier((600, 900), (1200, 1800)),
}


class TokenBucket:
    """Tokens that come back at a steady rate. Taking more than there are leaves a debt that later callers wait for."""

    __slots__ = ("_at_ns", "_blocked_ns", "_burst", "_level", "_rate")

    def __init__(self, rate: int, burst: int) -> None:
        """`rate` tokens a second, at most `burst`; full at first."""
        self._rate = rate
        self._burst = burst
        self._level = burst * SECOND
        self._at_ns: int | None = None
        self._blocked_ns = 0

    def wait_ns(self, cost: int, now_ns: int) -> int:
        """How long from `now_ns` (monotonic) until `cost` tokens are there; 0 when they are."""
        self._refill(now_ns)
        missing = -(-(cost * SECOND - self._level) // self._rate)
        return max(0, missing, self._blocked_ns - now_ns)

    def take(self, cost: int, now_ns: int) -> None:
        """Spend tokens, present or not."""
        self._refill(now_ns)
        self._level -= cost * SECOND

    def left(self, now_ns: int) -> tuple[int, int]:
        """Tokens now, and the most there can be."""
        self._refill(now_ns)
        return self._level // SECOND, self._burst

    def lower(self, remaining: int, now_ns: int) -> None:
        """The venue counts fewer tokens than we do: its word goes. More than ours may only mean requests on their way."""
        self._refill(now_ns)
        self._level = min(self._level, remaining * SECOND)

    def block(self, duration_ns: int, now_ns: int) -> None:
        """Nothing before this has passed: the venue's Retry-After."""
        self._blocked_ns = max(self._blocked_ns, now_ns + duration_ns)

    def change(self, rate: int, burst: int) -> None:
        """Another tier; what was spent stays spent."""
        self._level += (burst - self._burst) * SECOND
        self._rate, self._burst = rate, burst

    def _refill(self, now_ns: int) -> None:
        if self._at_ns is not None:
            self._level = min(self._burst * SECOND, self._level + (now_ns - self._at_ns) * self._rate)
        self._at_ns = now_ns


class SignerLimits:
    """Both buckets of one signer, corrected by what the venue's answers say. Starts in the lowest tier."""

    def __init__(self) -> None:
        self.orders = TokenBucket(*STANDARD.orders)
        self.cancels = TokenBucket(*STANDARD.cancels)
        self.tier = "standard"
        self.warnings = 0
        """Answers saying that the request would have been refused under enforcement."""

    def heard(self, bucket: TokenBucket, status: int, headers: Mapping[str, str], now_ns: int) -> None:
        """Adopt the headers of an answer (names in lower case); a 429 blocks the bucket until its Retry-After."""
        tier = headers.get("poly-ratelimit-tier", "").lower()
        if tier in TIERS and tier != self.tier:
            self.tier = tier
            self.orders.change(*TIERS[tier].orders)
            self.cancels.change(*TIERS[tier].cancels)
        remaining = _whole(headers.get("poly-ratelimit-remaining", ""))
        if remaining is not None:
            bucket.lower(remaining, now_ns)
        self.warnings += headers.get("poly-ratelimit-warning", "").lower() in ("true", "1")
        if status == 429:
            bucket.block(retry_after_ns(headers) or SECOND, now_ns)


def retry_after_ns(headers: Mapping[str, str]) -> int:
    """The Retry-After header in nanoseconds; 0 when it is absent or a date."""
    after = _whole(headers.get("retry-after", ""))
    return 0 if after is None or after < 0 else after * SECOND


def _whole(text: str) -> int | None:
    """The whole part of a number's text, rounded down; None when it is no number."""
    whole, _, places = text.strip().partition(".")
    digits = whole.removeprefix("-")
    if not (digits.isdecimal() and digits.isascii() and len(digits) < 16):
        return None
    return int(whole) - (whole.startswith("-") and places.strip("0") != "")
