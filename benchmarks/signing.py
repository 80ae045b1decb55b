"""Signing a Kalshi order request at the moment of sending: made beforehand (RSA), on the spot (Ed25519), on the spot (RSA).

A figure is the median over requests of everything that happens between "send" and the transport: headers, signature,
request object. Run alone it prints the figures; targets are 40 microseconds for the first two.
"""

from __future__ import annotations

import json
import statistics
from time import perf_counter_ns
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from dutchbook.core.clock import MILLISECOND, SystemClock
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.venues.kalshi.config import KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.rest import ORDERS_PATH, KalshiRest

CONFIG = KalshiConfig("https://kalshi.test/trade-api/v2", "wss://kalshi.test/trade-api/ws/v2")
BODY = b'{"ticker":"KXTEST-26NOV20-A","side":"bid","count":"10.00","price":"0.5600"}'


class _Nowhere:
    """A transport that is never used: only the making of requests is measured."""

    async def send(self, request: Request) -> Response:
        raise AssertionError("nothing is sent here")

    async def open(self, url: str, headers: object) -> Channel:
        raise AssertionError("nothing is opened here")

    async def close(self) -> None:
        return None


class _SteppingClock(SystemClock):
    """Moves a millisecond at each look, so that signatures of their own milliseconds can be made in a row."""

    def __init__(self) -> None:
        self._now = super().wall()

    def wall(self) -> int:
        self._now += MILLISECOND
        return self._now


def _key(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> KalshiKey:
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KalshiKey("00000000-0000-4000-8000-000000000000", pem)


def _median_us(key: KalshiKey, requests: int, *, ahead: bool) -> float:
    """Median microseconds to make one signed order request."""
    clock = _SteppingClock()
    rest = KalshiRest(CONFIG, _Nowhere(), clock, key)
    times: list[int] = []
    while len(times) < requests:
        if ahead and rest.signatures_ahead is not None:
            rest.signatures_ahead.top_up(clock.wall())
        began = perf_counter_ns()
        rest.request("POST", ORDERS_PATH, body=BODY)
        times.append(perf_counter_ns() - began)
    return statistics.median(times) / 1_000


def run(requests: int = 300) -> dict[str, Any]:
    """Medians in microseconds; `rsa_ahead_us` and `ed25519_us` are what an order waits for."""
    slow = _key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    quick = _key(ed25519.Ed25519PrivateKey.generate())
    return {
        "rsa_ahead_us": round(_median_us(slow, requests, ahead=True), 1),
        "ed25519_us": round(_median_us(quick, requests * 5, ahead=False), 1),
        "rsa_on_the_spot_us": round(_median_us(slow, requests, ahead=False), 1),
        "requests": requests,
    }


if __name__ == "__main__":
    print(json.dumps(run()))
