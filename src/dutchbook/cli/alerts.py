"""`dutchbook alerts`: Telegram in a process of its own. Composes it and runs it; what it tells is in `alerts`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dutchbook.cli.output import note
from dutchbook.cli.packages import install_line
from dutchbook.core.errors import CredentialsError, SettingsError

if TYPE_CHECKING:
    from dutchbook.alerts.outbox import Log
    from dutchbook.settings import Settings

GAP_S: Final = 1.1
GROUP_GAP_S: Final = 3.1
"""Telegram takes about one message a second in a chat, twenty a minute in a group (whose number is negative)."""


def alerts(
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="PATH", help="The ledger, instead of the settings'.")
    ] = None,
    on_silence: Annotated[
        str, typer.Option(help="When a running engine falls silent for 10 s: alert, or cancel (also cancel-all).")
    ] = "alert",
    find_chat: Annotated[
        bool,
        typer.Option("--find-chat", help="Wait for somebody to write to the bot, print that chat's number, and leave."),
    ] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log as JSON lines.")] = False,
    log_file: Annotated[Path | None, typer.Option(metavar="PATH", help="Also log there, as JSON lines.")] = None,
) -> None:
    """Tell one Telegram chat what happens, and take its commands: /status /stop /start /trades /pnl /positions /balance.

    Works before, while and after an engine runs, and never in its way. Needs TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID.
    """
    if on_silence not in ("alert", "cancel"):
        raise SettingsError(f"--on-silence {on_silence}: choose alert or cancel")
    try:
        import telegram  # noqa: F401
    except ImportError:
        raise SettingsError(f"Telegram needs more packages: {install_line('alerts')}") from None
    import structlog

    from dutchbook.cli.interrupt import run_until_signal
    from dutchbook.cli.logs import configure_logs
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    if find_chat:
        from dutchbook.alerts import bot

        if settings.secrets.telegram_bot_token is None:
            raise CredentialsError("TELEGRAM_BOT_TOKEN: missing; docs/telegram.md says how to get it")
        note("write anything to the bot now")
        found = asyncio.run(bot.find_chat(settings.secrets.telegram_bot_token.reveal(), settings.telegram.api_url))
        typer.echo(f"TELEGRAM_CHAT_ID={found[0]}")
        note(f"that is the chat with {found[1] or 'somebody without a name'}")
        return
    token, chat_id = whom(settings)
    configure_logs(stream=sys.stderr, as_json=log_json, file=log_file)
    path = ledger or settings.ledger_path
    # alerts must never take time from an engine on the same machine
    os.nice(10)
    note(f"ledger {path}, alerts to Telegram")
    log = structlog.get_logger().bind(mode=settings.mode.tag)
    gap_s = GROUP_GAP_S if chat_id < 0 else GAP_S
    run_until_signal(serve(path, settings, token, chat_id, cancel=on_silence == "cancel", log=log, gap_s=gap_s))


def whom(settings: Settings) -> tuple[str, int]:
    """The token and the chat's number. Raises CredentialsError that echoes neither."""
    token, chat = settings.secrets.telegram_bot_token, settings.secrets.telegram_chat_id
    missing = [name for name, given in (("TELEGRAM_BOT_TOKEN", token), ("TELEGRAM_CHAT_ID", chat)) if given is None]
    if token is None or chat is None:
        raise CredentialsError(f"{', '.join(missing)}: missing; docs/telegram.md says how to get both")
    try:
        return token.reveal(), int(chat.reveal())
    except ValueError:
        raise CredentialsError(
            "TELEGRAM_CHAT_ID: must be the chat's number, such as 123456789; groups have a minus"
        ) from None


async def serve(
    path: Path, settings: Settings, token: str, chat_id: int, *, cancel: bool, log: Log, gap_s: float
) -> None:
    """Everything of the process, until it is cancelled or Telegram refuses the token. `gap_s` lies between two messages."""
    from dutchbook.alerts.bot import Bot
    from dutchbook.alerts.commands import Commands
    from dutchbook.alerts.outbox import Outbox
    from dutchbook.alerts.replies import Limits
    from dutchbook.alerts.service import Choices, Service
    from dutchbook.cli.figures import NETTING
    from dutchbook.cli.web import obey
    from dutchbook.risk.breakers import LOSS

    choices = Choices(
        zone=settings.zone,
        limits=Limits(settings.trading.max_daily_trades, settings.trading.max_daily_loss),
        summary_at=settings.telegram.daily_summary_at,
        cancel=cancel,
        by_loss=lambda switch: switch.reason.startswith(LOSS),
    )
    service = Service(path, NETTING, lambda verb, words, by: obey(path, verb, words, by), choices, log)
    bot = Bot(token, chat_id, settings.telegram.api_url, Commands(service), log)
    service.outbox = Outbox(
        bot.send,
        gap_s=gap_s,
        zone=settings.zone,
        log=log,
        wall_ns=time.time_ns,
        delivered=service.delivered,
    )
    service.begin()
    tasks = [asyncio.create_task(work) for work in (service.run(), bot.run(), service.outbox.run())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        service.cursor.release()
        left = service.outbox.waiting
        note(f"alerts ended{f', messages that the next start sends: {left}' if left else ''}")
