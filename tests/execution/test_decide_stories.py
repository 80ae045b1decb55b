"""Whatever happens to a trade, what is decided next is allowed: by the tables, by what is held, by fresh books and by cash."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Skip
from dutchbook.core.facts import (
    AnyFact,
    Filled,
    FillReversed,
    FillSettled,
    LegSettled,
    LotsMarked,
    OrderAbsent,
    OrderMoved,
    OrderPlan,
    OrdersPlanned,
    TradeTurned,
)
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import MICRO, Cash
from dutchbook.core.order import ORDER_TABLE, Action, Intent, OrderEvent, OrderState
from dutchbook.core.position import OrderRow
from dutchbook.core.trade import Phase, Turn
from dutchbook.execution.actions import Ask, AskFills, Cancel, Finish, Place, Step, Void, Wait
from dutchbook.execution.decide import Policy, Scene, Wish, decide, exit_round
from dutchbook.execution.repair import after_mark
from execution.books import KALSHI, MARKETS, POLYMARKET, Story, book

HUNDREDTH = MICRO // 100
sizes = st.one_of(st.integers(1, 10).map(lambda n: n * MICRO), st.integers(1, 1000).map(lambda n: n * HUNDREDTH))
sides = st.lists(st.sampled_from((0, 3, 12, 12, 12)), min_size=2, max_size=2)
stale_books = st.sampled_from(((), (), (), (), (KALSHI,), (POLYMARKET,)))
ANSWERS = (OrderEvent.FINISH, OrderEvent.REJECT, OrderEvent.LOSE, OrderEvent.REST, OrderEvent.DELAY)
_FILLING = {OrderState.SENT, OrderState.RESTING, OrderState.DELAYED, OrderState.UNKNOWN}


class OneTradeDecided(RuleBasedStateMachine):
    """The driver's part is played here: each step becomes the facts that the driver would record, and the tables judge them."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()
        self.books: dict[MarketId, Book] = {}
        self.prices_move([44, 44], [12, 12], [12, 12], ())
        self.stale: set[MarketId] = set()
        self.cash = Cash(10 * MICRO)
        self.wish: Wish | None = None
        self.policy = Policy(absence_margin_ns={"kalshi": 0, "polymarket": 0}, settling_ns=5 * SECOND)
        self.now = 10 * SECOND
        self.fills = 0

    @initialize(merging=st.booleans(), wish=st.sampled_from((None, *Wish)))
    def is_told_how_to_behave(self, merging: bool, wish: Wish | None) -> None:
        merges = frozenset({"kalshi", "polymarket"} if merging else ())
        self.policy = Policy(self.policy.absence_margin_ns, settling_ns=5 * SECOND, merges=merges)
        self.wish = wish

    def tell(self, *facts: AnyFact) -> None:
        for fact in facts:
            self.story.trade.apply(fact, self.now)

    def scene(self) -> Scene:
        purse = {market.pool: self.cash for market in MARKETS.values()}
        return Scene(self.books, MARKETS, self.now, self.now, self.stale, purse)

    def orders(self, *states: OrderState) -> list[OrderRow]:
        return [row for row in self.story.trade.orders() if row.state in states]

    # -- the world ----------------------------------------------------------------------------------------------------

    @rule(middles=st.lists(st.integers(3, 97), min_size=2, max_size=2), bids=sides, asks=sides, stale=stale_books)
    def prices_move(self, middles: list[int], bids: list[int], asks: list[int], stale: tuple[MarketId, ...]) -> None:
        for market, offset in ((KALSHI, 0), (POLYMARKET, 1)):
            low, high = [(middles[offset] - 2, bids[offset])], [(middles[offset] + 1, asks[offset])]
            self.books[market] = book(market, [p for p in low if p[1]], [p for p in high if p[1]])
        self.stale = set(stale)

    @rule(seconds=st.integers(1, 20), cash=st.integers(0, 12 * MICRO))
    def time_goes_by(self, seconds: int, cash: int) -> None:
        self.now += seconds * SECOND
        self.cash = Cash(cash)

    @precondition(lambda self: self.orders(*_FILLING, OrderState.DONE, OrderState.VOIDED, OrderState.REJECTED))
    @rule(data=st.data(), size=sizes, sellable=st.booleans(), in_time=st.sampled_from((True, True, True, False)))
    def an_order_fills(self, data: st.DataObject, size: int, sellable: bool, in_time: bool) -> None:
        rows = self.orders(*_FILLING) if in_time else self.orders(OrderState.DONE, OrderState.VOIDED)
        rows = [row for row in rows if row.filled + sum(row.reversed.values()) < row.plan.size]
        if not rows:
            return
        row = data.draw(st.sampled_from(rows))
        self.fills += 1
        size = min(size, row.plan.size - row.filled - sum(row.reversed.values()))
        final = sellable or row.plan.action is Action.SELL
        fill = f"fill {self.fills}"
        self.tell(
            Filled("t", row.plan.id, fill, size, size // 2, 7, Liquidity.TAKER, self.now, final, sellable=sellable)
        )
        self._reopens()

    @precondition(lambda self: self.orders(*_FILLING, OrderState.VOIDED))
    @rule(data=st.data(), event=st.sampled_from(ANSWERS))
    def the_venue_answers(self, data: st.DataObject, event: OrderEvent) -> None:
        row = data.draw(st.sampled_from(self.orders(*_FILLING, OrderState.VOIDED)))
        if event in ORDER_TABLE[row.state] and not (event is OrderEvent.REJECT and row.fills):
            told = row.filled + sum(row.reversed.values())
            self.tell(OrderMoved("t", row.plan.id, event, filled=told))
            self._reopens()

    @precondition(lambda self: self.story.trade.working)
    @rule(filled=st.lists(st.sampled_from((0, 4, 10)), min_size=2, max_size=2), sellable=st.booleans())
    def every_order_comes_to_its_end_and_the_next_round_begins(self, filled: list[int], sellable: bool) -> None:
        for row in self.orders(*_FILLING):
            size = min(filled[row.plan.leg] * MICRO, row.plan.size) - row.filled
            if size > 0 and not row.reversed:
                self.fills += 1
                self.tell(
                    Filled(
                        "t",
                        row.plan.id,
                        f"fill {self.fills}",
                        size,
                        size // 2,
                        7,
                        Liquidity.TAKER,
                        1,
                        sellable=sellable,
                    )
                )
            told = row.filled + sum(row.reversed.values())
            self.tell(OrderMoved("t", row.plan.id, OrderEvent.FINISH, filled=told))
        self.now += SECOND
        for _ in range(2):
            if self.story.trade.working:
                self.the_driver_decides()

    @rule()
    def every_fill_settles(self) -> None:
        for row in self.story.trade.orders():
            self.tell(*(FillSettled("t", row.plan.id, fill, final=True) for fill in list(row.fills)))

    @rule(data=st.data())
    def a_provisional_purchase_fails(self, data: st.DataObject) -> None:
        open_ = [
            (row, fill.fill)
            for row in self.story.trade.orders()
            for fill in row.fills.values()
            if not fill.final and row.plan.action is Action.BUY
        ]
        # what has been sold or paired meanwhile was final
        open_ = [(row, fill) for row, fill in open_ if self.story.trade.legs[row.plan.leg].sets == 0]
        if open_:
            row, fill = data.draw(st.sampled_from(open_))
            self.tell(FillReversed("t", row.plan.id, fill, "failed on chain"))
            self._reopens()

    @precondition(lambda self: self.story.trade.phase in (Phase.LOCKED, Phase.NAKED))
    @rule(leg=st.sampled_from((0, 1, None, None, None, None)))
    def a_market_pays(self, leg: int | None) -> None:
        if leg is None:
            return
        row = self.story.trade.legs[leg]
        if row.settled is None and all(order.ended for order in self.story.trade.orders()):
            self.tell(LegSettled("t", leg, MICRO, 0))
            if self.story.trade.flat:
                self.tell(TradeTurned("t", Turn.SETTLE))

    @rule(leg=st.integers(0, 1), size=st.integers(-10, 10))
    def a_person_marks(self, leg: int, size: int) -> None:
        mark = LotsMarked("t", leg, size * MICRO, 0, "by hand", "operator")
        try:
            turn = after_mark(self.story.trade, mark)
        except Skip:
            return
        self.tell(mark, *((TradeTurned("t", turn),) if turn else ()))

    @precondition(lambda self: self.story.trade.phase is Phase.NAKED)
    @rule()
    def a_person_takes_it_over(self) -> None:
        if all(row.ended and row.accounted for row in self.story.trade.orders()):
            self.tell(TradeTurned("t", Turn.HAND_OVER))

    @precondition(lambda self: self.story.trade.phase is Phase.LOCKED)
    @rule()
    def a_person_sells_it(self) -> None:
        intents = exit_round(self.story.trade, self.scene(), self.policy)
        if intents is not None:
            self._check(intents)
            self._place(Turn.EXIT, intents)

    def _reopens(self) -> None:
        """As the driver records news of a trade that had ended."""
        trade = self.story.trade
        if not trade.working and trade.phase is not Phase.SETTLED:
            self.tell(TradeTurned("t", Turn.REOPEN, "news"))

    # -- what is decided ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.story.trade.working)
    @rule()
    def the_driver_decides(self) -> None:
        steps = decide(self.story.trade, self.scene(), self.policy, self.wish)
        assert steps, "a working trade always has something to do or to wait for"
        for step in steps:
            self._do(step)

    def _do(self, step: Step) -> None:
        trade = self.story.trade
        match step:
            case Place():
                self._check(step.intents)
                self._place(step.turn, step.intents)
            case Finish():
                self.tell(TradeTurned("t", step.turn, step.reason))
                counts = {leg.held for leg in trade.legs}
                if step.turn in (Turn.FALL_SHORT, Turn.AWAIT):
                    assert len(counts) > 1
                if step.turn is Turn.MISS:
                    assert not any(row.fills for row in trade.orders())
                if step.turn in (Turn.LOCK, Turn.FLATTEN):
                    spread = max(counts) - min(counts)
                    assert spread < HUNDREDTH, "legs that differ by a lot that the venue trades"
            case Void():
                assert not trade.order(step.order).fills
                self.tell(OrderMoved("t", step.order, OrderEvent.VOID))
            case Ask():
                assert not trade.order(step.order).ended
                if trade.order(step.order).state is OrderState.UNKNOWN:
                    self.tell(OrderAbsent("t", step.order, self.now))
            case Cancel() | AskFills():
                trade.order(step.order)
            case Wait():
                assert step.until_ns >= self.now

    def _check(self, intents: tuple[Intent, ...]) -> None:
        trade = self.story.trade
        assert all(row.ended and row.accounted for row in trade.orders()), "nothing is sent while an order is open"
        for intent in intents:
            leg = trade.legs[intent.leg]
            market = MARKETS[intent.claim.market]
            assert market.id not in self.stale, "priced on a stale book"
            assert leg.settled is None, "its market has paid"
            if intent.action is Action.SELL:
                assert intent.claim == leg.claim
                assert intent.size <= leg.sellable
            elif intent.opposite:
                assert intent.claim == leg.claim.opposite
                assert leg.sellable < intent.size <= leg.held
            else:
                assert intent.claim == leg.claim
                assert leg.held + intent.size <= max(row.held for row in trade.legs)

    def _place(self, turn: Turn, intents: tuple[Intent, ...]) -> None:
        plans = tuple(
            OrderPlan(i.id, i.leg, i.action, i.size, i.limit, i.tif, i.id, self.now, 0, i.reduce_only, i.opposite)
            for i in intents
        )
        self.tell(
            OrdersPlanned("t", turn, "decided", plans),
            *(OrderMoved("t", plan.id, OrderEvent.SEND) for plan in plans),
        )

    # -- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def a_trade_that_is_over_holds_equal_legs_but_for_dust(self) -> None:
        trade = self.story.trade
        if trade.phase in (Phase.LOCKED, Phase.FLAT, Phase.FAILED):
            held = [leg.held for leg in trade.legs]
            assert max(held) - min(held) < HUNDREDTH


TestOneTradeDecided = OneTradeDecided.TestCase
TestOneTradeDecided.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
