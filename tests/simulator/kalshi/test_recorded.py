"""A market whose book moves as it really did, from recorded frames."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dutchbook.simulator.kalshi import KalshiExchange
from simulator.kalshi.member import DOLLAR, ONE, SECOND, T0, TICKER, Member, floor, spec

WINDOW = "KXGOLD15M-26AUG101815-15"


def snapshot(bids: list[tuple[str, str]], no_bids: list[tuple[str, str]], ticker: str = TICKER) -> bytes:
    msg = {"market_ticker": ticker, "yes_dollars_fp": bids, "no_dollars_fp": no_bids}
    return json.dumps({"type": "orderbook_snapshot", "sid": 1, "seq": 1, "msg": msg}).encode()


def delta(side: str, price: str, size: str, ticker: str = TICKER) -> bytes:
    msg = {"market_ticker": ticker, "price_dollars": price, "delta_fp": size, "side": side}
    return json.dumps({"type": "orderbook_delta", "sid": 1, "seq": 2, "msg": msg}).encode()


def playing(*frames: tuple[int, bytes], **options: Any) -> tuple[KalshiExchange, Member, Any]:
    exchange, ann = floor()
    played = exchange.play_recording(TICKER, [(10**18 + at * SECOND, data) for at, data in frames], T0, **options)
    return exchange, ann, played


def book(ann: Member) -> tuple[list[list[str]], list[list[str]]]:
    sides = ann.get(f"/markets/{TICKER}/orderbook")["orderbook_fp"]
    return sides["yes_dollars"], sides["no_dollars"]


def test_the_book_is_the_recorded_one_at_each_recorded_time() -> None:
    _, ann, played = playing(
        (0, snapshot([("0.40", "5.00")], [("0.55", "3.00")])),
        (1, delta("yes", "0.41", "2.00")),
        (1, delta("no", "0.55", "-3.00")),
        (2, snapshot([], [("0.50", "1.00")])),
    )
    assert book(ann) == ([["0.4000", "5.00"]], [["0.5500", "3.00"]])
    ann.now += SECOND
    assert book(ann) == ([["0.4000", "5.00"], ["0.4100", "2.00"]], [])
    ann.now += SECOND
    assert book(ann) == ([], [["0.5000", "1.00"]])
    assert played.played == 4


def test_liquidity_that_was_taken_stays_taken_until_the_recording_adds_more() -> None:
    _, ann, _ = playing(
        (0, snapshot([], [("0.55", "3.00")])),
        (1, delta("yes", "0.30", "1.00")),
        (2, delta("no", "0.55", "-2.00")),
        (3, delta("no", "0.55", "4.00")),
    )
    assert ann.placed("bid", "0.45", "2", "immediate_or_cancel")["fill_count"] == "2.00"
    ann.now += SECOND
    assert book(ann)[1] == [["0.5500", "1.00"]]
    ann.now += SECOND
    assert book(ann)[1] == [], "two of three went away in truth: nothing of the one left is promised"
    ann.now += SECOND
    assert book(ann)[1] == [["0.5500", "4.00"]]


def test_a_members_resting_order_trades_when_the_recorded_book_comes_to_it() -> None:
    _, ann, _ = playing((0, snapshot([("0.40", "5.00")], [])), (1, delta("no", "0.59", "2.00")))
    ann.placed("bid", "0.41", "10")
    ann.now += SECOND
    assert ann.position() == "2.00"


def test_prices_in_yes_terms_are_read_as_such_and_other_markets_and_trades_are_left_out() -> None:
    _, ann, played = playing(
        (0, snapshot([], [("0.45", "3.00")])),
        (0, delta("yes", "0.30", "9.00", ticker="OTHER")),
        (0, b'{"type":"trade","msg":{"market_ticker":"x"}}'),
        use_yes_price=True,
    )
    assert book(ann) == ([], [["0.5500", "3.00"]])
    assert played.played == 1


def frames_of(window: str) -> Iterator[tuple[int, bytes]]:
    root = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
    folder = root / "kalshi_ws" / window
    if not folder.exists():
        pytest.skip(f"recorded windows not found at {folder} (set DUTCHBOOK_DATA)")
    for file in sorted(folder.glob("*.ndjson.gz")):
        with gzip.open(file, "rb") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["recv_ms"] * 1_000_000, json.dumps(row["event"]).encode()


def test_a_real_window_plays_through_and_a_member_can_trade_in_it() -> None:
    frames = list(frames_of(WINDOW))[:4000]
    exchange = KalshiExchange(7)
    exchange.list_market(spec(WINDOW, tick=100, closes_ns=T0 + 24 * 3600 * SECOND), T0)
    ann = Member(exchange, "ann", {0: 100 * DOLLAR})
    played = exchange.play_recording(WINDOW, frames, T0)
    began = exchange.best(WINDOW)
    ends = T0 + frames[-1][0] - frames[0][0]
    exchange.drain(ends)
    bid, ask = exchange.best(WINDOW)
    assert played.played > 3000 and (bid, ask) != began
    assert bid is not None and ask is not None and bid < ask
    ann.now = ends
    filled = ann.placed("bid", f"{ask / ONE:.4f}", "0.01", "immediate_or_cancel", ticker=WINDOW)
    assert filled["fill_count"] == "0.01"
