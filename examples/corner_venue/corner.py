"""The corner: a third venue by `dutchbook.core.venue` alone, with no order identity. The adapter and its entry point.

`corner_exchange.py` beside it stands for the venue's servers. Nothing outside this folder knows that the corner exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from corner_exchange import CENT, Account, Done, Order, Row, served

from dutchbook.cli.compose import links_from_rows
from dutchbook.cli.demo.extra_venue import ExtraVenue
from dutchbook.core.account import Balances, Positions, Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import Claim, MarketId, market_id, native_of
from dutchbook.core.clock import DAY, SECOND, Clock, Entropy
from dutchbook.core.errors import DutchbookError, InvalidOrder, Lost, NotSent, Refused
from dutchbook.core.events import BookGap, FillSeen, StreamEvent, StreamTrouble
from dutchbook.core.fees import FREE, Liquidity
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, Cash, Price, Size
from dutchbook.core.order import Fill, Intent, OrderReport, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import Request, Transport
from dutchbook.core.venue import BookSnapshot, Capabilities, OrderIdentity, VenueMode
from dutchbook.engine.engine import VenueSide
from dutchbook.venues.http import AioTransport

VENUE, POOL = "corner", "corner:cash"
MARKETS = 6
"""How many of the demo's bets are listed."""


class CornerStream:
    """Books, and for the account's own stream fills, without I/O."""

    heartbeat: bytes | None = None

    def __init__(self, url: str, markets: Sequence[Market], fill_of: Callable[[Done], Fill | None]) -> None:
        self.url = url
        self.outbox: list[bytes] = []
        self.books: Mapping[MarketId, Book] = {market.id: Book(market.id) for market in markets}
        self._fill_of = fill_of

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        return {}

    def opened(self) -> None:
        """Nothing to ask for: the venue tells everything."""

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        try:
            news = msgspec.json.decode(data, type=dict[str, Any])
            if "number" in news:
                fill = None if self.books else self._fill_of(msgspec.convert(news, Done))
                return (FillSeen(fill),) if fill else ()
            return self.load(_snapshot(msgspec.convert(news, Row)), received_ns)
        except (msgspec.MsgspecError, DutchbookError) as error:
            return (StreamTrouble(f"corner: {error}", terminal=False),)

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        book = self.books.get(snapshot.market)
        if book is None:
            return ()
        book.snapshot(snapshot.bids, snapshot.asks)
        book.received_ns = received_ns
        return (book,)

    def closed(self) -> Sequence[StreamEvent]:
        for book in self.books.values():
            book.invalidate()
        return (BookGap(tuple(self.books), "connection closed", fetch=False),) if self.books else ()


class CornerVenue:
    """The adapter, both sides of it: `MarketData` and `Trading`.

    An order's identity is ours alone: `N:id`, where N is the number of the last fill that we knew when it was made. The
    engine keeps one order in flight per market, so every later fill there is that order's, after a restart too.
    """

    name = VENUE
    capabilities = Capabilities(
        identity=OrderIdentity.NONE,
        dedupes=False,
        fill_or_kill=True,
        amend=False,
        nets_positions=False,
        absence_margin_ns=SECOND,
    )

    def __init__(self, rest_url: str, ws_url: str, transport: Transport, clock: Clock) -> None:
        self._rest, self._ws, self._transport, self._clock = rest_url, ws_url, transport, clock
        self._seen = 0
        self._newest: dict[str, str] = {}

    async def connect(self) -> None:
        await self._account()

    def know(self, markets: Sequence[Market]) -> None:
        """An order needs nothing but the market's name."""

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        closes = self._clock.wall() + DAY
        return [_market(row, closes) for row in await self._rows() if natives is None or row.id in natives]

    async def server_time(self) -> tuple[int, int]:
        now = (await self._account()).now_ns
        return now, now

    async def reads_as_of(self) -> int:
        return (await self._account()).now_ns

    async def mode(self) -> VenueMode:
        return VenueMode.TRADING

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        return next(_snapshot(row) for row in await self._rows() if row.id == native_of(market))

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        results = {market_id(VENUE, row.id): row.result for row in await self._rows()}
        return [Resolution(m, Price(paid), final=True) for m in markets if (paid := results.get(m)) is not None]

    def stream(self, markets: Sequence[Market] = ()) -> CornerStream:
        """With markets their books, without the account's fills."""
        return CornerStream(self._ws, markets, self._fill_now)

    def prepare(self, intent: Intent, send_by_ns: int) -> Prepared:
        if intent.tif not in (TimeInForce.FOK, TimeInForce.IOC):
            raise InvalidOrder(f"time in force: the corner takes no {intent.tif.value} order, nothing rests there")
        whole, (market, outcome) = intent.tif is TimeInForce.FOK, intent.claim
        order = Order(native_of(market), outcome, intent.action, intent.size, intent.limit, whole)
        return Prepared(intent, f"{self._seen}:{intent.id}", msgspec.json.encode(order), send_by_ns)

    async def send(self, order: Prepared) -> OrderReport:
        if self._clock.wall() > order.send_by_ns:
            raise NotSent("corner: the order's deadline has passed")
        self._newest[native_of(order.intent.claim.market)] = order.identity
        answer = await self._transport.send(Request("POST", f"{self._rest}/orders", body=order.body))
        if answer.status == 200:
            return _ended(order, int(answer.body))
        if answer.status >= 500:
            raise Lost(f"corner: an order was answered with {answer.status}")
        return OrderReport(order.identity, "", ReportStatus.REJECTED, Size(0), answer.body.decode(errors="replace"))

    async def resend(self, order: Prepared) -> OrderReport:
        raise Refused("corner: the same bytes twice are two orders")

    async def cancel(self, order: Prepared, venue_order_id: str) -> OrderReport:
        raise Refused("corner: nothing rests here")

    async def find(self, order: Prepared) -> OrderReport | None:
        """Fills prove that it was there. Without one it was killed or never came: the engine's rule of absence decides."""
        fills = await self.fills(order, "")
        return _ended(order, sum(fill.size for fill in fills)) if fills else None

    async def fills(self, order: Prepared, venue_order_id: str) -> list[Fill]:
        native, after = native_of(order.intent.claim.market), int(order.identity.partition(":")[0])
        done = (await self._account()).fills
        return [_fill(each, order.identity) for each in done if each.market == native and each.number > after]

    async def open_orders(self) -> list[OrderReport]:
        return []

    async def balances(self) -> Balances:
        cash = (await self._account()).cash
        return Balances(VENUE, {POOL: Cash(cash)}, self._clock.monotonic())

    async def positions(self) -> Positions:
        held = (await self._account()).held
        return Positions(
            VENUE, {Claim(market_id(VENUE, native), outcome): Size(size) for native, outcome, size in held}
        )

    def _fill_now(self, done: Done) -> Fill | None:
        """A fill from the stream belongs to the newest order of its market; an older one was told before that was made."""
        identity = self._newest.get(done.market, "")
        self._seen = max(self._seen, done.number)
        return _fill(done, identity) if identity and done.number > int(identity.partition(":")[0]) else None

    async def _account(self) -> Account:
        account = msgspec.json.decode(await self._get("/account"), type=Account)
        self._seen = max(self._seen, len(account.fills))
        return account

    async def _rows(self) -> list[Row]:
        return msgspec.json.decode(await self._get("/markets"), type=list[Row])

    async def _get(self, path: str) -> bytes:
        answer = await self._transport.send(Request("GET", self._rest + path))
        if answer.status != 200:
            raise Refused(f"corner: {path} was answered with {answer.status}", code=str(answer.status))
        return answer.body


def _market(row: Row, closes_ns: int) -> Market:
    return Market(
        id=market_id(VENUE, row.id),
        event=row.id,
        title=f"Same as {row.id}",
        rules=f"Pays what Kalshi's {row.id} pays.",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(CENT)),
        lot=Size(MICRO),
        take_lot=Size(MICRO),
        min_size=Size(MICRO),
        min_cash=Cash(0),
        buy_cash_step=Cash(1),
        sell_cash_step=Cash(1),
        fees=FREE,
        pool=POOL,
        status=MarketStatus.OPEN if row.result is None else MarketStatus.FINAL,
        closes_ns=closes_ns,
    )


def _snapshot(row: Row) -> BookSnapshot:
    return BookSnapshot(market_id(VENUE, row.id), tuple(row.bids), tuple(row.asks), 0)


def _fill(done: Done, identity: str) -> Fill:
    claim, fee, taker = Claim(market_id(VENUE, done.market), done.outcome), Cash(0), Liquidity.TAKER
    size, cash = Size(done.size), Cash(done.cash)
    return Fill(f"corner-{done.number}", identity, "", claim, done.action, size, cash, fee, taker, done.at_ns)


def _ended(order: Prepared, filled: int) -> OrderReport:
    return OrderReport(order.identity, "", ReportStatus.DONE, Size(filled), "" if filled else "killed")


async def open_venue(clock: Clock, entropy: Entropy, description: Mapping[str, Any]) -> ExtraVenue:
    """The entry point: the first few of the demo's bets, also at the corner."""
    rows = [{**row, "members": list(row["members"])} for row in description["links"]][:MARKETS]
    natives = []
    for row in rows:
        copied = next(member for member in row["members"] if member["venue"] == "kalshi")
        natives.append(copied["id"])
        row["members"].append({**copied, "venue": VENUE})
    kalshi = next(each for each in description["venues"] if each["venue"] == "kalshi")
    transport, stack = AioTransport(clock), AsyncExitStack()
    stack.push_async_callback(transport.close)
    corner, server = await stack.enter_async_context(served(natives, kalshi["rest_url"], transport, clock))
    adapter = CornerVenue(server.rest_url, server.ws_url, transport, clock)
    return ExtraVenue(
        sides={VENUE: VenueSide(adapter, adapter, transport, transport)},
        links=links_from_rows(rows, approved=True),
        close=stack.aclose,
        statement=lambda: msgspec.to_builtins(corner.statement(clock.wall())),
    )
