"""An opportunity with the figures that the gate works out for itself: it trusts sizes and limits, never derived numbers."""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.claim import MarketId, venue_of
from dutchbook.core.fees import order_fee
from dutchbook.core.money import MICRO, Cash, Price, Rate, Rounding, notional, ratio
from dutchbook.core.opportunity import LegQuote, Opportunity
from dutchbook.risk.approved import PlannedLeg
from dutchbook.risk.view import Pool, RiskView


@dataclass(frozen=True, slots=True)
class Candidate:
    """`profit` is the least over the core states after expected cost; `roi_low` and `roi_high` span the gate's and the
    scanner's own figure, so that either can fail a limit. `edge` is the profit per bundle, millionths of a dollar.
    """

    opportunity: Opportunity
    legs: tuple[PlannedLeg, ...]
    profit: Cash
    roi_low: Rate
    roi_high: Rate

    @property
    def event(self) -> str:
        return self.opportunity.bundle.link.event

    @property
    def edge(self) -> Cash:
        size = self.opportunity.size
        return Cash(self.profit * MICRO // size) if size > 0 else Cash(0)

    @property
    def worst_cost(self) -> Cash:
        return Cash(sum(leg.worst for leg in self.legs))

    @property
    def markets(self) -> tuple[MarketId, ...]:
        return tuple(leg.claim.market for leg in self.legs)

    @property
    def prices(self) -> tuple[Price, ...]:
        """The limits, brought inside (0, 1): a nonsensical one is refused by its own check."""
        return tuple(Price(min(MICRO, max(0, leg.limit))) for leg in self.legs)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Each (venue, pool) that pays, once, in leg order."""
        return tuple(dict.fromkeys((venue_of(leg.claim.market), leg.pool) for leg in self.legs))

    @property
    def venues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(venue_of(market) for market in self.markets))


def consider(opportunity: Opportunity, view: RiskView) -> Candidate:
    """Work out the figures. The worst cost of a leg is at least its limit times its size plus the market's fee on that."""
    link = opportunity.bundle.link
    claims = tuple(leg.claim for leg in opportunity.legs)
    known = bool(claims) and all(claim.market in link.payoffs for claim in claims)
    paid = notional(link.guaranteed(claims), opportunity.size, Rounding.FLOOR) if known else Cash(0)
    cost = sum(leg.cash + leg.fee for leg in opportunity.legs)
    profit = Cash(paid - cost)
    roi = ratio(profit, cost) if cost > 0 else Rate(0)
    return Candidate(
        opportunity=opportunity,
        legs=tuple(_plan(leg, opportunity, view) for leg in opportunity.legs),
        profit=profit,
        roi_low=min(roi, opportunity.roi),
        roi_high=max(roi, opportunity.roi),
    )


def _plan(leg: LegQuote, opportunity: Opportunity, view: RiskView) -> PlannedLeg:
    size, worst, pool, delay = opportunity.size, leg.worst, leg.pool, leg.taker_delay_ns
    market = view.markets.get(leg.claim.market)
    if market is not None:
        pool, delay = market.pool, max(delay, market.taker_delay_ns)
        fee = order_fee(market.fees, [(leg.limit, size)])
        worst = Cash(max(worst, notional(leg.limit, size, Rounding.CEIL) + fee))
    return PlannedLeg(leg.claim, size, leg.limit, worst, pool, delay)
