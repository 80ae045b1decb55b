"""The composition in one process: feed -> opportunity -> risk -> execution -> ledger. Start-up is recovery.

Connects the parts and starts and stops them; each part is in its own file. Several processes cut the same composition at
the bus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import dutchbook
from dutchbook.core.book import Book
from dutchbook.core.claim import native_of, venue_of
from dutchbook.core.clock import MILLISECOND, MINUTE, SECOND, Clock, Entropy
from dutchbook.core.facts import EngineStarted, EngineStopped
from dutchbook.core.link import Link
from dutchbook.core.position import TradeBook
from dutchbook.core.venue import SignsAhead
from dutchbook.engine.accounts import Accounts
from dutchbook.engine.by_hand import ByHand
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.confirmations import Confirmations
from dutchbook.engine.desk import Desk, VenueSide
from dutchbook.engine.housekeeping import Housekeeping
from dutchbook.engine.pursuit import Pursuit
from dutchbook.engine.settlement import Settlement
from dutchbook.engine.streams import Streams
from dutchbook.engine.trades import Trades
from dutchbook.ledger.journal import Journal
from dutchbook.risk.checks import loss_breaker
from dutchbook.risk.view import KillSwitch, RiskView

__all__ = ["Engine", "VenueSide"]


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
        self.accounts = Accounts(self.desk.trading, self.desk.ledger, clock, self.desk)
        self.settlement = Settlement(self.desk.ledger, self.desk.links, self.desk)
        self.trades = Trades(self.desk, self._trade_ended)
        self.pursuit = Pursuit(self.desk, self.accounts, self.trades, self.view, observe_book)
        self.by_hand = ByHand(self.desk, self.pursuit, self.trades, self.view)
        self.streams = Streams(self.desk, self.trades, self.pursuit, self.settlement.take)
        self.confirmations = Confirmations(self.desk, self.trades)
        self.housekeeping = Housekeeping(self.desk, self.accounts, self.settlement)

    async def start(self) -> None:
        """Connect, read markets and balances, take up what an earlier run left half done, then accept new work.

        Raises the error of whatever cannot be read: nothing trades on a guess.
        """
        desk, config = self.desk, self.desk.config
        await self._load_markets()
        for side in desk.venues.values():
            await side.trading.connect()
        desk.record(EngineStarted(dutchbook.__version__, config.mode.value))
        await self.accounts.open()
        await self.housekeeping.check_venues()
        self.streams.open()
        self.trades.recover()
        self.settlement.book_all()
        for name, side in desk.venues.items():
            if isinstance(side.trading, SignsAhead):
                desk.spawn(side.trading.sign_ahead(), f"{name} signatures")
        desk.every(config.balance_every_ns, self.housekeeping.refresh_balances)
        desk.every(config.results_every_ns, self.housekeeping.poll_results)
        desk.every(config.venues_every_ns, self.housekeeping.check_venues)
        desk.every(config.confirm_every_ns, self.confirmations.ask)
        desk.every(config.publish_every_ns, self._publish)
        desk.every(config.publish_every_ns, self._watch_losses)
        if not config.sending:
            await self.pursuit.say_held_back()
            desk.every(MINUTE, self.pursuit.say_held_back)
        desk.accepting = True

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
        desk = self.desk
        wanted: dict[str, set[str]] = {}
        held = {leg.claim.market for trade in desk.ledger.holding() for leg in trade.legs if leg.held}
        working = {leg.claim.market for trade in desk.ledger.working for leg in trade.legs}
        linked = {market for link in desk.links.values() for market in link.markets}
        for market in linked | held | working:
            wanted.setdefault(venue_of(market), set()).add(native_of(market))
        for name, side in desk.venues.items():
            markets = await side.data.markets(sorted(wanted.get(name, ())))
            side.trading.know(markets)
            desk.markets.update({market.id: market for market in markets})
        self.pursuit.watch()

    def _trade_ended(self, trade: TradeBook) -> None:
        """After each trade: the cooldown of its event begins, results that waited are booked, the loss limit is checked."""
        self.pursuit.last_attempt_ns[trade.opened.event] = self.desk.clock.monotonic()
        self.settlement.book_all()
        self._check_losses()

    async def _watch_losses(self) -> None:
        """A naked leg loses while nothing else happens."""
        if self.desk.figures().unresolved:
            self._check_losses()

    def _check_losses(self) -> None:
        verdict = loss_breaker(self.view(), self.desk.config.limits)
        if verdict is not None:
            self.desk.trip(verdict.text)

    def view(self) -> RiskView:
        """What the gate sees now."""
        desk = self.desk
        figures = desk.figures()
        heard = self.streams.heard()
        switch = desk.ledger.kill_switch
        return RiskView(
            wall_ns=desk.clock.wall(),
            monotonic_ns=desk.clock.monotonic(),
            kill_switch=KillSwitch(switch is not None, switch.reason if switch else ""),
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
        self.desk.journal.set_gauge("funnel", self.desk.funnel.snapshot())
        self.desk.journal.set_gauge("health", self.health())

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
            "working": self.trades.working,
        }
