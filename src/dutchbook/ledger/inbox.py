"""Commands from other processes to the engine that runs on a ledger: a table in the same file, outside the hash chain.

The local form of `system.commands` (M46). A sender writes a row in one short transaction while the engine holds the
journal's lock; the engine polls, takes each row once and answers it with a sentence. The row is post, not history: what the
engine took up is in the journal as a fact. Nothing here acts on a command.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote

import msgspec

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import LedgerError
from dutchbook.ledger.journal import check_ours, explain

STALE_NS: Final = 30 * SECOND
"""A command older than this is refused: whoever sent it has stopped waiting and may have done something else since."""

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS commands (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, verb TEXT NOT NULL, "
    'arguments TEXT NOT NULL, "by" TEXT NOT NULL, taken_ns INTEGER, answered_ns INTEGER, answer TEXT)'
)

_SENDER_PATIENCE_S: Final = 5.0
_ENGINE_PATIENCE_S: Final = 0.05
"""The engine would rather look again at the next poll than stand still."""


class Answer(msgspec.Struct, frozen=True):
    """What the engine says to a command: done or not, in one sentence."""

    done: bool
    text: str


class Command(msgspec.Struct, frozen=True):
    """One command. `at_ns` is the sender's wall time; `arguments` are plain words, as `by` is the sender's name."""

    id: int
    at_ns: int
    verb: str
    arguments: dict[str, str]
    by: str

    def stale(self, wall_ns: int) -> bool:
        """Whether it is too old to be done, or from a clock that is too far off to tell."""
        return abs(wall_ns - self.at_ns) > STALE_NS


@dataclass(frozen=True, slots=True)
class Letter:
    """A row as it came: a command, or why it is none."""

    id: int
    command: Command | None
    trouble: str = ""


class Inbox:
    """Both ends of the table, on a connection of its own. Every method raises LedgerError when the file cannot be used."""

    def __init__(self, path: Path, patience_s: float) -> None:
        if not path.exists():
            raise LedgerError(f"ledger {path}: there is no such file; run `dutchbook run` or `dutchbook demo` first")
        self.path = path
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=patience_s
            )
            check_ours(connection, path)
            connection.execute(_TABLE)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise explain(error, path) from error
            raise
        self._db = connection

    @classmethod
    def of_sender(cls, path: Path) -> Inbox:
        """For a process that commands the engine."""
        return cls(path, _SENDER_PATIENCE_S)

    @classmethod
    def of_engine(cls, path: Path) -> Inbox:
        """For the engine itself, which never waits long."""
        return cls(path, _ENGINE_PATIENCE_S)

    # -- the sender's end ---------------------------------------------------------------------------------------------

    def send(self, verb: str, arguments: Mapping[str, str], by: str, at_ns: int) -> int:
        """Put a command in; its number."""
        row = (at_ns, verb, msgspec.json.encode(dict(arguments)).decode(), by)
        with self._explained():
            cursor = self._db.execute('INSERT INTO commands (at_ns, verb, arguments, "by") VALUES (?, ?, ?, ?)', row)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def answer(self, number: int) -> Answer | None:
        """The engine's answer, None while there is none."""
        with self._explained():
            row = self._db.execute("SELECT answer FROM commands WHERE id = ?", (number,)).fetchone()
        return None if row is None or row[0] is None else msgspec.json.decode(row[0], type=Answer)

    def withdraw(self, number: int, at_ns: int) -> bool:
        """Take a command back that nobody has taken up; False when the engine has it already."""
        return self._close(number, at_ns, Answer(False, "withdrawn by the sender"), "taken_ns IS NULL")

    # -- the engine's end ---------------------------------------------------------------------------------------------

    def waiting(self) -> list[Letter]:
        """What nobody has taken up, oldest first."""
        with self._explained():
            rows = self._db.execute(
                'SELECT id, at_ns, verb, arguments, "by" FROM commands WHERE taken_ns IS NULL ORDER BY id'
            ).fetchall()
        return [_letter(*row) for row in rows]

    def take(self, number: int, at_ns: int) -> bool:
        """Take one up; False when it is gone. True is said once for each command, whatever dies afterwards."""
        with self._explained():
            cursor = self._db.execute(
                "UPDATE commands SET taken_ns = ? WHERE id = ? AND taken_ns IS NULL", (at_ns, number)
            )
        return cursor.rowcount == 1

    def reply(self, number: int, answer: Answer, at_ns: int) -> None:
        """Answer a command that was taken up."""
        self._close(number, at_ns, answer, "answered_ns IS NULL")

    def abandoned(self) -> list[int]:
        """Commands that an earlier engine took up and never answered."""
        with self._explained():
            rows = self._db.execute(
                "SELECT id FROM commands WHERE taken_ns IS NOT NULL AND answered_ns IS NULL ORDER BY id"
            ).fetchall()
        return [number for (number,) in rows]

    # -- both ---------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Inbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close(self, number: int, at_ns: int, answer: Answer, condition: str) -> bool:
        text = msgspec.json.encode(answer).decode()
        with self._explained():
            cursor = self._db.execute(
                "UPDATE commands SET taken_ns = coalesce(taken_ns, ?), answered_ns = ?, answer = ? "
                f"WHERE id = ? AND {condition}",
                (at_ns, at_ns, text, number),
            )
        return cursor.rowcount == 1

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) from error


def engine_runs(path: Path) -> bool:
    """Whether a process holds the ledger's lock now: an engine, or an order by hand."""
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LedgerError(f"ledger {path}: its lock file cannot be opened ({error.strerror})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _letter(number: int, at_ns: object, verb: object, arguments: object, by: object) -> Letter:
    """A row of a file that other programs may write: anything may stand in it."""
    try:
        words = msgspec.json.decode(str(arguments), type=dict[str, str])
        plain = {"id": number, "at_ns": at_ns, "verb": verb, "arguments": words, "by": by}
        return Letter(number, msgspec.convert(plain, Command))
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        return Letter(number, None, str(error))
