"""Any story of three trades on a netting and a plain venue: cash and contracts are conserved, replay tells it again.

Witnesses: the sum of all flows, a ledger that nets nothing, a filter over all trades, and the journal's text folded anew.
"""

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.facts import (
    AnyFact,
    CashMoved,
    FeeTrued,
    Filled,
    FillSettled,
    LegResettled,
    LegSettled,
    OrdersPlanned,
    TradeTurned,
)
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.trade import TRADE_TABLE, Turn
from dutchbook.ledger.journal import Record
from dutchbook.ledger.projection import Ledger
from ledger.story import (
    CENT,
    K_NO,
    K_YES,
    KALSHI,
    P_NO,
    P_YES,
    POLY,
    POOLS,
    bought,
    fell_short,
    marked,
    merged,
    moved,
    opening,
    plan,
)
from ledger.story import reversed_fill as taken_back

CLAIMS = {"a": (K_YES, P_NO), "b": (K_NO, P_YES), "c": (K_YES, K_NO)}
LEGS = [(trade, leg) for trade in CLAIMS for leg in (0, 1)]
Leg = tuple[str, int]
legs = st.sampled_from(LEGS)
prices, fees = st.integers(1, 99), st.integers(0, 99_999)
decoder = msgspec.json.Decoder(AnyFact)


class ThreeTrades(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.netting = Ledger(frozenset({"kalshi"}))
        self.plain = Ledger()
        self.journal: list[bytes] = []
        self.named: list[str] = []
        self.fills: dict[str, tuple[Filled, Action]] = {}
        self.opposites: set[str] = set()
        self.marks: dict[Leg, list[tuple[int, int]]] = {leg: [] for leg in LEGS}
        self.merges: dict[Leg, int] = dict.fromkeys(LEGS, 0)
        self.counter = 0
        self.other: dict[str, int] = dict.fromkeys(POOLS.values(), 0)
        self.results: dict[MarketId, int] = {}
        self.paid: dict[Leg, int] = {}
        """Fees of the legs that were paid."""

    def tell(self, *facts: AnyFact) -> None:
        for fact in facts:
            self.journal.append(msgspec.json.encode(fact))
            self.named.append(getattr(fact, "trade", ""))
            self.netting.apply(fact, len(self.journal))
            self.plain.apply(fact, len(self.journal))

    @initialize(sizes=st.lists(st.sampled_from((0, 5, 10)), min_size=6, max_size=6), sets=st.integers(0, 6))
    def all_trades_are_opened_and_their_first_orders_fill(self, sizes: list[int], sets: int) -> None:
        for trade, claims in CLAIMS.items():
            self.tell(opening(trade, claims), TradeTurned(trade, Turn.START))
            self.tell(*(moved(f"{trade}.{leg}.1", OrderEvent.SEND) for leg in (0, 1)))
        for leg, size in zip(LEGS, sizes, strict=True):
            if size:
                self._fill(f"{leg[0]}.{leg[1]}.1", Action.BUY, size, 45, 0)
        for leg in LEGS[:sets]:
            self.what_stands_alone_is_sold_or_paired(leg, 3, 54, 0, True)

    # -- an independent count -----------------------------------------------------------------------------------------

    def claim(self, leg: Leg) -> Claim:
        return CLAIMS[leg[0]][leg[1]]

    def fills_of(self, leg: Leg) -> list[tuple[Filled, Action]]:
        return [(f, action) for f, action in self.fills.values() if f.order.startswith(f"{leg[0]}.{leg[1]}.")]

    def own(self, leg: Leg) -> int:
        """Contracts of the leg's own claim in the account."""
        mine = [(f, action) for f, action in self.fills_of(leg) if f.order not in self.opposites]
        traded = sum(f.size if action is Action.BUY else -f.size for f, action in mine)
        return traded + sum(size for size, _ in self.marks[leg]) - self.merges[leg]

    def opposite(self, leg: Leg) -> int:
        """Contracts of the opposite claim that the leg bought."""
        return sum(f.size for f, _ in self.fills_of(leg) if f.order in self.opposites) - self.merges[leg]

    def gross(self, claim: Claim) -> int:
        """Contracts of a claim that no market has paid yet."""
        unpaid = [leg for leg in LEGS if leg not in self.paid]
        own = sum(self.own(leg) for leg in unpaid if self.claim(leg) == claim)
        return own + sum(self.opposite(leg) for leg in unpaid if self.claim(leg).opposite == claim)

    def value(self, leg: Leg) -> int:
        yes = self.results[self.claim(leg).market]
        return yes if self.claim(leg).outcome is Outcome.YES else MICRO - yes

    def payout(self, leg: Leg) -> int:
        """What the venue pays for contracts that stand alone."""
        return self.value(leg) * (self.own(leg) - self.opposite(leg)) // MICRO

    def resettle(self, leg: Leg) -> None:
        """The venue corrected its result, or its payout contained a fill that was told only now."""
        if leg in self.paid:
            yes = self.results[self.claim(leg).market]
            self.tell(LegResettled(leg[0], leg[1], yes, self.payout(leg), self.paid[leg]))

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(pool=st.sampled_from(sorted(POOLS.values())), amount=st.integers(-(10**9), 10**9))
    def cash_moves(self, pool: str, amount: int) -> None:
        self.tell(CashMoved(pool.partition(":")[0], pool, "deposit", amount))
        self.other[pool] += amount

    @rule(leg=legs, size=st.integers(1, 12), cents=prices, fee=fees)
    def a_purchase_fills_though_perhaps_told_after_the_payout(self, leg: Leg, size: int, cents: int, fee: int) -> None:
        self._fill(f"{leg[0]}.{leg[1]}.1", Action.BUY, size, cents, fee)
        self.resettle(leg)

    @rule(leg=legs, part=st.integers(1, 12), cents=prices, fee=fees, through_sets=st.booleans())
    def what_stands_alone_is_sold_or_paired(
        self, leg: Leg, part: int, cents: int, fee: int, through_sets: bool
    ) -> None:
        size = min(part, (self.own(leg) - self.opposite(leg)) // MICRO)
        if size > 0 and leg not in self.paid and self._may_unwind(leg[0]):
            self.counter += 1
            order = f"{leg[0]}.{leg[1]}.s{self.counter}"
            action = Action.BUY if through_sets else Action.SELL
            planned = plan(order, action, size, opposite=through_sets)
            self.tell(OrdersPlanned(leg[0], Turn.UNWIND, "too much", (planned,)), moved(order, OrderEvent.SEND))
            if through_sets:
                self.opposites.add(order)
            self._fill(order, action, size, cents, fee)

    def _may_unwind(self, trade: str) -> bool:
        phase = self.plain.trades[trade].phase
        if Turn.FALL_SHORT in TRADE_TABLE[phase]:
            self.tell(fell_short(trade))
        return Turn.UNWIND in TRADE_TABLE[self.plain.trades[trade].phase]

    def _fill(self, order: str, action: Action, size: int, cents: int, fee: int) -> None:
        self.counter += 1
        fill = bought(order, f"f{self.counter}", size, cents, fee, final=False)
        self.tell(fill)
        self.fills[fill.fill] = (fill, action)

    @precondition(lambda self: self.opposites)
    @rule(data=st.data(), size=st.integers(1, 12), cents=prices)
    def an_opposite_fills_late(self, data: st.DataObject, size: int, cents: int) -> None:
        order = data.draw(st.sampled_from(sorted(self.opposites)))
        self._fill(order, Action.BUY, size, cents, 0)
        self.resettle((order[0], int(order[2])))

    @precondition(lambda self: self.opposites)
    @rule(data=st.data(), size=st.integers(1, 12))
    def sets_are_merged(self, data: st.DataObject, size: int) -> None:
        order = data.draw(st.sampled_from(sorted(self.opposites)))
        leg = (order[0], int(order[2]))
        size = min(size, self.opposite(leg) // MICRO)
        if size > 0 and leg not in self.paid:
            self.tell(merged(*leg, size))
            self.merges[leg] += size * MICRO

    @rule(leg=legs, size=st.integers(-12, 12), cents=st.integers(-600, 600))
    def a_person_books_a_counter_entry(self, leg: Leg, size: int, cents: int) -> None:
        if leg not in self.paid and self.own(leg) - self.opposite(leg) + size * MICRO >= 0:
            self.tell(marked(*leg, size, cents))
            self.marks[leg].append((size * MICRO, cents * CENT))

    @precondition(lambda self: self.fills)
    @rule(data=st.data())
    def a_fill_comes_again(self, data: st.DataObject) -> None:
        self.tell(self.fills[data.draw(st.sampled_from(sorted(self.fills)))][0])

    @precondition(lambda self: self.fills)
    @rule(data=st.data(), times=st.integers(1, 2))
    def a_fill_is_taken_back(self, data: st.DataObject, times: int) -> None:
        fill, _ = self.fills[data.draw(st.sampled_from(sorted(self.fills)))]
        trade, leg, _ = fill.order.split(".")
        self.tell(*[taken_back(fill.order, fill.fill)] * times, fill)
        del self.fills[fill.fill]
        self.resettle((trade, int(leg)))

    @rule(leg=legs, amount=st.integers(-999, 999))
    def the_balance_corrects_a_fee(self, leg: Leg, amount: int) -> None:
        pool = POOLS[self.claim(leg).market]
        self.tell(FeeTrued(leg[0], pool.partition(":")[0], pool, amount))
        self.other[pool] -= amount

    @rule(leg=legs, cents=st.sampled_from((0, 50, 100)), fee=st.integers(0, 999))
    def a_market_pays_a_leg(self, leg: Leg, cents: int, fee: int) -> None:
        if leg not in self.paid:
            yes_value = self.results.setdefault(self.claim(leg).market, cents * CENT)
            self.tell(LegSettled(leg[0], leg[1], yes_value, self.payout(leg), fee))
            self.paid[leg] = fee

    @precondition(lambda self: self.results)
    @rule(data=st.data(), cents=st.sampled_from((0, 37, 100)))
    def a_venue_corrects_its_result(self, data: st.DataObject, cents: int) -> None:
        market = data.draw(st.sampled_from(sorted(self.results)))
        self.results[market] = cents * CENT
        for leg in LEGS:
            if self.claim(leg).market == market:
                self.resettle(leg)

    @rule(
        trade=st.sampled_from(sorted(CLAIMS)), turn=st.sampled_from([turn for turn in Turn if turn is not Turn.DRY_RUN])
    )
    def a_trade_turns(self, trade: str, turn: Turn) -> None:
        if turn in TRADE_TABLE[self.plain.trades[trade].phase]:
            self.tell(TradeTurned(trade, turn))

    @rule(trade=st.sampled_from(sorted(CLAIMS)))
    def a_trades_orders_end_and_its_fills_become_final(self, trade: str) -> None:
        for row in self.plain.trades[trade].orders():
            self.tell(moved(row.plan.id, OrderEvent.FINISH))
            self.tell(*(FillSettled(trade, row.plan.id, fill, final=True) for fill in list(row.fills)))

    # -- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_plain_ledgers_cash_is_the_sum_of_all_flows(self) -> None:
        for market, pool in POOLS.items():
            cash = self.other[pool]
            for leg in (leg for leg in LEGS if self.claim(leg).market == market):
                for fill, action in self.fills_of(leg):
                    cash += (fill.cash if action is Action.SELL else -fill.cash) - fill.fee
                cash += self.merges[leg] + sum(amount for _, amount in self.marks[leg])
                if leg in self.paid:
                    against = MICRO - self.value(leg)
                    cash += (self.value(leg) * self.own(leg) + against * self.opposite(leg)) // MICRO - self.paid[leg]
            assert self.plain.cash.get(pool, 0) == cash

    @invariant()
    def netting_brings_one_dollar_a_pair_at_once_and_settlement_does_not_pay_it_twice(self) -> None:
        pairs = max(0, min(self.gross(K_YES), self.gross(K_NO)))
        early = self.netting.cash.get(POOLS[KALSHI], 0) - self.plain.cash.get(POOLS[KALSHI], 0)
        assert early == pairs
        assert self.netting.cash.get(POOLS[POLY], 0) == self.plain.cash.get(POOLS[POLY], 0)

    @invariant()
    def contracts_are_those_that_no_market_has_paid(self) -> None:
        for claim in (K_YES, K_NO, P_YES, P_NO):
            assert self.netting.held(claim) == self.plain.held(claim) == self.gross(claim)
        net = {KALSHI: self.gross(K_YES) - self.gross(K_NO), POLY: self.gross(P_YES) - self.gross(P_NO)}
        assert self.netting.net() == {market: size for market, size in net.items() if size}

    @invariant()
    def the_sum_of_the_trades_results_is_the_cash_but_for_what_no_trade_explains_and_sets_not_yet_merged(self) -> None:
        moved_in = sum(fact.amount for _, fact in self.plain.cash_events)
        results = sum(trade.pnl for trade in self.plain.trades.values())
        in_sets = sum(self.opposite(leg) for leg in LEGS if leg not in self.paid)
        assert sum(self.plain.cash.values()) == moved_in + results - in_sets

    @invariant()
    def what_is_open_is_what_a_look_at_every_trade_finds(self) -> None:
        trades = self.plain.trades.values()
        assert set(self.plain.open) == {trade.id for trade in trades if not trade.at_rest}
        assert {t.id for t in self.plain.holding()} == {trade.id for trade in trades if not trade.flat}
        assert {t.id for t in self.plain.working} == {trade.id for trade in trades if trade.working}

    @invariant()
    def the_newest_are_those_that_the_last_facts_named(self) -> None:
        for after in (0, len(self.named) // 2, len(self.named) - 1):
            newest = list(dict.fromkeys(name for name in reversed(self.named[max(0, after) :]) if name))
            assert [trade.id for trade in self.plain.newest(max(0, after))] == newest

    def teardown(self) -> None:
        """The journal's text, folded anew, is the same ledger."""
        records = [Record(n, n, decoder.decode(text)) for n, text in enumerate(self.journal, 1)]
        again = Ledger(frozenset({"kalshi"})).replay(records)
        assert again.seq == len(self.journal)
        again.seq = self.netting.seq
        assert again == self.netting
        assert {trade.id for trade in again.open.values()} == {trade.id for trade in self.netting.open.values()}


TestThreeTrades = ThreeTrades.TestCase
TestThreeTrades.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
