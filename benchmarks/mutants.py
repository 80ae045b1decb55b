"""One-line mistakes put into a copy of the engine, and the first seed of `dutchbook torture` that catches each.

`python benchmarks/mutants.py [--seeds 1000] [--only NAME] [--json]`. Each mistake is one that has cost somebody money. Status 1
when one is not caught: then the rules of the fault simulation are too weak.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import dutchbook

SOURCE = Path(dutchbook.__file__).parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` is one line (or part of it) of `file`, `new` what it becomes."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant(
        "an order is sent again after a timeout",
        "engine/driver.py",
        "            self.on_report(order_id, report)\n\n    async def _ask(",
        "            self.on_report(order_id, report)\n"
        "            if report.status.value == 'unknown': self.dispatch((order,))\n\n    async def _ask(",
    ),
    Mutant(
        "an order is sent before it is on file",
        "engine/driver.py",
        "        services.record(\n            OrdersPlanned(",
        "        self.dispatch(prepared); services.record(\n            OrdersPlanned(",
    ),
    Mutant(
        "resting is taken for filled",
        "core/order.py",
        "    ReportStatus.RESTING: OrderEvent.REST,",
        "    ReportStatus.RESTING: OrderEvent.FINISH,",
    ),
    Mutant(
        "delayed is taken for done",
        "core/order.py",
        "    ReportStatus.DELAYED: OrderEvent.DELAY,",
        "    ReportStatus.DELAYED: OrderEvent.FINISH,",
    ),
    Mutant(
        "the other leg is unwound",
        "execution/decide.py",
        "    leg = correction.leg\n",
        "    leg = (correction.leg + 1) % len(trade.legs)\n",
    ),
    Mutant(
        "fees are ignored in the ledger",
        "ledger/projection.py",
        "self._pay(leg.plan.pool, -sign * cash - fee)",
        "self._pay(leg.plan.pool, -sign * cash)",
    ),
    Mutant(
        "absence is taken for a cancel at once",
        "engine/desk.py",
        "            absence_margin_ns={n: s.trading.capabilities.absence_margin_ns for n, s in venues.items()},",
        "            absence_margin_ns=dict.fromkeys(venues, 0),",
    ),
    Mutant(
        "a lost answer is taken for a refusal",
        "core/order.py",
        "    ReportStatus.UNKNOWN: OrderEvent.LOSE,",
        "    ReportStatus.UNKNOWN: OrderEvent.REJECT,",
    ),
    Mutant(
        "a fill that is told twice counts twice",
        "engine/driver.py",
        "                    fill=fill.id,\n",
        "                    fill=f'{fill.id}/{len(row.fills)}',\n",
    ),
    Mutant(
        "a failed match is ignored",
        "engine/trades.py",
        "        self._driver(trade.id).on_reversal(row.plan.id, fill_id, reason)\n",
        "",
    ),
    Mutant(
        "a restart forgets what was out",
        "engine/trades.py",
        "                event = OrderEvent.LOSE if row.state is OrderState.SENT else OrderEvent.WITHHOLD",
        "                event = OrderEvent.WITHHOLD",
    ),
    Mutant(
        "an order leaves after its deadline",
        "venues/kalshi/trading.py",
        "        if self._clock.wall() > order.send_by_ns:",
        "        if False:",
    ),
    Mutant(
        "the kill switch is not looked at",
        "risk/checks.py",
        "    if switch.on:",
        "    if False:",
    ),
    Mutant(
        "new entries go on beside unequal legs",
        "risk/checks.py",
        "    if view.naked_trades > 0:",
        "    if False:",
    ),
    Mutant(
        "contracts are sold before they are settled",
        "execution/decide.py",
        "    if best.waits_for_settlement:",
        "    if False:",
    ),
    Mutant(
        "provisional fills are paid",
        "engine/settlement.py",
        "            if result is None or not result.final or _provisional(leg):",
        "            if result is None or not result.final:",
    ),
    Mutant(
        "a corrected result is ignored",
        "engine/settlement.py",
        "            self._correct(resolution)",
        "            pass",
    ),
    Mutant(
        "the surplus of the larger leg is bought again",
        "execution/balance.py",
        "        surplus = holding.held - count\n",
        "        surplus = holding.held\n",
    ),
    Mutant(
        "open orders reserve nothing",
        "core/position.py",
        "        return Cash(total)\n\n    @property\n    def at_rest",
        "        return Cash(0)\n\n    @property\n    def at_rest",
    ),
    Mutant(
        "NO is paid as YES",
        "engine/settlement.py",
        "    value = yes_value if leg.claim.outcome is Outcome.YES else MICRO - yes_value",
        "    value = yes_value",
    ),
    Mutant(
        "a payout that waits is taken for a loss",
        "ledger/projection.py",
        "            if left:\n                waiting[market] = left",
        "            if not left:\n                waiting[market] = left",
    ),
    Mutant(
        "a merge that nobody heard of is taken for done",
        "engine/treasury.py",
        "        if gone == {size}:",
        "        if True:",
    ),
)


def trial(mutant: Mutant, seeds: int) -> dict[str, object]:
    """Run the seeds on a mutated copy until one breaks a rule."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "dutchbook"
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / mutant.file
        text = file.read_text()
        if text.count(mutant.old) < 1:
            return {"mutant": mutant.name, "caught_at": None, "rule": "the line is not there any more"}
        file.write_text(text.replace(mutant.old, mutant.new, 1))
        done = subprocess.run(
            [sys.executable, "-m", "dutchbook", "torture", "--seeds", f"1:{seeds}", "--until-violation", "--json"],
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            cwd=folder,
        )
        try:
            told = json.loads(done.stdout)
        except json.JSONDecodeError:
            return {"mutant": mutant.name, "caught_at": None, "rule": done.stderr[-300:]}
        if "failures" not in told:
            return {"mutant": mutant.name, "caught_at": None, "rule": str(told)[:300]}
        failures = told["failures"]
        rules = sorted({each["rule"] for each in failures})
        return {
            "mutant": mutant.name,
            "caught_at": told["first_failing_seed"],
            "seeds_run": told["seeds"],
            "rule": "; ".join(rules),
        }


def main() -> int:
    """Try every mutant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for mutant in MUTANTS:
        if options.only in mutant.name:
            row = trial(mutant, options.seeds)
            rows.append(row)
            if options.json:
                print(row, file=sys.stderr, flush=True)
            else:
                caught = row["caught_at"]
                print(
                    f"{mutant.name:48} {'NOT CAUGHT' if caught is None else f'seed {caught}':>12}  {row['rule']}",
                    flush=True,
                )
    if options.json:
        print(json.dumps(rows, indent=1))
    return 0 if all(row["caught_at"] is not None for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
