"""What a venue tells of a game in fields of its own: who plays, whom YES stands for, the sport, the league. Must never take
a field for more than it says: what is not told, or fits two ways, is absent.

Kalshi's milestones and structured targets, and Polymarket's sports fields, under the names that the adapters give them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from dutchbook.linking.listing import Listing
from dutchbook.linking.reading_codes import LEAGUES, TWO_WAY, GameCode
from dutchbook.linking.words import fold, tokens
from dutchbook.linking.words_tables import CLUB_WORDS, word_set

Name = tuple[str, ...]

_SIDES: Final = (("home", "away"), ("first", "second"), ("homeTeamName", "awayTeamName"))
_TARGET: Final = "target."
_SPORT_ENDS: Final = ("_game", "_match", "_fight")

NO_DRAWS: Final = word_set("basketball baseball football tennis")
"""Sports, as milestone types name them, where one side's win is the other side's loss but for the tail."""

DECIDED: Final = ("set", "map", "game", "series")
"""Parts of a contest that end with a winner."""

TWICE_A_DAY: Final = word_set("baseball")
"""Sports in which two teams may play each other twice on one day."""

_LEAGUES: Final = {
    "pro basketball (m)": "nba", "pro basketball (w)": "wnba", "pro football": "nfl", "pro baseball": "mlb", "pro hockey": "nhl",
    "college football": "ncaaf", "college basketball (m)": "ncaamb", "college basketball (w)": "ncaawb",
    "champions league": "ucl", "europa league": "uel", "premier league": "epl", "fifa world cup": "wc",
}  # fmt: skip
"""Leagues as a venue writes them out, by the name that both venues' codes are brought to."""


@dataclass(frozen=True, slots=True)
class Told:
    """`sides` are the names of the two who play (empty when not told), `side` the place among them of the one that YES stands
    for, `player` whom a player's market is about, `sport` and `league` in this room's words or ""."""

    sides: tuple[Name, ...] = ()
    side: int | None = None
    player: Name = ()
    sport: str = ""
    league: str = ""


NOTHING: Final = Told()


def told_by(listing: Listing) -> Told:
    """What the listing's structured fields say of a game; `NOTHING` for most markets."""
    if not listing.structured:
        return NOTHING
    fields = dict(listing.structured)
    sides = next((pair for pair in (_pair(fields, names) for names in _SIDES) if pair), ())
    targets = {name: _name(value) for name, value in listing.structured if name.startswith(_TARGET)}
    players = [value for name, value in targets.items() if name.endswith("_player") and value]
    meant = [at for at, name in enumerate(sides) if name in targets.values()]
    return Told(
        sides,
        meant[0] if len(meant) == 1 and not players else None,
        players[0] if len(players) == 1 else (),
        _sport(fields.get("milestone_type", "")),
        league_named(fields.get("league", "")),
    )


def league_named(text: str) -> str:
    """A league in the words of the codes ("nba" for "Pro Basketball (M)"); "" for one that is not known."""
    if not text:
        return ""
    folded = fold(text).strip()
    short = "".join(tokens(folded))
    return _LEAGUES.get(folded) or (short if short in LEAGUES else "")


def _pair(fields: dict[str, str], names: tuple[str, str]) -> tuple[Name, ...]:
    first, second = fields.get(names[0]), fields.get(names[1])
    if not first or not second:
        return ()
    pair = _name(first), _name(second)
    return pair if all(pair) and pair[0] != pair[1] else ()


def _name(text: str) -> Name:
    return tuple(word for word in tokens(fold(text)) if word not in CLUB_WORDS)


def _sport(kind: str) -> str:
    for end in _SPORT_ENDS:
        if kind.endswith(end):
            return kind.removesuffix(end)
    return ""


def with_told(game: GameCode, told: Told) -> GameCode:
    """The code with the league that its venue tells, where the code's own is not known, and whether a draw is possible."""
    league = told.league if told.league and game.league not in LEAGUES else game.league
    # a half, a quarter or an inning can end level where the game cannot
    decided = not game.period or game.period.startswith(DECIDED)
    two_way = decided and (league in TWO_WAY or (told.sport in NO_DRAWS and not game.period))
    return replace(game, league=league, two_way=two_way)
