"""What an engine does on the side, by the clock: balances, venue modes and clocks, results, snapshots for readers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from dutchbook.core.claim import native_of, venue_of
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import DutchbookError, Skip
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase
from dutchbook.core.venue import ListsHoldings, Scheduled, VenueMode, Window
from dutchbook.engine.accounts import Accounts
from dutchbook.engine.desk import Desk
from dutchbook.engine.settlement import Settlement

TRIES: Final = 20
BETWEEN_NS: Final = 170 * MILLISECOND
"""How often a result is tried to be booked that finds an order of its naked trade out: both go by the clock, and could miss each
other for ever."""


class Housekeeping:
    """Periodic work. A failed reading is said and grows stale; it is never replaced by a guess."""

    def __init__(
        self, desk: Desk, accounts: Accounts, settlement: Settlement, cash: Callable[[str], Awaitable[None]]
    ) -> None:
        """`cash` compares a venue's newest balance with the ledger."""
        self.modes: dict[str, VenueMode] = {}
        self.offsets_ns: dict[str, int] = {}
        self.windows: dict[str, tuple[Window, ...]] = {}
        self._desk = desk
        self._accounts = accounts
        self._settlement = settlement
        self._cash = cash
        self._learned: set[str] = set()

    async def check_venues(self) -> None:
        """The venues' modes and clocks. An offset counts only as far as the venue's coarse statement cannot explain it."""
        desk = self._desk
        for name, side in desk.venues.items():
            try:
                self.modes[name] = await side.data.mode()
                if isinstance(side.data, Scheduled):
                    self.windows[name] = await side.data.windows()
                before = desk.clock.wall()
                earliest, latest = await side.data.server_time()
                after = desk.clock.wall()
            except DutchbookError as error:
                self.modes.pop(name, None)
                desk.log.warning("venue not checked: no new trades there", venue=name, reason=str(error))
                continue
            self.offsets_ns[name] = max(0, earliest - after) or min(0, latest - before)

    async def learn_paid(self) -> None:
        """Have each account know the markets that have paid us something and of which it still holds tokens, also from earlier
        runs and of links long gone: without them its cash cannot be explained. What cannot be read is asked for again."""
        desk = self._desk
        for venue, trading in desk.trading.items():
            if venue in self._learned or venue in desk.ledger.netting or not isinstance(trading, ListsHoldings):
                continue
            ours = {m for m in desk.ledger.paid.keys() - desk.markets.keys() if venue_of(m) == venue}
            paid = {native_of(market) for market in ours if desk.ledger.due(market)}
            try:
                held = sorted(paid & set(await trading.held_natives())) if paid else []
                if held:
                    trading.know(await desk.venues[venue].data.markets(held))
            except DutchbookError as error:
                desk.log.warning("markets that have paid not read", venue=venue, reason=str(error))
                self._accounts.payouts.estrange(venue, strange=True)
                continue
            self._learned.add(venue)
            self._accounts.payouts.estrange(venue, strange=False)

    async def refresh_balances(self) -> None:
        """Read every balance, and compare it where nothing is in flight."""
        for venue in self._desk.trading:
            if await self._accounts.refresh(venue):
                await self._cash(venue)
            else:
                self._desk.log.warning("balance not read", venue=venue, reason=self._accounts.errors[venue])

    async def poll_results(self) -> None:
        """Ask the venues for results that trades wait for."""
        for trouble in await self._settlement.poll(self._desk.trading, self._desk.clock.wall()):
            self._desk.log.warning("results not read", reason=trouble)
        for _ in range(TRIES):
            if not self._settlement.in_the_way():
                return
            await self._desk.clock.sleep(BETWEEN_NS)
            self._settlement.book_all()

    async def settle(self, _arguments: Mapping[str, str]) -> str:
        """The verb `settle`: results asked for now, what was paid by them, and what still waits. Raises Skip when a venue was
        not heard; what the others said is booked."""
        desk = self._desk
        held = [trade for trade in desk.ledger.holding() if _unpaid(trade)]
        before = sum(_unpaid(trade) for trade in held)
        troubles = await self._settlement.poll(desk.trading, desk.clock.wall())
        ended = [trade.id for trade in held if trade.phase is Phase.SETTLED]
        left = sum(_unpaid(trade) for trade in held)
        text = f"{before - left} of {before} legs were paid now, {len(ended)} trades settled"
        text += f" ({', '.join(ended)})" if ended else ""
        text += f"; {left} legs wait for a final result" if left else ""
        if troubles:
            raise Skip(f"{text}; not heard: {'; '.join(troubles)}")
        return text


def _unpaid(trade: TradeBook) -> int:
    """Legs that hold something and wait for their market."""
    return sum(1 for leg in trade.legs if not leg.settled and (leg.held or leg.sets))
