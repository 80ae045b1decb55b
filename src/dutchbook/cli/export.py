"""`dutchbook export`: every fill, payout, fee, mark and cash movement as rows, for accounts and tax. Read-only; exact amounts."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from dutchbook.cli.output import instant, money, note, say_json
from dutchbook.cli.period import chosen, day_named
from dutchbook.cli.read import JsonOption, LedgerOption
from dutchbook.core.errors import SettingsError

if TYPE_CHECKING:
    from dutchbook.cli.cash_book import Entry

COLUMNS: Final = (
    "day",
    "at",
    "booked",
    "mode",
    "kind",
    "venue",
    "pool",
    "market",
    "outcome",
    "contracts",
    "amount",
    "fee",
    "cash_change",
    "currency",
    "liquidity",
    "provisional",
    "trade",
    "order",
    "venue_order",
    "fill",
    "note",
    "record",
)
CURRENCY: Final = {"polymarket": "pUSD"}
"""What a venue's dollars are, where they are not US dollars."""


def export(
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="The first day (YYYY-MM-DD); without it, from the beginning."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day, inclusive.")] = None,
    to_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the CSV here, not to standard output.")
    ] = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every fill, payout, fee, mark and cash movement as CSV or JSON rows, for accounts and tax.

    The `cash_change` of all rows of a pool adds up to its balance in the ledger. Days are those of the configured zone, by the
    venue's own time where it tells one.
    """
    from dutchbook.cli.cash_book import balances, entries
    from dutchbook.cli.figures import NETTING
    from dutchbook.ledger.journal import Journal

    path, zone = chosen(ledger)
    first, last = day_named(begin, zone, "--from"), day_named(end, zone, "--to")
    if first and last and first > last:
        raise SettingsError(f"--from {first} is after --to {last}")
    if to_csv is not None and as_json:
        raise SettingsError("--csv and --json: choose one of them")
    journal = Journal.read(path)
    mode = journal.identity().get("mode", "")
    everything = entries(journal.records(), NETTING)
    shown = [row for row in everything if within(row, zone, first, last)]
    rows = [told(row, zone, mode) for row in shown]
    if as_json:
        say_json(
            {
                "ledger": str(path),
                "mode": mode,
                "zone": zone.key,
                "from": first.isoformat() if first else None,
                "to": last.isoformat() if last else None,
                "rows": rows,
                "cash_change": {pool: money(total) for pool, total in sorted(balances(shown).items())},
                "balances": {pool: money(total) for pool, total in sorted(balances(everything).items())},
            }
        )
        return
    text = as_csv(COLUMNS, rows)
    if to_csv is None:
        sys.stdout.write(text)
    else:
        write_new(to_csv, text)
    sums = ", ".join(f"{pool} {money(total)}" for pool, total in sorted(balances(shown).items())) or "nothing"
    note(f"{len(rows)} rows of a {mode} ledger; cash changes: {sums}{f'; written to {to_csv}' if to_csv else ''}")


def within(row: Entry, zone: ZoneInfo, first: date | None, last: date | None) -> bool:
    """Whether a row is of these local days, both included."""
    from dutchbook.ledger.statistics import local_day

    day = local_day(row.at_ns, zone)
    return (first is None or first <= day) and (last is None or day <= last)


def told(row: Entry, zone: ZoneInfo, mode: str) -> dict[str, Any]:
    """A row as plain data: amounts are decimal text, times ISO text in UTC."""
    from dutchbook.ledger.statistics import local_day

    return {
        "day": local_day(row.at_ns, zone).isoformat(),
        "at": instant(row.at_ns),
        "booked": instant(row.booked_ns),
        "mode": mode,
        "kind": row.kind.value,
        "venue": row.venue,
        "pool": row.pool,
        "market": row.market,
        "outcome": row.outcome,
        "contracts": money(row.contracts),
        "amount": money(row.amount),
        "fee": money(row.fee),
        "cash_change": money(row.cash_change),
        "currency": CURRENCY.get(row.venue, "USD"),
        "liquidity": row.liquidity,
        "provisional": "yes" if row.provisional else "",
        "trade": row.trade,
        "order": row.order,
        "venue_order": row.venue_order,
        "fill": row.fill,
        "note": row.note,
        "record": row.seq,
    }


def as_csv(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> str:
    """CSV with a head line. Text that a spreadsheet would take for a formula begins with an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    names = tuple(columns)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in names])
    return written.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_amount(text):
        return "'" + text
    return text


def _is_amount(text: str) -> bool:
    whole, _, fraction = text.removeprefix("-").partition(".")
    return whole.isdecimal() and (fraction.isdecimal() or not fraction)


def write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet. Raises SettingsError for one that does: it may be the only copy of something."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SettingsError(f"{path}: exists already, and is not overwritten; choose another name") from None
