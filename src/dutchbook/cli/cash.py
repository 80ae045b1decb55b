"""`dutchbook cash name`: say what cash was that the ledger booked as unexplained: a deposit, interest, a reward (M37).

A running engine is asked through the ledger's inbox; without one it is booked in the ledger itself, by the same rules.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path, own_journal, tell_answer
from dutchbook.cli.stop import BY, command_engine
from dutchbook.core.errors import Skip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dutchbook.ledger.inbox import Answer

app = typer.Typer(help="Cash that no trade explains.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Cash that no trade explains."""


@app.command(context_settings={"ignore_unknown_options": True})
def name(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="As `dutchbook status` names it, for example kalshi:0.")],
    amount: Annotated[
        str, typer.Argument(metavar="±X", help="Dollars, as they were booked: came in (+) or went out (-).")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--as", metavar="KIND", help="deposit, withdrawal, interest, reward, rebate, fee, by_hand or other."
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="How you know; kept in the ledger.")],
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Say what unexplained cash was. The pool's sum does not change."""
    path = ledger_path(ledger)
    words = {"pool": pool, "amount": amount, "kind": kind, "reason": reason}
    answer = command_engine(path, "cash_name", words)
    tell_answer(path, answer or _name_alone(path, words), as_json, engine=answer is not None)


def _name_alone(path: Path, words: Mapping[str, str]) -> Answer:
    import msgspec

    from dutchbook.cli.figures import NETTING
    from dutchbook.core.facts import AnyFact, Commanded
    from dutchbook.engine.cash_names import left, name_facts
    from dutchbook.ledger.inbox import Answer
    from dutchbook.ledger.projection import Ledger

    with own_journal(path) as journal:
        folded = Ledger(NETTING).replay(journal.records())
        facts: tuple[AnyFact, ...]
        try:
            facts = name_facts(folded, words)
        except Skip as refused:
            return Answer(False, str(refused))
        now = time.time_ns()
        facts = (Commanded("cash_name", msgspec.json.encode(dict(words)).decode(), BY), *facts)
        for fact in facts:
            folded.apply(fact, now)
        journal.append(facts, now)
    return Answer(True, left(folded, words["pool"]))
