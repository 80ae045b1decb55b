"""A trade as folded from its facts: legs, orders, fills, phase. The only state that deciding needs.

`TradeBook.apply` is pure bookkeeping through the two state tables; it decides nothing and does no I/O. The same fold
serves the running engine, a restart, the ledger's projections and the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from dutchbook.core.claim import Claim
from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import (
    AnyFact,
    FeeTrued,
    Filled,
    FillReversed,
    FillSettled,
    LegPlan,
    LegResettled,
    LegSettled,
    LotsMarked,
    OrderAbsent,
    OrderMoved,
    OrderPlan,
    OrdersPlanned,
    SetsMerged,
    TradeOpened,
    TradeTurned,
    WalletMoved,
    WalletStage,
)
from dutchbook.core.money import Cash, Size
from dutchbook.core.order import ENDED, Action, OrderEvent, OrderState, next_order_state
from dutchbook.core.trade import WORKING, Phase, Turn, next_phase

_CLOSED: Final = frozenset({Phase.LOCKED, Phase.FLAT, Phase.FAILED, Phase.DRY_RUN})
"""Phases that end the work on a trade as it was meant."""

_WITHOUT_FILL: Final = frozenset({OrderEvent.WITHHOLD, OrderEvent.VOID})
"""Events that say the order never reached the venue: a fill of it proves the opposite."""

_WITHOUT_WORD: Final = frozenset({OrderEvent.LOSE, OrderEvent.VOID})
"""Events that come without the venue's word that it has the order."""


@dataclass(slots=True)
class OrderRow:
    """One order: its plan, its state, the venue's count and the fills that explain it."""

    plan: OrderPlan
    state: OrderState = OrderState.PLANNED
    reported: Size = Size(0)
    venue_order_id: str = ""
    reason: str = ""
    code: str = ""
    absences: list[int] = field(default_factory=list)
    fills: dict[str, Filled] = field(default_factory=dict)
    reversed: dict[str, int] = field(default_factory=dict)
    """Fills that the venue took back, with their sizes: the venue's count may contain them for ever."""
    filled: Size = Size(0)
    """Contracts that the fills explain, reversed ones excluded."""

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def accounted(self) -> bool:
        """Whether fills (and reversals) explain all that the venue's count says."""
        return self.filled + sum(self.reversed.values()) >= self.reported

    @property
    def final(self) -> bool:
        """Whether no fill may still be reversed."""
        return all(fill.final for fill in self.fills.values())

    @property
    def cash(self) -> Cash:
        """Cash of the fills, positive, without fees."""
        return Cash(sum(f.cash for f in self.fills.values()))

    @property
    def fee(self) -> Cash:
        return Cash(sum(f.fee for f in self.fills.values()))


@dataclass(slots=True)
class LegRow:
    """One leg: what it holds now is what its orders bought less what they sold, and less what is bound in complete sets."""

    plan: LegPlan
    orders: list[OrderRow] = field(default_factory=list)
    marks: list[LotsMarked] = field(default_factory=list)
    merged: Size = Size(0)
    merging: Size = Size(0)
    """Complete sets whose merge was asked for, and of which nothing is known yet."""
    merging_ns: int = 0
    settled: LegSettled | None = None
    paid_size: Size = Size(0)
    """Contracts (sets left out) that the payout was for."""
    paid_sets: Size = Size(0)
    """Complete sets that were paid a dollar each beside it."""

    @property
    def claim(self) -> Claim:
        return self.plan.claim

    @property
    def _bought_in_sets(self) -> int:
        return sum(order.filled for order in self.orders if order.plan.opposite)

    @property
    def sets(self) -> Size:
        """Complete sets: a contract of the leg with its opposite, one dollar whatever happens, until they are merged."""
        return Size(self._bought_in_sets - self.merged)

    @property
    def mergeable(self) -> Size:
        """Complete sets that are there: the contract of one may have been reversed since its opposite was bought."""
        return Size(max(0, self.sets + min(0, self.held)))

    @property
    def held(self) -> Size:
        """Contracts that stand alone. A payout leaves it as it is: it is what the market has paid for (see `settled`)."""
        total = sum(mark.size for mark in self.marks)
        for order in self.orders:
            plan = order.plan
            total += order.filled if plan.action is Action.BUY and not plan.opposite else -order.filled
        return Size(total)

    @property
    def bought(self) -> Size:
        """Contracts of the leg's own claim that its orders bought."""
        return Size(
            sum(order.filled for order in self.orders if order.plan.action is Action.BUY and not order.plan.opposite)
        )

    @property
    def sellable(self) -> Size:
        """Contracts that the venue lets us sell now: bought and settled, less what was sold or is being sold or paired."""
        settled = sum(mark.size for mark in self.marks)
        leaving = 0
        for order in self.orders:
            plan = order.plan
            if plan.action is Action.BUY and not plan.opposite:
                settled += sum(fill.size for fill in order.fills.values() if fill.sellable)
            else:
                leaving += max(order.filled, 0 if order.ended else plan.size)
        return Size(max(0, settled - leaving))

    @property
    def spent(self) -> Cash:
        """Cash paid for purchases, without fees."""
        orders = sum(order.cash for order in self.orders if order.plan.action is Action.BUY)
        return Cash(orders - sum(mark.cash for mark in self.marks if mark.cash < 0))

    @property
    def received(self) -> Cash:
        """Cash received from sales, without fees, and the dollar of every complete set, merged or not."""
        orders = sum(order.cash for order in self.orders if order.plan.action is Action.SELL)
        return Cash(orders + self._bought_in_sets + sum(mark.cash for mark in self.marks if mark.cash > 0))

    @property
    def fees(self) -> Cash:
        return Cash(sum(order.fee for order in self.orders))

    @property
    def reserved(self) -> Cash:
        """What open purchases may still cost: kept reserved while the venue's answer is not known."""
        total = 0
        for order in self.orders:
            if order.plan.action is Action.BUY and not order.ended and order.plan.size:
                left = max(0, order.plan.size - order.filled)
                total += -(-order.plan.worst * left // order.plan.size)
        return Cash(total)

    @property
    def at_rest(self) -> bool:
        """Whether nothing of the leg is open: its orders have ended, every fill is known and final, what was paid is what is
        held, and no merge is under way."""
        paid = self.settled is None or self.paid_size == self.held
        return paid and not self.merging and all(row.ended and row.accounted and row.final for row in self.orders)


@dataclass(slots=True)
class TradeBook:
    """One trade and everything that happened to it."""

    opened: TradeOpened
    opened_ns: int
    phase: Phase = Phase.OPENED
    legs: list[LegRow] = field(default_factory=list)
    reason: str = ""
    rounds: int = 0
    turned_ns: int = 0
    """Wall time of the last turn or round of orders."""
    closed_ns: int = 0
    settled_ns: int = 0
    touched_ns: int = 0
    """Wall time of the newest fact."""
    fees_trued: int = 0
    exited: bool = False
    """Whether it was locked and then sold before its markets paid."""
    rolled_back: bool = False
    in_hand: bool = False
    """Whether a person took it over and did not hand it back: whatever becomes of it, the engine leaves it alone."""

    @staticmethod
    def open(fact: TradeOpened, at_ns: int) -> TradeBook:
        """A trade from its opening fact."""
        trade = TradeBook(fact, at_ns, legs=[LegRow(plan) for plan in fact.legs], turned_ns=at_ns, touched_ns=at_ns)
        trade._add_orders(fact.orders)
        return trade

    @property
    def id(self) -> str:
        return self.opened.trade

    @property
    def working(self) -> bool:
        return self.phase in WORKING

    def leg(self, index: int) -> LegRow:
        """Raises ImpossibleEvent when the trade has no such leg."""
        if not 0 <= index < len(self.legs):
            raise ImpossibleEvent(f"trade {self.id} has no leg {index}")
        return self.legs[index]

    def orders(self) -> Iterator[OrderRow]:
        for leg in self.legs:
            yield from leg.orders

    def order(self, order_id: str) -> OrderRow:
        """Raises ImpossibleEvent when the trade has no such order."""
        for row in self.orders():
            if row.plan.id == order_id:
                return row
        raise ImpossibleEvent(f"trade {self.id} has no order {order_id}")

    @property
    def fees(self) -> Cash:
        return Cash(
            sum(leg.fees for leg in self.legs)
            + sum(leg.settled.fee for leg in self.legs if leg.settled)
            + self.fees_trued
        )

    @property
    def spent(self) -> Cash:
        """All cash paid for contracts, without fees."""
        return Cash(sum(leg.spent for leg in self.legs))

    @property
    def pnl(self) -> Cash:
        """Cash in less cash out so far: real once nothing is held, the negative cost basis while something is."""
        payouts = sum(leg.settled.payout for leg in self.legs if leg.settled)
        return Cash(sum(leg.received for leg in self.legs) + payouts - self.spent - self.fees)

    @property
    def locked_profit(self) -> Cash:
        """What the equal part surely brings in the core states: guaranteed payout plus sales less all costs."""
        count = min(leg.held for leg in self.legs)
        received = sum(leg.received for leg in self.legs)
        return Cash(count * self.opened.guaranteed // 1_000_000 + received - self.spent - self.fees)

    @property
    def flat(self) -> bool:
        """Whether nothing is held that a market has still to pay, complete sets included."""
        return all((leg.held == 0 and leg.sets == 0) or leg.settled for leg in self.legs)

    @property
    def at_rest(self) -> bool:
        """Whether nothing can come of it any more but a correction: no work, no open order, nothing unpaid or provisional, and
        what was paid is settled: a process may have died between the last payout and the turn."""
        quiet = not self.working and self.phase is not Phase.DRY_RUN
        settled = self.phase is Phase.SETTLED or not any(leg.settled for leg in self.legs)
        return quiet and settled and self.flat and all(leg.at_rest for leg in self.legs)

    @property
    def result(self) -> str:
        """How it stands, in a word: the phase, and for a trade that holds nothing any more why."""
        if self.phase is Phase.FLAT:
            return "exited" if self.exited else "rolled_back"
        return str(self.phase.value)

    def apply(self, fact: AnyFact, at_ns: int) -> None:
        """Take one of this trade's facts; raises ImpossibleEvent when a table does not know it."""
        match fact:
            case OrdersPlanned():
                phase = next_phase(self.phase, fact.turn)
                self._add_orders(fact.orders)
                self.phase, self.reason, self.turned_ns = phase, fact.reason, at_ns
                if fact.turn is Turn.EXIT:
                    self.closed_ns, self.exited = 0, True
            case OrderMoved():
                self._move(fact)
            case OrderAbsent():
                self.order(fact.order).absences.append(fact.as_of_ns)
            case Filled():
                self._fill(fact)
            case FillSettled():
                self._settle_fill(fact)
            case FillReversed():
                self._reverse(fact)
            case TradeTurned():
                self._turn(fact, at_ns)
            case LegSettled():
                leg = self.leg(fact.leg)
                if leg.settled is not None:
                    raise ImpossibleEvent(f"trade {self.id}: leg {fact.leg} has been paid already")
                leg.settled, leg.paid_size, leg.paid_sets = fact, leg.held, leg.sets
                leg.merging = Size(0)
            case LegResettled():
                leg = self.leg(fact.leg)
                if leg.settled is None:
                    raise ImpossibleEvent(
                        f"trade {self.id}: leg {fact.leg} has not been paid, so nothing can be corrected"
                    )
                leg.settled = LegSettled(self.id, fact.leg, fact.yes_value, fact.payout, fact.fee)
                leg.paid_size, leg.paid_sets = leg.held, leg.sets
            case SetsMerged():
                leg = self.leg(fact.leg)
                if leg.settled is not None or not 0 < fact.size <= leg.sets:
                    raise ImpossibleEvent(f"trade {self.id}: leg {fact.leg} has {leg.sets} in sets, not {fact.size}")
                leg.merged, leg.merging = Size(leg.merged + fact.size), Size(0)
            case WalletMoved():
                leg = self.leg(fact.leg)
                asked = fact.stage is WalletStage.ASKED and leg.settled is None
                leg.merging, leg.merging_ns = Size(fact.size if asked else 0), at_ns
            case LotsMarked():
                leg = self.leg(fact.leg)
                if leg.held + fact.size < 0:
                    raise ImpossibleEvent(
                        f"trade {self.id}: leg {fact.leg} holds {leg.held}, {-fact.size} cannot go out"
                    )
                leg.marks.append(fact)
            case FeeTrued():
                self.fees_trued += fact.amount
            case _:
                raise ImpossibleEvent(f"trade {self.id} cannot take a {type(fact).__name__}")
        self.touched_ns = at_ns

    def _turn(self, fact: TradeTurned, at_ns: int) -> None:
        self.phase = next_phase(self.phase, fact.turn)
        self.reason = fact.reason or self.reason
        self.turned_ns = at_ns
        if fact.turn is Turn.HAND_OVER:
            self.in_hand = True
        elif fact.turn in (Turn.REOPEN, Turn.EXIT):
            self.in_hand = False
        if fact.turn is Turn.SETTLE:
            self.settled_ns = at_ns
        elif fact.turn is Turn.REOPEN:
            self.closed_ns, self.rolled_back = 0, False
        elif self.phase in _CLOSED:
            self.closed_ns = at_ns
            self.exited = self.exited and self.phase is Phase.FLAT
            self.rolled_back = self.phase is Phase.FLAT and not self.exited

    def _add_orders(self, plans: tuple[OrderPlan, ...]) -> None:
        known = {row.plan.id for row in self.orders()}
        legs = [self.leg(plan.leg) for plan in plans]
        if len(known | {plan.id for plan in plans}) < len(known) + len(plans):
            raise ImpossibleEvent(f"trade {self.id}: an order id is used twice in {[plan.id for plan in plans]}")
        if plans:
            self.rounds += 1
        for leg, plan in zip(legs, plans, strict=True):
            leg.orders.append(OrderRow(plan))

    def _move(self, fact: OrderMoved) -> None:
        row = self.order(fact.order)
        if row.fills and fact.event in _WITHOUT_FILL:
            raise ImpossibleEvent(f"order {fact.order} has fills and cannot take the event {fact.event.value}")
        before, row.state = row.state, next_order_state(row.state, fact.event)
        if fact.event not in _WITHOUT_WORD or before is OrderState.VOIDED:
            # the venue knows it: absences count from here
            row.absences.clear()
        row.reported = Size(max(row.reported, fact.filled))
        row.venue_order_id = fact.venue_order_id or row.venue_order_id
        row.reason = fact.reason or row.reason
        row.code = fact.code or row.code

    def _fill(self, fact: Filled) -> None:
        row = self.order(fact.order)
        if fact.fill in row.fills or fact.fill in row.reversed:
            return
        row.state = next_order_state(row.state, OrderEvent.FILL)
        row.absences.clear()
        row.fills[fact.fill] = fact
        row.filled = Size(row.filled + fact.size)

    def _settle_fill(self, fact: FillSettled) -> None:
        row = self.order(fact.order)
        fill = row.fills.get(fact.fill)
        if fill is not None:
            # news may come out of order: what was final stays final
            row.fills[fact.fill] = replace(fill, final=fill.final or fact.final, sellable=True)

    def _reverse(self, fact: FillReversed) -> None:
        row = self.order(fact.order)
        fill = row.fills.pop(fact.fill, None)
        if fill is not None:
            row.filled = Size(row.filled - fill.size)
            if not fact.replaced:
                row.reversed[fact.fill] = fill.size
        elif not fact.replaced:
            # reversed before it was ever told: it explains what no fill explains of the venue's count
            unexplained = row.reported - row.filled - sum(row.reversed.values())
            row.reversed.setdefault(fact.fill, max(0, unexplained))
