"""What became of a seed: counters that add up over seeds. Data only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dutchbook.torture.rules import Violation


@dataclass(slots=True)
class Outcome:
    """What became of a seed. Times are virtual seconds; cash in millionths."""

    seed: int
    mood: str = ""
    violations: list[Violation] = field(default_factory=list)
    trades: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    met: dict[str, Counter[str]] = field(default_factory=dict)
    """By kind of fault, how the trades ended that it met under way."""
    profit_met: Counter[str] = field(default_factory=Counter)
    """By kind of fault, the results of those trades, millionths."""
    overfilled: int = 0
    """Orders that filled more than they asked."""
    generations: int = 0
    orders: int = 0
    false_ends: int = 0
    repeated: int = 0
    unhedged_s: float = 0.0
    naked: int = 0
    pnl: int = 0
    alarms: Counter[str] = field(default_factory=Counter)
    trace: str = ""
    virtual_s: float = 0.0
    lines: list[str] = field(default_factory=list)
    """The whole trace in words, where it was asked for."""
