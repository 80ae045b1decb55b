"""`dutchbook demo`: both simulators and the real engine, in live mode against loopback, then a report with its proof.

A venue of the operator's own may trade beside them (`--venue`).

Reads no settings file, no `.env` and no secret variable; has a ledger of its own; refuses any URL that is not loopback.
"""

from __future__ import annotations

import asyncio
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dutchbook.cli.compose import kalshi_pair, links_from_rows, polymarket_pair, simulated_keys
from dutchbook.cli.demo.extra_venue import ExtraVenue, OpenVenue
from dutchbook.cli.demo.worlds import WorldProcess
from dutchbook.cli.output import trade_figures
from dutchbook.core.clock import MILLISECOND, SECOND, Clock, Entropy, SystemClock, SystemEntropy
from dutchbook.core.errors import DutchbookError
from dutchbook.core.fees import Precision
from dutchbook.core.mode import Mode
from dutchbook.core.money import Cash, Rate, Size
from dutchbook.core.trade import Phase
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.engine.proof import differences
from dutchbook.feed.connection import KeepAlive
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.statistics import statistics
from dutchbook.risk.breakers import BreakerLimits
from dutchbook.risk.limits import RiskLimits
from dutchbook.venues.http import AioTransport
from dutchbook.venues.kalshi import KalshiConfig
from dutchbook.venues.polymarket import PolymarketConfig

DOLLAR = 1_000_000
PERCENT = 10**10


def demo_config() -> EngineConfig:
    """Limits of the demo: larger bets than the defaults, so that bundles of several dollars fit."""
    limits = RiskLimits(
        min_bet=Cash(DOLLAR),
        max_bet=Cash(50 * DOLLAR),
        min_roi=Rate(PERCENT // 4),
        max_roi=Rate(50 * PERCENT),
        min_edge=Rate(2 * PERCENT),
        min_profit=Cash(DOLLAR // 100),
        max_daily_trades=1_000,
        max_daily_loss=Cash(100 * DOLLAR),
        min_platform_balance=Cash(5 * DOLLAR),
        max_event_exposure=Cash(100 * DOLLAR),
        max_order_contracts=Size(100 * DOLLAR),
        cooldown_ns=2 * SECOND,
        close_margin_ns=60 * SECOND,
        balance_max_age_ns=30 * SECOND,
        feed_silent_ns=5 * SECOND,
    )
    return EngineConfig(
        mode=Mode.LIVE,
        limits=limits,
        zone=ZoneInfo("UTC"),
        keep_alive=KeepAlive(every_ns=500 * MILLISECOND, silent_ns=5 * SECOND),
        balance_every_ns=2 * SECOND,
        results_every_ns=SECOND // 2,
        # above the largest bet: one leg that waits for its settlement is no reason to stop the show
        breakers=BreakerLimits(naked_exposure=Cash(60 * DOLLAR)),
    )


@dataclass(slots=True)
class Demo:
    """A running demo: the engine, its world, and when it began."""

    engine: Engine
    world: WorldProcess
    transport: AioTransport
    journal: Journal
    seconds: float
    seed: int
    began_s: float
    extra: ExtraVenue | None = None
    continued: bool = False
    """Whether it went on where a demo was killed."""

    async def close(self) -> None:
        """End connections and simulators; the engine and its journal are closed before."""
        try:
            if self.extra is not None:
                await self.extra.close()
        finally:
            await self.transport.close()
            await self.world.stop()


async def open_demo(
    seed: int,
    seconds: float,
    ledger_path: Path,
    open_venue: OpenVenue | None = None,
    world: WorldProcess | None = None,
) -> Demo:
    """Start the simulators (or take up those of a demo that was killed: `world`, on its ledger), connect the engine to them
    and to a venue of the operator's own, and let it trade."""
    continued = world is not None
    world = world or await WorldProcess.start(seed, venues_folder(ledger_path))
    transport: AioTransport | None = None
    extra: ExtraVenue | None = None
    try:
        clock, entropy = SystemClock(), SystemEntropy()
        transport = AioTransport(clock)
        sides = simulated_sides(world, transport, clock, entropy)
        links = {link.id: link for link in links_from_rows(world.description["links"], approved=True)}
        if open_venue is not None:
            extra = await open_venue(clock, entropy, world.description)
            sides |= extra.sides
            links |= {link.id: link for link in extra.links}
        kalshi, polymarket = world.venue("kalshi"), world.venue("polymarket")
        journal = Journal.write(
            ledger_path,
            Identity(
                mode=Mode.LIVE.value,
                profile="simulators",
                hosts=(kalshi["rest_url"], polymarket["rest_url"]),
                accounts=(kalshi["accounts"][0]["key_id"], polymarket["accounts"][0]["address"]),
            ),
        )
        engine = Engine(replace(demo_config(), serve_state=True), sides, list(links.values()), journal, clock, entropy)
        await engine.start()
    except BaseException:
        try:
            if extra is not None:
                await extra.close()
        finally:
            if transport is not None:
                await transport.close()
            await world.stop()
        raise
    return Demo(engine, world, transport, journal, seconds, seed, time.monotonic(), extra, continued)


def venues_folder(ledger_path: Path) -> Path:
    """Where the venues of a demo are spoken to: beside its ledger."""
    return ledger_path.with_suffix(".venues")


async def left_behind(folder: Path, seed: int) -> tuple[Path, WorldProcess] | None:
    """The ledger and the venues of a demo of this seed that was killed and whose venues still stand; the newest."""
    for venues in sorted(folder.glob(f"seed{seed}-*.venues"), reverse=True):  # noqa: ASYNC240 - nothing runs beside it yet
        world = await WorldProcess.find(venues)
        if world is not None:
            return venues.with_suffix(".db"), world
    return None


def simulated_sides(
    world: WorldProcess, transport: AioTransport, clock: Clock, entropy: Entropy
) -> dict[str, VenueSide]:
    """Both venues of a simulator process, with the accounts it made."""
    kalshi_key, polymarket_key = simulated_keys(world.description)
    kalshi, polymarket = world.venue("kalshi"), world.venue("polymarket")
    rest = polymarket["rest_url"]
    kalshi_data, kalshi_trading = kalshi_pair(
        KalshiConfig(kalshi["rest_url"], kalshi["ws_url"], precision=Precision.DIRECT, thursday_pause=False),
        kalshi_key,
        transport,
        transport,
        clock,
        entropy,
    )
    polymarket_data, polymarket_trading = polymarket_pair(
        PolymarketConfig(
            clob_url=rest,
            gamma_url=rest,
            data_url=rest,
            market_ws_url=polymarket["market_ws_url"],
            user_ws_url=polymarket["user_ws_url"],
            # the simulator's reads are never behind: it takes no minute to say that it never had an order
            absence_margin_ns=10 * SECOND,
        ),
        polymarket_key,
        transport,
        transport,
        clock,
        entropy,
    )
    return {
        "kalshi": VenueSide(kalshi_data, kalshi_trading, transport, transport),
        "polymarket": VenueSide(polymarket_data, polymarket_trading, transport, transport),
    }


async def settle_and_close(demo: Demo) -> dict[str, Any]:
    """End the world, wait for its results, compare the ledger with both venues, stop everything; the report's figures."""
    engine = demo.engine
    engine.halt_entries()
    await _until(lambda: not engine.trades.working, 30)
    await _until(lambda: all(engine.accounts.settled_with(venue) for venue in engine.desk.trading), 10)
    before = await _proof(engine)
    await demo.world.ask("settle")
    await _until(lambda: not any(True for _ in engine.desk.ledger.holding()), 15)
    for venue in engine.desk.trading:
        await engine.accounts.refresh(venue)
        engine.accounts.true_up(venue)
    after = await _proof(engine)
    finished = await engine.stop("demo over")
    figures = report(demo, before + after, finished)
    demo.journal.close()
    await demo.close()
    return figures


async def _proof(engine: Engine) -> list[str]:
    try:
        for venue in engine.desk.trading:
            await engine.accounts.refresh(venue)
            engine.accounts.true_up(venue)
        return await differences(engine.desk.ledger, engine.desk.trading)
    except DutchbookError as error:
        return [f"statements could not be read: {error}"]


async def _until(done: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - several parts are watched, none has an event
        await asyncio.sleep(0.05)


def report(demo: Demo, mismatches: list[str], finished: bool) -> dict[str, Any]:
    """Figures of a finished demo, as plain data. Dollar figures are decimal text."""
    engine = demo.engine
    figures = statistics(engine.desk.ledger.trades.values(), engine.desk.config.zone)
    snapshot = engine.desk.funnel.snapshot()
    latencies = sorted(engine.pursuit.tick_to_order_ns)
    return {
        "seconds": demo.seconds,
        "seed": demo.seed,
        "continued": demo.continued,
        "venues": sorted(engine.desk.venues),
        "extra_venue": dict(demo.extra.statement()) if demo.extra is not None else None,
        "funnel": snapshot["funnel"],
        **trade_figures(figures),
        "ledger_matches_venues": not mismatches and finished and engine.desk.failure is None,
        "mismatches": mismatches,
        "unsettled": sum(1 for trade in engine.desk.ledger.holding()),
        "working": sum(trade.working or trade.phase is Phase.NAKED for trade in engine.desk.ledger.trades.values()),
        "reasons": snapshot["reasons"],
        "alarms": [f"{alarm.code}: {alarm.text}" for alarm in engine.desk.ledger.alarms],
        "journal_records": engine.desk.journal.seq,
        "tick_to_order_us": _median_us(latencies),
        "engine_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "ledger": str(demo.journal.path),
        "failure": None
        if engine.desk.failure is None
        else f"{type(engine.desk.failure).__name__}: {engine.desk.failure}",
    }


def _median_us(values: list[int]) -> int | None:
    return values[len(values) // 2] // 1_000 if values else None
