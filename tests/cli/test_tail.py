"""What happens is told line by line with its mode, before, while and after an engine runs."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from cli import ledgers
from cli.console import PATIENCE_S, dutchbook, line_with, started
from dutchbook.cli.output import ExitStatus
from dutchbook.core.facts import Alarmed
from dutchbook.ledger.journal import Journal


def test_the_newest_facts_are_told_with_time_and_mode(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    ended = dutchbook("tail", "--ledger", "l.db", "--once", "--last", "2", cwd=tmp_path)
    assert ended.status == 0
    assert ended.out.splitlines() == [
        "03:00:02.000 [PAPER] alarmed        code=cash_difference text=kalshi:0 differs by $0.01",
        "03:00:03.000 [PAPER] engine stopped reason=time is up",
    ]


def test_json_is_one_object_a_line_with_exact_decimal_amounts(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    ended = dutchbook("tail", "--ledger", "l.db", "--once", "--last", "100", "--json", cwd=tmp_path)
    facts = [json.loads(line) for line in ended.out.splitlines()]
    assert len(facts) == 46 and {fact["mode"] for fact in facts} == {"paper"}
    opened = next(fact for fact in facts if fact["fact"] == "trade_opened")
    assert opened["legs"][0]["limit"] == "0.400000" and opened["orders"][1]["size"] == "10.000000"
    assert not [fact for fact in facts if isinstance(fact.get("cash"), int)]


def test_one_trade_can_be_followed_alone(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    words = ("tail", "--ledger", "l.db", "--once", "--trade", "aaaa1111", "--last")
    assert all("aaaa1111" in line for line in dutchbook(*words, "100", cwd=tmp_path).out.splitlines())
    (newest,) = dutchbook(*words, "1", cwd=tmp_path).out.splitlines()
    assert "every leg has paid" in newest
    assert dutchbook(*words, "0", cwd=tmp_path).out == ""


def test_what_is_written_later_is_told_and_ctrl_c_is_a_good_end(tmp_path: Path) -> None:
    ledger = tmp_path / "l.db"
    with started("tail", "--ledger", "l.db", "--json", cwd=tmp_path) as process:
        line_with(process, "no engine is heard")
        ledgers.write(ledger)
        journal = Journal.write(ledger, ledgers.OWNER)
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        journal.append([Alarmed("test", "said while tail follows")], ledgers.DAY_TWO)
        journal.close()
        while (told := json.loads(process.stdout.readline())).get("text") != "said while tail follows":
            assert told["seq"] > first["seq"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_file_that_an_engine_is_just_making_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "l.db").touch()
    with started("tail", "--ledger", "l.db", cwd=tmp_path) as process:
        line_with(process, "no engine is heard")
        ledgers.write(tmp_path / "l.db")
        assert process.stdout is not None and "[PAPER]" in process.stdout.readline()


def test_a_control_character_in_a_reason_does_not_reach_the_terminal(tmp_path: Path) -> None:
    journal = Journal.write(tmp_path / "l.db", ledgers.OWNER)
    journal.append([Alarmed("odd", "red \x1b[31m and\nnew line")], ledgers.DAY_ONE)
    journal.close()
    ended = dutchbook("tail", "--ledger", "l.db", "--once", cwd=tmp_path)
    assert len(ended.out.splitlines()) == 1 and "\x1b" not in ended.out


def test_without_a_ledger_only_following_waits(tmp_path: Path) -> None:
    ended = dutchbook("tail", "--ledger", "l.db", "--once", cwd=tmp_path)
    assert ended.status == ExitStatus.LEDGER
