"""Which token is which claim: the metadata that orders need and the core's words do not carry.

Filled by the data side, read by the trading side and the streams; it never asks the venue by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.errors import InvalidOrder
from dutchbook.core.market import Market
from dutchbook.venues.polymarket.signing import ExchangeContract, exchange_of, is_v2_asset


def condition_key(condition: str) -> str:
    """A condition id as a key: v2 ids have 31 bytes, and some services pad them with a zero byte to 32."""
    return condition.lower()[:64]


@dataclass(frozen=True, slots=True)
class SportsFacts:
    """What ties a sports market to its game, as the venue states it; `line` is decimal text (spread or total)."""

    game_id: str
    market_type: str
    line: str = ""
    home: str = ""
    away: str = ""
    series: str = ""


@dataclass(frozen=True, slots=True)
class MarketTokens:
    """One market's ids on the venue. `yes` is the token of outcome 0, `no` of outcome 1 (decimal text)."""

    condition: str
    yes: str
    no: str
    neg_risk: bool
    sports: SportsFacts | None = None

    def token(self, outcome: Outcome) -> str:
        return self.yes if outcome is Outcome.YES else self.no

    @property
    def exchange(self) -> ExchangeContract:
        """The contract that settles this market's orders."""
        return exchange_of(int(self.yes), self.neg_risk)

    @property
    def asset_type(self) -> str:
        """What the balance route calls this market's tokens."""
        return "CONDITIONAL-V2" if is_v2_asset(int(self.yes)) else "CONDITIONAL"


class TokenRegistry:
    """Every market read so far, by id, token and condition."""

    def __init__(self) -> None:
        self._tokens: dict[MarketId, MarketTokens] = {}
        self._markets: dict[MarketId, Market] = {}
        self._claims: dict[str, Claim] = {}
        self._conditions: dict[str, MarketId] = {}

    def add(self, market: Market, tokens: MarketTokens) -> None:
        """Remember a market, or its newer reading."""
        self._tokens[market.id] = tokens
        self._markets[market.id] = market
        self._claims[tokens.yes] = Claim(market.id, Outcome.YES)
        self._claims[tokens.no] = Claim(market.id, Outcome.NO)
        self._conditions[condition_key(tokens.condition)] = market.id

    def update(self, market: Market) -> None:
        """A newer description of a market whose tokens are known; raises InvalidOrder when they are not."""
        self.add(market, self.tokens(market.id))

    def market(self, market: MarketId) -> Market:
        """Raises InvalidOrder for a market that was never read."""
        found = self._markets.get(market)
        if found is None:
            raise InvalidOrder(f"market: {market} has not been read from Polymarket yet")
        return found

    def tokens(self, market: MarketId) -> MarketTokens:
        """Raises InvalidOrder for a market that was never read."""
        found = self._tokens.get(market)
        if found is None:
            raise InvalidOrder(f"market: {market} has not been read from Polymarket yet")
        return found

    def claim(self, token: str) -> Claim | None:
        """The claim behind a token, if its market was read."""
        return self._claims.get(token)

    def market_of(self, condition: str) -> MarketId | None:
        """The market behind a condition id, if it was read."""
        return self._conditions.get(condition_key(condition))

    def __contains__(self, market: object) -> bool:
        return market in self._tokens

    def __iter__(self) -> Iterator[MarketId]:
        return iter(self._tokens)
