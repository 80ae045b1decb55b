"""Kalshi's order books, kept current from one WebSocket without I/O: bytes in, touched books out.

Theory of operation. Every market is subscribed in small groups. A snapshot makes a book live, deltas change it in
place. `seq` is counted per subscription (`sid`) over everything that carries it. A number out of order means that
something was missed: all books of that sid are invalid until the snapshots that are asked for at once have come.
A delta that cannot be (a level below zero) invalidates its book alone. Nothing that the venue sends raises.

Prices: with `use_yes_price` the NO side comes in YES terms and a NO bid is an ask at the price as written; without it
the NO side comes in NO terms and is an ask at 1 - price. The command always states which, because the venue's default
will change. Source: Kalshi API documentation, WebSockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.events import BookGap, MarketChanged, StreamEvent, StreamTrouble
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO
from dutchbook.core.venue import BookSnapshot
from dutchbook.venues.kalshi import frames
from dutchbook.venues.kalshi.auth import signed_headers
from dutchbook.venues.kalshi.config import KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.fields import UNREADABLE, decoded, micros, price_of, size_of
from dutchbook.venues.kalshi.rest import required_key

_REMEMBERED_SIZES: Final = 65_536
_CENTI: Final = MICRO // 100


class _Prices(dict[str, int]):
    """Price texts already read. The grid is finite, so this stays small."""

    def __init__(self, *, complement: bool) -> None:
        super().__init__()
        self._complement = complement

    def __missing__(self, text: str) -> int:
        price = price_of(_plain(text, "price_dollars"), "price_dollars")
        if self._complement:
            price = type(price)(MICRO - price)
        self[text] = price
        return price


class _Sizes(dict[str, int]):
    """Size changes already read, as many as are worth the memory."""

    def __missing__(self, text: str) -> int:
        digits = text.removeprefix("-")
        if digits[-3:-2] == "." and digits.isascii() and digits[:-3].isdigit() and digits[-2:].isdigit():
            size = int(text[:-3] + text[-2:]) * _CENTI
        else:
            size = micros(_plain(text, "delta_fp"), "delta_fp")
        if len(self) < _REMEMBERED_SIZES:
            self[text] = size
        return size


def _plain(text: str, name: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise MalformedFrame(f"kalshi {name}: {text!r} is not a decimal number") from None


_Slot = tuple[Book, Callable[[int, int], None], Callable[[int, int], None], tuple[Book]]


class KalshiBookStream:
    """A `BookStream` over a fixed set of markets, with their lifecycle news.

    For recordings: `use_yes_price` says how the NO side was written, `contiguous=False` that frames of other markets
    were left out, so that only a number going back (a reconnect) is a gap. No key is needed there.
    """

    heartbeat: bytes | None = None

    def __init__(
        self,
        config: KalshiConfig,
        key: KalshiKey | None,
        markets: Sequence[Market],
        *,
        use_yes_price: bool = True,
        contiguous: bool = True,
    ) -> None:
        self.url = config.ws_url
        self.outbox: list[bytes] = []
        self.books: Mapping[MarketId, Book] = {market.id: Book(market.id) for market in markets}
        self._key = key
        self._group = config.markets_per_subscription
        self._use_yes_price = use_yes_price
        self._contiguous = contiguous
        self._slots: dict[str, _Slot] = {}
        for market in markets:
            book = self.books[market.id]
            self._slots[market.native] = (book, book.bids.add, book.asks.add, (book,))
        self._lifecycle = frames.Lifecycle({market.native: market for market in markets})
        self._yes_prices = _Prices(complement=False)
        self._no_prices = _Prices(complement=not use_yes_price)
        self._sizes = _Sizes()
        self._decode = frames.DELTA.decode
        self._command = 0
        self._next: dict[int, int] = {}
        self._sid_of: dict[str, int] = {}
        self._commanded: dict[int, Sequence[str]] = {}
        self._asked: set[int] = set()
        self._lifecycle_sid: int | None = None
        self.troubles = 0
        """Frames that could not be read or told of an error, since this object was made."""

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """Signed handshake headers; raises CredentialsError without a key."""
        return signed_headers(required_key(self._key, "the Kalshi WebSocket"), wall_ns, "GET", self.url)

    def opened(self) -> None:
        """A new connection: nothing of the old one counts, all books wait for their snapshots."""
        self.outbox.clear()
        for each in (self._next, self._sid_of, self._commanded, self._asked):
            each.clear()
        self._lifecycle_sid = None
        self._invalidate(self._slots)
        tickers = list(self._slots)
        for start in range(0, len(tickers), self._group):
            group = tickers[start : start + self._group]
            self._subscribe("orderbook_delta", group, use_yes_price=self._use_yes_price)
        self._subscribe("market_lifecycle_v2", ())

    def closed(self) -> Sequence[StreamEvent]:
        """The connection is gone: every book is invalid. Said only of books that were live."""
        self.outbox.clear()
        live = [ticker for ticker, slot in self._slots.items() if slot[0].live]
        self._invalidate(self._slots)
        return self._invalidated(live, "connection closed")

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        """A book read by REST, for when there is no socket: it cannot be joined to running deltas."""
        book = self.books[snapshot.market]
        try:
            book.snapshot(snapshot.bids, snapshot.asks)
        except MalformedFrame as error:
            book.invalidate()
            return (StreamTrouble(f"{snapshot.market}: {error}", terminal=False),)
        book.as_of_ns = snapshot.as_of_ns
        book.received_ns = received_ns
        return (book,)

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """Decode and apply one frame; `received_ns` is our monotonic time. Never raises for the venue's bytes."""
        try:
            frame = self._decode(data)
        except UNREADABLE:
            return self._receive_other(data, received_ns)
        sid, seq = frame.sid, frame.seq
        if seq != self._next.get(sid) and (missed := self._missed(sid, seq)):
            self.troubles += 1
            return missed
        self._next[sid] = seq + 1
        message = frame.msg
        slot = self._slots.get(message.market_ticker)
        if slot is None:
            return ()
        book, add_bid, add_ask, touched = slot
        if not book.live:
            return ()
        try:
            if message.side == "yes":
                add_bid(self._yes_prices[message.price_dollars], self._sizes[message.delta_fp])
            elif message.side == "no":
                add_ask(self._no_prices[message.price_dollars], self._sizes[message.delta_fp])
            else:
                raise MalformedFrame(f"kalshi side: {message.side!r} is not a side")
        except MalformedFrame as error:
            self.troubles += 1
            return self._refetch(sid, (message.market_ticker,), str(error))
        book.version += 1
        if message.ts_ms:
            book.as_of_ns = message.ts_ms * MILLISECOND
        book.received_ns = received_ns
        return touched

    # Everything below is off the hot path.

    def _receive_other(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        try:
            frame = frames.ENVELOPE.decode(data)
        except UNREADABLE as error:
            # If it carried a number, the next frame of its sid will show the gap.
            self.troubles += 1
            return (StreamTrouble(f"kalshi frame: {error}", terminal=False),)
        missed: Sequence[StreamEvent] = ()
        if frame.sid is not None and frame.seq is not None:
            if frame.seq != self._next.get(frame.sid):
                missed = self._missed(frame.sid, frame.seq)
            self._next[frame.sid] = frame.seq + 1
        events = (*missed, *self._handle(frame, received_ns))
        self.troubles += any(isinstance(event, (StreamTrouble, BookGap)) for event in events)
        return events

    def _handle(self, frame: frames.Envelope, received_ns: int) -> Sequence[StreamEvent]:
        try:
            match frame.type:
                case "orderbook_snapshot":
                    return self._snapshot(frame, received_ns)
                case "orderbook_delta":
                    return self._tolerant_delta(frame, received_ns)
                case "subscribed":
                    self._learn_sid(frame, frames.subscribed_sid(frame))
                case "ok" if frame.sid is not None:
                    self._learn_sid(frame, frame.sid)
                case "unsubscribed" if frame.sid in self._sid_of.values():
                    return (StreamTrouble(f"kalshi ended subscription {frame.sid}", terminal=True),)
                case "error":
                    return self._error(frame)
                case kind if kind in frames.LIFECYCLE_TYPES:
                    return self._lifecycle.news(frame)
                case _:
                    pass
        except MalformedFrame as error:
            ticker = frames.named_market(frame)
            if frame.sid is not None and ticker in self._slots and frame.type.startswith("orderbook_"):
                return self._refetch(frame.sid, (ticker,), str(error))
            return (StreamTrouble(str(error), terminal=False),)
        return ()

    def _snapshot(self, frame: frames.Envelope, received_ns: int) -> Sequence[StreamEvent]:
        message = decoded(frames.SNAPSHOT, frame.msg, "orderbook_snapshot")
        slot = self._slots.get(message.market_ticker)
        if slot is None:
            return ()
        if frame.sid is not None:
            self._sid_of[message.market_ticker] = frame.sid
        self._asked.discard(frame.id)
        book = slot[0]
        bids = _levels(message.yes_dollars_fp or (), complement=False)
        asks = _levels(message.no_dollars_fp or (), complement=not self._use_yes_price)
        book.snapshot(bids, asks)
        if book.crossed:
            # Most likely the NO side is not in the terms that were asked for; asking again would not help.
            book.invalidate()
            return (StreamTrouble(f"kalshi {message.market_ticker}: snapshot is crossed", terminal=False),)
        if message.ts_ms:
            book.as_of_ns = message.ts_ms * MILLISECOND
        book.received_ns = received_ns
        return slot[3]

    def _tolerant_delta(self, frame: frames.Envelope, received_ns: int) -> Sequence[StreamEvent]:
        message = decoded(frames.TOLERANT_DELTA, frame.msg, "orderbook_delta")
        slot = self._slots.get(message.market_ticker)
        if slot is None or not slot[0].live:
            return ()
        book, add_bid, add_ask, touched = slot
        price, delta = price_of(message.price_dollars, "price_dollars"), micros(message.delta_fp, "delta_fp")
        if message.side == "yes":
            add_bid(price, delta)
        elif message.side == "no":
            add_ask(price if self._use_yes_price else MICRO - price, delta)
        else:
            raise MalformedFrame(f"kalshi side: {message.side!r} is not a side")
        book.version += 1
        if message.ts_ms:
            book.as_of_ns = message.ts_ms * MILLISECOND
        book.received_ns = received_ns
        return touched

    def _error(self, frame: frames.Envelope) -> Sequence[StreamEvent]:
        trouble = frames.trouble_of(frame)
        if frame.id in self._asked:
            # The snapshots that would mend a gap are not coming: only a new connection restarts them.
            return (StreamTrouble(f"{trouble.reason}; snapshots refused", terminal=True),)
        group = self._commanded.pop(frame.id, None)
        if group is None or frame.sid is not None:
            return (trouble,)
        refused = frames.named_market(frame)
        rest = [ticker for ticker in group if ticker != refused]
        if refused in group:
            # One market that the venue does not know must not cost the others of its group.
            if rest:
                self._subscribe("orderbook_delta", rest, use_yes_price=self._use_yes_price)
            return (trouble,)
        return (StreamTrouble(f"{trouble.reason}; subscription refused", terminal=True),)

    def _learn_sid(self, frame: frames.Envelope, sid: int) -> None:
        tickers = self._commanded.get(frame.id)
        if tickers is None:
            return
        if not tickers:
            self._lifecycle_sid = sid
        for ticker in tickers:
            self._sid_of[ticker] = sid

    def _missed(self, sid: int, seq: int) -> Sequence[StreamEvent]:
        """The news of a number out of order; empty for a subscription's first number and for tolerated jumps."""
        expected = self._next.get(sid)
        self._next[sid] = seq + 1
        if expected is None or seq == expected or (not self._contiguous and seq > expected):
            return ()
        reason = f"kalshi sid {sid}: seq {seq} after {expected - 1}"
        if sid == self._lifecycle_sid:
            changed = [MarketChanged(market, "lifecycle news missed") for market in self.books]
            return (StreamTrouble(reason, terminal=False), *changed)
        return self._refetch(sid, [ticker for ticker, of in self._sid_of.items() if of == sid], reason)

    def _refetch(self, sid: int, tickers: Sequence[str], reason: str) -> Sequence[StreamEvent]:
        """Invalidate books and ask for their snapshots on the running subscription."""
        if not tickers:
            return ()
        self._command += 1
        self._asked.add(self._command)
        self.outbox.append(frames.ask_snapshot(self._command, sid, tickers))
        return self._invalidated(tickers, reason)

    def _invalidate(self, tickers: Iterable[str]) -> None:
        for ticker in tickers:
            self._slots[ticker][0].invalidate()

    def _invalidated(self, tickers: Iterable[str], reason: str) -> Sequence[StreamEvent]:
        markets = tuple(self._slots[ticker][0].market for ticker in tickers)
        if not markets:
            return ()
        self._invalidate(tickers)
        return (BookGap(markets, reason, fetch=False),)

    def _subscribe(self, channel: str, tickers: Sequence[str], **options: bool) -> None:
        self._command += 1
        self._commanded[self._command] = tickers
        self.outbox.append(frames.subscribe(self._command, (channel,), tickers, **options))


def _levels(side: Iterable[tuple[Decimal, Decimal]], *, complement: bool) -> list[tuple[int, int]]:
    levels: list[tuple[int, int]] = []
    for price_field, size_field in side:
        price = price_of(price_field, "snapshot price")
        levels.append((MICRO - price if complement else price, size_of(size_field, "snapshot size")))
    return levels
