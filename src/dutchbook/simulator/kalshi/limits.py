"""Token buckets: what each request costs and whether the account may make it. Never looks at an order.

Source: facts §9. Reads and writes have buckets of their own; single writes that name a shard of 1 or more have one for
each shard; a batch is billed as a whole, to the common bucket, or not at all. A refusal is a 429 with a plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECOND_NS = 1_000_000_000
DEFAULT, CANCEL, READ_ORDER = 10, 2, 2

_ORDER = re.compile(r"/portfolio/orders/[^/]+\Z")
_CANCEL = re.compile(r"/portfolio/events/orders/[^/]+\Z")
_BATCH = "/portfolio/events/orders/batched"

ENDPOINT_COSTS = [
    {"method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/{order_id}", "cost": CANCEL},
    {"method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/batched", "cost": CANCEL},
    {"method": "GET", "path": "/trade-api/v2/portfolio/orders/{order_id}", "cost": READ_ORDER},
]


@dataclass(slots=True)
class _Bucket:
    """Level in token-nanoseconds, so that nothing is rounded."""

    level: int
    at: int

    def spend(self, tokens: int, rate: int, capacity: int, now: int) -> bool:
        self.level = min(capacity * SECOND_NS, self.level + (now - self.at) * rate)
        self.at = now
        if self.level < tokens * SECOND_NS:
            return False
        self.level -= tokens * SECOND_NS
        return True


@dataclass(slots=True)
class RateLimits:
    """All members' buckets; `on` False lets everything pass. (rate, capacity) in tokens."""

    on: bool = False
    tier: str = "basic"
    read: tuple[int, int] = (200, 400)
    write: tuple[int, int] = (100, 100)
    refused: int = 0
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """`GET /account/limits`."""
        shown = {
            name: {"refill_rate": rate, "bucket_capacity": capacity}
            for name, (rate, capacity) in (("read", self.read), ("write", self.write))
        }
        return {"usage_tier": self.tier, **shown, "grants": []}

    def allows(self, account: str, method: str, path: str, query: Mapping[str, list[str]], body: Any, now: int) -> bool:
        """Bill one request; False is a 429."""
        if not self.on:
            return True
        name, tokens = _bill(method, path, query, body)
        rate, capacity = self.read if name == "read" else self.write
        bucket = self._buckets.setdefault((account, name), _Bucket(capacity * SECOND_NS, now))
        allowed = bucket.spend(tokens, rate, capacity, now)
        self.refused += not allowed
        return allowed


def _bill(method: str, path: str, query: Mapping[str, list[str]], body: Any) -> tuple[str, int]:
    if method == "GET":
        single = _ORDER.match(path) and not path.endswith("/queue_positions")
        return "read", READ_ORDER if single else DEFAULT
    fields = body if isinstance(body, dict) else {}
    if path == _BATCH:
        items = fields.get("orders")
        number = len(items) if isinstance(items, list) else 1
        return "write", number * (CANCEL if method == "DELETE" else DEFAULT)
    shard = fields.get("exchange_index", query.get("exchange_index", [0])[-1])
    named = str(shard) if str(shard).isdigit() and int(shard) >= 1 else ""
    tokens = CANCEL if method == "DELETE" and _CANCEL.match(path) else DEFAULT
    return f"write:{named}" if named else "write", tokens
