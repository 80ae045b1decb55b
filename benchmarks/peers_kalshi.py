"""The plain faults of `peers.py` on the Kalshi simulator: the official package (Python 3.13 and later) and us.

`once`, `again` and `same` as there; here `same` sends the same `client_order_id` once more. Kalshi promises to refuse it only
while the first order is open (unverified for filled ones; the simulator takes the worse reading), so it can fill twice.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import structlog

from dutchbook.cli.compose import kalshi_pair
from dutchbook.core.clock import SECOND, SystemClock, SystemEntropy
from dutchbook.core.fees import Precision
from dutchbook.core.money import MICRO
from dutchbook.engine.engine import VenueSide
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi import KalshiExchange
from dutchbook.venues.http import AioTransport
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey

_spec = importlib.util.spec_from_file_location("benchmarks_peers", Path(__file__).with_name("peers.py"))
assert _spec is not None and _spec.loader is not None
peers = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = peers
_spec.loader.exec_module(peers)

TICKER, EVENT = "KXGAME-26NOV21-A", "KXGAME-26NOV21"
CHAIN = ("delayed, then not matched", "matched, then FAILED on chain")
"""Faults that Kalshi does not have."""


def _open() -> tuple[KalshiExchange, dict[str, str]]:
    exchange, now = KalshiExchange(5), time.time_ns()
    exchange.list_market(
        MarketSpec(
            id=TICKER, event=EVENT, series="KXGAME", title="Will A win?", rules="If A wins, then Yes.", tick=10_000,
            taker_rate="1", opens_ns=now - SECOND, closes_ns=now + 86_400 * SECOND,
        ),
        now,
    )  # fmt: skip
    exchange.quote(TICKER, "house", [(400_000, 1_000 * MICRO)], [(peers.LIMIT, 1_000 * MICRO)], now)
    return exchange, dict(exchange.add_account("bot", {0: peers.CASH}, now).fields)


VENUE = peers.Venue(
    _open,
    "/trade-api/v2/portfolio/events/orders",
    lambda answer: str(answer.get("order_id", "")),
    lambda exchange: int(exchange.statement("bot")["positions"].get(TICKER, 0)),
    lambda exchange: int(sum(exchange.statement("bot")["cash"].values())),
)


def package(way: str) -> Any:
    """The official package used in one of three ways."""

    async def trade(floor: Any) -> Any:
        import kalshi_python_async as kalshi

        configuration = kalshi.Configuration(host=floor.rest_url + "/trade-api/v2")
        configuration.api_key_id = floor.fields["key_id"]
        configuration.private_key_pem = floor.fields["private_key_pem"]
        client = kalshi.KalshiClient(configuration)
        orders = kalshi.OrdersApi(client)

        async def place(identity: str) -> Any:
            return await orders.create_order_v2(
                ticker=TICKER, side="bid", price="0.60", count=str(peers.CONTRACTS), time_in_force="fill_or_kill",
                self_trade_prevention_type="taker_at_cross", client_order_id=identity,
            )  # fmt: skip

        first_id = str(uuid.uuid4())
        try:
            try:
                done = await place(first_id)
            except Exception as first:
                if way == "once":
                    return peers.Belief(0, f"failed: {type(first).__name__}")
                try:
                    done = await place(first_id if way == "same" else str(uuid.uuid4()))
                except Exception as second:
                    return peers.Belief(0, f"failed: {type(first).__name__}, then {type(second).__name__}")
            return peers.Belief(round(float(done.fill_count) * MICRO), "filled")
        finally:
            await client.close()

    return trade


async def ours(floor: Any) -> Any:
    """The engine on Kalshi alone."""
    clock, entropy = SystemClock(), SystemEntropy()
    transport = AioTransport(clock)
    config = KalshiConfig(
        floor.rest_url + "/trade-api/v2",
        floor.ws_url + "/trade-api/ws/v2",
        precision=Precision.DIRECT,
        thursday_pause=False,
    )
    key = KalshiKey(floor.fields["key_id"], floor.fields["private_key_pem"].encode())
    data, trading = kalshi_pair(config, key, transport, transport, clock, entropy)
    try:
        side = VenueSide(data, trading, transport, transport)
        return await peers.by_hand("kalshi", TICKER, side, clock, entropy)
    finally:
        await transport.close()


def run() -> dict[str, Any]:
    """Ours and the official Kalshi package (where installed) through every fault that Kalshi has."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    traders = {"dutchbook": ours}
    if importlib.util.find_spec("kalshi_python_async") is not None:
        traders |= {f"package, {way}": package(way) for way in ("once", "again", "same")}
    faults = [fault for fault in peers.FAULTS if fault.name not in CHAIN]
    found: dict[str, Any] = peers.summary(asyncio.run(peers.compare(VENUE, traders, faults)))
    return found


if __name__ == "__main__":
    figures = run()
    print(json.dumps(figures, indent=2) if "--json" in sys.argv else "\n".join(peers.table(figures)))
