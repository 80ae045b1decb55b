"""What `dutchbook doctor` looks at around the venues: the ledger, its disk, its state stream, Telegram.

Each answers with a line and never raises for what it finds. Nothing is left changed, and no secret is in a line.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from dutchbook.bus.place import state_path
from dutchbook.cli.doctor.command import FAIL, OK, WARN, Check, failed
from dutchbook.cli.output import ExitStatus
from dutchbook.cli.packages import install_line
from dutchbook.cli.sides import identity
from dutchbook.core.errors import DutchbookError, LedgerError, MalformedFrame
from dutchbook.core.transport import Request, Transport
from dutchbook.ledger.journal import Journal
from dutchbook.settings import Settings

LEAST_DISK: Final = 100_000_000
AMPLE_DISK: Final = 1_000_000_000
"""Bytes. A day of trading writes a few megabytes; recordings write more."""


def ledger(path: Path, settings: Settings) -> Check:
    """Openable for writing by this mode and account, and by nobody else now. A ledger that is not there yet is not made."""
    try:
        owner = identity(settings)
        if _answers(state_path(path)):
            return Check("ledger", WARN, f"{path}: an engine runs on it now, so a second `run` would be refused")
        if not path.exists():
            return _new_ledger(path)
        journal = Journal.write(path, owner)
        records = journal.seq
        journal.close()
    except OSError as error:
        return failed("ledger", LedgerError(f"ledger {path}: {error.strerror}; check the path and its permissions"))
    except DutchbookError as error:
        return failed("ledger", error)
    return Check("ledger", OK, f"{path}: {records} records")


def _new_ledger(path: Path) -> Check:
    folder = _folder(path)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return failed("ledger", LedgerError(f"ledger {path}: {folder} cannot be written to; choose another path"))
    return Check("ledger", OK, f"{path}: will be created")


def _folder(path: Path) -> Path:
    """The nearest folder above that is there."""
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    return folder


def secrets_file(path: Path) -> list[Check]:
    """A `.env` that other users of this machine can read; nothing where there is none, or it is closed."""
    if not path.is_file() or not path.stat().st_mode & 0o077:
        return []
    return [Check("secrets file", WARN, f"{path} can be read by others on this machine", f"chmod 600 {path}")]


def disk(path: Path) -> Check:
    """Free space where the ledger is."""
    folder = _folder(path)
    free = shutil.disk_usage(folder).free
    text = f"{free // 1_000_000} MB free at {folder}"
    if free < LEAST_DISK:
        return Check(
            "disk", FAIL, text, "free some space: a ledger that cannot be written stops trading", ExitStatus.LEDGER
        )
    if free < AMPLE_DISK:
        return Check("disk", WARN, text, "free some space")
    return Check("disk", OK, text)


def state_stream(path: Path) -> Check:
    """Whether an engine could serve its state stream beside this ledger; trading does not need it, the page is slower without."""
    name, place = "state stream", state_path(path)
    if _answers(place):
        return Check(name, OK, f"{place}: an engine serves it now")
    folder = _folder(place)
    try:
        if folder == place.parent and folder != path.resolve().parent:
            _check_owner(folder)
        _try_socket(folder / f"~{os.getpid()}")
    except OSError as error:
        fix = "keep the ledger on a local disk, in a folder that is yours"
        return Check(name, WARN, f"{place}: no socket can be made there ({error.strerror or error})", fix)
    return Check(name, OK, f"{place}: will be served")


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reader:
        reader.settimeout(1)
        try:
            reader.connect(str(place))
        except OSError:
            return False
        return True


def _check_owner(folder: Path) -> None:
    """As the engine asks of a folder that is not the ledger's. Raises PermissionError."""
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")


def _try_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(str(place))
        finally:
            with suppress(OSError):
                place.unlink()


class _Bot(msgspec.Struct):
    username: str


class _Chat(msgspec.Struct):
    type: str


_Answer = TypeVar("_Answer")


async def telegram(settings: Settings, transport: Transport) -> Check:
    """The bot and its chat, by asking Telegram. Alerts are worth having and not a condition of trading."""
    token, chat = settings.secrets.telegram_bot_token, settings.secrets.telegram_chat_id
    if token is None or chat is None:
        fix = "set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID (docs/telegram.md)"
        return Check("telegram", WARN, "not configured: no alerts go out", fix)
    root = f"{settings.telegram.api_url}/bot{token.reveal()}"
    try:
        bot = await _asked(transport, f"{root}/getMe", {}, _Bot)
        if isinstance(bot, str):
            fix = "take TELEGRAM_BOT_TOKEN as @BotFather shows it"
            return Check("telegram", WARN, f"the token is refused: {bot}", fix)
        found = await _asked(transport, f"{root}/getChat", {"chat_id": chat.reveal()}, _Chat)
    except DutchbookError as error:
        # every address that is called contains the token
        text = str(error).replace(token.reveal(), "***")
        return Check("telegram", WARN, f"cannot be asked: {text}", "check the network and TELEGRAM_API_URL")
    if isinstance(found, str):
        fix = "write to the bot, then `dutchbook alerts --find-chat` tells TELEGRAM_CHAT_ID"
        return Check("telegram", WARN, f"@{bot.username} cannot reach the chat: {found}", fix)
    if importlib.util.find_spec("telegram") is None:
        fix = install_line("alerts")
        return Check("telegram", WARN, f"@{bot.username} is there, but `dutchbook alerts` needs more packages", fix)
    return Check("telegram", OK, f"@{bot.username} reaches the {found.type} chat; `dutchbook alerts` sends")


async def _asked(transport: Transport, url: str, words: dict[str, str], kind: type[_Answer]) -> _Answer | str:
    """One method of the Bot API: its result, or why Telegram refuses. Raises the tree's errors."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await transport.send(Request("POST", url, headers, urlencode(words).encode()))
    try:
        told = msgspec.json.decode(response.body, type=dict[str, msgspec.Raw])
        if "result" in told:
            return msgspec.json.decode(told["result"], type=kind)
        return msgspec.json.decode(told["description"], type=str)
    except (msgspec.DecodeError, KeyError):
        raise MalformedFrame(f"Telegram answered with HTTP {response.status} and nothing readable") from None
