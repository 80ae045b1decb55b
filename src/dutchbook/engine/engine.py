"""One quote's path: a touched book -> crossings -> a sized bundle -> the gate -> a trade with all its orders journaled -> sent.

The composition of the rooms in one process. It connects, hands on and keeps the books of what it did; every judgement is
made elsewhere: what crosses (`opportunity`), whether it may (`risk`), what next (`execution`), what is true (`ledger`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

import dutchbook
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, venue_of
from dutchbook.core.clock import MINUTE, SECOND, Clock, Entropy, uuid4_text
from dutchbook.core.errors import DryRunError, DutchbookError, ExecutionFailedError, ImpossibleEvent, InvalidOrder
from dutchbook.core.events import (
    BookGap,
    FillFailed,
    FillSeen,
    MarketChanged,
    MarketResolved,
    OrderSeen,
    StreamEvent,
    StreamTrouble,
)
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    EngineStarted,
    EngineStopped,
    FillReversed,
    KillSwitchSet,
    LegPlan,
    OrderMoved,
    TradeOpened,
    TradeTurned,
)
from dutchbook.core.link import Link
from dutchbook.core.market import Market
from dutchbook.core.mode import Mode
from dutchbook.core.money import format_dollars, format_micros
from dutchbook.core.opportunity import Bundle, Opportunity, Rejection
from dutchbook.core.order import OrderEvent
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.core.transport import Transport
from dutchbook.core.venue import BookStream, MarketData, Trading, VenueMode
from dutchbook.engine.accounts import Accounts
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.driver import TradeDriver, order_plan
from dutchbook.engine.funnel import Funnel, Stage
from dutchbook.engine.settlement import Settlement
from dutchbook.engine.view import Figures
from dutchbook.execution.decide import Policy, first_round
from dutchbook.feed.connection import Connection
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.opportunity.scan import Scanner, data_alarms
from dutchbook.opportunity.sizing import SizeLimits, size_bundle
from dutchbook.risk.approved import Approved
from dutchbook.risk.checks import loss_breaker
from dutchbook.risk.gate import TRIPS_KILL_SWITCH, RiskGate
from dutchbook.risk.view import KillSwitch, RiskView


@dataclass(frozen=True, slots=True)
class VenueSide:
    """One venue as the engine uses it. Data and trading have their own transports: on paper they differ."""

    data: MarketData
    trading: Trading
    data_transport: Transport
    trading_transport: Transport


@dataclass(slots=True)
class Latency:
    """Nanoseconds from the frame that completed a crossing to its orders being handed to the transport, newest last."""

    tick_to_order: deque[int] = field(default_factory=lambda: deque(maxlen=10_000))


class Engine:
    """Services of the drivers, and the loop around them. `start`, then `stop`; both are safe to await once."""

    def __init__(
        self,
        config: EngineConfig,
        venues: Mapping[str, VenueSide],
        links: Sequence[Link],
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        *,
        observe_book: Callable[[Book], None] | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.venues = venues
        self.trading: Mapping[str, Trading] = {name: side.trading for name, side in venues.items()}
        self.links = {link.id: link for link in links}
        self.journal = journal
        netting = frozenset(name for name, side in venues.items() if side.trading.capabilities.nets_positions)
        self.ledger = Ledger(netting).replay(journal.records())
        self.funnel = Funnel()
        self.latency = Latency()
        self.markets: dict[MarketId, Market] = {}
        self.books: dict[MarketId, Book] = {}
        self.connections: dict[str, Connection] = {}
        self.policy = Policy(
            absence_margin_ns={n: s.trading.capabilities.absence_margin_ns for n, s in venues.items()},
            naked_retry_ns=config.naked_retry_ns,
        )
        self.send_window_ns = config.send_window_ns
        self.accounts = Accounts(self.trading, self.ledger, clock, self)
        self.settlement = Settlement(self.ledger, self.links, self)
        self.gate = RiskGate(config.limits)
        self.scanner = Scanner((), {})
        self.dry_runs = 0
        self.dry_run_cost = 0
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None
        self.log = structlog.get_logger().bind(mode=config.mode.tag)
        self._entropy = entropy
        self._observe_book = observe_book
        self._drivers: dict[str, TradeDriver] = {}
        self._identities: dict[str, tuple[str, str]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._figures: Figures | None = None
        self._last_attempt: dict[str, int] = {}
        self._offsets: dict[str, int] = {}
        self._modes: dict[str, VenueMode] = {}
        self._held_back_at = 0
        self._accepting = False

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, read markets and balances, finish what an earlier run left half done, then accept new work.

        Raises the error of whatever cannot be read: nothing trades on a guess.
        """
        await self._load_markets()
        for side in self.venues.values():
            await side.trading.connect()
        self.record(EngineStarted(dutchbook.__version__, self.config.mode.value))
        differences = await self.accounts.open()
        await self._check_venues()
        self._open_streams()
        await self._recover()
        if differences and not self.ledger.working:
            for venue in self.trading:
                await self._compare_cash(venue)
        self.settlement.book_all()
        self._every(self.config.balance_every_ns, self._refresh_balances)
        self._every(self.config.results_every_ns, self.poll_results)
        self._every(self.config.venues_every_ns, self._check_venues)
        self._every(self.config.publish_every_ns, self._publish)
        self._accepting = True

    def halt_entries(self) -> None:
        """No new trades from here; those under way go on to their end."""
        self._accepting = False

    async def stop(self, reason: str, patience_ns: int = 30 * SECOND) -> bool:
        """Finish the trades under way, then close everything. False when some could not be finished in time.

        Whatever is left half done is in the journal, and the next start goes on with it.
        """
        self.halt_entries()
        deadline = self.clock.monotonic() + patience_ns
        while self._drivers and self.failure is None and self.clock.monotonic() < deadline:
            await self.clock.sleep(20_000_000)
        finished = not self._drivers
        self.funnel.finish()
        if self.failure is None:
            await self._publish()
            self.record(EngineStopped(reason))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return finished

    async def _load_markets(self) -> None:
        wanted: dict[str, list[str]] = {}
        for link in self.links.values():
            for market_id in link.markets:
                wanted.setdefault(venue_of(market_id), []).append(market_id.partition(":")[2])
        for name, side in self.venues.items():
            markets = await side.data.markets(sorted(set(wanted.get(name, []))))
            side.trading.know(markets)
            self.markets.update({market.id: market for market in markets})
        self.scanner = Scanner(self.links.values(), self.markets)
        for refused in self.scanner.refused.values():
            self.log.warning("link not watched", reason=refused)

    def _open_streams(self) -> None:
        for name, side in self.venues.items():
            mine = [market for market in self.markets.values() if market.venue == name]
            stream = side.data.stream(mine)
            self.books.update(stream.books)
            self._connect(f"{name} books", stream, side.data_transport)
            self._connect(f"{name} user", side.trading.stream(), side.trading_transport)

    def _connect(self, name: str, stream: Any, transport: Transport) -> None:
        connection = Connection(
            name, stream, transport, self.clock, lambda events: self.on_events(name, events), self.config.keep_alive
        )
        self.connections[name] = connection
        self._spawn(connection.run(), name)

    async def _recover(self) -> None:
        """What an earlier run left half done: orders that may have left are UNKNOWN until the venue has answered."""
        for trade in self.ledger.trades.values():
            for row in trade.orders():
                self._identities[row.plan.identity] = (trade.id, row.plan.id)
        for trade in list(self.ledger.working):
            for row in trade.orders():
                if row.state.value == "sent":
                    self.record(OrderMoved(trade.id, row.plan.id, OrderEvent.LOSE, reason="the engine was restarted"))
            if trade.phase is Phase.OPENED:
                self.record(TradeTurned(trade.id, Turn.START, "recovered"))
            self.log.warning("recovering a trade left half done", trade=trade.id, phase=trade.phase.value)
            self._drive(trade)
        self._figures = None

    # -- facts --------------------------------------------------------------------------------------------------------

    def record(self, *facts: AnyFact) -> None:
        """Apply facts to the ledger and write them. A fact that no table knows becomes an alarm and stops new entries."""
        now = self.clock.wall()
        done: list[AnyFact] = []
        try:
            for fact in facts:
                self.ledger.apply(fact, now)
                done.append(fact)
        except ImpossibleEvent as error:
            alarm = Alarmed("impossible_event", str(error), getattr(facts[len(done)], "trade", ""))
            stop = KillSwitchSet(True, f"impossible event: {error}", "engine")
            for fact in (alarm, stop):
                self.ledger.apply(fact, now)
                done.append(fact)
            self.log.error("impossible event", error=str(error))
            raise
        finally:
            if done:
                try:
                    self.journal.append(done, now)
                except DutchbookError as error:
                    self._fail(error)
                    raise
        self._figures = None

    def note(self, trade: TradeBook, event: str, **details: object) -> None:
        self.log.info(event, trade=trade.id, phase=trade.phase.value, **details)

    def track(self, identity: str, trade: str, order: str) -> None:
        self._identities[identity] = (trade, order)

    # -- streams ------------------------------------------------------------------------------------------------------

    def on_events(self, source: str, events: Sequence[StreamEvent]) -> None:
        """Everything that streams say, in order."""
        for event in events:
            match event:
                case Book():
                    self.on_book(event)
                case FillSeen():
                    found = self._identities.get(event.fill.identity)
                    if found is None:
                        self.log.warning("fill of an order that is not ours", source=source, fill=event.fill.id)
                        continue
                    self._driver(found[0]).on_fill(found[1], event.fill)
                case OrderSeen():
                    found = self._identities.get(event.report.identity)
                    if found is not None:
                        self._driver(found[0]).on_report(found[1], event.report)
                case FillFailed():
                    self._fill_failed(event)
                case MarketResolved():
                    self.settlement.take(event.resolution)
                case BookGap():
                    for market in event.markets:
                        self._end_episodes(market, ())
                    self.log.warning("book gap", source=source, reason=event.reason, books=len(event.markets))
                    if event.fetch:
                        self._spawn(self._fetch_books(source, event.markets), f"resync {source}")
                case MarketChanged():
                    self._spawn(self._reload_market(event.market), f"reload {event.market}")
                case StreamTrouble():
                    self.log.warning("stream trouble", source=source, reason=event.reason)

    def _driver(self, trade_id: str) -> TradeDriver:
        """The driver of a trade; an ended trade gets one that records late news and is not run."""
        return self._drivers.get(trade_id) or TradeDriver(self, self.ledger.trades[trade_id])

    def _fill_failed(self, event: FillFailed) -> None:
        for trade in self.ledger.trades.values():
            for row in trade.orders():
                if event.fill_id in row.fills:
                    self.record(FillReversed(trade.id, row.plan.id, event.fill_id, event.reason))
                    self.log.error("fill reversed by the venue", trade=trade.id, reason=event.reason)
                    if trade.phase in (Phase.LOCKED, Phase.FAILED, Phase.ROLLED_BACK):
                        self.record(TradeTurned(trade.id, Turn.REOPEN, f"a fill failed: {event.reason}"))
                    if trade.working and trade.id not in self._drivers:
                        self._drive(trade)
                    elif trade.id in self._drivers:
                        self._drivers[trade.id].poke()

    async def _fetch_books(self, source: str, markets: Sequence[MarketId]) -> None:
        connection = self.connections[source]
        stream: BookStream = connection.stream  # type: ignore[assignment]
        for market in markets:
            try:
                snapshot = await self.venues[venue_of(market)].data.snapshot(market)
            except DutchbookError as error:
                self.log.warning("book not fetched", market=market, reason=str(error))
                continue
            self.on_events(source, stream.load(snapshot, self.clock.monotonic()))

    async def _reload_market(self, market: MarketId) -> None:
        side = self.venues[venue_of(market)]
        try:
            (fresh,) = await side.data.markets([market.partition(":")[2]])
        except (DutchbookError, ValueError) as error:
            self.log.warning("market not read again", market=market, reason=str(error))
            return
        side.trading.know([fresh])
        self.markets[market] = fresh

    # -- one quote's path ---------------------------------------------------------------------------------------------

    def on_book(self, book: Book) -> None:
        """A book changed: what crosses now, and should it be traded?"""
        self.funnel.books += 1
        if self._observe_book is not None:
            self._observe_book(book)
        market = book.market
        if book.live and book.crossed:
            alarm = data_alarms(book)
            if alarm is not None:
                self.funnel.alarms[alarm.code] += 1
        crossing = self.scanner.crossings(market, self.books) if book.live else []
        if self.funnel.open_bundles():
            self._end_episodes(market, crossing)
        if crossing:
            self.funnel.updates_crossing += 1
            self._pursue(crossing, book.received_ns)

    def _end_episodes(self, market: MarketId, crossing: Sequence[Bundle]) -> None:
        still = {bundle.id for bundle in crossing}
        opened = self.funnel.open_bundles()
        for bundle in self.scanner.bundles_with(market):
            if bundle.id in opened and bundle.id not in still:
                self.funnel.ended(bundle.id)

    def _pursue(self, crossing: Sequence[Bundle], frame_ns: int) -> None:
        """Size every crossing bundle, then offer them to the gate, the most profitable first; trade the first approved."""
        now, wall = self.clock.monotonic(), self.clock.wall()
        limits = SizeLimits(
            max_cost=self.config.limits.max_bet,
            pools=self.accounts.available(),
            max_contracts=self.config.limits.max_order_contracts,
            min_profit=self.config.min_profit,
            hurdle=self.config.hurdle,
        )
        found: list[Opportunity] = []
        for bundle in crossing:
            sized = size_bundle(bundle, self.books, self.markets, limits, now, wall)
            if isinstance(sized, Rejection):
                self.funnel.saw(bundle.id, now, Stage.CROSSING, sized)
            else:
                found.append(sized)
        found.sort(key=lambda opportunity: opportunity.profit, reverse=True)
        view = self.view() if found else None
        for opportunity in found:
            assert view is not None
            bundle_id = opportunity.bundle.id
            verdict = self.gate.check(opportunity, view)
            if isinstance(verdict, Rejection):
                self.funnel.saw(bundle_id, now, Stage.NET_POSITIVE, verdict)
                if verdict.code in TRIPS_KILL_SWITCH:
                    self.trip(verdict.text)
                continue
            refusal = self._attempt(verdict, frame_ns)
            if refusal is None:
                self.funnel.saw(bundle_id, now, Stage.TRADED, Rejection("traded", ""))
                return
            self.funnel.saw(bundle_id, now, Stage.APPROVED, refusal)

    def _attempt(self, approved: Approved, frame_ns: int) -> Rejection | None:
        """Execute one approved plan; a rejection says why nothing was sent."""
        if not self._accepting:
            return Rejection("stopping", "the engine takes no new trades now")
        if not self.config.sending:
            wall = self.clock.wall()
            if wall - self._held_back_at >= MINUTE:
                self._held_back_at = wall
                self.log.warning("live, but nothing is sent: set EXECUTOR_ENABLED=true to turn the second key")
            return Rejection("executor_disabled", "EXECUTOR_ENABLED is false: nothing is sent")
        self._last_attempt[approved.opportunity.bundle.link.event] = self.clock.monotonic()
        try:
            self.execute(approved, frame_ns)
        except DryRunError:
            self.dry_runs += 1
            self.dry_run_cost += approved.worst_cost
            return None
        except ExecutionFailedError as error:
            self.log.error("not executed", reason=str(error))
            return Rejection("execution", str(error))
        return None

    def execute_cycle(self, plans: Sequence[Approved]) -> list[bool]:
        """Execute plans in order; True for each that was sent, or in dry-run would have been."""
        return [self._attempt(plan, self.clock.monotonic()) is None for plan in plans]

    def execute(self, approved: Approved, frame_ns: int) -> TradeBook:
        """Open a trade: identities fixed, the whole intent journaled, then every first order sent.

        Raises DryRunError where a request would have left in dry-run, ExecutionFailedError when an order cannot be built.
        """
        if approved.expired(self.clock.wall()):
            raise ExecutionFailedError("the approval has expired; its books are old")
        trade_id = uuid4_text(self._entropy)[:8]
        opportunity = approved.opportunity
        intents = first_round(approved, trade_id)
        deadline = self.clock.wall() + self.send_window_ns
        try:
            prepared = [self.trading[venue_of(i.claim.market)].prepare(i, deadline) for i in intents]
        except InvalidOrder as error:
            raise ExecutionFailedError(f"an order cannot be built: {error}") from error
        plans = tuple(
            order_plan(intent, order, self.markets[intent.claim.market])
            for intent, order in zip(intents, prepared, strict=True)
        )
        quotes = {leg.claim: leg for leg in opportunity.legs}
        opened = TradeOpened(
            trade=trade_id,
            link=opportunity.bundle.link.id,
            kind=opportunity.bundle.link.kind.value,
            event=opportunity.bundle.link.event,
            guaranteed=opportunity.bundle.guaranteed,
            size=opportunity.size,
            expected_profit=opportunity.profit,
            roi=opportunity.roi,
            legs=tuple(
                LegPlan(
                    market=leg.claim.market,
                    outcome=leg.claim.outcome,
                    pool=leg.pool,
                    size=leg.size,
                    limit=leg.limit,
                    cash=quotes[leg.claim].cash,
                    fee=quotes[leg.claim].fee,
                    worst=leg.worst,
                )
                for leg in approved.legs
            ),
            orders=plans,
        )
        if self.config.mode is Mode.DRY_RUN:
            self.record(
                opened,
                *(OrderMoved(trade_id, plan.id, OrderEvent.DRY_RUN) for plan in plans),
                TradeTurned(trade_id, Turn.DRY_RUN, "dry run"),
            )
            self._announce(self.ledger.trades[trade_id], approved)
            raise DryRunError(f"trade {trade_id}: dry run, nothing is sent")
        self.record(
            opened,
            TradeTurned(trade_id, Turn.START),
            *(OrderMoved(trade_id, plan.id, OrderEvent.SEND) for plan in plans),
        )
        for intent, order in zip(intents, prepared, strict=True):
            self.track(order.identity, trade_id, intent.id)
        trade = self.ledger.trades[trade_id]
        driver = self._drive(trade)
        driver.dispatch(prepared)
        self.latency.tick_to_order.append(self.clock.monotonic() - frame_ns)
        self._announce(trade, approved)
        return trade

    def _announce(self, trade: TradeBook, approved: Approved) -> None:
        opportunity = approved.opportunity
        legs = [
            f"{format_micros(leg.size, trim=True)} {leg.claim} at {format_micros(leg.limit, trim=True)} or better"
            for leg in approved.legs
        ]
        self.log.info(
            "trade opened",
            trade=trade.id,
            legs=legs,
            profit=format_dollars(opportunity.profit, 4),
            worst_cost=format_dollars(opportunity.worst_cost, 4),
        )

    def _drive(self, trade: TradeBook) -> TradeDriver:
        driver = TradeDriver(self, trade)
        self._drivers[trade.id] = driver
        self._spawn(self._run_driver(driver), f"trade {trade.id}")
        return driver

    async def _run_driver(self, driver: TradeDriver) -> None:
        trade = driver.trade
        try:
            await driver.run()
        finally:
            self._drivers.pop(trade.id, None)
        self.log.info(
            "trade ended",
            trade=trade.id,
            phase=trade.phase.value,
            reason=trade.reason,
            pnl=format_dollars(trade.locked_profit if trade.phase is Phase.LOCKED else trade.pnl, 4),
        )
        self._last_attempt[trade.opened.event] = self.clock.monotonic()
        self.settlement.book_all()
        verdict = loss_breaker(self.view(), self.config.limits)
        if verdict is not None:
            self.trip(verdict.text)

    def trip(self, reason: str) -> None:
        """Throw the kill switch, once, for a reason; it is in the ledger and survives a restart."""
        if self.ledger.kill_switch is None:
            self.record(KillSwitchSet(True, reason, "engine"), Alarmed("kill_switch", reason))
            self.log.error("kill switch", reason=reason)

    # -- the world around ---------------------------------------------------------------------------------------------

    def view(self) -> RiskView:
        """What the gate sees now."""
        wall = self.clock.wall()
        figures = self._figures
        if figures is None:
            figures = self._figures = Figures.of(self.ledger, self.config.zone, wall)
        heard = {name: self.connections[f"{name} books"].last_frame_ns for name in self.venues}
        switch = self.ledger.kill_switch
        return RiskView(
            wall_ns=wall,
            monotonic_ns=self.clock.monotonic(),
            kill_switch=KillSwitch(switch is not None, switch.reason if switch else ""),
            naked_trades=len(figures.unresolved),
            daily=figures.counters(self.books),
            balances=self.accounts.balances,
            reserved=self.accounts.reserved(),
            open_positions=figures.open_positions,
            exposure=figures.exposure,
            last_attempt_ns=self._last_attempt,
            markets=self.markets,
            books=self.books,
            confirmed_ns={market: heard[venue_of(market)] for market in self.books},
            heard_ns=heard,
            clock_offsets_ns=self._offsets,
            modes=self._modes,
        )

    async def _check_venues(self) -> None:
        """The venues' modes and clocks. An offset counts only as far as the venue's coarse statement cannot explain it."""
        for name, side in self.venues.items():
            try:
                self._modes[name] = await side.data.mode()
                before = self.clock.wall()
                earliest, latest = await side.data.server_time()
                after = self.clock.wall()
            except DutchbookError as error:
                self._modes.pop(name, None)
                self.log.warning("venue not checked: no new trades there", venue=name, reason=str(error))
                continue
            self._offsets[name] = max(0, earliest - after) or min(0, latest - before)

    async def _refresh_balances(self) -> None:
        for venue in self.trading:
            if await self.accounts.refresh(venue):
                await self._compare_cash(venue)
            else:
                self.log.warning("balance not read", venue=venue, reason=self.accounts.errors[venue])

    async def _compare_cash(self, venue: str) -> None:
        """With nothing in flight the balance must be the ledger's; a difference must show twice before it is booked."""
        if not self.accounts.settled_with(venue):
            return
        if self.accounts.true_up(venue):
            if not await self.accounts.refresh(venue) or not self.accounts.settled_with(venue):
                return
            for difference in self.accounts.true_up(venue):
                self.accounts.adopt(difference)
                self.log.error("cash difference", pool=difference.pool, amount=format_dollars(difference.amount, 6))

    async def poll_results(self) -> None:
        """Ask the venues for results that trades wait for."""
        for trouble in await self.settlement.poll(self.trading):
            self.log.warning("results not read", reason=trouble)

    async def _publish(self) -> None:
        """Snapshots for readers in other processes."""
        self.journal.set_gauge("funnel", self.funnel.snapshot())
        self.journal.set_gauge("health", self.health())

    def health(self) -> dict[str, object]:
        """What an operator asks first, as plain data."""
        now = self.clock.monotonic()
        switch = self.ledger.kill_switch
        return {
            "mode": self.config.mode.value,
            "at_ns": self.clock.wall(),
            "accepting": self._accepting and self.config.sending and switch is None,
            "kill_switch": switch.reason if switch else None,
            "feeds": {
                name: {
                    "up": c.up.is_set(),
                    "age_ms": (now - c.last_frame_ns) // 1_000_000 if c.last_frame_ns else None,
                    "frames": c.frames,
                    "reconnects": c.reconnects,
                    "troubles": c.troubles,
                }
                for name, c in self.connections.items()
            },
            "books_live": sum(book.live for book in self.books.values()),
            "books": len(self.books),
            "clock_offset_ms": {name: offset // 1_000_000 for name, offset in self._offsets.items()},
            "working": len(self._drivers),
        }

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _every(self, period_ns: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def loop() -> None:
            while True:
                await self.clock.sleep(period_ns)
                await work()

        self._spawn(loop(), work.__name__)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)

        def finished(done: asyncio.Task[Any]) -> None:
            self._tasks.discard(done)
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self._fail(error)

        task.add_done_callback(finished)

    def _fail(self, error: BaseException) -> None:
        """Something that must not happen did: no new trades, and whoever runs the engine is told."""
        self._accepting = False
        if self.failure is None:
            self.failure = error
            self.log.error("engine failed", error=f"{type(error).__name__}: {error}")
        self.failed.set()
