"""A listed market, its event and series, and how they read on the wire. Never matches orders and never moves cash.

Source: facts §6. Prices are YES terms; NO prices exist only in what is shown.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi import grid
from dutchbook.simulator.kalshi.fees import FeeRates
from dutchbook.simulator.kalshi.text import ONE, PRICE_STEP, count, dollars, rfc3339, seconds
from dutchbook.simulator.matching import Ladder, MatchingBook

_FILTERS = {
    "unopened": {"initialized"},
    "open": {"active"},
    "paused": {"inactive"},
    "closed": {"closed", "determined", "disputed", "amended"},
    "settled": {"finalized"},
}
REMEMBERED = 50_000
"""Public trades and quote changes kept for each market."""


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One execution as everybody sees it."""

    ordinal: int
    trade_id: str
    price: int
    size: int
    taker_buys: bool
    at_ns: int


@dataclass(slots=True)
class Series:
    """Fee terms shared by a series; `fee_multiplier` is plain decimal text."""

    ticker: str
    category: str
    title: str
    fee_type: str
    fee_multiplier: str

    def row(self) -> dict[str, Any]:
        return {
            "ticker": self.ticker,
            "frequency": "custom",
            "title": self.title,
            "category": self.category,
            "categories": [self.category],
            "tags": [],
            "settlement_sources": [],
            "contract_url": "",
            "contract_terms_url": "",
            "fee_type": self.fee_type,
            "fee_multiplier": msgspec.Raw(self.fee_multiplier.encode()),
            "additional_prohibitions": [],
            "product_metadata": None,
        }


@dataclass(slots=True)
class Event:
    """Markets listed together; a fee type or multiplier that differs from the series is an override."""

    ticker: str
    series: Series
    title: str
    category: str
    mutually_exclusive: bool
    shard: int
    fee_multiplier: str
    updated_ns: int
    fee_type: str
    markets: list[Market] = field(default_factory=list)

    def fees(self) -> dict[str, Any]:
        """The override as the wire tells it; both null where the series' own fees apply."""
        own = (self.fee_type, self.fee_multiplier) == (self.series.fee_type, self.series.fee_multiplier)
        return {
            "fee_type_override": None if own else self.fee_type,
            "fee_multiplier_override": None if own else msgspec.Raw(self.fee_multiplier.encode()),
        }

    def row(self) -> dict[str, Any]:
        return {
            "event_ticker": self.ticker,
            "series_ticker": self.series.ticker,
            "title": self.title,
            "sub_title": "",
            "category": self.category,
            "collateral_return_type": "",
            "mutually_exclusive": self.mutually_exclusive,
            "available_on_brokers": True,
            "product_metadata": {},
            "settlement_sources": [],
            **self.fees(),
            "last_updated_ts": rfc3339(self.updated_ns),
            "exchange_index": self.shard,
        }


@dataclass(slots=True)
class Market:
    """One YES book and its figures. Sizes, prices and values in millionths, times in wall nanoseconds."""

    spec: MarketSpec
    ordinal: int
    market_id: str
    event: Event
    rates: FeeRates
    created_ns: int
    updated_ns: int
    status: str = "initialized"
    book: MatchingBook = field(default_factory=MatchingBook)
    last_price: int = 0
    last_size: int = 0
    volume: int = 0
    dollar_volume: int = 0
    open_interest: int = 0
    """Pairs of YES and NO in being; $1 of collateral is held for each."""
    yes_value: int | None = None
    settled_ns: int | None = None
    ranges: tuple[grid.Range, ...] = ()
    trades: deque[PublicTrade] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    quotes: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """(wall ns, best bid, best ask) at each change; 0 and 1 for an empty side."""

    def __post_init__(self) -> None:
        self.ranges = self.ranges or grid.uniform(self.spec.tick)

    @property
    def ticker(self) -> str:
        return self.spec.id

    @property
    def shard(self) -> int:
        return self.spec.shard

    @property
    def result(self) -> str:
        """`yes`, `no`, `scalar`, or empty while undetermined."""
        if self.yes_value is None:
            return ""
        return {ONE: "yes", 0: "no"}.get(self.yes_value, "scalar")

    def archived(self, before_ns: int) -> bool:
        """Whether it was settled before the historical cut-off (facts §5)."""
        return self.settled_ns is not None and self.settled_ns < before_ns

    def on_grid(self, price: int) -> bool:
        """Whether an order may carry this price: on the step, or a whole cent; never $0 or $1 (facts §6.5)."""
        return grid.contains(self.ranges, price)

    def matches(self, status: str) -> bool:
        """Whether a listing filter (`open`, `settled`, ...) covers this market; KeyError for an unknown filter."""
        return self.status in _FILTERS[status]

    def top(self) -> dict[str, str]:
        """Best YES quotes; an absent bid reads 0.0000 and an absent ask 1.0000, each with size 0.00."""
        bid, ask = self.book.bids.best(), self.book.asks.best()
        return {
            "yes_bid_dollars": dollars(bid or 0),
            "yes_bid_size_fp": count(self.book.bids.size_at(bid) if bid is not None else 0),
            "yes_ask_dollars": dollars(ask if ask is not None else ONE),
            "yes_ask_size_fp": count(self.book.asks.size_at(ask) if ask is not None else 0),
        }

    def price_ranges(self) -> list[dict[str, str]]:
        return grid.rows(self.ranges)

    def row(self) -> dict[str, Any]:
        """The Market object of `GET /markets` (facts §6.1)."""
        spec = self.spec
        bid, ask = self.book.bids.best() or 0, self.book.asks.best()
        settled = self.yes_value is not None
        return {
            "ticker": spec.id,
            "event_ticker": spec.event,
            "market_type": "binary",
            "title": spec.title,
            "subtitle": "",
            "yes_sub_title": spec.outcomes[0],
            "no_sub_title": spec.outcomes[1],
            "created_time": rfc3339(self.created_ns),
            "updated_time": rfc3339(self.updated_ns),
            "open_time": rfc3339(spec.opens_ns),
            "close_time": rfc3339(spec.closes_ns),
            "expected_expiration_time": rfc3339(spec.closes_ns),
            "latest_expiration_time": rfc3339(spec.closes_ns),
            "settlement_timer_seconds": 0,
            "status": self.status,
            **self.top(),
            "no_bid_dollars": dollars(ONE - ask if ask is not None else 0),
            "no_ask_dollars": dollars(ONE - bid),
            "last_price_dollars": dollars(self.last_price),
            "previous_yes_bid_dollars": dollars(0),
            "previous_yes_ask_dollars": dollars(0),
            "previous_price_dollars": dollars(0),
            "volume_fp": count(self.volume),
            "volume_24h_fp": count(self.volume),
            "open_interest_fp": count(self.open_interest),
            "notional_value_dollars": dollars(ONE),
            "result": self.result,
            "can_close_early": True,
            "settlement_value_dollars": dollars(self.yes_value) if self.yes_value is not None else None,
            "settlement_ts": rfc3339(self.settled_ns) if self.settled_ns is not None else None,
            "settlement_bounds_type": "default",
            "expiration_value": self.result if settled else "",
            "occurrence_datetime": rfc3339(spec.starts_ns) if spec.starts_ns is not None else None,
            "strike_type": "custom",
            "rules_primary": spec.rules,
            "rules_secondary": "",
            "price_level_structure": grid.label(self.ranges),
            "price_ranges": self.price_ranges(),
            "exchange_index": spec.shard,
        }

    def ticker_row(self, now: int) -> dict[str, Any]:
        """The `ticker` channel's message (facts §7.2)."""
        return {
            "market_ticker": self.ticker,
            "market_id": self.market_id,
            "price_dollars": dollars(self.last_price),
            **self.top(),
            "last_trade_size_fp": count(self.last_size),
            "volume_fp": count(self.volume),
            "open_interest_fp": count(self.open_interest),
            "dollar_volume": self.dollar_volume // ONE,
            "dollar_open_interest": self.open_interest // ONE,
            "ts": seconds(now),
            "ts_ms": now // 1_000_000,
            "time": rfc3339(now),
        }


def check_spec(spec: MarketSpec) -> None:
    """Raises ValueError when a spec cannot be listed here."""
    if spec.tick <= 0 or spec.tick % PRICE_STEP or ONE % spec.tick:
        raise ValueError(f"{spec.id}: tick {spec.tick} must divide 1.0000 in steps of 0.0001")
    if spec.closes_ns <= spec.opens_ns:
        raise ValueError(f"{spec.id}: closes before it opens")


def ladder_rows(ladder: Ladder, *, no_leg: bool) -> list[list[str]]:
    """One side of the book, best last, at YES prices or (asks) as NO bids at 1 - p (facts §6.4)."""
    levels = reversed(ladder.levels())
    return [[dollars(ONE - price if no_leg else price), count(size)] for price, size in levels]


def orderbook_row(market: Market, depth: int = 0) -> dict[str, list[list[str]]]:
    """`orderbook_fp`: bids only, best last; `depth` 0 is all."""
    return {
        "yes_dollars": ladder_rows(market.book.bids, no_leg=False)[-depth:],
        "no_dollars": ladder_rows(market.book.asks, no_leg=True)[-depth:],
    }
