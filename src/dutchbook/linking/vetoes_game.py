"""Whether two markets are about one game, one part of it, one line and which side of it. Must never pair games by
likeness of codes alone: a code must be equal, or the titles must name both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_codes import TWO_WAY, GameCode, alike, pair_codes
from dutchbook.linking.reading_title import parse
from dutchbook.linking.vetoes_figures import figure_vetoes
from dutchbook.linking.words import fold, spell, tokens
from dutchbook.linking.words_tables import BODIES, DISTINGUISHERS, EVENT_WORDS, PERIODS, word_set

SAME_START: Final = 6 * 3_600 * 1_000_000_000
"""Two starts further apart than this are two games of a doubleheader, not one."""

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
    by_names = _names_order(first, second)
    if order is None and by_names is not None:
        order = by_names, False
    if order is None:
        return Pairing((("entity", _sides_text(first, second)),), related=False)
    if by_names is not None and by_names != order[0] and not order[1]:
        vetoes.append(("polarity", "the codes and the titles disagree about which side is which"))
    vetoes += _when(first, second)
    if one is not None and other is not None:
        vetoes += _kinds(one, other)
        flips = _flips(one, other, order[0], vetoes)
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


def _when(first: Reading, second: Reading) -> list[tuple[str, str]]:
    vetoes: list[tuple[str, str]] = []
    one, other = first.game, second.game
    if one is not None and other is not None and one.day and other.day and one.day != other.day:
        vetoes.append(("date", f"games of {one.day} and {other.day}"))
    starts = first.listing.starts_ns, second.listing.starts_ns
    if starts[0] is not None and starts[1] is not None and abs(starts[0] - starts[1]) > SAME_START:
        vetoes.append(("date", "the starts are hours apart: two games of the same sides"))
    days = [_days(reading) for reading in (first, second)]
    if days[0] and days[1] and not days[0] & days[1] and not vetoes:
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


def _flips(one: GameCode, other: GameCode, order: int, vetoes: list[tuple[str, str]]) -> int | None:
    """0 for the same side, 1 for the opposite one, None when it was not read. A draw makes no opposite sides."""
    sides = one.side, other.side
    if not sides[0] or not sides[1]:
        return 0 if not sides[0] and not sides[1] else None
    if sides[0] == sides[1] and sides[0] in ("over", "under", "draw"):
        return 0
    if set(sides) == {"over", "under"}:
        return 1
    if "draw" in sides or "over" in sides or "under" in sides:
        vetoes.append(("kind", f"YES is {sides[0]} on one, {sides[1]} on the other"))
        return 0
    at = _place(one), _place(other)
    if at[0] is None or at[1] is None:
        return None
    same = (at[0] == at[1]) == (order == 1)
    if same:
        return 0
    if one.kind != "winner" or one.league not in TWO_WAY or one.draws or other.draws:
        vetoes.append(
            ("polarity", "the sides differ, and with a draw or a handicap one side's loss is not the other's win")
        )
        return 0
    return 1


def _place(game: GameCode) -> int | None:
    if game.teams:
        return game.teams.index(game.side) if game.side in game.teams else None
    if game.blob.startswith(game.side) and not game.blob.endswith(game.side):
        return 0
    return 1 if game.blob.endswith(game.side) and not game.blob.startswith(game.side) else None


def _names_order(first: Reading, second: Reading) -> int | None:
    """1 when both titles name the same two sides in the same order, -1 when turned round, None when they do not."""
    one, other = names_of(first), names_of(second)
    if not one or not other:
        return None
    straight = _one_name(one[0], other[0]), _one_name(one[1], other[1])
    turned = _one_name(one[0], other[1]), _one_name(one[1], other[0])
    dated = first.game is not None and second.game is not None and first.game.day == second.game.day != ""
    for places, sign in ((straight, 1), (turned, -1)):
        if min(places) > 0 and (max(places) == 2 or dated):
            return sign
    return None


def names_of(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """The two sides as the title names them, or as the title of the event does."""
    if reading.title.names or not reading.listing.event_title:
        return reading.title.names
    return parse(reading.listing.event_title, at_is_versus=reading.game is not None).names


def _one_name(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """2 for equal names, 1 when one is the beginning or the end of the other, 0 otherwise."""
    if one == other:
        return 2
    short, long = sorted((one, other), key=len)
    if len(short) == len(long):
        if short[:-1] == long[:-1] and min(len(short[-1]), len(long[-1])) == 1 and short[-1][0] == long[-1][0]:
            return 1
        return 0
    extra = (
        long[len(short) :]
        if long[: len(short)] == short
        else long[: -len(short)]
        if long[-len(short) :] == short
        else ()
    )
    return 1 if extra and not DISTINGUISHERS & set(extra) and min(map(len, extra)) > 1 else 0


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
    if one & _TOTALS and other & _TOTALS:
        left -= _TOTALS | _COUNTED
    if left:
        vetoes.append(("kind", f'only one says "{" ".join(sorted(left))}"'))
    return vetoes


_TOTALS: Final = frozenset({"o/u", "over", "under", "total"})
"""Words that ask for a total; which side of it is told by the number's comparison."""

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
    if any(
        reading.title.clubs or (reading.game and (reading.game.draws or reading.game.league not in TWO_WAY))
        for reading in (first, second)
    ):
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
    if listing.event and listing.id == listing.event:
        return ""
    if reading.title.subject:
        places = [str(at) for at, name in enumerate(names) if _one_name(reading.title.subject, name)]
        return places[0] if len(places) == 1 else ""
    told = listing.subtitle or (
        listing.outcomes[0] if listing.outcomes and listing.outcomes[0].lower() != "yes" else ""
    )
    if told:
        words = tuple(tokens(fold(told)))
        if spell(list(words)) == ["draw"]:
            return "draw"
        places = [str(at) for at, name in enumerate(names) if _one_name(words, name)]
        if len(places) == 1:
            return places[0]
    if reading.game is not None and reading.game.side:
        place = _place(reading.game)
        if reading.game.side == "draw":
            return "draw"
        if place is not None and alike(reading.game.side[:1], names[place][0][:1]):
            return str(place)
    return "0"
