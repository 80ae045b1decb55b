"""The line of a spread, a total or a player's count, where a code says it roughly and the title exactly. Must never change a
line that the code says to the half."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from dutchbook.linking.reading_codes import GameCode
from dutchbook.linking.reading_title import Title
from dutchbook.linking.words import fold, tokens

_HALF: Final = Decimal("0.5")
_STATS: Final = {
    "pts": "points", "reb": "rebounds", "ast": "assists", "stl": "steals", "blk": "blocks", "3pt": "threes",
    "anytd": "anytime-touchdowns", "hr": "home-runs", "hit": "hits", "ks": "strikeouts", "goal": "goals",
}  # fmt: skip
"""What a ticker calls a count, and what a slug calls it."""


def with_said_line(game: GameCode, title: Title) -> GameCode:
    """A ticker tells the line as a whole number, rounded up or down; its title says "over 12.5"."""
    if game.kind not in ("spread", "total", "teamtotal") or not game.line.isdigit():
        return game
    rough = Decimal(game.line)
    said = {figure.value for figure in title.figures if figure.compare == ">" and abs(figure.value - rough) <= _HALF}
    return replace(game, line=f"{said.pop():f}") if len(said) == 1 else game


def stat(game: GameCode) -> str:
    """What a player's market counts, in a slug's words ("points"); "" for other markets."""
    short, _, player = game.kind.partition(":")
    if short in _STATS and (player or (game.side and game.side not in game.teams)):
        return _STATS[short]
    return next((name for name in _STATS.values() if game.kind.startswith(f"{name}-")), "")


def player(title: str) -> tuple[str, ...]:
    """Whom a player's market names before the colon."""
    name, colon, _ = fold(title).partition(":")
    return tuple(tokens(name)) if colon else ()


def count_needed(title: Title) -> Decimal | None:
    """The count above which YES is paid, halves between two counts: 34.5 for "35+" and for "over 34.5"; None without."""
    needed = {_between(figure.value, figure.compare) for figure in title.figures if figure.compare in (">", ">=")}
    return needed.pop() if len(needed) == 1 else None


def _between(value: Decimal, compare: str) -> Decimal:
    """The half between the last count that does not pay and the first that does."""
    if value != value.to_integral_value():
        return value
    return value + _HALF if compare == ">" else value - _HALF
