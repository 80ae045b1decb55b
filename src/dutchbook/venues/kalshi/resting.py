"""What can be done to orders besides placing and cancelling one: batches, amending, decreasing, the queue, cancel all.

Writes are sent once. When an answer is missing or unreadable the order is UNKNOWN and is asked about. After a change the
order is read, because the answers to changes do not say how much was filled before. Source: Kalshi API documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from dutchbook.core.claim import native_of
from dutchbook.core.errors import DutchbookError, InvalidOrder, Lost, MalformedFrame, NotSent
from dutchbook.core.market import Market
from dutchbook.core.money import Price, Size
from dutchbook.core.order import OrderReport, Prepared, ReportStatus
from dutchbook.core.transport import Response
from dutchbook.venues.kalshi import changes, wire
from dutchbook.venues.kalshi.budget import CANCEL, READ_ORDER, REQUEST
from dutchbook.venues.kalshi.errors import failure, venue_error, write_failure
from dutchbook.venues.kalshi.fields import size_of
from dutchbook.venues.kalshi.own_orders import OwnOrders
from dutchbook.venues.kalshi.rest import ORDERS_PATH, KalshiRest, segment

_BATCH_PATH: Final = f"{ORDERS_PATH}/batched"


class KalshiResting:
    """Changes to the account's orders. `markets` by native ticker."""

    def __init__(self, rest: KalshiRest, own: OwnOrders, markets: Mapping[str, Market]) -> None:
        self._rest = rest
        self._own = own
        self._markets = markets

    async def place_all(self, orders: Sequence[Prepared]) -> list[OrderReport]:
        """Several orders in one request, each on its own terms; one report each, in order.

        The whole batch needs its tokens before the earliest deadline, else NotSent and nothing left. Raises InvalidOrder
        for a batch larger than the write bucket.
        """
        if not orders:
            return []
        for order in orders:
            self._own.remember(order)
        send_by_ns = min(order.send_by_ns for order in orders)
        await self._rest.budget.write(REQUEST * len(orders), send_by_ns=send_by_ns)
        request = self._rest.request("POST", _BATCH_PATH, body=changes.encode_batch(orders))
        if self._rest.clock.wall() > send_by_ns:
            raise NotSent("kalshi batch: a deadline passed before it was written")
        try:
            response = await self._rest.send(request)
        except Lost as error:
            return [wire.unknown(order.identity, str(error)) for order in orders]
        self._rest.note_write(response, 0)
        reports = changes.decode_batch(orders, response)
        for report in reports:
            self._own.name(report.identity, report.venue_order_id)
        return reports

    async def cancel_several(self, orders: Sequence[tuple[Prepared, str]]) -> list[OrderReport]:
        """Take several orders (each with the venue's id) off their books in one request; one report each, in order.

        DONE with what had been filled, or UNKNOWN where the venue's word is missing. Raises NotSent, RateLimited or
        Refused when all orders are certainly as they were, InvalidOrder for an unknown market or too large a batch.
        """
        if not orders:
            return []
        for order, _ in orders:
            self._own.remember(order)
        body = changes.encode_batch_cancel([(venue_id, self._market(order)) for order, venue_id in orders])
        try:
            response = await self._rest.write("DELETE", _BATCH_PATH, body=body, cost=CANCEL * len(orders))
        except Lost as error:
            return [wire.unknown(order.identity, str(error), venue_id) for order, venue_id in orders]
        if 400 <= response.status < 500:
            raise failure(response, "batch cancel")
        try:
            if response.status != 200:
                raise MalformedFrame(f"{response.status} {venue_error(response).words}")
            found = changes.decode_batch_cancel(orders, response)
        except MalformedFrame as error:
            return [wire.unknown(order.identity, f"batch cancel: {error}", venue_id) for order, venue_id in orders]
        return [
            answer
            if isinstance(answer, OrderReport) and venue_id not in self._own.resized
            else await self.look_up(order, venue_id)
            for (order, venue_id), answer in zip(orders, found, strict=True)
        ]

    async def cancel_all(self) -> None:
        """Cancel every resting order of the account, on all shards.

        Orders placed within the following minute may be cancelled too. Raises Lost when nobody knows whether it was done.
        """
        response = await self._rest.write("DELETE", ORDERS_PATH, params=[("subaccount", "0")])
        if not 200 <= response.status < 300:
            raise write_failure(response, "cancel all")

    async def amend(
        self, order: Prepared, venue_order_id: str, limit: Price, size: Size, expires_ns: int | None = None
    ) -> tuple[Prepared, OrderReport]:
        """Give a resting order another limit and total size (what is filled already included).

        Returns the order as it is to be named from now on, and its state. `expires_ns`: 0 removes the expiry, None keeps
        it. Raises InvalidOrder before sending; NotSent, RateLimited or Refused when the order is certainly as it was.
        """
        market = self._market(order)
        wanted = changes.amended(order, market, limit, size)
        body = changes.encode_amend(wanted, market, expires_ns)
        return await self._change(order, wanted, venue_order_id, "amend", body)

    async def decrease(self, order: Prepared, venue_order_id: str, remaining: Size) -> tuple[Prepared, OrderReport]:
        """Leave only `remaining` resting; the order keeps its place in the queue. Returns and raises as `amend` does."""
        body = changes.encode_decrease(self._market(order), remaining)
        return await self._change(order, order, venue_order_id, "decrease", body)

    async def queue_ahead(self, venue_order_id: str) -> Size:
        """Contracts that must trade before this resting order does."""
        path = f"/portfolio/orders/{segment(venue_order_id)}/queue_position"
        return changes.queue_ahead(await self._rest.read(path, (), changes.QUEUE_POSITION, "queue position"))

    async def look_up(self, order: Prepared, venue_order_id: str) -> OrderReport:
        """The order by the venue's id; UNKNOWN when that cannot be read now."""
        try:
            return (await self._row(order, venue_order_id))[1]
        except DutchbookError as error:
            return wire.unknown(order.identity, str(error), venue_order_id)

    async def _row(self, order: Prepared, venue_order_id: str) -> tuple[wire.OrderRow, OrderReport]:
        path = f"/portfolio/orders/{segment(venue_order_id)}"
        row = (await self._rest.read(path, (), wire.ORDER, "order", READ_ORDER)).order
        if row.order_id != venue_order_id:
            raise MalformedFrame(f"kalshi order: {row.order_id} was told instead of {venue_order_id}")
        return row, wire.report_of(order, row)

    async def _change(
        self, order: Prepared, wanted: Prepared, venue_order_id: str, what: str, body: bytes
    ) -> tuple[Prepared, OrderReport]:
        self._own.remember(order)
        # From the first byte on, the size that was sent no longer says how much a cancel has left filled.
        self._own.resized[venue_order_id] = None
        shard = wire.shard_of(self._market(order))
        path = f"{ORDERS_PATH}/{segment(venue_order_id)}/{what}"
        try:
            response = await self._rest.write("POST", path, body=body, shard=shard)
            if 400 <= response.status < 500:
                raise failure(response, what)
            self._check(order, venue_order_id, response, what)
            row, report = await self._row(order, venue_order_id)
        except (Lost, MalformedFrame) as error:
            return wanted, wire.unknown(order.identity, f"{what}: {error}", venue_order_id)
        if report.status is ReportStatus.RESTING and row.remaining_count_fp is not None:
            size = Size(report.filled + size_of(row.remaining_count_fp, "remaining_count_fp"))
            wanted = replace(wanted, intent=replace(wanted.intent, size=size))
        self._own.remember(wanted)
        return wanted, report

    @staticmethod
    def _check(order: Prepared, venue_order_id: str, response: Response, what: str) -> None:
        if response.status != 200:
            raise MalformedFrame(f"{response.status} {venue_error(response).words}")
        changes.check_changed(order, venue_order_id, response, what)

    def _market(self, order: Prepared) -> Market:
        market = self._markets.get(native_of(order.intent.claim.market))
        if market is None:
            raise InvalidOrder(f"claim: market {order.intent.claim.market} was never made known")
        return market
