"""How long an engine needs from opening its ledger to accepting new work: 10,000 trades settled long ago, 50 still open.

The open trades are real: an engine makes them on simulators in memory, is killed, and is started again on a ledger that also
holds the past. Time is virtual, so network latency costs nothing here: the figure is work done by this process.
"""

from __future__ import annotations

import cProfile
import json
import logging
import pstats
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import structlog

from dutchbook.cli.demo.seeds import ORIGIN_NS, SeededEntropy, _sides
from dutchbook.cli.demo.trial import demo_config
from dutchbook.core.claim import MarketId, Outcome, market_id
from dutchbook.core.clock import DAY, MILLISECOND, MINUTE, SECOND
from dutchbook.core.facts import (
    AnyFact,
    CashMoved,
    EngineStarted,
    Filled,
    FillSettled,
    LegPlan,
    LegSettled,
    OrderMoved,
    OrderPlan,
    TradeOpened,
    TradeTurned,
)
from dutchbook.core.fees import Liquidity
from dutchbook.core.link import Link, same_bet
from dutchbook.core.money import Cash, Size
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.trade import Phase, Turn
from dutchbook.engine.engine import Engine
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket.exchange import PolymarketExchange

CENT, DOLLAR = 10_000, 1_000_000
CASH = 10_000 * DOLLAR
GOAL_S = 2.0
PACE_NS = 15 * MINUTE
OWNER = Identity("live", "benchmark", ("kalshi", "polymarket"), ("trader",))
POOLS = {"kalshi": "kalshi:0", "polymarket": "polymarket:pusd"}


def past_trade(number: int, at_ns: int) -> Iterator[list[AnyFact]]:
    """The batches of one trade that locked and was paid: ten contracts at 0.40 and at 0.50, with fees."""
    trade = f"past{number:06}"
    markets = (MarketId(f"kalshi:KXPAST-{number}"), MarketId(f"polymarket:past-{number}"))
    size, cash, fees = 10 * DOLLAR, (4 * DOLLAR, 5 * DOLLAR), (170_000, 125_000)
    legs = tuple(
        LegPlan(market, outcome, POOLS[market.partition(":")[0]], size, each // 10, each, fee, each + 2 * fee)
        for market, outcome, each, fee in zip(markets, (Outcome.YES, Outcome.NO), cash, fees, strict=True)
    )
    orders = tuple(
        OrderPlan(
            f"{trade}.{leg}.1", leg, Action.BUY, size, plan.limit, TimeInForce.FOK,
            f"identity-of-order-{number}-{leg}", at_ns + SECOND, plan.worst,
        )
        for leg, plan in enumerate(legs)
    )  # fmt: skip
    yield [
        TradeOpened(
            trade, f"past-{number}", "yes_no", f"past-{number}", DOLLAR, size, 705_000, 75_000_000_000, legs, orders
        ),
        TradeTurned(trade, Turn.START),
        *(OrderMoved(trade, order.id, OrderEvent.SEND) for order in orders),
    ]
    for leg, order in enumerate(orders):
        final = leg == 0
        yield [
            OrderMoved(trade, order.id, OrderEvent.FINISH, size, f"venue-order-{number}-{leg}"),
            Filled(
                trade, order.id, f"fill-{number}-{leg}", size, cash[leg], fees[leg], Liquidity.TAKER,
                at_ns + 100 * MILLISECOND, final, final,
            ),
        ]  # fmt: skip
    yield [TradeTurned(trade, Turn.LOCK, "10 contracts on every leg")]
    yield [FillSettled(trade, orders[1].id, f"fill-{number}-1", False)]
    yield [FillSettled(trade, orders[1].id, f"fill-{number}-1", True)]
    yield [
        LegSettled(trade, 0, DOLLAR, 10 * DOLLAR),
        LegSettled(trade, 1, DOLLAR, 0),
        TradeTurned(trade, Turn.SETTLE, "every leg has paid"),
    ]


def write_past(path: Path, trades: int) -> None:
    """A ledger of settled trades, a hundred a day, whose cash ends at zero: what follows opens its accounts."""
    journal, folded = Journal.write(path, OWNER), Ledger(frozenset({"kalshi"}))
    at_ns = ORIGIN_NS - (trades + 1) * PACE_NS
    batch: list[AnyFact] = [EngineStarted("past", "live")]
    for number in range(trades):
        at_ns += PACE_NS
        for facts in past_trade(number, at_ns):
            batch += facts
        if len(batch) > 2_000 or number == trades - 1:
            for fact in batch:
                folded.apply(fact, at_ns)
            journal.append(batch, at_ns)
            batch = []
    left: list[AnyFact] = [
        CashMoved(venue, pool, "withdrawal", -folded.cash.get(pool, 0)) for venue, pool in POOLS.items()
    ]
    journal.append(left, at_ns)
    journal.close()


class Floor:
    """Both simulators with `pairs` linked markets, and engines on them."""

    def __init__(self, pairs: int, clock: VirtualClock) -> None:
        self.clock, now = clock, clock.wall()
        self.kalshi, self.polymarket = KalshiExchange(1), PolymarketExchange(1)
        self._accounts = (
            self.kalshi.add_account("trader", {0: CASH}, now).fields,
            self.polymarket.add_account("trader", {0: CASH}, now).fields,
        )
        self.links: list[Link] = []
        for number in range(pairs):
            self._list_pair(f"open-{number}", f"KXOPEN{number}", now)
        self.transport = self._connect()

    def _list_pair(self, slug: str, ticker: str, now: int) -> None:
        common: dict[str, Any] = {
            "title": f"Will {slug} happen?", "rules": f"Yes if {slug} happens.", "tick": CENT,
            "opens_ns": now - DAY, "closes_ns": now + 30 * DAY,
        }  # fmt: skip
        self.kalshi.list_market(
            MarketSpec(id=f"{ticker}-Y", event=ticker, series=ticker, taker_rate="1", **common), now
        )
        self.polymarket.list_market(MarketSpec(id=slug, event=slug, taker_rate="0.05", **common), now)
        depth = 1_000 * DOLLAR
        self.kalshi.quote(f"{ticker}-Y", "m", [(38 * CENT, depth)], [(42 * CENT, depth)], now)
        self.polymarket.quote(slug, "m", [(40 * CENT, depth)], [(54 * CENT, depth)], now)
        first, second = market_id("kalshi", f"{ticker}-Y"), market_id("polymarket", slug)
        self.links.append(same_bet(slug, slug, first, second, approved=True))

    def cross(self) -> None:
        """A buyer of ten contracts at 0.52 comes to every Polymarket market."""
        for link in self.links:
            slug = next(m.partition(":")[2] for m in link.markets if m.startswith("polymarket"))
            self.polymarket.quote(slug, "stray", [(52 * CENT, 10 * DOLLAR)], [], self.clock.wall())
        self.transport.flush()

    def _connect(self) -> MemoryTransport:
        kalshi, polymarket = self.kalshi, self.polymarket
        way = (20 * MILLISECOND, 20 * MILLISECOND)
        return MemoryTransport(
            {
                "http://kalshi": kalshi, "ws://kalshi": kalshi,
                "http://polymarket": polymarket, "ws://polymarket": polymarket,
            },
            self.clock,
            Latency(way, way),
        )  # fmt: skip

    async def reconnect(self) -> None:
        """A new process has sockets of its own."""
        await self.transport.close()
        self.transport = self._connect()

    def engine(self, journal: Journal, name: int) -> Engine:
        entropy = SeededEntropy(name)
        sides = _sides(*self._accounts, self.transport, self.clock, entropy)
        config = demo_config()
        limits = replace(
            config.limits, max_daily_trades=10_000, max_event_exposure=Cash(100 * DOLLAR),
            max_order_contracts=Size(100 * DOLLAR),
        )  # fmt: skip
        return Engine(replace(config, limits=limits), sides, self.links, journal, self.clock, entropy)


async def _measure(folder: Path, clock: VirtualClock, past: int, pairs: int, profile: Path | None) -> dict[str, Any]:
    floor = Floor(pairs, clock)
    fresh = Journal.write(folder / "fresh.db", OWNER)
    first = floor.engine(fresh, 1)
    await first.start()
    floor.cross()
    for _ in range(600):
        await clock.sleep(SECOND // 5)
        trades = list(first.desk.ledger.trades.values())
        if sum(trade.phase is Phase.LOCKED for trade in trades) >= pairs and not first.trades.working:
            break
    await clock.sleep(10 * SECOND)
    # killed: no farewell is written
    await first.desk.cancel_tasks()
    await floor.reconnect()
    path = folder / "ledger.db"
    write_past(path, past)
    whole = Journal.write(path, OWNER)
    for record in fresh.records():
        whole.append([record.fact], record.at_ns)
    fresh.close()
    whole.close()

    profiler = cProfile.Profile() if profile is not None else None
    if profiler is not None:
        profiler.enable()
    began = perf_counter()
    journal = Journal.write(path, OWNER)
    engine = floor.engine(journal, 2)
    folded = perf_counter()
    await engine.start()
    ready = perf_counter()
    while not all(book.live for book in engine.desk.books.values()):
        await clock.sleep(10 * MILLISECOND)
    live = perf_counter()
    if profiler is not None:
        profiler.disable()
        with profile.open("w") as out:  # type: ignore[union-attr]
            pstats.Stats(profiler, stream=out).sort_stats("tottime").print_stats(45)
    desk = engine.desk
    opened = sum(trade.phase is Phase.LOCKED for trade in desk.ledger.trades.values())
    figures = perf_counter()
    desk.record(CashMoved("kalshi", POOLS["kalshi"], "deposit", 0))
    desk.figures()
    figures = perf_counter() - figures
    result = {
        "past_trades": past,
        "open_trades": opened,
        "records": journal.seq,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "read_and_folded_s": round(folded - began, 2),
        "recovered_s": round(ready - folded, 2),
        "books_live_s": round(live - ready, 2),
        "ready_s": round(live - began, 2),
        "figures_after_a_fact_ms": round(figures * 1_000, 2),
        "failure": None if desk.failure is None else repr(desk.failure),
        "goal_s": GOAL_S,
        "ok": desk.failure is None and desk.accepting and opened == pairs and live - began <= GOAL_S,
    }
    await desk.cancel_tasks()
    journal.close()
    await floor.transport.close()
    return result


def run(past: int = 10_000, pairs: int = 50, profile: Path | None = None) -> dict[str, Any]:
    """Seconds until an engine on a long ledger is ready; `profile` names a file for the profiler's table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN_NS)
    with tempfile.TemporaryDirectory() as folder:
        return run_virtual(loop, _measure(Path(folder), clock, past, pairs, profile))


if __name__ == "__main__":
    print(json.dumps(run(profile=Path(sys.argv[1]) if len(sys.argv) > 1 else None), indent=2))
