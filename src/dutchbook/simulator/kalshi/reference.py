"""Public answers about the world behind the markets: schedule, milestones, targets, fee changes, trades, candles, archive.

Reads only; needs no signature. Source: facts §5 (historical tier), §6.3, §8.1, §9, §11; shapes from the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dutchbook.simulator.kalshi import happenings
from dutchbook.simulator.kalshi.limits import DEFAULT, ENDPOINT_COSTS
from dutchbook.simulator.kalshi.listing import Call, bad_parameter
from dutchbook.simulator.kalshi.market import Market, PublicTrade
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import ONE, Refusal, count, dollars, rfc3339, seconds

_FAR = 1 << 62
_SECOND_NS = 1_000_000_000
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ALL_DAY = [{"open_time": "00:00", "close_time": "00:00"}]


def schedule(state: State, call: Call) -> dict[str, Any]:
    """Open all week, but for the planned pauses."""
    hours = {"start_time": "2021-01-01T00:00:00Z", "end_time": "2099-01-01T00:00:00Z"}
    windows = [{"start_datetime": rfc3339(begins), "end_datetime": rfc3339(ends)} for begins, ends in state.maintenance]
    week = {**hours, **dict.fromkeys(_DAYS, _ALL_DAY)}
    return {"schedule": {"standard_hours": [week], "maintenance_windows": windows}}


def endpoint_costs(state: State, call: Call) -> dict[str, Any]:
    return {"default_cost": DEFAULT, "endpoint_costs": ENDPOINT_COSTS}


def milestones(state: State, call: Call) -> dict[str, Any]:
    """`limit` is required here (facts §6.3)."""
    if not call.text("limit"):
        raise bad_parameter("limit")
    event, kind, since = call.text("related_event_ticker"), call.text("type"), call.text("minimum_start_date")
    found = [
        (place, row)
        for place, row in enumerate([*state.milestones, *happenings.milestone_rows(state)])
        if (not event or event in row["related_event_tickers"])
        and (not kind or row["type"] == kind)
        and (not since or row["start_date"] >= since)
    ]
    shown, cursor = call.page(found, lambda pair: pair[0], 100, 500, newest_first=False)
    return {"milestones": [row for _, row in shown], "cursor": cursor}


def structured_targets(state: State, call: Call) -> dict[str, Any]:
    ids = set(call.texts("ids"))
    rows = [*state.targets, *happenings.target_rows(state)]
    found = [(place, row) for place, row in enumerate(rows) if not ids or row["id"] in ids]
    shown, cursor = call.page(found, lambda pair: pair[0], 100, 2000, newest_first=False, size="page_size")
    return {"structured_targets": [row for _, row in shown], "cursor": cursor}


def fee_changes(state: State, call: Call) -> dict[str, Any]:
    """Scheduled ones, past ones too with `show_historical`."""
    series, past = call.text("series_ticker"), call.flag("show_historical")
    rows = [
        row
        for at, row in state.fee_changes
        if (past or at > state.now) and (not series or row["series_ticker"] == series)
    ]
    return {"series_fee_change_arr": rows}


# Trades and candles


def trades(state: State, call: Call) -> dict[str, Any]:
    """Public trades since the archive's cut-off, newest first."""
    return _trades(state, call, archived=False)


def archived_trades(state: State, call: Call) -> dict[str, Any]:
    """Public trades before the cut-off."""
    return _trades(state, call, archived=True)


def _trades(state: State, call: Call, *, archived: bool) -> dict[str, Any]:
    ticker = call.text("ticker")
    begins, ends = call.integer("min_ts", 0, 0, _FAR), call.integer("max_ts", _FAR, 0, _FAR)
    found = [
        (market, trade)
        for market in state.markets.values()
        if not ticker or market.ticker == ticker
        for trade in market.trades
        if begins <= seconds(trade.at_ns) <= ends and (trade.at_ns < state.archive_before) is archived
    ]
    shown, cursor = call.page(found, lambda pair: pair[1].ordinal, 100, 1000, newest_first=True)
    return {"trades": [_trade_row(market, trade) for market, trade in shown], "cursor": cursor}


def _trade_row(market: Market, trade: PublicTrade) -> dict[str, Any]:
    side = "yes" if trade.taker_buys else "no"
    return {
        "trade_id": trade.trade_id,
        "ticker": market.ticker,
        "count_fp": count(trade.size),
        "yes_price_dollars": dollars(trade.price),
        "no_price_dollars": dollars(ONE - trade.price),
        "taker_side": side,
        "taker_outcome_side": side,
        "taker_book_side": "bid" if trade.taker_buys else "ask",
        "is_block_trade": False,
        "created_time": rfc3339(trade.at_ns),
    }


def candlesticks(state: State, call: Call) -> dict[str, Any]:
    """One candle for each period that ended in the range and was touched by a quote or a trade."""
    market = state.desk.market(call.name)
    period = call.integer("period_interval", 0, 0, 1440)
    if period not in (1, 60, 1440) or not call.text("start_ts") or not call.text("end_ts"):
        raise bad_parameter("period_interval, start_ts and end_ts")
    begins, ends = call.integer("start_ts", 0, 0, _FAR), call.integer("end_ts", 0, 0, _FAR)
    step = period * 60
    rows = []
    for closes in range(-(-begins // step) * step, min(ends, seconds(state.now) + step) + 1, step):
        row = _candle(market, closes, step)
        if row is not None:
            rows.append(row)
    return {"ticker": market.ticker, "candlesticks": rows}


def _candle(market: Market, closes_s: int, step_s: int) -> dict[str, Any] | None:
    begins, ends = (closes_s - step_s) * _SECOND_NS, closes_s * _SECOND_NS
    before = [quote for quote in market.quotes if quote[0] <= begins][-1:]
    quotes = before + [quote for quote in market.quotes if begins < quote[0] <= ends]
    done = [trade for trade in market.trades if begins < trade.at_ns <= ends]
    if not quotes or (len(quotes) == len(before) and not done):
        return None
    traded = [trade.price for trade in done]
    return {
        "end_period_ts": closes_s,
        "yes_bid": _distribution([bid for _, bid, _ in quotes]),
        "yes_ask": _distribution([ask for _, _, ask in quotes]),
        "price": _distribution(traded) if traded else {},
        "volume_fp": count(sum(trade.size for trade in done)),
        "open_interest_fp": count(market.open_interest),
    }


def _distribution(prices: Sequence[int]) -> dict[str, str]:
    return {
        "open_dollars": dollars(prices[0]),
        "low_dollars": dollars(min(prices)),
        "high_dollars": dollars(max(prices)),
        "close_dollars": dollars(prices[-1]),
    }


# The archive (facts §5)


def cutoff(state: State, call: Call) -> dict[str, Any]:
    at = rfc3339(state.archive_before)
    names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
    return dict.fromkeys(names, at)


def archived_markets(state: State, call: Call) -> dict[str, Any]:
    tickers, event = set(call.texts("tickers")), call.text("event_ticker")
    found = _only(
        (market for market in state.markets.values() if market.archived(state.archive_before)), tickers, event
    )
    shown, cursor = call.page(found, lambda market: market.ordinal, 100, 1000, newest_first=False)
    return {"markets": [market.row() for market in shown], "cursor": cursor}


def archived_market(state: State, call: Call) -> dict[str, Any]:
    market = state.desk.market(call.name)
    if not market.archived(state.archive_before):
        raise Refusal(404, "not_found", "not found")
    return {"market": market.row()}


def _only(markets: Iterable[Market], tickers: set[str], event: str) -> list[Market]:
    return [
        market
        for market in markets
        if (not tickers or market.ticker in tickers) and (not event or market.spec.event == event)
    ]
