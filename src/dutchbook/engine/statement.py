"""One venue's statement beside what the ledger expects of it, as the values that `execution.reconcile` compares.

Reads and folds; judges nothing and changes nothing. A read that fails leaves None and its reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping
from typing import Final, TypeVar

from dutchbook.core.claim import MarketId, venue_of
from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.errors import DutchbookError
from dutchbook.core.order import Fill
from dutchbook.core.position import OrderRow, TradeBook
from dutchbook.core.venue import ListsFills, OrderIdentity, Trading
from dutchbook.engine.payouts import WaitingPayouts
from dutchbook.execution.findings import Books, OrderView, VenueSnapshot
from dutchbook.ledger.projection import Ledger

T = TypeVar("T")

_RECENT_NS: Final = 10 * MINUTE
"""Facts older than this cannot be ahead of a venue's reads: those would be stale."""


async def read_snapshot(venue: str, trading: Trading, since_ns: int) -> tuple[VenueSnapshot, dict[str, str]]:
    """What a venue states now, fills since a wall time; and why each part that is missing could not be read.

    A venue that cannot list fills has none to tell. The as-of time is asked first: what follows is at least so new.
    """
    unread: dict[str, str] = {}

    async def part(what: str, read: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await read()
        except DutchbookError as error:
            unread[what] = str(error)
            return None

    async def recent() -> list[Fill]:
        if not isinstance(trading, ListsFills):
            return []
        # the venue may count whole seconds
        return [fill for fill in await trading.recent_fills(since_ns) if fill.at_ns > since_ns - SECOND]

    as_of = await part("as of", trading.reads_as_of)
    fills = await part("fills", recent)
    orders = await part("open orders", trading.open_orders)
    positions = await part("positions", trading.positions)
    balances = await part("balances", trading.balances)
    snapshot = VenueSnapshot(
        venue,
        as_of,
        balances,
        positions,
        None if orders is None else tuple(orders),
        None if fills is None else tuple(fills),
    )
    return snapshot, unread


def books_of(
    ledger: Ledger,
    venue: str,
    trading: Trading,
    snapshot: VenueSnapshot,
    identities: Mapping[str, tuple[str, str]],
    *,
    before: int,
    wall_ns: int,
    agreed_ns: int = 0,
    resolved: Container[MarketId] = (),
    waiting: WaitingPayouts,
) -> Books:
    """What the ledger expects of a venue. `identities` names (trade, order) of every order of the ledger; `before` is the
    number of facts when the statement began: what changed since is under way. So is the payout of a `resolved` market that is
    not booked yet: its trade may still be worked on. Payouts that are `waiting` at the venue are not in its cash."""
    orders: dict[str, OrderView] = {}
    busy: set[MarketId] = set()
    moved: dict[MarketId, int] = {}
    quiet = True
    for trade in ledger.open.values():
        for leg in trade.legs:
            if venue_of(leg.claim.market) != venue:
                continue
            unpaid = leg.settled is None and (leg.held or leg.sets) and leg.claim.market in resolved
            if not leg.at_rest or unpaid:
                busy.add(leg.claim.market)
                quiet = False
            orders.update((row.plan.identity, _seen(trade, row)) for row in leg.orders)
    for trade in ledger.newest(since_ns=wall_ns - _RECENT_NS):
        for market in {leg.claim.market for leg in trade.legs if venue_of(leg.claim.market) == venue}:
            moved[market] = max(moved.get(market, 0), trade.touched_ns)
    for trade in ledger.newest(before):
        mine = {leg.claim.market for leg in trade.legs if venue_of(leg.claim.market) == venue}
        busy |= mine
        quiet = quiet and not mine
    told = [report.identity for report in snapshot.open_orders or ()] + [fill.identity for fill in snapshot.fills or ()]
    for identity in told:
        found = identities.get(identity)
        if found is not None and identity not in orders:
            trade = ledger.trades[found[0]]
            orders[identity] = _seen(trade, trade.order(found[1]))
    return Books(
        venue=venue,
        cash=waiting.expected(venue),
        held=ledger.held_at(venue),
        orders=orders,
        netting=trading.capabilities.nets_positions,
        names_orders=trading.capabilities.identity is not OrderIdentity.NONE,
        quiet=quiet and waiting.known(venue),
        busy=frozenset(busy),
        moved_ns=moved,
        paid=frozenset(market for market in ledger.paid if venue_of(market) == venue),
        agreed_ns=agreed_ns,
    )


def identities_of(ledger: Ledger) -> dict[str, tuple[str, str]]:
    """(trade, order) by the identity of every order of a ledger."""
    return {row.plan.identity: (trade.id, row.plan.id) for trade in ledger.trades.values() for row in trade.orders()}


def born_ns(ledger: Ledger, venue: str, wall_ns: int) -> int:
    """When the ledger began to keep a venue's cash; what happened before is in its opening balance."""
    return min((at_ns for at_ns, moved in ledger.cash_events if moved.venue == venue), default=wall_ns)


def heard_ns(ledger: Ledger) -> int:
    """Wall time of the ledger's newest trade or cash fact; 0 when there is none."""
    trade = next(ledger.newest(), None)
    cash = ledger.cash_events[-1][0] if ledger.cash_events else 0
    return max(cash, trade.touched_ns if trade is not None else 0)


def _seen(trade: TradeBook, row: OrderRow) -> OrderView:
    claim = trade.legs[row.plan.leg].claim
    return OrderView(
        order=row.plan.id,
        trade=trade.id,
        identity=row.plan.identity,
        claim=claim.opposite if row.plan.opposite else claim,
        action=row.plan.action,
        state=row.state,
        venue_order_id=row.venue_order_id,
        fills=frozenset(row.fills.keys() | row.reversed.keys()),
    )
