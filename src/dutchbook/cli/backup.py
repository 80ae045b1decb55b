"""`dutchbook backup`: a verified copy of a ledger, taken while an engine writes it. It overwrites nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from dutchbook.cli.output import say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path
from dutchbook.core.clock import SECOND, SystemClock
from dutchbook.core.errors import LedgerError

if TYPE_CHECKING:
    from dutchbook.ledger.head import Head


def backup(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="PATH", help="The copy, or a folder for it; without it, beside the ledger."),
    ] = None,
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Copy a ledger to a new file with its head file, and prove the copy by its hash chain. An engine may be running."""
    source = ledger_path(ledger)
    target = place(source, to, SystemClock().wall())
    records, head = copy(source, target)
    told = {"ledger": str(source), "backup": str(target), "records": records, "head": head, "intact": True}
    if as_json:
        say_json(told)
    else:
        say(f"{target}: {records} records, the chain is intact (last record {head[:16]}…)")


def place(source: Path, to: Path | None, wall_ns: int) -> Path:
    """Where the copy goes: `to`, or a name made of the ledger's and the time (UTC), in the folder `to` or beside the ledger."""
    at = datetime.fromtimestamp(wall_ns // SECOND, UTC)
    name = f"{source.stem}-{at:%Y%m%dT%H%M%SZ}{source.suffix}"
    if to is None:
        return source.with_name(name)
    return to / name if to.is_dir() else to


def copy(source: Path, target: Path) -> tuple[int, str]:
    """Number of records in the copy, and the hash of the last one.

    The copy is one moment of the ledger, whole or not there at all: it gets its name only once its chain is proven, from the
    first record to what the ledger's head file says. Raises LedgerError; then there is no copy.
    """
    from dutchbook.ledger.head import head_path, read_head
    from dutchbook.ledger.journal import Journal, explain

    Journal.read(source).close()
    for taken in (target, head_path(target)):
        if taken.exists():
            raise LedgerError(f"backup {taken}: exists already, and a backup never overwrites; choose another name")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # exclusive: two backups to one name must not write into each other, nor a link lead elsewhere
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise LedgerError(
            f"backup {part}: exists already; another backup is under way, or one was broken off: then delete it"
        ) from None
    except OSError as error:
        raise LedgerError(f"backup {target}: cannot be written ({error.strerror}); check the folder") from error
    try:
        # read before copying: the journal is never behind what this said, so the copy must contain it
        head = read_head(source)
        try:
            _copy(source, part)
        except sqlite3.Error as error:
            raise LedgerError(f"backup {target}: {explain(error, source)}; no backup was made") from error
        records, last = _prove(part, head)
        _publish(part, target)
    except OSError as error:
        raise LedgerError(f"backup {target}: cannot be written ({error.strerror}); check the folder") from error
    finally:
        for left in (part, head_path(part)):
            with suppress(OSError):
                left.unlink(missing_ok=True)
    return records, last


def _copy(source: Path, part: Path) -> None:
    """One step of SQLite's backup: under one read lock, so it is one moment, and a writer goes on meanwhile."""
    reader = sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True, timeout=5.0)
    writer = sqlite3.connect(part)
    try:
        reader.backup(writer)
        # one file that can be carried elsewhere; the engine that opens it returns to its own way
        writer.execute("PRAGMA journal_mode=DELETE")
    finally:
        writer.close()
        reader.close()


def _prove(part: Path, head: Head | None) -> tuple[int, str]:
    """Check the copy against the head file of the original, then give it one that names its own last record."""
    from dutchbook.ledger.head import Witness
    from dutchbook.ledger.journal import Journal

    def witness(seq: int, record_hash: bytes) -> None:
        written = Witness(part)
        written.see(seq, record_hash)
        written.close()

    if head is not None:
        witness(head.seq, head.hash)
    copied = Journal.read(part)
    try:
        records, last = copied.verify(), copied.head
    finally:
        copied.close()
    witness(records, bytes.fromhex(last))
    return records, last


def _publish(part: Path, target: Path) -> None:
    """Give the files their names, the ledger's last; neither ever replaces a file. Waits for the disk."""
    from dutchbook.ledger.head import head_path

    for path in (part, head_path(part)):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    try:
        os.link(head_path(part), head_path(target))
        try:
            os.link(part, target)
        except BaseException:
            head_path(target).unlink()
            raise
    except FileExistsError:
        raise LedgerError(
            f"backup {target}: exists already, and a backup never overwrites; choose another name"
        ) from None
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
