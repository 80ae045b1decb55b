"""Every veto with its words, and every pair also with other names, dates and numbers."""

from __future__ import annotations

import pytest

from dutchbook.core.money import Price
from dutchbook.linking.listing import Listing
from dutchbook.linking.reading import read
from dutchbook.linking.verdict import Verdict, judge
from linking.question_cases import CASES, WORLDS
from linking.question_cases_more import MORE

END_OF_MARCH = 1_806_551_940_000_000_000
"""2027-03-31 23:59 in New York."""
END_OF_APRIL = END_OF_MARCH + 30 * 86_400_000_000_000


def judged(first: str, second: str, **more: object) -> Verdict:
    return judge(read(Listing("polymarket", "p", first)), read(Listing("kalshi", "k", second)))


@pytest.mark.parametrize("world", range(len(WORLDS)))
@pytest.mark.parametrize(("expected", "first", "second"), CASES, ids=[f"{case[0]}: {case[2]}" for case in CASES])
def test_a_pair_ends_as_it_must_under_every_set_of_names(expected: str, first: str, second: str, world: int) -> None:
    one, other = first.format(**WORLDS[world]), second.format(**WORLDS[world])
    for verdict in (judged(one, other), judged(other, one)):
        if expected in ("same", "inverse"):
            assert verdict.proposed, verdict.vetoes
            assert verdict.polarity == expected
        else:
            assert not verdict.proposed
            assert not expected or expected in {veto.code for veto in verdict.vetoes}, verdict.vetoes
            assert all(veto.text for veto in verdict.vetoes)


@pytest.mark.parametrize("world", range(len(WORLDS)))
@pytest.mark.parametrize(("expected", "first", "second"), MORE, ids=[f"{case[0]}: {case[1]}" for case in MORE])
def test_likeness_of_words_is_not_sameness(expected: str, first: str, second: str, world: int) -> None:
    one, other = first.format(**WORLDS[world]), second.format(**WORLDS[world])
    title, _, subtitle = other.partition(" | ")
    verdict = judge(read(Listing("polymarket", "p", one)), read(Listing("kalshi", "k", title, subtitle)))
    assert (verdict.polarity if verdict.proposed else "different") == expected, verdict


def test_a_name_is_completed_by_the_other_sides_rules_but_never_to_another_person() -> None:
    short = "Brook out as CEO by March 31, 2031?"
    full = read(Listing("polymarket", "p", "Ada Brook out as CEO by March 31, 2031?"))
    rules = "Resolves Yes if Ada Brook ceases to be CEO. Ada Brook Jr. does not count."
    assert not judge(full, read(Listing("kalshi", "k", short))).proposed
    assert judge(full, read(Listing("kalshi", "k", short, rules=rules))).proposed
    junior = read(Listing("polymarket", "p", "Ada Brook Jr. out as CEO by March 31, 2031?"))
    assert not judge(junior, read(Listing("kalshi", "k", short, rules=rules))).proposed


def priced(text: str, price: int, venue: str) -> Listing:
    return Listing(venue, venue, text, price=Price(price))


def test_a_large_price_gap_is_a_veto_until_a_person_has_read_both_rules() -> None:
    text = "Will Acme IPO before 2027?"
    near = judge(read(priced(text, 410_000, "a")), read(priced(text, 440_000, "b")))
    far = judge(read(priced(text, 410_000, "a")), read(priced(text, 640_000, "b")))
    assert near.proposed
    assert not far.proposed
    assert [veto.code for veto in far.vetoes] == ["price"]
    assert "23 cents" in far.vetoes[0].text


def test_the_price_of_an_opposite_bet_is_turned_round_before_it_is_compared() -> None:
    verdict = judge(
        read(priced("Will the bill pass in 2027?", 300_000, "a")),
        read(priced("Will the bill not pass in 2027?", 690_000, "b")),
    )
    assert verdict.proposed
    assert verdict.polarity == "inverse"


def test_a_year_that_only_one_title_says_is_confirmed_by_the_ticker_or_contradicted_by_it() -> None:
    said = read(Listing("polymarket", "p", "Will Oster win the 2025–26 Harbour Cup?"))
    silent = "Will Oster win the Harbour Cup?"
    assert judge(said, read(Listing("kalshi", "KXHARBOUR-26-OST", silent))).proposed
    verdict = judge(said, read(Listing("kalshi", "KXHARBOUR-28-OST", silent)))
    assert [veto.code for veto in verdict.vetoes] == ["season"]


def test_a_deadline_that_only_one_title_says_needs_the_other_sides_own_date() -> None:
    said = read(Listing("polymarket", "p", "Ada Brook out as CEO by March 31, 2027?"))

    def closing(ns: int | None) -> Verdict:
        return judge(said, read(Listing("kalshi", "k", "Ada Brook out as CEO?", expires_ns=ns)))

    assert [veto.code for veto in closing(None).vetoes] == ["date"]
    assert [veto.code for veto in closing(END_OF_APRIL).vetoes] == ["date"]
    assert closing(END_OF_MARCH).proposed
