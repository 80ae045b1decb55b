"""What the page costs the engine, and how fast it is: a browser and twenty programs on a table of a thousand bundles.

This process is an engine on both simulators in memory, in real time: 500 linked pairs are 1,000 bundles, quotes move all the
time, and 25 times a second a pair crosses and is traded. Runs alternate between nobody looking and everybody looking
(`dutchbook web`, twenty programs on /api/v1/live, a browser with the table and one with Now). The figure is tick to order.

    python benchmarks/web.py [--runs 5] [--seconds 20]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
import uvloop

from dutchbook.cli.compose import kalshi_pair, polymarket_pair
from dutchbook.cli.demo.trial import demo_config
from dutchbook.core.claim import market_id
from dutchbook.core.clock import DAY, MILLISECOND, SystemClock, SystemEntropy
from dutchbook.core.fees import Precision
from dutchbook.core.link import Link, same_bet
from dutchbook.core.money import Cash, Size
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey
from dutchbook.venues.polymarket import ApiCredentials, PolymarketConfig, PolymarketKey

PAIRS = 500
CLIENTS = 20
CROSSINGS = 25
"""Pairs that cross in a second; each is traded once a run."""
DOLLAR, CENT = 1_000_000, 10_000
CASH = 100_000 * DOLLAR
PAGES = ("", "opportunities", "trades", "positions", "pnl", "links", "system")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Floor:
    """Both venues in memory, with quotes that move and pairs that cross."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        now = self.clock.wall()
        self.kalshi, self.polymarket = KalshiExchange(1), PolymarketExchange(1)
        self._accounts = (
            self.kalshi.add_account("trader", {0: CASH}, now).fields,
            self.polymarket.add_account("trader", {0: CASH}, now).fields,
        )
        self.links = [self._list(number, now) for number in range(PAIRS)]
        way = (2 * MILLISECOND, 2 * MILLISECOND)
        venues = {
            "http://kalshi": self.kalshi, "ws://kalshi": self.kalshi,
            "http://polymarket": self.polymarket, "ws://polymarket": self.polymarket,
        }  # fmt: skip
        self.transport = MemoryTransport(venues, self.clock, Latency(way, way))

    def _list(self, number: int, now: int) -> Link:
        slug, ticker = f"event-{number:03}", f"KXEVENT{number:03}"
        common: dict[str, Any] = {
            "title": f"Will {slug} happen?", "rules": f"Yes if {slug} happens.", "tick": CENT,
            "opens_ns": now - DAY, "closes_ns": now + 30 * DAY,
        }  # fmt: skip
        self.kalshi.list_market(
            MarketSpec(id=f"{ticker}-Y", event=ticker, series=ticker, taker_rate="1", **common), now
        )
        self.polymarket.list_market(MarketSpec(id=slug, event=slug, taker_rate="0.05", **common), now)
        first, second = market_id("kalshi", f"{ticker}-Y"), market_id("polymarket", slug)
        self.move(number, 0)
        return same_bet(slug, slug, first, second, approved=True)

    def move(self, number: int, beat: int) -> None:
        """Other quotes for a pair, without a crossing."""
        shift, now, depth = (number + beat) % 3 * CENT, self.clock.wall(), 1_000 * DOLLAR
        bid, ask = 38 * CENT + shift, 43 * CENT + shift
        self.kalshi.quote(f"KXEVENT{number:03}-Y", "m", [(bid, depth)], [(ask, depth)], now)
        self.polymarket.quote(f"event-{number:03}", "m", [(bid, depth)], [(55 * CENT + shift, depth)], now)

    def cross(self, number: int) -> None:
        """A buyer of ten contracts at a high price comes to Polymarket."""
        self.polymarket.quote(f"event-{number:03}", "stray", [(54 * CENT, 10 * DOLLAR)], [], self.clock.wall())

    def engine(self, journal: Journal) -> Engine:
        kalshi, polymarket = self._accounts
        entropy, url = SystemEntropy(), "http://polymarket"
        kalshi_sides = kalshi_pair(
            KalshiConfig(
                "http://kalshi/trade-api/v2", "ws://kalshi/trade-api/ws/v2",
                precision=Precision.DIRECT, thursday_pause=False,
            ),
            KalshiKey(kalshi["key_id"], kalshi["private_key_pem"].encode()),
            self.transport, self.transport, self.clock, entropy,
        )  # fmt: skip
        credentials = ApiCredentials(polymarket["api_key"], polymarket["api_secret"], polymarket["api_passphrase"])
        polymarket_sides = polymarket_pair(
            PolymarketConfig(
                clob_url=url, gamma_url=url, data_url=url,
                market_ws_url="ws://polymarket/ws/market", user_ws_url="ws://polymarket/ws/user",
            ),
            PolymarketKey(
                polymarket["private_key"], signature_type=int(polymarket["signature_type"]), credentials=credentials
            ),
            self.transport, self.transport, self.clock, entropy,
        )  # fmt: skip
        config = demo_config()
        limits = replace(
            config.limits, max_daily_trades=100_000, max_event_exposure=Cash(1_000 * DOLLAR), cooldown_ns=0,
            max_order_contracts=Size(100 * DOLLAR), max_daily_loss=Cash(10_000 * DOLLAR),
        )  # fmt: skip
        sides = {
            "kalshi": VenueSide(*kalshi_sides, self.transport, self.transport),
            "polymarket": VenueSide(*polymarket_sides, self.transport, self.transport),
        }
        return Engine(replace(config, limits=limits, serve_state=True), sides, self.links, journal, self.clock, entropy)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Engine, Floor]]:
    """An engine whose books are live."""
    floor = Floor()
    journal = Journal.write(folder / "ledger.db", Identity("live", "simulators", ("memory",), ("trader",)))
    engine = floor.engine(journal)
    await engine.start()
    try:
        while not all(book.live for book in engine.desk.books.values()):  # noqa: ASYNC110 - books have no event
            await asyncio.sleep(0.05)
        yield engine, floor
    finally:
        await engine.stop("measured")
        await floor.transport.close()
        journal.close()


async def trade(engine: Engine, floor: Floor, seconds: float) -> list[int]:
    """Move quotes and cross pairs for a time; the tick-to-order figures (ns)."""
    began, beat, crossed = time.monotonic(), 0, 0
    before = len(engine.pursuit.tick_to_order_ns)
    while (passed := time.monotonic() - began) < seconds:
        beat += 1
        for number in range(beat % 20, PAIRS, 20):
            floor.move(number, beat)
        if passed * CROSSINGS > crossed:
            floor.cross(crossed * 7 % PAIRS)
            crossed += 1
        floor.transport.flush()
        await asyncio.sleep(0.05)
    return list(engine.pursuit.tick_to_order_ns)[before:]


def p99(samples: list[int]) -> int:
    ordered = sorted(samples)
    return ordered[(len(ordered) - 1) * 99 // 100]


async def one(seconds: float, watched: bool) -> dict[str, Any]:
    """One run with everybody looking, or nobody."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with running(folder) as (engine, floor):
            told: dict[str, Any] = {}
            if not watched:
                await trade(engine, floor, 3)
                samples = await trade(engine, floor, seconds)
            else:
                web = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                    [sys.executable, "-m", "dutchbook", "web", "--ledger", str(folder / "ledger.db"), "--port", "0"],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                )  # fmt: skip
                try:
                    assert web.stdout is not None
                    url = (await asyncio.to_thread(web.stdout.readline)).strip()
                    helpers = [
                        await asyncio.create_subprocess_exec(
                            sys.executable, __file__, mode, url, str(seconds), stdout=asyncio.subprocess.PIPE
                        )
                        for mode in ("--clients", "--browser")
                    ]
                    ready = [asyncio.ensure_future(each.stdout.readline()) for each in helpers if each.stdout]
                    while not all(each.done() for each in ready):
                        await trade(engine, floor, 0.5)
                    samples = await trade(engine, floor, seconds)
                    for each in helpers:
                        out, _ = await each.communicate()
                        told |= json.loads(out)
                finally:
                    web.terminate()
                    await asyncio.to_thread(web.wait, 10)
                opened = {trade.id: trade.opened_ns for trade in engine.desk.ledger.trades.values()}
                seen = told.pop("seen")
                told["update_ms"] = [ms - opened[name] / MILLISECOND for name, ms in seen.items() if name in opened]
            return {"samples": len(samples), "p50_us": sorted(samples)[len(samples) // 2] // 1000,
                    "p99_us": p99(samples) // 1000, **told}  # fmt: skip


def run(runs: int = 5, seconds: float = 20) -> dict[str, Any]:
    """Alternating runs and their ratio; first paint and live updates of the watched ones."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    without, watched = [], []
    for number in range(runs):
        order = (False, True) if number % 2 == 0 else (True, False)
        for each in order:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                told = runner.run(one(seconds, each))
            (watched if each else without).append(told)
            print(f"run {number + 1} {'watched' if each else 'alone'}: {_short(told)}", file=sys.stderr)
    ratios = [seen["p99_us"] / alone["p99_us"] for seen, alone in zip(watched, without, strict=True)]
    updates = sorted(ms for each in watched for ms in each["update_ms"])
    if not updates:
        raise SystemExit("no trade was seen in the browser: this machine is too busy to measure anything")
    paints = {page: max(each["paint_ms"][page] for each in watched) for page in watched[0]["paint_ms"]}
    figures = {
        "bundles": 2 * PAIRS,
        "programs": CLIENTS,
        "tables_a_second": round(statistics.median(each["tables_a_second"] for each in watched), 1),
        "p99_alone_us": [each["p99_us"] for each in without],
        "p99_watched_us": [each["p99_us"] for each in watched],
        "p99_median_ratio": round(statistics.median(ratios), 2),
        "p50_alone_us": [each["p50_us"] for each in without],
        "p50_watched_us": [each["p50_us"] for each in watched],
        "first_paint_worst_ms": paints,
        "updates": len(updates),
        "update_median_ms": round(updates[len(updates) // 2], 1),
        "update_p99_ms": round(updates[(len(updates) - 1) * 99 // 100], 1),
        "update_worst_ms": round(updates[-1], 1),
    }
    figures["ok"] = (
        figures["p99_median_ratio"] <= 1.5 and figures["update_median_ms"] < 250 and max(paints.values()) < 1_000
    )
    return figures


def _short(told: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in told.items() if isinstance(value, int | float))


# -- those who look ---------------------------------------------------------------------------------------------------


async def programs(url: str, seconds: float) -> None:
    """Twenty programs on the live API."""
    import aiohttp

    base, _, token = url.partition("/login#")
    tables = [0] * CLIENTS

    async def listen(number: int, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{base}/api/v1/live", headers={"Authorization": f"Bearer {token}"}) as answer:
            async for chunk in answer.content.iter_any():
                tables[number] += chunk.count(b"event: rows")

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(listen(number, session)) for number in range(CLIENTS)]
        while min(tables) == 0:  # noqa: ASYNC110 - each program counts for itself
            await asyncio.sleep(0.05)
        print("ready", flush=True)
        before, began = list(tables), time.monotonic()
        await asyncio.sleep(seconds)
        passed = time.monotonic() - began
        rates = [(after - first) / passed for first, after in zip(before, tables, strict=True)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps({"tables_a_second": min(rates)}))


OBSERVE = """
() => {
  const seen = window.seen = {};
  const look = () => {
    for (const link of document.querySelectorAll('[data-part=latest] a.mono')) seen[link.textContent] ??= Date.now();
  };
  look();
  window.first = Object.keys(seen);
  const what = {childList: true, subtree: true, characterData: true};
  new MutationObserver(look).observe(document.querySelector('[data-part=latest]'), what);
}
"""

PAINT = """
() => new Promise(done => new PerformanceObserver((list, observer) => {
  const entry = list.getEntriesByName('first-contentful-paint')[0];
  if (entry) { observer.disconnect(); done(entry.startTime); }
}).observe({type: 'paint', buffered: true}))
"""


def browser(url: str, seconds: float) -> None:
    """One browser: first paints, then the table in one window and Now in another."""
    from playwright.sync_api import sync_playwright

    base = url.partition("/login")[0]
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        table, now = chromium.new_context().new_page(), chromium.new_context().new_page()
        for page in (table, now):
            page.goto(url)
            page.wait_for_selector("main#main")
        paints = {}
        for path in PAGES:
            table.goto(f"{base}/{path}")
            paints[path or "now"] = round(table.evaluate(PAINT))
        table.goto(f"{base}/opportunities")
        table.wait_for_function("document.querySelectorAll('[data-rows] tbody tr').length >= 1000")
        now.evaluate(OBSERVE)
        print("ready", flush=True)
        now.wait_for_timeout(seconds * 1000)
        seen = now.evaluate("() => { for (const name of window.first) delete window.seen[name]; return window.seen; }")
        print(json.dumps({"paint_ms": paints, "seen": seen}))
        chromium.close()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=5)
    words.add_argument("--seconds", type=float, default=20)
    words.add_argument("--clients", nargs=2, metavar=("URL", "SECONDS"), help=argparse.SUPPRESS)
    words.add_argument("--browser", nargs=2, metavar=("URL", "SECONDS"), help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.clients or given.browser:
        # they stand for other machines: here they may only have what the engine leaves
        os.nice(15)
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if given.clients:
        asyncio.run(programs(given.clients[0], float(given.clients[1])))
    elif given.browser:
        browser(given.browser[0], float(given.browser[1]))
    else:
        print(json.dumps(run(given.runs, given.seconds), indent=1))


if __name__ == "__main__":
    main()
