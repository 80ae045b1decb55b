"""The front door: help, exit statuses, errors as one clear message, and the documentation that tells the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.console import dutchbook, environment
from dutchbook.cli.main import app
from dutchbook.cli.output import MEANING, ExitStatus, dollars, instant, percent, status_of
from dutchbook.core import errors
from dutchbook.core.money import RATE_ONE, parse_micros

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def commands() -> list[str]:
    return [str(info.name) for info in (*app.registered_commands, *app.registered_groups)]


def test_help_names_every_command(tmp_path: Path) -> None:
    ended = dutchbook("--help", cwd=tmp_path)
    assert ended.status == 0
    assert all(f"  {name} " in ended.out for name in commands())
    assert {"demo", "run", "sim", "status", "positions", "trades", "pnl", "explain", "doctor", "journal"} <= {
        *commands()
    }


@pytest.mark.parametrize("name", commands())
def test_every_command_has_a_help_text(name: str, tmp_path: Path) -> None:
    ended = dutchbook(name, "--help", cwd=tmp_path)
    assert ended.status == 0
    assert "Usage: dutchbook" in ended.out and ended.err == ""


def test_help_does_not_load_the_engine(tmp_path: Path) -> None:
    heavy = ("aiohttp", "coincurve", "cryptography", "dutchbook.engine.engine", "dutchbook.simulator.world")
    code = f"import sys, dutchbook.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_without_a_command_the_help_is_shown_and_the_status_says_usage(tmp_path: Path) -> None:
    ended = dutchbook(cwd=tmp_path)
    assert ended.status == ExitStatus.USAGE
    assert ended.err.startswith("Usage: dutchbook")


@pytest.mark.parametrize(
    "words",
    [("fly",), ("demo", "--secnods", "3"), ("demo", "--seconds", "-1"), ("sim", "nasdaq"), ("run", "--seconds", "x")],
)
def test_a_wrong_word_is_one_message_and_status_2(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = dutchbook(*words, cwd=tmp_path)
    assert ended.status == 2
    assert ended.err.startswith("error: ") and "Traceback" not in ended.err and ended.out == ""


def test_in_json_mode_an_error_is_json_on_standard_output(tmp_path: Path) -> None:
    ended = dutchbook("trades", "--json", "--ledger", "nowhere.db", cwd=tmp_path)
    assert ended.status == ExitStatus.LEDGER
    assert ended.json["error"]["type"] == "LedgerError"
    assert ended.json["error"]["exit_status"] == 5
    assert "nowhere.db" in ended.json["error"]["message"]
    assert ended.err == ""


def test_debug_adds_a_traceback_wherever_it_stands(tmp_path: Path) -> None:
    for words in (("--debug", "trades", "--ledger", "no.db"), ("trades", "--ledger", "no.db", "--debug")):
        ended = dutchbook(*words, cwd=tmp_path)
        assert ended.status == ExitStatus.LEDGER
        assert "Traceback" in ended.err and "error: ledger no.db" in ended.err


def test_a_traceback_shows_no_secret(tmp_path: Path) -> None:
    key = "0x" + "5e" * 31 + "zz"
    ended = dutchbook("run", "--debug", cwd=tmp_path, env={"POLYMARKET_PRIVATE_KEY": key})
    assert ended.status == ExitStatus.CREDENTIALS
    assert "Traceback" in ended.err and "Invalid private key" in ended.err
    assert "5e5e5e" not in ended.err


STATUSES = [
    (errors.SettingsError, ExitStatus.USAGE),
    (errors.CredentialsError, ExitStatus.CREDENTIALS),
    (errors.NotSent, ExitStatus.VENUE),
    (errors.Lost, ExitStatus.VENUE),
    (errors.RateLimited, ExitStatus.VENUE),
    (errors.Unavailable, ExitStatus.VENUE),
    (errors.Refused, ExitStatus.VENUE),
    (errors.MalformedFrame, ExitStatus.VENUE),
    (errors.LedgerError, ExitStatus.LEDGER),
    (errors.ImpossibleEvent, ExitStatus.FAILED),
    (errors.Stop, ExitStatus.FAILED),
    (KeyboardInterrupt, ExitStatus.INTERRUPTED),
]


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_each_kind_of_error_has_its_exit_status(kind: type[BaseException], status: ExitStatus) -> None:
    assert status_of(kind("text")) is status


def test_the_documentation_tells_every_exit_status_and_every_command() -> None:
    text = DOCS.read_text()
    assert all(f"| {status.value} | {MEANING[status]} |" in text for status in ExitStatus)
    assert all(f"`{name}" in text for name in commands())


@given(st.integers(-(10**15), 10**15))
def test_dollars_on_a_screen_lose_no_millionth(value: int) -> None:
    assert parse_micros(dollars(value).replace("$", "")) == value


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (RATE_ONE // 100, "1.00"),
        (RATE_ONE, "100.00"),
        (RATE_ONE // 80, "1.25"),
        (-RATE_ONE // 200, "-0.50"),
        (49_000_000, "0.00"),
    ],
)
def test_a_rate_is_shown_in_percent_with_two_decimals(rate: int, text: str) -> None:
    assert percent(rate) == text


def test_an_instant_is_utc_with_milliseconds_and_zero_is_not_yet() -> None:
    assert instant(1_795_229_104_408_999_999) == "2026-11-21T02:45:04.408Z"
    assert instant(0) is None
