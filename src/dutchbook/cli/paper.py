"""Paper trading put together: real market data, and for each venue an exchange core of our own behind the real adapter.

Orders are encoded, signed (with throw-away keys) and decoded as in live trading; only the transport under them is memory.
Nothing here is given a key of the operator, and nothing that it makes can reach a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, Protocol

from dutchbook.cli.paper_account import ACCOUNT, FollowedData, PaperBooks, PaperCore, PaperTrading, shard_of
from dutchbook.core.book import Book
from dutchbook.core.clock import MILLISECOND, SECOND, Clock, Entropy
from dutchbook.core.errors import SettingsError, UnknownFee
from dutchbook.core.fees import Precision
from dutchbook.core.market import Market
from dutchbook.core.money import RATE_ONE, Cash
from dutchbook.core.transport import Transport
from dutchbook.core.venue import MarketData
from dutchbook.engine.engine import VenueSide
from dutchbook.ledger.projection import Ledger
from dutchbook.settings import Settings
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.paper import PaperVenue
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey, KalshiTrading
from dutchbook.venues.polymarket import (
    ApiCredentials,
    PolymarketConfig,
    PolymarketData,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)

LATENCY_NS: Final = 50 * MILLISECOND
"""Time on the way to the paper exchange, and the same back."""

FINEST_TICK: Final = 100
"""The paper exchange's price step. The adapter holds every order to the market's own grid, tapered or not, and that grid
may change while we trade; this step divides all that the venues have."""

OPENS_NS: Final = 0
CLOSES_NS: Final = 4_102_444_800 * SECOND
"""A paper market never closes by itself (the year 2100): a closed market is one whose real book shows nothing."""

_KALSHI_TAKER: Final = Fraction(7, 100)
_KALSHI_FEE_TYPES: Final = {
    Fraction(0): "quadratic",
    Fraction(1, 4): "quadratic_with_maker_fees",
    Fraction(1, 2): "quadratic_with_combo_maker_fees",
}


class PublicSide(Protocol):
    """A venue's public side and the transport of its stream."""

    @property
    def data(self) -> MarketData: ...

    @property
    def transport(self) -> Transport: ...


def paper_sides(
    public: Mapping[str, PublicSide],
    settings: Settings,
    clock: Clock,
    entropy: Entropy,
    *,
    resume: Ledger | None = None,
    latency_ns: int = LATENCY_NS,
) -> tuple[dict[str, VenueSide], Callable[[Book], None]]:
    """Venue sides for paper (and dry-run), and the hook that the engine calls with every book (`observe_book`).

    INITIAL_BANKROLL is shared equally by the venues, and there by their pools (Kalshi shards), in whole cents. `resume` is
    the ledger of an earlier paper run: its cash and contracts are given to the new account. Keys come from `entropy` and
    live in memory only. Raises SettingsError for a venue that has no paper exchange.
    """
    unknown = sorted(public.keys() - _CORES.keys())
    if unknown:
        raise SettingsError(f"{', '.join(unknown)}: cannot be traded on paper; known are {', '.join(_CORES)}")
    books = PaperBooks(clock)
    cash = Cash(settings.trading.initial_bankroll // max(1, len(public)))
    sides: dict[str, VenueSide] = {}
    for name, side in public.items():
        core = _CORES[name](settings, clock, entropy, books, latency_ns)
        trading = PaperTrading(core, cash, resume, books, side.data.resolutions, clock)
        data = FollowedData(side.data, books.moved, trading.settle)
        sides[name] = VenueSide(data, trading, side.transport, core.transport)
    return sides, books.observe


def _kalshi(settings: Settings, clock: Clock, entropy: Entropy, books: PaperBooks, latency_ns: int) -> PaperCore:
    seed = entropy.bits(64)
    precision = settings.kalshi.precision
    exchange = KalshiExchange(seed, direct_member=precision is Precision.DIRECT)
    venue = PaperVenue(exchange, books.reader("kalshi"))
    transport = _transport(venue, clock, latency_ns)
    account = exchange.add_account(ACCOUNT, {}, clock.wall()).fields
    key = KalshiKey(account["key_id"], account["private_key_pem"].encode())
    config = KalshiConfig("http://paper/trade-api/v2", "ws://paper/trade-api/ws/v2", precision=precision)

    def listing(market: Market) -> None:
        # each market is a series of its own here: fees belong to the market, overrides and waivers included
        multiplier, fee_type = kalshi_terms(market)
        exchange.set_fee_type(market.native, fee_type)
        venue.list_market(_spec(market, multiplier, shard=shard_of(market.pool)), clock.wall())

    async def learn(natives: Sequence[str]) -> None:
        """A ticker is all that this adapter needs."""

    adapter = KalshiTrading(config, transport, clock, entropy, key)
    return PaperCore(venue, transport, adapter, listing, learn)


def _polymarket(settings: Settings, clock: Clock, entropy: Entropy, books: PaperBooks, latency_ns: int) -> PaperCore:
    seed = entropy.bits(64)
    exchange = PolymarketExchange(seed)
    exchange.marketable_buy_minimum = settings.polymarket.min_marketable_cash
    venue = PaperVenue(exchange, books.reader("polymarket"))
    transport = _transport(venue, clock, latency_ns)
    account = exchange.add_account(ACCOUNT, {}, clock.wall()).fields
    key = PolymarketKey(
        account["private_key"],
        signature_type=int(account["signature_type"]),
        credentials=ApiCredentials(account["api_key"], account["api_secret"], account["api_passphrase"]),
    )
    config = PolymarketConfig(
        clob_url="http://paper",
        gamma_url="http://paper",
        data_url="http://paper",
        market_ws_url="ws://paper/ws/market",
        user_ws_url="ws://paper/ws/user",
        min_marketable_cash=settings.polymarket.min_marketable_cash,
        absence_margin_ns=settings.polymarket.absence_margin_ns,
    )
    # the paper exchange has token ids of its own: this registry never meets the real ones
    registry = TokenRegistry()
    catalogue = PolymarketData(transport, config, registry)

    def listing(market: Market) -> None:
        venue.list_market(_spec(market, polymarket_rate(market), neg_risk=market.mutually_exclusive), clock.wall())

    async def learn(natives: Sequence[str]) -> None:
        await catalogue.markets(natives)

    adapter = PolymarketTrading(transport, config, key, registry, clock, entropy)
    return PaperCore(venue, transport, adapter, listing, learn)


_CORES: Final = {"kalshi": _kalshi, "polymarket": _polymarket}


def _transport(venue: PaperVenue, clock: Clock, latency_ns: int) -> MemoryTransport:
    fixed = (latency_ns, latency_ns)
    return MemoryTransport(venue, clock, Latency(fixed, fixed))


def _spec(market: Market, taker_rate: str, *, shard: int = 0, neg_risk: bool = False) -> MarketSpec:
    return MarketSpec(
        id=market.native,
        event=market.native,
        title=market.title,
        rules=market.rules,
        tick=FINEST_TICK,
        taker_rate=taker_rate,
        opens_ns=OPENS_NS,
        closes_ns=CLOSES_NS,
        outcomes=market.outcomes,
        series=market.native,
        neg_risk=neg_risk,
        taker_delay_ns=market.taker_delay_ns,
        shard=shard,
        min_size=market.min_size,
    )


def kalshi_terms(market: Market) -> tuple[str, str]:
    """Fee multiplier (decimal text) and fee type of a Kalshi market. Raises UnknownFee for fees of another shape."""
    fees = market.fees
    multiplier = Fraction(fees.taker_rate, RATE_ONE) / _KALSHI_TAKER
    share = Fraction(fees.maker_rate, fees.taker_rate) if fees.taker_rate else Fraction(0)
    text = format(Decimal(multiplier.numerator) / Decimal(multiplier.denominator), "f")
    if fees.exponent != 1 or share not in _KALSHI_FEE_TYPES or Fraction(text) != multiplier:
        raise UnknownFee(f"{market.id}: the paper exchange cannot charge fees like {fees.name}; trade it without paper")
    return text, _KALSHI_FEE_TYPES[share]


def polymarket_rate(market: Market) -> str:
    """Taker rate of a Polymarket market as decimal text. Raises UnknownFee for fees of another shape."""
    fees = market.fees
    if fees.exponent != 1 or fees.maker_rate:
        raise UnknownFee(f"{market.id}: the paper exchange charges takers r x p(1 - p) only, not {fees}")
    return format(Decimal(fees.taker_rate).scaleb(-12).normalize(), "f")
