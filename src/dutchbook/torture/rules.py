"""What must hold at every step of a seed, judged from outside: from the bytes that left, the facts on file, the venues' books.

Each rule is a method that says in a sentence what was broken. Nothing here changes anything, and nothing is excused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dutchbook.core.clock import SECOND
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    Filled,
    LegSettled,
    OrderMoved,
    OrderPlan,
    OrdersPlanned,
    TradeOpened,
)
from dutchbook.core.money import format_micros
from dutchbook.core.order import Action, OrderState
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import UNEQUAL, Phase, Turn
from dutchbook.core.transport import Request
from dutchbook.engine.engine import Engine
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.torture.network import posted
from dutchbook.torture.venue_faults import Place
from dutchbook.torture.witness import BookWatch, Witness

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
    "an order that is held for ended has ended at its venue, and without a fill it has none there, unless the network had "
    "delivered it twice",
    "nothing is sold before it is settled, and nothing provisional is booked as paid",
    "an entry is covered by its pools' cash, less what open orders may still cost",
    "a book that is priced on is the venue's, but for what is on its way",
    "the engine does not fail by itself, and the tables know every event",
    "the journal verifies after every death, and what is in the file is what is known",
    "at quiescence every trade has ended, the ledger equals both venues to the millionth, and every cent is a trade's, or "
    "one that came from outside",
    "the same seed gives the same trace, to the byte",
)
"""The rules in words, for the documentation."""

DUST = 1_000_000
"""Contracts (millionths) below which an unequal leg is dust that no order can remove."""


_WITHOUT_FILL = frozenset({OrderState.REJECTED, OrderState.VOIDED, OrderState.NOT_SENT})
_OVER = frozenset({Phase.SETTLED, Phase.FLAT, Phase.FAILED})


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
    witness: Witness | None = None
    """The venues' own knowledge; without it the rules that need it are not judged."""
    violations: list[Violation] = field(default_factory=list)
    fold: Ledger = field(default_factory=lambda: Ledger(frozenset({"kalshi"})))
    """The ledger as the file has it: folded from the facts that were kept, by nobody but us."""
    false_ends: int = 0
    """Orders that were held for ended without a fill, and had one."""
    doubled: set[str] = field(default_factory=set)
    """Identities that the network delivered twice: the second copy may fill after the first was refused."""
    blind: set[str] = field(default_factory=set)
    """Venues that number no frames, and of whose book stream one was lost or swapped."""
    by_hand: Mapping[Place, int] = field(default_factory=dict)
    """Contracts (YES) that a person bought outside: no trade has them."""
    unhedged_ns: int = 0
    """Time for which a trade's legs were unequal and nothing of it was on its way."""
    repeated: int = 0
    kept: int = 0
    """Records of the file that have been looked at."""
    _plans: dict[str, OrderPlan] = field(default_factory=dict)
    _sent: dict[str, bytes] = field(default_factory=dict)
    _venue_ids: dict[str, str] = field(default_factory=dict)
    _differs_since: dict[str, int] = field(default_factory=dict)
    _last_step_ns: int = 0
    _watch: BookWatch | None = None
    _watched: Engine | None = None

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
                continue
            if isinstance(fact, OrderMoved):
                self._over(fact)

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
            case LegSettled():
                self._paid(fact)
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
        self._covered(fact)
        exposure = sum(_at_risk(t) for t in ledger.open.values() if t.opened.event == fact.event)
        if exposure + worst > self.max_event + self.max_bet:
            self.broken("limits", f"event {fact.event} would hold {format_micros(exposure + worst)}")
        realised = sum(t.pnl for t in ledger.trades.values() if t.phase in (Phase.SETTLED, Phase.FLAT))
        if realised < -self.max_loss:
            self.broken("the loss limit", f"trade {fact.trade} opened after a loss of {format_micros(-realised)}")

    def _covered(self, fact: TradeOpened) -> None:
        """What open orders may still cost is not spent a second time."""
        for pool in {leg.pool for leg in fact.legs}:
            wanted = sum(leg.worst for leg in fact.legs if leg.pool == pool)
            owed = sum(
                _owed(row)
                for trade in self.fold.working
                for leg in trade.legs
                if leg.plan.pool == pool
                for row in leg.orders
            )
            if wanted + owed > self.fold.cash.get(pool, 0):
                self.broken(
                    "an entry is covered",
                    f"trade {fact.trade} may cost {format_micros(wanted)} of {pool}, open orders {format_micros(owed)}, "
                    f"and it has {format_micros(self.fold.cash.get(pool, 0))}",
                )

    def _paid(self, fact: LegSettled) -> None:
        trade = self.fold.trades.get(fact.trade)
        if trade is not None and any(not row.final for row in trade.legs[fact.leg].orders):
            self.broken("nothing provisional is paid", f"trade {fact.trade}: leg {fact.leg} was booked as paid")

    def _over(self, fact: OrderMoved) -> None:
        """An order that is held for ended from here, by whatever news, has ended at its venue."""
        trade = self.fold.trades.get(fact.trade)
        if trade is None or self.witness is None:
            return
        leg = next(leg for leg in trade.legs if any(row.plan.id == fact.order for row in leg.orders))
        row = trade.order(fact.order)
        if not row.ended or row.plan.identity in self.doubled:
            return
        if self.witness.alive(leg, row):
            self.broken(
                "what is held for ended has ended", f"order {row.plan.id} is {row.state.value}, and alive at its venue"
            )
        elif row.state in _WITHOUT_FILL and not row.fills and not row.reversed:
            filled = self.witness.filled(leg, row)
            if filled:
                self.broken(
                    "what is held for ended has ended",
                    f"order {row.plan.id} is {row.state.value}; its venue has filled {format_micros(filled)}",
                )

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
            if plan.action is Action.SELL and leg.sellable < plan.size <= held[plan.leg]:
                self.broken(
                    "nothing is sold before it is settled",
                    f"order {plan.id} sells {format_micros(plan.size)}, {format_micros(leg.sellable)} may be sold",
                )
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
        self._priced(engine, now)
        failure = engine.desk.failure
        if failure is not None and type(failure).__name__ not in ("LedgerError", "Crash"):
            self.broken("the engine does not fail", f"{type(failure).__name__}: {failure}")

    def _priced(self, engine: Engine, now: int) -> None:
        if self.witness is None:
            return
        if self._watch is None or self._watched is not engine:
            self._watch, self._watched = BookWatch(self.witness, self.blind), engine
        wrong = self._watch.wrong(engine.desk.books, engine.desk.stale(), now)
        if wrong is not None:
            self.broken("a live book is the venue's", f"the book of {wrong} is live and not what the venue has")

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
            net = tokens["yes"] + due["yes"] - tokens["no"] - due["no"]
            if net:
                theirs[f"polymarket:{slug}"] = net
        ours = {str(market): int(size) for market, size in ledger.net().items()}
        room: dict[str, int] = {}
        for trade in ledger.open.values():
            for leg in trade.legs:
                for row in leg.orders:
                    if not row.ended or not row.accounted or not row.final:
                        market = str(leg.claim.market)
                        room[market] = room.get(market, 0) + row.plan.size * 2
        for (venue, native), size in self.by_hand.items():
            # what a person did outside is the venue's and no trade's
            ours[f"{venue}:{native}"] = ours.get(f"{venue}:{native}", 0) + size
        for market in theirs.keys() | ours.keys() | self._differs_since.keys():
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
        """Every trade has come to an end: nothing is open, and what was paid is settled."""
        left = [t for t in ledger.trades.values() if t.phase not in _OVER or not t.flat]
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
        outside = tuple(f"{venue}:{native}: " for venue, native in self.by_hand)
        left = [each for each in mismatches if not each.startswith(outside)] if outside else mismatches
        if left:
            self.broken("the ledger equals both venues", "; ".join(left[:6]))

    def wealth(self, at_venues: int, brought: int, ledger: Ledger, slack: int = 0) -> None:
        """All that the account gained or lost is the trades' doing.

        `brought` is what was there at first and what really came from outside since: what the ledger calls unexplained
        explains nothing. `slack` is how much of it cannot be told from what rounding does to fees and payouts.
        """
        explained = brought + sum(trade.pnl for trade in ledger.trades.values()) + sum(ledger.paired.values())
        explained -= sum(leg.sets for trade in ledger.trades.values() for leg in trade.legs if not leg.settled)
        if abs(at_venues - explained) > slack:
            self.broken(
                "every cent is booked",
                f"the venues hold {format_micros(at_venues)}, explained {format_micros(explained)}",
            )


def _owed(row: OrderRow) -> int:
    """What an open purchase may still cost, rounded up."""
    if row.ended or row.plan.action is not Action.BUY or not row.plan.size:
        return 0
    return -(-row.plan.worst * max(0, row.plan.size - row.filled) // row.plan.size)


def _at_risk(trade: TradeBook) -> int:
    """Cash that a trade may still lose: what it paid and may still pay, less what came back."""
    paid = sum(
        leg.spent + leg.fees - leg.received + sum(map(_owed, leg.orders)) for leg in trade.legs if not leg.settled
    )
    return max(0, paid)
