"""What every simulated exchange offers: the public protocol (requests, channels) and the world's private hands.

`handle` and `connect`/`receive`/`drain` are all that a client can see; the server shell is a thin layer over them.
The methods below `list_market` are for the scripted world and for paper trading, never for the engine.
Time is given in wall nanoseconds; nothing here sleeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dutchbook.core.transport import Request, Response

DROPPED = Response(0)
"""No answer at all: the request was taken (and carried out, if it was one to carry out) and its connection is dropped."""

HELD = "x-simulator-held-ns"
"""Header of an answer that is slow to come: how long a shell must hold it back. It never reaches a client."""


def held(response: Response) -> tuple[int, Response]:
    """How long an answer is to be held back (ns), and the answer as the client sees it."""
    if HELD not in response.headers:
        return 0, response
    headers = {name: value for name, value in response.headers.items() if name != HELD}
    return int(response.headers[HELD]), Response(response.status, response.body, headers)


Level = tuple[int, int]
"""(price, size) in millionths, YES terms."""


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """A market to list, venue-neutral. `outcomes` are the texts shown for YES and NO."""

    id: str
    """Kalshi: ticker. Polymarket: slug; condition and token ids are derived from it and the seed."""
    event: str
    title: str
    rules: str
    tick: int
    """Price step in millionths (one range over the whole book)."""
    taker_rate: str
    """Kalshi: fee multiplier M. Polymarket: rate r. Plain decimal text."""
    opens_ns: int
    closes_ns: int
    outcomes: tuple[str, str] = ("Yes", "No")
    series: str = ""
    neg_risk: bool = False
    taker_delay_ns: int = 0
    shard: int = 0
    """Kalshi only: `exchange_index`."""
    mutually_exclusive: bool = False
    category: str = "sports"
    min_size: int = 5_000_000
    """Smallest resting size in millionths of a contract (Polymarket `mos`)."""
    starts_ns: int | None = None
    """When the real-world event starts, if known."""
    protocol: int = 1
    """Polymarket only: 2 lists position ids of protocol v2, settled by Exchange V3."""


@dataclass(frozen=True, slots=True)
class TestAccount:
    """A funded account made for the simulator, secrets included; `fields` is what `dutchbook sim` prints."""

    __test__ = False
    name: str
    fields: Mapping[str, str] = field(default_factory=dict)


class Exchange(Protocol):
    """One venue in memory."""

    name: str

    def handle(self, request: Request, now: int) -> Response:
        """Answer one REST request exactly as the venue would."""

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int | Response:
        """A WebSocket handshake: a connection number, or the refusing answer."""

    def receive(self, connection: int, data: bytes, now: int) -> None:
        """A text frame from a client."""

    def disconnect(self, connection: int) -> None:
        """The client went away."""

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        """Advance timers to `now` and hand out queued frames (connection, data); data None closes the connection."""

    def wake_at(self) -> int | None:
        """When `drain` has something to do by itself (a delayed match, a settlement step), or None."""

    def list_market(self, spec: MarketSpec, now: int) -> None: ...

    def add_account(self, name: str, cash: Mapping[int, int], now: int) -> TestAccount:
        """A new account with its keys; `cash` is millionths of a dollar per shard (Polymarket: shard 0 only)."""

    def quote(self, market: str, maker: str, bids: Sequence[Level], asks: Sequence[Level], now: int) -> None:
        """Replace all resting quotes of a house maker (unlimited cash); crossing quotes trade first."""

    def take(self, market: str, taker: str, buy: bool, limit: int, size: int, now: int) -> int:
        """A house taker hits the book in YES terms; returns the size done."""

    def settle(self, market: str, yes_value: int, now: int) -> None:
        """Determine, pay and finalize a market; `yes_value` in millionths (1_000_000, 0, or a scalar)."""

    def best(self, market: str) -> tuple[int | None, int | None]:
        """Best bid and ask in YES terms."""

    def resting(self, market: str, maker: str) -> tuple[list[Level], list[Level]]:
        """What a house maker's quotes still show: (bids, asks), best first, one entry a price."""

    def deposit(self, account: str, shard: int, amount: int, now: int) -> None:
        """Millionths of a dollar paid into a shard (Polymarket: shard 0 only)."""

    def endow(self, account: str, market: str, yes: bool, size: int, now: int) -> None:
        """Give an account contracts that it held before this exchange was made (a paper ledger taken up again).

        The house takes the other side and pays for both: the account's cash does not move.
        """
