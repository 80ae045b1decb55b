"""Faults of streams: each does to the frames of a real simulator what its name says, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.transport import CLOSED, PONG, Frame, FrameKind
from dutchbook.torture.line import FrameFault, Line
from torture.wires import Wires, delta_numbers, on_wires


class OneFault:
    """Befalls one frame, counted from the first that is asked about."""

    def __init__(self, at: int, fault: FrameFault) -> None:
        self.asked: list[str] = []
        self._at = at
        self._fault = fault

    def frame(self, stream: str, data: bytes) -> FrameFault | None:
        self.asked.append(stream)
        return self._fault if len(self.asked) - 1 == self._at else None


def numbers_with(fault: FrameFault, count: int) -> list[int]:
    """Sequence numbers of the first `count` frames after the snapshot, the fault befalling the second of them."""
    found: list[int] = []

    async def story(wires: Wires) -> None:
        channel = await wires.book_stream()
        wires.network.streams = OneFault(1, fault)
        wires.change_book(6)
        frames = [await channel.receive() for _ in range(count)]
        found.extend(delta_numbers(frames))

    on_wires(story)
    return found


def test_a_gap_swallows_frames_and_the_next_ones_come() -> None:
    assert numbers_with(FrameFault("gap", count=2), 4) == [2, 5, 6, 7]


def test_a_duplicated_frame_comes_twice() -> None:
    assert numbers_with(FrameFault("duplicate_frame"), 4) == [2, 3, 3, 4]


def test_a_reordered_frame_comes_after_the_one_that_followed_it() -> None:
    assert numbers_with(FrameFault("reordered_frames"), 4) == [2, 4, 3, 5]


def test_a_frame_put_aside_is_never_overtaken_by_a_pong() -> None:
    async def story(wires: Wires) -> None:
        channel = await wires.book_stream()
        wires.network.streams = OneFault(0, FrameFault("reordered_frames"))
        wires.change_book(1)
        await channel.ping()
        first, second = await channel.receive(), await channel.receive()
        assert delta_numbers([first]) == [2]
        assert second == PONG

    on_wires(story)


def test_silence_keeps_the_socket_open_and_everything_back_pongs_included() -> None:
    async def story(wires: Wires) -> None:
        channel = await wires.book_stream()
        wires.network.streams = OneFault(0, FrameFault("silence", duration_ns=3 * SECOND))
        began = wires.clock.monotonic()
        wires.change_book(2)
        await channel.ping()
        frames = [await channel.receive() for _ in range(3)]
        assert wires.clock.monotonic() - began >= 3 * SECOND
        assert delta_numbers(frames) == [2, 3]
        assert frames[2] == PONG

    on_wires(story)


def test_a_silent_socket_can_be_hung_up() -> None:
    async def story(wires: Wires) -> None:
        channel = await wires.book_stream()
        wires.network.streams = OneFault(0, FrameFault("silence", duration_ns=3600 * SECOND))
        wires.change_book(1)
        receiving = asyncio.ensure_future(channel.receive())
        await wires.clock.sleep(SECOND)
        assert not receiving.done()
        await channel.close()
        assert await receiving == CLOSED
        assert wires.clock.monotonic() < 60 * SECOND

    on_wires(story)


def test_a_storm_closes_this_socket_and_the_next_ones_after_a_few_frames() -> None:
    async def story(wires: Wires) -> None:
        channel = await wires.book_stream()
        wires.network.streams = OneFault(0, FrameFault("reconnect_storm", count=3, length=2))
        wires.change_book(1)
        assert await channel.receive() == CLOSED
        for _ in range(2):
            channel = await wires.book_stream()
            wires.change_book(1)
            assert await channel.receive() == CLOSED
            assert await channel.receive() == CLOSED
        channel = await wires.book_stream()
        wires.change_book(1)
        assert (await channel.receive()).kind is FrameKind.TEXT

    on_wires(story)


@pytest.mark.parametrize(
    ("fault", "left"),
    [(FrameFault("torn_frame", length=9), b'{"type":"'), (FrameFault("garbage_frame", garbage=b"\xff!"), b"\xff!")],
)
def test_a_spoiled_frame_comes_in_the_place_of_the_true_one(fault: FrameFault, left: bytes) -> None:
    async def story(wires: Wires) -> None:
        channel = await wires.book_stream()
        wires.network.streams = OneFault(0, fault)
        wires.change_book(2)
        assert (await channel.receive()).data == left
        assert delta_numbers([await channel.receive()]) == [3]

    on_wires(story)


def opened(url: str, first: dict[str, object]) -> Callable[[Wires], Awaitable[Line]]:
    async def open_it(wires: Wires) -> Line:
        wires.ann.now = wires.clock.wall()
        channel = await wires.seam.open(url, wires.ann.headers("GET", "/trade-api/ws/v2"))
        await channel.send(json.dumps(first).encode())
        assert isinstance(channel, Line)
        return channel

    return open_it


@pytest.mark.parametrize(
    ("open_it", "name"),
    [
        (opened("ws://kalshi/trade-api/ws/v2", {"id": 1, "cmd": "list_subscriptions"}), "kalshi book"),
        (
            opened(
                "ws://kalshi/trade-api/ws/v2",
                {"id": 1, "cmd": "subscribe", "params": {"channels": ["user_orders", "fill"]}},
            ),
            "kalshi private",
        ),
        (opened("ws://poly/ws/market", {"type": "market", "assets_ids": []}), "polymarket book"),
        (opened("ws://poly/ws/user", {"type": "user", "auth": {}}), "polymarket private"),
    ],
)
def test_a_line_knows_which_stream_it_carries(open_it: Callable[[Wires], Awaitable[Line]], name: str) -> None:
    async def story(wires: Wires) -> None:
        assert (await open_it(wires)).stream == name

    on_wires(story)


def test_polymarkets_answer_to_a_ping_is_no_frame_that_faults_befall() -> None:
    async def story(wires: Wires) -> None:
        line = await opened("ws://poly/ws/market", {"type": "market", "assets_ids": []})(wires)
        wires.network.streams = faults = OneFault(0, FrameFault("gap"))
        await line.send(b"PING")
        assert await line.receive() == Frame(FrameKind.TEXT, b"PONG")
        assert faults.asked == []
        await wires.clock.sleep(MILLISECOND)

    on_wires(story)
