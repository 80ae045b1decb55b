"""The alerts of a ledger, as `dutchbook alerts` composes them, against a Telegram on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from alerts.bot_api import CHAT, TOKEN, BotApi
from dutchbook.cli.alerts import serve
from dutchbook.settings import Settings
from dutchbook.settings.places import TelegramSettings

PATIENCE_S = 60


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@dataclass
class Lines:
    """A log that remembers."""

    lines: list[str] = field(default_factory=list)

    def info(self, event: str, **values: object) -> None:
        self.lines.append(f"{event} {values}")

    def warning(self, event: str, **values: object) -> None:
        self.lines.append(f"{event} {values}")


@asynccontextmanager
async def alerts(ledger: Path, api: BotApi, *, cancel: bool = False, token: str = TOKEN) -> AsyncIterator[Lines]:
    """The process's work while the block runs; it has begun to poll, unless Telegram is down."""
    log = Lines()
    settings = Settings(telegram=TelegramSettings(api_url=api.url))
    task = asyncio.create_task(serve(ledger, settings, token, CHAT, cancel=cancel, log=log, gap_s=0.01))
    await asyncio.sleep(0)
    begun = len(api.calls)
    await until(lambda: task.done() or (api.down and len(api.calls) > begun) or "getUpdates" in api.calls[begun:])
    try:
        if task.done():
            task.result()
        yield log
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
