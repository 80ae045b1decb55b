"""Signed requests and paging over the transport seam, within the venue's token buckets. Knows no market and no order.

A read is repeated after a rate limit because reading is harmless; a write never is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice
from typing import Final, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from dutchbook.core.clock import Clock
from dutchbook.core.errors import CredentialsError, DutchbookError, Lost, MalformedFrame, RateLimited
from dutchbook.core.transport import Request, Response, Transport
from dutchbook.venues.kalshi.auth import SignaturesAhead, signed_headers
from dutchbook.venues.kalshi.budget import BASIC, REQUEST, WITHOUT_KEY, Budget
from dutchbook.venues.kalshi.config import KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.errors import failure
from dutchbook.venues.kalshi.fields import decoded

Params = Sequence[tuple[str, str]]

ORDERS_PATH: Final = "/portfolio/events/orders"
_READ_TRIES: Final = 6
_TICKERS_PER_CALL: Final = 50


class _Page(Protocol):
    cursor: str | None


T = TypeVar("T")
PageT = TypeVar("PageT", bound=_Page)


class KalshiRest:
    """Requests to one environment; signed when there is a key.

    `failures` counts reads that ended in an error, by the error's name.
    """

    def __init__(
        self,
        config: KalshiConfig,
        transport: Transport,
        clock: Clock,
        key: KalshiKey | None,
        budget: Budget | None = None,
    ) -> None:
        """`budget` is shared by everything that uses one account; without it this object has its own."""
        self.config = config
        self.clock = clock
        self.budget = budget or Budget(clock, BASIC if key is not None else WITHOUT_KEY)
        self.failures: Counter[str] = Counter()
        self._transport = transport
        self._key = key
        self._ahead: SignaturesAhead | None = None
        if key is not None and key.slow:
            self._ahead = SignaturesAhead(key, "POST", config.rest_url + ORDERS_PATH)

    @property
    def signatures_ahead(self) -> SignaturesAhead | None:
        """Order signatures made beforehand; None where the key is quick enough without."""
        return self._ahead

    def request(self, method: str, path: str, params: Params = (), body: bytes = b"") -> Request:
        """A request signed for this instant; `path` is below the API root, already quoted where it needs to be."""
        url = self.config.rest_url + path
        headers = {"Accept": "application/json"}
        if self._key is not None:
            now = self.clock.wall()
            if self._ahead is not None and path == ORDERS_PATH and method == "POST":
                headers |= self._ahead.headers(now)
            else:
                headers |= signed_headers(self._key, now, method, url)
        if body:
            headers["Content-Type"] = "application/json"
        timeout_ns = self.config.read_timeout_ns if method == "GET" else self.config.order_timeout_ns
        return Request(method, f"{url}?{urlencode(params)}" if params else url, headers, body, timeout_ns)

    async def send(self, request: Request) -> Response:
        """One exchange; raises NotSent or Lost. The caller has asked the budget."""
        return await self._transport.send(request)

    async def write(
        self, method: str, path: str, *, params: Params = (), body: bytes = b"", cost: int = REQUEST, shard: int = 0
    ) -> Response:
        """One write, after waiting for its tokens; any answer comes back. Raises NotSent, Lost or InvalidOrder."""
        await self.budget.write(cost, shard)
        response = await self.send(self.request(method, path, params, body))
        self.note_write(response, shard)
        return response

    def note_write(self, response: Response, shard: int) -> None:
        """Let the budget learn from the answer to a write."""
        bucket = self.budget.writes(shard)
        if response.status == 429:
            bucket.refused(self.clock.monotonic())
        else:
            bucket.accepted()

    async def get(self, path: str, params: Params, what: str, cost: int = REQUEST) -> Response:
        """A successful read, asked again after a 429 or a lost answer: a read may be repeated. Raises the error tree's word for
        any other answer, NotSent or Lost without one."""
        try:
            for _ in range(_READ_TRIES - 1):
                try:
                    return await self._get(path, params, what, cost)
                except (RateLimited, Lost):
                    continue  # after a 429 the budget has become empty: the next try waits longer
            return await self._get(path, params, what, cost)
        except DutchbookError as error:
            self.failures[type(error).__name__] += 1
            raise

    async def _get(self, path: str, params: Params, what: str, cost: int) -> Response:
        await self.budget.read(cost)
        response = await self.send(self.request("GET", path, params))
        if response.status == 429:
            self.budget.reads.refused(self.clock.monotonic())
        else:
            self.budget.reads.accepted()
        if response.status != 200:
            raise failure(response, what)
        return response

    async def read(
        self, path: str, params: Params, decoder: msgspec.json.Decoder[T], what: str, cost: int = REQUEST
    ) -> T:
        """A successful read, decoded; raises MalformedFrame naming the field, and what `get` raises."""
        return self.decoded(decoder, (await self.get(path, params, what, cost)).body, what)

    def decoded(self, decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
        """A body as the decoder's type; a failure is counted."""
        try:
            return decoded(decoder, body, what)
        except MalformedFrame as error:
            self.failures[type(error).__name__] += 1
            raise

    async def pages(
        self, path: str, params: Params, decoder: msgspec.json.Decoder[PageT], what: str
    ) -> AsyncIterator[PageT]:
        """Every page to the end (an empty or null cursor). An error ends it: a part is never taken for the whole."""
        cursor = ""
        seen: set[str] = set()
        while True:
            page = await self.read(path, [*params, ("cursor", cursor)] if cursor else params, decoder, what)
            yield page
            cursor = page.cursor or ""
            if not cursor:
                return
            if cursor in seen:
                raise MalformedFrame(f"kalshi {what}: cursor {cursor!r} came twice")
            seen.add(cursor)


def segment(native: str) -> str:
    """A venue id as one path segment."""
    return quote(native, safe="")


def batches(names: Sequence[str]) -> Iterable[list[str]]:
    """Names in groups that fit one request."""
    rest = iter(names)
    while group := list(islice(rest, _TICKERS_PER_CALL)):
        yield group


def required_key(key: KalshiKey | None, purpose: str) -> KalshiKey:
    """The key, or CredentialsError naming the settings."""
    if key is None:
        raise CredentialsError(f"{purpose} needs a Kalshi key: set KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH")
    return key
