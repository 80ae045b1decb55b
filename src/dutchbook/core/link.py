"""Markets that are about the same event, as one state-payoff table.

Rows are states of the world, columns the YES legs of markets; an entry is what one YES contract pays in that state.
Core states must never lose; tail states (tie, cancelled, void) are priced as risk. NO pays 1 minus YES, always.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.errors import Skip
from dutchbook.core.money import MICRO, Price, Rate

LONGEST_RULES: Final = 40_000
"""Characters of a rules text that are kept for reading. A longer text is hashed whole, kept cut, and vetoed."""


def rules_hash(text: str) -> str:
    """SHA-256 of a rules text, hexadecimal: an approval of a link is bound to it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class LinkKind(Enum):
    YES_NO = "yes_no"
    CROSS_TEAM = "cross_team"
    THREE_WAY = "three_way"
    BASKET = "basket"
    SINGLE = "single"
    """One market alone: what a person buys by hand."""


@dataclass(frozen=True, slots=True)
class State:
    """One way the world can end. A core state must pay at least the guarantee; a tail state is risk."""

    name: str
    core: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """A group of markets with their payoffs. `payoffs[market][i]` is YES in `states[i]`, in millionths.

    `approved` is a person's word; nothing unapproved is traded. `divergence` is the prior probability (1e-12) that the
    venues pay in a way that makes the bundle lose, used in the hurdle.
    """

    id: str
    kind: LinkKind
    event: str
    states: tuple[State, ...]
    payoffs: dict[MarketId, tuple[Price, ...]]
    approved: bool = False
    divergence: Rate = Rate(0)
    settles_ns: int = 0
    high_confidence: bool = False

    def __post_init__(self) -> None:
        if not any(state.core for state in self.states):
            raise Skip(f"link {self.id}: has no core state; name at least one")
        for market, row in self.payoffs.items():
            if len(row) != len(self.states):
                raise Skip(f"link {self.id}: {market} has {len(row)} payoffs for {len(self.states)} states")
            if any(not 0 <= value <= MICRO for value in row):
                raise Skip(f"link {self.id}: a payoff of {market} is outside [0, 1]")

    @property
    def markets(self) -> tuple[MarketId, ...]:
        return tuple(self.payoffs)

    def pays(self, claim: Claim, state: int) -> Price:
        """What one contract of `claim` pays in state number `state`."""
        value = self.payoffs[claim.market][state]
        return value if claim.outcome is Outcome.YES else Price(MICRO - value)

    def guaranteed(self, claims: tuple[Claim, ...]) -> Price:
        """The least that one of each claim pays together over the core states."""
        return Price(min(sum(self.pays(c, i) for c in claims) for i, state in enumerate(self.states) if state.core))


def same_bet(
    link_id: str,
    event: str,
    first: MarketId,
    second: MarketId,
    *,
    inverse: bool = False,
    approved: bool = False,
    divergence: Rate = Rate(0),
    settles_ns: int = 0,
) -> Link:
    """Two markets on one question: YES pays together (`yes_no`), or YES of one is NO of the other (`cross_team`)."""
    one, zero = Price(MICRO), Price(0)
    return Link(
        id=link_id,
        kind=LinkKind.CROSS_TEAM if inverse else LinkKind.YES_NO,
        event=event,
        states=(State("yes"), State("no")),
        payoffs={first: (one, zero), second: (zero, one) if inverse else (one, zero)},
        approved=approved,
        divergence=divergence,
        settles_ns=settles_ns,
    )
