"""Recordings played back through the transport seam: recorded times kept, order kept over all streams, pauses jumped."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.clock import DAY, HOUR, SECOND
from dutchbook.core.errors import NotSent
from dutchbook.core.events import MarketChanged, StreamEvent
from dutchbook.core.transport import FrameKind, Request
from dutchbook.feed.connection import Connection, KeepAlive
from dutchbook.feed.replay import ReplayTransport
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from feed.line import ORIGIN_NS, ScriptedStream, in_virtual_time

Heard = list[tuple[str, bytes, int]]


def play(streams: Mapping[str, list[tuple[int, bytes]]]) -> tuple[Heard, int]:
    """What each channel delivered (times from the origin), in the order of delivery, and how long it took in all."""

    async def story(clock: VirtualClock) -> tuple[Heard, int]:
        shifted = {url: iter([(ORIGIN_NS + at_ns, data) for at_ns, data in frames]) for url, frames in streams.items()}
        transport = ReplayTransport(shifted, clock)
        heard: Heard = []

        async def listen(url: str) -> None:
            channel = await transport.open(url, {})
            while (frame := await channel.receive()).kind is FrameKind.TEXT:
                heard.append((url, frame.data, clock.wall() - ORIGIN_NS))

        tasks = [asyncio.create_task(listen(url)) for url in streams]
        await transport.played()
        for task in tasks:
            task.cancel()
        return heard, clock.monotonic()

    return in_virtual_time(story)


def test_frames_arrive_at_their_recorded_times() -> None:
    heard, _ = play({"a": [(SECOND, b"1"), (SECOND + 5, b"2"), (3 * SECOND, b"3")]})
    assert [data for _, data, _ in heard] == [b"1", b"2", b"3"]
    for (_, _, at_ns), recorded in zip(heard, (SECOND, SECOND + 5, 3 * SECOND), strict=True):
        assert recorded <= at_ns < recorded + 1000


def test_frames_of_two_streams_arrive_in_the_order_of_their_times() -> None:
    heard, _ = play({"a": [(1 * SECOND, b"1"), (4 * SECOND, b"4")], "b": [(2 * SECOND, b"2"), (3 * SECOND, b"3")]})
    assert [data for _, data, _ in heard] == [b"1", b"2", b"3", b"4"]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abc"), st.lists(st.integers(0, 3 * 24 * 3600 * 1000), min_size=1, max_size=12), min_size=1
    )
)
def test_whatever_the_pauses_no_frame_comes_early_or_out_of_order(times: dict[str, list[int]]) -> None:
    """Times in milliseconds over three days."""
    streams = {url: [(ms * 10**6, b"%d" % ms) for ms in sorted(stamps)] for url, stamps in times.items()}
    heard, _ = play(streams)
    assert sorted(int(data) for _, data, _ in heard) == sorted(ms for stamps in times.values() for ms in stamps)
    assert [int(data) for _, data, _ in heard] == sorted(int(data) for _, data, _ in heard)
    for _, data, at_ns in heard:
        assert 0 <= at_ns - int(data) * 10**6 < 10**6


def test_a_frame_recorded_before_the_one_ahead_of_it_comes_at_once_and_in_its_place() -> None:
    heard, _ = play({"a": [(2 * SECOND, b"1"), (SECOND, b"2"), (3 * SECOND, b"3")]})
    assert [data for _, data, _ in heard] == [b"1", b"2", b"3"]
    assert heard[1][2] == heard[0][2]


def timers_until(streams: Mapping[str, list[tuple[int, bytes]]]) -> int:
    """How many times a timer of one second rings while the streams are played: what is jumped over is not lived."""

    async def story(clock: VirtualClock) -> int:
        shifted = {url: iter([(ORIGIN_NS + at_ns, data) for at_ns, data in frames]) for url, frames in streams.items()}
        transport = ReplayTransport(shifted, clock)
        rung = 0

        async def ring() -> None:
            nonlocal rung
            while True:
                await clock.sleep(SECOND)
                rung += 1

        async def listen(url: str) -> None:
            channel = await transport.open(url, {})
            while (await channel.receive()).kind is FrameKind.TEXT:
                pass

        tasks = [asyncio.create_task(work) for work in (ring(), *(listen(url) for url in streams))]
        await transport.played()
        for task in tasks:
            task.cancel()
        return rung

    return in_virtual_time(story)


def test_a_pause_of_all_streams_is_jumped_over() -> None:
    assert timers_until({"a": [(SECOND, b"1"), (DAY, b"2")], "b": [(SECOND, b"1"), (DAY, b"2")]}) < 100


def test_a_pause_of_one_stream_is_lived_through_while_another_speaks() -> None:
    busy = [(n * 10 * SECOND, b"x") for n in range(1, 361)]
    assert timers_until({"quiet": [(HOUR, b"1")], "busy": busy}) >= 3590


def test_a_short_silence_is_lived_through() -> None:
    assert timers_until({"a": [(SECOND, b"1"), (21 * SECOND, b"2")]}) >= 20


# -- as a connection sees it ------------------------------------------------------------------------------------------


def test_a_connection_that_opens_again_goes_on_where_the_recording_stood() -> None:
    """Two frames are read, we hang up, and the next opening brings the third."""

    async def story(clock: VirtualClock) -> list[bytes]:
        transport = ReplayTransport({"a": iter([(ORIGIN_NS + n * SECOND, b"%d" % n) for n in (1, 2, 3)])}, clock)
        first = await transport.open("a", {})
        heard = [(await first.receive()).data, (await first.receive()).data]
        await first.close()
        second = await transport.open("a", {})
        return [*heard, (await second.receive()).data]

    assert in_virtual_time(story) == [b"1", b"2", b"3"]


def test_a_wait_that_is_given_up_loses_no_frame() -> None:
    async def story(clock: VirtualClock) -> bytes:
        transport = ReplayTransport({"a": iter([(ORIGIN_NS + 5 * SECOND, b"kept")])}, clock)
        channel = await transport.open("a", {})
        waiting = asyncio.create_task(channel.receive())
        await clock.sleep(SECOND)
        waiting.cancel()
        return (await channel.receive()).data

    assert in_virtual_time(story) == b"kept"


def test_a_played_recording_is_delivered_whole_by_a_connection_which_then_waits() -> None:
    change = MarketChanged("v:1", "tick")  # type: ignore[arg-type]

    async def story(clock: VirtualClock) -> tuple[list[StreamEvent], int]:
        frames = iter([(ORIGIN_NS + n * SECOND, b"change") for n in range(1, 31)])
        transport = ReplayTransport({"ws://venue/stream": frames}, clock)
        delivered: list[StreamEvent] = []
        stream = ScriptedStream({b"change": (change,)})
        connection = Connection("replay", stream, transport, clock, delivered.extend, KeepAlive())
        task = asyncio.create_task(connection.run())
        await transport.played()
        await clock.sleep(HOUR)
        task.cancel()
        return delivered, connection.reconnects

    delivered, reconnects = in_virtual_time(story)
    assert delivered == [change] * 30
    assert reconnects == 1


def test_what_is_not_in_the_recording_cannot_be_opened_or_asked() -> None:
    async def story(clock: VirtualClock) -> None:
        transport = ReplayTransport({}, clock)
        with pytest.raises(NotSent, match="ws://elsewhere: not in the recording"):
            await transport.open("ws://elsewhere", {})
        with pytest.raises(NotSent, match="answers no requests"):
            await transport.send(Request("GET", "http://venue/markets"))

    in_virtual_time(story)


def test_the_same_recording_plays_the_same_to_the_nanosecond() -> None:
    streams = {url: [(n * 137_000_003 + len(url), url.encode()) for n in range(50)] for url in ("a", "bb", "ccc")}
    assert play(streams) == play(streams)


# -- virtual time itself ----------------------------------------------------------------------------------------------


def test_virtual_time_moves_by_jumps_and_only_forward() -> None:
    async def story(clock: VirtualClock) -> tuple[int, int, int]:
        await clock.sleep(DAY)
        slept = clock.monotonic()
        clock.advance_to(clock.wall() + HOUR)
        ahead = clock.monotonic()
        clock.advance_to(ORIGIN_NS)
        assert clock.wall() == ORIGIN_NS + clock.monotonic()
        return slept, ahead, clock.monotonic()

    slept, ahead, after = in_virtual_time(story)
    assert DAY <= slept < DAY + SECOND // 1000
    assert ahead == after == slept + HOUR


def test_tasks_that_all_wait_for_nothing_are_an_error_and_not_a_hang() -> None:
    async def story(clock: VirtualClock) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="every task waits and no timer is set"):
        in_virtual_time(story)


def test_an_error_that_nobody_handled_fails_the_run() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    async def story(clock: VirtualClock) -> str:
        asyncio.get_running_loop().call_soon(broken)
        await clock.sleep(SECOND)
        return "all is well"

    with pytest.raises(RuntimeError) as failed:
        in_virtual_time(story)
    assert isinstance(failed.value.__cause__, ZeroDivisionError)


def test_what_the_main_task_left_behind_is_cancelled() -> None:
    ended: list[str] = []

    async def left() -> None:
        try:
            await asyncio.sleep(10**6)
        finally:
            ended.append("cancelled")

    async def main() -> None:
        task = asyncio.create_task(left())
        await asyncio.sleep(1)
        assert not task.done()

    loop = VirtualLoop()
    run_virtual(loop, main())
    assert ended == ["cancelled"]
    assert loop.is_closed()
