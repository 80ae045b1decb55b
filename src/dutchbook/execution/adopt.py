"""A position that the ledger has never seen, taken into it as a trade of its own: one leg, no orders. Pure; sends nothing.

What it cost is in the account's past: it comes in at no cost, so its result will be its whole payout.
"""

from __future__ import annotations

from typing import Final

from dutchbook.core.claim import Claim
from dutchbook.core.facts import AnyFact, LegPlan, LotsMarked, TradeOpened, TradeTurned
from dutchbook.core.market import Market
from dutchbook.core.money import Size
from dutchbook.core.trade import Turn

ADOPTED: Final = "adopted"
"""The kind of such a trade."""


def adoption(trade: str, claim: Claim, size: Size, market: Market, by: str) -> tuple[AnyFact, ...]:
    """The facts that take `size` contracts of a claim into the ledger: opened, started, marked in, locked."""
    leg = LegPlan(
        market=claim.market, outcome=claim.outcome, pool=market.pool, size=size, limit=0, cash=0, fee=0, worst=0
    )
    reason = "the venue holds it and this ledger has never seen it"
    return (
        TradeOpened(
            trade=trade,
            link=f"{ADOPTED} {claim}",
            kind=ADOPTED,
            event=market.event,
            guaranteed=0,
            size=size,
            expected_profit=0,
            roi=0,
            legs=(leg,),
            orders=(),
        ),
        TradeTurned(trade, Turn.START, ADOPTED),
        LotsMarked(trade, 0, size, 0, reason, by),
        TradeTurned(trade, Turn.LOCK, f"{ADOPTED}: {reason}"),
    )
