"""The lines of docs/venues.md by which a stranger points the official Polymarket package at `dutchbook sim polymarket`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from cli.console import PATIENCE_S, environment, started
from conformance.sdk import VERSION

PAGE = Path(__file__).parents[2] / "docs" / "venues.md"


def test_the_pages_ten_lines_buy_contracts_on_the_simulator(tmp_path: Path) -> None:
    page = PAGE.read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(lines.splitlines()) == 10 and VERSION in page
    (tmp_path / "ten.py").write_text(lines)
    with started("sim", "polymarket", "--seed", "3", cwd=tmp_path) as simulator:
        assert simulator.stdin is not None and simulator.stdout is not None
        (tmp_path / "sim.json").write_text(simulator.stdout.readline())
        done = subprocess.run(
            [sys.executable, "ten.py"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        simulator.stdin.write("statement\n")
        simulator.stdin.flush()
        statement = json.loads(simulator.stdout.readline())["statement"]["polymarket"]["trader"]
    assert "status='matched'" in done.stdout, done.stderr
    first = json.loads((tmp_path / "sim.json").read_text())["markets"][0]["id"]
    bought = statement["tokens"][first]["yes"] + statement["pending_tokens"][first]["yes"]
    assert bought > 0 and statement["cash"] + statement["pending_cash"] < 1_000_000_000
