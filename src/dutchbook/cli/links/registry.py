"""The link registry in a person's hand: read from a ledger; written by the engine that runs on it, else by the command.

Every decision is checked by `ledger.links`, whoever writes it. Approves nothing by itself.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from dutchbook.cli.output import instant
from dutchbook.cli.own_ledger import own_journal
from dutchbook.cli.stop import PATIENCE_S, command_engine
from dutchbook.core.errors import LedgerError, Skip

if TYPE_CHECKING:
    from dutchbook.core.facts import AnyFact, LinkAnnotated, LinkProposed
    from dutchbook.ledger.inbox import Answer
    from dutchbook.ledger.journal import Journal
    from dutchbook.ledger.links import LinkEntry
    from dutchbook.ledger.projection import Ledger

By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who decides; kept in the ledger. Default: the user's name.")
]

AT_ONCE: Final = 20
"""Proposals that are handed to a running engine in one command."""


def whoever(by: str) -> str:
    """The name that was given, else that of the user of this machine."""
    try:
        return by.strip() or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def read_registry(path: Path) -> Ledger:
    """The ledger's fold, for its registry. Raises LedgerError."""
    from dutchbook.cli.figures import open_ledger

    if not path.exists():
        raise LedgerError(f"ledger {path}: there is no such file yet; `dutchbook links discover` makes it")
    journal, ledger = open_ledger(path)
    journal.close()
    return ledger


def told(ledger: Ledger, entry: LinkEntry) -> dict[str, Any]:
    """Everything about one link for a person (M11), as plain data."""
    from dutchbook.engine.links import divergence_of
    from dutchbook.ledger.links import Count
    from dutchbook.linking.review import review

    prior = entry.proposal.prior
    count = ledger.links.counts(ledger.trades.values(), ledger.divergences).get(prior, Count())
    return review(
        entry.proposal,
        standing=entry.standing.value,
        review_code=entry.review_code,
        divergence=divergence_of(ledger)[prior],
        settled=count.settled,
        diverged=count.diverged,
        vetoes=entry.vetoes,
        remarks=[(remark.by, text) for remark in entry.remarks for text in remark.remarks],
        history=[(instant(step.at_ns) or "", step.what, step.by, step.reason) for step in entry.history],
    )


def decide(path: Path, verb: str, words: Mapping[str, str], by: str) -> tuple[Answer, bool]:
    """A decision about one link (link_approve, link_reject, link_suspend), by the engine that runs or booked here; the answer,
    and whether an engine gave it."""
    from dutchbook.ledger.inbox import Answer

    answer = command_engine(path, verb, words, by)
    if answer is not None:
        return answer, True
    try:
        return Answer(True, _book(path, verb, words, by)), False
    except Skip as refused:
        return Answer(False, str(refused)), False


def _book(path: Path, verb: str, words: Mapping[str, str], by: str) -> str:
    from dutchbook.cli.figures import NETTING
    from dutchbook.core.facts import Commanded
    from dutchbook.core.link_state import LinkTurn
    from dutchbook.ledger.links import approval, refusal
    from dutchbook.ledger.projection import Ledger

    with own_journal(path) as journal:
        ledger = Ledger(NETTING).replay(journal.records())
        name, reason = words["link"], words.get("reason", "")
        if verb == "link_approve":
            fact = approval(ledger.links, name, by, reason, words.get("seen", ""))
        else:
            turn = LinkTurn.REJECT if verb == "link_reject" else LinkTurn.SUSPEND
            fact = refusal(ledger.links, name, turn, by, reason)
        _append(journal, ledger, [Commanded(verb, msgspec.json.encode(dict(words)).decode(), by), fact])
        return f"link {name}: {ledger.links.entries[name].standing.value}; the next engine on this ledger goes by it"


def take_in(path: Path, proposals: Sequence[LinkProposed], by: str) -> tuple[int, int]:
    """Put proposals into the registry; how many were new, and how many it knew. Makes the ledger that the settings describe when
    there is none. Raises Skip with what the engine refused."""
    from dutchbook.ledger.inbox import engine_runs

    if path.exists() and engine_runs(path):
        return _through_engine(path, proposals, by)
    return _into_ledger(path, proposals)


def _through_engine(path: Path, proposals: Sequence[LinkProposed], by: str) -> tuple[int, int]:
    fresh = 0
    for start in range(0, len(proposals), AT_ONCE):
        words = {"proposals": msgspec.json.encode(list(proposals[start : start + AT_ONCE])).decode()}
        answer = command_engine(path, "link_propose", words, by)
        if answer is None:
            raise Skip(f"ledger {path}: the process on it did not take the links up within {PATIENCE_S:g} s; try again")
        if not answer.done:
            raise Skip(answer.text)
        fresh += int(answer.text.partition(" ")[0])
    return fresh, len(proposals) - fresh


def _into_ledger(path: Path, proposals: Sequence[LinkProposed]) -> tuple[int, int]:
    from dutchbook.cli.figures import NETTING
    from dutchbook.ledger.links import news
    from dutchbook.ledger.projection import Ledger

    if not path.exists():
        make_ledger(path)
    with own_journal(path) as journal:
        ledger = Ledger(NETTING).replay(journal.records())
        fresh = news(ledger.links, proposals)
        _append(journal, ledger, fresh)
    return len(fresh), len(proposals) - len(fresh)


def annotate(path: Path, fact: LinkAnnotated, by: str) -> None:
    """Book what a reader of the rules says, by the engine that runs or here. Raises Skip when it was refused."""
    from dutchbook.cli.figures import NETTING
    from dutchbook.ledger.projection import Ledger

    answer = command_engine(path, "link_annotate", {"annotation": msgspec.json.encode(fact).decode()}, by)
    if answer is not None:
        if not answer.done:
            raise Skip(answer.text)
        return
    with own_journal(path) as journal:
        _append(journal, Ledger(NETTING).replay(journal.records()), [fact])


def make_ledger(path: Path) -> None:
    """An empty ledger for the mode and the accounts of the settings. Raises CredentialsError where those need a secret."""
    from dutchbook.cli.run import open_journal
    from dutchbook.cli.sides import identity
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    settings.require_secrets()
    open_journal(path, identity(settings), power_safe=settings.power_safe).close()


def _append(journal: Journal, ledger: Ledger, facts: Sequence[AnyFact]) -> None:
    now = time.time_ns()
    for fact in facts:
        ledger.apply(fact, now)
    if facts:
        journal.append(facts, now)
