"""What can be bought: one outcome of one market. NO is a claim of its own and is bought as NO."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, NewType

MarketId = NewType("MarketId", str)
"""`venue:native id`, for example `kalshi:KXNBAGAME-26JAN13PHXMIA-PHX`."""


class Outcome(Enum):
    YES = "yes"
    NO = "no"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity

    @property
    def opposite(self) -> Outcome:
        return Outcome.NO if self is Outcome.YES else Outcome.YES


class Claim(NamedTuple):
    """Pays one dollar a contract when `outcome` happens in `market`."""

    market: MarketId
    outcome: Outcome

    @property
    def opposite(self) -> Claim:
        """The other outcome of the same market: together they pay one dollar whatever happens."""
        return Claim(self.market, self.outcome.opposite)

    def __str__(self) -> str:
        return f"{self.market}/{self.outcome.value}"


def market_id(venue: str, native: str) -> MarketId:
    """The engine-wide name of a venue's market."""
    return MarketId(f"{venue}:{native}")


def venue_of(market: MarketId) -> str:
    """The venue's name in a market id."""
    return market.partition(":")[0]


def native_of(market: MarketId) -> str:
    """The venue's own id in a market id."""
    return market.partition(":")[2]
