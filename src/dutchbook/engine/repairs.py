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
from dutchbook.core.facts import AnyFact, LotsMarked, TradeTurned
from dutchbook.core.money import MICRO, format_dollars, format_micros, parse_micros
from dutchbook.core.position import TradeBook
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

AGAIN_NS: Final = 500 * MILLISECOND
"""Pause between two sales of a locked trade: a book that moved away may be back."""

POLL_NS: Final = 20 * MILLISECOND


class Repairs:
    """The verbs trade_complete, trade_unwind, trade_hand_over and trade_mark. Each wants `trade` and `reason`."""

    def __init__(self, desk: Desk, trades: Trades) -> None:
        self._desk = desk
        self._trades = trades

    def register(self, commands: Commands) -> None:
        """Make them available."""
        commands.register("trade_complete", self.complete)
        commands.register("trade_unwind", self.unwind)
        commands.register("trade_hand_over", self.hand_over)
        commands.register("trade_mark", self.mark)

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
