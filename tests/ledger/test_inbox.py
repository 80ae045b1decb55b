"""Commands through the ledger file (M46): beside the journal's lock, outside its chain, taken once, never late."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import EngineStarted
from dutchbook.ledger.inbox import STALE_NS, Answer, Command, Inbox, engine_runs
from dutchbook.ledger.journal import Identity, Journal

OWNER = Identity("paper", "intl", ("kalshi",), ("simulated",))
NOW = 1_795_000_000 * SECOND


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.write(tmp_path / "ledger.db", OWNER)
    opened.append([EngineStarted("0.1.0", "paper")], NOW)
    yield opened
    opened.close()


def test_m46_a_command_reaches_the_engine_while_it_holds_the_ledgers_lock(journal: Journal) -> None:
    with Inbox.of_sender(journal.path) as sender, Inbox.of_engine(journal.path) as engine:
        number = sender.send("stop", {"then": "cancel", "reason": "Zürich 'quoted'"}, "operator", NOW)
        (letter,) = engine.waiting()
        assert letter.command == Command(
            number, NOW, "stop", {"then": "cancel", "reason": "Zürich 'quoted'"}, "operator"
        )
        assert sender.answer(number) is None
        assert engine.take(number, NOW)
        engine.reply(number, Answer(True, "stopped"), NOW)
        assert sender.answer(number) == Answer(True, "stopped")
        assert engine.waiting() == []


def test_m46_commands_wait_in_the_order_in_which_they_were_sent(journal: Journal) -> None:
    with Inbox.of_sender(journal.path) as sender, Inbox.of_engine(journal.path) as engine:
        for verb in ("stop", "start", "stop"):
            sender.send(verb, {}, "operator", NOW)
        assert [letter.command.verb for letter in engine.waiting() if letter.command] == ["stop", "start", "stop"]


def test_m46_a_command_is_taken_once_whoever_asks(journal: Journal) -> None:
    with Inbox.of_sender(journal.path) as one, Inbox.of_engine(journal.path) as two:
        number = one.send("stop", {}, "operator", NOW)
        assert [one.take(number, NOW), two.take(number, NOW), one.take(number, NOW)] == [True, False, False]
        assert not two.take(number + 1, NOW)


def test_m46_a_command_taken_back_is_gone_and_one_taken_up_cannot_be_taken_back(journal: Journal) -> None:
    with Inbox.of_sender(journal.path) as sender, Inbox.of_engine(journal.path) as engine:
        gone, taken = sender.send("start", {}, "operator", NOW), sender.send("stop", {}, "operator", NOW)
        assert sender.withdraw(gone, NOW)
        assert not engine.take(gone, NOW)
        assert engine.take(taken, NOW)
        assert not sender.withdraw(taken, NOW)
        assert engine.abandoned() == [taken]


def test_m46_an_answer_is_given_once(journal: Journal) -> None:
    with Inbox.of_engine(journal.path) as inbox:
        number = inbox.send("stop", {}, "operator", NOW)
        inbox.take(number, NOW)
        inbox.reply(number, Answer(True, "first"), NOW)
        inbox.reply(number, Answer(False, "second"), NOW)
        assert inbox.answer(number) == Answer(True, "first")


@pytest.mark.parametrize(
    ("age_ns", "stale"), [(0, False), (STALE_NS, False), (STALE_NS + 1, True), (-STALE_NS - 1, True)]
)
def test_m46_a_command_older_than_thirty_seconds_is_stale_and_so_is_one_from_the_future(
    age_ns: int, stale: bool
) -> None:
    assert Command(1, NOW - age_ns, "stop", {}, "operator").stale(NOW) is stale


def test_m46_the_journals_chain_does_not_know_of_commands(journal: Journal) -> None:
    before = journal.head
    with Inbox.of_sender(journal.path) as sender:
        sender.send("stop", {}, "operator", NOW)
    assert journal.verify() == 1
    assert journal.head == before
    journal.append([EngineStarted("0.1.0", "paper")], NOW)
    assert journal.verify() == 2


def test_m46_a_row_that_is_no_command_is_told_as_such(journal: Journal) -> None:
    with Inbox.of_engine(journal.path) as inbox:
        other = sqlite3.connect(journal.path)
        other.execute(
            'INSERT INTO commands (at_ns, verb, arguments, "by") VALUES (?, ?, ?, ?)', ("x", 1, "[1", b"\xff")
        )
        other.commit()
        other.close()
        (letter,) = inbox.waiting()
        assert letter.command is None
        assert letter.trouble


def test_m46_an_engine_that_runs_is_known_by_the_lock(tmp_path: Path, journal: Journal) -> None:
    assert engine_runs(journal.path)
    assert not engine_runs(tmp_path / "other.db")
    journal.close()
    assert not engine_runs(journal.path)
    again = Journal.write(journal.path, OWNER)
    assert engine_runs(journal.path)
    again.close()


def test_m46_no_ledger_is_made_for_a_command(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no such file"):
        Inbox.of_sender(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_m46_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a dutchbook ledger"):
        Inbox.of_sender(path)
    assert path.read_bytes() == before
