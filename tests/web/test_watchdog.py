"""The watchdog (M46): an engine that should run and is silent for ten seconds is an alert and, by setting, a cancel-all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from dutchbook.bus import hearing
from dutchbook.bus.messages import Hello
from dutchbook.bus.reader import Connected, Disconnected
from dutchbook.core.errors import Skip
from dutchbook.core.facts import EngineStarted, EngineStopped
from dutchbook.ledger.inbox import Answer
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.view import LedgerView
from dutchbook.web.access import Access
from dutchbook.web.live import Live
from dutchbook.web.room import Room
from dutchbook.web.watchdog import Watchdog
from web.serving import OWNER

HELLO = Connected(Hello(1, "paper", "0", 1, 1))


class Desk:
    """A room whose commands are kept, with its dog."""

    def __init__(self, ledger: Path, *, cancel: bool) -> None:
        self.journal = Journal.write(ledger, OWNER)
        self.journal.append([EngineStarted("0", "paper")], time.time_ns())
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.told: list[str] = []
        self.refusal = ""
        self.room = Room(Live(LedgerView(ledger, frozenset())), None, Access("x" * 20), self.obey)  # type: ignore[arg-type]
        self.room.live.catch_up()
        self.dog = Watchdog(self.room, self.told.append, cancel=cancel)

    def obey(self, verb: str, arguments: Mapping[str, str], by: str) -> Answer:
        assert by == "watchdog"
        self.asked.append((verb, arguments))
        if self.refusal:
            raise Skip(self.refusal)
        return Answer(True, "stopped: 2 of 2 resting orders cancelled")


async def test_m46_a_dead_engine_is_told_once_after_ten_seconds_and_nothing_is_commanded_without_the_setting(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path / "ledger.db", cancel=False)
    desk.room.live.take(HELLO)
    await desk.dog.look(1)
    desk.room.live.take(Disconnected("gone"))
    for _ in range(9):
        await desk.dog.look(1)
    assert desk.told == []
    for _ in range(30):
        await desk.dog.look(1)
    assert len(desk.told) == 1
    assert "silent for 10 s" in desk.told[0]
    assert "silent for 10 s" in desk.room.watchdog
    assert desk.asked == []
    desk.room.live.take(HELLO)
    await desk.dog.look(1)
    assert desk.told[-1] == "the engine is heard again"
    assert desk.room.watchdog == ""


async def test_m46_with_the_setting_a_silent_engine_is_a_cancel_all(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ledger.db", cancel=True)
    desk.room.live.take(HELLO)
    await desk.dog.look(1)
    desk.room.live.take(Disconnected("gone"))
    for _ in range(30):
        await desk.dog.look(1)
    assert desk.asked == [("stop", {"then": "cancel", "reason": "watchdog: the engine is silent"})]
    assert "2 of 2 resting orders cancelled" in desk.room.watchdog


async def test_m46_a_cancel_that_fails_is_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ledger.db", cancel=True)
    desk.refusal = "the engine does not listen"
    desk.room.live.take(HELLO)
    await desk.dog.look(1)
    desk.room.live.take(Disconnected("gone"))
    for _ in range(12):
        await desk.dog.look(1)
    assert "NOT cancelled: the engine does not listen" in desk.room.watchdog


async def test_m46_an_engine_that_holds_the_line_and_says_nothing_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "ledger.db", cancel=False)
    desk.room.live.take(HELLO)
    await desk.dog.look(1)
    monkeypatch.setattr(hearing, "SILENT_S", 0.0)
    await desk.dog.look(1)
    assert "hangs" in desk.told[0]


async def test_m46_an_engine_that_stopped_in_order_or_was_dead_before_is_no_alarm(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ledger.db", cancel=True)
    for _ in range(30):
        await desk.dog.look(1)  # dead, but never seen alive by this process
    assert desk.told == []
    desk.room.live.take(HELLO)
    await desk.dog.look(1)
    desk.journal.append([EngineStopped("time is up")], time.time_ns())
    desk.room.live.take(Disconnected("gone"))
    for _ in range(30):
        await desk.dog.look(1)
    assert (desk.told, desk.asked) == ([], [])
