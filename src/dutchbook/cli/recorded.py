"""Recordings as venues: the markets that a recording is about, its frames as a book stream, and a tally after every frame.

The stream code is the live one; for recordings of ours the whole adapter is. What other recordings do not state (fees,
grids, closing times) is stated here, once, in the open; nothing is corrected in what they do state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, market_id, native_of, venue_of
from dutchbook.core.clock import DAY, SECOND
from dutchbook.core.errors import SettingsError
from dutchbook.core.events import BookGap, StreamEvent, StreamTrouble
from dutchbook.core.fees import FeeSchedule, Precision, kalshi_fees, polymarket_fees
from dutchbook.core.link import Link, LinkKind, State
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Price, Rate, Size, parse_rate
from dutchbook.core.venue import BookStream, MarketData
from dutchbook.feed.best_quotes import BestQuoteData
from dutchbook.feed.record import Recorded, read_recording, recorded_frames
from dutchbook.feed.recordings import Recording, kalshi_frames, quote_lines
from dutchbook.feed.replay import ReplayChannel, ReplayedData, ReplayTransport
from dutchbook.feed.virtual_time import VirtualClock
from dutchbook.venues.kalshi import KalshiConfig, KalshiData, KalshiKey
from dutchbook.venues.kalshi.config import PRODUCTION as KALSHI
from dutchbook.venues.kalshi.stream import KalshiBookStream
from dutchbook.venues.polymarket import PolymarketConfig, PolymarketData, TokenRegistry

VENUE_OF_ROW: Final = {"kalshi": "kalshi", "polymarket_us": "polymarket"}
"""The venue column of a best-quotes recording, and whose adapter and paper exchange trade it. Polymarket US has no adapter
here: its quotes are traded as Polymarket markets with its own rate."""

PM_US_RATE: Final = parse_rate("0.0695")
"""Polymarket US, taker: 0.0695 x C x p(1 - p) (the venue's fee schedule)."""

_CENT: Final = Price(10_000)
_MILL: Final = Price(1_000)
_DATES: Final = (
    (re.compile(r"(\d{4}-\d{2}-\d{2})$"), "%Y-%m-%d"),
    (re.compile(r"-(\d{2}[A-Z]{3}\d{2})"), "%y%b%d"),
)


@dataclass(slots=True)
class Tally:
    """What was counted, frame by frame.

    `gaps` are sequence numbers that went back, `resyncs` books that came back after one. `negative_levels` are changes that
    would have taken a level below zero: the book refuses them and waits for a snapshot. `crossed_books` are frames that left
    the book they touched crossed, or stated a crossed one.
    """

    gaps: int = 0
    resyncs: int = 0
    negative_levels: int = 0
    crossed_books: int = 0
    troubles: int = 0
    _lost: set[MarketId] = field(default_factory=set)

    def after_frame(self, events: Sequence[StreamEvent]) -> None:
        """Count one frame by what it changed."""
        for event in events:
            if isinstance(event, Book):
                self._touched(event)
            elif isinstance(event, BookGap):
                self._lost.update(event.markets)
                # the stream tells in words only why a book is gone
                negative = "would be -" in event.reason or "negative" in event.reason
                self.negative_levels += negative
                self.gaps += not negative
            else:
                # a market that changed or got its result is news, and no trouble
                self.troubles += isinstance(event, StreamTrouble)
                self.crossed_books += isinstance(event, StreamTrouble) and event.reason.endswith("is crossed")

    def _touched(self, book: Book) -> None:
        self.crossed_books += book.crossed
        if self._lost and book.live and book.market in self._lost:
            self._lost.discard(book.market)
            self.resyncs += 1


class TalliedStream:
    """A book stream with its tally. The end of a recording is not the venue hanging up: books stay as they were seen."""

    def __init__(self, stream: BookStream, tally: Tally) -> None:
        self.url = stream.url
        self.outbox = stream.outbox
        self.heartbeat = stream.heartbeat
        self.books: Mapping[MarketId, Book] = stream.books
        self.opened = stream.opened
        self.load = stream.load
        self._receive = stream.receive
        self._count = tally.after_frame

    def headers(self, wall_ns: int) -> Mapping[str, str]:
        """A recording asks for no credentials."""
        return {}

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        """One frame, counted."""
        events = self._receive(data, received_ns)
        self._count(events)
        return events

    def closed(self) -> Sequence[StreamEvent]:
        return ()


class HangingUpStream(TalliedStream):
    """One whose recording keeps when the venue hung up: then its books are lost, though not at the recording's end."""

    def __init__(self, stream: BookStream, tally: Tally, channel: ReplayChannel) -> None:
        super().__init__(stream, tally)
        self._closed = stream.closed
        self._channel = channel

    def closed(self) -> Sequence[StreamEvent]:
        """The connection is gone, counted as a gap where it took live books."""
        if self._channel.next_ns is None:
            return ()
        events = self._closed()
        self._count(events)
        return events


class QuoteData(BestQuoteData):
    """One venue of a best-quotes recording."""

    def __init__(self, name: str, markets: Sequence[Market], tally: Tally) -> None:
        super().__init__(name, url_of(name), markets)
        self._tally = tally

    def stream(self, markets: Sequence[Market]) -> BookStream:
        """The recorded lines, one book an instrument."""
        return TalliedStream(super().stream(markets), self._tally)


class WindowData(QuoteData):
    """A Kalshi window: raw frames through the live decoder."""

    def __init__(self, markets: Sequence[Market], tally: Tally, *, use_yes_price: bool) -> None:
        super().__init__("kalshi", markets, tally)
        self._use_yes_price = use_yes_price

    def stream(self, markets: Sequence[Market]) -> BookStream:
        """Frames of other markets were left out by the recorder: only a number that goes back is a gap."""
        url = url_of(self.name)
        stream = KalshiBookStream(
            KalshiConfig(url, url), None, markets, use_yes_price=self._use_yes_price, contiguous=False
        )
        return TalliedStream(stream, self._tally)


def url_of(venue: str) -> str:
    """Where a replay transport finds the frames of a venue."""
    return f"recording://{venue}"


# Kalshi windows


class _Message(msgspec.Struct):
    market_ticker: str = ""
    yes_dollars_fp: list[tuple[Decimal, Decimal]] | None = None
    no_dollars_fp: list[tuple[Decimal, Decimal]] | None = None


class _Snapshot(msgspec.Struct):
    type: str
    msg: _Message


_decode_snapshot = msgspec.json.Decoder(_Snapshot).decode


@dataclass(frozen=True, slots=True)
class Contents:
    """A recording looked through once: its markets by venue, its time span, and how the NO side was written."""

    markets: Mapping[str, Sequence[Market]]
    first_ns: int
    last_ns: int
    use_yes_price: bool = False


def window_contents(recording: Recording, precision: Precision) -> Contents:
    """The markets of a Kalshi window are those that it has snapshots of. Raises SettingsError when there is none."""
    first_ns = last_ns = 0
    tickers: dict[str, None] = {}
    yes_price: bool | None = None
    for at_ns, frame in kalshi_frames(recording):
        first_ns, last_ns = first_ns or at_ns, at_ns
        if b'"orderbook_snapshot"' not in frame:
            continue
        try:
            snapshot = _decode_snapshot(frame)
        except msgspec.MsgspecError as error:
            raise SettingsError(f"{recording.files[0]}: a snapshot cannot be read ({error})") from error
        tickers[snapshot.msg.market_ticker] = None
        if yes_price is None:
            yes_price = written_in_yes_terms(snapshot.msg.yes_dollars_fp or (), snapshot.msg.no_dollars_fp or ())
    if not tickers:
        raise SettingsError(f"{recording.files[0]}: holds no order book snapshot, so there is no book to rebuild")
    markets = [_window_market(ticker, last_ns + DAY, precision) for ticker in tickers]
    return Contents({"kalshi": markets}, first_ns, last_ns, bool(yes_price))


def written_in_yes_terms(yes: Iterable[tuple[Decimal, Decimal]], no: Iterable[tuple[Decimal, Decimal]]) -> bool | None:
    """How a snapshot's NO side was written: only one reading leaves the book uncrossed. None where it cannot be told.

    In NO terms a NO bid at q is an ask at 1 - q; in YES terms the price is the ask as it stands. A shallow book can be
    uncrossed both ways: then it is NO terms, which was the venue's default until it changes.
    """
    bids, others = [price for price, _ in yes], [price for price, _ in no]
    if not bids or not others:
        return None
    return max(bids) >= 1 - max(others) and max(bids) < min(others)


def _window_market(ticker: str, closes_ns: int, precision: Precision) -> Market:
    return _market(market_id("kalshi", ticker), closes_ns, kalshi_fees(Rate(RATE_ONE), "quadratic", precision))


def watched(markets: Iterable[MarketId]) -> list[Link]:
    """A link for each market alone: its book is kept and counted, and there is nothing to compare it with."""
    one, zero = Price(MICRO), Price(0)
    return [
        Link(native_of(market), LinkKind.YES_NO, native_of(market), (State("yes"), State("no")), {market: (one, zero)})
        for market in markets
    ]


# Recordings of ours


class FramesData(ReplayedData):
    """One venue of a recording of ours, tallied."""

    def __init__(self, data: MarketData, natives: Sequence[str], tally: Tally, channel: ReplayChannel) -> None:
        super().__init__(data, natives)
        self._tally = tally
        self._channel = channel

    def stream(self, markets: Sequence[Market]) -> BookStream:
        """The adapter's stream, tallied."""
        return HangingUpStream(super().stream(markets), self._tally, self._channel)


@dataclass(frozen=True, slots=True)
class FramesContents:
    """Recordings of ours that are played together, by venue."""

    venues: Mapping[str, Recorded]

    @property
    def first_ns(self) -> int:
        """When the first recorder began."""
        return min(recorded.header.began_ns for recorded in self.venues.values())

    @property
    def markets(self) -> list[MarketId]:
        """Everything recorded."""
        return [market_id(venue, native) for venue, each in self.venues.items() for native in each.header.markets]


def frames_contents(recording: Recording) -> FramesContents:
    """The venues of a recording. Raises SettingsError for two of one venue, an unknown venue, or one without frames."""
    venues: dict[str, Recorded] = {}
    for path in recording.files:
        recorded = read_recording(path)
        venue = recorded.header.venue
        if venue not in ("kalshi", "polymarket"):
            raise SettingsError(f"{path}: venue {venue!r} is neither kalshi nor polymarket")
        if venue in venues:
            raise SettingsError(f"{path}: {venue} is in {venues[venue].path.name} already; a run has one file a venue")
        if not recorded.frames:
            raise SettingsError(f"{path}: holds no frames, so there is no book to rebuild")
        venues[venue] = recorded
    # in the order of their names, whatever the order of the files
    return FramesContents(dict(sorted(venues.items())))


def frames_links(contents: FramesContents, links: Iterable[Link], source: str) -> list[Link]:
    """The links whose markets were all recorded. Raises SettingsError, naming what is missing, where that is none."""
    recorded = set(contents.markets)
    links = list(links)
    whole = [link for link in links if recorded.issuperset(link.markets)]
    if not whole:
        missing = sorted({market for link in links for market in link.markets} - recorded)
        raise SettingsError(
            f"{source}: no link has all its markets in the recording; missing: {', '.join(missing[:5])}"
        )
    return whole


def frames_sides(
    contents: FramesContents, precision: Precision, tally: Tally, clock: VirtualClock
) -> tuple[dict[str, FramesData], ReplayTransport]:
    """The real adapters over a replay of what was recorded."""
    transport = ReplayTransport(
        {each.stream_url: recorded_frames(each.path) for each in contents.venues.values()},
        clock,
        {target: known for each in contents.venues.values() for target, known in each.answers.items()},
        contents.first_ns,
    )
    sides: dict[str, FramesData] = {}
    for venue, each in contents.venues.items():
        data: MarketData
        if venue == "kalshi":
            config = replace(KALSHI, ws_url=each.stream_url, precision=precision)
            data = KalshiData(config, transport, clock, _throw_away_key())
        else:
            data = PolymarketData(transport, PolymarketConfig(market_ws_url=each.stream_url), TokenRegistry())
        sides[venue] = FramesData(data, each.header.markets, tally, transport.channels[each.stream_url])
    return sides, transport


def _throw_away_key() -> KalshiKey:
    """The adapter signs its stream's handshake; a recording asks nobody."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KalshiKey("replay", pem)


# Best quotes


def quote_contents(recording: Recording, links: Iterable[Link], precision: Precision) -> Contents:
    """The linked instruments as markets. Raises SettingsError for a row of a venue that is not known."""
    first_ns = last_ns = 0
    venues: set[bytes] = set()
    for at_ns, line in quote_lines(recording):
        first_ns, last_ns = first_ns or at_ns, at_ns
        venues.add(_venue(line))
    strange = sorted(name.decode(errors="replace") for name in venues if name.decode("latin-1") not in VENUE_OF_ROW)
    if strange:
        raise SettingsError(f"{recording.files[0]}: venue {strange[0]!r} is none of {', '.join(VENUE_OF_ROW)}")
    if not first_ns:
        raise SettingsError(f"{recording.files[0]}: holds no rows")
    markets: dict[str, list[Market]] = {name: [] for name in VENUE_OF_ROW.values()}
    for market in dict.fromkeys(market for link in links for market in link.markets):
        venue = venue_of(market)
        fees = kalshi_fees(Rate(RATE_ONE), "quadratic", precision) if venue == "kalshi" else polymarket_fees(PM_US_RATE)
        markets[venue].append(_market(market, closes_ns(native_of(market)) or last_ns + DAY, fees))
    return Contents(markets, first_ns, last_ns)


def quotes_of(recording: Recording, venue: str) -> Iterator[tuple[int, bytes]]:
    """One venue's rows of a best-quotes recording."""
    column = next(row for row, name in VENUE_OF_ROW.items() if name == venue).encode()
    return ((at_ns, line) for at_ns, line in quote_lines(recording) if _venue(line) == column)


def _venue(line: bytes) -> bytes:
    return line.split(b",", 2)[1] if line.count(b",") >= 2 else b""


def closes_ns(instrument: str) -> int | None:
    """Recordings of quotes state no closing time: the end (UTC) of the day after the date in the instrument's name."""
    for pattern, form in _DATES:
        found = pattern.search(instrument)
        if found is not None:
            try:
                day = datetime.strptime(found[1].title() if "b" in form else found[1], form).replace(tzinfo=UTC)
            except ValueError:
                continue
            return int(day.timestamp()) * SECOND + 2 * DAY
    return None


def _market(market: MarketId, ends_ns: int, fees: FeeSchedule) -> Market:
    """A market as its venue would describe it, where the recording says nothing: whole-cent grid and hundredths of a
    contract at Kalshi; tenth-of-a-cent grid, whole contracts and whole cents a purchase at Polymarket."""
    native = native_of(market)
    kalshi = venue_of(market) == "kalshi"
    return Market(
        id=market,
        event=native,
        title=native,
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(_CENT if kalshi else _MILL),
        lot=Size(10_000),
        take_lot=Size(10_000 if kalshi else MICRO),
        min_size=Size(10_000 if kalshi else 5 * MICRO),
        min_cash=Cash(0 if kalshi else MICRO),
        buy_cash_step=Cash(1 if kalshi else 10_000),
        sell_cash_step=Cash(1 if kalshi else 100),
        fees=fees,
        pool="kalshi:0" if kalshi else "polymarket:pusd",
        status=MarketStatus.OPEN,
        closes_ns=ends_ns,
    )
