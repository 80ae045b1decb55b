"""What a member's orders must be covered by, inside one shard. Pure arithmetic: moves no cash and cancels nothing.

Source: facts §10: fully collateralised, YES and NO net within a market, so contracts that close need no cash.
An opening contract needs its price on the bought leg plus the worst fee, rounded as one fill would be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from dutchbook.simulator.kalshi.account import Account
from dutchbook.simulator.kalshi.fees import trade_fee
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.orders import Order
from dutchbook.simulator.kalshi.text import ONE


@dataclass(frozen=True, slots=True)
class Claim:
    """Contracts that an order may still trade, at its limit. `fills` bounds into how many fills they can be cut."""

    market: Market
    buy: bool
    price: int
    size: int
    rate: Fraction
    fills: int = 1

    def queue_key(self) -> int:
        """Sorts claims of one market and direction as they would fill; one that trades at once has the best limit."""
        return -self.price if self.buy else self.price


def _need(claim: Claim, opened: int, unit: int) -> int:
    if opened == 0:
        return 0
    leg = claim.price if claim.buy else ONE - claim.price
    change = -(leg * opened // ONE) - trade_fee(claim.rate, opened, claim.price)
    return -(change // unit * unit) + (claim.fills - 1) * unit


def required(account: Account, shard: int, resting: Iterable[Order], incoming: Claim | None = None) -> int:
    """Millionths that must be in `shard` for all these orders together.

    In each market and direction the contracts that close the position are counted once, for the orders that would
    fill first.
    """
    groups: dict[tuple[str, bool], list[Claim]] = {}
    claims = [Claim(each.market, each.buy, each.price, each.remaining, each.market.rates.maker) for each in resting]
    for claim in [*claims, incoming] if incoming is not None else claims:
        if claim.market.shard == shard:
            groups.setdefault((claim.market.ticker, claim.buy), []).append(claim)
    total = 0
    for (ticker, buy), queue in groups.items():
        position = account.position(ticker)
        closing = max(0, -position if buy else position)
        for claim in sorted(queue, key=Claim.queue_key):
            opened = max(0, claim.size - closing)
            closing -= claim.size - opened
            total += _need(claim, opened, account.unit)
    return total
