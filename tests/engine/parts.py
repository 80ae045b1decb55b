"""What every process of a rig is made with: limits and rhythms, entropy that repeats, the journal with its crash points."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from zoneinfo import ZoneInfo

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed, AnyFact
from dutchbook.core.mode import Mode
from dutchbook.core.money import Cash, Rate, Size
from dutchbook.engine.config import EngineConfig
from dutchbook.feed.connection import KeepAlive
from dutchbook.ledger.journal import Journal
from dutchbook.risk.limits import RiskLimits

ORIGIN_NS = 1_795_000_000 * SECOND
DOLLAR = 1_000_000
CENT = 10_000
PERCENT = 10**10
LATENCY_NS = 20 * MILLISECOND
CASH = 1_000 * DOLLAR

LIMITS = RiskLimits(
    min_bet=Cash(DOLLAR),
    max_bet=Cash(50 * DOLLAR),
    min_roi=Rate(PERCENT),
    max_roi=Rate(50 * PERCENT),
    min_edge=Rate(2 * PERCENT),
    min_profit=Cash(DOLLAR // 100),
    max_daily_trades=50,
    max_daily_loss=Cash(100 * DOLLAR),
    min_platform_balance=Cash(DOLLAR),
    max_event_exposure=Cash(100 * DOLLAR),
    max_order_contracts=Size(100 * DOLLAR),
    cooldown_ns=2 * SECOND,
    close_margin_ns=60 * SECOND,
    balance_max_age_ns=30 * SECOND,
    feed_silent_ns=5 * SECOND,
)
CONFIG = EngineConfig(
    mode=Mode.LIVE,
    limits=LIMITS,
    zone=ZoneInfo("UTC"),
    keep_alive=KeepAlive(every_ns=500 * MILLISECOND, silent_ns=5 * SECOND),
    balance_every_ns=2 * SECOND,
    results_every_ns=SECOND,
)

NARROW = replace(CONFIG, hurdle=Rate(7 * PERCENT))
"""A hurdle that just lets the rig's seven-cent crossing pass: no room is left between the offers and the limits."""


class SeededEntropy:
    """Random bits that repeat with the seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)


class WatchedJournal(Journal):
    """The real journal with a crash point before and after each append."""

    gate: Callable[[str], None]

    def append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        """As the journal does; a death on either side of it leaves the file without or with these facts."""
        self.gate("before an append")
        super().append(facts, at_ns)
        self.gate("after an append")

    def fill_disk(self) -> None:
        """Let the file grow no further and fill what room it has: from here on SQLite itself says that the disk is full."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        self._db.execute(f"PRAGMA max_page_count={pages}")
        for length in (3000, 1000, 300, 100, 30, 10, 0):
            with suppress(LedgerError):
                while True:
                    super().append([Alarmed("padding", "x" * length)], 0)

    def free_disk(self) -> None:
        """Room again."""
        self._db.execute("PRAGMA max_page_count=1000000")
