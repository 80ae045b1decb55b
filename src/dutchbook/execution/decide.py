"""What a trade does next: a pure function of its facts, the newest books and the time.

Theory of operation. A trade advances in rounds. While an order of a round is open, wait for the venue's word: an UNKNOWN
order is asked about, a resting one is cancelled, a count that the fills do not explain is asked for. When every order has
ended and every count is explained, the counts decide (see `core.trade`): equal and positive locks, all zero is a miss or
leaves the trade flat, and otherwise it is PARTIAL and the best balancing of `execution.balance` is the next round. What may not
be sold yet is paired with its opposite, or waited for. Nothing here sends, sleeps or reads a clock, and nothing is remembered
outside the trade's own facts, so a restart decides as the first run would have.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import takewhile

from dutchbook.core.book import Book
from dutchbook.core.claim import Claim, MarketId, venue_of
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.market import Market
from dutchbook.core.money import Cash, Price, Size, format_micros
from dutchbook.core.order import Action, Intent, OrderState, TimeInForce
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.execution.actions import Ask, AskFills, Cancel, Finish, Place, Step, Void, Wait
from dutchbook.execution.balance import (
    Balancing,
    Correction,
    Holding,
    balancings,
    price_order,
    slices,
    through_sets,
)


class Wish(Enum):
    """What a person wants of a trade whose legs are unequal; without one the cheaper way is taken."""

    COMPLETE = "complete"
    UNWIND = "unwind"


@dataclass(frozen=True, slots=True)
class Scene:
    """What deciding sees of the world: books and markets, cash that each pool has to spend, the time.

    A book named in `stale` has not been confirmed lately and is not used. `now_ns` is monotonic, `wall_ns` wall time.
    """

    books: Mapping[MarketId, Book]
    markets: Mapping[MarketId, Market]
    now_ns: int
    wall_ns: int
    stale: Container[MarketId] = ()
    cash: Mapping[str, Cash] = field(default_factory=dict)
    warming: bool = False
    """The engine has just started: books that are not there yet are still to come."""
    owned: Callable[[Claim], int] | None = None
    """Contracts of a claim that the account holds over all trades, less those of its opposite; None: the trade's are all."""

    def usable(self, market: MarketId) -> bool:
        """Whether a book may be priced on."""
        return self.books[market].live and market not in self.stale

    def closes(self, claim: Claim, size: Size) -> bool:
        """Whether a sale of so many closes only: another trade may hold the opposite, against which a venue nets."""
        return self.owned is None or self.owned(claim) >= size


@dataclass(frozen=True, slots=True)
class Policy:
    """How execution behaves; times in nanoseconds.

    `rounds` is how many rounds of orders a trade may use before it is called NAKED; it is worked on after that, once every
    `naked_retry_ns`. The same pause follows `fruitless` orders on a leg that brought nothing. `absence_margin_ns` is per
    venue: see rule 5 of the design. `merges` are venues where the engine may merge complete sets; elsewhere they are bought only
    when bought contracts are not settled after `settling_ns`. `reduce_only` names by venue the times in force with which a sale
    can be limited to what the account holds: a person may have sold it meanwhile.
    """

    absence_margin_ns: Mapping[str, int]
    rounds: int = 6
    fruitless: int = 2
    naked_retry_ns: int = SECOND
    poll_ns: int = 200 * MILLISECOND
    ask_ns: int = 500 * MILLISECOND
    rest_ns: int = 60 * SECOND
    absences_needed: int = 2
    settling_ns: int = 30 * SECOND
    merges: frozenset[str] = frozenset()
    reduce_only: Mapping[str, frozenset[TimeInForce]] = field(default_factory=dict)

    def closing(self, intent: Intent, scene: Scene) -> Intent:
        """The same sale in a form that never goes short, where its venue has one: better a part than a short position."""
        offered = self.reduce_only.get(venue_of(intent.claim.market), frozenset())
        if intent.action is not Action.SELL or not scene.closes(intent.claim, intent.size):
            return intent
        if intent.tif in offered:
            return replace(intent, reduce_only=True)
        if intent.tif is TimeInForce.FOK and TimeInForce.IOC in offered:
            return replace(intent, tif=TimeInForce.IOC, reduce_only=True)
        return intent


_ROUND_IS_OUT = frozenset({Phase.EXECUTING, Phase.HEDGING, Phase.UNWINDING})

_MAY_REST = frozenset({TimeInForce.GTC, TimeInForce.GTD})
"""What a person has put into the book on purpose; anything else that rests is taken out."""


def decide(trade: TradeBook, scene: Scene, policy: Policy, wish: Wish | None = None) -> list[Step]:
    """The next steps of a working trade."""
    waiting = [step for row in trade.orders() if (step := _order_step(trade, row, scene, policy))]
    if waiting:
        return waiting
    holdings = [Holding(leg.claim, leg.held, leg.sellable) for leg in trade.legs]
    counts = {int(h.held) for h in holdings}
    if counts == {0}:
        return [_flat(trade)]
    if len(counts) == 1 and min(counts) > 0:
        return [Finish(Turn.LOCK, f"{format_micros(counts.pop(), trim=True)} contracts on every leg")]
    if trade.phase in _ROUND_IS_OUT:
        return [Finish(Turn.FALL_SHORT, f"legs hold {_counts(holdings)}")]
    return [_rebalance(trade, holdings, scene, policy, wish)]


def exit_sales(trade: TradeBook, scene: Scene) -> tuple[Correction, ...] | None:
    """The sale of every leg of a LOCKED trade, whole, at what its book takes now; None when one cannot be sold: nothing is
    begun that cannot be finished."""
    sales = []
    for index, leg in enumerate(trade.legs):
        market = leg.claim.market
        if leg.settled or not leg.held or leg.sellable < leg.held or not scene.usable(market):
            return None
        demand = scene.books[market].demand(leg.claim.outcome)
        sale = price_order(demand, scene.markets[market], Action.SELL, leg.held)
        if sale is None:
            return None
        sales.append(replace(sale, leg=index))
    return tuple(sales)


def exit_round(trade: TradeBook, scene: Scene, policy: Policy) -> tuple[Intent, ...] | None:
    """Orders for `exit_sales`, each fill-or-kill where a venue needs no other form to keep a sale from going short; None when
    there is none."""
    sales = exit_sales(trade, scene)
    if sales is None:
        return None
    intents = (_intent(trade, sale, trade.legs[sale.leg].claim) for sale in sales)
    # fill-or-kill also after an earlier sale
    return tuple(policy.closing(replace(intent, tif=TimeInForce.FOK), scene) for intent in intents)


def _order_step(trade: TradeBook, row: OrderRow, scene: Scene, policy: Policy) -> Step | None:
    """What an unfinished order needs; None when it has ended and its fills are known."""
    now_ns = scene.now_ns
    order = row.plan.id
    match row.state:
        case OrderState.UNKNOWN | OrderState.DELAYED:
            margin = policy.absence_margin_ns[trade.legs[row.plan.leg].plan.pool.partition(":")[0]]
            evidence = [as_of for as_of in row.absences if as_of > row.plan.send_by_ns + margin]
            if len(evidence) >= policy.absences_needed and not row.fills:
                return Void(order)
            return Ask(order)
        case OrderState.RESTING if row.plan.tif in _MAY_REST:
            return Wait(now_ns + policy.rest_ns, f"order {order} rests")
        case OrderState.RESTING:
            return Cancel(order)
        case OrderState.PLANNED | OrderState.SENT:
            return Wait(now_ns + policy.ask_ns, f"order {order} is out")
        case _:
            return None if row.accounted else AskFills(order)


def _flat(trade: TradeBook) -> Finish:
    if any(row.fills for row in trade.orders()):
        return Finish(Turn.FLATTEN, trade.reason or "unwound")
    reasons = dict.fromkeys(_why(row) for row in trade.orders() if row.ended)
    turn = Turn.FLATTEN if trade.phase is not Phase.EXECUTING else Turn.MISS
    return Finish(turn, "; ".join(reasons) or "nothing filled")


def _why(row: OrderRow) -> str:
    """Code and reason of an order that ended, the code once."""
    code = row.code or row.state.value
    return row.reason if row.reason.casefold().startswith(code.casefold()) else f"{code}: {row.reason}".rstrip(": ")


def _rebalance(trade: TradeBook, holdings: list[Holding], scene: Scene, policy: Policy, wish: Wish | None) -> Step:
    naked = trade.phase is Phase.NAKED
    paid = [leg.claim.market for leg in trade.legs if leg.settled]
    if paid:
        # nothing can be made equal any more: what is left waits for its own market
        return _stuck(trade, f"{paid[0]} has paid already", scene, policy)
    dead = [h.claim.market for h in holdings if not scene.usable(h.claim.market)]
    if dead and not naked:
        # ways cannot be compared without it; a naked trade does what the other books allow
        if scene.warming or (trade.phase is Phase.SETTLING and not _overdue(trade, scene, policy)):
            return Wait(scene.now_ns + policy.poll_ns, f"the book of {dead[0]} is not live yet")
        return _stuck(trade, f"the book of {dead[0]} is not live", scene, policy)
    books = {h.claim.market: scene.books[h.claim.market] for h in holdings if h.claim.market not in dead}
    ways = balancings(holdings, Price(trade.opened.guaranteed), Size(trade.opened.size), books, scene.markets)
    ways = _as_wished(ways, wish)
    best = next((way for way in ways if not _refused(trade, way)), ways[0] if ways else None)
    best = best or slices(holdings, books, scene.markets)
    if best is None:
        return _stuck(trade, "no executable price on a leg", scene, policy)
    if not best.corrections:
        # what differs is below every minimum: it stays as directional dust and is counted as such
        turn = Turn.LOCK if best.count else Turn.FLATTEN
        dust = ", ".join(
            f"{format_micros(size, trim=True)} of {holdings[i].claim}" for i, size in enumerate(best.dust) if size
        )
        return Finish(turn, f"dust below the venue's minimum stays: {dust}")
    if best.waits_for_settlement:
        paired = (
            through_sets(best, holdings, books, scene.markets, scene.cash) if _may_pair(trade, scene, policy) else None
        )
        if paired is None or _refused(trade, paired):
            reason = "bought contracts are not settled yet and cannot be sold"
            return (
                Finish(Turn.AWAIT, reason)
                if trade.phase is Phase.PARTIAL
                else Wait(scene.now_ns + policy.poll_ns, reason)
            )
        best = paired
    if trade.rounds >= policy.rounds and not naked:
        return Finish(Turn.STRAND, f"legs still unequal after {trade.rounds} rounds of orders")
    if naked or any(_fruitless(trade, c) >= policy.fruitless for c in best.corrections):
        rest_ns = trade.turned_ns + policy.naked_retry_ns - scene.wall_ns
        if 0 < rest_ns <= policy.naked_retry_ns:
            return Wait(scene.now_ns + rest_ns, "the last orders brought nothing")
    turn = Turn.HEDGE if any(c.action is Action.BUY and not c.opposite for c in best.corrections) else Turn.UNWIND
    intents = tuple(policy.closing(_intent(trade, c, holdings[c.leg].claim), scene) for c in best.corrections)
    towards = f"legs hold {_counts(holdings)}; going to {format_micros(best.count, trim=True)} on each"
    return Place(turn, towards + _instead(wish, best), intents)


def _may_pair(trade: TradeBook, scene: Scene, policy: Policy) -> bool:
    """Whether complete sets are a way out now: at once where they can be merged, else only when settlement is overdue, because
    their cash stays bound until the market pays."""
    venues = {venue_of(leg.claim.market) for leg in trade.legs if leg.held > leg.sellable}
    return venues <= policy.merges or (trade.phase is Phase.SETTLING and _overdue(trade, scene, policy))


def _overdue(trade: TradeBook, scene: Scene, policy: Policy) -> bool:
    """Whether what the trade waits for should have happened."""
    return scene.wall_ns - trade.turned_ns > policy.settling_ns


def _as_wished(ways: list[Balancing], wish: Wish | None) -> list[Balancing]:
    """Those ways that a person asked for; all of them when none is of that kind."""
    if wish is None or not ways:
        return ways
    counts = [way.count for way in ways]
    target = max(counts) if wish is Wish.COMPLETE else min(counts)
    return [way for way in ways if way.count == target]


def _instead(wish: Wish | None, way: Balancing) -> str:
    """What a person must be told when the books allow no way of the kind that they asked for."""
    other = Action.SELL if wish is Wish.COMPLETE else Action.BUY
    if wish is None or not any(step.action is other and not step.opposite for step in way.corrections):
        return ""
    return f"; it was to {wish.value}, but the books allow no such way now"


def _stuck(trade: TradeBook, reason: str, scene: Scene, policy: Policy) -> Step:
    if trade.phase is Phase.NAKED:
        return Wait(scene.now_ns + policy.naked_retry_ns, reason)
    return Finish(Turn.STRAND, reason)


def _attempts(trade: TradeBook, correction: Correction) -> list[OrderRow]:
    """Earlier orders of the same leg and kind, newest first."""
    rows = trade.legs[correction.leg].orders
    kind = (correction.action, correction.opposite)
    return [row for row in reversed(rows) if (row.plan.action, row.plan.opposite) == kind]


def _fruitless(trade: TradeBook, correction: Correction) -> int:
    """How many orders like this one, counted from the newest, brought nothing."""
    return sum(1 for _ in takewhile(lambda row: not row.fills, _attempts(trade, correction)))


def _refused(trade: TradeBook, way: Balancing) -> bool:
    """Whether the venue has refused an order of this way twice running: another way out comes first."""
    for correction in way.corrections:
        newest = _attempts(trade, correction)[:2]
        if len(newest) == 2 and all(row.state is OrderState.REJECTED for row in newest):
            return True
    return False


def _intent(trade: TradeBook, correction: Correction, claim: Claim) -> Intent:
    """First attempt of an unwind is fill-or-kill, later ones take what is there; a completing order takes what is there. What a
    venue wants of a sale that must not go short is `Policy.closing`."""
    leg = correction.leg
    orders = trade.legs[leg].orders
    selling = correction.action is Action.SELL
    leaving = selling or correction.opposite
    first = not any(o.plan.action is Action.SELL or o.plan.opposite for o in orders)
    return Intent(
        id=f"{trade.id}.{leg}.{len(orders) + 1}",
        trade=trade.id,
        leg=leg,
        claim=claim.opposite if correction.opposite else claim,
        action=correction.action,
        size=correction.size,
        limit=correction.limit,
        tif=TimeInForce.FOK if leaving and first else TimeInForce.IOC,
        opposite=correction.opposite,
    )


def _counts(holdings: list[Holding]) -> str:
    return " / ".join(format_micros(h.held, trim=True) for h in holdings)
