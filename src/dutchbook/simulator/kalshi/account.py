"""One member: cash per shard, signed positions, fills, settlements. Never matches, never decides whether to trade.

Fully collateralised (facts §10): cash leaves when a position opens and $1 per closed pair comes back at once.
A house member (`house=True`) has unlimited cash and pays no fees.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dutchbook.simulator.kalshi.text import ONE


@dataclass(slots=True)
class Holding:
    """A member's position in one market; `size` is signed, + YES and - NO. Money and sizes in millionths."""

    size: int = 0
    cost: int = 0
    """What the open position cost, without fees."""
    realized: int = 0
    """Profit of what was closed, without fees."""
    fees: int = 0
    traded: int = 0
    """Dollars that changed hands, opening and closing."""
    volume: int = 0
    updated_ns: int = 0

    def trade(self, buy: bool, price: int, size: int) -> int:
        """Apply a fill on the YES leg and return the signed cash it moves before fees.

        Closing returns $1 per pair: a purchase against a NO position costs `price` and brings back 1 (facts §10).
        """
        sign = 1 if buy else -1
        closed = min(size, max(0, -self.size * sign))
        opened = size - closed
        leg = price if buy else ONE - price
        proceeds = (ONE - leg) * closed // ONE
        outlay = leg * opened // ONE
        if closed:
            basis = self.cost * closed // abs(self.size)
            self.cost -= basis
            self.realized += proceeds - basis
        self.cost += outlay
        self.size += sign * size
        self.traded += proceeds + outlay
        self.volume += size
        return proceeds - outlay


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of one execution, as the member sees it. `fee` is net of rebates."""

    ordinal: int
    trade_id: str
    order_id: str
    client_order_id: str
    ticker: str
    shard: int
    buy: bool
    price: int
    size: int
    fee: int
    taker: bool
    post_position: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class SettledPosition:
    """What a finalized market paid on a position."""

    ordinal: int
    ticker: str
    event: str
    shard: int
    result: str
    size: int
    cost: int
    revenue: int
    value: int
    fee: int
    at_ns: int


@dataclass(slots=True)
class Account:
    """A member or a house maker; `unit` is the step in which the balance moves."""

    name: str
    user_id: str
    unit: int
    house: bool = False
    cash: dict[int, int] = field(default_factory=dict)
    """Settled cash per shard. A shard that is not in here was never funded."""
    withheld: dict[int, int] = field(default_factory=dict)
    """Cash taken out of shards by a fault, to be given back."""
    holdings: dict[str, Holding] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    settlements: list[SettledPosition] = field(default_factory=list)

    def position(self, ticker: str) -> int:
        """Signed size, + YES and - NO."""
        holding = self.holdings.get(ticker)
        return holding.size if holding is not None else 0

    def holding(self, ticker: str) -> Holding:
        return self.holdings.setdefault(ticker, Holding())

    def move(self, shard: int, amount: int) -> None:
        """Add signed cash to a shard."""
        self.cash[shard] = self.cash.get(shard, 0) + amount

    def settle(self, ticker: str, yes_value: int, shard: int) -> tuple[int, int, int, int]:
        """Pay out and close a position: (size, cost, paid, fee).

        A payout that is not whole cents is rounded down through a fee (facts §8.3); a house member is paid in full
        down to the millionth.
        """
        holding = self.holdings[ticker]
        value = yes_value if holding.size > 0 else ONE - yes_value
        gross = abs(holding.size) * value // ONE
        paid = gross if self.house else gross // 10_000 * 10_000
        size, cost = holding.size, holding.cost
        holding.realized += gross - cost
        holding.fees += gross - paid
        holding.size = 0
        holding.cost = 0
        self.move(shard, paid)
        return size, cost, paid, gross - paid
