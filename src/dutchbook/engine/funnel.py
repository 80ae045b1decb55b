"""The funnel (M15): how many crossings were seen, how far each came, and one first reason for each that was not traded.

A crossing is an episode: from the first book update at which a bundle costs less than it pays, before fees, to the last.
Within an episode the furthest stage counts, with the latest reason at that stage.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from enum import IntEnum

from dutchbook.core.opportunity import Rejection


class Stage(IntEnum):
    CROSSING = 0
    NET_POSITIVE = 1
    APPROVED = 2
    TRADED = 3


@dataclass(slots=True)
class Episode:
    """One contiguous crossing of one bundle."""

    bundle: str
    began_ns: int
    stage: Stage
    reason: Rejection


class Funnel:
    """Counts; `books` is the denominator, the number of book updates evaluated."""

    def __init__(self, keep: int = 50) -> None:
        self.books = 0
        self.updates_crossing = 0
        self.alarms: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.examples: deque[tuple[str, str, str]] = deque(maxlen=keep)
        self._ended: Counter[Stage] = Counter()
        self._open: dict[str, Episode] = {}

    def open_bundles(self) -> dict[str, Episode]:
        """Episodes going on now, by bundle id."""
        return self._open

    def saw(self, bundle: str, now_ns: int, stage: Stage, reason: Rejection) -> None:
        """An evaluation of a crossing bundle. `reason` is why it did not pass the next stage."""
        episode = self._open.get(bundle)
        if episode is None:
            self._open[bundle] = Episode(bundle, now_ns, stage, reason)
        elif stage >= episode.stage:
            episode.stage, episode.reason = stage, reason

    def ended(self, bundle: str) -> None:
        """The bundle crosses no more (or a book of it is gone)."""
        episode = self._open.pop(bundle, None)
        if episode is not None:
            self._close(episode)

    def finish(self) -> None:
        """End every open episode: the run is over."""
        for bundle in list(self._open):
            self.ended(bundle)

    def _close(self, episode: Episode) -> None:
        self._ended[episode.stage] += 1
        if episode.stage is not Stage.TRADED:
            self.reasons[episode.reason.code] += 1
            self.examples.append((episode.bundle, episode.reason.code, episode.reason.text))

    def _count(self, least: Stage) -> int:
        ended = sum(n for stage, n in self._ended.items() if stage >= least)
        return ended + sum(1 for episode in self._open.values() if episode.stage >= least)

    def counts(self) -> dict[str, int]:
        """books, crossings, net_positive, approved, traded."""
        return {
            "books": self.books,
            "crossings": self._count(Stage.CROSSING),
            "net_positive": self._count(Stage.NET_POSITIVE),
            "approved": self._count(Stage.APPROVED),
            "traded": self._count(Stage.TRADED),
        }

    def snapshot(self) -> dict[str, object]:
        """Everything a reader may want, as plain data; open episodes count under their current reason."""
        reasons = self.reasons.copy()
        for episode in self._open.values():
            if episode.stage is not Stage.TRADED:
                reasons[episode.reason.code] += 1
        return {
            "funnel": self.counts(),
            "updates_crossing": self.updates_crossing,
            "reasons": dict(reasons.most_common()),
            "alarms": dict(self.alarms),
            "examples": [{"bundle": b, "code": c, "text": t} for b, c, t in self.examples],
        }
