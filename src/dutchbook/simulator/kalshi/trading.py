"""The matching desk: places, matches, cancels and amends orders, and moves the cash of every execution.

Never parses a request and never formats an answer. Every execution keeps cash + collateral + fees constant.
Source: facts §4.2-4.3 (order rules), §8 (fees), §10 (collateral).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

from dutchbook.simulator.kalshi.account import Account, Fill
from dutchbook.simulator.kalshi.collateral import Claim, required
from dutchbook.simulator.kalshi.fees import charge, trade_fee
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.orders import AUTO_ROUTE, FOK, GTC, MAKER, NewOrder, Order, Outcome, invalid
from dutchbook.simulator.kalshi.stream import Stream
from dutchbook.simulator.kalshi.text import ONE, Refusal
from dutchbook.simulator.matching import Resting

NOT_FOUND = ("not_found", "not found")


class Desk:
    """All orders of all members and house makers, over the books of all markets."""

    def __init__(self, markets: dict[str, Market], stream: Stream, entropy: random.Random) -> None:
        self._markets = markets
        self._stream = stream
        self._entropy = entropy
        self._ordinal = 0
        self._orders: dict[str, Order] = {}
        self._resting: dict[str, dict[str, Order]] = {}
        self.fok_miss = "cancel"
        """What an unfillable FOK does: "cancel" (201, nothing filled) or "reject" (4xx); facts §4.3 leave it open."""
        self.trading_active = True
        self.fees_collected = 0

    def identity(self) -> str:
        """A new UUID from the seed."""
        return str(uuid.UUID(int=self._entropy.getrandbits(128), version=4))

    def next_ordinal(self) -> int:
        self._ordinal += 1
        return self._ordinal

    # Reading

    def orders_of(self, account: Account) -> Iterator[Order]:
        """All orders a member ever placed, oldest first."""
        return (order for order in self._orders.values() if order.account is account)

    def order_of(self, account: Account, order_id: str) -> Order:
        """One order of a member, open or not. Raises Refusal 404."""
        order = self._orders.get(order_id)
        if order is None or order.account is not account:
            raise Refusal(404, *NOT_FOUND)
        return order

    def reserved(self, account: Account, shard: int) -> int:
        """Cash that a member's resting orders hold in a shard, in millionths."""
        return required(account, shard, self._resting.get(account.user_id, {}).values())

    # Routing (facts §4.3)

    def market(self, ticker: str) -> Market:
        """Raises Refusal 404 when there is no such market."""
        if ticker not in self._markets:
            raise Refusal(404, "market_not_found", "market not found")
        return self._markets[ticker]

    def route(self, account: Account, ticker: str, shard: int) -> Market:
        """The market of a new order: a shard that is not the market's hides it, an unfunded one hides the user."""
        market = self.market(ticker)
        if shard == AUTO_ROUTE and market.shard not in account.cash:
            raise Refusal(404, "user_not_found", f"user_not_found: {account.user_id}")
        if shard not in (AUTO_ROUTE, market.shard):
            raise Refusal(404, "market_not_found", "market not found")
        return market

    def locate(self, account: Account, order_id: str, shard: int | None, ticker: str) -> Order:
        """An open order of a member. Without a shard and without a ticker only shard 0 is searched."""
        if shard == AUTO_ROUTE and not ticker:
            raise Refusal(400, "invalid_parameters", "invalid parameters", "market_ticker is needed for auto-routing")
        if shard is None or shard == AUTO_ROUTE:
            shard = self.market(ticker).shard if ticker else 0
        order = self.order_of(account, order_id)
        if order.market.shard != shard or not order.open:
            raise Refusal(404, *NOT_FOUND)
        return order

    # Writing, for members

    def place(self, account: Account, new: NewOrder, now: int) -> Outcome:
        """Accept a member's order and match it. Raises Refusal when it is not accepted."""
        market = self.route(account, new.ticker, new.shard)
        self._check_tradable(market)
        if not market.on_grid(new.price):
            raise Refusal(400, "invalid_price", "invalid price", "INVALID_PRICE")
        self._check_identity(account, new.client_order_id)
        size = new.size
        if new.reduce_only:
            position = account.position(market.ticker)
            size = min(size, max(0, -position if new.buy else position))
        self._check_collateral(account, market, new.buy, new.price, size)
        order = Order(
            ordinal=self.next_ordinal(),
            order_id=self.identity(),
            account=account,
            market=market,
            buy=new.buy,
            price=new.price,
            initial=new.size,
            remaining=new.size,
            created_ns=now,
            updated_ns=now,
            client_order_id=new.client_order_id,
            time_in_force=new.time_in_force,
            self_trade_prevention=new.self_trade_prevention,
            post_only=new.post_only,
            cancel_on_pause=new.cancel_on_pause,
            expiration_ns=new.expiration_ns,
        )
        missed = new.time_in_force == FOK and not self._fillable(order)
        if missed and self.fok_miss == "reject":
            raise Refusal(400, "fok_insufficient_volume", "fill or kill not filled", "FOK_INSUFFICIENT_VOLUME")
        self._orders[order.order_id] = order
        outcome = Outcome(order)
        if missed:
            self._end(order, "canceled", "", now)
        else:
            self._enter(order, size, outcome, now, "ReduceOnlyCancel" if size < new.size else "")
        self._stream.ticker(market, now)
        return outcome

    def cancel(self, order: Order, reason: str, now: int) -> int:
        """Take a resting order out of the book; returns the size that was cancelled."""
        size = order.remaining
        self._lift(order, now)
        self._end(order, "canceled", reason, now)
        self._stream.ticker(order.market, now)
        return size

    def decrease(self, order: Order, remaining: int, now: int) -> None:
        """Make a resting order smaller; it keeps its place in the queue. 0 cancels it."""
        if remaining >= order.remaining:
            raise invalid("the order can only become smaller")
        self._check_tradable(order.market)
        if remaining == 0:
            self.cancel(order, "Decrease", now)
            return
        self._shrink(order, remaining, "Decrease", now)
        self._stream.ticker(order.market, now)

    def amend(self, order: Order, price: int, total: int, now: int) -> Outcome:
        """Change price and total size (already filled + desired resting); only a pure decrease keeps the queue place."""
        market = order.market
        self._check_tradable(market)
        if not market.on_grid(price):
            raise Refusal(400, "invalid_price", "invalid price", "INVALID_PRICE")
        if total <= order.filled:
            raise Refusal(400, "invalid_order", "invalid order", "INVALID_AMEND_QTY_FOR_ORDER")
        remaining = total - order.filled
        outcome = Outcome(order)
        if price == order.price and remaining <= order.remaining:
            order.initial = total
            self._shrink(order, remaining, "Amend", now)
        else:
            self._check_collateral(order.account, market, order.buy, price, remaining, instead_of=order)
            self._lift(order, now)
            order.price, order.initial, order.remaining = price, total, remaining
            order.reason, order.updated_ns = "Amend", now
            self._enter(order, remaining, outcome, now, "")
        self._stream.ticker(market, now)
        return outcome

    def expire(self, order: Order, now: int) -> None:
        """Cancel an order whose time has come, unless it is gone or was given more time."""
        if order.open and order.expiration_ns is not None and order.expiration_ns <= now:
            self.cancel(order, "ExpiryCancel", now)

    def cancel_market(self, market: Market, now: int) -> None:
        """Trading in a market has ended: every resting order is cancelled."""
        for resting in list(market.book.orders.values()):
            self.cancel(self._orders[resting.id], "CloseCancel", now)

    def pause(self, now: int) -> None:
        """Trading pause: no placing, no amending; cancels still work (facts §11)."""
        self.trading_active = False
        for order in [each for each in self._orders.values() if each.open and each.cancel_on_pause]:
            self.cancel(order, "HaltCancel", now)

    # Writing, for house makers

    def house_order(self, account: Account, market: Market, buy: bool, price: int, size: int, now: int) -> Order:
        """A resting quote of a house maker; what it crosses trades first."""
        order = self._new_house_order(account, market, buy, price, size, now)
        self._enter(order, size, Outcome(order), now, "")
        self._stream.ticker(market, now)
        return order

    def house_take(self, account: Account, market: Market, buy: bool, limit: int, size: int, now: int) -> int:
        """A house taker's sweep; returns the size done."""
        order = self._new_house_order(account, market, buy, limit, size, now)
        order.time_in_force, order.self_trade_prevention = "immediate_or_cancel", MAKER
        outcome = Outcome(order)
        self._enter(order, size, outcome, now, "")
        self._stream.ticker(market, now)
        return outcome.filled

    def house_shrink(self, order: Order, remaining: int, now: int) -> None:
        """A house maker shows less at a level, keeping its place; 0 takes the quote away."""
        if remaining == 0:
            self.cancel(order, "", now)
        else:
            self._shrink(order, remaining, "", now)
            self._stream.ticker(order.market, now)

    def _new_house_order(self, account: Account, market: Market, buy: bool, price: int, size: int, now: int) -> Order:
        order = Order(self.next_ordinal(), self.identity(), account, market, buy, price, size, size, now, now)
        self._orders[order.order_id] = order
        return order

    # Checks

    def _check_tradable(self, market: Market) -> None:
        if not self.trading_active:
            raise Refusal(400, "trading_paused", "trading is paused", "TRADING_PAUSED")
        if market.status in ("initialized", "inactive"):
            raise Refusal(400, "market_inactive", "market is not active", "MARKET_INACTIVE")
        if market.status != "active":
            raise Refusal(400, "market_already_closed", "market is closed", "MARKET_ALREADY_CLOSED")

    def _check_identity(self, account: Account, client_order_id: str) -> None:
        open_ids = {order.client_order_id for order in self._resting.get(account.user_id, {}).values()}
        if client_order_id and client_order_id in open_ids:
            message = "Order with this client_order_id already exists"
            raise Refusal(409, "order_already_exists", message, "ORDER_ALREADY_EXISTS")

    def _check_collateral(
        self, account: Account, market: Market, buy: bool, price: int, size: int, instead_of: Order | None = None
    ) -> None:
        crossed = market.book.crossing(buy, price)
        fills, left = 0, size
        for maker in crossed:
            if left <= 0:
                break
            left -= maker.remaining
            fills += 1
        rate = market.rates.taker if crossed else market.rates.maker
        incoming = Claim(market, buy, price, size, rate, max(1, fills + (left > 0)))
        resting = [each for each in self._resting.get(account.user_id, {}).values() if each is not instead_of]
        if required(account, market.shard, resting, incoming) > account.cash.get(market.shard, 0):
            raise Refusal(400, "insufficient_balance", "insufficient balance")

    def _fillable(self, order: Order) -> bool:
        """Whether a FOK can fill at once; one that would meet an own order behaves like IOC (facts §4.2)."""
        left = order.remaining
        for resting in order.market.book.crossing(order.buy, order.price):
            if self._orders[resting.id].account is order.account:
                return True
            left -= resting.remaining
            if left <= 0:
                return True
        return False

    # Matching

    def _head(self, order: Order) -> Resting | None:
        """The resting order that `order` meets next, if its price reaches it."""
        side = order.market.book.asks if order.buy else order.market.book.bids
        head = next(iter(side), None)
        if head is None or (head.price > order.price if order.buy else head.price < order.price):
            return None
        return head

    def _enter(self, order: Order, size: int, outcome: Outcome, now: int, leftover_reason: str) -> None:
        """Match up to `size` of an order, then rest or cancel what is left and tell its owner."""
        if order.post_only and self._head(order) is not None:
            self._end(order, "canceled", "PostOnlyCrossCancel", now)
            return
        touched: dict[str, Account] = {}
        reason = leftover_reason
        while size > 0 and (head := self._head(order)) is not None:
            maker = self._orders[head.id]
            if maker.account is order.account:
                if order.self_trade_prevention != MAKER:
                    reason = "SelfTradeCancel"
                    break
                self._lift(maker, now, order)
                self._end(maker, "canceled", "SelfTradeCancel", now)
                continue
            (done,) = order.market.book.take(order.buy, head.price, min(size, head.remaining))
            size -= done.size
            outcome.filled += done.size
            outcome.notional += done.price * done.size // ONE
            outcome.fees += self._execute(order, maker, done.price, done.size, now)
            touched[maker.account.user_id] = maker.account
        if order.remaining == 0:
            self._end(order, "executed", "Trade", now)
        elif order.time_in_force == GTC and not reason:
            self._rest(order, now)
        else:
            self._end(order, "canceled", reason, now)
        if outcome.filled:
            self._stream.position(order.account, order.market.ticker)
            touched[order.account.user_id] = order.account
        for account in touched.values():
            self._enforce(account, order.market.shard, now)

    def _execute(self, taker: Order, maker: Order, price: int, size: int, now: int) -> int:
        """One execution: both positions, both balances, every frame. Returns the taker's fee."""
        market = taker.market
        longs = sum(max(0, each.account.position(market.ticker)) for each in (taker, maker))
        trade_id = self.identity()
        fills = [
            (order.account, self._fill(order, price, size, order is taker, trade_id, now)) for order in (taker, maker)
        ]
        market.open_interest += sum(max(0, each.account.position(market.ticker)) for each in (taker, maker)) - longs
        market.last_price, market.last_size, market.updated_ns = price, size, now
        market.volume += size
        market.dollar_volume += price * size // ONE
        self._stream.level(market, maker.buy, price, -size, taker, now)
        self._stream.execution(market, taker.buy, fills, now)
        self._stream.position(maker.account, market.ticker)
        if maker.remaining == 0:
            self._end(maker, "executed", "Trade", now)
        else:
            maker.reason = "Trade"
            self._stream.order(maker)
        return fills[0][1].fee

    def _fill(self, order: Order, price: int, size: int, taker: bool, trade_id: str, now: int) -> Fill:
        account, market = order.account, order.market
        holding = account.holding(market.ticker)
        revenue = holding.trade(order.buy, price, size)
        fee = 0
        if not account.house:
            rate = market.rates.taker if taker else market.rates.maker
            charged = charge(revenue, trade_fee(rate, size, price), account.unit, order.carry)
            order.carry, fee = charged.carry, charged.fee
        account.move(market.shard, revenue - fee)
        self.fees_collected += fee
        holding.fees += fee
        holding.updated_ns = order.updated_ns = now
        order.remaining -= size
        order.filled += size
        cost = (price if order.buy else ONE - price) * size // ONE
        if taker:
            order.taker_cost += cost
            order.taker_fees += fee
        else:
            order.maker_cost += cost
            order.maker_fees += fee
        fill = Fill(
            ordinal=self.next_ordinal(),
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            ticker=market.ticker,
            shard=market.shard,
            buy=order.buy,
            price=price,
            size=size,
            fee=fee,
            taker=taker,
            post_position=holding.size,
            at_ns=now,
        )
        if not account.house:
            account.fills.append(fill)
        return fill

    # The book

    def _rest(self, order: Order, now: int) -> None:
        resting = Resting(order.order_id, order.account.user_id, order.buy, order.price, order.remaining)
        order.market.book.rest(resting)
        if not order.account.house:
            self._resting.setdefault(order.account.user_id, {})[order.order_id] = order
        self._stream.level(order.market, order.buy, order.price, order.remaining, order, now)
        self._stream.order(order)

    def _lift(self, order: Order, now: int, cause: Order | None = None) -> None:
        order.market.book.cancel(order.order_id)
        self._resting.get(order.account.user_id, {}).pop(order.order_id, None)
        self._stream.level(order.market, order.buy, order.price, -order.remaining, cause or order, now)

    def _shrink(self, order: Order, remaining: int, reason: str, now: int) -> None:
        delta = remaining - order.remaining
        order.market.book.orders[order.order_id].remaining = order.remaining = remaining
        order.reason, order.updated_ns = reason, now
        if delta:
            self._stream.level(order.market, order.buy, order.price, delta, order, now)
        self._stream.order(order)

    def _end(self, order: Order, status: str, reason: str, now: int) -> None:
        """An order that is out of the book reaches its final state; a house order is then forgotten."""
        order.status, order.reason, order.updated_ns, order.remaining = status, reason, now, 0
        self._resting.get(order.account.user_id, {}).pop(order.order_id, None)
        if order.account.house:
            self._orders.pop(order.order_id, None)
        self._stream.order(order)

    def _enforce(self, account: Account, shard: int, now: int) -> None:
        """Cancel a member's newest resting orders until its cash covers the rest (reason MarginCancel, facts §4.5)."""
        if account.house:
            return
        while self.reserved(account, shard) > account.cash.get(shard, 0):
            resting = [each for each in self._resting[account.user_id].values() if each.market.shard == shard]
            self.cancel(resting[-1], "MarginCancel", now)
