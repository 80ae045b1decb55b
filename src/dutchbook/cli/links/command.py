"""`dutchbook links`: find, read, approve and refuse links, one at a time (M10, M11).

There is no bulk approval on purpose: a false link costs a whole stake. Decides nothing; a person does, and `ledger.links` checks.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dutchbook.cli.links import discover, evaluate, read, transfer
from dutchbook.cli.links.registry import By, decide, read_registry, told, whoever
from dutchbook.cli.output import note, say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path, tell_answer
from dutchbook.core.errors import SettingsError

app = typer.Typer(
    help="Which markets are the same bet: find candidates, read both rules, approve. Nothing unapproved is traded.",
    no_args_is_help=True,
)
app.command("discover")(discover.discover)
app.command("read")(read.read)
app.command("evaluate")(evaluate.evaluate)
app.command("import")(transfer.import_)
app.command("export")(transfer.export)

LinkId = Annotated[str, typer.Argument(metavar="ID", help="The link, as `dutchbook links list` names it.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")]

STANDINGS = ("proposed", "approved", "rejected", "suspended")


@app.command("list")
def list_(
    standing: Annotated[
        str, typer.Option("--standing", metavar="WORD", help=f"Only those that are {', '.join(STANDINGS)}.")
    ] = "",
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Every link of the registry, one line each."""
    from dutchbook.linking.review import plain, prior_named

    if standing and standing not in STANDINGS:
        raise SettingsError(f"--standing: {standing!r} is none of {', '.join(STANDINGS)}")
    entries = read_registry(ledger_path(ledger)).links.entries.values()
    rows: list[dict[str, Any]] = [
        {
            "link": plain(entry.proposal.link),
            "kind": entry.proposal.kind,
            "event": plain(entry.proposal.event),
            "standing": entry.standing.value,
            "tradable": entry.approved,
            "high_confidence": entry.proposal.high,
            "vetoes": [veto.code for veto in entry.vetoes],
            "prior": prior_named(entry.proposal.prior).code,
            "markets": [member.market for member in entry.proposal.members],
            "title": plain(entry.proposal.members[0].title),
        }
        for entry in entries
        if not standing or entry.standing.value == standing
    ]
    if as_json:
        say_json(rows)
        return
    for row in rows:
        against = f"  against: {', '.join(dict.fromkeys(row['vetoes']))}" if row["vetoes"] else ""
        say(f"{row['standing']:9}  {row['kind']:10}  {row['link']}  {row['title']}{against}")
    if not rows:
        note("no links; `dutchbook links discover` looks for some")


@app.command()
def show(link: LinkId, ledger: LedgerPath = None, as_json: Json = False) -> None:
    """One link in full: both rules side by side, what each state pays, prior and hurdle, and what speaks for and against it."""
    folded = read_registry(ledger_path(ledger))
    whole = told(folded, folded.links.named(link))
    if as_json:
        say_json(whole)
        return
    import shutil
    import sys

    from rich.console import Console

    from dutchbook.cli.links.show import WIDTH, draw

    width = shutil.get_terminal_size((WIDTH, 40)).columns
    draw(whole, Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False))


@app.command()
def approve(
    link: LinkId,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; needed when something speaks against it.")
    ] = "",
    seen: Annotated[
        str,
        typer.Option(
            "--seen", metavar="CODE", help="The review code that `show` printed: refused if it changed since."
        ),
    ] = "",
    by: By = "",
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Let a link be traded, for exactly the rules texts that `show` shows now."""
    words = {"link": link, **({"reason": reason} if reason.strip() else {}), **({"seen": seen} if seen else {})}
    _decide("link_approve", words, ledger, by, as_json)


@app.command()
def reject(link: LinkId, reason: Reason, by: By = "", ledger: LedgerPath = None, as_json: Json = False) -> None:
    """Say that it is not one bet. It comes back only when the rules of a market change."""
    _decide("link_reject", {"link": link, "reason": reason}, ledger, by, as_json)


@app.command()
def suspend(link: LinkId, reason: Reason, by: By = "", ledger: LedgerPath = None, as_json: Json = False) -> None:
    """No new entries on an approved link until it is approved again; open trades go on to their end."""
    _decide("link_suspend", {"link": link, "reason": reason}, ledger, by, as_json)


def _decide(verb: str, words: dict[str, str], ledger: LedgerPath, by: str, as_json: bool) -> None:
    path = ledger_path(ledger)
    answer, engine = decide(path, verb, words, whoever(by))
    tell_answer(path, answer, as_json, engine=engine)
