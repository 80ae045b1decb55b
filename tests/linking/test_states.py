"""The state-payoff table (M11): tail states from the rules themselves, from the venue's custom, or not known; never a guess."""

from __future__ import annotations

import pytest

from dutchbook.core.facts import LinkStateRow
from dutchbook.linking.listing import Listing
from dutchbook.linking.states import state_rows

ONE, HALF = 1_000_000, 500_000
CORE = (("yes", (ONE, ONE)), ("no", (0, 0)))


def table(kalshi: str = "", polymarket: str = "", *, game: bool = True) -> dict[str, LinkStateRow]:
    listings = [Listing("kalshi", "K", "t", rules=kalshi), Listing("polymarket", "p", "t", rules=polymarket)]
    return {row.name: row for row in state_rows(CORE, listings, game=game)}


def test_m11_core_states_come_first_and_are_the_only_ones_that_guarantee() -> None:
    rows = table()
    assert [row.name for row in rows.values() if row.core] == ["yes", "no"]
    assert list(rows)[:2] == ["yes", "no"]


def test_m11_every_link_shows_cancelled_void_discretion_and_early_close() -> None:
    assert {"cancelled", "void", "settled at the venue's discretion", "closed early"} <= table(game=False).keys()


def test_m11_case_12_a_tie_is_split_by_custom_at_one_venue_and_by_rule_at_the_other() -> None:
    rows = table("", "If the game ends in a tie, this market will resolve 50-50.")
    assert rows["tie"].pays == (HALF, HALF) and "unless a tie is listed" in rows["tie"].note
    assert table("", "")["tie"].pays == (HALF, None)


def test_m11_case_10_a_postponed_game_waits_at_one_venue_and_is_priced_at_the_other() -> None:
    row = table(
        "If the game is postponed and not played within 48 hours, the last fair price is paid.",
        "If the game is postponed, this market will remain open until the game has been completed.",
    )["postponed beyond the window"]
    assert row.pays == (None, None) and "48 hours" in row.note and "remain open" in row.note


def test_m11_case_11_a_cancelled_match_pays_the_draw_at_one_venue_and_a_price_at_the_other() -> None:
    draw = 'If the match is canceled, this market will resolve to "Yes".'
    win = 'If the match is canceled, this market will resolve to "No".'
    assert table("", draw)["cancelled"].pays == (None, ONE)
    assert table("", win)["cancelled"].pays == (None, 0)
    assert "fair price" in table("", win)["cancelled"].note


def test_m11_a_cancelled_game_is_split_where_the_rules_say_so() -> None:
    assert (
        table("", "If the game is canceled entirely, with no make-up game, this resolves 50-50.")["cancelled"].pays[1]
        == HALF
    )


@pytest.mark.parametrize(
    ("rules", "state"),
    [
        ("If the player withdraws before the start, it resolves to No.", "did not start"),
        ("If the leader dies, the last traded price before it is paid.", "death or halt"),
        ("If more than one candidate wins, it is split equally.", "several winners"),
    ],
)
def test_m11_a_tail_that_one_of_the_rules_speaks_of_is_a_row(rules: str, state: str) -> None:
    assert state in table(rules, "", game=False)
    assert state not in table("", "", game=False)


def test_case_2_a_death_clause_pays_a_price_and_is_therefore_not_known() -> None:
    row = table(
        "If the leader dies, the last traded price before it is paid.", 'If the leader dies, this resolves to "Yes".'
    )["death or halt"]
    assert row.pays == (None, ONE)


def test_case_21_two_winners_split_where_the_rules_say_so_only() -> None:
    row = table("If more than one player wins, the market is split equally.", "")["several winners"]
    assert row.pays == (HALF, None)


def test_a_venue_that_decides_by_itself_is_never_a_number() -> None:
    assert table()["settled at the venue's discretion"].pays == (None, None)
    assert table("The venue may settle at the last fair price in its sole discretion.", "")[
        "settled at the venue's discretion"
    ].pays == (None, None)


def test_a_sentence_about_another_question_states_no_payoff_of_a_tail() -> None:
    rules = 'If the home team wins or ties, this market will resolve to "Yes".'
    assert table("", rules)["tie"].pays[1] is None


def test_a_listed_draw_is_a_core_state_and_no_tail() -> None:
    listings = [Listing("kalshi", "K", "t"), Listing("polymarket", "p", "t")]
    core = (("home", (ONE, 0)), ("draw", (0, ONE)), ("away", (0, 0)))
    assert "tie" not in {row.name for row in state_rows(core, listings, game=True)}
