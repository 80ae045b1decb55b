"""`dutchbook run` against real simulators: the three modes, Ctrl-C, and every bad input that stops it at the door."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.console import PATIENCE_S, Venues, dutchbook, line_with, simulators, started
from dutchbook.cli.doctor.command import FAIL
from dutchbook.cli.doctor.examination import choices
from dutchbook.cli.sides import check_money
from dutchbook.core.errors import SettingsError
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.settings import load

LINKS = ("--links", "sim.json")
KEY = "0x" + "1f" * 32
MOST_RUNS = 12
"""Of four seconds each, until one has locked a trade: the simulated world promises none in any of them."""
A_LINK = {
    "id": "rain",
    "kind": "yes_no",
    "event": "rain",
    "states": ["yes", "no"],
    "members": [{"venue": "kalshi", "id": "A", "pays": [1, 0]}, {"venue": "polymarket", "id": "a", "pays": [1, 0]}],
    "approved": True,
}


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "links.jsonl").write_text(json.dumps(A_LINK) + "\n")
    return tmp_path


def test_live_against_the_simulators_trades_and_every_line_about_it_names_the_mode(venues: Venues) -> None:
    for number in range(MOST_RUNS):
        log = f"live-{number}.log"
        ended = dutchbook(
            "run", *LINKS, "--seconds", "4", "--json", "--ledger", f"live-{number}.db", "--log-file", log,
            cwd=venues.folder, env=venues.settings(),
        )  # fmt: skip
        assert ended.status == 0, ended.err
        report = ended.json
        assert (report["mode"], report["ended"], report["left"]["under_way"]) == ("live", "time is up", [])
        assert report["funnel"]["books"] > 100
        if report["trades"]["locked"]:
            break
    assert report["trades"]["locked"] >= 1 and report["fees"] != "0.000000"
    assert len(report["left"]["holding"]) == report["trades"]["locked"]
    assert "real orders, real money" in ended.err
    lines = [line for line in ended.err.splitlines() if "trade=" in line]
    assert lines and all("[LIVE]" in line for line in lines)
    logged = [json.loads(line) for line in (venues.folder / log).read_text().splitlines()]
    assert sum(event["event"] == "trade opened" for event in logged) == report["funnel"]["traded"]


def test_no_secret_is_in_any_output_log_or_ledger(venues: Venues) -> None:
    ended = dutchbook(
        "run", *LINKS, "--seconds", "1", "--debug", "--ledger", "quiet.db", "--log-file", "quiet.log",
        cwd=venues.folder, env=venues.settings(),
    )  # fmt: skip
    assert ended.status == 0, ended.err
    checked = dutchbook("doctor", *LINKS, "--debug", cwd=venues.folder, env=venues.settings())
    told = dutchbook("status", "--ledger", "quiet.db", "--json", cwd=venues.folder)
    written = b"".join(path.read_bytes() for path in venues.folder.glob("quiet.*"))
    shown = ended.out + ended.err + checked.out + checked.err + told.out + written.decode("latin-1")
    assert [secret for secret in venues.secrets() if secret in shown] == []


REAL = {
    "KALSHI_REST_URL": "https://external-api.kalshi.com/trade-api/v2",
    "KALSHI_WS_URL": "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
}
DEMO = {
    "KALSHI_REST_URL": "https://external-api.demo.kalshi.co/trade-api/v2",
    "KALSHI_WS_URL": "wss://demo-api.kalshi.co/trade-api/ws/v2",
}
LOCAL = {
    "POLYMARKET_CLOB_URL": "http://127.0.0.1:9001",
    "POLYMARKET_GAMMA_URL": "http://127.0.0.1:9001",
    "POLYMARKET_DATA_URL": "http://localhost:9001",
    "POLYMARKET_MARKET_WS_URL": "ws://127.0.0.1:9001/ws/market",
    "POLYMARKET_USER_WS_URL": "ws://[::1]:9001/ws/user",
}
LIVE = {"DUTCHBOOK_MODE": "live", "EXECUTOR_ENABLED": "true"}


@pytest.mark.parametrize(
    ("env", "refused"),
    [
        ({**LIVE, **REAL, **LOCAL}, ["KALSHI_REST_URL https://external-api.kalshi.com", "POLYMARKET_CLOB_URL"]),
        ({**LIVE, **DEMO}, ["KALSHI_REST_URL https://external-api.demo.kalshi.co", "POLYMARKET_CLOB_URL"]),
        ({**LIVE, "KALSHI_WS_URL": "ws://localhost:1/ws"}, ["KALSHI_WS_URL ws://localhost:1/ws"]),
        ({**LIVE, **DEMO, "KALSHI_REST_URL": "https://demo.kalshi.co.example.com/x", **LOCAL}, ["KALSHI_REST_URL"]),
        ({**LIVE, **DEMO, **LOCAL}, []),
        ({**LIVE, **REAL}, []),
        ({**LIVE, **REAL, **LOCAL, "EXECUTOR_ENABLED": "false"}, []),
        ({**REAL, **LOCAL, "DUTCHBOOK_MODE": "paper"}, []),
    ],
)
def test_real_orders_with_play_money_at_one_address_and_real_money_at_another_are_refused(
    env: dict[str, str], refused: list[str]
) -> None:
    settings = load(env)
    if not refused:
        check_money(settings)
        return
    with pytest.raises(SettingsError, match="play money beside real money") as raised:
        check_money(settings)
    assert all(word in str(raised.value) for word in refused)


def test_mixed_money_ends_run_orders_and_doctor_before_anything_is_asked_or_written(folder: Path) -> None:
    env = {**LIVE, **REAL, **LOCAL}
    for words in (("run",), ("order", "buy", "kalshi:A", "yes", "1", "0.5")):
        ended = dutchbook(*words, cwd=folder, env=env)
        assert ended.status == 2, ended.err
        assert "play money beside real money" in ended.err and "Traceback" not in ended.err
    # taking an order out is never refused for this: without keys it gets as far as asking for them
    assert dutchbook("order", "cancel", "abc.0.1", cwd=folder, env=env).status == 3
    assert {path.name for path in folder.iterdir()} == {"links.jsonl"}
    (line,) = [each for each in choices(load(env)) if each.name == "addresses"]
    assert line.verdict == FAIL and "EXECUTOR_ENABLED=false" in line.text


def test_live_without_the_second_key_runs_and_sends_nothing(venues: Venues) -> None:
    with started(
        "run", *LINKS, "--json", "--ledger", "half.db", "--metrics-port", str(port := free_port()),
        cwd=venues.folder, env=venues.settings(EXECUTOR_ENABLED="false"),
    ) as process:  # fmt: skip
        line_with(process, "nothing is sent")
        line_with(process, "running")
        status, ready = fetch(port, "/readyz")
        assert status == 503 and "EXECUTOR_ENABLED is not true" in json.loads(ready)["obstacles"]
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert report["ended"] == "interrupted"
    assert report["funnel"]["traded"] == 0 and sum(report["trades"].values()) == 0
    assert dutchbook("trades", "--ledger", "half.db", "--json", cwd=venues.folder).json == []


def test_metrics_health_and_readiness_are_served_while_it_runs(venues: Venues) -> None:
    port = free_port()
    with started(
        "run", *LINKS, "--seconds", "120", "--ledger", "metrics.db", "--metrics-port", str(port),
        cwd=venues.folder, env=venues.settings(),
    ) as process:  # fmt: skip
        line_with(process, "trade ended")
        assert fetch(port, "/healthz") == (200, '{"ok": true, "failure": null}')
        assert fetch(port, "/readyz")[0] == 200
        figures = metrics(fetch(port, "/metrics")[1])
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert figures["dutchbook_accepting"] == "1.0"
    assert float(figures["dutchbook_books_total"]) > 0
    assert sum(float(value) for name, value in figures.items() if name.startswith("dutchbook_orders{")) >= 1
    assert float(figures["dutchbook_tick_to_order_seconds_count"]) >= 1
    assert (
        figures['dutchbook_tick_to_order_seconds_bucket{le="+Inf"}'] == figures["dutchbook_tick_to_order_seconds_count"]
    )
    assert float(figures['dutchbook_feed_age_seconds{feed="kalshi books"}']) < 5
    assert float(figures['dutchbook_balance_micro_dollars{pool="polymarket:pusd"}']) > 0


def test_paper_without_a_kalshi_key_polls_its_books_and_says_so(venues: Venues) -> None:
    env = venues.settings(
        DUTCHBOOK_MODE="paper", KALSHI_API_KEY_ID="", KALSHI_PRIVATE_KEY_PATH="", POLYMARKET_PRIVATE_KEY=""
    )
    with started("run", *LINKS, "--json", "--ledger", "paper.db", cwd=venues.folder, env=env) as process:
        assert "[PAPER]" in line_with(process, "books are polled by REST")
        assert "[PAPER]" in line_with(process, "trade opened")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert report["mode"] == "paper" and sum(report["trades"].values()) >= 1
    told = dutchbook("status", "--ledger", "paper.db", "--json", cwd=venues.folder).json
    assert told["identity"]["mode"] == "paper" and told["identity"]["accounts"] == "simulated"


def test_dry_run_records_what_it_would_have_placed_and_holds_nothing(venues: Venues) -> None:
    env = venues.settings(DUTCHBOOK_MODE="dry-run")
    with started("run", *LINKS, "--ledger", "dry.db", cwd=venues.folder, env=env) as process:
        assert "[DRY-RUN]" in line_with(process, "trade opened")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    rows = dutchbook("trades", "--ledger", "dry.db", "--json", cwd=venues.folder).json
    assert rows and {row["phase"] for row in rows} == {"dry_run"}
    assert f"would have placed {len(rows)} bets totalling $" in out
    assert dutchbook("positions", "--all", "--ledger", "dry.db", "--json", cwd=venues.folder).json == []


def test_a_refused_signature_is_a_credentials_error_and_makes_no_ledger(venues: Venues) -> None:
    env = venues.settings(KALSHI_API_KEY_ID="00000000-0000-4000-8000-000000000000")
    ended = dutchbook("run", *LINKS, "--ledger", "refused.db", cwd=venues.folder, env=env)
    assert ended.status == 3
    assert "error: kalshi cannot be used" in ended.err and "KALSHI_API_KEY_ID" in ended.err and "doctor" in ended.err
    assert not (venues.folder / "refused.db").exists()


@pytest.mark.parametrize(("setting", "venue"), [("KALSHI_REST_URL", "kalshi"), ("POLYMARKET_CLOB_URL", "polymarket")])
def test_a_venue_that_cannot_be_reached_is_named(setting: str, venue: str, venues: Venues) -> None:
    env = venues.settings(**{setting: f"http://127.0.0.1:{free_port()}"})
    ended = dutchbook("run", *LINKS, "--ledger", "away.db", cwd=venues.folder, env=env)
    assert ended.status == 4
    assert f"error: {venue} cannot be used" in ended.err and "Traceback" not in ended.err


def test_a_ledger_of_another_mode_is_refused_and_unchanged(venues: Venues) -> None:
    env = venues.settings(DUTCHBOOK_MODE="paper")
    owner = Identity("dry-run", "intl", (env["KALSHI_REST_URL"], env["POLYMARKET_CLOB_URL"]), ("simulated",))
    Journal.write(venues.folder / "other.db", owner).close()
    ended = dutchbook("run", *LINKS, "--ledger", "other.db", cwd=venues.folder, env=env)
    assert ended.status == 5
    assert "dry-run" in ended.err and "paper" in ended.err
    assert Journal.read(venues.folder / "other.db").seq == 0


def test_a_second_engine_on_the_same_ledger_is_refused(venues: Venues) -> None:
    holder = Journal.write(venues.folder / "held.db", Identity("live", "intl", (), ()))
    ended = dutchbook("run", *LINKS, "--ledger", "held.db", cwd=venues.folder, env=venues.settings())
    holder.close()
    assert ended.status == 5 and "another engine is running on it" in ended.err


def test_a_ledger_that_cannot_be_created_is_named(venues: Venues) -> None:
    (venues.folder / "wall").write_text("a file is in the way")
    ended = dutchbook("run", *LINKS, "--ledger", "wall/book.db", cwd=venues.folder, env=venues.settings())
    assert ended.status == 5 and "wall/book.db" in ended.err


def test_a_taken_metrics_port_is_named(venues: Venues) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = dutchbook(
            "run", *LINKS, "--ledger", "port.db", "--metrics-port", port, cwd=venues.folder, env=venues.settings()
        )
    assert ended.status == 2 and f"--metrics-port {port}" in ended.err


BAD_INPUT = [
    ({"EXECUTOR_MAX_BETT": "5"}, 2, ["EXECUTOR_MAX_BETT", "EXECUTOR_MAX_BET"]),
    ({"EXECUTOR_MAX_BET": "plenty"}, 2, ["EXECUTOR_MAX_BET", "plenty"]),
    ({"DUTCHBOOK_MODE": "live", "PAPER_TRADING": "1"}, 2, ["DUTCHBOOK_MODE", "PAPER_TRADING"]),
    ({"PAPER_TRADING": "1", "EXECUTOR_DRY_RUN": "true"}, 2, ["PAPER_TRADING", "EXECUTOR_DRY_RUN"]),
    ({"DUTCHBOOK_PROFILE": "us"}, 2, ["profile", "Polymarket US"]),
    ({"KALSHI_REST_URL": "http://example.com"}, 2, ["KALSHI_REST_URL"]),
    ({"DUTCHBOOK_MODE": "live"}, 3, ["KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH", "POLYMARKET_PRIVATE_KEY"]),
    ({"POLYMARKET_PRIVATE_KEY": "0x" + "ab" * 31}, 3, ["POLYMARKET_PRIVATE_KEY", "Invalid private key"]),
    ({"KALSHI_PRIVATE_KEY_PATH": "nowhere.pem"}, 3, ["KALSHI_PRIVATE_KEY_PATH", "nowhere.pem"]),
    ({"POLYMARKET_PRIVATE_KEY": KEY, "POLYMARKET_API_KEY": "only one of three"}, 3, ["POLYMARKET_API_SECRET"]),
]


@pytest.mark.parametrize(("env", "status", "words"), BAD_INPUT)
def test_bad_settings_end_with_their_status_and_name_what_is_wrong(
    env: dict[str, str], status: int, words: list[str], folder: Path
) -> None:
    ended = dutchbook("run", cwd=folder, env=env)
    assert ended.status == status, ended.err
    assert all(word in ended.err for word in words), ended.err
    assert "Traceback" not in ended.err and "abab" not in ended.err and ended.out == ""
    assert {path.name for path in folder.iterdir()} == {"links.jsonl"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["no such links file", "--links"]),
        ("{", ["line 1", "not JSON"]),
        ("\n[1]\n", ["line 2", "not an object"]),
        (json.dumps({**A_LINK, "kind": "hunch"}), ["row 1", "kind"]),
        (json.dumps({**A_LINK, "surprise": 1}), ["row 1", "surprise"]),
        ("\n", ["holds no link"]),
    ],
)
def test_links_that_cannot_be_read_are_named_by_file_and_place(
    text: str | None, words: list[str], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "my.jsonl").write_text(text)
    ended = dutchbook("run", "--links", "my.jsonl", cwd=tmp_path)
    assert ended.status == 2
    assert all(word in ended.err for word in ["my.jsonl", *words]), ended.err


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
