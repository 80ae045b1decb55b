"""The pages for an operator: every alert has its row, and every command, option and link that a page names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dutchbook.cli.main import app
from dutchbook.cli.output import ExitStatus
from dutchbook.core.money import MICRO, Cash
from dutchbook.execution.findings import Code
from dutchbook.risk.breakers import LOSS, BreakerLimits, Counters, trips
from dutchbook.settings import describe

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "dutchbook"
TROUBLE = (ROOT / "docs" / "trouble.md").read_text()
PAGES = ("getting-started", "going-live", "trouble", "telegram", "recover", "web", "links")


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    """Calls of a function or method of this name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            said = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            if said == name:
                yield node


def words(argument: ast.expr) -> set[str] | None:
    """The codes that an argument may be; None when that cannot be read from the source."""
    if isinstance(argument, ast.Constant):
        return {argument.value}
    if isinstance(argument, ast.JoinedStr) and ast.unparse(argument).startswith("f'reconcile_{finding.code"):
        return {f"reconcile_{code.value}" for code in Code}
    if ast.unparse(argument) == "HELD_BACK":
        return {"executor_disabled"}
    return None


def alarm_codes() -> set[str]:
    """Every code that an alarm of the source may carry."""
    driver = SOURCE / "engine" / "driver.py"
    found: set[str] = set()
    unread = []
    for path in SOURCE.rglob("*.py"):
        for call in calls(path, "Alarmed"):
            told = words(call.args[0])
            found |= told or set()
            unread += [f"{path.name}: {ast.unparse(call.args[0])}"] if told is None else []
    # the driver's own two ways to an alarm, and what its guard answers
    for name, position in (("_alarm", 0), ("_strand", 1)):
        for call in calls(driver, name):
            told = words(call.args[position])
            found |= told or set()
            unread += [f"{name}: {ast.unparse(call.args[position])}"] if told is None else []
    for path in (SOURCE / "engine" / "guard.py", SOURCE / "engine" / "desk.py"):
        for call in calls(path, "Rejection"):
            found |= words(call.args[0]) or set()
    assert sorted(unread) == ["_alarm: code", "_strand: refused.code", "driver.py: code"], "an alarm's code is hidden"
    return found


def test_every_alarm_of_the_source_has_a_row_and_every_row_its_alarm() -> None:
    # the reasons for which nothing is traded are no alarms
    alarms = TROUBLE.partition("## Nothing is traded")[0]
    first = [line.split("|")[1] for line in alarms.splitlines() if line.startswith("| ")]
    rows = {code for cell in first for code in re.findall(r"`([a-z_]+)`", cell)}
    codes = alarm_codes()
    assert len(codes) > 20
    # the two of breakers stand in the text above their table
    assert {code for code in codes if f"`{code}`" not in TROUBLE} == set()
    assert rows - codes == set()
    assert codes - rows <= {"kill_switch", "breaker"}


def test_every_breaker_has_a_row() -> None:
    limits = BreakerLimits()
    counters = Counters(
        answered={"v": 9},
        rejected={"v": 9},
        unknown=9,
        naked_cost=Cash(99 * MICRO),
        silent_ns={"v": 9 * limits.silent_ns},
    )
    names = {trip.text.partition(":")[0] for trip in trips(counters, limits)} | {LOSS, "runaway"}
    assert len(names) == 6
    assert {name for name in names if f"| *{name}*" not in TROUBLE} == set()


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def command(said: list[str]) -> tuple[Any, list[str]]:
    """The command that words name, and the words after its name."""
    found: Any = typer.main.get_command(app)
    while said and said[0] in getattr(found, "commands", {}):
        found, said = found.commands[said[0]], said[1:]
    return found, said


@pytest.mark.parametrize("name", PAGES)
def test_every_command_and_option_that_a_page_names_is_there(name: str) -> None:
    text = page(name)
    inline = [each.replace("\n", " ") for each in re.findall(r"`(dutchbook [^`]+)`", text)]
    shown = [line.strip() for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    said = [*inline, *(line.partition("#")[0] for line in shown if line.startswith("dutchbook "))]
    assert said
    for line in said:
        found, rest = command(line.split()[1:])
        assert not hasattr(found, "commands") or not rest, line
        options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for option in (word.partition("=")[0].strip("[]") for word in rest if word.lstrip("[").startswith("--")):
            # `--cancel|--flatten`
            assert set(option.split("|")) <= {*options, "--help"}, line


@pytest.mark.parametrize("name", PAGES)
def test_every_setting_that_a_page_names_is_there(name: str) -> None:
    known = {env for row in describe() for env in row.env}
    known |= {f"{env}_PATH" for env in known}
    named = set(
        re.findall(r"\b(?:EXECUTOR|KALSHI|POLYMARKET|POLY|TELEGRAM|DUTCHBOOK|PAPER|DAILY)_[A-Z_]+[A-Z]\b", page(name))
    )
    assert named <= known


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page(name)):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        path = ROOT / "docs" / (file or f"{name}.md")
        assert path.exists(), target
        if anchor:
            heads = [line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#")]
            anchors = {re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in anchors, target


def test_every_command_is_in_the_page_of_the_command_line() -> None:
    text = page("cli")
    missing = []
    for name, found in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        for words in [f"{name} {each}" for each in found.commands] if hasattr(found, "commands") else [name]:
            group, _, rest = words.partition(" ")
            # `wallet approve|redeem`, `links show ID`, `order buy`
            if not re.search(rf"`{group}( [a-z|-]*\b{rest}\b)?[ `|\[]", text) if rest else f"`{name}" not in text:
                missing.append(words)
    assert missing == []


def test_every_exit_status_is_in_the_page_of_the_command_line() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", page("cli"), re.M))
    assert set(rows) == {str(int(status)) for status in ExitStatus}
