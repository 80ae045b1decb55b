"""Faults of the journal's file: SQLite runs for real, and what was acknowledged is there afterwards."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.torture.network import Crash
from dutchbook.torture.store import Files, StoreFault, StoreWay, WeatheredJournal, alter_record

WHO = Identity("paper", "simulators", (), ())


class Planned:
    """Store faults for the next appends, and what struck."""

    def __init__(self, faults: Sequence[StoreFault | None]) -> None:
        self.faults = list(faults)
        self.hits: list[str] = []

    def append(self, power_safe: bool = False) -> StoreFault | None:
        return self.faults.pop(0) if self.faults else None

    def struck(self, kind: str, where: str) -> None:
        assert where == "append"
        self.hits.append(kind)


def opened(path: Path, *faults: StoreFault | None, power_safe: bool = False) -> tuple[WeatheredJournal, Planned]:
    journal = WeatheredJournal.write(path, WHO, power_safe=power_safe, busy_s=0)
    journal.weather = planned = Planned(faults)
    return journal, planned


def facts(number: int, count: int = 3, size: int = 200) -> list[Alarmed]:
    return [Alarmed(f"batch {number}", "x" * size) for _ in range(count)]


def batches(path: Path) -> list[str]:
    """The batch of every record, after the chain has been verified."""
    journal = Journal.read(path)
    try:
        journal.verify()
        return [record.fact.code for record in journal.records() if isinstance(record.fact, Alarmed)]
    finally:
        journal.close()


def test_a_database_that_another_program_holds_refuses_the_append_and_nothing_of_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    journal, planned = opened(path, None, StoreFault("database_busy"), None)
    journal.append(facts(1), 1)
    began = time.monotonic()
    with pytest.raises(LedgerError, match="locked by another program"):
        journal.append(facts(2), 2)
    assert time.monotonic() - began < 1
    journal.append(facts(3), 3)
    journal.close()
    assert batches(path) == ["batch 1"] * 3 + ["batch 3"] * 3
    assert planned.hits == ["database_busy"]


def test_a_journal_waits_for_a_busy_database_as_long_as_it_is_told_to(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "ledger.db", WHO, busy_s=0.2)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(LedgerError):
        journal.append(facts(1), 1)
    assert 0.1 < time.monotonic() - began < 2
    other.execute("ROLLBACK")
    other.close()
    journal.close()


def test_a_full_disk_is_noticed_by_sqlite_and_opening_anew_has_room(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    journal, planned = opened(path, None, StoreFault("disk_full"))
    written = 0
    with pytest.raises(LedgerError, match="the disk is full"):
        for number in range(100):
            journal.append(facts(number), number)
            written += 1
    assert 0 < written < 20
    assert planned.hits == ["disk_full"]
    journal.perish()
    assert len(batches(path)) == 3 * written
    journal, _ = opened(path)
    journal.append(facts(7, count=50), 1)
    journal.close()
    assert len(batches(path)) == 3 * written + 50


@pytest.mark.parametrize("way", ["torn_write", "power_loss"])
@pytest.mark.parametrize("before", [1, 7, 40])
def test_a_death_inside_a_write_keeps_all_that_was_acknowledged_and_all_or_nothing_of_the_rest(
    tmp_path: Path, way: StoreWay, before: int
) -> None:
    """Also over a checkpoint, when the write-ahead log begins anew."""
    outcomes = set()
    for seed in range(25):
        path = tmp_path / f"{seed}.db"
        journal, planned = opened(path, *[None] * before, StoreFault(way, str(seed)), power_safe=way == "power_loss")
        deaths: list[str] = []
        journal.on_death = deaths.append
        journal._db.execute("PRAGMA wal_autocheckpoint=12")
        for number in range(before):
            journal.append(facts(number), number)
        acknowledged = journal.seq
        with pytest.raises(Crash):
            journal.append(facts(before, count=20), before)
        with pytest.raises(Crash):
            journal.append(facts(before + 1), before)
        with pytest.raises(Crash):
            journal.set_gauge("funnel", 1)
        journal.perish()
        kept = batches(path)
        assert len(kept) in (acknowledged, acknowledged + 20)
        assert (deaths, planned.hits) == ([way], [way])
        outcomes.add(len(kept) - acknowledged)
        again, _ = opened(path)
        again.append(facts(99), 99)
        assert again.verify() == len(kept) + 3
        again.close()
    assert 0 in outcomes


def test_a_torn_write_really_leaves_a_part_of_the_write(tmp_path: Path) -> None:
    """Otherwise the test above would prove nothing."""
    parts = 0
    for seed in range(10):
        path = tmp_path / f"{seed}.db"
        journal, _ = opened(path, None, StoreFault("torn_write", str(seed)))
        journal.append(facts(1), 1)
        before = Files.of(path)
        with pytest.raises(Crash):
            journal.append(facts(2, count=20), 2)
        journal.perish()
        after = Files.of(path)
        assert after.database == before.database
        assert after.log.startswith(before.log)
        parts += len(after.log) > len(before.log)
    assert parts > 5


def test_an_ordinary_death_leaves_the_files_untidied_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    journal, _ = opened(path)
    journal.append(facts(1), 1)
    left = Files.of(path)
    journal.perish()
    assert Files.of(path) == left
    assert left.log
    assert batches(path) == ["batch 1"] * 3


def test_the_power_fails_only_under_a_journal_that_waits_for_the_disk(tmp_path: Path) -> None:
    for power_safe in (False, True):
        journal = WeatheredJournal.write(tmp_path / f"{power_safe}.db", WHO, power_safe=power_safe)
        assert journal.power_safe is power_safe
        journal.close()


def test_crash_points_lie_before_and_after_every_append(tmp_path: Path) -> None:
    journal, _ = opened(tmp_path / "ledger.db")
    points: list[str] = []
    journal.gate = points.append
    journal.append(facts(1), 1)
    assert points == ["before an append", "after an append"]
    journal.close()


def test_an_altered_acknowledged_record_is_refused_and_named(tmp_path: Path) -> None:
    """Whatever bit it is: by its words or by the chain, never taken for the truth."""
    path = tmp_path / "ledger.db"
    journal, _ = opened(path)
    for number in range(10):
        journal.append(facts(number), number)
    journal.close()
    whole = path.read_bytes()
    for seed in range(20):
        path.write_bytes(whole)
        seq = alter_record(path, random.Random(seed))
        reader = Journal.read(path)
        with pytest.raises(LedgerError, match=f"record {seq} was altered; restore a backup"):
            reader.verify()
        reader.close()


def test_an_acknowledged_record_that_a_tear_took_away_is_refused_at_start(tmp_path: Path) -> None:
    """SQLite reads a torn log up to the tear and says nothing; the head file knows better."""
    path = tmp_path / "ledger.db"
    journal, _ = opened(path)
    for number in range(5):
        journal.append(facts(number), number)
    journal.perish()
    whole = Files.of(path)
    for share in (2, 3, 10):
        Files(whole.database, whole.log[: -len(whole.log) // share], whole.head).put(path)
        with pytest.raises(LedgerError, match=r"it ends at record|records are missing at the end"):
            opened(path)
    whole.put(path)
    journal, _ = opened(path)
    assert journal.verify() == 15
    journal.close()


def test_a_missing_acknowledged_record_is_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    journal, _ = opened(path)
    journal.append(facts(1, count=9), 1)
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM journal WHERE seq = 5")
    connection.close()
    reader = Journal.read(path)
    with pytest.raises(LedgerError, match="record 5 is missing"):
        reader.verify()
    reader.close()
