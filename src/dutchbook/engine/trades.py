"""The trades under way: one driver each; news from the streams finds its order here; a restart picks up what was left."""

from __future__ import annotations

from collections.abc import Callable

from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.events import FillFailed
from dutchbook.core.facts import FillReversed, OrderMoved, TradeTurned
from dutchbook.core.money import format_dollars
from dutchbook.core.order import Fill, OrderEvent, OrderReport, OrderState
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import WORKING, Phase, Turn
from dutchbook.engine.desk import Desk
from dutchbook.engine.driver import TradeDriver


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
        """Start working on a trade."""
        driver = TradeDriver(self._desk, trade)
        self._drivers[trade.id] = driver
        self._desk.spawn(self._run(driver), f"trade {trade.id}")
        return driver

    async def _run(self, driver: TradeDriver) -> None:
        trade, desk = driver.trade, self._desk
        try:
            await driver.run()
        except ImpossibleEvent:
            # recorded and alarmed already, and the kill switch is thrown: other trades go on to their end
            return
        finally:
            self._drivers.pop(trade.id, None)
        result = trade.locked_profit if trade.phase is Phase.LOCKED else trade.pnl
        desk.note(trade, "trade ended", reason=trade.reason, pnl=format_dollars(result, 4))
        self._ended(trade)

    def recover(self) -> None:
        """What an earlier run left half done: orders that may have left are UNKNOWN until the venue has answered."""
        desk = self._desk
        for trade in desk.ledger.trades.values():
            for row in trade.orders():
                desk.track(row.plan.identity, trade.id, row.plan.id)
        for trade in list(desk.ledger.working):
            for row in trade.orders():
                if row.state in (OrderState.PLANNED, OrderState.SENT):
                    event = OrderEvent.LOSE if row.state is OrderState.SENT else OrderEvent.WITHHOLD
                    desk.record(OrderMoved(trade.id, row.plan.id, event, reason="the engine was restarted"))
            if trade.phase is Phase.OPENED:
                desk.record(TradeTurned(trade.id, Turn.START, "recovered"))
            desk.log.warning("recovering a trade left half done", trade=trade.id, phase=trade.phase.value)
            self.drive(trade)

    def cancel(self, trade: TradeBook, row: OrderRow) -> None:
        """Ask the venue to take an order out of its book; its answer ends the order."""
        driver = self._drivers.get(trade.id) or self.drive(trade)
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
        desk = self._desk
        for trade in list(desk.ledger.trades.values()):
            for row in trade.orders():
                if event.fill_id in row.fills:
                    desk.record(FillReversed(trade.id, row.plan.id, event.fill_id, event.reason))
                    desk.log.error("fill reversed by the venue", trade=trade.id, reason=event.reason)
                    if trade.phase in (Phase.LOCKED, Phase.FAILED, Phase.ROLLED_BACK):
                        desk.record(TradeTurned(trade.id, Turn.REOPEN, f"a fill failed: {event.reason}"))
                    self._wake(trade.id)

    def _driver(self, trade_id: str) -> TradeDriver:
        """The driver of a trade; an ended trade gets one that records late news and is not run."""
        return self._drivers.get(trade_id) or TradeDriver(self._desk, self._desk.ledger.trades[trade_id])

    def _wake(self, trade_id: str) -> None:
        """A trade that late news has made unequal or unfinished goes back to work."""
        trade = self._desk.ledger.trades[trade_id]
        driver = self._drivers.get(trade_id)
        if driver is not None:
            driver.poke()
            return
        counts = {leg.held for leg in trade.legs}
        late = trade.phase in (Phase.FAILED, Phase.ROLLED_BACK) and counts != {0}
        if late or (trade.phase is Phase.LOCKED and len(counts) > 1 and not trade.dusty):
            self._desk.record(TradeTurned(trade_id, Turn.REOPEN, "a late fill changed what is held"))
        if trade.phase in WORKING:
            self.drive(trade)
