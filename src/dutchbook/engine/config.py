"""What the composition is told: limits, policy and rhythms. Built from settings by the command line, or by the demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.mode import Mode
from dutchbook.core.money import Rate
from dutchbook.execution.leaving import ExitRule
from dutchbook.feed.connection import KeepAlive
from dutchbook.risk.breakers import BreakerLimits, OpenRisk
from dutchbook.risk.limits import RiskLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Times in nanoseconds. `sending` False (live without the second key) decides everything and sends nothing.

    `idle_yield` is what cash earns in a year when it is not tied up; with `require_confident_edge` a bundle must be worth its
    misses at the upper bounds of their rates, too.

    `on_daily_loss` is what happens to open risk when the loss limit has thrown the switch. `dead_man` has a venue cancel what
    rests when this process stops saying that it lives. Without `early_exit` a locked bundle is held until its markets pay.
    With `registry` the links that the ledger's registry has approved are traded besides those given; the rules of all are read
    again every `rules_every_ns`. With `commands_every_ns` 0 nobody can command this engine; with `serve_state` other processes
    may watch it live (`bus`).
    """

    mode: Mode
    limits: RiskLimits
    zone: ZoneInfo
    sending: bool = True
    hurdle: Rate = Rate(0)
    idle_yield: Rate = Rate(0)
    require_confident_edge: bool = True
    breakers: BreakerLimits = BreakerLimits()
    on_daily_loss: OpenRisk = OpenRisk.HOLD
    dead_man: bool = True
    early_exit: ExitRule | None = None
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    send_window_ns: int = 2 * SECOND
    balance_every_ns: int = 5 * SECOND
    results_every_ns: int = 30 * SECOND
    confirm_every_ns: int = 5 * SECOND
    venues_every_ns: int = 60 * SECOND
    reconcile_every_ns: int = 300 * SECOND
    publish_every_ns: int = SECOND
    naked_retry_ns: int = SECOND
    exits_every_ns: int = 5 * SECOND
    treasury_every_ns: int = 60 * SECOND
    commands_every_ns: int = 200 * MILLISECOND
    registry: bool = False
    rules_every_ns: int = 600 * SECOND
    serve_state: bool = False
