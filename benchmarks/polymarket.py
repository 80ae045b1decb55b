"""Polymarket's hot paths: an order built and signed, a level change, a full book, the header of a private request.

The official package builds and signs the same orders in the same run where it is installed, against the simulator on
loopback; the simulator is not part of what is timed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import random
import statistics
import sys
from collections.abc import Callable
from time import perf_counter_ns, time_ns
from typing import Any

import msgspec

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import SECOND, SystemClock, SystemEntropy
from dutchbook.core.fees import FREE
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, Cash, Price, Size
from dutchbook.core.order import Action, Intent, TimeInForce
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.simulator.server import serve
from dutchbook.venues.polymarket import (
    ApiCredentials,
    PolymarketConfig,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)
from dutchbook.venues.polymarket.auth import l2_headers
from dutchbook.venues.polymarket.stream import PolymarketBookStream
from dutchbook.venues.polymarket.tokens import MarketTokens

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first key of a public development chain: no secret."""
WALLET = "0x1111111111111111111111111111111111111111"
CREDENTIALS = ApiCredentials("00000000-0000-4000-8000-000000000000", "A" * 43 + "=", "phrase")
MARKET = market_id("polymarket", "bench")
TOKENS = MarketTokens("0x" + "c0" * 32, "7" * 70, "5" * 70, neg_risk=False)
GOALS_US = {"order_us": 60.0, "order_deposit_wallet_us": 60.0, "price_change_us": 6.0, "book_new_sizes_us": 60.0}


def _market() -> Market:
    return Market(
        id=MARKET,
        event="bench",
        title="",
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(10_000)),
        lot=Size(10_000),
        take_lot=Size(MICRO),
        min_size=Size(5 * MICRO),
        min_cash=Cash(MICRO),
        buy_cash_step=Cash(10_000),
        sell_cash_step=Cash(100),
        fees=FREE,
        pool="polymarket:pusd",
        status=MarketStatus.OPEN,
        closes_ns=1 << 62,
    )


def median_us(work: Callable[[Any], object], items: list[Any], warm: int = 50) -> float:
    """Median microseconds of `work` over the items, the first `warm` of them not counted."""
    spent = []
    for item in items:
        start = perf_counter_ns()
        work(item)
        spent.append(perf_counter_ns() - start)
    return round(statistics.median(spent[warm:]) / 1_000, 2)


def orders(signature_type: int, count: int = 1_500) -> float:
    """An intent made an order: checked, hashed, signed and encoded."""
    registry = TokenRegistry()
    registry.add(_market(), TOKENS)
    clock = SystemClock()
    key = PolymarketKey(KEY, WALLET if signature_type else "", signature_type, CREDENTIALS)
    transport = MemoryTransport(PolymarketExchange(), clock)
    trading = PolymarketTrading(transport, PolymarketConfig(), key, registry, clock, SystemEntropy())
    claim = Claim(MARKET, Outcome.YES)
    intents = [
        Intent(f"o-{i}", "t", 0, claim, Action.BUY, Size((5 + i % 50) * MICRO), Price(550_000), TimeInForce.FOK)
        for i in range(count)
    ]
    return median_us(lambda intent: trading.prepare(intent, 1 << 62), intents)


def header(count: int = 5_000) -> float:
    """The headers of a private request with a body of an order's length."""
    body = b"x" * 900
    address = PolymarketKey(KEY).address
    return median_us(
        lambda at: l2_headers(address, CREDENTIALS, at, "POST", "/order", body), [i * SECOND for i in range(count)]
    )


def _size(rng: random.Random) -> str:
    return f"{rng.randint(100, 10**7) / 100:.2f}".rstrip("0").rstrip(".")


def books(count: int, seed: int, *, fresh: bool) -> float:
    """A 50 x 50 book decoded, checked and put in place of the old one; `fresh`: no size was seen before."""
    rng = random.Random(seed)

    def frame(number: int) -> bytes:
        bids = [{"price": f"{price / 100:.2f}", "size": _size(rng)} for price in range(1, 51)]
        asks = [{"price": f"{price / 100:.2f}", "size": _size(rng)} for price in range(99, 50, -1)]
        asks.insert(0, {"price": "0.995", "size": _size(rng)})
        book = {"event_type": "book", "market": TOKENS.condition, "asset_id": TOKENS.yes, "hash": f"{number:040x}"}
        return msgspec.json.encode(book | {"timestamp": str(10**12 + number), "bids": bids, "asks": asks})

    stream = PolymarketBookStream("wss://bench", {MARKET: TOKENS})
    stream.opened()
    made = [frame(number) for number in range(count if fresh else 20)]
    frames = made if fresh else made * (count // 20)
    return median_us(lambda data: stream.receive(data, 1), frames, warm=100)


def changes(count: int = 20_000, seed: int = 7) -> float:
    """A price_change of both outcomes decoded, applied, and compared with the venue's best prices."""
    rng = random.Random(seed)
    stream = PolymarketBookStream("wss://bench", {MARKET: TOKENS})
    stream.opened()
    sides: dict[bool, dict[int, str]] = {
        True: dict.fromkeys(range(10, 45), "100"),
        False: dict.fromkeys(range(55, 90), "100"),
    }
    listed = [[{"price": f"{p / 100:.2f}", "size": s} for p, s in sides[bid].items()] for bid in (True, False)]
    first = {"event_type": "book", "asset_id": TOKENS.yes, "timestamp": "1", "bids": listed[0], "asks": listed[1]}
    stream.receive(msgspec.json.encode(first), 1)
    frames = []
    for number in range(count):
        bid = rng.random() < 0.5
        price = rng.randint(10, 48) if bid else rng.randint(52, 90)
        sides[bid][price] = _size(rng) if rng.random() < 0.8 or len(sides[bid]) < 5 else "0"
        if sides[bid][price] == "0":
            del sides[bid][price]
        best_bid, best_ask = max(sides[True]), min(sides[False])
        size = sides[bid].get(price, "0")

        def entry(
            token: str, at: int, side: str, low: int, high: int, size: str = size, n: int = number
        ) -> dict[str, str]:
            best = {"best_bid": f"{low / 100:.2f}", "best_ask": f"{high / 100:.2f}"}
            return {
                "asset_id": token,
                "price": f"{at / 100:.2f}",
                "size": size,
                "side": side,
                "hash": f"{n:040x}",
            } | best

        rows = [
            entry(TOKENS.yes, price, "BUY" if bid else "SELL", best_bid, best_ask),
            entry(TOKENS.no, 100 - price, "SELL" if bid else "BUY", 100 - best_ask, 100 - best_bid),
        ]
        frames.append(
            msgspec.json.encode(
                {
                    "event_type": "price_change",
                    "market": TOKENS.condition,
                    "timestamp": str(10**12 + number),
                    "price_changes": rows,
                }
            )
        )
    spent = median_us(lambda data: stream.receive(data, 1), frames, warm=500)
    if not stream.books[MARKET].live:
        raise AssertionError("the made changes broke the book")
    return spent


async def official_package(count: int = 150) -> float | None:
    """The official package's build and sign of the same order for an EOA, its caches warm; None when not installed."""
    if importlib.util.find_spec("polymarket") is None:
        return None
    from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment

    from polymarket import AsyncSecureClient

    exchange, now = PolymarketExchange(), time_ns()
    exchange.list_market(MarketSpec("bench", "Bench", "Bench?", "", 10_000, "0", now - SECOND, now + 10**15), now)
    account = exchange.add_account("bench", {0: 10**12}, now).fields
    async with serve(exchange) as server:
        http, ws = server.rest_url, server.ws_url
        urls = {
            field.name: ws + "/ws/user" if "user" in field.name else ws + "/ws/market" if "_ws_" in field.name else http
            for field in dataclasses.fields(PRODUCTION_CONFIG)
            if field.name.endswith("_url")
        }
        environment = create_environment(name="bench", config=dataclasses.replace(PRODUCTION_CONFIG, **urls))
        client = await AsyncSecureClient.create(
            private_key=account["private_key"], wallet=account["address"], environment=environment
        )
        try:
            token = exchange.tokens("bench")[1]
            spent = []
            for number in range(count):
                start = perf_counter_ns()
                await client.create_limit_order(token_id=token, price="0.55", size=str(5 + number % 50), side="BUY")
                spent.append(perf_counter_ns() - start)
        finally:
            await client.close()
    return round(statistics.median(spent[10:]) / 1_000, 2)


def run(seed: int = 7) -> dict[str, Any]:
    """Medians in microseconds on one core. `ok`: every goal is met."""
    figures: dict[str, Any] = {
        "order_us": orders(0),
        "order_deposit_wallet_us": orders(3),
        "hmac_header_us": header(),
        "price_change_us": changes(seed=seed),
        "book_new_sizes_us": books(2_000, seed, fresh=True),
        "book_seen_sizes_us": books(2_000, seed, fresh=False),
    }
    official = asyncio.run(official_package())
    figures["official_order_us"] = official if official is not None else "not installed"
    if official is not None:
        figures["official_over_ours"] = round(official / figures["order_us"], 1)
    figures["ok"] = all(figures[name] <= goal for name, goal in GOALS_US.items())
    return figures


if __name__ == "__main__":
    # run as a script, this file would be taken for the official package, which has the same name
    sys.path.pop(0)
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(run())) + b"\n")
