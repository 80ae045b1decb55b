"""A member's answers beyond orders and portfolio: order groups, queue positions, transfers between shards, the archive.

Knows no HTTP and no keys. Source: facts §4.5 (groups, queue), §5 (archive, resting value), §10 (transfers).
"""

from __future__ import annotations

from typing import Any

from dutchbook.simulator.kalshi.account import Account
from dutchbook.simulator.kalshi.groups import Group, limit_from
from dutchbook.simulator.kalshi.listing import Call
from dutchbook.simulator.kalshi.orders import Order, integer_field, primary_only, text_field
from dutchbook.simulator.kalshi.portfolio import fill_row
from dutchbook.simulator.kalshi.state import State, TransferRow
from dutchbook.simulator.kalshi.text import Refusal, count, dollars, seconds

_CENTI_CENT = 100
_CENT = 10_000

# Order groups


def groups(state: State, account: Account, call: Call) -> dict[str, Any]:
    return {"order_groups": [group.row() for group in state.desk.groups.values() if group.account is account]}


def group(state: State, account: Account, call: Call) -> dict[str, Any]:
    found = state.desk.group_of(account, call.name)
    orders = [order.order_id for order in state.desk.orders_of(account) if order.group == call.name and order.open]
    return {**found.row(), "orders": orders}


def create_group(state: State, account: Account, call: Call) -> dict[str, Any]:
    primary_only(integer_field(call.body, "subaccount", 0))
    shard = integer_field(call.body, "exchange_index", 0)
    made = Group(state.desk.identity(), account, shard, limit_from(call.body))
    state.desk.groups[made.group_id] = made
    state.stream.group(made, "created", state.now)
    return {"order_group_id": made.group_id, "subaccount": 0, "exchange_index": shard}


def limit_group(state: State, account: Account, call: Call) -> dict[str, Any]:
    """What was filled in the last 15 s counts against the new limit."""
    found = state.desk.group_of(account, call.name)
    found.limit = limit_from(call.body)
    state.stream.group(found, "limit_updated", state.now)
    if not found.tripped and found.check(state.now):
        state.desk.trip(found, state.now)
    return {}


def reset_group(state: State, account: Account, call: Call) -> dict[str, Any]:
    found = state.desk.group_of(account, call.name)
    found.reset()
    state.stream.group(found, "reset", state.now)
    return {}


def trigger_group(state: State, account: Account, call: Call) -> dict[str, Any]:
    found = state.desk.group_of(account, call.name)
    found.tripped = True
    state.desk.trip(found, state.now)
    return {}


def delete_group(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Its resting orders are cancelled."""
    found = state.desk.group_of(account, call.name)
    for order in [each for each in state.desk.orders_of(account) if each.open and each.group == found.group_id]:
        state.desk.cancel(order, "OrderGroupCancel", state.now)
    del state.desk.groups[found.group_id]
    state.stream.group(found, "deleted", state.now)
    return {}


# Queue positions


def queue_position(state: State, account: Account, call: Call) -> dict[str, Any]:
    order = state.desk.order_of(account, call.name)
    if not order.open:
        raise Refusal(404, "not_found", "not found")
    return {"queue_position_fp": count(_ahead(order))}


def queue_positions(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Needs tickers or an event (facts §4.5)."""
    tickers, event = call.texts("market_tickers"), call.text("event_ticker")
    if not tickers and not event:
        raise Refusal(400, "bad_request", "bad request", "market_tickers or event_ticker is needed")
    rows = [
        {
            "order_id": order.order_id,
            "market_ticker": order.market.ticker,
            "queue_position_fp": count(_ahead(order)),
        }
        for order in state.desk.orders_of(account)
        if order.open and (order.market.ticker in tickers or order.market.spec.event == event)
    ]
    return {"queue_positions": rows}


def _ahead(order: Order) -> int:
    """Contracts that trade before this order: better prices, and older orders at its own."""
    side = order.market.book.bids if order.buy else order.market.book.asks
    ahead = 0
    for resting in side:
        if resting.id == order.order_id:
            return ahead
        ahead += resting.remaining
    return ahead


# Cash between shards


def transfer(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Whole hundredths of a cent; done at once here. What resting orders hold cannot leave."""
    body = call.body
    for name in ("source", "destination"):
        if text_field(body, name) != "event_contract":
            raise Refusal(400, "invalid_parameters", "invalid parameters", f"{name} must be event_contract")
        primary_only(integer_field(body, f"{name}_subaccount", 0))
    amount = integer_field(body, "amount", 0) * _CENTI_CENT
    source = integer_field(body, "source_exchange_shard", 0)
    destination = integer_field(body, "destination_exchange_shard", 0)
    named = text_field(body, "client_transfer_id", "")
    if amount <= 0 or source == destination or min(source, destination) < 0:
        raise Refusal(400, "invalid_parameters", "invalid parameters", "amount or shards")
    if named and any(row.client_id == named for row in state.transfers):
        raise Refusal(409, "already_exists", "transfer with this client_transfer_id already exists")
    if amount > account.cash.get(source, 0) - state.desk.reserved(account, source):
        raise Refusal(400, "insufficient_balance", "insufficient balance")
    account.move(source, -amount)
    account.move(destination, amount)
    row = TransferRow(
        state.desk.next_ordinal(), state.desk.identity(), account, named, source, destination, amount, state.now
    )
    state.transfers.append(row)
    return {"transfer_id": row.transfer_id}


def transfers(state: State, account: Account, call: Call) -> dict[str, Any]:
    mine = [row for row in state.transfers if row.account is account]
    shown, cursor = call.page(mine, lambda row: row.ordinal, 100, 500, newest_first=True)
    return {"transfers": [_transfer_row(row) for row in shown], "cursor": cursor}


def one_transfer(state: State, account: Account, call: Call) -> dict[str, Any]:
    for row in state.transfers:
        if row.account is account and row.transfer_id == call.name:
            return {"transfer": _transfer_row(row)}
    raise Refusal(404, "not_found", "not found")


def _transfer_row(row: TransferRow) -> dict[str, Any]:
    return {
        "transfer_id": row.transfer_id,
        "source": "event_contract",
        "destination": "event_contract",
        "source_exchange_shard": row.source,
        "destination_exchange_shard": row.destination,
        "amount": dollars(row.amount),
        "status": "complete",
        "created_ts": seconds(row.at_ns),
    }


def resting_value(state: State, account: Account, call: Call) -> dict[str, Any]:
    """Cash that resting orders hold, in cents, with a row for each shard."""
    held = {shard: state.desk.reserved(account, shard) for shard in sorted(account.cash)}
    return {
        "total_resting_order_value": sum(held.values()) // _CENT,
        "total_resting_order_value_breakdown": [
            {"exchange_index": shard, "total_resting_order_value": value // _CENT} for shard, value in held.items()
        ],
    }


# The archive (facts §5): no filter but ticker and max_ts


def archived_orders(state: State, account: Account, call: Call) -> dict[str, Any]:
    tickers = call.texts("ticker")
    found = [
        order
        for order in state.desk.orders_of(account)
        if order.archived(state.archive_before) and (not tickers or order.market.ticker in tickers)
    ]
    shown, cursor = call.page(found, lambda order: order.ordinal, 100, 1000, newest_first=True)
    return {"orders": [order.row() for order in shown], "cursor": cursor}


def archived_fills(state: State, account: Account, call: Call) -> dict[str, Any]:
    tickers = call.texts("ticker")
    found = [
        fill for fill in account.fills if fill.at_ns < state.archive_before and (not tickers or fill.ticker in tickers)
    ]
    shown, cursor = call.page(found, lambda fill: fill.ordinal, 100, 1000, newest_first=True)
    return {"fills": [fill_row(fill) for fill in shown], "cursor": cursor}
