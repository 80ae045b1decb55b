"""One quote's path: a touched book -> crossings -> a sized bundle -> the gate -> the intent journaled -> orders sent.

Every judgement is made elsewhere: what crosses and how much of it (`opportunity`), whether it may (`risk`), how it is opened
(`execution`). This file hands on, and counts what came how far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, venue_of
from dutchbook.core.clock import uuid4_text
from dutchbook.core.errors import DryRunError, ExecutionFailedError, InvalidOrder
from dutchbook.core.facts import LegPlan, OrderMoved, OrderPlan, TradeOpened, TradeTurned
from dutchbook.core.link import LinkKind
from dutchbook.core.mode import Mode
from dutchbook.core.money import Cash, format_dollars, format_micros
from dutchbook.core.opportunity import Bundle, Opportunity, Rejection
from dutchbook.core.order import Intent, OrderEvent
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Turn
from dutchbook.engine.accounts import Accounts
from dutchbook.engine.desk import Desk
from dutchbook.engine.funnel import Stage
from dutchbook.engine.leg_policy import LegPolicy
from dutchbook.engine.orders import order_plan
from dutchbook.engine.services import HELD_BACK
from dutchbook.engine.trades import Trades
from dutchbook.execution.leg_order import Verdict, opening_round
from dutchbook.opportunity.scan import Scanner, data_alarms
from dutchbook.opportunity.sizing import SizeLimits, size_bundle
from dutchbook.risk.approved import Approved
from dutchbook.risk.gate import TRIPS_KILL_SWITCH, RiskGate
from dutchbook.risk.view import RiskView

OUTBID: Final = Rejection("outbid", "a more profitable bundle was traded on the same update; the next one looks again")


class Pursuit:
    """From book to orders. `view` gives what the gate sees; `observe_book` lets paper trading follow the live book."""

    def __init__(
        self,
        desk: Desk,
        accounts: Accounts,
        trades: Trades,
        view: Callable[[], RiskView],
        observe_book: Callable[[Book], None] | None,
    ) -> None:
        self.scanner = Scanner((), {})
        self.last_attempt_ns: dict[str, int] = {}
        self.dry_runs = 0
        self.dry_run_cost = 0
        self.tick_to_order_ns: deque[int] = deque(maxlen=10_000)
        self.sized: dict[str, Opportunity] = {}
        """The newest figures of each bundle that was ever profitable after fees."""
        self.touched: set[MarketId] | None = None
        """Markets whose books changed since somebody emptied it; None while nobody wants to know."""
        self._desk = desk
        self._accounts = accounts
        self._trades = trades
        self._view = view
        self._observe_book = observe_book
        self.gate = RiskGate(desk.config.limits)
        self.leg_policy = LegPolicy(desk)

    async def say_held_back(self) -> None:
        """Once a minute while the second key is not turned (M2)."""
        self._desk.log.warning("live, but nothing is sent: set EXECUTOR_ENABLED=true to turn the second key")

    def say_dry_run(self) -> None:
        """The end of a dry run (M3)."""
        if self._desk.config.mode is Mode.DRY_RUN:
            total = format_dollars(Cash(self.dry_run_cost))
            self._desk.log.info(f"would have placed {self.dry_runs} bets totalling {total}")

    def watch(self) -> None:
        """Index the links over the markets that are known now, and read fill rates off the ledger."""
        self.leg_policy.learn()
        groups = [link for link in self._desk.links.values() if link.kind is not LinkKind.SINGLE]
        self.scanner = Scanner(groups, self._desk.markets)
        for refused in self.scanner.refused.values():
            self._desk.log.warning("link not watched", reason=refused)

    def on_book(self, book: Book) -> None:
        """A book changed: what crosses now, and should it be traded?"""
        desk = self._desk
        funnel = desk.funnel
        funnel.books += 1
        if self._observe_book is not None:
            self._observe_book(book)
        if self.touched is not None:
            self.touched.add(book.market)
        if not book.live:
            self.forget(book.market)
            return
        if book.crossed:
            alarm = data_alarms(book)
            if alarm is not None:
                funnel.alarms[alarm.code] += 1
        crossing = self.scanner.crossings(book.market, desk.books)
        if funnel.open_bundles():
            self._end_episodes(book.market, crossing)
        if crossing:
            funnel.updates_crossing += 1
            self._pursue(crossing, book.received_ns)

    def forget(self, market: MarketId) -> None:
        """A book is gone: what crossed on it crosses no more."""
        if self._desk.funnel.open_bundles():
            self._end_episodes(market, ())

    def _end_episodes(self, market: MarketId, crossing: Sequence[Bundle]) -> None:
        funnel = self._desk.funnel
        still = {bundle.id for bundle in crossing}
        for bundle in self.scanner.bundles_with(market):
            if bundle.id in funnel.open_bundles() and bundle.id not in still:
                funnel.ended(bundle.id)

    def _pursue(self, crossing: Sequence[Bundle], frame_ns: int) -> None:
        """Size every crossing bundle, then offer them to the gate, the most profitable first; trade the first approved."""
        desk = self._desk
        config, funnel = desk.config, desk.funnel
        now, wall = desk.clock.monotonic(), desk.clock.wall()
        limits = SizeLimits(
            max_cost=config.limits.max_bet,
            pools=self._accounts.available(),
            max_contracts=config.limits.max_order_contracts,
            min_profit=config.limits.min_profit,
            hurdle=config.hurdle,
        )
        found: list[Opportunity] = []
        for bundle in crossing:
            sized = size_bundle(bundle, desk.books, desk.markets, limits, now, wall)
            if isinstance(sized, Rejection):
                funnel.saw(bundle.id, now, Stage.CROSSING, sized)
            else:
                self.sized[bundle.id] = sized
                found.append(sized)
        found.sort(key=lambda opportunity: opportunity.profit, reverse=True)
        view = self._view() if found else None
        traded = False
        for opportunity in found:
            assert view is not None
            bundle_id = opportunity.bundle.id
            if traded:
                funnel.saw(bundle_id, now, Stage.NET_POSITIVE, OUTBID)
                continue
            verdict = self.gate.check(opportunity, view)
            if isinstance(verdict, Rejection):
                funnel.saw(bundle_id, now, Stage.NET_POSITIVE, verdict)
                if verdict.code in TRIPS_KILL_SWITCH:
                    desk.trip(verdict.text)
                continue
            refusal = self.attempt(verdict, frame_ns)
            if refusal is None:
                funnel.saw(bundle_id, now, Stage.TRADED, Rejection("traded", ""))
                traded = True
                continue
            funnel.saw(bundle_id, now, Stage.APPROVED, refusal)

    def attempt(self, approved: Approved, frame_ns: int) -> Rejection | None:
        """Execute one approved plan; a rejection says why nothing was sent."""
        desk = self._desk
        if not desk.accepting:
            return Rejection("stopping", "the engine takes no new trades now")
        if not desk.config.sending:
            return Rejection(HELD_BACK, "EXECUTOR_ENABLED is false: nothing is sent")
        judged = self.leg_policy.judge(approved)
        if isinstance(judged, Rejection):
            return judged
        self.last_attempt_ns[approved.opportunity.bundle.link.event] = desk.clock.monotonic()
        try:
            self.execute(approved, frame_ns, judged)
        except DryRunError:
            self.dry_runs += 1
            self.dry_run_cost += approved.worst_cost
        except ExecutionFailedError as error:
            desk.log.error("not executed", reason=str(error))
            return Rejection("execution", str(error))
        return None

    def execute_cycle(self, plans: Sequence[Approved]) -> list[bool]:
        """Execute plans in order; True for each that was sent, or in dry-run would have been."""
        return [self.attempt(plan, self._desk.clock.monotonic()) is None for plan in plans]

    def execute(self, approved: Approved, frame_ns: int, judged: Verdict) -> TradeBook:
        """Open a trade in the judged order: identities fixed, the whole intent journaled, then every first order sent.

        Raises DryRunError where a request would have left in dry-run, ExecutionFailedError when an order cannot be built.
        """
        trade_id = self.new_id()
        trade = self.open(approved, trade_id, opening_round(approved, trade_id, judged.sequencing.first), judged)
        self.tick_to_order_ns.append(self._desk.clock.monotonic() - frame_ns)
        return trade

    def new_id(self) -> str:
        """A name for a trade: eight hex digits, unused in this ledger."""
        while (trade_id := uuid4_text(self._desk.entropy)[:8]) in self._desk.ledger.trades:
            continue
        return trade_id

    def open(
        self, approved: Approved, trade_id: str, intents: tuple[Intent, ...], judged: Verdict | None = None
    ) -> TradeBook:
        """Fix identities, journal the whole intent, send; see `execute` for the errors. What a person asks for is not judged."""
        desk = self._desk
        if approved.expired(desk.clock.wall()):
            raise ExecutionFailedError("the approval has expired; its books are old")
        if len(desk.sendable(intents)) < len(intents):
            raise ExecutionFailedError("an order is in flight in a market whose venue does not name orders")
        deadline = desk.clock.wall() + desk.send_window_ns
        try:
            prepared = [desk.trading[venue_of(i.claim.market)].prepare(i, deadline) for i in intents]
        except InvalidOrder as error:
            raise ExecutionFailedError(f"an order cannot be built: {error}") from error
        plans = tuple(
            order_plan(intent, order, desk.markets[intent.claim.market])
            for intent, order in zip(intents, prepared, strict=True)
        )
        opened = _opening(trade_id, approved, plans)
        if desk.config.mode is Mode.DRY_RUN:
            desk.record(
                opened,
                *(OrderMoved(trade_id, plan.id, OrderEvent.DRY_RUN) for plan in plans),
                TradeTurned(trade_id, Turn.DRY_RUN, "dry run"),
            )
            self._announce(trade_id, approved, judged)
            raise DryRunError(f"trade {trade_id}: dry run, nothing is sent")
        refused = desk.admit(intents)
        if refused is not None:
            raise ExecutionFailedError(refused.text)
        desk.record(
            opened,
            TradeTurned(trade_id, Turn.START),
            *(OrderMoved(trade_id, plan.id, OrderEvent.SEND) for plan in plans),
        )
        for intent, order in zip(intents, prepared, strict=True):
            desk.track(order.identity, trade_id, intent.id)
        trade = desk.ledger.trades[trade_id]
        self._trades.drive(trade).dispatch(prepared)
        self._announce(trade_id, approved, judged)
        return trade

    def _announce(self, trade_id: str, approved: Approved, judged: Verdict | None) -> None:
        opportunity = approved.opportunity
        why = {}
        if judged is not None:
            why = {"order": str(judged.sequencing), "expected": str(judged.point), "at_least": str(judged.lower)}
        self._desk.log.info(
            "trade opened",
            trade=trade_id,
            legs=[
                f"{format_micros(leg.size, trim=True)} {leg.claim} at {format_micros(leg.limit, trim=True)} or better"
                for leg in approved.legs
            ],
            profit=format_dollars(opportunity.profit, 4),
            worst_cost=format_dollars(approved.worst_cost, 4),
            **why,
        )


def _opening(trade_id: str, approved: Approved, plans: tuple[OrderPlan, ...]) -> TradeOpened:
    """The fact that opens a trade: the whole intent."""
    opportunity = approved.opportunity
    link = opportunity.bundle.link
    quotes = {leg.claim: leg for leg in opportunity.legs}
    return TradeOpened(
        trade=trade_id,
        link=link.id,
        kind=link.kind.value,
        event=link.event,
        guaranteed=opportunity.bundle.guaranteed,
        size=opportunity.size,
        expected_profit=opportunity.profit,
        roi=opportunity.roi,
        legs=tuple(
            LegPlan(
                market=leg.claim.market,
                outcome=leg.claim.outcome,
                pool=leg.pool,
                size=leg.size,
                limit=leg.limit,
                cash=quotes[leg.claim].cash,
                fee=quotes[leg.claim].fee,
                worst=leg.worst,
                taker_delay_ns=leg.taker_delay_ns,
            )
            for leg in approved.legs
        ),
        orders=plans,
    )
