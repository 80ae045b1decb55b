"""The gate: every check in the order of the specification; the first failure is the reason; its only product is Approved.

Order: M16 kill switch and naked legs, M17 balance, M18 roi, M19 suspicious, M10 approval of the link, M20 trades and M21
loss of the day, M22 position, exposure and cooldown of the event, M23 live, M23a closing, M24 size and price, then the
newest books: M9 freshness just before M25 slippage, and last M26 the bet. Freshness stands with slippage because both
judge the newest books; a live event's fresh quotes are asked for by M23 already.
Pure: the view is given, nothing is read, nothing is remembered between two calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dutchbook.core.opportunity import Opportunity, Rejection
from dutchbook.risk import checks, market_checks
from dutchbook.risk.approved import _SEAL, Approved
from dutchbook.risk.candidate import Candidate, consider
from dutchbook.risk.limits import APPROVAL_LIFE_NS, RiskLimits
from dutchbook.risk.view import RiskView

Check = Callable[[Candidate, RiskView, RiskLimits], Rejection | None]

ORDER: Final[tuple[Check, ...]] = (
    checks.kill_switch,
    checks.naked,
    checks.balance,
    checks.roi_low,
    checks.roi_high,
    checks.unapproved_link,
    checks.daily_trades,
    checks.daily_loss,
    checks.event_open,
    checks.event_exposure,
    checks.cooldown,
    market_checks.live,
    market_checks.closing,
    market_checks.size,
    market_checks.price,
    market_checks.stale,
    market_checks.slippage,
    checks.bet,
)

BY_HAND: Final[tuple[Check, ...]] = (
    checks.kill_switch,
    checks.naked,
    checks.balance,
    checks.daily_trades,
    checks.daily_loss,
    checks.event_exposure,
    market_checks.closing,
    market_checks.size,
    market_checks.price,
    market_checks.feeds,
    checks.bet,
)
"""For one purchase that a person asks for: everything but the checks that judge a bundle's edge."""

TRIPS_KILL_SWITCH: Final = frozenset({"daily_loss"})
"""Rejection codes upon which the engine also throws the kill switch and alerts (M21)."""


class RiskGate:
    """One operator's limits, applied to one opportunity at a time."""

    __slots__ = ("limits",)

    def __init__(self, limits: RiskLimits) -> None:
        self.limits = limits

    def check(self, opportunity: Opportunity, view: RiskView) -> Approved | Rejection:
        """The plan approved for at most a second, or the first reason against it. Deterministic, changes nothing."""
        # what holds for every opportunity is asked before the figures of this one are worked out
        rejection = checks.kill_switch(None, view, self.limits) or checks.naked(None, view, self.limits)
        if rejection is not None:
            return rejection
        candidate = consider(opportunity, view)
        rejection = self._first(ORDER, candidate, view)
        if rejection is not None:
            return rejection
        oldest = max(market_checks.quote_ages(candidate, view) or [0])
        life = min(APPROVAL_LIFE_NS, market_checks.allowed_age(candidate, view) - oldest)
        return Approved(_SEAL, opportunity, candidate.legs, view.wall_ns, view.wall_ns + life)

    def check_by_hand(self, purchase: Opportunity, view: RiskView) -> Approved | Rejection:
        """One purchase that a person asks for, as a bundle of one claim; approved for a second, or the first reason."""
        candidate = consider(purchase, view)
        rejection = self._first(BY_HAND, candidate, view)
        if rejection is not None:
            return rejection
        return Approved(_SEAL, purchase, candidate.legs, view.wall_ns, view.wall_ns + APPROVAL_LIFE_NS)

    def _first(self, order: tuple[Check, ...], candidate: Candidate, view: RiskView) -> Rejection | None:
        for check in order:
            rejection = check(candidate, view, self.limits)
            if rejection is not None:
                return rejection
        return None
