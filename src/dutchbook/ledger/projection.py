"""The ledger's state as a fold of its facts: trades, expected cash, held contracts, kill switch. Pure bookkeeping.

What the venue's statement should say follows from here, to the millionth: `cash` per pool and `net` per market.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from dutchbook.core.claim import Claim, MarketId, Outcome, venue_of
from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    CashMoved,
    Commanded,
    EngineStarted,
    EngineStopped,
    FeeTrued,
    Filled,
    FillReversed,
    KillSwitchSet,
    LegResettled,
    LegSettled,
    LinkAnnotated,
    LinkProposed,
    LinkReread,
    LinkTurned,
    LotsMarked,
    OrderPlan,
    OutcomesDiverged,
    SetsMerged,
    TradeOpened,
    WalletMoved,
)
from dutchbook.core.money import MICRO, Cash, Size
from dutchbook.core.order import Action
from dutchbook.core.position import LegRow, OrderRow, TradeBook
from dutchbook.ledger.journal import Record
from dutchbook.ledger.links import LinkBook

KEPT: Final = 1_000
"""So many alarms and commands are kept in memory, the newest; the journal has them all."""


@dataclass(slots=True)
class Ledger:
    """Everything the journal says. `netting` names the venues that close YES against NO by themselves.

    There, contracts of both claims of a market cancel out and one dollar a pair comes back at once; the lots stay on
    their trades until the market settles, and `paired` remembers what the venue has paid already.
    """

    netting: frozenset[str] = frozenset()
    trades: dict[str, TradeBook] = field(default_factory=dict)
    cash: dict[str, int] = field(default_factory=dict)
    paired: dict[MarketId, int] = field(default_factory=dict)
    paid: dict[MarketId, list[tuple[str, int]]] = field(default_factory=dict)
    """Legs that each market has paid: (trade, leg)."""
    kill_switch: KillSwitchSet | None = None
    facts: int = 0
    """How many facts were applied."""
    payouts: int = 0
    """How many of them booked or corrected a payout."""
    _touched: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Trades in the order of their newest fact, with its number and the latest wall time until then."""
    _latest_ns: int = 0
    _working: tuple[int, list[TradeBook]] = field(default=(-1, []), compare=False)
    _reserved: tuple[int, dict[str, int]] = field(default=(-1, {}), compare=False)
    _open: dict[str, TradeBook] = field(default_factory=dict, compare=False)
    _to_index: dict[str, None] = field(default_factory=dict, compare=False)
    alarms: list[Alarmed] = field(default_factory=list)
    """The newest, at least `KEPT` of them where there were so many; `alarms_told` counts all."""
    alarms_told: int = 0
    cash_events: list[tuple[int, CashMoved]] = field(default_factory=list)
    commands: list[tuple[int, Commanded]] = field(default_factory=list)
    """The newest, and of every verb the last one."""
    divergences: list[OutcomesDiverged] = field(default_factory=list)
    links: LinkBook = field(default_factory=LinkBook)
    started_ns: int = 0
    stopped: str | None = None
    seq: int = 0
    _held: dict[Claim, int] = field(default_factory=dict)

    def replay(self, records: Iterable[Record]) -> Ledger:
        """Fold records in order and return self."""
        for record in records:
            self.apply(record.fact, record.at_ns)
            self.seq = record.seq
        return self

    def apply(self, fact: AnyFact, at_ns: int) -> None:
        """Take one fact; raises ImpossibleEvent for one that cannot follow what is known."""
        self._take(fact, at_ns)
        self.facts += 1
        self._latest_ns = max(self._latest_ns, at_ns)
        trade = getattr(fact, "trade", "")
        if trade in self.trades:
            self._touched.pop(trade, None)
            self._touched[trade] = self.facts, self._latest_ns
            self._to_index[trade] = None

    def _take(self, fact: AnyFact, at_ns: int) -> None:
        match fact:
            case TradeOpened():
                if fact.trade in self.trades:
                    raise ImpossibleEvent(f"trade {fact.trade} was opened twice")
                self.trades[fact.trade] = TradeBook.open(fact, at_ns)
            case CashMoved():
                self._pay(fact.pool, fact.amount)
                self.cash_events.append((at_ns, fact))
            case KillSwitchSet():
                self.kill_switch = fact if fact.on else None
            case Alarmed():
                self.alarms.append(fact)
                self.alarms_told += 1
                if len(self.alarms) > 2 * KEPT:
                    del self.alarms[:-KEPT]
            case WalletMoved() if not fact.trade:
                pass  # the market has paid its trades already
            case OutcomesDiverged():
                self.divergences.append(fact)
            case LinkProposed() | LinkTurned() | LinkReread() | LinkAnnotated():
                self.links.apply(fact, at_ns)
            case Commanded():
                self.commands.append((at_ns, fact))
                if len(self.commands) > 2 * KEPT:
                    self.commands = _newest_commands(self.commands)
            case EngineStarted():
                self.started_ns, self.stopped = at_ns, None
            case EngineStopped():
                self.stopped = fact.reason
            case _:
                self._trade_fact(fact, at_ns)

    def _trade_fact(self, fact: AnyFact, at_ns: int) -> None:
        trade = self.trades.get(getattr(fact, "trade", ""))
        if trade is None:
            raise ImpossibleEvent(f"{type(fact).__name__} names a trade that was never opened")
        match fact:
            case Filled():
                row, leg = _find(trade, fact.order)
                known = fact.fill in row.fills or fact.fill in row.reversed
                trade.apply(fact, at_ns)
                if not known:
                    self._move(leg, row.plan, fact.size, fact.cash, fact.fee)
            case FillReversed():
                row, leg = _find(trade, fact.order)
                fill = row.fills.get(fact.fill)
                trade.apply(fact, at_ns)
                if fill is not None:
                    self._move(leg, row.plan, -fill.size, -fill.cash, -fill.fee)
            case FeeTrued():
                trade.apply(fact, at_ns)
                self._pay(fact.pool, -fact.amount)
            case LegSettled():
                trade.apply(fact, at_ns)
                self._settle(trade.leg(fact.leg), fact)
            case LegResettled():
                leg = trade.leg(fact.leg)
                before, paid, sets = leg.settled, leg.paid_size, leg.paid_sets
                trade.apply(fact, at_ns)
                assert before is not None  # the trade has refused it otherwise
                self._resettle(leg, before, paid, sets, fact)
            case SetsMerged():
                trade.apply(fact, at_ns)
                leg = trade.leg(fact.leg)
                for claim in (leg.claim, leg.claim.opposite):
                    self._hold(claim, -fact.size)
                self._pay(leg.plan.pool, fact.size)
                self._pair(leg.claim.market, leg.plan.pool)
            case LotsMarked():
                trade.apply(fact, at_ns)
                leg = trade.leg(fact.leg)
                self._hold(leg.claim, fact.size)
                self._pay(leg.plan.pool, fact.cash)
                self._pair(leg.claim.market, leg.plan.pool)
            case _:
                trade.apply(fact, at_ns)

    def _move(self, leg: LegRow, plan: OrderPlan, size: int, cash: int, fee: int) -> None:
        sign = 1 if plan.action is Action.BUY else -1
        self._pay(leg.plan.pool, -sign * cash - fee)
        self._hold(leg.claim.opposite if plan.opposite else leg.claim, sign * size)
        self._pair(leg.claim.market, leg.plan.pool)

    def _hold(self, claim: Claim, size: int) -> None:
        self._held[claim] = self._held.get(claim, 0) + size

    def _pair(self, market: MarketId, pool: str) -> None:
        if venue_of(market) not in self.netting:
            return
        yes = self._held.get(Claim(market, Outcome.YES), 0)
        no = self._held.get(Claim(market, Outcome.NO), 0)
        pairs = max(0, min(yes, no))
        before = self.paired.get(market, 0)
        if pairs != before:
            self.paired[market] = pairs
            self._pay(pool, pairs - before)

    def _settle(self, leg: LegRow, fact: LegSettled) -> None:
        self.payouts += 1
        market = leg.claim.market
        self.paid.setdefault(market, []).append((fact.trade, fact.leg))
        self._hold(leg.claim, -leg.held - leg.sets)
        self._hold(leg.claim.opposite, -leg.sets)
        self._pay(leg.plan.pool, fact.payout - fact.fee + leg.sets)
        # the venue paid one dollar a pair when it netted; the lots' payouts contain it again
        self._pair(market, leg.plan.pool)

    def _resettle(self, leg: LegRow, before: LegSettled, paid: Size, sets: Size, fact: LegResettled) -> None:
        """What a correction changes; contracts and sets that came after the first payout have been paid with it."""
        self.payouts += 1
        more_sets = leg.sets - sets
        self._hold(leg.claim, paid - leg.held - more_sets)
        self._hold(leg.claim.opposite, -more_sets)
        self._pay(leg.plan.pool, (fact.payout - fact.fee) - (before.payout - before.fee) + more_sets)
        self._pair(leg.claim.market, leg.plan.pool)

    def _pay(self, pool: str, amount: int) -> None:
        self.cash[pool] = self.cash.get(pool, 0) + amount

    @property
    def open(self) -> Mapping[str, TradeBook]:
        """Trades of which something may still come: all but those at rest. What is past costs nothing here."""
        for trade_id in self._to_index:
            trade = self.trades[trade_id]
            if trade.at_rest:
                self._open.pop(trade_id, None)
            else:
                self._open.setdefault(trade_id, trade)
        self._to_index.clear()
        return self._open

    def newest(self, after: int = 0, since_ns: int = 0) -> Iterator[TradeBook]:
        """Trades that a fact with a number above `after` touched, the last touched first.

        `since_ns` leaves out those that were surely not touched since that wall time; a clock that was set back hides none.
        """
        for trade_id, (number, latest_ns) in reversed(self._touched.items()):
            if number <= after or latest_ns < since_ns:
                return
            yield self.trades[trade_id]

    @property
    def working(self) -> list[TradeBook]:
        """Trades that still have orders out or legs unequal."""
        if self._working[0] != self.facts:
            self._working = (self.facts, [trade for trade in self.open.values() if trade.working])
        return self._working[1]

    def holding(self) -> Iterator[TradeBook]:
        """Trades that hold contracts not yet paid."""
        return (trade for trade in self.open.values() if not trade.flat)

    def reserved(self, pool: str) -> Cash:
        """What open orders may still cost this pool."""
        if self._reserved[0] != self.facts:
            totals: dict[str, int] = {}
            for trade in self.working:
                for leg in trade.legs:
                    totals[leg.plan.pool] = totals.get(leg.plan.pool, 0) + leg.reserved
            self._reserved = (self.facts, totals)
        return Cash(self._reserved[1].get(pool, 0))

    def held(self, claim: Claim) -> Size:
        """Contracts of a claim over all trades, before any netting."""
        return Size(self._held.get(claim, 0))

    def owned(self, claim: Claim) -> int:
        """Contracts of a claim over all trades, less those of its opposite: below zero where these are more."""
        return self._held.get(claim, 0) - self._held.get(claim.opposite, 0)

    def held_at(self, venue: str) -> dict[Claim, Size]:
        """Contracts of every claim held at a venue, before any netting."""
        return {claim: Size(size) for claim, size in self._held.items() if size and venue_of(claim.market) == venue}

    def due(self, market: MarketId) -> dict[str, Cash]:
        """By pool: what a market has paid us, as it is booked; nothing where the venue nets, and so pays by itself."""
        pools: dict[str, int] = {}
        if venue_of(market) not in self.netting:
            for trade, index in self.paid.get(market, ()):
                leg = self.trades[trade].legs[index]
                if leg.settled is not None:
                    paid = leg.settled.payout - leg.settled.fee + leg.paid_sets
                    pools[leg.plan.pool] = pools.get(leg.plan.pool, 0) + paid
        return {pool: Cash(paid) for pool, paid in pools.items() if paid > 0}

    def unredeemed(self, stated: Mapping[Claim, Size]) -> dict[MarketId, dict[str, Cash]]:
        """By market and pool: payouts that are booked here while their venue, by its statement, still holds the tokens; no more
        than these tokens are worth."""
        waiting: dict[MarketId, dict[str, Cash]] = {}
        for market in {claim.market for claim, size in stated.items() if size} & self.paid.keys():
            worth = self._worth(market, stated)
            left: dict[str, Cash] = {}
            for pool, due in self.due(market).items():
                part = min(due, worth)
                worth -= part
                if part:
                    left[pool] = Cash(part)
            if left:
                waiting[market] = left
        return waiting

    def _worth(self, market: MarketId, stated: Mapping[Claim, Size]) -> int:
        """What the tokens of a paid market pay, at the value that is booked."""
        trade, index = self.paid[market][-1]
        settled = self.trades[trade].legs[index].settled
        if settled is None:
            return 0
        values = {Outcome.YES: settled.yes_value, Outcome.NO: MICRO - settled.yes_value}
        return sum(stated.get(Claim(market, outcome), 0) * value for outcome, value in values.items()) // MICRO

    def cash_without(self, waiting: Mapping[MarketId, Mapping[str, Cash]]) -> dict[str, Cash]:
        """Cash by pool as the venue states it while those payouts wait there."""
        cash = {pool: Cash(amount) for pool, amount in self.cash.items()}
        for pools in waiting.values():
            for pool, due in pools.items():
                cash[pool] = Cash(cash.get(pool, 0) - due)
        return cash

    def net(self) -> dict[MarketId, Size]:
        """YES minus NO per market, where it is not zero: what a netting venue shows."""
        totals: dict[MarketId, int] = {}
        for claim, size in self._held.items():
            totals[claim.market] = totals.get(claim.market, 0) + (size if claim.outcome is Outcome.YES else -size)
        return {market: Size(size) for market, size in totals.items() if size}


def _newest_commands(commands: list[tuple[int, Commanded]]) -> list[tuple[int, Commanded]]:
    """What the last `stop` or `start` said stands, however many commands came after it."""
    last = {entry[1].command: entry for entry in commands[:-KEPT]}
    return [*sorted(last.values(), key=lambda entry: entry[0]), *commands[-KEPT:]]


def _find(trade: TradeBook, order_id: str) -> tuple[OrderRow, LegRow]:
    for leg in trade.legs:
        for row in leg.orders:
            if row.plan.id == order_id:
                return row, leg
    raise ImpossibleEvent(f"trade {trade.id} has no order {order_id}")
