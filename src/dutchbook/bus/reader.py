"""A reader's end of the state stream: `StateReader(ledger).updates()` goes on for ever and reconnects by itself.

Works before an engine runs, over its restarts and after its death: that it is away is itself an update. Never writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from dutchbook.bus.messages import Event, Hello, Missed, Snapshot, decode
from dutchbook.bus.place import state_path

LINE: Final = 16 * 1024 * 1024
"""The longest line that is read, bytes."""


@dataclass(frozen=True, slots=True)
class Connected:
    """An engine answered. Facts that were appended meanwhile are in the journal; its newest snapshots follow."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class Disconnected:
    """No engine is heard: it ended, died, has not begun, or dropped this reader. Told once until the next `Connected`."""

    reason: str


Update = Connected | Disconnected | Snapshot | Event | Missed


class StateReader:
    """Reads the stream of a ledger. `retry_s` is the pause between two tries to connect."""

    def __init__(self, ledger: Path, retry_s: float = 0.5) -> None:
        self.path = state_path(ledger)
        self._retry_s = retry_s

    async def updates(self) -> AsyncIterator[Update]:
        """What the engine tells, in order, until the iteration is given up. Lines that cannot be read are left out."""
        told = False
        while True:
            reason = ""
            try:
                reader, writer = await asyncio.open_unix_connection(str(self.path), limit=LINE)
            except OSError as error:
                reason = "no engine serves this ledger" if isinstance(error, FileNotFoundError) else str(error)
            else:
                try:
                    async for update in _lines(reader):
                        told = False
                        yield update
                    reason = "the engine ended the connection"
                except (OSError, ValueError) as error:
                    reason = str(error)
                finally:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()
            if not told:
                told = True
                yield Disconnected(reason)
            await asyncio.sleep(self._retry_s)


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[Update]:
    while line := await reader.readline():
        try:
            message = decode(line)
        except msgspec.MsgspecError:
            continue  # of a newer engine, or cut off by its death
        yield Connected(message) if isinstance(message, Hello) else message
