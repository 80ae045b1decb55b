"""The account's recent trades as fills, whosever decision they were. Sans-I/O.

A trade of a market that was never read has no claim here: it is told under its token, so that a person sees it. It can be no
order of ours, for an order needs its market.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import Cash, Price, Rounding, Size, notional
from dutchbook.core.order import Action, Fill
from dutchbook.venues.polymarket.config import NAME
from dutchbook.venues.polymarket.reads import (
    Trade,
    decode,
    fill_id,
    micros,
    our_orders,
    read_fill,
    time_ns,
    trade_status,
)
from dutchbook.venues.polymarket.tokens import TokenRegistry


def account_fills(rows: Iterable[msgspec.Raw], api_key: str, funder: str, registry: TokenRegistry) -> list[Fill]:
    """One fill for each of the account's orders in each trade that was not reversed. Raises MalformedFrame."""
    # pages shift while they are read: a trade listed twice is one trade
    trades = {trade.id: trade for trade in (decode(row, Trade, "trade") for row in rows)}
    found: list[Fill] = []
    for trade in trades.values():
        if trade_status(trade) == "FAILED":
            continue
        for order in our_orders(trade, api_key, funder):
            fill = _unread(trade, order) if _is_unread(trade, order, registry) else read_fill(trade, order, registry)
            if fill is not None:
                found.append(fill)
    return found


def _token(trade: Trade, order: str) -> str:
    if trade.taker_order_id == order:
        return trade.asset_id
    return next((maker.asset_id for maker in trade.maker_orders if maker.order_id == order), trade.asset_id)


def _is_unread(trade: Trade, order: str, registry: TokenRegistry) -> bool:
    return registry.claim(_token(trade, order)) is None


def _unread(trade: Trade, order: str) -> Fill:
    """Size and cash as the row states them, without a fee: nobody knows the market's schedule."""
    maker = next((maker for maker in trade.maker_orders if maker.order_id == order), None)
    taker = trade.taker_order_id == order or maker is None
    stated = (trade.size, trade.price) if taker or maker is None else (maker.matched_amount, maker.price)
    size, price = Size(micros(stated[0], "size")), Price(micros(stated[1], "price"))
    side = trade.side if taker or maker is None else (maker.side or trade.side)
    try:
        action = Action(side.lower())
    except ValueError:
        raise MalformedFrame(f"Polymarket trade {trade.id}: side {side!r} is neither BUY nor SELL") from None
    status = trade_status(trade)
    return Fill(
        id=fill_id(trade, order),
        identity=order,
        venue_order_id=order,
        claim=Claim(market_id(NAME, f"token {_token(trade, order)}"), Outcome.YES),
        action=action,
        size=size,
        cash=notional(price, size, Rounding.CEIL if action is Action.BUY else Rounding.FLOOR),
        fee=Cash(0),
        liquidity=Liquidity.TAKER if taker else Liquidity.MAKER,
        at_ns=time_ns(trade.match_time or trade.matchtime or ""),
        final=status == "CONFIRMED",
        fee_exact=False,
        sellable=status in ("MINED", "CONFIRMED"),
    )
