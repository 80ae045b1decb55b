"""Two invented catalogues with the shape of the real ones: long series of markets that differ in a strike, a date, a team
or a name, and the pairs that are the same bet by construction. Seeded; holds no recorded text and no real person.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from dutchbook.core.listing import Listing

KALSHI, POLYMARKET = "kalshi", "polymarket"
FIRST_DAY = date(2026, 3, 1)

TEAMS = tuple(
    tuple(line.split("/"))
    for line in [
        "ATL/Atlanta/Hawks",
        "BOS/Boston/Celtics",
        "BKN/Brooklyn/Nets",
        "CHA/Charlotte/Hornets",
        "CHI/Chicago/Bulls",
        "CLE/Cleveland/Cavaliers",
        "DAL/Dallas/Mavericks",
        "DEN/Denver/Nuggets",
        "DET/Detroit/Pistons",
        "HOU/Houston/Rockets",
        "IND/Indiana/Pacers",
        "MEM/Memphis/Grizzlies",
        "MIA/Miami/Heat",
        "MIL/Milwaukee/Bucks",
        "MIN/Minnesota/Timberwolves",
        "ORL/Orlando/Magic",
        "PHI/Philadelphia/76ers",
        "PHX/Phoenix/Suns",
        "SAC/Sacramento/Kings",
        "TOR/Toronto/Raptors",
        "UTA/Utah/Jazz",
        "WAS/Washington/Wizards",
    ]
)
COINS = (("BTC", "Bitcoin", 90_000, 500), ("ETH", "Ethereum", 3_000, 20), ("SOL", "Solana", 150, 1))
CITIES = (
    ("NY", "New York City"),
    ("CHI", "Chicago"),
    ("MIA", "Miami"),
    ("AUS", "Austin"),
    ("DEN", "Denver"),
    ("LAX", "Los Angeles"),
)
STATES = (
    "Ohio",
    "Texas",
    "Georgia",
    "Nevada",
    "Michigan",
    "Arizona",
    "Kansas",
    "Iowa",
    "Maine",
    "Virginia",
    "Oregon",
    "Montana",
)
OFFICES = (("SENATE", "Senate"), ("GOV", "governor"), ("AG", "attorney general"))
AWARDS = (
    "Best Picture",
    "Best Director",
    "Album of the Year",
    "Song of the Year",
    "Game of the Year",
    "Best New Artist",
)
SPOKEN = (
    "tariff",
    "inflation",
    "recession",
    "artificial intelligence",
    "border",
    "crypto",
    "golf",
    "peace",
    "stadium",
    "drone",
)
SYLLABLES = (
    "ba",
    "do",
    "ri",
    "mel",
    "tan",
    "kor",
    "vi",
    "sa",
    "len",
    "qua",
    "zu",
    "pe",
    "nor",
    "thi",
    "gar",
    "os",
    "wen",
    "fa",
)


@dataclass
class World:
    """Listings of two venues and the pairs that are the same bet: (Polymarket id, Kalshi id, inverted)."""

    kalshi: list[Listing] = field(default_factory=list)
    polymarket: list[Listing] = field(default_factory=list)
    truth: list[tuple[str, str, bool]] = field(default_factory=list)


@dataclass(frozen=True)
class _Pair:
    """A question that one venue lists or both do. `question` names it without its side; `flipped` listings ask the other side."""

    question: str
    kalshi: Listing | None
    polymarket: Listing | None
    flipped: bool = False


def make(polymarket: int, kalshi: int, seed: int) -> World:
    """A world with exactly so many listings on each venue, about one Polymarket listing in five with a twin."""
    draw = random.Random(seed)
    world = World()
    asked: dict[str, tuple[dict[str, bool], dict[str, bool]]] = {}
    families = (_crypto, _games, _weather, _elections, _awards, _mentions)
    weights = (35, 20, 20, 12, 6, 7)
    streams = [family(random.Random(f"{seed} {family.__name__}")) for family in families]
    share = polymarket / (polymarket + kalshi)
    while len(world.kalshi) < kalshi or len(world.polymarket) < polymarket:
        pair = next(draw.choices(streams, weights)[0])
        twin = draw.random() < 0.2 * share / (1 - share)
        there = pair.polymarket if twin or draw.random() < share * 1.1 else None
        here = pair.kalshi if twin or there is None else None
        on_kalshi, on_polymarket = asked.setdefault(pair.question, ({}, {}))
        if here and len(world.kalshi) < kalshi:
            world.kalshi.append(here)
            on_kalshi[here.id] = pair.flipped
        if there and len(world.polymarket) < polymarket:
            world.polymarket.append(there)
            on_polymarket[there.id] = False
    for on_kalshi, on_polymarket in asked.values():
        for there_id in on_polymarket:
            world.truth += [(there_id, here_id, flipped) for here_id, flipped in on_kalshi.items()]
    draw.shuffle(world.kalshi)
    draw.shuffle(world.polymarket)
    return world


def _instant(day: date, hour: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 1_000_000_000


def _code(day: date) -> str:
    return day.strftime("%y%b%d").upper()


def _said(day: date) -> str:
    return f"{day:%B} {day.day}"


def _name(draw: random.Random) -> str:
    return " ".join("".join(draw.choices(SYLLABLES, k=draw.randint(2, 3))).capitalize() for _ in range(2))


def _slug(text: str) -> str:
    kept = "".join(c.lower() if c.isalnum() else "-" if c in " -" else "" for c in text)
    return "-".join(part for part in kept.split("-") if part)


def _both(kalshi: Listing, title: str, slug: str = "", **fields: object) -> _Pair:
    slug = slug or _slug(title)
    other = Listing(POLYMARKET, slug, title, slug=slug, closes_ns=kalshi.closes_ns, **fields)  # type: ignore[arg-type]
    return _Pair(slug, kalshi, other)


def _crypto(draw: random.Random) -> Iterator[_Pair]:
    for step in range(10**9):
        code, coin, middle, tick = COINS[step % len(COINS)]
        day = FIRST_DAY + timedelta(days=step // len(COINS) // 4)
        hour = (5, 10, 12, 17)[step // len(COINS) % 4]
        said = f"{hour % 12 or 12}{'am' if hour < 12 else 'pm'}"
        for rung in range(-20, 21):
            strike = middle + rung * tick
            event = f"KX{code}D-{_code(day)}{hour:02}"
            listing = Listing(
                KALSHI,
                f"{event}-T{strike - 0.01:.2f}",
                f"{coin} price on {day:%b} {day.day}, {day.year} at {said} EST?",
                subtitle=f"${strike:,} or above",
                event=event,
                series=f"KX{code}D",
                closes_ns=_instant(day, hour + 5),
                structured=(("strike_type", "greater"), ("floor_strike", f"{strike - 0.01:.2f}")),
            )
            clock = "" if hour == 12 else f", {said.upper()} ET"
            yield _both(listing, f"Will the price of {coin} be above ${strike:,} on {_said(day)}{clock}?")


def _games(draw: random.Random) -> Iterator[_Pair]:
    for step in range(10**9):
        day = FIRST_DAY + timedelta(days=step // (len(TEAMS) // 2))
        if step % (len(TEAMS) // 2) == 0:
            playing = draw.sample(TEAMS, len(TEAMS))
        away, home = playing.pop(), playing.pop()
        game = f"{_code(day)}{away[0]}{home[0]}"
        slug = f"nba-{away[0]}-{home[0]}-{day}".lower()
        starts = _instant(day, 23)
        for team in (away, home):
            listing = Listing(
                KALSHI,
                f"KXNBAGAME-{game}-{team[0]}",
                f"{away[1]} at {home[1]} Winner?",
                subtitle=team[1],
                event=f"KXNBAGAME-{game}",
                series="KXNBAGAME",
                starts_ns=starts,
                closes_ns=starts,
            )
            if team is away:
                title, outcomes = f"{away[2]} vs. {home[2]}", (away[2], home[2])
                yield _both(listing, title, slug, starts_ns=starts, outcomes=outcomes)
            else:
                yield _Pair(slug, listing, None, flipped=True)
        for half in range(401, 481, 4):
            line = f"{half / 2:.1f}"
            listing = Listing(
                KALSHI,
                f"KXNBATOTAL-{game}-{half // 2}",
                f"{away[1]} at {home[1]}: Total Points",
                subtitle=f"Over {line} points scored",
                event=f"KXNBATOTAL-{game}",
                series="KXNBATOTAL",
                starts_ns=starts,
                structured=(("strike_type", "greater"), ("floor_strike", line)),
            )
            title = f"{away[2]} vs. {home[2]}: O/U {line}"
            yield _both(
                listing, title, f"{slug}-total-{line.replace('.', 'pt')}", starts_ns=starts, outcomes=("Over", "Under")
            )


def _weather(draw: random.Random) -> Iterator[_Pair]:
    for step in range(10**9):
        code, city = CITIES[step % len(CITIES)]
        day = FIRST_DAY + timedelta(days=step // len(CITIES))
        event = f"KXHIGH{code}-{_code(day)}"
        for low in range(30, 90, 2):
            listing = Listing(
                KALSHI,
                f"{event}-B{low}.5",
                f"Will the high temp in {city} be {low}-{low + 1}° on {day:%b} {day.day}, {day.year}?",
                subtitle=f"{low}° to {low + 1}°",
                event=event,
                series=f"KXHIGH{code}",
                closes_ns=_instant(day, 23),
                structured=(("strike_type", "between"), ("floor_strike", str(low)), ("cap_strike", str(low + 1))),
            )
            yield _both(
                listing, f"Will the highest temperature in {city} be between {low}-{low + 1}°F on {_said(day)}?"
            )


def _elections(draw: random.Random) -> Iterator[_Pair]:
    for step in range(10**9):
        code, office = OFFICES[step % len(OFFICES)]
        state = STATES[step // len(OFFICES) % len(STATES)]
        year = 2026 + step // (len(OFFICES) * len(STATES))
        for party in ("Democratic", "Republican"):
            for place in range(12):
                name = _name(draw)
                listing = Listing(
                    KALSHI,
                    f"KX{code}{state[:2].upper()}{party[0]}-{year % 100}-{''.join(w[:2] for w in name.split()).upper()}{place}",
                    f"Will {name} be the {party} nominee for {office} in {state} in {year}?",
                    subtitle=name,
                    event=f"KX{code}{state[:2].upper()}{party[0]}-{year % 100}",
                    series=f"KX{code}{state[:2].upper()}{party[0]}",
                    closes_ns=_instant(date(year, 11, 3), 15),
                )
                yield _both(listing, f"Will {name} win the {year} {state} {party} {office} primary?")


def _awards(draw: random.Random) -> Iterator[_Pair]:
    for step in range(10**9):
        award, year = AWARDS[step % len(AWARDS)], 2026 + step // len(AWARDS)
        for place in range(15):
            name = _name(draw)
            series = f"KX{''.join(w[0] for w in award.split())}{step % len(AWARDS)}"
            listing = Listing(
                KALSHI,
                f"{series}-{year % 100}-{place}",
                f"Who will win {award} at the {year} ceremony?",
                subtitle=name,
                event=f"{series}-{year % 100}",
                series=series,
                closes_ns=_instant(date(year, 12, 31), 15),
            )
            yield _both(listing, f"Will {name} win {award} in {year}?")


def _mentions(draw: random.Random) -> Iterator[_Pair]:
    for step in range(10**9):
        day = FIRST_DAY + timedelta(days=step % 300)
        name = _name(draw)
        for word in SPOKEN:
            event = f"KXSAY{name.split()[1][:4].upper()}-{_code(day)}"
            listing = Listing(
                KALSHI,
                f"{event}-{word[:4].upper()}",
                f"What will {name} say during the press conference on {day:%b} {day.day}, {day.year}?",
                subtitle=word.capitalize(),
                event=event,
                series=event.partition("-")[0],
                closes_ns=_instant(day, 23),
            )
            yield _both(listing, f'Will {name} say "{word}" during the press conference on {_said(day)}?')


def without_fields(listing: Listing) -> Listing:
    """The same market as a reader of titles sees it: title and subtitle in one line, no field and no speaking id."""
    return Listing(listing.venue, listing.id, f"{listing.title} {listing.subtitle}".strip())
