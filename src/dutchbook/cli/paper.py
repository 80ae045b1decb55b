"""Paper trading put together: real market data, and for each venue an exchange core of our own behind the real adapter.

Orders are encoded, signed (with throw-away keys) and decoded as in live trading; only the transport under them is memory.
The real venue's results settle the paper exchange, and the engine hears of them from there. No key of the operator and no
order ever meets: nothing here is given one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from dutchbook.cli.sides import DataSide
from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import Claim, MarketId, Outcome, market_id
from dutchbook.core.clock import MILLISECOND, SECOND, Clock, Entropy
from dutchbook.core.errors import SettingsError, UnknownFee
from dutchbook.core.events import BookGap, MarketResolved, StreamEvent
from dutchbook.core.fees import Precision
from dutchbook.core.market import Market
from dutchbook.core.money import RATE_ONE, Cash
from dutchbook.core.order import OrderReport, Prepared, TimeInForce
from dutchbook.core.venue import BookStream, MarketData, Trading
from dutchbook.engine.engine import VenueSide
from dutchbook.ledger.projection import Ledger
from dutchbook.settings import Settings
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import Level, MarketSpec
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

ACCOUNT: Final = "paper"
CENT: Final = 10_000

FINEST_TICK: Final = 100
"""The paper exchange's price step. The adapter holds every order to the market's own grid, tapered or not, and that grid
may change while we trade; this step divides all that the venues have."""

ALWAYS: Final = (0, 4_102_444_800 * SECOND)
"""Opening and closing of paper markets (1970, 2100): the real venue closes a market by showing no book."""

RESTING: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})


class PaperBooks:
    """The live books as the paper exchanges look at them. `observe` is the engine's hook."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._books: dict[MarketId, Book] = {}
        self._followers: dict[MarketId, tuple[PaperVenue, str, MemoryTransport]] = {}

    def follow(self, market: Market, venue: PaperVenue, transport: MemoryTransport) -> None:
        """From now on this paper exchange hears of the market's book."""
        self._followers[market.id] = (venue, market.native, transport)

    def reader(self, venue: str) -> Callable[[str], tuple[Sequence[Level], Sequence[Level]] | None]:
        """What a paper exchange sees of one venue's books: nothing of a book that is not live."""

        def read(native: str) -> tuple[Sequence[Level], Sequence[Level]] | None:
            book = self._books.get(market_id(venue, native))
            return None if book is None or not book.live else (book.bids.levels(), book.asks.levels())

        return read

    def observe(self, book: Book) -> None:
        """A book of the data side was touched."""
        self._books[book.market] = book
        self.moved(book.market)

    def moved(self, market: MarketId) -> None:
        """A book changed, or was lost."""
        follower = self._followers.get(market)
        if follower is not None:
            venue, native, transport = follower
            if venue.moved(native, self._clock.wall()):
                transport.flush()


class PaperTrading:
    """A venue's trading side on paper: `core.venue.Trading` as the adapter does it, with the market's life added."""

    def __init__(
        self,
        adapter: Trading,
        venue: PaperVenue,
        listing: Callable[[Market], MarketSpec],
        learn: Callable[[Sequence[str]], Awaitable[object]],
        cash: Cash,
        resume: Ledger | None,
        books: PaperBooks,
        transport: MemoryTransport,
        results: MarketData,
        clock: Clock,
    ) -> None:
        """`cash` is what the venue's pools share; `learn` lets the adapter read the paper exchange's own catalogue."""
        self._adapter = adapter
        self._venue = venue
        self._listing = listing
        self._learn = learn
        self._cash = cash
        self._resume = resume
        self._books = books
        self._transport = transport
        self._results = results
        self._clock = clock
        self._markets: dict[str, Market] = {}
        self._connected = False
        self.name = adapter.name
        self.capabilities = adapter.capabilities
        self.prepare = adapter.prepare
        self.resend = adapter.resend
        self.cancel = adapter.cancel
        self.find = adapter.find
        self.reads_as_of = adapter.reads_as_of
        self.open_orders = adapter.open_orders
        self.fills = adapter.fills
        self.balances = adapter.balances
        self.positions = adapter.positions
        self.stream = adapter.stream

    def know(self, markets: Sequence[Market]) -> None:
        """List what is new on the paper exchange. Raises UnknownFee for fees that it cannot charge."""
        for market in markets:
            if market.native not in self._markets:
                self._venue.list_market(self._listing(market), self._clock.wall())
                self._books.follow(market, self._venue, self._transport)
            self._markets[market.native] = market
        if self._connected:
            self._adapter.know(markets)

    async def connect(self) -> None:
        """Fund the account, or give it what the ledger says that it has; then connect the adapter."""
        if not self._connected:
            self._fund()
            await self._learn(list(self._markets))
            self._connected = True
            self._adapter.know(list(self._markets.values()))
        await self._adapter.connect()

    def _fund(self) -> None:
        now = self._clock.wall()
        pools = {market.pool: _shard(market.pool) for market in self._markets.values()} or {self.name: 0}
        known = {} if self._resume is None else self._resume.cash
        for pool in known:
            if pool.partition(":")[0] == self.name:
                pools[pool] = _shard(pool)
        share = self._cash // len(pools) // CENT * CENT
        for pool, shard in pools.items():
            self._venue.deposit(ACCOUNT, shard, known.get(pool, share), now)
        if self._resume is not None:
            for native, market in self._markets.items():
                yes, no = (self._resume.held(Claim(market.id, outcome)) for outcome in Outcome)
                pairs = min(yes, no) if self.capabilities.nets_positions else 0
                for outcome, size in ((True, yes - pairs), (False, no - pairs)):
                    if size:
                        self._venue.endow(ACCOUNT, native, outcome, size, now)

    async def send(self, order: Prepared) -> OrderReport:
        """As the adapter; where an order may rest, its book is followed move by move."""
        if order.intent.tif in RESTING:
            self._venue.keep_up(order.intent.claim.market.partition(":")[2])
        return await self._adapter.send(order)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results of the real venue settle the paper exchange; what that has settled is the answer."""
        for result in await self._results.resolutions(markets):
            if result.final:
                self.settle(result)
        return await self._adapter.resolutions(markets)

    def settle(self, result: Resolution) -> None:
        """The real venue's final result of a market."""
        native = result.market.partition(":")[2]
        if native in self._markets:
            self._venue.settle(native, result.yes_value, self._clock.wall())
            self._transport.flush()


class FollowedStream:
    """The real book stream. Lost books are told to the paper exchange; final results go there and come back from there."""

    def __init__(self, stream: BookStream, moved: Callable[[MarketId], None], settle: Callable[[Resolution], None]) -> None:
        self.url = stream.url
        self.outbox = stream.outbox
        self.heartbeat = stream.heartbeat
        self.books = stream.books
        self.headers = stream.headers
        self.opened = stream.opened
        self._stream = stream
        self._receive = stream.receive
        self._moved = moved
        self._settle = settle

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """One frame."""
        events = self._receive(data, received_ns)
        for event in events:
            if not isinstance(event, Book):
                return self._told(events)
        return events

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        """A book fetched by REST."""
        return self._told(self._stream.load(snapshot, received_ns))

    def closed(self) -> Sequence[StreamEvent]:
        """The connection is gone, and with it what is known of the books."""
        events = self._stream.closed()
        for market in self.books:
            self._moved(market)
        return self._told(events)

    def _told(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        passed: list[StreamEvent] = []
        for event in events:
            if isinstance(event, BookGap):
                for market in event.markets:
                    self._moved(market)
            if isinstance(event, MarketResolved) and event.resolution.final:
                self._settle(event.resolution)
            else:
                passed.append(event)
        return passed
