"""The state stream: what an engine tells other processes, and what it costs when they are slow, dead or absent."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dutchbook.bus import stream as stream_module
from dutchbook.bus.messages import Event, Hello, Missed, Snapshot, decode
from dutchbook.bus.place import state_path
from dutchbook.bus.reader import Connected, Disconnected, StateReader, Update
from dutchbook.bus.stream import QUEUE, StateStream
from dutchbook.core.facts import Alarmed, EngineStopped

HELLO = Hello(pid=1, mode="paper", version="0", started_ns=5, seq=10)
PATIENCE_S = 30


@asynccontextmanager
async def serving(ledger: Path) -> AsyncIterator[StateStream]:
    """A stream that lets readers in while the block runs."""
    stream = StateStream(ledger, HELLO)
    task = asyncio.create_task(stream.serve())
    await until(lambda: stream.path.exists() or task.done())
    try:
        yield stream
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def reading(ledger: Path) -> AsyncIterator[list[Update]]:
    """What a reader has heard so far."""
    heard: list[Update] = []

    async def listen() -> None:
        async for update in StateReader(ledger, retry_s=0.01).updates():
            heard.append(update)

    task = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def connected(heard: list[Update]) -> bool:
    return any(isinstance(update, Connected) for update in heard)


async def test_m46_a_reader_hears_who_speaks_the_newest_of_everything_and_then_each_fact(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with serving(ledger) as stream:
        stream.publish("health", 1, {"accepting": False})
        stream.publish("health", 2, {"accepting": True})
        async with reading(ledger) as heard:
            await until(lambda: len(heard) >= 2)
            assert heard[:2] == [Connected(HELLO), Snapshot("health", 2, {"accepting": True})]
            stream.announce(12, 99, [Alarmed("code", "text", "trade-1"), EngineStopped("over")])
            await until(lambda: len(heard) >= 4)
            assert heard[2:] == [Event(11, 99, "alarmed", "trade-1"), Event(12, 99, "engine_stopped")]


async def test_m46_a_reader_comes_back_by_itself_after_the_engine_and_tells_once_that_it_was_away(
    tmp_path: Path,
) -> None:
    ledger = tmp_path / "ledger.db"
    async with reading(ledger) as heard:
        await until(lambda: bool(heard))
        async with serving(ledger):
            await until(lambda: connected(heard))
        await until(lambda: isinstance(heard[-1], Disconnected))
        async with serving(ledger) as again:
            await until(lambda: isinstance(heard[-1], Connected))
            again.publish("health", 3, None)
            await until(lambda: isinstance(heard[-1], Snapshot))
    kinds = [type(update) for update in heard]
    assert kinds == [Disconnected, Connected, Disconnected, Connected, Snapshot]


async def test_m46_the_socket_of_an_engine_that_died_does_not_stop_the_next_one(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(state_path(ledger)))
    async with serving(ledger), reading(ledger) as heard:
        await until(lambda: connected(heard))


async def test_m46_only_this_user_can_listen(tmp_path: Path) -> None:
    async with serving(tmp_path / "ledger.db") as stream:
        assert stat.S_IMODE(stream.path.stat().st_mode) == 0o600


async def test_m46_without_a_reader_nothing_is_encoded(tmp_path: Path) -> None:
    async with serving(tmp_path / "ledger.db") as stream:
        assert stream.readers == 0
        stream.publish("health", 1, object())  # could not be encoded
        stream.announce(11, 1, [object()])  # type: ignore[list-item]


async def _stuck(path: Path) -> asyncio.StreamWriter:
    """Someone who connects and never reads."""
    connection = socket.socket(socket.AF_UNIX)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, str(path))
    _, writer = await asyncio.open_unix_connection(sock=connection, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer


async def test_m46_a_slow_reader_holds_up_nobody_and_gets_the_newest_and_what_it_missed(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    big = "x" * 100_000
    async with serving(ledger) as stream:
        slow = await _stuck(stream.path)
        await until(lambda: stream.readers == 1)
        async with reading(ledger) as heard:
            await until(lambda: connected(heard))
            for number in range(40):
                stream.publish("table", number, big)
                await asyncio.sleep(0)
            sent = QUEUE + 500
            stream.announce(10 + sent, 1, [EngineStopped("over")] * sent)
            await until(lambda: Event(10 + sent, 1, "engine_stopped") in heard)
            (stuck,) = (each for each in stream._readers if each._slow_since is not None)
            assert len(stuck._events) == QUEUE
            assert len(stuck._snapshots) == 1
        slow.transport.resume_reading()  # type: ignore[attr-defined]
        got: list[Any] = []
        reader = slow.transport.get_protocol()._stream_reader  # type: ignore[attr-defined]
        reader._limit = 1 << 20
        async with asyncio.timeout(PATIENCE_S):
            while not (got and isinstance(got[-1], Snapshot) and got[-1].at_ns == 39):
                got.append(decode(await reader.readline()))
        slow.close()
    events = [message for message in got if isinstance(message, Event)]
    assert Missed(500) in got
    assert events[-1] == Event(10 + sent, 1, "engine_stopped")
    assert [event.seq for event in events] == list(range(511, 11 + sent))


async def test_m46_a_reader_that_takes_nothing_for_long_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "PATIENCE_S", 0.0)
    async with serving(tmp_path / "ledger.db") as stream:
        slow = await _stuck(stream.path)
        await until(lambda: stream.readers == 1)
        async with asyncio.timeout(PATIENCE_S):
            while stream.readers:
                stream.publish("table", 1, "x" * 200_000)
                await asyncio.sleep(0.001)
        slow.close()


async def test_m46_whoever_talks_is_at_the_wrong_door(tmp_path: Path) -> None:
    async with serving(tmp_path / "ledger.db") as stream:
        reader, writer = await asyncio.open_unix_connection(str(stream.path))
        writer.write(b'{"verb": "start"}\n')
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while await reader.read(4096):
                    pass
        writer.close()
        assert stream.readers == 0


async def test_m46_a_ledger_deep_in_the_tree_has_a_stream_too(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 60) / ("e" * 60)
    folder.mkdir(parents=True)
    ledger = folder / "ledger.db"
    assert len(str(state_path(ledger))) < 108
    async with serving(ledger) as stream, reading(ledger) as heard:
        await until(lambda: connected(heard))
        assert stat.S_IMODE(stream.path.parent.stat().st_mode) == 0o700


async def test_lines_that_nobody_understands_are_left_out(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"

    async def strange(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"type":"of a newer version","x":1}\nnot json\n{"type":"missed","events":3}\n')
        await writer.drain()

    server = await asyncio.start_unix_server(strange, state_path(ledger))
    async with server, reading(ledger) as heard:
        await until(lambda: bool(heard))
        assert heard[0] == Missed(3)
