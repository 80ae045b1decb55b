"""What the chat can ask: each command's answer, and the second word that a start after a loss-limit stop needs.

Knows nothing of Telegram: text in, text out. The engine has the last word on every command.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dutchbook.alerts import replies
from dutchbook.alerts.service import Service
from dutchbook.alerts.text import escaped, shortened
from dutchbook.core.errors import DutchbookError

FRESH_S: Final = 60.0
"""A start that was sent longer ago is not done: much may have happened since. A stop is done whenever it comes."""

CONFIRM_S: Final = 120.0
"""How long the button of a confirmation may be pressed."""

ASKED: Final = "confirm:"

TRADES: Final = 5

STOPS: Final = {"": "hold", "cancel": "cancel", "flatten": "flatten"}


@dataclass(frozen=True, slots=True)
class Reply:
    """HTML, and the data of a button to confirm with, if there is one."""

    text: str
    confirm: str = ""


class Commands:
    """One chat's commands on one ledger."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._verbs: Mapping[str, Callable[[str, float], Awaitable[Reply]]] = {
            "status": self._status,
            "stop": self._stop,
            "start": self._start,
            "trades": self._trades,
            "pnl": self._pnl,
            "positions": self._positions,
            "balance": self._balance,
            "help": self._help,
        }
        self.strangers = 0
        """Messages from elsewhere, which were not answered."""

    async def answer(self, name: str, words: str, age_s: float) -> Reply:
        """The answer to `/name words` that was sent so many seconds ago."""
        work = self._verbs.get(name.lower())
        if work is None:
            return Reply(f"/{shortened(name, 32)}: no such command\n\n{replies.HELP}")
        try:
            return await work(" ".join(words.lower().split()), age_s)
        except DutchbookError as error:
            return Reply(f"❗ {shortened(str(error), 1_000)}")

    async def confirmed(self, data: str, age_s: float) -> Reply:
        """The answer to a pressed button whose message was sent so many seconds ago."""
        view = self._service.view
        self._service.catch_up()
        if age_s > CONFIRM_S or data != f"{ASKED}{view.stop_seq}" or view.ledger.kill_switch is None:
            return Reply("Not started: this question is out of date. Look at /status, then /start again.")
        return await self._told("start", {"confirm": "yes"})

    async def _status(self, _words: str, _age_s: float) -> Reply:
        text = replies.status(self._service.now())
        if self.strangers:
            text += f"\nIgnored messages from other chats: {self.strangers}"
        return Reply(text)

    async def _stop(self, words: str, _age_s: float) -> Reply:
        then = STOPS.get(words)
        if then is None:
            return Reply("Nothing was done: /stop, /stop cancel or /stop flatten")
        return await self._told("stop", {"then": then, "reason": "stopped from Telegram"})

    async def _start(self, _words: str, age_s: float) -> Reply:
        now = self._service.now()
        switch = now.ledger.kill_switch
        if switch is None:
            return Reply(f"New entries are not stopped.\n\n{replies.HELP}")
        if age_s > FRESH_S:
            return Reply(f"Not started: this came {age_s:.0f} s late. Look at /status, then /start again.")
        if self._service.choices.by_loss(switch):
            text = f"🛑 Stopped by the loss limit: {shortened(switch.reason)}\nTake new entries again all the same?"
            return Reply(text, f"{ASKED}{self._service.view.stop_seq}")
        return await self._told("start", {})

    async def _told(self, verb: str, arguments: Mapping[str, str]) -> Reply:
        answer = await self._service.do(verb, arguments, seen=self._service.view.stop_seq)
        return Reply(f"{'✔️' if answer.done else '❗'} {escaped(answer.text)}")

    async def _trades(self, words: str, _age_s: float) -> Reply:
        limit = int(words) if words.isascii() and words.isdecimal() and len(words) < 4 else TRADES
        return Reply(replies.trades(self._service.now(), limit))

    async def _pnl(self, _words: str, _age_s: float) -> Reply:
        return Reply(replies.profit(self._service.now()))

    async def _positions(self, _words: str, _age_s: float) -> Reply:
        return Reply(replies.positions(self._service.now()))

    async def _balance(self, _words: str, _age_s: float) -> Reply:
        return Reply(replies.balance(self._service.now()))

    async def _help(self, _words: str, _age_s: float) -> Reply:
        return Reply(replies.HELP)
