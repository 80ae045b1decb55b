"""What deciding asks its driver to do. Values only: the driver does them, and comes back with facts."""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.order import Intent
from dutchbook.core.trade import Turn


@dataclass(frozen=True, slots=True)
class Place:
    """Fix identities for these orders, journal them with the turn, then send them in parallel."""

    turn: Turn
    reason: str
    intents: tuple[Intent, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the venue what became of an order."""

    order: str


@dataclass(frozen=True, slots=True)
class AskFills:
    """Ask the venue for the fills that explain an order's count."""

    order: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take a resting order out of the venue's book."""

    order: str


@dataclass(frozen=True, slots=True)
class Void:
    """Absence has become evidence: the order never existed at the venue."""

    order: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The trade moves to a phase without further orders."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until_ns` (monotonic) unless news arrives first."""

    until_ns: int
    reason: str


Step = Place | Ask | AskFills | Cancel | Void | Finish | Wait
