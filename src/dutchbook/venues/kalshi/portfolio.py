"""The private account on Kalshi's wire: fills, balances, positions, settlements. Functions on bytes, no I/O.

Money comes from what the venue reported: cash is price x count of each fill, fees are `fee_cost`; averages are never
multiplied back. Source: Kalshi API documentation, portfolio.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.account import Balances
from dutchbook.core.claim import Claim, MarketId, Outcome, market_id
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import MICRO, Cash, Price, Rounding, Size, notional
from dutchbook.core.order import Action, Fill, Intent
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.fields import (
    Instant,
    bid_side,
    cash_of,
    decoded,
    is_bid,
    micros,
    nanoseconds,
    plain_claim,
    price_of,
    size_of,
)
from dutchbook.venues.kalshi.wire import pool_name


class FillRow(msgspec.Struct):
    """A fill, of REST (`fill_id`, `created_time`) or of the private stream (`trade_id`, `ts_ms`)."""

    order_id: str
    count_fp: Decimal
    yes_price_dollars: Decimal
    is_taker: bool
    fee_cost: Decimal
    fill_id: str | None = None
    trade_id: str | None = None
    ticker: str | None = None
    market_ticker: str | None = None
    book_side: str | None = None
    outcome_side: str | None = None
    created_time: Instant | None = None
    ts_ms: int | None = None
    ts: int | None = None
    client_order_id: str | None = None
    post_position_fp: Decimal | None = None


class FillsPage(msgspec.Struct):
    fills: list[FillRow]
    cursor: str | None = None


class _Shard(msgspec.Struct):
    exchange_index: int
    balance: Decimal


class _Balance(msgspec.Struct):
    balance_breakdown: list[_Shard]


class PositionRow(msgspec.Struct):
    ticker: str
    position_fp: Decimal


class PositionsPage(msgspec.Struct):
    market_positions: list[PositionRow]
    cursor: str | None = None


class SettlementRow(msgspec.Struct):
    """`revenue` is whole cents, as paid."""

    ticker: str
    revenue: int
    yes_count_fp: Decimal
    no_count_fp: Decimal
    market_result: str = ""
    fee_cost: Decimal = Decimal(0)
    settled_time: Instant | None = None


class SettlementsPage(msgspec.Struct):
    settlements: list[SettlementRow]
    cursor: str | None = None


class _AsOf(msgspec.Struct):
    as_of_time: Instant


FILLS: Final = msgspec.json.Decoder(FillsPage)
POSITIONS: Final = msgspec.json.Decoder(PositionsPage)
SETTLEMENTS: Final = msgspec.json.Decoder(SettlementsPage)
_BALANCE: Final = msgspec.json.Decoder(_Balance)
_AS_OF: Final = msgspec.json.Decoder(_AsOf)
CENT: Final = 10_000
"""One cent in millionths of a dollar."""


def fill_of(row: FillRow, intent: Intent | None, identity: str) -> Fill:
    """A fill in the claim and action of the intent that caused it.

    Without an intent a bid is a purchase of YES and an ask a purchase of NO. Raises MalformedFrame naming the field
    when the row is incomplete or contradicts the intent's market or side.
    """
    ticker = row.ticker or row.market_ticker
    fill_id = row.fill_id or row.trade_id
    if not ticker:
        raise MalformedFrame("kalshi fill: missing field `ticker`")
    if not fill_id:
        raise MalformedFrame("kalshi fill: missing field `fill_id`")
    market = market_id(VENUE, ticker)
    bid = is_bid(row.book_side, row.outcome_side)
    claim, action = plain_claim(market, bid), Action.BUY
    if intent is not None:
        claim, action = intent.claim, intent.action
        if claim.market != market or bid_side(claim.outcome, action) is not bid:
            raise MalformedFrame(f"kalshi fill {fill_id}: market or side are not those of our order {identity}")
    size = size_of(row.count_fp, "count_fp")
    return Fill(
        id=fill_id,
        identity=identity,
        venue_order_id=row.order_id,
        claim=claim,
        action=action,
        size=size,
        cash=cash_of(claim, price_of(row.yes_price_dollars, "yes_price_dollars"), size),
        fee=Cash(micros(row.fee_cost, "fee_cost")),
        liquidity=Liquidity.TAKER if row.is_taker else Liquidity.MAKER,
        at_ns=_when(row),
    )


def _when(row: FillRow) -> int:
    if row.ts_ms is not None:
        return row.ts_ms * MILLISECOND
    if row.created_time is not None:
        return nanoseconds(row.created_time)
    if row.ts is not None:
        return row.ts * SECOND
    raise MalformedFrame("kalshi fill: missing field `created_time`")


def decode_balances(body: bytes, received_ns: int) -> Balances:
    """Spendable cash per shard. The aggregate is not spendable, so a missing breakdown is an error, not a guess."""
    breakdown = decoded(_BALANCE, body, "balance").balance_breakdown
    available = {pool_name(row.exchange_index): Cash(micros(row.balance, "balance")) for row in breakdown}
    return Balances(VENUE, available, received_ns)


def positions_of(rows: Iterable[PositionRow]) -> dict[Claim, Size]:
    """Net contracts per claim; flat markets are left out."""
    held: dict[Claim, Size] = {}
    for row in rows:
        signed = micros(row.position_fp, "position_fp")
        if signed:
            outcome = Outcome.YES if signed > 0 else Outcome.NO
            held[Claim(market_id(VENUE, row.ticker), outcome)] = Size(abs(signed))
    return held


def settlement_fee(row: SettlementRow, yes_value: Price) -> Cash:
    """What a scalar payout lost by being rounded to whole cents, in millionths of a dollar.

    Derived from what was paid: the row's own fee field also counts the trading fees, which the fills already carry.
    """
    gross = notional(yes_value, size_of(row.yes_count_fp, "yes_count_fp"), Rounding.FLOOR)
    gross = Cash(gross + notional(Price(MICRO - yes_value), size_of(row.no_count_fp, "no_count_fp"), Rounding.FLOOR))
    return Cash(max(0, gross - row.revenue * CENT))


def decode_as_of(body: bytes) -> int:
    """The wall time (ns) up to which the venue's private reads are complete."""
    return nanoseconds(decoded(_AS_OF, body, "user data timestamp").as_of_time)


def settlement_for(rows: Iterable[SettlementRow], market: MarketId) -> SettlementRow | None:
    """The market's own row."""
    return next((row for row in rows if market_id(VENUE, row.ticker) == market), None)
