"""A small world for the gate's tests: one event, a Kalshi and a Polymarket market on it, a bundle that passes every check."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dutchbook.core.account import Balances
from dutchbook.core.book import Book, walk
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import DAY, MINUTE, SECOND
from dutchbook.core.fees import FeeSchedule, kalshi_fees, order_fee, polymarket_fees
from dutchbook.core.link import Link, same_bet
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Price, Rate, Rounding, Size, notional, parse_rate, ratio
from dutchbook.core.opportunity import Bundle, LegQuote, Opportunity
from dutchbook.risk.limits import RiskLimits
from dutchbook.risk.view import DailyCounters, KillSwitch, RiskView, VenueMode

KALSHI = MarketId("kalshi:KXGAME-26NOV21AB-A")
POLY = MarketId("polymarket:0xabc")
EVENT = "a-b-2026-11-21"
WALL = 1_795_000_000 * SECOND
NOW = 500 * SECOND


def dollars(text: str) -> Cash:
    whole, _, rest = text.partition(".")
    return Cash(int(whole + rest.ljust(6, "0")))


LIMITS = RiskLimits(
    min_bet=dollars("1"),
    max_bet=dollars("2"),
    min_roi=Rate(RATE_ONE // 100),
    max_roi=Rate(RATE_ONE // 2),
    min_edge=Rate(RATE_ONE // 50),
    min_profit=dollars("0.01"),
    max_daily_trades=50,
    max_daily_loss=dollars("5"),
    min_platform_balance=dollars("1"),
    max_event_exposure=dollars("100"),
    max_order_contracts=Size(100 * MICRO),
    cooldown_ns=5 * SECOND,
    close_margin_ns=MINUTE,
    balance_max_age_ns=MINUTE,
    feed_silent_ns=5 * SECOND,
)


def market(market_id: MarketId, fees: FeeSchedule, pool: str, **changes: Any) -> Market:
    plain = Market(
        id=market_id,
        event=EVENT,
        title="A beats B",
        rules="A wins",
        outcomes=("A", "B"),
        grid=TickGrid.uniform(Price(10_000)),
        lot=Size(10_000),
        take_lot=Size(10_000),
        min_size=Size(10_000),
        min_cash=Cash(0),
        buy_cash_step=Cash(1),
        sell_cash_step=Cash(1),
        fees=fees,
        pool=pool,
        status=MarketStatus.OPEN,
        closes_ns=WALL + 7 * DAY,
        starts_ns=WALL + 6 * DAY,
    )
    return replace(plain, **changes)


MARKETS = {
    KALSHI: market(KALSHI, kalshi_fees(parse_rate("1"), "quadratic"), "shard-0"),
    POLY: market(POLY, polymarket_fees(parse_rate("0.04")), "wallet"),
}

LINK = replace(same_bet("link-1", EVENT, KALSHI, POLY, approved=True, settles_ns=WALL + 7 * DAY), high_confidence=True)


def book(
    market_id: MarketId,
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    *,
    age_ns: int = 0,
) -> Book:
    """Levels in cents and contracts."""
    made = Book(market_id)
    made.snapshot([(p * 10_000, s * MICRO) for p, s in bids], [(p * 10_000, s * MICRO) for p, s in asks])
    made.received_ns = NOW - age_ns
    return made


def books(*, age_ns: int = 0) -> dict[MarketId, Book]:
    """YES costs 0.40 on Kalshi; NO costs 0.50 on Polymarket."""
    return {
        KALSHI: book(KALSHI, [(39, 50)], [(40, 50), (42, 50)], age_ns=age_ns),
        POLY: book(POLY, [(50, 50), (48, 50)], [(51, 50)], age_ns=age_ns),
    }


def quote(claim: Claim, limit: int, size: int, at: dict[MarketId, Book]) -> LegQuote:
    price, contracts = Price(limit), Size(size)
    reached = walk(at[claim.market].offers(claim.outcome), contracts, Rounding.CEIL)
    fees = MARKETS[claim.market].fees
    worst = notional(price, contracts, Rounding.CEIL) + order_fee(fees, [(price, contracts)])
    fee = order_fee(fees, list(reached.parts))
    return LegQuote(claim, price, reached.cash, fee, Cash(worst), 0, MARKETS[claim.market].pool, 0)


def opportunity(
    size: int = 2 * MICRO,
    *,
    kalshi_limit: int = 400_000,
    poly_limit: int = 500_000,
    link: Link = LINK,
    at: dict[MarketId, Book] | None = None,
) -> Opportunity:
    """Buys A-YES on Kalshi and A-NO on Polymarket: 7 cents a bundle, after fees."""
    shown = at or books()
    claims = (Claim(KALSHI, Outcome.YES), Claim(POLY, Outcome.NO))
    legs = (quote(claims[0], kalshi_limit, size, shown), quote(claims[1], poly_limit, size, shown))
    cost = Cash(sum(leg.cash + leg.fee for leg in legs))
    profit = Cash(size - cost)
    return Opportunity(
        bundle=Bundle("bundle-1", link, claims, Price(MICRO)),
        size=Size(size),
        legs=legs,
        gross_edge=Rate(0),
        net_edge=ratio(profit, size),
        cost=cost,
        profit=profit,
        roi=ratio(profit, cost),
        days_to_cash=7,
        annual_yield=Rate(0),
        divergence=Rate(0),
        outcomes=(),
    )


def balances(kalshi: str = "50", poly: str = "50", *, age_ns: int = 0) -> dict[str, Balances]:
    return {
        "kalshi": Balances("kalshi", {"shard-0": dollars(kalshi)}, NOW - age_ns),
        "polymarket": Balances("polymarket", {"wallet": dollars(poly)}, NOW - age_ns),
    }


def view(**changes: Any) -> RiskView:
    """A view in which nothing is wrong."""
    calm: dict[str, Any] = {
        "wall_ns": WALL,
        "monotonic_ns": NOW,
        "kill_switch": KillSwitch(False),
        "daily": DailyCounters(0, Cash(0)),
        "balances": balances(),
        "markets": MARKETS,
        "books": books(),
        "heard_ns": {"kalshi": NOW, "polymarket": NOW},
        "clock_offsets_ns": {"kalshi": 0, "polymarket": 0},
        "modes": {"kalshi": VenueMode.TRADING, "polymarket": VenueMode.TRADING},
    }
    return RiskView(**(calm | changes))
