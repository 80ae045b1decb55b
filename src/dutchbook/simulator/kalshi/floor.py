"""The trading floor: the books of all markets, matching, and the cash and frames of every execution.

Never parses a request, checks no balance and refuses nothing: that is the desk's (`trading`). Every execution keeps
cash + collateral + fees constant. Source: facts §4.2-4.3 (order rules), §8 (fees), §10 (collateral).
"""

from __future__ import annotations

import random
import uuid

from dutchbook.simulator.kalshi.account import Account, Fill
from dutchbook.simulator.kalshi.collateral import required
from dutchbook.simulator.kalshi.fees import charge, trade_fee
from dutchbook.simulator.kalshi.groups import Group
from dutchbook.simulator.kalshi.market import Market, PublicTrade
from dutchbook.simulator.kalshi.orders import GTC, MAKER, Order, Outcome
from dutchbook.simulator.kalshi.stream import Stream
from dutchbook.simulator.kalshi.text import ONE
from dutchbook.simulator.matching import Resting


class Floor:
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
        self.exchange_active = True
        self.paused_shards: set[int] = set()
        self.groups: dict[str, Group] = {}
        self.fees_collected = 0

    def identity(self) -> str:
        """A new UUID from the seed."""
        return str(uuid.UUID(int=self._entropy.getrandbits(128), version=4))

    def next_ordinal(self) -> int:
        self._ordinal += 1
        return self._ordinal

    def resting_order(self, order_id: str) -> Order:
        """The order behind an entry of a book."""
        return self._orders[order_id]

    def reserved(self, account: Account, shard: int) -> int:
        """Cash that a member's resting orders hold in a shard, in millionths."""
        return required(account, shard, self._resting.get(account.user_id, {}).values())

    def cancel(self, order: Order, reason: str, now: int) -> int:
        """Take a resting order out of the book; returns the size that was cancelled."""
        size = order.remaining
        self._lift(order, now)
        self._end(order, "canceled", reason, now)
        self._stream.ticker(order.market, now)
        return size

    def trip(self, group: Group, now: int) -> None:
        """Cancel every order of a group that has tripped."""
        for order in list(self._resting.get(group.account.user_id, {}).values()):
            if order.group == group.group_id:
                self.cancel(order, "OrderGroupCancel", now)
        self._stream.group(group, "triggered", now)

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
            if self._tripped(order, maker, done.size, now):
                reason = "OrderGroupCancel"
                break
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
            self.enforce(account, order.market.shard, now)

    def _tripped(self, taker: Order, maker: Order, size: int, now: int) -> bool:
        """Count an execution in the groups of both orders; True when the taker's own group has tripped."""
        for order in (maker, taker):
            group = self.groups.get(order.group)
            if group is not None and group.count(size, now):
                self.trip(group, now)
        own = self.groups.get(taker.group)
        return own is not None and own.tripped

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
        market.trades.append(PublicTrade(self.next_ordinal(), trade_id, price, size, taker.buy, now))
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

    def enforce(self, account: Account, shard: int, now: int) -> None:
        """Cancel a member's newest resting orders until its cash covers the rest (reason MarginCancel, facts §4.5)."""
        if account.house:
            return
        while self.reserved(account, shard) > account.cash.get(shard, 0):
            resting = [each for each in self._resting[account.user_id].values() if each.market.shard == shard]
            self.cancel(resting[-1], "MarginCancel", now)
