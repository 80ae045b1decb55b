"""What a scripted world contains: events, their states, and the markets that venues list on them. Data only.

Texts may hold `{kalshi_date}` (26NOV25), `{iso_date}` (2026-11-25) and `{long_date}` (November 25, 2026) of the
event's day; the world fills them in from its start.
"""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.clock import DAY, HOUR
from dutchbook.simulator.exchange import MarketSpec


@dataclass(frozen=True, slots=True)
class Listing:
    """One market on one venue."""

    venue: str
    """`kalshi` or `polymarket`."""
    id: str
    event: str
    title: str
    rules: str
    pays: tuple[int, ...]
    """What YES pays in each state of the event, in dollars: 0 or 1."""
    outcomes: tuple[str, str] = ("Yes", "No")
    tick: int = 10_000
    taker_rate: str = "1"
    series: str = ""
    neg_risk: bool = False
    mutually_exclusive: bool = False
    taker_delay_ns: int = 0
    shard: int = 0


@dataclass(frozen=True, slots=True)
class EventScript:
    """One real-world event. `odds` are weights of its states, roughly; the seed varies them."""

    id: str
    kind: str
    """`yes_no`, `cross_team`, `three_way`, or `single` for a market that nothing else matches."""
    states: tuple[str, ...]
    odds: tuple[float, ...]
    listings: tuple[Listing, ...]
    days: int
    """Days from the world's start to the event."""
    category: str = "sports"
    is_game: bool = False
    """A game starts on its day and its markets close three hours later; anything else closes on its day."""


@dataclass(frozen=True, slots=True)
class Script:
    """Everything a world lists."""

    events: tuple[EventScript, ...]


def market_spec(event: EventScript, listing: Listing, started_ns: int) -> MarketSpec:
    """The market to list; `listing` has its dates filled in. Times are whole hours after `started_ns` (wall ns)."""
    day = started_ns // HOUR * HOUR + event.days * DAY
    return MarketSpec(
        id=listing.id,
        event=listing.event,
        title=listing.title,
        rules=listing.rules,
        tick=listing.tick,
        taker_rate=listing.taker_rate,
        opens_ns=started_ns - DAY,
        closes_ns=day + (3 * HOUR if event.is_game else 0),
        outcomes=listing.outcomes,
        series=listing.series,
        neg_risk=listing.neg_risk,
        taker_delay_ns=listing.taker_delay_ns,
        shard=listing.shard,
        mutually_exclusive=listing.mutually_exclusive,
        category=event.category,
        starts_ns=day if event.is_game else None,
    )
