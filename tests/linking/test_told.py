"""What a venue's own fields say of a game is used (who plays, whom YES stands for, when it begins, the league) and never
stretched. Every case runs with several sets of invented names."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from dutchbook.linking.candidates import Candidates
from dutchbook.linking.listing import Listing
from dutchbook.linking.reading import read
from dutchbook.linking.reading_told import Told, league_named, told_by, with_told
from dutchbook.linking.verdict import Verdict, judge

HOUR = 3_600 * 10**9
START = 1_925_000_000 * 10**9


@dataclass(frozen=True, slots=True)
class Names:
    """Two teams: city, nickname, ticker code, slug code. The codes of the two venues are not alike."""

    away: tuple[str, str, str, str]
    home: tuple[str, str, str, str]
    player: str


NAMES = (
    Names(("Harrow Bay", "Herons", "HRW", "ner"), ("Copperfield", "Miners", "CPF", "mjn"), "Ada Quill"),
    Names(("Valemont", "Vipers", "VLM", "wip"), ("Ostrava Bay", "Otters", "OSB", "tt"), "Jon Ekberg"),
    Names(("Tidewell", "Larks", "TDW", "lks"), ("Marrow Quay", "Rams", "QAY", "rms"), "Mia Tsolakis"),
)
every = pytest.mark.parametrize("names", NAMES, ids=lambda names: names.player)


def kalshi(
    names: Names, team: str = "away", *, series: str = "KXNBAGAME", day: str = "31JAN01", **fields: object
) -> Listing:
    """The market on one team, as Kalshi lists it: cities in the title, full names in the structured targets."""
    away, home = names.away, names.home
    event = f"{series}-{day}{away[2]}{home[2]}"
    side = away if team == "away" else home
    told = (
        ("milestone", "m"), ("milestone_type", "basketball_game"), ("league", "Pro Basketball (M)"),
        ("home", f"{home[0]} {home[1]}"), ("away", f"{away[0]} {away[1]}"),
        ("target.basketball_team", f"{side[0]} {side[1]}"),
    )  # fmt: skip
    listing = Listing(
        "kalshi", f"{event}-{side[2]}", f"{away[0]} at {home[0]} Winner?", subtitle=side[0], event=event, structured=told,
        outcomes=(side[0], f"Not {side[0]}"), starts_ns=START,
    )  # fmt: skip
    return replace(listing, **fields)  # type: ignore[arg-type]


def polymarket(
    names: Names, *, league: str = "nba", day: str = "2031-01-01", turned: bool = False, **fields: object
) -> Listing:
    """The game as Polymarket lists it: nicknames, and a code of its own."""
    pair = (names.home, names.away) if turned else (names.away, names.home)
    slug = f"{league}-{pair[0][3]}-{pair[1][3]}-{day}"
    nicknames = tuple(team[1] for team in pair)
    listing = Listing(
        "polymarket", slug, " vs. ".join(nicknames), event=slug, slug=slug, outcomes=nicknames, starts_ns=START,
        category="Sports",
    )  # fmt: skip
    return replace(listing, **fields)  # type: ignore[arg-type]


def judged(first: Listing, second: Listing) -> Verdict:
    return judge(read(first), read(second))


def codes(verdict: Verdict) -> set[str]:
    return {veto.code for veto in verdict.vetoes}


def without(listing: Listing, *names: str) -> Listing:
    return replace(listing, structured=tuple(pair for pair in listing.structured if pair[0] not in names))


@every
def test_cities_and_nicknames_are_one_game_when_the_targets_say_both(names: Names) -> None:
    assert judged(kalshi(names), polymarket(names)).polarity == "same"
    assert judged(kalshi(names, "home"), polymarket(names)).polarity == "inverse"
    assert judged(kalshi(names), polymarket(names, turned=True)).polarity == "inverse"
    assert judged(kalshi(names, "home"), polymarket(names, turned=True)).polarity == "same"
    assert not judged(without(kalshi(names), "home", "away"), polymarket(names)).proposed


@every
def test_names_told_by_both_venues_need_no_title(names: Names) -> None:
    away, home = names.away, names.home
    told = (("homeTeamName", f"{home[0]} {home[1]}"), ("awayTeamName", f"{away[0]} {away[1]}"))
    bare = polymarket(names, title=f"{away[1]} vs. {home[1]}", structured=told)
    assert judged(kalshi(names), bare).polarity == "same"


@every
def test_another_opponent_is_another_game_whatever_the_other_side_is(names: Names) -> None:
    other = replace(names, home=("Elsewhere", "Strangers", "ELS", "str"))
    assert not judged(kalshi(other), polymarket(names)).proposed


@every
def test_a_target_that_contradicts_its_ticker_is_a_veto(names: Names) -> None:
    home = f"{names.home[0]} {names.home[1]}"
    wrong = kalshi(names)
    wrong = replace(
        without(wrong, "target.basketball_team"), structured=(*wrong.structured[:-1], ("target.basketball_team", home))
    )
    assert codes(judged(wrong, polymarket(names))) == {"polarity"}


# -- the true start


@every
def test_one_start_is_one_game_though_the_codes_name_two_days(names: Names) -> None:
    late = polymarket(names, day="2031-01-02")
    assert judged(kalshi(names), late).polarity == "same"
    assert not judged(kalshi(names), replace(late, starts_ns=None)).proposed
    assert not judged(kalshi(names), polymarket(names, day="2031-01-03")).proposed
    assert not judged(kalshi(names), replace(late, starts_ns=START + 24 * HOUR)).proposed


@every
@pytest.mark.parametrize("day", ["2031-01-01", "2031-01-02"])
def test_a_game_of_another_day_in_its_slug_is_found_by_its_start(names: Names, day: str) -> None:
    standing = Candidates()
    same_codes = replace(
        names, away=(*names.away[:3], names.away[2].lower()), home=(*names.home[:3], names.home[2].lower())
    )
    for place in range(1, 4):
        before = polymarket(
            same_codes, day="2031-01-01" if day.endswith("02") else "2030-12-31", starts_ns=START - place * 24 * HOUR
        )
        standing.add(read(replace(before, id=f"{before.id}-{place}")))
    twin = polymarket(same_codes, day=day)
    standing.add(read(twin))
    asked = read(kalshi(names))
    found = [candidate.reading for candidate in standing.near(asked)]
    assert [reading.listing.id for reading in found if judge(asked, reading).proposed] == [twin.id]


@every
def test_two_games_of_a_day_are_told_apart_by_their_starts_where_that_is_usual(names: Names) -> None:
    def told(kind: str) -> Verdict:
        first = kalshi(names)
        structured = tuple((name, kind if name == "milestone_type" else value) for name, value in first.structured)
        return judged(replace(first, structured=structured), polymarket(names, starts_ns=START + 3 * HOUR))

    assert codes(told("baseball_game")) == {"date"}
    assert told("basketball_game").proposed


# -- sport and league


@every
@pytest.mark.parametrize(
    ("kind", "vetoes"), [("basketball_game", set()), ("soccer_game", {"polarity"}), ("", {"polarity"})]
)
def test_in_an_unknown_league_only_the_sport_says_that_a_loss_is_the_others_win(
    names: Names, kind: str, vetoes: set[str]
) -> None:
    loser = kalshi(names, "home", series="KXQBLGAME")
    structured = tuple(
        (name, kind if name == "milestone_type" else value) for name, value in loser.structured if name != "league"
    )
    verdict = judged(replace(loser, structured=structured), polymarket(names, league="qbl"))
    assert codes(verdict) == vetoes and (verdict.polarity == "inverse") is (not vetoes)


@every
def test_the_half_of_a_game_that_cannot_be_drawn_can_be(names: Names) -> None:
    half, whole = (read(kalshi(names, "home", series=f"KXNBA{part}")).game for part in ("1HWINNER", "GAME"))
    assert half is not None and half.period == "1h"
    assert not with_told(replace(half, league="qbl"), Told(sport="basketball")).two_way
    assert whole is not None and with_told(replace(whole, league="qbl"), Told(sport="basketball")).two_way


@every
def test_a_league_that_a_ticker_hides_is_told_by_the_milestone(names: Names) -> None:
    cup = kalshi(names, series="KXNBACUPGAME")
    assert read(cup).game is not None and read(cup).game.league == "nba"  # type: ignore[union-attr]
    assert judged(cup, polymarket(names)).proposed
    assert not judged(without(cup, "league"), polymarket(names)).proposed


def test_a_league_is_known_by_its_written_name_or_not_at_all() -> None:
    assert [league_named(text) for text in ("Pro Football", "La Liga", "NHL", "Quarry League", "", "Pro Football Draft")] == [
        "nfl", "laliga", "nhl", "", "", "",
    ]  # fmt: skip


# -- players


@every
def test_a_players_market_is_about_the_player_that_its_target_names(names: Names) -> None:
    first, last = names.player.lower().split()
    event = f"KXNBAPTS-31JAN01{names.away[2]}{names.home[2]}"
    bare = Listing(
        "kalshi",
        f"{event}-{names.away[2]}{first[0].upper()}{last.upper()}7-25",
        f"{names.player.split()[1]}: 25+ points",
        event=event,
    )
    told = replace(bare, structured=(("target.basketball_player", names.player),))
    codes_of = f"{names.away[2]}-{names.home[2]}".lower()
    slug = f"nba-{codes_of}-2031-01-01-points-{first}-{last}-24pt5"
    twin = Listing(
        "polymarket", slug, f"{names.player}: Points O/U 24.5", event=f"nba-{codes_of}-2031-01-01", slug=slug,
        outcomes=("Over", "Under"), category="Sports",
    )  # fmt: skip
    assert judged(told, twin).polarity == "same" and judged(told, twin).proposed
    assert codes(judged(bare, twin)) == {"entity"}
    brother = replace(bare, structured=(("target.basketball_player", f"Otto {names.player.split()[1]}"),))
    assert codes(judged(brother, twin)) == {"entity"}


@every
def test_what_fits_two_ways_is_absent(names: Names) -> None:
    city = names.home[0]
    same = Listing("kalshi", "K-1", "Who?", structured=(("home", city), ("away", city)))
    assert told_by(same).sides == ()
    one = Listing("kalshi", "K-1", "Who?", structured=(("home", city),))
    assert told_by(one).sides == ()
    players = (("target.a_player", names.player), ("target.b_player", city))
    assert told_by(Listing("kalshi", "K-1", "Who?", structured=players)).player == ()
    assert told_by(Listing("kalshi", "K-1", "Who?")) == told_by(
        Listing("kalshi", "K-1", "Who?", structured=(("x", "y"),))
    )
