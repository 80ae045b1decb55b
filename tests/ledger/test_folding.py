"""Any story of three trades on a netting and a plain venue: cash and contracts are conserved, replay tells it again.

Three witnesses: the sum of all flows, a ledger that nets nothing, and the journal's text folded anew.
"""

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.facts import AnyFact, CashMoved, FeeTrued, Filled, LegSettled, OrdersPlanned, TradeTurned
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.trade import Turn
from dutchbook.ledger.journal import Record
from dutchbook.ledger.projection import Ledger
from ledger.story import CENT, K_NO, K_YES, KALSHI, P_NO, P_YES, POLY, POOLS, bought, moved, opening, plan
from ledger.story import reversed_fill as taken_back

CLAIMS = {"a": (K_YES, P_NO), "b": (K_NO, P_YES), "c": (K_YES, K_NO)}
LEGS = [(trade, leg) for trade in CLAIMS for leg in (0, 1)]
decoder = msgspec.json.Decoder(AnyFact)


class ThreeTrades(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.netting = Ledger(frozenset({"kalshi"}))
        self.plain = Ledger()
        self.journal: list[bytes] = []
        self.fills: dict[str, tuple[Filled, Action]] = {}
        self.counter = 0
        self.other: dict[str, int] = dict.fromkeys(POOLS.values(), 0)
        self.results: dict[MarketId, int] = {}
        self.paid: dict[tuple[str, int], int] = {}

    def tell(self, *facts: AnyFact) -> None:
        for fact in facts:
            self.journal.append(msgspec.json.encode(fact))
            self.netting.apply(fact, len(self.journal))
            self.plain.apply(fact, len(self.journal))

    @initialize()
    def all_trades_are_opened_and_their_orders_sent(self) -> None:
        for trade, claims in CLAIMS.items():
            self.tell(opening(trade, claims), TradeTurned(trade, Turn.START))
            self.tell(*(moved(f"{trade}.{leg}.1", OrderEvent.SEND) for leg in (0, 1)))

    def claim(self, trade: str, leg: int) -> Claim:
        return CLAIMS[trade][leg]

    def held(self, trade: str, leg: int) -> int:
        mine = [(f, action) for f, action in self.fills.values() if f.order.startswith(f"{trade}.{leg}.")]
        return sum(f.size if action is Action.BUY else -f.size for f, action in mine)

    def gross(self, claim: Claim) -> int:
        """Contracts of a claim that no market has paid yet."""
        return sum(self.held(t, n) for t, n in LEGS if self.claim(t, n) == claim and (t, n) not in self.paid)

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(pool=st.sampled_from(sorted(POOLS.values())), amount=st.integers(-(10**9), 10**9))
    def cash_moves(self, pool: str, amount: int) -> None:
        self.tell(CashMoved(pool.partition(":")[0], pool, "deposit", amount))
        self.other[pool] += amount

    @rule(leg=st.sampled_from(LEGS), size=st.integers(1, 12), cents=st.integers(1, 99), fee=st.integers(0, 99_999))
    def a_purchase_fills(self, leg: tuple[str, int], size: int, cents: int, fee: int) -> None:
        if leg not in self.paid:
            self._fill(f"{leg[0]}.{leg[1]}.1", Action.BUY, size, cents, fee)

    @rule(leg=st.sampled_from(LEGS), part=st.integers(1, 12), cents=st.integers(1, 99), fee=st.integers(0, 99_999))
    def what_is_held_is_sold(self, leg: tuple[str, int], part: int, cents: int, fee: int) -> None:
        size = min(part, self.held(*leg) // MICRO)
        if size > 0 and leg not in self.paid:
            self.counter += 1
            order = f"{leg[0]}.{leg[1]}.s{self.counter}"
            round_of_one = OrdersPlanned(leg[0], Turn.UNWIND, "too much", (plan(order, Action.SELL, size),))
            self.tell(round_of_one, moved(order, OrderEvent.SEND))
            self._fill(order, Action.SELL, size, cents, fee)

    def _fill(self, order: str, action: Action, size: int, cents: int, fee: int) -> None:
        self.counter += 1
        fill = bought(order, f"f{self.counter}", size, cents, fee, final=False)
        self.tell(fill)
        self.fills[fill.fill] = (fill, action)

    @precondition(lambda self: self.fills)
    @rule(data=st.data())
    def a_fill_comes_again(self, data: st.DataObject) -> None:
        self.tell(self.fills[data.draw(st.sampled_from(sorted(self.fills)))][0])

    @precondition(lambda self: self.fills)
    @rule(data=st.data(), times=st.integers(1, 2))
    def a_fill_is_taken_back(self, data: st.DataObject, times: int) -> None:
        fill, _ = self.fills[data.draw(st.sampled_from(sorted(self.fills)))]
        trade, leg, _ = fill.order.split(".")
        if (trade, int(leg)) not in self.paid:
            self.tell(*[taken_back(fill.order, fill.fill)] * times, fill)
            del self.fills[fill.fill]

    @rule(leg=st.sampled_from(LEGS), amount=st.integers(-999, 999))
    def the_balance_corrects_a_fee(self, leg: tuple[str, int], amount: int) -> None:
        pool = POOLS[self.claim(*leg).market]
        self.tell(FeeTrued(leg[0], pool.partition(":")[0], pool, amount))
        self.other[pool] -= amount

    @rule(leg=st.sampled_from(LEGS), cents=st.sampled_from((0, 50, 100)), fee=st.integers(0, 999))
    def a_market_pays_a_leg(self, leg: tuple[str, int], cents: int, fee: int) -> None:
        held, claim = self.held(*leg), self.claim(*leg)
        if leg in self.paid or held < 0:
            return
        yes_value = self.results.setdefault(claim.market, cents * CENT)
        value = yes_value if claim.outcome is Outcome.YES else MICRO - yes_value
        payout = value * held // MICRO
        self.tell(LegSettled(leg[0], leg[1], yes_value, payout, fee))
        self.paid[leg] = payout - fee

    # -- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_plain_ledgers_cash_is_the_sum_of_all_flows(self) -> None:
        for market, pool in POOLS.items():
            cash = self.other[pool]
            for fill, action in self.fills.values():
                trade, leg, _ = fill.order.split(".")
                if self.claim(trade, int(leg)).market == market:
                    cash += (fill.cash if action is Action.SELL else -fill.cash) - fill.fee
            cash += sum(amount for leg_id, amount in self.paid.items() if self.claim(*leg_id).market == market)
            assert self.plain.cash.get(pool, 0) == cash

    @invariant()
    def netting_brings_one_dollar_a_pair_at_once_and_settlement_does_not_pay_it_twice(self) -> None:
        pairs = max(0, min(self.gross(K_YES), self.gross(K_NO)))
        early = self.netting.cash.get(POOLS[KALSHI], 0) - self.plain.cash.get(POOLS[KALSHI], 0)
        assert early == pairs
        assert self.netting.cash.get(POOLS[POLY], 0) == self.plain.cash.get(POOLS[POLY], 0)

    @invariant()
    def contracts_are_the_fills_that_no_market_has_paid(self) -> None:
        for claim in (K_YES, K_NO, P_YES, P_NO):
            assert self.netting.held(claim) == self.plain.held(claim) == self.gross(claim)
        net = {KALSHI: self.gross(K_YES) - self.gross(K_NO), POLY: self.gross(P_YES) - self.gross(P_NO)}
        assert self.netting.net() == {market: size for market, size in net.items() if size}

    @invariant()
    def the_sum_of_the_trades_results_is_the_cash_but_for_what_no_trade_explains(self) -> None:
        moved_in = sum(fact.amount for _, fact in self.plain.cash_events)
        results = sum(trade.pnl for trade in self.plain.trades.values())
        assert sum(self.plain.cash.values()) == moved_in + results

    def teardown(self) -> None:
        """The journal's text, folded anew, is the same ledger."""
        records = [Record(n, n, decoder.decode(text)) for n, text in enumerate(self.journal, 1)]
        again = Ledger(frozenset({"kalshi"})).replay(records)
        assert again.seq == len(self.journal)
        again.seq = self.netting.seq
        assert again == self.netting


TestThreeTrades = ThreeTrades.TestCase
TestThreeTrades.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
