"""`dutchbook reconcile` over real simulators: what differs, what ends it, and a lost ledger rebuilt (M37)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.console import Ended, Venues, dutchbook, line_with, simulators, started


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


def reconcile(venues: Venues, ledger: str, *words: str, **env: str) -> Ended:
    return dutchbook("reconcile", "--ledger", ledger, "--json", *words, cwd=venues.folder, env=venues.settings(**env))


def buy(venues: Venues, venue: str, number: int, ledger: str) -> str:
    told = next(each for each in venues.told["venues"] if each["venue"] == venue)
    market = f"{venue}:{told['markets'][number]['id']}"
    words = ("order", "buy", market, "yes", "5", "0.95", "--ledger", ledger, "--json")
    ended = dutchbook(*words, cwd=venues.folder, env=venues.settings())
    assert ended.status == 0, ended.err
    return market


def codes(ended: Ended, venue: str) -> list[str]:
    return sorted(finding["code"] for finding in ended.json["venues"][venue]["findings"])


def agreed(venues: Venues, ledger: str, *words: str) -> Ended:
    """Ask until nothing is under way any more at the venues: Polymarket's chain takes a few seconds."""
    for _ in range(10):
        ended = reconcile(venues, ledger, *words)
        if ended.status == 0:
            break
        time.sleep(1)
    return ended


def test_m37_a_ledger_is_kept_a_hand_trades_and_a_lost_ledger_is_rebuilt(venues: Venues) -> None:
    bought = [buy(venues, "kalshi", 0, "own.db"), buy(venues, "polymarket", 1, "own.db")]
    same = agreed(venues, "own.db")
    assert same.status == 0, same.out + same.err

    buy(venues, "kalshi", 2, "other.db")
    differs = reconcile(venues, "own.db")
    assert differs.status == 1
    assert codes(differs, "kalshi") == ["cash", "fill_foreign", "position"]
    assert all(finding["fix"] for finding in differs.json["venues"]["kalshi"]["findings"])
    assert codes(reconcile(venues, "own.db"), "kalshi") == codes(differs, "kalshi"), "asking changes nothing"

    missing = reconcile(venues, "lost.db")
    assert missing.status == 5 and "lost.db" in missing.out
    rebuilt = reconcile(venues, "lost.db", "--adopt")
    assert rebuilt.status == 0, rebuilt.out + rebuilt.err
    assert "will adopt" in rebuilt.err
    assert reconcile(venues, "lost.db").status == 0
    held = dutchbook("positions", "--ledger", "lost.db", "--json", cwd=venues.folder)
    assert held.status == 0, held.err
    assert {row["market"] for row in held.json} > set(bought) and len(held.json) == 3
    assert {(row["type"], row["contracts"]) for row in held.json} == {("adopted", "5.000000")}
    for command in ("status", "trades", "pnl", "positions"):
        assert dutchbook(command, "--ledger", "lost.db", cwd=venues.folder).status == 0
    assert dutchbook("journal", "verify", "--ledger", "lost.db", cwd=venues.folder).status == 0

    env = venues.settings(EXECUTOR_ENABLED="false")
    run = ("run", "--links", "sim.json", "--ledger", "lost.db", "--seconds", "2", "--json")
    went_on = dutchbook(*run, cwd=venues.folder, env=env)
    assert went_on.status == 0, went_on.err
    assert len(went_on.json["left"]["holding"]) == 3, "an engine keeps what was adopted until its markets pay"

    adopted = reconcile(venues, "own.db", "--adopt")
    assert adopted.status == 0, adopted.out
    assert len(adopted.json["venues"]["kalshi"]["adopted"]) == 2
    assert reconcile(venues, "own.db").status == 0


def test_m37_with_an_engine_on_the_ledger_it_shows_what_the_engine_finds(venues: Venues) -> None:
    buy(venues, "kalshi", 0, "busy.db")
    words = ("run", "--links", "sim.json", "--ledger", "busy.db", "--seconds", "60")
    with started(*words, cwd=venues.folder, env=venues.settings(EXECUTOR_ENABLED="false")) as engine:
        line_with(engine, "running")
        shown = reconcile(venues, "busy.db")
        assert shown.json["engine"] is True
        assert "an engine runs on this ledger" in shown.json["text"]
        assert set(shown.json["venues"]) == {"kalshi", "polymarket"}
        refused = reconcile(venues, "busy.db", "--adopt")
        assert refused.status == 1 and "stop it first" in refused.json["text"]


def test_m37_on_paper_there_is_no_account_to_compare_with(tmp_path: Path) -> None:
    ended = dutchbook("reconcile", "--ledger", "paper.db", cwd=tmp_path)
    assert ended.status == 2 and "reconcile is for live" in ended.err


def test_m37_a_venue_that_cannot_be_read_is_no_empty_account(venues: Venues) -> None:
    buy(venues, "kalshi", 0, "down.db")
    ended = reconcile(venues, "down.db", "--adopt", POLYMARKET_CLOB_URL="http://127.0.0.1:1")
    assert ended.status in (4, 5), ended.out
    assert "adopted" not in ended.out
