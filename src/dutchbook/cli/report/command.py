"""`dutchbook report`: a day or a week on one page: as text with bars, as an HTML file, as CSV or JSON. Read-only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dutchbook.cli.output import note, say, say_json
from dutchbook.cli.period import chosen, day_named, week_named
from dutchbook.cli.read import JsonOption, LedgerOption
from dutchbook.core.errors import SettingsError


def report(
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="D", help="YYYY-MM-DD, `today` or `yesterday`; without anything, today."),
    ] = None,
    week: Annotated[
        str | None,
        typer.Option("--week", metavar="W", help="2026-W47, a day in it, `this` or `last`; Monday to Sunday."),
    ] = None,
    to_html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with the plots; it needs no other file.")
    ] = None,
    to_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the trades of the period as CSV.")
    ] = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a day or a week brought: profit, fees, roll-backs, win rate, trades, alarms, with plots.

    Days end at midnight of the configured zone. Files are never overwritten.
    """
    from dutchbook.cli.export import as_csv, write_new
    from dutchbook.cli.report import figures, page, text
    from dutchbook.ledger.journal import Journal

    path, zone = chosen(ledger)
    if day is not None and week is not None:
        raise SettingsError("--day and --week: choose one of them")
    if week is not None:
        days = week_named(week, zone, "--week")
    else:
        one = day_named(day or "today", zone, "--day")
        assert one is not None  # a text was given
        days = (one,)
    told = figures.report(Journal.read(path), zone, days)
    if to_html is not None:
        write_new(to_html, page.page(told))
        note(f"written to {to_html}")
    if to_csv is not None:
        write_new(to_csv, as_csv(figures.TRADE_COLUMNS, told["trades"]))
        note(f"{len(told['trades'])} trades written to {to_csv}")
    if as_json:
        say_json({key: value for key, value in told.items() if key != "picture"})
        return
    for line in text.lines(told):
        say(line)
