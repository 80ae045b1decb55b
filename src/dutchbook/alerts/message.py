"""What is sent: a message with its kind, its weight and the record it tells of. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a message is about: its sign and its name in a digest."""

    EXECUTED = "✅", "executed"
    EXITED = "💵", "sold early"
    ROLLED_BACK = "↩️", "rolled back"
    FAILED = "❌", "failed, nothing bought"
    DRY_RUN = "🧪", "decided only (dry-run)"
    PARTIAL = "⚠️", "partial"
    NAKED = "🚨", "naked"
    HANDED_OVER = "🤝", "handed over"
    SETTLED = "🏁", "settled"
    CORRECTED = "✏️", "payouts corrected"
    REVERSED = "⛔", "fills taken back"
    KILL_SWITCH = "🛑", "kill switch"
    RESUMED = "▶️", "entries taken again"
    DIVERGENCE = "⚡", "outcomes diverged"
    RECONCILIATION = "🔍", "reconciliation findings"
    ALARM = "⚠️", "alarms"
    STARTED = "🚀", "engine started"
    STOPPED = "⏹️", "engine stopped"
    WATCHDOG = "🐕", "watchdog"
    DAY = "📊", "daily summary"

    @property
    def sign(self) -> str:
        return self.value[0]

    @property
    def words(self) -> str:
        return self.value[1]


ROUTINE = frozenset(
    {Kind.EXECUTED, Kind.EXITED, Kind.ROLLED_BACK, Kind.FAILED, Kind.DRY_RUN, Kind.PARTIAL, Kind.SETTLED}
)
"""What a digest may count instead of telling in full."""


@dataclass(frozen=True, slots=True)
class Message:
    """`text` is HTML whose first line is the head; `head` is that line's plain words for a digest. `seq` is the record that it
    tells of (0: none), `at_ns` its wall time, `amount` the profit or loss in millionths that a digest adds up."""

    kind: Kind
    head: str
    text: str
    at_ns: int
    seq: int = 0
    trade: str = ""
    amount: int = 0
    day: str = ""
    """Of a daily summary: the day that is told by it."""

    @property
    def routine(self) -> bool:
        return self.kind in ROUTINE
