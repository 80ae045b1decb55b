"""Recorded WebSocket frames through the real stream: no negative level, no crossed book, a real reconnect survived."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dutchbook.core.book import Book
from dutchbook.core.events import BookGap, StreamTrouble
from dutchbook.venues.kalshi.stream import KalshiBookStream
from venues.kalshi.bits import CONFIG, a_market, recorded


class _Line(msgspec.Struct):
    recv_ms: int
    event: msgspec.Raw


def _frames(window: Path) -> Iterator[tuple[int, bytes]]:
    decoder = msgspec.json.Decoder(_Line)
    for path in sorted(window.glob("*.ndjson.gz")):
        with gzip.open(path) as lines:
            for line in lines:
                row = decoder.decode(line)
                yield row.recv_ms, bytes(row.event)


def _replay(window: str) -> tuple[Book, int, list[BookGap]]:
    market = a_market(window)
    stream = KalshiBookStream(CONFIG, None, [market], use_yes_price=False, contiguous=False)
    stream.opened()
    book = stream.books[market.id]
    touched = 0
    gaps: list[BookGap] = []
    for recv_ms, data in _frames(recorded("kalshi_ws", window)):
        for event in stream.receive(data, recv_ms):
            assert not isinstance(event, StreamTrouble), event
            if isinstance(event, BookGap):
                gaps.append(event)
            else:
                touched += 1
                assert not book.crossed
    return book, touched, gaps


@pytest.mark.parametrize(
    "window",
    ["KXGOLD15M-26AUG101930-30", "KXGOLD15M-26AUG102000-00", "KXGOLD15M-26AUG102200-00", "KXGOLD15M-26AUG102315-15"],
)
def test_a_recorded_window_is_followed_to_its_empty_end(window: str) -> None:
    book, touched, gaps = _replay(window)
    assert gaps == []
    assert touched > 20_000
    # every window ends with an empty snapshot: both keys absent
    assert book.live and not book.bids.levels() and not book.asks.levels()


def test_a_recorded_reconnect_is_a_gap_mended_by_its_snapshot() -> None:
    book, touched, gaps = _replay("KXGOLD15M-26AUG102030-30")
    assert len(gaps) == 1 and "after" in gaps[0].reason
    assert touched > 20_000 and book.live
