"""A ledger in a person's hand: which one is meant, opened for writing when no engine holds it, and how an answer is told.

Shared by the commands that tell a running engine something and otherwise book it themselves. Decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dutchbook.cli.output import ExitStatus, note, say, say_json

if TYPE_CHECKING:
    from dutchbook.ledger.inbox import Answer
    from dutchbook.ledger.journal import Journal

LedgerPath = Annotated[Path | None, typer.Option("--ledger", metavar="PATH", help="Instead of the settings' ledger.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def ledger_path(ledger: Path | None) -> Path:
    """The ledger that is named, or the one in the settings; with one named, settings that cannot be read do not matter."""
    from dutchbook.settings import load_here

    return ledger or load_here(os.environ, Path.cwd()).ledger_path


@contextmanager
def own_journal(path: Path) -> Iterator[Journal]:
    """A journal that no engine holds, for writing, as whose it is already: this needs no settings. Raises LedgerError."""
    from dutchbook.ledger.journal import Identity, Journal

    reader = Journal.read(path)
    owner = reader.identity()
    reader.close()
    whose = Identity(owner["mode"], owner["profile"], tuple(owner["hosts"].split()), tuple(owner["accounts"].split()))
    journal = Journal.write(path, whose, power_safe=True)
    try:
        yield journal
    finally:
        journal.close()


def tell_answer(path: Path, answer: Answer, as_json: bool, *, engine: bool) -> None:
    """Print an answer and leave; `engine` says whether a running one gave it."""
    if as_json:
        say_json({"ledger": str(path), "engine": engine, "done": answer.done, "text": answer.text})
    elif answer.done:
        say(answer.text)
    else:
        note(f"error: {answer.text}")
    raise typer.Exit(ExitStatus.OK if answer.done else ExitStatus.FAILED)
