"""What the parts of a running engine share: ledger, markets, books, clock, and the one way to record a fact.

Holds state and hands it out; judges nothing, sends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from dutchbook.bus.stream import StateStream
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, venue_of
from dutchbook.core.clock import SECOND, Clock, Entropy
from dutchbook.core.errors import DutchbookError, ImpossibleEvent, LedgerError
from dutchbook.core.facts import Alarmed, AnyFact, KillSwitchSet
from dutchbook.core.link import Link
from dutchbook.core.market import Market
from dutchbook.core.money import Cash
from dutchbook.core.opportunity import Rejection
from dutchbook.core.order import Intent
from dutchbook.core.position import TradeBook
from dutchbook.core.transport import Transport
from dutchbook.core.venue import MarketData, OrderIdentity, Trading, Wallet
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.funnel import Funnel
from dutchbook.engine.guard import Guard
from dutchbook.engine.services import HELD_BACK
from dutchbook.engine.view import Figures
from dutchbook.execution.decide import Policy, Scene
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger

WARMING_NS: Final = 3 * SECOND
"""After a start, how long a missing book is only late."""


@dataclass(frozen=True, slots=True)
class VenueSide:
    """One venue as the engine uses it. Data and trading have their own transports: on paper they differ.

    `wallet` is its slow path, where the operator lets the engine use it.
    """

    data: MarketData
    trading: Trading
    data_transport: Transport
    trading_transport: Transport
    wallet: Wallet | None = None


class Desk:
    """Shared state of one engine. Also the services that trade drivers work with."""

    def __init__(
        self,
        config: EngineConfig,
        venues: Mapping[str, VenueSide],
        links: Mapping[str, Link],
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self.config = config
        self.venues = venues
        self.links = dict(links)
        self.journal = journal
        self.clock = clock
        self.entropy = entropy
        self.trading: Mapping[str, Trading] = {name: side.trading for name, side in venues.items()}
        netting = frozenset(name for name, side in venues.items() if side.trading.capabilities.nets_positions)
        self.ledger = Ledger(netting).replay(journal.records())
        self._nameless = frozenset(
            name for name, side in venues.items() if side.trading.capabilities.identity is OrderIdentity.NONE
        )
        self.markets: dict[MarketId, Market] = {}
        self.books: dict[MarketId, Book] = {}
        self.identities: dict[str, tuple[str, str]] = {}
        self.funnel = Funnel()
        self.policy = Policy(
            absence_margin_ns={n: s.trading.capabilities.absence_margin_ns for n, s in venues.items()},
            naked_retry_ns=config.naked_retry_ns,
            merges=frozenset(name for name, side in venues.items() if side.wallet is not None),
            reduce_only={name: side.trading.capabilities.reduce_only for name, side in venues.items()},
        )
        self.send_window_ns = config.send_window_ns
        self.guard = Guard(self.ledger, config.breakers.repeat_ns, config.send_window_ns)
        self.log = structlog.get_logger().bind(mode=config.mode.tag)
        self.accepting = False
        self.began_ns = clock.monotonic()
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None
        self.reread: Callable[[Iterable[Market]], object] = list
        """Told of markets that were read again: their rules may have changed."""
        self.stale: Callable[[], Container[MarketId]] = tuple
        """Books that have not been confirmed lately; the streams say it once they are open."""
        self.cash: Callable[[], Mapping[str, Cash]] = dict
        """What each pool has to spend."""
        self.stream: StateStream | None = None
        """Who listens to this engine, where it lets them."""
        self._impossible: set[str] = set()
        self._figures: Figures | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- facts --------------------------------------------------------------------------------------------------------

    def record(self, *facts: AnyFact) -> None:
        """Apply facts to the ledger and write them, before anything that follows from them is sent.

        A fact that no table knows becomes an alarm, throws the kill switch and raises ImpossibleEvent; a ledger that
        cannot be written fails the engine and raises LedgerError, from then on at every call: what is known here is not in
        the file any more, and only a restart brings the two together.
        """
        if isinstance(self.failure, LedgerError):
            raise self.failure
        now = self.clock.wall()
        done: list[AnyFact] = []
        try:
            for fact in facts:
                self.ledger.apply(fact, now)
                done.append(fact)
        except ImpossibleEvent as error:
            self._figures = None
            # a trade is looked at again after it: the same event once more is no news while the switch is on
            if str(error) not in self._impossible or self.ledger.kill_switch is None:
                self._impossible.add(str(error))
                for extra in (
                    Alarmed("impossible_event", str(error), getattr(facts[len(done)], "trade", "")),
                    KillSwitchSet(True, f"impossible event: {error}", "engine"),
                ):
                    self.ledger.apply(extra, now)
                    done.append(extra)
                self.log.error("impossible event", error=str(error))
            raise
        finally:
            if done:
                self._write(done, now)

    def _write(self, facts: list[AnyFact], at_ns: int) -> None:
        try:
            self.journal.append(facts, at_ns)
        except DutchbookError as error:
            self.fail(error)
            raise
        if self.stream is not None:
            self.stream.announce(self.journal.seq, at_ns, facts)

    def publish(self, gauge: str, snapshot: object) -> None:
        """A snapshot for readers in other processes: into the ledger's file, and to those that listen.

        No fact is lost with it: a failure is said and harms nothing.
        """
        if self.stream is not None:
            self.stream.publish(gauge, self.clock.wall(), snapshot)
        try:
            self.journal.set_gauge(gauge, snapshot)
        except LedgerError as error:
            self.log.warning("not published", gauge=gauge, reason=str(error))

    def scene(self) -> Scene:
        """What deciding sees of the world now."""
        now = self.clock.monotonic()
        warming = now - self.began_ns < WARMING_NS
        return Scene(
            self.books, self.markets, now, self.clock.wall(), self.stale(), self.cash(), warming, self.ledger.owned
        )

    def note(self, trade: TradeBook, event: str, **details: object) -> None:
        """One log line about a trade."""
        self.log.info(event, trade=trade.id, phase=trade.phase.value, **details)

    def track(self, identity: str, trade: str, order: str) -> None:
        """From now on stream messages with this identity belong to this order."""
        self.identities[identity] = (trade, order)

    def sendable(self, intents: Sequence[Intent]) -> tuple[Intent, ...]:
        """Those of the intents that may leave now, in order.

        A venue without order identity has one order in flight per market: what fills there next is that order's. So an
        intent waits while the fate or a fill of another order of its market is not known.
        """
        if not self._nameless:
            return tuple(intents)
        taken = {
            leg.claim.market
            for trade in self.ledger.open.values()
            for leg in trade.legs
            for row in leg.orders
            if venue_of(leg.claim.market) in self._nameless and not (row.ended and row.accounted)
        }
        free: list[Intent] = []
        for intent in intents:
            market = intent.claim.market
            if market not in taken:
                free.append(intent)
                if venue_of(market) in self._nameless:
                    taken.add(market)
        return tuple(free)

    def admit(self, intents: Sequence[Intent]) -> Rejection | None:
        """The last look before orders are journaled and sent; with a rejection none of them may be written.

        Without the second key nothing leaves, whoever wants it (M2). Any other rejection has thrown the kill switch.
        """
        if not self.config.sending:
            return Rejection(HELD_BACK, "EXECUTOR_ENABLED is false: nothing is sent")
        rejection = self.guard.admit(intents, self.clock.wall())
        if rejection is not None:
            self.trip(rejection.text)
        return rejection

    def trip(self, reason: str) -> None:
        """Throw the kill switch, once, for a reason; it is in the ledger and survives a restart."""
        if self.ledger.kill_switch is None:
            self.record(KillSwitchSet(True, reason, "engine"), Alarmed("kill_switch", reason))
            self.log.error("kill switch", reason=reason)

    def figures(self) -> Figures:
        """Per-event and per-day figures of this moment."""
        wall = self.clock.wall()
        if self._figures is None or not self._figures.current(wall):
            self._figures = Figures.of(self.ledger, self.config.zone, wall)
        else:
            self._figures.follow(self.ledger)
        return self._figures

    # -- tasks --------------------------------------------------------------------------------------------------------

    def every(self, period_ns: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do some work again and again, the first time after one period."""

        async def loop() -> None:
            while True:
                await self.clock.sleep(period_ns)
                await work()

        self.spawn(loop(), work.__name__)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task whose failure fails the engine."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)

        def finished(done: asyncio.Task[Any]) -> None:
            self._tasks.discard(done)
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self.fail(error)

        task.add_done_callback(finished)

    def fail(self, error: BaseException) -> None:
        """Something that must not happen did: no new trades, and whoever runs the engine is told."""
        self.accepting = False
        if self.failure is None:
            self.failure = error
            self.log.error("engine failed", error=f"{type(error).__name__}: {error}")
        self.failed.set()

    async def cancel_tasks(self) -> None:
        """End everything that `spawn` started."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
