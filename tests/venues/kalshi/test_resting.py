"""Batches, amending, decreasing, cancelling many, order groups and transfers, against the simulated exchange."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dutchbook.core.claim import Claim
from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.errors import InvalidOrder, Lost, NotSent, RateLimited, Refused
from dutchbook.core.money import MICRO, Cash, Price, Size
from dutchbook.core.order import Prepared, ReportStatus
from dutchbook.core.transport import Request
from venues.kalshi.bits import LOST, NOW, an_intent, answer, micro, prepared, trading
from venues.kalshi.desk import (
    BUY,
    DONE,
    FOK,
    GTC,
    GTD,
    IOC,
    NO,
    REJECTED,
    RESTING,
    SELL,
    TICKER,
    YES,
    Desk,
    a_desk,
    follow,
    until_quiet,
)

UNKNOWN = ReportStatus.UNKNOWN
TEN = Size(10 * MICRO)


def price(text: str) -> Price:
    return Price(micro(text))


async def bid(desk: Desk, limit: str = "0.41", size: str = "10") -> tuple[Prepared, str]:
    order, report = await desk.place(YES, BUY, limit, size, GTC)
    assert report.status is RESTING
    return order, report.venue_order_id


# -- batches


async def test_a_batch_is_reported_order_by_order() -> None:
    async with a_desk() as desk:
        orders = [
            desk.order(YES, BUY, "0.45", "5", FOK),
            desk.order(NO, BUY, "0.60", "2", IOC),
            desk.order(YES, BUY, "0.41", "3", GTC, post_only=True),
            desk.order(YES, BUY, "0.45", "900", FOK),
            desk.order(YES, BUY, "0.46", "3", GTC, post_only=True),
        ]
        reports = await desk.trading.resting.place_all(orders)
        assert [report.identity for report in reports] == [order.identity for order in orders]
        assert [(report.status, report.filled) for report in reports] == [
            (DONE, 5 * MICRO),
            (DONE, 2 * MICRO),
            (RESTING, 0),
            (REJECTED, 0),
            (DONE, 0),
        ]
        assert "insufficient_balance" in reports[3].code
        assert (await desk.trading.open_orders())[0].venue_order_id == reports[2].venue_order_id


async def test_an_empty_batch_sends_nothing() -> None:
    venue, transport = trading()
    assert await venue.resting.place_all([]) == [] and await venue.resting.cancel_several([]) == []
    assert transport.requests == []


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (LOST, UNKNOWN, ""),
        (answer(b"<html>", 502), UNKNOWN, "502"),
        (answer({"error": "too many requests"}, 429), REJECTED, "rate_limited"),
        (answer({"code": "invalid_parameters", "message": "m"}, 400), REJECTED, "invalid_parameters"),
        (answer(b'{"orders":[{"order', 201), UNKNOWN, ""),
        (answer({"orders": []}, 201), UNKNOWN, ""),
        (answer({"orders": [{"order_id": "o9", "client_order_id": "other", "fill_count": "1", "remaining_count": "0"}]},
                201), UNKNOWN, ""),
        (answer({"orders": [{"order_id": "o9", "client_order_id": "c1", "fill_count": "1"}]}, 201), UNKNOWN, ""),
        (answer({"orders": [{"client_order_id": "c1", "error": {"code": "exchange_unavailable", "message": "m"}}]}, 201),
         UNKNOWN, "exchange_unavailable"),
        (answer({"orders": [{"client_order_id": "c1", "error": {"code": "invalid_order", "message": "m"}}]}, 201),
         REJECTED, "invalid_order"),
        (answer({"orders": [{"error": {"code": "order_already_exists", "message": "already exists"}}]}, 200),
         UNKNOWN, "order_already_exists"),
    ],
)  # fmt: skip
async def test_what_a_batchs_answer_does_not_say_is_unknown(reply: object, status: ReportStatus, code: str) -> None:
    venue, transport = trading(reply)  # type: ignore[arg-type]
    (report,) = await venue.resting.place_all([prepared()])
    assert (report.status, report.code, report.filled) == (status, code, 0)
    assert len(transport.requests) == 1


async def test_after_its_earliest_deadline_a_batch_is_not_written() -> None:
    venue, transport = trading()
    with pytest.raises(NotSent, match="deadline"):
        await venue.resting.place_all([prepared(), replace(prepared(identity="c2"), send_by_ns=NOW - 1)])
    assert transport.requests == []


async def test_several_orders_are_cancelled_in_one_request_each_with_its_own_fate() -> None:
    async with a_desk() as desk:
        first, second, third = await bid(desk), await bid(desk, "0.40"), await bid(desk, "0.39")
        desk.exchange.take(TICKER, "somebody", False, micro("0.41"), micro("4"), desk.clock.wall())
        await desk.trading.cancel(*third)
        reports = await desk.trading.resting.cancel_several([first, second, third])
        assert [(report.status, report.filled) for report in reports] == [(DONE, 4 * MICRO), (DONE, 0), (DONE, 0)]
        assert await desk.trading.open_orders() == []


async def test_a_batch_cancel_without_a_readable_word_about_an_order_leaves_it_unknown() -> None:
    row = {"order": {"order_id": "o1", "ticker": "KXTEST-26NOV20-A", "status": "odd", "fill_count_fp": "0.00",
                     "client_order_id": "c1", "book_side": "bid"}}  # fmt: skip
    for items in ([], [{"order_id": "o2", "reduced_by": "1"}], [{"order_id": "o1"}], [7]):
        venue, _ = trading(answer({"orders": items}), answer(row))
        (report,) = await venue.resting.cancel_several([(prepared(), "o1")])
        assert (report.status, report.venue_order_id) == (UNKNOWN, "o1")
    venue, _ = trading(LOST)
    assert [r.status for r in await venue.resting.cancel_several([(prepared(), "o1")])] == [UNKNOWN]
    venue, _ = trading(answer({"error": "too many requests"}, 429))
    with pytest.raises(RateLimited):
        await venue.resting.cancel_several([(prepared(), "o1")])


async def test_cancel_all_takes_everything_off_every_shard() -> None:
    async with a_desk() as desk:
        await bid(desk)
        await bid(desk, "0.40")
        await desk.trading.resting.cancel_all()
        assert await desk.trading.open_orders() == []
        desk.fault("error", status=503, method="DELETE")
        with pytest.raises(Lost):
            await desk.trading.resting.cancel_all()


# -- amending and decreasing


async def test_an_amended_order_has_its_new_price_and_total() -> None:
    async with a_desk() as desk:
        order, venue_id = await bid(desk)
        desk.exchange.take(TICKER, "somebody", False, micro("0.41"), micro("4"), desk.clock.wall())
        order, report = await desk.trading.resting.amend(order, venue_id, price("0.42"), Size(12 * MICRO))
        assert (report.status, report.filled, report.venue_order_id) == (RESTING, 4 * MICRO, venue_id)
        assert (order.intent.limit, order.intent.size) == (micro("0.42"), 12 * MICRO)
        assert desk.exchange.best(TICKER)[0] == micro("0.42")
        cancelled = await desk.trading.cancel(order, venue_id)
        assert (cancelled.status, cancelled.filled) == (DONE, 4 * MICRO)


async def test_an_amend_that_crosses_fills() -> None:
    async with a_desk() as desk:
        order, venue_id = await bid(desk)
        _, report = await desk.trading.resting.amend(order, venue_id, price("0.45"), TEN)
        assert (report.status, report.filled) == (DONE, 10 * MICRO)


async def test_a_purchase_of_no_is_amended_in_its_own_price() -> None:
    async with a_desk() as desk:
        order, report = await desk.place(NO, BUY, "0.55", "10", GTC)
        order, _ = await desk.trading.resting.amend(order, report.venue_order_id, price("0.56"), TEN)
        assert desk.exchange.best(TICKER)[1] == micro("0.44")
        assert order.intent.limit == micro("0.56")


async def test_an_expiry_can_be_given_and_taken_away() -> None:
    async with a_desk() as desk:
        order, report = await desk.place(YES, BUY, "0.41", "10", GTD, expires_ns=desk.clock.wall() + MINUTE)
        venue_id = report.venue_order_id
        order, _ = await desk.trading.resting.amend(order, venue_id, order.intent.limit, TEN, expires_ns=0)
        desk.clock.now += 2 * MINUTE
        found = await desk.trading.find(order)
        assert found is not None and found.status is RESTING
        at = desk.clock.wall() + 10 * SECOND
        order, _ = await desk.trading.resting.amend(order, venue_id, order.intent.limit, TEN, expires_ns=at)
        desk.clock.now += MINUTE
        found = await desk.trading.find(order)
        assert found is not None and found.status is DONE


async def test_a_decreased_order_keeps_its_place_and_its_fills_are_not_guessed() -> None:
    async with a_desk() as desk:
        before, venue_id = await bid(desk, "0.40")
        assert await desk.trading.resting.queue_ahead(venue_id) == 50 * MICRO
        after, report = await desk.trading.resting.decrease(before, venue_id, Size(6 * MICRO))
        assert (report.status, report.filled, after.intent.size) == (RESTING, 0, 6 * MICRO)
        assert await desk.trading.resting.queue_ahead(venue_id) == 50 * MICRO
        # cancelled by its old handle: the size that was sent would claim four contracts filled
        cancelled = await desk.trading.cancel(before, venue_id)
        assert (cancelled.status, cancelled.filled) == (DONE, 0)


async def test_a_decrease_said_twice_does_no_more_than_once() -> None:
    async with a_desk() as desk:
        order, venue_id = await bid(desk)
        order, _ = await desk.trading.resting.decrease(order, venue_id, Size(6 * MICRO))
        with pytest.raises(Refused):
            await desk.trading.resting.decrease(order, venue_id, Size(6 * MICRO))
        (open_order,) = await desk.trading.open_orders()
        assert open_order.status is RESTING
        assert (await desk.trading.find(order)) == open_order


async def test_what_the_venue_would_refuse_is_not_sent() -> None:
    venue, transport = trading()
    for limit, size in (("0.5555", "10"), ("0.56", "0"), ("0.56", "0.001")):
        with pytest.raises(InvalidOrder):
            await venue.resting.amend(prepared(), "o1", price(limit), Size(micro(size)))
    stranger = Prepared(replace(an_intent(), claim=Claim("kalshi:KXNONE", YES)), "c", b"", NOW)  # type: ignore[arg-type]
    with pytest.raises(InvalidOrder, match="KXNONE"):
        await venue.resting.decrease(stranger, "o1", TEN)
    assert transport.requests == []


@pytest.mark.parametrize("reply", [LOST, answer(b"", 503), answer({"order_id": "o2"}), answer(b'{"order_id":')])
async def test_a_change_without_a_clear_answer_leaves_the_order_unknown(reply: object) -> None:
    venue, transport = trading(reply)  # type: ignore[arg-type]
    _, report = await venue.resting.amend(prepared(), "o1", price("0.57"), TEN)
    assert (report.status, report.venue_order_id) == (UNKNOWN, "o1")
    assert len(transport.requests) == 1


@pytest.mark.parametrize("what", ["amend", "decrease"])
async def test_a_change_carries_market_and_shard(what: str) -> None:
    seen: list[Request] = []

    def refuse(request: Request) -> object:
        seen.append(request)
        return answer({"error": {"code": "not_found", "message": "m"}}, 404)

    venue, _ = trading(refuse)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        if what == "amend":
            await venue.resting.amend(prepared(), "o1", price("0.57"), TEN)
        else:
            await venue.resting.decrease(prepared(), "o1", TEN)
    (request,) = seen
    assert request.url.endswith(f"/portfolio/events/orders/o1/{what}")
    assert b'"exchange_index":2' in request.body and b'KXTEST-26NOV20-A"' in request.body


# -- groups


async def test_a_group_that_fills_too_much_is_cancelled_and_takes_no_more_until_reset() -> None:
    async with a_desk() as desk:
        stream = desk.trading.stream()
        events = follow(desk, stream)
        await until_quiet(events)
        group = await desk.trading.groups.create(Size(5 * MICRO), shard=3)
        desk.trading.order_groups[3] = group
        order, venue_id = await bid(desk, "0.42", "10")
        other, other_id = await bid(desk, "0.41", "10")
        desk.exchange.take(TICKER, "somebody", False, micro("0.42"), micro("6"), desk.clock.wall())
        for each, each_id, filled in ((order, venue_id, 6), (other, other_id, 0)):
            found = await desk.trading.find(each)
            assert found is not None
            assert (found.status, found.filled, found.venue_order_id) == (DONE, filled * MICRO, each_id)
        _, refused = await desk.place(YES, BUY, "0.41", "1", GTC)
        assert refused.status is REJECTED and "ORDER_GROUP" in refused.reason
        told = [str(event) for event in await until_quiet(events)]
        assert any(group in event and "tripped" in event for event in told)
        (state,) = await desk.trading.groups.all()
        assert (state.id, state.armed, state.limit) == (group, False, 5 * MICRO)
        await desk.trading.groups.reset(group)
        await bid(desk)
        await events.aclose()  # type: ignore[attr-defined]


async def test_a_group_can_be_limited_triggered_and_deleted_by_hand() -> None:
    async with a_desk() as desk:
        groups = desk.trading.groups
        group = await groups.create(Size(5 * MICRO), shard=3)
        await groups.limit(group, Size(50 * MICRO))
        assert (await groups.all())[0].limit == 50 * MICRO
        desk.trading.order_groups[3] = group
        await bid(desk)
        await groups.trigger(group)
        assert await desk.trading.open_orders() == []
        await groups.reset(group)
        await bid(desk)
        await groups.delete(group)
        assert await desk.trading.open_orders() == [] and await groups.all() == []
        with pytest.raises(Refused):
            await groups.reset(group)
        for limit in (0, 999_999, MICRO + 1, 1_000_001 * MICRO):
            with pytest.raises(InvalidOrder):
                await groups.create(Size(limit))


# -- cash between shards


async def test_cash_is_moved_between_shards_only_when_asked_and_once_per_id() -> None:
    async with a_desk() as desk:
        transfers = desk.trading.transfers
        made = await transfers.move(Cash(micro("2.5")), 3, 0, "11111111-1111-4111-8111-111111111111")
        assert (await desk.trading.balances()).available == {"kalshi:0": micro("7.5"), "kalshi:3": micro("97.5")}
        with pytest.raises(Refused) as refusal:
            await transfers.move(Cash(micro("2.5")), 3, 0, "11111111-1111-4111-8111-111111111111")
        assert "409" in str(refusal.value)
        (row,) = await transfers.history()
        assert (row.id, row.source, row.destination, row.amount) == (made, "kalshi:3", "kalshi:0", micro("2.5"))
        with pytest.raises(Refused, match="insufficient"):
            await transfers.move(Cash(micro("500")), 3, 0, "22222222-2222-4222-8222-222222222222")


async def test_a_transfer_that_cannot_be_written_is_not_sent() -> None:
    venue, transport = trading()
    for amount, source, destination in ((0, 0, 1), (-100, 0, 1), (150, 0, 1), (100, 1, 1)):
        with pytest.raises(InvalidOrder):
            await venue.transfers.move(Cash(amount), source, destination, "t")
    assert transport.requests == []


async def test_a_transfer_without_an_answer_is_lost_not_refused() -> None:
    for reply in (LOST, answer(b"", 500)):
        venue, _ = trading(reply)
        with pytest.raises(Lost):
            await venue.transfers.move(Cash(100), 0, 1, "t")


async def test_a_sale_closes_before_it_opens() -> None:
    async with a_desk() as desk:
        await desk.place(YES, BUY, "0.45", "10", IOC)
        _, report = await desk.place(YES, SELL, "0.40", "4", IOC, reduce_only=True)
        assert report.filled == 4 * MICRO
        assert await desk.held() == {Claim(desk.market.id, YES): 6 * MICRO}
