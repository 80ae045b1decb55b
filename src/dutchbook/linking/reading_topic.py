"""What kind of question a title asks, and its typed key. Must never give a key to a question whose kind, object or
time was not read."""

from __future__ import annotations

from typing import Final

from dutchbook.linking.reading_codes import GameCode
from dutchbook.linking.reading_title import Title
from dutchbook.linking.words_tables import BODIES, EVENT_WORDS, word_set

_ASSETS: Final = word_set(
    "bitcoin ethereum solana xrp dogecoin sp500 nasdaq nasdaq100 gold silver oil wti brent crude litecoin"
    " cardano bnb hyperliquid"
)
_WEATHER: Final = word_set("temperature rain snow rainfall snowfall precipitation hurricane tornado")
_OFFICES: Final = word_set(
    "nominee election president senate governor mayor primeminister parliament chancellor congress primary"
    " runoff speaker house"
)
_AWARDS: Final = word_set(
    "oscar grammy emmy tony mvp rookie nobel ballon heisman award prize globe bafta coach comeback"
)
_SEASONS: Final = word_set(
    "champion finals stanleycup superbowl worldseries worldcup championsleague premierleague laliga seriea"
    " bundesliga cup league open"
)

_Key = tuple[str, ...]


def topic_of(words: frozenset[str], title: Title) -> str:
    """asset, rate, weather, politics, award, season, game or other, by the words of the title."""
    if title.names:
        return "game"
    if words & _ASSETS and (title.figures or "up" in words):
        return "asset"
    if "fed" in words or (words & {"rate", "decision", "meet"} and words & {"cut", "hike", "hold", "bank"}):
        return "rate"
    if words & _WEATHER:
        return "weather"
    if words & _AWARDS:
        return "award"
    if words & _OFFICES or title.scopes & {"primary", "runoff"}:
        return "politics"
    if "win" in words and words & _SEASONS:
        return "season"
    return "other"


def typed_key(topic: str, title: Title, game: GameCode | None) -> tuple[_Key | None, str, _Key | None]:
    """Key, side and event of a question; (None, "", None) when too little of it was read."""
    if game is not None:
        return _game_key(game)
    if topic in ("other", "game"):
        return None, "", None
    year = sorted({str(when.end[0]) for when in title.whens if when.end[0]})
    if not year or not title.words or (topic == "asset" and not title.figures):
        return None, "", None
    named = sorted(set(title.words) - EVENT_WORDS - BODIES)
    if len(named) < 2:
        return None, "", None
    figures = sorted(f"{figure.value.normalize():f}" for figure in title.figures)
    key = (topic, *named, "when", *year, *figures, *sorted(title.scopes))
    return key, "no" if title.negations % 2 else "yes", None


def _game_key(game: GameCode) -> tuple[_Key | None, str, _Key | None]:
    codes = game.teams or ((game.blob,) if game.blob else ())
    initials = "".join(sorted(code[3 if len(code) == 6 else 0] for code in codes)) if len(codes) == 2 else game.blob
    if not codes:
        return None, "", None
    event = ("game", game.league, game.day, initials)
    return (*event, game.kind, game.period, game.line), game.side, event
