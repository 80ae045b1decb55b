"""`dutchbook stop` and `dutchbook start`: the kill switch in a person's hand, with an engine running or without.

A running engine is told through the ledger's inbox and answers. Without one the switch is set in the ledger itself, and the
next engine finds it. Stopping never depends on the network or on the settings, only on the ledger.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path, own_journal, tell_answer
from dutchbook.core.errors import DutchbookError, SettingsError, Skip

if TYPE_CHECKING:
    from dutchbook.core.facts import KillSwitchSet
    from dutchbook.ledger.inbox import Answer
    from dutchbook.ledger.journal import Journal

PATIENCE_S: Final = 10.0
"""How long an engine may take to answer."""

BY: Final = "operator"


def stop(
    cancel: Annotated[bool, typer.Option("--cancel", help="Also cancel every resting order of ours.")] = False,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Also cancel, and sell every open position that can be sold.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Kept in the ledger with the stop.")] = "",
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """No new entries from now on, until `dutchbook start`. Trades under way go on to their end."""
    if cancel and flatten:
        raise SettingsError("--cancel, --flatten: the second contains the first; give one of them")
    then = "flatten" if flatten else "cancel" if cancel else "hold"
    path = ledger_path(ledger)
    arguments = {"then": then, **({"reason": reason} if reason else {})}
    answer = _command(path, "stop", arguments)
    engine = answer is not None
    if answer is None:
        answer = stop_alone(path, then, reason)
    tell_answer(path, answer, as_json, engine=engine)


def start(
    confirm: Annotated[bool, typer.Option("--confirm", help="Needed after a stop by the loss limit.")] = False,
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Take the kill switch back: new entries are taken again."""
    path = ledger_path(ledger)
    answer = _command(path, "start", {"confirm": "yes"} if confirm else {})
    engine = answer is not None
    tell_answer(path, answer or start_alone(path, confirm), as_json, engine=engine)


def command_engine(path: Path, verb: str, arguments: Mapping[str, str], by: str = BY) -> Answer | None:
    """Have the engine that runs on a ledger do something, and wait for its answer at most `PATIENCE_S`.

    None when no engine runs (or none took it up, and then it never will): nothing was done. Raises Skip when an engine
    took it up and has not answered, LedgerError for a ledger that cannot be used.
    """
    from dutchbook.ledger.inbox import Inbox, engine_runs

    if not path.exists() or not engine_runs(path):
        return None
    with Inbox.of_sender(path) as inbox:
        number = inbox.send(verb, arguments, by, time.time_ns())
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer = inbox.answer(number)
            if answer is not None:
                return answer
            if not engine_runs(path):
                break
            time.sleep(0.05)
        if inbox.withdraw(number, time.time_ns()):
            return None
        answer = inbox.answer(number)
    if answer is None:
        raise Skip(f"the engine has taken up `{verb}` and not answered yet; `dutchbook status` shows what came of it")
    return answer


def _command(path: Path, verb: str, arguments: Mapping[str, str]) -> Answer | None:
    from dutchbook.ledger.inbox import engine_runs

    answer = command_engine(path, verb, arguments)
    if answer is None and path.exists() and engine_runs(path):
        raise Skip(f"`{verb}` was not taken up within {PATIENCE_S:g} s: the process on {path} does not listen; end it")
    return answer


def stop_alone(path: Path, then: str, reason: str, by: str = BY) -> Answer:
    """The switch into the ledger itself; then, to cancel, an engine that only serves this."""
    from dutchbook.core.facts import Alarmed, KillSwitchSet
    from dutchbook.ledger.inbox import Answer

    text = reason or "stopped by a person"
    with _own_ledger(path) as (journal, before):
        if before is None:
            journal.append([KillSwitchSet(True, text, by), Alarmed("kill_switch", text)], time.time_ns())
    said = "stopped: no engine runs on this ledger, and the next one takes no new entries"
    if before is not None:
        said += f"; it was stopped already: {before.reason}"
    if then == "hold":
        return Answer(True, said)
    try:
        cancelled = _cancel_alone(path, text, by)
    except DutchbookError as error:
        return Answer(False, f"{said}; but resting orders were not cancelled: {error}")
    said += f"; {cancelled.text}"
    if then == "flatten":
        return Answer(
            False, f"{said}; positions are sold by a running engine only: start `dutchbook run`, then stop again"
        )
    return Answer(cancelled.done, said)


def _cancel_alone(path: Path, reason: str, by: str) -> Answer:
    """Connect as an order by hand does, and cancel what rests. Raises the errors of settings, venues and ledger."""
    import asyncio

    import uvloop

    from dutchbook.cli.logs import configure_logs
    from dutchbook.cli.order import serving_engine
    from dutchbook.cli.sides import check_profile
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    check_profile(settings)
    settings.require_secrets()
    configure_logs(stream=sys.stderr, as_json=False, file=None)

    async def work() -> Answer:
        async with serving_engine(settings, [], path) as engine:
            return await engine.commands.do("stop", {"then": "cancel", "reason": reason}, by)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


def start_alone(path: Path, confirm: bool, by: str = BY) -> Answer:
    """Take the switch back in the ledger itself."""
    from dutchbook.core.facts import Commanded, KillSwitchSet
    from dutchbook.ledger.inbox import Answer
    from dutchbook.risk.breakers import LOSS

    with _own_ledger(path) as (journal, switch):
        if switch is None:
            return Answer(True, "the kill switch was not thrown; nothing has changed")
        if switch.reason.startswith(LOSS) and not confirm:
            return Answer(
                False, f"stopped by the loss limit ({switch.reason}): confirm that trading is to go on (--confirm)"
            )
        taken = KillSwitchSet(False, f"taken back by {by}", by)
        journal.append([Commanded("start", "{}", by), taken], time.time_ns())
    return Answer(True, f"started: the next engine takes new entries (it was stopped: {switch.reason})")


@contextmanager
def _own_ledger(path: Path) -> Iterator[tuple[Journal, KillSwitchSet | None]]:
    """A ledger that no engine holds, for writing, and its switch, if on."""
    from dutchbook.core.facts import KillSwitchSet

    with own_journal(path) as journal:
        switch = None
        for record in journal.records():
            if isinstance(record.fact, KillSwitchSet):
                switch = record.fact if record.fact.on else None
        yield journal, switch
