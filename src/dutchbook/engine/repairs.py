"""A person's repairs of single trades (M47): complete, unwind, hand over, mark. As commands to a running engine, or as facts
for a ledger that no engine holds.

Reads a command's words and refuses them in words; what a repair does is `engine.trades`, and what it may do `execution.repair`.
Every repair has a reason, which is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dutchbook.core.claim import MarketId
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import Skip
from dutchbook.core.facts import AnyFact, Filled, LotsMarked, OrderMoved, TradeTurned
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import MICRO, Price, Rounding, Size, format_dollars, format_micros, notional, parse_micros
from dutchbook.core.order import Action, OrderEvent, OrderState
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.engine.commands import Commands
from dutchbook.engine.desk import Desk
from dutchbook.engine.trades import Trades
from dutchbook.execution.decide import Wish
from dutchbook.execution.repair import after_mark, require_handing_over
from dutchbook.ledger.projection import Ledger

PATIENCE_NS: Final = 6 * SECOND
"""How long a repair is waited for before it is answered; it goes on afterwards."""

BOOKS_NS: Final = 3 * SECOND
"""How long the books of a trade are waited for before it is sold."""

VOID_AFTER_NS: Final = 60 * SECOND
"""How long after an order's deadline a person may say that it is void."""

AGAIN_NS: Final = 500 * MILLISECOND
"""Pause between two sales of a locked trade: a book that moved away may be back."""

POLL_NS: Final = 20 * MILLISECOND

_OPEN: Final = frozenset({OrderState.UNKNOWN, OrderState.DELAYED})
_UNTOLD: Final = _OPEN | {OrderState.VOIDED}


class Repairs:
    """The verbs trade_complete, trade_unwind, trade_hand_over, trade_mark, trade_void, trade_fill. Each wants `trade` (the last
    two `order`) and `reason`."""

    def __init__(self, desk: Desk, trades: Trades) -> None:
        self._desk = desk
        self._trades = trades

    def register(self, commands: Commands) -> None:
        """Make them available."""
        commands.register("trade_complete", self.complete)
        commands.register("trade_unwind", self.unwind)
        commands.register("trade_hand_over", self.hand_over)
        commands.register("trade_mark", self.mark)
        commands.register("trade_void", self.void)
        commands.register("trade_fill", self.fill)

    async def complete(self, arguments: Mapping[str, str]) -> str:
        """Buy what is missing of a trade whose legs are unequal, as far as books and venues allow."""
        trade, reason = self._sending(arguments)
        self._trades.wish(trade, Wish.COMPLETE, reason)
        return await self._came_of_it(trade)

    async def unwind(self, arguments: Mapping[str, str]) -> str:
        """Sell what a trade holds: the surplus of unequal legs, or every leg of a locked one (an early exit)."""
        trade, reason = self._sending(arguments)
        if trade.phase is Phase.LOCKED:
            await self._books_of(trade)
            return await self._sold_whole(trade, reason)
        self._trades.wish(trade, Wish.UNWIND, reason)
        return await self._came_of_it(trade)

    async def hand_over(self, arguments: Mapping[str, str]) -> str:
        """Leave a naked trade, or a locked one, to a person from here."""
        trade = named_trade(self._desk.ledger, arguments)
        self._trades.hand_over(trade, reason_given(arguments))
        return handed_over(trade)

    async def mark(self, arguments: Mapping[str, str]) -> str:
        """Book what a person did outside."""
        mark = read_mark(self._desk.ledger, arguments)
        trade = self._desk.ledger.trades[mark.trade]
        self._trades.mark(mark)
        return f"{marked(mark)}; {await self._came_of_it(trade)}"

    async def void(self, arguments: Mapping[str, str]) -> str:
        """End an order of unknown fate by a person's word: the venue has shown them that it never had it, or ended it."""
        entry = void_fact(self._desk.ledger, arguments, self._desk.clock.wall())
        trade = self._desk.ledger.trades[entry.trade]
        self._trades.tell(trade, entry)
        return f"order {entry.order} is void; {await self._came_of_it(trade)}"

    async def fill(self, arguments: Mapping[str, str]) -> str:
        """End an order of unknown fate by a person's word: the venue has shown them what it filled."""
        facts = fill_facts(self._desk.ledger, arguments, self._desk.clock.wall())
        trade = named_trade(self._desk.ledger, {"trade": arguments["order"].partition(".")[0]})
        self._trades.tell(trade, *facts)
        return f"order {arguments['order']} has ended; {await self._came_of_it(trade)}"

    def _sending(self, arguments: Mapping[str, str]) -> tuple[TradeBook, str]:
        trade, reason = named_trade(self._desk.ledger, arguments), reason_given(arguments)
        if not self._desk.config.sending:
            raise Skip(
                "EXECUTOR_ENABLED is not true: nothing is sent, so nothing is bought or sold; turn the second key"
            )
        return trade, reason

    async def _sold_whole(self, trade: TradeBook, reason: str) -> str:
        """Sell every leg, again while fill-or-kill finds the books moved away. Raises Skip when the time is over before that."""
        clock = self._desk.clock
        deadline = clock.monotonic() + PATIENCE_NS
        while True:
            try:
                self._trades.exit(trade, reason)
                trouble = "its books moved away before the sale came in"
            except Skip as refused:
                trouble = str(refused)
            await self._until(lambda: not trade.working, deadline - clock.monotonic())
            if trade.phase is not Phase.LOCKED:
                return standing(trade)
            if any(leg.settled for leg in trade.legs) or clock.monotonic() + AGAIN_NS >= deadline:
                raise Skip(f"{standing(trade)}. Nothing was sold: {trouble}; try again")
            await clock.sleep(AGAIN_NS)

    async def _books_of(self, trade: TradeBook) -> None:
        """Raises Skip when a book of the trade does not come alive."""
        missing = [leg.claim.market for leg in trade.legs if not leg.settled]
        await self._until(lambda: all(map(self._live, missing)), BOOKS_NS)
        dead = [market for market in missing if not self._live(market)]
        if dead:
            raise Skip(f"trade {trade.id}: the book of {', '.join(dead)} is not live; try again when the feed is back")

    def _live(self, market: MarketId) -> bool:
        book = self._desk.books.get(market)
        return book is not None and book.live

    async def _came_of_it(self, trade: TradeBook) -> str:
        await self._until(lambda: not trade.working, PATIENCE_NS)
        return standing(trade)

    async def _until(self, done: Callable[[], bool], patience_ns: int) -> None:
        clock = self._desk.clock
        deadline = clock.monotonic() + patience_ns
        while not done() and clock.monotonic() < deadline:
            await clock.sleep(POLL_NS)


def standing(trade: TradeBook) -> str:
    """How a trade stands, in a sentence."""
    text = f"trade {trade.id} is {trade.result.replace('_', ' ')}{': ' + trade.reason if trade.reason else ''}"
    if trade.working:
        return f"{text}; it is being worked on"
    if trade.phase is Phase.LOCKED:
        return f"{text}; it locks {format_dollars(trade.locked_profit, 4)}"
    return f"{text}; result so far {format_dollars(trade.pnl, 4)}"


def handed_over(trade: TradeBook) -> str:
    """What follows for the person."""
    return f"{standing(trade)}. The engine leaves it alone; book what you do outside with `dutchbook trade mark {trade.id}`"


def marked(mark: LotsMarked) -> str:
    """A mark in words."""
    return (
        f"booked on leg {mark.leg} of trade {mark.trade}: {format_micros(mark.size, trim=True)} contracts, "
        f"{format_dollars(mark.cash, 6)}"
    )


def mark_facts(ledger: Ledger, arguments: Mapping[str, str]) -> tuple[LotsMarked, tuple[AnyFact, ...]]:
    """A mark and everything that it puts into the ledger. Raises Skip when it cannot be."""
    mark = read_mark(ledger, arguments)
    turn = after_mark(ledger.trades[mark.trade], mark)
    return mark, (mark, *((TradeTurned(mark.trade, turn, mark.reason),) if turn else ()))


def hand_over_facts(ledger: Ledger, arguments: Mapping[str, str]) -> tuple[AnyFact, ...]:
    """What handing a trade over puts into the ledger. Raises Skip when it cannot be."""
    trade = named_trade(ledger, arguments)
    require_handing_over(trade)
    return (TradeTurned(trade.id, Turn.HAND_OVER, reason_given(arguments)),)


def void_fact(ledger: Ledger, arguments: Mapping[str, str], wall_ns: int) -> OrderMoved:
    """What ends an order by a person's word. Raises Skip for an order whose fate is known, or that may still leave or arrive.

    A fill that comes all the same reopens the order, and its trade.
    """
    (trade, row), reason = _named_order(ledger, arguments), reason_given(arguments)
    name = row.plan.id
    if row.state not in _OPEN:
        raise Skip(f"order {name} is {row.state.value}: only one whose fate is not known is ended by hand")
    if row.fills:
        raise Skip(
            f"order {name} has filled {format_micros(row.filled, trim=True)}: it is not void; the venue is asked on"
        )
    _require_arrived(row, wall_ns)
    return OrderMoved(trade.id, name, OrderEvent.VOID, reason=f"by hand: {reason}")


def fill_facts(ledger: Ledger, arguments: Mapping[str, str], wall_ns: int) -> tuple[AnyFact, ...]:
    """What ends an order with the fill that a person has seen at the venue: `contracts` more than the ledger knows, for `cash`,
    with `fee`; none where the known fills are all. Raises Skip, naming the field, for what cannot be.

    A fill that the venue tells later takes its place and has the trade looked at again.
    """
    (trade, row), reason = _named_order(ledger, arguments), reason_given(arguments)
    plan, name = row.plan, row.plan.id
    if trade.phase in (Phase.HANDED_OVER, Phase.SETTLED, Phase.DRY_RUN):
        raise Skip(f"trade {trade.id} is {trade.result}: book what is missing with `dutchbook trade mark`")
    if row.state not in _UNTOLD and (row.state is not OrderState.DONE or row.accounted):
        raise Skip(f"order {name} is {row.state.value}: only one whose fate or fills are not known is ended by hand")
    _require_arrived(row, wall_ns)
    size, cash, fee = (_amount(arguments, field) for field in ("contracts", "cash", "fee"))
    if min(size, cash, fee) < 0:
        raise Skip("--contracts, --cash, --fee: write them without a sign; the order says whether it buys or sells")
    left = (row.reported if row.state is OrderState.DONE else plan.size) - row.filled - sum(row.reversed.values())
    if size > left:
        raise Skip(f"--contracts: order {name} can have filled {format_micros(left, trim=True)} more at most")
    if not size and (cash or fee or not row.fills or row.state is OrderState.DONE):
        raise Skip(f"--contracts: zero; an order that has filled nothing at all is `dutchbook trade void {name}`")
    worst = notional(Price(plan.limit), Size(size), Rounding.CEIL if plan.action is Action.BUY else Rounding.FLOOR)
    beyond = cash > worst if plan.action is Action.BUY else not worst <= cash <= size
    if beyond or (size and not cash):
        raise Skip(
            f"--cash: {format_micros(size, trim=True)} contracts at the limit {format_micros(plan.limit, trim=True)} or better "
            f"are not {format_dollars(cash, 6)}"
        )
    by = arguments.get("by", "operator")
    number = sum(bool(fill.by) for fill in row.fills.values()) + 1
    told = (
        Filled(trade.id, name, f"by hand {number}", size, cash, fee, Liquidity.TAKER, wall_ns, by=by),
        *((TradeTurned(trade.id, Turn.REOPEN, reason),) if not trade.working else ()),
    )
    ended = OrderMoved(trade.id, name, OrderEvent.FINISH, filled=row.filled + size, reason=f"by hand: {reason}")
    return (*(told if size else ()), ended)


def _named_order(ledger: Ledger, arguments: Mapping[str, str]) -> tuple[TradeBook, OrderRow]:
    name = arguments.get("order", "")
    trade = ledger.trades.get(name.partition(".")[0])
    row = None if trade is None else next((row for row in trade.orders() if row.plan.id == name), None)
    if trade is None or row is None:
        raise Skip(f"order {name or '(none named)'}: not in this ledger; `dutchbook trade show` lists a trade's orders")
    return trade, row


def _require_arrived(row: OrderRow, wall_ns: int) -> None:
    if wall_ns <= row.plan.send_by_ns + VOID_AFTER_NS:
        raise Skip(f"order {row.plan.id} may still be on its way; wait a minute and look at the venue again")


def named_trade(ledger: Ledger, arguments: Mapping[str, str]) -> TradeBook:
    """The trade that a command names. Raises Skip for one that is not there."""
    name = arguments.get("trade", "")
    trade = ledger.trades.get(name)
    if trade is None:
        raise Skip(f"trade {name or '(none named)'}: not in this ledger; `dutchbook trades` lists what is")
    return trade


def reason_given(arguments: Mapping[str, str]) -> str:
    """Raises Skip without a reason: the ledger must tell later why a person stepped in."""
    reason = arguments.get("reason", "").strip()
    if not reason:
        raise Skip("--reason: missing; say why in a few words, it is kept in the ledger")
    return reason


def read_mark(ledger: Ledger, arguments: Mapping[str, str]) -> LotsMarked:
    """The counter-entry that a command's words describe. Raises Skip naming the field for words that make no sense."""
    trade, reason = named_trade(ledger, arguments), reason_given(arguments)
    leg = arguments.get("leg", "")
    if not (leg.isascii() and leg.isdigit()):
        raise Skip(f"--leg: {leg!r} is not a number; `dutchbook trade show {trade.id}` numbers the legs, from 0")
    size, cash = _amount(arguments, "contracts"), _amount(arguments, "cash")
    if not size and not cash:
        raise Skip(
            "--contracts, --cash: both are zero, so there is nothing to book; give what came in (+) or went out (-)"
        )
    if (size > 0 and cash > 0) or (size < 0 and cash < 0):
        raise Skip(
            "--contracts, --cash: contracts that came in (+) cost cash (-), and contracts that went out (-) bring it (+); "
            "one of the two signs is wrong"
        )
    if size and abs(cash) > abs(size):
        raise Skip(
            f"--cash: {format_micros(cash, trim=True)} for {format_micros(size, trim=True)} contracts is more than the "
            f"{format_dollars(MICRO)} that a contract can be worth; check both figures"
        )
    return LotsMarked(trade.id, int(leg), size, cash, reason, arguments.get("by", "operator"))


def _amount(arguments: Mapping[str, str], name: str) -> int:
    text = arguments.get(name, "0")
    try:
        return parse_micros(text.removeprefix("+"), f"--{name}")
    except ValueError as error:
        raise Skip(f"{error}; write it as a plain number with its sign, for example +10 or -4.25") from None
