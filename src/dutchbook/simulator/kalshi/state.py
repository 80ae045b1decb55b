"""Everything that exists on the simulated exchange: listings, members, house makers, keys, orders, sessions, timers.

Never parses a request. The clock is given: `advance` moves it and runs what fell due.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi import grid
from dutchbook.simulator.kalshi.account import Account, SettledPosition
from dutchbook.simulator.kalshi.auth import KeyRing
from dutchbook.simulator.kalshi.faults import Faults
from dutchbook.simulator.kalshi.fees import BROKER_UNIT, DIRECT_UNIT, fee_rates
from dutchbook.simulator.kalshi.limits import RateLimits
from dutchbook.simulator.kalshi.market import Event, Market, Series, check_spec
from dutchbook.simulator.kalshi.orders import Order
from dutchbook.simulator.kalshi.stream import Stream
from dutchbook.simulator.kalshi.text import ONE, dollars, seconds
from dutchbook.simulator.kalshi.trading import Desk


@dataclass(frozen=True, slots=True)
class TransferRow:
    """Cash that a member moved between shards, millionths."""

    ordinal: int
    transfer_id: str
    account: Account
    client_id: str
    source: int
    destination: int
    amount: int
    at_ns: int


class State:
    """The exchange's memory. Times in wall nanoseconds, money in millionths."""

    def __init__(self, seed: int, direct_member: bool) -> None:
        self.entropy = random.Random(seed)
        self.now = 0
        self.unit = DIRECT_UNIT if direct_member else BROKER_UNIT
        self.settle_delay_ns = 0
        """From `determined` to `finalized`; only then positions are paid (facts §6.2)."""
        self.markets: dict[str, Market] = {}
        self.events: dict[str, Event] = {}
        self.series: dict[str, Series] = {}
        self.members: dict[str, Account] = {}
        self.houses: dict[str, Account] = {}
        self.keys = KeyRing()
        self.stream = Stream(self.markets, self.entropy)
        self.desk = Desk(self.markets, self.stream, self.entropy)
        self.faults = Faults()
        self.limits = RateLimits()
        self.archive_before = 0
        """The historical cut-off: what ended before is read from the archive only (facts §5)."""
        self.maintenance: list[tuple[int, int]] = []
        self.milestones: list[dict[str, Any]] = []
        self.targets: list[dict[str, Any]] = []
        self.fee_changes: list[tuple[int, dict[str, Any]]] = []
        """(scheduled wall ns, row) of `GET /series/fee_changes`."""
        self.transfers: list[TransferRow] = []
        self._timers: list[tuple[int, int, Callable[[int], None]]] = []
        self._fee_types: dict[str, str] = {}

    # Time

    def schedule(self, at: int, action: Callable[[int], None]) -> None:
        """Run `action` when the clock reaches `at`."""
        heapq.heappush(self._timers, (at, self.desk.next_ordinal(), action))

    def wake_at(self) -> int | None:
        return self._timers[0][0] if self._timers else None

    def advance(self, now: int) -> None:
        """Run everything that is due by `now`, each at its own time."""
        while self._timers and self._timers[0][0] <= now:
            at, _, action = heapq.heappop(self._timers)
            self.now = max(self.now, at)
            action(self.now)
        self.now = max(self.now, now)

    def expire_later(self, order: Order) -> None:
        """Have an order cancelled at its expiration time, if it still has one then."""
        if order.open and order.expiration_ns is not None:
            self.schedule(order.expiration_ns, lambda now: self.desk.expire(order, now))

    # Listings

    def set_fee_type(self, series: str, fee_type: str) -> None:
        """The fee type of a series whose first market is listed later. Raises ValueError when it cannot be charged."""
        fee_rates(fee_type, "1")
        if series in self.series:
            raise ValueError(f"series {series} is already listed")
        self._fee_types[series] = fee_type

    def list_market(self, spec: MarketSpec, now: int) -> None:
        """List a market, and its event and series if they are new. Raises ValueError for what cannot be listed."""
        check_spec(spec)
        if spec.id in self.markets:
            raise ValueError(f"market {spec.id} is already listed")
        ticker = spec.series or spec.event.split("-")[0]
        fee_type = self._fee_types.get(ticker, "quadratic")
        rates = fee_rates(fee_type, spec.taker_rate)
        series = self.series.get(ticker) or Series(ticker, spec.category, ticker, fee_type, spec.taker_rate)
        event = self.events.get(spec.event) or Event(
            spec.event,
            series,
            spec.title,
            spec.category,
            spec.mutually_exclusive,
            spec.shard,
            spec.taker_rate,
            now,
            fee_type,
        )
        if event.shard != spec.shard or event.fee_multiplier != spec.taker_rate:
            raise ValueError(f"{spec.id}: markets of event {spec.event} must share shard and fee multiplier")
        self.series[ticker], self.events[spec.event] = series, event
        market = Market(spec, self.desk.next_ordinal(), self.desk.identity(), event, rates, now, now)
        self.markets[spec.id] = market
        event.markets.append(market)
        self._announce(market)
        self.schedule(spec.closes_ns, lambda at: self._close(market, at))
        if spec.opens_ns <= now:
            market.status = "active"
        else:
            self.schedule(spec.opens_ns, lambda at: self._open(market, at))

    def _announce(self, market: Market) -> None:
        spec = market.spec
        details = {
            "open_ts": seconds(spec.opens_ns),
            "close_ts": seconds(spec.closes_ns),
            "price_level_structure": market.row()["price_level_structure"],
            "additional_metadata": {
                "name": spec.title,
                "title": spec.title,
                "yes_sub_title": spec.outcomes[0],
                "no_sub_title": spec.outcomes[1],
                "rules_primary": spec.rules,
                "rules_secondary": "",
                "can_close_early": True,
                "event_ticker": spec.event,
                "expected_expiration_ts": seconds(spec.closes_ns),
            },
        }
        self.stream.lifecycle(market, "created", details)

    def _open(self, market: Market, now: int) -> None:
        if market.status == "initialized":
            market.status, market.updated_ns = "active", now

    def _close(self, market: Market, now: int) -> None:
        if market.status in ("initialized", "active", "inactive"):
            market.status, market.updated_ns = "closed", now
            self.desk.cancel_market(market, now)

    # Changes while trading

    def change_grid(self, market: Market, ranges: tuple[grid.Range, ...], now: int) -> None:
        """Another price grid; resting orders stay (facts §6.5). Raises ValueError."""
        grid.check(ranges)
        market.ranges, market.updated_ns = ranges, now
        details = {"price_level_structure": grid.label(ranges), "price_ranges": market.price_ranges()}
        self.stream.lifecycle(market, "price_level_structure_updated", details)

    def override_fees(self, event: Event, fee_type: str | None, multiplier: str | None, now: int) -> None:
        """Set an event's own fees, or clear them with None (facts §8.1). Raises ValueError for what cannot be charged."""
        wanted_type, wanted = fee_type or event.series.fee_type, multiplier or event.series.fee_multiplier
        rates = fee_rates(wanted_type, wanted)
        event.fee_type, event.fee_multiplier, event.updated_ns = wanted_type, wanted, now
        for market in event.markets:
            market.rates = rates
        self.stream.event_fees(event)

    def deactivate(self, market: Market, now: int) -> None:
        """Pause one market: nothing is placed there, resting orders stay for now (facts §6.2)."""
        if market.status == "active":
            market.status, market.updated_ns = "inactive", now
            self.stream.lifecycle(market, "deactivated", {})

    def activate(self, market: Market, now: int) -> None:
        """Reopen a paused market, which cancels all its resting orders (facts §6.2)."""
        if market.status == "inactive":
            self.desk.cancel_market(market, now)
            market.status, market.updated_ns = "active", now
            self.stream.lifecycle(market, "activated", {})

    def plan_pause(self, begins_ns: int, ends_ns: int) -> None:
        """A maintenance window in the schedule, with a trading pause while it lasts."""
        self.maintenance.append((begins_ns, ends_ns))
        self.schedule(begins_ns, lambda at: self.desk.pause(at))
        self.schedule(ends_ns, lambda at: self.desk.resume())

    # Members

    def add_member(self, name: str, cash: dict[int, int]) -> Account:
        """A funded member. Raises ValueError for a name in use or cash that is not in steps of the member's unit."""
        if name in self.members:
            raise ValueError(f"account {name} exists")
        if any(amount < 0 or amount % self.unit for amount in cash.values()):
            raise ValueError(f"cash of {name} must be in steps of {dollars(self.unit)}")
        account = Account(name, self.desk.identity(), self.unit, cash=cash)
        self.members[name] = account
        return account

    def house(self, name: str) -> Account:
        """A house maker or taker: unlimited cash, no fees. Made when first named."""
        if name not in self.houses:
            self.houses[name] = Account(name, f"house:{name}", 1, house=True)
        return self.houses[name]

    # Settlement (facts §6.2, §11)

    def determine(self, market: Market, yes_value: int, now: int) -> None:
        """Fix a market's result and finalize it after `settle_delay_ns`. Raises ValueError when it has one already."""
        if market.yes_value is not None:
            raise ValueError(f"{market.ticker} is already determined")
        if not 0 <= yes_value <= ONE:
            raise ValueError(f"{market.ticker}: yes_value {yes_value} is outside 0..1")
        self.desk.cancel_market(market, now)
        market.status, market.yes_value, market.updated_ns = "determined", yes_value, now
        details = {
            "result": market.result,
            "determination_ts": seconds(now),
            "settlement_value": dollars(yes_value),
        }
        self.stream.lifecycle(market, "determined", details)
        self.schedule(now + self.settle_delay_ns, lambda at: self._finalize(market, yes_value, at))
        self.advance(now)

    def _finalize(self, market: Market, yes_value: int, now: int) -> None:
        """Pay every position; what rounding leaves of the collateral is a fee."""
        collateral = market.open_interest
        for account in [*self.members.values(), *self.houses.values()]:
            if account.position(market.ticker):
                collateral -= self._pay(account, market, yes_value, now)
        self.desk.fees_collected += collateral
        market.open_interest = 0
        market.status, market.settled_ns, market.updated_ns = "finalized", now, now
        self.stream.lifecycle(market, "settled", {"settled_ts": seconds(now)})

    def _pay(self, account: Account, market: Market, yes_value: int, now: int) -> int:
        size, cost, paid, fee = account.settle(market.ticker, yes_value, market.shard)
        account.holdings[market.ticker].updated_ns = now
        if not account.house:
            row = SettledPosition(
                ordinal=self.desk.next_ordinal(),
                ticker=market.ticker,
                event=market.spec.event,
                shard=market.shard,
                result=market.result,
                size=size,
                cost=cost,
                revenue=paid,
                value=yes_value,
                fee=fee,
                at_ns=now,
            )
            account.settlements.append(row)
            self.stream.position(account, market.ticker)
        return paid
