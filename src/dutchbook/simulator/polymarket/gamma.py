"""Gamma (market and event metadata) and the Data API's positions and resolutions, as JSON. Reads, never changes.

Gamma's arrays of outcomes, prices and token ids are texts that contain JSON; numbers are JSON numbers made from decimals.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import MICRO, REMEMBERED, digits, number, text
from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.market import Market, condition_key
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.venue import Venue

MAX_PAGE = 100
_DEFAULT_PAGE = 20
_REBATES = {"crypto": "0.2", "sports": "0.15"}
_OTHER_REBATE = "0.25"

Row = dict[str, object]


@lru_cache(REMEMBERED)
def instant(ns: int) -> str:
    """An ISO time in UTC with a Z."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(REMEMBERED)
def _spaced(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S+00")


def rate(market: Market) -> Decimal:
    """The taker fee rate as listed."""
    return Decimal(market.spec.taker_rate)


@lru_cache(REMEMBERED)
def _slug(event: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", event.lower()).strip("-")


def _json_text(values: list[str]) -> str:
    return msgspec.json.encode(values).decode()


def _yes_worth(market: Market) -> int:
    """What a YES token stands at: its payout, else the middle of the book, else the last trade."""
    if market.resolved is not None:
        return market.resolved
    bid, ask = market.best()
    return (bid + ask) // 2 if bid is not None and ask is not None else market.last_trade or MICRO // 2


def _prices(market: Market) -> list[str]:
    yes = _yes_worth(market)
    return [text(yes), text(MICRO - yes)]


def _event_number(siblings: list[Market]) -> str:
    return f"9{siblings[0].number}"


def _market_row(listed: Market, now: int) -> Row:
    """A Gamma market without its events."""
    spec = listed.spec
    closed = listed.resolved is not None
    bid, ask = listed.best()
    row: Row = {
        "id": listed.number,
        "slug": spec.id,
        # a v2 id has 31 bytes; this service pads it to 32
        "conditionId": listed.condition.ljust(66, "0"),
        "questionID": "0x" + listed.condition[2:][::-1],
        "question": spec.title,
        "groupItemTitle": spec.outcomes[0] if spec.neg_risk else "",
        "description": spec.rules,
        "resolutionSource": "",
        "outcomes": _json_text(list(spec.outcomes)),
        "outcomePrices": _json_text(_prices(listed)),
        # a v2 market may show ids of the old kind too, which trade nothing
        "clobTokenIds": _json_text(
            [token if spec.protocol == 1 else str(int(token) | 1 << 70) for token in listed.tokens]
        ),
        "version": listed.version,
        "active": True,
        "closed": closed,
        "archived": False,
        "acceptingOrders": not closed and not listed.halted and now >= spec.opens_ns,
        "enableOrderBook": True,
        "negRisk": spec.neg_risk,
        "startDate": instant(spec.opens_ns),
        "endDate": instant(spec.closes_ns),
        "secondsDelay": spec.taker_delay_ns // 1_000_000_000,
        "orderPriceMinTickSize": number(listed.tick),
        "orderMinSize": number(spec.min_size),
        "bestBid": number(bid or 0),
        "bestAsk": number(MICRO if ask is None else ask),
        "spread": number((MICRO if ask is None else ask) - (bid or 0)),
        "volume": text(listed.volume),
        "volumeNum": number(listed.volume),
        "liquidity": text(_liquidity(listed)),
        "liquidityNum": number(_liquidity(listed)),
        "feesEnabled": bool(listed.rate),
        "makerBaseFee": 1000 if listed.rate else 0,
        "takerBaseFee": 1000 if listed.rate else 0,
    }
    if listed.last_trade is not None:
        row["lastTradePrice"] = number(listed.last_trade)
    if listed.rate:
        row["feeType"] = f"{spec.category}_fees"
        row["feeSchedule"] = {
            "exponent": 1,
            "rate": rate(listed),
            "takerOnly": True,
            "rebateRate": Decimal(_REBATES.get(spec.category, _OTHER_REBATE)),
        }
    if spec.protocol == 2:
        row["positionIds"] = list(listed.tokens)
        row["resolutionStatus"] = "resolved" if closed else "active"
    if spec.starts_ns is not None:
        row["gameStartTime"] = _spaced(spec.starts_ns)
    if listed.closed_ns is not None:
        row["closedTime"] = _spaced(listed.closed_ns)
        row["umaResolutionStatus"] = "resolved"
    return row


def _liquidity(listed: Market) -> int:
    return sum(price * size // MICRO for price, size in listed.book.bids.levels()) + sum(
        (MICRO - price) * size // MICRO for price, size in listed.book.asks.levels()
    )


def _event_row(siblings: list[Market]) -> Row:
    spec = siblings[0].spec
    row: Row = {
        "id": _event_number(siblings),
        "slug": _slug(spec.event),
        "ticker": _slug(spec.event),
        "title": spec.event,
        "description": spec.rules,
        "active": True,
        "closed": all(market.resolved is not None for market in siblings),
        "archived": False,
        "negRisk": spec.neg_risk,
        "enableNegRisk": spec.neg_risk,
        "negRiskAugmented": False,
        "startDate": instant(min(market.spec.opens_ns for market in siblings)),
        "endDate": instant(max(market.spec.closes_ns for market in siblings)),
        "tags": [{"id": "1", "label": spec.category.title(), "slug": _slug(spec.category)}],
    }
    if spec.neg_risk:
        row["negRiskMarketID"] = siblings[0].condition[:-2] + "00"
    if spec.series:
        row["seriesSlug"] = spec.series
    if spec.starts_ns is not None:
        row["startTime"] = instant(spec.starts_ns)
    return row


def _full_market(venue: Venue, listed: Market, now: int) -> Row:
    return _full_markets(venue, [listed], now)[0]


def _full_markets(venue: Venue, page: list[Market], now: int) -> list[Row]:
    grouped: dict[str, list[Market]] = {market.spec.event: [] for market in page}
    for market in venue.markets.values():
        if market.spec.event in grouped:
            grouped[market.spec.event].append(market)
    events = {event: _event_row(siblings) for event, siblings in grouped.items()}
    return [
        {
            **_market_row(listed, now),
            "events": [events[listed.spec.event]],
            "tags": events[listed.spec.event]["tags"],
        }
        for listed in page
    ]


def _full_event(siblings: list[Market], now: int) -> Row:
    return {**_event_row(siblings), "markets": [_market_row(market, now) for market in siblings]}


# --- lists ------------------------------------------------------------------------------------------------------------


def _values(call: Call, name: str) -> set[str]:
    """A repeated or comma-separated query parameter."""
    return {part for value in call.query.get(name, []) for part in value.split(",") if part}


def _chosen(venue: Venue, call: Call) -> list[Market]:
    """The markets that pass the filters, in listing order; without `version` only protocol v1 is shown."""
    versions = _values(call, "version") or {"v1"}
    positions = _values(call, "position_ids")
    conditions = {condition_key(condition) for condition in _values(call, "condition_ids")}
    tokens = _values(call, "clob_token_ids")
    slugs, numbers = _values(call, "slug"), _values(call, "id")
    closed = call.one("closed").lower()
    return [
        market
        for market in venue.markets.values()
        if market.version in versions
        and (not conditions or condition_key(market.condition) in conditions)
        and (not positions or (market.spec.protocol == 2 and not positions.isdisjoint(market.tokens)))
        and (not tokens or not tokens.isdisjoint(market.tokens))
        and (not slugs or market.spec.id in slugs)
        and (not numbers or market.number in numbers)
        and (closed not in ("true", "false") or (market.resolved is not None) == (closed == "true"))
    ]


def _chosen_events(venue: Venue, call: Call) -> list[list[Market]]:
    versions = _values(call, "version") or {"v1"}
    slugs, numbers = _values(call, "slug"), _values(call, "id")
    closed = call.one("closed").lower()
    grouped: dict[str, list[Market]] = {}
    for market in venue.markets.values():
        if market.version in versions:
            grouped.setdefault(market.spec.event, []).append(market)
    return [
        siblings
        for event, siblings in grouped.items()
        if (not slugs or _slug(event) in slugs)
        and (not numbers or _event_number(siblings) in numbers)
        and (
            closed not in ("true", "false")
            or all(market.resolved is not None for market in siblings) == (closed == "true")
        )
    ]


def _limit(call: Call) -> int:
    """Larger limits are clamped, not refused."""
    return min(digits(call.one("limit")) or _DEFAULT_PAGE, MAX_PAGE)


def _window(call: Call, count: int) -> tuple[int, int, str | None]:
    """Start and end of one keyset page of `count` rows, and the cursor of the next page."""
    cursor = call.one("after_cursor")
    try:
        start = digits(base64.urlsafe_b64decode(cursor).decode()) if cursor else 0
    except ValueError:
        start = None
    if start is None:
        raise Refused(422, "invalid after_cursor")
    end = start + _limit(call)
    return start, end, base64.urlsafe_b64encode(str(end).encode()).decode() if end < count else None


def markets_page(venue: Venue, call: Call) -> object:
    """GET /markets/keyset: only a null cursor ends the list."""
    chosen = _chosen(venue, call)
    start, end, following = _window(call, len(chosen))
    return {
        "markets": _full_markets(venue, chosen[start:end], call.now),
        "next_cursor": following,
    }


def events_page(venue: Venue, call: Call) -> object:
    """GET /events/keyset."""
    chosen = _chosen_events(venue, call)
    start, end, following = _window(call, len(chosen))
    return {
        "events": [_full_event(siblings, call.now) for siblings in chosen[start:end]],
        "next_cursor": following,
    }


def markets(venue: Venue, call: Call) -> object:
    """GET /markets: a plain list with limit and offset."""
    start = digits(call.one("offset")) or 0
    return _full_markets(venue, _chosen(venue, call)[start : start + _limit(call)], call.now)


def events(venue: Venue, call: Call) -> object:
    """GET /events: a plain list with limit and offset."""
    start = digits(call.one("offset")) or 0
    chosen = _chosen_events(venue, call)[start : start + _limit(call)]
    return [_full_event(siblings, call.now) for siblings in chosen]


def market(venue: Venue, call: Call) -> object:
    """GET /markets/{id}."""
    for listed in venue.markets.values():
        if listed.number == call.last:
            return _full_market(venue, listed, call.now)
    raise Refused(404, "id not found")


def market_by_slug(venue: Venue, call: Call) -> object:
    """GET /markets/slug/{slug}."""
    listed = venue.markets.get(call.last)
    if listed is None:
        raise Refused(404, "slug not found")
    return _full_market(venue, listed, call.now)


def event_by_slug(venue: Venue, call: Call) -> object:
    """GET /events/slug/{slug}."""
    for siblings in _chosen_events(venue, call):
        if _slug(siblings[0].spec.event) == call.last:
            return _full_event(siblings, call.now)
    raise Refused(404, "slug not found")


def event(venue: Venue, call: Call) -> object:
    """GET /events/{id}."""
    for siblings in _chosen_events(venue, call):
        if _event_number(siblings) == call.last:
            return _full_event(siblings, call.now)
    raise Refused(404, "id not found")


# --- data -------------------------------------------------------------------------------------------------------------


_LAST_PAGE = {"has_more": False, "next_cursor": None}


def _percent(amount: int, of: int) -> Decimal:
    """A share of a cost in percent, to a hundredth."""
    return Decimal(amount * 10_000 // of) / 100 if of else Decimal(0)


def _position(account: Account, listed: Market, token: str) -> Row:
    size, other = account.tokens[token], account.tokens[listed.opposite(token)]
    basis = account.basis[token]
    price = listed.own_price(token, _yes_worth(listed))
    value, entry = size * price // MICRO, size * basis.average // MICRO
    return {
        "proxy_wallet": account.wallet,
        "token_id": token,
        "condition_id": listed.condition,
        "current_size": number(size),
        "total_size": number(basis.bought),
        "avg_price": number(basis.average),
        "entry_cost_usdc": number(entry),
        "entry_fees_usdc": number(basis.fees),
        "total_cost_usdc": number(basis.paid),
        "current_price": number(price),
        "current_value": number(value),
        "realized_pnl": number(basis.realized),
        "unrealized_pnl": number(value - entry),
        "total_pnl": number(basis.realized + value - entry),
        "percent_pnl": _percent(basis.realized + value - entry, basis.paid),
        "percent_realized_pnl": _percent(basis.realized, basis.paid),
        "archived": False,
        "verified": True,
        "redeemable": listed.resolved is not None,
        "mergeable": listed.resolved is None and other > 0,
        "negative_risk": listed.spec.neg_risk,
        "outcome": listed.outcome(token),
        "outcome_index": listed.tokens.index(token),
        "opposite_token_id": listed.opposite(token),
        "status": "OPEN" if listed.resolved is None else "REDEEMABLE",
        "title": listed.spec.title,
        "slug": listed.spec.id,
    }


def positions(venue: Venue, call: Call) -> object:
    """GET /v2/positions?user=: settled holdings only, one row per token."""
    user = call.one("user").lower()
    if not user:
        raise Refused(400, "user is required")
    rows = [
        _position(account, listed, token)
        for account in venue.accounts.values()
        if account.wallet.lower() == user
        for listed in venue.markets.values()
        for token in listed.tokens
        if account.tokens[token] > 0
    ]
    return {"data": rows, "pagination": _LAST_PAGE}


def resolutions(venue: Venue, call: Call) -> object:
    """GET /v2/resolutions: status and payouts in millionths, for the conditions asked about.

    The official package names them `condition_id`, the venue's notes `condition`; both are understood.
    """
    wanted = {condition_key(condition) for condition in _values(call, "condition") | _values(call, "condition_id")}
    rows = [
        {
            "condition_id": listed.condition,
            "status": "posed" if listed.resolved is None else "resolved",
            "payouts": None if listed.resolved is None else [listed.payout(token) for token in listed.tokens],
            "extended_review": False,
            "was_disputed": False,
            "new_version_q": False,
            "last_update_timestamp": (listed.closed_ns or call.now) // 1_000_000_000,
        }
        for listed in venue.markets.values()
        if condition_key(listed.condition) in wanted
    ]
    return {"data": rows, "pagination": _LAST_PAGE}
