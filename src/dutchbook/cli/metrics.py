"""`/metrics`, `/healthz` and `/readyz` of a running engine, on this machine only. Reads the engine; never changes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import SettingsError
from dutchbook.core.order import OrderState
from dutchbook.core.trade import Phase

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from structlog.typing import FilteringBoundLogger

    from dutchbook.engine.engine import Engine

HOST: Final = "127.0.0.1"

BUCKETS_NS: Final = tuple(us * 1_000 for us in (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000))
"""Upper bounds of the tick-to-order histogram."""


class EngineCollector:
    """Everything that `/metrics` tells, computed when asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._trades_before = self._sent()
        self._trades_seen = self._trades_before
        self._histogram: Counter[int] = Counter()
        self._sum_ns = 0
        self._count = 0

    def _sent(self) -> int:
        """Trades of the ledger whose orders were sent."""
        return sum(trade.phase is not Phase.DRY_RUN for trade in self._engine.desk.ledger.trades.values())

    def collect(self) -> Iterable[Metric]:
        """Metric families, in the exposition's own types."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        desk = self._engine.desk
        mode = desk.config.mode.value
        counts = desk.funnel.counts()
        yield GaugeMetricFamily("dutchbook_accepting", "1 while new trades are taken.", value=int(not self.obstacles()))
        for stage in ("books", "crossings", "net_positive", "approved", "traded"):
            name, text = f"dutchbook_{stage}", f"Funnel: {stage.replace('_', ' ')} since the start."
            yield CounterMetricFamily(name, text, value=counts[stage])
        rejects = CounterMetricFamily("dutchbook_rejects", "Crossings not traded, by first reason.", labels=["reason"])
        for reason, count in desk.funnel.reasons.items():
            rejects.add_metric([reason], count)
        yield rejects
        trades = GaugeMetricFamily("dutchbook_trades", "Trades of the ledger by phase.", labels=["mode", "phase"])
        phases = Counter(trade.phase for trade in desk.ledger.trades.values())
        for phase in Phase:
            trades.add_metric([mode, phase.value], phases[phase])
        yield trades
        orders = GaugeMetricFamily("dutchbook_orders", "Orders of the ledger by state.", labels=["mode", "state"])
        states = Counter(row.state for trade in desk.ledger.trades.values() for row in trade.orders())
        for state in OrderState:
            orders.add_metric([mode, state.value], states[state])
        yield orders
        yield from self._feeds()
        yield self._latency()

    def _feeds(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        desk = self._engine.desk
        now = desk.clock.monotonic()
        ages = GaugeMetricFamily("dutchbook_feed_age_seconds", "Since the last frame of a stream.", labels=["feed"])
        frames = CounterMetricFamily("dutchbook_feed_frames", "Frames of a stream.", labels=["feed"])
        reconnects = CounterMetricFamily("dutchbook_feed_reconnects", "Reconnects of a stream.", labels=["feed"])
        for name, connection in self._engine.streams.connections.items():
            if connection.last_frame_ns:
                ages.add_metric([name], (now - connection.last_frame_ns) / SECOND)
            frames.add_metric([name], connection.frames)
            reconnects.add_metric([name], connection.reconnects)
        # In millionths, because an integer stays exact in the exposition and a number of dollars would not.
        cash = GaugeMetricFamily(
            "dutchbook_balance_micro_dollars", "Cash that a venue states, in millionths of a dollar.", labels=["pool"]
        )
        for balances in self._engine.accounts.balances.values():
            for pool, amount in balances.available.items():
                cash.add_metric([pool], amount)
        return ages, frames, reconnects, cash

    def _latency(self) -> Metric:
        """Tick to order as a growing histogram: the samples that came since the last look are the newest of the engine's."""
        from prometheus_client.core import HistogramMetricFamily

        sent = self._sent()
        samples = self._engine.pursuit.tick_to_order_ns
        fresh = min(sent - self._trades_seen, len(samples))
        self._trades_seen = sent
        for sample in list(samples)[len(samples) - fresh :]:
            self._histogram[next((bound for bound in BUCKETS_NS if sample <= bound), 0)] += 1
            self._sum_ns += sample
            self._count += 1
        buckets, total = [], 0
        for bound in BUCKETS_NS:
            total += self._histogram[bound]
            buckets.append((str(bound / SECOND), total))
        buckets.append(("+Inf", self._count))
        family = HistogramMetricFamily("dutchbook_tick_to_order_seconds", "From a book's frame to its orders sent.")
        family.add_metric([], buckets, self._sum_ns / SECOND)
        return family

    def obstacles(self) -> list[str]:
        """Why no new trades are taken now; empty when they are."""
        desk = self._engine.desk
        found = []
        if desk.failure is not None:
            found.append(f"the engine failed: {desk.failure}")
        if not desk.accepting:
            found.append("starting or stopping")
        if desk.ledger.kill_switch is not None:
            found.append(f"kill switch: {desk.ledger.kill_switch.reason}")
        if not desk.config.sending:
            found.append("EXECUTOR_ENABLED is not true")
        found += [f"{name} is down" for name, feed in self._engine.streams.connections.items() if not feed.up.is_set()]
        return found


@asynccontextmanager
async def serve_metrics(engine: Engine, port: int, log: FilteringBoundLogger) -> AsyncIterator[None]:
    """Serve while the block runs; port 0 serves nothing. Raises SettingsError when the port is taken.

    `/healthz` is 200 unless the engine has failed; `/readyz` is 200 while new trades are taken, else 503 with the reasons.
    """
    if not port:
        yield
        return
    from aiohttp import web
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    collector = EngineCollector(engine)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def health(_: web.Request) -> web.Response:
        failure = engine.desk.failure
        told: dict[str, Any] = {"ok": failure is None, "failure": None if failure is None else str(failure)}
        return web.json_response(told, status=200 if failure is None else 503)

    async def ready(_: web.Request) -> web.Response:
        obstacles = collector.obstacles()
        return web.json_response({"ready": not obstacles, "obstacles": obstacles}, status=503 if obstacles else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", health), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as error:
            raise SettingsError(
                f"--metrics-port {port}: cannot listen there ({error.strerror}); choose another"
            ) from None
        log.info("metrics", url=f"http://{HOST}:{port}/metrics")
        yield
    finally:
        await runner.cleanup()
