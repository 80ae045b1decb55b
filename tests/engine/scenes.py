"""What several stories begin with: a command from another process, orders at rest, a locked trade, a loss."""

from __future__ import annotations

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.money import Price, Size
from dutchbook.core.order import OrderState, TimeInForce
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase
from dutchbook.ledger.inbox import Answer, Inbox
from engine.parts import CENT, DOLLAR, LATENCY_NS
from engine.rig import Process, Rig, cross, uncross


async def command(rig: Rig, verb: str, /, **arguments: str) -> Answer:
    """As another process does: into the ledger's inbox, then wait for the answer."""
    with Inbox.of_sender(rig.folder / "ledger.db") as sender:
        number = sender.send(verb, arguments, "operator", rig.clock.wall())
        await rig.until(lambda: sender.answer(number) is not None, 10)
        answer = sender.answer(number)
        assert answer is not None
        return answer


def rest(process: Process, venue: str, market: str = "rain") -> TradeBook:
    """Ten YES wanted at 30 cents, good till cancelled: far from the ask."""
    native = f"kalshi:KX{market.upper()}-Y" if venue == "kalshi" else f"polymarket:{market}"
    claim = Claim(MarketId(native), Outcome.YES)
    return process.engine.by_hand.buy(claim, Size(10 * DOLLAR), Price(30 * CENT), TimeInForce.GTC)


async def rest_everywhere(rig: Rig, process: Process) -> list[TradeBook]:
    """One resting order at each venue."""
    trades = [rest(process, venue) for venue in ("kalshi", "polymarket")]
    await rig.until(lambda: all(row.state is OrderState.RESTING for trade in trades for row in trade.orders()))
    return trades


async def at_rest_at_the_venues(process: Process) -> int:
    return sum([len(await trading.open_orders()) for trading in process.engine.desk.trading.values()])


async def lock(rig: Rig, process: Process, market: str = "rain") -> TradeBook:
    """A locked trade, and books that cross no more."""
    cross(rig, market=market)
    await rig.until(lambda: any(trade.phase is Phase.LOCKED for trade in process.trades))
    uncross(rig, market=market)
    await rig.idle()
    return next(trade for trade in process.trades if trade.phase is Phase.LOCKED)


async def lose(rig: Rig, process: Process) -> TradeBook:
    """A trade whose second leg is gone when its order arrives, and whose first is sold again 4 cents lower."""
    known = set(process.engine.desk.ledger.trades)

    def leave() -> None:
        uncross(rig)
        rig.quote("polymarket", [(30, 100)], [(54, 100)])

    cross(rig)
    rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
    await rig.until(lambda: len(process.trades) > len(known))
    (trade,) = (trade for trade in process.trades if trade.id not in known)
    await rig.until(lambda: not trade.working)
    assert trade.pnl < -50 * CENT
    return trade
