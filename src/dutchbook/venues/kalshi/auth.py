"""The three headers that authenticate a request or a WebSocket handshake. Reads no clock; the instant is given.

Signed text: milliseconds since the epoch, method, path from the root without host and query. The body is not signed, so
an order's signature can be made before the order: an RSA signature takes longer than everything else on the order path.
`SignaturesAhead` keeps a few, each of its own millisecond, each used once, none older than two seconds. Ed25519 is cheap
enough to be made on the spot. Source: Kalshi API documentation, "API keys".
"""

from __future__ import annotations

import base64
from collections import deque
from typing import Final
from urllib.parse import urlsplit

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.venues.kalshi.config import KalshiKey

OLDEST_NS: Final = 2 * SECOND
"""An older signature is thrown away: the venue's limit is not documented, and a strict one must not cost an order."""

_RENEW_NS: Final = OLDEST_NS // 2
_KEPT: Final = 4


def signed_text(wall_ns: int, method: str, url: str) -> bytes:
    """What is signed for a request to `url` (absolute, query ignored) at `wall_ns`."""
    return f"{wall_ns // MILLISECOND}{method.upper()}{urlsplit(url).path}".encode()


def signed_headers(key: KalshiKey, wall_ns: int, method: str, url: str) -> dict[str, str]:
    """KALSHI-ACCESS-KEY, -TIMESTAMP (ms) and -SIGNATURE (standard base64). For WebSockets the method is GET."""
    signature = base64.b64encode(key.sign(signed_text(wall_ns, method, url))).decode("ascii")
    return _headers(key, wall_ns // MILLISECOND, signature)


def _headers(key: KalshiKey, stamp_ms: int, signature: str) -> dict[str, str]:
    return {
        "KALSHI-ACCESS-KEY": key.key_id,
        "KALSHI-ACCESS-TIMESTAMP": str(stamp_ms),
        "KALSHI-ACCESS-SIGNATURE": signature,
    }


class SignaturesAhead:
    """Signatures of one method and path, made while nothing is urgent."""

    def __init__(self, key: KalshiKey, method: str, url: str) -> None:
        self._key = key
        self._method = method
        self._url = url
        self._ready: deque[tuple[int, str]] = deque()
        self._last_ms = 0

    def __len__(self) -> int:
        return len(self._ready)

    def top_up(self, wall_ns: int) -> bool:
        """Make at most one signature, so that the caller is held up once only; True when one was made."""
        stamp_ms = wall_ns // MILLISECOND
        ready = self._ready
        while ready and (wall_ns - ready[0][0] * MILLISECOND > _RENEW_NS or ready[0][0] > stamp_ms):
            ready.popleft()
        if len(ready) >= _KEPT or stamp_ms <= self._last_ms:
            return False
        signature = self._key.sign(signed_text(wall_ns, self._method, self._url))
        ready.append((stamp_ms, base64.b64encode(signature).decode("ascii")))
        self._last_ms = stamp_ms
        return True

    def headers(self, wall_ns: int) -> dict[str, str]:
        """Headers for a request at this instant: the oldest signature still good, used up by this, or a new one."""
        ready = self._ready
        while ready:
            stamp_ms, signature = ready.popleft()
            if 0 <= wall_ns - stamp_ms * MILLISECOND <= OLDEST_NS:
                return _headers(self._key, stamp_ms, signature)
        return signed_headers(self._key, wall_ns, self._method, self._url)
