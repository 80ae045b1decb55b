"""Whether two markets are about one game, one part of it, one line and which side of it. Must never pair games by
likeness of codes alone: a code must be equal, or the titles must name both sides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_codes import GameCode, named_place, pair_codes, place_of
from dutchbook.linking.reading_lines import count_needed, player, stat
from dutchbook.linking.reading_when import MONTHS
from dutchbook.linking.vetoes_figures import figure_vetoes
from dutchbook.linking.vetoes_names import (
    names_of,
    names_order,
    namesakes,
    one_name,
    order_by_one,
    sisters,
    straight,
    told_otherwise,
    told_side,
)
from dutchbook.linking.vetoes_told import start_vetoes, together
from dutchbook.linking.words import fold, spell, tokens
from dutchbook.linking.words_tables import BODIES, EVENT_WORDS, PERIODS, SILENT, STAGES, word_set

_PLAIN: Final = EVENT_WORDS | BODIES | {"win", "match", "game", "moneyline", "result", "who"}


@dataclass(frozen=True, slots=True)
class Pairing:
    """One game or not. `flips`: 1 when the two markets' YES stand for opposite sides; `exact`: told by equal codes
    of both venues."""

    vetoes: tuple[tuple[str, str], ...]
    related: bool
    flips: int = 0
    exact: bool = False


def compare_games(first: Reading, second: Reading) -> Pairing:
    """Two markets, at least one of which is a game by its code or by an "A vs B" title."""
    one, other = first.game, second.game
    order: tuple[int, bool] | None = None
    vetoes: list[tuple[str, str]] = []
    if one is not None and other is not None:
        if one.league != other.league:
            return Pairing((("entity", f"leagues {one.league} and {other.league}"),), related=False)
        order = pair_codes(one, other)
    by_names = names_order(first, second)
    told_by_names = order is None and by_names is not None
    if order is None and by_names is not None:
        order = by_names, False
    if order is None:
        order = order_by_one(first, second)
    if order is None:
        return Pairing((("entity", _sides_text(first, second)),), related=False)
    if not order[1]:
        by_codes = order[0] if told_by_names else order[0] * straight(first) * straight(second)
        vetoes += namesakes(first, second, by_codes if by_names is None else by_names)
        if not told_by_names and sisters(first, second, order[0]):
            vetoes.append(("entity", f"two teams of one place: {_sides_text(first, second)}"))
        if by_names is not None and by_names != by_codes:
            vetoes.append(("polarity", "the codes and the titles disagree about which side is which"))
    vetoes += _when(first, second)
    for reading in (first, second):
        if told_otherwise(reading):
            vetoes.append(("polarity", f"{reading.listing.id} and its venue's own target name different sides"))
    if one is not None and other is not None:
        props = stat(one), stat(other)
        if all(props):
            vetoes += _props(first, second, props)
            return Pairing(tuple(vetoes), related=True, flips=int(one.turned != other.turned), exact=order[1])
        vetoes += _kinds(one, other)
        said = first.title.scopes ^ second.title.scopes
        if said and not one.period and not other.period:
            vetoes.append(
                ("period", f'by their codes both are about the whole game, and one says "{" ".join(sorted(said))}"')
            )
        places = place_of(one), place_of(other)
        if told_by_names:
            places = _place_by_names(first), _place_by_names(second)
        flips = _flips(one, other, places, order[0], vetoes)
        if flips is None:
            vetoes.append(("polarity", "which side YES stands for was not read on both venues"))
            flips = 0
        return Pairing(tuple(vetoes), related=True, flips=flips, exact=order[1])
    vetoes += _tails(first, second)
    figures, turned = figure_vetoes(first, second)
    vetoes += figures
    flips = turned + _flips_by_names(first, second, order[0], vetoes)
    return Pairing(tuple(vetoes), related=True, flips=flips, exact=False)


def _sides_text(first: Reading, second: Reading) -> str:
    return " and ".join(
        "-".join(r.game.teams or (r.game.blob,)) if r.game else " v ".join(" ".join(name) for name in r.title.names)
        for r in (first, second)
    )


def _kinds(one: GameCode, other: GameCode) -> list[tuple[str, str]]:
    vetoes: list[tuple[str, str]] = []
    if one.period != other.period:
        vetoes.append(
            (
                "period",
                f"one is about {one.period or 'the whole game'}, the other about {other.period or 'the whole game'}",
            )
        )
    if one.kind != other.kind:
        vetoes.append(("kind", f"one asks for the {one.kind}, the other for the {other.kind}"))
    elif one.line != other.line:
        vetoes.append(("line", f"lines {one.line or 'unread'} and {other.line or 'unread'}"))
    return vetoes


def _props(first: Reading, second: Reading, stats: tuple[str, str]) -> list[tuple[str, str]]:
    """Two markets on what a player does in one game: the player, what is counted, and from which count on."""
    if stats[0] != stats[1]:
        return [("kind", f"one counts {stats[0]}, the other {stats[1]}")]
    who = tuple(reading.told.player or player(reading.listing.title) for reading in (first, second))
    if len(who[0]) < MIN_NAME or who[0] != who[1]:
        return [("entity", f"players {' '.join(who[0]) or 'unread'} and {' '.join(who[1]) or 'unread'}")]
    counts = count_needed(first.title), count_needed(second.title)
    if counts[0] != counts[1]:
        return [
            ("line", f"one pays above {counts[0] or 'an unread count'}, the other above {counts[1] or 'an unread one'}")
        ]
    return []


MIN_NAME: Final = 2
"""Words that a player's name has at least: a surname alone is shared by too many."""


def _when(first: Reading, second: Reading) -> list[tuple[str, str]]:
    vetoes = start_vetoes(first, second)
    days = [_days(reading) for reading in (first, second)]
    if days[0] and days[1] and not days[0] & days[1] and not vetoes and not together(first, second):
        vetoes.append(("date", "the titles name different days"))
    years = [{when.end[0] for when in reading.title.whens if when.end[0]} for reading in (first, second)]
    if years[0] and years[1] and not years[0] & years[1]:
        vetoes.append(("season", "the titles name different years"))
    return vetoes


def _days(reading: Reading) -> set[tuple[int, int]]:
    """Months and days that the title or the code names."""
    days = {when.end[1:] for when in reading.title.whens if when.kind == "on"}
    if reading.game is not None and reading.game.day:
        days.add((int(reading.game.day[5:7]), int(reading.game.day[8:10])))
    return days


def _flips(
    one: GameCode, other: GameCode, at: tuple[int | None, int | None], order: int, vetoes: list[tuple[str, str]]
) -> int | None:
    """0 for the same side, 1 for the opposite one, None when it was not read. A draw makes no opposite sides.

    `at` are the places of the sides that YES stands for, among the codes or among the names, as `order` is told by them.
    """
    sides = one.side, other.side
    turned = int(one.turned != other.turned)
    if one.kind == other.kind == "btts":
        return turned
    if not sides[0] or not sides[1]:
        return turned if not sides[0] and not sides[1] else None
    if sides[0] == sides[1] and sides[0] in ("over", "under", "draw"):
        return turned
    if set(sides) == {"over", "under"}:
        return 1 - turned
    if "draw" in sides or "over" in sides or "under" in sides:
        vetoes.append(("kind", f"YES is {sides[0]} on one, {sides[1]} on the other"))
        return 0
    if at[0] is None or at[1] is None:
        return None
    same = (at[0] == at[1]) == (order == 1)
    if same:
        return turned
    if turned or one.kind != "winner" or not (one.two_way or other.two_way) or one.draws or other.draws:
        vetoes.append(
            ("polarity", "the sides differ, and with a draw or a handicap one side's loss is not the other's win")
        )
        return 0
    return 1


def _tails(first: Reading, second: Reading) -> list[tuple[str, str]]:
    one, other = (reading.title.tail - _PLAIN for reading in (first, second))
    vetoes: list[tuple[str, str]] = []
    scopes = first.title.scopes ^ second.title.scopes
    if scopes:
        vetoes.append(("period", f'only one says "{" ".join(sorted(scopes))}"'))
    for reading, said in ((first, one), (second, other)):
        game = reading.game
        if game is not None and game.kind != "winner" and game.kind not in said:
            there = other if reading is first else one
            if game.kind not in there:
                vetoes.append(("kind", f"one asks for the {game.kind} by its code, the other does not say so"))
    staged = {word for scope in first.title.scopes for word in scope.split()}
    left = {word for word in one ^ other if word in PERIODS or word in _MARKETS} - staged
    contests = [
        {word for word in said - _AROUND - _MARKETS - _TOTALS if _names_a_contest(word)} for said in (one, other)
    ]
    if all(contests) and not contests[0] & contests[1]:
        vetoes.append(
            ("entity", f"one is of {' '.join(sorted(contests[0]))}, the other of {' '.join(sorted(contests[1]))}")
        )
    if one & _TOTALS and other & _TOTALS:
        left -= _TOTALS | _COUNTED
    if left:
        vetoes.append(("kind", f'only one says "{" ".join(sorted(left))}"'))
    return vetoes


_TOTALS: Final = frozenset({"o/u", "over", "under", "total"})
"""Words that ask for a total; which side of it is told by the number's comparison."""


def _names_a_contest(word: str) -> bool:
    return word[0].isalpha() and word[:3] not in MONTHS and not _BEST_OF.match(word)


_BEST_OF: Final = re.compile(r"bo\d+$")

_AROUND: Final = SILENT | PERIODS | STAGES | {"card", "main", "professional", "fight", "bo", "best"}
"""Words around two sides that name no contest."""

_COUNTED: Final = frozenset({"point", "goal", "run"})

_MARKETS: Final = word_set(
    "spread total exact score btts corners over under o/u both teams goals goal points point assists assist"
    " rebounds rebound cards card  handicap toss extra margin method first last half winner advance qualify"
    " clean sheet props player moneyline"
) - _PLAIN  # fmt: skip


def _flips_by_names(first: Reading, second: Reading, order: int, vetoes: list[tuple[str, str]]) -> int:
    """Which side YES stands for: the named subtitle or outcome, else the first name of the title."""
    if any(reading.title.tail & _BOTH_SIDES for reading in (first, second)):
        return 0
    sides = [_side_by_names(reading) for reading in (first, second)]
    if "" in sides or "draw" in sides:
        return 0 if sides[0] == sides[1] else _unread(vetoes)
    if (sides[0] == sides[1]) == (order == 1):
        return 0
    games = [reading.game for reading in (first, second) if reading.game is not None]
    clubs = first.title.clubs or second.title.clubs
    if clubs or any(game.draws for game in games) or (games and not any(game.two_way for game in games)):
        vetoes.append(("polarity", "the sides differ, and with a draw one side's loss is not the other's win"))
        return 0
    return 1


_BOTH_SIDES: Final = frozenset({"btts", "both", "total", "o/u", "over", "under", "exact", "corners"})
"""Words of markets that have no side."""


def _unread(vetoes: list[tuple[str, str]]) -> int:
    vetoes.append(("polarity", "which side YES stands for was not read on both venues"))
    return 0


def _side_by_names(reading: Reading) -> str:
    """ "0" or "1" for the first or second name, "draw", or "" for a whole event."""
    names, listing = names_of(reading), reading.listing
    if listing.event and listing.id == listing.event and not listing.outcomes:
        return ""
    told_place = told_side(reading)
    if told_place is not None:
        return str(told_place)
    if reading.title.subject:
        places = [str(at) for at, name in enumerate(names) if one_name(reading.title.subject, name)]
        return places[0] if len(places) == 1 else ""
    told = listing.subtitle or (
        listing.outcomes[0] if listing.outcomes and listing.outcomes[0].lower() != "yes" else ""
    )
    if told:
        words = tuple(tokens(fold(told)))
        if spell(list(words)) == ["draw"]:
            return "draw"
        places = [str(at) for at, name in enumerate(names) if one_name(words, name)]
        if len(places) == 1:
            return places[0]
    if "draw" in reading.title.tail and not told:
        return "draw"
    if reading.game is not None and reading.game.side:
        if reading.game.side == "draw":
            return "draw"
        place = named_place(reading.game.side, names)
        return "" if place is None else str(place)
    return "0"


def _place_by_names(reading: Reading) -> int | None:
    """The place among the names of the side that YES stands for; None when it was not read."""
    side = _side_by_names(reading)
    return int(side) if side in ("0", "1") else None
