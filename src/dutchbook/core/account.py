"""Balances and positions as a venue states them, with the time of the statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.money import Cash, Price, Size


@dataclass(frozen=True, slots=True)
class Balances:
    """Spendable cash per pool (a Kalshi shard, a Polymarket wallet) as of a monotonic instant of ours."""

    venue: str
    available: Mapping[str, Cash]
    received_ns: int

    @property
    def total(self) -> Cash:
        return Cash(sum(self.available.values()))


@dataclass(frozen=True, slots=True)
class Positions:
    """Net contracts per claim. Kalshi nets YES and NO into one signed number; Polymarket holds both tokens."""

    venue: str
    held: Mapping[Claim, Size]

    def net(self, market: MarketId) -> Size:
        """YES minus NO."""
        return Size(self.held.get(Claim(market, Outcome.YES), 0) - self.held.get(Claim(market, Outcome.NO), 0))


@dataclass(frozen=True, slots=True)
class Resolution:
    """A market's result: what YES pays. `final` is False while the venue may still dispute it."""

    market: MarketId
    yes_value: Price
    final: bool
    fee: Cash = Cash(0)
