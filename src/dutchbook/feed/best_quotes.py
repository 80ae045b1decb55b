"""Best-bid/ask recordings as a venue's market data: one CSV line is one frame, one level a side is the whole book.

Columns: local_ts, venue, kind, instrument, bid, bid_size, ask, ask_size. An empty price means an empty side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.errors import MalformedFrame, NotSent
from dutchbook.core.events import StreamEvent, StreamTrouble
from dutchbook.core.market import Market
from dutchbook.core.money import parse_micros
from dutchbook.core.venue import BookSnapshot, BookStream, VenueMode
from dutchbook.feed.recordings import csv_fields


class BestQuoteStream:
    """Sans-I/O: CSV lines in, touched books out."""

    def __init__(self, url: str, markets: Sequence[Market]) -> None:
        self.url = url
        self.outbox: list[bytes] = []
        self.heartbeat: bytes | None = None
        self.books: Mapping[MarketId, Book] = {market.id: Book(market.id) for market in markets}
        self._by_native = {market.native: self.books[market.id] for market in markets}
        self.unlinked = 0

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        return {}

    def opened(self) -> None:
        """A recording needs no subscription."""

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """One line; instruments that no link names are counted and left out."""
        try:
            fields = csv_fields(data)
        except ValueError as error:
            return (StreamTrouble(f"best quotes: {error} in {data[:80]!r}", terminal=False),)
        if len(fields) != 8:
            return (StreamTrouble(f"best quotes: {len(fields)} columns instead of 8 in {data[:80]!r}", terminal=False),)
        book = self._by_native.get(fields[3])
        if book is None:
            self.unlinked += 1
            return ()
        try:
            book.snapshot(_side(fields[4], fields[5], "bid"), _side(fields[6], fields[7], "ask"))
        except (ValueError, MalformedFrame) as error:
            book.invalidate()
            return (StreamTrouble(f"best quotes: {error} in {data[:80]!r}", terminal=False),)
        book.received_ns = received_ns
        return (book,)

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        """A recording has no REST side; loading is not used."""
        return ()

    def closed(self) -> Sequence[StreamEvent]:
        for book in self.books.values():
            book.invalidate()
        return ()


class BestQuoteData:
    """A recorded venue: its markets are given, its book stream is a CSV file."""

    def __init__(self, name: str, url: str, markets: Sequence[Market]) -> None:
        self.name = name
        self._url = url
        self._markets = list(markets)

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        return [m for m in self._markets if natives is None or m.native in natives]

    async def server_time(self) -> tuple[int, int]:
        """A recording has no other clock than ours."""
        return 0, 1 << 63

    async def mode(self) -> VenueMode:
        return VenueMode.TRADING

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        raise NotSent(f"{market}: a recording has no REST side")

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """A recording of quotes states no results."""
        return []

    def stream(self, markets: Sequence[Market]) -> BookStream:
        return BestQuoteStream(self._url, markets)


def _side(price: str, size: str, name: str) -> list[tuple[int, int]]:
    """One level, or none: recorders write an empty or zero price (and 1 for an ask) where a side is empty."""
    value = parse_micros(price or "0", f"{name} price")
    amount = parse_micros(size or "0", f"{name} size")
    return [(value, amount)] if 0 < value < 1_000_000 and amount > 0 else []
