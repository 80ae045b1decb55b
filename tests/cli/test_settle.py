"""`dutchbook settle`: results are asked for when a person wants to know, with an engine running and without (M35, M47)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import ledgers
from cli.console import PATIENCE_S, Ended, Venues, dutchbook, line_with, started


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Venues, subprocess.Popen[str]]]:
    """Both venues, and the process that can be told to settle them."""
    folder = tmp_path_factory.mktemp("venues")
    with started("sim", "both", "--seed", "5", cwd=folder) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        (folder / "sim.json").write_text(line)
        yield Venues(line, folder), process
        process.communicate("stop\n", timeout=PATIENCE_S)


def bought(venues: Venues, market: str, ledger: str) -> None:
    """Five contracts by hand, at almost any price."""
    words = ("order", "buy", market, "yes", "5", "0.95", "--ledger", ledger, "--json")
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience:
        ended = dutchbook(*words, cwd=venues.folder, env=venues.settings())
        if ended.status == 0 and ended.json["result"] == "locked":
            return
    raise AssertionError(ended.out + ended.err)


def settled(venues: Venues, ledger: str) -> Ended:
    return dutchbook("settle", "--ledger", ledger, "--json", cwd=venues.folder, env=venues.settings())


def test_m47_results_are_asked_for_and_booked_with_an_engine_and_without(
    sim: tuple[Venues, subprocess.Popen[str]],
) -> None:
    venues, process = sim
    markets = [venue["markets"][0]["id"] for venue in venues.told["venues"]]
    bought(venues, f"kalshi:{markets[0]}", "alone.db")
    early = settled(venues, "alone.db")
    assert early.status == 0, early.err
    assert (early.json["engine"], early.json["paid"]) == (False, [])
    assert [row["market"] for row in early.json["waiting"]] == [f"kalshi:{markets[0]}"]
    assert process.stdin is not None and process.stdout is not None
    run = ("run", "--links", "sim.json", "--ledger", "alone.db")
    with started(*run, cwd=venues.folder, env=venues.settings(EXECUTOR_ENABLED="false")) as engine:
        line_with(engine, "running")
        told = settled(venues, "alone.db")
        assert (told.status, told.json["engine"], len(told.json["waiting"])) == (0, True, 1), told.out
        os.killpg(engine.pid, signal.SIGINT)
        engine.communicate(timeout=PATIENCE_S)
    process.stdin.write("settle\n")
    process.stdin.flush()
    assert "settled" in json.loads(process.stdout.readline())
    # the venue pays some time after it has decided: until then the leg waits
    patience = time.monotonic() + PATIENCE_S
    paid: list[str] = []
    while not paid:
        late = settled(venues, "alone.db")
        assert late.status == 0, late.err
        paid += [row["market"] for row in late.json["paid"]]
        assert time.monotonic() < patience, late.out
    assert paid == [f"kalshi:{markets[0]}"] and late.json["waiting"] == []
    (trade,) = dutchbook("trades", "--ledger", "alone.db", "--json", cwd=venues.folder).json
    assert trade["phase"] == "settled"


def test_m47_with_nothing_held_nobody_is_asked(tmp_path: Path) -> None:
    ended = dutchbook("settle", "--ledger", "none.db", cwd=tmp_path)
    assert ended.status == 5 and "none.db" in ended.err
    ledgers.write(tmp_path / "book.db")
    # one trade is locked: it needs the settings' venues, which cannot be reached here
    refused = dutchbook(
        "settle", "--ledger", "book.db", cwd=tmp_path, env={"DUTCHBOOK_MODE": "live", "EXECUTOR_ENABLED": "true"}
    )
    assert refused.status == 3 and "KALSHI_API_KEY_ID" in refused.err
