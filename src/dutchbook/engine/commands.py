"""Commands of a person to a running engine: taken from the ledger's inbox once, journaled, done, answered in a sentence.

`verbs` is the whole list of what can be commanded; other parts register theirs. A command that fails is answered so and
harms nothing else. Nothing is done late: what waited too long is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import DutchbookError, LedgerError, Skip
from dutchbook.core.facts import Alarmed, Commanded, KillSwitchSet
from dutchbook.core.opportunity import Rejection
from dutchbook.engine.closing import Closing
from dutchbook.engine.desk import Desk
from dutchbook.ledger.inbox import STALE_NS, Answer, Command, Inbox
from dutchbook.risk.breakers import LOSS, OpenRisk

Verb = Callable[[Mapping[str, str]], Awaitable[str]]
"""Does a command and returns the sentence that answers it; raises Skip (or another of our errors) with the reason why it was
not done. Its arguments are plain words; `by` among them names who asked."""

CLOSING_PATIENCE_NS: Final = 6 * SECOND
"""How long `stop` waits for cancels and sales before it answers; they go on afterwards."""


class Commands:
    """The dispatch. `do` serves this process, `run` serves the others through the inbox."""

    def __init__(self, desk: Desk) -> None:
        self.verbs: dict[str, Verb] = {}
        self._desk = desk

    def register(self, verb: str, work: Verb) -> None:
        """Let a verb be commanded; raises ValueError for one that is taken."""
        if verb in self.verbs:
            raise ValueError(f"the command {verb} is registered twice")
        self.verbs[verb] = work

    async def do(self, verb: str, arguments: Mapping[str, str], by: str) -> Answer:
        """Journal a command, do it, and answer. Never raises for what the command does."""
        work = self.verbs.get(verb)
        if work is None:
            return Answer(False, f"{verb}: no such command; there are {', '.join(sorted(self.verbs))}")
        try:
            self._desk.record(Commanded(verb, msgspec.json.encode(dict(arguments)).decode(), by))
            self._desk.log.info("command", verb=verb, by=by, **{f"with_{key}": text for key, text in arguments.items()})
            return Answer(True, await work({**arguments, "by": by}))
        except DutchbookError as error:
            return Answer(False, str(error))
        except Exception as error:
            # a defect in a command must not take the engine with it
            text = (
                f"the command {verb} failed: {type(error).__name__}: {error}; this is a fault of dutchbook, report it"
            )
            with suppress(DutchbookError):
                self._desk.record(Alarmed("defect", text))
            return Answer(False, text)

    async def run(self) -> None:
        """Serve the ledger's inbox until cancelled. A file that cannot be read for a while is tried again."""
        desk = self._desk
        inbox: Inbox | None = None
        try:
            while True:
                try:
                    inbox = inbox or self._open()
                    self._serve(inbox)
                except LedgerError as error:
                    desk.log.warning("commands cannot be read", reason=str(error))
                    await desk.clock.sleep(SECOND)
                await desk.clock.sleep(desk.config.commands_every_ns)
        finally:
            if inbox is not None:
                inbox.close()

    def _open(self) -> Inbox:
        inbox = Inbox.of_engine(self._desk.journal.path)
        for number in inbox.abandoned():
            text = "the engine ended while it did this; look at what came of it and ask again"
            inbox.reply(number, Answer(False, text), self._desk.clock.wall())
        return inbox

    def _serve(self, inbox: Inbox) -> None:
        desk = self._desk
        for letter in inbox.waiting():
            now = desk.clock.wall()
            command = letter.command
            if not inbox.take(letter.id, now):
                continue
            if command is None:
                inbox.reply(letter.id, Answer(False, f"not a command: {letter.trouble}"), now)
            elif command.stale(now):
                text = f"refused: older than {STALE_NS // SECOND} s when the engine saw it; nothing is done late"
                inbox.reply(letter.id, Answer(False, text), now)
            else:
                desk.spawn(self._answer(inbox, command), f"command {command.verb}")

    async def _answer(self, inbox: Inbox, command: Command) -> None:
        answer = await self.do(command.verb, command.arguments, command.by)
        while True:
            try:
                inbox.reply(command.id, answer, self._desk.clock.wall())
            except LedgerError as error:
                self._desk.log.warning("command not answered", verb=command.verb, reason=str(error))
                await self._desk.clock.sleep(SECOND)
            else:
                return


class StopStart:
    """The verbs `stop` and `start`: the kill switch in a person's hand (M16, M45). `loss` tells whether the loss limit holds."""

    def __init__(self, desk: Desk, closing: Closing, loss: Callable[[], Rejection | None]) -> None:
        self._desk = desk
        self._closing = closing
        self._loss = loss

    def register(self, commands: Commands) -> None:
        """Make both available."""
        commands.register("stop", self.stop)
        commands.register("start", self.start)

    def resume(self) -> None:
        """After a restart: what a person's `stop` asked for, and was not taken back, still stands."""
        switch = self._desk.ledger.kill_switch
        if switch is None:
            return
        for _, command in reversed(self._desk.ledger.commands):
            if command.command == "start":
                return
            if command.command == "stop":
                self._closing.ask(_wish(msgspec.json.decode(command.arguments, type=dict[str, str])), switch.reason)
                return

    async def stop(self, arguments: Mapping[str, str]) -> str:
        """No new entries; with `then` = cancel or flatten also less open risk. Raises Skip for another word there."""
        desk, closing = self._desk, self._closing
        wish = _wish(arguments)
        reason = arguments.get("reason") or "stopped by a person"
        before = desk.ledger.kill_switch
        if before is None:
            desk.record(KillSwitchSet(True, reason, arguments["by"]), Alarmed("kill_switch", reason))
            desk.log.error("kill switch", reason=reason, by=arguments["by"])
        parts = ["no new entries" if before is None else f"no new entries; was stopped already: {before.reason}"]
        if wish is not OpenRisk.HOLD:
            closing.ask(wish, reason)
            parts.append(await self._closed(wish))
        under_way = len(desk.ledger.working)
        if under_way:
            parts.append(f"{under_way} under way go on to their end")
        return "stopped: " + "; ".join(parts)

    async def _closed(self, wish: OpenRisk) -> str:
        """Work until it is done or patience ends; what came of it in words."""
        desk, closing = self._desk, self._closing
        if not desk.config.sending:
            raise Skip("stopped, but EXECUTOR_ENABLED is not true: nothing is sent, so nothing is cancelled or sold")
        deadline = desk.clock.monotonic() + CLOSING_PATIENCE_NS
        resting = {row.plan.id for _, row in closing.resting()}
        selling = {trade.id for trade in closing.held()} if wish is OpenRisk.FLATTEN else set()
        await closing.work()
        while self._left(resting, selling) and desk.clock.monotonic() < deadline:
            await desk.clock.sleep(50 * MILLISECOND)
        left = self._left(resting, selling)
        text = f"{len(resting - left)} of {len(resting)} resting orders cancelled"
        if wish is OpenRisk.FLATTEN:
            text += f", {len(selling - left)} of {len(selling)} positions sold"
            text += "".join(f"; {name}: {closing.troubles[name]}" for name in sorted(left) if name in closing.troubles)
        return text + ("; the rest is being worked on" if left else "")

    def _left(self, resting: set[str], selling: set[str]) -> set[str]:
        ledger = self._desk.ledger
        still = {row.plan.id for _, row in self._closing.resting()}
        return (resting & still) | {name for name in selling if not ledger.trades[name].flat}

    async def start(self, arguments: Mapping[str, str]) -> str:
        """Take the switch back. After a loss-limit stop raises Skip without `confirm` = yes, and while the loss stands."""
        desk = self._desk
        if desk.failure is not None:
            raise Skip(f"the engine has failed ({desk.failure}); end it and start it again")
        switch = desk.ledger.kill_switch
        if switch is None:
            return "the kill switch was not thrown; nothing has changed"
        if switch.reason.startswith(LOSS):
            still = self._loss()
            if still is not None:
                raise Skip(
                    f"{still.text}: that stands until the day is over, or until the limit is raised and the engine restarted"
                )
            if arguments.get("confirm") != "yes":
                raise Skip(f"stopped by the loss limit ({switch.reason}): confirm that trading is to go on (--confirm)")
        desk.record(KillSwitchSet(False, f"taken back by {arguments['by']}", arguments["by"]))
        self._closing.reset()
        return f"started: new entries are taken again (it was stopped: {switch.reason})"


def _wish(arguments: Mapping[str, str]) -> OpenRisk:
    try:
        return OpenRisk(arguments.get("then", OpenRisk.HOLD.value))
    except ValueError:
        raise Skip(f"stop: {arguments['then']!r} is none of hold, cancel, flatten") from None
