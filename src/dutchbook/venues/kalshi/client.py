"""Kalshi as a venue: `KalshiData` (markets, books) and `KalshiTrading` (orders, account). All I/O is the transport's.

A read that fails raises: it is never an empty account. An order whose answer is missing or cannot be understood is
UNKNOWN and is asked about, never sent again: the venue is only known to refuse a duplicate client order id while the
first order is open. Source: Kalshi API documentation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Final

from dutchbook.core.account import Balances, Positions, Resolution
from dutchbook.core.claim import MarketId, native_of, venue_of
from dutchbook.core.clock import HOUR, SECOND, Clock, Entropy, uuid4_text
from dutchbook.core.errors import DutchbookError, InvalidOrder, Lost, MalformedFrame, NotSent, Refused, Skip
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO
from dutchbook.core.order import Fill, Intent, OrderReport, Prepared, ReportStatus
from dutchbook.core.transport import Response, Transport
from dutchbook.core.venue import BookSnapshot, Capabilities, OrderIdentity, VenueMode
from dutchbook.venues.kalshi import catalogue, portfolio, wire
from dutchbook.venues.kalshi.config import VENUE, KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.errors import failure, venue_error
from dutchbook.venues.kalshi.fields import nanoseconds
from dutchbook.venues.kalshi.rest import KalshiRest, Params, required_key, segment
from dutchbook.venues.kalshi.stream import KalshiBookStream
from dutchbook.venues.kalshi.user_stream import KalshiUserStream, OwnOrders

_TICKERS_PER_CALL: Final = 50
_LARGEST_PAGE: Final = ("limit", "1000")
_LARGEST_EVENT_PAGE: Final = ("limit", "200")


class KalshiData:
    """Public side. REST is signed when a key is given; the book stream needs one even for public data."""

    name = VENUE

    def __init__(self, config: KalshiConfig, transport: Transport, clock: Clock, key: KalshiKey | None = None) -> None:
        self._config = config
        self._clock = clock
        self._key = key
        self._rest = KalshiRest(config, transport, clock, key)
        self.unreadable: dict[str, str] = {}
        """Markets that the last `markets` call left out, with the reason."""

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        """Open markets (combos excluded), or exactly the named ones in any status.

        Events and series are read anew each time, because fees change on them. Raises Refused for a name that the
        venue does not know; markets that cannot be read are left out and kept in `unreadable`.
        """
        self.unreadable = {}
        return await (self._open_markets() if natives is None else self._named_markets(natives))

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
        """From the exchange status. Its top level speaks of shard 0 only; a shard that trades differently says so."""
        response = await self._rest.get("/exchange/status", (), "exchange status")
        return portfolio.decode_mode(response.body)

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        """The whole book. The venue states no time for it: it is as of the moment before it was asked for."""
        asked_ns = self._clock.wall()
        path = f"/markets/{segment(native_of(market))}/orderbook"
        return catalogue.decode_book(market, (await self._rest.get(path, [("depth", "0")], "orderbook")).body, asked_ns)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results of those markets that have one; the fee of a scalar payout is not public."""
        return await _results(self._rest, markets)

    def stream(self, markets: Sequence[Market]) -> KalshiBookStream:
        """A book stream over these markets; raises CredentialsError without a key."""
        return KalshiBookStream(self._config, required_key(self._key, "the Kalshi WebSocket"), markets)


class KalshiTrading:
    """Private side: one account, primary subaccount."""

    name = VENUE

    def __init__(
        self, config: KalshiConfig, transport: Transport, clock: Clock, entropy: Entropy, key: KalshiKey
    ) -> None:
        self._config = config
        self._clock = clock
        self._entropy = entropy
        self._key = key
        self._rest = KalshiRest(config, transport, clock, key)
        self._markets: dict[str, Market] = {}
        self._own = OwnOrders()
        self.capabilities = Capabilities(
            identity=OrderIdentity.CLIENT_ID,
            # Duplicates are only known to be refused while the first order is open; an IOC could fill twice.
            dedupes=False,
            fill_or_kill=True,
            amend=True,
            nets_positions=True,
            absence_margin_ns=config.read_as_of_margin_ns,
        )

    async def connect(self) -> None:
        """A signed balance read; raises CredentialsError when the venue refuses the key."""
        await self.balances()

    def know(self, markets: Sequence[Market]) -> None:
        """Grids and shards of the markets that will be traded; the private stream reports their results."""
        for market in markets:
            if venue_of(market.id) == VENUE:
                self._markets[market.native] = market

    def prepare(self, intent: Intent, send_by_ns: int) -> Prepared:
        """Fix identity and body. Raises InvalidOrder naming the field; sends nothing."""
        market = self._markets.get(native_of(intent.claim.market))
        if market is None:
            raise InvalidOrder(f"claim: market {intent.claim.market} was never made known")
        identity = uuid4_text(self._entropy)
        order = Prepared(intent, identity, wire.encode_order(intent, market, identity), send_by_ns)
        self._own.remember(order)
        return order

    async def send(self, order: Prepared) -> OrderReport:
        """Write the order once; raises NotSent when nothing left. A missing or unreadable answer is UNKNOWN."""
        if not order.body:
            raise NotSent(f"order {order.identity} has no body: it was restored for asking, not for sending")
        self._own.remember(order)
        request = self._rest.request("POST", "/portfolio/events/orders", body=order.body)
        if self._clock.wall() > order.send_by_ns:
            raise NotSent(f"order {order.identity}: its deadline passed before it was written")
        try:
            response = await self._rest.send(request)
        except Lost as error:
            return wire.unknown(order.identity, str(error))
        if response.status == 409:
            return await self._duplicate(order, response)
        report = wire.decode_placed(order, response)
        self._own.name(order.identity, report.venue_order_id)
        return report

    async def _duplicate(self, order: Prepared, response: Response) -> OrderReport:
        """An order of this identity exists already: what became of it is the answer."""
        try:
            found = await self.find(order)
        except DutchbookError as error:
            return wire.unknown(order.identity, f"409 {venue_error(response).words}; then: {error}")
        return found or wire.decode_placed(order, response)

    async def resend(self, order: Prepared) -> OrderReport:
        """Always InvalidOrder: the venue's dedupe horizon is not documented (`capabilities.dedupes` is False)."""
        raise InvalidOrder(f"identity: {order.identity} must not be sent again at Kalshi; ask with find")

    async def cancel(self, order: Prepared, venue_order_id: str) -> OrderReport:
        """Take the order off the book. DONE with its fills so far, or UNKNOWN when the venue's word is missing.

        "Not found" is not "cancelled": the order is then looked up, and UNKNOWN while the lookup is not conclusive.
        Raises NotSent, RateLimited or Refused when the order is certainly as it was.
        """
        if not venue_order_id:
            raise InvalidOrder(f"venue_order_id: order {order.identity} has none; find it first")
        self._own.remember(order)
        native = native_of(order.intent.claim.market)
        params = [("market_ticker", native)]
        if native in self._markets:
            params.append(("exchange_index", str(wire.shard_of(self._markets[native]))))
        path = f"/portfolio/events/orders/{segment(venue_order_id)}"
        try:
            response = await self._rest.send(self._rest.request("DELETE", path, params))
            if response.status == 200:
                return wire.decode_cancelled(order, venue_order_id, response)
        except (Lost, MalformedFrame) as error:
            return wire.unknown(order.identity, str(error), venue_order_id)
        if response.status == 404:
            return await self._gone(order, venue_order_id)
        if response.status >= 500 or response.status < 400:
            words = venue_error(response).words
            return wire.unknown(order.identity, f"cancel: {response.status} {words}", venue_order_id)
        raise failure(response, "cancel order")

    async def _gone(self, order: Prepared, venue_order_id: str) -> OrderReport:
        found = await self.find(order)
        if found is not None and found.status is ReportStatus.DONE:
            return found
        return wire.unknown(order.identity, "cancel: not found, and not yet reported as ended", venue_order_id)

    async def find(self, order: Prepared) -> OrderReport | None:
        """The order by its client order id among the market's orders; None when the venue lists none of that id.

        There is no filter for the id. The scan starts an hour before the order's deadline, which bounds clock error.
        Raises MalformedFrame when the order found is not the one that we sent.
        """
        self._own.remember(order)
        since = max(0, order.send_by_ns - HOUR) // SECOND
        params = [("ticker", native_of(order.intent.claim.market)), ("min_ts", str(since)), _LARGEST_PAGE]
        async for page in self._rest.pages("/portfolio/orders", params, wire.ORDERS, "orders"):
            for row in page.orders:
                if row.client_order_id == order.identity:
                    self._own.name(order.identity, row.order_id)
                    return wire.report_of(order, row)
        return None

    async def reads_as_of(self) -> int:
        """Wall time (ns) up to which the venue says that balance, order, fill and position reads are complete."""
        return portfolio.decode_as_of((await self._rest.get("/exchange/user_data_timestamp", (), "as of")).body)

    async def open_orders(self) -> list[OrderReport]:
        """Every resting order of the account, ours or not."""
        params = [("status", "resting"), _LARGEST_PAGE]
        pages = self._rest.pages("/portfolio/orders", params, wire.ORDERS, "open orders")
        return [wire.order_report(row) async for page in pages for row in page.orders]

    async def fills(self, order: Prepared, venue_order_id: str) -> list[Fill]:
        """Every fill of one order so far, in the intent's claim and action. Without an order id it is looked up."""
        self._own.remember(order)
        if not venue_order_id:
            found = await self.find(order)
            if found is None:
                return []
            venue_order_id = found.venue_order_id
        rows = [row async for row in self._fill_rows([("order_id", venue_order_id), _LARGEST_PAGE])]
        strangers = [row.order_id for row in rows if row.order_id != venue_order_id]
        if strangers:
            raise MalformedFrame(f"kalshi fills: order_id {strangers[0]} in an answer about {venue_order_id}")
        return [portfolio.fill_of(row, order.intent, order.identity) for row in rows]

    async def _fill_rows(self, params: Params) -> AsyncIterator[portfolio.FillRow]:
        async for page in self._rest.pages("/portfolio/fills", params, portfolio.FILLS, "fills"):
            for row in page.fills:
                yield row

    async def balances(self) -> Balances:
        """Spendable cash per shard (`kalshi:<exchange index>`)."""
        asked_ns = self._clock.monotonic()
        body = (await self._rest.get("/portfolio/balance", (), "balance")).body
        return portfolio.decode_balances(body, asked_ns)

    async def positions(self) -> Positions:
        """Net contracts per market: YES and NO are one signed number at this venue."""
        params = [("count_filter", "position"), _LARGEST_PAGE]
        pages = self._rest.pages("/portfolio/positions", params, portfolio.POSITIONS, "positions")
        rows = [row async for page in pages for row in page.market_positions]
        return Positions(VENUE, portfolio.positions_of(rows))

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results of those markets that have one; a scalar result carries the fee of rounding its payout."""
        return [await self._with_fee(result) for result in await _results(self._rest, markets)]

    async def _with_fee(self, result: Resolution) -> Resolution:
        if not result.final or result.yes_value in (0, MICRO):
            return result
        # One market has one row, so the default page is enough and its documented largest size does not matter.
        params = [("ticker", native_of(result.market))]
        async for page in self._rest.pages("/portfolio/settlements", params, portfolio.SETTLEMENTS, "settlements"):
            row = portfolio.settlement_for(page.settlements, result.market)
            if row is not None:
                fee = portfolio.settlement_fee(row, result.yes_value)
                return Resolution(result.market, result.yes_value, result.final, fee)
        return result

    def stream(self) -> KalshiUserStream:
        """The private stream; fills are told in the claim and action of the orders prepared or asked about here."""
        return KalshiUserStream(self._config, self._key, self._own, self._markets)


async def _results(rest: KalshiRest, markets: Sequence[MarketId]) -> list[Resolution]:
    found: list[Resolution] = []
    for tickers in batches([native_of(market) for market in markets if venue_of(market) == VENUE]):
        params = [("tickers", ",".join(tickers)), _LARGEST_PAGE]
        async for page in rest.pages("/markets", params, catalogue.MARKETS, "markets"):
            rows = [catalogue.decode_market(raw) for raw in page.markets]
            found += [result for row in rows if (result := catalogue.resolution_of(row)) is not None]
    return found


def batches(names: Sequence[str]) -> Iterable[list[str]]:
    """Names in groups that fit one request."""
    rest = iter(names)
    while group := list(islice(rest, _TICKERS_PER_CALL)):
        yield group
