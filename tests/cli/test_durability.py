"""The setting `durability` reaches the disk: what a ledger that the command line opens waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from dutchbook.cli.run import open_journal
from dutchbook.ledger.journal import Identity
from dutchbook.settings import load

FULL, NORMAL = 2, 1
"""SQLite's `synchronous`: wait for the disk at every transaction, or at checkpoints only."""


@pytest.mark.parametrize(
    ("environ", "synchronous"),
    [
        ({"DUTCHBOOK_MODE": "live"}, FULL),
        ({"DUTCHBOOK_MODE": "live", "DUTCHBOOK_DURABILITY": "process"}, NORMAL),
        ({"DUTCHBOOK_MODE": "paper"}, NORMAL),
        ({"DUTCHBOOK_MODE": "paper", "DUTCHBOOK_DURABILITY": "power"}, FULL),
    ],
)
def test_a_ledger_waits_for_the_disk_as_the_settings_say(
    tmp_path: Path, environ: dict[str, str], synchronous: int
) -> None:
    settings = load(environ)
    journal = open_journal(tmp_path / "ledger.db", Identity("m", "p", (), ()), power_safe=settings.power_safe)
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    journal.close()
