"""Public answers: exchange status, markets, events, series, order books. Reads only; needs no signature.

Source: facts §6.1, §6.3, §6.4.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dutchbook.simulator.kalshi.happenings import market_row
from dutchbook.simulator.kalshi.market import Event, Market, orderbook_row
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import Refusal, rfc3339

T = TypeVar("T")


def bad_parameter(name: str) -> Refusal:
    return Refusal(400, "bad_request", "bad request", f"invalid {name}")


@dataclass(frozen=True, slots=True)
class Call:
    """A routed request: query values in order, the part of the path that names a thing, the decoded body."""

    query: Mapping[str, list[str]]
    name: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The last value of a query parameter, or empty."""
        return self.query[name][-1] if self.query.get(name) else ""

    def texts(self, name: str) -> list[str]:
        """All values of a parameter that may be repeated or a comma list."""
        return [part for value in self.query.get(name, []) for part in value.split(",") if part]

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """A bounded integer parameter. Raises Refusal 400."""
        value = self.text(name)
        if not value:
            return default
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or not least <= int(value) <= most:
            raise bad_parameter(name)
        return int(value)

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def page(
        self,
        rows: Iterable[T],
        ordinal: Callable[[T], int],
        default: int,
        most: int,
        *,
        newest_first: bool,
        size: str = "limit",
    ) -> tuple[list[T], str]:
        """One page and the cursor of the next ("" at the end); `rows` come oldest first. `size` names the parameter that
        says how many rows a page has. Raises Refusal 400."""
        limit = self.integer(size, default, 1, most)
        ordered = sorted(rows, key=ordinal, reverse=newest_first)
        if self.text("cursor"):
            try:
                last = int(base64.urlsafe_b64decode(self.text("cursor")).decode())
            except (binascii.Error, UnicodeDecodeError, ValueError):
                raise bad_parameter("cursor") from None
            ordered = [row for row in ordered if (ordinal(row) < last if newest_first else ordinal(row) > last)]
        shown = ordered[:limit]
        if len(ordered) <= limit:
            return shown, ""
        return shown, base64.urlsafe_b64encode(str(ordinal(shown[-1])).encode()).decode()


def _event(state: State, ticker: str) -> Event:
    if ticker not in state.events:
        raise Refusal(404, "not_found", "not found")
    return state.events[ticker]


def _has_status(market: Market, status: str) -> bool:
    try:
        return not status or market.matches(status)
    except KeyError:
        raise bad_parameter("status") from None


def exchange_status(state: State, call: Call) -> dict[str, Any]:
    """The top level speaks of shard 0 only (facts §6.3)."""
    desk = state.desk
    shards = sorted({0, *(market.shard for market in state.markets.values())})
    rows = {
        shard: {
            "exchange_active": desk.exchange_active,
            "trading_active": desk.trades_in(shard),
            "intra_exchange_transfers_active": desk.exchange_active,
        }
        for shard in shards
    }
    statuses = [{"exchange_index": shard, "description": f"shard {shard}", **row} for shard, row in rows.items()]
    return {**rows[0], "exchange_index_statuses": statuses}


def user_data_timestamp(state: State, call: Call) -> dict[str, Any]:
    return {"as_of_time": rfc3339(state.now)}


def markets(state: State, call: Call) -> dict[str, Any]:
    status = call.text("status")
    tickers = set(call.texts("tickers"))
    event, series = call.text("event_ticker"), call.text("series_ticker")
    if call.text("mve_filter") not in ("", "only", "exclude"):
        raise bad_parameter("mve_filter")
    found = [
        market
        for market in state.markets.values()
        if not market.archived(state.archive_before)
        and _has_status(market, status)
        and (not tickers or market.ticker in tickers)
        and (not event or market.spec.event == event)
        and (not series or market.event.series.ticker == series)
        and call.text("mve_filter") != "only"
    ]
    shown, cursor = call.page(found, lambda market: market.ordinal, 100, 1000, newest_first=False)
    return {"markets": [market_row(market) for market in shown], "cursor": cursor}


def market(state: State, call: Call) -> dict[str, Any]:
    return {"market": market_row(state.desk.market(call.name))}


def events(state: State, call: Call) -> dict[str, Any]:
    status, series = call.text("status"), call.text("series_ticker")
    tickers = set(call.texts("tickers"))
    found = [
        event
        for event in state.events.values()
        if (not series or event.series.ticker == series)
        and (not tickers or event.ticker in tickers)
        and any(_has_status(market, status) for market in event.markets)
    ]
    shown, cursor = call.page(found, lambda event: event.markets[0].ordinal, 200, 200, newest_first=False)
    nested = call.flag("with_nested_markets")
    return {"events": [_event_row(event, nested) for event in shown], "cursor": cursor}


def _event_row(event: Event, nested: bool) -> dict[str, Any]:
    return event.row() | ({"markets": [market_row(market) for market in event.markets]} if nested else {})


def event(state: State, call: Call) -> dict[str, Any]:
    found = _event(state, call.name)
    rows = [market_row(market) for market in found.markets]
    return {"event": _event_row(found, call.flag("with_nested_markets")), "markets": rows}


def series(state: State, call: Call) -> dict[str, Any]:
    if call.name not in state.series:
        raise Refusal(404, "not_found", "not found")
    return {"series": state.series[call.name].row()}


def series_list(state: State, call: Call) -> dict[str, Any]:
    category = call.text("category")
    return {"series": [each.row() for each in state.series.values() if not category or each.category == category]}


def orderbook(state: State, call: Call) -> dict[str, Any]:
    depth = call.integer("depth", 0, 0, 100)
    return {"orderbook_fp": orderbook_row(state.desk.market(call.name), depth)}


def orderbooks(state: State, call: Call) -> dict[str, Any]:
    tickers = call.query.get("tickers", [])
    if not 1 <= len(tickers) <= 100:
        raise bad_parameter("tickers")
    books = [(ticker, state.desk.market(ticker)) for ticker in tickers]
    return {"orderbooks": [{"ticker": ticker, "orderbook_fp": orderbook_row(market)} for ticker, market in books]}
