"""Rate limits on demand: token buckets per signer, as the venue publishes them per tier, and request windows per address.

Both are off until turned on. Counts and refuses; it never delays, and it never looks into an account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.refusal import Refused

_SECOND: Final = 1_000_000_000
_WINDOW_NS: Final = 10 * _SECOND

# orders per second and burst, cancels per second and burst
TIERS: Final = {
    "Standard": (40, 60, 80, 120),
    "Copper": (60, 90, 120, 180),
    "Bronze": (80, 120, 160, 240),
    "Silver": (200, 300, 400, 600),
    "Gold": (400, 600, 800, 1200),
    "Platinum": (450, 675, 900, 1350),
    "Diamond": (525, 787, 1050, 1575),
    "Elite": (600, 900, 1200, 1800),
}
# requests in ten seconds per route; every other route shares the general count
_WINDOWS: Final = {
    ("GET", "/book"): 1500,
    ("GET", "/price"): 1500,
    ("GET", "/midpoint"): 1500,
    ("POST", "/books"): 500,
    ("POST", "/prices"): 500,
    ("GET", "/tick-size"): 200,
    ("GET", "/balance-allowance"): 200,
    ("GET", "/balance-allowance/update"): 50,
    ("POST", "/order"): 5000,
    ("DELETE", "/order"): 5000,
    ("POST", "/orders"): 2000,
    ("DELETE", "/orders"): 2000,
    ("DELETE", "/cancel-all"): 250,
    ("DELETE", "/cancel-market-orders"): 1500,
    ("GET", "/data/orders"): 500,
    ("GET", "/data/trades"): 500,
    ("GET", "/auth/api-keys"): 100,
    ("GET", "/markets"): 300,
    ("GET", "/events"): 500,
}
_GENERAL: Final = 9000


@dataclass(slots=True)
class Bucket:
    """Tokens in billionths, refilled by the nanosecond."""

    rate: int
    burst: int
    level: int = field(init=False)
    at: int | None = None

    def __post_init__(self) -> None:
        self.level = self.burst * _SECOND

    def refill(self, now: int) -> None:
        if self.at is not None:
            self.level = min(self.burst * _SECOND, self.level + (now - self.at) * self.rate)
        self.at = now

    def missing_ns(self, cost: int, now: int) -> int:
        """How long until `cost` tokens are there."""
        self.refill(now)
        return max(0, -(-(cost * _SECOND - self.level) // self.rate))


class Limits:
    """What each signer and the one address of this machine have used."""

    def __init__(self) -> None:
        self.tier = ""
        """The tier of every signer; empty switches the per-signer limits off."""
        self.scale = 0
        """Divides the windows per address (1 is the venue's own figures); 0 switches them off."""
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def admit(self, call: Call) -> dict[str, str]:
        """Take what a call costs; the headers of its answer. Refused with 429 when there is not enough."""
        if self.scale:
            self._count(call)
        kind, cost = _cost(call)
        if not self.tier or not kind:
            return {}
        bucket = self._bucket(call, kind)
        wait = bucket.missing_ns(cost, call.now)
        if wait:
            seconds = -(-wait // _SECOND)
            raise Refused(
                429,
                "Too Many Requests",
                {"retry_after_seconds": seconds},
                headers=self._headers(bucket, call.now, wait),
            )
        bucket.level -= cost * _SECOND
        return self._headers(bucket, call.now, 0)

    def charge(self, call: Call, cancelled: int) -> dict[str, str]:
        """What cancel-all costs beyond its one token, known only afterwards: the bucket may go below zero."""
        if not self.tier:
            return {}
        bucket = self._bucket(call, "cancels")
        bucket.level -= cancelled * _SECOND
        return self._headers(bucket, call.now, 0)

    def _bucket(self, call: Call, kind: str) -> Bucket:
        key = (call.headers.get("poly_address", "").lower(), kind)
        if key not in self._buckets:
            orders, order_burst, cancels, cancel_burst = TIERS[self.tier]
            self._buckets[key] = Bucket(orders, order_burst) if kind == "orders" else Bucket(cancels, cancel_burst)
        return self._buckets[key]

    def _headers(self, bucket: Bucket, now: int, wait: int) -> dict[str, str]:
        return {
            "poly-ratelimit-remaining": str(bucket.level // _SECOND),
            "poly-ratelimit-reset": str(-(-(now + wait) // _SECOND)),
            "poly-ratelimit-tier": self.tier,
        }

    def _count(self, call: Call) -> None:
        route = (call.method, call.path)
        most = _WINDOWS.get(route, _GENERAL)
        key = route if route in _WINDOWS else ("", "")
        began, count = self._windows.get(key, (call.now, 0))
        if call.now - began >= _WINDOW_NS:
            began, count = call.now, 0
        if count * self.scale >= most:
            raise Refused(
                429, "Too Many Requests", {"retry_after_seconds": -(-(began + _WINDOW_NS - call.now) // _SECOND)}
            )
        self._windows[key] = began, count + 1


def _cost(call: Call) -> tuple[str, int]:
    """Which bucket a call draws on, and how many tokens; a batch costs one for each of its items."""
    if (call.method, call.path) == ("POST", "/order"):
        return "orders", 1
    if (call.method, call.path) == ("POST", "/orders"):
        return "orders", _items(call.body)
    if call.method != "DELETE":
        return "", 0
    if call.path == "/orders":
        return "cancels", _items(call.body)
    if call.path in ("/order", "/cancel-all", "/cancel-market-orders"):
        return "cancels", 1
    return "", 0


def _items(body: bytes) -> int:
    try:
        return max(1, len(msgspec.json.decode(body, type=list[msgspec.Raw])))
    except msgspec.DecodeError:
        return 1
