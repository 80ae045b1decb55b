"""The circuit breakers at work: counters from the ledger and the streams, and what follows when one trips.

The rules are the table in `risk.breakers`; this file counts, throws the switch, holds entries, has open risk taken down when
the loss limit says so, and tells it once an episode. Figures that cannot be read count as a thrown switch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from dutchbook.core.claim import venue_of
from dutchbook.core.clock import MINUTE
from dutchbook.core.errors import DutchbookError, LedgerError
from dutchbook.core.facts import Alarmed, KillSwitchSet
from dutchbook.core.money import Cash
from dutchbook.core.opportunity import Rejection
from dutchbook.core.order import Action, OrderState
from dutchbook.core.position import LegRow, TradeBook
from dutchbook.core.trade import Phase
from dutchbook.engine.closing import Closing
from dutchbook.engine.desk import Desk
from dutchbook.risk.breakers import LOSS, Counters, Effect, Trip, trips
from dutchbook.risk.checks import loss_breaker
from dutchbook.risk.view import KillSwitch, RiskView

EPISODE_NS: Final = MINUTE
"""What holds entries up again within this time is the same trouble, and has been told."""

_STANDING_ALONE: Final = frozenset({Phase.SETTLING, Phase.NAKED, Phase.HANDED_OVER})
"""Phases in which contracts stand alone for longer than an order takes: a leg that goes first is not naked yet."""

_ANSWERED: Final = frozenset({OrderState.DONE, OrderState.REJECTED, OrderState.RESTING, OrderState.DELAYED})


class Watch:
    """`holding` is why entries are held up now, None when they are not. `see` reads what the gate sees; `heard` gives the
    time of each venue's last frame.
    """

    def __init__(
        self, desk: Desk, closing: Closing, see: Callable[[], RiskView], heard: Callable[[], Mapping[str, int]]
    ) -> None:
        self.holding: Rejection | None = None
        self._desk = desk
        self._closing = closing
        self._see = see
        self._heard = heard
        self._told: dict[str, int] = {}
        self._blind = ""
        self._answered_for: KillSwitchSet | None = None

    def view(self) -> RiskView:
        """What the gate sees. When it cannot be read, a view in which the kill switch is on and nothing else is known."""
        try:
            seen = self._see()
        except Exception as error:
            # whatever it is: without its figures the gate must not let anything through
            return self._without_sight(error)
        self._blind = ""
        return seen

    def loss(self) -> Rejection | None:
        """Whether today's loss stands at its limit (M21)."""
        return loss_breaker(self.view(), self._desk.config.limits)

    async def round(self) -> None:
        """By the clock: feeds fall silent and naked legs lose while nothing else happens."""
        self.check()
        await self._closing.work()

    def check(self) -> None:
        """Look at the loss limit and at every breaker once."""
        desk = self._desk
        loss = self.loss()
        if loss is not None:
            desk.trip(loss.text)
        self._close_after_loss()
        try:
            found = trips(self.counters(), desk.config.breakers)
        except Exception as error:
            self._without_sight(error)
            return
        for trip in found:
            if trip.effect is Effect.KILL:
                desk.trip(trip.text)
            else:
                self._tell(trip)
        self.holding = next((trip.rejection for trip in found if trip.effect is Effect.HOLD), None)

    def _tell(self, trip: Trip) -> None:
        """Once an episode: a feed that comes and goes is one."""
        now = self._desk.clock.monotonic()
        before = self._told.get(trip.key)
        self._told[trip.key] = now
        if before is None or now - before > EPISODE_NS:
            self._desk.log.error("entries are held up", reason=trip.text)
            self._desk.record(Alarmed("breaker", trip.text))

    def _close_after_loss(self) -> None:
        """Once for each time that the loss limit has thrown the switch, and again after a restart (M21)."""
        switch = self._desk.ledger.kill_switch
        if switch is not None and switch is not self._answered_for and switch.reason.startswith(LOSS):
            self._answered_for = switch
            self._closing.ask(self._desk.config.on_daily_loss, switch.reason)

    def _without_sight(self, error: Exception) -> RiskView:
        if isinstance(error, LedgerError):
            raise error
        desk = self._desk
        reason = f"the figures cannot be read ({type(error).__name__}: {error})"
        if reason != self._blind:
            self._blind = reason
            desk.log.error("no entries: fails closed", reason=reason)
            with suppress(DutchbookError):
                desk.record(Alarmed("kill_switch", f"{reason}: no entries until they can"))
        return RiskView(
            wall_ns=desk.clock.wall(), monotonic_ns=desk.clock.monotonic(), kill_switch=KillSwitch(True, reason)
        )

    def counters(self) -> Counters:
        """Figures of this moment; all but the silence of feeds come from the ledger and survive a restart."""
        answered, rejected = self._answers()
        ledger = self._desk.ledger
        return Counters(
            answered=answered,
            rejected=rejected,
            unknown=sum(row.state is OrderState.UNKNOWN for trade in ledger.open.values() for row in trade.orders()),
            naked_cost=Cash(sum(naked_cost(t) for t in ledger.open.values() if t.phase in _STANDING_ALONE)),
            silent_ns=self._silence(),
        )

    def _answers(self) -> tuple[Counter[str], Counter[str]]:
        desk = self._desk
        since = max(desk.clock.wall() - desk.config.breakers.reject_window_ns, self._started_ns())
        answered: Counter[str] = Counter()
        rejected: Counter[str] = Counter()
        for trade in desk.ledger.newest(since_ns=since):
            for leg in trade.legs:
                venue = venue_of(leg.claim.market)
                for row in leg.orders:
                    if row.state in _ANSWERED and row.plan.send_by_ns - desk.send_window_ns >= since:
                        answered[venue] += 1
                        rejected[venue] += row.state is OrderState.REJECTED
        return answered, rejected

    def _started_ns(self) -> int:
        """When a person last took the switch back: what was rejected before has been judged."""
        commands = reversed(self._desk.ledger.commands)
        return next((at_ns for at_ns, command in commands if command.command == "start"), 0)

    def _silence(self) -> dict[str, int]:
        now = self._desk.clock.monotonic()
        busy = {venue_of(leg.claim.market) for trade in self._desk.ledger.working for leg in trade.legs}
        return {venue: now - heard for venue, heard in self._heard().items() if venue in busy and heard}


def naked_cost(trade: TradeBook) -> int:
    """What the contracts beyond the smallest leg have cost, at each leg's own average, rounded against us."""
    least = min(leg.held for leg in trade.legs) if len(trade.legs) > 1 else 0
    return sum(_cost(leg, leg.held - least) for leg in trade.legs if not leg.settled)


def _cost(leg: LegRow, surplus: int) -> int:
    """Contracts of a leg at the average of what came in: purchases of its own claim, and marks."""
    size: int = leg.bought + sum(mark.size for mark in leg.marks if mark.size > 0)
    paid: int = sum(row.cash for row in leg.orders if row.plan.action is Action.BUY and not row.plan.opposite)
    paid += sum(-mark.cash for mark in leg.marks if mark.size > 0 and mark.cash < 0)
    return -(-paid * surplus // size) if size and surplus > 0 else 0
