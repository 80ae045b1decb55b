"""What holding the ledger against a venue's statement works with: both sides as values, the findings with their codes, and what
may be done about one. Values only: nothing is compared here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from dutchbook.core.account import Balances, Positions
from dutchbook.core.claim import Claim, MarketId
from dutchbook.core.money import MICRO, Cash
from dutchbook.core.order import Action, Fill, OrderReport, OrderState

ABSURD: Final = 10**9 * MICRO
"""A billion dollars or contracts: no account of ours, but a field that was misread."""

FEE_TOLERANCE: Final = Cash(100)
"""The most by which one fill's computed fee may differ from the charge (millionths): five-decimal rounding per match."""


class Code(Enum):
    """Stable names of findings; an alarm carries them as `reconcile_<code>`."""

    ORDER_ALIVE = "order_alive"
    ORDER_FOREIGN = "order_foreign"
    ORDER_GONE = "order_gone"
    FILL_MISSED = "fill_missed"
    FILL_IMPOSSIBLE = "fill_impossible"
    FILL_FOREIGN = "fill_foreign"
    POSITION = "position"
    CASH = "cash"
    ABSURD_POSITION = "absurd_position"
    ABSURD_BALANCE = "absurd_balance"
    STALE_READ = "stale_read"


FIX: Final[dict[Code, str]] = {
    Code.ORDER_ALIVE: "a running engine takes it out of the book",
    Code.ORDER_FOREIGN: "cancel it at the venue if it is not meant; dutchbook leaves other people's orders alone",
    Code.ORDER_GONE: "a running engine asks what became of it",
    Code.FILL_MISSED: "a running engine books it and balances the trade",
    Code.FILL_IMPOSSIBLE: "look at this order at the venue, then book what is true with `dutchbook trade mark`",
    Code.FILL_FOREIGN: "nothing, if a person traded by hand; its cash is booked as a cash event",
    Code.POSITION: "`dutchbook trade mark` for a trade of the ledger, `dutchbook reconcile --adopt` for a new position",
    Code.CASH: "a running engine books it with an alarm; `dutchbook reconcile --adopt` does it without one",
    Code.ABSURD_POSITION: "look at the account at the venue; nothing is booked from such a figure",
    Code.ABSURD_BALANCE: "look at the account at the venue; nothing is booked from such a figure",
    Code.STALE_READ: "wait, and check this machine's clock",
}
"""What ends a finding, for a person."""


HOLDS_CASH: Final = frozenset(
    {Code.FILL_MISSED, Code.ORDER_ALIVE, Code.ORDER_GONE, Code.ORDER_FOREIGN, Code.STALE_READ}
)
"""While one of these stands, cash is not compared: it may be in that fill, or be held back for that order."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order of the ledger. `fills` names every fill that the ledger has or had, reversed ones included."""

    order: str
    trade: str
    identity: str
    claim: Claim
    action: Action
    state: OrderState
    venue_order_id: str = ""
    fills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Books:
    """What the ledger expects of one venue.

    `orders` by identity: all that are open and all that the statement names. `busy`: markets in which an order, a fill or a
    payout is under way, or something changed while the statement was read. `moved_ns`: wall time of the newest fact about a
    market. `quiet`: nothing at all is under way, so that cash must agree. `paid`: markets whose payout is booked; tokens of
    them may still be there. `netting`: the venue states one net figure a market. `agreed_ns`: when cash last agreed.
    """

    venue: str
    cash: Mapping[str, int]
    held: Mapping[Claim, int]
    orders: Mapping[str, OrderView]
    netting: bool = False
    names_orders: bool = True
    quiet: bool = True
    busy: frozenset[MarketId] = frozenset()
    moved_ns: Mapping[MarketId, int] = field(default_factory=dict)
    paid: frozenset[MarketId] = frozenset()
    agreed_ns: int = 0


@dataclass(frozen=True, slots=True)
class VenueSnapshot:
    """What one venue states; None where the read failed, and then nothing is concluded from it. `as_of_ns` is wall time."""

    venue: str
    as_of_ns: int | None
    balances: Balances | None
    positions: Positions | None
    open_orders: tuple[OrderReport, ...] | None
    fills: tuple[Fill, ...] | None

    @property
    def complete(self) -> bool:
        """Whether every part was read."""
        return None not in (self.as_of_ns, self.balances, self.positions, self.open_orders, self.fills)


@dataclass(frozen=True, slots=True)
class TakeFill:
    """Book a fill into its order."""

    trade: str
    order: str
    fill: Fill


@dataclass(frozen=True, slots=True)
class AskOrder:
    """Ask the venue what became of an order."""

    trade: str
    order: str


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Take an order of ours out of the venue's book."""

    trade: str
    order: str
    venue_order_id: str


@dataclass(frozen=True, slots=True)
class AdoptCash:
    """Book `amount` (millionths, signed) as a cash event of this kind."""

    pool: str
    kind: str
    amount: Cash


Remedy = TakeFill | AskOrder | CancelOrder | AdoptCash


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `subject` is the market, pool or order; figures are millionths where there are any. `remedy` is what the
    engine does now: None when nothing is to be done, or not yet."""

    code: Code
    venue: str
    subject: str
    text: str
    stated: int = 0
    expected: int = 0
    confirmed: bool = False
    remedy: Remedy | None = None

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What makes it the same finding in the next statement: a figure that moves on is a new one."""
        return (self.code.value, self.venue, self.subject, self.stated, self.expected)

    @property
    def fix(self) -> str:
        """What ends it, for a person."""
        return FIX[self.code]


Keys = Collection[tuple[str, str, str, int, int]]
