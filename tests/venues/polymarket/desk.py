"""The parts that the Polymarket adapter's tests share: a hand-moved clock, fixed entropy, one listed market, vectors."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import DAY, SECOND
from dutchbook.core.fees import polymarket_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import Cash, Price, Size, parse_micros, parse_rate
from dutchbook.core.order import Action, Intent, TimeInForce
from dutchbook.venues.polymarket.tokens import MarketTokens, TokenRegistry

DATA = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
NO_DATA = f"the recorded data is not at {DATA} (set DUTCHBOOK_DATA)"

HARDHAT = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first key of a public development chain: no secret."""
HARDHAT_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

NOW = 1_795_220_000 * SECOND
SLUG = "will-it-rain"
MARKET = market_id("polymarket", SLUG)
YES, NO = Claim(MARKET, Outcome.YES), Claim(MARKET, Outcome.NO)
YES_TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
NO_TOKEN = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
TOKENS = MarketTokens("0xc0ffee", YES_TOKEN, NO_TOKEN, neg_risk=False)


class HandClock:
    """Moves when told to."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def wall(self) -> int:
        return self.now

    def monotonic(self) -> int:
        return self.now - NOW + SECOND

    async def sleep(self, duration_ns: int) -> None:
        self.now += duration_ns
        await asyncio.sleep(0)


class CountingEntropy:
    """Bits that count up."""

    def __init__(self) -> None:
        self.last = 0

    def bits(self, count: int) -> int:
        self.last += 1
        return self.last % (1 << count)


def micros(text: str) -> int:
    return parse_micros(text)


def a_market(tick: str = "0.01", rate: str = "0.05", min_size: str = "5") -> Market:
    return Market(
        id=MARKET,
        event="weather",
        title="Will it rain?",
        rules="Yes if it rains.",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(micros(tick))),
        lot=Size(10_000),
        take_lot=Size(1_000_000),
        min_size=Size(micros(min_size)),
        min_cash=Cash(1_000_000),
        buy_cash_step=Cash(10_000),
        sell_cash_step=Cash(100),
        fees=polymarket_fees(parse_rate(rate)),
        pool="polymarket:pusd",
        status=MarketStatus.OPEN,
        closes_ns=NOW + 30 * DAY,
    )


def a_registry(market: Market | None = None) -> TokenRegistry:
    registry = TokenRegistry()
    registry.add(market or a_market(), TOKENS)
    return registry


def an_intent(
    size: str = "10",
    limit: str = "0.5",
    *,
    claim: Claim = YES,
    action: Action = Action.BUY,
    tif: TimeInForce = TimeInForce.FOK,
    post_only: bool = False,
    reduce_only: bool = False,
    expires_ns: int = 0,
) -> Intent:
    return Intent(
        id="o-1",
        trade="t-1",
        leg=0,
        claim=claim,
        action=action,
        size=Size(micros(size)),
        limit=Price(micros(limit)),
        tif=tif,
        post_only=post_only,
        reduce_only=reduce_only,
        expires_ns=expires_ns,
    )
