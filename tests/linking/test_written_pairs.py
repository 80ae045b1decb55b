"""Pairs that somebody wrote who had not read the rules of linking, and each kind of mistake that they found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dutchbook.linking.evaluate import evaluate_rows
from dutchbook.linking.labelled import sides
from dutchbook.linking.reading import read
from dutchbook.linking.verdict import judge

WRITTEN = [json.loads(line) for line in (Path(__file__).parent / "written_pairs.jsonl").read_text().splitlines()]
FEWEST_FOUND = {"first": 0.73, "second": 0.57, "third": 0.39}
"""Of the pairs written as one bet in each set; what it was when each different bet that had been proposed was mended."""


def outcome(**row: str) -> str:
    """What becomes of one row: proposed, inverse, vetoed or not_found."""
    counts = evaluate_rows([{"label": "same", **row}]).by_label["same"]
    return next(name for name, count in counts.items() if count)


@pytest.mark.parametrize("written", sorted(FEWEST_FOUND))
def test_of_the_written_pairs_no_different_bet_is_proposed_and_none_is_turned_round(written: str) -> None:
    figures = evaluate_rows([row for row in WRITTEN if row["set"] == written])
    different = figures.by_label["not_same"]
    assert different["proposed"] + different["inverse"] == 0
    assert figures.inverted_as_same == 0 and figures.by_label["same"]["inverse"] == 0
    assert figures.recall is not None and figures.recall >= FEWEST_FOUND[written]


def test_a_brief_judgement_proposes_what_a_whole_one_does_and_vetoes_the_rest_by_one_of_its_vetoes() -> None:
    for row in WRITTEN:
        one, other = (read(listing) for listing in sides(row))
        whole, brief = judge(one, other), judge(one, other, briefly=True)
        assert (brief.proposed, bool(brief.vetoes)) == (whole.proposed, bool(whole.vetoes))
        assert not whole.proposed or brief == whole
        assert set(brief.vetoes) <= set(whole.vetoes)


def titles(kalshi: str, poly: str, **more: str) -> dict[str, str]:
    return {"kalshi_title": kalshi, "poly_question": poly, **more}


GAME = {"kalshi_ticker": "KXNBAGAME-26MAR02OSCGSW-OSC", "kalshi_title": "Old Sands C at Grey Stone Winner?"}
TENNIS = {
    "kalshi_ticker": "KXATPMATCH-26NOV16VALORR-VAL",
    "kalshi_title": "Will Ann Vale win the Orr vs Vale : Final match?",
    "poly_slug": "atp-orr-vale-2026-11-16",
    "poly_question": "City Finals: Bea Orr vs Ann Vale",
}
FIRST = titles("Will Arvo or Brell IPO first? — Arvo", "Arvo or Brell: which IPOs first?")
TOTAL = {
    "kalshi_ticker": "KXNBATOTAL-26JAN04MEMLAL-241",
    "kalshi_title": "Mem at Lal: Total Points — Over 241.5 points scored",
    "poly_slug": "nba-mem-lal-2026-01-04-total-241pt5",
    "poly_question": "Mems vs. Lals: O/U 241.5",
}
SPREAD = {
    "kalshi_ticker": "KXNBASPREAD-26JAN04MEMLAL-LAL5",
    "kalshi_title": "Lal wins by over 5.5 Points?",
    "poly_slug": "nba-mem-lal-2026-01-04-spread-home-5pt5",
    "poly_question": "Spread: Lals (-5.5)",
}
PROP = {
    "kalshi_ticker": "KXNBAPTS-26JAN04MEMLAL-LALAVALE77-35",
    "kalshi_title": "Ann Vale: 35+ points",
    "poly_slug": "nba-mem-lal-2026-01-04-points-ann-vale-34pt5",
    "poly_question": "Ann Vale: Points Over 34.5",
}
CODES = {"kalshi_ticker": "KXDOTA2GAME-26DEC191000AURNAVI-AUR", "poly_slug": "dota2-aur-navi-2026-12-19"}
NICKNAMED = {"kalshi_ticker": "KXNFLGAME-26DEC13OSGPIX-OSG", "poly_slug": "nfl-osj-pix-2026-12-13"}
CLUB = {
    "kalshi_ticker": "KXEPLGAME-25NOV09NMCFLO-NMC",
    "kalshi_title": "North Mill vs Flow Winner?",
    "poly_slug": "epl-nor-flo-2025-11-09-nor",
    "poly_question": "Will North Mill FC win on 2025-11-09?",
}


@pytest.mark.parametrize(
    ("wanted", "row"),
    [
        # two teams of one city have codes alike, and names that are not
        ("vetoed", GAME | {"poly_slug": "nba-osl-gsw-2026-03-02", "poly_question": "Lamps vs. Walls"}),
        ("proposed", GAME | {"poly_slug": "nba-osc-gsw-2026-03-02", "poly_question": "Cups vs. Walls"}),
        (
            "vetoed",
            {
                "kalshi_ticker": "KXNHLGAME-26OCT23OSRPIX-OSR",
                "kalshi_title": "OS Rovers at PIX Pixels Winner?",
                "poly_slug": "nhl-osi-pix-2026-10-23",
                "poly_question": "Ivories vs. Pixels",
            },
        ),
        (
            "vetoed",
            {
                "kalshi_ticker": "KXNCAAFGAME-26SEP19GSUND-GSU",
                "kalshi_title": "Graystone St. at New Dale Winner?",
                "poly_slug": "cfb-gray-nd-2026-09-19",
                "poly_question": "Graystone vs. New Dale",
            },
        ),
        (
            "vetoed",
            CLUB
            | {
                "kalshi_title": "North Mill City vs Flow Winner?",
                "poly_slug": "epl-nmr-flo-2025-11-09-nmr",
                "poly_question": "Will North Mill Red Bulls win on 2025-11-09?",
            },
        ),
        # a ticker's codes stand in another order than its title's names
        ("inverse", TENNIS | {"poly_outcome": "Bea Orr"}),
        ("proposed", TENNIS | {"poly_outcome": "Ann Vale"}),
        # two players of one family
        ("vetoed", TENNIS | {"poly_question": "City Finals: Bea Orr vs Cleo Vale", "poly_outcome": "Cleo Vale"}),
        (
            "vetoed",
            {
                "kalshi_ticker": "KXUFCFIGHT-26DEC19VALORR-VAL",
                "kalshi_title": "Vale vs Orr",
                "kalshi_subtitle": "Ann Vale",
                "poly_slug": "ufc-cle-bea-2026-12-19",
                "poly_question": "UFC Fight Night: Cleo Vale vs. Bea Orr",
                "poly_outcome": "Cleo Vale",
            },
        ),
        # an outcome that no title names is told by the codes, or not at all
        ("inverse", CODES | {"poly_outcome": "Nalus Vint"}),
        ("proposed", CODES | {"poly_outcome": "Aurum"}),
        ("vetoed", CODES | {"poly_outcome": "Ember"}),
        ("vetoed", NICKNAMED | {"poly_outcome": "Jars"}),
        ("proposed", NICKNAMED | {"poly_slug": "nfl-osg-pix-2026-12-13", "poly_outcome": "Gears"}),
        # a title that says another part of the game than its code
        (
            "vetoed",
            TOTAL | {"poly_question": "Mems vs. Lals: 1st Quarter O/U 241.5", "poly_outcome": "Over"},
        ),
        # a deadline in the morning and one at midnight
        (
            "vetoed",
            titles(
                "Will the government shut down before Feb 1, 2027?",
                "US government shutdown by January 31?",
                kalshi_rules="If a lapse has begun as of 10:00 AM ET on Jan 31, 2027, then the market resolves to Yes.",
                poly_rules='Resolves to "Yes" if a lapse begins by January 31, 2027, 11:59 PM ET.',
            ),
        ),
        # an edition's year in a ticker
        (
            "proposed",
            titles(
                "Daytona 500 Winner — Ann Vale",
                "Will Ann Vale win the 2027 Daytona 500?",
                kalshi_ticker="KXRACE-DAY27-VAL",
            ),
        ),
        (
            "vetoed",
            titles(
                "Daytona 500 Winner — Ann Vale",
                "Will Ann Vale win the 2027 Daytona 500?",
                kalshi_ticker="KXRACE-DAY26-VAL",
            ),
        ),
        # the second game of a day
        (
            "vetoed",
            {
                "kalshi_ticker": "KXMLBGAME-26MAY09DETMIL2-DET",
                "kalshi_title": "Det vs Mil Winner?",
                "poly_slug": "mlb-det-mil-2026-05-09",
                "poly_question": "Dets vs. Mils",
            },
        ),
        # what an outcome says of a line
        ("proposed", TOTAL | {"poly_outcome": "Over"}),
        ("inverse", TOTAL | {"poly_outcome": "Under"}),
        ("vetoed", TOTAL | {"kalshi_title": "Mem at Lal: Total Points — Over 240.5 points scored"}),
        ("proposed", SPREAD | {"poly_outcome": "Lals"}),
        ("inverse", SPREAD | {"poly_outcome": "Mems"}),
        # a player's count
        ("proposed", PROP),
        ("vetoed", PROP | {"kalshi_title": "Ann Vale: 36+ points"}),
        ("vetoed", PROP | {"kalshi_title": "Bea Vale: 35+ points"}),
        (
            "vetoed",
            PROP | {"kalshi_ticker": "KXNBAREB-26JAN04MEMLAL-LALAVALE77-35", "kalshi_title": "Ann Vale: 35+ rebounds"},
        ),
        # a half can end level: the other side's market is not its opposite
        (
            "vetoed",
            {
                "kalshi_ticker": "KXNBA1HWINNER-26JAN04MEMLAL-LAL",
                "kalshi_title": "Mem at Lal: First Half Winner",
                "poly_slug": "nba-mem-lal-2026-01-04-1h-moneyline",
                "poly_question": "Mems vs. Lals: 1H Moneyline",
                "poly_outcome": "Mems",
            },
        ),
        # one side by name, that day, that league
        ("proposed", CLUB),
        ("not_found", CLUB | {"poly_question": "Will South Mill FC win on 2025-11-09?"}),
        ("not_found", CLUB | {"poly_slug": "epl-nor-flo-2025-11-10-nor", "poly_question": "Will North Mill FC win?"}),
        # contests of two kinds on one day
        (
            "vetoed",
            titles("Team Ore vs Team Oak (Dota 2, Jul 1, 2026) Winner?", "Valorant: Team Ore vs Team Oak"),
        ),
        (
            "vetoed",
            titles(
                "Ore vs Oak Winner? (Test, Aug 19) — Ore", "Cricket: Ore vs Oak - T20I (August 19)", poly_outcome="Ore"
            ),
        ),
        # one of two: the same one, or the other
        ("proposed", FIRST | {"poly_outcome": "Arvo"}),
        ("inverse", FIRST | {"poly_outcome": "Brell"}),
        (
            "vetoed",
            titles(
                "Which will IPO first: Arvo, Dunn or Brell? — Arvo",
                "Arvo, Dunn or Brell: which IPOs first?",
                poly_outcome="Brell",
            ),
        ),
        # "no" turns a question round; "no change" is a decision
        ("inverse", titles("Fed rate cut in 2026?", "No Fed rate cuts in 2026?")),
        (
            "proposed",
            titles(
                "Fed decision in Jan 2026? — Fed maintains rate",
                "No change in Fed interest rates after January 2026 meeting?",
            ),
        ),
        # a season's year is the one in which it ends
        (
            "vetoed",
            titles(
                "Will Ore win the English Premier League?",
                "Will Ore win the 2025–26 English Premier League?",
                kalshi_ticker="KXPREMIERLEAGUE-27-ORE",
            ),
        ),
        (
            "proposed",
            titles(
                "Will Ore win the English Premier League?",
                "Will Ore win the 2025–26 English Premier League?",
                kalshi_ticker="KXPREMIERLEAGUE-26-ORE",
            ),
        ),
        # one name in two spellings
        ("proposed", titles("Will Open Ore Labs IPO in 2026?", "Will OpenOre Labs IPO in 2026?")),
        ("proposed", titles("Who will win the 2026 cup? — Grey Stone United", "Will GSU win the 2026 cup?")),
        (
            "proposed",
            titles(
                "Veru Presidential election winner in 2026? — Ann Vale",
                "Will Ann Vale win the 2026 Veruvian presidential election?",
            ),
        ),
        (
            "vetoed",
            titles(
                "Veru Presidential election winner in 2026? — Ann Vale",
                "Will Ann Vale win the 2026 Vernian presidential election?",
            ),
        ),
        # a count above 8 is 9 or more; a price above 8 is not
        (
            "proposed",
            titles("How many storms will there be in 2026? — Above 8", "Will there be 9 or more storms in 2026?"),
        ),
        ("vetoed", titles("Gold price in 2026? — Above 8", "Will the gold price be 9 or more in 2026?")),
        (
            "vetoed",
            titles("Jobless rate in May 2026? — Above 4.5%", "Will the May 2026 jobless rate be 4.5% or higher?"),
        ),
        # how high it gets is whether it reaches a level
        (
            "proposed",
            titles(
                "How high will Bitcoin get in 2026? — $150,000 or above",
                "Will Bitcoin reach $150,000 by December 31, 2026?",
            ),
        ),
        (
            "vetoed",
            titles(
                "How low will Bitcoin get in 2026? — Below $150,000",
                "Will Bitcoin reach $150,000 by December 31, 2026?",
            ),
        ),
        # numbered ceremonies
        (
            "proposed",
            titles("Oscar for Best Picture? (In 2026) — Ore", "Will Ore win Best Picture at the 98th Academy Awards?"),
        ),
        (
            "vetoed",
            titles("Oscar for Best Picture? (In 2026) — Ore", "Will Ore win Best Picture at the 99th Academy Awards?"),
        ),
        (
            "vetoed",
            titles(
                "Oscar for Best Picture? (In 2026) — Ore",
                "Will Ore be nominated for Best Picture at the 98th Academy Awards?",
            ),
        ),
    ],
)
def test_a_mistake_that_the_written_pairs_found_stays_mended(wanted: str, row: dict[str, Any]) -> None:
    assert outcome(**row) == wanted
