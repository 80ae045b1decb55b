"""Limits at the marginal hurdle: how much worse than the books each leg may fill before the bundle is not worth having.

The slack between the all-in cost at the depth walk's prices and what the bundle must leave is shared over the legs, on the
tick grid and in sizes that the venue takes there, with the fee evaluated at the limit. A limit is never narrower than the
walk's, and never so wide that the legs, each filled whole at its limit, leave less than they must or do not fit a budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dutchbook.core.claim import Outcome
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, RATE_ONE, Price
from dutchbook.opportunity.depth import Budget, Leg

TICKS: Final = 2
"""How many ticks to step back from a price at which the size is no lot (Polymarket: whole cents) or rounding costs too much;
after them by whole cents, at which every whole contract is a lot."""

TRIES: Final = TICKS + 3

_CENT: Final = 10_000

_ONE: Final = MICRO * RATE_ONE
"""A slope of 1."""


def widen(
    legs: Sequence[Leg], prices: list[int], worst: list[int], size: int, slack: int, budgets: Sequence[Budget]
) -> None:
    """Raise `prices` and with them `worst` (millionths, all of `size` at the limit, fee included), in place.

    `slack` is what the worst costs may still grow by in all. Legs get equal shares, those under a taker delay last: they
    are the less certain ones, and take what the ticks of the others left over. A leg whose venue takes purchases in cash
    keeps its limit: there a better price may come as more contracts, and a wide limit would buy them on purpose.
    """
    order: Sequence[int] = [number for number, leg in enumerate(legs) if not leg.market.buys_in_cash]
    waiting = len(order)
    for leg in legs:
        if leg.market.taker_delay_ns:
            order = sorted(order, key=lambda number: legs[number].market.taker_delay_ns)
            break
    most = sum(worst) + slack
    tight = [budget for budget in budgets if budget[0] < most]
    for number in order:
        share = slack // waiting
        waiting -= 1
        for cash, numbers in tight:
            if number in numbers:
                share = min(share, cash - sum([worst[other] for other in numbers]))
        leg = legs[number]
        found = _widest(leg.market, leg.claim.outcome, prices[number], worst[number], size, share)
        if found is not None:
            slack -= found[1] - worst[number]
            prices[number], worst[number] = found


def _widest(market: Market, outcome: Outcome, price: int, worst: int, size: int, share: int) -> tuple[int, int] | None:
    """The highest tradable limit above `price` whose whole cost is at most `worst` and `share`, with that cost."""
    fees = market.fees
    # the all-in cost of a contract is concave in its price, so the slope here bounds it from above (exponent 1)
    slope = _ONE + fees.taker_rate * (MICRO - 2 * price) if fees.exponent == 1 else _ONE
    limit = _on_grid(market, outcome, price + share * MICRO * _ONE // (size * slope))
    for tried in range(TRIES):
        if limit is None or limit <= price:
            return None
        if size % market.marketable_lot(limit) == 0:
            # one fill: cash and fee, rounded up together to the step of the venue's balances
            cost = fees.trade_fee(limit, size) - -limit * size // MICRO  # type: ignore[arg-type]
            quantum = fees.balance_quantum
            if quantum:
                cost = -(-cost // quantum) * quantum
            if cost <= worst + share:
                return limit, cost if cost > worst else worst
        below = limit - 1
        limit = _on_grid(market, outcome, below if tried < TICKS else below // _CENT * _CENT)
    return None


def _on_grid(market: Market, outcome: Outcome, price: int) -> Price | None:
    """The highest tradable price of the claim not above `price`; the grid is in YES terms."""
    ranges = market.grid.ranges
    if len(ranges) == 1:
        # nearly every market: the same answer without a search
        only = ranges[0]
        start, end = (only.start, only.end) if outcome is Outcome.YES else (MICRO - only.end, MICRO - only.start)
        # a venue may state the whole of [0, 1] as its range: the ends themselves are no prices
        price = min(price, end, MICRO - 1)
        found = start + (price - start) // only.step * only.step
        return Price(found) if price >= start and found > 0 else None
    if outcome is Outcome.YES:
        return market.grid.floor(Price(price))
    in_yes = market.grid.ceil(Price(MICRO - price)) if price > 0 else None
    return None if in_yes is None else Price(MICRO - in_yes)
