"""The order desk: routes, checks, places, decreases and amends orders on the trading floor; pauses trading.

Never parses a request and never formats an answer. Source: facts §4.2-4.3 (order rules), §10 (collateral), §11 (pauses).
"""

from __future__ import annotations

from collections.abc import Iterator

from dutchbook.simulator.kalshi.account import Account
from dutchbook.simulator.kalshi.collateral import Claim, required
from dutchbook.simulator.kalshi.floor import Floor
from dutchbook.simulator.kalshi.groups import Group, not_found
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.orders import AUTO_ROUTE, FOK, MAKER, NewOrder, Order, Outcome, invalid
from dutchbook.simulator.kalshi.text import Refusal

NOT_FOUND = ("not_found", "not found")


class Desk(Floor):
    """What members and house makers may do."""

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
        if new.group:
            self._check_group(account, market, new.group)
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
            group=new.group,
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

    def pause(self, now: int, shard: int | None = None) -> None:
        """Trading pause of all shards or of one: no placing, no amending; cancels still work (facts §11)."""
        if shard is None:
            self.trading_active = False
        else:
            self.paused_shards.add(shard)
        for order in [each for each in self._orders.values() if each.open and each.cancel_on_pause]:
            if shard in (None, order.market.shard):
                self.cancel(order, "HaltCancel", now)

    def resume(self, shard: int | None = None) -> None:
        """The end of a pause; without a shard, of every pause there is."""
        if shard is None:
            self.trading_active = self.exchange_active = True
            self.paused_shards.clear()
        else:
            self.paused_shards.discard(shard)

    def trades_in(self, shard: int) -> bool:
        """Whether orders are taken in a shard."""
        return self.exchange_active and self.trading_active and shard not in self.paused_shards

    # Order groups (facts §4.5)

    def group_of(self, account: Account, group_id: str) -> Group:
        """A member's group. Raises Refusal 404."""
        group = self.groups.get(group_id)
        if group is None or group.account is not account:
            raise not_found()
        return group

    def _check_group(self, account: Account, market: Market, group_id: str) -> None:
        group = self.group_of(account, group_id)
        if group.shard != market.shard:
            raise invalid("an order group belongs to one exchange index")
        if group.tripped:
            raise invalid("EXCEEDED_ORDER_GROUP_RISK_LIMIT")

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

    def check_open(self) -> None:
        """An exchange pause takes nothing at all, not even cancels. Raises Refusal."""
        if not self.exchange_active:
            raise Refusal(503, "exchange_paused", "exchange is paused", "EXCHANGE_PAUSED")

    def _check_tradable(self, market: Market) -> None:
        self.check_open()
        if not self.trades_in(market.shard):
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
