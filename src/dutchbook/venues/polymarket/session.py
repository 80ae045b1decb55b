"""Private requests: signed just before they are written, within the signer's limits, and listened to for notices.

Never repeats a write. A read that the venue turned away for its rate waits out the time that was named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import msgspec

from dutchbook.core.clock import Clock
from dutchbook.core.errors import CredentialsError, MalformedFrame, NotSent, Refused
from dutchbook.core.transport import Request, Response, Transport
from dutchbook.venues.polymarket.auth import l1_headers, l2_headers
from dutchbook.venues.polymarket.config import ApiCredentials, PolymarketConfig, PolymarketKey
from dutchbook.venues.polymarket.data import USER_AGENT
from dutchbook.venues.polymarket.notices import Notices
from dutchbook.venues.polymarket.rate import SignerLimits, TokenBucket, retry_after_ns
from dutchbook.venues.polymarket.reads import FIRST_CURSOR, Page, check_answer, decode
from dutchbook.venues.polymarket.wire import restriction


class _Credentials(msgspec.Struct):
    apiKey: str
    secret: str
    passphrase: str


class Session:
    """One wallet at the CLOB."""

    def __init__(
        self,
        transport: Transport,
        config: PolymarketConfig,
        key: PolymarketKey,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self.config: Final = config
        self.key: Final = key
        self.clock: Final = clock
        self.limits: Final = SignerLimits()
        self.notices: Final = notices
        self._transport = transport
        self._reads = TokenBucket(50, 500)
        """Private reads: the venue's narrowest are 500 in ten seconds."""

    @property
    def credentials(self) -> ApiCredentials:
        """Raises CredentialsError before `connect` has made or checked them."""
        if self.key.credentials is None:
            raise CredentialsError("Polymarket API credentials are not there yet: connect first")
        return self.key.credentials

    async def connect(self) -> None:
        """Create the credentials of nonce 0, or derive them when they exist; nothing when they were given."""
        if self.key.credentials is not None:
            return
        response = Response(0)
        for method, path in (("POST", "/auth/api-key"), ("GET", "/auth/derive-api-key")):
            headers = {"User-Agent": USER_AGENT, **l1_headers(self.key, self.config.chain_id, self.clock.wall())}
            response = await self._transport.send(
                Request(method, self.config.clob_url + path, headers, timeout_ns=self.config.read_timeout_ns)
            )
            if response.status == 200:
                made = decode(response.body, _Credentials, "API credentials")
                self.key.credentials = ApiCredentials(made.apiKey, made.secret, made.passphrase)
                return
        try:
            check_answer(response, "API credentials")
        except Refused as error:
            raise CredentialsError(str(error)) from None
        raise CredentialsError("Polymarket gave no API credentials")

    async def read(self, path: str, query: dict[str, str] | None = None, *, signed: bool = True) -> bytes:
        """The body of a GET that succeeded; raises the errors of `check_answer`."""
        return check_answer(await self.ask(path, query, signed=signed), path)

    async def ask(self, path: str, query: dict[str, str] | None = None, *, signed: bool = True) -> Response:
        """The answer to a GET, whatever it is, once the limits allow it."""
        wait_ns = self._reads.wait_ns(1, self.clock.monotonic())
        self._reads.take(1, self.clock.monotonic())
        if wait_ns:
            await self.clock.sleep(wait_ns)
        response = await self._write("GET", path, b"", query, signed=signed)
        if response.status == 429:
            self._reads.block(retry_after_ns(response.headers), self.clock.monotonic())
        return response

    async def rows(self, path: str, query: dict[str, str]) -> list[msgspec.Raw]:
        """All rows of a paged read."""
        rows: list[msgspec.Raw] = []
        cursor: str | None = FIRST_CURSOR
        while cursor is not None:
            page = decode(await self.read(path, {**query, "next_cursor": cursor}), Page, path)
            rows.extend(page.data)
            if page.next == cursor:
                raise MalformedFrame(f"Polymarket {path}: next_cursor does not move on")
            cursor = page.next
        return rows

    async def order(self, path: str, body: bytes, cost: int, send_by_ns: int) -> Response:
        """POST orders, once. Waits for the signer's limit, but raises NotSent rather than write after `send_by_ns`."""
        clock, bucket = self.clock, self.limits.orders
        wait_ns = bucket.wait_ns(cost, clock.monotonic())
        if clock.wall() + wait_ns > send_by_ns:
            why = f"the rate limit has no room for {wait_ns // 1_000_000} ms" if wait_ns else "it is past its deadline"
            raise NotSent(f"not written: {why}")
        bucket.take(cost, clock.monotonic())
        if wait_ns:
            await clock.sleep(wait_ns)
            if clock.wall() > send_by_ns:
                # a busy or sleeping machine: the wait took longer than was asked for
                raise NotSent("not written: it is past its deadline")
        response = await self._write("POST", path, body, timeout_ns=self.config.order_timeout_ns)
        self.limits.heard(bucket, response.status, response.headers, clock.monotonic())
        return response

    async def cancel(
        self, path: str, body: bytes, cost: int, *, cost_of_answer: Callable[[bytes], int] | None = None
    ) -> bytes:
        """DELETE orders, waiting for the signer's limit; the body of the answer. Raises the errors of a read.

        `cost_of_answer` says what the request came to cost beyond `cost`, known only afterwards.
        """
        clock, bucket = self.clock, self.limits.cancels
        wait_ns = bucket.wait_ns(cost, clock.monotonic())
        bucket.take(cost, clock.monotonic())
        if wait_ns:
            await clock.sleep(wait_ns)
        response = await self._write("DELETE", path, body)
        if cost_of_answer is not None and response.status == 200:
            bucket.take(cost_of_answer(response.body), clock.monotonic())
        self.limits.heard(bucket, response.status, response.headers, clock.monotonic())
        return check_answer(response, path)

    async def post(self, path: str, body: bytes) -> Response:
        """A POST that is no order."""
        return await self._write("POST", path, body)

    async def _write(
        self,
        method: str,
        path: str,
        body: bytes,
        query: dict[str, str] | None = None,
        *,
        signed: bool = True,
        timeout_ns: int = 0,
    ) -> Response:
        """One request; the HMAC covers the path without its query."""
        headers = {"User-Agent": USER_AGENT}
        if signed:
            headers |= l2_headers(self.key.address, self.credentials, self.clock.wall(), method, path, body)
        if body:
            headers["Content-Type"] = "application/json"
        url = f"{self.config.clob_url}{path}{'?' + urlencode(query) if query else ''}"
        response = await self._transport.send(
            Request(method, url, headers, body, timeout_ns or self.config.read_timeout_ns)
        )
        if response.status != 200:
            self.notices.heard(restriction(response.status, response.body), retry_after_ns(response.headers))
        return response
