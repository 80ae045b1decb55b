"""The CLOB's private routes: posting, cancelling, the account's orders, trades and balances, the dead man's switch.

Every route authenticates first. The trading itself is in `placing`.
"""

from __future__ import annotations

import base64

import msgspec

from dutchbook.simulator.polymarket import placing
from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import digits
from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.keys import private
from dutchbook.simulator.polymarket.market import condition_key
from dutchbook.simulator.polymarket.orders import DELAYED
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.signing import CTF_EXCHANGE_V2, EXCHANGE_V3, NEG_RISK_EXCHANGE_V2
from dutchbook.simulator.polymarket.venue import Venue

PAGE = 100
MAX_BATCH = 15
MAX_CANCELS = 1000
HEARTBEAT_NS = 10_000_000_000
_END = "LTE="


def post_order(venue: Venue, call: Call) -> object:
    account, key = private(venue, call)
    return placing.post(venue, account, key, call.body, call.now)


def post_orders(venue: Venue, call: Call) -> object:
    account, key = private(venue, call)
    try:
        items = msgspec.json.decode(call.body, type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise Refused(400, "Invalid order payload") from error
    if not 1 <= len(items) <= MAX_BATCH:
        raise Refused(400, f"Too many orders in payload: {len(items)}, max allowed: {MAX_BATCH}")
    return [_one_of_batch(venue, account, key, item, call.now) for item in items]


def _one_of_batch(venue: Venue, account: Account, key: str, item: msgspec.Raw, now: int) -> object:
    try:
        return placing.post(venue, account, key, item, now)
    except Refused as refused:
        post_only = refused.extra.get("code") == "post_only_mode"
        if refused.status != 400 and not post_only:
            raise
        return {
            # the venue has said "success" with a message and no order in post-only time
            "success": post_only,
            "errorMsg": refused.text,
            "orderID": "",
            "status": "",
            "makingAmount": "",
            "takingAmount": "",
            "tradeIDs": [],
            "transactionsHashes": [],
        }


def cancel_order(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    body = call.json()
    order_id = body.get("orderID") if isinstance(body, dict) else None
    if not isinstance(order_id, str):
        raise Refused(400, "Invalid orderID")
    return placing.cancel(venue, account, [order_id], call.now)


def cancel_orders(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    body = call.json()
    if not isinstance(body, list) or not all(isinstance(item, str) for item in body):
        raise Refused(400, "Invalid order payload")
    if len(body) > MAX_CANCELS:
        raise Refused(400, f"Too many orders in payload, max allowed: {MAX_CANCELS}")
    return placing.cancel(venue, account, body, call.now)


def cancel_all(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    return placing.cancel(venue, account, [order.id for order in venue.open_orders(account)], call.now)


def cancel_market(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    body = call.json()
    if not isinstance(body, dict) or not (body.get("market") or body.get("asset_id")):
        raise Refused(400, "Invalid order payload")
    condition, token = condition_key(str(body.get("market") or "")), body.get("asset_id")
    chosen = [
        order.id
        for order in venue.open_orders(account)
        if condition in ("", condition_key(order.market.condition)) and token in (None, "", order.token)
    ]
    return placing.cancel(venue, account, chosen, call.now)


def _page(call: Call, rows: list[dict[str, object]]) -> object:
    """One page of a list; the cursor is base64 of the offset, "MA==" first and "LTE=" after the last."""
    cursor = call.one("next_cursor", "MA==") or "MA=="
    try:
        offset = digits(base64.b64decode(cursor, validate=True).decode())
    except ValueError:
        offset = None
    if offset is None:
        if cursor != _END:
            raise Refused(400, "invalid next_cursor")
        offset = len(rows)
    page = rows[offset : offset + PAGE]
    following = offset + PAGE
    end = _END if following >= len(rows) else base64.b64encode(str(following).encode()).decode()
    return {"limit": PAGE, "count": len(page), "next_cursor": end, "data": page}


def order(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    order = venue.orders.get(call.last)
    if order is None or order.account is not account:
        raise Refused(404, "order not found")
    return order.rest_json()


def orders(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    rows = [
        order.rest_json()
        for order in venue.open_orders(account)
        if order.status != DELAYED
        and call.one("id") in ("", order.id)
        and condition_key(call.one("market")) in ("", condition_key(order.market.condition))
        and call.one("asset_id") in ("", order.token)
    ]
    return _page(call, rows)


def trades(venue: Venue, call: Call) -> object:
    """The account's trades, newest first; `after` and `before` are unix seconds of the match, both exclusive."""
    account, _ = private(venue, call)
    after, before = digits(call.one("after")), digits(call.one("before"))
    rows = []
    for trade in reversed(venue.trades_of(account)):
        second = trade.matched_ns // 1_000_000_000
        parties = [party for party in trade.parties if party.account is account]
        if (
            call.one("id") in ("", trade.id)
            and condition_key(call.one("market")) in ("", condition_key(trade.market.condition))
            and call.one("asset_id") in ("", *(party.token for party in parties))
            and call.one("maker_address").lower() in ("", account.wallet.lower())
            and (after is None or second > after)
            and (before is None or second < before)
        ):
            rows.append(trade.rest_json(account))
    return _page(call, rows)


def balance(venue: Venue, call: Call) -> object:
    """Settled balances; another wallet's `signature_type` gives zeros and no error."""
    account, _ = private(venue, call)
    asset = call.one("asset_type")
    if asset not in ("COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2"):
        raise Refused(400, "invalid asset_type")
    mine = digits(call.one("signature_type", "0")) == account.signature_type
    balance = 0
    if mine:
        token = call.one("token_id")
        market = venue.by_token.get(token)
        if asset == "COLLATERAL":
            balance = account.cash
        elif market is not None and market.asset_type == asset:
            balance = account.tokens.get(token, 0)
    allowance = str(account.allowance if mine else 0)
    return {
        "balance": str(balance),
        "allowances": dict.fromkeys((CTF_EXCHANGE_V2, NEG_RISK_EXCHANGE_V2, EXCHANGE_V3), allowance),
    }


def refresh_balance(venue: Venue, call: Call) -> object:
    """The venue's cache is never stale here; the answer is the balance, as documented."""
    return balance(venue, call)


def heartbeat(venue: Venue, call: Call) -> object:
    """Accept the id handed out last (or the first, empty one) and arm a cancel-all ten seconds on."""
    account, key = private(venue, call)
    body = call.json()
    sent = (body.get("heartbeat_id") or "") if isinstance(body, dict) else ""
    expected, last = venue.heartbeats.get(key, ("", None))
    if sent != expected and not (last is None and sent == ""):
        raise Refused(400, "Invalid Heartbeat ID", {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected})
    given = venue.new_id()
    venue.heartbeats[key] = given, call.now
    venue.at(call.now + HEARTBEAT_NS, lambda when: _dead_man(venue, account, key, given, when))
    return {"heartbeat_id": given}


def _dead_man(venue: Venue, account: Account, key: str, given: str, now: int) -> None:
    """Nobody has used the id given ten seconds ago: cancel everything this key has resting."""
    if venue.heartbeats.get(key, ("", None))[0] != given:
        return
    venue.heartbeats[key] = given, None
    for order in venue.open_orders(account):
        if order.owner == key and order.status != DELAYED:
            placing.withdraw(venue, order, now)
