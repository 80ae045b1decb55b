"""Where a journal ends is known twice: records cut off its end, torn or lost are noticed, explained, and never written over."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.head import head_path, read_head
from dutchbook.ledger.journal import Identity, Journal

PAPER = Identity("paper", "intl", (), ())


def grow(path: Path, *texts: str) -> Path:
    """One record a text, then closed."""
    journal = Journal.write(path, PAPER)
    for at_ns, text in enumerate(texts, 1):
        journal.append([Alarmed("code", text)], at_ns)
    journal.close()
    return path


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return grow(tmp_path / "ledger.db", "one", "two", "three", "four", "five")


def cut(path: Path, last: int) -> Path:
    """The journal without the records after `last`; the rest is whole."""
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM journal WHERE seq > ?", (last,))
    connection.close()
    return path


def verify(path: Path) -> int:
    journal = Journal.read(path)
    try:
        return journal.verify()
    finally:
        journal.close()


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith((".lock", "-shm"))}


# -- records that are gone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [4, 2, 0])
def test_b7_records_cut_off_at_the_end_are_noticed_and_counted(ledger: Path, last: int) -> None:
    with pytest.raises(
        LedgerError, match=rf"ends at record {last}, but .* seen record 5: records missing at the end: {5 - last} "
    ):
        verify(cut(ledger, last))


def test_a_journal_that_was_cut_is_not_written_on_and_left_alone(ledger: Path) -> None:
    before = files(cut(ledger, 3).parent)
    with pytest.raises(LedgerError, match=r"missing at the end: 2 .* look at both venues first"):
        Journal.write(ledger, PAPER)
    assert files(ledger.parent) == before


def test_an_older_copy_of_the_ledger_is_refused(ledger: Path, tmp_path: Path) -> None:
    shutil.copy(ledger, tmp_path / "backup.db")
    grow(ledger, "six")
    shutil.copy(tmp_path / "backup.db", ledger)
    with pytest.raises(LedgerError, match="missing at the end: 1 "):
        Journal.write(ledger, PAPER)


@pytest.mark.parametrize("leave_empty_file", [False, True])
def test_a_ledger_that_was_removed_is_not_begun_anew_beside_its_head_file(ledger: Path, leave_empty_file: bool) -> None:
    ledger.unlink()
    if leave_empty_file:
        ledger.touch()
    for _ in range(2):
        with pytest.raises(LedgerError, match="ends at record 0, but its head file"):
            Journal.write(ledger, PAPER)


def test_b7_an_end_that_was_cut_off_and_written_anew_is_noticed(ledger: Path) -> None:
    head = head_path(ledger).read_bytes()
    head_path(ledger).unlink()
    grow(cut(ledger, 3), "FOUR", "FIVE", "SIX")
    head_path(ledger).write_bytes(head)
    for opening in (verify, lambda path: Journal.write(path, PAPER)):
        with pytest.raises(LedgerError, match="record 5 is not the one that its head file"):
            opening(ledger)


def test_whoever_moves_the_head_file_away_goes_on_without_the_missing_records(ledger: Path) -> None:
    cut(ledger, 3)
    head_path(ledger).rename(ledger.with_name("moved"))
    grow(ledger, "next")
    assert verify(ledger) == 4
    assert read_head(ledger) is not None


# -- the torn end -----------------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.journal import Identity, Journal
journal = Journal.write(Path(sys.argv[1]), Identity("paper", "intl", (), ()))
for _ in range(7):
    journal.append([Alarmed("code", "x" * 500)] * 2, 1)
print(journal.seq, flush=True)
input()
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A ledger of 14 records in seven appends whose process was killed: everything is still in the write-ahead file."""
    path = tmp_path / "ledger.db"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "14\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    process.stdin.close()
    return path


def test_m34_the_head_file_survives_kill_9_with_the_last_record(killed: Path) -> None:
    head = read_head(killed)
    assert head is not None and head.seq == 14
    assert verify(killed) == 14


@pytest.mark.parametrize("torn", [1, 4000, 10_000])
def test_a_torn_last_write_is_noticed_and_never_half_read(killed: Path, torn: int) -> None:
    """A write-ahead file that ends in the middle of an append: that append is gone as a whole, and missed."""
    log = killed.with_name(killed.name + "-wal")
    os.truncate(log, log.stat().st_size - torn)
    reader = Journal.read(killed)
    left = sum(1 for _ in reader.records())
    assert left < 14 and left % 2 == 0
    with pytest.raises(LedgerError, match=rf"ends at record {left}, .* missing at the end: {14 - left} "):
        reader.verify()
    reader.close()
    with pytest.raises(LedgerError, match="records missing at the end"):
        Journal.write(killed, PAPER)


def test_a_ledger_copied_without_its_write_ahead_file_is_refused(killed: Path) -> None:
    killed.with_name(killed.name + "-wal").unlink()
    with pytest.raises(LedgerError, match=r"records missing at the end|not a dutchbook ledger"):
        Journal.write(killed, PAPER)


@pytest.mark.parametrize("torn", [1, 100, 4096, 5000])
def test_a_database_file_that_lost_its_end_is_a_ledger_error(tmp_path: Path, torn: int) -> None:
    ledger = grow(tmp_path / "ledger.db", *("x" * 900 for _ in range(20)))
    os.truncate(ledger, ledger.stat().st_size - torn)
    with pytest.raises(LedgerError):
        verify(ledger)


# -- heads that say less ----------------------------------------------------------------------------------------------


def test_a_head_that_lags_behind_is_no_trouble(ledger: Path) -> None:
    """The process died between a record and the note of it."""
    head = head_path(ledger).read_bytes()
    grow(ledger, "six", "seven")
    head_path(ledger).write_bytes(head)
    assert verify(ledger) == 7
    grow(ledger, "eight")
    assert verify(ledger) == 8


def test_a_ledger_without_a_head_file_gets_one(ledger: Path) -> None:
    head_path(ledger).unlink()
    reader = Journal.read(ledger)
    assert reader.verify() == 5 and not reader.witnessed
    reader.close()
    grow(ledger, "six")
    with pytest.raises(LedgerError, match="missing at the end: 6 "):
        verify(cut(ledger, 0))


def test_an_empty_head_file_is_none(ledger: Path) -> None:
    """What a power failure leaves of a file that was just made."""
    head_path(ledger).write_bytes(b"")
    assert verify(ledger) == 5
    grow(ledger, "six")
    assert verify(ledger) == 6


@pytest.mark.parametrize(
    "content", [b"5", b"\0" * 86, b"%020d %s\n" % (5, b"g" * 64), b"%020d %s\nmore" % (5, b"0" * 64)]
)
def test_an_altered_head_file_is_refused_and_left_alone(ledger: Path, content: bytes) -> None:
    head_path(ledger).write_bytes(content)
    for opening in (verify, lambda path: Journal.write(path, PAPER)):
        with pytest.raises(LedgerError, match=r"its head file .* was altered; move it away"):
            opening(ledger)
    assert head_path(ledger).read_bytes() == content


def test_a_disk_that_refuses_the_head_file_does_not_fail_an_append(ledger: Path) -> None:
    journal = Journal.write(ledger, PAPER)
    assert journal._witness is not None and journal._witness._descriptor is not None
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._witness._descriptor)
    os.close(full)
    journal.append([Alarmed("code", "six")], 6)
    journal.close()
    assert verify(ledger) == 6


def test_verifying_beside_a_writer_never_sees_records_missing(ledger: Path) -> None:
    writer, reader = Journal.write(ledger, PAPER), Journal.read(ledger)
    for number in range(6, 60):
        writer.append([Alarmed("code", "more")], number)
        assert reader.verify() == number
    reader.close()
    writer.close()
