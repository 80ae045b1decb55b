"""The reading commands on a ledger whose figures are known, and what they say of a ledger that cannot be read."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from cli import ledgers
from cli.console import dutchbook
from dutchbook.core.clock import MINUTE
from dutchbook.ledger.journal import Journal

BOOK = "book.db"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("read")
    ledgers.write(path / BOOK)
    return path


def test_the_settings_name_the_ledger_when_the_command_does_not(folder: Path) -> None:
    ended = dutchbook("status", "--json", cwd=folder, env={"DUTCHBOOK_LEDGER_PATH": BOOK})
    assert ended.status == 0 and ended.json["ledger"] == BOOK


def test_status_tells_engine_cash_trades_and_alarms(folder: Path) -> None:
    told = dutchbook("status", "--ledger", BOOK, "--json", cwd=folder).json
    assert told["engine"]["state"] == "stopped" and "time is up" in told["engine"]["text"]
    # 500 - 4.17 + 10 - 4.17 + 3.73 - 4.17, and 500 - 5.125 - 5.125
    assert told["cash"] == {"kalshi:0": "501.220000", "polymarket:pusd": "489.750000"}
    assert told["trades"] == {"failed": 1, "locked": 1, "rolled_back": 1, "settled": 1}
    assert (told["open_positions"], told["working"], told["kill_switch"]) == (1, [], None)
    assert told["alarms"] == [{"code": "cash_difference", "text": "kalshi:0 differs by $0.01", "trade": ""}]
    text = dutchbook("status", "--ledger", BOOK, cwd=folder).out
    assert "the engine is not running; it stopped: time is up" in text and "kill switch  off" in text


@pytest.mark.parametrize(("age_ns", "state"), [(0, "running"), (MINUTE, "dead")])
def test_an_engine_that_publishes_runs_and_one_that_fell_silent_does_not(
    age_ns: int, state: str, tmp_path: Path
) -> None:
    ledgers.write(tmp_path / BOOK, stopped=False)
    journal = Journal.write(tmp_path / BOOK, ledgers.OWNER)
    journal.set_gauge("health", ledgers.health(time.time_ns() - age_ns))
    # the writer stays: reading works beside a running engine
    told = dutchbook("status", "--ledger", BOOK, "--json", cwd=tmp_path).json
    text = dutchbook("status", "--ledger", BOOK, cwd=tmp_path).out
    journal.close()
    assert told["engine"]["state"] == state
    # the last figures of an engine that is gone are not told as if they were of now
    assert ("no entries now" in text) == (state == "dead") and ("accepting new trades" in text) == (state == "running")


def test_a_ledger_without_an_engine_says_that_none_has_run(tmp_path: Path) -> None:
    Journal.write(tmp_path / BOOK, ledgers.OWNER).close()
    assert "no engine has run" in dutchbook("status", "--ledger", BOOK, cwd=tmp_path).out
    assert "nothing is held" in dutchbook("positions", "--ledger", BOOK, cwd=tmp_path).out
    assert "no trades yet" in dutchbook("trades", "--ledger", BOOK, cwd=tmp_path).out
    assert "nothing has been published" in dutchbook("explain", "--ledger", BOOK, cwd=tmp_path).out


def test_positions_are_the_legs_that_are_held(folder: Path) -> None:
    kalshi, polymarket = dutchbook("positions", "--ledger", BOOK, "--json", cwd=folder).json
    assert {row["trade"] for row in (kalshi, polymarket)} == {"cccc3333"}
    assert (kalshi["market"], kalshi["side"], kalshi["contracts"]) == ("kalshi:KXRAIN", "yes", "10.000000")
    assert (kalshi["average_price"], kalshi["cost"], kalshi["fees"]) == ("0.400000", "4.000000", "0.170000")
    assert kalshi["orders"] == ["venue-cccc3333.0.1"]
    assert (kalshi["type"], kalshi["expected_roi_percent"]) == ("yes_no", "7.50")
    assert (polymarket["side"], polymarket["winner"], polymarket["realised"]) == ("no", None, None)


def test_all_positions_go_from_open_to_settled_with_winner_and_result(folder: Path) -> None:
    rows = dutchbook("positions", "--all", "--ledger", BOOK, "--json", cwd=folder).json
    found = {(row["trade"], row["leg"]): row for row in rows}
    won, lost = found["aaaa1111", 0], found["aaaa1111", 1]
    assert (won["winner"], won["realised"], won["contracts"]) == ("yes", "5.830000", "0.000000")
    assert (lost["winner"], lost["realised"]) == ("yes", "-5.125000")
    assert won["opened"] == "2026-11-20T23:00:01.000Z" and won["settled"] == "2026-11-21T03:00:00.000Z"
    sold = found["bbbb2222", 0]
    assert (sold["realised"], sold["fees"], sold["orders"]) == (
        "-0.440000",
        "0.340000",
        ["venue-bbbb2222.0.1", "venue-bbbb2222.0.2"],
    )
    assert not any(trade == "dddd4444" for trade, _ in found), "nothing was ever held there"


def test_trades_come_newest_first_and_limited(folder: Path) -> None:
    rows = dutchbook("trades", "--ledger", BOOK, "--limit", "2", "--json", cwd=folder).json
    assert [row["trade"] for row in rows] == ["dddd4444", "cccc3333"]
    assert (rows[1]["pnl"], rows[1]["pnl_is"]) == ("0.705000", "locked")
    text = dutchbook("trades", "--ledger", BOOK, cwd=folder).out.splitlines()
    assert [line.split()[0] for line in text] == ["trade", "dddd4444", "cccc3333", "bbbb2222", "aaaa1111"]


def test_one_trade_is_told_from_intent_to_end(folder: Path) -> None:
    told = dutchbook("trades", "bbbb2222", "--ledger", BOOK, "--json", cwd=folder).json
    assert (told["phase"], told["result"]) == ("flat", "rolled_back")
    assert (told["pnl"], told["pnl_is"]) == ("-0.440000", "final")
    assert [fact["fact"] for fact in told["timeline"]][:3] == ["trade_opened", "trade_turned", "order_moved"]
    assert told["timeline"][-1]["reason"] == "everything sold"
    text = dutchbook("trades", "bbbb2222", "--ledger", BOOK, cwd=folder).out
    assert "selling is cheaper" in text and "fok not filled" in text


def test_a_trade_that_is_not_there_is_a_wrong_word(folder: Path) -> None:
    ended = dutchbook("trades", "ffff0000", "--ledger", BOOK, cwd=folder)
    assert ended.status == 2 and "ffff0000" in ended.err


def test_profit_and_loss_goes_by_the_days_of_the_configured_zone(folder: Path) -> None:
    utc = dutchbook("pnl", "--ledger", BOOK, "--json", cwd=folder).json
    first, second = utc["days"]
    assert (first["day"], first["trades"], first["rolled_back"], first["realised"]) == ("2026-11-20", 2, 1, "-0.440000")
    assert (second["day"], second["settled"], second["failed"], second["realised"]) == ("2026-11-21", 1, 1, "0.705000")
    assert (utc["total"]["trades"], utc["total"]["realised"], utc["total"]["fees"]) == (4, "0.265000", "0.930000")
    assert utc["total"]["win_rate_percent"] == "100.00"
    tokyo = dutchbook("pnl", "--ledger", BOOK, "--json", cwd=folder, env={"DUTCHBOOK_TIMEZONE": "Asia/Tokyo"}).json
    assert [day["day"] for day in tokyo["days"]] == ["2026-11-21"] and tokyo["days"][0]["trades"] == 4


def test_one_day_can_be_asked_for(folder: Path) -> None:
    told = dutchbook("pnl", "--ledger", BOOK, "--day", "2026-11-20", "--json", cwd=folder).json
    assert told["days"][0]["realised"] == told["total"]["realised"] == "-0.440000"
    assert "2026-11-20" in dutchbook("pnl", "--ledger", BOOK, "--day", "2026-11-20", cwd=folder).out
    wrong = dutchbook("pnl", "--ledger", BOOK, "--day", "20th", cwd=folder)
    assert wrong.status == 2 and "20th" in wrong.err


def test_explain_shows_the_funnel_with_its_denominator_and_every_reason(folder: Path) -> None:
    text = dutchbook("explain", "--ledger", BOOK, cwd=folder).out
    assert "9000  book updates looked at (the denominator)" in text
    assert "28  fees" in text and "7  roi_low" in text and "2  intra_market" in text
    assert "-$0.02 after fees" in text and "an old example" not in text, "the latest example of each reason"
    assert "its last run" in text


def test_settings_that_cannot_be_read_do_not_matter_when_the_ledger_is_named(folder: Path) -> None:
    ended = dutchbook("pnl", "--ledger", BOOK, cwd=folder, env={"EXECUTOR_NONSENSE": "1"})
    assert ended.status == 0 and "UTC" in ended.err
    ended = dutchbook("pnl", cwd=folder, env={"EXECUTOR_NONSENSE": "1"})
    assert ended.status == 2 and "EXECUTOR_NONSENSE" in ended.err


@pytest.mark.parametrize(
    "words", [("status",), ("positions",), ("trades",), ("pnl",), ("explain",), ("journal", "verify")]
)
def test_a_ledger_that_is_not_there_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = dutchbook(*words, cwd=tmp_path)
    assert ended.status == 5
    assert "dutchbook.db" in ended.err and "dutchbook demo" in ended.err
    assert list(tmp_path.iterdir()) == [], "reading creates nothing"


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear reader, " * 1000)
    ended = dutchbook("trades", "--ledger", "letter.db", cwd=tmp_path)
    assert ended.status == 5 and "letter.db" in ended.err
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE cats (name)").connection.close()
    ended = dutchbook("trades", "--ledger", "other.db", cwd=tmp_path)
    assert ended.status == 5 and "not a dutchbook ledger" in ended.err


def test_an_intact_chain_is_verified(folder: Path) -> None:
    told = dutchbook("journal", "verify", "--ledger", BOOK, "--json", cwd=folder).json
    assert told["intact"] is True and told["records"] > 30 and told["end_witnessed"] is True
    assert "intact" in dutchbook("journal", "verify", "--ledger", BOOK, cwd=folder).out


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE journal SET body = replace(body, '4000000', '3000000') WHERE seq = 8", "record 8 was altered"),
        ("DELETE FROM journal WHERE seq = 8", "record 8 is missing"),
        ("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 2", "record 2 was altered"),
        ("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)", "records missing at the end: 1 "),
    ],
)
def test_a_changed_journal_is_found_out(tampering: str, words: str, tmp_path: Path) -> None:
    ledgers.write(tmp_path / BOOK)
    with sqlite3.connect(tmp_path / BOOK) as database:
        assert database.execute(tampering).rowcount == 1
    ended = dutchbook("journal", "verify", "--ledger", BOOK, cwd=tmp_path)
    assert ended.status == 5 and words in ended.err
