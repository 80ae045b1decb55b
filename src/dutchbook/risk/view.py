"""What the gate sees of the world at one instant. A value that is unknown is absent here, and absence is a rejection.

The composition fills it from the ledger (counters, positions, reservations), the feed (books, streams, clocks) and the
venues (balances, modes). It must never hold a guess: a failed read is not an empty account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dutchbook.core.account import Balances
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.market import Market
from dutchbook.core.money import Cash
from dutchbook.core.opportunity import Rejection
from dutchbook.core.venue import VenueMode, Window

Pool = tuple[str, str]
"""(venue, pool): a Kalshi shard, a Polymarket wallet."""

__all__ = ["DailyCounters", "KillSwitch", "Pool", "RiskView", "VenueMode", "Window"]


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Stopped or not, and why."""

    on: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DailyCounters:
    """The ledger's figures since local midnight.

    `realised` is the net result of the day, unwind losses included, negative when lost. `naked` is the result so far of
    open naked legs marked at the executable bid (zero value where there is no bid), negative when under water.
    """

    trades: int
    realised: Cash
    naked: Cash = Cash(0)

    @property
    def loss(self) -> Cash:
        """Positive when the day is lost so far. A gain on a naked leg is not one until it is realised."""
        return Cash(-(self.realised + min(0, self.naked)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """One instant. `wall_ns` is the epoch clock, `monotonic_ns` the clock of ages.

    `heard_ns` is the monotonic time of the last frame or pong of each venue's book stream. `confirmed_ns` is the monotonic
    time at which a quiet market's book was proved current; without it a book is as old as its last frame.
    `clock_offsets_ns` is the venue's clock minus ours. `exposure` is cash at risk per event, `open_positions` the number of
    trades open on it, `last_attempt_ns` the monotonic time of the last trade tried on it. `reserved` is cash promised to
    orders in flight and not yet gone from the balance. `breaker` is the reason of a circuit breaker that holds entries.
    """

    wall_ns: int
    monotonic_ns: int
    kill_switch: KillSwitch | None = None
    breaker: Rejection | None = None
    naked_trades: int = 0
    daily: DailyCounters | None = None
    balances: Mapping[str, Balances] = field(default_factory=dict)
    reserved: Mapping[Pool, Cash] = field(default_factory=dict)
    open_positions: Mapping[str, int] = field(default_factory=dict)
    exposure: Mapping[str, Cash] = field(default_factory=dict)
    last_attempt_ns: Mapping[str, int] = field(default_factory=dict)
    markets: Mapping[MarketId, Market] = field(default_factory=dict)
    books: Mapping[MarketId, Book] = field(default_factory=dict)
    confirmed_ns: Mapping[MarketId, int] = field(default_factory=dict)
    heard_ns: Mapping[str, int] = field(default_factory=dict)
    clock_offsets_ns: Mapping[str, int] = field(default_factory=dict)
    modes: Mapping[str, VenueMode] = field(default_factory=dict)
    windows: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
