"""A second witness of where a journal ends: the number and hash of its last record, in a small file beside the ledger.

The hash chain shows every change but one: records cut off at the end leave a shorter chain that is whole. This file says how
long the chain was. It is written after the record, so it may lag behind the journal and never runs ahead of it by itself.
It never decides what is in the ledger, and a failure to write it never fails an append.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dutchbook.core.errors import LedgerError

_LINE: Final = re.compile(rb"([0-9]{20}) ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Head:
    """The last record that the witness saw."""

    seq: int
    hash: bytes


def head_path(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + ".head")


def read_head(ledger: Path) -> Head | None:
    """What the head file says; None when there is none (a ledger of before, or a power failure while it was made).

    Raises LedgerError for a file that cannot be read.
    """
    path = head_path(ledger)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(f"ledger {ledger}: its head file {path} cannot be read ({error.strerror})") from error
    if not content:
        return None
    found = _LINE.fullmatch(content)
    if found is None:
        raise LedgerError(
            f"ledger {ledger}: its head file {path} was altered; move it away to go on without this check of the end"
        )
    return Head(int(found[1]), bytes.fromhex(found[2].decode()))


def check_end(ledger: Path, head: Head | None, last: int, hash_at_head: bytes | None) -> None:
    """Raises LedgerError when records that the witness saw are missing at the end, or are others now.

    `last` is the number of the journal's last record, `hash_at_head` the hash of the record that the head names.
    """
    if head is None or not head.seq:
        return
    path = head_path(ledger)
    if last < head.seq:
        raise LedgerError(
            f"ledger {ledger}: it ends at record {last}, but its head file {path} has seen record {head.seq}: "
            f"records missing at the end: {head.seq - last} (cut off, an older copy, or lost in a power failure); "
            f"restore the newest copy. To go on without them, move {path} away and look at both venues first: "
            "orders and fills may be among what is missing"
        )
    if hash_at_head != head.hash:
        raise LedgerError(
            f"ledger {ledger}: record {head.seq} is not the one that its head file {path} has seen: the end of the journal "
            "was cut off and written anew, or this head file belongs to another ledger; restore a backup"
        )


class Witness:
    """Writes the head file, in place and without waiting for the disk: it survives the death of the process."""

    def __init__(self, ledger: Path) -> None:
        self._descriptor: int | None = None
        with suppress(OSError):
            self._descriptor = os.open(head_path(ledger), os.O_WRONLY | os.O_CREAT, 0o600)

    def see(self, seq: int, record_hash: bytes) -> None:
        """Note the last record. On a disk that refuses the file lags behind, which is harmless."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.pwrite(self._descriptor, b"%020d %s\n" % (seq, record_hash.hex().encode()), 0)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
