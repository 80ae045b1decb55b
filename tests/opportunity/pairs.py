"""Markets, books and limits for the tests of detection and sizing, said in dollars and contracts."""

from collections.abc import Iterable, Mapping

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, Outcome, venue_of
from dutchbook.core.clock import DAY
from dutchbook.core.fees import FREE, FeeSchedule, Precision, kalshi_fees, polymarket_fees
from dutchbook.core.link import Link, LinkKind, State
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Price, Rate, Size, parse_micros, parse_rate
from dutchbook.core.opportunity import Bundle, Opportunity, Rejection
from dutchbook.opportunity.bundles import bundles_of
from dutchbook.opportunity.sizing import SizeLimits, size_bundle

KALSHI = MarketId("kalshi:K")
POLY = MarketId("polymarket:P")
CENT_FEES = kalshi_fees(Rate(RATE_ONE), "quadratic", Precision.NON_DIRECT)
DIRECT_FEES = kalshi_fees(Rate(RATE_ONE), "quadratic", Precision.DIRECT)
SPORTS = polymarket_fees(parse_rate("0.05"))

Levels = Iterable[tuple[str, str]]


def dollars(text: str) -> Cash:
    return Cash(parse_micros(text))


def contracts(text: str) -> Size:
    return Size(parse_micros(text))


def market(
    name: MarketId,
    fees: FeeSchedule = FREE,
    *,
    lot: str = "0.01",
    cash_step: int = 1,
    min_cash: str = "0",
    pool: str = "",
    closes_ns: int = 30 * DAY,
    taker_delay_ns: int = 0,
) -> Market:
    return Market(
        id=name,
        event="event",
        title="title",
        rules="rules",
        outcomes=("yes", "no"),
        grid=TickGrid.uniform(Price(1_000)),
        lot=contracts(lot),
        take_lot=contracts(lot),
        min_size=contracts(lot),
        min_cash=dollars(min_cash),
        buy_cash_step=Cash(cash_step),
        sell_cash_step=Cash(cash_step),
        fees=fees,
        pool=pool or venue_of(name),
        status=MarketStatus.OPEN,
        closes_ns=closes_ns,
        taker_delay_ns=taker_delay_ns,
    )


def offering(name: MarketId, outcome: Outcome, levels: Levels, received_ns: int = 0) -> Book:
    """A live book that offers `outcome` at (price, size), in the claim's own price."""
    book = Book(name)
    at = [(parse_micros(price), parse_micros(size)) for price, size in levels]
    if outcome is Outcome.YES:
        book.snapshot([], at)
    else:
        book.snapshot([(MICRO - price, size) for price, size in at], [])
    book.received_ns = received_ns
    return book


def limits(
    max_cost: str = "100000",
    pools: Mapping[str, str] | None = None,
    max_contracts: str = "100000",
    min_profit: str = "0.000001",
    hurdle: str = "0",
) -> SizeLimits:
    given = pools if pools is not None else {"kalshi": "100000", "polymarket": "100000"}
    return SizeLimits(
        max_cost=dollars(max_cost),
        pools={name: dollars(cash) for name, cash in given.items()},
        max_contracts=contracts(max_contracts),
        min_profit=dollars(min_profit),
        hurdle=parse_rate(hurdle),
    )


def three_way(*venues: str, core_none: bool = False) -> Link:
    """Home, draw and away, one market each on every venue. `core_none` adds a state in which none happens."""
    outcomes = ("home", "draw", "away")
    states = [State(name) for name in outcomes] + ([State("none")] if core_none else [])
    payoffs = {
        MarketId(f"{venue}:{outcome}"): tuple(Price(MICRO if state.name == outcome else 0) for state in states)
        for venue in venues
        for outcome in outcomes
    }
    return Link("match", LinkKind.THREE_WAY, "event", tuple(states), payoffs)


def bundle_buying(link: Link, *claims: tuple[MarketId, Outcome]) -> Bundle:
    """The link's bundle of exactly these claims."""
    wanted = {(market_id, outcome) for market_id, outcome in claims}
    (found,) = [b for b in bundles_of(link) if {(c.market, c.outcome) for c in b.claims} == wanted]
    return found


def sized(
    bundle: Bundle,
    books: Iterable[Book],
    markets: Iterable[Market],
    within: SizeLimits,
    received_now_ns: int = 0,
    wall_now_ns: int = 0,
) -> Opportunity | Rejection:
    return size_bundle(
        bundle,
        {book.market: book for book in books},
        {one.id: one for one in markets},
        within,
        received_now_ns,
        wall_now_ns,
    )
