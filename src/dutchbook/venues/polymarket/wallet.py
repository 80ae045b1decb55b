"""The slow path as the engine uses it, where the operator has allowed it: merge complete sets, redeem what was won.

Each call carries out one proposal of `slow_path` and waits for its transaction. Never on the way of an order.
"""

from __future__ import annotations

from dutchbook.core.claim import MarketId, native_of
from dutchbook.core.money import Size
from dutchbook.venues.polymarket.slow_path import SlowPath
from dutchbook.venues.polymarket.tokens import TokenRegistry


class SlowWallet:
    """Implements `core.venue.Wallet`. The setting is the operator's confirmation."""

    def __init__(self, path: SlowPath, registry: TokenRegistry) -> None:
        self._path = path
        self._registry = registry

    async def merge(self, market: MarketId, size: Size) -> str:
        """Turn so many complete sets into a dollar each."""
        proposal = self._path.merge(native_of(market), self._registry.tokens(market), size)
        return (await self._path.carry_out(proposal, confirmed=True)).transaction

    async def redeem(self, market: MarketId) -> str:
        """Turn the tokens of a resolved market into their payout."""
        proposal = self._path.redeem(native_of(market), self._registry.tokens(market))
        return (await self._path.carry_out(proposal, confirmed=True)).transaction
