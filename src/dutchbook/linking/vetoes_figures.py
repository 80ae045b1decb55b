"""Whether the numbers of two titles are the same numbers, compared the same way or the opposite way. Must never take
"above" for "at or above", nor a number that only one side says for one that both mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_figures import Figure


def figure_vetoes(first: Reading, second: Reading) -> tuple[list[tuple[str, str]], int]:
    """Line and comparator vetoes as (code, text), and how many numbers turn one question into the other's opposite."""
    one, other = first.title.figures, second.title.figures
    if any(COUNTING & set(reading.title.order) for reading in (first, second)):
        one, other = tuple(map(_counted, one)), tuple(map(_counted, other))
    if not one and not other:
        return [], 0
    if len(one) != len(other):
        said = [", ".join(map(str, figures)) or "no number" for figures in (one, other)]
        return [("line", f"one says {said[0]}, the other {said[1]}")], 0
    vetoes: list[tuple[str, str]] = []
    flips = 0
    left = list(other)
    for figure in one:
        twin = next((f for f in left if (f.value, f.top) == (figure.value, figure.top)), None)
        if twin is None:
            vetoes.append(("line", f"one says {figure}, the other {', '.join(map(str, left))}"))
            continue
        left.remove(twin)
        if figure.unit and twin.unit and figure.unit != twin.unit:
            vetoes.append(("line", f"one counts in {figure.unit}, the other in {twin.unit}"))
        if figure.compare == twin.compare or (
            _half(figure) and {figure.compare, twin.compare} in ({">", ">="}, {"<", "<="})
        ):
            continue
        opposite = figure.opposite()
        loose = first.topic == second.topic == "asset" or _half(figure)
        if (opposite is not None and opposite.compare == twin.compare) or (
            loose and {figure.compare, twin.compare} in ({">", "<"}, {">=", "<="})
        ):
            flips += 1
            continue
        said = [figure.compare or "no comparison", twin.compare or "no comparison"]
        vetoes.append(("comparator", f"at {figure.value.normalize():f} one says {said[0]!r}, the other {said[1]!r}"))
    return vetoes, flips


COUNTING: Final = frozenset({"many", "number"})
"""Words that ask for a count, where "above 8" is "9 or more"."""


def _counted(figure: Figure) -> Figure:
    if figure.unit or figure.value != figure.value.to_integral_value():
        return figure
    if figure.compare == ">":
        return replace(figure, value=figure.value + 1, compare=">=")
    return replace(figure, value=figure.value - 1, compare="<=") if figure.compare == "<" else figure


def _half(figure: Figure) -> bool:
    """Whether a line lies between two counts, so that "over" and "at least" are one. A percentage or a price can be a half."""
    return not figure.unit and str(figure.value).endswith(".5")
