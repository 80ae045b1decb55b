"""One venue on paper: a real adapter over an exchange core that follows the real venue's books and results.

`PaperTrading` stands where the adapter stands in live trading and leaves every order to it. What it adds is the life of the
market around the order: listing, the opening cash, the live book, the result. Decides nothing about trading.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import Claim, MarketId, Outcome, market_id, native_of
from dutchbook.core.clock import Clock
from dutchbook.core.events import BookGap, MarketResolved, StreamEvent
from dutchbook.core.market import Market
from dutchbook.core.money import Cash
from dutchbook.core.order import OrderReport, Prepared, TimeInForce
from dutchbook.core.venue import BookSnapshot, BookStream, MarketData, Trading
from dutchbook.ledger.projection import Ledger
from dutchbook.simulator.exchange import Level
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.paper import PaperVenue

ACCOUNT: Final = "paper"
CENT: Final = 10_000
RESTING: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})


def shard_of(pool: str) -> int:
    """The exchange shard of a cash pool: `kalshi:2` is 2; a pool without a number is the venue's only one."""
    _, _, shard = pool.partition(":")
    return int(shard) if shard.isdigit() else 0


@dataclass(frozen=True, slots=True)
class PaperCore:
    """A paper exchange with a throw-away account on it, and the adapter that trades there.

    `listing` puts a market of the real venue on the exchange; `learn` lets the adapter read the exchange's own catalogue.
    """

    venue: PaperVenue
    transport: MemoryTransport
    adapter: Trading
    listing: Callable[[Market], None]
    learn: Callable[[Sequence[str]], Awaitable[None]]


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
        core: PaperCore,
        cash: Cash,
        resume: Ledger | None,
        books: PaperBooks,
        results: Callable[[Sequence[MarketId]], Awaitable[list[Resolution]]],
        clock: Clock,
    ) -> None:
        """`cash` is what the venue's pools share; `results` asks the real venue."""
        adapter = core.adapter
        self._adapter = adapter
        self._venue = core.venue
        self._transport = core.transport
        self._listing = core.listing
        self._learn = core.learn
        self._cash = cash
        self._resume = resume
        self._books = books
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
                self._listing(market)
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
        pools = {market.pool: shard_of(market.pool) for market in self._markets.values()} or {self.name: 0}
        known = {} if self._resume is None else self._resume.cash
        for pool in known:
            if pool.partition(":")[0] == self.name:
                pools[pool] = shard_of(pool)
        share = self._cash // len(pools) // CENT * CENT
        for pool, shard in pools.items():
            self._venue.deposit(ACCOUNT, shard, known.get(pool, share), now)
        if self._resume is not None:
            for native, market in self._markets.items():
                for outcome in Outcome:
                    size = self._resume.held(Claim(market.id, outcome))
                    if size:
                        self._venue.endow(ACCOUNT, native, outcome is Outcome.YES, size, now)

    async def send(self, order: Prepared) -> OrderReport:
        """As the adapter; where an order may rest, its book is followed move by move."""
        if order.intent.tif in RESTING:
            self._venue.keep_up(native_of(order.intent.claim.market))
        return await self._adapter.send(order)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results of the real venue settle the paper exchange; what that has settled is the answer."""
        for result in await self._results(markets):
            if result.final:
                self.settle(result)
        return await self._adapter.resolutions(markets)

    def settle(self, result: Resolution) -> None:
        """The real venue's final result of a market."""
        native = native_of(result.market)
        if native in self._markets:
            self._venue.settle(native, result.yes_value, self._clock.wall())
            self._transport.flush()


class FollowedStream:
    """The real book stream. Lost books are told to the paper exchange; final results go there and come back from there."""

    def __init__(
        self, stream: BookStream, moved: Callable[[MarketId], None], settle: Callable[[Resolution], None]
    ) -> None:
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


class FollowedData:
    """The real venue's public side, its stream followed."""

    def __init__(
        self, data: MarketData, moved: Callable[[MarketId], None], settle: Callable[[Resolution], None]
    ) -> None:
        self.name = data.name
        self.markets = data.markets
        self.server_time = data.server_time
        self.mode = data.mode
        self.snapshot = data.snapshot
        self.resolutions = data.resolutions
        self._data = data
        self._moved = moved
        self._settle = settle

    def stream(self, markets: Sequence[Market]) -> BookStream:
        """The venue's own stream, followed."""
        return FollowedStream(self._data.stream(markets), self._moved, self._settle)
