"""The composition in one process: feed -> opportunity -> risk -> execution -> ledger. Start-up is recovery.

Connects the parts and starts and stops them; each part is in its own file. Several processes cut the same composition at
the bus.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import dutchbook
from dutchbook.core.book import Book
from dutchbook.core.claim import native_of, venue_of
from dutchbook.core.clock import MILLISECOND, MINUTE, SECOND, Clock, Entropy
from dutchbook.core.errors import Lost, MalformedFrame, Retry, Unavailable
from dutchbook.core.facts import EngineStarted, EngineStopped
from dutchbook.core.link import Link
from dutchbook.core.position import TradeBook
from dutchbook.core.venue import KeepsAlive, SignsAhead
from dutchbook.engine.accounts import Accounts
from dutchbook.engine.by_hand import ByHand
from dutchbook.engine.capital import LOOK_EVERY_NS, CapitalWatch
from dutchbook.engine.cash_names import CashNames
from dutchbook.engine.closing import Closing
from dutchbook.engine.commands import Commands, StopStart
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.confirmations import Confirmations
from dutchbook.engine.desk import Desk, VenueSide
from dutchbook.engine.exits import Exits
from dutchbook.engine.housekeeping import Housekeeping
from dutchbook.engine.links import LinkDesk
from dutchbook.engine.payouts import WaitingPayouts
from dutchbook.engine.pursuit import Pursuit
from dutchbook.engine.reconciliation import Reconciliation
from dutchbook.engine.repairs import Repairs
from dutchbook.engine.settlement import Settlement
from dutchbook.engine.state import StateFeed
from dutchbook.engine.streams import Streams
from dutchbook.engine.trades import Trades
from dutchbook.engine.treasury import Treasury
from dutchbook.engine.watch import Watch
from dutchbook.ledger.journal import Journal
from dutchbook.risk.view import KillSwitch, RiskView

__all__ = ["Engine", "VenueSide"]


START_PAUSES_NS: Final = (200 * MILLISECOND, SECOND, 3 * SECOND)
"""Pauses between the tries of a read without which the engine cannot start."""


class Engine:
    """`start`, let it run, `stop`. What it knows is in `desk`; each part can be asked for its own figures."""

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
        self.desk = Desk(config, venues, {link.id: link for link in links}, journal, clock, entropy)
        self.accounts = Accounts(
            self.desk.trading, self.desk.ledger, clock, self.desk, WaitingPayouts(self.desk.ledger, clock)
        )
        self.settlement = Settlement(self.desk.ledger, self.desk.links, self.desk)
        self.trades = Trades(self.desk, self._trade_ended)
        self.pursuit = Pursuit(self.desk, self.accounts, self.trades, self.view, observe_book)
        self.links = LinkDesk(self.desk, self.pursuit)
        self.desk.reread = self.links.compare
        self.by_hand = ByHand(self.desk, self.pursuit, self.trades, self.view)
        self.streams = Streams(self.desk, self.trades, self.pursuit, self.settlement.take)
        self.confirmations = Confirmations(self.desk, self.trades)
        self.desk.stale, self.desk.cash = self.streams.stale, self.accounts.available
        self.reconciliation = Reconciliation(self.desk, self.accounts, self.settlement, self.trades)
        self.housekeeping = Housekeeping(self.desk, self.accounts, self.settlement, self.reconciliation.cash)
        self.exits = Exits(self.desk, self.trades)
        self.treasury = Treasury(
            self.desk, self.accounts.payouts, {name: side.wallet for name, side in venues.items() if side.wallet}
        )
        self.closing = Closing(self.desk, self.trades)
        self.watch = Watch(self.desk, self.closing, self._see, self.streams.heard)
        self.commands = Commands(self.desk)
        self.stop_start = StopStart(self.desk, self.closing, self.watch.loss)
        self.stop_start.register(self.commands)
        self.commands.register("reconcile", self.reconciliation.command)
        self.commands.register("settle", self.housekeeping.settle)
        self.capital = CapitalWatch(self.desk, self.accounts.payouts)
        Repairs(self.desk, self.trades).register(self.commands)
        CashNames(self.desk).register(self.commands)
        self.links.register(self.commands)
        self.state = StateFeed(self.desk, self.pursuit, self.accounts, self.watch)

    async def start(self) -> None:
        """Connect, read markets and balances, take up what an earlier run left half done, then accept new work.

        Raises the error of whatever cannot be read: nothing trades on a guess.
        """
        desk, config = self.desk, self.desk.config
        await self._insist(self._load_markets)
        for side in desk.venues.values():
            await self._insist(side.trading.connect)
        desk.record(EngineStarted(dutchbook.__version__, config.mode.value))
        self.links.compare(desk.markets.values())
        if config.serve_state:
            self.state.open()
        await self._insist(self.accounts.open)
        await self.housekeeping.learn_paid()
        await self.housekeeping.check_venues()
        self.streams.open()
        desk.began_ns = desk.clock.monotonic()
        self.trades.recover()
        self.settlement.book_all()
        for name, side in desk.venues.items():
            if isinstance(side.trading, SignsAhead):
                desk.spawn(side.trading.sign_ahead(), f"{name} signatures")
            if isinstance(side.trading, KeepsAlive) and config.dead_man and config.sending:
                desk.spawn(side.trading.keep_alive(), f"{name} heartbeats")
        self.stop_start.resume()
        await self.reconciliation.round()
        desk.every(config.reconcile_every_ns, self.reconciliation.round)
        desk.every(config.balance_every_ns, self.housekeeping.refresh_balances)
        desk.every(config.results_every_ns, self.housekeeping.poll_results)
        desk.every(config.venues_every_ns, self.housekeeping.check_venues)
        desk.every(config.results_every_ns, self.housekeeping.learn_paid)
        desk.every(config.rules_every_ns, self.links.look)
        desk.every(config.confirm_every_ns, self.confirmations.ask)
        if config.early_exit is not None:
            desk.every(config.exits_every_ns, self.exits.look)
        if self.treasury.wallets:
            desk.every(config.treasury_every_ns, self.treasury.work)
        desk.every(config.publish_every_ns, self._publish)
        desk.every(config.publish_every_ns, self.watch.round)
        desk.every(LOOK_EVERY_NS, self.capital.look)
        if config.commands_every_ns:
            desk.spawn(self.commands.run(), "commands")
        if not config.sending:
            await self.pursuit.say_held_back()
            desk.every(MINUTE, self.pursuit.say_held_back)
        # a part may have failed while the others were being started
        desk.accepting = desk.failure is None

    async def _insist(self, read: Callable[[], Awaitable[object]]) -> None:
        """A read that the engine cannot start without, repeated when its answer was lost or the venue was not there."""
        for pause_ns in START_PAUSES_NS:
            try:
                await read()
                return
            except (Retry, Lost, MalformedFrame) as error:
                self.desk.log.warning("not read; asking again", reason=str(error))
                await self.desk.clock.sleep(pause_ns)
        await read()

    def halt_entries(self) -> None:
        """No new trades from here; those under way go on to their end."""
        self.desk.accepting = False

    async def stop(self, reason: str, patience_ns: int = 30 * SECOND) -> bool:
        """Finish the trades under way, then close everything. False when some could not be finished in time.

        Whatever is left half done is in the journal, and the next start goes on with it.
        """
        desk = self.desk
        self.halt_entries()
        deadline = desk.clock.monotonic() + patience_ns
        while self.trades.working and desk.failure is None and desk.clock.monotonic() < deadline:
            await desk.clock.sleep(20 * MILLISECOND)
        finished = not desk.ledger.working
        self.pursuit.say_dry_run()
        desk.funnel.finish()
        if desk.failure is None:
            await self._publish()
            desk.record(EngineStopped(reason))
        await desk.cancel_tasks()
        return finished

    async def _load_markets(self) -> None:
        """Metadata of every market that is linked or held. Raises Unavailable when one that is held was not readable: without
        it nothing of its trade could be asked, sold or paid."""
        desk = self.desk
        needed = {leg.claim.market for trade in desk.ledger.open.values() for leg in trade.legs if not leg.settled}
        wanted: dict[str, set[str]] = {}
        known: dict[str, set[str]] = {}
        optional = self.links.optional() - needed
        for market in needed.union(*(link.markets for link in desk.links.values())):
            which = known if market in optional else wanted
            which.setdefault(venue_of(market), set()).add(native_of(market))
        for name, side in desk.venues.items():
            markets = await side.data.markets(sorted(wanted.get(name, ())))
            markets += await self.links.read(name, sorted(known.get(name, ())))
            side.trading.know(markets)
            desk.markets.update({market.id: market for market in markets})
        missing = sorted(needed - desk.markets.keys())
        if missing:
            raise Unavailable(f"{', '.join(missing)}: held, and not readable at the venue")
        self.pursuit.watch()

    def _trade_ended(self, trade: TradeBook) -> None:
        """After each trade: the cooldown of its event begins, results that waited are booked, the breakers look."""
        self.pursuit.last_attempt_ns[trade.opened.event] = self.desk.clock.monotonic()
        self.settlement.book_all()
        self.watch.check()

    def view(self) -> RiskView:
        """What the gate sees now; unreadable figures are a thrown switch."""
        return self.watch.view()

    def _see(self) -> RiskView:
        desk = self.desk
        figures = desk.figures()
        heard = self.streams.heard()
        switch = desk.ledger.kill_switch
        return RiskView(
            wall_ns=desk.clock.wall(),
            monotonic_ns=desk.clock.monotonic(),
            kill_switch=KillSwitch(switch is not None, switch.reason if switch else ""),
            breaker=self.watch.holding,
            naked_trades=len(figures.unresolved),
            daily=figures.counters(desk.books),
            balances=self.accounts.balances,
            reserved=self.accounts.reserved(),
            open_positions=figures.open_positions,
            exposure=figures.exposure,
            last_attempt_ns=self.pursuit.last_attempt_ns,
            markets=desk.markets,
            books=desk.books,
            confirmed_ns=self.streams.confirmed(),
            heard_ns=heard,
            clock_offsets_ns=self.housekeeping.offsets_ns,
            modes=self.housekeeping.modes,
            windows=self.housekeeping.windows,
        )

    async def _publish(self) -> None:
        """Snapshots for readers in other processes."""
        self.desk.publish("funnel", self.desk.funnel.snapshot())
        self.desk.publish("health", self.health())

    def health(self) -> dict[str, object]:
        """What an operator asks first, as plain data."""
        desk = self.desk
        now = desk.clock.monotonic()
        switch = desk.ledger.kill_switch
        return {
            "mode": desk.config.mode.value,
            "at_ns": desk.clock.wall(),
            "accepting": desk.accepting and desk.config.sending and switch is None,
            "kill_switch": switch.reason if switch else None,
            "failure": None if desk.failure is None else str(desk.failure),
            "feeds": {
                name: {
                    "up": c.up.is_set(),
                    "age_ms": (now - c.last_frame_ns) // MILLISECOND if c.last_frame_ns else None,
                    "frames": c.frames,
                    "reconnects": c.reconnects,
                    "troubles": c.troubles,
                }
                for name, c in self.streams.connections.items()
            },
            "books_live": sum(book.live for book in desk.books.values()),
            "books": len(desk.books),
            "venues": {name: mode.value for name, mode in self.housekeeping.modes.items()},
            "clock_offset_ms": {n: o // MILLISECOND for n, o in self.housekeeping.offsets_ns.items()},
            "differences": {venue: len(found) for venue, found in self.reconciliation.findings.items()},
            "working": self.trades.working,
        }
