"""A link on a terminal: rules side by side with what differs marked, the state-payoff table, doubts, prior, history (M11).

Draws what `linking.review` tells and nothing else. Marks are signs, not colours alone: a pipe or a colour-blind reader sees them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH: Final = 120

_LONGEST: Final = 6_000
"""Characters of one text that are drawn; `--json` has all of it."""


def draw(told: Mapping[str, Any], console: Console) -> None:
    """Print one link."""
    console.print(
        Text(f"{told['link']}  ({told['kind']}, {told['standing']}, review code {told['review_code']})", style="bold")
    )
    console.print(Text(f"proposed by {told['proposed_by']}: {told['why'] or 'no reason given'}"))
    if told["high_confidence"]:
        console.print("typed keys are equal from both venues' structured ids")
    for veto in told["vetoes"]:
        console.print(Text(f"AGAINST  {veto['code']}: {veto['text']}", style="bold red"))
    console.print(_markets(told["members"]))
    console.print(_states(told))
    for comparison in told["comparisons"]:
        for part in _comparison(comparison):
            console.print(part)
    for line in _closing(told):
        console.print(line)


def _markets(members: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="markets", title_justify="left", show_lines=True, expand=True)
    for name in ("market", "title", "YES / NO", "source", "rules (sha256)"):
        table.add_column(name, overflow="fold")
    for member in members:
        title = "\n".join(part for part in (member["event_title"], member["title"], member["subtitle"]) if part)
        table.add_row(
            *map(
                Text,
                (member["market"], title, " / ".join(member["outcomes"]), member["source"], member["rules_hash"][:12]),
            )
        )
    return table


def _states(told: Mapping[str, Any]) -> Table:
    table = Table(title="what YES pays", title_justify="left", show_lines=True, expand=True)
    table.add_column("state", overflow="fold")
    for member in told["members"]:
        table.add_column(Text(member["market"]), overflow="fold")
    table.add_column("why", overflow="fold")
    for row in told["states"]:
        paid = ["not known" if value is None else value for value in row["pays"]]
        name = row["name"] if row["core"] else f"tail: {row['name']}"
        table.add_row(*map(Text, (name, *paid, row["note"].replace("; ", "\n"))))
    return table


def _comparison(comparison: Mapping[str, Any]) -> Iterator[Table]:
    sides = Text(comparison["left"]), Text(comparison["right"])
    texts = Table(title="rules side by side: what the other has not is {marked}", title_justify="left", expand=True)
    for side in sides:
        texts.add_column(side, ratio=1, overflow="fold")
    texts.add_row(_marked(comparison["segments"], "left"), _marked(comparison["segments"], "right"))
    yield texts
    table = Table(title="by topic", title_justify="left", show_lines=True, expand=True)
    table.add_column("topic")
    for side in sides:
        table.add_column(side, ratio=1, overflow="fold")
    for topic in comparison["topics"]:
        mark = "≠ " if topic["differs"] else "= "
        table.add_row(
            Text(mark + topic["name"], style="bold" if topic["differs"] else ""),
            _said(topic["left_says"], topic["left"]),
            _said(topic["right_says"], topic["right"]),
        )
    yield table


def _said(says: Sequence[str], sentences: Sequence[str]) -> Text:
    if not sentences:
        return Text("silent", style="italic")
    meaning = f"[{', '.join(says)}] " if says else ""
    return Text(meaning + " … ".join(sentences)[:600])


def _marked(segments: Sequence[Mapping[str, str]], side: str) -> Text:
    text = Text()
    for segment in segments:
        words = segment[side]
        if not words:
            continue
        if text:
            text.append(" ")
        if segment["kind"] == "same":
            text.append(words)
        else:
            text.append("{" + words + "}", style="bold yellow")
        if len(text) > _LONGEST:
            text.truncate(_LONGEST)
            text.append(" … (cut; --json has all of it)")
            break
    return text or Text("(no text)", style="italic")


def _closing(told: Mapping[str, Any]) -> Iterator[Text]:
    prior = told["prior"]
    lock = "" if prior["lock"] else "; these are correlated bets, not a lock"
    yield Text(f"class: {prior['name']}, prior chance of paying differently {prior['chance']}{lock}")
    yield Text(
        f"hurdle: an edge of at least ${told['hurdle']} a bundle, after {prior['settled']} settled links of this class in this "
        f"ledger, {prior['diverged']} of them diverged"
    )
    for remark in told["remarks"]:
        yield Text(f"remark by {remark['by']}: {remark['text']}")
    for step in told["history"]:
        reason = f": {step['reason']}" if step["reason"] else ""
        yield Text(f"{step['at']}  {step['what']} by {step['by']}{reason}")
