"""Order groups: a limit on what a member's orders may trade within 15 seconds. Counts; cancels nothing itself.

Source: facts §4.5. A group trips when its fills in the rolling window exceed the limit; it then takes no orders until reset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dutchbook.simulator.kalshi.account import Account
from dutchbook.simulator.kalshi.text import ONE, Refusal, count, size_from

WINDOW_NS = 15_000_000_000
LARGEST = 1_000_000 * ONE


@dataclass(slots=True)
class Group:
    """One group of one member on one shard; `limit` in millionths of a contract."""

    group_id: str
    account: Account
    shard: int
    limit: int
    tripped: bool = False
    _fills: deque[tuple[int, int]] = field(default_factory=deque)

    def count(self, size: int, now: int) -> bool:
        """A fill of one of its orders; True when it trips the group."""
        if self.tripped:
            return False
        self._fills.append((now, size))
        return self.check(now)

    def check(self, now: int) -> bool:
        """Trip it (True) when the fills of the last 15 s exceed the limit."""
        while self._fills and self._fills[0][0] <= now - WINDOW_NS:
            self._fills.popleft()
        if sum(size for _, size in self._fills) > self.limit:
            self.tripped = True
        return self.tripped

    def reset(self) -> None:
        """Take orders again; the count starts at zero."""
        self.tripped = False
        self._fills.clear()

    def row(self) -> dict[str, Any]:
        """As listed."""
        return {
            "id": self.group_id,
            "contracts_limit_fp": count(self.limit),
            "is_auto_cancel_enabled": not self.tripped,
            "exchange_index": self.shard,
        }


def not_found() -> Refusal:
    return Refusal(404, "order_group_not_found", "order group not found", "ORDER_GROUP_NOT_FOUND")


def limit_from(body: Mapping[str, Any]) -> int:
    """`contracts_limit_fp`, or whole `contracts_limit`; both must agree. Raises Refusal."""
    whole, text = body.get("contracts_limit"), body.get("contracts_limit_fp")
    if whole is not None and (not isinstance(whole, int) or isinstance(whole, bool)):
        raise Refusal(400, "invalid_parameters", "invalid parameters", "contracts_limit must be an integer")
    limits = [whole * ONE] if whole is not None else []
    limits += [size_from(text, "contracts_limit_fp")] if text is not None else []
    if not limits or len(set(limits)) > 1 or not ONE <= limits[0] <= LARGEST:
        details = "contracts_limit must be given once, from 1 to 1000000"
        raise Refusal(400, "invalid_parameters", "invalid parameters", details)
    return limits[0]
