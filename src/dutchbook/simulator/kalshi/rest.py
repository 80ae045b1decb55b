"""Routes one HTTP request: signature, path, body, answer. Never touches a book or a balance itself.

Source: facts §3 (401), §4.1 (paths), §12 (error bodies, V1 writes answer 410).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.kalshi import listing, portfolio, private, reference
from dutchbook.simulator.kalshi.account import Account
from dutchbook.simulator.kalshi.faults import instead, spoiled
from dutchbook.simulator.kalshi.listing import Call
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import Refusal

Public = Callable[[State, Call], dict[str, Any]]
Private = Callable[[State, Account, Call], dict[str, Any] | None]

_PUBLIC: tuple[tuple[str, Public], ...] = (
    ("/exchange/status", listing.exchange_status),
    ("/exchange/schedule", reference.schedule),
    ("/account/endpoint_costs", reference.endpoint_costs),
    ("/milestones", reference.milestones),
    ("/structured_targets", reference.structured_targets),
    ("/markets/trades", reference.trades),
    ("/historical/cutoff", reference.cutoff),
    ("/historical/trades", reference.archived_trades),
    ("/historical/markets", reference.archived_markets),
    ("/historical/markets/{name}", reference.archived_market),
    ("/historical/markets/{name}/candlesticks", reference.candlesticks),
    ("/exchange/user_data_timestamp", listing.user_data_timestamp),
    ("/markets", listing.markets),
    ("/markets/orderbooks", listing.orderbooks),
    ("/markets/{name}", listing.market),
    ("/markets/{name}/orderbook", listing.orderbook),
    ("/events", listing.events),
    ("/events/{name}", listing.event),
    ("/series", listing.series_list),
    ("/series/fee_changes", reference.fee_changes),
    ("/series/{series}/markets/{name}/candlesticks", reference.candlesticks),
    ("/series/{name}", listing.series),
)
_PRIVATE: tuple[tuple[str, str, int, Private], ...] = (
    ("GET", "/account/limits", 200, portfolio.limits),
    ("GET", "/portfolio/balance", 200, portfolio.balance),
    ("GET", "/portfolio/positions", 200, portfolio.positions),
    ("GET", "/portfolio/fills", 200, portfolio.fills),
    ("GET", "/portfolio/settlements", 200, portfolio.settlements),
    ("GET", "/portfolio/orders", 200, portfolio.orders),
    ("GET", "/portfolio/orders/queue_positions", 200, private.queue_positions),
    ("GET", "/portfolio/orders/{name}", 200, portfolio.order),
    ("GET", "/portfolio/orders/{name}/queue_position", 200, private.queue_position),
    ("GET", "/portfolio/summary/total_resting_order_value", 200, private.resting_value),
    ("GET", "/portfolio/intra_exchange_instance_transfers", 200, private.transfers),
    ("GET", "/portfolio/intra_exchange_instance_transfers/{name}", 200, private.one_transfer),
    ("POST", "/portfolio/intra_exchange_instance_transfer", 200, private.transfer),
    ("GET", "/portfolio/order_groups", 200, private.groups),
    ("GET", "/portfolio/order_groups/{name}", 200, private.group),
    ("POST", "/portfolio/order_groups/create", 201, private.create_group),
    ("PUT", "/portfolio/order_groups/{name}/limit", 200, private.limit_group),
    ("PUT", "/portfolio/order_groups/{name}/reset", 200, private.reset_group),
    ("PUT", "/portfolio/order_groups/{name}/trigger", 200, private.trigger_group),
    ("DELETE", "/portfolio/order_groups/{name}", 200, private.delete_group),
    ("GET", "/historical/orders", 200, private.archived_orders),
    ("GET", "/historical/fills", 200, private.archived_fills),
    ("POST", "/portfolio/events/orders", 201, portfolio.create),
    ("POST", "/portfolio/events/orders/batched", 201, portfolio.create_batch),
    ("POST", "/portfolio/events/orders/{name}/amend", 200, portfolio.amend),
    ("POST", "/portfolio/events/orders/{name}/decrease", 200, portfolio.decrease),
    ("DELETE", "/portfolio/events/orders", 204, portfolio.cancel_all),
    ("DELETE", "/portfolio/events/orders/batched", 200, portfolio.cancel_batch),
    ("DELETE", "/portfolio/events/orders/{name}", 200, portfolio.cancel),
)
_V1 = re.compile(r"/portfolio/orders(/.*)?\Z")
_JSON = {"content-type": "application/json"}


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(path.replace("{name}", "(?P<name>[^/]+)").replace("{series}", "[^/]+") + r"\Z")


_PUBLIC_ROUTES = [(_pattern(path), answer) for path, answer in _PUBLIC]
_PRIVATE_ROUTES = [(method, _pattern(path), status, answer) for method, path, status, answer in _PRIVATE]


def _answer(status: int, payload: dict[str, Any] | None) -> Response:
    return Response(status, b"" if payload is None else msgspec.json.encode(payload), _JSON)


def refusal_response(refusal: Refusal) -> Response:
    """The nested error body that is seen live (facts §12)."""
    return _answer(refusal.status, {"error": refusal.body()})


def handle(state: State, base_path: str, request: Request) -> Response:
    """Answer one request at the state's current time, with whatever fault is planned for it."""
    fault = state.faults.next(request.method, urlsplit(request.url).path.removeprefix(base_path))
    unserved = instead(fault) if fault is not None else None
    if unserved is not None:
        return unserved
    try:
        answer = _route(state, base_path, request)
    except Refusal as refusal:
        answer = refusal_response(refusal)
    return answer if fault is None else spoiled(fault, answer)


def _route(state: State, base_path: str, request: Request) -> Response:
    parts = urlsplit(request.url)
    if not parts.path.startswith(base_path + "/"):
        raise Refusal(404, "not_found", "not found")
    if parts.path.endswith("/"):
        return Response(301, b"", {"location": parts.path.rstrip("/")})
    path = parts.path.removeprefix(base_path)
    query = parse_qs(parts.query)
    if request.method == "GET":
        for pattern, public in _PUBLIC_ROUTES:
            if found := pattern.match(path):
                if not state.limits.allows(_caller(state, request), "GET", path, query, None, state.now):
                    return _too_many()
                return _answer(200, public(state, Call(query, _name(found))))
    elif _V1.match(path):
        details = "https://docs.kalshi.com/api-reference/orders/create-order-v2"
        raise Refusal(410, "deprecated_v1_order_endpoint", "Please switch to the V2 endpoints", details)
    for method, pattern, status, private_answer in _PRIVATE_ROUTES:
        found = pattern.match(path)
        if found and method == request.method:
            name = state.keys.authenticate(request.method, parts.path, request.headers, state.now)
            body = _body(request.body)
            if not state.limits.allows(name, method, path, query, body, state.now):
                return _too_many()
            call = Call(query, _name(found), body)
            return _answer(status, private_answer(state, state.members[name], call))
    raise Refusal(404, "not_found", "not found")


def _caller(state: State, request: Request) -> str:
    """Whose buckets a public read is billed to: the member whose key it names, else everybody without a key."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return state.keys.owner(headers.get("kalshi-access-key", ""))


def _too_many() -> Response:
    """A 429: a plain text, no code, no headers about when to come back (facts §9)."""
    return _answer(429, {"error": "too many requests"})


def _name(found: re.Match[str]) -> str:
    return unquote(found.groupdict().get("name") or "")


def _body(data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    try:
        body = msgspec.json.decode(data)
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "bad_request", "bad request", "the body must be a JSON object")
    return body
