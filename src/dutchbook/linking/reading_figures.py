"""Numbers in a title with their unit and comparison. Must never merge "above" with "at or above", nor read a
number's unit into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

Comparator = Literal[">", ">=", "<", "<=", "touch", "between", ""]

_NUMBER: Final = re.compile(r"(\$?)(\d+(?:,\d{3})*(?:\.\d+)?)(bps?|bn|mm|[kmbtc])?(\+?)(%?)(\+?)$")
_SCALES: Final = {
    "k": 3,
    "m": 6,
    "mm": 6,
    "b": 9,
    "bn": 9,
    "t": 12,
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
}
_OPPOSITE: Final[dict[Comparator, Comparator]] = {">": "<=", "<=": ">", "<": ">=", ">=": "<"}
_ABOVE: Final = frozenset({"over", "above", "exceed", "exceeds", "exceeding", "greater", "more", "higher", ">"})
_BELOW: Final = frozenset({"under", "below", "less", "fewer", "lower", "<"})
_TOUCH: Final = frozenset({"reach", "reaches", "hit", "hits", "touch", "touches", "hitting", "reaching", "dip"})
_AFTER: Final[dict[str, Comparator]] = {
    "more": ">=", "above": ">=", "higher": ">=", "greater": ">=", "over": ">=",
    "less": "<=", "below": "<=", "lower": "<=", "fewer": "<=", "under": "<=",
}  # fmt: skip
_UNITS: Final = {
    "%": "%",
    "percent": "%",
    "bps": "bp",
    "bp": "bp",
    "basis": "bp",
    "degrees": "deg",
    "°f": "deg",
    "f": "deg",
    "°": "deg",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as said: `value` (the lower bound of a range, `top` its upper), `unit` "$", "%", "bp", "deg" or "",
    how it is compared."""

    value: Decimal
    unit: str = ""
    compare: Comparator = ""
    top: Decimal | None = None

    def __str__(self) -> str:
        number = f"{self.value.normalize():f}" + (f" to {self.top.normalize():f}" if self.top is not None else "")
        return f"{self.compare} {number}{' ' + self.unit if self.unit else ''}".strip()

    def opposite(self) -> Figure | None:
        """The figure that is true exactly when this one is not; None when there is none."""
        other = _OPPOSITE.get(self.compare)
        return None if other is None else Figure(self.value, self.unit, other, self.top)


def number(word: str) -> tuple[Decimal, str, bool] | None:
    """Value, unit and whether a plus follows ("25+"), for a word that is a number; None otherwise."""
    found = _NUMBER.match(word)
    if found is None:
        return None
    dollar, digits, scale, plus, percent, last = found.groups()
    value = Decimal(digits.replace(",", ""))
    unit = "$" if dollar else "%" if percent else ""
    if scale in ("bp", "bps"):
        unit = "bp"
    elif scale == "c":
        unit = "deg"
    elif scale:
        value = value.scaleb(_SCALES[scale])
    return value, unit, bool(plus or last)


def take_figure(words: Sequence[str], at: int) -> tuple[Figure, int] | None:
    """The figure whose number is `words[at]`, and the index after it; None when the word is no number."""
    first = number(words[at])
    if first is None:
        return None
    value, unit, plus = first
    end = at + 1
    value, unit, end = _unit_after(words, end, value, unit)
    before = [word for word in words[max(0, at - 4) : at] if word not in ("$", "the", "a", "-", "by", "of", "to")]
    compare = _compare_before(before)
    if end + 1 < len(words) and words[end] in ("-", "to", "and"):
        second = number(words[end + 1]) if words[end] != "and" or "between" in before else None
        if second is not None:
            top, top_unit, end = _unit_after(words, end + 2, second[0], second[1])
            if top_unit == unit or not unit or not top_unit:
                if top > value * 1000 and value < 1000:
                    value = value.scaleb(top.adjusted() // 3 * 3)
                elif value < top and top >= 1000 and value < 1000 and top % 1000 == 0:
                    value = value.scaleb(3 if top < 10**6 else 6 if top < 10**9 else 9)
                return Figure(value, unit or top_unit, "between", top), end
    if plus:
        compare = ">="
    elif end + 1 < len(words) and words[end] in ("or", "and") and words[end + 1] in _AFTER:
        compare, end = _AFTER[words[end + 1]], end + 2
    return Figure(value, unit, compare), end


def _unit_after(words: Sequence[str], end: int, value: Decimal, unit: str) -> tuple[Decimal, str, int]:
    if end < len(words) and words[end] in _SCALES and len(words[end]) > 2:
        value, end = value.scaleb(_SCALES[words[end]]), end + 1
    if end < len(words) and words[end] in _UNITS:
        skip = 2 if words[end] == "basis" else 1
        unit, end = unit or _UNITS[words[end]], end + skip
    return value, unit, end


def _compare_before(before: list[str]) -> Comparator:
    if not before:
        return ""
    last, previous = before[-1], before[-2] if len(before) > 1 else ""
    if last in (">=", "≥") or (last, previous) in (("least", "at"), ("above", "or"), ("greater", "or")):
        return ">="
    if last in ("<=", "≤") or (last, previous) in (("most", "at"), ("below", "or")):
        return "<="
    if (previous, last) == ("o", "u"):
        return ">"
    word = previous if last == "than" else last
    if word in _ABOVE:
        return ">"
    if word in _BELOW:
        return "<"
    if word in _TOUCH:
        return "touch"
    return ""
