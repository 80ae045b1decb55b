"""The journal: what was written reads back, in order, whole or not at all, and any change to it is found."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed, AnyFact, EngineStarted, TradeTurned
from dutchbook.core.trade import Turn
from dutchbook.ledger.journal import Identity, Journal, chain
from dutchbook.ledger.projection import Ledger
from ledger.story import bought, opening, sent

PAPER = Identity("paper", "intl", ("kalshi.test", "polymarket.test"), ("key-1", "0xabc"))


def alarm(text: str) -> Alarmed:
    return Alarmed("code", text)


def written(path: Path, *texts: str) -> Path:
    """A closed ledger with one record a text."""
    journal = Journal.write(path, PAPER)
    for at_ns, text in enumerate(texts, 1):
        journal.append([alarm(text)], at_ns)
    journal.close()
    return path


def tampered(path: Path, *statements: str) -> Path:
    """The file after somebody's SQL."""
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


def verify(path: Path) -> int:
    journal = Journal.read(path)
    try:
        return journal.verify()
    finally:
        journal.close()


# -- reading back -----------------------------------------------------------------------------------------------------


def test_facts_read_back_in_order_with_number_and_time(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "ledger.db", PAPER)
    facts: list[AnyFact] = [opening(), TradeTurned("t", Turn.START), *sent("t"), bought("t.0.1", "f1")]
    journal.append(facts[:3], 7)
    journal.append(facts[3:], 8)
    records = list(journal.records())
    assert [record.fact for record in records] == facts
    assert [record.seq for record in records] == [1, 2, 3, 4, 5]
    assert [record.at_ns for record in records] == [7, 7, 7, 8, 8]
    assert [record.seq for record in journal.records(after=3)] == [4, 5]
    assert journal.seq == journal.verify() == 5
    journal.close()


def test_a_ledger_that_is_opened_again_goes_on_with_its_chain(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.db", "one", "two")
    written(path, "three")
    assert verify(path) == 3


def test_the_state_after_a_restart_is_the_state_before_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    journal, before = Journal.write(path, PAPER), Ledger(frozenset({"kalshi"}))
    for at_ns, fact in enumerate([opening(), TradeTurned("t", Turn.START), *sent("t"), bought("t.0.1", "f1")], 1):
        before.apply(fact, at_ns)
        journal.append([fact], at_ns)
    journal.close()
    again = Journal.write(path, PAPER)
    after = Ledger(frozenset({"kalshi"})).replay(again.records())
    again.close()
    assert after.seq == 5
    before.seq = 5
    assert after == before


def test_a_new_ledger_is_empty_and_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "new folder" / "ledger.db")
    assert verify(path) == 0


def test_an_empty_append_writes_nothing(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "ledger.db", PAPER)
    journal.append([], 1)
    assert journal.verify() == journal.seq == 0
    journal.close()


def test_a_fact_that_cannot_be_written_leaves_nothing_of_its_batch(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "ledger.db", PAPER)
    journal.append([alarm("first")], 1)
    with pytest.raises(TypeError):
        journal.append([alarm("whole"), Alarmed("code", object())], 2)  # type: ignore[arg-type]
    journal.append([alarm("next")], 3)
    assert [r.fact for r in journal.records()] == [alarm("first"), alarm("next")]
    assert journal.verify() == 2
    journal.close()


def test_a_record_of_a_later_version_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.db", "one", "two")
    tampered(path, """UPDATE journal SET body = CAST('{"fact":"of_tomorrow"}' AS BLOB) WHERE seq = 2""")
    journal = Journal.read(path)
    with pytest.raises(LedgerError, match=r"record 2 cannot be read.*newer version"):
        list(journal.records())
    journal.close()


def test_gauges_are_overwritten_and_are_not_part_of_the_chain(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "ledger.db", PAPER)
    journal.append([EngineStarted("1", "paper")], 1)
    journal.set_gauge("funnel", {"books": 1})
    journal.set_gauge("funnel", {"books": 2})
    reader = Journal.read(journal.path)
    assert reader.gauge("funnel") == {"books": 2}
    assert reader.gauge("other") is None
    assert reader.verify() == 1
    reader.close()
    journal.close()


# -- the hash chain ---------------------------------------------------------------------------------------------------

TEXTS = ("one", "two", "three", "four")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE journal SET body = CAST(replace(body, 'two', 'TWO') AS BLOB) WHERE seq = 2", "record 2 was altered"),
        # the plain replace() leaves a text where bytes were
        ("UPDATE journal SET body = replace(body, 'two', 'TWO') WHERE seq = 2", "record 2 was altered"),
        ("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 3", "record 3 was altered"),
        ("UPDATE journal SET at_ns = -1 WHERE seq = 3", "record 3 was altered"),
        ("UPDATE journal SET at_ns = 'noon' WHERE seq = 3", "record 3 was altered"),
        ("UPDATE journal SET body = 5 WHERE seq = 4", "record 4 was altered"),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 4", "record 4 was altered"),
        ("DELETE FROM journal WHERE seq = 1", "record 1 is missing"),
        ("DELETE FROM journal WHERE seq = 3", "record 3 is missing"),
        ("INSERT INTO journal SELECT 5, at_ns, body, hash FROM journal WHERE seq = 4", "record 5 was altered"),
    ],
)
def test_b7_a_changed_record_is_found_and_named(tmp_path: Path, change: str, found: str) -> None:
    path = written(tmp_path / "ledger.db", *TEXTS)
    with pytest.raises(LedgerError, match=f"{found}.*restore a backup"):
        verify(tampered(path, change))


def test_two_records_that_changed_places_are_found(tmp_path: Path) -> None:
    moves = [(2, 99), (3, 2), (99, 3)]
    path = written(tmp_path / "ledger.db", *TEXTS)
    tampered(path, *(f"UPDATE journal SET seq = {new} WHERE seq = {old}" for old, new in moves))
    with pytest.raises(LedgerError, match="record 2 was altered"):
        verify(path)


def test_b7_a_record_taken_out_and_the_rest_renumbered_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.db", *TEXTS)
    closing_up = [f"UPDATE journal SET seq = {n} WHERE seq = {n + 1}" for n in (2, 3)]
    tampered(path, "DELETE FROM journal WHERE seq = 2", *closing_up)
    with pytest.raises(LedgerError, match="record 2 was altered"):
        verify(path)


def test_a_record_of_another_ledger_does_not_fit(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.db", *TEXTS)
    other = written(tmp_path / "other.db", "one", "else")
    with sqlite3.connect(path) as connection:
        connection.execute("ATTACH ? AS other", (str(other),))
        connection.execute("INSERT OR REPLACE INTO journal SELECT * FROM other.journal WHERE seq = 2")
    connection.close()
    with pytest.raises(LedgerError, match="record 3 was altered"):
        verify(path)


@settings(max_examples=200)
@given(st.binary(max_size=40), st.integers(1, 9), st.integers(0, 2**62), st.integers(0, 400))
def test_any_single_flipped_bit_gives_another_hash(body: bytes, seq: int, at_ns: int, flip: int) -> None:
    previous = bytes(32)
    record = bytearray(previous + seq.to_bytes(8, "big") + at_ns.to_bytes(8, "big") + body)
    flip %= 8 * len(record)
    record[flip // 8] ^= 1 << flip % 8
    flipped = chain(
        bytes(record[:32]),
        int.from_bytes(record[32:40], "big"),
        int.from_bytes(record[40:48], "big"),
        bytes(record[48:]),
    )
    assert flipped != chain(previous, seq, at_ns, body)


# -- one writer, many readers -----------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_with_the_fix(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "ledger.db", PAPER)
    with pytest.raises(LedgerError, match=r"another engine is running on it; stop that one, or give this one its own"):
        Journal.write(tmp_path / "ledger.db", PAPER)
    journal.append([alarm("still mine")], 1)
    journal.close()
    written(tmp_path / "ledger.db", "mine now")
    assert verify(tmp_path / "ledger.db") == 2


def test_a_refused_opening_gives_the_lock_back(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.db", "one")
    for _ in range(2):
        with pytest.raises(LedgerError, match="belongs to mode"):
            Journal.write(path, Identity("live", "intl", PAPER.hosts, PAPER.accounts))
    written(path, "two")
    assert verify(path) == 2


def test_a_reader_sees_what_is_written_while_it_is_open(tmp_path: Path) -> None:
    writer = Journal.write(tmp_path / "ledger.db", PAPER)
    writer.append([alarm("one")], 1)
    reader = Journal.read(tmp_path / "ledger.db")
    writer.append([alarm("two")], 2)
    assert [record.fact for record in reader.records(after=1)] == [alarm("two")]
    assert reader.verify() == 2
    reader.close()
    writer.close()


def test_a_reader_in_the_middle_of_its_reading_does_not_hold_the_writer_up(tmp_path: Path) -> None:
    writer = Journal.write(tmp_path / "ledger.db", PAPER)
    writer.append([alarm(str(n)) for n in range(200)], 1)
    reader = Journal.read(tmp_path / "ledger.db")
    reading = reader.records()
    assert next(reading).seq == 1
    writer.append([alarm("meanwhile")], 2)
    assert sum(1 for _ in reading) == 199
    assert reader.verify() == writer.verify() == 201
    reader.close()
    writer.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    reader = Journal.read(written(tmp_path / "ledger.db", "one"))
    with pytest.raises(LedgerError, match="cannot be opened or written"):
        reader.append([alarm("two")], 2)
    with pytest.raises(LedgerError, match="cannot be opened or written"):
        reader.set_gauge("funnel", 1)
    assert reader.verify() == 1
    reader.close()


# -- whose ledger -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "texts"),
    [
        (Identity("live", "intl", PAPER.hosts, PAPER.accounts), ("mode", "'paper'", "'live'")),
        (Identity("paper", "us", PAPER.hosts, PAPER.accounts), ("profile", "'intl'", "'us'")),
        (Identity("paper", "intl", ("demo.test",), PAPER.accounts), ("hosts", "kalshi.test", "demo.test")),
        (Identity("paper", "intl", PAPER.hosts, ("key-2", "0xabc")), ("accounts", "key-1", "key-2")),
    ],
)
def test_a_ledger_of_another_run_is_refused_naming_both(
    tmp_path: Path, other: Identity, texts: tuple[str, ...]
) -> None:
    path = written(tmp_path / "ledger.db", "one")
    before = path.read_bytes()
    with pytest.raises(LedgerError) as refused:
        Journal.write(path, other)
    for text in (*texts, "another path"):
        assert text in str(refused.value)
    assert path.read_bytes() == before


def test_the_order_of_hosts_and_accounts_does_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.db", "one")
    same = Identity("paper", "intl", tuple(reversed(PAPER.hosts)), tuple(reversed(PAPER.accounts)))
    journal = Journal.write(path, same)
    assert journal.identity() == PAPER.texts() == same.texts()
    journal.close()
