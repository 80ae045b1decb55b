"""`dutchbook docs diagrams`: docs/machines.md, written from the state tables and their theory of operation.

The tables are the only source: a diagram that differs from its table cannot be committed, since a test compares. Needs a
checkout (the folder `docs/`). Nothing here describes a state in words of its own.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from dutchbook.cli.docs.faults import faults
from dutchbook.cli.output import ExitStatus, note, say
from dutchbook.core.errors import SettingsError

COMMAND = "dutchbook docs diagrams"

app = typer.Typer(help="The parts of docs/ that are written from the code.", no_args_is_help=True)

app.command("faults")(faults)

Table = Mapping[Any, Mapping[Any, Any]]


@dataclass(frozen=True, slots=True)
class Machine:
    """One state table, where it stands, and its states in which the engine has nothing left to do."""

    title: str
    module: ModuleType
    table: Table
    resting: frozenset[Any]


def machines() -> tuple[Machine, ...]:
    """Every state table of the program, in the order of the page."""
    from dutchbook.core import link_state, order, trade

    return (
        Machine("Trade", trade, trade.TRADE_TABLE, frozenset(trade.Phase) - trade.WORKING),
        Machine("Order", order, order.ORDER_TABLE, order.ENDED),
        Machine("Link", link_state, link_state.LINK_TABLE, link_state.DECIDED),
    )


def page() -> str:
    """The whole text of docs/machines.md."""
    parts = [
        "# State machines",
        f"Written by `{COMMAND}` from the tables in `core/`; do not edit. A pair of state and event that a table does not know "
        "raises `ImpossibleEvent`: it becomes an alarm, throws the kill switch and waits for a person.",
    ]
    for machine in machines():
        parts += section(machine)
    return "\n\n".join(parts) + "\n"


def section(machine: Machine) -> list[str]:
    """One machine: its theory of operation, its diagram, its table."""
    source = machine.module.__name__.partition(".")[2].replace(".", "/") + ".py"
    return [
        f"## {machine.title} (`{source}`)",
        theory(machine),
        "\n".join(("```mermaid", *diagram(machine), "```")),
        "\n".join(rows(machine)),
    ]


def theory(machine: Machine) -> str:
    """The theory of operation from the docstring of the table's module, as one paragraph."""
    doc = inspect.getdoc(machine.module) or ""
    _, found, text = doc.partition("Theory of operation. ")
    if not found:
        raise SettingsError(f"{machine.module.__name__}: its docstring has no `Theory of operation.`")
    return re.sub(r"\s+", " ", text).strip()


_CLAUSE = re.compile(r"(?<=[.;]) |, (?=[A-Z_]+ (?!and |or )[a-z])")
"""Between two clauses of a theory; "HEDGING buys, UNWINDING sells" are two, "REJECTED, NOT_SENT and VOIDED are" is one."""


def meaning(machine: Machine, state: Enum) -> str:
    """The clause of the theory that names a state first. Raises SettingsError when there is none."""
    for clause in _CLAUSE.split(theory(machine)):
        if re.search(rf"\b{state.name}\b", clause):
            return clause.rstrip(".;")
    raise SettingsError(f"{machine.module.__name__}: its theory of operation does not say what {state.name} is")


def diagram(machine: Machine) -> Iterator[str]:
    """Lines of a Mermaid state diagram; events between the same two states share an arrow."""
    yield "stateDiagram-v2"
    first = next(iter(machine.table))
    yield f"    [*] --> {first.name}"
    for state, moves in machine.table.items():
        arrows: dict[Enum, list[str]] = {}
        for event, after in moves.items():
            arrows.setdefault(after, []).append(event.value)
        for after, events in arrows.items():
            yield f"    {state.name} --> {after.name}: {', '.join(events)}"
        if not moves:
            yield f"    {state.name} --> [*]"


def rows(machine: Machine) -> Iterator[str]:
    """A table: each state, whether the engine is done with it, what the theory says of it, and where each event leads."""
    yield "| state | at rest | in the theory | events |"
    yield "|---|---|---|---|"
    for state, moves in machine.table.items():
        rest = "yes" if state in machine.resting else ""
        events = "; ".join(
            event.value if after is state else f"{event.value} → {after.name}" for event, after in moves.items()
        )
        yield f"| {state.name} | {rest} | {meaning(machine, state)} | {events or 'none'} |"


def place() -> Path:
    """The page in the checkout around this file. Raises SettingsError when there is none."""
    folder = Path(__file__).resolve().parents[4] / "docs"
    if not folder.is_dir():
        raise SettingsError(f"{folder}: not found; `{COMMAND}` runs from a source checkout")
    return folder / "machines.md"


@app.callback()
def docs_group() -> None:
    """A group, so that `docs diagrams` keeps its second word."""


@app.command()
def diagrams(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the page is up to date.")] = False,
) -> None:
    """Write docs/machines.md: every state table with its diagram and its theory of operation."""
    path, text = place(), page()
    if not check:
        path.write_text(text, encoding="utf-8")
        say(f"{path}: written")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        note(f"{path}: differs from the tables; run `{COMMAND}`")
        raise typer.Exit(ExitStatus.FAILED)
    else:
        say(f"{path}: up to date")
