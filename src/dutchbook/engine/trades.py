"""The trades under way: one driver each; news from the streams finds its order here; a restart picks up what was left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import ImpossibleEvent, LedgerError, Skip
from dutchbook.core.events import FillFailed
from dutchbook.core.facts import Alarmed, AnyFact, LotsMarked, OrderMoved, TradeTurned
from dutchbook.core.money import format_dollars
from dutchbook.core.order import Fill, OrderEvent, OrderReport, OrderState
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.engine.desk import Desk
from dutchbook.engine.driver import TradeDriver
from dutchbook.execution.actions import Place
from dutchbook.execution.decide import Wish, exit_round
from dutchbook.execution.repair import after_mark, nothing_left, require_handing_over

AFTER_IMPOSSIBLE_NS: Final = 8 * SECOND
"""How long a trade is left alone after an event that no table knows, or a defect of ours."""

IMPOSSIBLE: Final = 3
"""After so many of them a trade is called NAKED: a person sees it in every list, and can take it over."""

_TO_NAKED: Final = {
    Phase.OPENED: (Turn.START, Turn.FALL_SHORT, Turn.STRAND),
    Phase.EXECUTING: (Turn.FALL_SHORT, Turn.STRAND),
    Phase.HEDGING: (Turn.FALL_SHORT, Turn.STRAND),
    Phase.UNWINDING: (Turn.FALL_SHORT, Turn.STRAND),
    Phase.PARTIAL: (Turn.STRAND,),
    Phase.SETTLING: (Turn.STRAND,),
}


class Trades:
    """Drivers by trade. `ended` is called after a trade has come to its end."""

    def __init__(self, desk: Desk, ended: Callable[[TradeBook], None]) -> None:
        self._desk = desk
        self._ended = ended
        self._drivers: dict[str, TradeDriver] = {}

    @property
    def working(self) -> int:
        """How many trades are being driven."""
        return len(self._drivers)

    def drive(self, trade: TradeBook) -> TradeDriver:
        """Start working on a trade; one that is being worked on keeps its driver."""
        driver = self._drivers.get(trade.id)
        if driver is not None:
            driver.poke()
            return driver
        return self._run_driver(TradeDriver(self._desk, trade))

    def _run_driver(self, driver: TradeDriver) -> TradeDriver:
        self._drivers[driver.trade.id] = driver
        self._desk.spawn(self._run(driver), f"trade {driver.trade.id}")
        return driver

    async def _run(self, driver: TradeDriver) -> None:
        trade, desk = driver.trade, self._desk
        ended = 0
        try:
            while True:
                try:
                    await driver.run()
                    break
                except LedgerError:
                    raise
                except Exception as error:
                    # the switch is thrown, and nothing new begins; what the facts say of this trade has to be worked on
                    ended += 1
                    self._ended_by(error, trade, ended)
                    await desk.clock.sleep(AFTER_IMPOSSIBLE_NS)
                    again = TradeDriver(desk, trade)
                    again.wish = driver.wish
                    self._drivers[trade.id] = driver = again
                    self._forget_answers(trade, "what waited for its answer was ended")
        finally:
            if self._drivers.get(trade.id) is driver:
                del self._drivers[trade.id]
        result = trade.locked_profit if trade.phase is Phase.LOCKED else trade.pnl
        desk.note(trade, "trade ended", reason=trade.reason, pnl=format_dollars(result, 4))
        self._ended(trade)

    def _ended_by(self, error: Exception, trade: TradeBook, times: int) -> None:
        """An impossible event has alarmed and thrown the switch already; any other end is a defect of ours, and does the same."""
        desk, known = self._desk, isinstance(error, ImpossibleEvent)
        text = str(error) if known else f"{type(error).__name__} while working on trade {trade.id}: {error}"
        desk.note(trade, "ended, and looked at again", reason=text)
        if not known and times == 1:
            desk.record(Alarmed("defect", f"{text}; it is looked at again", trade.id))
            desk.trip(f"defect: {text}")
        if times == IMPOSSIBLE:
            self._strand(trade, f"needs a person: {text}")

    def exit(self, trade: TradeBook, reason: str) -> None:
        """Sell every leg of a LOCKED trade at what the books take now. Raises Skip when one cannot be sold whole."""
        desk = self._desk
        if trade.phase is not Phase.LOCKED:
            raise Skip(f"trade {trade.id} is {trade.result}; only a locked trade can be sold whole")
        if trade.id in self._drivers:
            raise Skip(f"trade {trade.id} is just being ended; try again")
        if any(leg.settled for leg in trade.legs):
            raise Skip(f"trade {trade.id}: a market has paid already; the rest waits for its own")
        intents = exit_round(trade, desk.scene(), desk.policy)
        if intents is None or len(desk.sendable(intents)) < len(intents):
            raise Skip(f"trade {trade.id}: the books do not take every leg whole now")
        driver = TradeDriver(desk, trade)
        if driver.place(Place(Turn.EXIT, reason, intents)) is not None:
            raise Skip(f"trade {trade.id}: its sale cannot be sent now")
        self._run_driver(driver)

    def wish(self, trade: TradeBook, wish: Wish, reason: str) -> None:
        """Complete or unwind a trade whose legs are unequal, though the other way may be cheaper. Raises Skip when they are
        not, or when the trade is over."""
        desk = self._desk
        if trade.phase is Phase.HANDED_OVER:
            desk.record(TradeTurned(trade.id, Turn.REOPEN, reason))
        if not trade.working:
            raise Skip(f"trade {trade.id} is {trade.result}: its legs are not unequal")
        driver = self._drivers.get(trade.id) or self._resume(trade, reason)
        driver.wish = wish
        driver.poke()

    def hand_over(self, trade: TradeBook, reason: str) -> None:
        """A person takes a NAKED or LOCKED trade; the engine leaves it alone from here. Raises Skip for any other."""
        require_handing_over(trade)
        self._desk.record(TradeTurned(trade.id, Turn.HAND_OVER, reason))
        self._wake(trade.id)

    def mark(self, mark: LotsMarked) -> None:
        """Book what a person did outside, as a counter-entry; equal legs end the trade. Raises Skip for one that is over."""
        trade = self._desk.ledger.trades[mark.trade]
        turn = after_mark(trade, mark)
        self._desk.record(mark, *((TradeTurned(trade.id, turn, mark.reason),) if turn else ()))
        self._wake(trade.id)

    def tell(self, trade: TradeBook, *facts: AnyFact) -> None:
        """Book a person's word about an order of unknown fate."""
        self._desk.record(*facts)
        self._wake(trade.id)

    def recover(self) -> None:
        """What an earlier run left half done: orders that may have left are UNKNOWN until the venue has answered."""
        desk = self._desk
        for trade in desk.ledger.trades.values():
            for row in trade.orders():
                desk.track(row.plan.identity, trade.id, row.plan.id)
        for trade in list(desk.ledger.open.values()):
            self._release(trade)
        for trade in list(desk.ledger.working):
            desk.log.warning("recovering a trade left half done", trade=trade.id, phase=trade.phase.value)
            if trade.phase is Phase.OPENED:
                desk.record(TradeTurned(trade.id, Turn.START, "recovered"))
            self._resume(trade, "the engine was restarted")

    def _strand(self, trade: TradeBook, reason: str) -> None:
        """Call a trade NAKED that no table lets go on."""
        turns = _TO_NAKED.get(trade.phase, ())
        if turns:
            alarm = Alarmed("naked", f"trade {trade.id} is naked: {reason}", trade.id)
            self._desk.record(*(TradeTurned(trade.id, turn, reason) for turn in turns), alarm)

    def _resume(self, trade: TradeBook, reason: str) -> TradeDriver:
        """Drive a trade that nobody drives."""
        self._forget_answers(trade, reason)
        return self.drive(trade)

    def _forget_answers(self, trade: TradeBook, reason: str) -> None:
        """Whoever waited for the answers to a trade's orders is gone: what may have left is UNKNOWN from here."""
        for row in trade.orders():
            if row.state in (OrderState.PLANNED, OrderState.SENT):
                event = OrderEvent.LOSE if row.state is OrderState.SENT else OrderEvent.WITHHOLD
                self._desk.record(OrderMoved(trade.id, row.plan.id, event, reason=reason))

    def cancel(self, trade: TradeBook, row: OrderRow) -> None:
        """Ask the venue to take an order out of its book; its answer ends the order."""
        driver = self._drivers.get(trade.id) or self._resume(trade, "nobody waits for its answer any more")
        driver.cancel(row)

    def on_fill(self, fill: Fill) -> bool:
        """A fill from a stream; False when the order is not ours."""
        found = self._desk.identities.get(fill.identity)
        if found is not None:
            self._driver(found[0]).on_fill(found[1], fill)
            self._wake(found[0])
        return found is not None

    def on_report(self, report: OrderReport) -> None:
        """News of an order from a stream; orders that are not ours are somebody else's business."""
        found = self._desk.identities.get(report.identity)
        if found is not None:
            self._driver(found[0]).on_report(found[1], report)
            self._wake(found[0])

    def on_fill_failed(self, event: FillFailed) -> None:
        """The venue took a fill back: the exposure is open again, and the trade goes back to work."""
        for trade in list(self._desk.ledger.open.values()):
            for row in trade.orders():
                if event.fill_id in row.fills:
                    self.reverse(trade, row, event.fill_id, event.reason)

    def reverse(self, trade: TradeBook, row: OrderRow, fill_id: str, reason: str) -> None:
        """Take back a fill, told or untold, that the venue does not stand by."""
        self._desk.log.error("fill reversed by the venue", trade=trade.id, order=row.plan.id, reason=reason)
        self._driver(trade.id).on_reversal(row.plan.id, fill_id, reason)
        self._wake(trade.id)

    def _driver(self, trade_id: str) -> TradeDriver:
        """The driver of a trade; an ended trade gets one that records late news and is not run."""
        return self._drivers.get(trade_id) or TradeDriver(self._desk, self._desk.ledger.trades[trade_id])

    def _wake(self, trade_id: str) -> None:
        """News came: whoever drives the trade looks again; a trade that was reopened gets a driver."""
        trade = self._desk.ledger.trades[trade_id]
        driver = self._drivers.get(trade_id)
        if driver is not None:
            driver.poke()
        elif trade.working:
            self._resume(trade, "nobody waits for its answer any more")
        else:
            self._release(trade)

    def _release(self, trade: TradeBook) -> None:
        """A person has nothing in hand when the venue took back all that a trade held: it is over."""
        if trade.phase is Phase.HANDED_OVER and nothing_left(trade):
            self._desk.record(TradeTurned(trade.id, Turn.FLATTEN, "nothing of it is held any more"))
