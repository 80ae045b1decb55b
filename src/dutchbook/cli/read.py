"""The reading commands: status, positions, trades, pnl, explain, journal verify. They never change a ledger.

What they tell comes from `figures.py`; this file chooses the ledger and prints, as text or JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dutchbook.cli.output import say, say_json
from dutchbook.cli.period import chosen, day_named
from dutchbook.core.clock import SystemClock

if TYPE_CHECKING:
    from dutchbook.ledger.journal import Journal
    from dutchbook.ledger.projection import Ledger

LedgerOption = Annotated[
    Path | None,
    typer.Option("--ledger", metavar="PATH", help="The ledger file; without it, the one that the settings name."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

journal = typer.Typer(help="The journal: every fact, each record chained to the one before.", no_args_is_help=True)


def _open(ledger: Path | None) -> tuple[Journal, Ledger, ZoneInfo]:
    from dutchbook.cli.figures import open_ledger

    path, zone = chosen(ledger)
    return *open_ledger(path), zone


def _print(value: Any, as_json: bool, lines: Any) -> None:
    if as_json:
        say_json(value)
        return
    for line in lines(value):
        say(line)


def status(ledger: LedgerOption = None, as_json: JsonOption = False) -> None:
    """How the engine is: running or not, its feeds, the funnel, cash, today's figures, open trades, alarms."""
    from dutchbook.cli import figures, tables

    opened, folded, zone = _open(ledger)
    _print(figures.status(opened, folded, zone, SystemClock().wall()), as_json, tables.status)


def positions(
    ledger: LedgerOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also positions that are over.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What is held, leg by leg: side, contracts, average price, cost, fees, orders; with --all from open to settled."""
    from dutchbook.cli import figures, tables

    _, folded, _ = _open(ledger)
    _print(figures.positions(folded, everything=everything), as_json, tables.positions)


def trades(
    trade: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show this trade and all that happened to it.")
    ] = None,
    ledger: LedgerOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """The trades, or one trade with its whole timeline."""
    from dutchbook.cli import figures, tables

    opened, folded, _ = _open(ledger)
    if trade is None:
        _print(figures.trades(folded, limit), as_json, tables.trades)
    else:
        _print(figures.trade_detail(opened, folded, trade), as_json, tables.trade)


def pnl(
    ledger: LedgerOption = None,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="One day only; `today` works. Days end at local midnight.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Profit and loss by day: trades, successful, rolled back, failed, realised, fees, win rate."""
    from dutchbook.cli import figures, tables

    _, folded, zone = _open(ledger)
    _print(figures.profit_and_loss(folded, zone, day_named(day, zone, "--day")), as_json, tables.profit_and_loss)


def explain(ledger: LedgerOption = None, as_json: JsonOption = False) -> None:
    """Why so few trades: how many books and crossings were seen, how far each came, and what stopped the others."""
    from dutchbook.cli import figures, tables

    opened, folded, _ = _open(ledger)
    _print(figures.explain(opened, folded, SystemClock().wall()), as_json, tables.explain)


@journal.callback()
def journal_group() -> None:
    """A group, so that `journal verify` keeps its second word."""


@journal.command("verify")
def verify(ledger: LedgerOption = None, as_json: JsonOption = False) -> None:
    """Check the hash chain and its end: that no record was changed, removed, inserted or cut off."""
    from dutchbook.cli import figures

    path, _ = chosen(ledger)
    records, witnessed = figures.verify(path)
    told = {"ledger": str(path), "records": records, "intact": True, "end_witnessed": witnessed}
    end = (
        "its end agrees with its head file"
        if witnessed
        else "no head file: records cut off its end would not be noticed"
    )
    _print(told, as_json, lambda _: [f"{path}: {records} records, the chain is intact, {end}"])
