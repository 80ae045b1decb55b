"""The figures of the reading commands as lines of text. Formats only: what is told is decided in `figures.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def grid(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Left-aligned columns, as wide as their widest cell; nothing is ever cut, so that lines can be searched and copied."""
    cells = [list(map(_cell, head)), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return str(value)


def amount(text: str | None) -> str | None:
    """Decimal text with at least two decimals and no further trailing zeros."""
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def count(text: str) -> str:
    """Contracts, without trailing zeros."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(text: str | None) -> str | None:
    return None if text is None else text.replace("T", " ").removesuffix("Z")


def status(told: Row) -> list[str]:
    engine, health, today = told["engine"], told["health"] or {}, told["today"]
    identity = told["identity"]
    lines = [
        f"engine       {engine['text']}",
        f"ledger       {told['ledger']} ({told['records']} records; mode {identity.get('mode')}, "
        f"profile {identity.get('profile')})",
        f"kill switch  {told['kill_switch'] or 'off'}",
    ]
    if health:
        running = engine["state"] == "running"
        entries = "accepting" if health["accepting"] else "not accepting"
        lines.append(
            f"gauges       {engine['gauges_age_s']} s old: {entries} new trades, "
            f"{health['books_live']} of {health['books']} books live, {health['working']} trades under way"
            if running
            else f"gauges       its last ones, {engine['gauges_age_s']} s old: {health['books_live']} of "
            f"{health['books']} books live, {health['working']} trades under way; no entries now"
        )
        for name, feed in health["feeds"].items():
            age = "never heard" if feed["age_ms"] is None else f"last frame {feed['age_ms']} ms before"
            lines.append(
                f"  {name:20} {('up' if feed['up'] else 'down') if running else 'off':5} {age}, {feed['frames']} frames, "
                f"{feed['reconnects']} reconnects"
            )
    if told["funnel"]:
        lines.append(f"funnel       {_funnel(told['funnel'])}")
    lines += [f"cash         {pool} {amount(cash)}" for pool, cash in told["cash"].items()]
    ends = ", ".join(f"{count} {phase.replace('_', ' ')}" for phase, count in told["trades"].items())
    lines.append(f"trades       {ends or 'none'}; {told['open_positions']} hold contracts")
    lines.append(
        f"today        {today['trades']} trades, realised {amount(today['realised'])}, fees {amount(today['fees'])}"
    )
    lines += [f"alarm        {alarm['code']}: {alarm['text']}" for alarm in told["alarms"]]
    return lines


def _funnel(funnel: Mapping[str, int]) -> str:
    return " -> ".join(f"{count} {stage.replace('_', ' ')}" for stage, count in funnel.items())


def positions(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["nothing is held; `dutchbook positions --all` shows what was"]
    head = (
        "trade",
        "market",
        "side",
        "contracts",
        "average",
        "cost",
        "fees",
        "type",
        "roi %",
        "result",
        "opened (UTC)",
        "settled (UTC)",
        "winner",
        "realised",
        "orders",
    )
    return grid(
        head,
        (
            (
                row["trade"],
                row["market"],
                row["side"],
                count(row["contracts"]),
                amount(row["average_price"]),
                amount(row["cost"]),
                amount(row["fees"]),
                row["type"],
                row["expected_roi_percent"],
                row["result"].replace("_", " "),
                _time(row["opened"]),
                _time(row["settled"]),
                row["winner"],
                amount(row["realised"]),
                row["orders"],
            )
            for row in rows
        ),
    )


def trades(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["no trades yet; `dutchbook explain` says why"]
    head = (
        "trade",
        "opened (UTC)",
        "result",
        "type",
        "event",
        "bundles",
        "cost",
        "fees",
        "expected",
        "P&L",
        "which is",
        "reason",
    )
    return grid(
        head,
        (
            (
                row["trade"],
                _time(row["opened"]),
                row["result"].replace("_", " "),
                row["type"],
                row["event"],
                count(row["bundles"]),
                amount(row["cost"]),
                amount(row["fees"]),
                amount(row["expected_profit"]),
                amount(row["pnl"]),
                row["pnl_is"],
                row["reason"],
            )
            for row in rows
        ),
    )


def trade(told: Row) -> list[str]:
    lines = [
        f"trade {told['trade']}: {told['result'].replace('_', ' ')}, {told['type']} on {told['event']}, "
        f"{count(told['bundles'])} bundles",
        f"cost {amount(told['cost'])}, fees {amount(told['fees'])}, expected {amount(told['expected_profit'])}, "
        f"P&L {amount(told['pnl'])} ({told['pnl_is']})",
        "",
        *positions(told["legs"]),
        "",
    ]
    return lines + timeline(told["timeline"])


def timeline(facts: Sequence[Row]) -> list[str]:
    """Everything that happened to a trade, with the times of the journal."""
    rows = (
        (_time(fact["at"]), f"+{fact['after_ms']} ms", fact["fact"].replace("_", " "), _details(fact)) for fact in facts
    )
    return grid(("at (UTC)", "after", "what", "with"), rows)


_SHOWN_ELSEWHERE = frozenset({"seq", "at", "after_ms", "fact", "trade"})
_AMOUNTS = frozenset(
    {
        "size",
        "cash",
        "fee",
        "limit",
        "worst",
        "filled",
        "payout",
        "yes_value",
        "amount",
        "guaranteed",
        "expected_profit",
    }
)


def _details(fact: Mapping[str, Any]) -> str:
    return "  ".join(f"{key}={_fact_value(key, value)}" for key, value in fact.items() if key not in _SHOWN_ELSEWHERE)


def _fact_value(key: str, value: Any) -> str:
    from dutchbook.core.money import format_micros

    if key in _AMOUNTS and isinstance(value, int):
        return format_micros(value, trim=True)
    if key == "orders":
        return ", ".join(
            f"{order['id']} {order['action']} {format_micros(order['size'], trim=True)} at "
            f"{format_micros(order['limit'], trim=True)} {order['tif']}"
            for order in value
        )
    if key == "legs":
        return ", ".join(f"{leg['market']}/{leg['outcome']}" for leg in value)
    return str(value)


def profit_and_loss(told: Row) -> list[str]:
    head = (
        "day",
        "trades",
        "successful",
        "rolled back",
        "failed",
        "naked",
        "dry run",
        "settled",
        "realised",
        "fees",
        "win %",
    )
    rows = [(row["day"], row) for row in told["days"]]
    if len(rows) != 1:
        rows.append(("total", told["total"]))
    return [
        f"days in {told['zone']}",
        *grid(
            head,
            (
                (
                    name,
                    row["trades"],
                    row["successful"],
                    row["rolled_back"],
                    row["failed"],
                    row["naked"],
                    row["dry_run"],
                    row["settled"],
                    amount(row["realised"]),
                    amount(row["fees"]),
                    row["win_rate_percent"],
                )
                for name, row in rows
            ),
        ),
    ]


_STAGES = {
    "books": "book updates looked at (the denominator)",
    "crossings": "crossings: a bundle cost less than it pays, before fees",
    "net_positive": "still profitable after exact fees, in whole lots",
    "approved": "approved by the risk gate",
    "traded": "traded",
}


def explain(told: Row) -> list[str]:
    lines = [told["engine"]["text"]]
    if told["funnel"] is None:
        return [*lines, "nothing has been published yet"]
    if told["engine"]["state"] != "running":
        lines.append("these are the figures of its last run")
    lines += ["", *(f"{told['funnel'].get(stage, 0):10}  {text}" for stage, text in _STAGES.items())]
    if told["reasons"]:
        lines += ["", "not traded, by first reason:"]
        lines += [f"{count:10}  {code}" for code, count in told["reasons"].items()]
    latest = {example["code"]: example for example in told["examples"]}
    if latest:
        lines += ["", "the latest of each:"]
        lines += grid(
            ("reason", "bundle", "what it said"), ((code, one["bundle"], one["text"]) for code, one in latest.items())
        )
    if told["alarms"]:
        lines += ["", "data alarms (a market's own YES and NO cost less than 1: bad data, never traded):"]
        lines += [f"{count:10}  {code}" for code, count in told["alarms"].items()]
    return lines
