"""How far the chat has been told: a small file beside the ledger, so that a restart tells what came meanwhile and nothing twice.

Holds the number of the last record whose message arrived, and the last day that was summed up. Not history: it may be deleted.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from dutchbook.core.errors import SettingsError


class Told(msgspec.Struct, frozen=True):
    """Records up to `seq` are told, and the days up to `day` (ISO) summed up."""

    seq: int
    day: str = ""


class Cursor:
    """The file `<ledger>.alerts`, held by one process at a time."""

    def __init__(self, ledger: Path) -> None:
        self._path = ledger.with_name(ledger.name + ".alerts")
        self._lock = -1

    def hold(self) -> None:
        """Raises SettingsError when another process tells of this ledger already."""
        self._lock = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise SettingsError(
                f"{self._path}: another `dutchbook alerts` tells of this ledger already; end it"
            ) from None

    def read(self) -> Told | None:
        """None when there is none yet, or what is there cannot be read."""
        try:
            return msgspec.json.decode(os.pread(self._lock, 4096, 0), type=Told)
        except msgspec.MsgspecError:
            return None

    def write(self, told: Told) -> None:
        """In place: a text as long as any, so that a torn write cannot mix two. Raises OSError."""
        os.pwrite(self._lock, msgspec.json.encode(told).ljust(128), 0)

    def release(self) -> None:
        """Let another process have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
