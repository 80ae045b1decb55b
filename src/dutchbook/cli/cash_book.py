"""The ledger as an account book: one row for each thing that moved cash or contracts, for accounts and tax. Pure and exact.

The cash changes of all rows add up to what the ledger says each pool holds, to the millionth: what no fact names (a venue that
closes YES against NO pays a dollar a pair) is a row of its own, so nothing can be left out. Never reads a file or prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from dutchbook.core.claim import venue_of
from dutchbook.core.facts import (
    CashMoved,
    FeeTrued,
    Filled,
    FillReversed,
    LegResettled,
    LegSettled,
    LotsMarked,
    SetsMerged,
)
from dutchbook.core.money import Size, format_micros
from dutchbook.core.order import Action
from dutchbook.core.position import LegRow, OrderRow, TradeBook
from dutchbook.ledger.journal import Record
from dutchbook.ledger.projection import Ledger


class Kind(Enum):
    """What a row is."""

    BUY = "buy"
    SELL = "sell"
    REVERSAL = "reversal"
    """A fill that the venue took back: the opposite of its own row."""
    PAYOUT = "payout"
    CORRECTION = "payout_correction"
    MERGE = "merge"
    """Complete sets turned into a dollar each."""
    NETTING = "netting"
    """YES closed against NO by the venue itself, a dollar a pair, or that dollar given back by a payout that contains it."""
    MARK = "mark"
    """A counter-entry by a person."""
    FEE = "fee_true_up"
    CASH = "cash"
    """Opening balance, deposit, withdrawal, transfer, interest, unexplained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row. Times are wall nanoseconds, the rest millionths: `contracts` came in (+) or went out (-), `amount` likewise
    in dollars before the fee, and `fee` is a cost."""

    seq: int
    booked_ns: int
    at_ns: int
    """The venue's own time where it tells one (fills), else when it was booked."""
    kind: Kind
    venue: str
    pool: str
    market: str = ""
    outcome: str = ""
    trade: str = ""
    order: str = ""
    venue_order: str = ""
    fill: str = ""
    contracts: int = 0
    amount: int = 0
    fee: int = 0
    liquidity: str = ""
    provisional: bool = False
    note: str = ""

    @property
    def cash_change(self) -> int:
        """What the pool gained or lost."""
        return self.amount - self.fee


def entries(records: Iterable[Record], netting: frozenset[str]) -> list[Entry]:
    """The rows of a whole journal, in its order. `netting` names the venues that close YES against NO by themselves."""
    ledger = Ledger(netting)
    found: list[Entry] = []
    for record in records:
        named = list(_named(ledger, record))
        before = dict(ledger.cash)
        ledger.apply(record.fact, record.at_ns)
        found += named
        moved = {pool: cash - before.get(pool, 0) for pool, cash in ledger.cash.items()}
        for row in named:
            moved[row.pool] = moved.get(row.pool, 0) - row.cash_change
        found += (_netted(record, pool, rest, named) for pool, rest in moved.items() if rest)
    return [_now(row, ledger) for row in found]


def balances(rows: Iterable[Entry]) -> dict[str, int]:
    """Sum of the cash changes of each pool."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.pool] = totals.get(row.pool, 0) + row.cash_change
    return totals


def _named(ledger: Ledger, record: Record) -> Iterator[Entry]:
    """The rows that a fact names itself, as the ledger stands before it."""
    fact = record.fact
    match fact:
        case CashMoved():
            text = f"{fact.kind}: {fact.note}" if fact.note else fact.kind
            yield _entry(record, Kind.CASH, fact.venue, fact.pool, amount=fact.amount, note=text)
        case FeeTrued():
            trade = fact.trade
            yield _entry(
                record, Kind.FEE, fact.venue, fact.pool, trade=trade, fee=fact.amount, note="computed fees corrected"
            )
        case Filled():
            yield from _filled(ledger.trades[fact.trade], record, fact)
        case FillReversed():
            yield from _reversed(ledger.trades[fact.trade], record, fact)
        case LegSettled() | LegResettled():
            yield from _paid(ledger.trades[fact.trade].leg(fact.leg), record, fact)
        case SetsMerged():
            leg = ledger.trades[fact.trade].leg(fact.leg)
            yield from _of_leg(leg, record, Kind.MERGE, fact.trade, -fact.size, -fact.size, amount=fact.size)
        case LotsMarked():
            leg = ledger.trades[fact.trade].leg(fact.leg)
            note = f"{fact.by}: {fact.reason}"
            yield from _of_leg(leg, record, Kind.MARK, fact.trade, fact.size, 0, amount=fact.cash, note=note)


def _filled(trade: TradeBook, record: Record, fact: Filled) -> Iterator[Entry]:
    row = trade.order(fact.order)
    if fact.fill not in row.fills and fact.fill not in row.reversed:
        yield _fill(trade, row, record, fact, fact.at_ns)


def _reversed(trade: TradeBook, record: Record, fact: FillReversed) -> Iterator[Entry]:
    row = trade.order(fact.order)
    fill = row.fills.get(fact.fill)
    if fill is not None:
        back = _fill(trade, row, record, fill, 0)
        yield replace(
            back, kind=Kind.REVERSAL, contracts=-back.contracts, amount=-back.amount, fee=-back.fee, note=fact.reason
        )


def _fill(trade: TradeBook, row: OrderRow, record: Record, fill: Filled, at_ns: int) -> Entry:
    plan = row.plan
    leg = trade.leg(plan.leg)
    claim = leg.claim.opposite if plan.opposite else leg.claim
    bought = plan.action is Action.BUY
    return Entry(
        seq=record.seq,
        booked_ns=record.at_ns,
        at_ns=at_ns or record.at_ns,
        kind=Kind.BUY if bought else Kind.SELL,
        venue=venue_of(claim.market),
        pool=leg.plan.pool,
        market=claim.market,
        outcome=claim.outcome.value,
        trade=trade.id,
        order=plan.id,
        venue_order=row.venue_order_id,
        fill=fill.fill,
        contracts=fill.size if bought else -fill.size,
        amount=-fill.cash if bought else fill.cash,
        fee=fill.fee,
        liquidity=fill.liquidity.value,
        note=f"on the word of {fill.by}" if fill.by else "",
    )


def _paid(leg: LegRow, record: Record, fact: LegSettled | LegResettled) -> Iterator[Entry]:
    """A payout, or what a correction of it changes; contracts and sets that came after the first one are paid with it."""
    before = leg.settled
    sets = leg.sets
    contracts, payout, fee = -leg.held - sets, fact.payout, fact.fee
    if before is not None:
        sets = Size(sets - leg.paid_sets)
        contracts, payout, fee = leg.paid_size - leg.held - sets, payout - before.payout, fee - before.fee
    kind = Kind.PAYOUT if before is None else Kind.CORRECTION
    note = f"YES is worth {format_micros(fact.yes_value)}"
    yield from _of_leg(leg, record, kind, fact.trade, contracts, -sets, amount=payout + sets, fee=fee, note=note)


def _of_leg(
    leg: LegRow,
    record: Record,
    kind: Kind,
    trade: str,
    contracts: int,
    opposite: int,
    *,
    amount: int,
    fee: int = 0,
    note: str = "",
) -> Iterator[Entry]:
    """A row for the leg's claim with the money, and one for the opposite claim where its contracts move too."""
    for claim, size, cash, cost in ((leg.claim, contracts, amount, fee), (leg.claim.opposite, opposite, 0, 0)):
        if claim is leg.claim or size or cash:
            yield _entry(
                record,
                kind,
                venue_of(claim.market),
                leg.plan.pool,
                market=claim.market,
                outcome=claim.outcome.value,
                trade=trade,
                contracts=size,
                amount=cash,
                fee=cost,
                note=note,
            )


def _netted(record: Record, pool: str, amount: int, named: Sequence[Entry]) -> Entry:
    """What a pool gained or lost beside the rows that the fact names."""
    of = next((row for row in named if row.pool == pool), None)
    return _entry(
        record,
        Kind.NETTING,
        of.venue if of else pool.partition(":")[0],
        pool,
        market=of.market if of else "",
        trade=of.trade if of else "",
        amount=amount,
        note="a dollar a pair of YES and NO" if amount > 0 else "a dollar a pair, paid earlier",
    )


def _entry(
    record: Record,
    kind: Kind,
    venue: str,
    pool: str,
    *,
    market: str = "",
    outcome: str = "",
    trade: str = "",
    contracts: int = 0,
    amount: int = 0,
    fee: int = 0,
    note: str = "",
) -> Entry:
    return Entry(
        seq=record.seq,
        booked_ns=record.at_ns,
        at_ns=record.at_ns,
        kind=kind,
        venue=venue,
        pool=pool,
        market=market,
        outcome=outcome,
        trade=trade,
        contracts=contracts,
        amount=amount,
        fee=fee,
        note=note,
    )


def _now(row: Entry, ledger: Ledger) -> Entry:
    """A fill's row with what was told later: the venue's order id, and whether it may still be reversed."""
    if not row.fill:
        return row
    order = ledger.trades[row.trade].order(row.order)
    fill = order.fills.get(row.fill)
    return replace(row, venue_order=order.venue_order_id, provisional=fill is not None and not fill.final)
