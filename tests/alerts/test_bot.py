"""M45 with the real python-telegram-bot: messages arrive, the chat's commands are obeyed, nobody else's are."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alerts.bot_api import CHAT, STRANGER, TOKEN, BotApi, telegram
from alerts.serving import PATIENCE_S, alerts, until
from dutchbook.alerts import replies, trades
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError, SettingsError
from dutchbook.core.facts import Alarmed, AnyFact, CashMoved, EngineStarted, EngineStopped, KillSwitchSet, TradeTurned
from dutchbook.core.money import MICRO, parse_micros
from dutchbook.core.trade import Turn
from dutchbook.ledger.journal import Identity, Journal
from ledger.story import bought, opening, sent
from web.serving import talking

OWNER = Identity("paper", "intl", ("kalshi", "polymarket"), ("simulated",))
LOSS = "daily loss $5.00 has reached its limit"


def write(ledger: Path, *facts: AnyFact) -> None:
    """What an engine would write; nobody holds the ledger afterwards."""
    journal = Journal.write(ledger, OWNER)
    journal.append(facts, time.time_ns())
    journal.close()


def beginning(ledger: Path) -> Path:
    write(
        ledger,
        CashMoved("kalshi", "kalshi:0", "opening", 100 * MICRO),
        CashMoved("polymarket", "polymarket:wallet", "opening", 100 * MICRO),
        EngineStarted("0.1.0", "paper"),
        EngineStopped("time is up"),
    )
    return ledger


def trade(name: str) -> list[AnyFact]:
    return [
        opening(name, event=f"event {name}"),
        TradeTurned(name, Turn.START),
        *sent(name),
        bought(f"{name}.0.1", "f", cents=47, fee=70_000),
        bought(f"{name}.1.1", "g", cents=51),
        TradeTurned(name, Turn.LOCK),
    ]


def said(api: BotApi, words: str) -> bool:
    return any(words in text for text in api.texts)


def last_record(ledger: Path) -> int:
    journal = Journal.read(ledger)
    try:
        return journal.seq
    finally:
        journal.close()


async def asked(api: BotApi, command: str, words: str) -> None:
    """Ask until an answer says so."""
    async with asyncio.timeout(PATIENCE_S):
        while not said(api, words):
            before = len(api.sent)
            api.write(command)
            await until(lambda before=before: len(api.sent) > before)  # type: ignore[misc]


@contextmanager
def switch(ledger: Path) -> Iterator[list[KillSwitchSet]]:
    """Every setting of the kill switch so far."""
    journal = Journal.read(ledger)
    try:
        yield [record.fact for record in journal.records() if isinstance(record.fact, KillSwitchSet)]
    finally:
        journal.close()


async def test_m45_facts_of_the_ledger_arrive_in_the_chat_and_old_ones_do_not(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, *trade("old"))
    async with telegram() as api, alerts(ledger, api):
        write(ledger, *trade("t1"))
        await until(lambda: said(api, "Executed: event t1"))
        assert not said(api, "event old")
        assert not said(api, "Engine st")
        first = next(each for each in api.sent if "event t1" in each["text"])
        assert (first["chat_id"], first["parse_mode"]) == (CHAT, "HTML")
        assert "Profit <b>+$0.13</b>" in first["text"]


async def test_m45_every_command_is_answered(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, *trade("t1"), Alarmed("breaker", "a <b>bad</b> day"))
    async with telegram() as api, alerts(ledger, api):
        for command, words in {
            "/status": "Trades today 1 of 50, loss today $0.00 of $5.00",
            "/trades": "<b>locked</b> event t1",
            "/trades 1": "Newest 1 of 1 trades",
            "/pnl": "+$0.13 locked",
            "/positions": "<b>1 open positions</b>, cost $9.87, locked +$0.13",
            "/balance": "kalshi:0 $95.23",
            "/help": "/stop - no new entries",
            "/status@dutchbook_bot": "Open positions 1",
            "/nonsense": "/nonsense: no such command",
            "/start": "New entries are not stopped",
        }.items():
            before = len(api.sent)
            api.write(command)
            await until(lambda before=before: len(api.sent) > before)  # type: ignore[misc]
            assert words in api.texts[-1], (command, api.texts[-1])
        assert "a &lt;b&gt;bad&lt;/b&gt; day" in next(text for text in api.texts if "Last alarm" in text)
        # for another bot of the group, and no command at all
        before = len(api.sent)
        api.write("/status@other_bot")
        api.write("hello")
        api.write("/pnl")
        await until(lambda: len(api.sent) > before)
        assert "Today" in api.texts[-1]
        assert len(api.sent) == before + 1


async def test_m45_only_the_configured_chat_is_obeyed_and_others_are_counted(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, alerts(ledger, api) as log:
        for text in ("/stop", "/status", "hello", "/start"):
            api.write(text, chat=STRANGER)
        api.press("confirm:0", chat=STRANGER)
        await until(lambda: any("ignored" in line for line in log.lines))
        # updates are handled beside each other: the last of them may not have been counted yet
        await asked(api, "/status", "Ignored messages from other chats: 5")
        assert {each["chat_id"] for each in api.sent} == {CHAT}
        with switch(ledger) as settings:
            assert settings == []


async def test_m45_stop_and_start_reach_the_ledger_and_are_told(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, alerts(ledger, api):
        api.write("/stop everything")
        await until(lambda: said(api, "Nothing was done"))
        api.write("/stop")
        await until(lambda: said(api, "stopped: no engine runs") and said(api, "KILL SWITCH"))
        with switch(ledger) as settings:
            assert [(each.on, each.reason) for each in settings] == [(True, "stopped from Telegram")]
        # a start that comes late is not done: much may have happened since
        api.write("/start", age_s=600)
        await until(lambda: said(api, "Not started: this came"))
        api.write("/start", age_s=-1)  # Telegram rounds down, and a person needs a second
        await until(lambda: said(api, "started: the next engine") and said(api, "New entries are taken again"))
        with switch(ledger) as settings:
            assert [each.on for each in settings] == [True, False]


async def test_two_operators_press_stop_and_start_at_once_and_the_stop_wins(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, KillSwitchSet(True, "an old stop", "operator"))
    async with telegram() as api, alerts(ledger, api):
        # /start was on its way when the stop was booked: it had not been seen
        api.write("/start", age_s=2)
        await until(lambda: said(api, "Not started: operator stopped it in the moment you sent this"))
        with switch(ledger) as settings:
            assert [each.on for each in settings] == [True]


@pytest.mark.parametrize(
    ("username", "by"),
    [("anna", "telegram:@anna"), ("", "telegram:77"), ("<b>anna", "telegram:77"), ("a" * 33, "telegram:77")],
)
async def test_who_commanded_stands_in_the_ledger_and_in_the_message(tmp_path: Path, username: str, by: str) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, alerts(ledger, api):
        api.person = {"id": 77, "is_bot": False, "first_name": "<script>Anna", "username": username}
        api.write("/stop")
        await until(lambda: said(api, f"By {by}. No new entries"))
        api.write("/start", age_s=-1)
        await until(lambda: said(api, "New entries are taken again"))
        with switch(ledger) as settings:
            assert [(each.on, each.by) for each in settings] == [(True, by), (False, by)]


async def test_a_command_that_breaks_is_answered_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    monkeypatch.setattr(replies, "profit", lambda now: 1 // 0)
    async with telegram() as api, alerts(ledger, api) as log:
        api.write("/pnl")
        await until(lambda: said(api, "This failed; the log says why"))
        assert any("ZeroDivisionError" in line for line in log.lines)
        api.write("/balance")
        await until(lambda: said(api, "<b>Balances</b>"))


async def test_a_fact_that_cannot_be_put_into_words_does_not_silence_those_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    monkeypatch.setattr(trades, "executed", lambda *_: 1 // 0)
    async with telegram() as api, alerts(ledger, api) as log:
        write(ledger, *trade("t1"), Alarmed("breaker", "the next one"))
        await until(lambda: said(api, "the next one"))
        assert said(api, "A fact that cannot be put into words")
        assert said(api, "<code>trade_turned</code>")
        assert any("ZeroDivisionError" in line for line in log.lines)


async def test_m45_start_after_a_loss_limit_stop_asks_first_and_an_old_question_is_void(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, KillSwitchSet(True, LOSS, "engine"))
    async with telegram() as api, alerts(ledger, api):
        api.write("/start")
        await until(lambda: said(api, "Take new entries again all the same?"))
        with switch(ledger) as settings:
            assert len(settings) == 1
        question = api.sent[-1]
        assert "Yes, start again" in question["reply_markup"]
        data = question["reply_markup"].partition('"callback_data": "')[2].partition('"')[0]
        api.press(data, age_s=600)
        await until(lambda: said(api, "out of date"))
        # somebody stops once more: the question was about another stop
        write(ledger, KillSwitchSet(True, f"{LOSS} again", "engine"))
        before = len(api.sent)
        api.press(data)
        await until(lambda: sum("out of date" in text for text in api.texts) == 2)
        with switch(ledger) as settings:
            assert [each.on for each in settings] == [True, True]
        api.write("/start")
        await until(lambda: sum("all the same?" in text for text in api.texts[before:]) == 1)
        last = next(each for each in reversed(api.sent) if "all the same?" in each["text"])
        api.press(last["reply_markup"].partition('"callback_data": "')[2].partition('"')[0])
        await until(lambda: said(api, "started: the next engine"))
        with switch(ledger) as settings:
            assert [each.on for each in settings] == [True, True, False]


async def test_long_answers_come_in_parts_that_telegram_takes(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    write(ledger, *(fact for number in range(60) for fact in trade(f"trade{number}")))
    async with telegram() as api, alerts(ledger, api):
        api.write("/positions")
        await until(lambda: said(api, "event trade0<"))
        assert len(api.sent) > 1


async def test_m45_telegram_down_from_the_beginning_costs_nothing_but_the_messages_delay(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api:
        api.down = True
        async with alerts(ledger, api) as log:
            write(ledger, *trade("t1"))
            await until(lambda: any("cannot be reached" in line for line in log.lines))
            assert api.sent == []
            api.down = False
            await until(lambda: said(api, "Executed: event t1"))


async def test_m45_ten_minutes_without_telegram_cost_the_engine_nothing_and_a_digest_follows(tmp_path: Path) -> None:
    """An engine with its stream, the real library, and ten minutes of the ledger's clock; the outbox's own ten minutes are in
    test_outbox, in virtual time."""
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, talking(ledger) as engine, alerts(ledger, api) as log:
        await until(lambda: engine.stream.readers == 1)
        api.down = True
        now = time.time_ns()
        for number in range(40):
            facts = trade(f"t{number}")
            at_ns = now - (600 - 15 * number) * SECOND
            engine.journal.append(facts, at_ns)
            engine.stream.announce(engine.journal.seq, at_ns, facts)
            engine.publish("health", {"at_ns": at_ns})
            # the alerts read and try to send meanwhile
            await asyncio.sleep(0)
        engine.record(Alarmed("breaker", "in the middle of it"))
        # the engine has done all of it while Telegram has taken nothing; the alerts listen still, and have not piled up
        await until(lambda: any("does not take messages" in line for line in log.lines))
        assert (engine.stream.readers, api.sent) == (1, [])
        cursor = ledger.with_name("ledger.db.alerts")
        assert json.loads(cursor.read_bytes())["seq"] < engine.journal.seq - 100
        api.down = False
        await until(lambda: said(api, "messages in one") and said(api, "in the middle of it"))
        everything = "\n".join(api.texts)
        # what was on its way when the outage began is a digest of its own
        counted = re.findall(r"✅ (\d+) executed, \+\$([\d.]+)", everything)
        assert sum(int(number) for number, _ in counted) == 40
        assert sum(parse_micros(amount) for _, amount in counted) == 40 * 130_000
        assert len(api.sent) <= 4
        await until(lambda: json.loads(cursor.read_bytes())["seq"] == engine.journal.seq)


async def test_an_outage_and_a_flood_wait_lose_no_message(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, alerts(ledger, api) as log:
        api.flood_s = [1]
        write(ledger, *trade("t1"))
        await until(lambda: said(api, "Executed: event t1"))
        assert any("Flood control" in line for line in log.lines)
        attempts = api.attempts
        api.down = True
        write(ledger, *trade("t2"), *trade("t3"))
        await until(lambda: any("Bad Gateway" in line for line in log.lines))
        assert api.attempts == attempts
        api.down = False
        await until(lambda: said(api, "event t2") and said(api, "event t3"))


async def test_a_restart_tells_what_came_meanwhile_and_nothing_twice(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api:
        async with alerts(ledger, api):
            write(ledger, *trade("t1"))
            # that it arrived is noted when Telegram's answer is here, a moment after it stands in the chat
            cursor = ledger.with_name("ledger.db.alerts")
            await until(lambda: json.loads(cursor.read_bytes())["seq"] == last_record(ledger))
        write(ledger, *trade("t2"))
        async with alerts(ledger, api):
            await until(lambda: said(api, "event t2"))
        assert sum("event t1" in text for text in api.texts) == 1


async def test_one_process_tells_of_a_ledger(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, alerts(ledger, api):
        with pytest.raises(SettingsError, match="another `dutchbook alerts`"):
            async with alerts(ledger, api):
                pass


async def test_a_text_that_telegram_cannot_format_arrives_plain(tmp_path: Path) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, alerts(ledger, api):
        api.refuse_html = True
        write(ledger, *trade("t1"))
        await until(lambda: said(api, "Executed: event t1"))
        assert "<b>" not in api.texts[-1]


async def test_a_refused_token_ends_it_and_is_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    wrong = "987654321:AAwrongtokenwrongtokenwrongtoken"
    async with telegram() as api:
        with pytest.raises(CredentialsError, match="TELEGRAM_BOT_TOKEN: Telegram refuses it") as caught:
            async with alerts(ledger, api, token=wrong):
                pass
    assert wrong not in str(caught.value)
    assert caught.value.__suppress_context__
    assert wrong not in caplog.text


async def test_the_libraries_words_come_into_our_log_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = beginning(tmp_path / "ledger.db")
    async with telegram() as api, alerts(ledger, api) as log:
        logging.getLogger("httpx").info("HTTP Request: POST %s/bot%s/getMe", api.url, TOKEN)
        logging.getLogger("telegram.ext.Updater").error("POST %s/bot%s/getMe failed", api.url, TOKEN)
        api.down = True
        write(ledger, *trade("t1"))
        await until(lambda: any("Bad Gateway" in line for line in log.lines))
        shown = "\n".join(log.lines) + caplog.text
        assert "/bot***/getMe failed" in shown
        assert TOKEN not in shown
        assert "HTTP Request" not in shown
        api.down = False
        await until(lambda: said(api, "event t1"))
