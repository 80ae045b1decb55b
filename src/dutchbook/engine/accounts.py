"""Cash at the venues: read, kept with its age, and compared with what the ledger expects.

A failed read leaves the old figure to grow stale; it is never taken for an empty account. A difference that computed fees
explain is booked as their correction; any other difference is an alarm and a typed cash event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from dutchbook.core.account import Balances
from dutchbook.core.claim import venue_of
from dutchbook.core.clock import Clock
from dutchbook.core.errors import DutchbookError
from dutchbook.core.facts import Alarmed, AnyFact, CashMoved, FeeTrued
from dutchbook.core.money import Cash
from dutchbook.core.position import TradeBook
from dutchbook.core.venue import Trading
from dutchbook.engine.payouts import WaitingPayouts
from dutchbook.execution.findings import ABSURD, FEE_TOLERANCE, AdoptCash
from dutchbook.ledger.projection import Ledger


class Recorder(Protocol):
    def record(self, *facts: AnyFact) -> None: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """Venue minus ledger for one pool, millionths of a dollar."""

    venue: str
    pool: str
    stated: Cash
    expected: Cash

    @property
    def amount(self) -> Cash:
        return Cash(self.stated - self.expected)


class Accounts:
    """Balances of every venue that trades."""

    def __init__(
        self, trading: Mapping[str, Trading], ledger: Ledger, clock: Clock, recorder: Recorder, payouts: WaitingPayouts
    ) -> None:
        self.balances: dict[str, Balances] = {}
        self.errors: dict[str, str] = {}
        self.payouts = payouts
        self._trued_to: dict[str, int] = {}
        self._trading = trading
        self._ledger = ledger
        self._clock = clock
        self._recorder = recorder

    async def open(self) -> list[Difference]:
        """First reading. A pool that the ledger does not know yet is booked as opening cash, unless the figure cannot be;
        differences are returned.

        Raises the venue's error when it cannot be read: an engine does not start on an unknown account.
        """
        differences: list[Difference] = []
        for venue, trading in self._trading.items():
            balances = await trading.balances()
            self.balances[venue] = balances
            for pool, cash in balances.available.items():
                if not 0 <= cash < ABSURD:
                    # not booked: reconciliation shows it, and nothing is spent from it
                    continue
                if pool not in self._ledger.cash:
                    self._recorder.record(CashMoved(venue, pool, "opening", cash))
                elif cash != self._ledger.cash[pool]:
                    differences.append(Difference(venue, pool, cash, Cash(self._ledger.cash[pool])))
        return differences

    async def refresh(self, venue: str) -> bool:
        """Read one venue's balances; False (and the reason kept) when that failed. Where payouts may wait at the venue, also what
        it holds: without that its cash is not compared, but what may be spent is known."""
        try:
            self.balances[venue] = await self._trading[venue].balances()
        except DutchbookError as error:
            self.errors[venue] = str(error)
            return False
        self.errors.pop(venue, None)
        if self.payouts.unread(venue) or (self.payouts.at(venue) and self.compare(venue)):
            booked = self._ledger.payouts
            try:
                held = (await self._trading[venue].positions()).held
            except DutchbookError:
                self.payouts.lose(venue)
            else:
                self.payouts.hold(venue, held, booked)
        return True

    def available(self) -> dict[str, Cash]:
        """Cash per pool that a new trade may use: the lower of venue and ledger, less what open orders may still cost."""
        free: dict[str, Cash] = {}
        for venue, balances in self.balances.items():
            ours = self.payouts.expected(venue)
            for pool, stated in balances.available.items():
                expected = ours.get(pool, stated)
                free[pool] = Cash(max(0, min(stated, expected) - self._ledger.reserved(pool)))
        return free

    def reserved(self) -> dict[tuple[str, str], Cash]:
        """What the gate must not count on: open orders' worst cost, and cash that the last balance shows but the ledger
        knows to be spent."""
        held: dict[tuple[str, str], Cash] = {}
        for venue, balances in self.balances.items():
            ours = self.payouts.expected(venue)
            for pool, stated in balances.available.items():
                spent = max(0, stated - ours.get(pool, stated))
                held[venue, pool] = Cash(spent + self._ledger.reserved(pool))
        return held

    def settled_with(self, venue: str) -> bool:
        """Whether the venue has nothing of ours in flight, and what waits there is known: its balance then says exactly what
        happened."""
        return self.payouts.known(venue) and all(
            leg.at_rest
            for trade in self._ledger.open.values()
            for leg in trade.legs
            if venue_of(leg.claim.market) == venue
        )

    def compare(self, venue: str) -> list[Difference]:
        """Venue against ledger, pools that agree left out. Only meaningful when `settled_with(venue)`."""
        balances = self.balances.get(venue)
        if balances is None:
            return []
        ours = self.payouts.expected(venue)
        return [
            Difference(venue, pool, stated, ours.get(pool, Cash(0)))
            for pool, stated in balances.available.items()
            if stated != ours.get(pool, 0)
        ]

    def true_up(self, venue: str) -> list[Difference]:
        """Book what the balance reveals about computed fees; returns the differences that fees cannot explain.

        Call only when `settled_with(venue)`. Fills that a balance has confirmed once explain nothing later.
        """
        different = {difference.pool: difference for difference in self.compare(venue)}
        left: list[Difference] = []
        for pool in self.balances[venue].available:
            difference = different.get(pool)
            if difference is not None:
                trades, fills = self._computed_fees(pool)
                if not trades or abs(difference.amount) > FEE_TOLERANCE * fills:
                    # something else is going on: these fills have not been confirmed by this balance
                    left.append(difference)
                    continue
                self._recorder.record(FeeTrued(trades[-1].id, venue, pool, -difference.amount))
            self._trued_to[pool] = self._ledger.facts
        return left

    def _computed_fees(self, pool: str) -> tuple[list[TradeBook], int]:
        """Trades (oldest first) and how many of their fills have a fee that the venue did not state and that no balance of
        this pool has confirmed yet, going by when a trade was last heard of."""
        trades: list[TradeBook] = []
        fills = 0
        for trade in self._ledger.newest(self._trued_to.get(pool, 0)):
            found = sum(
                not fill.fee_exact
                for leg in trade.legs
                if leg.plan.pool == pool
                for row in leg.orders
                for fill in row.fills.values()
            )
            if found:
                trades.append(trade)
                fills += found
        trades.sort(key=lambda trade: trade.opened_ns)
        return trades, fills

    def adopt(self, venue: str, cash: AdoptCash, text: str) -> None:
        """Book a difference as the cash event that it is; one that nothing explains loudly: the ledger follows the venue and a
        person is told."""
        moved = CashMoved(venue, cash.pool, cash.kind, cash.amount, text)
        if cash.kind == "unexplained":
            self._recorder.record(
                Alarmed(
                    "cash_difference", f"{text}; booked as unexplained cash; say what it was: `dutchbook cash name`"
                ),
                moved,
            )
        else:
            self._recorder.record(moved)
