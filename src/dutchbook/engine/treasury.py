"""Turns complete sets and winning tokens back into cash where a venue does not do it by itself (M35). Behind a setting.

What is asked of the slow path is in the journal before it is asked. When its answer is missing, also after a crash, the venue's
positions tell what came of it; nothing is asked again before. It never touches a contract that stands alone in a market that has
not paid, and never runs while an order of the market is out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from msgspec.structs import replace

from dutchbook.core.claim import MarketId, venue_of
from dutchbook.core.clock import HOUR
from dutchbook.core.errors import DutchbookError, ImpossibleEvent, Lost
from dutchbook.core.facts import Alarmed, SetsMerged, WalletMoved, WalletStage, WalletWork
from dutchbook.core.position import TradeBook
from dutchbook.core.venue import Wallet
from dutchbook.engine.desk import Desk
from dutchbook.engine.payouts import WaitingPayouts

LONGEST_PAUSE_NS: Final = HOUR
"""Between two tries of an operation that fails again and again."""

_WORDS: Final = {WalletWork.MERGE: "merging complete sets of", WalletWork.REDEEM: "redeeming"}


class Treasury:
    """`wallets` by venue. A failed operation is alarmed once and tried again, after a pause that grows."""

    def __init__(self, desk: Desk, payouts: WaitingPayouts, wallets: Mapping[str, Wallet]) -> None:
        self._desk = desk
        self._payouts = payouts
        self.wallets = wallets
        self._told: set[str] = set()
        self._pauses: dict[str, tuple[int, int]] = {}
        """By operation: not before this monotonic time, and the pause that led to it."""
        self._untouched: dict[tuple[str, int], int] = {}
        """By leg whose merge has no answer: how many readings in a row showed its sets untouched."""
        self._missed_ns: dict[tuple[str, int], int] = {}
        """By leg whose merge has no answer: since when, on our monotonic clock. The wall clock may be set back."""

    async def work(self) -> None:
        """Merge what can be merged, redeem what was won."""
        if not self._desk.config.sending:
            return
        for venue, wallet in self.wallets.items():
            try:
                await self._merge(venue, wallet)
                await self._redeem(venue, wallet)
            except ImpossibleEvent as error:
                # alarmed, and the kill switch is thrown; the next round looks at what the ledger says then
                self._desk.log.error("wallet's result not taken", venue=venue, reason=str(error))

    async def _merge(self, venue: str, wallet: Wallet) -> None:
        for trade in list(self._desk.ledger.open.values()):
            for index, leg in enumerate(trade.legs):
                market, size = leg.claim.market, leg.mergeable
                if venue_of(market) != venue or leg.settled:
                    continue
                if not leg.merging:
                    self._missed_ns.pop((trade.id, index), None)
                if leg.merging:
                    await self._find_out(venue, trade, index)
                elif size and leg.at_rest:
                    move = WalletMoved(venue, market, WalletWork.MERGE, WalletStage.ASKED, size, trade.id, index)
                    if await self._done(move, partial(wallet.merge, market, size)):
                        self._merged(trade, index, size)

    def _merged(self, trade: TradeBook, index: int, size: int) -> None:
        """Book a merge that was carried out. With its market paid meanwhile the same dollars are booked already."""
        if trade.legs[index].settled is None:
            self._desk.record(SetsMerged(trade.id, index, size))

    async def _find_out(self, venue: str, trade: TradeBook, index: int) -> None:
        """What became of a merge whose answer is missing: both claims are fewer by it, or none is."""
        desk, leg, key = self._desk, trade.legs[index], (trade.id, index)
        market, size = leg.claim.market, leg.merging
        trading = desk.trading[venue]
        try:
            as_of = await trading.reads_as_of()
            stated = (await trading.positions()).held
        except DutchbookError as error:
            desk.log.warning("positions not read", venue=venue, reason=str(error))
            return
        if leg.merging != size or self._orders_out(market):
            return
        margin = desk.policy.absence_margin_ns[venue]
        waited = desk.clock.monotonic() - self._missed_ns.setdefault(key, desk.clock.monotonic())
        gone = {desk.ledger.held(claim) - stated.get(claim, 0) for claim in (leg.claim, leg.claim.opposite)}
        untouched = gone == {0} and as_of > leg.merging_ns + margin and waited > margin
        self._untouched[key] = self._untouched.get(key, 0) + 1 if untouched else 0
        if gone == {size}:
            self._merged(trade, index, size)
        elif self._untouched[key] >= desk.policy.absences_needed:
            self._untouched[key] = 0
            del self._missed_ns[key]
            asked = WalletMoved(venue, market, WalletWork.MERGE, WalletStage.ASKED, size, trade.id, index)
            desk.record(replace(asked, stage=WalletStage.FAILED, note="the venue still holds the sets"))
        elif gone != {0}:
            text = f"merging sets of {market}: its answer is missing, and the venue's positions fit neither end"
            self._tell(text, text, trade.id)

    def _orders_out(self, market: MarketId) -> bool:
        trades = self._desk.ledger.open.values()
        legs = (leg for trade in trades for leg in trade.legs if leg.claim.market == market)
        return any(not (row.ended and row.accounted) for leg in legs for row in leg.orders)

    async def _redeem(self, venue: str, wallet: Wallet) -> None:
        """Tokens of markets that have paid us something, by the venue's own word that they are still there: to ask again is
        safe."""
        if not (self._payouts.at(venue) or self._payouts.unread(venue)):
            return
        booked = self._desk.ledger.payouts
        try:
            held = (await self._desk.trading[venue].positions()).held
        except DutchbookError as error:
            self._desk.log.warning("positions not read", venue=venue, reason=str(error))
            return
        self._payouts.hold(venue, held, booked)
        for market in sorted(self._payouts.at(venue)):
            move = WalletMoved(venue, market, WalletWork.REDEEM, WalletStage.ASKED)
            if await self._done(move, partial(wallet.redeem, market)):
                self._desk.record(replace(move, stage=WalletStage.DONE))

    async def _done(self, move: WalletMoved, operate: Callable[[], Awaitable[str]]) -> bool:
        """Journal the intent, act. False when it failed or its fate is not known; then a person is told, once."""
        desk = self._desk
        what = f"{_WORDS[move.work]} {move.market}"
        not_before, pause = self._pauses.get(what, (0, desk.config.treasury_every_ns))
        if desk.clock.monotonic() < not_before:
            return False
        desk.record(move)
        try:
            transaction = await operate()
        except Exception as error:
            # a defect of the wallet's library is no reason to forget what was asked
            self._pauses[what] = desk.clock.monotonic() + pause, min(2 * pause, LONGEST_PAUSE_NS)
            known = isinstance(error, DutchbookError) and not isinstance(error, Lost)
            if known:
                desk.record(replace(move, stage=WalletStage.FAILED, note=str(error)))
            said = str(error) if isinstance(error, DutchbookError) else type(error).__name__
            end = "will be tried again" if known else "may have been carried out, and is being looked into"
            self._tell(what, f"{what} failed and {end}: {said}", move.trade)
            return False
        self._pauses.pop(what, None)
        self._told.discard(what)
        desk.log.info(what, trade=move.trade, transaction=transaction)
        return True

    def _tell(self, what: str, text: str, trade: str) -> None:
        """Once, until it has come to a good end."""
        if what not in self._told:
            self._told.add(what)
            self._desk.record(Alarmed("wallet", text, trade))
