"""A link's states: only a person's turns lead to APPROVED, and changed rules lead back to where a person must look."""

from __future__ import annotations

import pytest

from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.link_state import LINK_TABLE, LinkTurn, Standing, next_standing


def test_m10_only_an_approval_leads_to_approved() -> None:
    leading = {turn for moves in LINK_TABLE.values() for turn, after in moves.items() if after is Standing.APPROVED}
    assert leading == {LinkTurn.APPROVE}


def test_m10_changed_rules_reopen_a_link_whatever_was_decided() -> None:
    assert {moves[LinkTurn.REOPEN] for moves in LINK_TABLE.values()} == {Standing.PROPOSED}


@pytest.mark.parametrize(
    ("standing", "turn"),
    [(s, t) for s in Standing for t in LinkTurn if t not in LINK_TABLE[s]],
)
def test_a_turn_that_the_table_does_not_know_is_an_error(standing: Standing, turn: LinkTurn) -> None:
    with pytest.raises(ImpossibleEvent, match=standing.value):
        next_standing(standing, turn)
