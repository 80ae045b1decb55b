"""What the composition is told: limits, policy and rhythms. Built from settings by the command line, or by the demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from dutchbook.core.clock import SECOND
from dutchbook.core.mode import Mode
from dutchbook.core.money import Rate
from dutchbook.feed.connection import KeepAlive
from dutchbook.risk.limits import RiskLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Times in nanoseconds. `sending` False (live without the second key) decides everything and sends nothing."""

    mode: Mode
    limits: RiskLimits
    zone: ZoneInfo
    sending: bool = True
    hurdle: Rate = Rate(0)
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    send_window_ns: int = 2 * SECOND
    balance_every_ns: int = 5 * SECOND
    results_every_ns: int = 30 * SECOND
    confirm_every_ns: int = 5 * SECOND
    venues_every_ns: int = 60 * SECOND
    publish_every_ns: int = SECOND
    naked_retry_ns: int = SECOND
