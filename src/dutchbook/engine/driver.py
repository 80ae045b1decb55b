"""Drives one trade: does what `execution.decide` says, turns the venues' answers into facts, and asks again.

Every fact is in the journal before the next step; every order's identity is in the journal before its first byte leaves.
It decides nothing itself: restart it on a half-done trade and it goes on where the facts end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

from dutchbook.core.claim import venue_of
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import DutchbookError, ImpossibleEvent, InvalidOrder, LedgerError, NotSent, Skip
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    Filled,
    FillReversed,
    FillSettled,
    OrderAbsent,
    OrderMoved,
    OrdersPlanned,
    TradeTurned,
)
from dutchbook.core.order import (
    ORDER_TABLE,
    REPORT_EVENT,
    Fill,
    Intent,
    OrderEvent,
    OrderReport,
    OrderState,
    Prepared,
)
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.core.venue import Trading
from dutchbook.engine.orders import order_plan, restore
from dutchbook.engine.services import HELD_BACK, Services
from dutchbook.execution.actions import Ask, AskFills, Cancel, Finish, Place, Step, Void, Wait
from dutchbook.execution.decide import Wish, decide
from dutchbook.execution.reconcile import as_ordered

FILLS_GRACE_NS = 60 * MILLISECOND
"""How long the stream may take to bring the fills of an ended order before they are asked for."""

ASK_LIMIT_NS = 8 * SECOND
"""The longest pause between two questions about one order."""

PERSON_AFTER_NS = 60 * SECOND
"""An order whose fate is unknown for so long is shown to a person; asking goes on."""


class TradeDriver:
    """One trade from its opening to its end."""

    def __init__(self, services: Services, trade: TradeBook) -> None:
        self.trade = trade
        self.wish: Wish | None = None
        """What a person wants of the trade while its legs are unequal."""
        self._services = services
        self._began_ns = services.clock.monotonic()
        self._left_ns: dict[str, int] = {}
        self._news = asyncio.Event()
        self._busy: set[str] = set()
        self._ask_at: dict[str, int] = {}
        self._ask_pause: dict[str, int] = {}
        self._unknown_since: dict[str, int] = {}
        self._shown: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    async def run(self) -> None:
        """Until the trade needs nothing more. A ledger that cannot be written ends it at once, with nothing further sent."""
        try:
            while self.trade.working:
                services = self._services
                self._news.clear()
                steps = decide(self.trade, services.scene(), services.policy, self.wish)
                until = self._act(steps)
                if until is not None:
                    await self._wait(until)
        finally:
            for task in self._tasks:
                task.cancel()

    def dispatch(self, orders: Sequence[Prepared]) -> None:
        """Send journaled orders in parallel."""
        for prepared in orders:
            self._left_ns[prepared.intent.id] = self._services.clock.monotonic()
            self._spawn(self._send(prepared), prepared.intent.id)

    def cancel(self, row: OrderRow) -> None:
        """A person wants a resting order out of the book."""
        self._spawn(self._cancel(row), row.plan.id)

    def poke(self) -> None:
        """Something happened: decide again."""
        self._news.set()

    # -- doing ------------------------------------------------------------------------------------------------------

    def _act(self, steps: Sequence[Step]) -> int | None:
        """Start the steps; returns when to look again (monotonic), or None for at once."""
        now = self._services.clock.monotonic()
        until = now + ASK_LIMIT_NS
        for step in steps:
            match step:
                case Place():
                    return self.place(step)
                case Finish():
                    self._services.record(TradeTurned(self.trade.id, step.turn, step.reason))
                    if step.turn is Turn.STRAND:
                        self._alarm("naked", f"trade {self.trade.id} is naked: {step.reason}")
                    return None
                case Void():
                    self._services.record(
                        OrderMoved(self.trade.id, step.order, OrderEvent.VOID, reason="the venue never had it")
                    )
                    return None
                case Wait():
                    until = min(until, step.until_ns)
                case Ask() | Cancel() | AskFills():
                    until = min(until, self._question(step, now))
        return until

    def _question(self, step: Ask | Cancel | AskFills, now: int) -> int:
        """Start a question that is due; returns when the next one is."""
        order = step.order
        if order in self._busy:
            return now + ASK_LIMIT_NS
        if order not in self._ask_at:
            first = FILLS_GRACE_NS if isinstance(step, AskFills) else self._services.policy.poll_ns
            self._ask_at[order] = now if isinstance(step, Cancel) else now + first
            self._unknown_since[order] = now
        if now < self._ask_at[order]:
            return self._ask_at[order]
        pause = self._ask_pause.get(order, self._services.policy.ask_ns)
        self._ask_at[order] = now + pause
        self._ask_pause[order] = min(2 * pause, ASK_LIMIT_NS)
        if now - self._unknown_since[order] > PERSON_AFTER_NS and order not in self._shown:
            self._shown.add(order)
            self._alarm("order_unknown", f"order {order}: its fate is not known after {PERSON_AFTER_NS // SECOND} s")
        row = self.trade.order(order)
        match step:
            case Ask():
                self._spawn(self._ask(row), order)
            case Cancel():
                self._spawn(self._cancel(row), order)
            case AskFills():
                self._spawn(self._ask_fills(row), order)
        return self._ask_at[order]

    def place(self, step: Place) -> int | None:
        """Prepare, journal, send. An order that cannot be built strands the trade: a person must know.

        Returns when to try again (monotonic), or None when the orders are out. Raises Skip for a trade that is not being
        worked on and would have been.
        """
        services = self._services
        now = services.clock.monotonic()
        intents = services.sendable(step.intents)
        if not intents:
            return now + services.policy.poll_ns
        refused = services.admit(intents)
        if refused is not None:
            if refused.text not in self._shown:
                services.note(self.trade, "not sent", reason=refused.text)
            if refused.code == HELD_BACK and self.trade.working:
                self._strand(refused.text, refused.code)
            return now + services.policy.naked_retry_ns
        try:
            prepared = [self._prepare(intent) for intent in intents]
        except InvalidOrder as error:
            if not self.trade.working:
                raise Skip(f"trade {self.trade.id}: {error}") from error
            self._strand(str(error), "order_invalid")
            return now + services.policy.naked_retry_ns
        plans = tuple(
            order_plan(intent, order, services.markets[intent.claim.market])
            for intent, order in zip(intents, prepared, strict=True)
        )
        services.record(
            OrdersPlanned(self.trade.id, step.turn, step.reason, plans),
            *(OrderMoved(self.trade.id, plan.id, OrderEvent.SEND) for plan in plans),
        )
        services.note(self.trade, step.turn.value, reason=step.reason)
        self.dispatch(prepared)
        return None

    def _strand(self, reason: str, code: str) -> None:
        """Once for each reason: the next tries of a naked trade are not news."""
        if self.trade.phase is not Phase.NAKED:
            self._services.record(TradeTurned(self.trade.id, Turn.STRAND, reason))
        if reason not in self._shown:
            self._shown.add(reason)
            self._alarm(code, f"trade {self.trade.id} is naked: {reason}")

    def _prepare(self, intent: Intent) -> Prepared:
        services = self._services
        venue = services.trading[venue_of(intent.claim.market)]
        prepared = venue.prepare(intent, services.clock.wall() + services.send_window_ns)
        services.track(prepared.identity, intent.trade, intent.id)
        return prepared

    def _venue(self, row: OrderRow) -> Trading:
        return self._services.trading[venue_of(self.trade.legs[row.plan.leg].claim.market)]

    async def _send(self, order: Prepared) -> None:
        venue = self._services.trading[venue_of(order.intent.claim.market)]
        order_id = order.intent.id
        try:
            report = await venue.send(order)
        except NotSent as error:
            self._move(order_id, OrderEvent.WITHHOLD, str(error))
        except DutchbookError as error:
            self._move(order_id, OrderEvent.LOSE, str(error))
        except Exception as error:
            # a defect of ours must not make an order's fate forgotten: it may have left
            self._move(order_id, OrderEvent.LOSE, f"{type(error).__name__} while sending")
            self._alarm(
                "defect", f"order {order_id}: {type(error).__name__} while sending; its fate is being asked for"
            )
        else:
            self.on_report(order_id, report)

    async def _ask(self, row: OrderRow) -> None:
        """Ask by identity; an absence is recorded with the time up to which the venue's reads are complete.

        An order's deadline is a time of our wall clock, which may have been set back since: an absence is worth nothing
        before the margin has passed on our monotonic clock as well, since the order left or this process took it up.
        """
        venue = self._venue(row)
        handle = restore(self.trade, row)
        margin = self._services.policy.absence_margin_ns[venue_of(self.trade.legs[row.plan.leg].claim.market)]
        waited = self._services.clock.monotonic() - self._left_ns.get(row.plan.id, self._began_ns)
        try:
            as_of = await venue.reads_as_of()
            report = await venue.find(handle)
            if report is None:
                if not row.ended and waited > margin:
                    self._services.record(OrderAbsent(self.trade.id, row.plan.id, as_of))
                return
            self.on_report(row.plan.id, report)
        except Exception as error:
            self._unanswered(row, error)

    async def _ask_fills(self, row: OrderRow) -> None:
        try:
            for fill in await self._venue(row).fills(restore(self.trade, row), row.venue_order_id):
                self.on_fill(row.plan.id, fill)
        except Exception as error:
            self._unanswered(row, error)

    async def _cancel(self, row: OrderRow) -> None:
        try:
            self.on_report(row.plan.id, await self._venue(row).cancel(restore(self.trade, row), row.venue_order_id))
        except Exception as error:
            self._unanswered(row, error)

    def _unanswered(self, row: OrderRow, error: Exception) -> None:
        """A question or a cancel that came to nothing; it is asked again. A defect of ours is shown, and ends no trade."""
        if isinstance(error, ImpossibleEvent | LedgerError):
            raise error
        self._services.note(self.trade, "question failed", order=row.plan.id, reason=str(error))
        if not isinstance(error, DutchbookError) and type(error).__name__ not in self._shown:
            self._shown.add(type(error).__name__)
            self._alarm(
                "defect", f"order {row.plan.id}: {type(error).__name__} while asking about it; it is asked about again"
            )

    # -- facts ------------------------------------------------------------------------------------------------------

    def on_report(self, order_id: str, report: OrderReport) -> None:
        """The venue's word about one of this trade's orders, from an answer, a lookup or the stream."""
        row = self.trade.order(order_id)
        event = REPORT_EVENT[report.status]
        same = ORDER_TABLE[row.state].get(event) is row.state and report.venue_order_id in ("", row.venue_order_id)
        known = same or (row.ended and row.state is not OrderState.VOIDED)
        # that the venue has it is news after reads that did not show it: absences count anew
        found = bool(row.absences) and not row.ended and event is not OrderEvent.LOSE
        if known and not found and report.filled <= row.reported:
            # nothing new: a late copy, or an answer that knows no more than we do
            return
        self._services.record(
            OrderMoved(
                self.trade.id,
                order_id,
                event,
                filled=report.filled,
                venue_order_id=report.venue_order_id,
                reason=report.reason,
                code=report.code,
            ),
            *self._reopening("the venue reports an order anew"),
        )
        self._forget_question(order_id)
        self.poke()

    def on_fill(self, order_id: str, fill: Fill) -> None:
        """A fill, or its news. The same id twice is one fill."""
        row = self.trade.order(order_id)
        known = row.fills.get(fill.id)
        if known is None:
            if fill.id in row.reversed:
                return
            claim = self.trade.legs[row.plan.leg].claim
            told = as_ordered(fill, claim.opposite if row.plan.opposite else claim, row.plan.action)
            if told is None:
                self._mismatch(order_id, fill)
                return
            fill = told
            self._services.record(
                *self._replaced(row),
                Filled(
                    trade=self.trade.id,
                    order=order_id,
                    fill=fill.id,
                    size=fill.size,
                    cash=fill.cash,
                    fee=fill.fee,
                    liquidity=fill.liquidity,
                    at_ns=fill.at_ns,
                    final=fill.final,
                    sellable=fill.sellable,
                    fee_exact=fill.fee_exact,
                ),
                *self._reopening("a late fill changed what is held"),
            )
        elif (fill.final and not known.final) or (fill.sellable and not known.sellable):
            self._services.record(FillSettled(self.trade.id, order_id, fill.id, fill.final))
        self.poke()

    def _replaced(self, row: OrderRow) -> tuple[AnyFact, ...]:
        """What a person said of an order gives way to what the venue tells of it."""
        order = row.plan.id
        said = [fill.fill for fill in row.fills.values() if fill.by]
        words = "the venue tells its own fill"
        return tuple(FillReversed(self.trade.id, order, fill, words, replaced=True) for fill in said)

    def _mismatch(self, order_id: str, fill: Fill) -> None:
        """A fill that names an order of ours and cannot be its fill: shown to a person once, and not booked."""
        if fill.id not in self._shown:
            self._shown.add(fill.id)
            self._alarm("fill_mismatch", f"fill {fill.id} ({fill.action.value} {fill.claim}) names order {order_id}")

    def on_reversal(self, order_id: str, fill_id: str, reason: str) -> None:
        """The venue took a fill back: its cash and contracts return, and the exposure is open again."""
        self._services.record(
            FillReversed(self.trade.id, order_id, fill_id, reason), *self._reopening(f"a fill failed: {reason}")
        )
        self.poke()

    def _reopening(self, reason: str) -> tuple[AnyFact, ...]:
        """What follows for a trade that had ended, recorded together with the news itself: a crash never parts them."""
        phase = self.trade.phase
        if phase is Phase.SETTLED:
            return (Alarmed("after_settlement", f"trade {self.trade.id} is settled, but {reason}", self.trade.id),)
        if phase is Phase.HANDED_OVER:
            return (Alarmed("handed_over", f"trade {self.trade.id} is in a person's hands: {reason}", self.trade.id),)
        if self.trade.in_hand:
            text = f"trade {self.trade.id} is in a person's hands again: {reason}"
            return (TradeTurned(self.trade.id, Turn.HAND_OVER, reason), Alarmed("handed_over", text, self.trade.id))
        return () if self.trade.working else (TradeTurned(self.trade.id, Turn.REOPEN, reason),)

    def _move(self, order_id: str, event: OrderEvent, reason: str) -> None:
        if not self.trade.order(order_id).ended:
            self._services.record(OrderMoved(self.trade.id, order_id, event, reason=reason))
        self.poke()

    def _forget_question(self, order_id: str) -> None:
        self._ask_at.pop(order_id, None)
        self._ask_pause.pop(order_id, None)
        self._unknown_since.pop(order_id, None)

    def _alarm(self, code: str, text: str) -> None:
        self._services.record(Alarmed(code, text, self.trade.id))
        self._services.note(self.trade, "alarm", code=code, text=text)

    # -- waiting ----------------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[None, None, None], order: str) -> None:
        self._busy.add(order)
        task = asyncio.create_task(work, name=f"order {order}")
        self._tasks.add(task)

        def finished(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            self._busy.discard(order)
            self.poke()
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self._failures.append(error)

        task.add_done_callback(finished)

    async def _wait(self, until_ns: int) -> None:
        delay = max(0, until_ns - self._services.clock.monotonic())
        try:
            async with asyncio.timeout(delay / SECOND):
                await self._news.wait()
        except TimeoutError:
            pass
        if self._failures:
            raise self._failures[0]
