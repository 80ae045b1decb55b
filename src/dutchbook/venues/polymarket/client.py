"""The private side of Polymarket: orders, fills, balances. The public side is `PolymarketData` (data.py).

Every private request is signed just before it is written; an order's own signature is made once, in `prepare`, and the
same bytes are sent ever after. Never decides what to trade, never repeats a write by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from dutchbook.core.account import Balances, Positions, Resolution
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MILLISECOND, Clock, Entropy
from dutchbook.core.errors import CredentialsError, Lost, MalformedFrame, NotSent, Refused, Retry, Skip
from dutchbook.core.market import Market
from dutchbook.core.money import Cash, Size
from dutchbook.core.order import Fill, Intent, OrderReport, Prepared, ReportStatus
from dutchbook.core.transport import Request, Response, Transport
from dutchbook.core.venue import Capabilities, OrderIdentity
from dutchbook.venues.polymarket.auth import l1_headers, l2_headers
from dutchbook.venues.polymarket.config import NAME, POOL, ApiCredentials, PolymarketConfig, PolymarketKey
from dutchbook.venues.polymarket.data import USER_AGENT, PolymarketData
from dutchbook.venues.polymarket.reads import (
    FIRST_CURSOR,
    OpenOrder,
    Page,
    Trade,
    check_answer,
    decode,
    order_report,
    read_balance,
    read_fill,
    read_time,
    trade_status,
)
from dutchbook.venues.polymarket.signing import OrderSigner
from dutchbook.venues.polymarket.tokens import TokenRegistry
from dutchbook.venues.polymarket.user_stream import PolymarketUserStream
from dutchbook.venues.polymarket.wire import (
    DUPLICATED,
    check_order,
    order_amounts,
    order_body,
    read_post_answer,
)

__all__ = ["PolymarketData", "PolymarketTrading"]

SALT_BITS: Final = 53
"""The salt is a JSON number: it must survive a double."""


class _Credentials(msgspec.Struct):
    apiKey: str
    secret: str
    passphrase: str


class _ApiKeys(msgspec.Struct):
    apiKeys: list[str]


class _Cancelled(msgspec.Struct):
    canceled: list[str] = []
    not_canceled: dict[str, str] = {}


class PolymarketTrading:
    """`core.venue.Trading` for Polymarket. Tokens and market rules come from `registry`, filled by the data side."""

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
        self._transport = transport
        self._config = config
        self._key = key
        self._registry = registry
        self._clock = clock
        self._entropy = entropy
        self._signer = OrderSigner(key, config.chain_id)
        self._data = PolymarketData(transport, config, registry)
        self._last_ms = 0
        self.capabilities = Capabilities(
            identity=OrderIdentity.CONTENT_HASH,
            dedupes=True,
            fill_or_kill=True,
            amend=False,
            nets_positions=False,
            absence_margin_ns=config.absence_margin_ns,
        )

    async def connect(self) -> None:
        """Create or derive API credentials where none were given, then check them with a signed read.

        Raises CredentialsError when the venue knows no such key, Retry errors when it cannot be asked.
        """
        if self._key.credentials is None:
            self._key.credentials = await self._make_credentials()
        listed = decode(await self._private("GET", "/auth/api-keys"), _ApiKeys, "API keys").apiKeys
        if self._key.credentials.key not in listed:
            raise CredentialsError("Polymarket does not list the API key given for this wallet; leave it out to derive")

    def know(self, markets: Sequence[Market]) -> None:
        """Newer descriptions of markets that the data side has read; raises InvalidOrder for others."""
        for market in markets:
            self._registry.update(market)

    def prepare(self, intent: Intent, send_by_ns: int) -> Prepared:
        """Amounts, hash, signature and body. Raises InvalidOrder naming the field, CredentialsError before `connect`."""
        market = self._registry.market(intent.claim.market)
        tokens = self._registry.tokens(intent.claim.market)
        wall_ns = self._clock.wall()
        check_order(intent, market, wall_ns)
        owner = self._credentials().key
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
        """Write the order once. Raises NotSent when it is too late or nothing left; a lost answer is UNKNOWN."""
        now = self._clock.wall()
        if now > order.send_by_ns:
            raise NotSent(f"order {order.intent.id}: its deadline passed before it was written")
        try:
            response = await self._request("POST", "/order", order.body, timeout_ns=self._config.order_timeout_ns)
        except Lost as error:
            return OrderReport(order.identity, "", ReportStatus.UNKNOWN, Size(0), str(error), "lost")
        report = read_post_answer(response.status, response.body, order.identity, order.intent)
        if report.code == DUPLICATED:
            try:
                return await self.find(order) or report
            except (Retry, Skip, Lost):
                return report
        return report

    async def resend(self, order: Prepared) -> OrderReport:
        """The same bytes again: the venue answers `Duplicated` when it has them, and the order is then looked up."""
        return await self.send(order)

    async def cancel(self, order: Prepared, venue_order_id: str) -> OrderReport:
        """Cancel, then read what was filled. An order that could not be cancelled is reported as it stands.

        Raises the errors of a read: nothing about the order is known then.
        """
        target = venue_order_id or order.identity
        body = msgspec.json.encode({"orderID": target})
        answer = decode(await self._private("DELETE", "/order", body=body), _Cancelled, "cancel")
        found = await self.find(order)
        if target in answer.canceled:
            # the lookup may still show the order as live
            filled = found.filled if found is not None else Size(0)
            return OrderReport(order.identity, target, ReportStatus.DONE, filled, "", "canceled")
        if found is not None:
            return found
        reason = answer.not_canceled.get(target, "neither cancelled nor refused")
        return OrderReport(order.identity, target, ReportStatus.UNKNOWN, Size(0), reason, "not_canceled")

    async def find(self, order: Prepared) -> OrderReport | None:
        """The order by its hash; when it is not listed, its trades; None when both know nothing of it."""
        response = await self._request("GET", f"/data/order/{order.identity}")
        if response.status != 404:
            body = check_answer(response, "order")
            if body.strip() not in (b"", b"null", b"{}"):
                found = order_report(decode(body, OpenOrder, "order"))
                return OrderReport(
                    order.identity, found.venue_order_id, found.status, found.filled, found.reason, found.code
                )
        trades = await self._trades_of(order, order.identity)
        if not trades:
            return None
        fills = [
            read_fill(trade, order.identity, self._registry) for trade in trades if trade_status(trade) != "FAILED"
        ]
        filled = sum(fill.size for fill in fills if fill is not None)
        return OrderReport(order.identity, order.identity, ReportStatus.DONE, Size(filled), "", "trades")

    async def reads_as_of(self) -> int:
        """The venue's clock: it states no as-of time, which `capabilities.absence_margin_ns` makes up for."""
        response = await self._request("GET", "/time", signed=False)
        return read_time(check_answer(response, "time"))

    async def open_orders(self) -> list[OrderReport]:
        """Every open order of this API key."""
        return [order_report(decode(row, OpenOrder, "open order")) for row in await self._pages("/data/orders", {})]

    async def fills(self, order: Prepared, venue_order_id: str) -> list[Fill]:
        """One Fill per trade that was not reversed; a FAILED trade is left out, so its absence reopens the exposure."""
        target = venue_order_id or order.identity
        fills = []
        for trade in await self._trades_of(order, target):
            fill = read_fill(trade, target, self._registry)
            if fill is not None and trade_status(trade) != "FAILED":
                fills.append(fill)
        return fills

    async def balances(self) -> Balances:
        """The funder wallet's pUSD. Resting purchases are not deducted by the venue."""
        received = self._clock.monotonic()
        query = {"asset_type": "COLLATERAL", "signature_type": str(self._key.signature_type)}
        cash = read_balance(await self._private("GET", "/balance-allowance", query), "balance")
        return Balances(NAME, {POOL: Cash(cash)}, received)

    async def positions(self) -> Positions:
        """Tokens held of every market in the registry: the CLOB's own balances, two reads a market."""
        held: dict[Claim, Size] = {}
        for market in self._registry:
            tokens = self._registry.tokens(market)
            for outcome in Outcome:
                query = {
                    "asset_type": tokens.asset_type,
                    "token_id": tokens.token(outcome),
                    "signature_type": str(self._key.signature_type),
                }
                size = read_balance(await self._private("GET", "/balance-allowance", query), "token balance")
                if size:
                    held[Claim(market, outcome)] = Size(size)
        return Positions(NAME, held)

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Final results, from public data."""
        return await self._data.resolutions(markets)

    def stream(self) -> PolymarketUserStream:
        """Orders and trades of this API key; raises CredentialsError before `connect`."""
        return PolymarketUserStream(self._config.user_ws_url, self._credentials(), self._key.funder, self._registry)

    def _credentials(self) -> ApiCredentials:
        if self._key.credentials is None:
            raise CredentialsError("Polymarket API credentials are not there yet: connect first")
        return self._key.credentials

    async def _make_credentials(self) -> ApiCredentials:
        """Create the credentials of nonce 0, or derive them when they exist."""
        response = Response(0)
        for method, path in (("POST", "/auth/api-key"), ("GET", "/auth/derive-api-key")):
            headers = {"User-Agent": USER_AGENT, **l1_headers(self._key, self._config.chain_id, self._clock.wall())}
            response = await self._transport.send(
                Request(method, self._config.clob_url + path, headers, timeout_ns=self._config.read_timeout_ns)
            )
            if response.status == 200:
                made = decode(response.body, _Credentials, "API credentials")
                return ApiCredentials(made.apiKey, made.secret, made.passphrase)
        try:
            check_answer(response, "API credentials")
        except Refused as error:
            raise CredentialsError(str(error)) from None
        raise CredentialsError("Polymarket gave no API credentials")

    async def _trades_of(self, order: Prepared, order_id: str) -> list[Trade]:
        """Trades that name an order, as taker or as maker. Asked by market: a match may be filed under either token."""
        condition = self._registry.tokens(order.intent.claim.market).condition
        trades = [decode(row, Trade, "trade") for row in await self._pages("/data/trades", {"market": condition})]
        return [
            trade
            for trade in trades
            if trade.taker_order_id == order_id or any(maker.order_id == order_id for maker in trade.maker_orders)
        ]

    async def _pages(self, path: str, query: dict[str, str]) -> list[msgspec.Raw]:
        """All rows of a paged private read."""
        rows: list[msgspec.Raw] = []
        cursor: str | None = FIRST_CURSOR
        while cursor is not None:
            page = decode(await self._private("GET", path, {**query, "next_cursor": cursor}), Page, path)
            rows.extend(page.data)
            if page.next == cursor:
                raise MalformedFrame(f"Polymarket {path}: next_cursor does not move on")
            cursor = page.next
        return rows

    async def _private(
        self, method: str, path: str, query: dict[str, str] | None = None, *, body: bytes = b""
    ) -> bytes:
        return check_answer(await self._request(method, path, body, query), path)

    async def _request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        query: dict[str, str] | None = None,
        *,
        signed: bool = True,
        timeout_ns: int = 0,
    ) -> Response:
        """One request; the HMAC covers the path without its query."""
        headers = {"User-Agent": USER_AGENT}
        if signed:
            headers |= l2_headers(self._key.address, self._credentials(), self._clock.wall(), method, path, body)
        if body:
            headers["Content-Type"] = "application/json"
        url = f"{self._config.clob_url}{path}{'?' + urlencode(query) if query else ''}"
        return await self._transport.send(
            Request(method, url, headers, body, timeout_ns or self._config.read_timeout_ns)
        )
