"""The CLOB's public market data: books, prices, and a market's trading parameters. Reads, never changes."""

from __future__ import annotations

from dutchbook.simulator.polymarket import gamma
from dutchbook.simulator.polymarket.amounts import MICRO, number, text
from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.market import Market, condition_key
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.venue import Venue

MAX_BOOKS = 500
UNTRADED = "0.5"
"""The price shown, with an empty side, before the first trade."""


def _market(venue: Venue, token: str) -> Market:
    market = venue.by_token.get(token)
    if market is None or market.resolved is not None:
        raise Refused(404, "No orderbook exists for the requested token id")
    return market


def _asked(venue: Venue, call: Call) -> tuple[Market, str]:
    token = call.one("token_id")
    return _market(venue, token), token


def book(venue: Venue, call: Call) -> object:
    market, token = _asked(venue, call)
    return market.book_json(token)


def books(venue: Venue, call: Call) -> object:
    wanted = call.json()
    if not isinstance(wanted, list) or not all(isinstance(item, dict) for item in wanted):
        raise Refused(400, "Invalid payload")
    if len(wanted) > MAX_BOOKS:
        raise Refused(400, f"Too many books in payload, max allowed: {MAX_BOOKS}")
    found = [(venue.by_token.get(str(item.get("token_id"))), str(item.get("token_id"))) for item in wanted]
    return [market.book_json(token) for market, token in found if market is not None and market.resolved is None]


def _listed(venue: Venue, call: Call) -> list[tuple[Market, str, str]]:
    """Market, token and side of every item of a batch body; tokens without a book are left out."""
    wanted = call.json()
    if not isinstance(wanted, list) or not all(isinstance(item, dict) for item in wanted):
        raise Refused(400, "Invalid payload")
    if len(wanted) > MAX_BOOKS:
        raise Refused(400, f"Too many items in payload, max allowed: {MAX_BOOKS}")
    rows = [(str(item.get("token_id")), str(item.get("side", "")).upper()) for item in wanted]
    found = [(venue.by_token.get(token), token, side) for token, side in rows]
    return [(market, token, side) for market, token, side in found if market is not None and market.resolved is None]


def prices(venue: Venue, call: Call) -> object:
    """POST /prices: token -> side -> price; BUY shows the best ask, as /price does, and an empty side is left out."""
    shown: dict[str, dict[str, str]] = {}
    for market, token, side in _listed(venue, call):
        bid, ask = market.best_of(token)
        best = {"BUY": ask, "SELL": bid}.get(side)
        if best is not None:
            shown.setdefault(token, {})[side] = text(best)
    return shown


def midpoints(venue: Venue, call: Call) -> object:
    """POST /midpoints: token -> midpoint."""
    return {token: text(sum(_sides(market, token)) // 2) for market, token, _ in _listed(venue, call)}


def spreads(venue: Venue, call: Call) -> object:
    """POST /spreads: token -> spread."""
    touches = [(token, _sides(market, token)) for market, token, _ in _listed(venue, call)]
    return {token: text(ask - bid) for token, (bid, ask) in touches}


def last_trades(venue: Venue, call: Call) -> object:
    """POST /last-trades-prices: the tokens that have traded."""
    return [
        {"token_id": token, "price": market.last_price(token), "side": market.last_side(token)}
        for market, token, _ in _listed(venue, call)
        if market.last_trade is not None
    ]


def price(venue: Venue, call: Call) -> object:
    market, token = _asked(venue, call)
    bid, ask = market.best_of(token)
    best = ask if call.one("side").upper() == "BUY" else bid
    if best is None:
        raise Refused(404, "No orderbook exists for the requested token id")
    return {"price": text(best)}


def _touch(venue: Venue, call: Call) -> tuple[int, int]:
    """Bid and ask of the token asked for, an empty side standing at 0 or 1."""
    return _sides(*_asked(venue, call))


def _sides(market: Market, token: str) -> tuple[int, int]:
    bid, ask = market.best_of(token)
    return bid or 0, MICRO if ask is None else ask


def midpoint(venue: Venue, call: Call) -> object:
    bid, ask = _touch(venue, call)
    return {"mid": text((bid + ask) // 2)}


def spread(venue: Venue, call: Call) -> object:
    bid, ask = _touch(venue, call)
    return {"spread": text(ask - bid)}


def last_trade(venue: Venue, call: Call) -> object:
    market, token = _asked(venue, call)
    return {"price": market.last_price(token) or UNTRADED, "side": market.last_side(token)}


def tick_size(venue: Venue, call: Call) -> object:
    market, _ = _asked(venue, call)
    return {"minimum_tick_size": number(market.tick)}


def neg_risk(venue: Venue, call: Call) -> object:
    market, _ = _asked(venue, call)
    return {"neg_risk": market.spec.neg_risk}


def fee_rate(venue: Venue, call: Call) -> object:
    """The legacy base fee, which is not the rate that is charged."""
    market, _ = _asked(venue, call)
    return {"base_fee": 1000 if market.rate else 0}


def market_of_token(venue: Venue, call: Call) -> object:
    market = venue.by_token.get(call.last)
    if market is None:
        raise Refused(404, "market not found")
    return {
        "condition_id": market.condition,
        "primary_token_id": market.yes,
        "secondary_token_id": market.no,
    }


def clob_market(venue: Venue, call: Call) -> object:
    market = venue.by_condition.get(condition_key(call.last))
    if market is None:
        raise Refused(404, "market not found")
    spec = market.spec
    base_fee = 1000 if market.rate else 0
    body: dict[str, object] = {
        "c": market.condition,
        "t": [{"t": token, "o": market.outcome(token)} for token in market.tokens],
        "mts": number(market.tick),
        "mos": number(spec.min_size),
        "mbf": base_fee,
        "tbf": base_fee,
        "r": None,
        "ao": market.resolved is None and not market.halted and call.now >= spec.opens_ns,
        "aot": gamma.instant(spec.opens_ns),
        "cbos": False,
        "rfqe": False,
        "ibce": False,
        "itode": 0 < spec.taker_delay_ns < 1_000_000_000,
        "sd": spec.taker_delay_ns // 1_000_000_000,
    }
    if spec.neg_risk:
        body["nr"] = True
    if market.rate:
        body["fd"] = {"r": gamma.rate(market), "e": 1, "to": True}
    if spec.starts_ns is not None:
        body["gst"] = gamma.instant(spec.starts_ns)
    return body


def geoblock(venue: Venue, call: Call) -> object:
    """GET /api/geoblock of the web site: where the caller seems to be, and whether orders are taken from there."""
    country = "XX" if venue.geoblocked else "IE"
    return {"blocked": venue.geoblocked, "ip": "127.0.0.1", "country": country, "region": ""}
