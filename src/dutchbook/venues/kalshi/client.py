"""Kalshi's public side: markets, books, status, schedule. All I/O is the transport's.

A read that fails raises: it is never an empty list. Source: Kalshi API documentation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

from dutchbook.core.account import Resolution
from dutchbook.core.claim import MarketId, native_of
from dutchbook.core.clock import SECOND, Clock
from dutchbook.core.errors import MalformedFrame, Refused, Skip
from dutchbook.core.listing import Listing
from dutchbook.core.market import Market
from dutchbook.core.transport import Transport
from dutchbook.core.venue import BookSnapshot, VenueMode, Window
from dutchbook.venues.kalshi import catalogue, listings, portfolio, schedule, wire
from dutchbook.venues.kalshi.budget import Budget
from dutchbook.venues.kalshi.config import VENUE, KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.errors import failure
from dutchbook.venues.kalshi.fields import nanoseconds
from dutchbook.venues.kalshi.reference import KalshiReference
from dutchbook.venues.kalshi.rest import KalshiRest, batches, required_key, segment
from dutchbook.venues.kalshi.results import KalshiResults
from dutchbook.venues.kalshi.stream import KalshiBookStream
from dutchbook.venues.kalshi.tape import KalshiTape

_LARGEST_PAGE: Final = ("limit", "1000")
_LARGEST_EVENT_PAGE: Final = ("limit", "200")


class KalshiData:
    """Public side. REST is signed when a key is given; the book stream needs one even for public data."""

    name = VENUE

    def __init__(
        self,
        config: KalshiConfig,
        transport: Transport,
        clock: Clock,
        key: KalshiKey | None = None,
        budget: Budget | None = None,
    ) -> None:
        """`budget`: that of the trading side, where both use one account; without it this side has its own."""
        self._config = config
        self._clock = clock
        self._key = key
        self._rest = KalshiRest(config, transport, clock, key, budget)
        self._shards: set[int] = set()
        self.reference = KalshiReference(self._rest)
        self.results = KalshiResults(self._rest)
        self.failures = self._rest.failures
        """Reads that ended in an error, counted by the error's name."""
        self.unreadable: dict[str, str] = {}
        """Markets that the last `markets` call left out, with the reason."""

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        """Open markets (combos excluded), or exactly the named ones in any status.

        Events and series are read anew each time, because fees change on them. Raises Refused for a name that the
        venue does not know; markets that cannot be read are left out and kept in `unreadable`.
        """
        self.unreadable = {}
        return await (self._open_markets() if natives is None else self._named_markets(natives))

    async def listings(self) -> AsyncIterator[list[Listing]]:
        """Open markets as their events list them, page by page; combos are not among them. For discovery."""
        params = [_LARGEST_EVENT_PAGE, ("status", "open"), ("with_nested_markets", "true")]
        async for page in self._rest.pages("/events", params, listings.PAGE, "events"):
            yield [listing for event in page.events for listing in listings.read_event(event)]

    async def _open_markets(self) -> list[Market]:
        body = (await self._rest.get("/series", (), "series list")).body
        series = catalogue.decode_series_list(body)
        params = [_LARGEST_EVENT_PAGE, ("status", "open"), ("with_nested_markets", "true")]
        found: list[Market] = []
        async for page in self._rest.pages("/events", params, catalogue.EVENTS, "events"):
            for event in page.events:
                rows = self._rows(event.markets or ())
                # An event matches when any of its markets is open; the others are not asked for.
                open_rows = [row for row in rows if row.status in catalogue.OPEN_WORDS]
                if open_rows and event.series_ticker not in series:
                    series[event.series_ticker] = await self._series(event.series_ticker)
                found += self._markets(open_rows, event, series)
        return found

    async def _named_markets(self, natives: Sequence[str]) -> list[Market]:
        rows: dict[str, catalogue.MarketRow] = {}
        for tickers in batches(natives):
            params = [("tickers", ",".join(tickers)), _LARGEST_PAGE]
            async for page in self._rest.pages("/markets", params, catalogue.MARKETS, "markets"):
                rows |= {row.ticker: row for row in self._rows(page.markets)}
        missing = [name for name in natives if name not in rows and name not in self.unreadable]
        if missing:
            raise Refused(f"kalshi markets: the venue does not know {', '.join(missing)}", code="market_not_found")
        events: dict[str, catalogue.EventRow] = {}
        series: dict[str, catalogue.SeriesRow] = {}
        found: list[Market] = []
        for name in natives:
            row = rows.get(name)
            if row is None:
                continue
            if row.event_ticker not in events:
                path = f"/events/{segment(row.event_ticker)}"
                event = catalogue.decode_event((await self._rest.get(path, (), "event")).body)
                events[row.event_ticker] = event
                if event.series_ticker not in series:
                    series[event.series_ticker] = await self._series(event.series_ticker)
            found += self._markets([row], events[row.event_ticker], series)
        self._use(found)
        return found

    async def _series(self, ticker: str) -> catalogue.SeriesRow:
        return catalogue.decode_series((await self._rest.get(f"/series/{segment(ticker)}", (), "series")).body)

    def _rows(self, raws: Iterable[bytes]) -> list[catalogue.MarketRow]:
        rows: list[catalogue.MarketRow] = []
        for raw in raws:
            try:
                rows.append(catalogue.decode_market(raw))
            except MalformedFrame as error:
                self.unreadable[catalogue.ticker_of(raw)] = str(error)
        return rows

    def _markets(
        self, rows: Iterable[catalogue.MarketRow], event: catalogue.EventRow, series: dict[str, catalogue.SeriesRow]
    ) -> list[Market]:
        found: list[Market] = []
        for row in rows:
            try:
                found.append(catalogue.market_of(row, event, series[event.series_ticker], self._config.precision))
            except Skip as error:
                self.unreadable[row.ticker] = str(error)
        return found

    async def server_time(self) -> tuple[int, int]:
        """The second that the answer's Date header names; without one, from the user-data time, which may lag a little."""
        response = await self._rest.get("/exchange/user_data_timestamp", (), "server time")
        date = response.headers.get("date")
        if date is None:
            as_of = portfolio.decode_as_of(response.body)
            return as_of, as_of + SECOND
        try:
            second = nanoseconds(parsedate_to_datetime(date))
        except (ValueError, TypeError):
            raise MalformedFrame(f"kalshi server time: Date header {date!r} is no date") from None
        return second, second + SECOND

    async def mode(self) -> VenueMode:
        """What the exchange takes now, on the shards of the markets that were read by name or streamed (else on all).

        The top level of the venue's answer speaks of shard 0 only: it counts for a shard that is not listed. The strictest
        mode rules. An exchange that is down may say so with a 5xx and the same body.
        """
        top, shards = await self._modes()
        used = self._shards or shards.keys() | {0}
        return schedule.strictest(shards.get(shard, top) for shard in used)

    async def shard_modes(self) -> dict[int, VenueMode]:
        """What each shard takes now; shard 0 is always among them."""
        top, shards = await self._modes()
        return {0: top} | shards

    async def _modes(self) -> tuple[VenueMode, dict[int, VenueMode]]:
        await self._rest.budget.read()
        response = await self._rest.send(self._rest.request("GET", "/exchange/status"))
        try:
            return schedule.decode_modes(response.body)
        except MalformedFrame:
            if response.status != 200:
                raise failure(response, "exchange status") from None
            raise

    async def windows(self) -> tuple[Window, ...]:
        """Closed hours, maintenance and the Thursday pause of the coming week, running ones included, in order."""
        body = (await self._rest.get("/exchange/schedule", (), "exchange schedule")).body
        pause = self._config.thursday_pause
        return schedule.decode_windows(body, self._clock.wall(), thursday_pause=pause)

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        """The whole book. The venue states no time for it: it is as of the moment before it was asked for."""
        asked_ns = self._clock.wall()
        path = f"/markets/{segment(native_of(market))}/orderbook"
        return catalogue.decode_book(market, (await self._rest.get(path, [("depth", "0")], "orderbook")).body, asked_ns)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results of those markets that have one; the fee of a scalar payout is not public."""
        return await self.results.read(markets)

    def stream(self, markets: Sequence[Market]) -> KalshiBookStream:
        """A book stream over these markets; raises CredentialsError without a key."""
        self._use(markets)
        return KalshiBookStream(self._config, required_key(self._key, "the Kalshi WebSocket"), markets)

    def tape(self, markets: Sequence[Market]) -> KalshiTape:
        """Public trades and best quotes of these markets as they happen; raises CredentialsError without a key."""
        natives = [market.native for market in markets]
        return KalshiTape(self._config, required_key(self._key, "the Kalshi WebSocket"), natives)

    def _use(self, markets: Iterable[Market]) -> None:
        self._shards.update(wire.shard_of(market) for market in markets)
