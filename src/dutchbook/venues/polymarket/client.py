"""The private side of Polymarket: orders, fills, balances. The public side is `PolymarketData` (data.py).

Every private request is signed just before it is written; an order's own signature is made once, in `prepare`, and the
same bytes are sent ever after. Never decides what to trade, never repeats a write by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from dutchbook.core.account import Balances, Positions, Resolution
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MILLISECOND, SECOND, Clock, Entropy
from dutchbook.core.errors import CredentialsError, DutchbookError, Lost, NotSent, Retry, Skip
from dutchbook.core.market import Market
from dutchbook.core.money import Size
from dutchbook.core.order import Fill, Intent, OrderReport, Prepared, ReportStatus
from dutchbook.core.transport import Transport
from dutchbook.core.venue import Capabilities, OrderIdentity
from dutchbook.venues.polymarket import bulk, heartbeats
from dutchbook.venues.polymarket.account import Account
from dutchbook.venues.polymarket.bulk import Cancelled
from dutchbook.venues.polymarket.config import NAME, POOL, PolymarketConfig, PolymarketKey
from dutchbook.venues.polymarket.data import PolymarketData
from dutchbook.venues.polymarket.heartbeats import Heartbeats
from dutchbook.venues.polymarket.notices import Notices
from dutchbook.venues.polymarket.reads import (
    HeldPosition,
    OpenOrder,
    Trade,
    check_answer,
    decode,
    order_report,
    read_balance,
    read_fill,
    read_time,
    trade_status,
)
from dutchbook.venues.polymarket.recent import account_fills
from dutchbook.venues.polymarket.session import Session
from dutchbook.venues.polymarket.signing import OrderSigner
from dutchbook.venues.polymarket.tokens import TokenRegistry
from dutchbook.venues.polymarket.user_stream import PolymarketUserStream
from dutchbook.venues.polymarket.wire import (
    DUPLICATED,
    MARKETABLE,
    check_order,
    order_amounts,
    order_body,
    read_post_answer,
)

__all__ = ["PolymarketData", "PolymarketTrading"]

SALT_BITS: Final = 53
"""The salt is a JSON number: it must survive a double."""
READ_EACH: Final = 8
"""Up to this many tokens are read one by one; beyond it the Data API says first which are held."""


class _ApiKeys(msgspec.Struct):
    apiKeys: list[str]


class PolymarketTrading:
    """`core.venue.Trading` for Polymarket. Tokens and market rules come from `registry`, filled by the data side.

    Beyond the protocol: `send_many`, `cancel_many`, `cancel_market`, `cancel_all`, `heartbeat`, `keep_alive`, `account`
    (allowances, closed-only, why zeros) and `notices` (give it to the data side, whose `mode` then knows of restarts).
    """

    name = NAME

    def __init__(
        self,
        transport: Transport,
        config: PolymarketConfig,
        key: PolymarketKey,
        registry: TokenRegistry,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._config = config
        self._key = key
        self.registry = registry
        self._clock = clock
        self._entropy = entropy
        self._signer = OrderSigner(key, config.chain_id)
        self._data = PolymarketData(transport, config, registry)
        self._last_ms = 0
        self._known: set[MarketId] = set()
        self._touched: set[str] = set()
        self.notices = Notices(clock)
        self.heartbeats = Heartbeats()
        self.session = Session(transport, config, key, clock, self.notices)
        self.account = Account(self.session)
        self.capabilities = Capabilities(
            identity=OrderIdentity.CONTENT_HASH,
            dedupes=True,
            fill_or_kill=True,
            amend=False,
            nets_positions=False,
            absence_margin_ns=config.absence_margin_ns,
        )

    async def connect(self) -> None:
        """Check the clocks, create or derive API credentials where none were given, and check them with a signed read.

        Raises CredentialsError when the venue knows no such key or our clock is off, Retry errors when it cannot be asked.
        """
        await self.account.check_clock()
        await self.session.connect()
        listed = decode(await self.session.read("/auth/api-keys"), _ApiKeys, "API keys").apiKeys
        if self.session.credentials.key not in listed:
            raise CredentialsError("Polymarket does not list the API key given for this wallet; leave it out to derive")
        await self.account.closed_only()

    def allowances(self) -> Mapping[str, tuple[int, int]]:
        """What is left of the signer's two buckets."""
        now, limits = self._clock.monotonic(), self.session.limits
        return {"orders": limits.orders.left(now), "cancels": limits.cancels.left(now)}

    def know(self, markets: Sequence[Market]) -> None:
        """Newer descriptions of markets that the data side has read; raises InvalidOrder for others."""
        for market in markets:
            self.registry.update(market)
            self._known.add(market.id)

    def prepare(self, intent: Intent, send_by_ns: int) -> Prepared:
        """Amounts, hash, signature and body. Raises InvalidOrder naming the field, CredentialsError before `connect`."""
        market = self.registry.market(intent.claim.market)
        tokens = self.registry.tokens(intent.claim.market)
        wall_ns = self._clock.wall()
        check_order(intent, market, wall_ns)
        owner = self.session.credentials.key
        maker_amount, taker_amount = order_amounts(intent.action, intent.limit, intent.size)
        token = tokens.token(intent.claim.outcome)
        # strictly monotonic: it orders our orders for the venue, and two equal ones must differ
        self._last_ms = max(self._last_ms + 1, wall_ns // MILLISECOND)
        salt = self._entropy.bits(SALT_BITS)
        signed = self._signer.sign(
            tokens.exchange,
            salt=salt,
            token=int(token),
            maker_amount=maker_amount,
            taker_amount=taker_amount,
            action=intent.action,
            timestamp_ms=self._last_ms,
        )
        body = order_body(
            intent,
            self._key,
            owner,
            signed,
            salt=salt,
            token=token,
            maker_amount=maker_amount,
            taker_amount=taker_amount,
            timestamp_ms=self._last_ms,
        )
        return Prepared(intent, signed.id, body, send_by_ns)

    async def send(self, order: Prepared) -> OrderReport:
        """Write the order once. Raises NotSent when it is too late or nothing left; a lost answer is UNKNOWN.

        Where the signer's rate limit has no room, it waits as long as the order's deadline allows.
        """
        if self._clock.wall() > order.send_by_ns:
            raise NotSent(f"order {order.intent.id}: its deadline passed before it was written")
        try:
            response = await self.session.order("/order", order.body, 1, order.send_by_ns)
        except Lost as error:
            return OrderReport(order.identity, "", ReportStatus.UNKNOWN, Size(0), str(error), "lost")
        report = read_post_answer(response.status, response.body, order.identity, order.intent)
        return await self._answered(order, report)

    async def send_many(self, orders: Sequence[Prepared]) -> list[OrderReport]:
        """Write up to fifteen orders in one request, each with its own fate; the reports in the same order.

        Raises NotSent when nothing left (the earliest deadline counts), ValueError for more than fifteen.
        """
        reports = await bulk.send_batch(self.session, orders)
        return [await self._answered(order, report) for order, report in zip(orders, reports, strict=True)]

    async def resend(self, order: Prepared) -> OrderReport:
        """The same bytes again: the venue answers `Duplicated` when it has them, and the order is then looked up."""
        return await self.send(order)

    async def cancel(self, order: Prepared, venue_order_id: str) -> OrderReport:
        """Cancel, then read what was filled. An order that could not be cancelled is reported as it stands.

        Raises the errors of a read: nothing about the order is known then.
        """
        target = venue_order_id or order.identity
        body = msgspec.json.encode({"orderID": target})
        answer = bulk.read_cancels(await self.session.cancel("/order", body, 1))
        found = await self.find(order)
        if target in answer.cancelled:
            self.heartbeats.ended(order.identity)
            # the lookup may still show the order as live
            filled = found.filled if found is not None else Size(0)
            return OrderReport(order.identity, target, ReportStatus.DONE, filled, "", "canceled")
        if found is not None:
            return found
        reason = answer.refused.get(target, "neither cancelled nor refused")
        return OrderReport(order.identity, target, ReportStatus.UNKNOWN, Size(0), reason, "not_canceled")

    async def cancel_many(self, order_ids: Sequence[str]) -> Cancelled:
        """Cancel orders by id, a thousand a request. Raises the errors of a read: part may be cancelled then."""
        return self._gone(await bulk.cancel_many(self.session, order_ids))

    async def cancel_market(self, market: MarketId, outcome: Outcome | None = None) -> Cancelled:
        """Cancel every order of ours in a market, or on one of its outcomes. Raises the errors of a read."""
        tokens = self.registry.tokens(market)
        token = "" if outcome is None else tokens.token(outcome)
        return self._gone(await bulk.cancel_market(self.session, tokens.condition, token))

    async def cancel_all(self) -> Cancelled:
        """Cancel every order of this API key. Raises the errors of a read."""
        return self._gone(await bulk.cancel_all(self.session))

    async def heartbeat(self) -> None:
        """Feed the dead man's switch once, adopting the id that the venue expects. Raises the errors of a read."""
        for _ in range(2):
            response = await self.session.post(heartbeats.PATH, self.heartbeats.body())
            if response.status != 400 or not self.heartbeats.stale(response.body):
                break
        self.heartbeats.accepted(check_answer(response, "heartbeat"), self._clock.monotonic())

    async def keep_alive(self) -> None:
        """Until cancelled: a heartbeat every five seconds while an order of ours rests (or `heartbeats.asked`).

        One that fails is tried again after a second; after ten without any the venue cancels what rests.
        """
        while True:
            due_ns = self.heartbeats.due_ns(self._clock.monotonic())
            if due_ns == 0:
                try:
                    await self.heartbeat()
                except DutchbookError as error:
                    self.heartbeats.failed(str(error))
            await self._clock.sleep(SECOND)

    async def find(self, order: Prepared) -> OrderReport | None:
        """The order by its hash; when it is not listed, its trades; None when both know nothing of it."""
        response = await self.session.ask(f"/data/order/{order.identity}")
        if response.status != 404:
            body = check_answer(response, "order")
            if body.strip() not in (b"", b"null", b"{}"):
                found = order_report(decode(body, OpenOrder, "order"))
                return self._noted(
                    OrderReport(
                        order.identity, found.venue_order_id, found.status, found.filled, found.reason, found.code
                    )
                )
        trades = await self._trades_of(order, order.identity)
        if not trades:
            return None
        fills = [read_fill(trade, order.identity, self.registry) for trade in trades if trade_status(trade) != "FAILED"]
        filled = sum(fill.size for fill in fills if fill is not None)
        return self._noted(OrderReport(order.identity, order.identity, ReportStatus.DONE, Size(filled), "", "trades"))

    async def reads_as_of(self) -> int:
        """The venue's clock: it states no as-of time, which `capabilities.absence_margin_ns` makes up for."""
        return read_time(await self.session.read("/time", signed=False))

    async def open_orders(self) -> list[OrderReport]:
        """Every open order of this API key."""
        rows = await self.session.rows("/data/orders", {})
        reports = [order_report(decode(row, OpenOrder, "open order")) for row in rows]
        self.heartbeats.open_are({report.identity for report in reports})
        return reports

    async def fills(self, order: Prepared, venue_order_id: str) -> list[Fill]:
        """One Fill per trade that was not reversed; a FAILED trade is left out, so its absence reopens the exposure."""
        target = venue_order_id or order.identity
        fills = []
        for trade in await self._trades_of(order, target):
            fill = read_fill(trade, target, self.registry)
            if fill is not None and trade_status(trade) != "FAILED":
                fills.append(fill)
        return fills

    async def recent_fills(self, since_ns: int) -> list[Fill]:
        """Every fill of this API key since a wall time; an order's hash is its identity, whoever made it."""
        # the venue counts whole seconds and leaves the named one out
        rows = await self.session.rows("/data/trades", {"after": str(max(0, since_ns // SECOND - 1))})
        return account_fills(rows, self.session.credentials.key, self._key.funder, self.registry)

    async def held_natives(self) -> list[str]:
        """Slugs of all markets of which the wallet holds a token, by the Data API: some seconds old."""
        return await self._data.slugs({row.condition_id for row in await self._held() if row.condition_id})

    async def balances(self) -> Balances:
        """The funder wallet's pUSD. Resting purchases are not deducted by the venue."""
        received = self._clock.monotonic()
        collateral = await self.account.collateral()
        return Balances(NAME, {POOL: collateral.balance}, received)

    async def positions(self) -> Positions:
        """Tokens held of the markets that this side knows, by the CLOB's own balances.

        With many markets the Data API is asked first, in one call, which tokens are held. Its answer may be seconds old, so
        every token that an order of this process was about is read as well.
        """
        claims = {
            self.registry.tokens(market).token(outcome): Claim(market, outcome)
            for market in sorted(self._known)
            for outcome in Outcome
        }
        if len(claims) > READ_EACH:
            held = {row.token_id for row in await self._held()} | self._touched
            claims = {token: claim for token, claim in claims.items() if token in held}
        found: dict[Claim, Size] = {}
        for token, claim in claims.items():
            query = {
                "asset_type": self.registry.tokens(claim.market).asset_type,
                "token_id": token,
                "signature_type": str(self._key.signature_type),
            }
            size = read_balance(await self.session.read("/balance-allowance", query), "token balance")
            if size:
                found[claim] = Size(size)
        return Positions(NAME, found)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Final results, from public data."""
        return await self._data.resolutions(markets)

    def stream(self) -> PolymarketUserStream:
        """Orders and trades of this API key; raises CredentialsError before `connect`."""
        return PolymarketUserStream(self._config.user_ws_url, self.session.credentials, self._key.funder, self.registry)

    async def _held(self) -> list[HeldPosition]:
        return await self._data.held(self._key.funder)

    async def _answered(self, order: Prepared, report: OrderReport) -> OrderReport:
        """What an answer to an order says beyond itself; one that is there already is looked up."""
        self._touched.add(self.registry.tokens(order.intent.claim.market).token(order.intent.claim.outcome))
        self.notices.heard(report.code)
        took = report.code in ("matched", "delayed", "fok_not_filled", "fak_not_filled")
        if took and order.intent.tif in MARKETABLE:
            self.notices.traded()
        if report.code == DUPLICATED:
            try:
                return await self.find(order) or report
            except (Retry, Skip, Lost):
                return report
        return self._noted(report)

    def _noted(self, report: OrderReport) -> OrderReport:
        if report.status in (ReportStatus.RESTING, ReportStatus.DELAYED):
            self.heartbeats.rests(report.identity)
        elif report.status is not ReportStatus.UNKNOWN:
            self.heartbeats.ended(report.identity)
        return report

    def _gone(self, answer: Cancelled) -> Cancelled:
        for order in answer.cancelled:
            self.heartbeats.ended(order)
        return answer

    async def _trades_of(self, order: Prepared, order_id: str) -> list[Trade]:
        """Trades that name an order, as taker or as maker. Asked by market: a match may be filed under either token."""
        condition = self.registry.tokens(order.intent.claim.market).condition
        rows = await self.session.rows("/data/trades", {"market": condition})
        # pages shift while they are read: a trade listed twice is one trade
        trades = {trade.id: trade for trade in (decode(row, Trade, "trade") for row in rows)}
        return [
            trade
            for trade in trades.values()
            if trade.taker_order_id == order_id or any(maker.order_id == order_id for maker in trade.maker_orders)
        ]
