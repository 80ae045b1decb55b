"""A market as a venue lists it, in the words that linking reads. Must never hold money that is traded, nor know a
venue's wire."""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.money import Cash, Price, Size


@dataclass(frozen=True, slots=True)
class Listing:
    """One market's text and structured fields, as told by its venue; empty or None means the venue did not tell.

    `id` is what a `MarketId` of that venue carries. Instants are UTC nanoseconds. `price` is the middle of the YES
    quotes in millionths. `structured` holds flat (name, value) pairs: strike, line, sports market type, team ids,
    game id. `volume` is what was traded so far, in contracts (Kalshi) or dollars (Polymarket), and `liquidity` the
    dollars that rest: millionths, for filters only.
    """

    venue: str
    id: str
    title: str
    subtitle: str = ""
    event: str = ""
    event_title: str = ""
    series: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    slug: str = ""
    outcomes: tuple[str, ...] = ()
    rules: str = ""
    source: str = ""
    starts_ns: int | None = None
    closes_ns: int | None = None
    expires_ns: int | None = None
    structured: tuple[tuple[str, str], ...] = ()
    price: Price | None = None
    can_close_early: bool | None = None
    other: bool = False
    volume: Size | None = None
    liquidity: Cash | None = None
