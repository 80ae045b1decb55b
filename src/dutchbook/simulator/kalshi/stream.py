"""What the exchange tells its WebSocket clients: book levels, trades, fills, orders, positions, lifecycle.

Never changes a market or an account. Message shapes: facts §7.2; sequencing is in `sessions`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from dutchbook.simulator.kalshi.account import Account, Fill
from dutchbook.simulator.kalshi.groups import Group
from dutchbook.simulator.kalshi.market import Event, Market
from dutchbook.simulator.kalshi.orders import Order
from dutchbook.simulator.kalshi.sessions import Sessions
from dutchbook.simulator.kalshi.text import ONE, count, dollars, milliseconds, rfc3339, seconds


class Stream(Sessions):
    """The sessions, and one method for each thing that can happen."""

    def __init__(self, markets: Mapping[str, Market], entropy: random.Random) -> None:
        super().__init__(markets)
        self._entropy = entropy
        self._tops: dict[str, tuple[int | None, ...]] = {}

    def level(self, market: Market, buy: bool, price: int, delta: int, cause: Order, now: int) -> None:
        """The size at one YES price changed by signed `delta`, because of `cause`."""
        for session, subscription in self._listeners("orderbook_delta", market.ticker):
            if subscription.drops:
                subscription.drops -= 1
                subscription.seq += 1
                continue
            shown = price if buy or subscription.yes_price else ONE - price
            message: dict[str, Any] = {
                "market_ticker": market.ticker,
                "market_id": market.market_id,
                "price_dollars": dollars(shown),
                "delta_fp": count(delta),
                "side": "yes" if buy else "no",
                "ts": rfc3339(now),
                "ts_ms": milliseconds(now),
            }
            if cause.client_order_id and cause.account.name == session.account and not cause.account.house:
                message["client_order_id"] = cause.client_order_id
                message["subaccount"] = 0
            self._data(session, subscription, "orderbook_delta", message)

    def execution(self, market: Market, taker_buys: bool, fills: list[tuple[Account, Fill]], now: int) -> None:
        """One execution: the public trade and each member's fill, in either order (facts §7.2)."""
        first = fills[0][1]
        if self._entropy.random() < 0.5:
            self._trade(market, taker_buys, first, now)
            self._fills(fills)
        else:
            self._fills(fills)
            self._trade(market, taker_buys, first, now)

    def _trade(self, market: Market, taker_buys: bool, fill: Fill, now: int) -> None:
        side = "yes" if taker_buys else "no"
        message = {
            "trade_id": fill.trade_id,
            "market_ticker": market.ticker,
            "yes_price_dollars": dollars(fill.price),
            "no_price_dollars": dollars(ONE - fill.price),
            "count_fp": count(fill.size),
            "taker_side": side,
            "taker_outcome_side": side,
            "taker_book_side": "bid" if taker_buys else "ask",
            "is_block_trade": False,
            "ts": seconds(now),
            "ts_ms": milliseconds(now),
        }
        for session, subscription in self._listeners("trade", market.ticker):
            self._data(session, subscription, "trade", message)

    def _fills(self, fills: list[tuple[Account, Fill]]) -> None:
        for account, fill in fills:
            named = {"client_order_id": fill.client_order_id} if fill.client_order_id else {}
            message = {
                "trade_id": fill.trade_id,
                "order_id": fill.order_id,
                **named,
                "market_ticker": fill.ticker,
                "exchange_index": fill.shard,
                "is_taker": fill.taker,
                "yes_price_dollars": dollars(fill.price),
                "count_fp": count(fill.size),
                "fee_cost": dollars(fill.fee),
                "post_position_fp": count(fill.post_position),
                "outcome_side": "yes" if fill.buy else "no",
                "book_side": "bid" if fill.buy else "ask",
                "subaccount": 0,
                "ts": seconds(fill.at_ns),
                "ts_ms": milliseconds(fill.at_ns),
            }
            self._private("fill", "fill", account, fill.ticker, message)

    def order(self, order: Order) -> None:
        """An order of a member changed."""
        if not order.account.house:
            self._private("user_orders", "user_order", order.account, order.market.ticker, order.frame())

    def position(self, account: Account, ticker: str) -> None:
        """A member's position changed."""
        if account.house:
            return
        holding = account.holdings[ticker]
        message = {
            "user_id": account.user_id,
            "market_ticker": ticker,
            "position_fp": count(holding.size),
            "position_cost_dollars": dollars(holding.cost),
            "realized_pnl_dollars": dollars(holding.realized),
            "fees_paid_dollars": dollars(holding.fees),
            "position_fee_cost_dollars": dollars(0),
            "volume_fp": count(holding.volume),
            "subaccount": 0,
        }
        self._private("market_positions", "market_position", account, ticker, message)

    def _private(self, channel: str, kind: str, account: Account, ticker: str, message: dict[str, Any]) -> None:
        if account.house:
            return
        for session, subscription in self._listeners(channel, ticker):
            if session.account == account.name:
                self._data(session, subscription, kind, message)

    def ticker(self, market: Market, now: int) -> None:
        """Tell the ticker channel if the best quotes, the last trade or the volume changed since it was last told."""
        bids, asks = market.book.bids, market.book.asks
        bid, ask = bids.best(), asks.best()
        sizes = (0 if bid is None else bids.size_at(bid), 0 if ask is None else asks.size_at(ask))
        top = (bid, ask, *sizes, market.volume)
        if self._tops.get(market.ticker) == top:
            return
        self._tops[market.ticker] = top
        market.quotes.append((now, bid or 0, ONE if ask is None else ask))
        for session, subscription in self._listeners("ticker", market.ticker):
            self._data(session, subscription, "ticker", market.ticker_row(now))

    def lifecycle(self, market: Market, event_type: str, details: Mapping[str, Any]) -> None:
        """A step in a market's life; combos (`KXMVE...`) are not announced here (facts §7.1)."""
        if market.ticker.startswith("KXMVE"):
            return
        message = {"market_ticker": market.ticker, "event_type": event_type, "exchange_index": market.shard, **details}
        for session, subscription in self._listeners("market_lifecycle_v2"):
            self._data(session, subscription, "market_lifecycle_v2", message)

    def event_fees(self, event: Event) -> None:
        """An event's fee override was set or cleared; the message carries no sequence number (its schema has none)."""
        for session, subscription in self._listeners("market_lifecycle_v2"):
            message = {"event_ticker": event.ticker, **event.fees()}
            self._send(session, {"type": "event_fee_update", "sid": subscription.sid, "msg": message})

    def group(self, group: Group, event_type: str, now: int) -> None:
        """A member's order group was created, limited, triggered, reset or deleted."""
        shown = {"contracts_limit_fp": count(group.limit)} if event_type in ("created", "limit_updated") else {}
        message = {
            "event_type": event_type,
            "order_group_id": group.group_id,
            **shown,
            "ts_ms": milliseconds(now),
        }
        for session, subscription in self._listeners("order_group_updates"):
            if session.account == group.account.name:
                self._data(session, subscription, "order_group_updates", message)
