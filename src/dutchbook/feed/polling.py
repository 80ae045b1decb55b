"""Books by asking again and again, for a venue whose stream needs a key that we do not have. Slower, and said to be.

Takes the place of a venue's stream and of its transport: a frame is one whole round over all markets, so that the time of
the last frame is true for every book. A book's own age counts from before it was asked for. Never used to trade live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.clock import MILLISECOND, SECOND, Clock
from dutchbook.core.errors import DutchbookError, MalformedFrame, NotSent, RateLimited
from dutchbook.core.events import BookGap, StreamEvent
from dutchbook.core.market import Market
from dutchbook.core.transport import CLOSED, Channel, Frame, FrameKind, Request, Response
from dutchbook.core.venue import BookSnapshot, BookStream, MarketData, Scheduled, VenueMode, Window

READ_NS = 100 * MILLISECOND
"""Time given to one read: ten a second, below the fifteen at which Kalshi has been seen to refuse readers without a key."""

AT_ONCE = 4
LONGEST_PAUSE_NS = 30 * SECOND


class _PolledBook(msgspec.Struct):
    """One market of a round; `trouble` stands in place of a book that could not be read."""

    market: MarketId
    asked_ns: int
    as_of_ns: int = 0
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()
    trouble: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[_PolledBook]).decode


def round_ns(markets: int) -> int:
    """How long one round over so many markets takes at least."""
    return max(SECOND, markets * READ_NS)


class PolledData:
    """The public side of a venue with its stream replaced by polling; everything else is the venue's own.

    `transport` belongs to the stream: it opens the polling channel and sends nothing.
    """

    def __init__(self, data: MarketData, clock: Clock) -> None:
        self.name = data.name
        self.transport = PollingTransport(data, clock)
        self._data = data

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        return await self._data.markets(natives)

    async def server_time(self) -> tuple[int, int]:
        return await self._data.server_time()

    async def mode(self) -> VenueMode:
        return await self._data.mode()

    async def windows(self) -> tuple[Window, ...]:
        return await self._data.windows() if isinstance(self._data, Scheduled) else ()

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        return await self._data.snapshot(market)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        return await self._data.resolutions(markets)

    def stream(self, markets: Sequence[Market]) -> BookStream:
        """A book stream whose frames are rounds of REST reads."""
        stream = PolledStream([market.id for market in markets])
        self.transport.watch(tuple(stream.books))
        return stream


class PolledStream:
    """Rounds in, touched books out. A market that could not be read is invalid until it can."""

    heartbeat: bytes | None = None
    url = "poll:"

    def __init__(self, markets: Sequence[MarketId]) -> None:
        self.outbox: list[bytes] = []
        self.books: Mapping[MarketId, Book] = {market: Book(market) for market in markets}

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """None: there is no handshake."""
        return {}

    def opened(self) -> None:
        """Nothing to subscribe to."""

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """One round."""
        events: list[StreamEvent] = []
        for row in _decode(data):
            if row.trouble:
                self.books[row.market].invalidate()
                events.append(BookGap((row.market,), row.trouble, fetch=False))
                continue
            snapshot = BookSnapshot(row.market, row.bids, row.asks, row.as_of_ns)
            events += self.load(snapshot, row.asked_ns)
        return events

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        """A book by REST: as old as the moment before it was asked for."""
        book = self.books[snapshot.market]
        try:
            book.snapshot(snapshot.bids, snapshot.asks)
        except MalformedFrame as error:
            book.invalidate()
            return [BookGap((snapshot.market,), str(error), fetch=False)]
        book.as_of_ns, book.received_ns = snapshot.as_of_ns, received_ns
        return [book]

    def closed(self) -> Sequence[StreamEvent]:
        """No polling, no books."""
        for book in self.books.values():
            book.invalidate()
        return [BookGap(tuple(self.books), "polling stopped", fetch=False)] if self.books else []


class PollingTransport:
    """Opens polling channels over the markets that are watched."""

    def __init__(self, data: MarketData, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._markets: tuple[MarketId, ...] = ()

    def watch(self, markets: tuple[MarketId, ...]) -> None:
        """From the next opening on, poll these."""
        self._markets = markets

    async def send(self, request: Request) -> Response:
        """Raises NotSent: requests go over the venue's own transport."""
        raise NotSent(f"{request.method} {request.url}: polling sends no request of its own")

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        return PollingChannel(self._data, self._clock, self._markets)

    async def close(self) -> None:
        """Nothing is held open."""


class PollingChannel:
    """Each `receive` is one round, not sooner than `round_ns` after the one before; a rate limit doubles the pause."""

    def __init__(self, data: MarketData, clock: Clock, markets: tuple[MarketId, ...]) -> None:
        self._data = data
        self._clock = clock
        self._markets = markets
        self._closed = asyncio.Event()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._least_ns = round_ns(len(markets))
        self._pause_ns = self._least_ns
        self._next_ns = clock.monotonic()

    async def send(self, data: bytes) -> None:
        """A polled venue is told nothing."""

    async def ping(self) -> None:
        """Unanswered on purpose: only a new round proves that the books are current."""

    async def receive(self) -> Frame:
        """The next round, or CLOSED as soon as the channel is closed.

        Raises NotSent when no book at all could be read: the connection is then given up and tried again, ever later.
        """
        polling = asyncio.create_task(self._round())
        closing = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait((polling, closing), return_when=asyncio.FIRST_COMPLETED)
            return CLOSED if self._closed.is_set() else polling.result()
        finally:
            polling.cancel()
            closing.cancel()

    async def close(self) -> None:
        self._closed.set()

    async def _round(self) -> Frame:
        await self._clock.sleep(max(0, self._next_ns - self._clock.monotonic()))
        began = self._clock.monotonic()
        limited = False

        async def read(market: MarketId) -> _PolledBook:
            nonlocal limited
            async with self._gate:
                asked = self._clock.monotonic()
                try:
                    book = await self._data.snapshot(market)
                except DutchbookError as error:
                    limited = limited or isinstance(error, RateLimited)
                    return _PolledBook(market, asked, trouble=str(error) or type(error).__name__)
            return _PolledBook(market, asked, book.as_of_ns, book.bids, book.asks)

        rows = await asyncio.gather(*map(read, self._markets))
        self._pause_ns = min(2 * self._pause_ns, LONGEST_PAUSE_NS) if limited else self._least_ns
        self._next_ns = began + self._pause_ns
        if rows and not limited and all(row.trouble for row in rows):
            raise NotSent(f"no book could be read: {rows[0].trouble}")
        return Frame(FrameKind.TEXT, _encode(rows))
