"""Kalshi's private side: orders and the account. All I/O is the transport's.

A read that fails raises: it is never an empty account. An order whose answer is missing or cannot be understood is
UNKNOWN and is asked about, never sent again: the venue is only known to refuse a duplicate client order id while the
first order is open. Source: Kalshi API documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

from dutchbook.core.account import Balances, Positions, Resolution
from dutchbook.core.claim import MarketId, native_of, venue_of
from dutchbook.core.clock import MILLISECOND, SECOND, Clock, Entropy, uuid4_text
from dutchbook.core.errors import DutchbookError, InvalidOrder, Lost, MalformedFrame, NotSent, Skip, Stop
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO
from dutchbook.core.order import Fill, Intent, OrderReport, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import Response, Transport
from dutchbook.core.venue import Capabilities, OrderIdentity
from dutchbook.venues.kalshi import portfolio, wire
from dutchbook.venues.kalshi.budget import BASIC, CANCEL, REQUEST, Budget, decode_limits
from dutchbook.venues.kalshi.config import VENUE, KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.errors import failure, venue_error
from dutchbook.venues.kalshi.fields import nanoseconds
from dutchbook.venues.kalshi.groups import KalshiGroups
from dutchbook.venues.kalshi.history import KalshiHistory
from dutchbook.venues.kalshi.lookup import KalshiLookup
from dutchbook.venues.kalshi.own_orders import OwnOrders
from dutchbook.venues.kalshi.rest import ORDERS_PATH, KalshiRest, segment
from dutchbook.venues.kalshi.resting import KalshiResting
from dutchbook.venues.kalshi.results import KalshiResults
from dutchbook.venues.kalshi.transfers import KalshiTransfers
from dutchbook.venues.kalshi.user_stream import KalshiUserStream

_LARGEST_PAGE: Final = ("limit", "1000")
_CLOCK_TOLERANCE_NS: Final = 5 * SECOND
_SIGN_EVERY_NS: Final = 100 * MILLISECOND


class KalshiTrading:
    """One account, primary subaccount. `budget` holds its token buckets: give it to the data side of the same account.

    `resting` changes orders and sends batches, `groups` are the venue's own kill switches, `history` reads of any age,
    `transfers` moves cash between shards when a person asks. `order_groups` names the group that new orders of a shard
    join. `failures` counts reads that ended in an error.
    """

    name = VENUE

    def __init__(
        self, config: KalshiConfig, transport: Transport, clock: Clock, entropy: Entropy, key: KalshiKey
    ) -> None:
        self._config = config
        self._clock = clock
        self._entropy = entropy
        self._key = key
        self.budget = Budget(clock, BASIC)
        self._rest = KalshiRest(config, transport, clock, key, self.budget)
        self._markets: dict[str, Market] = {}
        self._own = OwnOrders()
        self.resting = KalshiResting(self._rest, self._own, self._markets)
        self.groups = KalshiGroups(self._rest)
        self.history = KalshiHistory(self._rest)
        self._lookup = KalshiLookup(self._rest, self.history, self._own)
        self.transfers = KalshiTransfers(self._rest)
        self.results = KalshiResults(self._rest)
        self.order_groups: dict[int, str] = {}
        self.failures = self._rest.failures
        self.capabilities = Capabilities(
            identity=OrderIdentity.CLIENT_ID,
            # Duplicates are only known to be refused while the first order is open; an IOC could fill twice.
            dedupes=False,
            fill_or_kill=True,
            amend=True,
            nets_positions=True,
            absence_margin_ns=config.read_as_of_margin_ns,
            reduce_only=frozenset({TimeInForce.IOC}),
        )

    async def connect(self) -> None:
        """A signed balance read, our clock against the venue's, and the account's rate limits.

        Raises CredentialsError when the venue refuses the key, Stop when our clock is off by more than 5 s: signatures
        carry the time. An account whose limits cannot be read goes by those of the lowest tier.
        """
        response = await self._rest.get("/portfolio/balance", (), "balance")
        self._check_clock(response)
        portfolio.decode_balances(response.body, self._clock.monotonic())
        try:
            body = (await self._rest.get("/account/limits", (), "account limits")).body
            self.budget.adopt(decode_limits(body))
        except Skip:
            self.budget.adopt(BASIC)

    def allowances(self) -> Mapping[str, tuple[int, int]]:
        """What is left of the account's token buckets."""
        return self.budget.allowances()

    def _check_clock(self, response: Response) -> None:
        """The Date header names a second; within it, and the time that the answer took, nothing is proved."""
        try:
            second = nanoseconds(parsedate_to_datetime(response.headers["date"]))
        except (KeyError, ValueError, TypeError):
            return
        off = self._clock.wall() - second
        if not -_CLOCK_TOLERANCE_NS <= off <= _CLOCK_TOLERANCE_NS + self._config.read_timeout_ns:
            raise Stop(f"kalshi: this machine's clock is off by {off // SECOND} s; set it before trading")

    async def sign_ahead(self) -> None:
        """Keep a few order signatures ready, for ever (RSA; with an Ed25519 key it returns at once).

        Run it as a task beside trading. It holds the loop up for one signature at a time, a few times a second; without it
        everything works and each order waits for its own signature.
        """
        ahead = self._rest.signatures_ahead
        if ahead is None:
            return
        while True:
            ahead.top_up(self._clock.wall())
            await self._clock.sleep(_SIGN_EVERY_NS)

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
        group = self.order_groups.get(wire.shard_of(market), "")
        order = Prepared(intent, identity, wire.encode_order(intent, market, identity, group), send_by_ns)
        self._own.remember(order)
        return order

    async def send(self, order: Prepared) -> OrderReport:
        """Write the order once. A missing or unreadable answer is UNKNOWN.

        Raises NotSent when nothing left, also when the rate limit would let it go only after its deadline.
        """
        if not order.body:
            raise NotSent(f"order {order.identity} has no body: it was restored for asking, not for sending")
        self._own.remember(order)
        shard = self._shard(order)
        await self.budget.write(REQUEST, shard, order.send_by_ns)
        request = self._rest.request("POST", ORDERS_PATH, body=order.body)
        if self._clock.wall() > order.send_by_ns:
            raise NotSent(f"order {order.identity}: its deadline passed before it was written")
        try:
            response = await self._rest.send(request)
        except Lost as error:
            return wire.unknown(order.identity, str(error))
        self._rest.note_write(response, shard)
        if response.status == 409:
            return await self._duplicate(order, response)
        report = wire.decode_placed(order, response)
        self._own.name(order.identity, report.venue_order_id)
        return report

    def _shard(self, order: Prepared) -> int:
        """The shard whose write bucket an order's single writes are billed to."""
        market = self._markets.get(native_of(order.intent.claim.market))
        return 0 if market is None else wire.shard_of(market)

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
        shard = self._shard(order)
        if native in self._markets:
            params.append(("exchange_index", str(shard)))
        path = f"{ORDERS_PATH}/{segment(venue_order_id)}"
        try:
            response = await self._rest.write("DELETE", path, params=params, cost=CANCEL, shard=shard)
            if response.status == 200:
                report = wire.decode_cancelled(order, venue_order_id, response)
                resized = venue_order_id in self._own.resized
                return await self.resting.look_up(order, venue_order_id) if resized else report
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
        """The order by its client order id; None only when neither the market's orders nor its fills know of it.

        Several orders of that id are told as one. UNKNOWN while orders and fills do not agree. Raises MalformedFrame when the
        order found is not the one that we sent.
        """
        return await self._lookup.find(order)

    async def reads_as_of(self) -> int:
        """Wall time (ns) up to which the venue says that balance, order, fill and position reads are complete."""
        return portfolio.decode_as_of((await self._rest.get("/exchange/user_data_timestamp", (), "as of")).body)

    async def open_orders(self) -> list[OrderReport]:
        """Every resting order of the account, ours or not."""
        params = [("status", "resting"), _LARGEST_PAGE]
        return [wire.order_report(row) async for row in self.history.order_rows("/portfolio/orders", params)]

    async def fills(self, order: Prepared, venue_order_id: str) -> list[Fill]:
        """Every fill so far of every order of this identity, in the intent's claim and action. Without an order id it is looked
        up."""
        return await self._lookup.fills(order, venue_order_id)

    async def recent_fills(self, since_ns: int) -> list[Fill]:
        """Every fill of the account since a wall time, ours or not: of an order that is not known here a bid is told as a
        purchase of YES and an ask as one of NO."""
        return await self._lookup.recent_fills(since_ns)

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
        """Results of those markets that have one; a scalar result carries the fee of rounding its payout.

        A market that cannot be read, or whose result says no amount, is left out and kept in `results.unreadable`.
        """
        return [await self._with_fee(result) for result in await self.results.read(markets)]

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
