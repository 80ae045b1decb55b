"""The market-data stream: one YES book per market, kept by snapshots and absolute level changes.

The socket has no sequence numbers. After every change the venue's own best prices are compared with the book's; a
difference invalidates the book and asks for a REST snapshot. Changes that come in between are kept and applied on top of
it. Only the YES token is subscribed and read: the NO book is its mirror. Never raises for the venue's bytes, never sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from dutchbook.core.account import Resolution
from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.events import BookGap, MarketChanged, MarketResolved, StreamEvent, StreamTrouble
from dutchbook.core.money import MICRO, Price
from dutchbook.core.venue import BookSnapshot
from dutchbook.venues.polymarket.frames import (
    FRAME,
    KINDS,
    KNOWN,
    UNREADABLE,
    BookFrame,
    Kind,
    Message,
    MicrosOf,
    PriceChangeFrame,
    ResolvedFrame,
    TickSizeFrame,
    sizes_of,
)
from dutchbook.venues.polymarket.tokens import MarketTokens, condition_key

ASSETS_PER_SOCKET: Final = 100
"""About 130 books of a hundred levels a side fill the megabyte that some clients stop at."""
HEARTBEAT: Final = b"PING"
ANSWER: Final = b"PONG"


class _Line:
    """One market on the stream: its book, and the level changes that wait for a snapshot."""

    __slots__ = ("best_ask", "best_bid", "book", "hash", "pending")

    def __init__(self, market: MarketId) -> None:
        self.book = Book(market)
        # (is bid, price) -> (milliseconds, size): sizes are absolute, so the last one is enough
        self.pending: dict[tuple[bool, int], tuple[int, int]] = {}
        self.best_bid: str | None = None
        self.best_ask: str | None = None
        # the venue's hash of the whole book after the last change
        self.hash: str | None = None


class PolymarketBookStream:
    """`core.venue.BookStream` over a fixed set of markets."""

    heartbeat: bytes | None = HEARTBEAT

    def __init__(self, url: str, tokens: Mapping[MarketId, MarketTokens]) -> None:
        self.url = url
        self.outbox: list[bytes] = []
        self.drifts = 0
        """Full books that showed ours to have been wrong, though the best prices had always agreed."""
        self._lines = {market: _Line(market) for market in tokens}
        self.books: Mapping[MarketId, Book] = {market: line.book for market, line in self._lines.items()}
        self._tokens = dict(tokens)
        self._by_yes = {ids.yes: self._lines[market] for market, ids in tokens.items()}
        self._by_token = {token: market for market, ids in tokens.items() for token in (ids.yes, ids.no)}
        self._by_condition = {condition_key(ids.condition): market for market, ids in tokens.items()}
        self._micros = MicrosOf()

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """Nothing to sign: market data is public."""
        return {}

    def opened(self) -> None:
        """Queue the subscription, in parts so that no answer is huge; the venue answers with one book per token."""
        self._drop_all()
        tokens = list(self._by_yes)
        first: dict[str, object] = {"type": "market"}
        for start in range(0, len(tokens), ASSETS_PER_SOCKET):
            part = {"assets_ids": tokens[start : start + ASSETS_PER_SOCKET], "custom_feature_enabled": True}
            self.outbox.append(msgspec.json.encode(first | part))
            first = {"operation": "subscribe"}

    def closed(self) -> Sequence[StreamEvent]:
        """The socket is gone; its books come back with the next one's snapshots."""
        self._drop_all()
        return (BookGap(tuple(self._lines), "the stream was closed", fetch=False),)

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """Apply one frame; what cannot be read invalidates every book that it may have been about."""
        if data == ANSWER:
            return ()
        try:
            frame = FRAME.decode(data)
        except UNREADABLE as error:
            return self._unread(data, str(error), received_ns)
        events: list[StreamEvent] = []
        if isinstance(frame, list):
            for message in frame:
                self._take(message, received_ns, events)
        else:
            self._take(frame, received_ns, events)
        return events

    def load(self, snapshot: BookSnapshot, received_ns: int) -> Sequence[StreamEvent]:
        """A REST book after a gap, with the changes that came since; an older one than a live book is ignored."""
        line = self._lines.get(snapshot.market)
        if line is None:
            return ()
        book = line.book
        if book.live and snapshot.as_of_ns <= book.as_of_ns:
            return ()
        try:
            book.snapshot(snapshot.bids, snapshot.asks)
            for (bid, price), (at_ms, size) in line.pending.items():
                # a change of the snapshot's own millisecond may be in it already: sizes are absolute
                if at_ms * MILLISECOND >= snapshot.as_of_ns:
                    (book.bids if bid else book.asks).set(price, size)
        except MalformedFrame as error:
            return (self._gap(line, str(error)),)
        book.as_of_ns = max(snapshot.as_of_ns, max((at for at, _ in line.pending.values()), default=0) * MILLISECOND)
        book.received_ns = received_ns
        caught_up = bool(line.pending)
        line.pending.clear()
        if caught_up and not self._agrees(line):
            return (self._gap(line, "the loaded book's best prices are not the stream's"),)
        return (book,)

    def _take(self, message: Message, received_ns: int, events: list[StreamEvent]) -> None:
        if type(message) is PriceChangeFrame:
            self._change(message, received_ns, events)
        elif type(message) is BookFrame:
            self._snapshot(message, received_ns, events)
        elif type(message) is TickSizeFrame:
            market = self._by_token.get(message.asset_id)
            if market is not None:
                events.append(MarketChanged(market, f"tick {message.old_tick_size} -> {message.new_tick_size}"))
        elif type(message) is ResolvedFrame:
            self._resolve(message, events)

    def _change(self, message: PriceChangeFrame, received_ns: int, events: list[StreamEvent]) -> None:
        by_yes, micros = self._by_yes, self._micros
        line: _Line | None = None
        try:
            at_ms = int(message.timestamp)
            for change in message.price_changes:
                touched = by_yes.get(change.asset_id)
                if touched is None:
                    continue
                if line is not None and touched is not line:
                    self._touched(line, at_ms, received_ns, events)
                line = touched
                bid = change.side == "BUY"
                if not bid and change.side != "SELL":
                    raise MalformedFrame(f"side {change.side!r} is neither BUY nor SELL")
                price, size = micros[change.price], micros[change.size]
                line.best_bid, line.best_ask, line.hash = change.best_bid, change.best_ask, change.hash
                book = line.book
                if book.live:
                    (book.bids if bid else book.asks).set(price, size)
                elif 0 < price < MICRO and size >= 0:
                    line.pending[bid, price] = (at_ms, size)
                else:
                    raise MalformedFrame(f"no book can have {change.size} at {change.price}")
        except (ValueError, MalformedFrame) as error:
            reason = f"price_change: {error}"
            events.append(StreamTrouble(reason, terminal=False))
            tokens = {change.asset_id for change in message.price_changes}
            events.extend(self._gap(by_yes[token], reason) for token in tokens if token in by_yes)
            return
        if line is not None:
            self._touched(line, at_ms, received_ns, events)

    def _touched(self, line: _Line, at_ms: int, received_ns: int, events: list[StreamEvent]) -> None:
        book = line.book
        if not book.live:
            return
        book.version += 1
        book.as_of_ns = at_ms * MILLISECOND
        book.received_ns = received_ns
        events.append(book if self._agrees(line) else self._gap(line, "the book's best prices are not the venue's"))

    def _agrees(self, line: _Line) -> bool:
        """Whether our best prices are those that came with the last change; a side not stated is not compared."""
        bids, asks = line.book.bids, line.book.asks
        bid, ask = line.best_bid, line.best_ask
        try:
            return (bid is None or (bids.best() or 0) == (self._micros[bid] if bid else 0)) and (
                ask is None or (asks.best() or MICRO) == ((self._micros[ask] if ask else 0) or MICRO)
            )
        except ValueError:
            return False

    def _snapshot(self, message: BookFrame, received_ns: int, events: list[StreamEvent]) -> None:
        line = self._by_yes.get(message.asset_id)
        if line is None:
            return
        micros, book = self._micros, line.book
        # the hash of the last change says that nothing has changed since: then our levels must be these
        compared = book.live and message.hash is not None and message.hash == line.hash
        before = (book.bids.levels(), book.asks.levels()) if compared else None
        line.hash = message.hash
        try:
            at_ms = int(message.timestamp)
            book.snapshot(
                zip([micros[level.price] for level in message.bids], sizes_of(message.bids), strict=True),
                zip([micros[level.price] for level in message.asks], sizes_of(message.asks), strict=True),
            )
        except (ValueError, MalformedFrame) as error:
            events.append(StreamTrouble(f"book: {error}", terminal=False))
            events.append(self._gap(line, f"book: {error}"))
            return
        if before is not None and before != (book.bids.levels(), book.asks.levels()):
            self.drifts += 1
            events.append(StreamTrouble(f"{book.market}: the kept book had drifted from the venue's", terminal=False))
        line.pending.clear()
        book.as_of_ns = at_ms * MILLISECOND
        book.received_ns = received_ns
        events.append(self._gap(line, "the snapshot is crossed") if book.crossed else book)

    def _resolve(self, message: ResolvedFrame, events: list[StreamEvent]) -> None:
        """The stream's word on a result is early and not always there: never final, the poll decides."""
        market = self._by_condition.get(condition_key(message.market))
        if market is None:
            return
        winner = message.winning_asset_id
        if winner in (self._tokens[market].yes, self._tokens[market].no):
            value = Price(MICRO if winner == self._tokens[market].token(Outcome.YES) else 0)
            events.append(MarketResolved(Resolution(market, value, final=False)))
        else:
            events.append(MarketChanged(market, "resolved"))

    def _unread(self, data: bytes, error: str, received_ns: int) -> Sequence[StreamEvent]:
        """A frame outside the schema. An array is tried message by message; new kinds are passed over."""
        try:
            kinds = KINDS.decode(data)
        except UNREADABLE:
            shown = data[:80].decode("utf-8", "replace")
            trouble = StreamTrouble(f"unreadable frame {shown!r}: {error}", terminal=False)
            # text that is no JSON at all is the venue talking, not a book
            return (trouble, self._gap_all("unreadable frame")) if data[:1] in (b"{", b"[") else (trouble,)
        if isinstance(kinds, list) and len(kinds) > 1:
            events: list[StreamEvent] = []
            for raw in msgspec.json.decode(data, type=list[msgspec.Raw]):
                events.extend(self.receive(bytes(raw), received_ns))
            return events
        kind = (kinds[0] if kinds else Kind()) if isinstance(kinds, list) else kinds
        if kind.event_type not in KNOWN:
            return ()
        reason = f"{kind.event_type or 'frame without event_type'}: {error}"
        return (StreamTrouble(reason, terminal=False), self._gap_all(reason))

    def _gap(self, line: _Line, reason: str) -> BookGap:
        line.book.invalidate()
        return BookGap((line.book.market,), reason, fetch=True)

    def _gap_all(self, reason: str) -> BookGap:
        for line in self._lines.values():
            line.book.invalidate()
        return BookGap(tuple(self._lines), reason, fetch=True)

    def _drop_all(self) -> None:
        for line in self._lines.values():
            line.book.invalidate()
            line.pending.clear()
            line.best_bid = line.best_ask = line.hash = None
