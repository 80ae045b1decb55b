"""What happened: the records of the journal. Everything that dutchbook knows is a fold over these, in order.

Facts are plain data: immutable, JSON-encodable, without secrets. A correction is a further fact, never an edit.
Amounts are millionths; times are wall nanoseconds.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.fees import Liquidity
from dutchbook.core.link_state import LinkTurn
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.trade import Turn


class Fact(msgspec.Struct, frozen=True, tag_field="fact", omit_defaults=True):
    """Base of every journal record."""


class LegPlan(msgspec.Struct, frozen=True):
    """One leg as decided: `cash` and `fee` expected, `worst` all at the limit with its fee. `taker_delay_ns`
    is how long the venue held takers' orders back then: it tells a fill rate's class when the market is long gone."""

    market: MarketId
    outcome: Outcome
    pool: str
    size: int
    limit: int
    cash: int
    fee: int
    worst: int
    taker_delay_ns: int = 0

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
    by: str = ""
    """The person on whose word it is booked; it gives way to the venue's."""


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
    replaced: bool = False
    """The venue tells the same contracts as other fills: it never stood for a part of the venue's count by itself."""


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


class WalletWork(Enum):
    """What a venue's slow path is asked to do."""

    MERGE = "merge"
    REDEEM = "redeem"


class WalletStage(Enum):
    """ASKED is journaled before the request; FAILED says that nothing was done, DONE that it was (SetsMerged, for a merge)."""

    ASKED = "asked"
    FAILED = "failed"
    DONE = "done"


class WalletMoved(Fact, frozen=True, tag="wallet_moved"):
    """Sets of a leg to be merged, or all tokens of a paid market to be redeemed. It moves no money in the ledger."""

    venue: str
    market: MarketId
    work: WalletWork
    stage: WalletStage
    size: int = 0
    trade: str = ""
    leg: int = 0
    note: str = ""


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


class LinkMember(msgspec.Struct, frozen=True, omit_defaults=True):
    """One market of a link as it was read when the link was proposed. `rules_hash` is the SHA-256 of the whole text; `rules` is
    the text itself, cut where it is too long to be read by a person."""

    market: MarketId
    title: str
    rules: str
    rules_hash: str
    subtitle: str = ""
    event_title: str = ""
    source: str = ""
    outcomes: tuple[str, ...] = ()
    starts_ns: int = 0
    closes_ns: int = 0


class LinkStateRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way the world can end, and what YES of each member pays there in millionths; None is not known before it happens.
    Core states must never lose; the others are tail states, risk."""

    name: str
    pays: tuple[int | None, ...]
    core: bool = False
    note: str = ""


class LinkVeto(msgspec.Struct, frozen=True):
    """Why markets should not be traded as one: the class of the reason, and its words."""

    code: str
    text: str


class LinkProposed(Fact, frozen=True, tag="link_proposed"):
    """Markets that may be one bet, with all that a person judges by. `prior` names the divergence class, `high` says that the
    typed keys of all members are equal from the venues' structured ids. For a known link it replaces what was read before."""

    link: str
    kind: str
    event: str
    members: tuple[LinkMember, ...]
    states: tuple[LinkStateRow, ...]
    prior: str
    why: str
    by: str
    vetoes: tuple[LinkVeto, ...] = ()
    high: bool = False


class LinkTurned(Fact, frozen=True, tag="link_turned"):
    """A link was approved, rejected, suspended or re-opened: by whom, why, and for which rules texts (market to SHA-256)."""

    link: str
    turn: LinkTurn
    by: str
    reason: str
    hashes: dict[MarketId, str]


class RulesText(msgspec.Struct, frozen=True):
    """The rules of one market as they are now; `rules_hash` is the SHA-256 of the whole text, of which `rules` may be cut."""

    market: MarketId
    rules: str
    rules_hash: str


class LinkReread(Fact, frozen=True, tag="link_reread"):
    """The rules texts of a link's markets where they changed; the link is re-opened with this."""

    link: str
    rules: tuple[RulesText, ...]
    reason: str
    by: str


class LinkAnnotated(Fact, frozen=True, tag="link_annotated"):
    """What a reader of the rules has to say: remarks, and further vetoes. It never makes a link tradable."""

    link: str
    by: str
    remarks: tuple[str, ...]
    hashes: dict[MarketId, str]
    vetoes: tuple[LinkVeto, ...] = ()


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
    | WalletMoved
    | LotsMarked
    | FeeTrued
    | CashMoved
    | OutcomesDiverged
    | LinkProposed
    | LinkTurned
    | LinkReread
    | LinkAnnotated
    | KillSwitchSet
    | Commanded
    | EngineStarted
    | EngineStopped
    | Alarmed
)
