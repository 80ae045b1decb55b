"""The engine's end of the state stream: a Unix socket that any number of readers may listen to.

Nothing here is awaited by trading and nothing grows: each reader has a small write buffer, one place for the newest value of
each snapshot and a bounded queue of events; one that stays behind for long is dropped and may come again. Without a reader
a publication is one assignment.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import msgspec

from dutchbook.bus.messages import Event, Hello, Missed, Snapshot, encode
from dutchbook.bus.place import prepare_folder, state_path
from dutchbook.core.facts import AnyFact

BUFFER: Final = 512 * 1024
"""Bytes that may wait in a reader's write buffer before it counts as slow."""

QUEUE: Final = 2_000
"""Events that wait for a slow reader; older ones are left out and it is told how many."""

PATIENCE_S: Final = 15.0
"""A reader that takes nothing for this long is dropped."""

READERS: Final = 32
"""Readers at a time; a further one is turned away."""


class StateStream:
    """`publish` and `announce` may be called at any time; `serve` is what lets readers in."""

    def __init__(self, ledger: Path, hello: Hello) -> None:
        self.path = state_path(ledger)
        self.hello = hello
        self._ledger = ledger
        self._readers: set[_Reader] = set()
        self._latest: dict[str, Snapshot] = {}
        self._seq = hello.seq
        self._news: list[tuple[int, int, str, str]] = []

    @property
    def readers(self) -> int:
        """How many listen now: what is only for them need not be computed while there are none."""
        return len(self._readers)

    def publish(self, name: str, at_ns: int, value: object) -> None:
        """The newest value of a snapshot, true at wall time `at_ns`. `value` must not be changed afterwards."""
        snapshot = self._latest[name] = Snapshot(name, at_ns, value)
        if self._readers:
            line = encode(snapshot)
            for reader in tuple(self._readers):
                reader.snapshot(name, line)

    def announce(self, last: int, at_ns: int, facts: Sequence[AnyFact]) -> None:
        """Facts that have just been appended to the journal at wall time `at_ns`; `last` is the number of the last."""
        self._seq = last
        if not self._readers:
            return
        if not self._news:
            # told after whatever is going on: facts are recorded between a quote and its orders
            asyncio.get_running_loop().call_soon(self._tell)
        self._news += (
            (seq, at_ns, str(fact.__struct_config__.tag), getattr(fact, "trade", ""))
            for seq, fact in enumerate(facts, last - len(facts) + 1)
        )

    def _tell(self) -> None:
        news, self._news = self._news, []
        lines = [encode(Event(*each)) for each in news]
        for reader in tuple(self._readers):
            for line in lines:
                reader.event(line)

    async def serve(self) -> None:
        """Let readers in until cancelled. Raises OSError when the socket cannot be made; then nobody listens."""
        prepare_folder(self.path, self._ledger)
        # the ledger's lock lets one engine at a time come here: a socket that lies there is of one that died
        self.path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(0o177)
            try:
                listening.bind(str(self.path))
            finally:
                os.umask(before)
            listening.setblocking(False)
            server = await asyncio.get_running_loop().create_unix_server(lambda: _Reader(self), sock=listening)
        except BaseException:
            listening.close()
            raise
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for reader in tuple(self._readers):
                reader.close()
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _enter(self, reader: _Reader) -> bool:
        if len(self._readers) >= READERS:
            return False
        self._readers.add(reader)
        told = self._news[0][0] - 1 if self._news else self._seq
        reader.event(encode(msgspec.structs.replace(self.hello, seq=told)))
        for name, snapshot in self._latest.items():
            reader.snapshot(name, encode(snapshot))
        return True

    def _leave(self, reader: _Reader) -> None:
        self._readers.discard(reader)


class _Reader(asyncio.Protocol):
    """One connection. While its buffer is full, snapshots replace each other and events queue."""

    def __init__(self, stream: StateStream) -> None:
        self._stream = stream
        self._transport: asyncio.WriteTransport | None = None
        self._slow_since: float | None = None
        self._snapshots: dict[str, bytes] = {}
        self._events: deque[bytes] = deque()
        self._missed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.set_write_buffer_limits(high=BUFFER)
        if not self._stream._enter(self):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._stream._leave(self)

    def data_received(self, data: bytes) -> None:
        """A reader has nothing to say here; whoever talks is at the wrong door."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._slow_since = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        self._slow_since = None
        if self._missed:
            self._write(encode(Missed(self._missed)))
            self._missed = 0
        while self._events and self._slow_since is None:
            self._write(self._events.popleft())
        while self._snapshots and self._slow_since is None:
            self._write(self._snapshots.pop(next(iter(self._snapshots))))

    def snapshot(self, name: str, line: bytes) -> None:
        if self._waits():
            self._snapshots[name] = line
        else:
            self._write(line)

    def event(self, line: bytes) -> None:
        if not self._waits():
            self._write(line)
            return
        self._events.append(line)
        if len(self._events) > QUEUE:
            self._events.popleft()
            self._missed += 1

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _waits(self) -> bool:
        """Whether it cannot take more now; drops it when that has been so for long."""
        if self._slow_since is None:
            return bool(self._events or self._snapshots)
        if asyncio.get_running_loop().time() - self._slow_since > PATIENCE_S and self._transport is not None:
            self._transport.abort()
        return True

    def _write(self, line: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line)
