"""`kill -9` at random moments of a demo, over real processes, and start again (M34, issue 3: execution that survives).

The demo is the command of `make demo`. Killed, it leaves its simulated venues standing; started again in the same folder with the
same seed it goes on with the same ledger against the same venues.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from cli.console import PATIENCE_S, dutchbook, started
from dutchbook.cli.demo.trial import left_behind, venues_folder
from dutchbook.cli.demo.worlds import WorldProcess
from dutchbook.core.facts import EngineStarted, EngineStopped, TradeOpened
from dutchbook.core.trade import Phase
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger

SEED = 5
"""A world with several trades in its first seconds."""

PATIENCE_FOR_A_TRADE_S = 12
"""A process that opens no trade for so long is killed all the same: an order whose fate is not known holds up new ones."""

OVER = {Phase.LOCKED, Phase.FLAT, Phase.FAILED, Phase.SETTLED}
WORDS = ("demo", "--seconds", "600", "--seed", str(SEED))


def kill_when_something_is_under_way(process: subprocess.Popen[str], folder: Path, seen: int, chance: float) -> None:
    """Wait for a trade that opens after `seen` bytes of the log, then a moment more: its orders are out, answered or filled."""
    deadline = time.monotonic() + PATIENCE_FOR_A_TRADE_S
    while "trade opened" not in log_of(folder)[seen:] and time.monotonic() < deadline:
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.002)
    time.sleep(chance)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)


def log_of(folder: Path) -> str:
    return "".join(path.read_text() for path in (folder / "demo-ledger").glob("*.log"))


def folded(ledger: Path) -> Ledger:
    journal = Journal.read(ledger)
    try:
        journal.verify()
        return Ledger(frozenset({"kalshi"})).replay(journal.records())
    finally:
        journal.close()


def the(folder: Path, suffix: str) -> Path:
    (found,) = (folder / "demo-ledger").glob(f"*{suffix}")
    return found


def test_m34_kill_9_at_random_during_a_demo_and_start_again_ends_flat_or_locked_with_the_books_equal(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    deaths, half_done = 0, 0
    while deaths < 6 and half_done < 2:
        deaths += 1
        seen = len(log_of(tmp_path))
        with started(*WORDS, cwd=tmp_path) as process:
            kill_when_something_is_under_way(process, tmp_path, seen, chance.uniform(0, 0.09))
        half_done += bool(folded(the(tmp_path, ".db")).working)
    # one more death, of a process that still reads the venues or recovers what the last one left
    with started(*WORDS, cwd=tmp_path) as process:
        time.sleep(chance.uniform(0.5, 5))
        process.send_signal(signal.SIGKILL)

    ended = dutchbook("demo", "--seconds", "3", "--seed", str(SEED), "--json", cwd=tmp_path)
    assert ended.status == 0, ended.out + ended.err
    told = ended.json
    assert (told["continued"], told["ledger_matches_venues"], told["mismatches"]) == (True, True, [])
    assert (told["working"], told["unsettled"], told["failure"]) == (0, 0, None)
    assert half_done, "no kill found a trade under way: the test would prove nothing"

    ledger = the(tmp_path, ".db")
    trades = folded(ledger).trades.values()
    assert trades and {trade.phase for trade in trades} <= OVER
    verified = dutchbook("journal", "verify", "--ledger", str(ledger), "--json", cwd=tmp_path)
    assert verified.status == 0 and verified.json["records"] == told["journal_records"]
    journal = Journal.read(ledger)
    facts = [record.fact for record in journal.records()]
    journal.close()
    starts = [number for number, fact in enumerate(facts) if isinstance(fact, EngineStarted)]
    assert len(starts) >= 3 and sum(isinstance(fact, EngineStopped) for fact in facts) == 1
    opened = [fact.trade for fact in facts if isinstance(fact, TradeOpened)]
    assert len(opened) == len(set(opened)) == len(trades)
    assert list((tmp_path / "demo-ledger").glob("*.venues")) == [], "the venues end with the demo that finishes"


async def test_the_venues_of_a_demo_are_found_again_when_it_is_dead_and_by_nobody_while_it_lives(
    tmp_path: Path,
) -> None:
    world = await WorldProcess.start(SEED, venues_folder(tmp_path / "seed5-a.db"))
    assert await left_behind(tmp_path, SEED) is None, "it lives"
    die(world)
    assert await left_behind(tmp_path, SEED + 1) is None, "another world"
    found = await left_behind(tmp_path, SEED)
    assert found is not None
    ledger, again = found
    assert ledger == tmp_path / "seed5-a.db"
    assert again.description == world.description
    outcome = await again.ask("settle")
    assert outcome == await again.ask("settle"), "settled once, told twice"
    die(again)
    gone = await WorldProcess.find(venues_folder(ledger))
    assert gone is not None
    await gone.stop()
    assert await left_behind(tmp_path, SEED) is None, "they are gone, and their folder with them"
    assert nothing_in(tmp_path)


async def test_what_is_left_of_venues_that_died_is_cleared_away(tmp_path: Path) -> None:
    world = await WorldProcess.start(SEED, venues_folder(tmp_path / "seed5-a.db"))
    assert world._process is not None
    world._process.kill()
    world._process.wait()
    die(world)
    assert await left_behind(tmp_path, SEED) is None
    assert nothing_in(tmp_path)


def nothing_in(folder: Path) -> bool:
    return not any(folder.iterdir())


def die(world: WorldProcess) -> None:
    """What the system does when a process ends: its locks go, and it says nothing any more."""
    assert world._living is not None
    world._living.cancel()
    os.close(world._owned)
