"""The journal on a disk that fails: locked, full, cut in the middle of a write, without power.

The journal is the real one and SQLite runs for real; faults act on its files and on its connection. What a death or a
power loss leaves is put together from the bytes of the real files before and after the write that it interrupts, so
nothing that was acknowledged is ever touched: the journal has to keep it.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import AnyFact
from dutchbook.ledger.head import head_path
from dutchbook.ledger.journal import Journal
from dutchbook.torture.network import Crash

StoreWay = Literal["database_busy", "disk_full", "torn_write", "power_loss"]

SECTOR: Final = 512
"""Bytes that a disk writes as one."""


@dataclass(frozen=True, slots=True)
class StoreFault:
    """What happens to one append. `seed` draws the byte of a cut, the garbage, and which sectors arrived."""

    way: StoreWay
    seed: str = ""


class Appends(Protocol):
    """Who decides about appends: the weather."""

    def append(self, power_safe: bool = False) -> StoreFault | None:
        """What happens to the next append; None leaves it alone."""

    def struck(self, kind: str, where: str) -> None:
        """A fault has really hit: a full disk may take some appends before it is noticed."""


@dataclass(frozen=True, slots=True)
class Files:
    """The bytes of a journal's database, of its write-ahead log and of its head file; b"" for one that is not there.

    The head file is written after the log: a write that is interrupted has not reached it.
    """

    database: bytes
    log: bytes
    head: bytes

    @classmethod
    def of(cls, path: Path) -> Files:
        """As another process would find them now."""
        return cls(_read(path), _read(_log_of(path)), _read(head_path(path)))

    def put(self, path: Path) -> None:
        """Make the files on the disk these. The shared index goes: SQLite makes it anew from the log."""
        _index_of(path).unlink(missing_ok=True)
        for file, content in ((path, self.database), (_log_of(path), self.log), (head_path(path), self.head)):
            if content:
                file.write_bytes(content)
            else:
                file.unlink(missing_ok=True)


def torn(before: Files, after: Files, draw: random.Random) -> Files:
    """What a process that died inside a write leaves: the beginning of it, its end possibly garbled.

    Once the database itself has been written to (a checkpoint), the log was whole; then the tear is in the database.
    """
    if before.database != after.database:
        return Files(_cut(before.database, after.database, draw), after.log, before.head)
    return Files(before.database, _cut(before.log, after.log, draw), before.head)


def unsynced(before: Files, after: Files, draw: random.Random) -> Files:
    """What a power loss inside a write leaves: all that was synced before, and any of the new sectors or none."""
    if before.database != after.database:
        return Files(_scatter(before.database, after.database, draw), after.log, before.head)
    return Files(before.database, _scatter(before.log, after.log, draw), before.head)


class WeatheredJournal(Journal):
    """The real journal on a disk whose faults the weather draws, with a crash point on either side of each append.

    `gate` is called at each crash point and may raise Crash; `on_death` hears of a death inside a write, before Crash is
    raised. Set them after opening. The dead write nothing.
    """

    weather: Appends | None = None
    gate: Callable[[str], None] = staticmethod(lambda point: None)
    on_death: Callable[[str], None] = staticmethod(lambda kind: None)
    _left: Files | None = None
    _filling = False
    _waits: bool | None = None

    @property
    def power_safe(self) -> bool:
        """Whether every append waits for the disk, as SQLite itself says."""
        if self._waits is None:
            (level,) = self._db.execute("PRAGMA synchronous").fetchone()
            self._waits = bool(level >= 2)
        return self._waits

    def append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        """As the journal does, or as the fault has it. Raises LedgerError and Crash."""
        self._require_life()
        self.gate("before an append")
        fault = None if self.weather is None else self.weather.append(self.power_safe)
        if fault is None:
            self._append(facts, at_ns)
        elif fault.way == "database_busy":
            self._append_locked_out(facts, at_ns)
        elif fault.way == "disk_full":
            self.fill_disk()
            self._append(facts, at_ns)
        else:
            self._append_and_die(fault, facts, at_ns)
        self.gate("after an append")

    def set_gauge(self, key: str, value: object) -> None:
        self._require_life()
        super().set_gauge(key, value)

    def fill_disk(self) -> None:
        """From now on the file cannot grow: SQLite says that the disk is full as soon as an append needs a new page."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        self._db.execute(f"PRAGMA max_page_count={pages}")
        self._filling = True

    def free_disk(self) -> None:
        """Room again. A journal that is opened anew has it too."""
        self._db.execute("PRAGMA max_page_count=1073741823")
        self._filling = False

    def perish(self) -> None:
        """The process is gone: close, and leave the files as they were at the instant of its death.

        An orderly close would tidy them up, which no dead process does.
        """
        left = self._left or Files.of(self.path)
        self.close()
        left.put(self.path)

    def _append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        try:
            super().append(facts, at_ns)
        except LedgerError:
            if self._filling:
                self._told("disk_full")
            raise

    def _append_locked_out(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        other = sqlite3.connect(self.path, isolation_level=None, timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
            self._told("database_busy")
            super().append(facts, at_ns)
        finally:
            if other.in_transaction:
                other.execute("ROLLBACK")
            other.close()

    def _append_and_die(self, fault: StoreFault, facts: Sequence[AnyFact], at_ns: int) -> None:
        before = Files.of(self.path)
        super().append(facts, at_ns)
        draw = random.Random(fault.seed)
        after = Files.of(self.path)
        self._left = (torn if fault.way == "torn_write" else unsynced)(before, after, draw)
        self._told(fault.way)
        self.on_death(fault.way)
        raise Crash

    def _require_life(self) -> None:
        if self._left is not None:
            raise Crash

    def _told(self, kind: str) -> None:
        if self.weather is not None:
            self.weather.struck(kind, "append")


def alter_record(path: Path, draw: random.Random) -> int:
    """Change one byte of an acknowledged record's body in a closed journal's file; returns the record's number.

    The change is made in the file's own bytes: SQLite does not notice it, only the chain can.
    """
    before = _records(path)
    body = draw.choice(before)[1]
    content = bytearray(path.read_bytes())
    # a long body goes on in another page; its beginning does not
    at = content.index(body[:100]) + draw.randrange(min(len(body), 100))
    content[at] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    return next(int(old[0]) for old, new in zip(before, _records(path), strict=True) if old != new)


def _records(path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT seq, body FROM journal ORDER BY seq").fetchall()
    finally:
        connection.close()


def _difference(before: bytes, after: bytes) -> tuple[int, int]:
    """Where two states of a file begin to differ and where they stop."""
    shared = min(len(before), len(after))
    first = next((at for at in range(0, shared, SECTOR) if before[at : at + SECTOR] != after[at : at + SECTOR]), shared)
    while first < shared and before[first] == after[first]:
        first += 1
    last = len(after)
    if len(before) == len(after):
        while last > first and before[last - 1] == after[last - 1]:
            last -= 1
    return first, last


def _cut(before: bytes, after: bytes, draw: random.Random) -> bytes:
    first, last = _difference(before, after)
    if last <= first:
        return after
    end = draw.randint(first, last - 1)
    kept = bytearray(after[:end])
    if draw.random() < 0.4:
        # the last bytes that arrived are not what was meant
        garbled = draw.randint(first, end)
        kept[garbled:end] = draw.randbytes(end - garbled)
    kept += before[end:]
    return bytes(kept)


def _scatter(before: bytes, after: bytes, draw: random.Random) -> bytes:
    first, last = _difference(before, after)
    share = draw.choice((0.0, 0.2, 0.5, 0.8))
    # a file system may have grown the file without the data: zeros
    kept = bytearray(before.ljust(len(after), b"\0"))
    for at in range(first // SECTOR * SECTOR, last, SECTOR):
        if draw.random() < share:
            kept[at : at + SECTOR] = after[at : at + SECTOR]
    if draw.random() < 0.5:
        del kept[len(before) :]
    return bytes(kept)


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _index_of(path: Path) -> Path:
    return path.with_name(path.name + "-shm")


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
