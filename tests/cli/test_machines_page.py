"""docs/machines.md is what the state tables say: whoever changes a table writes the page again."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest

from cli.console import dutchbook
from dutchbook.cli.docs.machines import COMMAND, Machine, diagram, machines, meaning, page, place, rows
from dutchbook.core.errors import SettingsError


class Lamp(Enum):
    DARK = "dark"
    LIT = "lit"
    BROKEN = "broken"


class Hand(Enum):
    PRESS = "press"
    HOLD = "hold"
    DROP = "drop"


def lamp(doc: str) -> Machine:
    module = ModuleType("dutchbook.core.lamp", doc)
    table = {
        Lamp.DARK: {Hand.PRESS: Lamp.LIT, Hand.DROP: Lamp.BROKEN},
        Lamp.LIT: {Hand.PRESS: Lamp.DARK, Hand.HOLD: Lamp.DARK, Hand.DROP: Lamp.BROKEN},
        Lamp.BROKEN: {},
    }
    return Machine("Lamp", module, table, frozenset({Lamp.BROKEN}))


WHOLE = (
    "A lamp.\n\nTheory of operation. DARK is the start,\nLIT comes after it; dropped it is BROKEN. DARK comes again.\n"
)


def test_the_page_in_the_documents_is_what_the_tables_say() -> None:
    assert place().read_text(encoding="utf-8") == page(), (
        f"a state table has changed: run `{COMMAND}` and commit the page"
    )


def test_every_transition_of_every_table_is_on_the_page() -> None:
    text = page()
    for machine in machines():
        for state, moves in machine.table.items():
            for event, after in moves.items():
                arrow = next(
                    line for line in diagram(machine) if line.startswith(f"    {state.name} --> {after.name}: ")
                )
                assert event.value in arrow.partition(": ")[2].split(", ")
                assert arrow in text


def test_arrows_between_the_same_states_are_one_and_an_end_leads_out() -> None:
    assert list(diagram(lamp(WHOLE))) == [
        "stateDiagram-v2",
        "    [*] --> DARK",
        "    DARK --> LIT: press",
        "    DARK --> BROKEN: drop",
        "    LIT --> DARK: press, hold",
        "    LIT --> BROKEN: drop",
        "    BROKEN --> [*]",
    ]


def test_a_state_means_what_the_theory_first_says_of_it() -> None:
    machine = lamp(WHOLE)
    assert meaning(machine, Lamp.DARK) == "DARK is the start"
    assert meaning(machine, Lamp.LIT) == "LIT comes after it"
    assert (
        meaning(lamp("Theory of operation. DARK, LIT and BROKEN are words."), Lamp.LIT)
        == "DARK, LIT and BROKEN are words"
    )
    assert list(rows(machine))[-1] == "| BROKEN | yes | dropped it is BROKEN | none |"


@pytest.mark.parametrize(
    ("doc", "words"),
    [("A lamp.", "no `Theory of operation.`"), ("Theory of operation. DARK or LIT.", "does not say what BROKEN is")],
)
def test_a_table_without_its_theory_is_refused(doc: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        list(rows(lamp(doc)))
        meaning(lamp(doc), Lamp.BROKEN)


def test_the_check_says_whether_the_page_is_up_to_date(tmp_path: Path) -> None:
    ended = dutchbook("docs", "diagrams", "--check", cwd=tmp_path)
    assert ended.status == 0 and "up to date" in ended.out
