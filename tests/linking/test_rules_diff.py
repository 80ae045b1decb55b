"""Rules side by side (M11): what each text says on the topics over which venues pay differently, and which words differ."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.linking.rules_diff import Difference, compare, differences, side_by_side
from dutchbook.linking.rules_diff_clauses import LONGEST, clauses, payout, sentences


def topic(left: str, right: str, code: str) -> Difference:
    (found,) = (each for each in differences(left, right) if each.topic == code)
    return found


DIFFERENT = [
    ("deadline", "by January 31, 2026, 10:00 a.m. ET", "by January 31, 2026, 11:59 PM ET", "10:00", "23:59"),
    ("zone", "before 5 PM ET", "before 5 PM UTC", "ET", "UTC"),
    (
        "source",
        "Outcome verified from the Central Bank.",
        "Credible reporting decides.",
        "central bank",
        "credible reporting",
    ),
    ("comparator", "if it is above 3.0%", "if it is 3.0% or higher", ">", ">="),
    ("comparator", "if the price touches 100 at any time", "if the closing price is 100 or more", "touches", "close"),
    ("announcement", "once it is announced", "once they are sworn in", "announced", "takes office"),
    ("overtime", "Includes overtime.", "Overtime does not count.", "counts", "does not count"),
    ("overtime", "Only the first 90 minutes.", "Extra time is included.", "does not count", "counts"),
    ("tie", "If the teams tie, each pays $0.50.", "If the teams tie, this market resolves to No.", "half", "no"),
    (
        "postponement",
        "If postponed it remains open until the game has been played.",
        "If postponed for two weeks, the last fair price is paid.",
        "open",
        "price",
    ),
    (
        "postponement",
        "If postponed and not played within 48 hours, the last price counts.",
        "If postponed beyond two weeks, it is void.",
        "within 48 hour",
        "void",
    ),
    (
        "cancellation",
        "If canceled, this market resolves 50-50.",
        "If canceled, the fair market value is paid.",
        "half",
        "price",
    ),
    (
        "start",
        "If the player withdraws, it resolves to No.",
        "If the player does not start, stakes are void.",
        "no",
        "void",
    ),
    (
        "death",
        "If the leader dies, the last traded price is paid.",
        "If the leader dies, this resolves to Yes.",
        "price",
        "yes",
    ),
    ("rounding", "rounded to one decimal", "not rounded", "to one decimal", "not rounded"),
    ("revision", "Revisions are disregarded.", "The revised figure counts.", "first print counts", "revisions count"),
    (
        "discretion",
        "In an ambiguous case the last fair price is paid.",
        "Clarifications may be issued; then 50-50.",
        "price",
        "half",
    ),
]


@pytest.mark.parametrize(("code", "left", "right", "ours", "theirs"), DIFFERENT)
def test_m11_a_difference_is_found_and_put_into_words(code: str, left: str, right: str, ours: str, theirs: str) -> None:
    found = topic(left, right, code)
    assert found.differs
    assert ours in found.left_says and theirs in found.right_says
    assert found.left and found.right and found.silent == ""


@pytest.mark.parametrize(("code", "left", "right", "ours", "theirs"), DIFFERENT)
def test_a_text_does_not_differ_from_itself(code: str, left: str, right: str, ours: str, theirs: str) -> None:
    assert not any(each.differs for each in differences(left, left))
    assert all(segment.kind == "same" for segment in side_by_side(right, right))


def test_m11_where_one_side_is_silent_the_topic_differs() -> None:
    found = topic("It may close early.", "Nothing else.", "early_close")
    assert found.differs and found.silent == "right" and found.right == ()


def test_a_topic_that_neither_understood_differs_unless_word_for_word_the_same() -> None:
    left, right = "In a tie the committee meets.", "In a tie the judges meet."
    assert topic(left, right, "tie").differs
    assert not topic(left, left, "tie").differs


def test_the_same_date_in_two_spellings_is_no_difference() -> None:
    assert not topic("by December 31, 2026", "before 2026-12-31", "deadline").differs
    assert not topic("by 11:59 p.m. ET", "until 23:59 Eastern Time", "deadline").differs
    assert not topic("by 11:59 p.m. ET", "until 23:59 Eastern time", "zone").differs


def test_m11_both_texts_are_whole_in_the_side_by_side_view() -> None:
    left = "If the dam is opened by May 4, it resolves to Yes. Otherwise No."
    right = "If the dam is closed by May 4, it resolves to Yes."
    segments = side_by_side(left, right)
    assert " ".join(each.left for each in segments if each.left) == left
    assert " ".join(each.right for each in segments if each.right) == right
    assert [(each.left, each.right) for each in segments if each.kind == "changed"] == [
        ("opened", "closed"),
        ("Otherwise No.", ""),
    ]


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_two_texts_can_be_compared_and_nothing_is_lost(left: str, right: str) -> None:
    difference = compare(left, right)
    assert " ".join(each.left for each in difference.segments if each.left).split() == " ".join(sentences(left)).split()
    assert (
        " ".join(each.right for each in difference.segments if each.right).split() == " ".join(sentences(right)).split()
    )


def test_huge_texts_are_compared_in_a_moment() -> None:
    left = "the draw of the tie is 50-50; " * 40_000
    began = time.process_time()
    compare(left, left.replace("tie", "lot"))
    assert time.process_time() - began < 20
    assert sum(map(len, sentences(left))) <= LONGEST


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("this market will resolve 50-50", "half"),
        ("the last traded price is paid", "price"),
        ("all stakes are refunded", "void"),
        ("it will remain open until the game has been completed", "open"),
        ('this market will resolve to "No"', "no"),
        ("this market resolves to Yes", "yes"),
        ("the sun shines", None),
    ],
)
def test_what_a_sentence_says_is_paid(sentence: str, word: str | None) -> None:
    assert payout(sentence) == word


def test_a_text_without_any_topic_says_nothing() -> None:
    assert clauses("") == {} and clauses("Whatever happens, happens.") == {}
