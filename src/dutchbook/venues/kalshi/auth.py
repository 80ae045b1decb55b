"""The three headers that authenticate a request or a WebSocket handshake. Reads no clock; the instant is given.

Signed text: milliseconds since the epoch, method, path from the root without host and query. The body is not signed.
Source: Kalshi API documentation, "API keys".
"""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from dutchbook.core.clock import MILLISECOND
from dutchbook.venues.kalshi.config import KalshiKey


def signed_text(wall_ns: int, method: str, url: str) -> bytes:
    """What is signed for a request to `url` (absolute, query ignored) at `wall_ns`."""
    return f"{wall_ns // MILLISECOND}{method.upper()}{urlsplit(url).path}".encode()


def signed_headers(key: KalshiKey, wall_ns: int, method: str, url: str) -> dict[str, str]:
    """KALSHI-ACCESS-KEY, -TIMESTAMP (ms) and -SIGNATURE (standard base64). For WebSockets the method is GET."""
    signature = key.sign(signed_text(wall_ns, method, url))
    return {
        "KALSHI-ACCESS-KEY": key.key_id,
        "KALSHI-ACCESS-TIMESTAMP": str(wall_ns // MILLISECOND),
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode("ascii"),
    }
