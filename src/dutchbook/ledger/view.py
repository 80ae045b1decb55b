"""A ledger read while an engine writes it: the fold goes on where it stopped, and each trade's records are found at once.

Read-only. One fold for all that a process shows or tells; whoever shows it must not keep rows across an `await`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from dutchbook.core.errors import DutchbookError
from dutchbook.core.facts import Commanded, KillSwitchSet
from dutchbook.ledger.journal import Journal, Record
from dutchbook.ledger.projection import Ledger

NEWEST: Final = 200
"""Facts that are kept for the list of what happened last."""


class LedgerView:
    """`journal` is there once the file is; `trouble` says why it is not. `latest_ns` is the time of the newest fact.

    `taken` hears of each record once the fold has taken it; after a ledger was replaced it hears the new one from its beginning.
    """

    def __init__(self, path: Path, netting: frozenset[str], taken: Callable[[Record], None] | None = None) -> None:
        self.path = path
        self.journal: Journal | None = None
        self.ledger = Ledger(netting)
        self.newest: deque[Record] = deque(maxlen=NEWEST)
        self.trouble = "the ledger has not been read yet"
        self.latest_ns = 0
        self.stop_seq = 0
        """The record in which somebody stopped the engine last."""
        self._netting = netting
        self._taken = taken
        self._of: dict[str, list[int]] = {}

    def catch_up(self) -> bool:
        """Read what has come since the last time; whether there was anything. A file that cannot be read is `trouble`."""
        try:
            if self.journal is None:
                self.journal = Journal.read(self.path)
                self.ledger, self._of = Ledger(self._netting), {}
            before = self.ledger.seq
            for record in self.journal.records(before):
                self._take(record)
        except DutchbookError as error:
            self.trouble = str(error)
            if self.journal is not None:
                self.journal.close()
                self.journal = None
            return False
        self.trouble = ""
        return self.ledger.seq != before

    def _take(self, record: Record) -> None:
        self.ledger.replay((record,))
        self.newest.append(record)
        self.latest_ns = record.at_ns
        fact = record.fact
        trade = getattr(fact, "trade", "")
        if trade:
            self._of.setdefault(trade, []).append(record.seq)
        match fact:
            case KillSwitchSet(on=True) | Commanded(command="stop"):
                self.stop_seq = record.seq
        if self._taken is not None:
            self._taken(record)

    def records_of(self, trade: str) -> Iterator[Record]:
        """Everything that happened to a trade, in order."""
        assert self.journal is not None
        for seq in self._of.get(trade, ()):
            yield next(self.journal.records(seq - 1))
