"""What one wallet owns: settled cash and tokens, what its unsettled trades owe and bring, what its open orders hold.

Millionths throughout. An account never decides whether it may trade; it answers what it could spend.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from dutchbook.simulator.polymarket.amounts import MICRO

UNLIMITED = (1 << 256) - 1


@dataclass(slots=True)
class Basis:
    """What the settled purchases of one token came to: shares ever bought, pUSD paid, fees paid; and its sales."""

    bought: int = 0
    paid: int = 0
    fees: int = 0
    realized: int = 0
    """What the settled sales brought above the average entry price."""

    @property
    def average(self) -> int:
        """Average entry price in millionths, fees left out."""
        return self.paid * MICRO // self.bought if self.bought else 0


@dataclass(slots=True)
class Account:
    """A wallet at the venue. House accounts (the world's own makers) have no limits and no keys."""

    name: str
    signer: str
    wallet: str
    signature_type: int
    house: bool = False
    house_key: str = ""
    """What a house account's orders show where others show their API key."""
    cash: int = 0
    allowance: int = UNLIMITED
    """What the exchange contracts may move; 0 stands for an account that has not approved them."""
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    basis: dict[str, Basis] = field(default_factory=lambda: defaultdict(Basis))
    owed_cash: int = 0
    due_cash: int = 0
    owed_tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    due_tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    held_cash: int = 0
    held_tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    closed_only: bool = False
    """May sell what it has, and buy nothing."""

    @property
    def spendable(self) -> int:
        """Cash that is neither owed to a trade on its way nor held by an open order."""
        return self.cash - self.owed_cash - self.held_cash

    def sellable(self, token: str) -> int:
        """Settled tokens that are neither owed nor held. Tokens still on their way cannot be sold."""
        return self.tokens[token] - self.owed_tokens[token] - self.held_tokens[token]
