"""What the page is given by whoever starts it: figures of a ledger as plain data, and the one way to command an engine.

The room itself reads; it neither composes an engine nor knows the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from dutchbook.ledger.inbox import Answer
from dutchbook.ledger.journal import Journal, Record
from dutchbook.ledger.projection import Ledger

Command = Callable[[str, Mapping[str, str], str], Answer]
"""(verb, arguments, who) -> answer, through the ledger's inbox. Blocks up to some seconds: call it in a thread. Raises the
tree's errors."""


class Figures(Protocol):
    """Everything that a page tells of a ledger: amounts are decimal text, times ISO text in UTC. The same as the commands'."""

    def today(self, ledger: Ledger, wall_ns: int) -> dict[str, Any]:
        """Statistics of the local day."""

    def positions(self, ledger: Ledger, *, everything: bool) -> list[dict[str, Any]]:
        """One row per leg."""

    def trade_row(self, trade: Any) -> dict[str, Any]:
        """One trade in short."""

    def trade(self, journal: Journal, ledger: Ledger, trade: str, records: Iterable[Record]) -> dict[str, Any]:
        """One trade with its legs, orders, fills, states and timeline, which is made of `records`."""

    def profit_and_loss(self, ledger: Ledger) -> dict[str, Any]:
        """By day, and in all."""

    def capital(self, journal: Journal, ledger: Ledger) -> dict[str, Any]:
        """Where the money is, per pool."""

    def settings(self) -> list[dict[str, Any]]:
        """Every setting with its value; of secrets only whether they are there."""
