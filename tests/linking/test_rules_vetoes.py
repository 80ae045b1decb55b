"""What the beginnings of two rule texts contradict, once the titles agree."""

from __future__ import annotations

import pytest

from dutchbook.linking.listing import Listing
from dutchbook.linking.reading import read
from dutchbook.linking.verdict import Verdict, judge

PASS = "Will the bill pass by March 31, 2031?"
HOT = "Highest temperature in Duluth on May 13, 2031?"
PRICE = "Bitcoin above $90,000 on May 13, 2031?"
PLAY = "Will Duluth win on May 13, 2031?"


def judged(title: str, first: str, second: str, sources: tuple[str, str] = ("", "")) -> Verdict:
    return judge(
        read(Listing("polymarket", "p", title, rules=first, source=sources[0])),
        read(Listing("kalshi", "k", title, rules=second, source=sources[1])),
    )


@pytest.mark.parametrize(
    ("title", "first", "second", "veto"),
    [
        (
            PASS,
            "It must pass by March 31, 2031, 11:59 PM ET.",
            "It must pass by 10:00 AM ET on March 31, 2031.",
            "date",
        ),
        (PASS, "It must pass by March 31, 2031.", "It must pass before March 31, 2031.", "date"),
        (HOT, "Measured at the Moorhead Airport station.", "Measured at Harbour Park.", "source"),
        (HOT, "Station KMOR counts.", "Station KHAR counts.", "source"),
        (PRICE, "The one minute candle's close at noon.", "The average of 60 prices before noon.", "source"),
        (PLAY, "Only 90 minutes of play plus stoppage time.", "The final score, including overtime.", "period"),
    ],
)
def test_contradicting_rules_are_a_veto_both_ways(title: str, first: str, second: str, veto: str) -> None:
    for verdict in (judged(title, first, second), judged(title, second, first)):
        assert not verdict.proposed
        assert [one.code for one in verdict.vetoes] == [veto]


@pytest.mark.parametrize(
    ("title", "first", "second"),
    [
        (PASS, "It must pass by March 31, 2031, 11:59 PM ET.", "It must pass before April 1, 2031."),
        (PASS, "It must pass by March 31, 2031, 11:59 PM ET.", "It must pass by 12:00 AM ET on April 1, 2031."),
        (PASS, "It must pass by March 31, 2031.", ""),
        (HOT, "Measured at the Moorhead Airport station.", "Measured at Moorhead International Airport (KMOR)."),
        (PLAY, "The final score, including overtime.", "The final score."),
    ],
)
def test_rules_that_say_the_same_in_other_words_or_are_silent_are_no_veto(title: str, first: str, second: str) -> None:
    assert judged(title, first, second).proposed


def test_other_settlement_sources_of_a_figure_are_a_veto() -> None:
    assert judged(HOT, "", "", ("National Weather Service", "Harbour Met Office")).vetoes[0].code == "source"
    assert judged(HOT, "", "", ("National Weather Service", "https://weather.gov National Weather Service")).proposed
