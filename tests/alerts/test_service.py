"""The process around the messages: the daily summary, the watchdog (M46), the cursor, and a real engine beside it."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.bot_api import CHAT, TOKEN, telegram
from alerts.serving import Lines, until
from alerts.test_bot import asked, beginning, said, trade, write
from cli.console import dutchbook, started
from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.outbox import Outbox
from dutchbook.alerts.replies import Limits
from dutchbook.alerts.service import Choices, Service
from dutchbook.bus.messages import Hello
from dutchbook.bus.reader import Connected, Disconnected
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Skip
from dutchbook.core.facts import EngineStarted, KillSwitchSet
from dutchbook.core.money import MICRO
from dutchbook.ledger.inbox import Answer

NEW_YORK = ZoneInfo("America/New_York")
HELLO = Connected(Hello(1, "paper", "0", 1, 1))


class Desk:
    """A service whose messages and commands are kept."""

    def __init__(
        self, ledger: Path, *, at: tuple[int, int] = (0, 5), cancel: bool = False, zone: ZoneInfo = NEW_YORK
    ) -> None:
        self.asked: list[tuple[str, Mapping[str, str], str]] = []
        self.refusal = ""
        choices = Choices(zone, Limits(50, 5 * MICRO), at, cancel, lambda switch: False)
        self.service = Service(ledger, frozenset({"kalshi"}), self.obey, choices, Lines())
        self.sent: list[str] = []
        self.service.outbox = Outbox(
            self.send,
            gap_s=0,
            zone=zone,
            log=Lines(),
            wall_ns=time.time_ns,
            delivered=self.service.delivered,
        )
        self.service.begin()
        self.task = asyncio.create_task(self.service.outbox.run())

    def obey(self, verb: str, arguments: Mapping[str, str], by: str) -> Answer:
        self.asked.append((verb, arguments, by))
        if self.refusal:
            raise Skip(self.refusal)
        return Answer(True, "2 of 2 resting orders cancelled")

    async def send(self, text: str, formatted: bool) -> None:
        self.sent.append(text)

    async def sent_all(self) -> list[str]:
        await until(lambda: self.service.outbox.waiting == 0)
        return self.sent

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.service.cursor.release()


def wall(text: str, zone: ZoneInfo = NEW_YORK) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * SECOND


async def test_m45_the_day_is_summed_up_once_at_its_time_in_the_settings_zone(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, *trade("t1"))
    desk = Desk(ledger)
    today = datetime.now(NEW_YORK).date()
    tomorrow = today + timedelta(days=1)
    desk.service.sum_up(wall(f"{today}T23:59"))
    desk.service.sum_up(wall(f"{tomorrow}T00:04"))
    assert await desk.sent_all() == []
    for minute in ("00:05", "00:06", "23:00"):
        desk.service.sum_up(wall(f"{tomorrow}T{minute}"))
    (text,) = await desk.sent_all()
    assert f"The day {today}" in text
    assert "Trades 1, successful 1 (100.00 %)" in text
    assert "Rolled back 0 ($0.00), failed 0" in text
    assert "+$0.13 locked" in text
    assert "Fees $0.07" in text
    assert "Balances: Kalshi $95.23 · Polymarket $94.90" in text
    await desk.end()
    # a restart does not tell it again
    again = Desk(ledger)
    again.service.sum_up(wall(f"{tomorrow}T23:30"))
    assert await again.sent_all() == []
    await again.end()


async def test_m45_a_summary_in_the_evening_tells_of_the_same_day(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    desk = Desk(ledger, at=(22, 0))
    desk.service.sum_up(wall("2031-05-05T21:59"))
    desk.service.sum_up(wall("2031-05-05T22:00"))
    texts = await desk.sent_all()
    assert "The day 2031-05-04" in texts[0]
    assert "The day 2031-05-05" in texts[-1]
    await desk.end()


async def test_m46_a_silent_engine_is_an_alert_and_by_setting_a_cancel_all(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    for cancel, expected in ((False, 0), (True, 1)):
        write(ledger, EngineStarted("0.1.0", "paper"))
        desk = Desk(ledger, cancel=cancel)
        desk.service.hearing.take(HELLO)
        await desk.service.dog.look(1)
        desk.service.hearing.take(Disconnected("gone"))
        for _ in range(9):
            await desk.service.dog.look(1)
        assert not [text for text in await desk.sent_all() if "silent" in text]
        for _ in range(20):
            await desk.service.dog.look(1)
        texts = await desk.sent_all()
        assert sum("silent for 10 s" in text for text in texts) == 1
        assert len(desk.asked) == expected
        if cancel:
            assert desk.asked[0][0] == "stop"
            assert desk.asked[0][1]["then"] == "cancel"
            assert any("2 of 2 resting orders cancelled" in text for text in texts)
        desk.service.hearing.take(HELLO)
        await desk.service.dog.look(1)
        assert "heard again" in (await desk.sent_all())[-1]
        await desk.end()


async def test_m46_a_cancel_that_fails_is_said(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, EngineStarted("0.1.0", "paper"))
    desk = Desk(ledger, cancel=True)
    desk.refusal = "the engine does not listen"
    desk.service.hearing.take(HELLO)
    await desk.service.dog.look(1)
    desk.service.hearing.take(Disconnected("gone"))
    for _ in range(12):
        await desk.service.dog.look(1)
    assert any("NOT cancelled: the engine does not listen" in text for text in await desk.sent_all())
    await desk.end()


async def test_a_stop_always_wins_over_a_start_that_had_not_seen_it(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, KillSwitchSet(True, "one", "operator"))
    desk = Desk(ledger)
    seen = desk.service.view.stop_seq
    write(ledger, KillSwitchSet(True, "two", "operator"))
    with pytest.raises(Skip, match="somebody stopped the engine after you looked"):
        await desk.service.do("start", {}, seen=seen)
    assert desk.asked == []
    await desk.end()


async def test_what_has_not_arrived_is_told_after_a_restart_also_when_something_later_has(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    desk = Desk(ledger)
    desk.task.cancel()
    write(ledger, *trade("t1"), *trade("t2"))
    desk.service.catch_up()
    assert desk.service.outbox.waiting == 2
    # a message of no record arrives first
    desk.service.delivered(Message(Kind.WATCHDOG, "x", "x", 0))
    await desk.end()
    again = Desk(ledger)
    texts = "\n".join(await again.sent_all())
    assert "event t1" in texts
    assert "event t2" in texts
    await again.end()


async def test_a_cursor_that_cannot_be_read_tells_nothing_old(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, *trade("t1"))
    (tmp_path / "ledger.db.alerts").write_text("rubbish")
    desk = Desk(ledger)
    assert await desk.sent_all() == []
    await desk.end()


async def test_alerts_before_the_first_engine_wait_for_it(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    desk = Desk(ledger)
    desk.service.catch_up()
    beginning(ledger)
    desk.service.catch_up()
    texts = "\n".join(await desk.sent_all())
    assert "Engine started" in texts
    assert "Engine stopped" in texts
    await desk.end()


async def test_m45_beside_a_real_engine_the_chat_sees_trades_and_stops_it(tmp_path: Path) -> None:
    """A demo and `dutchbook alerts` as processes; Telegram is the server of this test."""
    async with telegram() as api:
        environment = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": str(CHAT), "TELEGRAM_API_URL": api.url}
        with started("demo", "--seconds", "600", "--seed", "3", cwd=tmp_path) as demo:
            folder = tmp_path / "demo-ledger"
            await until(lambda: any(folder.glob("*.db")))
            (ledger,) = folder.glob("*.db")
            log = tmp_path / "alerts.log"
            words = ("alerts", "--ledger", str(ledger), "--log-file", str(log))
            with started(*words, cwd=tmp_path, env=environment) as process:
                await asked(api, "/status", "the engine is running")
                api.write("/stop")
                await until(lambda: said(api, "stopped: no new entries") and said(api, "KILL SWITCH"))
                status = await asyncio.to_thread(dutchbook, "status", "--ledger", str(ledger), "--json", cwd=tmp_path)
                assert status.json["kill_switch"] == "stopped from Telegram"
                api.write("/start", age_s=-1)  # Telegram rounds down, and a person needs a second
                await until(lambda: said(api, "started: new entries are taken again"))
                demo.send_signal(signal.SIGINT)
                await until(lambda: said(api, "Engine stopped"))
                # no entries are promised while nobody is there to make them
                await asked(api, "/status", "New entries: none, for no engine runs")
                process.send_signal(signal.SIGTERM)
                out, err = await asyncio.to_thread(process.communicate, timeout=60)
            assert process.returncode == 0, err
            assert TOKEN not in out + err + log.read_text()
            assert "alerts ended" in err
            assert all(json.loads(line) for line in log.read_text().splitlines())
            assert await asyncio.to_thread(demo.wait, 60) is not None


async def test_the_chat_s_number_can_be_found_by_writing_to_the_bot(tmp_path: Path) -> None:
    async with telegram() as api:
        api.write("hello")
        environment = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": api.url}
        ended = await asyncio.to_thread(dutchbook, "alerts", "--find-chat", cwd=tmp_path, env=environment)
        assert ended.out == f"TELEGRAM_CHAT_ID={CHAT}\n"
        environment["TELEGRAM_BOT_TOKEN"] = "987654321:AAwrongtokenwrongtokenwrongtoken"
        ended = await asyncio.to_thread(dutchbook, "alerts", "--find-chat", cwd=tmp_path, env=environment)
        assert ended.status == 3
        assert "AAwrong" not in ended.err + ended.out


def test_without_its_secrets_it_says_which_are_missing(tmp_path: Path) -> None:
    ended = dutchbook("alerts", cwd=tmp_path)
    assert ended.status == 3
    assert "TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID: missing" in ended.err
    ended = dutchbook("alerts", cwd=tmp_path, env={"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "@somebody"})
    assert ended.status == 3
    assert "must be the chat's number" in ended.err
    assert "somebody" not in ended.err
    assert TOKEN not in ended.err
