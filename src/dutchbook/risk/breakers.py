"""Circuit breakers: what makes the engine stop by itself, from counters that the ledger gives. Pure; acts on nothing.

| breaker | trips when | what follows |
|---|---|---|
| daily loss (M21, `checks.loss_breaker`) | today's loss reaches its limit | kill switch, alert; open risk as the setting says |
| reject rate | of a venue's orders of the last minutes so many, and more than half, were rejected | kill switch, alert |
| unknown orders | so many orders at once whose fate is not known | kill switch, alert |
| naked exposure | contracts that stand alone cost more than the cap | kill switch, alert |
| runaway (`engine.guard`) | the same order again within seconds | it is refused before it is written; kill switch, alert |
| unreadable | the switch or the figures cannot be read | entries are refused as if the switch were thrown, alert |
| silent feed | a venue's books are silent while trades are open there | entries stop until it speaks again, alert |
| venue mode | a venue is paused, restarting, cancel-only or post-only | entries there stop while it lasts (gate, M23a) |
| clock offset | a venue's clock differs from ours | entries there stop while it lasts (gate, M9) |
| naked leg | a trade's legs are unequal | entries stop until it is closed or handed over (gate, M16) |

The kill switch stays thrown until a person takes it back: it is for what only a person can judge. What ends by itself only
holds entries. A miss (fill-or-kill without a fill) is the market's doing and no rejection. After a person has taken the
switch back, rejections count anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.money import Cash, format_dollars
from dutchbook.core.opportunity import Rejection
from dutchbook.risk.checks import seconds

LOSS: Final = "daily loss"
"""How the reason begins when the loss limit has thrown the switch."""


class OpenRisk(Enum):
    """What happens to open risk when the daily loss limit has thrown the switch (M21)."""

    HOLD = "hold"
    CANCEL = "cancel"
    FLATTEN = "flatten"


class Effect(Enum):
    """What a breaker does."""

    KILL = "kill"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """Counts, nanoseconds and millionths of a dollar."""

    rejections: int = 5
    reject_window_ns: int = 5 * MINUTE
    unknown_orders: int = 3
    naked_exposure: Cash = Cash(25_000_000)
    repeat_ns: int = 2 * SECOND
    silent_ns: int = 5 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the breakers look at, at one instant.

    `answered` and `rejected` are orders per venue within the window. `naked_cost` is what the contracts that stand alone
    have cost. `silent_ns` is how long each venue with open trades has said nothing on its book streams.
    """

    answered: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0
    naked_cost: Cash = Cash(0)
    silent_ns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker that says stop, with its reason. `key` tells one episode from another."""

    key: str
    effect: Effect
    text: str

    @property
    def rejection(self) -> Rejection:
        """As the reason of the entries that it holds up."""
        return Rejection("breaker", self.text)


def trips(counters: Counters, limits: BreakerLimits) -> list[Trip]:
    """Every breaker that says stop now, the kill switch's first."""
    found: list[Trip] = []
    for venue, rejected in sorted(counters.rejected.items()):
        answered = counters.answered.get(venue, 0)
        if rejected >= limits.rejections and 2 * rejected > answered:
            within = limits.reject_window_ns // SECOND
            text = f"reject rate: {venue} rejected {rejected} of {answered} orders in {within} s"
            found.append(Trip(f"rejects {venue}", Effect.KILL, text))
    if counters.unknown >= limits.unknown_orders:
        text = f"unknown orders: the fate of {counters.unknown} orders is not known, fewer than {limits.unknown_orders} allowed"
        found.append(Trip("unknown", Effect.KILL, text))
    if counters.naked_cost > limits.naked_exposure:
        cost, most = format_dollars(counters.naked_cost), format_dollars(limits.naked_exposure)
        found.append(Trip("naked", Effect.KILL, f"naked exposure: {cost} stand alone, at most {most}"))
    for venue, silent_ns in sorted(counters.silent_ns.items()):
        if silent_ns > limits.silent_ns:
            text = f"silent feed: the books of {venue} say nothing for {seconds(silent_ns)} while trades are open there"
            found.append(Trip(f"silent {venue}", Effect.HOLD, text))
    return found
