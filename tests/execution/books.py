"""Markets, books and trades for the tests of deciding: made from integers, never from a venue."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from dutchbook.core.book import Book
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.facts import Filled, LegPlan, OrderMoved, OrderPlan, OrdersPlanned, TradeOpened, TradeTurned
from dutchbook.core.fees import Liquidity, Precision, kalshi_fees, polymarket_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, Cash, Price, Rate, Size
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import TRADE_TABLE, Turn
from dutchbook.execution.balance import Holding

CENT = 10_000
HUNDREDTH = 10_000
KALSHI = MarketId("kalshi:RAIN")
POLYMARKET = MarketId("polymarket:rain")
YES = Claim(KALSHI, Outcome.YES)
NO = Claim(POLYMARKET, Outcome.NO)


def kalshi_market(market: MarketId = KALSHI, tick: int = CENT) -> Market:
    return Market(
        id=market,
        event="rain",
        title="Rain?",
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(tick)),
        lot=Size(HUNDREDTH),
        take_lot=Size(HUNDREDTH),
        min_size=Size(HUNDREDTH),
        min_cash=Cash(0),
        buy_cash_step=Cash(1),
        sell_cash_step=Cash(1),
        fees=kalshi_fees(Rate(10**12), "quadratic", Precision.DIRECT),
        pool="kalshi:0",
        status=MarketStatus.OPEN,
        closes_ns=1 << 62,
    )


def polymarket_market(market: MarketId = POLYMARKET, tick: int = CENT) -> Market:
    return Market(
        id=market,
        event="rain",
        title="Rain?",
        rules="",
        outcomes=("Yes", "No"),
        grid=TickGrid.uniform(Price(tick)),
        lot=Size(HUNDREDTH),
        take_lot=Size(HUNDREDTH),
        min_size=Size(5 * MICRO),
        min_cash=Cash(MICRO),
        buy_cash_step=Cash(CENT),
        sell_cash_step=Cash(1),
        fees=polymarket_fees(Rate(5 * 10**10)),
        pool="polymarket",
        status=MarketStatus.OPEN,
        closes_ns=1 << 62,
    )


MARKETS = {KALSHI: kalshi_market(), POLYMARKET: polymarket_market()}


def book(market: MarketId, bids: Sequence[tuple[int, int]] = (), asks: Sequence[tuple[int, int]] = ()) -> Book:
    """A live book from (cents, contracts)."""
    made = Book(market)
    made.snapshot(
        [(cents * CENT, size * MICRO) for cents, size in bids], [(cents * CENT, size * MICRO) for cents, size in asks]
    )
    return made


def holding(claim: Claim, held: int, sellable: int | None = None) -> Holding:
    """Millionths of a contract."""
    return Holding(claim, Size(held), Size(held if sellable is None else sellable))


class Story:
    """A trade told fact by fact: YES at Kalshi (leg 0) and NO at Polymarket (leg 1), ten contracts each."""

    def __init__(self, at_ns: int = 1_000) -> None:
        legs = tuple(
            LegPlan(claim.market, claim.outcome, pool, 10 * MICRO, limit, 10 * limit, 0, 10 * limit)
            for claim, pool, limit in ((YES, "kalshi:0", 42 * CENT), (NO, "polymarket", 48 * CENT))
        )
        orders = tuple(self._plan(leg, 1, Action.BUY, 10 * MICRO, TimeInForce.FOK) for leg in (0, 1))
        opened = TradeOpened("t", "rain", "yes_no", "rain", MICRO, 10 * MICRO, 0, 0, legs, orders)
        self.trade = TradeBook.open(opened, at_ns)
        self.now = at_ns
        self._fills = 0
        self.trade.apply(TradeTurned("t", Turn.START), at_ns)
        for order in orders:
            self.trade.apply(OrderMoved("t", order.id, OrderEvent.SEND), at_ns)

    def _plan(self, leg: int, number: int, action: Action, size: int, tif: TimeInForce) -> OrderPlan:
        order = f"t.{leg}.{number}"
        return OrderPlan(order, leg, action, size, 42 * CENT, tif, f"identity {order}", send_by_ns=2_000)

    def ends(
        self, order: str, filled: int = 0, *, event: OrderEvent = OrderEvent.FINISH, sellable: bool = True
    ) -> Story:
        """An order ends with `filled` millionths of a contract."""
        self.trade.apply(OrderMoved("t", order, event, filled=filled), self.now)
        if filled:
            self._fills += 1
            fill = f"fill {self._fills}"
            self.trade.apply(
                Filled("t", order, fill, filled, filled // 2, 0, Liquidity.TAKER, self.now, sellable=sellable), self.now
            )
        return self

    def moves(self, order: str, event: OrderEvent, filled: int = 0) -> Story:
        self.trade.apply(OrderMoved("t", order, event, filled=filled), self.now)
        return self

    def next_round(
        self, leg: int, action: Action, size: int = 10 * MICRO, turn: Turn = Turn.HEDGE, *, opposite: bool = False
    ) -> str:
        """A further order goes out (the round before it fell short); returns its id."""
        if Turn.FALL_SHORT in TRADE_TABLE[self.trade.phase]:
            self.turns(Turn.FALL_SHORT)
        number = len(self.trade.legs[leg].orders) + 1
        plan = replace(self._plan(leg, number, action, size, TimeInForce.IOC), opposite=opposite)
        self.trade.apply(OrdersPlanned("t", turn, "", (plan,)), self.now)
        self.trade.apply(OrderMoved("t", plan.id, OrderEvent.SEND), self.now)
        return plan.id

    def turns(self, turn: Turn) -> Story:
        self.trade.apply(TradeTurned("t", turn), self.now)
        return self
