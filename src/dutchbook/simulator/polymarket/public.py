"""The CLOB's public market data: books, prices, and a market's trading parameters. Reads, never changes."""

from __future__ import annotations

from dutchbook.simulator.polymarket import gamma
from dutchbook.simulator.polymarket.amounts import MICRO, number, text
from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.market import Market
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.venue import Venue

MAX_BOOKS = 500


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


def price(venue: Venue, call: Call) -> object:
    market, token = _asked(venue, call)
    bid, ask = market.best_of(token)
    best = ask if call.one("side").upper() == "BUY" else bid
    if best is None:
        raise Refused(404, "No orderbook exists for the requested token id")
    return {"price": text(best)}


def _touch(venue: Venue, call: Call) -> tuple[int, int]:
    """Bid and ask of the token asked for, an empty side standing at 0 or 1."""
    market, token = _asked(venue, call)
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
    return {"price": market.last_price(token), "side": ""}


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
    market = venue.by_condition.get(call.last)
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
        "ao": market.resolved is None and call.now >= spec.opens_ns,
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
