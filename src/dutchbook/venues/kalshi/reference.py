"""What Kalshi says about the world behind its markets: milestones, structured targets, fee changes, candles, trades.

Reads only, public. Rows are kept as the venue's words where nothing is computed from them; prices and sizes are integers.
Source: Kalshi API documentation, market data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.money import Price, Rate, Size, parse_rate
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.fields import UNREADABLE, Instant, is_bid, nanoseconds, price_of, size_of
from dutchbook.venues.kalshi.rest import KalshiRest, segment

T = TypeVar("T")

_MILESTONES_A_PAGE: Final = ("limit", "500")
_TARGETS_A_PAGE: Final = ("page_size", "2000")
_TRADES_A_PAGE: Final = ("limit", "1000")


class Milestone(msgspec.Struct, frozen=True):
    """A real-world happening (a game, a vote) and the events listed on it: a key for linking."""

    id: str
    type: str
    title: str
    start_date: Instant
    primary_event_tickers: tuple[str, ...] = ()
    related_event_tickers: tuple[str, ...] = ()
    source_ids: dict[str, str] | None = None
    details: dict[str, Any] | None = None


class StructuredTarget(msgspec.Struct, frozen=True):
    """A team, player or other thing that a market's `custom_strike` names by id."""

    id: str
    name: str = ""
    type: str = ""
    source_ids: dict[str, str] | None = None
    details: dict[str, Any] | None = None


class FeeChange(msgspec.Struct, frozen=True):
    """A change of a series' fees, scheduled or past; `multiplier` is M as a rate."""

    series: str
    fee_type: str
    multiplier: Rate
    at_ns: int


class Candle(msgspec.Struct, frozen=True):
    """One period that ended at `ends_ns`: best YES bid and ask at its close, the last trade (None without one), volume."""

    ends_ns: int
    bid: Price
    ask: Price
    last: Price | None
    volume: Size
    open_interest: Size


class TradePrint(msgspec.Struct, frozen=True):
    """A public trade in YES terms; `bought` is True when the taker bought YES."""

    id: str
    market: MarketId
    price: Price
    size: Size
    bought: bool
    at_ns: int


class _MilestonesPage(msgspec.Struct):
    """Rows stay raw: one unreadable milestone must not cost the page."""

    milestones: list[msgspec.Raw]
    cursor: str | None = None


class _TargetsPage(msgspec.Struct):
    structured_targets: list[msgspec.Raw]
    cursor: str | None = None


class _SeriesChange(msgspec.Struct):
    series_ticker: str
    fee_type: str
    fee_multiplier: Decimal
    scheduled_ts: Instant


class _SeriesChanges(msgspec.Struct):
    series_fee_change_arr: list[_SeriesChange]


class _Quote(msgspec.Struct):
    close_dollars: Decimal


class _Traded(msgspec.Struct):
    close_dollars: Decimal | None = None


class _CandleRow(msgspec.Struct):
    end_period_ts: int
    yes_bid: _Quote
    yes_ask: _Quote
    price: _Traded
    volume_fp: Decimal
    open_interest_fp: Decimal


class _Candles(msgspec.Struct):
    candlesticks: list[_CandleRow]


class TradeRow(msgspec.Struct):
    """A public trade, of REST (`ticker`, `created_time`) or of the stream (`market_ticker`, `ts_ms`)."""

    trade_id: str
    count_fp: Decimal
    yes_price_dollars: Decimal
    ticker: str | None = None
    market_ticker: str | None = None
    taker_book_side: str | None = None
    taker_outcome_side: str | None = None
    taker_side: str | None = None
    created_time: Instant | None = None
    ts_ms: int | None = None


class _TradesPage(msgspec.Struct):
    trades: list[TradeRow]
    cursor: str | None = None


_MILESTONES: Final = msgspec.json.Decoder(_MilestonesPage)
_MILESTONE: Final = msgspec.json.Decoder(Milestone)
_TARGET: Final = msgspec.json.Decoder(StructuredTarget)
_TARGETS: Final = msgspec.json.Decoder(_TargetsPage)
_SERIES_CHANGES: Final = msgspec.json.Decoder(_SeriesChanges)
_CANDLES: Final = msgspec.json.Decoder(_Candles)
_TRADES: Final = msgspec.json.Decoder(_TradesPage)


def trade_of(row: TradeRow) -> TradePrint:
    """A public trade; raises MalformedFrame naming the field."""
    ticker = row.ticker or row.market_ticker
    if not ticker:
        raise MalformedFrame("kalshi trade: missing field `ticker`")
    if row.ts_ms is not None:
        at_ns = row.ts_ms * MILLISECOND
    elif row.created_time is not None:
        at_ns = nanoseconds(row.created_time)
    else:
        raise MalformedFrame("kalshi trade: missing field `created_time`")
    return TradePrint(
        row.trade_id,
        market_id(VENUE, ticker),
        price_of(row.yes_price_dollars, "yes_price_dollars"),
        size_of(row.count_fp, "count_fp"),
        is_bid(row.taker_book_side, row.taker_outcome_side or row.taker_side),
        at_ns,
    )


class KalshiReference:
    """Reads of one environment. Raises what `KalshiRest.get` raises, and MalformedFrame naming the field."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    async def milestones(self, event: str = "", kind: str = "", since_ns: int = 0) -> list[Milestone]:
        """Happenings related to an event ticker, of a type (`football_game`) and not begun before a wall time, or all of
        them. A row that cannot be read is left out."""
        params = [_MILESTONES_A_PAGE]
        params += [(name, value) for name, value in (("related_event_ticker", event), ("type", kind)) if value]
        if since_ns:
            params.append(
                ("minimum_start_date", f"{datetime.fromtimestamp(since_ns // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}")
            )
        pages = self._rest.pages("/milestones", params, _MILESTONES, "milestones")
        return _readable([raw async for page in pages for raw in page.milestones], _MILESTONE)

    async def structured_targets(self, ids: Sequence[str] = ()) -> list[StructuredTarget]:
        """The named targets (as many ids as fit one address), or all of them. A row that cannot be read is left out."""
        params = [_TARGETS_A_PAGE, *(("ids", each) for each in ids)]
        pages = self._rest.pages("/structured_targets", params, _TARGETS, "structured targets")
        return _readable([raw async for page in pages for raw in page.structured_targets], _TARGET)

    async def fee_changes(self, *, past: bool = False) -> list[FeeChange]:
        """Scheduled fee changes of series in order of time, `past` ones too if asked for.

        Overrides of events are read with the event; the shape of their history is not documented.
        """
        shown = [("show_historical", "true")] if past else []
        answer = await self._rest.read("/series/fee_changes", shown, _SERIES_CHANGES, "fee changes")
        found = [
            FeeChange(row.series_ticker, row.fee_type, _multiplier(row.fee_multiplier), nanoseconds(row.scheduled_ts))
            for row in answer.series_fee_change_arr
        ]
        return sorted(found, key=lambda change: change.at_ns)

    async def candles(
        self, series: str, market: str, begins_ns: int, ends_ns: int, minutes: int = 1, *, archived: bool = False
    ) -> list[Candle]:
        """Candlesticks of 1, 60 or 1440 minutes. `archived` reads a market settled before the historical cut-off."""
        path = f"/series/{segment(series)}/markets/{segment(market)}/candlesticks"
        if archived:
            path = f"/historical/markets/{segment(market)}/candlesticks"
        params = [
            ("start_ts", str(begins_ns // SECOND)),
            ("end_ts", str(ends_ns // SECOND)),
            ("period_interval", str(minutes)),
        ]
        answer = await self._rest.read(path, params, _CANDLES, "candlesticks")
        return [
            Candle(
                row.end_period_ts * SECOND,
                price_of(row.yes_bid.close_dollars, "yes_bid.close_dollars"),
                price_of(row.yes_ask.close_dollars, "yes_ask.close_dollars"),
                None if row.price.close_dollars is None else price_of(row.price.close_dollars, "price.close_dollars"),
                size_of(row.volume_fp, "volume_fp"),
                size_of(row.open_interest_fp, "open_interest_fp"),
            )
            for row in answer.candlesticks
        ]

    async def trades(self, market: str, begins_ns: int, ends_ns: int, *, archived: bool = False) -> list[TradePrint]:
        """Public trades of a market (native ticker), newest first. `archived` reads those before the cut-off."""
        path = "/historical/trades" if archived else "/markets/trades"
        params = [("ticker", market), ("min_ts", str(begins_ns // SECOND)), ("max_ts", str(ends_ns // SECOND))]
        pages = self._rest.pages(path, [*params, _TRADES_A_PAGE], _TRADES, "trades")
        return [trade_of(row) async for page in pages for row in page.trades]


def _readable(rows: Iterable[msgspec.Raw], decoder: msgspec.json.Decoder[T]) -> list[T]:
    found = []
    for raw in rows:
        try:
            found.append(decoder.decode(raw))
        except UNREADABLE:
            continue
    return found


def _multiplier(value: Decimal) -> Rate:
    try:
        return parse_rate(value, "fee_multiplier")
    except ValueError as error:
        raise MalformedFrame(f"kalshi fee change: {error}") from None
