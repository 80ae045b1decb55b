"""One order's round trip to the Polymarket simulator over loopback: build, sign, post, read the answer; ours and the official
package's in turn, in one process, against one simulator process. Figures are medians and their ratio.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import json
import statistics
import subprocess
import sys
from time import perf_counter_ns
from typing import Any

import uvloop

from dutchbook.core.claim import Claim, Outcome
from dutchbook.core.clock import SECOND, SystemClock, SystemEntropy
from dutchbook.core.money import Price, Size
from dutchbook.core.order import Action, Intent, ReportStatus, TimeInForce
from dutchbook.venues.http import AioTransport
from dutchbook.venues.polymarket import (
    ApiCredentials,
    PolymarketConfig,
    PolymarketData,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)


async def measure(count: int) -> dict[str, Any]:
    simulator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dutchbook", "sim", "polymarket", "--seed", "1", "--speed", "0.01", "--latency-ms", "0:0",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**24,
    )  # fmt: skip
    assert simulator.stdout is not None and simulator.stdin is not None
    told = json.loads(await simulator.stdout.readline())
    try:
        return await _measure(told, count)
    finally:
        simulator.stdin.close()
        await simulator.wait()


async def _measure(told: dict[str, Any], count: int) -> dict[str, Any]:
    http, account = told["rest_url"], told["accounts"][0]
    clock = SystemClock()
    transport = AioTransport(clock)
    config = PolymarketConfig(http, http, http, told["market_ws_url"], told["user_ws_url"])
    registry = TokenRegistry()
    data = PolymarketData(transport, config, registry)
    credentials = ApiCredentials(account["api_key"], account["api_secret"], account["api_passphrase"])
    key = PolymarketKey(account["private_key"], credentials=credentials)
    trading = PolymarketTrading(transport, config, key, registry, clock, SystemEntropy())
    (market,) = await data.markets([told["markets"][0]["id"]])
    await trading.connect()
    token = registry.tokens(market.id).yes
    client = await _official(told)
    ours: list[int] = []
    theirs: list[int] = []
    for number in range(count + 10):
        size = Size((50 + number % 20) * 1_000_000)
        intent = Intent(
            f"o{number}", "bench", 0, Claim(market.id, Outcome.YES), Action.BUY, size, Price(20_000), TimeInForce.GTC
        )
        start = perf_counter_ns()
        report = await trading.send(trading.prepare(intent, clock.wall() + SECOND))
        ours.append(perf_counter_ns() - start)
        if report.status is not ReportStatus.RESTING:
            raise AssertionError(f"our order did not rest: {report}")
        await trading.cancel_all()
        if client is not None:
            start = perf_counter_ns()
            order = await client.create_limit_order(
                token_id=token, price="0.02", size=str(size // 1_000_000), side="BUY"
            )
            answer = await client.post_order(order)
            theirs.append(perf_counter_ns() - start)
            if not getattr(answer, "order_id", None):
                raise AssertionError(f"the package's order was not taken: {answer}")
            await trading.cancel_all()
    if client is not None:
        await client.close()
    await transport.close()
    mine = statistics.median(ours[10:]) / 1_000
    if not theirs:
        return {"order_round_trip_us": round(mine), "official_us": "not installed", "ok": True}
    official = statistics.median(theirs[10:]) / 1_000
    return {
        "order_round_trip_us": round(mine),
        "official_us": round(official),
        "ours_over_official": round(mine / official, 2),
        "ok": mine <= official / 2,
    }


async def _official(told: dict[str, Any]) -> Any:
    if importlib.util.find_spec("polymarket") is None:
        return None
    from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment

    from polymarket import AsyncSecureClient

    http, ws = told["rest_url"], told["ws_url"]
    urls = {
        field.name: ws + "/ws/user" if "user" in field.name else ws + "/ws/market" if "_ws_" in field.name else http
        for field in dataclasses.fields(PRODUCTION_CONFIG)
        if field.name.endswith("_url")
    }
    environment = create_environment(name="bench", config=dataclasses.replace(PRODUCTION_CONFIG, **urls))
    account = told["accounts"][0]
    return await AsyncSecureClient.create(
        private_key=account["private_key"], wallet=account["address"], environment=environment
    )


def run(count: int = 200) -> dict[str, Any]:
    """Median microseconds of one order's round trip, and the ratio to the official package."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure(count))


if __name__ == "__main__":
    # run as a script, polymarket.py beside this file would be taken for the official package
    sys.path.pop(0)
    print(json.dumps(run(), indent=2))
