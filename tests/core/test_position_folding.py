"""Any story of one trade, in any order, against a witness that keeps nothing but a list of fills, sets and marks."""

from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dutchbook.core.errors import ImpossibleEvent
from dutchbook.core.facts import AnyFact, Filled, FillSettled, LotsMarked, OrdersPlanned, TradeTurned
from dutchbook.core.money import MICRO
from dutchbook.core.order import ENDED, ORDER_TABLE, Action, OrderEvent, OrderState
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import TRADE_TABLE, Turn
from ledger.story import book, bought, marked, merged, moved, opening, plan, reversed_fill, sent

legs = st.integers(0, 1)
sizes = st.integers(1, 12)
cents = st.integers(1, 99)
fees = st.integers(0, 99_999)
kinds = st.sampled_from(((Action.BUY, False), (Action.SELL, False), (Action.BUY, True)))
WITHOUT_FILL = {OrderEvent.WITHHOLD, OrderEvent.VOID}


class OneTrade(RuleBasedStateMachine):
    """The witness: fills that stand, fills that were taken back, the highest count and the state of each order."""

    def __init__(self) -> None:
        super().__init__()
        self.trade = TradeBook.open(opening(), 1)
        self.actions = {"t.0.1": Action.BUY, "t.1.1": Action.BUY}
        self.opposites: set[str] = set()
        self.marks: list[LotsMarked] = []
        self.merged = [0, 0]
        self.states = dict.fromkeys(self.actions, OrderState.PLANNED)
        self.counts = dict.fromkeys(self.actions, 0)
        self.standing: dict[str, Filled] = {}
        self.gone: dict[str, Filled] = {}
        self.at_ns = 1

    def take(self, fact: AnyFact, possible: bool) -> bool:
        """A possible fact applies; an impossible one raises and leaves everything as it was."""
        self.at_ns += 1
        before = None if possible else deepcopy(self.trade)
        try:
            self.trade.apply(fact, self.at_ns)
        except ImpossibleEvent:
            assert not possible
            assert self.trade == before
            return False
        assert possible
        return True

    @initialize(turns=st.sampled_from(((), (Turn.START,), (Turn.START, Turn.FALL_SHORT))))
    def begins(self, turns: tuple[Turn, ...]) -> None:
        for turn in turns:
            self.take(TradeTurned("t", turn), True)

    def fills_of(self, order: str) -> list[Filled]:
        return [fill for fill in self.standing.values() if fill.order == order]

    @rule(turn=st.sampled_from(Turn))
    def turns(self, turn: Turn) -> None:
        self.take(TradeTurned("t", turn), turn in TRADE_TABLE[self.trade.phase])

    @rule(leg=legs, kind=kinds, turn=st.sampled_from((Turn.HEDGE, Turn.UNWIND, Turn.EXIT)), size=sizes)
    def plans_an_order(self, leg: int, kind: tuple[Action, bool], turn: Turn, size: int) -> None:
        order = f"t.{leg}.{len(self.actions) + 1}"
        action, opposite = kind
        fact = OrdersPlanned("t", turn, "a round", (plan(order, action, size, opposite=opposite),))
        if self.take(fact, turn in TRADE_TABLE[self.trade.phase]):
            self.actions[order] = action
            if opposite:
                self.opposites.add(order)
            self.states[order] = OrderState.PLANNED
            self.counts[order] = 0

    @rule(data=st.data(), event=st.sampled_from(OrderEvent), count=st.integers(0, 12))
    def order_moves(self, data: st.DataObject, event: OrderEvent, count: int) -> None:
        order = data.draw(st.sampled_from(sorted(self.actions)))
        after = ORDER_TABLE[self.states[order]].get(event)
        possible = after is not None and not (event in WITHOUT_FILL and self.fills_of(order))
        if self.take(moved(order, event, count), possible):
            assert after is not None
            self.states[order] = after
            self.counts[order] = max(self.counts[order], count * MICRO)

    @rule(data=st.data(), size=sizes, price=cents, fee=fees, final=st.booleans())
    def fills(self, data: st.DataObject, size: int, price: int, fee: int, final: bool) -> None:
        order = data.draw(st.sampled_from(sorted(self.actions)))
        fill = bought(order, f"f{len(self.standing) + len(self.gone)}", size, price, fee, final=final, sellable=final)
        after = ORDER_TABLE[self.states[order]].get(OrderEvent.FILL)
        if self.take(fill, after is not None):
            assert after is not None
            self.states[order] = after
            self.standing[fill.fill] = fill

    @rule(data=st.data())
    def a_known_fill_comes_again(self, data: st.DataObject) -> None:
        known = {**self.standing, **self.gone}
        if known:
            self.take(data.draw(st.sampled_from(list(known.values()))), True)

    @rule(data=st.data())
    def a_fill_is_reversed(self, data: st.DataObject) -> None:
        known = {**self.standing, **self.gone}
        if known:
            fill = data.draw(st.sampled_from(list(known.values())))
            self.take(reversed_fill(fill.order, fill.fill), True)
            self.standing.pop(fill.fill, None)
            self.gone[fill.fill] = fill

    @rule(data=st.data(), final=st.booleans())
    def a_fill_settles(self, data: st.DataObject, final: bool) -> None:
        if self.standing:
            fill = data.draw(st.sampled_from(list(self.standing.values())))
            self.take(FillSettled("t", fill.order, fill.fill, final), True)

    @rule(leg=legs, size=st.integers(-12, 12), price=st.integers(-600, 600))
    def a_person_marks(self, leg: int, size: int, price: int) -> None:
        fact = marked("t", leg, size, price)
        if self.take(fact, self.alone(leg) + fact.size >= 0):
            self.marks.append(fact)

    @rule(leg=legs, size=st.integers(-1, 12))
    def sets_are_merged(self, leg: int, size: int) -> None:
        if self.take(merged("t", leg, size), 0 < size * MICRO <= self.sets(leg)):
            self.merged[leg] += size * MICRO

    def alone(self, leg: int) -> int:
        """Contracts of the leg's claim less those bound to an opposite."""
        held = sum(mark.size for mark in self.marks if mark.leg == leg)
        for fill in self.standing.values():
            if fill.order.startswith(f"t.{leg}."):
                added = self.actions[fill.order] is Action.BUY and fill.order not in self.opposites
                held += fill.size if added else -fill.size
        return held

    def sets(self, leg: int) -> int:
        opposites = [f for f in self.standing.values() if f.order in self.opposites and f.order.startswith(f"t.{leg}.")]
        return sum(fill.size for fill in opposites) - self.merged[leg]

    @invariant()
    def contracts_are_what_the_fills_say(self) -> None:
        for number, leg in enumerate(self.trade.legs):
            assert (leg.held, leg.sets) == (self.alone(number), self.sets(number))
            assert 0 <= leg.sellable <= max(0, leg.held), "nothing is offered that does not stand alone"

    @invariant()
    def cash_is_what_the_fills_say(self) -> None:
        result = 0
        for fill in self.standing.values():
            result += -fill.cash if self.actions[fill.order] is Action.BUY else fill.cash
            result += fill.size if fill.order in self.opposites else 0
            result -= fill.fee
        result += sum(mark.cash for mark in self.marks)
        assert self.trade.pnl == result
        assert self.trade.fees == sum(fill.fee for fill in self.standing.values())

    @invariant()
    def every_order_is_in_the_state_that_the_table_says(self) -> None:
        for row in self.trade.orders():
            assert row.state is self.states[row.plan.id]

    @invariant()
    def a_count_is_accounted_for_exactly_when_its_fills_were_seen(self) -> None:
        for row in self.trade.orders():
            seen = sum(f.size for f in (*self.standing.values(), *self.gone.values()) if f.order == row.plan.id)
            assert row.accounted == (seen >= self.counts[row.plan.id])

    @invariant()
    def open_purchases_reserve_their_rest_and_nothing_else_does(self) -> None:
        for number, leg in enumerate(self.trade.legs):
            rests = 0
            for row in leg.orders:
                if row.plan.action is Action.BUY and self.states[row.plan.id] not in ENDED:
                    left = max(0, row.plan.size - sum(fill.size for fill in self.fills_of(row.plan.id)))
                    rests += -(-row.plan.worst * left // row.plan.size)
            assert leg.reserved == rests, f"leg {number}"


TestOneTrade = OneTrade.TestCase
TestOneTrade.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[AnyFact], list[AnyFact]]:
    """Fills of two orders and some reversals, told twice: in two orders, with copies."""
    count = draw(st.integers(1, 6))
    fills: list[AnyFact] = [
        bought(f"t.{draw(legs)}.1", f"f{i}", draw(sizes), draw(cents), draw(fees), final=False) for i in range(count)
    ]
    failed = draw(st.lists(st.sampled_from(fills), unique_by=lambda fill: fill.fill, max_size=3))
    facts = [*fills, *(reversed_fill(fill.order, fill.fill) for fill in failed)]
    copies = draw(st.lists(st.sampled_from(facts), max_size=4))
    return facts, draw(st.permutations([*facts, *copies]))


@given(shuffled())
def test_fills_failures_and_copies_lead_to_the_same_position_in_any_order(
    stories: tuple[list[AnyFact], list[AnyFact]],
) -> None:
    straight, shuffled_with_copies = (book(*sent("t"), *facts) for facts in stories)
    assert [leg.held for leg in straight.legs] == [leg.held for leg in shuffled_with_copies.legs]
    assert straight.pnl == shuffled_with_copies.pnl
    assert straight.fees == shuffled_with_copies.fees
