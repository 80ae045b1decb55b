"""Feeds the state stream: what the parts of a running engine know, as plain data, in small steps between frames.

Only computed while somebody listens, and never awaited by trading. Amounts are integers in millionths, rates over 1e-12,
times nanoseconds. Judges nothing and writes nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, Final

import dutchbook
from dutchbook.bus.messages import Hello
from dutchbook.bus.stream import StateStream
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.trade import Phase
from dutchbook.core.venue import Budgeted
from dutchbook.engine.accounts import Accounts
from dutchbook.engine.desk import Desk
from dutchbook.engine.opportunity_table import OpportunityTable
from dutchbook.engine.pursuit import Pursuit
from dutchbook.engine.watch import Watch
from dutchbook.execution.leaving import exit_value

TABLE_EVERY_NS: Final = 250 * MILLISECOND
GAUGES_EVERY_NS: Final = SECOND
EXITS_EVERY_NS: Final = 5 * SECOND

LATENCIES: Final = 2_000
"""The newest so many figures make the percentiles."""

EVENTS: Final = 100
"""The largest so many exposures are told."""


class StateFeed:
    """`open` lets readers in and begins to tell."""

    def __init__(self, desk: Desk, pursuit: Pursuit, accounts: Accounts, watch: Watch) -> None:
        self._desk = desk
        self._pursuit = pursuit
        self._accounts = accounts
        self._watch = watch
        self._table = OpportunityTable(desk, pursuit)

    def open(self) -> None:
        """Serve the ledger's stream beside trading until the engine's tasks end."""
        desk = self._desk
        hello = Hello(
            os.getpid(), desk.config.mode.value, dutchbook.__version__, desk.ledger.started_ns, desk.journal.seq
        )
        desk.stream = stream = StateStream(desk.journal.path, hello)
        desk.spawn(self._serve(stream), "state stream")
        desk.every(TABLE_EVERY_NS, self._while_heard(self._tell_table))
        desk.every(GAUGES_EVERY_NS, self._while_heard(self._tell_gauges))
        desk.every(EXITS_EVERY_NS, self._while_heard(self._tell_exits))

    async def _serve(self, stream: StateStream) -> None:
        try:
            await stream.serve()
        except OSError as error:
            self._desk.log.warning("no state stream: others see this engine once a second only", reason=str(error))

    def _while_heard(
        self, tell: Callable[[StateStream], Coroutine[Any, Any, None]]
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        async def told() -> None:
            stream = self._desk.stream
            if stream is not None and stream.readers:
                await tell(stream)
            else:
                self._pursuit.touched = None

        return told

    async def _tell_table(self, stream: StateStream) -> None:
        rows = await self._table.rows()
        if rows is not None:
            stream.publish("opportunities", self._desk.clock.wall(), rows)

    async def _tell_gauges(self, stream: StateStream) -> None:
        for name, value in (
            ("latency", self.latency()),
            ("balances", self.balances()),
            ("buckets", self.buckets()),
            ("breakers", self.breakers()),
            ("exposure", self.exposure()),
        ):
            stream.publish(name, self._desk.clock.wall(), value)
            await asyncio.sleep(0)

    async def _tell_exits(self, stream: StateStream) -> None:
        """What each locked bundle would bring now."""
        desk = self._desk
        told: dict[str, Any] = {}
        for trade in [trade for trade in desk.ledger.open.values() if trade.phase is Phase.LOCKED]:
            value = exit_value(trade, desk.scene())
            if value is not None:
                told[trade.id] = {"now": value.now, "later": value.later, "cost": value.cost, "days": value.days}
            await asyncio.sleep(0)
        stream.publish("exits", desk.clock.wall(), told)

    def latency(self) -> dict[str, int]:
        """Tick to order, nanoseconds."""
        samples = sorted(list(self._pursuit.tick_to_order_ns)[-LATENCIES:])
        if not samples:
            return {"count": 0}
        last = len(samples) - 1
        return {
            "count": len(samples),
            **{f"p{share}_ns": samples[last * share // 100] for share in (50, 90, 99)},
            "max_ns": samples[-1],
        }

    def balances(self) -> dict[str, Any]:
        """By pool: what the venue states, what the ledger expects, what a new trade may use; and how old that is."""
        desk, accounts = self._desk, self._accounts
        now, free = desk.clock.monotonic(), accounts.available()
        expected = {venue: accounts.payouts.expected(venue) for venue in accounts.balances}
        return {
            pool: {
                "venue": venue,
                "stated": stated,
                "expected": expected[venue].get(pool, 0),
                "free": free[pool],
                "age_ns": now - balances.received_ns,
                "error": accounts.errors.get(venue),
            }
            for venue, balances in accounts.balances.items()
            for pool, stated in balances.available.items()
        }

    def buckets(self) -> dict[str, dict[str, tuple[int, int]]]:
        """By venue and bucket: tokens left, and how many it holds."""
        sides = self._desk.trading.items()
        return {venue: dict(side.allowances()) for venue, side in sides if isinstance(side, Budgeted)}

    def breakers(self) -> dict[str, Any]:
        """What the breakers count now, and at which figure each trips."""
        desk = self._desk
        counters, limits = self._watch.counters(), desk.config.breakers
        today = desk.figures().counters(desk.books)
        holding = self._watch.holding
        return {
            "holding": holding.text if holding else None,
            "rejected": dict(counters.rejected),
            "answered": dict(counters.answered),
            "most_rejected": limits.rejections,
            "unknown": counters.unknown,
            "most_unknown": limits.unknown_orders,
            "naked_cost": counters.naked_cost,
            "most_naked_cost": limits.naked_exposure,
            "silent_ns": dict(counters.silent_ns),
            "most_silent_ns": limits.silent_ns,
            "loss": max(0, -(today.realised + today.naked)),
            "most_loss": desk.config.limits.max_daily_loss,
            "trades": today.trades,
            "most_trades": desk.config.limits.max_daily_trades,
        }

    def exposure(self) -> dict[str, Any]:
        """Cash at risk, in all and for the events that have most of it."""
        figures = self._desk.figures()
        largest = sorted(figures.exposure.items(), key=lambda item: -item[1])[:EVENTS]
        return {
            "total": sum(figures.exposure.values()),
            "most_per_event": self._desk.config.limits.max_event_exposure,
            "events": {
                event: {"cash": cash, "trades": figures.open_positions.get(event, 0)} for event, cash in largest
            },
        }
