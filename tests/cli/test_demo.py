"""`dutchbook demo` as a newcomer runs it: no settings, no account, one command, a proof."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from cli.console import PATIENCE_S, Ended, dutchbook, line_with, started
from dutchbook.cli.demo.command import report_lines


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A short demo in a folder whose settings are broken on purpose: a demo reads none."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / ".env").write_text("EXECUTOR_NONSENSE=1\n")
    (folder / "dutchbook.toml").write_text("this is not TOML")
    broken = {"POLYMARKET_PRIVATE_KEY": "not a key", "DUTCHBOOK_MODE": "sideways"}
    return folder, dutchbook("demo", "--seconds", "3", "--seed", "3", "--json", cwd=folder, env=broken)


def test_a_demo_trades_and_its_books_agree_with_both_venues(played: tuple[Path, Ended]) -> None:
    _, ended = played
    assert ended.status == 0, ended.err
    told = ended.json
    assert told.keys() >= {"seconds", "seed", "funnel", "trades", "fees", "pnl", "ledger_matches_venues"}
    assert told["funnel"].keys() == {"books", "crossings", "net_positive", "approved", "traded"}
    assert told["trades"].keys() == {"locked", "rolled_back", "failed", "naked"}
    assert (told["seconds"], told["seed"], told["ledger_matches_venues"]) == (3, 3, True)
    counts = list(told["funnel"].values())
    assert counts == sorted(counts, reverse=True) and counts[0] > 100
    assert told["interrupted"] is False and told["mismatches"] == []


def test_progress_goes_to_standard_error_in_plain_lines(played: tuple[Path, Ended]) -> None:
    _, ended = played
    assert "trading, " in ended.err and "book updates" in ended.err
    assert "\x1b" not in ended.err


def test_the_ledger_and_the_log_are_where_the_report_says(played: tuple[Path, Ended]) -> None:
    folder, ended = played
    told = ended.json
    assert told["ledger"].startswith("demo-ledger/")
    verified = dutchbook("journal", "verify", "--ledger", told["ledger"], "--json", cwd=folder)
    assert verified.status == 0 and verified.json["records"] == told["journal_records"]
    events = [json.loads(line) for line in (folder / told["log"]).read_text().splitlines()]
    about_trades = [event for event in events if "trade" in event]
    assert all(event["mode"] == "[LIVE]" for event in about_trades)
    assert len([event for event in about_trades if event["event"] == "trade opened"]) == told["funnel"]["traded"]


def test_the_reading_commands_tell_the_same_figures_as_the_report(played: tuple[Path, Ended]) -> None:
    folder, ended = played
    told = ended.json
    days = dutchbook("pnl", "--ledger", told["ledger"], "--json", cwd=folder).json
    assert (days["total"]["realised"], days["total"]["fees"]) == (told["pnl"], told["fees"])
    assert days["total"]["successful"] == told["trades"]["locked"]
    explained = dutchbook("explain", "--ledger", told["ledger"], "--json", cwd=folder).json
    assert explained["funnel"] == told["funnel"] and explained["reasons"] == told["reasons"]


def test_ctrl_c_ends_a_demo_early_and_still_proves_its_books(tmp_path: Path) -> None:
    with started("demo", "--seconds", "600", "--seed", "3", "--json", cwd=tmp_path) as process:
        line_with(process, "trading, ")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert told["interrupted"] is True and told["ledger_matches_venues"] is True
    assert "no new trades" in err


def test_ctrl_c_twice_leaves_at_once(tmp_path: Path) -> None:
    with started("demo", "--seconds", "600", "--seed", "3", cwd=tmp_path) as process:
        line_with(process, "trading, ")
        os.killpg(process.pid, signal.SIGINT)
        line_with(process, "no new trades")
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert time.monotonic() - began < 2


def test_a_folder_that_cannot_hold_the_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo-ledger").write_text("a file is in the way")
    ended = dutchbook("demo", "--seconds", "2", cwd=tmp_path)
    assert ended.status == 5
    assert "demo-ledger" in ended.err and "Traceback" not in ended.err


def test_a_report_whose_books_differ_says_so_with_each_difference() -> None:
    figures = {
        "seconds": 5,
        "seed": 1,
        "funnel": dict.fromkeys(("books", "crossings", "net_positive", "approved", "traded"), 1),
        "trades": dict.fromkeys(("locked", "rolled_back", "failed", "naked"), 0),
        "reasons": {},
        "fees": "0.000000",
        "pnl": "-0.000001",
        "rollback_losses": "0.000000",
        "tick_to_order_us": None,
        "ledger_matches_venues": False,
        "mismatches": ["kalshi:0: venue 1.00, ledger 1.000001"],
        "failure": "ImpossibleEvent: order in state done",
        "ledger": "a.db",
        "log": "a.log",
    }
    text = "\n".join(report_lines(figures))
    assert "FAILED" in text and "venue 1.00, ledger 1.000001" in text and "ImpossibleEvent" in text
    assert "P&L         -$0.000001" in text
