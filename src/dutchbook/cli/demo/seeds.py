"""One demo in virtual time: the same engine, adapters, simulators and world, in one process and without sockets.

Faster than life and exactly repeatable, so a range of seeds can be played and published, losses included. Network latency
is drawn from the seed; CPU time costs nothing here, which is the one thing that a run over real sockets adds.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dutchbook.cli.compose import kalshi_pair, links_from_rows, polymarket_pair
from dutchbook.cli.demo.trial import demo_config
from dutchbook.cli.demo.worlds import NETWORK_MS
from dutchbook.cli.output import trade_figures
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.fees import Precision
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.engine.proof import differences
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.statistics import statistics
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.simulator.world import World
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey
from dutchbook.venues.polymarket import ApiCredentials, PolymarketConfig, PolymarketKey

ORIGIN_NS = 1_795_000_000 * SECOND
"""Wall time at which every virtual demo begins (November 2026)."""

NETWORK_NS = (NETWORK_MS[0] * MILLISECOND, NETWORK_MS[1] * MILLISECOND)
"""Latency each way, as in the demo over real sockets."""

THOUSAND_DOLLARS = 1_000_000_000


class SeededEntropy:
    """Random bits that repeat with the seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"{seed}:entropy")

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)


def play_seed(seed: int, seconds: float) -> dict[str, Any]:
    """Play one seed for `seconds` of virtual time, settle, compare with the venues; figures as in the demo's report."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN_NS)
    with tempfile.TemporaryDirectory() as folder:
        return run_virtual(loop, _play(seed, seconds, clock, Path(folder) / "ledger.db"))


async def _play(seed: int, seconds: float, clock: VirtualClock, ledger: Path) -> dict[str, Any]:
    kalshi, polymarket = KalshiExchange(seed), PolymarketExchange(seed)
    world = World(seed, kalshi, polymarket, clock.wall())
    world.list_all(clock.wall())
    world.step(clock.wall())
    kalshi_account = kalshi.add_account("trader", {0: THOUSAND_DOLLARS // 2, 2: THOUSAND_DOLLARS // 2}, clock.wall())
    polymarket_account = polymarket.add_account("trader", {0: THOUSAND_DOLLARS}, clock.wall())
    transport = MemoryTransport(
        {
            "http://kalshi": kalshi,
            "ws://kalshi": kalshi,
            "http://polymarket": polymarket,
            "ws://polymarket": polymarket,
        },
        clock,
        Latency(NETWORK_NS, NETWORK_NS, seed),
    )
    sides = _sides(kalshi_account.fields, polymarket_account.fields, transport, clock, SeededEntropy(seed))
    journal = Journal.write(ledger, Identity("live", "virtual", ("kalshi", "polymarket"), (f"seed {seed}",)))
    links = links_from_rows(world.links(), approved=True)
    engine = Engine(demo_config(), sides, links, journal, clock, SeededEntropy(seed))
    await engine.start()
    end = clock.monotonic() + int(seconds * SECOND)
    while clock.monotonic() < end and engine.desk.failure is None:
        due = world.next_at()
        wait = end - clock.monotonic() if due is None else min(due - clock.wall(), end - clock.monotonic())
        await clock.sleep(max(wait, MILLISECOND))
        world.step(clock.wall())
        transport.flush()
    engine.halt_entries()
    for _ in range(200):
        settled = all(engine.accounts.settled_with(venue) for venue in engine.desk.trading)
        if settled and not engine.trades.working:
            break
        await clock.sleep(SECOND // 5)
    world.settle_all(clock.wall())
    transport.flush()
    for _ in range(100):
        if not any(True for _ in engine.desk.ledger.holding()):
            break
        await clock.sleep(SECOND // 5)
    for venue in engine.desk.trading:
        await engine.accounts.refresh(venue)
        engine.accounts.true_up(venue)
    mismatches = await differences(engine.desk.ledger, engine.desk.trading)
    await engine.stop("seed over")
    figures = statistics(engine.desk.ledger.trades.values(), engine.desk.config.zone)
    journal.verify()
    journal.close()
    await transport.close()
    return {
        "seconds": seconds,
        "seed": seed,
        "funnel": engine.desk.funnel.counts(),
        "reasons": engine.desk.funnel.snapshot()["reasons"],
        **trade_figures(figures),
        "ledger_matches_venues": not mismatches and engine.desk.failure is None,
        "mismatches": mismatches,
        "alarms": [alarm.code for alarm in engine.desk.ledger.alarms],
        "failure": None if engine.desk.failure is None else repr(engine.desk.failure),
    }


def _sides(
    kalshi: Mapping[str, str],
    polymarket: Mapping[str, str],
    transport: MemoryTransport,
    clock: VirtualClock,
    entropy: SeededEntropy,
) -> dict[str, VenueSide]:
    kalshi_data, kalshi_trading = kalshi_pair(
        KalshiConfig(
            "http://kalshi/trade-api/v2",
            "ws://kalshi/trade-api/ws/v2",
            precision=Precision.DIRECT,
            thursday_pause=False,
        ),
        KalshiKey(kalshi["key_id"], kalshi["private_key_pem"].encode()),
        transport,
        transport,
        clock,
        entropy,
    )
    rest = "http://polymarket"
    polymarket_data, polymarket_trading = polymarket_pair(
        PolymarketConfig(
            clob_url=rest,
            gamma_url=rest,
            data_url=rest,
            market_ws_url="ws://polymarket/ws/market",
            user_ws_url="ws://polymarket/ws/user",
        ),
        PolymarketKey(
            polymarket["private_key"],
            signature_type=int(polymarket["signature_type"]),
            credentials=ApiCredentials(polymarket["api_key"], polymarket["api_secret"], polymarket["api_passphrase"]),
        ),
        transport,
        transport,
        clock,
        entropy,
    )
    return {
        "kalshi": VenueSide(kalshi_data, kalshi_trading, transport, transport),
        "polymarket": VenueSide(polymarket_data, polymarket_trading, transport, transport),
    }
