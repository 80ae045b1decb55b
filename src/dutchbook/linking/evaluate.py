"""How well linking does on pairs that somebody has labelled. Must never see a label before it has judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, Final

from dutchbook.linking.labelled import label, sides
from dutchbook.linking.reading import read
from dutchbook.linking.verdict import Verdict, judge

OUTCOMES: Final = ("proposed", "inverse", "vetoed", "not_found")
"""What became of a row: proposed as the same bet, proposed as the opposite one, vetoed, or nothing that makes it one
question."""

_SAME: Final = frozenset({"same", "inverse"})
_DIFFERENT: Final = frozenset({"not_same", "different"})
_Z: Final = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row where linking and the label differ, for a person to look at. `row` counts from 1."""

    row: int
    label: str
    outcome: str
    why: str


@dataclass(slots=True)
class Evaluation:
    """Counts over labelled rows. A row that is not skipped has exactly one outcome under its label.

    `precision`: of the pairs proposed among rows labelled same, inverse or not_same, how many have that label and
    polarity. `recall`: of the rows labelled same or inverse and not skipped, how many were proposed so. Other labels
    are counted, not judged.
    """

    rows: int = 0
    skipped: int = 0
    by_label: dict[str, dict[str, int]] = field(default_factory=dict)
    vetoes: Counter[str] = field(default_factory=Counter)
    inverted_as_same: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)

    def _count(self, labels: frozenset[str], *outcomes: str) -> int:
        told = (counts for name, counts in self.by_label.items() if name in labels)
        return sum(counts[outcome] for counts in told for outcome in outcomes)

    @property
    def right(self) -> int:
        """Pairs proposed with the polarity of their label."""
        return self._count(frozenset({"same"}), "proposed") + self._count(frozenset({"inverse"}), "inverse")

    @property
    def proposed(self) -> int:
        """Pairs proposed, either way round, among the rows with a label that can be right or wrong."""
        return self._count(_SAME | _DIFFERENT, "proposed", "inverse")

    @property
    def labelled_same(self) -> int:
        """Rows, not skipped, that are labelled as one bet, either way round."""
        return self._count(_SAME, *OUTCOMES)

    @property
    def precision(self) -> float | None:
        return self.right / self.proposed if self.proposed else None

    @property
    def recall(self) -> float | None:
        return self.right / self.labelled_same if self.labelled_same else None

    def document(self, seconds: float) -> dict[str, Any]:
        """The figures as JSON values; `seconds` is the time that the caller measured."""
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            "by_label": self.by_label,
            "vetoes": dict(self.vetoes.most_common()),
            "precision": self.precision,
            "recall": self.recall,
            "inverted_as_same": self.inverted_as_same,
            "seconds": seconds,
            "precision_wilson95": wilson(self.right, self.proposed),
            "recall_wilson95": wilson(self.right, self.labelled_same),
            "disagreements": [
                {"row": one.row, "label": one.label, "outcome": one.outcome, "why": one.why}
                for one in self.disagreements
            ],
        }


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion; (0, 1) when nothing was counted."""
    if of == 0:
        return 0.0, 1.0
    share = hits / of
    middle = share + _Z * _Z / (2 * of)
    spread = _Z * sqrt(share * (1 - share) / of + _Z * _Z / (4 * of * of))
    whole = 1 + _Z * _Z / of
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def evaluate_rows(rows: Iterable[Mapping[str, Any]]) -> Evaluation:
    """Judge every row alone, whatever fields it has. Rows with no readable text or code on one side are skipped."""
    evaluation = Evaluation()
    for number, row in enumerate(rows, 1):
        evaluation.rows += 1
        first, second = sides(row)
        readings = [read(side) for side in (first, second) if side is not None]
        if len(readings) < 2 or any(not reading.listing.title and reading.key is None for reading in readings):
            evaluation.skipped += 1
            continue
        _count(evaluation, number, label(row), judge(*readings))
    return evaluation


def _count(evaluation: Evaluation, number: int, name: str, verdict: Verdict) -> None:
    counts = evaluation.by_label.setdefault(name, dict.fromkeys(OUTCOMES, 0))
    turned = verdict.proposed and verdict.polarity == "inverse"
    outcome = "inverse" if turned else "proposed" if verdict.proposed else "vetoed" if verdict.vetoes else "not_found"
    counts[outcome] += 1
    if outcome == "vetoed":
        evaluation.vetoes.update({veto.code for veto in verdict.vetoes})
    if name == "inverse" and verdict.proposed and not turned:
        evaluation.inverted_as_same += 1
    agrees = verdict.proposed == (name in _SAME) and (not verdict.proposed or turned == (name == "inverse"))
    if name in _SAME | _DIFFERENT and not agrees:
        evaluation.disagreements.append(Disagreement(number, name, outcome, verdict.why))
