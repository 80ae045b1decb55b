"""Polling in place of a stream: the simulator's books arrive by REST, as old as they are, and trouble makes them invalid."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, market_id, native_of
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import NotSent, RateLimited
from dutchbook.core.events import BookGap, StreamEvent, StreamTrouble
from dutchbook.core.transport import CLOSED, Frame, Request, Response
from dutchbook.core.venue import BookSnapshot
from dutchbook.feed.connection import Connection, KeepAlive
from dutchbook.feed.polling import READ_NS, PolledData, PollingChannel, round_ns
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.world import World
from dutchbook.venues.kalshi import KalshiConfig, KalshiData

ORIGIN_NS = 1_795_000_000 * SECOND
LATENCY_NS = 20 * MILLISECOND


class Faulty(MemoryTransport):
    """The simulator's transport with a switch: `trouble` may answer or raise in place of a request for a book."""

    trouble: Callable[[Request], Response | None] | None = None
    books_asked = 0

    async def send(self, request: Request) -> Response:
        if "/orderbook" in request.url:
            self.books_asked += 1
            answer = self.trouble(request) if self.trouble is not None else None
            if answer is not None:
                return answer
        return await super().send(request)


class Scene:
    """A Kalshi simulator, its world, and a polled connection to it without a key."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.exchange = KalshiExchange(3)
        self.world = World(3, self.exchange, None, clock.wall())
        self.world.list_all(clock.wall())
        self.world.step(clock.wall())
        delay = (LATENCY_NS, LATENCY_NS)
        self.transport = Faulty({"http://kalshi": self.exchange}, clock, Latency(delay, delay))
        config = KalshiConfig("http://kalshi/trade-api/v2", "ws://kalshi/trade-api/ws/v2")
        self.data = PolledData(KalshiData(config, self.transport, clock), clock)
        self.heard: list[StreamEvent] = []

    async def connect(self, count: int) -> Connection:
        natives = [listing.id for listing in self.world.listings("kalshi")][:count]
        stream = self.data.stream(await self.data.markets(natives))
        assert len(stream.books) == count
        keep_alive = KeepAlive(silent_ns=3 * round_ns(count))
        return Connection("kalshi books", stream, self.data.transport, self.clock, self.heard.extend, keep_alive)

    def books(self) -> list[Book]:
        return [event for event in self.heard if isinstance(event, Book)]

    def gaps(self) -> list[BookGap]:
        return [event for event in self.heard if isinstance(event, BookGap)]


def play(scenario: Callable[[Scene], Awaitable[Any]]) -> Any:
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN_NS)

    async def whole() -> Any:
        scene = Scene(clock)
        try:
            return await scenario(scene)
        finally:
            await scene.transport.close()

    return run_virtual(loop, whole())


async def running(scene: Scene, connection: Connection, duration_ns: int) -> None:
    task = asyncio.create_task(connection.run())
    await scene.clock.sleep(duration_ns)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_every_book_is_the_venues_and_as_old_as_the_moment_before_it_was_asked_for() -> None:
    async def scenario(scene: Scene) -> None:
        connection = await scene.connect(5)
        task = asyncio.create_task(connection.run())
        await scene.clock.sleep(SECOND // 2)
        for market, book in connection.stream.books.items():  # type: ignore[attr-defined]
            bid, ask = scene.exchange.best(native_of(market))
            assert (book.bids.best(), book.asks.best()) == (bid, ask) and book.live
            # the connection's word is never older than any of its books claims to be
            assert 2 * LATENCY_NS <= connection.last_frame_ns - book.received_ns < SECOND // 2
            assert book.as_of_ns <= scene.clock.wall() - LATENCY_NS
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(scenario)


def test_reads_keep_to_their_pace_however_many_markets_there_are() -> None:
    async def scenario(scene: Scene) -> None:
        connection = await scene.connect(15)
        await running(scene, connection, 6 * SECOND)
        assert scene.transport.books_asked == 15 * 4, "a round at once, and three more at 1.5 s each"
        assert connection.reconnects == 0, "a slow round is not a dead socket"

    play(scenario)


def test_a_book_that_cannot_be_read_is_invalid_until_it_can_and_the_others_go_on() -> None:
    async def scenario(scene: Scene) -> None:
        connection = await scene.connect(3)
        first = next(iter(connection.stream.books))  # type: ignore[attr-defined]
        scene.transport.trouble = lambda request: Response(500, b"") if native_of(first) in request.url else None
        task = asyncio.create_task(connection.run())
        await scene.clock.sleep(SECOND // 2)
        live = {market: book.live for market, book in connection.stream.books.items()}  # type: ignore[attr-defined]
        assert [market for market, alive in live.items() if not alive] == [first]
        assert scene.gaps()[0].markets == (first,) and not scene.gaps()[0].fetch
        scene.transport.trouble = None
        await scene.clock.sleep(SECOND)
        assert connection.stream.books[first].live  # type: ignore[attr-defined]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(scenario)


def test_when_nothing_can_be_read_the_connection_backs_off_and_says_why() -> None:
    def unplugged(request: Request) -> Response | None:
        raise NotSent("the cable is out")

    async def scenario(scene: Scene) -> None:
        connection = await scene.connect(2)
        scene.transport.trouble = unplugged
        await running(scene, connection, 5 * SECOND)
        troubles = [event.reason for event in scene.heard if isinstance(event, StreamTrouble)]
        assert troubles and all("the cable is out" in reason for reason in troubles)
        assert connection.reconnects >= 2 and not scene.books()
        assert scene.transport.books_asked < 20, "it does not hammer"

    play(scenario)


def test_a_rate_limit_doubles_the_pause_and_a_clean_round_ends_that() -> None:
    async def scenario(scene: Scene) -> None:
        times: list[int] = []
        limited = True

        class Data:
            name = "kalshi"

            async def snapshot(self, market: MarketId) -> BookSnapshot:
                times.append(scene.clock.monotonic())
                if limited:
                    raise RateLimited("too many requests")
                return BookSnapshot(market, (), (), 0)

        channel = PollingChannel(Data(), scene.clock, (market_id("kalshi", "A"),))  # type: ignore[arg-type]
        for number in range(6):
            limited = number < 3
            await channel.receive()
        pauses = [(later - earlier) // SECOND for earlier, later in pairwise(times)]
        assert pauses == [2, 4, 8, 1, 1]

    play(scenario)


def test_closing_ends_a_wait_at_once_and_for_ever() -> None:
    async def scenario(scene: Scene) -> Sequence[Frame]:
        await scene.connect(2)
        channel = await scene.data.transport.open("poll:", {})
        await channel.receive()
        waiting = asyncio.create_task(channel.receive())
        await scene.clock.sleep(SECOND // 10)
        began = scene.clock.monotonic()
        await channel.close()
        frames = [await waiting, await channel.receive()]
        assert scene.clock.monotonic() == began
        return frames

    assert play(scenario) == [CLOSED, CLOSED]


def test_a_round_is_never_shorter_than_a_second_nor_than_its_reads() -> None:
    assert round_ns(1) == SECOND
    assert round_ns(200) == 200 * READ_NS
