"""Reconciliation as a pure function: every kind of difference gives exactly its finding, and nothing else does (M37)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.account import Balances, Positions
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import Cash, Size
from dutchbook.core.order import ENDED, Action, Fill, OrderReport, OrderState, ReportStatus
from dutchbook.execution.findings import (
    ABSURD,
    FIX,
    AdoptCash,
    AskOrder,
    Books,
    CancelOrder,
    Code,
    Finding,
    OrderView,
    TakeFill,
    VenueSnapshot,
)
from dutchbook.execution.reconcile import MOST_REMEDIES, as_ordered, reconcile

NOW = 1_795_000_000 * SECOND
MICRO = 1_000_000
RAIN, SNOW = MarketId("kalshi:RAIN"), MarketId("kalshi:SNOW")
YES, NO = Claim(RAIN, Outcome.YES), Claim(RAIN, Outcome.NO)


def order(name: str = "t.0.1", state: OrderState = OrderState.DONE, **changes: Any) -> OrderView:
    return replace(
        OrderView(name, "t", f"id {name}", YES, Action.BUY, state, f"v {name}", frozenset({f"f {name}"})), **changes
    )


def fill(identity: str = "id t.0.1", name: str = "f t.0.1", **changes: Any) -> Fill:
    plain = Fill(
        name, identity, "", YES, Action.BUY, Size(MICRO), Cash(420_000), Cash(10_000), Liquidity.TAKER, NOW - SECOND
    )
    return replace(plain, **changes)


def report(identity: str, status: ReportStatus = ReportStatus.RESTING) -> OrderReport:
    return OrderReport(identity, f"venue {identity}", status, Size(0))


def books(**changes: Any) -> Books:
    plain = Books("kalshi", {"kalshi:0": 5 * MICRO}, {YES: MICRO}, {"id t.0.1": order()}, netting=True)
    return replace(plain, **changes)


def statement(**changes: Any) -> VenueSnapshot:
    """What agrees with `books()`."""
    plain = VenueSnapshot(
        "kalshi",
        NOW - SECOND,
        Balances("kalshi", {"kalshi:0": Cash(5 * MICRO)}, 0),
        Positions("kalshi", {YES: Size(MICRO)}),
        (),
        (fill(),),
    )
    return replace(plain, **changes)


def cash(amount: int, pool: str = "kalshi:0") -> Balances:
    return Balances("kalshi", {pool: Cash(amount)}, 0)


def twice(view: Books, snapshot: VenueSnapshot) -> list[Finding]:
    first = reconcile(view, snapshot, (), NOW)
    return reconcile(view, snapshot, {finding.key for finding in first}, NOW)


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


def test_m37_a_statement_that_agrees_gives_no_finding() -> None:
    assert twice(books(), statement()) == []


RESTING = order("t.0.2", OrderState.RESTING)
OPEN_THERE = (report("id t.0.2"),)
DIFFERENCES: list[tuple[Code, Books, VenueSnapshot, object]] = [
    (
        Code.ORDER_ALIVE,
        books(),
        statement(open_orders=(report("id t.0.1"),)),
        CancelOrder("t", "t.0.1", "venue id t.0.1"),
    ),
    (
        Code.ORDER_ALIVE,
        books(orders={"id t.0.1": order(state=OrderState.NOT_SENT)}),
        statement(open_orders=(report("id t.0.1"),)),
        CancelOrder("t", "t.0.1", "venue id t.0.1"),
    ),
    (
        Code.ORDER_ALIVE,
        books(orders={"id t.0.1": order(state=OrderState.VOIDED)}),
        statement(open_orders=(report("id t.0.1", ReportStatus.DELAYED),)),
        AskOrder("t", "t.0.1"),
    ),
    (Code.ORDER_FOREIGN, books(), statement(open_orders=(report("somebody"),)), None),
    (
        Code.ORDER_GONE,
        books(orders={"id t.0.1": order(), "id t.0.2": RESTING}),
        statement(),
        AskOrder("t", "t.0.2"),
    ),
    (
        Code.FILL_MISSED,
        books(),
        statement(fills=(fill(), fill(name="new")), positions=Positions("kalshi", {YES: Size(2 * MICRO)})),
        TakeFill("t", "t.0.1", fill(name="new")),
    ),
    (Code.FILL_IMPOSSIBLE, books(), statement(fills=(fill(name="new", claim=NO),)), None),
    (
        Code.FILL_IMPOSSIBLE,
        books(orders={"id t.0.1": order(state=OrderState.NOT_SENT)}),
        statement(fills=(fill(name="new"),)),
        None,
    ),
    (Code.FILL_FOREIGN, books(), statement(fills=(fill("", "new", size=Size(5)),)), None),
    (Code.POSITION, books(), statement(positions=Positions("kalshi", {YES: Size(3)})), None),
    (Code.POSITION, books(), statement(positions=Positions("kalshi", {})), None),
    (
        Code.POSITION,
        books(),
        statement(positions=Positions("kalshi", {YES: Size(MICRO), Claim(SNOW, Outcome.NO): Size(7)})),
        None,
    ),
    (Code.CASH, books(), statement(balances=cash(5 * MICRO + 1)), AdoptCash("kalshi:0", "unexplained", Cash(1))),
    (Code.ABSURD_BALANCE, books(), statement(balances=cash(-1)), None),
    (Code.ABSURD_BALANCE, books(), statement(balances=cash(ABSURD)), None),
    (Code.ABSURD_POSITION, books(), statement(positions=Positions("kalshi", {YES: Size(ABSURD)})), None),
    (Code.STALE_READ, books(), statement(as_of_ns=NOW - 2 * MINUTE, balances=cash(1)), None),
]


@pytest.mark.parametrize(("code", "view", "snapshot", "remedy"), DIFFERENCES, ids=lambda v: getattr(v, "value", ""))
def test_m37_each_kind_of_difference_gives_exactly_its_finding_and_acts_when_seen_twice(
    code: Code, view: Books, snapshot: VenueSnapshot, remedy: object
) -> None:
    first = only(reconcile(view, snapshot, (), NOW))
    assert (first.code, first.confirmed, first.remedy) == (code, False, None), "seen once: shown, nothing done"
    second = only(twice(view, snapshot))
    assert (second.code, second.confirmed, second.remedy) == (code, True, remedy)
    assert second.text and second.fix


def test_m37_every_code_has_a_fix_and_a_difference_that_shows_it() -> None:
    assert set(FIX) == set(Code) == {code for code, *_ in DIFFERENCES}


@pytest.mark.parametrize("part", ["as_of_ns", "balances", "positions", "open_orders", "fills"])
def test_m37_a_part_that_could_not_be_read_says_nothing_and_nothing_is_done_meanwhile(part: str) -> None:
    nothing = VenueSnapshot("kalshi", NOW, None, None, None, None)
    assert reconcile(books(orders={"id t.0.2": RESTING}), nothing, (), NOW) == []
    apart = statement(balances=cash(1), positions=Positions("kalshi", {}), fills=(fill(name="new"),))
    view = books(orders={"id t.0.1": order(), "id t.0.2": RESTING})
    seen = {finding.key for finding in reconcile(view, apart, (), NOW)}
    partly = reconcile(view, replace(apart, **{part: None}), seen, NOW)
    assert all(finding.remedy is None and not finding.confirmed for finding in partly)


def test_m37_a_difference_that_moves_on_is_a_new_one() -> None:
    first = only(reconcile(books(), statement(balances=cash(1)), (), NOW))
    moved = only(reconcile(books(), statement(balances=cash(2)), {first.key}, NOW))
    assert not moved.confirmed and moved.remedy is None


def test_m37_at_most_a_few_small_remedies_at_a_time_and_fills_first() -> None:
    fills = tuple(fill(name=f"new {n}") for n in range(3))
    found = twice(books(), statement(fills=fills, balances=cash(1), open_orders=(report("id t.0.1"),)))
    acted = [finding for finding in found if finding.remedy is not None]
    assert len(acted) == MOST_REMEDIES
    assert {finding.code for finding in acted} == {Code.FILL_MISSED}
    assert {finding.code for finding in found} == {Code.FILL_MISSED, Code.ORDER_ALIVE}, "fills to come explain cash"


@pytest.mark.parametrize(
    "view",
    [
        books(busy=frozenset({RAIN}), quiet=False),
        books(moved_ns={RAIN: NOW}, quiet=False),
        books(paid=frozenset({RAIN}), quiet=False),
    ],
    ids=["in flight", "reads behind the newest fact", "paid already"],
)
def test_m37_what_something_in_flight_explains_is_no_finding(view: Books) -> None:
    assert twice(view, statement(positions=Positions("kalshi", {}), balances=cash(1))) == []


@pytest.mark.parametrize("whose", ["somebody", "id t.0.1"])
def test_m37_cash_that_an_open_order_may_hold_back_is_not_booked(whose: str) -> None:
    """A venue may take the collateral of what rests from the balance that it states."""
    found = twice(books(), statement(open_orders=(report(whose),), balances=cash(4 * MICRO)))
    assert only(found).code in (Code.ORDER_FOREIGN, Code.ORDER_ALIVE)


def test_m37_orders_on_their_way_are_not_gone() -> None:
    for state in OrderState:
        if state is OrderState.RESTING or state in ENDED:
            continue
        view = books(orders={"id t.0.1": order(), "id t.0.2": order("t.0.2", state)})
        assert twice(view, statement()) == [], state


def test_m37_a_venue_that_names_no_orders_has_no_foreign_ones() -> None:
    assert twice(books(names_orders=False), statement(open_orders=(report(""),))) == []


def test_m37_opposite_amounts_in_two_pools_are_a_transfer() -> None:
    view = books(cash={"kalshi:0": 5 * MICRO, "kalshi:2": MICRO})
    moved = Balances("kalshi", {"kalshi:0": Cash(3 * MICRO), "kalshi:2": Cash(3 * MICRO)}, 0)
    remedies = [finding.remedy for finding in twice(view, statement(balances=moved))]
    assert remedies == [
        AdoptCash("kalshi:0", "transfer", Cash(-2 * MICRO)),
        AdoptCash("kalshi:2", "transfer", Cash(2 * MICRO)),
    ]


@pytest.mark.parametrize(
    ("by_hand", "brought"),
    [
        (fill("", "x", claim=Claim(SNOW, Outcome.YES)), -430_000),
        (fill("", "x", claim=Claim(SNOW, Outcome.YES), action=Action.SELL), 410_000),
        # a venue that nets: a NO bought against the YES that we hold brings a dollar back at once
        (fill("", "x", claim=NO), MICRO - 430_000),
    ],
    ids=["bought", "sold", "netted"],
)
def test_m37_cash_that_a_trade_by_hand_explains_is_typed_so(by_hand: Fill, brought: int) -> None:
    snapshot = statement(fills=(fill(), by_hand), balances=cash(5 * MICRO + brought))
    found = {finding.code: finding for finding in twice(books(), snapshot)}
    assert found[Code.CASH].remedy == AdoptCash("kalshi:0", "by_hand", Cash(brought))
    older = twice(books(agreed_ns=NOW), snapshot)
    assert AdoptCash("kalshi:0", "unexplained", Cash(brought)) in [finding.remedy for finding in older]


def test_m31_a_fill_told_as_the_opposite_purchase_is_the_sale_that_it_was() -> None:
    told = fill(claim=NO, cash=Cash(580_000))
    sale = as_ordered(told, YES, Action.SELL)
    assert sale is not None
    assert (sale.claim, sale.action, sale.cash, sale.fee) == (YES, Action.SELL, 420_000, told.fee)
    assert as_ordered(told, NO, Action.BUY) == told
    assert as_ordered(told, YES, Action.BUY) is None
    assert as_ordered(told, Claim(SNOW, Outcome.YES), Action.SELL) is None


sizes = st.integers(min_value=0, max_value=10**9)
claims = st.builds(Claim, st.sampled_from([RAIN, SNOW]), st.sampled_from(Outcome))
states = st.sampled_from(OrderState)


@given(
    cash=st.dictionaries(st.sampled_from(["kalshi:0", "kalshi:1", "kalshi:2"]), sizes, min_size=1),
    held=st.dictionaries(claims, sizes),
    orders=st.dictionaries(st.integers(0, 9), states),
    netting=st.booleans(),
    quiet=st.booleans(),
)
def test_m37_a_statement_equal_to_the_ledger_gives_no_finding(
    cash: dict[str, int], held: dict[Claim, int], orders: dict[int, OrderState], netting: bool, quiet: bool
) -> None:
    views = {f"id t.0.{n}": order(f"t.0.{n}", state) for n, state in orders.items()}
    stated: dict[Claim, Size] = {}
    for market in (RAIN, SNOW):
        yes, no = (held.get(Claim(market, outcome), 0) for outcome in (Outcome.YES, Outcome.NO))
        paired = min(yes, no) if netting else 0
        stated |= {Claim(market, Outcome.YES): Size(yes - paired), Claim(market, Outcome.NO): Size(no - paired)}
    snapshot = VenueSnapshot(
        "kalshi",
        NOW,
        Balances("kalshi", {pool: Cash(amount) for pool, amount in cash.items()}, 0),
        Positions("kalshi", stated),
        tuple(report(view.identity) for view in views.values() if view.state is OrderState.RESTING),
        tuple(fill(view.identity, name) for view in views.values() for name in view.fills),
    )
    view = Books("kalshi", cash, held, views, netting=netting, quiet=quiet)
    assert twice(view, snapshot) == []


@given(stated=st.integers(-(10**16), 10**16), expected=st.integers(0, 10**12))
def test_m37_cash_is_adopted_to_the_millionth_or_refused(stated: int, expected: int) -> None:
    view = books(cash={"kalshi:0": expected})
    found = twice(view, statement(balances=cash(stated)))
    if not 0 <= stated < ABSURD:
        assert [(finding.code, finding.remedy) for finding in found] == [(Code.ABSURD_BALANCE, None)]
    elif stated == expected:
        assert found == []
    else:
        assert only(found).remedy == AdoptCash("kalshi:0", "unexplained", Cash(stated - expected))
