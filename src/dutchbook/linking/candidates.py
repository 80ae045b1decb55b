"""Which markets of other venues are worth comparing with a market: equal typed keys, then the nearest by words and by letters.

A standing catalogue that grows and shrinks one market at a time. Must never judge a pair, nor drop one because it looks wrong:
that is the verdict's work.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from dutchbook.core.clock import HOUR
from dutchbook.core.listing import Listing
from dutchbook.linking.blocking import TermIndex, terms
from dutchbook.linking.blocking_letters import LetterIndex
from dutchbook.linking.reading import Key, Reading

Found = Literal["key", "game", "words", "letters"]

NEAREST = 20
"""How many markets each of the two text views brings."""

FAR = 0.4
"""A market with less than this share of the nearest one's cosine is left out: all of 431 known twins had 0.6 of it."""

ALIKE = 50
"""At most so many markets with an equal key, the newest: more of them in one venue are one misreading, not fifty twins."""

LINES = 12
"""At most so many markets of one game, kind and period."""

_LINE = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,4})?")
_SIDES = frozenset({"yes", "no"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A market worth comparing. `by` is the first view that found it; `closeness` is the cosine of a text view, else 1."""

    reading: Reading
    by: Found
    closeness: float


def listing_terms(listing: Listing) -> frozenset[str]:
    """The words by which a listing is found: its titles and named outcomes, not its rules."""
    outcomes = " ".join(outcome for outcome in listing.outcomes if outcome.lower() not in _SIDES)
    return terms(f"{listing.title} {listing.subtitle} {listing.event_title} {outcomes}")


def game_places(reading: Reading) -> list[tuple[str, ...]]:
    """Where a market whose id names a game is looked for: league, day, kind, period and the first letter of a team's code.

    Venues spell codes differently and some write both teams as one word, so only first letters are trusted.
    """
    game = reading.game
    if game is None or not game.day:
        return []
    letters = sorted({code[0] for code in game.teams or (game.blob,) if code})
    return [(game.league, game.day, game.kind, game.period, letter) for letter in letters]


def start_places(reading: Reading) -> list[tuple[str, ...]]:
    """Where a game is looked for by the hour in which it begins: a code's day is told in some time zone, a start in none."""
    game, starts = reading.game, reading.listing.starts_ns
    if game is None or starts is None:
        return []
    hour = str(starts // HOUR)
    letters = sorted({code[0] for code in game.teams or (game.blob,) if code})
    return [(game.league, hour, game.kind, game.period, letter) for letter in letters]


class _Shelf:
    """The standing markets of one venue."""

    def __init__(self) -> None:
        self.readings: dict[int, Reading] = {}
        self.numbers: dict[str, int] = {}
        self.keys: dict[Key, dict[int, None]] = {}
        self.games: dict[tuple[str, ...], dict[int, None]] = {}
        self.terms = TermIndex()
        self.letters = LetterIndex()

    def add(self, number: int, reading: Reading) -> None:
        self.readings[number] = reading
        self.numbers[reading.listing.id] = number
        if reading.unlinkable:
            return
        if reading.key is not None:
            self.keys.setdefault(reading.key, {})[number] = None
        for place in chain(game_places(reading), start_places(reading)):
            self.games.setdefault(place, {})[number] = None
        self.letters.add(self.terms.add(number, listing_terms(reading.listing)))

    def remove(self, market: str) -> Reading:
        number = self.numbers.pop(market)
        reading = self.readings.pop(number)
        if reading.unlinkable:
            return reading
        if reading.key is not None:
            _let_go(self.keys, reading.key, number)
        for place in chain(game_places(reading), start_places(reading)):
            _let_go(self.games, place, number)
        self.letters.remove(self.terms.remove(number))
        return reading

    def nearest(self, reading: Reading, asked: frozenset[str], wanted: int) -> Iterator[tuple[int, Found, float]]:
        alike = self.keys.get(reading.key) if reading.key is not None else None
        if alike:
            for number in islice(reversed(alike), ALIKE):
                yield number, "key", 1.0
            for number in self._by_line(reading, self._at(start_places(reading)))[:LINES]:
                yield number, "game", 1.0
            return
        by_start = self._at(start_places(reading))
        same_game = by_start | self._at(game_places(reading))
        if same_game:
            for number in self._by_line(reading, same_game, by_start)[:LINES]:
                yield number, "game", 1.0
            return
        looks_like: dict[str, float] = {}
        for word in asked:
            for other, cosine in self.letters.like(word):
                if other not in asked and cosine > looks_like.get(other, 0.0):
                    looks_like[other] = cosine
        by_words, by_letters = self.terms.nearest(asked, looks_like, wanted)
        least = FAR * max((cosine for _, cosine in (*by_words[:1], *by_letters[:1])), default=0.0)
        for number, cosine in by_words:
            if cosine >= least:
                yield number, "words", cosine
        for number, cosine in by_letters:
            if cosine >= least:
                yield number, "letters", cosine

    def _at(self, places: Iterable[tuple[str, ...]]) -> dict[int, None]:
        """The markets that stand at any of these places."""
        return dict.fromkeys(chain.from_iterable(self.games.get(place, ()) for place in places))

    def _by_line(self, reading: Reading, numbers: Iterable[int], rather: Container[int] = ()) -> list[int]:
        """Markets of one game, those with the nearest line first, then those `rather` wanted, then the newest."""

        def distance(number: int) -> tuple[float, bool, int]:
            return abs(_line(self.readings[number]) - wanted), number not in rather, -number

        wanted = _line(reading)
        return sorted(numbers, key=distance)


def _line(reading: Reading) -> float:
    line = reading.game.line if reading.game else ""
    return float(line) if _LINE.fullmatch(line) else 0.0


def _let_go(places: dict[tuple[str, ...], dict[int, None]], place: tuple[str, ...], number: int) -> None:
    del places[place][number]
    if not places[place]:
        del places[place]


class Candidates:
    """The standing catalogue of every venue, asked for the neighbours of one market at a time."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._next = 0

    def __len__(self) -> int:
        return sum(len(shelf.readings) for shelf in self._shelves.values())

    def add(self, reading: Reading) -> None:
        """Let a market stand; one with the same venue and id is replaced (a ticker told twice is one market).

        One that must never be linked (a combo, a placeholder) stands too, but is nobody's neighbour.
        """
        listing = reading.listing
        shelf = self._shelves.setdefault(listing.venue, _Shelf())
        if listing.id in shelf.numbers:
            shelf.remove(listing.id)
        shelf.add(self._next, reading)
        self._next += 1

    def remove(self, venue: str, market: str) -> Reading | None:
        """Take a market away; returns what stood there, or None."""
        shelf = self._shelves.get(venue)
        if shelf is None or market not in shelf.numbers:
            return None
        return shelf.remove(market)

    def get(self, venue: str, market: str) -> Reading | None:
        """The reading that stands under a venue's id, or None."""
        shelf = self._shelves.get(venue)
        number = shelf.numbers.get(market) if shelf else None
        return shelf.readings[number] if shelf and number is not None else None

    def near(self, reading: Reading, nearest: int = NEAREST) -> list[Candidate]:
        """The markets of every other venue worth comparing with this one (which need not stand here), none twice.

        Of each venue: those with an equal key; where none has, those whose ids name the same game, nearest line first; where none
        does, the `nearest` by words, then by letters, best first.
        """
        if reading.unlinkable:
            return []
        asked = listing_terms(reading.listing)
        found: list[Candidate] = []
        for venue, shelf in self._shelves.items():
            if venue == reading.listing.venue:
                continue
            seen: set[int] = set()
            for number, by, closeness in shelf.nearest(reading, asked, nearest):
                if number not in seen:
                    seen.add(number)
                    found.append(Candidate(shelf.readings[number], by, closeness))
        return found
