"""Parts that the Kalshi tests share: a market, a key, orders, a clock that stands still, a scripted transport."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.errors import Lost, NotSent
from dutchbook.core.fees import FREE
from dutchbook.core.market import Market, MarketStatus, TickGrid, TickRange
from dutchbook.core.money import Cash, Price, Size, parse_micros
from dutchbook.core.order import Action, Intent, Prepared, TimeInForce
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey, KalshiTrading

CONFIG = KalshiConfig("https://kalshi.test/trade-api/v2", "wss://kalshi.test/trade-api/ws/v2")
NOW = 1_795_000_000_000_000_000
SEND_BY = NOW + 2_000_000_000

SEED_PEM = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
"""
"""The published Ed25519 test key: seed bytes 00..1f."""

KEY = KalshiKey("key-id", SEED_PEM)


def micro(text: str) -> int:
    return parse_micros(text)


def a_market(ticker: str = "KXTEST-26NOV20-A", shard: int = 2, event: str = "KXTEST-26NOV20") -> Market:
    edge, centre = Price(1_000), Price(10_000)
    grid = TickGrid(
        (
            TickRange(Price(0), Price(100_000), edge),
            TickRange(Price(100_000), Price(900_000), centre),
            TickRange(Price(900_000), Price(1_000_000), edge),
        )
    )
    return Market(
        id=market_id("kalshi", ticker),
        event=event,
        title="Test",
        rules="Rules",
        outcomes=("Yes", "No"),
        grid=grid,
        lot=Size(10_000),
        take_lot=Size(10_000),
        min_size=Size(10_000),
        min_cash=Cash(0),
        buy_cash_step=Cash(1),
        sell_cash_step=Cash(1),
        fees=FREE,
        pool=f"kalshi:{shard}",
        status=MarketStatus.OPEN,
        closes_ns=NOW + 10**15,
    )


MARKET = a_market()


def an_intent(
    outcome: Outcome = Outcome.YES,
    action: Action = Action.BUY,
    limit: str = "0.5600",
    size: str = "10",
    tif: TimeInForce = TimeInForce.IOC,
    market: Market = MARKET,
    **more: Any,
) -> Intent:
    claim = Claim(market.id, outcome)
    return Intent("t1.0.1", "t1", 0, claim, action, Size(micro(size)), Price(micro(limit)), tif, **more)


class StillClock:
    """Stands at NOW; sleeping moves it and is remembered."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[int] = []

    def wall(self) -> int:
        return self.now

    def monotonic(self) -> int:
        return self.now

    async def sleep(self, duration_ns: int) -> None:
        self.slept.append(duration_ns)
        self.now += duration_ns


class SeededEntropy:
    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)


Reply = Response | Exception | Callable[[Request], Response]


@dataclass
class ScriptedTransport:
    """Answers requests in the order of the script and keeps them for inspection."""

    replies: list[Reply]
    requests: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Response) else reply(request)

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        raise NotSent("no channels here")

    async def close(self) -> None:
        return None


def answer(body: object, status: int = 200, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Response(status, raw, headers)


def trading(*replies: Reply, clock: StillClock | None = None) -> tuple[KalshiTrading, ScriptedTransport]:
    transport = ScriptedTransport(list(replies))
    venue = KalshiTrading(CONFIG, transport, clock or StillClock(), SeededEntropy(), KEY)
    venue.know([MARKET])
    return venue, transport


def prepared(intent: Intent | None = None, identity: str = "c1") -> Prepared:
    return Prepared(intent or an_intent(), identity, b"{}", SEND_BY)


def recorded(*parts: str) -> Path:
    """A path in the recorded data; skips the test when the data is not there."""
    root = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"recorded market data not found at {path} (set DUTCHBOOK_DATA)")
    return path


LOST = Lost("the answer did not come")


def frame(kind: str, msg: object, sid: int | None = None, seq: int | None = None, ident: int | None = None) -> bytes:
    """A WebSocket frame; keys are left out when None."""
    body: dict[str, object] = {"type": kind}
    for name, value in (("id", ident), ("sid", sid), ("seq", seq)):
        if value is not None:
            body[name] = value
    return msgspec.json.encode(body | ({} if msg is None else {"msg": msg}))


def b64(text: str) -> bytes:
    return base64.b64decode(text)
