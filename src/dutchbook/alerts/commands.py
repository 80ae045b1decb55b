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
from dutchbook.core.clock import SECOND
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What follows a command, how long ago it was sent, and by whom."""

    words: str
    age_s: float
    by: str


class Commands:
    """One chat's commands on one ledger."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._verbs: Mapping[str, Callable[[Asked], Awaitable[Reply]]] = {
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

    async def answer(self, name: str, words: str, age_s: float, by: str) -> Reply:
        """The answer to `/name words` that was sent so many seconds ago; `by` is who asks, as it stands in the ledger."""
        work = self._verbs.get(name.lower())
        if work is None:
            return Reply(f"/{shortened(name, 32)}: no such command\n\n{replies.HELP}")
        try:
            return await work(Asked(" ".join(words.lower().split()), age_s, by))
        except DutchbookError as error:
            return Reply(f"❗ {shortened(str(error), 1_000)}")

    async def confirmed(self, data: str, age_s: float, by: str) -> Reply:
        """The answer to a pressed button whose message was sent so many seconds ago."""
        view = self._service.view
        self._service.catch_up()
        if age_s > CONFIRM_S or data != f"{ASKED}{view.stop_seq}" or view.ledger.kill_switch is None:
            return Reply("Not started: this question is out of date. Look at /status, then /start again.")
        return await self._told("start", {"confirm": "yes"}, by)

    async def _status(self, _asked: Asked) -> Reply:
        text = replies.status(self._service.now())
        if self.strangers:
            text += f"\nIgnored messages from other chats: {self.strangers}"
        return Reply(text)

    async def _stop(self, asked: Asked) -> Reply:
        then = STOPS.get(asked.words)
        if then is None:
            return Reply("Nothing was done: /stop, /stop cancel or /stop flatten")
        return await self._told("stop", {"then": then, "reason": "stopped from Telegram"}, asked.by)

    async def _start(self, asked: Asked) -> Reply:
        now = self._service.now()
        switch = now.ledger.kill_switch
        if switch is None:
            return Reply(f"New entries are not stopped.\n\n{replies.HELP}")
        if asked.age_s > FRESH_S:
            return Reply(f"Not started: this came {asked.age_s:.0f} s late. Look at /status, then /start again.")
        if self._service.choices.by_loss(switch):
            text = f"🛑 Stopped by the loss limit: {shortened(switch.reason)}\nTake new entries again all the same?"
            return Reply(text, f"{ASKED}{self._service.view.stop_seq}")
        if now.wall_ns - round(asked.age_s * SECOND) < self._service.stopped_ns:
            # Telegram tells whole seconds, rounded down: in doubt the stop wins
            return Reply(f"Not started: {shortened(switch.by, 60)} stopped it in the moment you sent this; see /status")
        return await self._told("start", {}, asked.by)

    async def _told(self, verb: str, arguments: Mapping[str, str], by: str) -> Reply:
        answer = await self._service.do(verb, arguments, by, seen=self._service.view.stop_seq)
        return Reply(f"{'✔️' if answer.done else '❗'} {escaped(answer.text)}")

    async def _trades(self, asked: Asked) -> Reply:
        words = asked.words
        limit = int(words) if words.isascii() and words.isdecimal() and len(words) < 4 else TRADES
        return Reply(replies.trades(self._service.now(), limit))

    async def _pnl(self, _asked: Asked) -> Reply:
        return Reply(replies.profit(self._service.now()))

    async def _positions(self, _asked: Asked) -> Reply:
        return Reply(replies.positions(self._service.now()))

    async def _balance(self, _asked: Asked) -> Reply:
        return Reply(replies.balance(self._service.now()))

    async def _help(self, _asked: Asked) -> Reply:
        return Reply(replies.HELP)
