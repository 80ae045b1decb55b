"""The venue protocol: what an adapter offers, and what it declares it can do. A third venue implements this and no more.

`MarketData` needs read credentials at most; `Trading` moves money. Live uses one account for both; paper trades through
throw-away keys on an exchange core while the data is real.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from dutchbook.core.account import Balances, Positions, Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.events import StreamEvent
from dutchbook.core.listing import Listing
from dutchbook.core.market import Market
from dutchbook.core.money import Size
from dutchbook.core.order import Fill, Intent, OrderReport, Prepared, TimeInForce


class OrderIdentity(Enum):
    """What names an order before the venue has answered."""

    CLIENT_ID = "client_id"
    CONTENT_HASH = "content_hash"
    NONE = "none"


class VenueMode(Enum):
    """What a venue takes now. Only TRADING takes new risk."""

    TRADING = "trading"
    POST_ONLY = "post only"
    CANCEL_ONLY = "cancel only"
    PAUSED = "pause"
    RESTARTING = "restart"


@dataclass(frozen=True, slots=True)
class Window:
    """A planned pause, restart or maintenance of a venue, in wall nanoseconds."""

    begins_ns: int
    ends_ns: int
    what: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue can do. `dedupes` says that the same bytes sent twice cannot fill twice.

    `absence_margin_ns` is how long after an order's deadline a "not found" may count as evidence (rule 5 of the design).
    `reduce_only`: the times in force with which an order may be limited to closing what the account holds.
    """

    identity: OrderIdentity
    dedupes: bool
    fill_or_kill: bool
    amend: bool
    nets_positions: bool
    absence_margin_ns: int
    reduce_only: frozenset[TimeInForce] = frozenset()


class Stream(Protocol):
    """One WebSocket, without I/O: bytes in, events out. Commands to send accumulate in `outbox`."""

    url: str
    outbox: list[bytes]
    heartbeat: bytes | None
    """Application-level keep-alive text, or None where protocol pings do."""

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """Handshake headers, signed for this instant."""

    def opened(self) -> None:
        """The connection is up: queue the subscriptions. All books start invalid."""

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """Decode and apply one frame. Never raises for the venue's bytes: trouble is an event, and the stream lives on."""

    def closed(self) -> Sequence[StreamEvent]:
        """The connection is gone: every book of it is invalid."""


class BookStream(Stream, Protocol):
    """A market-data stream over a fixed set of books."""

    books: Mapping[MarketId, Book]

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        """A book fetched by REST after a gap."""


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A full book in YES terms, best first."""

    market: MarketId
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    as_of_ns: int


class MarketData(Protocol):
    """Public side of a venue."""

    name: str

    async def markets(self, natives: Sequence[str] | None = None) -> list[Market]:
        """Open markets, or exactly the named ones (any status). Unreadable ones are left out and counted by the caller.

        Raises Retry, Lost or Stop errors of the tree; never returns a partial answer as a whole one.
        """

    async def server_time(self) -> tuple[int, int]:
        """The venue's wall clock in nanoseconds, as the earliest and latest instant that its statement allows."""

    async def mode(self) -> VenueMode:
        """What the venue says it takes now; raises when it says nothing readable."""

    async def snapshot(self, market: MarketId) -> BookSnapshot:
        """The book by REST."""

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Results of those named markets that have one, from public data: account fees are not in them."""

    def stream(self, markets: Sequence[Market]) -> BookStream:
        """A book stream over these markets."""


@runtime_checkable
class Scheduled(Protocol):
    """A data side that can tell planned pauses ahead."""

    async def windows(self) -> tuple[Window, ...]:
        """Planned pauses that run now or begin soon."""


@runtime_checkable
class Lists(Protocol):
    """A data side that lists its open markets for discovery."""

    def listings(self) -> AsyncIterator[list[Listing]]:
        """Open markets page by page, combos left out; a row that cannot be read is left out. Raises the tree's errors."""


@runtime_checkable
class ManyStreams(Protocol):
    """A data side that spreads many markets over several connections."""

    def streams(self, markets: Sequence[Market]) -> Sequence[BookStream]:
        """Book streams that together cover these markets."""


@runtime_checkable
class SignsAhead(Protocol):
    """A trading side that prepares signatures before they are needed."""

    async def sign_ahead(self) -> None:
        """Run beside trading, for ever."""


@runtime_checkable
class KeepsAlive(Protocol):
    """A trading side whose venue cancels what rests when it hears nothing of us any more."""

    async def keep_alive(self) -> None:
        """Run beside trading, for ever: tells the venue that we live while orders of ours rest there."""


@runtime_checkable
class ListsFills(Protocol):
    """A trading side that lists the account's fills, whosever orders they are."""

    async def recent_fills(self, since_ns: int) -> list[Fill]:
        """Every fill that was not taken back since a wall time, to the second. `identity` is empty for an order that this
        venue cannot name; one that is not known here is told as a purchase where the venue does not say what it was."""


@runtime_checkable
class ListsHoldings(Protocol):
    """A trading side whose `positions` are those of known markets only, and that can tell which other markets are held."""

    async def held_natives(self) -> list[str]:
        """Native ids of all markets in which the account holds something, possibly some seconds old."""


@runtime_checkable
class Budgeted(Protocol):
    """A trading side that keeps the venue's rate limits on our side."""

    def allowances(self) -> Mapping[str, tuple[int, int]]:
        """By bucket: the tokens that are left now, below zero where they are promised already, and how many it holds."""


class Wallet(Protocol):
    """Operations of a venue's slow path that return cash. Each comes back when it is carried out, with its transaction's name.

    Raises the tree's errors; Lost when its fate is not known: it is then safe to ask for it again.
    """

    async def merge(self, market: MarketId, size: Size) -> str:
        """Turn so many complete sets into a dollar each."""

    async def redeem(self, market: MarketId) -> str:
        """Turn the tokens of a resolved market into their payout."""


class Trading(Protocol):
    """Private side of a venue."""

    name: str
    capabilities: Capabilities

    async def connect(self) -> None:
        """Check or derive credentials; raises CredentialsError. No order is sent."""

    def know(self, markets: Sequence[Market]) -> None:
        """Metadata that orders need (tokens, shards), taken from the data side."""

    def prepare(self, intent: Intent, send_by_ns: int) -> Prepared:
        """Encode and, where content is signed, sign. Raises InvalidOrder naming the field; sends nothing."""

    async def send(self, order: Prepared) -> OrderReport:
        """Write the order once. Raises NotSent when nothing left; an answer that is missing or unreadable is UNKNOWN.

        Refusals come back as REJECTED reports with the venue's words, not as errors.
        """

    async def resend(self, order: Prepared) -> OrderReport:
        """The same bytes again, only where `capabilities.dedupes`: a duplicate is reported as found, never filled twice."""

    async def cancel(self, order: Prepared, venue_order_id: str) -> OrderReport: ...

    async def find(self, order: Prepared) -> OrderReport | None:
        """Ask the venue about this identity; None when it states that it knows none."""

    async def reads_as_of(self) -> int:
        """Wall time up to which the venue says its private reads are complete."""

    async def open_orders(self) -> list[OrderReport]: ...

    async def fills(self, order: Prepared, venue_order_id: str) -> list[Fill]:
        """Every fill of one order so far."""

    async def balances(self) -> Balances: ...

    async def positions(self) -> Positions: ...

    async def resolutions(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Those of the named markets that have a result."""

    def stream(self) -> Stream:
        """The private stream: orders, fills, resolutions."""
