"""Whether the numbers of two titles are the same numbers, compared the same way or the opposite way. Must never take
"above" for "at or above", nor a number that only one side says for one that both mean."""

from __future__ import annotations

from dutchbook.linking.reading import Reading


def figure_vetoes(first: Reading, second: Reading) -> tuple[list[tuple[str, str]], int]:
    """Line and comparator vetoes as (code, text), and how many numbers turn one question into the other's opposite."""
    one, other = first.title.figures, second.title.figures
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
            _half(figure.value) and {figure.compare, twin.compare} in ({">", ">="}, {"<", "<="})
        ):
            continue
        opposite = figure.opposite()
        loose = first.topic == second.topic == "asset" or _half(figure.value)
        if (opposite is not None and opposite.compare == twin.compare) or (
            loose and {figure.compare, twin.compare} in ({">", "<"}, {">=", "<="})
        ):
            flips += 1
            continue
        said = [figure.compare or "no comparison", twin.compare or "no comparison"]
        vetoes.append(("comparator", f"at {figure.value.normalize():f} one says {said[0]!r}, the other {said[1]!r}"))
    return vetoes, flips


def _half(value: object) -> bool:
    """Whether a line lies between two counts, so that "over" and "at least" are one."""
    return str(value).endswith(".5")
