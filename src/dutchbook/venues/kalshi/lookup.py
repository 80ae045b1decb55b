"""Finding our orders and fills at the venue: by client order id among a market's orders, and by fills that no order explains.

The venue has no filter for the client order id, its fills do not carry it, and it may carry one request out twice: two orders
then share an id, and both are ours. Reads only. Source: Kalshi API documentation, portfolio.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from dutchbook.core.claim import native_of
from dutchbook.core.clock import HOUR, SECOND
from dutchbook.core.errors import MalformedFrame, Refused
from dutchbook.core.money import Size
from dutchbook.core.order import Fill, OrderReport, Prepared, ReportStatus
from dutchbook.venues.kalshi import portfolio, wire
from dutchbook.venues.kalshi.budget import READ_ORDER
from dutchbook.venues.kalshi.fields import bid_side, is_bid
from dutchbook.venues.kalshi.history import LARGEST_PAGE, KalshiHistory
from dutchbook.venues.kalshi.own_orders import OwnOrders
from dutchbook.venues.kalshi.rest import KalshiRest, segment

_STRAYS_READ: Final = 10
"""At most so many orders behind unexplained fills are read one by one in one question."""


class KalshiLookup:
    """Questions about orders of one account. What is learned of their ids is kept in `own`."""

    def __init__(self, rest: KalshiRest, history: KalshiHistory, own: OwnOrders) -> None:
        self._rest = rest
        self._history = history
        self._own = own

    async def find(self, order: Prepared) -> OrderReport | None:
        """The order by its client order id among the market's orders; None only when neither orders nor fills know of it.

        The scan starts an hour before the order's deadline, which bounds clock error; an old order is looked for in the
        archive too. Several orders of one id are told as one. A fill on our side of the market that no listed order explains
        makes the answer UNKNOWN: order and fill reads do not agree yet. Raises MalformedFrame when an order found is not the
        one that we sent.
        """
        self._own.remember(order)
        ticker = ("ticker", native_of(order.intent.claim.market))
        since = ("min_ts", str(max(0, order.send_by_ns - HOUR) // SECOND))
        tiers = [("/portfolio/orders", "/portfolio/fills", [ticker, since, LARGEST_PAGE])]
        if await self._history.archived(order.send_by_ns):
            tiers.append(("/historical/orders", "/historical/fills", [ticker, LARGEST_PAGE]))
        listed: dict[str, wire.OrderRow] = {}
        for orders, _, params in tiers:
            async for row in self._history.order_rows(orders, params):
                listed.setdefault(row.order_id, row)
            ours = [row for row in listed.values() if row.client_order_id == order.identity]
            if ours:
                for row in ours:
                    self._own.name(order.identity, row.order_id)
                return _as_one(order, ours)
        seen: set[str] = set(listed)
        for _, fills, params in tiers:
            async for fill in self._history.fill_rows(fills, params):
                if fill.order_id not in seen and self._may_be(order, fill):
                    seen.add(fill.order_id)
                    found = await self._behind(order, fill.order_id)
                    if found is not None:
                        return found
        return None

    def _may_be(self, order: Prepared, fill: portfolio.FillRow) -> bool:
        """Whether a fill could be of an order whose venue id nobody has told us."""
        known = self._own.of(None, fill.order_id)
        intent = order.intent
        return known is None and is_bid(fill.book_side, fill.outcome_side) is bid_side(
            intent.claim.outcome, intent.action
        )

    async def _behind(self, order: Prepared, venue_order_id: str) -> OrderReport | None:
        """The order behind a fill: ours, somebody else's (None), or not readable yet (UNKNOWN)."""
        try:
            row = await self._row(venue_order_id)
        except Refused as error:
            words = f"fill of order {venue_order_id}, which is not listed ({error})"
            return wire.unknown(order.identity, words)
        if row.client_order_id != order.identity:
            return None
        self._own.name(order.identity, venue_order_id)
        return wire.report_of(order, row)

    async def _row(self, venue_order_id: str) -> wire.OrderRow:
        path = f"/portfolio/orders/{segment(venue_order_id)}"
        row = (await self._rest.read(path, (), wire.ORDER, "order", READ_ORDER)).order
        if row.order_id != venue_order_id:
            raise MalformedFrame(f"kalshi order: {row.order_id} was told instead of {venue_order_id}")
        return row

    async def fills(self, order: Prepared, venue_order_id: str) -> list[Fill]:
        """Every fill so far of every order of this identity that is known, in the intent's claim and action. Without an order
        id it is looked up."""
        self._own.remember(order)
        if not venue_order_id:
            found = await self.find(order)
            if found is None or not found.venue_order_id:
                return []
            venue_order_id = found.venue_order_id
        self._own.name(order.identity, venue_order_id)
        ids = self._own.ids_of(order.identity)
        rows: list[portfolio.FillRow] = []
        for each in ids:
            params = [("order_id", each), LARGEST_PAGE]
            told = [row async for row in self._history.fill_rows("/portfolio/fills", params)]
            strangers = [row.order_id for row in told if row.order_id != each]
            if strangers:
                raise MalformedFrame(f"kalshi fills: order_id {strangers[0]} in an answer about {each}")
            rows += told
        if await self._history.archived(order.send_by_ns):
            # the archive has no filter for the order
            archive = [("ticker", native_of(order.intent.claim.market)), LARGEST_PAGE]
            known = {row.fill_id for row in rows}
            rows += [
                row
                async for row in self._history.fill_rows("/historical/fills", archive)
                if row.order_id in ids and row.fill_id not in known
            ]
        return [portfolio.fill_of(row, order.intent, order.identity) for row in rows]

    async def recent_fills(self, since_ns: int) -> list[Fill]:
        """The account's fills since a wall time. One of an order that was prepared or asked about here is told in its claim
        and action; of any other a bid is told as a purchase of YES and an ask as one of NO."""
        rows = await self._history.rows_of_fills(since_ns, self._rest.clock.wall() + HOUR)
        names = await self._names({row.order_id for row in rows if self._own.of(None, row.order_id) is None}, since_ns)
        return [self._told(row, names.get(row.order_id, "")) for row in rows]

    def _told(self, row: portfolio.FillRow, identity: str) -> Fill:
        order = self._own.of(identity, row.order_id)
        if order is None:
            return portfolio.fill_of(row, None, identity)
        try:
            return portfolio.fill_of(row, order.intent, order.identity)
        except MalformedFrame:
            # somebody has given an order of his own our identity: told as it is, for a person to see
            return portfolio.fill_of(row, None, order.identity)

    async def _names(self, unnamed: Collection[str], since_ns: int) -> dict[str, str]:
        """Client order ids of orders, by the venue's ids; what is older than the listing reads is read one by one."""
        if not unnamed:
            return {}
        params = [("min_ts", str(max(0, since_ns - HOUR) // SECOND)), LARGEST_PAGE]
        rows = [row async for row in self._history.order_rows("/portfolio/orders", params)]
        names = {row.order_id: row.client_order_id or "" for row in rows if row.order_id in unnamed}
        for order_id in sorted(set(unnamed) - names.keys())[:_STRAYS_READ]:
            try:
                names[order_id] = (await self._row(order_id)).client_order_id or ""
            except Refused:
                continue
        for order_id, identity in names.items():
            self._own.name(identity, order_id)
        return names


def _as_one(order: Prepared, rows: Sequence[wire.OrderRow]) -> OrderReport:
    """Orders of one identity as one report: everything that they filled, open while one of them is."""
    reports = [wire.report_of(order, row) for row in rows]
    if len(reports) == 1:
        return reports[0]
    open_first = (ReportStatus.RESTING, ReportStatus.UNKNOWN)
    reports.sort(key=lambda report: (report.status not in open_first, -report.filled))
    first = reports[0]
    ids = ", ".join(report.venue_order_id for report in reports)
    return OrderReport(
        identity=order.identity,
        venue_order_id=first.venue_order_id,
        status=first.status,
        filled=Size(sum(report.filled for report in reports)),
        reason=f"{len(reports)} orders of this identity: {ids}",
        code=first.code,
    )
