"""What a venue's stream says, in the engine's words. A touched Book is its own event (no allocation per frame)."""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.order import Fill, OrderReport


@dataclass(frozen=True, slots=True)
class BookGap:
    """Updates were missed: these books are invalid until their next snapshot. `fetch` asks for a REST snapshot."""

    markets: tuple[MarketId, ...]
    reason: str
    fetch: bool


@dataclass(frozen=True, slots=True)
class FillSeen:
    """A fill, or its news: the same id may come again with `final` changed."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class FillFailed:
    """A provisional fill was reversed by the venue: its exposure is open again."""

    fill_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderSeen:
    report: OrderReport


@dataclass(frozen=True, slots=True)
class MarketResolved:
    resolution: Resolution


@dataclass(frozen=True, slots=True)
class MarketChanged:
    """Tick, status, close time or fees changed: read the market again before trading on it."""

    market: MarketId
    what: str


@dataclass(frozen=True, slots=True)
class StreamTrouble:
    """A frame that could not be read, or an error the venue sent. `terminal` means resubscribe on a new connection."""

    reason: str
    terminal: bool


StreamEvent = Book | BookGap | FillSeen | FillFailed | OrderSeen | MarketResolved | MarketChanged | StreamTrouble
