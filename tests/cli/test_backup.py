"""A backup is one moment of a ledger, proven, and never takes the place of another file."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path

import pytest

from cli import ledgers
from cli.console import dutchbook
from dutchbook.cli.backup import copy, place
from dutchbook.cli.output import ExitStatus
from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.head import head_path, read_head
from dutchbook.ledger.journal import Journal


def test_a_copy_has_every_record_and_a_head_file_that_names_its_last(tmp_path: Path) -> None:
    ledger = tmp_path / "dutchbook.db"
    ledgers.write(ledger)
    ended = dutchbook("backup", "--ledger", str(ledger), "--to", "kept.db", "--json", cwd=tmp_path)
    assert ended.status == 0, ended.err
    source, kept = Journal.read(ledger), Journal.read(tmp_path / "kept.db")
    assert ended.json["records"] == source.seq == kept.verify()
    assert kept.head == source.head == ended.json["head"] and kept.witnessed
    shown = dutchbook("trades", "--ledger", "kept.db", "--json", cwd=tmp_path)
    assert shown.json == dutchbook("trades", "--ledger", str(ledger), "--json", cwd=tmp_path).json
    assert (tmp_path / "kept.db").stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("*.part*"))


def test_a_copy_of_a_ledger_that_is_being_written_is_whole(tmp_path: Path) -> None:
    ledger = tmp_path / "dutchbook.db"
    ledgers.write(ledger)
    began, enough = threading.Event(), threading.Event()

    def write() -> None:
        journal = Journal.write(ledger, ledgers.OWNER)
        while not enough.is_set():
            journal.append([Alarmed("noise", "x" * 500)] * 3, ledgers.DAY_TWO)
            began.set()
        journal.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(30)
        counts = [copy(ledger, tmp_path / f"{number}.db")[0] for number in range(5)]
    finally:
        enough.set()
        writer.join()
    assert counts == sorted(counts)
    for number, count in enumerate(counts):
        # appended three at a time: a part of an append would show in the remainder
        kept = Journal.read(tmp_path / f"{number}.db")
        assert kept.verify() == count and (count - 46) % 3 == 0 and kept.witnessed


def test_an_engine_goes_on_with_a_restored_copy(tmp_path: Path) -> None:
    ledger, kept = tmp_path / "dutchbook.db", tmp_path / "kept.db"
    ledgers.write(ledger)
    records, _ = copy(ledger, kept)
    journal = Journal.write(kept, ledgers.OWNER)
    journal.append([Alarmed("news", "after the restore")], ledgers.DAY_TWO)
    journal.close()
    assert Journal.read(kept).verify() == records + 1


@pytest.mark.parametrize("taken", ["kept.db", "kept.db.head"])
def test_a_backup_never_overwrites(taken: str, tmp_path: Path) -> None:
    ledgers.write(tmp_path / "dutchbook.db")
    (tmp_path / taken).write_text("mine")
    ended = dutchbook("backup", "--ledger", "dutchbook.db", "--to", "kept.db", cwd=tmp_path)
    assert ended.status == ExitStatus.LEDGER and "never overwrites" in ended.err
    assert (tmp_path / taken).read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob("kept*")) == [taken]


def test_a_damaged_ledger_gives_no_backup(tmp_path: Path) -> None:
    ledger = tmp_path / "dutchbook.db"
    ledgers.write(ledger)
    with sqlite3.connect(ledger) as damaged:
        damaged.execute("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 7")
    with pytest.raises(LedgerError, match="record 7 was altered"):
        copy(ledger, tmp_path / "kept.db")
    assert not list(tmp_path.glob("kept*"))


def test_a_ledger_whose_end_was_cut_off_gives_no_backup(tmp_path: Path) -> None:
    ledger = tmp_path / "dutchbook.db"
    ledgers.write(ledger)
    with sqlite3.connect(ledger) as damaged:
        damaged.execute("DELETE FROM journal WHERE seq > 40")
    with pytest.raises(LedgerError, match="head file"):
        copy(ledger, tmp_path / "kept.db")
    assert not list(tmp_path.glob("kept*"))


def test_without_a_name_the_copy_lies_beside_the_ledger_under_the_time(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "dutchbook.db")
    assert place(tmp_path / "dutchbook.db", None, ledgers.DAY_ONE) == tmp_path / "dutchbook-20261120T230000Z.db"
    ended = dutchbook("backup", "--ledger", "dutchbook.db", "--json", cwd=tmp_path)
    copied = tmp_path / json.loads(ended.out)["backup"]
    assert copied.exists() and head_path(copied).exists()
    head = read_head(copied)
    assert head is not None and head.seq == 46


def test_a_backup_of_nothing_says_so(tmp_path: Path) -> None:
    ended = dutchbook("backup", "--ledger", "none.db", cwd=tmp_path)
    assert ended.status == ExitStatus.LEDGER and "there is no such file" in ended.err
    assert not list(tmp_path.iterdir())
