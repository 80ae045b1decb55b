"""The order's state machine as a table: what may follow what, and what a person must look at."""

import pytest

from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.order import (
    ENDED,
    ORDER_TABLE,
    REPORT_EVENT,
    OrderEvent,
    OrderState,
    ReportStatus,
    next_order_state,
)

PAIRS = [(state, event) for state in OrderState for event in OrderEvent]
KNOWN = [(state, event) for state, event in PAIRS if event in ORDER_TABLE[state]]
UNKNOWN_PAIRS = [pair for pair in PAIRS if pair not in KNOWN]
NEWS = list(REPORT_EVENT.values())


def test_every_state_has_a_row() -> None:
    assert set(ORDER_TABLE) == set(OrderState)


@pytest.mark.parametrize(("state", "event"), KNOWN)
def test_a_known_pair_leads_to_the_tables_state(state: OrderState, event: OrderEvent) -> None:
    assert next_order_state(state, event) is ORDER_TABLE[state][event]


@pytest.mark.parametrize(("state", "event"), UNKNOWN_PAIRS)
def test_an_unknown_pair_raises_and_names_state_and_event(state: OrderState, event: OrderEvent) -> None:
    with pytest.raises(ImpossibleEvent, match=f"{state.value}.*{event.value}"):
        next_order_state(state, event)


def test_every_word_of_a_venue_is_an_event() -> None:
    assert set(REPORT_EVENT) == set(ReportStatus)


@pytest.mark.parametrize("state", [OrderState.RESTING, OrderState.DELAYED, OrderState.UNKNOWN])
def test_resting_delayed_and_unknown_are_not_ends(state: OrderState) -> None:
    assert state not in ENDED


def test_only_a_planned_order_can_be_sent() -> None:
    """Nothing is ever sent twice: an order in any other state cannot take the event."""
    assert [state for state in OrderState if OrderEvent.SEND in ORDER_TABLE[state]] == [OrderState.PLANNED]


def test_only_an_order_that_a_venue_may_have_forgotten_can_be_voided() -> None:
    voidable = {state for state in OrderState if OrderEvent.VOID in ORDER_TABLE[state]}
    assert voidable == {OrderState.UNKNOWN, OrderState.DELAYED, OrderState.VOIDED}


def test_an_order_that_the_venue_has_seen_can_no_longer_be_withheld() -> None:
    assert {s for s in OrderState if OrderEvent.WITHHOLD in ORDER_TABLE[s]} == {OrderState.PLANNED, OrderState.SENT}


@pytest.mark.parametrize("event", NEWS)
@pytest.mark.parametrize(
    "state", [OrderState.SENT, OrderState.RESTING, OrderState.DELAYED, OrderState.UNKNOWN, OrderState.DONE]
)
def test_whatever_a_venue_says_about_an_order_that_left_is_understood(state: OrderState, event: OrderEvent) -> None:
    next_order_state(state, event)


@pytest.mark.parametrize("event", [*NEWS, OrderEvent.FILL])
def test_any_news_of_a_voided_order_reopens_it_unless_the_news_is_its_rejection(event: OrderEvent) -> None:
    after = next_order_state(OrderState.VOIDED, event)
    assert (after in ENDED) == (event is OrderEvent.REJECT)


@pytest.mark.parametrize("state", [OrderState.VOIDED, OrderState.REJECTED])
def test_a_fill_after_an_end_without_fills_makes_the_order_unknown_again(state: OrderState) -> None:
    assert next_order_state(state, OrderEvent.FILL) is OrderState.UNKNOWN


@pytest.mark.parametrize("state", [OrderState.NOT_SENT, OrderState.DRY_RUN, OrderState.PLANNED])
def test_a_fill_of_an_order_that_never_left_reaches_a_person(state: OrderState) -> None:
    with pytest.raises(ImpossibleEvent):
        next_order_state(state, OrderEvent.FILL)


@pytest.mark.parametrize("event", NEWS)
def test_late_copies_of_news_do_not_reopen_a_finished_order(event: OrderEvent) -> None:
    assert next_order_state(OrderState.DONE, event) is OrderState.DONE


@pytest.mark.parametrize("state", [OrderState.SENT, OrderState.RESTING, OrderState.DELAYED, OrderState.UNKNOWN])
def test_a_fill_alone_never_ends_an_order(state: OrderState) -> None:
    assert next_order_state(state, OrderEvent.FILL) is state


def test_every_state_can_be_reached_from_planned() -> None:
    reached, frontier = {OrderState.PLANNED}, [OrderState.PLANNED]
    while frontier:
        for after in ORDER_TABLE[frontier.pop()].values():
            if after not in reached:
                reached.add(after)
                frontier.append(after)
    assert reached == set(OrderState)


def test_an_order_that_was_announced_and_then_refused_is_asked_about() -> None:
    assert next_order_state(OrderState.RESTING, OrderEvent.REJECT) is OrderState.UNKNOWN
