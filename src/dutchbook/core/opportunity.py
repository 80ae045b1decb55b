"""What the scanner finds: a bundle that costs less than it surely pays, with everything an operator asks about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from dutchbook.core.claim import Claim, MarketId
from dutchbook.core.link import Link
from dutchbook.core.money import Cash, Price, Rate, Size


@dataclass(frozen=True, slots=True)
class Bundle:
    """Claims bought in equal numbers that pay at least `guaranteed` (millionths) in every core state of the link.

    `payouts` is what one of each claim pays together, state by state; empty when the link does not know a claim, which the
    gate refuses.
    """

    id: str
    link: Link
    claims: tuple[Claim, ...]
    guaranteed: Price
    payouts: tuple[Price, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        link = self.link
        known = all(claim.market in link.payoffs for claim in self.claims)
        states = range(len(link.states)) if known else ()
        sums = [Price(sum(link.pays(claim, state) for claim in self.claims)) for state in states]
        object.__setattr__(self, "payouts", tuple(sums))


class LegQuote(NamedTuple):
    """One leg of an opportunity. `cash` and `fee` are expected (depth-walked); `worst` is all at the limit, fee included."""

    claim: Claim
    limit: Price
    cash: Cash
    fee: Cash
    worst: Cash
    age_ns: int
    pool: str
    taker_delay_ns: int


class StateOutcome(NamedTuple):
    """What the bundle brings in one state after its expected cost, millionths of a dollar."""

    state: str
    core: bool
    profit: Cash


class Opportunity(NamedTuple):
    """A sized bundle (M14). Edges are dollars per bundle over 1e-12; ROI and yield are over cost, 1e-12."""

    bundle: Bundle
    size: Size
    legs: tuple[LegQuote, ...]
    gross_edge: Rate
    net_edge: Rate
    cost: Cash
    profit: Cash
    roi: Rate
    days_to_cash: int
    annual_yield: Rate
    divergence: Rate
    outcomes: tuple[StateOutcome, ...]

    @property
    def worst_cost(self) -> Cash:
        """The most this can cost if every leg fills at its limit, fees included."""
        return Cash(sum(leg.worst for leg in self.legs))

    @property
    def markets(self) -> tuple[MarketId, ...]:
        return tuple(leg.claim.market for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something was not traded: a stable code and a text with numbers."""

    code: str
    text: str
