"""One order by hand: through the same gate, journal and executor as everything else. A trade with one leg.

A purchase opens a trade of its own; a sale sells what such a trade holds and nothing else; a cancel takes a resting order
out of the venue's book.
"""

from __future__ import annotations

from collections.abc import Callable

from dutchbook.core.book import walk
from dutchbook.core.claim import Claim, venue_of
from dutchbook.core.clock import DAY
from dutchbook.core.errors import InvalidOrder, Skip
from dutchbook.core.facts import OrderMoved, OrdersPlanned, TradeTurned
from dutchbook.core.fees import FeeMeter
from dutchbook.core.link import Link, LinkKind, State
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Cash, Price, Rate, Rounding, Size, format_micros, notional
from dutchbook.core.opportunity import Bundle, LegQuote, Opportunity, Rejection
from dutchbook.core.order import Action, Intent, OrderEvent, OrderState, Prepared, TimeInForce
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.engine.desk import Desk
from dutchbook.engine.orders import order_plan
from dutchbook.engine.pursuit import Pursuit
from dutchbook.engine.trades import Trades
from dutchbook.risk.view import RiskView


class ByHand:
    """What `dutchbook order` does, on a started engine."""

    def __init__(self, desk: Desk, pursuit: Pursuit, trades: Trades, view: Callable[[], RiskView]) -> None:
        self._desk = desk
        self._pursuit = pursuit
        self._trades = trades
        self._view = view

    def buy(
        self, claim: Claim, size: Size, limit: Price, tif: TimeInForce, *, post_only: bool = False, expires_ns: int = 0
    ) -> TradeBook:
        """Buy at `limit` or better. Raises Skip with the gate's first reason, and the errors of `Pursuit.execute`."""
        self._require_sending()
        purchase = self._purchase(claim, size, limit)
        verdict = self._pursuit.gate.check_by_hand(purchase, self._view())
        if isinstance(verdict, Rejection):
            raise Skip(f"refused: {verdict.text}")
        trade_id = self._pursuit.new_id()
        intent = Intent(
            id=f"{trade_id}.0.1",
            trade=trade_id,
            leg=0,
            claim=claim,
            action=Action.BUY,
            size=size,
            limit=limit,
            tif=tif,
            post_only=post_only,
            expires_ns=expires_ns,
        )
        return self._pursuit.open(verdict, trade_id, (intent,))

    def sell(self, trade: TradeBook, size: Size, limit: Price, tif: TimeInForce) -> None:
        """Sell part or all of what a by-hand trade holds. Raises Skip when it holds or may sell less, or is not by hand."""
        self._require_sending()
        desk = self._desk
        leg = trade.legs[0]
        if len(trade.legs) > 1:
            raise Skip(f"trade {trade.id} is a bundle; selling one leg would leave the other alone")
        if trade.phase is not Phase.LOCKED:
            raise Skip(f"trade {trade.id} is {trade.result}; there is nothing to sell")
        if size > leg.sellable:
            raise Skip(
                f"trade {trade.id} can sell {format_micros(leg.sellable, trim=True)} contracts now, "
                f"not {format_micros(size, trim=True)}"
            )
        intent = Intent(
            id=f"{trade.id}.0.{len(leg.orders) + 1}",
            trade=trade.id,
            leg=0,
            claim=leg.claim,
            action=Action.SELL,
            size=size,
            limit=limit,
            tif=tif,
        )
        if not desk.sendable((intent,)):
            raise Skip(
                f"{leg.claim.market}: an order is in flight there, and its venue does not name orders; try again"
            )
        prepared = self._prepare(intent)
        plan = order_plan(intent, prepared, desk.markets[leg.claim.market])
        refused = desk.admit((intent,))
        if refused is not None:
            raise Skip(f"refused: {refused.text}")
        desk.record(
            TradeTurned(trade.id, Turn.REOPEN, "sold by hand"),
            OrdersPlanned(trade.id, Turn.UNWIND, "sold by hand", (plan,)),
            OrderMoved(trade.id, plan.id, OrderEvent.SEND),
        )
        desk.track(prepared.identity, trade.id, intent.id)
        self._trades.drive(trade).dispatch((prepared,))

    def cancel(self, order_id: str) -> None:
        """Ask the venue to take a resting order out. Raises Skip for an order that is not open."""
        trade = self._desk.ledger.trades.get(order_id.partition(".")[0])
        row = next((r for r in trade.orders() if r.plan.id == order_id), None) if trade is not None else None
        if trade is None or row is None:
            raise Skip(f"order {order_id}: not in this ledger; `dutchbook trades` lists what is")
        if row.state not in (OrderState.RESTING, OrderState.DELAYED):
            raise Skip(f"order {order_id} is {row.state.value}; only a resting order can be cancelled")
        self._trades.cancel(trade, row)

    def _require_sending(self) -> None:
        if not self._desk.config.sending:
            raise Skip("live, but EXECUTOR_ENABLED is not true: nothing is sent; turn the second key")

    def _prepare(self, intent: Intent) -> Prepared:
        deadline = self._desk.clock.wall() + self._desk.send_window_ns
        return self._desk.trading[venue_of(intent.claim.market)].prepare(intent, deadline)

    def _market(self, claim: Claim) -> Market:
        market = self._desk.markets.get(claim.market)
        if market is None:
            raise InvalidOrder(f"market {claim.market}: not known; name it as the venue does")
        return market

    def _purchase(self, claim: Claim, size: Size, limit: Price) -> Opportunity:
        """The purchase as a bundle of one claim that guarantees nothing."""
        market = self._market(claim)
        book = self._desk.books[claim.market]
        reached = walk([level for level in book.offers(claim.outcome) if level[0] <= limit], size, Rounding.CEIL)
        rest = notional(limit, Size(size - reached.size), Rounding.CEIL)
        meter = FeeMeter(market.fees)
        fee = Cash(sum(meter.charge(price, part, buying=True) for price, part in reached.parts))
        worst = Cash(notional(limit, size, Rounding.CEIL) + FeeMeter(market.fees).charge(limit, size, buying=True))
        link = Link(
            id=f"by hand {claim.market}",
            kind=LinkKind.SINGLE,
            event=market.event,
            states=(State("yes"), State("no")),
            payoffs={claim.market: (Price(MICRO), Price(0))},
            approved=True,
        )
        days = max(1, (market.closes_ns - self._desk.clock.wall()) // DAY)
        cost = Cash(reached.cash + rest + fee)
        quote = LegQuote(
            claim=claim,
            limit=limit,
            cash=Cash(reached.cash + rest),
            fee=fee,
            worst=max(worst, cost),
            age_ns=self._desk.clock.monotonic() - book.received_ns,
            pool=market.pool,
            taker_delay_ns=market.taker_delay_ns,
        )
        return Opportunity(
            bundle=Bundle(f"by hand {claim}", link, (claim,), Price(0)),
            size=size,
            legs=(quote,),
            gross_edge=Rate(0),
            net_edge=Rate(0),
            cost=cost,
            profit=Cash(-cost),
            roi=Rate(0),
            days_to_cash=days,
            annual_yield=Rate(0),
            divergence=Rate(0),
            outcomes=(),
        )
