"""What a trade does next: a pure function of its facts, the newest books and the time.

Theory of operation. A trade advances in rounds. While an order of a round is open, wait for the venue's word: an UNKNOWN
order is asked about, a resting one is cancelled, a count that the fills do not explain is asked for. When every order has
ended and every count is explained, the counts decide (see `core.trade`): equal and positive locks, all zero is a miss or a
roll-back, and otherwise the best balancing of `execution.balance` is placed as the next round. Nothing here sends, sleeps
or reads a clock, and nothing is remembered outside the trade's own facts, so a restart decides as the first run would have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.market import Market
from dutchbook.core.money import Price, Size, format_micros
from dutchbook.core.order import Action, Intent, OrderState, TimeInForce
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.execution.actions import Ask, AskFills, Cancel, Finish, Place, Step, Void, Wait
from dutchbook.execution.balance import Balancing, Correction, Holding, balancings, slices
from dutchbook.risk.approved import Approved


@dataclass(frozen=True, slots=True)
class Policy:
    """How execution behaves; times in nanoseconds.

    `rounds` is how many rounds of orders a trade may use before it is called NAKED; it is worked on after that, once every
    `naked_retry_ns`. The same pause follows `fruitless` orders on a leg that brought nothing. `absence_margin_ns` is per
    venue: see rule 5 of the design.
    """

    absence_margin_ns: Mapping[str, int]
    rounds: int = 6
    fruitless: int = 2
    naked_retry_ns: int = SECOND
    poll_ns: int = 200 * MILLISECOND
    ask_ns: int = 500 * MILLISECOND
    rest_ns: int = 60 * SECOND
    absences_needed: int = 2


_MAY_REST = frozenset({TimeInForce.GTC, TimeInForce.GTD})
"""What a person has put into the book on purpose; anything else that rests is taken out."""


def first_round(approved: Approved, trade: str) -> tuple[Intent, ...]:
    """The orders that open a trade: all legs fill-or-kill in parallel; if legs have a taker delay, those legs alone.

    A delayed leg is uncertain and cannot be cancelled, so the others wait and are sized to what it really filled.
    """
    legs = list(enumerate(approved.legs))
    delayed = [(i, leg) for i, leg in legs if leg.taker_delay_ns]
    return tuple(
        Intent(
            id=f"{trade}.{i}.1",
            trade=trade,
            leg=i,
            claim=leg.claim,
            action=Action.BUY,
            size=leg.size,
            limit=leg.limit,
            tif=TimeInForce.IOC if delayed and len(delayed) == 1 and len(legs) > 1 else TimeInForce.FOK,
        )
        for i, leg in (delayed or legs)
    )


def decide(
    trade: TradeBook,
    books: Mapping[MarketId, Book],
    markets: Mapping[MarketId, Market],
    now_ns: int,
    wall_ns: int,
    policy: Policy,
) -> list[Step]:
    """The next steps of a working trade. `now_ns` is monotonic, `wall_ns` wall time."""
    waiting = [step for row in trade.orders() if (step := _order_step(trade, row, now_ns, wall_ns, policy))]
    if waiting:
        return waiting
    holdings = [Holding(leg.claim, leg.held, leg.sellable) for leg in trade.legs]
    counts = {int(h.held) for h in holdings}
    if counts == {0}:
        return [_flat(trade)]
    if len(counts) == 1:
        return [Finish(Turn.LOCK, f"{format_micros(counts.pop(), trim=True)} contracts on every leg")]
    return [_rebalance(trade, holdings, books, markets, now_ns, wall_ns, policy)]


def _order_step(trade: TradeBook, row: OrderRow, now_ns: int, wall_ns: int, policy: Policy) -> Step | None:
    """What an unfinished order needs; None when it has ended and its fills are known."""
    order = row.plan.id
    match row.state:
        case OrderState.UNKNOWN:
            margin = policy.absence_margin_ns[trade.legs[row.plan.leg].plan.pool.partition(":")[0]]
            evidence = [as_of for as_of in row.absences if as_of > row.plan.send_by_ns + margin]
            if len(evidence) >= policy.absences_needed and not row.fills:
                return Void(order)
            return Ask(order)
        case OrderState.RESTING if row.plan.tif in _MAY_REST:
            return Wait(now_ns + policy.rest_ns, f"order {order} rests")
        case OrderState.RESTING:
            return Cancel(order)
        case OrderState.DELAYED:
            return Ask(order)
        case OrderState.PLANNED | OrderState.SENT:
            return Wait(now_ns + policy.ask_ns, f"order {order} is out")
        case _:
            return None if row.accounted else AskFills(order)


def _flat(trade: TradeBook) -> Finish:
    if any(row.fills for row in trade.orders()):
        return Finish(Turn.FLATTEN, trade.reason or "unwound")
    reasons = [f"{row.code or row.state.value}: {row.reason}".rstrip(": ") for row in trade.orders() if row.ended]
    turn = Turn.FLATTEN if trade.phase is not Phase.EXECUTING else Turn.MISS
    return Finish(turn, "; ".join(reasons) or "nothing filled")


def _rebalance(
    trade: TradeBook,
    holdings: list[Holding],
    books: Mapping[MarketId, Book],
    markets: Mapping[MarketId, Market],
    now_ns: int,
    wall_ns: int,
    policy: Policy,
) -> Step:
    naked = trade.phase is Phase.NAKED
    paid = [leg.claim.market for leg in trade.legs if leg.settled]
    if paid:
        # nothing can be made equal any more: what is left waits for its own market
        return _stuck(trade, f"{paid[0]} has paid already", now_ns, policy)
    dead = [h.claim.market for h in holdings if not books[h.claim.market].live]
    if dead and not naked:
        # ways cannot be compared without it; a naked trade does what the other books allow
        return _stuck(trade, f"the book of {dead[0]} is not live", now_ns, policy)
    ways = balancings(holdings, Price(trade.opened.guaranteed), Size(trade.opened.size), books, markets)
    best = next((way for way in ways if not _refused(trade, way)), ways[0] if ways else None)
    best = best or slices(holdings, books, markets)
    if best is None:
        return _stuck(trade, "no executable price on a leg", now_ns, policy)
    if not best.corrections:
        # what differs is below every minimum: it stays as directional dust and is counted as such
        turn = Turn.LOCK if best.count else Turn.FLATTEN
        dust = ", ".join(
            f"{format_micros(size, trim=True)} of {holdings[i].claim}" for i, size in enumerate(best.dust) if size
        )
        return Finish(turn, f"dust below the venue's minimum stays: {dust}")
    if best.waits_for_settlement:
        return Wait(now_ns + policy.poll_ns, "bought contracts are not settled yet and cannot be sold")
    if trade.rounds >= policy.rounds and not naked:
        return Finish(Turn.STRAND, f"legs still unequal after {trade.rounds} rounds of orders")
    if naked or any(_fruitless(trade, c) >= policy.fruitless for c in best.corrections):
        rest_ns = trade.turned_ns + policy.naked_retry_ns - wall_ns
        if rest_ns > 0:
            return Wait(now_ns + rest_ns, "the last orders brought nothing")
    turn = Turn.HEDGE if any(c.action is Action.BUY for c in best.corrections) else Turn.UNWIND
    return Place(turn, _words(best, holdings), tuple(_intent(trade, c, holdings) for c in best.corrections))


def _stuck(trade: TradeBook, reason: str, now_ns: int, policy: Policy) -> Step:
    if trade.phase is Phase.NAKED:
        return Wait(now_ns + policy.naked_retry_ns, reason)
    return Finish(Turn.STRAND, reason)


def _attempts(trade: TradeBook, correction: Correction) -> list[OrderRow]:
    """Earlier orders of the same leg and action, newest first."""
    rows = trade.legs[correction.leg].orders
    return [row for row in reversed(rows) if row.plan.action is correction.action]


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


def _intent(trade: TradeBook, correction: Correction, holdings: list[Holding]) -> Intent:
    """First attempt of an unwind is fill-or-kill, later ones take what is there; a completing order takes what is there."""
    leg = correction.leg
    tries = len(trade.legs[leg].orders)
    sold_before = any(o.plan.action is Action.SELL for o in trade.legs[leg].orders)
    first_sale = correction.action is Action.SELL and not sold_before
    return Intent(
        id=f"{trade.id}.{leg}.{tries + 1}",
        trade=trade.id,
        leg=leg,
        claim=holdings[leg].claim,
        action=correction.action,
        size=correction.size,
        limit=correction.limit,
        tif=TimeInForce.FOK if first_sale else TimeInForce.IOC,
        reduce_only=correction.action is Action.SELL and not first_sale,
    )


def _words(best: Balancing, holdings: list[Holding]) -> str:
    held = " / ".join(format_micros(h.held, trim=True) for h in holdings)
    return f"legs hold {held}; going to {format_micros(best.count, trim=True)} on each"
