"""docs/faults.md is what docs/faults.json says: no figure stands in it that no run has measured."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dutchbook.cli.docs.faults import COMMAND, page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_written_from_the_results() -> None:
    data = msgspec.json.decode((DOCS / "faults.json").read_bytes())
    assert (DOCS / "faults.md").read_text() == page(data), f"run `{COMMAND}`"


def test_a_broken_rule_would_stand_on_the_page() -> None:
    run = {
        "first_seed": 1,
        "last_seed": 2,
        "seeds": 2,
        "trades": 3,
        "orders": 4,
        "faults": {"death": 1},
        "generations": 3,
        "violations": 1,
        "first_failing_seed": 2,
        "seconds": 0.4,
        "failures": [{"seed": 2, "rule": "a rule"}],
        "identities_sent_twice": 0,
        "false_ends": 0,
        "unhedged_seconds": 1.0,
        "naked": 0,
        "phases": {"settled": 3},
        "coverage": [["death", "locked", "kalshi", 7]],
    }
    found = [{"seed": 2, "rule": "a rule", "cause": "a reason"}]
    slip = {"mutant": "a slip", "caught_at": None, "rule": ""}
    text = page({"run": run, "earlier": [run], "found": found, "mutants": [slip]})
    assert text.count("**rules were broken in 1 of 2 seeds** (2)") == 2
    assert "| 2 | a rule | a reason |" in text
    # both runs count
    assert "death × locked × kalshi (14)" in text
    assert "**not caught**" in text
