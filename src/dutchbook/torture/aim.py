"""Aimed weather: in some seeds one kind of fault waits for trades to be in one state, and strikes then.

States that last for milliseconds, or that few trades reach, would hardly ever be met by chance. What an aim is, and when it
strikes, is drawn from the seed as everything else. Says also which cells of the coverage table cannot occur, and why.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dutchbook.torture.kinds import BY_NAME, Group, Kind

SHARE: Final = 0.3
"""Of the seeds that know all kinds, so many are aimed."""

PHASES: Final = (("executing", 12), ("hedging", 14), ("unwinding", 22), ("settling", 27), ("naked", 25))
"""State that is aimed at, and weight."""

MOST_STRIKES: Final = 12
"""In one seed: a trade that stays in a state for long would be struck again and again, and the count would say little."""

_CHANCES: Final = {
    Group.REQUEST: 0.35,
    Group.STREAM: 0.2,
    Group.ORDER: 0.6,
    Group.VENUE: 0.5,
    Group.SETTLEMENT: 0.7,
    Group.STORE: 0.15,
    Group.PROCESS: 0.05,
}
"""Of one opportunity to strike, while a trade is there."""

_OTHERWISE: Final = {
    "refused_401": 0.12,
    "reconnect_storm": 0.12,
    "silence": 0.1,
    "clock_jump": 0.3,
    "stall": 0.3,
    "answer_409": 0.9,
    "disk_full": 0.7,
    "database_busy": 0.6,
    "torn_write": 0.4,
    "power_loss": 0.4,
    "death": 0.15,
}
"""Kinds after which little happens for a while, and kinds that find few opportunities."""

_MORE_SEEDS: Final = {
    "refused_401": 4,
    "answer_409": 4,
    "reconnect_storm": 3,
    "database_busy": 2,
    "disk_full": 4,
    "torn_write": 3,
    "power_loss": 3,
    "death": 3,
}
"""Kinds that strike few times in a seed, or end it: they are aimed in more seeds."""

_SENT_WITH_AN_ORDER: Final = frozenset(
    {kind.name for kind in BY_NAME.values() if kind.group is Group.ORDER} | {"answer_409"}
)


def impossible(kind: str, phase: str) -> str | None:
    """Why a fault cannot meet a trade in a state; None when it can."""
    if phase == "flat" and BY_NAME[kind].group is not Group.CHAIN:
        return "nothing of the trade is under way any more"
    if BY_NAME[kind].group is Group.CHAIN and phase not in ("locked", "flat"):
        return "sets are merged when nothing of their leg is out, which is seldom while the trade is under way"
    if kind in _SENT_WITH_AN_ORDER and phase in ("settling", "locked"):
        return "it needs an order of the trade on its way, and in this state there is none"
    if phase == "partial":
        return "the state is left in the instant in which it is entered, unless a book is missing"
    return None


@dataclass(slots=True)
class Aim:
    """One kind, one state. `there(phase, venue)` tells whether a trade with a leg at the venue is in that state now; an
    empty venue is any."""

    kind: Kind
    phase: str
    draw: random.Random
    there: Callable[[str, str], bool] = lambda phase, venue: False
    left: int = MOST_STRIKES

    def strikes(self, groups: Sequence[Group], venue: str, *, order: bool = False) -> bool:
        """Whether its kind, if it is of these groups, strikes now at this venue; `order` when a new order is on its way."""
        kind = self.kind
        if not self.left or kind.group not in groups or (venue and venue not in kind.venues):
            return False
        if (kind.name in _SENT_WITH_AN_ORDER and not order) or not self.there(self.phase, venue):
            return False
        struck = self.draw.random() < _OTHERWISE.get(kind.name, _CHANCES[kind.group])
        self.left -= struck
        return struck


def drawn(seed: int, chosen: Sequence[Kind]) -> Aim | None:
    """The aim of a seed, if it has one; states in which a kind cannot strike are not aimed at."""
    draw = random.Random(f"{seed}:aim")
    if draw.random() >= SHARE or not chosen:
        return None
    kind = draw.choices(chosen, [_MORE_SEEDS.get(kind.name, 1) for kind in chosen])[0]
    open_phases = [(phase, weight) for phase, weight in PHASES if impossible(kind.name, phase) is None]
    (phase,) = draw.choices([phase for phase, _ in open_phases], [weight for _, weight in open_phases])
    return Aim(kind, phase, draw)
