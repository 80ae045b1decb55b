"""Many seeds over all cores, summed up: what held, what broke and at which seed, where faults struck, how fast it went."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from dutchbook.torture.network import Crash
from dutchbook.torture.outcome import Outcome
from dutchbook.torture.play import play

CHUNK = 5
"""Seeds that a worker takes at once."""


@dataclass(slots=True)
class Summary:
    """The sums of a range of seeds. `seconds` is real time, `unhedged_s` virtual."""

    first: int
    last: int
    seeds: int = 0
    trades: int = 0
    orders: int = 0
    generations: int = 0
    false_ends: int = 0
    repeated: int = 0
    overfilled: int = 0
    unhedged_s: float = 0.0
    naked: int = 0
    pnl: int = 0
    seconds: float = 0.0
    violations: list[dict[str, Any]] = field(default_factory=list)
    moods: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    met: dict[str, Counter[str]] = field(default_factory=dict)
    profits: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    traces: dict[int, str] = field(default_factory=dict)

    @property
    def seeds_per_second(self) -> float:
        return self.seeds / self.seconds if self.seconds else 0.0

    @property
    def failing(self) -> list[int]:
        """Seeds with a violation, in order."""
        return sorted({violation["seed"] for violation in self.violations})

    def add(self, one: Outcome) -> None:
        """Take in one seed."""
        self.seeds += 1
        self.trades += one.trades
        self.orders += one.orders
        self.generations += one.generations
        self.false_ends += one.false_ends
        self.repeated += one.repeated
        self.unhedged_s += one.unhedged_s
        self.naked += one.naked
        self.pnl += one.pnl
        self.moods[one.mood] += 1
        self.phases += one.phases
        self.faults += one.kinds
        self.cells += one.cells
        self.alarms += one.alarms
        self.profits.update(one.profit_met)
        self.overfilled += one.overfilled
        self.traces[one.seed] = one.trace
        for kind, met in one.met.items():
            self.met[kind] = self.met.get(kind, Counter()) + met
        for broken in one.violations:
            self.violations.append(
                {"seed": one.seed, "rule": broken.rule, "at_ns": broken.at_ns, "text": broken.text, "mood": one.mood}
            )

    def plain(self) -> dict[str, Any]:
        """Everything as JSON knows it."""
        return {
            "seeds": self.seeds,
            "first_seed": self.first,
            "last_seed": self.last,
            "violations": len(self.violations),
            "first_failing_seed": self.failing[0] if self.failing else None,
            "seeds_per_second": round(self.seeds_per_second, 2),
            "trades": self.trades,
            "faults": dict(sorted(self.faults.items())),
            "failures": sorted(self.violations, key=lambda each: each["seed"])[:50],
            "orders": self.orders,
            "generations": self.generations,
            "false_ends": self.false_ends,
            "identities_sent_twice": self.repeated,
            "unhedged_seconds": round(self.unhedged_s, 3),
            "naked": self.naked,
            "pnl": self.pnl,
            "seconds": round(self.seconds, 1),
            "moods": dict(self.moods),
            "phases": dict(self.phases),
            "alarms": dict(self.alarms),
            "coverage": [[*cell, count] for cell, count in sorted(self.cells.items())],
            "met": {kind: dict(met) for kind, met in sorted(self.met.items())},
            "profits": dict(sorted(self.profits.items())),
            "overfilled": self.overfilled,
        }


def run_range(
    first: int,
    last: int,
    *,
    kinds: Collection[str] | None = None,
    processes: int = 0,
    until_violation: bool = False,
    tell: Callable[[Summary], None] | None = None,
) -> Summary:
    """Play every seed from `first` to `last`. `processes` 0 is one a core; `tell` hears of every seed that is done."""
    summary = Summary(first, last)
    began = time.monotonic()
    for one in _outcomes(first, last, kinds, processes or os.cpu_count() or 1):
        summary.add(one)
        summary.seconds = time.monotonic() - began
        if tell is not None:
            tell(summary)
        if until_violation and one.violations:
            break
    return summary


def _outcomes(first: int, last: int, kinds: Collection[str] | None, processes: int) -> Iterator[Outcome]:
    if processes == 1 or last - first < 2:
        for seed in range(first, last + 1):
            yield play(seed, kinds)
        return
    work = [(seed, kinds) for seed in range(first, last + 1)]
    # a worker that begins as a copy has everything loaded; one that begins anew takes as long for that as for several seeds
    way = "fork" if "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1 else "spawn"
    with multiprocessing.get_context(way).Pool(processes) as pool:
        yield from pool.imap_unordered(_one, work, chunksize=CHUNK)


def _one(work: tuple[int, Collection[str] | None]) -> Outcome:
    try:
        return play(*work)
    except Crash as crash:
        # a worker that ends with it would leave the whole run waiting
        raise RuntimeError(f"seed {work[0]}: a death outside every process of the engine") from crash
