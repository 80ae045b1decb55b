"""Thresholds of the circuit breakers as settings, each with its row of the table. What they mean stands in `risk.breakers`."""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.money import Cash
from dutchbook.settings.kinds import COUNT, DOLLARS, SECONDS
from dutchbook.settings.table import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """Counts, nanoseconds and millionths of a dollar."""

    rejections: int = setting(
        "breakers.rejections",
        "EXECUTOR_BREAKER_REJECTIONS",
        kind=COUNT,
        default="5",
        meaning="so many rejected orders of a venue, if they are more than half of its orders, throw the kill switch",
    )
    reject_window_ns: int = setting(
        "breakers.reject_window_s",
        "EXECUTOR_BREAKER_REJECT_WINDOW_S",
        kind=SECONDS,
        default="300",
        meaning="seconds over which rejected orders are counted",
    )
    unknown_orders: int = setting(
        "breakers.unknown_orders",
        "EXECUTOR_BREAKER_UNKNOWN_ORDERS",
        kind=COUNT,
        default="3",
        meaning="so many orders at once whose fate is not known throw the kill switch",
    )
    naked_exposure: Cash = setting(
        "breakers.naked_exposure",
        "EXECUTOR_BREAKER_NAKED_EXPOSURE",
        kind=DOLLARS,
        default="25",
        meaning="contracts that stand alone and cost more throw the kill switch, dollars",
    )
    repeat_ns: int = setting(
        "breakers.repeat_s",
        "EXECUTOR_BREAKER_REPEAT_S",
        kind=SECONDS,
        default="2",
        meaning="the same order again within these seconds is refused and throws the kill switch",
    )
