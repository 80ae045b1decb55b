"""The limits of the gate: integers that the operator chose. Holds no state and reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.money import Cash, Rate, Size

MAX_CLOCK_OFFSET_NS: Final = 250 * MILLISECOND
"""A venue whose clock differs by more is refused (market structure, section 6.3)."""

MIN_AGE_NS: Final = 50 * MILLISECOND
MAX_AGE_NS: Final = 30 * SECOND
"""Clamp of the allowed quote age (market structure, section 6.3)."""

LIVE_AGE_NS: Final = 300 * MILLISECOND
"""Allowed quote age once the event has started (market structure, section 6.3, live sports)."""

APPROVAL_LIFE_NS: Final = SECOND
"""The longest that an approval may be acted on; it ends earlier when its books would be stale earlier."""

PARK_GAP: Final = Rate(50_000_000_000)
"""Five cents a bundle: an unapproved link with a larger gap is probably not the same bet (market structure, section 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Cash and sizes in millionths, ROI and edge over 1e-12, times in nanoseconds."""

    min_bet: Cash
    max_bet: Cash
    min_roi: Rate
    max_roi: Rate
    min_edge: Rate
    min_profit: Cash
    max_daily_trades: int
    max_daily_loss: Cash
    min_platform_balance: Cash
    max_event_exposure: Cash
    max_order_contracts: Size
    cooldown_ns: int
    close_margin_ns: int
    balance_max_age_ns: int
    feed_silent_ns: int
