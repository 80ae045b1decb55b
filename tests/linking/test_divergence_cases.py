"""The 22 recorded cases in which two markets that looked like one paid differently, or could have, each with other
names, dates and numbers: every one ends in a veto, in a tail state, or in a prior that forbids or prices it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from dutchbook.core.money import MICRO
from dutchbook.linking.listing import Listing
from dutchbook.linking.prior import prior_of
from dutchbook.linking.reading import read
from dutchbook.linking.states import state_rows
from dutchbook.linking.verdict import judge
from linking.question_cases import WORLDS


@dataclass(frozen=True, slots=True)
class DivergenceCase:
    """`ends`: "veto <code>", "tail <state>" or "prior <class>"."""

    number: int
    ends: str
    first: Listing
    second: Listing
    game: bool = False


def poly(title: str, rules: str = "", slug: str = "") -> Listing:
    return Listing("polymarket", slug or "p", title, slug=slug, rules=rules)


def kalshi(title: str, rules: str = "", ticker: str = "k") -> Listing:
    return Listing("kalshi", ticker, title, rules=rules)


_GAME = (poly("{t} vs. {u}", slug="nba-qua-har-2031-01-09"), kalshi("{t} at {u}", ticker="KXNBAGAME-31JAN09QUAHAR-QUA"))


def _game(first: str, second: str) -> tuple[Listing, Listing]:
    return replace(_GAME[0], rules=first), replace(_GAME[1], rules=second)


CASES = (
    DivergenceCase(
        1,
        "prior subjective",
        poly("Will {p} perform during the {y} halftime show?", "Resolves Yes if {p} performs live and in person."),
        kalshi("Will {p} perform during the {y} halftime show?", "Dancing without singing is not a performance."),
    ),
    DivergenceCase(
        2,
        "prior subjective",
        poly(
            "{p} out as leader of {land} by {m} {last}, {y}?",
            "Resolves Yes if {p} ceases to hold the office for any reason.",
        ),
        kalshi(
            "{p} out as leader of {land} by {m} {last}, {y}?",
            "If {p} dies, the market settles at the last traded price.",
        ),
    ),
    DivergenceCase(
        2,
        "tail death or halt",
        poly(
            "{p} out as leader of {land} by {m} {last}, {y}?",
            "Resolves Yes if {p} ceases to hold the office for any reason.",
        ),
        kalshi(
            "{p} out as leader of {land} by {m} {last}, {y}?",
            "If {p} dies, the market settles at the last traded price.",
        ),
    ),
    DivergenceCase(
        3,
        "prior short_price",
        poly("Bitcoin Up or Down - {m} {day}, 9:30PM-9:45PM ET"),
        kalshi("Bitcoin Up or Down - {m} {day}, 9:30PM-9:45PM ET"),
    ),
    DivergenceCase(
        3,
        "veto source",
        poly("Bitcoin above ${big} on {m} {day}, {y}?", "Settled by the last price of the feed at noon."),
        kalshi(
            "Bitcoin above ${big} on {m} {day}, {y}?",
            "Settled by the simple average of the 60 second window before noon.",
        ),
    ),
    DivergenceCase(
        4,
        "veto comparator",
        poly("Will Bitcoin reach ${big} on {m} {day}, {y}?"),
        kalshi("Will Bitcoin be above ${big} on {m} {day}, {y}?"),
    ),
    DivergenceCase(
        4,
        "veto date",
        poly("Bitcoin above ${big} on {m} {day}, {y}, 4:00 PM ET?"),
        kalshi("Bitcoin above ${big} on {m} {day}, {y}, 5:00 PM ET?"),
    ),
    DivergenceCase(
        5,
        "veto source",
        poly("Highest temperature in {c} on {m} {day}, {y}?", "As measured at the {d} Airport station in degrees."),
        kalshi(
            "Highest temperature in {c} on {m} {day}, {y}?", "As measured at the {c} International Airport station."
        ),
    ),
    DivergenceCase(
        6,
        "veto kind",
        poly("Will {p} win the {y} {land} presidential election?"),
        kalshi("Will {p} be the president of {land} in {y}?"),
    ),
    DivergenceCase(
        7,
        "veto date",
        poly(
            "Will funding lapse by {m} {last}, {y}?", "Resolves Yes if funding lapses by {m} {last}, {y}, 11:59 PM ET."
        ),
        kalshi("Will funding lapse by {m} {last}, {y}?", "As shown by 10:00 AM ET on {m} {last}, {y}."),
    ),
    DivergenceCase(
        8,
        "veto kind",
        poly("Shutdown end announced by {m} {last}, {y}?"),
        kalshi("Will the shutdown end by {m} {last}, {y}?"),
    ),
    DivergenceCase(
        9, "prior game", *_game("A player who retires loses.", "A walkover settles at a fair price."), game=True
    ),
    DivergenceCase(
        10,
        "tail postponed beyond the window",
        *_game(
            "If the game is postponed, this market stays open until it is played.",
            "If the game is postponed by more than 48 hours, the market settles at the last fair price.",
        ),
        game=True,
    ),
    DivergenceCase(
        11,
        "tail cancelled",
        *_game(
            "If the game is canceled, this market resolves 50-50.", "If the game is cancelled, a fair price is paid."
        ),
        game=True,
    ),
    DivergenceCase(12, "tail tie", *_game("If the game ends in a tie, it resolves 50-50.", ""), game=True),
    DivergenceCase(
        13,
        "veto period",
        poly("Will {c} win on {m} {day}?", "Only the 90 minutes of regular play plus stoppage time count."),
        kalshi("Will {c} win on {m} {day}?", "Settled by the final score including overtime and extra time."),
    ),
    DivergenceCase(
        13,
        "veto kind",
        poly("Will {c} win the {y} Harbour Cup quarterfinal?"),
        kalshi("Will {c} advance in the {y} Harbour Cup quarterfinal?"),
    ),
    DivergenceCase(
        14,
        "tail did not start",
        poly("Will {p} score on {m} {day}, {y}?", "If {p} does not start the game, this market resolves No."),
        kalshi("Will {p} score on {m} {day}, {y}?", "If {p} does not play, the market settles at the last fair price."),
        game=True,
    ),
    DivergenceCase(
        15, "veto kind", poly("Will {r} next nominate {p} as chair?"), kalshi("Will {r} nominate {p} as next chair?")
    ),
    DivergenceCase(
        16,
        "veto season",
        poly("Will {c} win the {season} Premier League?"),
        kalshi("Will {c} win the {season2} Premier League?"),
    ),
    DivergenceCase(
        17,
        "veto comparator",
        poly("Fed cuts rates by {n} bps in {m} {y}?"),
        kalshi("Fed cuts rates by {n}+ bps in {m} {y}?"),
    ),
    DivergenceCase(
        17,
        "veto line",
        poly("Fed funds rate between 3.50% and 3.75% in {m} {y}?"),
        kalshi("Fed funds rate upper bound 3.75% in {m} {y}?"),
    ),
    DivergenceCase(
        18,
        "veto kind",
        poly("Will {land} invade {land2} by {m} {last}, {y}?"),
        kalshi("Will {land} capture {land2} by {m} {last}, {y}?"),
    ),
    DivergenceCase(
        18,
        "prior subjective",
        poly("Will {land} invade {land2} by {m} {last}, {y}?"),
        kalshi("Will {land} invade {land2} by {m} {last}, {y}?"),
    ),
    DivergenceCase(
        19,
        "prior subjective",
        poly("Will {p} wear a suit before {m1} 1, {y}?"),
        kalshi("Will {p} wear a suit before {m1} 1, {y}?"),
    ),
    DivergenceCase(20, "tail settled at the venue's discretion", *_GAME, game=True),
    DivergenceCase(
        21,
        "tail several winners",
        poly(
            "Will {p} win the {y} blitz title?",
            "If there are multiple winners, this market resolves to the first in the alphabet.",
        ),
        kalshi("Will {p} win the {y} blitz title?", "If there are several winners, each is paid an equal part."),
    ),
    DivergenceCase(
        21,
        "veto placeholder",
        poly("Will Person B win the {y} blitz title?"),
        kalshi("Will {p} win the {y} blitz title?"),
    ),
    DivergenceCase(
        22,
        "tail settled at the venue's discretion",
        poly("Will the {land} ceasefire be extended by {m} {last}, {y}?"),
        kalshi("Will the {land} ceasefire be extended by {m} {last}, {y}?"),
    ),
    DivergenceCase(
        22,
        "prior subjective",
        poly("Will the {land} ceasefire be extended by {m} {last}, {y}?"),
        kalshi("Will the {land} ceasefire be extended by {m} {last}, {y}?"),
    ),
)


def _filled(listing: Listing, world: dict[str, str]) -> Listing:
    return replace(listing, title=listing.title.format(**world), rules=listing.rules.format(**world))


def test_every_recorded_case_is_here() -> None:
    assert {case.number for case in CASES} == set(range(1, 23))


@pytest.mark.parametrize("world", range(len(WORLDS)))
@pytest.mark.parametrize("case", CASES, ids=[f"{case.number} {case.ends}" for case in CASES])
def test_a_recorded_divergence_ends_in_a_veto_a_tail_state_or_a_prior(case: DivergenceCase, world: int) -> None:
    listings = tuple(_filled(listing, WORLDS[world]) for listing in (case.first, case.second))
    readings = [read(listing) for listing in listings]
    how, _, which = case.ends.partition(" ")
    if how == "veto":
        verdict = judge(*readings)
        assert not verdict.proposed
        assert which in {veto.code for veto in verdict.vetoes}, verdict
    elif how == "tail":
        rows = state_rows([("yes", (MICRO, MICRO)), ("no", (0, 0))], listings, game=case.game)
        (tail,) = [row for row in rows if row.name == which]
        assert not tail.core
    else:
        prior = prior_of(readings)
        assert prior.code == which
        assert prior.rate > 0
        assert prior.arb == (which not in ("subjective", "short_price"))
