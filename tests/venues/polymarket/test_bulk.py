"""Many orders at once: batches, and the four ways to cancel."""

from __future__ import annotations

import msgspec
import pytest

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import NotSent
from dutchbook.core.order import Action, Prepared, ReportStatus, TimeInForce
from dutchbook.core.transport import Response
from dutchbook.venues.polymarket.bulk import read_batch
from venues.polymarket.floor import NO, RAIN, YES, Desk, broken, spec, state

ZERO_GTC = (ReportStatus.RESTING, 0)


@pytest.fixture
async def desk():
    made = await Desk(spec(), spec("snow")).open()
    yield made
    await made.transport.close()


def row(order: str, status: str = "live", **more: object) -> dict:
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order,
        "status": status,
        "makingAmount": "",
        "takingAmount": "",
    } | more


def resting(desk: Desk, count: int, limit: str = "0.1") -> list[Prepared]:
    return [desk.prepare("10", limit, tif=TimeInForce.GTC) for _ in range(count)]


async def test_each_order_of_a_batch_has_its_own_fate(desk: Desk) -> None:
    desk.quote({}, {"0.5": "20"})
    orders = [
        desk.prepare("10", "0.5"),
        desk.prepare("10", "0.4", tif=TimeInForce.GTC),
        desk.prepare("10", "0.4"),
        desk.prepare("10", "0.6", tif=TimeInForce.GTC, post_only=True),
    ]
    reports = await desk.trading.send_many(orders)
    assert [report.identity for report in reports] == [order.identity for order in orders]
    assert [(state(report), report.code) for report in reports] == [
        ((ReportStatus.DONE, 10_000_000), "matched"),
        ((ReportStatus.RESTING, 0), "live"),
        ((ReportStatus.DONE, 0), "fok_not_filled"),
        ((ReportStatus.REJECTED, 0), "post_only_would_cross"),
    ]


async def test_more_than_fifteen_orders_are_no_batch(desk: Desk) -> None:
    with pytest.raises(ValueError, match="15"):
        await desk.trading.send_many(resting(desk, 16))
    assert all(state(report) == ZERO_GTC for report in await desk.trading.send_many(resting(desk, 15)))


async def test_a_batch_past_its_earliest_deadline_is_not_written(desk: Desk) -> None:
    orders = resting(desk, 2)
    desk.clock.now += 3 * SECOND
    with pytest.raises(NotSent):
        await desk.trading.send_many(orders)
    assert await desk.trading.open_orders() == []


async def test_a_batch_whose_answer_is_lost_is_unknown_and_each_order_is_found(desk: Desk) -> None:
    desk.fault("lost", path="/orders")
    orders = resting(desk, 3)
    assert {report.code for report in await desk.trading.send_many(orders)} == {"lost"}
    assert [state(await desk.trading.find(order)) for order in orders] == [ZERO_GTC] * 3


async def test_a_batch_in_post_only_time_is_refused_order_by_order(desk: Desk) -> None:
    desk.fault("mode", mode="post_only")
    orders = [
        desk.prepare("10", "0.4", tif=TimeInForce.GTC, post_only=True),
        desk.prepare("10", "0.4", tif=TimeInForce.GTC),
    ]
    kept, refused = await desk.trading.send_many(orders)
    assert state(kept) == ZERO_GTC
    assert (refused.status, refused.code) == (ReportStatus.REJECTED, "post_only_mode")


async def test_answers_are_given_to_the_orders_that_they_name(desk: Desk) -> None:
    first, second = resting(desk, 2)
    body = msgspec.json.encode([row(second.identity, "delayed"), row(first.identity)])
    assert [report.status for report in read_batch(200, body, [first, second])] == [
        ReportStatus.RESTING,
        ReportStatus.DELAYED,
    ]


async def test_an_answer_that_names_no_order_is_nobodys_once_the_order_is_broken(desk: Desk) -> None:
    orders = resting(desk, 3)
    refused = {"success": False, "errorMsg": "not enough balance / allowance", "orderID": "", "status": ""}
    body = msgspec.json.encode([row(orders[1].identity), refused, row(orders[2].identity)])
    reports = read_batch(200, body, orders)
    assert [report.status for report in reports] == [
        ReportStatus.UNKNOWN,
        ReportStatus.RESTING,
        ReportStatus.RESTING,
    ]


@pytest.mark.parametrize(
    "body", [b"[]", b"[{}]", b"{}", b"null", b'[{"success":true', b"<html></html>", b'[{"orderID":5},{"orderID":6}]']
)
async def test_a_batch_answer_that_cannot_be_matched_is_unknown_for_all(desk: Desk, body: bytes) -> None:
    reports = read_batch(200, body, resting(desk, 2))
    assert [report.status for report in reports] == [ReportStatus.UNKNOWN] * 2


async def test_duplicate_ids_in_a_batch_answer_never_fill_two_orders(desk: Desk) -> None:
    first, second = resting(desk, 2)
    body = msgspec.json.encode([row(first.identity), row(first.identity)])
    reports = read_batch(200, body, [first, second])
    assert reports[1].status is ReportStatus.UNKNOWN


async def test_many_are_cancelled_a_thousand_at_a_time(desk: Desk) -> None:
    desk.trading.session.limits.cancels.change(10_000, 100_000)
    mine = resting(desk, 2)
    await desk.trading.send_many(mine)
    trading, wire = broken(desk, lambda request: None)
    trading.session.limits.cancels.change(10_000, 100_000)
    others = [f"0x{number:064x}" for number in range(1_500)]
    answer = await trading.cancel_many([mine[0].identity, *others, mine[1].identity])
    assert set(answer.cancelled) == {order.identity for order in mine}
    assert set(answer.refused) == set(others)
    sizes = [len(msgspec.json.decode(request.body)) for request in wire.seen]
    assert sizes == [1_000, 502]


async def test_a_market_is_cancelled_whole_or_by_outcome(desk: Desk) -> None:
    yes, no = desk.prepare("10", "0.1", tif=TimeInForce.GTC), desk.prepare("10", "0.1", NO, tif=TimeInForce.GTC)
    await desk.trading.send_many([yes, no])
    assert (await desk.trading.cancel_market(RAIN, YES.outcome)).cancelled == (yes.identity,)
    assert (await desk.trading.cancel_market(RAIN)).cancelled == (no.identity,)
    assert (await desk.trading.cancel_market(RAIN)).cancelled == ()


async def test_all_orders_are_cancelled_at_once(desk: Desk) -> None:
    orders = resting(desk, 4)
    await desk.trading.send_many(orders)
    assert set((await desk.trading.cancel_all()).cancelled) == {order.identity for order in orders}
    assert await desk.trading.open_orders() == []


async def test_a_cancel_answer_of_nulls_cancelled_nothing(desk: Desk) -> None:
    answer = Response(200, b'{"canceled":null,"not_canceled":null}')
    trading, _ = broken(desk, lambda request: answer if request.method == "DELETE" else None)
    gone = await trading.cancel_all()
    assert gone.cancelled == () and gone.refused == {}


async def test_a_good_till_date_order_ends_by_itself(desk: Desk) -> None:
    intent = desk.prepare("10", "0.4", tif=TimeInForce.GTC).intent
    lasting = intent.__class__(
        **{name: getattr(intent, name) for name in intent.__slots__}
        | {"tif": TimeInForce.GTD, "expires_ns": desk.clock.now + 130 * SECOND}
    )
    order = desk.trading.prepare(lasting, desk.clock.now + SECOND)
    assert state(await desk.trading.send(order)) == ZERO_GTC
    desk.pass_time(129 * SECOND)
    assert state(await desk.trading.find(order)) == ZERO_GTC
    desk.pass_time(2 * SECOND)
    assert state(await desk.trading.find(order)) == (ReportStatus.DONE, 0)


async def test_a_post_only_order_rests_or_is_refused_and_never_takes(desk: Desk) -> None:
    desk.quote({"0.4": "10"}, {"0.5": "10"})
    _, crossing = await desk.place("10", "0.5", tif=TimeInForce.GTC, post_only=True)
    _, kept = await desk.place("10", "0.49", tif=TimeInForce.GTC, post_only=True)
    _, sold = await desk.place("10", "0.4", action=Action.SELL, tif=TimeInForce.GTC, post_only=True)
    assert (crossing.status, crossing.code) == (ReportStatus.REJECTED, "post_only_would_cross")
    assert state(kept) == ZERO_GTC
    assert sold.status is ReportStatus.REJECTED
