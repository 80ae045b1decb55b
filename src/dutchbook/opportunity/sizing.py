"""How much of a bundle to buy: the number of contracts, equal on every leg, that earns most after exact fees.

Greedy walk to the marginal hurdle, then the exact fee of each neighbouring lot, best bound first, until the profit before
rounding (an upper bound) is no longer above the best exact profit: so the answer is the best there is, not the best of a
few tries. Legs have equal contracts, never equal dollars. It decides no risk and must never look at a clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.clock import DAY
from dutchbook.core.market import Market
from dutchbook.core.money import (
    MICRO,
    RATE_ONE,
    Cash,
    Price,
    Rate,
    Rounding,
    Size,
    divide,
    format_dollars,
    format_micros,
    round_to,
)
from dutchbook.core.opportunity import Bundle, LegQuote, Opportunity, Rejection, StateOutcome
from dutchbook.opportunity.depth import CASH_SCALE, RATE_SCALE, Budget, Candidate, DepthWalk, Leg, Segment
from dutchbook.opportunity.limits import widen
from dutchbook.opportunity.scan import data_alarms

MAX_EVALUATIONS: Final = 1_000
"""Exact fee evaluations of one sizing. Whole-contract problems end long before; a tiny edge on hundredths of a contract
can have more candidates, and the best seen is then within the rounding of one order a leg."""

DAYS_A_YEAR: Final = 365

_UNLIMITED: Final = Size(10**30)

NO_CROSS: Final = Rejection("no_cross", "no_cross: the best offers cost as much as the bundle surely pays")


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """What sizing may spend. `max_cost` is the bundle's worst total cost with fees; `pools` the cash that legs draw on.

    `max_contracts` is per leg. `hurdle` is the least marginal edge in dollars a bundle (1e-12): minimum edge, carry, risk of
    legging, whichever is most (facts/market-structure §1); a link's divergence prior raises it when it is higher (§3.1).
    """

    max_cost: Cash
    pools: Mapping[str, Cash]
    max_contracts: Size
    min_profit: Cash
    hurdle: Rate


class _Sized(NamedTuple):
    """The chosen size, with (cash, fee, worst) of each leg."""

    size: int
    segment: Segment
    spent: tuple[tuple[int, int, int], ...]
    profit: int


def size_bundle(
    bundle: Bundle,
    books: Mapping[MarketId, Book],
    markets: Mapping[MarketId, Market],
    limits: SizeLimits,
    received_now_ns: int,
    wall_now_ns: int,
) -> Opportunity | Rejection:
    """The bundle in its most profitable size, or the first reason why not.

    Codes: `data` (a book crossed in itself), `no_cross`, `fees` (crosses, but not after fees and hurdle), `size` (the smallest
    lot does not fit depth, limits or a balance), `profit` (below `min_profit`). `received_now_ns` is monotonic, for quote
    ages; `wall_now_ns` is for days to cash. Raises KeyError for a leg whose market is unknown.
    """
    room: int = bundle.guaranteed
    for claim in bundle.claims:
        book = books.get(claim.market)
        if book is None or not book.live:
            return Rejection("no_cross", f"no_cross: the book of {claim.market} is not live")
        bid, ask = book.bids.best(), book.asks.best()
        if bid is not None and ask is not None and bid >= ask:
            return data_alarms(book) or NO_CROSS
        if claim.outcome is Outcome.YES:
            if ask is None:
                return Rejection("no_cross", f"no_cross: nobody offers {claim}")
            room -= ask
        else:
            if bid is None:
                return Rejection("no_cross", f"no_cross: nobody offers {claim}")
            room -= MICRO - bid
    if room <= 0:
        return NO_CROSS

    hurdle = max(limits.hurdle, bundle.link.divergence) * RATE_SCALE
    legs = [Leg(claim, markets[claim.market], books[claim.market]) for claim in bundle.claims]
    budgets = _budgets(legs, limits)
    if isinstance(budgets, Rejection):
        return budgets
    walk = DepthWalk(legs, bundle.guaranteed, hurdle, budgets, limits.max_contracts)
    walk.rise()
    segments = walk.segments
    if segments and segments[0].slope <= 0:
        net = divide(segments[0].slope, RATE_SCALE * MICRO, Rounding.CEIL)
        return Rejection(
            "fees",
            f"fees: {format_dollars(room, 4)} gross a bundle, {format_dollars(net, 4)} after fees and hurdle",
        )
    if segments:
        last = segments[-1] if segments[-1].rises else segments[-2]
        top = last.smooth(last.end) + hurdle * last.end
        if top < limits.min_profit * CASH_SCALE:
            return _below_minimum(top // CASH_SCALE, limits)
    best = _search(walk, bundle.guaranteed, hurdle, budgets)
    if best is None:
        return _unaffordable(bundle, books, markets, limits) or Rejection(
            "fees", f"fees: {format_dollars(room, 4)} gross a bundle, but no size pays once fees are rounded"
        )
    if best.profit < limits.min_profit:
        return _below_minimum(best.profit, limits)
    prices = [step.price for step in best.segment.steps]
    worst = [most for _, _, most in best.spent]
    least = max(limits.min_profit, -(-hurdle * best.size // CASH_SCALE))
    slack = bundle.guaranteed * best.size // MICRO - least - sum(worst)
    if slack > 0:
        widen(legs, prices, worst, best.size, slack, budgets)
    return _opportunity(bundle, legs, best, prices, worst, received_now_ns, wall_now_ns)


def _budgets(legs: Sequence[Leg], limits: SizeLimits) -> list[Budget] | Rejection:
    """The cash limits: the whole bundle's, and each pool's with the legs that draw on it."""
    drawing: dict[str, tuple[int, ...]] = {}
    for number, leg in enumerate(legs):
        drawing[leg.market.pool] = (*drawing.get(leg.market.pool, ()), number)
    budgets: list[Budget] = [(limits.max_cost, tuple(range(len(legs))))]
    for pool, numbers in drawing.items():
        available = limits.pools.get(pool)
        if available is None:
            return Rejection("size", f"size: the balance of {pool} is unknown")
        budgets.append((available, numbers))
    return budgets


def _best_first(walk: DepthWalk) -> Iterator[Candidate]:
    """Both directions from the top of the profit line, always the higher bound next."""
    down, up = walk.downwards(), walk.upwards()
    lower, upper = next(down, None), next(up, None)
    while lower is not None or upper is not None:
        if lower is not None and (upper is None or lower[0] >= upper[0]):
            yield lower
            lower = next(down, None)
        elif upper is not None:
            yield upper
            upper = next(up, None)


def _search(walk: DepthWalk, guaranteed: Price, hurdle: int, budgets: Sequence[Budget]) -> _Sized | None:
    """The size with the highest exact profit above the hurdle; on a tie more profit, then fewer contracts.

    None when no size that fits the budgets has a positive one.
    """
    best: _Sized | None = None
    best_value = 0
    for evaluations, (bound, size, segment) in enumerate(_best_first(walk)):
        if bound <= best_value or evaluations == MAX_EVALUATIONS:
            break
        spent = [step.spent(size) for step in segment.steps]
        profit = guaranteed * size // MICRO - sum([cash + fee for cash, fee in spent])
        value = profit * CASH_SCALE - hurdle * size
        if value < best_value or value <= 0:
            continue
        if best is not None and value == best_value and (profit, -size) <= (best.profit, -best.size):
            continue
        worst = [step.worst(size, cash + fee) for step, (cash, fee) in zip(segment.steps, spent, strict=True)]
        if _fits(worst, budgets):
            legs = tuple((cash, fee, most) for (cash, fee), most in zip(spent, worst, strict=True))
            best, best_value = _Sized(size, segment, legs, profit), value
    return best


def _fits(worst: Sequence[int], budgets: Sequence[Budget]) -> bool:
    """Whether every budget covers the worst cost of its legs."""
    for cash, numbers in budgets:
        left: int = cash
        for number in numbers:
            left -= worst[number]
        if left < 0:
            return False
    return True


def _below_minimum(profit: int, limits: SizeLimits) -> Rejection:
    return Rejection(
        "profit", f"profit: at most {format_dollars(profit, 4)}, the minimum is {format_dollars(limits.min_profit, 4)}"
    )


def _unaffordable(
    bundle: Bundle, books: Mapping[MarketId, Book], markets: Mapping[MarketId, Market], limits: SizeLimits
) -> Rejection | None:
    """Why not even the smallest lot can be bought; None when it can."""
    legs = [Leg(claim, markets[claim.market], books[claim.market]) for claim in bundle.claims]
    walk = DepthWalk(legs, bundle.guaranteed, 0, (), _UNLIMITED)
    segment = walk.extend()
    while segment is not None and not segment.sizes():
        segment = walk.extend()
    if segment is None:
        return Rejection("size", "size: the books offer less than the smallest lot")
    size = segment.sizes()[0]
    worst = [step.worst(size, sum(step.spent(size))) for step in segment.steps]
    if size > limits.max_contracts:
        return Rejection(
            "size",
            f"size: smallest bundle is {format_micros(size, trim=True)} contracts,"
            f" the limit is {format_micros(limits.max_contracts, trim=True)}",
        )
    total = sum(worst)
    if total > limits.max_cost:
        return Rejection(
            "size", f"size: smallest bundle costs {_at_least(total)}, the limit is {format_dollars(limits.max_cost)}"
        )
    needed: dict[str, int] = {}
    for leg, cost in zip(legs, worst, strict=True):
        needed[leg.market.pool] = needed.get(leg.market.pool, 0) + cost
    for pool, cost in needed.items():
        if cost > limits.pools[pool]:
            return Rejection(
                "size",
                f"size: smallest bundle costs {_at_least(total)}, {_at_least(cost)} of it from {pool}"
                f" which has {format_dollars(limits.pools[pool])}",
            )
    return None


def _at_least(cost: int) -> str:
    """A cost on a screen, never shown as less than it is."""
    return format_dollars(round_to(cost, 10_000, Rounding.CEIL))


def _opportunity(
    bundle: Bundle,
    legs: Sequence[Leg],
    sized: _Sized,
    prices: Sequence[int],
    worst: Sequence[int],
    received_now_ns: int,
    wall_now_ns: int,
) -> Opportunity:
    """Everything an operator asks about a sized bundle (M14)."""
    link, size = bundle.link, sized.size
    quotes = tuple(
        LegQuote(
            claim=leg.claim,
            limit=Price(limit),
            cash=Cash(cash),
            fee=Cash(fee),
            worst=Cash(most),
            age_ns=received_now_ns - leg.book.received_ns,
            pool=leg.market.pool,
            taker_delay_ns=leg.market.taker_delay_ns,
        )
        for leg, limit, most, (cash, fee, _) in zip(legs, prices, worst, sized.spent, strict=True)
    )
    paid = sum([cash for cash, _, _ in sized.spent])
    cost = paid + sum([fee for _, fee, _ in sized.spent])
    settles_ns = link.settles_ns or max(leg.market.closes_ns for leg in legs)
    days = max(1, -(-(settles_ns - wall_now_ns) // DAY))
    roi = sized.profit * RATE_ONE // cost if cost else 0
    return Opportunity(
        bundle=bundle,
        size=Size(size),
        legs=quotes,
        gross_edge=Rate((bundle.guaranteed * size // MICRO - paid) * RATE_ONE // size),
        net_edge=Rate(sized.profit * RATE_ONE // size),
        cost=Cash(cost),
        profit=Cash(sized.profit),
        roi=Rate(roi),
        days_to_cash=days,
        annual_yield=Rate(roi * DAYS_A_YEAR // days),
        divergence=link.divergence,
        outcomes=tuple(
            [
                StateOutcome(state.name, state.core, Cash(payout * size // MICRO - cost))
                for state, payout in zip(link.states, bundle.payouts, strict=True)
            ]
        ),
    )
