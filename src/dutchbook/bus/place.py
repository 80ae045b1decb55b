"""Where the stream of a ledger is: a socket beside its file, or, where that name is too long for one, in a folder of ours."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

LONGEST: Final = 100
"""Bytes that a Unix socket's name may have on every system we run on (Linux takes 107)."""


def state_path(ledger: Path) -> Path:
    """The socket for a ledger: `<ledger>.state`, or a name made of its digest under the temporary folder."""
    beside = ledger.resolve().with_name(ledger.name + ".state")
    if len(os.fsencode(beside)) <= LONGEST:
        return beside
    digest = hashlib.sha256(os.fsencode(beside)).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"dutchbook-{os.getuid()}" / f"{digest}.state"


def prepare_folder(socket: Path, ledger: Path) -> None:
    """Make the folder of a socket that is not beside its ledger. Raises OSError when another user could reach it."""
    folder = socket.parent
    if folder == ledger.resolve().parent:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(f"{folder}: is not a folder of this user alone")
