"""A member's own answers and writes: balance, positions, fills, settlements, orders. Knows no HTTP and no keys.

Source: facts §4 (orders), §5 (portfolio objects), §9 (limits).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dutchbook.simulator.kalshi.account import Account, Fill, Holding, SettledPosition
from dutchbook.simulator.kalshi.listing import Call, bad_parameter
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.orders import (
    Order,
    Outcome,
    choice_field,
    expiration_from,
    integer_field,
    new_order,
    primary_only,
    text_field,
)
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import ONE, Refusal, count, dollars, price_from, rfc3339, seconds, size_from

CENT = 10_000
FAR_FUTURE = 1 << 62

# Reading


def limits(state: State, account: Account, call: Call) -> dict[str, Any]:
    """The account's tier and buckets (facts §9)."""
    return state.limits.row()


def balance(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Available cash, in cents truncated and in dollars, summed over shards unless one is named."""
    wanted = call.integer("exchange_index", -1, 0, 1_000)
    shards = sorted(account.cash) if wanted < 0 else [wanted]
    available = {shard: account.cash.get(shard, 0) - state.desk.reserved(account, shard) for shard in shards}
    total = sum(available.values())
    marked = [_marked(state.markets[ticker], held) for ticker, held in account.holdings.items()]
    worth = sum(value for shard, value in marked if shard in available)
    return {
        "balance": total // CENT,
        "balance_dollars": dollars(total),
        "portfolio_value": worth // CENT,
        "updated_ts": seconds(state.now),
        "balance_breakdown": [{"exchange_index": each, "balance": dollars(available[each])} for each in shards],
    }


def _marked(market: Market, holding: Holding) -> tuple[int, int]:
    """A position at the last trade price: (shard, millionths)."""
    price = market.last_price if holding.size > 0 else ONE - market.last_price
    return market.shard, price * abs(holding.size) // ONE


def positions(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Market and event positions; settled markets only on demand (facts §5)."""
    wanted = call.text("settlement_status") or "unsettled"
    if wanted not in ("unsettled", "settled", "all"):
        raise bad_parameter("settlement_status")
    primary_only(call.integer("subaccount", 0, 0, 63))
    tickers, events = call.texts("ticker"), call.texts("event_ticker")
    shard = call.integer("exchange_index", -1, 0, 1_000)
    filters = set(call.texts("count_filter"))
    found = []
    for ticker, holding in account.holdings.items():
        market = state.markets[ticker]
        settled = market.status == "finalized"
        if (
            (wanted == "all" or settled == (wanted == "settled"))
            and (not tickers or ticker in tickers)
            and (not events or market.spec.event in events)
            and shard in (-1, market.shard)
            and ("position" not in filters or holding.size)
            and ("total_traded" not in filters or holding.traded)
        ):
            found.append((market, holding))
    shown, cursor = call.page(found, lambda pair: pair[0].ordinal, 100, 1000, newest_first=False)
    by_event: dict[str, list[Holding]] = {}
    for market, holding in shown:
        by_event.setdefault(market.spec.event, []).append(holding)
    resting = [order.market.ticker for order in state.desk.orders_of(account) if order.open]
    return {
        "market_positions": [_position_row(market, each, resting) for market, each in shown],
        "event_positions": [_event_position_row(event, held) for event, held in by_event.items()],
        "cursor": cursor,
    }


def _position_row(market: Market, holding: Holding, resting: list[str]) -> dict[str, Any]:
    return {
        "ticker": market.ticker,
        "exchange_index": market.shard,
        "position_fp": count(holding.size),
        "total_traded_dollars": dollars(holding.traded),
        "market_exposure_dollars": dollars(holding.cost),
        "realized_pnl_dollars": dollars(holding.realized),
        "fees_paid_dollars": dollars(holding.fees),
        "resting_orders_count": resting.count(market.ticker),
        "last_updated_ts": rfc3339(holding.updated_ns),
    }


def _event_position_row(event: str, holdings: list[Holding]) -> dict[str, Any]:
    return {
        "event_ticker": event,
        "total_cost_dollars": dollars(sum(each.traded for each in holdings)),
        "total_cost_shares_fp": count(sum(each.volume for each in holdings)),
        "event_exposure_dollars": dollars(sum(each.cost for each in holdings)),
        "realized_pnl_dollars": dollars(sum(each.realized for each in holdings)),
        "fees_paid_dollars": dollars(sum(each.fees for each in holdings)),
    }


def _between(call: Call, at_ns: int) -> bool:
    return (
        call.integer("min_ts", 0, 0, FAR_FUTURE) <= seconds(at_ns) <= call.integer("max_ts", FAR_FUTURE, 0, FAR_FUTURE)
    )


def fills(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Newest first; a REST fill carries no client_order_id (facts §4.4)."""
    tickers, order_id = call.texts("ticker"), call.text("order_id")
    found = [
        fill
        for fill in account.fills
        if fill.at_ns >= state.archive_before
        and (not tickers or fill.ticker in tickers)
        and (not order_id or fill.order_id == order_id)
        and _between(call, fill.at_ns)
    ]
    shown, cursor = call.page(found, lambda fill: fill.ordinal, 100, 1000, newest_first=True)
    return {"fills": [fill_row(fill) for fill in shown], "cursor": cursor}


def fill_row(fill: Fill) -> dict[str, Any]:
    """The Fill object of either tier."""
    return {
        "fill_id": fill.trade_id,
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "ticker": fill.ticker,
        "market_ticker": fill.ticker,
        "outcome_side": "yes" if fill.buy else "no",
        "book_side": "bid" if fill.buy else "ask",
        "count_fp": count(fill.size),
        "yes_price_dollars": dollars(fill.price),
        "no_price_dollars": dollars(ONE - fill.price),
        "is_taker": fill.taker,
        "fee_cost": dollars(fill.fee),
        "created_time": rfc3339(fill.at_ns),
        "ts": seconds(fill.at_ns),
        "subaccount_number": 0,
        "exchange_index": fill.shard,
    }


def settlements(state: State, account: Account, call: Call) -> dict[str, Any]:
    tickers, event = call.texts("ticker"), call.text("event_ticker")
    found = [
        row
        for row in account.settlements
        if (not tickers or row.ticker in tickers) and (not event or row.event == event) and _between(call, row.at_ns)
    ]
    shown, cursor = call.page(found, lambda row: row.ordinal, 100, 200, newest_first=True)
    return {"settlements": [_settlement_row(row) for row in shown], "cursor": cursor}


def _settlement_row(row: SettledPosition) -> dict[str, Any]:
    return {
        "ticker": row.ticker,
        "event_ticker": row.event,
        "market_result": row.result,
        "yes_count_fp": count(max(0, row.size)),
        "no_count_fp": count(max(0, -row.size)),
        "yes_total_cost_dollars": dollars(row.cost if row.size > 0 else 0),
        "no_total_cost_dollars": dollars(row.cost if row.size < 0 else 0),
        "revenue": row.revenue // CENT,
        "value": row.value // CENT,
        "fee_cost": dollars(row.fee),
        "settled_time": rfc3339(row.at_ns),
        "exchange_index": row.shard,
    }


def orders(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Newest first. There is no filter by client_order_id (facts §4.4)."""
    status, tickers, events = call.text("status"), call.texts("ticker"), call.texts("event_ticker")
    if status not in ("", "resting", "canceled", "executed"):
        raise bad_parameter("status")
    if len(events) > 10:
        raise bad_parameter("event_ticker")
    shard = call.integer("exchange_index", -1, 0, 1_000)
    found = [
        order
        for order in state.desk.orders_of(account)
        if not order.archived(state.archive_before)
        and (not status or order.status == status)
        and (not tickers or order.market.ticker in tickers)
        and (not events or order.market.spec.event in events)
        and shard in (-1, order.market.shard)
        and _between(call, order.created_ns)
    ]
    shown, cursor = call.page(found, lambda order: order.ordinal, 100, 1000, newest_first=True)
    return {"orders": [order.row() for order in shown], "cursor": cursor}


def order(state: State, account: Account, call: Call) -> dict[str, Any]:
    return {"order": state.desk.order_of(account, call.name).row()}


# Writing


def create(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Place one order."""
    return _create(state, account, call.body).row(state.now)


def _create(state: State, account: Account, body: Mapping[str, Any]) -> Outcome:
    outcome = state.desk.place(account, new_order(body, state.now), state.now)
    state.expire_later(outcome.order)
    return outcome


def _items(call: Call) -> list[Mapping[str, Any]]:
    items = call.body.get("orders")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise Refusal(400, "invalid_parameters", "invalid parameters", "orders must be a list of objects")
    return items


def create_batch(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Place several orders, each on its own terms; an item that is refused carries `error`."""
    rows: list[dict[str, Any]] = []
    for item in _items(call):
        try:
            outcome = _create(state, account, item)
        except Refusal as refusal:
            rows.append({"client_order_id": item.get("client_order_id"), "error": refusal.body()})
            continue
        row = outcome.row(state.now)
        if outcome.order.reason == "PostOnlyCrossCancel":
            row["error"] = {"code": "invalid order", "message": "invalid order", "details": "post only cross"}
        rows.append(row)
    return {"orders": rows}


def _shard(fields: Mapping[str, Any]) -> int | None:
    return integer_field(fields, "exchange_index", 0) if fields.get("exchange_index") is not None else None


def _cancel(state: State, account: Account, order_id: str, shard: int | None, ticker: str) -> dict[str, Any]:
    state.desk.check_open()
    found = state.desk.locate(account, order_id, shard, ticker)
    return Outcome(found).cancel_row(state.desk.cancel(found, "", state.now), state.now)


def cancel(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Cancel one order; without `market_ticker` or `exchange_index` only shard 0 is searched (facts §4.3)."""
    primary_only(call.integer("subaccount", 0, 0, 63))
    shard = call.integer("exchange_index", 0, -1, 1_000) if call.text("exchange_index") else None
    return _cancel(state, account, call.name, shard, call.text("market_ticker"))


def cancel_batch(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Cancel several orders, each on its own."""
    rows: list[dict[str, Any]] = []
    for item in _items(call):
        order_id = text_field(item, "order_id")
        try:
            rows.append(_cancel(state, account, order_id, _shard(item), text_field(item, "market_ticker", "")))
        except Refusal as refusal:
            rows.append({"order_id": order_id, "reduced_by": count(0), "error": refusal.body()})
    return {"orders": rows}


def cancel_all(state: State, account: Account, call: Call) -> None:
    """Cancel every resting order of the member, on all shards."""
    for found in [each for each in state.desk.orders_of(account) if each.open]:
        state.desk.cancel(found, "", state.now)


def _writable(state: State, account: Account, call: Call, ticker_name: str) -> Order:
    return state.desk.locate(account, call.name, _shard(call.body), text_field(call.body, ticker_name, ""))


def decrease(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Exactly one of `reduce_by` and `reduce_to` (facts §4.3)."""
    found = _writable(state, account, call, "market_ticker")
    if ("reduce_by" in call.body) == ("reduce_to" in call.body):
        raise Refusal(400, "invalid_parameters", "invalid parameters", "exactly one of reduce_by and reduce_to")
    if "reduce_by" in call.body:
        remaining = max(0, found.remaining - size_from(call.body["reduce_by"], "reduce_by"))
    else:
        remaining = size_from(call.body["reduce_to"], "reduce_to")
    state.desk.decrease(found, remaining, state.now)
    return Outcome(found).decrease_row(state.now)


def amend(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Change price, total count, client id or expiry of a resting order (facts §4.3)."""
    body = call.body
    ticker = text_field(body, "ticker")
    found = _writable(state, account, call, "ticker")
    if ticker != found.market.ticker:
        raise Refusal(400, "order_ticker_mismatch", "order ticker mismatch")
    if (choice_field(body, "side", ("bid", "ask")) == "bid") != found.buy:
        raise Refusal(400, "order_side_mismatch", "order side mismatch")
    named = text_field(body, "client_order_id", "")
    if named and named != found.client_order_id:
        raise Refusal(400, "order_id_and_client_order_id_mismatch", "order id and client order id mismatch")
    expires = found.expiration_ns
    if body.get("expiration_time") is not None:
        expires = None if body["expiration_time"] == 0 else expiration_from(body, state.now)
    renamed = text_field(body, "updated_client_order_id", found.client_order_id)
    outcome = state.desk.amend(found, price_from(body.get("price")), size_from(body.get("count")), state.now)
    found.expiration_ns = expires
    found.client_order_id = renamed
    state.expire_later(found)
    return outcome.row(state.now)
