"""What must hold at every step of a seed, judged from outside: from the bytes that left, the facts on file, the venues' books.

Each rule is a method that says in a sentence what was broken. Nothing here changes anything, and nothing is excused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dutchbook.core.clock import SECOND
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    CashMoved,
    Filled,
    OrderPlan,
    OrdersPlanned,
    TradeOpened,
)
from dutchbook.core.money import format_micros
from dutchbook.core.order import Action
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import UNEQUAL, WORKING, Phase, Turn
from dutchbook.core.transport import Request
from dutchbook.engine.engine import Engine
from dutchbook.engine.view import at_risk
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.torture.network import posted

GRACE_NS = 20 * SECOND
"""How long the venue's position and the ledger's may differ without an open order that explains it: what the private stream has
not told is found by asking."""

STATED = (
    "no order identity is sent with two contents, and none is sent twice",
    "no order leaves before its identity is in the file, and none after its `send_by`",
    "no position that the ledger cannot explain: its fills, and what open, unknown or provisional orders may still bring",
    "held exposure is never above the limits by more than one trade",
    "unhedged contracts never grow by the engine's own round, and nothing is sold that is not held",
    "every naked second is on the books: a trade with unequal legs is in a state that says so",
    "the loss limit and the kill switch stop entries; no entry is made beside unequal legs",
    "an order that is held for ended without a fill has none, unless the network had delivered it twice",
    "the engine does not fail by itself, and the tables know every event",
    "the journal verifies after every death, and what is in the file is what is known",
    "at quiescence every trade has ended, the ledger equals both venues to the millionth, and every cent is booked",
    "the same seed gives the same trace, to the byte",
)
"""The rules in words, for the documentation."""

DUST = 1_000_000
"""Contracts (millionths) below which an unequal leg is dust that no order can remove."""


@dataclass(slots=True)
class Violation:
    """A broken rule: which, when (virtual wall time), and what happened."""

    rule: str
    at_ns: int
    text: str


@dataclass(slots=True)
class Rules:
    """Watches one seed through all its generations. `max_bet`, `max_event` are the gate's limits in millionths."""

    still_open: Callable[[str], bool]
    """Whether a market trades: what has been decided is being paid, and the ledger follows later."""
    now: Callable[[], int]
    process_now: Callable[[], int]
    max_bet: int
    max_event: int
    max_loss: int
    violations: list[Violation] = field(default_factory=list)
    fold: Ledger = field(default_factory=lambda: Ledger(frozenset({"kalshi"})))
    """The ledger as the file has it: folded from the facts that were kept, by nobody but us."""
    false_ends: int = 0
    """Orders that were held for ended without a fill, and had one."""
    doubled: set[str] = field(default_factory=set)
    """Identities that the network delivered twice: the second copy may fill after the first was refused."""
    unhedged_ns: int = 0
    """Time for which a trade's legs were unequal and nothing of it was on its way."""
    repeated: int = 0
    outside: int = 0
    opening: int = 0
    """Cash that was there when the ledger was begun."""
    kept: int = 0
    """Records of the file that have been looked at."""
    _plans: dict[str, OrderPlan] = field(default_factory=dict)
    _sent: dict[str, bytes] = field(default_factory=dict)
    _venue_ids: dict[str, str] = field(default_factory=dict)
    _differs_since: dict[str, int] = field(default_factory=dict)
    _last_step_ns: int = 0

    def broken(self, rule: str, text: str) -> None:
        """Note a violation; the first of each rule is enough."""
        if all(violation.rule != rule for violation in self.violations):
            self.violations.append(Violation(rule, self.now(), text))

    # -- what leaves ---------------------------------------------------------------------------------------------------

    def leaving(self, request: Request, identity_of: Callable[[Any], str]) -> None:
        """Just before the first byte of an order leaves."""
        order = posted(request, self.now())
        if order is None:
            return
        identity = identity_of(order)
        before = self._sent.get(identity)
        if before is not None:
            self.repeated += 1
            what = "the same content" if before == order.body else "another content"
            self.broken("one identity, one content", f"order {identity} left twice, the second time with {what}")
        self._sent[identity] = order.body
        plan = self._plans.get(identity)
        if plan is None:
            self.broken("written before sent", f"an order to {order.venue} left that no fact on file names")
        elif self.process_now() > plan.send_by_ns:
            self.broken("send_by", f"order {plan.id} left after its send_by")

    # -- what is on file -----------------------------------------------------------------------------------------------

    def appended(self, facts: Sequence[AnyFact]) -> None:
        """Facts that the file has kept, before anything that follows from them."""
        now = self.now()
        self.kept += len(facts)
        for fact in facts:
            self._judge(fact)
            try:
                self.fold.apply(fact, now)
            except Exception as error:
                self.broken("the tables know every event", f"{type(error).__name__}: {error}")

    def _judge(self, fact: AnyFact) -> None:
        match fact:
            case TradeOpened():
                self._register(fact.orders)
                self._opening(fact)
            case OrdersPlanned():
                self._register(fact.orders)
                self._round(fact)
            case Filled():
                self._fill(fact)
            case CashMoved(kind="opening"):
                self.opening += fact.amount
            case CashMoved():
                self.outside += fact.amount
            case Alarmed(code="impossible_event" | "defect"):
                self.broken("the tables know every event", fact.text)
            case _:
                pass

    def _register(self, plans: Sequence[OrderPlan]) -> None:
        for plan in plans:
            if plan.identity in self._plans:
                self.broken("one identity, one content", f"identity {plan.identity} is planned for two orders")
            self._plans[plan.identity] = plan

    def _opening(self, fact: TradeOpened) -> None:
        ledger = self.fold
        if ledger.kill_switch is not None:
            self.broken(
                "the kill switch stops entries", f"trade {fact.trade} opened under: {ledger.kill_switch.reason}"
            )
        for other in ledger.open.values():
            if other.phase in UNEQUAL:
                self.broken(
                    "no entry beside unequal legs",
                    f"trade {fact.trade} opened while {other.id} was {other.phase.value}",
                )
        worst = sum(leg.worst for leg in fact.legs)
        if worst > self.max_bet:
            self.broken("limits", f"trade {fact.trade} may cost {format_micros(worst)}, more than MAX_BET")
        exposure = sum(at_risk(t) for t in ledger.open.values() if t.opened.event == fact.event)
        if exposure + worst > self.max_event + self.max_bet:
            self.broken("limits", f"event {fact.event} would hold {format_micros(exposure + worst)}")
        realised = sum(t.pnl for t in ledger.trades.values() if t.phase in (Phase.SETTLED, Phase.FLAT))
        if realised < -self.max_loss:
            self.broken("the loss limit", f"trade {fact.trade} opened after a loss of {format_micros(-realised)}")

    def _round(self, fact: OrdersPlanned) -> None:
        """A further round brings the legs together, as far as it fills, and never takes more than differs."""
        trade = self.fold.trades.get(fact.trade)
        if trade is None:
            return
        held = [leg.held for leg in trade.legs]
        for plan in fact.orders:
            leg = trade.legs[plan.leg]
            leaving = plan.action is Action.SELL or plan.opposite
            if leaving and plan.size > held[plan.leg]:
                self.broken("nothing is sold that is not held", f"order {plan.id} sells {format_micros(plan.size)}")
            room = held[plan.leg] - min(held) if leaving else max(held) - held[plan.leg]
            by_hand = trade.opened.kind == "single"
            if plan.size > room and not by_hand and fact.turn is not Turn.EXIT:
                self.broken(
                    "unhedged contracts never grow by a round",
                    f"order {plan.id} for {format_micros(plan.size)} where legs differ by {format_micros(room)}",
                )
            if any(not row.ended for row in leg.orders):
                self.broken("one order a leg at a time", f"order {plan.id} while another of its leg is open")

    def _fill(self, fact: Filled) -> None:
        trade = self.fold.trades.get(fact.trade)
        if trade is None:
            return
        row = next((row for row in trade.orders() if row.plan.id == fact.order), None)
        if row is None or not row.ended or row.fills or row.reversed or row.reported:
            return
        if row.plan.identity not in self.doubled:
            self.false_ends += 1
            self.broken(
                "what is held for ended has ended", f"order {row.plan.id} was {row.state.value}, and was filled"
            )

    # -- every step ----------------------------------------------------------------------------------------------------

    def step(self, engine: Engine, kalshi: dict[str, Any], polymarket: dict[str, Any]) -> None:
        """Between two moves of the world: `kalshi` and `polymarket` are the venues' own statements of the account."""
        now = self.now()
        passed = now - self._last_step_ns if self._last_step_ns else 0
        self._last_step_ns = now
        for trade in engine.desk.ledger.open.values():
            if self._alone(trade):
                self.unhedged_ns += passed
                if trade.phase not in UNEQUAL and trade.phase not in (Phase.HANDED_OVER, Phase.EXECUTING):
                    self.broken(
                        "every naked second is on the books",
                        f"trade {trade.id} is {trade.phase.value} with unequal legs",
                    )
        self._explained(engine.desk.ledger, kalshi, polymarket, now)
        failure = engine.desk.failure
        if failure is not None and type(failure).__name__ not in ("LedgerError", "Crash"):
            self.broken("the engine does not fail", f"{type(failure).__name__}: {failure}")

    @staticmethod
    def _alone(trade: TradeBook) -> bool:
        """Whether legs are unequal by more than dust while no order of the trade is on its way."""
        held = [leg.held for leg in trade.legs if not leg.settled]
        if len(held) < len(trade.legs) or max(held) - min(held) < DUST:
            return False
        return all(row.ended and row.accounted for row in trade.orders())

    def _explained(self, ledger: Ledger, kalshi: dict[str, Any], polymarket: dict[str, Any], now: int) -> None:
        """No position that the ledger cannot explain: fills, and what open, unknown or untold orders may still bring."""
        theirs = {f"kalshi:{ticker}": size for ticker, size in kalshi["positions"].items()}
        for slug, tokens in polymarket["tokens"].items():
            due = polymarket["pending_tokens"][slug]
            theirs[f"polymarket:{slug}"] = tokens["yes"] + due["yes"] - tokens["no"] - due["no"]
        ours = {str(market): int(size) for market, size in ledger.net().items()}
        room: dict[str, int] = {}
        for trade in ledger.open.values():
            for leg in trade.legs:
                for row in leg.orders:
                    if not row.ended or not row.accounted or not row.final:
                        market = str(leg.claim.market)
                        room[market] = room.get(market, 0) + row.plan.size * 2
        for market in theirs.keys() | ours.keys():
            difference = theirs.get(market, 0) - ours.get(market, 0)
            if not difference or abs(difference) <= room.get(market, 0) or not self.still_open(market):
                self._differs_since.pop(market, None)
                continue
            since = self._differs_since.setdefault(market, now)
            if now - since > GRACE_NS:
                self.broken(
                    "no position that the ledger cannot explain",
                    f"{market}: the venue holds {format_micros(theirs.get(market, 0))}, "
                    f"the ledger {format_micros(ours.get(market, 0))}, for {(now - since) // SECOND} s",
                )

    # -- the end -------------------------------------------------------------------------------------------------------

    def journal(self, journal: Journal, live: Ledger | None, *, died_writing: bool = False) -> None:
        """The chain is whole, and what is on file is what the engine knows and what we have seen written."""
        try:
            journal.verify()
        except Exception as error:
            self.broken("the journal verifies", str(error))
            return
        if died_writing:
            # what a failing disk kept of the write that it interrupted: all of it, or nothing
            self.appended([record.fact for record in journal.records(after=self.kept)])
        again = Ledger(frozenset({"kalshi"})).replay(journal.records())
        for name, ledger in (("engine", live), ("records seen", self.fold)):
            if ledger is None:
                continue
            if {t.id: (t.phase, [leg.held for leg in t.legs]) for t in again.trades.values()} != {
                t.id: (t.phase, [leg.held for leg in t.legs]) for t in ledger.trades.values()
            } or again.cash != ledger.cash:
                self.broken("the file is what is known", f"the ledger folded from the file differs from the {name}")

    def ended(self, ledger: Ledger) -> None:
        """Every trade has come to an end."""
        left = [t for t in ledger.trades.values() if t.phase in WORKING]
        if left:
            words = "; ".join(
                f"{t.id} {t.phase.value} ({t.reason}): "
                + ", ".join(
                    f"{o.plan.id} {o.plan.action.value} {o.state.value} {o.filled}/{o.reported}" for o in t.orders()
                )
                for t in left[:3]
            )
            self.broken("every trade ends", words)

    def agree(self, mismatches: Sequence[str]) -> None:
        """At quiescence the ledger is the venues' statements, to the millionth."""
        if mismatches:
            self.broken("the ledger equals both venues", "; ".join(mismatches[:6]))

    def wealth(self, at_venues: int, ledger: Ledger) -> None:
        """All that the account gained or lost is the trades' doing, or came from outside and is booked as such."""
        explained = self.opening + sum(trade.pnl for trade in ledger.trades.values()) + self.outside
        if at_venues != explained:
            self.broken(
                "every cent is booked",
                f"the venues hold {format_micros(at_venues)}, explained {format_micros(explained)}",
            )
