"""What the engine knows about the legs of an approved plan, for the choice of their order and the accept test.

Fill rates and unwind costs come from this ledger's own trades, priors until there are enough, and from the newest books. It
judges by `execution.leg_order` alone, and its answer never makes a plan larger or dearer than what was approved.
"""

from __future__ import annotations

from dutchbook.core.book import walk
from dutchbook.core.claim import venue_of
from dutchbook.core.fees import order_fee
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Rate, Rounding
from dutchbook.core.opportunity import LegQuote, Opportunity, Rejection
from dutchbook.engine.desk import Desk
from dutchbook.execution.leg_order import LegOdds, Terms, Verdict, choose, percent
from dutchbook.ledger.fill_rates import Entry, FillRates
from dutchbook.risk.approved import Approved

DIVERGENCE_BOUND = 2
"""The upper bound of a divergence prior is this often the prior. Judgement: where divergences were counted at all, the
published 95 % bounds are a small multiple of the rate (market structure, section 3)."""

_YEAR_DAYS = 365


class LegPolicy:
    """Keeps the fill rates of one engine up to date and judges plans with them."""

    def __init__(self, desk: Desk) -> None:
        self.rates = FillRates()
        self._desk = desk

    def learn(self) -> None:
        """Take in the trades that have ended since; done at the start, so that the first quote does not pay for the past."""
        self.rates.follow(self._desk.ledger)

    def judge(self, approved: Approved) -> Verdict | Rejection:
        """The order of the legs, or code `expected` when the plan is not worth its misses."""
        self.learn()
        opportunity = approved.opportunity
        point, lower = [], []
        for leg, quote in zip(approved.legs, opportunity.legs, strict=True):
            delayed = leg.taker_delay_ns > 0
            now = Entry(venue_of(leg.claim.market), delayed)
            later = now._replace(later=True)
            unwind = self.rates.unwind(now, self._unwind(quote, opportunity))
            point.append(LegOdds(self.rates.fill(now), self.rates.fill(later), unwind, delayed))
            lower.append(LegOdds(self.rates.fill_lower(now), self.rates.fill_lower(later), unwind, delayed))
        config = self._desk.config
        verdict = choose(point, lower, self._terms(opportunity), confident=config.require_confident_edge)
        if verdict.accepted:
            return verdict
        return Rejection(
            "expected",
            f"expected: {verdict.sequencing}, a bundle brings {verdict.point};"
            f" with misses and divergence at their upper bounds {verdict.lower};"
            f" missing a leg more than {percent(verdict.break_even)} of the time loses",
        )

    def _terms(self, opportunity: Opportunity) -> Terms:
        cost = opportunity.cost * RATE_ONE // opportunity.size
        return Terms(
            edge=opportunity.net_edge,
            divergence=opportunity.divergence,
            divergence_upper=Rate(opportunity.divergence * DIVERGENCE_BOUND),
            carry=Rate(cost * self._desk.config.idle_yield * opportunity.days_to_cash // (RATE_ONE * _YEAR_DAYS)),
        )

    def _unwind(self, quote: LegQuote, opportunity: Opportunity) -> Cash:
        """What a contract costs all-in less what the bids pay for it now, net of fees; contracts nobody bids for are lost."""
        market, book = self._desk.markets[quote.claim.market], self._desk.books[quote.claim.market]
        sale = walk(book.demand(quote.claim.outcome), opportunity.size, Rounding.FLOOR)
        brought = sale.cash - order_fee(market.fees, list(sale.parts), buying=False)
        return Cash((quote.cash + quote.fee - brought) * MICRO // opportunity.size)
