"""Files, folders and disks that are not as they should be: a clear error, and never half a record."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.journal import SCHEMA_VERSION, Identity, Journal

PAPER = Identity("paper", "intl", (), ())


def some(count: int, size: int = 1) -> list[Alarmed]:
    return [Alarmed("code", "x" * size) for _ in range(count)]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A closed ledger with two records."""
    journal = Journal.write(tmp_path / "ledger.db", PAPER)
    journal.append(some(2), 1)
    journal.close()
    return tmp_path / "ledger.db"


# -- the wrong file ---------------------------------------------------------------------------------------------------

OPENINGS: list[Callable[[Path], Journal]] = [lambda path: Journal.write(path, PAPER), Journal.read]


@pytest.mark.parametrize("opening", OPENINGS, ids=["write", "read"])
def test_a_foreign_sqlite_file_is_refused_and_left_alone(tmp_path: Path, opening: Callable[[Path], Journal]) -> None:
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"photos\.db: this SQLite file is not a dutchbook ledger; choose another"):
        opening(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opening", OPENINGS, ids=["write", "read"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, opening: Callable[[Path], Journal]
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir, " * 1000)
    with pytest.raises(LedgerError, match=r"letter\.txt: not a readable SQLite file.*choose another path"):
        opening(path)
    assert path.read_text() == "Dear Sir, " * 1000


@pytest.mark.parametrize("opening", OPENINGS, ids=["write", "read"])
def test_a_folder_is_refused(tmp_path: Path, opening: Callable[[Path], Journal]) -> None:
    with pytest.raises(LedgerError, match="this is a folder; name a file in it"):
        opening(tmp_path)
    assert not tmp_path.with_name(tmp_path.name + ".lock").exists()


@pytest.mark.parametrize("opening", OPENINGS, ids=["write", "read"])
def test_a_ledger_of_a_newer_version_is_refused_naming_both_versions(
    ledger: Path, opening: Callable[[Path], Journal]
) -> None:
    with sqlite3.connect(ledger) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(LedgerError, match=rf"schema {SCHEMA_VERSION + 1}, this one reads {SCHEMA_VERSION}\); upgrade"):
        opening(ledger)


@pytest.mark.parametrize("opening", OPENINGS, ids=["write", "read"])
def test_a_ledger_of_an_older_version_is_refused_and_the_way_out_is_named(
    ledger: Path, opening: Callable[[Path], Journal]
) -> None:
    with sqlite3.connect(ledger) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION - 1}")
    connection.close()
    with pytest.raises(LedgerError, match=rf"older dutchbook \(schema {SCHEMA_VERSION - 1}.*reconcile --adopt"):
        opening(ledger)


def test_reading_a_ledger_that_is_not_there_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no such file; run `dutchbook run`"):
        Journal.read(tmp_path / "ledger.db")
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("name", ["a#b", "a?mode=rwc", "100%25", "with space", "наш"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "ledger.db"
    journal = Journal.write(path, PAPER)
    journal.append(some(1), 1)
    reader = Journal.read(path)
    assert reader.verify() == 1
    reader.close()
    journal.close()


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    journal = Journal.write(path, PAPER)
    assert journal.identity()["mode"] == "paper"
    journal.close()


def test_a_process_that_died_while_creating_the_file_leaves_no_dead_ledger(tmp_path: Path) -> None:
    """SQLite has written its header by then, and no table."""
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    assert path.stat().st_size > 0
    journal = Journal.write(path, PAPER)
    journal.append(some(1), 1)
    assert journal.verify() == 1
    journal.close()


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(OPENINGS))
def test_garbage_anywhere_in_the_file_is_a_ledger_error_or_harmless(
    data: st.DataObject, opening: Callable[[Path], Journal]
) -> None:
    """Whatever is overwritten: reading gives the true facts or a LedgerError, never another exception."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        journal = Journal.write(path, PAPER)
        journal.append(some(30, 100), 1)
        journal.close()
        content = bytearray(path.read_bytes())
        # the header and the schema are a small part of the file, and the most delicate one
        at = data.draw(st.one_of(st.integers(0, len(content) - 1), st.integers(0, 4095)))
        garbage = data.draw(st.binary(min_size=1, max_size=64))
        content[at : at + len(garbage)] = garbage
        path.write_bytes(content)
        try:
            damaged = opening(path)
            try:
                if damaged.verify() == 30:
                    assert [record.fact for record in damaged.records()] == some(30, 100)
                list(damaged.records())
            finally:
                damaged.close()
        except LedgerError as error:
            assert str(path) in str(error)


# -- the wrong folder -------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_a_ledger_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for below in ("ledger.db", "deeper/ledger.db"):
        with pytest.raises(LedgerError, match=r"cannot create its lock file \(.*\); check the folder"):
            Journal.write(tmp_path / "file" / below, PAPER)


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that can be entered and not written, even for a test run by root (see `as_nobody`)."""
    folder = Path(tempfile.mkdtemp())
    journal = Journal.write(folder / "ledger.db", PAPER)
    journal.append(some(1), 1)
    journal.close()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_nobody(work: Callable[[], object]) -> str:
    """What `work` raises in a child process without root's rights."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            work()
            text = "nothing raised"
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


@pytest.mark.parametrize("name", ["ledger.db", "new.db", "below/new.db"])
def test_a_folder_that_cannot_be_written_is_a_ledger_error(locked_folder: Path, name: str) -> None:
    said = as_nobody(lambda: Journal.write(locked_folder / name, PAPER))
    assert said.startswith("LedgerError")
    assert "Permission denied" in said
    assert name in said


# -- the full disk ----------------------------------------------------------------------------------------------------


def test_a_full_database_is_a_ledger_error_and_nothing_is_half_written(ledger: Path) -> None:
    journal = Journal.write(ledger, PAPER)
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(LedgerError, match=r"the disk is full; nothing was sent\. Free some space"):
        journal.append(some(100, 1000), 2)
    assert journal.seq == journal.verify() == 2
    journal._db.execute(f"PRAGMA max_page_count={pages + 1000}")
    journal.append(some(100, 1000), 3)
    assert journal.verify() == 102
    journal.close()


def test_a_disk_that_refuses_to_write_is_a_ledger_error_and_nothing_is_half_written(ledger: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.journal import Identity, Journal
journal = Journal.write(Path(sys.argv[1]), Identity("paper", "intl", (), ()))
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
written = journal.seq
for _ in range(100):
    try:
        journal.append([Alarmed("code", "x" * 700)] * 3, 2)
    except LedgerError as error:
        print(error)
        break
    written += 3
assert written == journal.seq < 300
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append([Alarmed("code", "after")], 3)
print(written)
"""
    said = subprocess.run([sys.executable, "-c", code, ledger], capture_output=True, text=True, timeout=60, check=True)
    message, count = said.stdout.splitlines()
    assert "the disk refused" in message and str(ledger) in message
    reader = Journal.read(ledger)
    assert reader.verify() == int(count) + 1
    assert (int(count) - 2) % 3 == 0
    reader.close()


# -- the killed process -----------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.journal import Identity, Journal
journal = Journal.write(Path(sys.argv[1]), Identity("paper", "intl", (), ()))
while True:
    journal.append([Alarmed("code", "x" * 500)] * 5, 1)
    sys.stdout.write(f"{journal.seq}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("batches", [1, 7, 60])
def test_m34_what_was_written_survives_kill_9_and_the_ledger_goes_on(tmp_path: Path, batches: int) -> None:
    path = tmp_path / "ledger.db"
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = [int(process.stdout.readline()) for _ in range(batches)][-1]
    process.send_signal(signal.SIGKILL)
    last = max([last, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()
    reader = Journal.read(path)
    count = reader.verify()
    reader.close()
    assert count >= last
    assert count % 5 == 0
    journal = Journal.write(path, PAPER)
    journal.append(some(1), 2)
    assert journal.verify() == count + 1
    journal.close()
