"""How the names in two titles of games lie, and when they are names of two different teams or players. Must never know a
name: only its words, its letters and their places."""

from __future__ import annotations

from itertools import product
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_codes import alike, named_place, place_of
from dutchbook.linking.reading_title import parse
from dutchbook.linking.vetoes_told import together
from dutchbook.linking.words import fold, tokens
from dutchbook.linking.words_tables import DISTINGUISHERS

Name = tuple[str, ...]

EQUAL: Final = 2
"""What `one_name` says of names that are equal to the letter."""


def names_order(first: Reading, second: Reading) -> int | None:
    """1 when both titles name the same two sides in the same order, -1 when turned round, None when they do not."""
    codes = first.game, second.game
    dated = (
        codes[0] is not None
        and codes[1] is not None
        and (codes[0].day == codes[1].day != "" or together(first, second))
    )
    for one, other in product(_spoken(first), _spoken(second)):
        straight = one_name(one[0], other[0]), one_name(one[1], other[1])
        turned = one_name(one[0], other[1]), one_name(one[1], other[0])
        for places, sign in ((straight, 1), (turned, -1)):
            if min(places) > 0 and (max(places) == EQUAL or dated):
                return sign
    return None


def _spoken(reading: Reading) -> list[tuple[Name, ...]]:
    """The two sides in the title's order, as the title and as the venue's fields name them."""
    return [names for names in (names_of(reading), _told_names(reading)) if len(names) == len(("one", "other"))]


def _told_names(reading: Reading) -> tuple[Name, ...]:
    """The fields' names in the order of the title's; empty where that order is not certain."""
    order = _told_order(reading)
    return () if order is None else tuple(reading.told.sides[at] for at in order)


def _told_order(reading: Reading) -> tuple[int, int] | None:
    """The places among the fields' names of the title's first and second side."""
    names, sides = names_of(reading), reading.told.sides
    if len(names) != len(("one", "other")) or not sides:
        return None
    straight = one_name(names[0], sides[0]) and one_name(names[1], sides[1])
    turned = one_name(names[0], sides[1]) and one_name(names[1], sides[0])
    if bool(straight) == bool(turned):
        return None
    return (0, 1) if straight else (1, 0)


def told_side(reading: Reading) -> int | None:
    """The place among the title's names of the side that the venue's fields say YES stands for; None when they do not."""
    order = _told_order(reading)
    return None if order is None or reading.told.side is None else order.index(reading.told.side)


def order_by_one(first: Reading, second: Reading) -> tuple[int, bool] | None:
    """How two games lie when one market asks about one side by name and the other names both: nobody plays twice in a
    league on one day. None when that is not so."""
    for asked, named in ((first, second), (second, first)):
        one, other = asked.game, named.game
        names = names_of(named)
        if one is None or other is None or not asked.title.asked or not one.day or one.day != other.day:
            continue
        here = place_of(one)
        places = [at for at, name in enumerate(names) if one_name(asked.title.asked, name)]
        if here is None or len(places) != 1 or len(one.teams) != len(names) or len(other.teams) != len(names):
            continue
        there = places[0]
        same = one_name(asked.title.asked, names[there]) == EQUAL
        others = one.teams[1 - here], other.teams[1 - there]
        if alike(one.teams[here], other.teams[there]) or alike(*others) or (same and others[0][0] == others[1][0]):
            return (1 if here == there else -1), False
    return None


def names_of(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """The two sides as the title names them, or as the title of the event does; of a game told by its code, else the venue's
    fields."""
    if reading.title.names:
        return reading.title.names
    titled = reading.listing.event_title
    names = parse(titled, at_is_versus=reading.game is not None).names if titled else ()
    return names or (reading.told.sides if reading.game is not None else ())


def one_name(one: Name, other: Name) -> int:
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


def namesakes(first: Reading, second: Reading, order: int) -> list[tuple[str, str]]:
    """Sides whose codes are alike and whose names are not: two teams of one city, two players of one family."""
    one, other = _full_names(first), _full_names(second)
    vetoes: list[tuple[str, str]] = []
    for at in range(2):
        there = at if order == 1 else 1 - at
        here_name, there_name = (
            names[place] if len(names) == 2 else () for names, place in ((one, at), (other, there))
        )
        if here_name and there_name and _two_people(here_name, there_name):
            vetoes.append(("entity", f"{' '.join(here_name)} and {' '.join(there_name)}"))
    return vetoes


def _full_names(reading: Reading) -> tuple[Name, ...]:
    """The two sides, the one that the title asks about as fully as it is named ("Will Ann Vale win the Vale vs Orr match?")."""
    asked, told = reading.title.subject or tuple(tokens(fold(reading.listing.subtitle))), _told_names(reading)
    names = told or names_of(reading)
    if not names and reading.title.asked and reading.game is not None and (place := place_of(reading.game)) is not None:
        return (reading.title.asked, ()) if place == 0 else ((), reading.title.asked)
    return tuple(asked if asked and len(asked) > len(name) and one_name(asked, name) else name for name in names)


def sisters(first: Reading, second: Reading, order: int) -> bool:
    """Whether two codes differ in their last letter only, and each letter begins the nickname in its own title: "nyr" of the
    Rangers, "nyi" of the Islanders."""
    one, other = first.game, second.game
    names = names_of(first), names_of(second)
    if one is None or other is None or len(one.teams) != len(other.teams) or not one.teams:
        return False
    turns = straight(first), straight(second)
    for at in range(len(one.teams)):
        there = at if order == 1 else 1 - at
        codes = one.teams[at], other.teams[there]
        last = [
            pair[place if turn == 1 else 1 - place][-1] if pair else _told_word(reading, code)
            for reading, code, pair, place, turn in zip((first, second), codes, names, (at, there), turns, strict=True)
        ]
        alike_but_last = len(codes[0]) == len(codes[1]) and codes[0][:-1] == codes[1][:-1] and codes[0] != codes[1]
        known = [(word, code) for word, code in zip(last, codes, strict=True) if word]
        if alike_but_last and known and all(word[0] == code[-1] for word, code in known):
            return True
    return False


def _told_word(reading: Reading, code: str) -> str:
    """The last word of the outcome that YES stands for, when it is the side with this code; no title names it."""
    words = tokens(fold(reading.listing.subtitle))
    return words[-1] if words and reading.game is not None and reading.game.side == code else ""


def _two_people(one: Name, other: Name) -> bool:
    """Whether two names cannot be one's. "los angeles c" is not "lakers", "miami oh" not "miami hurricanes"; "los angeles c"
    may be "clippers", and names without a common word say nothing else."""
    left = [word for word in one if word not in other]
    right = [word for word in other if word not in one]
    if len(left) == len(one):
        return any(
            len(name) > 1 and len(name[-1]) <= SHORT and not _initials(name[-1], there)
            for name, there in ((one, other), (other, one))
        )
    if (set(left) | set(right)) & _OTHERS:
        return not _shortened(left, right)
    return bool(left and right) and not (
        _initials("".join(left), right) or _initials("".join(right), left) or _shortened(left, right)
    )


_OTHERS: Final = DISTINGUISHERS | {"st"}
"""Words that make another team of a name, though the other name has nothing in their place."""

SHORT: Final = 2
"""Letters of what a venue puts behind a city to tell its teams apart ("los angeles c", "chicago ws")."""


def _initials(letters: str, words: list[str] | Name) -> bool:
    """Whether the letters are the first ones of some of the words in order, the last word's among them."""
    firsts = "".join(word[0] for word in words)
    return firsts.endswith(letters)


def _shortened(left: list[str], right: list[str]) -> bool:
    """Whether the words that differ are shorter spellings of each other ("st" and "state", "mtl" and "montreal")."""
    return len(left) == len(right) and all(
        short[0] == long[0] and alike(short, long)
        for short, long in (sorted(pair, key=len) for pair in zip(left, right, strict=True))
    )


def told_otherwise(reading: Reading) -> bool:
    """Whether the ticker and the venue's own target name different sides as the one that YES stands for."""
    told = told_side(reading)
    code = reading.game.side if reading.game is not None else ""
    place = named_place(code, names_of(reading)) if code and told is not None else None
    return place is not None and place != told


def straight(reading: Reading) -> int:
    """1 when the title's names stand as the code's codes do, -1 when turned round; 1 when that is not seen."""
    codes = reading.game.teams if reading.game is not None else ()
    return -1 if codes and named_place(codes[0], names_of(reading)) == 1 else 1
