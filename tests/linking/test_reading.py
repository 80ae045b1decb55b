"""What is read from a title, and what must be left alone."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.linking.listing import Listing
from dutchbook.linking.reading import read
from dutchbook.linking.reading_figures import Figure
from dutchbook.linking.reading_title import parse
from dutchbook.linking.verdict import judge


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("out by March 31, 2027", "by 2027-03-31"),
        ("out before April 1, 2027", "by 2027-03-31"),
        ("out before Jan 1, 2027", "by 2026-12-31"),
        ("out before 2027", "by 2026-12-31"),
        ("out by end of 2026", "by 2026-12-31"),
        ("out by the end of March 2027", "by 2027-03-31"),
        ("open on 3 May 2027", "on 2027-05-03"),
        ("open in March 2027", "2027-03-01 to 2027-03-31"),
        ("between May 3-7, 2027", "2027-05-03 to 2027-05-07"),
        ("the 2027 election", "2027"),
        ("the 2026–27 season", "season 2026-27"),
        ("out after 2027", "after 2027-12-31"),
        ("out by June 30", "by (no year)-06-30"),
    ],
)
def test_a_time_is_read_in_one_form(text: str, said: str) -> None:
    assert [str(when) for when in parse(text).whens] == [said]


@pytest.mark.parametrize(
    "text", ["May he win?", "Who may march on?", "Will they march?", "2026-28 plan", "Will Mar win?"]
)
def test_a_word_that_is_no_time_is_not_taken_for_one(text: str) -> None:
    assert parse(text).whens == ()


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("above $100,000", Figure(Decimal(100_000), "$", ">")),
        ("above $100k", Figure(Decimal(100_000), "$", ">")),
        ("at least 3 storms", Figure(Decimal(3), "", ">=")),
        ("3 or more storms", Figure(Decimal(3), "", ">=")),
        ("25+ bps", Figure(Decimal(25), "bp", ">=")),
        ("cut by 25 basis points", Figure(Decimal(25), "bp")),
        ("under 2.5", Figure(Decimal("2.5"), "", "<")),
        ("≥4.6%", Figure(Decimal("4.6"), "%", ">=")),
        ("reach $2 million", Figure(Decimal(2_000_000), "$", "touch")),
        ("between $50-100b", Figure(Decimal(50_000_000_000), "$", "between", Decimal(100_000_000_000))),
        ("42-43°F", Figure(Decimal(42), "deg", "between", Decimal(43))),
        ("$1m or below", Figure(Decimal(1_000_000), "$", "<=")),
    ],
)
def test_a_number_is_read_with_its_unit_and_comparison(text: str, figure: Figure) -> None:
    (read_figure,) = parse(text).figures
    assert (read_figure.value, read_figure.compare, read_figure.top) == (figure.value, figure.compare, figure.top)
    assert read_figure.unit == figure.unit or figure.unit == "deg"


@pytest.mark.parametrize(
    "listing",
    [
        Listing("kalshi", "KXMVESPORTS-1", "yes Bears,yes Hawks"),
        Listing("kalshi", "K", "two", structured=(("mve_collection_ticker", "C"),)),
        Listing("polymarket", "p", "Will Person X win the 2031 election?"),
        Listing("polymarket", "p", "Will Team AB win the 2031 Harbour Cup?"),
        Listing("polymarket", "p", "Who will win the 2031 election?", subtitle="Other"),
        Listing("polymarket", "p", "Will any other candidate win the 2031 election?"),
        Listing("polymarket", "p", "Will Ada Brook win the 2031 election?", other=True),
        Listing("polymarket", "p", "???"),
        Listing("polymarket", "p", ""),
    ],
)
def test_combos_placeholders_and_wordless_titles_are_never_linked_even_with_themselves(listing: Listing) -> None:
    reading = read(listing)
    assert reading.unlinkable
    assert reading.key is None
    assert not judge(reading, reading).proposed


def test_other_than_and_each_other_are_no_placeholders() -> None:
    assert not read(Listing("p", "p", "Will a party other than Labour win in 2031?")).unlinkable
    assert not read(Listing("p", "p", "Will Ada Brook visit another country in 2031?")).unlinkable


def test_other_scripts_are_read_and_only_equal_questions_meet() -> None:
    one = read(Listing("a", "1", "东京 大阪 是否 2031"))
    assert not one.unlinkable
    assert not judge(one, read(Listing("b", "2", "Will Tokyo host in 2031?"))).proposed
    assert not judge(one, read(Listing("b", "2", "东京 京都 是否 2031"))).proposed


def test_a_huge_title_and_huge_rules_cost_no_more_than_their_beginning() -> None:
    text = "Will Ada Brook visit Oster in 2031? " * 30_000
    rules = "By March 31, 2031 at 11:59 PM ET. " * 300_000
    listings = [Listing(venue, venue, text, rules=rules) for venue in "ab"]
    start = time.process_time()
    for _ in range(20):
        judge(read(listings[0]), read(listings[1]))
    assert time.process_time() - start < 20 * 0.2


def test_a_key_needs_kind_object_and_time() -> None:
    assert read(Listing("a", "1", "Will Ada Brook win the Oster governor election?")).key is None
    assert read(Listing("a", "1", "Will Ada Brook sneeze in 2031?")).key is None
    one = read(Listing("a", "1", "Will Ada Brook win the 2031 Oster governor election?"))
    other = read(Listing("b", "2", "Ada Brook wins 2031 Oster governor race?"))
    assert one.key is not None
    assert one.key == other.key


@given(st.text(max_size=120), st.text(max_size=40), st.text(max_size=120))
def test_no_text_breaks_the_reading_and_a_verdict_does_not_depend_on_the_order(
    text: str, subtitle: str, other: str
) -> None:
    one, two = read(Listing("a", "1", text, subtitle)), read(Listing("b", "2", other))
    forth, back = judge(one, two), judge(two, one)
    assert forth.proposed == back.proposed
    assert forth.polarity == back.polarity
    assert {veto.code for veto in forth.vetoes} == {veto.code for veto in back.vetoes}
    assert not (forth.proposed and forth.vetoes)
