"""The messages of a trade: what was bought leg by leg, what it costs and pays, or what went wrong and what that cost.

Pure: text from a trade's book and the ledger's cash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.text import balances, claim_title, dollars, escaped, gain, percent, shares, shortened, times
from dutchbook.core.claim import MarketId
from dutchbook.core.money import MICRO, Rate, ratio
from dutchbook.core.order import Action
from dutchbook.core.position import LegRow, TradeBook
from dutchbook.ledger.projection import Ledger


@dataclass(frozen=True, slots=True)
class At:
    """Which record a message tells of, in which mode: `tag` is `[PAPER]`."""

    seq: int
    at_ns: int
    tag: str


def titles(ledger: Ledger, link: str) -> Mapping[MarketId, str]:
    """The markets' titles, where the registry knows the link."""
    entry = ledger.links.entries.get(link)
    return {} if entry is None else {member.market: member.title for member in entry.proposal.members}


def compose(kind: Kind, head: str, lines: list[str], at: At, *, trade: str = "", amount: int = 0) -> Message:
    """A message with its head line; `head` is plain text."""
    shown = f"{kind.sign} <b>{shortened(head)}</b> {escaped(at.tag)}".rstrip()
    return Message(kind, head, "\n".join((shown, *lines)), at.at_ns, at.seq, trade, amount)


def executed(trade: TradeBook, ledger: Ledger, at: At) -> Message:
    """Locked: legs, total, guaranteed payout, profit and ROI. An order by hand guarantees nothing and says so."""
    received = sum(leg.received for leg in trade.legs)
    cost = trade.spent + trade.fees - received
    total = f"Total {dollars(cost)} (fees {dollars(trade.fees)})"
    sides = [*_event(trade), *_legs(trade, ledger), ""]
    if not trade.opened.guaranteed:
        word = "Bought by hand" if any(leg.orders for leg in trade.legs) else "Taken into the ledger"
        lines = [*sides, total, "No payout is guaranteed", balances(ledger.cash)]
        return compose(Kind.EXECUTED, f"{word}: {trade.opened.event}", lines, at, trade=trade.id)
    count = min(leg.held for leg in trade.legs)
    profit = trade.locked_profit
    lines = [
        *sides,
        total,
        f"Guaranteed payout {dollars(count * trade.opened.guaranteed // MICRO)}",
        f"Profit <b>{gain(profit)}</b> · ROI {percent(ratio(profit, cost))}",
        balances(ledger.cash),
    ]
    return compose(Kind.EXECUTED, f"Executed: {trade.opened.event}", lines, at, trade=trade.id, amount=profit)


def dry_run(trade: TradeBook, ledger: Ledger, at: At) -> Message:
    """Decided in full, and nothing sent."""
    named = titles(ledger, trade.opened.link)
    plans = [leg.plan for leg in trade.legs]
    lines = [
        *_event(trade),
        *(
            f"{claim_title(plan.claim, named.get(plan.market, ''))}\n  {times(plan.size, plan.cash)}, fee {dollars(plan.fee)}"
            for plan in plans
        ),
        f"Expected profit {gain(trade.opened.expected_profit)} · ROI {percent(Rate(trade.opened.roi))}",
    ]
    return compose(Kind.DRY_RUN, f"Would have traded: {trade.opened.event}", lines, at, trade=trade.id)


def rolled_back(trade: TradeBook, ledger: Ledger, at: At) -> Message:
    """What had filled, what had not and why, at which price it was sold again, and the loss."""
    lines = [*_event(trade), *_legs(trade, ledger), "", *_outcome(trade, "Loss" if trade.pnl < 0 else "Result", ledger)]
    head = f"Rolled back: {trade.opened.event}"
    return compose(Kind.ROLLED_BACK, head, lines, at, trade=trade.id, amount=trade.pnl)


def exited(trade: TradeBook, ledger: Ledger, at: At) -> Message:
    """A locked bundle was sold before its markets paid."""
    lines = [*_event(trade), *_legs(trade, ledger), "", *_outcome(trade, "Result", ledger)]
    return compose(Kind.EXITED, f"Sold early: {trade.opened.event}", lines, at, trade=trade.id, amount=trade.pnl)


def failed(trade: TradeBook, ledger: Ledger, at: At) -> Message:
    """Nothing filled: each leg with its reason."""
    lines = [*_event(trade), *_legs(trade, ledger)]
    if trade.reason:
        lines.append(f"Why: {shortened(trade.reason)}")
    lines += ["", balances(ledger.cash)]
    return compose(Kind.FAILED, f"Failed, nothing bought: {trade.opened.event}", lines, at, trade=trade.id)


def unequal(kind: Kind, head: str, trade: TradeBook, ledger: Ledger, at: At, what_next: str) -> Message:
    """Legs that are not equal: what is held of each, why, what it has cost, and what comes next."""
    least = min(leg.held for leg in trade.legs)
    bare = [f"{claim_title(leg.claim)} {shares(leg.held - least)}" for leg in trade.legs if leg.held > least]
    lines = [*_event(trade), *_legs(trade, ledger), ""]
    if bare:
        lines.append(f"Not hedged: {'; '.join(bare)}")
    lines.append(f"Cash out so far {dollars(-trade.pnl)} (fees {dollars(trade.fees)})")
    if trade.reason:
        lines.append(f"Why: {shortened(trade.reason)}")
    lines += [what_next, balances(ledger.cash)]
    return compose(kind, f"{head}: {trade.opened.event}", lines, at, trade=trade.id)


def settled(trade: TradeBook, ledger: Ledger, at: At) -> Message:
    """Every market has paid: payouts leg by leg and what the trade brought."""
    named = titles(ledger, trade.opened.link)
    lines = [*_event(trade)]
    for leg in trade.legs:
        paid = leg.settled
        if paid is not None:
            won = {0: "NO won", MICRO: "YES won"}.get(paid.yes_value, f"YES paid {dollars(paid.yes_value)}")
            fee = f", fee {dollars(paid.fee)}" if paid.fee else ""
            lines.append(
                f"{claim_title(leg.claim, named.get(leg.claim.market, ''))}\n  {won}: paid {dollars(paid.payout)}{fee}"
            )
    lines += ["", *_outcome(trade, "Result", ledger)]
    return compose(Kind.SETTLED, f"Settled: {trade.opened.event}", lines, at, trade=trade.id, amount=trade.pnl)


def _outcome(trade: TradeBook, word: str, ledger: Ledger) -> list[str]:
    """Money in and out, and what is left."""
    lines = [f"{word} <b>{gain(trade.pnl)}</b> (paid {dollars(trade.spent)}, fees {dollars(trade.fees)})"]
    left = [f"{shares(leg.held)} {claim_title(leg.claim)}" for leg in trade.legs if leg.held and not leg.settled]
    if left:
        lines.append(f"Left, too small to sell: {'; '.join(left)}")
    return [*lines, balances(ledger.cash)]


def _event(trade: TradeBook) -> list[str]:
    kind = trade.opened.kind.replace("_", " ")
    return [f"{escaped(kind)} · trade <code>{escaped(trade.id)}</code>", ""]


def _legs(trade: TradeBook, ledger: Ledger) -> list[str]:
    named = titles(ledger, trade.opened.link)
    wanted = max(trade.opened.size, *(leg.bought for leg in trade.legs))
    return [_leg(leg, wanted, named.get(leg.claim.market, "")) for leg in trade.legs]


def _leg(leg: LegRow, wanted: int, title: str) -> str:
    """`shares x price = cost` of what was bought, sold and paired; what is missing with its reason."""
    lines = [claim_title(leg.claim, title)]
    buys = [row for row in leg.orders if row.plan.action is Action.BUY and not row.plan.opposite and row.filled]
    sells = [row for row in leg.orders if row.plan.action is Action.SELL and row.filled]
    pairs = [row for row in leg.orders if row.plan.opposite and row.filled]
    for word, rows in (("", buys), ("sold again ", sells), ("paired with its opposite ", pairs)):
        if rows:
            fee = sum(row.fee for row in rows)
            moved = times(sum(row.filled for row in rows), sum(row.cash for row in rows))
            lines.append(f"  {word}{moved}, fee {dollars(fee)}")
    lines += [
        f"  marked {shares(mark.size)} contracts, {gain(mark.cash)}: {shortened(mark.reason, 100)}"
        for mark in leg.marks
    ]
    if leg.bought < wanted:
        lines.append(
            f"  {'not filled' if not leg.bought else f'only {shares(leg.bought)} of {shares(wanted)}'}: {_why(leg)}"
        )
    return "\n".join(lines)


def _why(leg: LegRow) -> str:
    """The last order of the leg that did not fill whole says why, in the venue's words where it has some."""
    for row in reversed(leg.orders):
        if row.plan.action is Action.BUY and not row.plan.opposite and row.filled < row.plan.size:
            return shortened(row.reason or row.code or f"order {row.state.value}", 200)
    return "no order was sent"
