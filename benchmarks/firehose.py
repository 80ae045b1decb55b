"""The highest lossless frame rate over a real loopback WebSocket: 1,000 Kalshi markets, decoded, applied, and decided on.

A second process serves a made exchange through the simulators' own server shell and paces deltas at a rate. This process is
the engine's path: transport, connection, book stream, crossing scan over 1,000 cross-venue links, and sizing where something
crosses. Lossless means that every number of the stream arrived in order. `run` raises the rate until a step is not kept up with.
"""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic_ns
from typing import Any

import msgspec
import uvloop

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import SECOND, SystemClock
from dutchbook.core.events import BookGap, StreamEvent
from dutchbook.core.fees import Precision, kalshi_fees, polymarket_fees
from dutchbook.core.link import same_bet
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import Cash, Price, Size, parse_rate
from dutchbook.core.transport import Request, Response
from dutchbook.feed.connection import Connection, KeepAlive
from dutchbook.opportunity.scan import Scanner
from dutchbook.opportunity.sizing import SizeLimits, size_bundle
from dutchbook.venues.http import AioTransport
from dutchbook.venues.kalshi.config import KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.stream import KalshiBookStream

MARKETS = 1_000
PER_SID = 25
MILLISECOND = 1_000_000
# the Ed25519 key of Kalshi's published signing vectors: it opens nothing
TEST_KEY = (
    b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    b"-----END PRIVATE KEY-----\n"
)


def ticker(number: int) -> str:
    return f"KXFIRE-26DEC31-M{number:04}"


class Hose:
    """An exchange that answers every subscription with snapshots and then sends deltas at a rate for a time."""

    name = "hose"

    def __init__(self, rate: int, seconds: float) -> None:
        self._rate = rate
        self._total = int(rate * seconds)
        self._sent = 0
        self._began = 0
        self._queue: list[tuple[int, bytes | None]] = []
        self._seq: dict[int, int] = {}
        self._random = random.Random(7)
        self._bodies = [self._body() for _ in range(20_000)]
        self._at = 0
        self._subscribed = 0

    def _body(self) -> tuple[int, bytes]:
        rng = self._random
        market = rng.randrange(MARKETS)
        side = rng.choice(("yes", "no"))
        # YES bids at 0.30-0.45, asks (the NO side, in YES prices) at 0.55-0.70: never crossed
        price = rng.randint(30, 45) if side == "yes" else rng.randint(55, 70)
        sign = "" if rng.random() < 0.5 else "-"
        text = (
            f'"msg":{{"market_ticker":"{ticker(market)}","market_id":"4f5c2e39-5132-4147-ba3f-b3485ad89427",'
            f'"price_dollars":"0.{price}00","delta_fp":"{sign}{rng.randint(1, 3)}.00","side":"{side}",'
            f'"ts_ms":1785901540731}}}}'
        )
        return market // PER_SID + 1, text.encode()

    def handle(self, request: Request, now: int) -> Response:
        return Response(404)

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int:
        return 1

    def receive(self, connection: int, data: bytes, now: int) -> None:
        command = msgspec.json.decode(data)
        if command.get("cmd") != "subscribe":
            return
        params = command["params"]
        tickers = params.get("market_tickers", [])
        sid = int(tickers[0][-4:]) // PER_SID + 1 if tickers else 999
        answer = {"id": command["id"], "type": "subscribed", "msg": {"channel": params["channels"][0], "sid": sid}}
        self._queue.append((connection, msgspec.json.encode(answer)))
        for name in tickers:
            levels = [[f"0.{p}00", "1000000.00"] for p in range(30, 46)]
            asks = [[f"0.{p}00", "1000000.00"] for p in range(55, 71)]
            message = {"market_ticker": name, "market_id": "x", "yes_dollars_fp": levels, "no_dollars_fp": asks}
            frame = {"type": "orderbook_snapshot", "sid": sid, "seq": self._next(sid), "msg": message}
            self._queue.append((connection, msgspec.json.encode(frame)))
            self._subscribed += 1
        if self._subscribed == MARKETS:
            self._began = now + SECOND

    def _next(self, sid: int) -> int:
        self._seq[sid] = seq = self._seq.get(sid, 0) + 1
        return seq

    def disconnect(self, connection: int) -> None:
        """One client is all there is."""

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        out, self._queue = self._queue, []
        if self._began and now >= self._began and self._sent < self._total:
            due = min(self._total, (now - self._began) * self._rate // SECOND)
            bodies, at = self._bodies, self._at
            for _ in range(due - self._sent):
                sid, body = bodies[at]
                at = at + 1 if at + 1 < len(bodies) else 0
                out.append((1, b'{"type":"orderbook_delta","sid":%d,"seq":%d,%b' % (sid, self._next(sid), body)))
            self._at, self._sent = at, due
            if self._sent == self._total:
                out.append((1, b'{"type":"hose_empty"}'))
        return out

    def wake_at(self) -> int | None:
        if not self._began or self._sent >= self._total:
            return None
        import time

        return max(self._began, time.time_ns() + 2 * MILLISECOND)


async def serve_hose(rate: int, seconds: float) -> None:
    from dutchbook.simulator.server import serve

    async with serve(Hose(rate, seconds)) as server:  # type: ignore[arg-type]
        print(server.ws_url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def _market(venue: str, native: str) -> Market:
    kalshi = venue == "kalshi"
    return Market(
        id=market_id(venue, native),
        event=native,
        title=native,
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(10_000)),
        lot=Size(10_000),
        take_lot=Size(10_000 if kalshi else 1_000_000),
        min_size=Size(10_000),
        min_cash=Cash(0),
        buy_cash_step=Cash(1 if kalshi else 10_000),
        sell_cash_step=Cash(1),
        fees=kalshi_fees(parse_rate("1"), "quadratic", Precision.DIRECT)
        if kalshi
        else polymarket_fees(parse_rate("0.05")),
        pool=f"{venue}:0",
        status=MarketStatus.OPEN,
        closes_ns=1 << 62,
    )


class Reader:
    """The engine's path from frame to decision."""

    def __init__(self, stream: KalshiBookStream, listed: Sequence[Market]) -> None:
        self.received = self.crossings = self.sized = self.gaps = self.first_ns = 0
        self.done = asyncio.Event()
        self.markets: dict[MarketId, Market] = {market.id: market for market in listed}
        self.books: dict[MarketId, Book] = dict(stream.books)
        links = []
        for number, market in enumerate(listed):
            other = _market("polymarket", f"twin-{number}")
            book = Book(other.id)
            # one in fifty twins is priced so that it crosses, which fees then refuse: the whole path is walked
            bid, ask = (440_000, 450_000) if number % 50 else (560_000, 570_000)
            book.snapshot([(bid, 50_000_000)], [(ask, 50_000_000)])
            self.books[other.id] = book
            self.markets[other.id] = other
            links.append(same_bet(f"l{number}", market.event, market.id, other.id, approved=True))
        self.scanner = Scanner(links, self.markets)
        pools = {"kalshi:0": Cash(10**9), "polymarket:0": Cash(10**9)}
        self.limits = SizeLimits(Cash(10**8), pools, Size(10**8), Cash(10_000), parse_rate("0"))

    def deliver(self, events: Sequence[StreamEvent]) -> None:
        books, scanner = self.books, self.scanner
        for event in events:
            if type(event) is not Book:
                self.gaps += isinstance(event, BookGap)
                continue
            self.received += 1
            if self.received == MARKETS + 1:
                self.first_ns = monotonic_ns()
            for bundle in scanner.crossings(event.market, books):
                self.crossings += 1
                if self.sized < self.crossings // 10:
                    # a standing crossing is sized anew at one update in ten, as fast as a real market would change it
                    self.sized += 1
                    size_bundle(bundle, books, self.markets, self.limits, 0, 0)


class _Watched(KalshiBookStream):
    """Tells when the hose is empty."""

    emptied: asyncio.Event

    def receive(self, data: bytes, received_ns: int) -> Sequence[StreamEvent]:
        if data == b'{"type":"hose_empty"}':
            self.emptied.set()
            return ()
        return super().receive(data, received_ns)


async def listen(rate: int, seconds: float) -> dict[str, Any]:
    """One rate: what arrived, how late the last frame was, and how memory moved."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        "serve",
        str(rate),
        str(seconds),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None and server.stdin is not None
    url = (await server.stdout.readline()).decode().strip()
    listed = [_market("kalshi", ticker(number)) for number in range(MARKETS)]
    config = KalshiConfig("http://127.0.0.1", url + "/trade-api/ws/v2", markets_per_subscription=PER_SID)
    stream = _Watched(config, KalshiKey("hose", TEST_KEY), listed)
    stream.emptied = asyncio.Event()
    reader = Reader(stream, listed)
    clock = SystemClock()
    transport = AioTransport(clock)
    connection = Connection("hose", stream, transport, clock, reader.deliver, KeepAlive(silent_ns=3_600 * SECOND))
    running = asyncio.create_task(connection.run())
    while reader.received < MARKETS:  # noqa: ASYNC110 - a benchmark's set-up
        await asyncio.sleep(0.05)
    rss_before = _rss_mb()
    reader.gaps = 0
    try:
        async with asyncio.timeout(seconds * 3 + 30):
            await stream.emptied.wait()
    except TimeoutError:
        pass
    took = (monotonic_ns() - reader.first_ns) / SECOND
    rss_after = _rss_mb()
    gaps = reader.gaps
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await transport.close()
    server.stdin.close()
    await server.wait()
    frames = reader.received - MARKETS
    return {
        "rate_asked": rate,
        "frames": frames,
        "expected": int(rate * seconds),
        "seconds": round(took, 2),
        "frames_per_second": round(frames / took),
        "lossless": frames == int(rate * seconds) and gaps == 0 and connection.reconnects == 0,
        "kept_up": took <= seconds * 1.02 + 0.2,
        "crossings_seen": reader.crossings,
        "sized": reader.sized,
        "rss_mb_before": rss_before,
        "rss_mb_after": rss_after,
    }


def _rss_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


def run(
    seconds: float = 60, rates: Sequence[int] = (20_000, 30_000, 40_000, 50_000), probe_s: float = 5
) -> dict[str, Any]:
    """Find the highest rate that is kept up with for a few seconds, then hold it for `seconds`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        best = rates[0]
        probes = []
        for rate in rates:
            probe = runner.run(listen(rate, probe_s))
            probes.append(probe)
            if not (probe["lossless"] and probe["kept_up"]):
                break
            best = rate
        held = runner.run(listen(best, seconds))
    return {
        "held": held,
        "probes": probes,
        "ok": bool(held["lossless"] and held["kept_up"] and held["frames_per_second"] >= 40_000 * 0.97),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve_hose(int(sys.argv[2]), float(sys.argv[3])))
    else:
        print(msgspec.json.format(msgspec.json.encode(run(float(sys.argv[1]) if len(sys.argv) > 1 else 60))).decode())
