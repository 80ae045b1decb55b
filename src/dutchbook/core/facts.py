"""What happened: the records of the journal. Everything that dutchbook knows is a fold over these, in order.

Facts are plain data: immutable, JSON-encodable, without secrets. A correction is a further fact, never an edit.
Amounts are millionths; times are wall nanoseconds.
"""

from __future__ import annotations

import msgspec

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.fees import Liquidity
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.trade import Turn


class Fact(msgspec.Struct, frozen=True, tag_field="fact", omit_defaults=True):
    """Base of every journal record."""


class LegPlan(msgspec.Struct, frozen=True):
    """One leg as decided: `cash` and `fee` expected, `worst` all at the limit with its fee."""

    market: MarketId
    outcome: Outcome
    pool: str
    size: int
    limit: int
    cash: int
    fee: int
    worst: int

    @property
    def claim(self) -> Claim:
        return Claim(self.market, self.outcome)


class OrderPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order with its identity, journaled before it can be sent. `worst` is what it can cost (zero for a SELL)."""

    id: str
    leg: int
    action: Action
    size: int
    limit: int
    tif: TimeInForce
    identity: str
    send_by_ns: int
    worst: int = 0
    reduce_only: bool = False
    opposite: bool = False
    """It buys the opposite claim of its leg: with a contract that the leg holds, a complete set worth one dollar."""


class TradeOpened(Fact, frozen=True, tag="trade_opened"):
    """The whole intent of a trade, with every order of its first round."""

    trade: str
    link: str
    kind: str
    event: str
    guaranteed: int
    size: int
    expected_profit: int
    roi: int
    legs: tuple[LegPlan, ...]
    orders: tuple[OrderPlan, ...]


class OrdersPlanned(Fact, frozen=True, tag="orders_planned"):
    """A further round of orders, and the turn that led to it."""

    trade: str
    turn: Turn
    reason: str
    orders: tuple[OrderPlan, ...]


class OrderMoved(Fact, frozen=True, tag="order_moved"):
    """The venue's word (or its absence) about an order. `filled` is the venue's cumulative count."""

    trade: str
    order: str
    event: OrderEvent
    filled: int = 0
    venue_order_id: str = ""
    reason: str = ""
    code: str = ""


class OrderAbsent(Fact, frozen=True, tag="order_absent"):
    """The venue answered that it knows no such order and no fill of it, in reads complete up to `as_of_ns`."""

    trade: str
    order: str
    as_of_ns: int


class Filled(Fact, frozen=True, tag="filled"):
    """A fill as the venue reported it; `final` False while it may still be reversed."""

    trade: str
    order: str
    fill: str
    size: int
    cash: int
    fee: int
    liquidity: Liquidity
    at_ns: int
    final: bool = True
    sellable: bool = True
    fee_exact: bool = True


class FillSettled(Fact, frozen=True, tag="fill_settled"):
    """A provisional fill may now be sold (`final` False) or can no longer be reversed (`final` True)."""

    trade: str
    order: str
    fill: str
    final: bool


class FillReversed(Fact, frozen=True, tag="fill_reversed"):
    """The venue took a provisional fill back: cash and contracts return, the exposure is open again."""

    trade: str
    order: str
    fill: str
    reason: str


class TradeTurned(Fact, frozen=True, tag="trade_turned"):
    """A trade moved to another phase without new orders."""

    trade: str
    turn: Turn
    reason: str = ""


class LegSettled(Fact, frozen=True, tag="leg_settled"):
    """A market paid: `payout` for the contracts that stood alone, less the venue's `fee`. Complete sets still held were paid a
    dollar each besides: that is not in `payout`."""

    trade: str
    leg: int
    yes_value: int
    payout: int
    fee: int = 0


class LegResettled(Fact, frozen=True, tag="leg_resettled"):
    """The venue corrected what it had paid, or a late fill was paid too: these figures replace the earlier ones."""

    trade: str
    leg: int
    yes_value: int
    payout: int
    fee: int = 0


class SetsMerged(Fact, frozen=True, tag="sets_merged"):
    """Complete sets of a leg were turned back into cash, one dollar each."""

    trade: str
    leg: int
    size: int


class LotsMarked(Fact, frozen=True, tag="lots_marked"):
    """A counter-entry by a person, or by adoption: `size` contracts came into a leg (negative: went out), and `cash` came into
    the account (negative: went out). Never an edit."""

    trade: str
    leg: int
    size: int
    cash: int
    reason: str
    by: str


class FeeTrued(Fact, frozen=True, tag="fee_trued"):
    """The venue's balance showed what the fees of a trade really were: `amount` more (or less) than computed."""

    trade: str
    venue: str
    pool: str
    amount: int


class CashMoved(Fact, frozen=True, tag="cash_moved"):
    """Cash that no trade explains: opening balance, deposit, withdrawal, interest, rebate, transfer."""

    venue: str
    pool: str
    kind: str
    amount: int
    note: str = ""


class OutcomesDiverged(Fact, frozen=True, tag="outcomes_diverged"):
    """Markets of one link paid in a way that the link's states do not know."""

    trade: str
    link: str
    text: str


class KillSwitchSet(Fact, frozen=True, tag="kill_switch_set"):
    on: bool
    reason: str
    by: str


class Commanded(Fact, frozen=True, tag="commanded"):
    """An operator's command that the engine took up."""

    command: str
    arguments: str
    by: str


class EngineStarted(Fact, frozen=True, tag="engine_started"):
    version: str
    mode: str


class EngineStopped(Fact, frozen=True, tag="engine_stopped"):
    reason: str


class Alarmed(Fact, frozen=True, tag="alarmed"):
    """Something that a person must know, with the fix."""

    code: str
    text: str
    trade: str = ""


AnyFact = (
    TradeOpened
    | OrdersPlanned
    | OrderMoved
    | OrderAbsent
    | Filled
    | FillSettled
    | FillReversed
    | TradeTurned
    | LegSettled
    | LegResettled
    | SetsMerged
    | LotsMarked
    | FeeTrued
    | CashMoved
    | OutcomesDiverged
    | KillSwitchSet
    | Commanded
    | EngineStarted
    | EngineStopped
    | Alarmed
)
