"""`dutchbook doctor` around the venues' public side: Telegram, the state stream, allowances, planned pauses."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from dutchbook.bus.place import state_path
from dutchbook.cli.doctor import examination, surroundings
from dutchbook.cli.doctor.command import FAIL, OK, WARN
from dutchbook.cli.sides import kalshi_config
from dutchbook.core.clock import SECOND, SystemClock
from dutchbook.core.errors import NotSent, Refused, Unavailable
from dutchbook.core.mode import Mode
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.core.venue import Window
from dutchbook.settings import Settings, load
from dutchbook.venues.kalshi import KalshiData
from venues.polymarket.floor import Desk

TOKEN = "123456:secret-of-the-bot"
CHAT = "4242"
GOOD = {
    "getMe": b'{"ok":true,"result":{"id":1,"username":"my_bot"}}',
    "getChat": b'{"ok":true,"result":{"type":"private"}}',
}


class Telegram:
    """A transport that answers the Bot API's methods as told; without an answer the network is away."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, bytes]] = []

    async def send(self, request: Request) -> Response:
        self.asked.append((request.url, request.body))
        answer = self.answers.get(request.url.rpartition("/")[2])
        if answer is None:
            raise NotSent(f"POST {request.url}: no connection")
        return Response(200 if b'"ok":true' in answer else 400, answer)

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        raise Refused("no channel here")

    async def close(self) -> None:
        pass


def configured() -> Settings:
    return load({"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": CHAT})


async def test_m7_telegram_is_asked_for_the_bot_and_its_chat() -> None:
    telegram = Telegram(GOOD)
    check = await surroundings.telegram(configured(), telegram)
    assert check.verdict == OK and "@my_bot reaches the private chat" in check.text
    assert telegram.asked == [
        (f"https://api.telegram.org/bot{TOKEN}/getMe", b""),
        (f"https://api.telegram.org/bot{TOKEN}/getChat", f"chat_id={CHAT}".encode()),
    ]


@pytest.mark.parametrize(
    ("answers", "words", "fix"),
    [
        ({"getMe": b'{"ok":false,"description":"Unauthorized"}'}, "the token is refused: Unauthorized", "@BotFather"),
        (
            {**GOOD, "getChat": b'{"ok":false,"description":"Bad Request: chat not found"}'},
            "@my_bot cannot reach the chat: Bad Request: chat not found",
            "--find-chat",
        ),
        ({"getMe": b"<html>"}, "HTTP 400 and nothing readable", "TELEGRAM_API_URL"),
        ({"getMe": b'{"ok":false}'}, "HTTP 400 and nothing readable", "TELEGRAM_API_URL"),
        ({}, "no connection", "check the network"),
    ],
)
async def test_m7_telegram_that_is_not_well_is_a_warning_with_its_fix_and_without_the_token(
    answers: Mapping[str, bytes], words: str, fix: str
) -> None:
    check = await surroundings.telegram(configured(), Telegram(answers))
    assert check.verdict == WARN and words in check.text and fix in check.fix
    assert TOKEN not in check.line()


async def test_m7_without_a_token_telegram_is_not_asked() -> None:
    telegram = Telegram({})
    check = await surroundings.telegram(Settings(), telegram)
    assert (check.verdict, telegram.asked) == (WARN, [])


def test_m7_the_state_stream_is_tried_and_nothing_is_left_behind(tmp_path: Path) -> None:
    check = surroundings.state_stream(tmp_path / "ledger.db")
    assert check.verdict == OK and "will be served" in check.text
    assert list(tmp_path.iterdir()) == []


def test_m7_an_engine_that_serves_its_stream_is_seen(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
        engine.bind(str(state_path(ledger)))
        engine.listen()
        assert "an engine serves it now" in surroundings.state_stream(ledger).text
    # one that died leaves its socket behind: nobody answers there
    assert "will be served" in surroundings.state_stream(ledger).text


def test_m7_a_ledger_that_a_running_engine_holds_is_no_failure(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
        engine.bind(str(state_path(ledger)))
        engine.listen()
        check = surroundings.ledger(ledger, Settings())
    assert check.verdict == WARN and "an engine runs on it now" in check.text


def test_m7_a_secrets_file_that_others_can_read_is_a_warning_with_its_fix(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert surroundings.secrets_file(path) == []
    path.write_text("TELEGRAM_CHAT_ID=1\n", encoding="utf-8")
    path.chmod(0o644)
    (check,) = surroundings.secrets_file(path)
    assert check.verdict == WARN and check.fix == f"chmod 600 {path}"
    path.chmod(0o600)
    assert surroundings.secrets_file(path) == []


def test_m7_where_no_socket_can_be_made_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # root may write anywhere, so the other way to have no place: a folder that everybody may write to
    open_folder = tmp_path / "shared"
    open_folder.mkdir(mode=0o777)
    open_folder.chmod(0o777)
    monkeypatch.setattr(surroundings, "state_path", lambda ledger: open_folder / "x.state")
    check = surroundings.state_stream(tmp_path / "ledger.db")
    assert check.verdict == WARN and "not a folder of this user alone" in check.text and check.fix


async def test_m7_a_wallet_that_no_exchange_may_move_fails_live_and_warns_elsewhere() -> None:
    desk = await Desk().open()
    try:
        assert [check.verdict for check in await examination.allowances(Settings(mode=Mode.LIVE), desk.trading)] == [
            OK,
            OK,
        ]
        desk.exchange.accounts["ann"].allowance = 0
        for mode, verdict in ((Mode.LIVE, FAIL), (Mode.PAPER, WARN)):
            account, allowances = await examination.allowances(Settings(mode=mode), desk.trading)
            assert (account.verdict, allowances.verdict) == (OK, verdict)
            assert "the neg-risk exchange may not move" in allowances.text and "wallet approve" in allowances.fix
    finally:
        await desk.transport.close()


async def test_m7_an_account_that_may_only_close_fails_live() -> None:
    desk = await Desk().open()
    try:
        desk.exchange.accounts["ann"].closed_only = True
        (check,) = await examination.allowances(Settings(mode=Mode.LIVE), desk.trading)
        assert check.verdict == FAIL and "only close positions" in check.text
    finally:
        await desk.transport.close()


class Planned(KalshiData):
    """A venue with a schedule of its own."""

    planned: tuple[Window, ...] | None = ()

    async def windows(self) -> tuple[Window, ...]:
        if self.planned is None:
            raise Unavailable("not now")
        return self.planned


NOW = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("planned", "verdict", "words"),
    [
        ((), OK, "no pause is planned"),
        (
            (Window(NOW + 3_600 * SECOND, NOW + 7_200 * SECOND, "maintenance"),),
            OK,
            "2027-01-15 09:00 to 2027-01-15 10:00",
        ),
        (
            (Window(NOW - SECOND, NOW + 3_600 * SECOND, "Thursday pause"),),
            WARN,
            "Thursday pause now, until 2027-01-15 09:00",
        ),
        (None, WARN, "not now"),
    ],
)
async def test_m7_planned_pauses_are_told(planned: tuple[Window, ...] | None, verdict: str, words: str) -> None:
    data = Planned(kalshi_config(Settings()), Telegram({}), SystemClock())
    data.planned = planned
    (check,) = await examination._windows("kalshi", data, NOW)
    assert check.verdict == verdict and words in check.text
