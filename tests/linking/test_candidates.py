"""Which markets are compared at all (M10): equal keys first, then one game, then words and letters; market by market."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.listing import Listing
from dutchbook.linking.blocking import TermIndex, terms
from dutchbook.linking.blocking_letters import LetterIndex
from dutchbook.linking.candidates import Candidates
from dutchbook.linking.reading import Reading, read

WORDS = ("brook", "oster", "election", "governor", "mayor", "win", "will", "2031", "2032", "march", "5", "95k", "rain")


def market(title: str, market: str = "1", venue: str = "kalshi", **fields: object) -> Reading:
    return read(Listing(venue, market, title, **fields))  # type: ignore[arg-type]


def asked(title: str, **fields: object) -> Reading:
    return market(title, "q", "polymarket", **fields)


def standing(*titles: str) -> Candidates:
    catalogue = Candidates()
    for number, title in enumerate(titles):
        catalogue.add(market(title, str(number)))
    return catalogue


def found(catalogue: Candidates, question: Reading) -> list[str]:
    return [candidate.reading.listing.id for candidate in catalogue.near(question)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("$95,000", "95k"),
        ("1.50 %", "1.5%"),
        ("2.5M", "2,500,000"),
        ("$1.2bn", "1200000000"),
        ("Ossé’s", "osse"),
        ("September 05", "Sept 5th"),
        ("the 5th of March", "March 5"),
        ("0,5", "0.5"),
    ],
)
def test_spellings_of_one_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) & terms(other) - {"the", "of"}


def test_a_strike_and_a_day_are_rare_together() -> None:
    assert "95000/5mar" in terms("Above $95,000 on March 5?")
    assert "95000/6mar" in terms("95k or more, 6 March")


def test_text_without_letters_or_in_any_script_has_terms_or_none_but_no_error() -> None:
    assert terms("?!…—") == frozenset()
    assert {"日本", "本銀", "銀行"} <= terms("日本銀行")
    assert "банк" in terms("Банк")
    assert len(terms("x " * 500_000)) == 1


def test_equal_keys_come_first_and_alone() -> None:
    catalogue = standing("Will Ada Brook win the 2031 Oster mayoral election?", "Will it rain in Oster?")
    catalogue.add(market("Oster mayor race 2031: Ada Brook wins?", "twin"))
    question = asked("Will Ada Brook win the 2031 Oster mayoral election?")
    near = catalogue.near(question)
    assert question.key is not None
    assert {candidate.by for candidate in near} == {"key"}
    assert near[0].reading.key == question.key
    assert near[0].closeness == 1.0


def test_without_a_key_the_words_find_it() -> None:
    catalogue = standing(
        "Who drinks the last cup of tea?", "Does the zeppelin land in Oster this autumn?", "Tea for two"
    )
    near = catalogue.near(asked("Zeppelin landing, Oster, autumn"))
    assert near[0].reading.listing.id == "1"
    assert near[0].by == "words"


def test_letters_find_what_no_word_does() -> None:
    catalogue = standing("Brookington nominations", "Something else entirely")
    near = catalogue.near(asked("Brookingtons nominated"))
    assert [(one.reading.listing.id, one.by) for one in near] == [("0", "letters")]


def test_one_game_is_found_by_codes_that_share_no_word() -> None:
    catalogue = Candidates()
    for line in (190, 215, 230):
        catalogue.add(market("Oster at Brook: Total Points", f"KXNBATOTAL-31JAN13OSTBRK-{line}"))
    catalogue.add(market("Oster at Brook: Total Points", "KXNBATOTAL-31JAN14OSTBRK-215"))
    question = asked("Herons vs. Otters: O/U 215.5", slug="nba-ost-brk-2031-01-13-total-215pt5")
    near = catalogue.near(question)
    assert [one.reading.listing.id[-3:] for one in near] == ["215", "230", "190"]
    assert {one.by for one in near} == {"game"}


def test_markets_of_the_same_venue_are_not_compared() -> None:
    catalogue = standing("Will the zeppelin land in Oster?")
    assert catalogue.near(market("Will the zeppelin land in Oster?", "other")) == []


def test_every_other_venue_is_asked() -> None:
    catalogue = standing("Will the zeppelin land in Oster?")
    catalogue.add(market("Will the zeppelin land in Oster?", "x", venue="third"))
    assert sorted(one.reading.listing.venue for one in catalogue.near(asked("Zeppelin lands in Oster"))) == [
        "kalshi",
        "third",
    ]


def test_a_ticker_told_twice_is_one_market_as_told_last() -> None:
    catalogue = Candidates()
    catalogue.add(market("Will the zeppelin land in Oster?", "T"))
    catalogue.add(market("Will the harbour freeze?", "T"))
    assert len(catalogue) == 1
    assert found(catalogue, asked("Zeppelin lands in Oster")) == []
    assert found(catalogue, asked("Harbour frozen, will it freeze?")) == ["T"]


def test_a_combo_or_a_placeholder_is_nobodys_neighbour() -> None:
    catalogue = Candidates()
    combo = market("yes Ada Brook,yes Oster", "KXMVE-1")
    assert combo.unlinkable
    catalogue.add(combo)
    assert catalogue.near(asked("Ada Brook, Oster")) == []
    assert catalogue.near(read(Listing("polymarket", "KXMVE-2", "yes Ada Brook,yes Oster"))) == []
    assert catalogue.remove("kalshi", "KXMVE-1") == combo


def test_removing_what_is_not_there_says_so() -> None:
    catalogue = standing("a zeppelin")
    assert catalogue.remove("kalshi", "9") is None
    assert catalogue.remove("nowhere", "0") is None
    assert catalogue.get("kalshi", "0") is not None
    assert catalogue.remove("kalshi", "0") is not None
    assert catalogue.get("kalshi", "0") is None
    assert len(catalogue) == 0


def test_an_empty_catalogue_has_no_neighbours() -> None:
    assert Candidates().near(asked("Anything?")) == []
    assert standing().near(asked("")) == []


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12),
    st.lists(st.integers(0, 11), max_size=8),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
)
def test_a_catalogue_that_grew_and_shrank_answers_like_one_built_anew(
    titles: list[str], gone: list[int], question: str
) -> None:
    grown = Candidates()
    for number, title in enumerate(titles):
        grown.add(market(title, str(number)))
        grown.near(asked(question))
    for number in gone:
        grown.remove("kalshi", str(number))
        grown.near(asked(question))
    anew = Candidates()
    for number, title in enumerate(titles):
        if number not in gone:
            anew.add(market(title, str(number)))
    answers = [
        [(one.reading.listing.id, one.by, round(one.closeness, 9)) for one in catalogue.near(asked(question))]
        for catalogue in (grown, anew)
    ]
    assert answers[0] == answers[1]


@settings(max_examples=60)
@given(
    st.lists(st.frozensets(st.sampled_from(WORDS), min_size=1), min_size=1, max_size=30),
    st.frozensets(st.sampled_from(WORDS), min_size=1),
)
def test_the_nearest_by_words_are_those_of_the_whole_cosine(
    held: list[frozenset[str]], question: frozenset[str]
) -> None:
    index = TermIndex()
    for number, words in enumerate(held):
        index.add(number, words)

    def length(words: frozenset[str]) -> float:
        return float(sum(index.weight(word) for word in words)) ** 0.5

    by_hand = sorted(
        (
            (-sum(index.weight(word) for word in words & question) / (length(words) * length(question)), number)
            for number, words in enumerate(held)
            if words & question
        ),
    )
    nearest, _ = index.nearest(question, {}, len(held))
    assert [round(cosine, 9) for _, cosine in nearest] == [round(-cosine, 9) for cosine, _ in by_hand]


def test_a_common_word_does_not_hide_the_market_that_shares_all_of_them() -> None:
    """Every word of the question stands in more markets than are walked: what holds them all is found still."""
    index = TermIndex()
    number = 0
    for asset in range(30):
        for day in range(30):
            for strike in range(30):
                index.add(number, frozenset({f"asset{asset}", f"day{day}", f"strike{strike}"}))
                number += 1
    nearest, _ = index.nearest(frozenset({"asset3", "day17", "strike29"}), {}, 20)
    assert nearest[0] == (3 * 900 + 17 * 30 + 29, pytest.approx(1.0))


def test_letters_forget_a_word_that_nobody_holds() -> None:
    letters = LetterIndex()
    letters.add(["nominee", "2031"])
    assert [word for word, _ in letters.like("nominees")] == ["nominee"]
    assert letters.like("2032") == ()
    letters.remove(["nominee", "2031", "never"])
    assert letters.like("nominees") == ()
