"""What one market asks, read from its ticker, slug, fields and titles into typed words. Must never guess: what is
not understood is absent, and a market that must not be linked (a combo, a placeholder) says so."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from dutchbook.linking.listing import Listing
from dutchbook.linking.reading_codes import GameCode, coded_place, read_slug, read_ticker
from dutchbook.linking.reading_lines import with_said_line
from dutchbook.linking.reading_title import Title, parse
from dutchbook.linking.reading_told import NOTHING, Told, told_by, with_told
from dutchbook.linking.reading_topic import topic_of, typed_key
from dutchbook.linking.words import fold, tokens
from dutchbook.linking.words_tables import PLACEHOLDER_NOUNS

Key = tuple[str, ...]
"""The typed identity of a question: topic first, then its parts. Equal keys of two venues mean the same question,
possibly seen from the other side; for games the codes stand by their initials, so `judge` still compares the codes."""

_PLACEHOLDER: Final = re.compile(
    rf"\b(?:{'|'.join(PLACEHOLDER_NOUNS)}) (?:[A-Z]{{1,2}}|[0-9]{{1,2}})\b(?!\.)"
    r"|^(?:Other|Another|Field|None|Anyone else|Any other)\b"
)
_OTHER: Final = re.compile(
    r"\b(?:another|any other|someone else|anyone else|none of the (?:above|listed|candidates)|an unlisted|other)"
    r"(?: (?:person|candidate|team|player|party|country|company|artist|option|outcome|man|woman))?\b",
    re.IGNORECASE,
)
_OTHER_NAMED: Final = re.compile(r"^(?:other|another|none|field|tie)s?\b|\bother\s*[?.]?$", re.IGNORECASE)
_SPORTS: Final = re.compile(r"sport", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One listing, read.

    `topic`: game, asset, rate, weather, politics, award, season or other. `key` identifies the question without its
    side; None when it was not understood completely. `side` is what YES stands for within the key. `event` groups
    the markets of one event (for three-way and cross-team links). `words` are the content words, spelled one way.
    `unlinkable` is why it must never be linked, or "". `told` is what the venue's own fields say of a game.
    """

    listing: Listing
    topic: str = "other"
    key: Key | None = None
    side: str = ""
    event: Key | None = None
    words: frozenset[str] = frozenset()
    unlinkable: str = ""
    title: Title = Title((), ())
    game: GameCode | None = None
    told: Told = NOTHING


def read(listing: Listing) -> Reading:
    """The typed reading of a listing. Cheap: rules text is left for `judge`, which reads it for pairs only."""
    game = read_ticker(listing.id) if listing.id.isupper() or not listing.slug else None
    if game is None and (listing.slug or listing.id):
        game = read_slug(listing.slug or listing.id, sports=_filed_under_sports(listing))
    title = parse(
        listing.title, listing.subtitle, at_is_versus=game is not None or listing.category.lower() == "sports"
    )
    told = told_by(listing)
    if game is not None:
        game = _with_told_side(with_told(with_said_line(game, title), told), listing, title)
    unlinkable = _unlinkable(listing, title, game)
    words = frozenset(title.words)
    topic = "game" if game is not None else topic_of(words, title)
    if unlinkable:
        return Reading(listing, topic, None, "", None, words, unlinkable, title, game, told)
    key, side, event = typed_key(topic, title, game)
    return Reading(listing, topic, key, side, event, words, "", title, game, told)


def _with_told_side(game: GameCode, listing: Listing, title: Title) -> GameCode:
    """The side that YES stands for as the venue tells it: a `yes_team` field, or the first of two named outcomes. A
    slug's own order is only the custom; a ticker says its side itself."""
    told = dict(listing.structured).get("yes_team", "").lower()
    if told:
        return replace(game, side=told) if told in game.teams else game
    outcome = listing.outcomes[0] if len(listing.outcomes) == 2 else "" if read_ticker(listing.id) else listing.subtitle
    yes = tuple(tokens(fold(outcome)))
    if not yes:
        return game
    if yes == ("no",):
        return replace(game, turned=not game.turned)
    if game.kind in ("total", "teamtotal") and yes in (("over",), ("under",)):
        return replace(game, side=yes[0])
    places = [at for at, name in enumerate(title.names) if yes == name or name[-len(yes) :] == yes]
    if game.kind == "winner" and not game.draws and len(places) == len(game.teams) - 1 == 1:
        return replace(game, side=game.teams[places[0]])
    if game.kind == "winner" and game.teams and not game.draws and not title.names and yes not in _DRAWS:
        # nothing but the codes can tell which of the two is named
        place = coded_place(yes, game.teams)
        return replace(game, side="" if place is None else game.teams[place])
    if game.kind == "spread" and game.line and yes != ("yes",):
        # a title names the side that gives the points: "Spread: Side (-5.5)"
        return replace(game, turned=not set(yes) <= set(tokens(fold(listing.title))))
    return game


_DRAWS: Final = frozenset({("yes",), ("draw",), ("tie",)})


def _filed_under_sports(listing: Listing) -> bool:
    """Whether its venue says that the market is about sports."""
    told = any(name in ("sportsMarketType", "gameId") and value for name, value in listing.structured)
    return told or any(_SPORTS.search(word) for word in (listing.category, *listing.tags))


def _unlinkable(listing: Listing, title: Title, game: GameCode | None) -> str:
    if listing.other:
        return "placeholder: its venue calls it an open place for later outcomes"
    if any(name in ("mve_collection_ticker", "mve_selected_legs") and value for name, value in listing.structured):
        return "combo: several markets in one"
    if listing.id.startswith("KXMVE") or listing.event.startswith("KXMVE"):
        return "combo: several markets in one"
    if listing.title[:4] in ("yes ", "no ") and ",yes " in listing.title.replace(",no ", ",yes "):
        return "combo: several markets in one"
    for text in (listing.subtitle, listing.title):
        if text and (
            _PLACEHOLDER.search(text) or (text is listing.subtitle and _OTHER_NAMED.search(text) and not game)
        ):
            return "placeholder: it names no one"
    if " other" in listing.title.lower() or "nother " in listing.title or "lse " in listing.title:
        found = _OTHER.search(listing.title)
        if found and _stands_alone(listing.title, found):
            return "placeholder: it names no one"
    if game is None and not title.words:
        return "unreadable: no word in it was understood"
    return ""


def _stands_alone(text: str, found: re.Match[str]) -> bool:
    """Whether "other" is the subject ("Will any other candidate win?") and not part of something ("other than",
    "visit another")."""
    return not text[found.end() :].lstrip().lower().startswith("than") and len(text[: found.start()].strip()) <= len(
        "will the"
    )
