"""Turns complete sets and winning tokens back into cash where a venue does not do it by itself (M35). Behind a setting.

Asks the venue's slow path; books a merge only when it has been carried out. It never touches a contract that stands alone in a
market that has not paid, and never runs while an order of the market is out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from dutchbook.core.claim import venue_of
from dutchbook.core.errors import DutchbookError
from dutchbook.core.facts import Alarmed, SetsMerged
from dutchbook.core.venue import Wallet
from dutchbook.engine.desk import Desk


class Treasury:
    """`wallets` by venue. A failed operation is alarmed once and tried again at the next round."""

    def __init__(self, desk: Desk, wallets: Mapping[str, Wallet]) -> None:
        self._desk = desk
        self.wallets = wallets
        self._told: set[str] = set()

    async def work(self) -> None:
        """Merge what can be merged, redeem what was won."""
        if self._desk.config.sending:
            for venue, wallet in self.wallets.items():
                await self._merge(venue, wallet)
                await self._redeem(venue, wallet)

    async def _merge(self, venue: str, wallet: Wallet) -> None:
        for trade in list(self._desk.ledger.open.values()):
            for index, leg in enumerate(trade.legs):
                market, size = leg.claim.market, leg.sets
                if venue_of(market) != venue or not size or leg.settled or not leg.at_rest:
                    continue
                if await self._done(f"merging complete sets of {market}", trade.id, wallet.merge(market, size)):
                    self._desk.record(SetsMerged(trade.id, index, size))

    async def _redeem(self, venue: str, wallet: Wallet) -> None:
        """Tokens of markets that have paid, by the venue's own word that they are still there."""
        if not any(venue_of(market) == venue for market in self._desk.ledger.paid):
            return
        try:
            held = (await self._desk.trading[venue].positions()).held
        except DutchbookError as error:
            self._desk.log.warning("positions not read", venue=venue, reason=str(error))
            return
        for market in sorted({claim.market for claim, size in held.items() if size} & set(self._desk.ledger.paid)):
            await self._done(f"redeeming {market}", "", wallet.redeem(market))

    async def _done(self, what: str, trade: str, operation: Awaitable[str]) -> bool:
        try:
            transaction = await operation
        except DutchbookError as error:
            if what not in self._told:
                self._told.add(what)
                self._desk.record(Alarmed("wallet", f"{what} failed and will be tried again: {error}", trade))
            return False
        self._told.discard(what)
        self._desk.log.info(what, trade=trade, transaction=transaction)
        return True
