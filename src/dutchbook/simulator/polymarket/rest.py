"""Which path is which call, for all services of the venue on one host. No route's work is done here."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import msgspec

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.polymarket import gamma, keys, private, public
from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.venue import Venue

Route = Callable[[Venue, Call], object]

_encoder = msgspec.json.Encoder(decimal_format="number")


def call_of(request: Request, now: int) -> Call:
    """A request taken apart; the host is ignored, every venue service lives on this one."""
    parts = urlsplit(request.url)
    return Call(
        method=request.method.upper(),
        path=parts.path,
        query=parse_qs(parts.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
        now=now,
    )


def answer(venue: Venue, call: Call) -> Response:
    """Route one call, within the limits and with the faults that are switched on."""
    spoiled = venue.faults.before(call)
    if spoiled is not None:
        return spoiled
    return venue.faults.after(call, reply(lambda: _carry_out(venue, call)))


def reply(work: Callable[[], tuple[object, dict[str, str]]]) -> Response:
    """The answer with what `work` returns (value and headers), or with its refusal."""
    try:
        value, headers = work()
    except Refused as refused:
        return refused.response()
    return Response(200, _encoder.encode(value), {"content-type": "application/json", **headers})


def _carry_out(venue: Venue, call: Call) -> tuple[object, dict[str, str]]:
    route = _route(call)
    headers = venue.limits.admit(call)
    value = route(venue, call)
    if call.path == "/cancel-all" and isinstance(value, dict):
        headers = venue.limits.charge(call, len(value["canceled"]))
    return venue.streams.dirt.soil(call.method, call.path, value), headers


def _route(call: Call) -> Route:
    route = ROUTES.get((call.method, call.path))
    if route is not None:
        return route
    parent = call.path.rsplit("/", 1)[0] + "/"
    route = ROUTES.get((call.method, parent))
    if route is None:
        raise Refused(404, "not found")
    return route


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/time"): lambda venue, call: call.now // 1_000_000_000,
    ("GET", "/ok"): lambda venue, call: "OK",
    ("GET", "/version"): lambda venue, call: {"version": 2},
    ("POST", "/auth/api-key"): keys.create_key,
    ("DELETE", "/auth/api-key"): keys.delete_key,
    ("GET", "/auth/derive-api-key"): keys.derive_key,
    ("GET", "/auth/api-keys"): keys.list_keys,
    ("GET", "/auth/ban-status/closed-only"): keys.ban_status,
    ("GET", "/api/geoblock"): public.geoblock,
    ("GET", "/deployed"): keys.deployed,
    ("GET", "/book"): public.book,
    ("POST", "/books"): public.books,
    ("GET", "/price"): public.price,
    ("POST", "/prices"): public.prices,
    ("POST", "/midpoints"): public.midpoints,
    ("POST", "/spreads"): public.spreads,
    ("POST", "/last-trades-prices"): public.last_trades,
    ("GET", "/midpoint"): public.midpoint,
    ("GET", "/spread"): public.spread,
    ("GET", "/last-trade-price"): public.last_trade,
    ("GET", "/tick-size"): public.tick_size,
    ("GET", "/neg-risk"): public.neg_risk,
    ("GET", "/fee-rate"): public.fee_rate,
    ("GET", "/markets-by-token/"): public.market_of_token,
    ("GET", "/clob-markets/"): public.clob_market,
    ("POST", "/order"): private.post_order,
    ("POST", "/orders"): private.post_orders,
    ("DELETE", "/order"): private.cancel_order,
    ("DELETE", "/orders"): private.cancel_orders,
    ("DELETE", "/cancel-all"): private.cancel_all,
    ("DELETE", "/cancel-market-orders"): private.cancel_market,
    ("GET", "/data/order/"): private.order,
    ("GET", "/data/orders"): private.orders,
    ("GET", "/data/trades"): private.trades,
    ("GET", "/balance-allowance"): private.balance,
    ("GET", "/balance-allowance/update"): private.refresh_balance,
    ("POST", "/v1/heartbeats"): private.heartbeat,
    ("GET", "/markets/keyset"): gamma.markets_page,
    ("GET", "/events/keyset"): gamma.events_page,
    ("GET", "/markets"): gamma.markets,
    ("GET", "/events"): gamma.events,
    ("GET", "/markets/slug/"): gamma.market_by_slug,
    ("GET", "/events/slug/"): gamma.event_by_slug,
    ("GET", "/markets/"): gamma.market,
    ("GET", "/events/"): gamma.event,
    ("GET", "/v2/positions"): gamma.positions,
    ("GET", "/v2/resolutions"): gamma.resolutions,
}
