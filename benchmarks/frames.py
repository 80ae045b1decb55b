"""Kalshi frames: decode, apply, read the best prices; against a typed decode of the same fields alone, on the same frames.

The frames are the recorded windows where they are present, else deltas of the same shape made from a seed. Figures are
ratios of two measurements taken in turn; a peer is never another run's absolute time.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import msgspec

from dutchbook.core.claim import market_id
from dutchbook.core.fees import FREE
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import Cash, Price, Size
from dutchbook.feed.recordings import Format, find, kalshi_frames
from dutchbook.venues.kalshi.config import KalshiConfig
from dutchbook.venues.kalshi.frames import DeltaFrame
from dutchbook.venues.kalshi.stream import KalshiBookStream

CONFIG = KalshiConfig("http://recording", "ws://recording")


class _Message(msgspec.Struct, gc=False):
    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: str
    ts_ms: int = 0


class _Peer(msgspec.Struct, tag_field="type", tag="orderbook_delta", gc=False):
    """The peer: the same fields, decoded and nothing else."""

    sid: int
    seq: int
    msg: _Message


def shared_data() -> Path:
    """The folder of recordings: DUTCHBOOK_DATA, or ../shared/data beside the checkout."""
    return Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def market(ticker: str) -> Market:
    """A market with the grid of the recorded windows."""
    return Market(
        id=market_id("kalshi", ticker),
        event=ticker,
        title=ticker,
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(10_000)),
        lot=Size(10_000),
        take_lot=Size(10_000),
        min_size=Size(10_000),
        min_cash=Cash(0),
        buy_cash_step=Cash(1),
        sell_cash_step=Cash(1),
        fees=FREE,
        pool="kalshi:0",
        status=MarketStatus.OPEN,
        closes_ns=1 << 62,
    )


def recorded(folder: Path) -> dict[str, list[bytes]]:
    """Raw frames by window."""
    return {
        recording.name: [frame for _, frame in kalshi_frames(recording)]
        for recording in find([folder])
        if recording.format is Format.KALSHI_WINDOW
    }


def made(seed: int, count: int) -> dict[str, list[bytes]]:
    """A snapshot and `count` deltas that never take a level below zero."""
    rng = random.Random(seed)
    sizes = {("yes", price): 100_00 for price in range(1, 45)} | {("no", price): 100_00 for price in range(1, 45)}

    def side(name: str) -> list[list[str]]:
        return [[f"{p / 100:.4f}", f"{s / 100:.2f}"] for (of, p), s in sizes.items() if of == name]

    frames: list[dict[str, Any]] = [
        {
            "type": "orderbook_snapshot",
            "sid": 1,
            "seq": 1,
            "msg": {"market_ticker": "MADE", "yes_dollars_fp": side("yes"), "no_dollars_fp": side("no")},
        }
    ]
    for seq in range(2, count + 2):
        key = rng.choice(list(sizes))
        delta = rng.randint(-sizes[key], 20_000)
        sizes[key] += delta
        frames.append(
            {
                "type": "orderbook_delta",
                "sid": 1,
                "seq": seq,
                "msg": {
                    "market_ticker": "MADE",
                    "market_id": "4f5c2e39-5132-4147-ba3f-b3485ad89427",
                    "price_dollars": f"{key[1] / 100:.4f}",
                    "delta_fp": f"{delta / 100:.2f}",
                    "side": key[0],
                    "ts_ms": 1_785_901_540_731 + seq,
                },
            }
        )
    return {"made": [msgspec.json.encode(frame) for frame in frames]}


def play(ticker: str, frames: list[bytes]) -> dict[str, int]:
    """One window through the real stream: what a careful reader counts after every frame."""
    listed = market(ticker)
    stream = KalshiBookStream(CONFIG, None, [listed], use_yes_price=False, contiguous=False)
    stream.opened()
    book = stream.books[listed.id]
    negative = crossed = gaps = troubles = 0
    for number, frame in enumerate(frames):
        events = stream.receive(frame, number)
        if events and events[0] is not book:
            kinds = [type(event).__name__ for event in events]
            gaps += "BookGap" in kinds
            troubles += "StreamTrouble" in kinds
        if book.live:
            bid, ask = book.bids.best(), book.asks.best()
            crossed += bid is not None and ask is not None and bid >= ask
            negative += any(size <= 0 for _, size in book.bids.levels(1) + book.asks.levels(1))
    return {
        "frames": len(frames),
        "gaps": gaps,
        "troubles": troubles,
        "negative_levels": negative,
        "crossed_books": crossed,
    }


def measure(ticker: str, frames: list[bytes], rounds: int = 7) -> dict[str, float]:
    """Median nanoseconds a delta of ours (decode, apply, both best prices) and of the peer, taken in turn."""
    deltas = [frame for frame in frames if b'"orderbook_delta"' in frame[:40]]
    snapshot = next(frame for frame in frames if b'"orderbook_snapshot"' in frame[:40])
    first = frames.index(snapshot)
    deltas = [frame for frame in frames[first:] if b'"orderbook_delta"' in frame[:40]]
    decode = msgspec.json.Decoder(_Peer).decode
    ours, peer = [], []
    for _ in range(rounds):
        listed = market(ticker)
        stream = KalshiBookStream(CONFIG, None, [listed], use_yes_price=False, contiguous=False)
        stream.opened()
        stream.receive(snapshot, 0)
        book = stream.books[listed.id]
        receive, bid, ask = stream.receive, book.bids.best, book.asks.best
        start = perf_counter_ns()
        for frame in deltas:
            receive(frame, 1)
            bid()
            ask()
        ours.append((perf_counter_ns() - start) / len(deltas))
        start = perf_counter_ns()
        for frame in deltas:
            decode(frame)
        peer.append((perf_counter_ns() - start) / len(deltas))
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return {
        "ours_ns": round(statistics.median(ours)),
        "typed_decode_ns": round(statistics.median(peer)),
        "ratio": round(statistics.median(ratios), 2),
    }


def run(folder: Path | None = None, seed: int = 7) -> dict[str, Any]:
    """All windows under `folder` (default: the shared recordings), or made frames where there are none."""
    folder = folder or shared_data() / "kalshi_ws"
    source = recorded(folder) if folder.exists() else made(seed, 40_000)
    windows = {name: {**play(name, frames), **measure(name, frames)} for name, frames in source.items()}
    totals = {
        key: sum(int(window[key]) for window in windows.values())
        for key in ("frames", "gaps", "troubles", "negative_levels", "crossed_books")
    }
    ratios = [window["ratio"] for window in windows.values()]
    return {
        "source": "recorded windows" if folder.exists() else f"made frames, seed {seed}",
        **totals,
        "ratio_median": statistics.median(ratios),
        "ratio_worst": max(ratios),
        "ok": totals["negative_levels"] == totals["crossed_books"] == 0 and max(ratios) <= 4,
        "windows": windows,
    }


if __name__ == "__main__":
    assert DeltaFrame.__struct_fields__ == _Peer.__struct_fields__
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(run())) + b"\n")
