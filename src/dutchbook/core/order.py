"""Orders and fills, and the order's state machine.

Theory of operation. An order is PLANNED when its identity is journaled and SENT just before its first byte leaves.
From then on only the venue's word moves it: RESTING and DELAYED are open and are not fills; UNKNOWN means that the answer
is missing and keeps its exposure reserved until evidence ends it. DONE means that the venue will fill it no further
(filled, killed, cancelled or expired: how much was filled is the sum of its fills, never its state). REJECTED, NOT_SENT and
VOIDED are ends without a fill; news from the venue after VOIDED reopens the order. DRY_RUN never left.
An event that the table does not know raises ImpossibleEvent: a person must look.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dutchbook.core.claim import Claim
from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import Cash, Price, Size


class Action(Enum):
    BUY = "buy"
    SELL = "sell"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity


class TimeInForce(Enum):
    FOK = "fok"
    IOC = "ioc"
    GTC = "gtc"
    GTD = "gtd"


class OrderState(Enum):
    PLANNED = "planned"
    SENT = "sent"
    RESTING = "resting"
    DELAYED = "delayed"
    UNKNOWN = "unknown"
    DONE = "done"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    VOIDED = "voided"
    DRY_RUN = "dry_run"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity


class OrderEvent(Enum):
    SEND = "send"
    REST = "rest"
    DELAY = "delay"
    FINISH = "finish"
    REJECT = "reject"
    LOSE = "lose"
    WITHHOLD = "withhold"
    VOID = "void"
    FILL = "fill"
    DRY_RUN = "dry_run"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity


_S, _E = OrderState, OrderEvent

ORDER_TABLE: Final[dict[OrderState, dict[OrderEvent, OrderState]]] = {
    _S.PLANNED: {_E.SEND: _S.SENT, _E.WITHHOLD: _S.NOT_SENT, _E.DRY_RUN: _S.DRY_RUN},
    _S.SENT: {
        _E.REST: _S.RESTING,
        _E.DELAY: _S.DELAYED,
        _E.FINISH: _S.DONE,
        _E.REJECT: _S.REJECTED,
        _E.LOSE: _S.UNKNOWN,
        _E.WITHHOLD: _S.NOT_SENT,
        _E.FILL: _S.SENT,
    },
    _S.RESTING: {
        _E.REST: _S.RESTING,
        _E.FILL: _S.RESTING,
        _E.FINISH: _S.DONE,
        _E.LOSE: _S.UNKNOWN,
        # the venue's stream announced it before the answer to the request came
        _E.DELAY: _S.RESTING,
        # announced and refused: one of the two is wrong, and asking tells which
        _E.REJECT: _S.UNKNOWN,
    },
    _S.DELAYED: {
        _E.DELAY: _S.DELAYED,
        _E.REST: _S.RESTING,
        _E.FILL: _S.DELAYED,
        _E.FINISH: _S.DONE,
        _E.REJECT: _S.REJECTED,
        _E.LOSE: _S.UNKNOWN,
        # accepted, held back, and then forgotten by the venue
        _E.VOID: _S.VOIDED,
    },
    _S.UNKNOWN: {
        _E.REST: _S.RESTING,
        _E.DELAY: _S.DELAYED,
        _E.FINISH: _S.DONE,
        _E.REJECT: _S.REJECTED,
        _E.LOSE: _S.UNKNOWN,
        _E.FILL: _S.UNKNOWN,
        _E.VOID: _S.VOIDED,
    },
    # late copies of an answer, and fills reported after the end, change nothing but the fill count
    _S.DONE: {
        _E.FILL: _S.DONE,
        _E.FINISH: _S.DONE,
        _E.REST: _S.DONE,
        _E.DELAY: _S.DONE,
        _E.REJECT: _S.DONE,
        _E.LOSE: _S.DONE,
    },
    _S.REJECTED: {_E.REJECT: _S.REJECTED, _E.FINISH: _S.REJECTED, _E.LOSE: _S.REJECTED, _E.FILL: _S.UNKNOWN},
    _S.NOT_SENT: {},
    # whatever the venue says about an order that was taken for absent proves that it was not
    _S.VOIDED: {
        _E.VOID: _S.VOIDED,
        _E.FILL: _S.UNKNOWN,
        _E.FINISH: _S.UNKNOWN,
        _E.LOSE: _S.UNKNOWN,
        _E.REST: _S.RESTING,
        _E.DELAY: _S.DELAYED,
        _E.REJECT: _S.REJECTED,
    },
    _S.DRY_RUN: {},
}

ENDED: Final = frozenset({_S.DONE, _S.REJECTED, _S.NOT_SENT, _S.VOIDED, _S.DRY_RUN})
"""States in which an order holds no exposure beyond its fills."""


def next_order_state(state: OrderState, event: OrderEvent) -> OrderState:
    """The table's answer; raises ImpossibleEvent for a pair that it does not know."""
    try:
        return ORDER_TABLE[state][event]
    except KeyError:
        raise ImpossibleEvent(f"order in state {state.value} cannot take the event {event.value}") from None


@dataclass(frozen=True, slots=True)
class Intent:
    """One order as the engine wants it. `limit` is in the claim's own price; SELL sells the claim.

    `reduce_only` asks the venue never to go beyond closing. `expires_ns` is for GTD. `opposite`: `claim` is the opposite of
    the leg's, bought to make complete sets with what the leg holds.
    """

    id: str
    trade: str
    leg: int
    claim: Claim
    action: Action
    size: Size
    limit: Price
    tif: TimeInForce
    post_only: bool = False
    reduce_only: bool = False
    expires_ns: int = 0
    opposite: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order with its identity fixed: what is journaled before the first byte leaves.

    `identity` is the venue's handle for it (client order id, content hash); `body` the exact bytes, signed where the venue
    signs content. After `send_by_ns` (wall) it must not be written any more.
    """

    intent: Intent
    identity: str
    body: bytes
    send_by_ns: int


@dataclass(frozen=True, slots=True)
class Fill:
    """What a venue reported: size, cash and fee, never a multiplied average. All millionths.

    `cash` is positive and excludes the fee; for a BUY it is paid, for a SELL received. `final` is False while the venue may
    still reverse it, `sellable` False until what was bought can be sold. `fee_exact` is False when the venue did not
    state the fee and it was computed from the schedule.
    """

    id: str
    identity: str
    venue_order_id: str
    claim: Claim
    action: Action
    size: Size
    cash: Cash
    fee: Cash
    liquidity: Liquidity
    at_ns: int
    final: bool = True
    sellable: bool = True
    fee_exact: bool = True


class ReportStatus(Enum):
    """The venue's view of an order, in the engine's words."""

    RESTING = "resting"
    DELAYED = "delayed"
    DONE = "done"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


REPORT_EVENT: Final[dict[ReportStatus, OrderEvent]] = {
    ReportStatus.RESTING: OrderEvent.REST,
    ReportStatus.DELAYED: OrderEvent.DELAY,
    ReportStatus.DONE: OrderEvent.FINISH,
    ReportStatus.REJECTED: OrderEvent.REJECT,
    ReportStatus.UNKNOWN: OrderEvent.LOSE,
}


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An answer, a stream message or a lookup about one order.

    `filled` is the venue's cumulative count. Exact cash and fees come as Fills; `reason` is the venue's own words.
    """

    identity: str
    venue_order_id: str
    status: ReportStatus
    filled: Size
    reason: str = ""
    code: str = ""
