"""The venues' streams: one connection for books and one for the account at each venue, and where each event goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, native_of, venue_of
from dutchbook.core.errors import DutchbookError, ImpossibleEvent
from dutchbook.core.events import (
    BookGap,
    FillFailed,
    FillSeen,
    MarketChanged,
    MarketResolved,
    OrderSeen,
    StreamEvent,
    StreamTrouble,
)
from dutchbook.core.transport import Transport
from dutchbook.core.venue import BookStream, ManyStreams, Stream
from dutchbook.engine.desk import Desk
from dutchbook.engine.pursuit import Pursuit
from dutchbook.engine.trades import Trades
from dutchbook.feed.connection import Connection

_NONE: Final[frozenset[MarketId]] = frozenset()


class Streams:
    """Connections by name (`kalshi books`, `kalshi user`)."""

    def __init__(self, desk: Desk, trades: Trades, pursuit: Pursuit, resolved: Callable[[Resolution], None]) -> None:
        self.connections: dict[str, Connection] = {}
        self.gaps = 0
        self.resyncs = 0
        self._sources: dict[str, list[str]] = {}
        self._carried: dict[MarketId, str] = {}
        self._changed: dict[str, dict[MarketId, None]] = {}
        self._desk = desk
        self._trades = trades
        self._pursuit = pursuit
        self._resolved = resolved

    def open(self) -> None:
        """Start every connection; books are not live before their first snapshot."""
        desk = self._desk
        for name, side in desk.venues.items():
            mine = [market for market in desk.markets.values() if market.venue == name]
            streams = side.data.streams(mine) if isinstance(side.data, ManyStreams) else [side.data.stream(mine)]
            for number, books in enumerate(streams, 1):
                desk.books.update(books.books)
                source = f"{name} books" if number == 1 else f"{name} books {number}"
                self._connect(source, books, side.data_transport)
                self._sources.setdefault(name, []).append(source)
                self._carried.update(dict.fromkeys(books.books, source))
            self._connect(f"{name} user", side.trading.stream(), side.trading_transport)

    def heard(self) -> dict[str, int]:
        """Monotonic time up to which all of a venue's book streams have been heard."""
        return {
            name: min(self.connections[source].heard_ns for source in sources)
            for name, sources in self._sources.items()
        }

    def confirmed(self) -> dict[MarketId, int]:
        """Monotonic time up to which each book is known to be current: its stream's last frame, unless that is late."""
        last = {source: connection.heard_ns for source, connection in self.connections.items()}
        return {market: last[source] for market, source in self._carried.items()}

    def stale(self) -> frozenset[MarketId]:
        """Books whose stream has been silent for too long to price on."""
        oldest = self._desk.clock.monotonic() - self._desk.config.limits.feed_silent_ns
        silent = {source for source, connection in self.connections.items() if connection.heard_ns < oldest}
        # asked at every decision, and nearly always nothing is silent
        return frozenset(market for market, source in self._carried.items() if source in silent) if silent else _NONE

    def _connect(self, name: str, stream: Stream, transport: Transport) -> None:
        desk = self._desk
        connection = Connection(
            name, stream, transport, desk.clock, lambda events: self.deliver(name, events), desk.config.keep_alive
        )
        self.connections[name] = connection
        desk.spawn(connection.run(), name)

    def deliver(self, source: str, events: Sequence[StreamEvent]) -> None:
        """Everything that a stream says, in order."""
        for event in events:
            try:
                self._take(source, event)
            except ImpossibleEvent as error:
                # alarmed already; what else the frame says is true all the same
                self._desk.log.error("event not taken", source=source, reason=str(error))

    def _take(self, source: str, event: StreamEvent) -> None:
        log = self._desk.log
        match event:
            case Book():
                self._pursuit.on_book(event)
            case FillSeen():
                if not self._trades.on_fill(event.fill):
                    log.warning("fill of an order that is not ours", source=source, fill=event.fill.id)
            case OrderSeen():
                self._trades.on_report(event.report)
            case FillFailed():
                self._trades.on_fill_failed(event)
            case MarketResolved():
                self._resolved(event.resolution)
            case BookGap():
                self._gap(source, event)
            case MarketChanged():
                self._reload_soon(event.market)
            case StreamTrouble():
                log.warning("stream trouble", source=source, reason=event.reason)

    def _gap(self, source: str, event: BookGap) -> None:
        self.gaps += 1
        for market in event.markets:
            self._pursuit.forget(market)
        self._desk.log.warning("book gap", source=source, reason=event.reason, books=len(event.markets))
        if event.fetch:
            self._desk.spawn(self._fetch(source, event.markets), f"resync {source}")

    async def _fetch(self, source: str, markets: Sequence[MarketId]) -> None:
        """Books by REST after a gap; one that cannot be fetched stays invalid until the stream brings it."""
        connection = self.connections[source]
        stream = cast(BookStream, connection.stream)
        for market in markets:
            try:
                snapshot = await self._desk.venues[venue_of(market)].data.snapshot(market)
            except DutchbookError as error:
                self._desk.log.warning("book not fetched", market=market, reason=str(error))
                continue
            self.resyncs += 1
            self.deliver(source, stream.load(snapshot, self._desk.clock.monotonic()))

    def _reload_soon(self, market: MarketId) -> None:
        """A market changed (tick, status, close, fees): read it again before trading on it.

        Whole events change at once: what was told in one go is read in one go.
        """
        venue = venue_of(market)
        changed = self._changed.setdefault(venue, {})
        if not changed:
            self._desk.spawn(self._reload_changed(venue), f"reload {venue}")
        changed[market] = None

    async def _reload_changed(self, venue: str) -> None:
        markets = list(self._changed.pop(venue))
        if not await self._reload(venue, markets) and len(markets) > 1:
            # one name that the venue does not know spoils the answer for all
            for market in markets:
                await self._reload(venue, [market])

    async def _reload(self, venue: str, markets: Sequence[MarketId]) -> bool:
        """Whether they could be read."""
        side = self._desk.venues[venue]
        try:
            fresh = await side.data.markets([native_of(market) for market in markets])
        except DutchbookError as error:
            self._desk.log.warning("markets not read again", markets=markets, reason=str(error))
            return False
        read = {market.id: market for market in fresh}
        for market in markets:
            if market not in read:
                self._desk.log.warning("market not read again", market=market, reason="the answer leaves it out")
        side.trading.know(fresh)
        self._desk.markets.update(read)
        self._desk.reread(fresh)
        return True
