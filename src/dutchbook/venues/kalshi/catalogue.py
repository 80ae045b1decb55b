"""Markets, events, series and order books on Kalshi's wire, as core words. Functions on bytes, no I/O, no clock.

Hierarchy is never parsed from tickers: the event names its series, the market its event. Grids are read from
`price_ranges`, never from a label. Source: Kalshi API documentation, market data.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.account import Resolution
from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.errors import MalformedFrame, UnknownFee
from dutchbook.core.fees import FeeSchedule, Precision, kalshi_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid, TickRange
from dutchbook.core.money import MICRO, Cash, Price, Rate, Size, parse_rate
from dutchbook.core.venue import BookSnapshot
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.fields import Instant, decoded, micros, nanoseconds, price_of, size_of
from dutchbook.venues.kalshi.wire import pool_name

LOT: Final = Size(10_000)
"""0.01 contract, on all markets."""

_STATUS: Final = {
    "active": MarketStatus.OPEN,
    "open": MarketStatus.OPEN,
    "closed": MarketStatus.CLOSED,
    "determined": MarketStatus.DETERMINED,
    "disputed": MarketStatus.DETERMINED,
    "amended": MarketStatus.DETERMINED,
    "finalized": MarketStatus.FINAL,
    "settled": MarketStatus.FINAL,
}

OPEN_WORDS: Final = frozenset(word for word, status in _STATUS.items() if status is MarketStatus.OPEN)


class PriceRange(msgspec.Struct):
    start: Decimal
    end: Decimal
    step: Decimal


class MarketRow(msgspec.Struct):
    ticker: str
    event_ticker: str
    status: str
    close_time: Instant
    price_ranges: list[PriceRange] | None = None
    market_type: str = "binary"
    title: str | None = None
    yes_sub_title: str | None = None
    no_sub_title: str | None = None
    rules_primary: str | None = None
    rules_secondary: str | None = None
    result: str | None = None
    settlement_value_dollars: Decimal | None = None
    notional_value_dollars: Decimal | None = None
    occurrence_datetime: Instant | None = None
    fee_waiver_expiration_time: Instant | None = None
    exchange_index: int | None = None


class EventRow(msgspec.Struct):
    event_ticker: str
    series_ticker: str
    title: str = ""
    mutually_exclusive: bool = False
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None
    exchange_index: int | None = None
    markets: list[msgspec.Raw] | None = None


class SeriesRow(msgspec.Struct):
    ticker: str
    fee_type: str
    fee_multiplier: Decimal
    exchange_index: int | None = None


class MarketsPage(msgspec.Struct):
    """Rows stay raw: one unreadable market must not cost the whole page."""

    markets: list[msgspec.Raw]
    cursor: str | None = None


class EventsPage(msgspec.Struct):
    events: list[EventRow]
    cursor: str | None = None


class _EventAnswer(msgspec.Struct):
    event: EventRow


class _SeriesAnswer(msgspec.Struct):
    series: SeriesRow


class _SeriesList(msgspec.Struct):
    series: list[msgspec.Raw]


class _Sides(msgspec.Struct):
    yes_dollars: list[tuple[Decimal, Decimal]] | None = None
    no_dollars: list[tuple[Decimal, Decimal]] | None = None


class _BookAnswer(msgspec.Struct):
    orderbook_fp: _Sides


class _Ticker(msgspec.Struct):
    ticker: str = ""


MARKETS: Final = msgspec.json.Decoder(MarketsPage)
EVENTS: Final = msgspec.json.Decoder(EventsPage)
_MARKET: Final = msgspec.json.Decoder(MarketRow)
_EVENT: Final = msgspec.json.Decoder(_EventAnswer)
_SERIES: Final = msgspec.json.Decoder(_SeriesAnswer)
_SERIES_LIST: Final = msgspec.json.Decoder(_SeriesList)
_SERIES_ROW: Final = msgspec.json.Decoder(SeriesRow)
_BOOK: Final = msgspec.json.Decoder(_BookAnswer)
_TICKER: Final = msgspec.json.Decoder(_Ticker)


def decode_market(raw: bytes) -> MarketRow:
    """One market object; raises MalformedFrame naming the field."""
    return decoded(_MARKET, raw, f"market {ticker_of(raw)}")


def ticker_of(raw: bytes) -> str:
    """The ticker of a market object that may be unreadable otherwise."""
    try:
        return _TICKER.decode(raw).ticker or "without ticker"
    except msgspec.MsgspecError:
        return "without ticker"


def decode_event(body: bytes) -> EventRow:
    """`GET /events/{event_ticker}`."""
    return decoded(_EVENT, body, "event").event


def decode_series(body: bytes) -> SeriesRow:
    """`GET /series/{series_ticker}`."""
    return decoded(_SERIES, body, "series").series


def decode_series_list(body: bytes) -> dict[str, SeriesRow]:
    """`GET /series`: every readable series by ticker; markets of an unreadable one are left out by their own error."""
    found: dict[str, SeriesRow] = {}
    for raw in decoded(_SERIES_LIST, body, "series list").series:
        try:
            row = _SERIES_ROW.decode(raw)
        except msgspec.MsgspecError:
            continue
        found[row.ticker] = row
    return found


def fee_schedule(market: MarketRow, event: EventRow, series: SeriesRow, precision: Precision) -> FeeSchedule:
    """Event override first (null is none), else the series.

    A fee waiver counts only when it outlasts the market: a schedule must stay an upper bound while it is traded on.
    Raises UnknownFee for a fee type without a published table.
    """
    fee_type = series.fee_type if event.fee_type_override is None else event.fee_type_override
    multiplier = series.fee_multiplier if event.fee_multiplier_override is None else event.fee_multiplier_override
    waived = market.fee_waiver_expiration_time
    try:
        rate = parse_rate(multiplier, "fee_multiplier")
        if rate < 0:
            raise ValueError(f"fee_multiplier: {multiplier} is negative")
        if waived is not None and waived >= market.close_time:
            rate = Rate(0)
        return kalshi_fees(rate, fee_type, precision)
    except ValueError as error:
        raise UnknownFee(f"kalshi market {market.ticker}: {error}") from None


def rules_of(primary: str | None, secondary: str | None) -> str:
    """The whole rules text of a market: what an approval of a link is bound to."""
    return "\n\n".join(text for text in (primary, secondary) if text)


def market_of(row: MarketRow, event: EventRow, series: SeriesRow, precision: Precision) -> Market:
    """A market in core words; raises MalformedFrame or UnknownFee with the reason why it cannot be traded."""
    if row.market_type != "binary":
        raise MalformedFrame(f"kalshi market {row.ticker}: market_type {row.market_type!r} is not binary")
    if row.notional_value_dollars is not None and micros(row.notional_value_dollars, "notional_value_dollars") != MICRO:
        raise MalformedFrame(f"kalshi market {row.ticker}: notional_value_dollars is not 1")
    rules = rules_of(row.rules_primary, row.rules_secondary)
    starts = row.occurrence_datetime
    return Market(
        id=market_id(VENUE, row.ticker),
        event=row.event_ticker,
        title=row.title or event.title or row.ticker,
        rules=rules,
        outcomes=(row.yes_sub_title or "Yes", row.no_sub_title or "No"),
        grid=grid_of(row),
        lot=LOT,
        take_lot=LOT,
        min_size=LOT,
        min_cash=Cash(0),
        buy_cash_step=Cash(1),
        sell_cash_step=Cash(1),
        fees=fee_schedule(row, event, series, precision),
        pool=pool_name(_shard(row, event, series)),
        # An unknown or new status must not look tradable.
        status=_STATUS.get(row.status, MarketStatus.PAUSED),
        closes_ns=nanoseconds(row.close_time),
        # At or after the close it is when the result is expected, not when something starts.
        starts_ns=nanoseconds(starts) if starts is not None and starts < row.close_time else None,
        mutually_exclusive=event.mutually_exclusive,
    )


def _shard(row: MarketRow, event: EventRow, series: SeriesRow) -> int:
    for index in (row.exchange_index, event.exchange_index, series.exchange_index):
        if index is not None:
            return index
    return 0


def grid_of(row: MarketRow) -> TickGrid:
    """The tradable prices; raises MalformedFrame when `price_ranges` is missing or not a grid."""
    if not row.price_ranges:
        raise MalformedFrame(f"kalshi market {row.ticker}: missing field `price_ranges`")
    ranges: list[TickRange] = []
    for each in row.price_ranges:
        start, end = price_of(each.start, "price_ranges.start"), price_of(each.end, "price_ranges.end")
        step = price_of(each.step, "price_ranges.step")
        if step <= 0 or end < start or (end - start) % step:
            raise MalformedFrame(f"kalshi market {row.ticker}: price_ranges {start}..{end} step {step} is no grid")
        ranges.append(TickRange(start, end, step))
    return TickGrid(tuple(ranges))


def resolution_of(row: MarketRow) -> Resolution | None:
    """The market's result, or None while it has none. Only a finalized market is final.

    Raises MalformedFrame when the result and the settlement value contradict each other: a person must look.
    """
    status = _STATUS.get(row.status)
    if status not in (MarketStatus.DETERMINED, MarketStatus.FINAL):
        return None
    value = result_value(row.ticker, row.result or "", row.settlement_value_dollars)
    if value is None:
        return None
    return Resolution(market_id(VENUE, row.ticker), value, final=status is MarketStatus.FINAL)


def result_value(ticker: str, result: str, settlement_value: Decimal | None) -> Price | None:
    """What YES pays; None while the result is empty. Raises MalformedFrame for a result that says no amount."""
    if not result:
        return None
    stated = None if settlement_value is None else price_of(settlement_value, "settlement_value")
    expected = {"yes": Price(MICRO), "no": Price(0)}.get(result, stated)
    if expected is None or (stated is not None and stated != expected):
        raise MalformedFrame(f"kalshi market {ticker}: result {result!r} with settlement value {settlement_value}")
    return expected


def decode_book(market: MarketId, body: bytes, as_of_ns: int) -> BookSnapshot:
    """`GET /markets/{ticker}/orderbook`: two lists of bids, worst first; a NO bid at q is an ask at 1 - q."""
    sides = decoded(_BOOK, body, f"orderbook {market}").orderbook_fp
    bids = [(price_of(p, "yes_dollars"), size_of(s, "yes_dollars")) for p, s in sides.yes_dollars or ()]
    asks = [(MICRO - price_of(p, "no_dollars"), size_of(s, "no_dollars")) for p, s in sides.no_dollars or ()]
    return BookSnapshot(market, tuple(sorted(bids, reverse=True)), tuple(sorted(asks)), as_of_ns)
