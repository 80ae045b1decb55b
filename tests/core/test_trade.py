"""The trade's phases as a table."""

import pytest

from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.trade import TRADE_TABLE, UNEQUAL, WORKING, Phase, Turn, next_phase

PAIRS = [(phase, turn) for phase in Phase for turn in Turn]
KNOWN = [(phase, turn) for phase, turn in PAIRS if turn in TRADE_TABLE[phase]]
UNKNOWN_PAIRS = [pair for pair in PAIRS if pair not in KNOWN]


def test_every_phase_has_a_row() -> None:
    assert set(TRADE_TABLE) == set(Phase)


@pytest.mark.parametrize(("phase", "turn"), KNOWN)
def test_a_known_pair_leads_to_the_tables_phase(phase: Phase, turn: Turn) -> None:
    assert next_phase(phase, turn) is TRADE_TABLE[phase][turn]


@pytest.mark.parametrize(("phase", "turn"), UNKNOWN_PAIRS)
def test_an_unknown_pair_raises_and_names_phase_and_turn(phase: Phase, turn: Turn) -> None:
    with pytest.raises(ImpossibleEvent, match=f"{phase.value}.*{turn.value}"):
        next_phase(phase, turn)


ROUND_IS_OUT = [Phase.EXECUTING, Phase.HEDGING, Phase.UNWINDING]


@pytest.mark.parametrize("phase", sorted(WORKING - {Phase.OPENED}, key=lambda p: p.value))
def test_equal_legs_end_a_trade_from_any_round(phase: Phase) -> None:
    assert next_phase(phase, Turn.LOCK) is Phase.LOCKED


@pytest.mark.parametrize("phase", sorted(WORKING - {Phase.OPENED}, key=lambda p: p.value))
def test_dust_that_no_order_can_remove_ends_a_trade_from_any_round(phase: Phase) -> None:
    """A first round may fill less than the smallest lot: then there is nothing to sell and nothing to complete."""
    assert next_phase(phase, Turn.FLATTEN) is Phase.FLAT


@pytest.mark.parametrize("phase", ROUND_IS_OUT)
def test_a_round_that_fell_short_is_partial_before_anything_else_is_decided(phase: Phase) -> None:
    assert next_phase(phase, Turn.FALL_SHORT) is Phase.PARTIAL
    assert not {Turn.HEDGE, Turn.UNWIND, Turn.AWAIT, Turn.STRAND} & set(TRADE_TABLE[phase])


def test_the_next_round_begins_where_the_legs_are_known_to_be_unequal() -> None:
    for turn, rounds in ((Turn.HEDGE, Phase.HEDGING), (Turn.UNWIND, Phase.UNWINDING)):
        begins = {phase for phase in Phase if TRADE_TABLE[phase].get(turn) is rounds}
        assert begins == {Phase.PARTIAL, Phase.SETTLING}


def test_a_trade_is_stranded_only_when_no_round_is_out() -> None:
    assert {phase for phase in Phase if TRADE_TABLE[phase].get(Turn.STRAND)} == {
        Phase.PARTIAL,
        Phase.SETTLING,
        Phase.NAKED,
    }


def test_only_a_partial_trade_waits_for_its_contracts_to_become_sellable() -> None:
    assert {phase: row[Turn.AWAIT] for phase, row in TRADE_TABLE.items() if Turn.AWAIT in row} == {
        Phase.PARTIAL: Phase.SETTLING
    }


def test_only_a_naked_or_locked_trade_is_handed_to_a_person_and_then_the_engine_leaves_it_alone() -> None:
    assert {phase for phase in Phase if Turn.HAND_OVER in TRADE_TABLE[phase]} == {
        Phase.NAKED,
        Phase.LOCKED,
        Phase.FLAT,
    }
    assert Phase.HANDED_OVER not in WORKING
    assert not {Turn.HEDGE, Turn.UNWIND, Turn.STRAND} & set(TRADE_TABLE[Phase.HANDED_OVER])


def test_only_a_locked_trade_is_sold_early() -> None:
    assert {phase: row[Turn.EXIT] for phase, row in TRADE_TABLE.items() if Turn.EXIT in row} == {
        Phase.LOCKED: Phase.UNWINDING
    }


def test_no_new_entries_in_any_phase_whose_legs_may_be_unequal() -> None:
    assert WORKING - {Phase.OPENED, Phase.EXECUTING} == UNEQUAL


def test_a_naked_trade_stays_naked_while_it_is_worked_on() -> None:
    for turn in (Turn.HEDGE, Turn.UNWIND, Turn.STRAND):
        assert next_phase(Phase.NAKED, turn) is Phase.NAKED


@pytest.mark.parametrize("phase", [Phase.LOCKED, Phase.FLAT, Phase.FAILED, Phase.HANDED_OVER])
def test_a_late_fill_or_a_failed_one_puts_a_trade_back_to_work(phase: Phase) -> None:
    assert next_phase(phase, Turn.REOPEN) in WORKING


@pytest.mark.parametrize("phase", [Phase.SETTLED, Phase.DRY_RUN])
def test_nothing_follows_settlement_or_a_dry_run(phase: Phase) -> None:
    assert TRADE_TABLE[phase] == {}


def test_a_trade_cannot_fail_quietly_once_it_has_held_something() -> None:
    """MISS means that nothing was ever filled: only a trade in its first round can take it."""
    assert {p for p in Phase if Turn.MISS in TRADE_TABLE[p]} == {Phase.OPENED, Phase.EXECUTING}


def test_every_phase_can_be_reached_from_opened() -> None:
    reached, frontier = {Phase.OPENED}, [Phase.OPENED]
    while frontier:
        for after in TRADE_TABLE[frontier.pop()].values():
            if after not in reached:
                reached.add(after)
                frontier.append(after)
    assert reached == set(Phase)
