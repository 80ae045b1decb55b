"""Markets and results as Gamma, the CLOB and the Data API state them, in the core's words.

Sans-I/O. A market whose shape, fee or times are not understood is refused with the field's name, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.account import Resolution
from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import MalformedFrame, UnknownFee
from dutchbook.core.fees import FREE, FeeSchedule, polymarket_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, Cash, Price, Size, parse_micros, parse_rate
from dutchbook.venues.polymarket.config import NAME, POOL
from dutchbook.venues.polymarket.reads import time_ns
from dutchbook.venues.polymarket.tokens import MarketTokens, SportsFacts

LOT: Final = Size(10_000)
"""Sizes have two decimals."""
TAKE_LOT: Final = Size(MICRO)
BUY_CASH_STEP: Final = Cash(10_000)
"""FOK and FAK purchases pay whole cents (the maker amount has at most two decimals)."""
SELL_CASH_STEP: Final = Cash(100)
"""FOK and FAK sales receive at most four decimals."""


class FeeShape(msgspec.Struct):
    """`feeSchedule` of Gamma."""

    rate: Decimal
    exponent: Decimal = Decimal(1)
    takerOnly: bool = True


class GammaEvent(msgspec.Struct):
    slug: str | None = None
    endDate: str | None = None
    startTime: str | None = None
    seriesSlug: str | None = None
    gameId: str | int | None = None
    homeTeamName: str | None = None
    awayTeamName: str | None = None


class GammaMarket(msgspec.Struct):
    """The fields of a Gamma market that we read; the lists come as JSON texts of arrays (or as arrays)."""

    slug: str
    conditionId: str
    question: str
    outcomes: str | list[str]
    clobTokenIds: str | list[str] | None = None
    positionIds: str | list[str] | None = None
    version: str | int | None = None
    outcomePrices: str | list[str] | None = None
    description: str | None = None
    active: bool = True
    closed: bool = False
    archived: bool | None = None
    acceptingOrders: bool | None = None
    enableOrderBook: bool | None = None
    negRisk: bool | None = None
    endDate: str | None = None
    gameStartTime: str | None = None
    gameId: str | int | None = None
    sportsMarketType: str | None = None
    line: Decimal | None = None
    secondsDelay: int | None = None
    orderPriceMinTickSize: Decimal | None = None
    orderMinSize: Decimal | None = None
    feesEnabled: bool | None = None
    feeSchedule: FeeShape | None = None
    umaResolutionStatus: str | None = None
    resolutionStatus: str | None = None
    events: list[GammaEvent] | None = None


class GammaPage(msgspec.Struct):
    markets: list[msgspec.Raw]
    next_cursor: str | None = None


class ClobToken(msgspec.Struct):
    t: str
    o: str = ""


class ClobFee(msgspec.Struct):
    r: Decimal
    e: Decimal = Decimal(1)
    to: bool = True


class ClobMarket(msgspec.Struct):
    """GET /clob-markets/{condition}: what the matching engine itself uses."""

    t: list[ClobToken]
    mts: Decimal
    mos: Decimal | None = None
    nr: bool | None = None
    fd: ClobFee | None = None
    ao: bool | None = None
    sd: int | None = None
    itode: bool | None = None
    gst: str | None = None


class ResolutionRow(msgspec.Struct):
    """A row of the Data API's resolutions: what each outcome pays."""

    status: str
    payouts: list[Decimal] | None = None


UP_DOWN_DELAY_NS: Final = SECOND // 4
"""The longest published taker delay of markets with `itode` (250 ms; 150 ms since September 2026, unverified)."""


def texts(value: str | list[str] | None, name: str) -> list[str]:
    """A list that may come as the JSON text of an array; raises MalformedFrame naming it."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    try:
        return msgspec.json.decode(value, type=list[str])
    except msgspec.DecodeError as error:
        raise MalformedFrame(f"Gamma market: {name}: {error}") from None


def native_tokens(row: GammaMarket) -> tuple[str, str]:
    """The tradable ids, outcome 0 first: position ids for protocol v2, even when CTF ids are there too."""
    positions = texts(row.positionIds, "positionIds")
    v2 = str(row.version or "").lower() in ("v2", "2") or (row.version is None and positions)
    name = "positionIds" if v2 else "clobTokenIds"
    ids = positions if v2 else texts(row.clobTokenIds, "clobTokenIds")
    if len(ids) != 2 or not all(token.isdecimal() for token in ids):
        raise MalformedFrame(f"Gamma market {row.slug}: {name} are not two token ids")
    return ids[0], ids[1]


def fee_schedule(row: GammaMarket, clob: ClobMarket | None) -> FeeSchedule:
    """The market's fees: the CLOB's where read, else Gamma's; none unless fees are enabled.

    Raises UnknownFee for a shape that is not rate, whole exponent and takers only.
    """
    if row.feesEnabled is False:
        return FREE
    if clob is not None and clob.fd is not None:
        rate, exponent, takers = clob.fd.r, clob.fd.e, clob.fd.to
    elif row.feeSchedule is not None:
        rate, exponent, takers = row.feeSchedule.rate, row.feeSchedule.exponent, row.feeSchedule.takerOnly
    elif row.feesEnabled:
        raise UnknownFee(f"{row.slug}: fees are enabled and no schedule is stated; the market is not traded")
    else:
        return FREE
    if not takers:
        raise UnknownFee(f"{row.slug}: takerOnly is false; what makers pay is not published, so it is not traded")
    if exponent != int(exponent) or exponent < 1 or not 0 <= rate < 1:
        raise UnknownFee(f"{row.slug}: rate {rate}, exponent {exponent} is not a known fee shape; it is not traded")
    try:
        return polymarket_fees(parse_rate(rate, "rate"), int(exponent)) if rate else FREE
    except ValueError as error:
        raise UnknownFee(f"{row.slug}: {error}; the market is not traded") from None


def market_status(row: GammaMarket, clob: ClobMarket | None) -> MarketStatus:
    """Where the market is in its life; what is closed at Gamma stays closed whatever the CLOB says."""
    word = (row.umaResolutionStatus or "").lower()
    if row.closed:
        if is_resolved(row):
            return MarketStatus.FINAL
        return MarketStatus.DETERMINED if word in ("proposed", "disputed", "challenged") else MarketStatus.CLOSED
    if row.archived:
        return MarketStatus.CLOSED
    accepting = row.acceptingOrders if clob is None or clob.ao is None else clob.ao
    if row.active and accepting is not False and row.enableOrderBook is not False:
        return MarketStatus.OPEN
    return MarketStatus.PAUSED


def is_resolved(row: GammaMarket) -> bool:
    """Whether the oracle's word is final."""
    return (row.umaResolutionStatus or "").lower() in ("resolved", "settled") or (
        row.resolutionStatus or ""
    ).lower() == "resolved"


def read_market(row: GammaMarket, clob: ClobMarket | None, min_marketable_cash: Cash) -> tuple[Market, MarketTokens]:
    """A market and its tokens. Grid, minimum, fee and delay come from the CLOB where it was asked, else from Gamma.

    Raises MalformedFrame naming the field, UnknownFee for fees that this version does not know.
    """
    slug = row.slug
    outcomes = texts(row.outcomes, "outcomes")
    if len(outcomes) != 2:
        raise MalformedFrame(f"Gamma market {slug}: outcomes: {len(outcomes)} of them, not two")
    yes, no = native_tokens(row)
    if clob is not None:
        named = dict(zip((yes, no), outcomes, strict=True))
        stated = {token.t: token.o or named.get(token.t) for token in clob.t}
        if stated != named:
            raise MalformedFrame(f"CLOB market {slug}: t: its tokens or their outcomes are not Gamma's")
    tick = clob.mts if clob is not None else row.orderPriceMinTickSize
    smallest = clob.mos if clob is not None and clob.mos is not None else row.orderMinSize
    if tick is None or smallest is None:
        raise MalformedFrame(f"Gamma market {slug}: orderPriceMinTickSize or orderMinSize is missing")
    event = row.events[0] if row.events else None
    closes_ns = time_ns(row.endDate or (event.endDate if event else None) or "")
    if not closes_ns:
        raise MalformedFrame(f"Gamma market {slug}: endDate is missing or not a time")
    starts = (clob.gst if clob is not None else None) or row.gameStartTime or (event.startTime if event else None)
    seconds = (clob.sd if clob is not None else None) or row.secondsDelay or 0
    delay_ns = seconds * SECOND
    if clob is not None and clob.itode:
        delay_ns = max(delay_ns, UP_DOWN_DELAY_NS)
    neg_risk = clob.nr if clob is not None and clob.nr is not None else bool(row.negRisk)
    try:
        market = Market(
            id=market_id(NAME, slug),
            event=(event.slug if event else "") or slug,
            title=row.question,
            rules=row.description or "",
            outcomes=(outcomes[0], outcomes[1]),
            grid=TickGrid.uniform(Price(parse_micros(tick, "tick"))),
            lot=LOT,
            take_lot=TAKE_LOT,
            min_size=Size(parse_micros(smallest, "orderMinSize")),
            min_cash=min_marketable_cash,
            buy_cash_step=BUY_CASH_STEP,
            sell_cash_step=SELL_CASH_STEP,
            fees=fee_schedule(row, clob),
            pool=POOL,
            status=market_status(row, clob),
            closes_ns=closes_ns,
            starts_ns=(time_ns(starts) or None) if starts else None,
            taker_delay_ns=delay_ns,
            mutually_exclusive=bool(row.negRisk),
        )
    except ValueError as error:
        raise MalformedFrame(f"Gamma market {slug}: {error}") from None
    return market, MarketTokens(row.conditionId, yes, no, neg_risk, sports_facts(row, event))


def sports_facts(row: GammaMarket, event: GammaEvent | None) -> SportsFacts | None:
    """The structured keys of a sports market; None when it names neither a game nor a kind of sports market."""
    game = row.gameId if row.gameId is not None else event.gameId if event is not None else None
    if game is None and not row.sportsMarketType:
        return None
    return SportsFacts(
        game_id="" if game is None else str(game),
        market_type=row.sportsMarketType or "",
        line="" if row.line is None else f"{row.line:f}",
        home=(event.homeTeamName if event else None) or "",
        away=(event.awayTeamName if event else None) or "",
        series=(event.seriesSlug if event else None) or "",
    )


_PAYOUTS: Final[dict[tuple[int, ...], Price]] = {
    (MICRO, 0): Price(MICRO),
    (0, MICRO): Price(0),
    (MICRO // 2, MICRO // 2): Price(MICRO // 2),
}


def gamma_resolution(row: GammaMarket, market: MarketId) -> Resolution | None:
    """The final result, when Gamma shows the market closed, resolved, and at prices that the oracle can pay.

    Prices other than 1/0, 0/1 and 0.5/0.5 are the last quotes, not a payout: no result.
    """
    if not (row.closed and is_resolved(row)):
        return None
    try:
        prices = tuple(parse_micros(price, "outcomePrices") for price in texts(row.outcomePrices, "outcomePrices"))
    except ValueError:
        return None
    value = _PAYOUTS.get(prices)
    return None if value is None else Resolution(market, value, final=True)


def data_resolution(rows: Sequence[ResolutionRow], market: MarketId) -> Resolution | None:
    """The result that the Data API states, final once `resolved`; payouts in dollars or in millionths per outcome.

    These are payouts and not quotes: any pair that makes a dollar is one.
    """
    for row in rows:
        if row.status.lower() != "resolved" or row.payouts is None:
            continue
        scale = MICRO if sum(row.payouts) == 1 else 1
        payouts = [int(payout * scale) for payout in row.payouts]
        if len(payouts) == 2 and min(payouts) >= 0 and sum(payouts) == MICRO:
            return Resolution(market, Price(payouts[0]), final=True)
    return None
