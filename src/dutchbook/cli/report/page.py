"""A report as one HTML file with its plots drawn inside: it needs no other file, no script and no network.

Formats only. Everything that a venue or a person wrote is text here, never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from dutchbook.cli.tables import amount, count
from dutchbook.core.money import parse_micros

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #6a737d; --paper: #fff; --rule: #d8dee4;
  --gain: #11734b; --loss: #b42318 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa4af; --paper: #14181d; --rule: #30363d; --gain: #4cc38a; --loss: #ff8f85 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem; font: 15px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper) }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem } p { color: var(--soft); margin: .2rem 0 }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1.2rem 0 }
dl div { border: 1px solid var(--rule); border-radius: .5rem; padding: .6rem .8rem }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--rule); white-space: nowrap }
th { color: var(--soft); font-weight: 500 }
.gain { color: var(--gain); fill: var(--gain) } .loss { color: var(--loss); fill: var(--loss) }
svg { width: 100%; height: auto; display: block } svg text { fill: var(--soft); font: 13px system-ui, sans-serif }
.line { fill: none; stroke: var(--gain); stroke-width: 2 } .area { fill: var(--gain); opacity: .14 } .zero { stroke: var(--rule) }
"""
_ROW, _NAME, _FIGURE, _MIDDLE, _HALF = 26, 90, 190, 560, 360
"""Drawing units: the height of a bar's row, where names and figures end, where zero is, the longest bar."""


def page(told: Mapping[str, Any]) -> str:
    """The whole document."""
    total = told["total"]
    title = f"dutchbook {told['period']} ({told['mode']})"
    spans = told["from"] if told["from"] == told["to"] else f"{told['from']} to {told['to']}"
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(spans)}, days in {escape(told['zone'])}; ledger {escape(told['ledger'])}</p>",
        _figures(total),
    ]
    if told["picture"] is not None:
        parts += ["<h2>Realised profit, trade by trade</h2>", _curve(told["picture"])]
    if any(parse_micros(bar["realised"]) for bar in told["bars"]):
        parts += ["<h2>Realised profit, by hour or day</h2>", _bars(told["bars"])]
    if told["kinds"]:
        rows = [(k["kind"], k["trades"], _Money(k["realised"]), amount(k["fees"])) for k in told["kinds"]]
        parts += ["<h2>By kind</h2>", _table(("kind", "trades", "realised", "fees"), rows)]
    parts.append("<h2>Trades</h2>")
    parts.append(
        _trades(told["trades"]) if told["trades"] else "<p>No trade was opened, closed or paid in this time.</p>"
    )
    if told["cash_moved"]:
        moved = [(m["at"], m["pool"], m["kind"], _Money(m["amount"]), m["note"]) for m in told["cash_moved"]]
        parts += ["<h2>Cash that no trade explains</h2>", _table(("at (UTC)", "pool", "kind", "amount", "note"), moved)]
    if told["alarms"]:
        parts += ["<h2>Alarms</h2>", _table(("code", "times"), told["alarms"].items())]
    return "\n".join((*parts, "</body></html>\n"))


class _Money(str):
    """Decimal text that is coloured by its sign."""


def _figures(total: Mapping[str, Any]) -> str:
    wins = "–" if total["win_rate_percent"] is None else f"{total['win_rate_percent']} %"
    told = (
        ("realised", _coloured(total["realised"])),
        ("locked, not yet paid", escape(amount(total["locked_profit"]) or "")),
        ("fees", escape(amount(total["fees"]) or "")),
        ("roll-back losses", _coloured(total["rollback_losses"])),
        ("win rate", escape(wins)),
        ("trades", f"{total['trades']}"),
        ("successful", f"{total['successful']}"),
        ("rolled back / failed / naked", f"{total['rolled_back']} / {total['failed']} / {total['naked']}"),
    )
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in told) + "</dl>"


def _coloured(text: str) -> str:
    value = parse_micros(text)
    tone = "gain" if value > 0 else "loss" if value < 0 else ""
    return f'<span class="{tone}">{escape(amount(text) or "")}</span>'


def _curve(picture: Mapping[str, Any]) -> str:
    width, height, zero = picture["width"], picture["height"], picture["zero"]
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="from {picture["low"]} to {picture["high"]}, '
        f'at the end {picture["last"]}"><line class="zero" x1="0" x2="{width}" y1="{zero}" y2="{zero}"/>'
        f'<path class="area" d="{picture["area"]}"/><path class="line" d="{picture["line"]}"/>'
        f'<text x="4" y="16">{amount(picture["high"])}</text><text x="4" y="{height - 4}">{amount(picture["low"])}</text></svg>'
    )


def _bars(rows: Sequence[Mapping[str, Any]]) -> str:
    values = [parse_micros(row["realised"]) for row in rows]
    largest = max(1, *(abs(value) for value in values))
    height = _ROW * len(rows)
    drawn = [f'<line class="zero" x1="{_MIDDLE}" x2="{_MIDDLE}" y1="0" y2="{height}"/>']
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        y, length = _ROW * number, abs(value) * _HALF // largest
        tone, x = ("gain", _MIDDLE) if value >= 0 else ("loss", _MIDDLE - length)
        drawn.append(
            f'<text x="{_NAME}" y="{y + 18}" text-anchor="end">{escape(row["name"])}</text>'
            f'<text x="{_FIGURE}" y="{y + 18}" text-anchor="end">{amount(row["realised"])}</text>'
            f'<rect class="{tone}" x="{x}" y="{y + 5}" width="{length}" height="{_ROW - 10}"/>'
        )
    return f'<svg viewBox="0 0 1000 {height}" role="img" aria-label="bars">{"".join(drawn)}</svg>'


def _trades(rows: Iterable[Mapping[str, Any]]) -> str:
    head = ("opened (UTC)", "trade", "result", "kind", "event", "bundles", "cost", "fees", "P&L", "")
    return _table(
        head,
        (
            (
                str(row["opened"])[:19].replace("T", " "),
                row["trade"],
                str(row["result"]).replace("_", " "),
                row["type"],
                row["event"],
                count(row["bundles"]),
                amount(row["cost"]),
                amount(row["fees"]),
                _Money(row["pnl"]),
                row["pnl_is"],
            )
            for row in rows
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    return _coloured(value) if isinstance(value, _Money) else escape("" if value is None else str(value))
