"""Tickers and slugs of games into league, day, team codes, kind, line, period and side. Must never split a code by
guessing: without a side that tells where one team ends, the two codes stay together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from dutchbook.linking.reading_when import MONTHS
from dutchbook.linking.words import shared_start
from dutchbook.linking.words_tables import word_set

LEAGUES: Final = word_set(
    "nba wnba nfl nhl mlb mls ncaamb ncaawb ncaaf ncaamlax ncaabaseball atp wta itf itfw ufc boxing lol cs2"
    " dota2 valorant ipl t20 epl  laliga seriea serieb bundesliga ligue1 ucl uel mlsnext eredivisie brasileiro"
    " wc khl ahl kbo npb afl nrl iihf nbagl uefa"
)
"""Leagues by the name that both venues' codes are brought to. Others are read when the code says GAME, MATCH or
FIGHT."""


_SLUG_LEAGUES: Final = {
    "cbb": "ncaamb", "cwbb": "ncaawb", "cfb": "ncaaf", "cfp": "ncaaf", "lal": "laliga", "sea": "seriea", "bun": "bundesliga",
    "fl1": "ligue1", "ere": "eredivisie", "bra": "brasileiro", "val": "valorant", "cricipl": "ipl", "csgo": "cs2", "mma": "ufc",
    "fifwc": "wc",
}  # fmt: skip
TWO_WAY: Final = word_set(
    "nba wnba nfl nhl mlb ncaamb ncaawb ncaaf atp wta itf itfw ufc lol cs2 dota2 valorant ipl t20 ahl nbagl"
)
"""Leagues where one side's win is the other side's loss, but for the tail (a tie, a no contest)."""

MAPS: Final = word_set("cs2 lol dota2 valorant")
"""Leagues whose matches are played in maps; some call a map a game."""

_PRODUCTS: Final = {"aec": "winner", "asc": "spread", "tsc": "total"}
_SLUG: Final = re.compile(r"(?:(aec|asc|tsc)-)?([a-z0-9]+)-([a-z0-9]+)-([a-z0-9]+)-(\d{4}-\d{2}-\d{2})(?:-(.+))?$")
_DAY: Final = re.compile(r"(\d{2})([A-Z]{3})(\d{2})(\d{4})?([A-Z0-9]*)$")
_SERIES_EVENT: Final = re.compile(r"(\d{2})([A-Z]{4,})R?(\d)?$")
_REST: Final[dict[str, tuple[str, str]]] = {
    "GAME": ("winner", ""), "MATCH": ("winner", ""), "FIGHT": ("winner", ""), "CHALLENGERMATCH": ("winner", ""),
    "SETWINNER": ("winner", "set"), "MAP": ("winner", "map"), "SERIES": ("winner", "series"), "F5": ("winner", "f5"),
    "SPREAD": ("spread", ""), "TOTAL": ("total", ""), "TEAMTOTAL": ("teamtotal", ""), "BTTS": ("btts", ""),
    "F5SPREAD": ("spread", "f5"), "F5TOTAL": ("total", "f5"),
} | {
    f"{period}{suffix}": (kind, period.lower())
    for period in ("1H", "2H", "1Q", "2Q", "3Q", "4Q", "1P", "2P", "3P")
    for suffix, kind in (("", "winner"), ("WINNER", "winner"), ("SPREAD", "spread"), ("TOTAL", "total"), ("BTTS", "btts"))
}  # fmt: skip
_SINGLE: Final = re.compile(r"([A-Z0-9]+?)(CHALLENGER)?(GAME|MATCH|FIGHT)$")
_DOUBLEHEADER: Final = re.compile(r"(?<=[A-Z]{4})G?([12])$")
_LINE: Final = re.compile(r"(\d+)(?:pt(\d+)|\.(\d+))?$")
_DRAWS: Final = frozenset({"TIE", "DRAW", "DRW"})


@dataclass(frozen=True, slots=True)
class GameCode:
    """What a game's ticker or slug says. `teams` are the codes in the code's order (empty when they could not be
    told apart, then `blob` holds both); `side` is the code that YES stands for, "draw", "over", "under" or "";
    `line` is a decimal text. `turned`: YES stands for what the code does not say ("no", the other side of a line).
    `two_way`: one side's win is the other side's loss, but for the tail."""

    league: str
    day: str = ""
    clock: str = ""
    teams: tuple[str, ...] = ()
    blob: str = ""
    kind: str = "winner"
    period: str = ""
    line: str = ""
    side: str = ""
    draws: bool = False
    turned: bool = False
    two_way: bool = False


def _iso(year: str, month: str, day: str) -> str:
    number = MONTHS.get(month.lower())
    return f"20{year}-{number:02d}-{day}" if number else ""


def split_series(series: str) -> tuple[str, str, str] | None:
    """League, kind and period of a Kalshi series ticker such as "KXNBA1HSPREAD"; None when it is no league's series."""
    stem = series.removeprefix("KX")
    for cut in range(min(len(stem), 12), 1, -1):
        league = stem[:cut].lower()
        if league in LEAGUES:
            rest = stem[cut:]
            if not rest:
                return league, "champion", ""
            if rest in _REST:
                kind, period = _REST[rest]
                return league, kind, period
            if not _SINGLE.match(stem):
                return league, rest.lower(), ""
    found = _SINGLE.match(stem)
    return (found.group(1).lower(), "winner", "") if found else None


def read_ticker(ticker: str) -> GameCode | None:
    """The game of a Kalshi market or event ticker ("KXNBAGAME-26JAN09SACGSW-SAC"); None when it is not about one
    game."""
    series, _, rest = ticker.partition("-")
    if not rest:
        return None
    event, *tail = rest.split("-")
    dated = _DAY.match(event)
    between = None if dated else _SERIES_EVENT.match(event)
    if dated is None and between is None:
        return None
    split = split_series(series)
    if split is None or split[1] == "champion":
        return None
    league, kind, period = split
    if dated is not None:
        year, month, day, clock, blob = dated.groups()
        iso = _iso(year, month, day)
        if not blob or not iso:
            return None
        number = _DOUBLEHEADER.search(blob)
        if number is not None and not period:
            blob, period = blob[: number.start()], f"game{number.group(1)}"
        game = GameCode(league, iso, clock or "", (), blob.lower(), kind, period)
    else:
        assert between is not None
        if period != "series":
            return None
        game = GameCode(league, "", "", (), between.group(2).lower(), kind, "series")
    if len(tail) == 2 and tail[0].isdigit():
        game = replace(game, period=f"{period}{tail[0]}")
    elif len(tail) > 1:
        return replace(game, kind=f"{kind}:{tail[0].lower()}")
    return _with_side(game, tail[-1] if tail else "")


def _with_side(game: GameCode, side: str) -> GameCode:
    if not side:
        return game
    if game.kind in ("total", "teamtotal") and side[-1:].isdigit():
        return replace(game, line=side.lstrip("TOU").lower(), side="over")
    if side in _DRAWS:
        return replace(game, side="draw", draws=True)
    code, line = side.lower(), ""
    if game.kind == "spread":
        bare = code.rstrip("0123456789.")
        if bare and bare != code and code not in (game.blob[: len(code)], game.blob[-len(code) :]):
            code, line = bare, code[len(bare) :]
    blob = game.blob
    teams: tuple[str, ...] = ()
    if len(code) < len(blob):
        if blob.startswith(code) and not blob.endswith(code):
            teams = (code, blob[len(code) :])
        elif blob.endswith(code) and not blob.startswith(code):
            teams = (blob[: -len(code)], code)
    return replace(game, side=code, teams=teams, line=line)


def read_slug(slug: str, *, sports: bool = False) -> GameCode | None:
    """The game of a Polymarket slug ("nba-sac-gsw-2026-01-09-total-223pt5"); None when the slug does not have that
    shape. A league that is not known counts only where the venue says that it is `sports`."""
    found = _SLUG.match(slug)
    if found is None:
        return None
    product, league, first, second, day, tail = found.groups()
    league = _SLUG_LEAGUES.get(league, league)
    if not product and not sports and league not in LEAGUES:
        return None
    game = GameCode(league, day, "", (first, second), first + second, _PRODUCTS.get(product or "", "winner"))
    if not tail:
        return replace(game, side=first) if game.kind == "winner" else game
    return _with_tail(game, tail)


def _with_tail(game: GameCode, tail: str) -> GameCode:
    words = tail.split("-")
    period = ""
    if words[0] in ("1h", "2h", "1q", "2q", "3q", "4q", "1p", "2p", "3p"):
        period, words = words[0], words[1:]
    elif words[0] in ("set", "map", "game") and len(words) > 1 and words[1].isdigit():
        period, words = f"{words[0]}{words[1]}", [word for word in words[2:] if word != "winner"]
    elif words[0][:-1] in ("set", "map", "game") and words[0][-1:].isdigit():
        period, words = words[0], [word for word in words[1:] if word != "winner"]
    if len(words) == 2 and words[0] == "halftime":
        side = {"home": game.teams[0], "away": game.teams[1], "draw": "draw"}.get(words[1], "")
        return replace(game, period="1h", side=side, draws=True) if side else replace(game, kind="-".join(words))
    if period:
        if game.league in MAPS and period.startswith("game"):
            period = f"map{period[4:]}"
        game = replace(game, period=period)
    if not words or words == ["moneyline"]:
        return replace(game, side=game.teams[0])
    line = _LINE.match(words[-1])
    value = f"{line.group(1)}.{line.group(2) or line.group(3) or '0'}" if line else ""
    if words[0] == "total" and len(words) == 2 and value:
        return replace(game, kind="total", line=value, side="over")
    if words[0] == "spread" and len(words) == 3 and value and words[1] in ("home", "away"):
        return replace(game, kind="spread", line=value, side=game.teams[1 if words[1] == "home" else 0])
    if words == ["draw"] and not period:
        return replace(game, side="draw", draws=True)
    if len(words) == 1 and words[0] in game.teams and not period:
        return replace(game, side=words[0], draws=True)
    return replace(game, kind="-".join(words)[:60], line=value)


def equal(first: str, second: str) -> bool:
    """Whether two codes are one name's for certain: the same letters, or three of the surname after three of the
    first name."""
    short, long = sorted((first, second), key=len)
    return short == long or (len(long) == 6 and len(short) == 3 and long[3:] == short)


def alike(first: str, second: str) -> bool:
    """Whether two venues' codes can be one team or player within one game ("pho" and "phx", "igaswi" and "swi").

    Venues shorten names differently, so this alone proves nothing; a league, a day and both codes together do.
    """
    if first == second:
        return True
    short, long = sorted((first, second), key=len)
    if long.startswith(short):
        return True
    if len(long) == 6 and long[3:].startswith(short[:3]) and len(short) >= 2:
        return True
    return short[0] == long[0] and _in_order(short, long) >= min(2, len(short))


def _in_order(short: str, long: str) -> int:
    """How many letters of `short` are found in `long` in order."""
    count = at = 0
    for letter in short:
        spot = long.find(letter, at)
        if spot >= 0:
            count, at = count + 1, spot + 1
    return count


def _one_game(a: str, b: str, c: str, d: str) -> bool:
    """Whether a-b and c-d are one game: one code equal, since nobody plays twice at once, and the other one alike."""
    return (equal(a, c) and alike(b, d)) or (equal(b, d) and alike(a, c))


def pair_codes(first: GameCode, second: GameCode) -> tuple[int, bool] | None:
    """How two games' codes lie: (1, exact) in the same order, (-1, exact) turned round, None when they are not one
    game's.

    `exact` says that both codes are letter for letter the same on both venues.
    """
    if first.teams and second.teams:
        (a, b), (c, d) = first.teams, second.teams
        if (a, b) == (c, d):
            return 1, True
        if (a, b) == (d, c):
            return -1, True
        straight, turned = _one_game(a, b, c, d), _one_game(a, b, d, c)
        if straight != turned:
            return (1 if straight else -1), False
        return None
    for whole, other, sign in ((first, second, 1), (second, first, 1)):
        if not whole.teams and other.teams:
            if whole.blob == other.teams[0] + other.teams[1]:
                return sign, True
            if whole.blob == other.teams[1] + other.teams[0]:
                return -sign, True
    if first.blob == second.blob:
        return 1, True
    return None


def place_of(game: GameCode) -> int | None:
    """Where the side that YES stands for is in the code: 0 or 1; None when that was not read."""
    if game.teams:
        return game.teams.index(game.side) if game.side in game.teams else None
    if game.blob.startswith(game.side) and not game.blob.endswith(game.side):
        return 0
    return 1 if game.blob.endswith(game.side) and not game.blob.startswith(game.side) else None


def named_place(code: str, names: Sequence[Sequence[str]]) -> int | None:
    """Which of two names a code shortens; None when neither or both fit as well. A ticker's codes may stand in another order
    than its title's names."""
    fits = [_fit(code, name) for name in names]
    if len(fits) != len(("one", "other")) or fits[0] == fits[1]:
        return None
    return fits.index(max(fits))


def coded_place(name: Sequence[str], codes: Sequence[str]) -> int | None:
    """Which of two codes shortens a name; None when neither or both fit as well. A code of a city may end with the nickname's
    initial ("gsw" of the Warriors)."""
    fits = [_fit(code, name) or int(code[-1] == name[-1][0]) for code in codes]
    if len(fits) != len(("one", "other")) or fits[0] == fits[1]:
        return None
    return fits.index(max(fits))


def _fit(code: str, name: Sequence[str]) -> int:
    """How many letters of a code are the beginning of a word of the name, or of its surname after the first initial."""
    words = [shared_start(code, word) for word in name]
    if len(name) > 1 and name[0][0] == code[0]:
        words += [1 + shared_start(code[1:], word) for word in name[1:]]
    return max(words)
