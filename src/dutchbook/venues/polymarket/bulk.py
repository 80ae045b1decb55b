"""Many orders at once: batches of up to fifteen, cancels by list, by market, or all of them.

Each order of a batch has its own fate. An answer that does not say which order it is about leaves that order UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from dutchbook.core.errors import Lost
from dutchbook.core.money import Size
from dutchbook.core.order import OrderReport, Prepared, ReportStatus
from dutchbook.venues.polymarket.reads import decode
from dutchbook.venues.polymarket.session import Session
from dutchbook.venues.polymarket.wire import answered_order, read_post_answer

MAX_BATCH: Final = 15
MAX_CANCELS: Final = 1_000
"""The venue refuses longer lists whole."""


class _CancelAnswer(msgspec.Struct):
    canceled: list[str] | None = None
    not_canceled: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The ids that were cancelled, and why each of the others was not."""

    cancelled: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


async def send_batch(session: Session, orders: Sequence[Prepared]) -> list[OrderReport]:
    """Write up to fifteen orders in one request; the reports in the same order.

    Raises NotSent when nothing left (the earliest deadline counts), ValueError for more than fifteen.
    """
    if not 1 <= len(orders) <= MAX_BATCH:
        raise ValueError(f"a batch has 1 to {MAX_BATCH} orders, not {len(orders)}")
    body = b"[" + b",".join(order.body for order in orders) + b"]"
    try:
        response = await session.order("/orders", body, len(orders), min(order.send_by_ns for order in orders))
    except Lost as error:
        return [_unknown(order, str(error), "lost") for order in orders]
    return read_batch(response.status, response.body, orders)


def read_batch(status: int, body: bytes, orders: Sequence[Prepared]) -> list[OrderReport]:
    """The reports of an answer to POST /orders; what refuses the whole request refuses each of its orders."""
    if status != 200:
        return [read_post_answer(status, body, order.identity, order.intent) for order in orders]
    try:
        rows = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [read_post_answer(status, body, order.identity, order.intent) for order in orders]
    if len(rows) != len(orders):
        reason = f"{len(rows)} answers to {len(orders)} orders"
        return [_unknown(order, reason, "unreadable") for order in orders]
    ours = {order.identity for order in orders}
    named = {name: row for row in rows if (name := answered_order(bytes(row))) in ours}
    in_place = all(answered_order(bytes(row)) in ("", order.identity) for row, order in zip(rows, orders, strict=True))
    reports = []
    for row, order in zip(rows, orders, strict=True):
        mine = named.get(order.identity, row if in_place else None)
        if mine is None:
            reports.append(_unknown(order, "the answers do not say which is this order's", "unreadable"))
        else:
            reports.append(read_post_answer(200, bytes(mine), order.identity, order.intent))
    return reports


async def cancel_many(session: Session, order_ids: Sequence[str]) -> Cancelled:
    """Cancel by id, at most a thousand a request. Raises the errors of a read: part may have been cancelled then."""
    cancelled: list[str] = []
    refused: dict[str, str] = {}
    for start in range(0, len(order_ids), MAX_CANCELS):
        chunk = list(order_ids[start : start + MAX_CANCELS])
        answer = read_cancels(await session.cancel("/orders", msgspec.json.encode(chunk), len(chunk)))
        cancelled.extend(answer.cancelled)
        refused.update(answer.refused)
    return Cancelled(tuple(cancelled), refused)


async def cancel_market(session: Session, condition: str, token: str = "") -> Cancelled:
    """Cancel every order in a market, or on one of its tokens."""
    body = msgspec.json.encode({"market": condition, "asset_id": token})
    return read_cancels(await session.cancel("/cancel-market-orders", body, 1))


async def cancel_all(session: Session) -> Cancelled:
    """Cancel every order of this API key; costs one token and one more for each order cancelled."""
    return read_cancels(
        await session.cancel("/cancel-all", b"", 1, cost_of_answer=lambda body: len(read_cancels(body).cancelled))
    )


def read_cancels(body: bytes) -> Cancelled:
    """The answer to any of the cancels; an empty one cancelled nothing."""
    answer = decode(body, _CancelAnswer, "cancel")
    return Cancelled(tuple(answer.canceled or ()), answer.not_canceled or {})


def _unknown(order: Prepared, reason: str, code: str) -> OrderReport:
    return OrderReport(order.identity, "", ReportStatus.UNKNOWN, Size(0), reason, code)
