"""Paper trading: an exchange core that follows the real venue's live book.

Our orders meet a house maker who shows what the venue shows, less what we have taken already: a level that we took from
stays short until the venue's book says otherwise (its size changes, or it goes away). Looked at only when something can
match, so that following a lively book costs nothing. Never shows a level that the live book does not have, and never
invents a counterparty: what rests here fills only when the live book reaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.exchange import Exchange, Level, MarketSpec

HOUSE = "live-book"
"""The house maker that stands for everybody else on the real venue."""

Side = tuple[bool, int]
"""(bid side, price)."""

LiveBook = Callable[[str], tuple[Sequence[Level], Sequence[Level]] | None]
"""The venue's (bids, asks) of a market now, best first, YES terms; None while they are not known."""


@dataclass(slots=True)
class _Followed:
    """One market: the sizes that the venue showed last, and what we left of them."""

    seen: dict[Side, int] = field(default_factory=dict)
    left: dict[Side, int] = field(default_factory=dict)
    shown: bool = False


class PaperVenue:
    """An `Exchange` around another one: the client's side passes through, the books are the real venue's."""

    def __init__(self, exchange: Exchange, live: LiveBook) -> None:
        self.name = exchange.name
        self._exchange = exchange
        self._live = live
        self._markets: dict[str, _Followed] = {}
        self._moved: dict[str, None] = {}
        self._closely: set[str] = set()
        self._settled: set[str] = set()
        self.add_account = exchange.add_account
        self.best = exchange.best
        self.deposit = exchange.deposit
        self.disconnect = exchange.disconnect
        self.endow = exchange.endow
        self.quote = exchange.quote
        self.resting = exchange.resting
        self.take = exchange.take
        self.wake_at = exchange.wake_at

    # The live book

    def show(self, market: str, bids: Sequence[Level], asks: Sequence[Level], now: int) -> None:
        """The venue's book is this now. Levels whose size is unchanged keep what we left of them.

        A crossed book is wrong data and shows nothing. Raises KeyError for a market that is not listed.
        """
        if bids and asks and bids[0][0] >= asks[0][0]:
            self.hide(market, now)
            return
        followed = self._markets[market]
        left = self._left(market, followed)
        seen = {(True, price): size for price, size in bids} | {(False, price): size for price, size in asks}
        wanted = {
            level: left.get(level, 0) if followed.seen.get(level) == size else size for level, size in seen.items()
        }
        followed.seen, followed.left, followed.shown = seen, wanted, True
        self._quote(market, wanted, now)

    def hide(self, market: str, now: int) -> None:
        """The venue's book is not known now: nothing can be bought or sold, and what we took is remembered."""
        followed = self._markets[market]
        followed.left = dict(self._left(market, followed))
        followed.shown = False
        self._quote(market, {}, now)

    def moved(self, market: str, now: int) -> bool:
        """The live book changed. True when it was looked at at once: `drain` may then have something to hand out."""
        if market not in self._markets:
            return False
        if market in self._closely:
            self._look(market, now)
            return True
        self._moved[market] = None
        return False

    def keep_up(self, market: str) -> None:
        """Follow every move from now on: an order of ours may rest there and must meet the book when it comes."""
        self._closely.add(market)

    def _left(self, market: str, followed: _Followed) -> Mapping[Side, int]:
        if not followed.shown:
            return followed.left
        bids, asks = self._exchange.resting(market, HOUSE)
        return {(True, price): size for price, size in bids} | {(False, price): size for price, size in asks}

    def _quote(self, market: str, wanted: Mapping[Side, int], now: int) -> None:
        bids = [(price, size) for (bid, price), size in wanted.items() if bid and size]
        asks = [(price, size) for (bid, price), size in wanted.items() if not bid and size]
        self._exchange.quote(market, HOUSE, bids, asks, now)

    def _look(self, market: str, now: int) -> None:
        book = self._live(market)
        if book is None:
            self.hide(market, now)
        else:
            self.show(market, *book, now)

    def _catch_up(self, now: int, *, matching: bool) -> None:
        """Show what moved, before anything can match on it: a new order, or a timer (a delayed order) that is due."""
        due = self._exchange.wake_at()
        if due is not None and due <= now:
            # quoting runs the exchange's timers: they must find every book shown already
            now = due - 1
        elif not matching:
            return
        for market in self._moved:
            self._look(market, now)
        self._moved.clear()

    # The client's side

    def handle(self, request: Request, now: int) -> Response:
        """Answer one request; whatever may trade meets the live book of this instant."""
        self._catch_up(now, matching=request.method != "GET")
        return self._exchange.handle(request, now)

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int | Response:
        """A WebSocket handshake."""
        self._catch_up(now, matching=False)
        return self._exchange.connect(url, headers, now)

    def receive(self, connection: int, data: bytes, now: int) -> None:
        """A client's frame."""
        self._catch_up(now, matching=False)
        self._exchange.receive(connection, data, now)

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        """Run what is due and hand out the queued frames."""
        self._catch_up(now, matching=False)
        return self._exchange.drain(now)

    # The venue's life

    def list_market(self, spec: MarketSpec, now: int) -> None:
        """List a market of the real venue; its book shows nothing before the live one is known."""
        self._exchange.list_market(spec, now)
        self._markets[spec.id] = _Followed()
        self._moved[spec.id] = None

    def settle(self, market: str, yes_value: int, now: int) -> None:
        """The real venue's result is this paper's; a later one is ignored. KeyError for a market that is not listed."""
        if market not in self._markets:
            raise KeyError(market)
        if market not in self._settled:
            self._settled.add(market)
            self._exchange.settle(market, yes_value, now)
