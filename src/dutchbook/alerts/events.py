"""Which facts are told, and with which message: pure, from a record, the phase of its trade before it, and the ledger after.

A fact that another message tells already (an alarm beside its cause) is left out. Nothing here waits or sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dutchbook.alerts import day, trades
from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.text import balances, claim_title, dollars, escaped, shortened, times
from dutchbook.alerts.trades import At, compose
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    EngineStarted,
    EngineStopped,
    FillReversed,
    KillSwitchSet,
    LegResettled,
    OutcomesDiverged,
    TradeTurned,
)
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.ledger.projection import Ledger


@dataclass(frozen=True, slots=True)
class Teller:
    """`tag` is the mode as `[PAPER]`, `zone` that of the trading day; `by_loss` says whether a stop came from the loss limit."""

    tag: str
    zone: ZoneInfo
    by_loss: Callable[[KillSwitchSet], bool]

    def tell(self, fact: AnyFact, seq: int, at_ns: int, before: Phase | None, ledger: Ledger) -> Message | None:
        """The message of a fact, if it has one. `before` is the phase of its trade until then."""
        at = At(seq, at_ns, self.tag)
        match fact:
            case TradeTurned():
                return _turned(fact, ledger.trades[fact.trade], before, ledger, at)
            case FillReversed():
                return _reversed(fact, ledger, at)
            case LegResettled():
                return _corrected(fact, ledger, at)
            case KillSwitchSet():
                return self._switch(fact, ledger, at)
            case OutcomesDiverged():
                return _diverged(fact, ledger, at)
            case Alarmed():
                return _alarm(fact, ledger, at)
            case EngineStarted():
                return self._started(fact, ledger, at)
            case EngineStopped():
                lines = [
                    f"Why: {shortened(fact.reason)}",
                    *day.figures(ledger, self.zone, at.at_ns),
                    balances(ledger.cash),
                ]
                return compose(Kind.STOPPED, "Engine stopped", lines, at)
            case _:
                return None

    def _switch(self, fact: KillSwitchSet, ledger: Ledger, at: At) -> Message:
        if not fact.on:
            lines = [f"By {shortened(fact.by)}: {shortened(fact.reason)}"]
            return compose(Kind.RESUMED, "New entries are taken again", lines, at)
        after = " It will ask you to confirm: the loss limit stopped it." if self.by_loss(fact) else ""
        lines = [
            f"Why: <b>{shortened(fact.reason)}</b>",
            f"By {shortened(fact.by)}. No new entries; trades under way go on to their end.",
            *day.figures(ledger, self.zone, at.at_ns),
            balances(ledger.cash),
            f"To resume: look at the reason, then /start here or <code>dutchbook start</code>.{after}",
        ]
        return compose(Kind.KILL_SWITCH, "KILL SWITCH: trading stopped", lines, at)

    def _started(self, fact: EngineStarted, ledger: Ledger, at: At) -> Message:
        lines = [f"Version {escaped(fact.version)}, mode {escaped(fact.mode)}"]
        if ledger.kill_switch is not None:
            lines.append(f"🛑 The kill switch is on: {shortened(ledger.kill_switch.reason)}. /start takes it back.")
        held = sum(1 for _ in ledger.holding())
        lines += [f"Open positions: {held}, under way: {len(ledger.working)}", balances(ledger.cash)]
        return compose(Kind.STARTED, "Engine started", lines, at)


def _turned(fact: TradeTurned, trade: TradeBook, before: Phase | None, ledger: Ledger, at: At) -> Message | None:
    match trade.phase:
        case Phase.LOCKED:
            return trades.executed(trade, ledger, at)
        case Phase.FLAT:
            return (trades.exited if trade.exited else trades.rolled_back)(trade, ledger, at)
        case Phase.FAILED:
            return trades.failed(trade, ledger, at)
        case Phase.SETTLED:
            return trades.settled(trade, ledger, at)
        case Phase.DRY_RUN:
            return trades.dry_run(trade, ledger, at)
        case Phase.NAKED if before is not Phase.NAKED:
            next_ = "New entries stop while it is naked; the engine goes on working on it. See docs/recover.md."
            return trades.unequal(Kind.NAKED, "NAKED, legs unequal", trade, ledger, at, next_)
        case Phase.PARTIAL if before is Phase.EXECUTING or fact.turn is Turn.REOPEN:
            head = "Partial" if before is Phase.EXECUTING else "Reopened, legs unequal"
            return trades.unequal(Kind.PARTIAL, head, trade, ledger, at, "Next: the cheapest way to equal legs.")
        case Phase.SETTLING if before is not Phase.SETTLING:
            next_ = "Next: waiting until the bought contracts may be sold."
            return trades.unequal(Kind.PARTIAL, "Partial, waiting", trade, ledger, at, next_)
        case Phase.HANDED_OVER:
            next_ = "The engine leaves it alone until you complete, unwind or mark it."
            return trades.unequal(Kind.HANDED_OVER, "Handed over", trade, ledger, at, next_)
        case _:
            return None


def _reversed(fact: FillReversed, ledger: Ledger, at: At) -> Message:
    trade = ledger.trades[fact.trade]
    lines = [
        f"trade <code>{escaped(fact.trade)}</code>, order <code>{escaped(fact.order)}</code>",
        f"Why: {shortened(fact.reason)}",
        "Cash and contracts of this fill are back; the trade is being made equal again.",
    ]
    return compose(Kind.REVERSED, f"Fill taken back by the venue: {trade.opened.event}", lines, at, trade=fact.trade)


def _corrected(fact: LegResettled, ledger: Ledger, at: At) -> Message:
    trade = ledger.trades[fact.trade]
    leg = trade.legs[fact.leg]
    lines = [
        f"{claim_title(leg.claim)}: YES pays {dollars(fact.yes_value)}",
        f"Paid {times(leg.held, fact.payout)}" if leg.held else f"Paid {dollars(fact.payout)}",
        f"The trade now brings {dollars(trade.pnl)}" if trade.flat else "Other markets of it have still to pay",
        balances(ledger.cash),
    ]
    return compose(Kind.CORRECTED, f"Payout corrected: {trade.opened.event}", lines, at, trade=fact.trade)


def _diverged(fact: OutcomesDiverged, ledger: Ledger, at: At) -> Message:
    trade = ledger.trades.get(fact.trade)
    lines = [
        shortened(fact.text),
        f"link <code>{escaped(fact.link)}</code>, trade <code>{escaped(fact.trade)}</code>",
        *([f"Result so far {dollars(trade.pnl)}"] if trade is not None else []),
        balances(ledger.cash),
    ]
    return compose(Kind.DIVERGENCE, "DIVERGENCE: the venues decided differently", lines, at, trade=fact.trade)


TOLD_ELSEWHERE = frozenset({"naked", "divergence"})
"""Alarms beside a fact that has a message of its own."""


def _alarm(fact: Alarmed, ledger: Ledger, at: At) -> Message | None:
    switch = ledger.kill_switch
    if fact.code in TOLD_ELSEWHERE or (
        fact.code == "kill_switch" and switch is not None and switch.reason == fact.text
    ):
        return None
    found = fact.code.startswith("reconcile_") or fact.code == "cash_difference"
    words: dict[str, Any] = {"trade": fact.trade} if fact.trade else {}
    lines = [shortened(fact.text, 1_500)]
    if fact.trade:
        lines.append(f"trade <code>{escaped(fact.trade)}</code>")
    name = fact.code.removeprefix("reconcile_").replace("_", " ")
    if found:
        return compose(Kind.RECONCILIATION, f"Reconciliation: {name}", [*lines, balances(ledger.cash)], at, **words)
    return compose(Kind.ALARM, f"Alarm: {name}", lines, at, **words)
