"""Holds the ledger against what a venue states: every difference is a finding with a stable code, a sentence and a fix.

Pure: values in, findings out. A part of the statement that could not be read says nothing: it is never an empty account. A
finding is acted on only when two complete statements in a row show it and nothing in flight explains it, and never by more
than `MOST_REMEDIES` small remedies at a time; no position is ever traded away here. The codes:

| code             | what                                                  | what is done                                        |
|------------------|-------------------------------------------------------|-----------------------------------------------------|
| order_alive      | open at the venue, ended or never sent in the ledger  | cancelled; one taken for absent is asked about      |
| order_foreign    | open at the venue and nobody's here                   | shown: somebody trades by hand; never cancelled     |
| order_gone       | resting in the ledger, not listed by the venue        | asked about                                         |
| fill_missed      | a fill of an order of ours that the ledger lacks      | taken up                                            |
| fill_impossible  | a fill that names our order and cannot be of it       | shown: a person must look                           |
| fill_foreign     | a fill of an order that is nobody's here              | shown                                               |
| position         | contracts differ                                      | shown: `trade mark` or `reconcile --adopt`          |
| cash             | cash differs                                          | booked as a typed cash event, with an alarm         |
| absurd_position  | a size that cannot be                                 | refused: nothing is booked from it                  |
| absurd_balance   | a balance that cannot be                              | refused: nothing is booked from it                  |
| stale_read       | the statement is older than it may be                 | nothing else is concluded from it                   |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from dutchbook.core.account import Balances
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.money import Cash, Size, format_dollars, format_micros
from dutchbook.core.order import ENDED, Action, Fill, OrderState, ReportStatus
from dutchbook.execution.findings import (
    ABSURD,
    FEE_TOLERANCE,
    HOLDS_CASH,
    AdoptCash,
    AskOrder,
    Books,
    CancelOrder,
    Code,
    Finding,
    Keys,
    Remedy,
    TakeFill,
    VenueSnapshot,
)

MOST_REMEDIES: Final = 2
"""What one statement may lead to; the rest waits for the next."""

STALE_NS: Final = MINUTE
"""A venue's reads may lag so far behind before nothing is concluded from them."""

_NEVER_SENT: Final = frozenset({OrderState.PLANNED, OrderState.NOT_SENT, OrderState.DRY_RUN})
_OPEN: Final = frozenset({ReportStatus.RESTING, ReportStatus.DELAYED, ReportStatus.UNKNOWN})


def reconcile(view: Books, snapshot: VenueSnapshot, seen: Keys, now: int) -> list[Finding]:
    """Every difference between the ledger and a venue's statement, the urgent first.

    `seen` are the keys of the complete statement before this one, `now` is wall time. Remedies come only with a complete
    statement, for what was seen before.
    """
    as_of = snapshot.as_of_ns
    if as_of is not None and as_of + STALE_NS < now:
        text = f"{view.venue}: its reads are complete only up to {(now - as_of) // SECOND} s ago"
        return settle_remedies(
            [Finding(Code.STALE_READ, view.venue, view.venue, text)], seen, complete=snapshot.complete
        )
    first = [*_fills(view, snapshot), *_orders(view, snapshot)]
    being_booked = {each.remedy.fill.claim.market for each in first if isinstance(each.remedy, TakeFill)}
    strangers = [each for each in snapshot.fills or () if each.identity not in view.orders]
    # what is held may be a payout that waits: without it cash cannot be judged
    known = view.netting or snapshot.positions is not None
    cash = [] if snapshot.balances is None or not known else cash_differences(view, snapshot.balances, strangers)
    if any(each.code in HOLDS_CASH for each in first):
        # a fill to be booked, or what an open order holds back, may be all of it
        cash = [each for each in cash if each.code is not Code.CASH]
    found = [*first, *cash, *_positions(view, snapshot, being_booked)]
    return settle_remedies(found, seen, complete=snapshot.complete)


def settle_remedies(found: Iterable[Finding], seen: Keys, *, complete: bool) -> list[Finding]:
    """Findings with their remedies kept only where the rule lets them act now."""
    left = MOST_REMEDIES if complete else 0
    result: list[Finding] = []
    for finding in found:
        confirmed = complete and finding.key in seen
        remedy = finding.remedy if confirmed and left else None
        left -= remedy is not None
        result.append(replace(finding, confirmed=confirmed, remedy=remedy))
    return result


def cash_differences(view: Books, balances: Balances, foreign: Collection[Fill] = ()) -> list[Finding]:
    """Pools whose cash differs, with the cash event that would book it; nothing while something is in flight.

    Opposite amounts in two pools of a venue are a transfer; an amount that fills by hand explain to within what fees can be
    off is theirs; anything else is unexplained. Negative and absurd balances are refused. A pool that the ledger has never
    heard of is expected to be empty.
    """
    found: list[Finding] = []
    sane: dict[str, int] = {}
    for pool, stated in sorted(balances.available.items()):
        if not 0 <= stated < ABSURD:
            text = f"{pool}: the venue states {format_dollars(stated, 6)}, which cannot be"
            found.append(Finding(Code.ABSURD_BALANCE, view.venue, pool, text, stated, view.cash.get(pool, 0)))
        elif stated != view.cash.get(pool, 0):
            sane[pool] = stated - view.cash.get(pool, 0)
    if not view.quiet:
        return found
    kind = _kind(view, sane, foreign)
    for pool, amount in sane.items():
        stated = balances.available[pool]
        expected = view.cash.get(pool, 0)
        text = (
            f"{pool}: the venue states {format_micros(stated)}, the ledger expects {format_micros(expected)} "
            f"({format_dollars(amount, 6)}); {_WORDS[kind]}"
        )
        remedy = AdoptCash(pool, kind, Cash(amount))
        found.append(Finding(Code.CASH, view.venue, pool, text, stated, expected, remedy=remedy))
    return found


_WORDS: Final = {
    "transfer": "as much has moved between two pools of the venue",
    "by_hand": "trades by hand explain it",
    "unexplained": "nothing explains it",
}


def _kind(view: Books, different: Mapping[str, int], foreign: Collection[Fill]) -> str:
    if len(different) == 2 and not sum(different.values()):
        return "transfer"
    fresh = [fill for fill in foreign if fill.at_ns >= view.agreed_ns]
    if fresh and abs(sum(different.values()) - _brought(view, fresh)) <= FEE_TOLERANCE * len(fresh):
        return "by_hand"
    return "unexplained"


def _brought(view: Books, fills: Iterable[Fill]) -> int:
    """What fills did to the account's cash. Where the venue nets, a pair of both claims is a dollar at once."""
    total = 0
    net: dict[MarketId, int] = {}
    for fill in sorted(fills, key=lambda fill: fill.at_ns):
        buying = fill.action is Action.BUY
        total += (-fill.cash if buying else fill.cash) - fill.fee
        if not view.netting:
            continue
        market = fill.claim.market
        before = net.get(market, _net(view.held, market))
        step = fill.size if (fill.claim.outcome is Outcome.YES) is buying else -fill.size
        if before * step < 0:
            total += min(abs(before), abs(step)) * (1 if buying else -1)
        net[market] = before + step
    return total


def as_ordered(fill: Fill, claim: Claim, action: Action) -> Fill | None:
    """A fill in the claim and action of its order; None when it cannot be of such an order.

    To buy NO at q is to sell YES at 1 - q: a venue that does not know the order tells the one for the other.
    """
    if (fill.claim, fill.action) == (claim, action):
        return fill
    if fill.claim == claim.opposite and fill.action is not action:
        return replace(fill, claim=claim, action=action, cash=Cash(fill.size - fill.cash))
    return None


def _fills(view: Books, snapshot: VenueSnapshot) -> Iterable[Finding]:
    for fill in snapshot.fills or ():
        what = f"{format_micros(fill.size, trim=True)} {fill.claim}, {format_dollars(fill.cash, 4)}, fill {fill.id}"
        order = view.orders.get(fill.identity)
        if order is None:
            text = f"{view.venue}: {fill.action.value} {what}, is of no order of this ledger"
            yield Finding(Code.FILL_FOREIGN, view.venue, f"{fill.claim.market} {fill.id}", text, fill.size)
            continue
        if fill.id in order.fills:
            continue
        told = as_ordered(fill, order.claim, order.action)
        if told is None or order.state in _NEVER_SENT:
            why = "was never sent" if told is not None else f"is to {order.action.value} {order.claim}"
            text = f"order {order.order}: {fill.action.value} {what}, names it, but the order {why}"
            yield Finding(Code.FILL_IMPOSSIBLE, view.venue, f"{order.order} {fill.id}", text, fill.size)
            continue
        text = f"order {order.order}: {what}, is not in the ledger"
        cure = TakeFill(order.trade, order.order, told)
        yield Finding(Code.FILL_MISSED, view.venue, f"{order.order} {fill.id}", text, fill.size, remedy=cure)


def _orders(view: Books, snapshot: VenueSnapshot) -> Iterable[Finding]:
    if snapshot.open_orders is None or not view.names_orders:
        return
    listed = [report for report in snapshot.open_orders if report.status in _OPEN]
    for report in listed:
        order = view.orders.get(report.identity)
        name = report.venue_order_id or report.identity
        if order is None:
            text = f"{view.venue}: order {name} is open and is not of this ledger"
            yield Finding(Code.ORDER_FOREIGN, view.venue, name, text)
        elif order.state in ENDED or order.state is OrderState.PLANNED:
            text = f"order {order.order}: {order.state.value} in the ledger, but open at {view.venue} as {name}"
            absent = order.state is OrderState.VOIDED
            cure: Remedy = AskOrder(order.trade, order.order) if absent else CancelOrder(order.trade, order.order, name)
            yield Finding(Code.ORDER_ALIVE, view.venue, order.order, text, remedy=cure)
    open_there = {report.identity for report in listed}
    for order in view.orders.values():
        if order.state is OrderState.RESTING and order.identity not in open_there:
            text = f"order {order.order}: resting in the ledger, but {view.venue} does not list it as open"
            yield Finding(Code.ORDER_GONE, view.venue, order.order, text, remedy=AskOrder(order.trade, order.order))


def _positions(view: Books, snapshot: VenueSnapshot, being_booked: Collection[MarketId]) -> Iterable[Finding]:
    if snapshot.positions is None:
        return
    stated = _normal(snapshot.positions.held, view.netting)
    expected = _normal(view.held, view.netting)
    by_hand: dict[MarketId, int] = {}
    for fill in snapshot.fills or ():
        if fill.identity not in view.orders:
            by_hand[fill.claim.market] = by_hand.get(fill.claim.market, 0) + 1
    for claim in sorted(stated.keys() | expected.keys(), key=str):
        theirs, ours = stated.get(claim, 0), expected.get(claim, 0)
        if not 0 <= theirs < ABSURD:
            text = f"{claim}: the venue states {format_micros(theirs, trim=True)} contracts, which cannot be"
            yield Finding(Code.ABSURD_POSITION, view.venue, str(claim), text, theirs, ours)
            continue
        if theirs == ours or claim.market in view.busy or claim.market in view.paid or claim.market in being_booked:
            continue
        if snapshot.as_of_ns is None or snapshot.as_of_ns <= view.moved_ns.get(claim.market, -1):
            continue
        text = (
            f"{claim}: the venue holds {format_micros(theirs, trim=True)}, the ledger {format_micros(ours, trim=True)}"
        )
        if claim.market in by_hand:
            text += f"; {by_hand[claim.market]} fills by hand in this market"
        yield Finding(Code.POSITION, view.venue, str(claim), text, theirs, ours)


def _net(held: Mapping[Claim, int], market: MarketId) -> int:
    return held.get(Claim(market, Outcome.YES), 0) - held.get(Claim(market, Outcome.NO), 0)


def _normal(held: Mapping[Claim, Size] | Mapping[Claim, int], netting: bool) -> dict[Claim, int]:
    """Contracts per claim as the venue would state them; zeros left out."""
    if not netting:
        return {claim: size for claim, size in held.items() if size}
    if any(size < 0 for size in held.values()):
        return dict(held)
    normal: dict[Claim, int] = {}
    for market in {claim.market for claim in held}:
        net = _net(held, market)
        if net:
            normal[Claim(market, Outcome.YES if net > 0 else Outcome.NO)] = abs(net)
    return normal
