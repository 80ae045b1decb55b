"""`dutchbook settle`: ask both venues for results now, book what is final, and tell what still waits.

A running engine is told through the ledger's inbox (it also asks by the clock); without one an engine is started for this alone.
Books nothing that a venue does not call final.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dutchbook.cli.output import ExitStatus, note, say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path
from dutchbook.cli.stop import BY, command_engine

if TYPE_CHECKING:
    from dutchbook.ledger.inbox import Answer


def settle(ledger: LedgerPath = None, as_json: Json = False) -> None:
    """Ask for the results of what is held, book those that are final, and list what waits.

    The engine does this by itself; status 1 when a venue could not be asked.
    """
    path = ledger_path(ledger)
    before = _waiting(path)
    answer = command_engine(path, "settle", {})
    engine = answer is not None
    if answer is None and before:
        answer = _with_engine(path)
    waiting = _waiting(path)
    paid = [row for row in before if row not in waiting]
    done = answer is None or answer.done
    text = f"{len(paid)} of {len(before)} legs were paid" if before else "nothing is held that waits for a result"
    text = text if answer is None or answer.done else answer.text
    if as_json:
        say_json({"ledger": str(path), "engine": engine, "done": done, "text": text, "paid": paid, "waiting": waiting})
    else:
        (say if done else note)(text if done else f"error: {text}")
        for word, rows in (("paid", paid), ("waits", waiting)):
            for row in rows:
                say(f"{word:5}  {row['trade']}  {row['contracts']} {row['side']} {row['market']}  {row['event']}")
    raise typer.Exit(ExitStatus.OK if done else ExitStatus.FAILED)


def _waiting(path: Path) -> list[dict[str, Any]]:
    """Legs that hold contracts and are not paid, as `positions` tells them."""
    from dutchbook.cli.figures import open_ledger, positions
    from dutchbook.core.money import parse_micros

    journal, folded = open_ledger(path)
    journal.close()
    shown = ("trade", "event", "market", "side", "contracts")
    rows = positions(folded, everything=False)
    return [{name: row[name] for name in shown} for row in rows if parse_micros(row["contracts"])]


def _with_engine(path: Path) -> Answer:
    """Connect as an order by hand does; what was left half done is finished by this too."""
    from dutchbook.cli.interrupt import run_interruptible
    from dutchbook.cli.logs import configure_logs
    from dutchbook.cli.order import serving_engine
    from dutchbook.cli.sides import check_profile
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    check_profile(settings)
    settings.require_secrets()
    configure_logs(stream=sys.stderr, as_json=False, file=None)

    async def whole() -> Answer:
        async with serving_engine(settings, [], path) as engine:
            return await engine.commands.do("settle", {}, BY)

    return run_interruptible(lambda interrupt: whole())
