"""The public side of Polymarket: catalogue, books by REST, the venue's clock, results. Needs no credential.

Never signs, never trades. The native id of a market is its Gamma slug.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from dutchbook.core.account import Resolution
from dutchbook.core.claim import MarketId, native_of
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import Lost, MalformedFrame, Skip
from dutchbook.core.listing import Listing
from dutchbook.core.market import Market
from dutchbook.core.transport import Request, Response, Transport
from dutchbook.core.venue import BookSnapshot, VenueMode
from dutchbook.venues.polymarket.catalogue import (
    ClobMarket,
    GammaMarket,
    GammaPage,
    ResolutionRow,
    data_resolution,
    gamma_resolution,
    read_market,
)
from dutchbook.venues.polymarket.config import NAME, PolymarketConfig
from dutchbook.venues.polymarket.listings import EventsPage, read_event
from dutchbook.venues.polymarket.notices import MODES, Notices
from dutchbook.venues.polymarket.reads import (
    HeldPosition,
    Holdings,
    book_hash,
    check_answer,
    decode,
    micros,
    read_region,
    read_time,
)
from dutchbook.venues.polymarket.stream import ASSETS_PER_SOCKET, PolymarketBookStream
from dutchbook.venues.polymarket.tokens import TokenRegistry
from dutchbook.venues.polymarket.wire import restriction

USER_AGENT: Final = "Mozilla/5.0 (compatible; dutchbook)"
"""The venue's front door turns away the default names of some HTTP libraries."""
PAGE: Final = 100
NAMES_PER_REQUEST: Final = 20


class _RestLevel(msgspec.Struct):
    price: str
    size: str


class _RestBook(msgspec.Struct):
    asset_id: str
    bids: list[_RestLevel]
    asks: list[_RestLevel]
    timestamp: str = "0"
    hash: str = ""


class _Resolutions(msgspec.Struct):
    data: list[ResolutionRow] = []


class PolymarketData:
    """`core.venue.MarketData` for Polymarket. What it reads of tokens goes into `registry`."""

    name = NAME

    def __init__(
        self,
        transport: Transport,
        config: PolymarketConfig,
        registry: TokenRegistry,
        notices: Notices | None = None,
    ) -> None:
        """`notices` is the trading side's (`PolymarketTrading.notices`): what orders were told that no read tells."""
        self._notices = notices
        self._transport = transport
        self._config = config
        self._registry = registry
        self.unreadable: dict[str, str] = {}
        """Slug to reason for the rows that the last `markets` call left out."""

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        """Open markets as Gamma describes them, or the named slugs (any status) completed by what the CLOB enforces.

        A listing is for discovery: the delay of up-down markets (`itode`) is known to the CLOB only, so read a market
        by name before trading it. Rows that cannot be read are left out and kept in `unreadable`.
        """
        self.unreadable = {}
        if natives is None:
            return [market for row in await self._gamma([("closed", "false")]) if (market := self._add(row, None))]
        found: list[Market] = []
        for row in await self._named(natives):
            clob: ClobMarket | None = None
            if row.enableOrderBook is not False:
                try:
                    body = await self._get(f"{self._config.clob_url}/clob-markets/{row.conditionId}", "CLOB market")
                    clob = decode(body, ClobMarket, f"CLOB market {row.slug}")
                except Skip as error:
                    # the CLOB forgets closed markets; an open one without its rules is not traded
                    if not row.closed:
                        self.unreadable[row.slug] = str(error)
                        continue
            market = self._add(row, clob)
            if market is not None:
                found.append(market)
        return found

    async def listings(self) -> AsyncIterator[list[Listing]]:
        """Open markets as their events list them, page by page; both protocol versions, since the default hides one."""
        cursor: str | None = None
        while True:
            fields = [("limit", str(PAGE)), ("version", "v1"), ("version", "v2"), ("closed", "false")]
            if cursor is not None:
                fields.append(("after_cursor", cursor))
            body = await self._get(f"{self._config.gamma_url}/events/keyset?{urlencode(fields)}", "catalogue of events")
            page = decode(body, EventsPage, "catalogue page of events")
            yield [listing for event in page.events for listing in read_event(event)]
            if not page.next_cursor:
                return
            if page.next_cursor == cursor:
                raise MalformedFrame("Polymarket catalogue page of events: next_cursor does not move on")
            cursor = page.next_cursor

    async def server_time(self) -> tuple[int, int]:
        """The venue's clock, stated to the second."""
        second = read_time(await self._get(f"{self._config.clob_url}/time", "time"))
        return second, second + SECOND

    async def mode(self) -> VenueMode:
        """What the engine takes now: its own answer, else what it last told an order of ours (`notices`).

        Restarts, post-only and cancel-only time are announced only in answers to orders. Raises Refused, saying why, when
        the venue has barred this account or region.
        """
        response = await self._send(f"{self._config.clob_url}/ok")
        stated = MODES.get(restriction(response.status, response.body)) if response.status != 200 else None
        if stated is not None:
            return stated
        check_answer(response, "ok")
        return VenueMode.TRADING if self._notices is None else self._notices.mode()

    async def region(self) -> str:
        """Where the venue sees this machine, as `IE` or `US NY`. Raises Refused, saying why, where it takes no orders.

        The list includes places where only the web site is closed: a 403 in answer to an order is the last word.
        """
        return read_region(await self._get(self._config.geoblock_url, "region check"))

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        """The YES token's book; raises InvalidOrder for a market that was never read."""
        token = self._registry.tokens(market).yes
        body = await self._get(f"{self._config.clob_url}/book?token_id={token}", "book")
        book = decode(body, _RestBook, "book")
        if book.hash and book.hash != book_hash(body):
            raise MalformedFrame("Polymarket book: hash: it is not that of the book it came with")
        if book.asset_id != token:
            raise MalformedFrame(f"Polymarket book: asset_id {book.asset_id} is not the token asked for")
        if not book.timestamp.isdecimal():
            raise MalformedFrame(f"Polymarket book: timestamp {book.timestamp!r} is not milliseconds")
        return BookSnapshot(
            market,
            tuple(sorted(_levels(book.bids), reverse=True)),
            tuple(sorted(_levels(book.asks))),
            int(book.timestamp) * MILLISECOND,
        )

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results that are final: Gamma's, and the Data API's for those on which Gamma has no payout yet."""
        results: dict[MarketId, Resolution] = {}
        ids = {native_of(market): market for market in markets}
        for row in await self._named(list(ids)):
            market = ids[row.slug]
            result = gamma_resolution(row, market)
            if result is None and row.closed:
                url = f"{self._config.data_url}/v2/resolutions?{urlencode({'condition': row.conditionId})}"
                body = await self._get(url, "resolutions")
                rows = (
                    decode(body, list[ResolutionRow], "resolutions")
                    if body.lstrip()[:1] == b"["
                    else decode(body, _Resolutions, "resolutions").data
                )
                result = data_resolution(rows, market)
            if result is not None:
                results[market] = result
        return list(results.values())

    async def held(self, wallet: str) -> list[HeldPosition]:
        """The tokens that a wallet holds, as the Data API has them: cached for some seconds, never proof of a fill."""
        rows: list[HeldPosition] = []
        query = {"user": wallet, "limit": str(PAGE)}
        while True:
            body = await self._get(f"{self._config.data_url}/v2/positions?{urlencode(query)}", "positions")
            page = decode(body, Holdings, "positions")
            rows.extend(page.data)
            if page.next is None:
                return rows
            if page.next == query.get("next_cursor"):
                raise MalformedFrame("Polymarket positions: next_cursor does not move on")
            query["next_cursor"] = page.next

    async def slugs(self, conditions: Collection[str]) -> list[str]:
        """Slugs of the markets behind condition ids, open or closed; a condition that Gamma does not list is left out."""
        found: set[str] = set()
        wanted = sorted(conditions)
        for closed in ("false", "true"):
            for start in range(0, len(wanted), NAMES_PER_REQUEST):
                names = [("condition_ids", each) for each in wanted[start : start + NAMES_PER_REQUEST]]
                found.update(row.slug for row in await self._gamma([("closed", closed), *names]))
        return sorted(found)

    def stream(self, markets: Sequence[Market]) -> PolymarketBookStream:
        """Books of these markets on one socket, however many; `streams` splits them as the venue suits."""
        tokens = {market.id: self._registry.tokens(market.id) for market in markets}
        return PolymarketBookStream(self._config.market_ws_url, tokens)

    def streams(self, markets: Sequence[Market]) -> list[PolymarketBookStream]:
        """The same as several sockets of at most `ASSETS_PER_SOCKET` tokens: one huge first frame delays nobody else."""
        return [
            self.stream(markets[start : start + ASSETS_PER_SOCKET])
            for start in range(0, len(markets), ASSETS_PER_SOCKET)
        ]

    async def _named(self, natives: Sequence[str]) -> list[GammaMarket]:
        """The named rows; the list route shows open markets only unless asked for closed ones."""
        rows: dict[str, GammaMarket] = {}
        for closed in ("false", "true"):
            missing = [slug for slug in dict.fromkeys(natives) if slug not in rows]
            for start in range(0, len(missing), NAMES_PER_REQUEST):
                names = missing[start : start + NAMES_PER_REQUEST]
                query = [("closed", closed), *(("slug", slug) for slug in names)]
                rows.update({row.slug: row for row in await self._gamma(query) if row.slug in names})
        return list(rows.values())

    async def _gamma(self, query: Iterable[tuple[str, str]]) -> list[GammaMarket]:
        """Every page of a list; both protocol versions, since the default hides one."""
        rows: list[GammaMarket] = []
        cursor: str | None = None
        while True:
            fields = [("limit", str(PAGE)), ("version", "v1"), ("version", "v2"), *query]
            if cursor is not None:
                fields.append(("after_cursor", cursor))
            url = f"{self._config.gamma_url}/markets/keyset?{urlencode(fields)}"
            page = decode(await self._get(url, "catalogue"), GammaPage, "catalogue page")
            for raw in page.markets:
                try:
                    rows.append(decode(raw, GammaMarket, "Gamma market"))
                except MalformedFrame as error:
                    self.unreadable[_slug(raw)] = str(error)
            if not page.next_cursor:
                return rows
            if page.next_cursor == cursor:
                raise MalformedFrame("Polymarket catalogue page: next_cursor does not move on")
            cursor = page.next_cursor

    def _add(self, row: GammaMarket, clob: ClobMarket | None) -> Market | None:
        try:
            market, tokens = read_market(row, clob, self._config.min_marketable_cash)
        except Skip as error:
            self.unreadable[row.slug] = str(error)
            return None
        self._registry.add(market, tokens)
        return market

    async def _get(self, url: str, what: str) -> bytes:
        return check_answer(await self._send(url), what)

    async def _send(self, url: str) -> Response:
        """The answer to a read; one that is lost is asked for once more."""
        request = Request("GET", url, {"User-Agent": USER_AGENT}, timeout_ns=self._config.read_timeout_ns)
        try:
            return await self._transport.send(request)
        except Lost:
            return await self._transport.send(request)


class _Named(msgspec.Struct):
    slug: str = ""


def _slug(raw: msgspec.Raw) -> str:
    """The slug of a row that is otherwise unreadable."""
    try:
        return msgspec.json.decode(raw, type=_Named).slug
    except msgspec.DecodeError:
        return ""


def _levels(levels: list[_RestLevel]) -> list[tuple[int, int]]:
    return [(micros(level.price, "book price"), micros(level.size, "book size")) for level in levels]
