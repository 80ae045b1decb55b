"""Everything the venue remembers, its clockwork of due timers, and the knobs that tests and worlds turn.

State only: placing, settlement, streams and the REST routes act on it. Nothing here answers a client.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Literal
from uuid import UUID

from dutchbook.simulator.matching import Resting
from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.auth import Credentials
from dutchbook.simulator.polymarket.faults import Faults
from dutchbook.simulator.polymarket.fees import Rounding
from dutchbook.simulator.polymarket.limits import Limits
from dutchbook.simulator.polymarket.market import Market
from dutchbook.simulator.polymarket.orders import Order
from dutchbook.simulator.polymarket.stream import Streams
from dutchbook.simulator.polymarket.trades import Trade

Mode = Literal["normal", "restarting", "post_only", "cancel_only", "disabled"]
Task = Callable[[int], None]


class Venue:
    """The state of one exchange. Public attributes in the first block are the knobs, with the venue's defaults."""

    def __init__(self, seed: int = 0, *, control: bool = False) -> None:
        """`control` opens POST /__control, by which a client can switch faults on."""
        self.control = control
        self.mode: Mode = "normal"
        self.mode_until: int | None = None
        """When the present mode ends by itself, if it does."""
        self.fok_kill_status: Literal[400, 200] = 400
        self.killed_is_duplicate = True
        """Whether the same bytes posted again after a kill are `Duplicated.`"""
        self.buy_improvement: Literal["refund", "shares"] = "refund"
        self.fee_rounding: Rounding = "half_up"
        self.marketable_buy_minimum = 1_000_000
        self.mined_lag_ns = 300_000_000
        self.confirmed_lag_ns = 2_000_000_000
        self.fail_next_trades = 0
        """How many of the next trades end FAILED instead of CONFIRMED."""
        self.retry_next_trades = 0
        """How many of the next trades stand at RETRYING for `retry_ns` before they are mined and confirmed."""
        self.retry_ns = 20_000_000_000
        self.planned_delays: list[tuple[int, bool]] = []
        """Delays of the next orders that would match, whatever the market's own (ns), and whether the makers that they
        would meet walk away meanwhile."""
        self.on_planned: Callable[[str, str], None] = lambda what, order: None
        """Hears which planned thing (`delay`, `desertion`, `failure`, `retry`) has met which order."""
        self.settle_delay_ns = 0
        """From the end of trading in a market to its resolution."""
        self.delayed_unmatched = False
        """Whether a resting order that found nothing after its delay is shown as UNMATCHED instead of LIVE."""
        self.geoblocked = False
        self.faults = Faults()
        self.limits = Limits()
        self.auto_redeem = True

        self.seed = seed
        self.random = random.Random(seed)
        self.streams = Streams()
        self.markets: dict[str, Market] = {}
        self.by_condition: dict[str, Market] = {}
        self.by_token: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}
        self.by_signer: dict[str, Account] = {}
        self.by_key: dict[str, tuple[Account, Credentials]] = {}
        self.orders: dict[str, Order] = {}
        self.killed: set[str] = set()
        self.trades: dict[str, Trade] = {}
        self.quotes: dict[tuple[str, str], dict[tuple[bool, int], Resting]] = {}
        self.heartbeats: dict[str, tuple[str, int | None]] = {}
        """API key -> (id expected next, nanoseconds of the last accepted one; None once it has tripped)."""
        self.fees_collected = 0
        self.dust = 0
        """Millionths kept by rounding, negative when the venue paid them."""
        self._sequence = itertools.count(1)
        self._timers: list[tuple[int, int, Task]] = []
        self._open: dict[str, dict[str, Order]] = {}
        self._trades: dict[str, list[Trade]] = {}

    def at(self, when: int, task: Task) -> None:
        """Run `task(when)` once time has reached `when`."""
        heapq.heappush(self._timers, (when, next(self._sequence), task))

    def advance(self, now: int) -> None:
        """Run all timers due by `now`, each at its own time, in order."""
        while self._timers and self._timers[0][0] <= now:
            when, _, task = heapq.heappop(self._timers)
            task(when)

    def set_mode(self, mode: Mode) -> None:
        """From now on, until told otherwise; a restart under way is forgotten."""
        self.mode, self.mode_until = mode, None

    def restart(self, now: int, down_ns: int, post_only_ns: int) -> None:
        """Down for a while, then post-only for a while, then trading again."""
        up, end = now + down_ns, now + down_ns + post_only_ns
        self.mode, self.mode_until = "restarting", up
        self.at(up, lambda when: self._next_mode("post_only", up, end))
        self.at(end, lambda when: self._next_mode("normal", end, None))

    def _next_mode(self, mode: Mode, due: int, until: int | None) -> None:
        if self.mode_until == due:
            self.mode, self.mode_until = mode, until

    def next_timer(self) -> int | None:
        """When the earliest timer is due."""
        return self._timers[0][0] if self._timers else None

    def new_id(self) -> str:
        """A uuid from the seed."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def new_hash(self) -> str:
        """32 bytes in hex from the seed, for orders that nobody signed."""
        return f"0x{self.random.getrandbits(256):064x}"

    def house(self, name: str) -> Account:
        """The account of a house maker or taker, made when first named."""
        key = f"house:{name}"
        account = self.accounts.get(key)
        if account is None:
            address = f"0x{self.random.getrandbits(160):040x}"
            account = Account(key, address, address, 0, house=True, house_key=self.new_id())
            self.accounts[key] = account
        return account

    def public_match(self) -> tuple[bool, int]:
        """Use up what is planned for the next trade: whether it will fail, and how long it is retried (ns)."""
        doomed = self.fail_next_trades > 0
        self.fail_next_trades -= doomed
        if doomed or self.retry_next_trades <= 0:
            return doomed, 0
        self.retry_next_trades -= 1
        return False, self.retry_ns

    def keep(self, order: Order) -> None:
        """Remember an accepted order; it is open until `close`."""
        self.orders[order.id] = order
        self._open.setdefault(order.account.name, {})[order.id] = order

    def close(self, order: Order, status: str) -> None:
        """End an order: nothing of it is reserved any more."""
        order.status = status
        order.hold(0)
        self._open[order.account.name].pop(order.id, None)

    def open_orders(self, account: Account) -> list[Order]:
        """The account's live and delayed orders, oldest first."""
        return list(self._open.get(account.name, {}).values())

    def keep_trade(self, trade: Trade) -> None:
        """Remember a trade for everybody concerned."""
        self.trades[trade.id] = trade
        for name in {party.account.name for party in trade.parties if not party.account.house}:
            self._trades.setdefault(name, []).append(trade)

    def trades_of(self, account: Account) -> list[Trade]:
        """The account's trades as taker or maker, oldest first."""
        return self._trades.get(account.name, [])

    def publish_order(self, order: Order, kind: str, now: int, status: str | None = None) -> None:
        """An order event on the owner's user streams."""
        self.streams.user_event(
            order.account.name, order.market.condition, order.event_json(kind, status or order.word, now)
        )

    def publish_trade(self, trade: Trade, now: int) -> None:
        """A trade event on the user streams of everybody concerned."""
        for account in {party.account.name: party.account for party in trade.parties}.values():
            if not account.house:
                self.streams.user_event(account.name, trade.market.condition, trade.event_json(account, now))
