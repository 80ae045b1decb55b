"""Signed requests and paging over the transport seam. Knows no market and no order; repeats nothing but pages.

A page is repeated after a rate limit because reading is harmless; writes never are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from dutchbook.core.clock import MILLISECOND, Clock
from dutchbook.core.errors import CredentialsError, MalformedFrame, RateLimited
from dutchbook.core.transport import Request, Response, Transport
from dutchbook.venues.kalshi.auth import signed_headers
from dutchbook.venues.kalshi.config import KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.errors import failure
from dutchbook.venues.kalshi.fields import decoded

Params = Sequence[tuple[str, str]]

_PAGE_TRIES: Final = 6
_FIRST_PAUSE_NS: Final = 250 * MILLISECOND


class _Page(Protocol):
    cursor: str | None


PageT = TypeVar("PageT", bound=_Page)


class KalshiRest:
    """Requests to one environment; signed when there is a key."""

    def __init__(self, config: KalshiConfig, transport: Transport, clock: Clock, key: KalshiKey | None) -> None:
        self.config = config
        self._transport = transport
        self._clock = clock
        self._key = key

    def request(self, method: str, path: str, params: Params = (), body: bytes = b"") -> Request:
        """A request signed for this instant; `path` is below the API root, already quoted where it needs to be."""
        url = self.config.rest_url + path
        headers = {"Accept": "application/json"}
        if self._key is not None:
            headers |= signed_headers(self._key, self._clock.wall(), method, url)
        if body:
            headers["Content-Type"] = "application/json"
        timeout_ns = self.config.read_timeout_ns if method == "GET" else self.config.order_timeout_ns
        return Request(method, f"{url}?{urlencode(params)}" if params else url, headers, body, timeout_ns)

    async def send(self, request: Request) -> Response:
        """One exchange; raises NotSent or Lost."""
        return await self._transport.send(request)

    async def get(self, path: str, params: Params, what: str) -> Response:
        """A successful read. Raises the error tree's word for any other answer, NotSent or Lost without one."""
        response = await self.send(self.request("GET", path, params))
        if response.status != 200:
            raise failure(response, what)
        return response

    async def pages(
        self, path: str, params: Params, decoder: msgspec.json.Decoder[PageT], what: str
    ) -> AsyncIterator[PageT]:
        """Every page to the end (an empty or null cursor). An error ends it: a part is never taken for the whole."""
        cursor = ""
        seen: set[str] = set()
        while True:
            page = decoded(
                decoder, await self._page(path, [*params, ("cursor", cursor)] if cursor else params, what), what
            )
            yield page
            cursor = page.cursor or ""
            if not cursor:
                return
            if cursor in seen:
                raise MalformedFrame(f"kalshi {what}: cursor {cursor!r} came twice")
            seen.add(cursor)

    async def _page(self, path: str, params: Params, what: str) -> bytes:
        pause = _FIRST_PAUSE_NS
        for _ in range(_PAGE_TRIES - 1):
            try:
                return (await self.get(path, params, what)).body
            except RateLimited as refusal:
                await self._clock.sleep(max(pause, refusal.retry_after_ns))
                pause *= 2
        return (await self.get(path, params, what)).body


def segment(native: str) -> str:
    """A venue id as one path segment."""
    return quote(native, safe="")


def required_key(key: KalshiKey | None, purpose: str) -> KalshiKey:
    """The key, or CredentialsError naming the settings."""
    if key is None:
        raise CredentialsError(f"{purpose} needs a Kalshi key: set KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH")
    return key
