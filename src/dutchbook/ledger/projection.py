"""The ledger's state as a fold of its facts: trades, expected cash, held contracts, kill switch. Pure bookkeeping.

What the venue's statement should say follows from here, to the millionth: `cash` per pool and `net` per market.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dutchbook.core.claim import Claim, MarketId, Outcome, venue_of
from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    CashMoved,
    EngineStarted,
    EngineStopped,
    FeeTrued,
    Filled,
    FillReversed,
    KillSwitchSet,
    LegSettled,
    OutcomesDiverged,
    TradeOpened,
)
from dutchbook.core.money import Cash, Size
from dutchbook.core.order import Action
from dutchbook.core.position import LegRow, OrderRow, TradeBook
from dutchbook.ledger.journal import Record


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
    kill_switch: KillSwitchSet | None = None
    alarms: list[Alarmed] = field(default_factory=list)
    cash_events: list[tuple[int, CashMoved]] = field(default_factory=list)
    divergences: list[OutcomesDiverged] = field(default_factory=list)
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
            case OutcomesDiverged():
                self.divergences.append(fact)
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
                    self._move(leg, row.plan.action, fact.size, fact.cash, fact.fee)
            case FillReversed():
                row, leg = _find(trade, fact.order)
                fill = row.fills.get(fact.fill)
                trade.apply(fact, at_ns)
                if fill is not None:
                    self._move(leg, row.plan.action, -fill.size, -fill.cash, -fill.fee)
            case FeeTrued():
                trade.apply(fact, at_ns)
                self._pay(fact.pool, -fact.amount)
            case LegSettled():
                trade.apply(fact, at_ns)
                self._settle(trade.leg(fact.leg), fact)
            case _:
                trade.apply(fact, at_ns)

    def _move(self, leg: LegRow, action: Action, size: int, cash: int, fee: int) -> None:
        sign = 1 if action is Action.BUY else -1
        self._pay(leg.plan.pool, -sign * cash - fee)
        self._held[leg.claim] = self._held.get(leg.claim, 0) + sign * size
        self._pair(leg.claim.market, leg.plan.pool)

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
        market = leg.claim.market
        held = leg.held
        self._held[leg.claim] = self._held.get(leg.claim, 0) - held
        self._pay(leg.plan.pool, fact.payout - fact.fee)
        paired = self.paired.get(market, 0)
        if paired:
            # the venue paid one dollar a pair when it netted; the lots' payouts contain it again
            still = max(
                0,
                min(self._held.get(Claim(market, Outcome.YES), 0), self._held.get(Claim(market, Outcome.NO), 0)),
            )
            self.paired[market] = still
            self._pay(leg.plan.pool, still - paired)

    def _pay(self, pool: str, amount: int) -> None:
        self.cash[pool] = self.cash.get(pool, 0) + amount

    @property
    def working(self) -> list[TradeBook]:
        """Trades that still have orders out or legs unequal."""
        return [trade for trade in self.trades.values() if trade.working]

    def holding(self) -> Iterator[TradeBook]:
        """Trades that hold contracts not yet paid."""
        return (trade for trade in self.trades.values() if not trade.flat)

    def reserved(self, pool: str) -> Cash:
        """What open orders may still cost this pool."""
        return Cash(
            sum(
                leg.reserved
                for trade in self.trades.values()
                if trade.working
                for leg in trade.legs
                if leg.plan.pool == pool
            )
        )

    def held(self, claim: Claim) -> Size:
        """Contracts of a claim over all trades, before any netting."""
        return Size(self._held.get(claim, 0))

    def net(self) -> dict[MarketId, Size]:
        """YES minus NO per market, where it is not zero: what a netting venue shows."""
        totals: dict[MarketId, int] = {}
        for claim, size in self._held.items():
            totals[claim.market] = totals.get(claim.market, 0) + (size if claim.outcome is Outcome.YES else -size)
        return {market: Size(size) for market, size in totals.items() if size}


def _find(trade: TradeBook, order_id: str) -> tuple[OrderRow, LegRow]:
    for leg in trade.legs:
        for row in leg.orders:
            if row.plan.id == order_id:
                return row, leg
    raise ImpossibleEvent(f"trade {trade.id} has no order {order_id}")
