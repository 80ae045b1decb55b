"""`dutchbook stop` and `start`: the kill switch from a shell, with an engine running and without (M16, M45, M46)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.console import PATIENCE_S, Venues, dutchbook, line_with, simulators, started
from dutchbook.cli.run import engine_config
from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.facts import EngineStarted, EngineStopped, KillSwitchSet
from dutchbook.core.money import Cash
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.risk.breakers import BreakerLimits, OpenRisk
from dutchbook.settings import load

OWNER = Identity("paper", "intl", ("kalshi", "polymarket"), ("simulated",))
THEN = 1_795_000_000 * SECOND


def write(path: Path, *switch: KillSwitchSet) -> None:
    """A ledger that an engine has left in order, somebody else's settings or not."""
    journal = Journal.write(path, OWNER)
    journal.append([EngineStarted("0.1.0", "paper"), *switch, EngineStopped("time is up")], THEN)
    journal.close()


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


def folded(path: Path) -> Ledger:
    journal = Journal.read(path)
    known = Ledger().replay(journal.records())
    journal.verify()
    journal.close()
    return known


def test_m16_without_an_engine_the_switch_is_set_in_the_ledger_and_the_next_engine_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    write(path)
    ended = dutchbook("stop", "--reason", "before the holidays", "--ledger", "ledger.db", cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert "no engine runs on this ledger" in ended.out
    assert folded(path).kill_switch == KillSwitchSet(True, "before the holidays", "operator")
    again = dutchbook("stop", "--ledger", "ledger.db", "--json", cwd=tmp_path)
    assert again.status == 0
    assert (again.json["done"], again.json["engine"]) == (True, False)
    assert "it was stopped already: before the holidays" in again.json["text"]
    back = dutchbook("start", "--ledger", "ledger.db", cwd=tmp_path)
    assert back.status == 0, back.err
    assert folded(path).kill_switch is None


def test_m45_after_a_stop_by_the_loss_limit_start_wants_a_confirmation(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    write(path, KillSwitchSet(True, "daily loss $5.10 has reached the limit of $5.00", "engine"))
    refused = dutchbook("start", "--ledger", "ledger.db", "--json", cwd=tmp_path)
    assert refused.status == 1
    assert "--confirm" in refused.json["text"]
    assert folded(path).kill_switch is not None
    assert dutchbook("start", "--confirm", "--ledger", "ledger.db", cwd=tmp_path).status == 0
    assert folded(path).kill_switch is None


def test_m16_a_stop_needs_no_readable_settings_when_the_ledger_is_named(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    env = {"DUTCHBOOK_MODE": "nonsense"}
    assert dutchbook("stop", "--ledger", "ledger.db", cwd=tmp_path, env=env).status == 0
    assert dutchbook("stop", cwd=tmp_path, env=env).status == 2


def test_m16_a_stop_on_a_ledger_that_is_not_there_says_so(tmp_path: Path) -> None:
    ended = dutchbook("stop", "--ledger", "none.db", cwd=tmp_path)
    assert ended.status == 5
    assert "none.db" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_m16_cancel_and_flatten_together_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    ended = dutchbook("stop", "--cancel", "--flatten", "--ledger", "ledger.db", cwd=tmp_path)
    assert ended.status == 2
    assert folded(tmp_path / "ledger.db").kill_switch is None


def rest(venues: Venues, ledger: str) -> str:
    told = next(each for each in venues.told["venues"] if each["venue"] == "kalshi")
    market = f"kalshi:{told['markets'][0]['id']}"
    bought = dutchbook(
        *("order", "buy", market, "yes", "80", "0.02", "--tif", "gtc", "--ledger", ledger, "--json"),
        cwd=venues.folder,
        env=venues.settings(),
    )
    assert bought.status == 0, bought.err
    (row,) = bought.json["orders"]
    assert row["state"] == "resting"
    return str(row["order"])


def shown(venues: Venues, order: str, ledger: str) -> str:
    (row,) = dutchbook("order", "show", order, "--ledger", ledger, "--json", cwd=venues.folder).json["orders"]
    return str(row["state"])


def test_m16_stop_and_cancel_without_an_engine_connects_and_cancels(venues: Venues) -> None:
    order = rest(venues, "alone.db")
    ended = dutchbook("stop", "--cancel", "--ledger", "alone.db", "--json", cwd=venues.folder, env=venues.settings())
    assert ended.status == 0, ended.err
    assert "1 of 1 resting orders cancelled" in ended.json["text"]
    assert shown(venues, order, "alone.db") == "done"
    assert folded(venues.folder / "alone.db").kill_switch is not None


def test_m16_flatten_without_an_engine_says_that_one_must_run(venues: Venues) -> None:
    rest(venues, "flat.db")
    ended = dutchbook("stop", "--flatten", "--ledger", "flat.db", "--json", cwd=venues.folder, env=venues.settings())
    assert ended.status == 1
    assert "1 of 1 resting orders cancelled" in ended.json["text"]
    assert "dutchbook run" in ended.json["text"]


def test_m46_a_running_engine_is_stopped_and_started_from_another_process(venues: Venues) -> None:
    order = rest(venues, "run.db")
    words = ("run", "--links", "sim.json", "--ledger", "run.db")
    with started(*words, cwd=venues.folder, env=venues.settings()) as process:
        line_with(process, "running")
        ended = dutchbook("stop", "--cancel", "--reason", "test", "--ledger", "run.db", "--json", cwd=venues.folder)
        assert ended.status == 0, ended.out
        assert ended.json["engine"] is True
        assert ended.json["text"].startswith("stopped: no new entries; 1 of 1 resting orders cancelled")
        assert shown(venues, order, "run.db") == "done"
        assert folded(venues.folder / "run.db").kill_switch == KillSwitchSet(True, "test", "operator")
        back = dutchbook("start", "--ledger", "run.db", "--json", cwd=venues.folder)
        assert (back.status, back.json["engine"]) == (0, True)
        assert folded(venues.folder / "run.db").kill_switch is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)


def test_m21_the_settings_reach_the_engine() -> None:
    plain = engine_config(load({}), [])
    assert plain.on_daily_loss is OpenRisk.HOLD
    assert plain.breakers == BreakerLimits()
    chosen = {
        "EXECUTOR_ON_DAILY_LOSS": "flatten",
        "EXECUTOR_BREAKER_REJECTIONS": "7",
        "EXECUTOR_BREAKER_REJECT_WINDOW_S": "60",
        "EXECUTOR_BREAKER_UNKNOWN_ORDERS": "4",
        "EXECUTOR_BREAKER_NAKED_EXPOSURE": "12.50",
        "EXECUTOR_BREAKER_REPEAT_S": "3",
    }
    config = engine_config(load(chosen), [])
    assert config.on_daily_loss is OpenRisk.FLATTEN
    assert config.breakers == BreakerLimits(
        rejections=7,
        reject_window_ns=MINUTE,
        unknown_orders=4,
        naked_exposure=Cash(12_500_000),
        repeat_ns=3 * SECOND,
    )
