"""The one user of python-telegram-bot: sends to the configured chat, obeys nobody else, and never lets the token out.

Telegram may be away at any time, from the first moment on. Only a token that it refuses ends the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from telegram import Bot as TelegramBot
from telegram import (
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    Update,
    User,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.ext import Application, CallbackQueryHandler, MessageHandler, filters

from dutchbook.alerts.commands import ASKED, Commands, Reply
from dutchbook.alerts.outbox import Later, Log, Unacceptable
from dutchbook.alerts.service import BY
from dutchbook.alerts.text import split
from dutchbook.core.errors import CredentialsError, Retry

PATIENCE_S: Final = 20.0
"""A call that takes longer has failed."""

POLL_S: Final = 25
"""Telegram holds a question for updates open for so long."""

TRIES: Final = 4
"""How often an answer to a command is tried."""

GOODBYE_S: Final = 3.0
SHUT_S: Final = 60.0
"""A chat that has shut us out is tried again after this."""

MENU: Final = {
    "status": "is it safe: engine, switch, today against its limits",
    "stop": "no new entries (stop cancel, stop flatten)",
    "start": "take new entries again",
    "trades": "the newest trades",
    "pnl": "profit and loss",
    "positions": "what is held",
    "balance": "cash of both venues",
    "help": "the commands",
}

# the library's own switch to its coming form of RetryAfter, instead of a warning at every flood wait
os.environ.setdefault("PTB_TIMEDELTA", "1")

REFUSED: Final = "TELEGRAM_BOT_TOKEN: Telegram refuses it; take the one that @BotFather shows for this bot"

LIBRARIES: Final = ("telegram", "httpx", "httpcore")


class Bot:
    """One token, one chat. `api_url` is Telegram's, or that of a Bot API server of one's own."""

    def __init__(self, token: str, chat_id: int, api_url: str, commands: Commands, log: Log) -> None:
        self._token = token
        self._chat_id = chat_id
        self._commands = commands
        self._log = log
        self._app: Application[Any, Any, Any, Any, Any, Any] = (
            Application.builder()
            .token(token)
            .base_url(f"{api_url}/bot")
            .connect_timeout(PATIENCE_S)
            .read_timeout(PATIENCE_S)
            .write_timeout(PATIENCE_S)
            .pool_timeout(PATIENCE_S)
            .get_updates_read_timeout(POLL_S + PATIENCE_S)
            .concurrent_updates(8)
            .job_queue(None)
            .build()
        )
        message = filters.UpdateType.MESSAGE
        self._app.add_handler(MessageHandler(filters.ALL & message, self._on_message))
        self._app.add_handler(CallbackQueryHandler(self._on_press))
        self._app.add_error_handler(self._on_error)
        self._ready = asyncio.Event()

    def hide(self, text: object) -> str:
        """A text of the library without the token, which stands in every address that it calls."""
        return str(text).replace(self._token, "***")

    async def run(self) -> None:
        """Poll for commands until cancelled. Raises CredentialsError when Telegram refuses the token."""
        with _guarded(self):
            try:
                await self._connect()
                await self._poll()
            finally:
                await self._leave()

    async def _poll(self) -> None:
        app = self._app
        assert app.updater is not None
        await app.start()
        await app.updater.start_polling(
            timeout=timedelta(seconds=POLL_S),
            bootstrap_retries=-1,
            allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY],
            error_callback=self._on_polling_error,
        )
        self._ready.set()
        with suppress(TelegramError):
            await app.bot.set_my_commands([BotCommand(name, text) for name, text in MENU.items()])
        await asyncio.get_running_loop().create_future()

    async def _connect(self) -> None:
        pause = 1.0
        while True:
            try:
                await self._app.initialize()
            except InvalidToken:
                raise CredentialsError(REFUSED) from None
            except TelegramError as error:
                self._log.warning("Telegram cannot be reached", reason=self.hide(error), again_in_s=pause)
                await asyncio.sleep(_wait_s(error) or pause)
                pause = min(60.0, pause * 2)
            else:
                self._log.info("Telegram is there", bot=f"@{self._app.bot.username}")
                return

    async def _leave(self) -> None:
        """In order where Telegram answers; at once where it does not. The library swallows a cancellation while it stops."""
        leaving = asyncio.create_task(self._close())
        await asyncio.wait({leaving}, timeout=GOODBYE_S)
        leaving.cancel()

    async def _close(self) -> None:
        app = self._app
        assert app.updater is not None
        with suppress(TelegramError, RuntimeError):
            if app.updater.running:
                await app.updater.stop()
            if app.running:
                await app.stop()
            await app.shutdown()

    # -- sending ------------------------------------------------------------------------------------------------------

    async def send(self, text: str, formatted: bool) -> None:
        """One text to the chat. Raises Later or Unacceptable."""
        await self._ready.wait()
        await self._send(text, formatted, None)

    async def _send(self, text: str, formatted: bool, markup: InlineKeyboardMarkup | None) -> None:
        try:
            await self._app.bot.send_message(
                self._chat_id,
                text,
                parse_mode=ParseMode.HTML if formatted else None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_markup=markup,
            )
        except RetryAfter as error:
            raise Later(self.hide(error), _wait_s(error)) from None
        except ChatMigrated as error:
            reason = f"this group is another chat now: set TELEGRAM_CHAT_ID={error.new_chat_id}"
            raise Later(reason, SHUT_S) from None
        except BadRequest as error:
            if "chat not found" in str(error).lower():
                reason = "TELEGRAM_CHAT_ID: Telegram knows no such chat; write to the bot first"
                raise Later(reason, SHUT_S) from None
            raise Unacceptable(self.hide(error)) from None
        except (Forbidden, InvalidToken) as error:
            raise Later(self.hide(error), SHUT_S) from None
        except TelegramError as error:
            raise Later(self.hide(error)) from None

    async def _answer(self, reply: Reply) -> None:
        button = InlineKeyboardButton("Yes, start again", callback_data=reply.confirm)
        parts = split(reply.text)
        for number, part in enumerate(parts, 1):
            last = number == len(parts) and reply.confirm
            await self._insist(part, InlineKeyboardMarkup([[button]]) if last else None)

    async def _insist(self, part: str, markup: InlineKeyboardMarkup | None) -> None:
        """An answer is worth a few tries and no more: who asked asks again."""
        for attempt in range(TRIES):
            try:
                await self._send(part, True, markup)
            except Later as error:
                self._log.warning("an answer was not taken", reason=str(error))
                await asyncio.sleep(min(error.after_s or 2.0**attempt, PATIENCE_S))
            except Unacceptable as error:
                self._log.warning("Telegram refuses an answer", reason=str(error))
                return
            else:
                return

    # -- hearing ------------------------------------------------------------------------------------------------------

    async def _on_message(self, update: Update, _context: Any) -> None:
        message = update.message
        if message is None or not self._ours(message.chat.id):
            return
        found = self._command(message)
        if found is not None:
            await self._answer(await self._commands.answer(*found, _age_s(message.date), _by(message.from_user)))

    async def _on_press(self, update: Update, _context: Any) -> None:
        query = update.callback_query
        message = query.message if query is not None else None
        if query is None or message is None or not self._ours(message.chat.id):
            return
        with suppress(TelegramError):
            await query.answer()
        with suppress(TelegramError):
            await query.edit_message_reply_markup(None)
        if (query.data or "").startswith(ASKED):
            data, by = query.data or "", _by(query.from_user)
            await self._answer(await self._commands.confirmed(data, _age_s(message.date), by))

    def _ours(self, chat_id: int) -> bool:
        """Whether it is the configured chat; others are counted, and nobody answers them."""
        if chat_id == self._chat_id:
            return True
        self._commands.strangers += 1
        number = self._commands.strangers
        if number in (1, 10, 100) or number % 1_000 == 0:
            self._log.warning("messages from other chats are ignored", so_far=number)
        return False

    def _command(self, message: Message) -> tuple[str, str] | None:
        """(name, words) of a command that is meant for this bot."""
        text = message.text or ""
        if not text.startswith("/"):
            return None
        head, _, words = text[1:].partition(" ")
        name, _, bot = head.partition("@")
        if not name or (bot and bot.lower() != self._app.bot.username.lower()):
            return None
        return name, words

    def _on_polling_error(self, error: TelegramError) -> None:
        self._log.warning("Telegram's updates cannot be read", reason=self.hide(error))

    async def _on_error(self, update: object, context: Any) -> None:
        """A defect of ours: whoever asked is told, and does not wait for an answer."""
        error = context.error
        self._log.warning("a command failed", reason=f"{type(error).__name__}: {self.hide(error)}")
        chat = update.effective_chat if isinstance(update, Update) else None
        if chat is not None and chat.id == self._chat_id:
            await self._answer(
                Reply("❗ This failed; the log says why. <code>dutchbook stop</code> works on the machine.")
            )


async def find_chat(token: str, api_url: str) -> tuple[int, str]:
    """Wait until somebody writes to the bot; that chat's number and name.

    Raises CredentialsError, or Retry when Telegram is away.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes addresses, and those contain the token
    try:
        async with TelegramBot(token, base_url=f"{api_url}/bot") as bot:
            while True:
                updates = await bot.get_updates(
                    timeout=timedelta(seconds=POLL_S), read_timeout=PATIENCE_S, allowed_updates=[Update.MESSAGE]
                )
                for update in updates:
                    if update.effective_chat is not None:
                        return update.effective_chat.id, update.effective_chat.effective_name or ""
    except InvalidToken:
        raise CredentialsError(REFUSED) from None
    except TelegramError as error:
        raise Retry(f"Telegram cannot be asked: {str(error).replace(token, '***')}") from None


class _Guard(logging.Handler):
    """Brings the libraries' warnings into our log, without the token and without a traceback."""

    def __init__(self, bot: Bot) -> None:
        super().__init__(logging.WARNING)
        self._bot = bot

    def emit(self, record: logging.LogRecord) -> None:
        self._bot._log.warning("telegram library", source=record.name, text=self._bot.hide(record.getMessage()))


@contextmanager
def _guarded(bot: Bot) -> Iterator[None]:
    """The libraries' loggers answer to the guard while the block runs: they write addresses, and those contain the token."""
    guard = _Guard(bot)
    libraries = [logging.getLogger(name) for name in LIBRARIES]
    before = [(library.handlers, library.propagate, library.level) for library in libraries]
    for library in libraries:
        library.handlers, library.propagate = [guard], False
        library.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for library, (handlers, propagate, level) in zip(libraries, before, strict=True):
            library.handlers, library.propagate = handlers, propagate
            library.setLevel(level)


def _by(person: User | None) -> str:
    """Who it is, as it stands in the ledger: `telegram:@anna`, or the account's number where it has no such name."""
    if person is None:
        return BY
    name = person.username or ""
    return f"{BY}:@{name}" if re.fullmatch(r"[A-Za-z0-9_]{1,32}", name) else f"{BY}:{person.id}"


def _age_s(sent: datetime) -> float:
    return (datetime.now(UTC) - sent).total_seconds()


def _wait_s(error: TelegramError) -> float | None:
    """How long Telegram wants us to wait, if it says so."""
    if not isinstance(error, RetryAfter):
        return None
    told = error.retry_after
    return told.total_seconds() if isinstance(told, timedelta) else float(told)
