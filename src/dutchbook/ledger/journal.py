"""The append-only journal: facts in one SQLite file, each record chained to the one before by its hash.

One writer at a time (an operating-system lock), any number of readers. A journal belongs to one identity (mode, profile,
hosts, accounts) and refuses another, and a witness beside it (`head.py`) knows where it ends. Never edits and never deletes
a record; nothing here decides anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import msgspec

from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import AnyFact
from dutchbook.ledger.head import Witness, check_end, read_head

SCHEMA_VERSION: Final = 2
_APPLICATION_ID: Final = 0x64626F6B
_GENESIS: Final = b"\0" * 32

_UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file raises: SQLite's words about it may themselves be damaged."""

_INSERT: Final = "INSERT INTO journal (seq, at_ns, body, hash) VALUES (?, ?, ?, ?)"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyFact)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose ledger it is. Accounts are public names (key ids, wallet addresses), never secrets."""

    mode: str
    profile: str
    hosts: tuple[str, ...]
    accounts: tuple[str, ...]

    def texts(self) -> dict[str, str]:
        return {
            "mode": self.mode,
            "profile": self.profile,
            "hosts": " ".join(sorted(self.hosts)),
            "accounts": " ".join(sorted(self.accounts)),
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One journal line. `at_ns` is wall time."""

    seq: int
    at_ns: int
    fact: AnyFact


class Journal:
    """A ledger file. Open with `Journal.write` (takes the lock) or `Journal.read`."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: int | None) -> None:
        self._db = connection
        self._lock = lock
        self.path = path
        row = connection.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq: int = row[0] if row else 0
        self._hash: bytes = row[1] if row else _GENESIS
        self._witness: Witness | None = None

    @classmethod
    def write(cls, path: Path, identity: Identity, *, power_safe: bool = False, busy_s: float = 5.0) -> Self:
        """Open for appending, creating the file if there is none.

        `power_safe` waits for the disk at every append (durable across power loss); otherwise an append is durable across
        the death of the process. `busy_s` is how long (seconds) to wait for another program that holds the file's write
        lock before giving up. Raises LedgerError naming the file and the fix, also for a journal that ends before the
        record that its head file has seen: what is missing may be orders.
        """
        _refuse_folder(path)
        lock = _take_lock(path)
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(path, isolation_level=None, timeout=busy_s)
            # a file without any table is one that we were about to create when the process died
            empty = _is_empty(connection)
            if empty:
                check_end(path, read_head(path), 0, None)
            else:
                check_ours(connection, path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={'FULL' if power_safe else 'NORMAL'}")
            if empty:
                _create(connection, identity)
            _check_identity(connection, path, identity)
            journal = cls(connection, path, lock)
            journal._begin_witness()
            return journal
        except BaseException as error:
            if connection is not None:
                connection.close()
            os.close(lock)
            if isinstance(error, _UNREADABLE):
                raise explain(error, path) from error
            raise

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Open read-only; works while an engine writes. Raises LedgerError when there is no such ledger."""
        if not path.exists():
            raise LedgerError(f"ledger {path}: there is no such file; run `dutchbook run` or `dutchbook demo` first")
        _refuse_folder(path)
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=5.0
            )
            check_ours(connection, path)
            return cls(connection, path, None)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, _UNREADABLE):
                raise explain(error, path) from error
            raise

    @property
    def seq(self) -> int:
        """Number of the last record: for a reader, of the last one when it was opened."""
        return self._seq

    @property
    def head(self) -> str:
        """Hash of the last record, hexadecimal: equal for two ledgers only when every record is equal to the byte."""
        return self._hash.hex()

    def append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        """Write facts in one transaction: all of them or none. Raises LedgerError; then nothing was written."""
        rows = []
        seq, previous = self._seq, self._hash
        for fact in facts:
            seq += 1
            body = _encoder.encode(fact)
            previous = chain(previous, seq, at_ns, body)
            rows.append((seq, at_ns, body, previous))
        try:
            if len(rows) == 1:
                # a statement by itself is a transaction, and cheaper than three
                self._db.execute(_INSERT, rows[0])
            else:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(_INSERT, rows)
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise explain(error, self.path) from error
        self._seq, self._hash = seq, previous
        if self._witness is not None:
            self._witness.see(seq, previous)

    def records(self, after: int = 0) -> Iterator[Record]:
        """Records in order, those with a number above `after`. Raises LedgerError for one that cannot be read."""
        query = "SELECT seq, at_ns, body FROM journal WHERE seq > ? ORDER BY seq"
        for seq, at_ns, body in self._rows(query, (after,)):
            try:
                yield Record(seq, at_ns, _decoder.decode(body))
            except (msgspec.DecodeError, TypeError) as error:
                raise LedgerError(
                    f"ledger {self.path}: record {seq} cannot be read ({error}); "
                    "it was altered or written by a newer version: restore a backup or upgrade"
                ) from error

    def verify(self) -> int:
        """Check the hash chain and its end; returns the number of records. Raises LedgerError naming the first bad one.

        Records cut off at the end leave a whole, shorter chain: only the head file tells.
        """
        # read first: while an engine writes, the journal is never behind what the file said before
        head, hash_at_head = read_head(self.path), None
        previous, expected = _GENESIS, 0
        for seq, at_ns, body, stored in self._rows("SELECT seq, at_ns, body, hash FROM journal ORDER BY seq"):
            expected += 1
            if seq != expected:
                raise LedgerError(f"ledger {self.path}: record {expected} is missing; restore a backup")
            try:
                previous = chain(previous, seq, at_ns, body)
            except (TypeError, AttributeError, OverflowError):
                # SQLite keeps values of any type: an edit may have changed the type as well
                previous = b""
            if stored != previous:
                raise LedgerError(f"ledger {self.path}: record {seq} was altered; restore a backup")
            if head is not None and seq == head.seq:
                hash_at_head = previous
        check_end(self.path, head, expected, hash_at_head)
        return expected

    @property
    def witnessed(self) -> bool:
        """Whether a head file stands beside the ledger, without which records cut off at the end are not noticed."""
        return read_head(self.path) is not None

    def _begin_witness(self) -> None:
        """Compare the end with the head file, then go on writing it. Raises LedgerError when they disagree."""
        head = read_head(self.path)
        if head is not None:
            row = self._db.execute("SELECT hash FROM journal WHERE seq = ?", (head.seq,)).fetchone()
            check_end(self.path, head, self._seq, row[0] if row else None)
        self._witness = Witness(self.path)
        self._witness.see(self._seq, self._hash)

    def identity(self) -> dict[str, str]:
        """Mode, profile, hosts and accounts that this ledger belongs to."""
        return dict(self._rows("SELECT key, value FROM meta"))

    def set_gauge(self, key: str, value: object) -> None:
        """Publish a snapshot for readers (funnel, health). Not a fact: overwritten, outside the chain."""
        try:
            self._db.execute(
                "INSERT INTO gauges (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, _encoder.encode(value)),
            )
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    def gauge(self, key: str) -> object | None:
        """The last published snapshot of a name, decoded from JSON; None when there is none."""
        row = next(self._rows("SELECT value FROM gauges WHERE key = ?", (key,)), None)
        return None if row is None else msgspec.json.decode(row[0])

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query; a file that has become unreadable is a LedgerError."""
        try:
            yield from self._db.execute(query, values)
        except _UNREADABLE as error:
            raise explain(error, self.path) from error

    def close(self) -> None:
        """Close the file and give the lock back."""
        self._db.close()
        if self._witness is not None:
            self._witness.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def chain(previous: bytes, seq: int, at_ns: int, body: bytes) -> bytes:
    """SHA-256 over the previous hash, the number, the time and the body."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + at_ns.to_bytes(8, "big") + body).digest()


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise LedgerError(f"ledger {path}: this is a folder; name a file in it")


def _take_lock(path: Path) -> int:
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LedgerError(f"ledger {path}: cannot create its lock file ({error.strerror}); check the folder") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LedgerError(
            f"ledger {path}: another engine is running on it; stop that one, or give this one its own ledger path"
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise LedgerError(f"ledger {path}: cannot be locked ({error.strerror}); put it on a local disk") from error
    return descriptor


def _create(connection: sqlite3.Connection, identity: Identity) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute(
        "CREATE TABLE journal (seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL)"
    )
    connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    connection.execute("CREATE TABLE gauges (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", identity.texts().items())
    connection.execute("COMMIT")


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return not tables


def check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raises LedgerError for a file of another program or of a newer version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise LedgerError(f"ledger {path}: this SQLite file is not a dutchbook ledger; choose another path")
    if version < SCHEMA_VERSION:
        raise LedgerError(
            f"ledger {path}: written by an older dutchbook (schema {version}, this one reads {SCHEMA_VERSION}), whose state "
            "tables were others; keep it as a record, and begin a new one with `dutchbook reconcile --adopt --ledger NEW`"
        )
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"ledger {path}: written by a newer dutchbook (schema {version}, this one reads {SCHEMA_VERSION}); upgrade"
        )


def _check_identity(connection: sqlite3.Connection, path: Path, identity: Identity) -> None:
    stored = dict(connection.execute("SELECT key, value FROM meta"))
    for key, wanted in identity.texts().items():
        if stored.get(key) != wanted:
            raise LedgerError(
                f"ledger {path}: belongs to {key} {stored.get(key)!r}, this run has {wanted!r}; "
                "use the ledger of this mode and account, or another path"
            )


def explain(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> LedgerError:
    """What an error of SQLite means for the operator, with the fix."""
    text = "malformed names" if isinstance(error, UnicodeDecodeError) else str(error)
    if "full" in text:
        return LedgerError(f"ledger {path}: the disk is full; nothing was sent. Free some space and start again")
    if "disk I/O" in text:
        return LedgerError(f"ledger {path}: the disk refused ({text}); check its free space and its health")
    if "locked" in text or "busy" in text:
        return LedgerError(f"ledger {path}: locked by another program; close it and start again")
    if "not a database" in text or "malformed" in text:
        return LedgerError(
            f"ledger {path}: not a readable SQLite file ({text}); restore a backup or choose another path"
        )
    if "readonly" in text or "unable to open" in text:
        return LedgerError(f"ledger {path}: cannot be opened or written ({text}); check the path and its permissions")
    return LedgerError(f"ledger {path}: {text}")
