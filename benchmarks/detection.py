"""Detection and sizing against brute force on random two-venue books, and how long they take.

The oracle here is a second witness: it tries every lot and works the fees out from the venues' published rules in its own
units (prices in 1/10,000 dollar, sizes in 1/100 contract), so it must never import the engine's fees or sizing.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter_ns
from typing import Any

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.fees import Precision, kalshi_fees, polymarket_fees
from dutchbook.core.link import Link, same_bet
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Price, Rate, Size, parse_rate
from dutchbook.core.opportunity import Bundle, Opportunity, Rejection
from dutchbook.opportunity.scan import Scanner
from dutchbook.opportunity.sizing import SizeLimits, size_bundle

FIRST = MarketId("kalshi:A")
SECOND = MarketId("polymarket:B")
CENT = 10_000
POLYMARKET_RATES = ("0", "0.03", "0.04", "0.05", "0.07")


# --- the oracle -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OracleLeg:
    """Offers as (price in 1/10,000, size in 1/100), cheapest first, and what the venue's pages say about fees.

    `precision` is Kalshi's balance step in millionths of a dollar; None is Polymarket (no balance step, five decimals).
    """

    offers: tuple[tuple[int, int], ...]
    rate: Fraction
    precision: int | None
    whole: bool
    min_cash: int = 0
    balance: int = 10**15

    def allows(self, size: int, limit: int) -> bool:
        """Polymarket's FOK rule: price times shares is whole cents; `whole` asks for whole contracts."""
        if (self.whole and size % 100) or size * limit < self.min_cash:
            return False
        return self.precision is not None or size * limit % CENT == 0


class OracleOrder:
    """One order's fills: cash and net fee so far, millionths of a dollar."""

    def __init__(self, leg: OracleLeg, cash: int = 0, fee: int = 0, carried: int = 0) -> None:
        self.leg, self.cash, self.fee, self.carried = leg, cash, fee, carried

    def fill(self, price: int, size: int) -> OracleOrder:
        """The order after one more fill."""
        p = Fraction(price, 10_000)
        per_hundredth = self.leg.rate * p * (1 - p) * 10_000  # model fee of 1/100 contract, in millionths
        model = size * per_hundredth.numerator
        cash = price * size
        if self.leg.precision is None:
            fee = -(-model // (per_hundredth.denominator * 10)) * 10
            return OracleOrder(self.leg, self.cash + cash, self.fee + fee)
        trade = -(-model // per_hundredth.denominator)
        step = self.leg.precision
        paid = -(-(cash + trade) // step) * step
        carried = self.carried + paid - cash - trade
        fee = paid - cash
        while carried >= step and fee >= step:
            carried, fee = carried - step, fee - step
        return OracleOrder(self.leg, self.cash + cash, self.fee + fee, carried)


def brute_force(legs: Sequence[OracleLeg], max_cost: int, max_size: int) -> tuple[int, int] | None:
    """(profit in millionths, size in 1/100) of the best size, trying every one; None when nothing is positive."""
    step = 100 if all(leg.whole for leg in legs) else 1
    deepest = min(max_size, *(sum(size for _, size in leg.offers) for leg in legs))
    before = [OracleOrder(leg) for leg in legs]
    level = [0] * len(legs)
    start = [0] * len(legs)
    best: tuple[int, int] | None = None
    for size in range(step, deepest + 1, step):
        orders, limits = [], []
        for i, leg in enumerate(legs):
            while start[i] + leg.offers[level[i]][1] < size:
                before[i] = before[i].fill(*leg.offers[level[i]])
                start[i] += leg.offers[level[i]][1]
                level[i] += 1
            limits.append(leg.offers[level[i]][0])
        if not all(leg.allows(size, limit) for leg, limit in zip(legs, limits, strict=True)):
            continue
        for i, limit in enumerate(limits):
            orders.append(before[i].fill(limit, size - start[i]))
        profit = size * CENT - sum(order.cash + order.fee for order in orders)
        if profit <= (best[0] if best else 0):
            continue
        worst = []
        for leg, order, limit in zip(legs, orders, limits, strict=True):
            alone = OracleOrder(leg).fill(limit, size)
            worst.append(max(alone.cash + alone.fee, order.cash + order.fee))
        if sum(worst) <= max_cost and all(cost <= leg.balance for cost, leg in zip(worst, legs, strict=True)):
            best = (profit, size)
    return best


# --- random books ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One random pair as the engine sees it and as the oracle sees it."""

    books: dict[MarketId, Book]
    markets: dict[MarketId, Market]
    link: Link
    limits: SizeLimits
    oracle: tuple[OracleLeg, OracleLeg]
    exact: bool

    def best(self) -> tuple[int, int] | None:
        """The oracle's answer."""
        return brute_force(self.oracle, self.limits.max_cost, self.limits.max_contracts // CENT)


def _offers(rng: random.Random, price: int, tick: int, levels: int, whole: bool) -> tuple[tuple[int, int], ...]:
    """Up to `levels` offers from `price` on, together at most 100 lots."""
    offers = []
    for _ in range(levels):
        if price >= 10_000:
            break
        lots = rng.randint(1, 100 // levels)
        offers.append((price, lots * 100 if whole else lots * rng.choice((1, 2, 5, 20))))
        price += tick * rng.choice((1, 1, 1, 2, 5))
    return tuple(offers)


def _market(market: MarketId, leg: OracleLeg, tick: int, rate: str) -> Market:
    kalshi = leg.precision is not None
    whole = MICRO if leg.whole else CENT
    return Market(
        id=market,
        event="event",
        title="title",
        rules="rules",
        outcomes=("yes", "no"),
        grid=TickGrid.uniform(Price(tick * 100)),
        lot=Size(CENT),
        take_lot=Size(whole),
        min_size=Size(CENT if kalshi else 5 * MICRO),
        min_cash=Cash(leg.min_cash),
        buy_cash_step=Cash(1 if kalshi else CENT),
        sell_cash_step=Cash(1 if kalshi else CENT),
        fees=kalshi_fees(Rate(RATE_ONE), "quadratic", Precision(leg.precision or 100))
        if kalshi
        else polymarket_fees(parse_rate(rate)),
        pool="shard-0" if kalshi else "wallet",
        status=MarketStatus.OPEN,
        closes_ns=30 * 86_400 * 10**9,
    )


def _book(market: MarketId, leg: OracleLeg, *, as_yes: bool) -> Book:
    book = Book(market)
    levels = [(price * 100 if as_yes else MICRO - price * 100, size * CENT) for price, size in leg.offers]
    book.snapshot([] if as_yes else levels, levels if as_yes else [])
    return book


def random_case(rng: random.Random, levels: int | None = None, gap: int | None = None) -> Case:
    """A pair whose best offers leave `gap` (1/10,000 dollar; random when None), under random limits."""
    whole = rng.random() < 0.9
    ticks = (rng.choice((100, 10)), rng.choice((100, 10)))
    room = rng.randint(-200, 700) if gap is None else gap
    first = max(ticks[0], rng.randint(100, 9_800) // ticks[0] * ticks[0])
    second = min(9_900, max(ticks[1], (10_000 - first - room) // ticks[1] * ticks[1]))
    rate = rng.choice(POLYMARKET_RATES)
    precision = rng.choice((100, CENT))
    tight = gap is None and rng.random() < 0.3
    legs = (
        OracleLeg(
            _offers(rng, first, ticks[0], levels or rng.randint(1, 5), whole),
            Fraction("0.07"),
            precision,
            whole,
            balance=rng.randint(1, 60) * MICRO if tight else 10**12,
        ),
        OracleLeg(
            _offers(rng, second, ticks[1], levels or rng.randint(1, 5), whole),
            Fraction(rate),
            None,
            whole,
            min_cash=rng.choice((0, MICRO)),
            balance=rng.randint(1, 60) * MICRO if tight else 10**12,
        ),
    )
    inverse = rng.random() < 0.5
    limits = SizeLimits(
        max_cost=Cash(rng.randint(2, 100) * MICRO if tight else 10**12),
        pools={"shard-0": Cash(legs[0].balance), "wallet": Cash(legs[1].balance)},
        max_contracts=Size(rng.randint(1, 100) * MICRO if tight else 1_000 * MICRO),
        min_profit=Cash(1),
        hurdle=Rate(0),
    )
    return Case(
        books={FIRST: _book(FIRST, legs[0], as_yes=True), SECOND: _book(SECOND, legs[1], as_yes=inverse)},
        markets={FIRST: _market(FIRST, legs[0], ticks[0], "0"), SECOND: _market(SECOND, legs[1], ticks[1], rate)},
        link=same_bet("link", "event", FIRST, SECOND, inverse=inverse),
        limits=limits,
        oracle=legs,
        exact=whole and precision == 100,
    )


# --- the comparison -------------------------------------------------------------------------------------------------


def detect(case: Case) -> Opportunity | Rejection:
    """What the engine finds: the crossing bundle, sized."""
    crossing = Scanner([case.link], case.markets).crossings(FIRST, case.books)
    if not crossing:
        return Rejection("no_cross", "no_cross: nothing reported by the scanner")
    return _size(crossing[0], case)


def _size(bundle: Bundle, case: Case) -> Opportunity | Rejection:
    return size_bundle(bundle, case.books, case.markets, case.limits, 0, 0)


def compare(books: int, seed: int) -> dict[str, Any]:
    """Counts of agreement with brute force; every figure but `books` and the found ones is expected to be zero."""
    rng = random.Random(seed)
    count = dict.fromkeys(("profitable", "verdicts_differ", "above", "short_over_a_cent", "exact_case_differs"), 0)
    reasons: dict[str, int] = {}
    shortfall = 0
    for _ in range(books):
        case = random_case(rng)
        found, best = detect(case), case.best()
        count["profitable"] += best is not None
        if isinstance(found, Rejection):
            reasons[found.code] = reasons.get(found.code, 0) + 1
            count["verdicts_differ"] += best is not None
            continue
        if best is None:
            count["verdicts_differ"] += 1
            continue
        missing = best[0] - found.profit
        shortfall = max(shortfall, missing)
        count["above"] += missing < 0
        count["short_over_a_cent"] += missing > CENT
        count["exact_case_differs"] += case.exact and missing != 0
    return {"books": books, **count, "largest_shortfall_micros": shortfall, "rejections": dict(sorted(reasons.items()))}


# --- the clock ------------------------------------------------------------------------------------------------------


def _median_us(samples: Sequence[float]) -> float:
    return round(statistics.median(samples) / 1_000, 2)


def measure(seed: int, pairs: int = 400, rounds: int = 9) -> dict[str, Any]:
    """Median microseconds: scanning a pair that does not cross, sizing a five-level crossing, and brute force on the same."""
    rng = random.Random(seed)
    quiet = [random_case(rng, gap=-rng.randint(50, 500)) for _ in range(pairs)]
    scans = [(Scanner([case.link], case.markets), case.books) for case in quiet]
    scan_ns = []
    for _ in range(rounds * 5):
        start = perf_counter_ns()
        for scanner, books in scans:
            scanner.crossings(FIRST, books)
        scan_ns.append((perf_counter_ns() - start) / pairs)
    busy: list[tuple[Bundle, Case]] = []
    while len(busy) < pairs // 4:
        case = random_case(rng, levels=5, gap=rng.randint(500, 1_200))
        crossing = Scanner([case.link], case.markets).crossings(FIRST, case.books)
        if crossing and isinstance(_size(crossing[0], case), Opportunity):
            busy.append((crossing[0], case))
    size_ns, brute_ns = [], []
    for bundle, case in busy:
        best = min(_timed(lambda bundle=bundle, case=case: _size(bundle, case)) for _ in range(rounds))
        size_ns.append(best)
        brute_ns.append(_timed(case.best))
    return {
        "scan_us_per_quiet_pair": _median_us(scan_ns),
        "size_us_per_five_level_crossing": _median_us(size_ns),
        "size_us_p95": round(sorted(size_ns)[len(size_ns) * 95 // 100] / 1_000, 2),
        "brute_force_us": _median_us(brute_ns),
        "brute_force_over_sizing": round(statistics.median(brute_ns) / statistics.median(size_ns), 1),
    }


def _timed(call: Any) -> float:
    start = perf_counter_ns()
    call()
    return perf_counter_ns() - start


def run(books: int, seed: int) -> dict[str, Any]:
    """The comparison over `books` random pairs, then the timings; `ok` says whether every demanded figure holds."""
    compared = compare(books, seed)
    faults = ("verdicts_differ", "above", "short_over_a_cent", "exact_case_differs")
    return {"ok": not any(compared[name] for name in faults), "seed": seed, **compared, **measure(seed)}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2])), indent=2))
