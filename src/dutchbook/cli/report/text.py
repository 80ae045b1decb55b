"""A report as lines of text, with bars. Formats only: what is told is decided in `figures.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dutchbook.cli.tables import amount, count, grid
from dutchbook.core.money import parse_micros

WIDTH: Final = 32
"""Characters of the longest bar."""

GAIN, LOSS = "█", "▒"


def lines(told: Mapping[str, Any]) -> list[str]:
    """The whole report."""
    total = told["total"]
    wins = "" if total["win_rate_percent"] is None else f", win rate {total['win_rate_percent']} %"
    found = [
        f"{told['period']} ({told['from']} to {told['to']}, days in {told['zone']}), mode {told['mode']}, {told['ledger']}",
        "",
        f"realised     {amount(total['realised'])} from {total['settled']} settled or sold early{wins}; "
        f"roll-backs {amount(total['rollback_losses'])}",
        f"locked       {amount(total['locked_profit'])} still to be paid, of trades that locked in this time",
        f"fees         {amount(total['fees'])}",
        f"trades       {total['trades']} opened: {total['successful']} successful, {total['rolled_back']} rolled back, "
        f"{total['failed']} failed, {total['naked']} naked, {total['dry_run']} dry run",
        "",
    ]
    if any(parse_micros(bar["realised"]) for bar in told["bars"]):
        found += ["realised profit", *bars(told["bars"]), ""]
    if told["kinds"]:
        head = ("kind", "trades", "realised", "fees")
        rows = ((k["kind"], k["trades"], amount(k["realised"]), amount(k["fees"])) for k in told["kinds"])
        found += [*grid(head, rows), ""]
    if told["trades"]:
        found += [*_trades(told["trades"]), ""]
    for moved in told["cash_moved"]:
        found.append(f"cash moved   {moved['pool']} {amount(moved['amount'])} {moved['kind']} {moved['note']}".rstrip())
    found += [f"alarm        {code} ({times})" for code, times in told["alarms"].items()]
    if not told["trades"] and not told["cash_moved"] and not told["alarms"]:
        found.append("nothing happened in this time")
    return found


def bars(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line a bar, scaled to the largest: a gain is solid, a loss is shaded, and each has its figure."""
    values = [parse_micros(row["realised"]) for row in rows]
    largest = max(1, *(abs(value) for value in values))
    shown = [(row["name"], amount(row["realised"]) or "", value) for row, value in zip(rows, values, strict=True)]
    wide = max(len(text) for _, text, _ in shown)
    found = []
    for name, text, value in shown:
        # whatever is not nothing shows
        length = -(-abs(value) * WIDTH // largest)
        found.append(f"  {name}  {text.rjust(wide)}  {(GAIN if value > 0 else LOSS) * length}".rstrip())
    return found


def _trades(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ("trade", "opened (UTC)", "result", "type", "event", "bundles", "cost", "fees", "P&L", "which is")
    return grid(
        head,
        (
            (
                row["trade"],
                str(row["opened"])[:19].replace("T", " "),
                row["result"].replace("_", " "),
                row["type"],
                row["event"],
                count(row["bundles"]),
                amount(row["cost"]),
                amount(row["fees"]),
                amount(row["pnl"]),
                row["pnl_is"],
            )
            for row in rows
        ),
    )
