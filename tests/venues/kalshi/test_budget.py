"""Rate limits are honoured before the venue has to say 429; an order is never delayed past its deadline."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import InvalidOrder, MalformedFrame, NotSent, RateLimited
from dutchbook.core.order import ReportStatus
from dutchbook.venues.kalshi.budget import BASIC, Allowance, Bucket, Budget, Limits, decode_limits
from venues.kalshi.bits import StillClock, answer, prepared, trading
from venues.kalshi.desk import BUY, IOC, YES, a_desk

TOO_MANY = answer({"error": "too many requests"}, 429)


def balance(cash: str = "5") -> object:
    return answer({"balance_breakdown": [{"exchange_index": 2, "balance": cash}]})


async def test_ten_orders_go_at_once_and_the_eleventh_waits_for_its_tokens() -> None:
    clock = StillClock()
    budget = Budget(clock, BASIC)
    for _ in range(10):
        await budget.write(10)
    assert clock.slept == []
    await budget.write(10)
    assert clock.slept == [100 * MILLISECOND]


async def test_a_full_bucket_holds_no_more_than_its_capacity() -> None:
    clock = StillClock()
    budget = Budget(clock, BASIC)
    clock.now += 3600 * SECOND
    for _ in range(10):
        await budget.write(10)
    await budget.write(10)
    assert clock.slept == [100 * MILLISECOND]


async def test_a_shard_above_zero_has_a_write_bucket_of_its_own() -> None:
    clock = StillClock()
    budget = Budget(clock, BASIC)
    for shard in (0, 2, 3):
        for _ in range(10):
            await budget.write(10, shard)
    assert clock.slept == []


async def test_reads_and_writes_do_not_share() -> None:
    clock = StillClock()
    budget = Budget(clock, BASIC)
    for _ in range(40):
        await budget.read()
    await budget.write(10)
    assert clock.slept == []
    await budget.read()
    assert clock.slept == [50 * MILLISECOND]


async def test_an_order_that_would_be_late_is_not_sent_and_costs_nothing() -> None:
    clock = StillClock()
    venue, transport = trading(clock=clock)
    venue.budget.adopt(Limits("slow", Allowance(1, 20), Allowance(1, 20)))
    await venue.budget.write(20, 2)
    with pytest.raises(NotSent, match="rate_limited"):
        await venue.send(prepared())  # its deadline is in 2 s, its tokens in 10
    assert (transport.requests, clock.slept) == ([], [])
    assert venue.budget.writes(2).delay(10, clock.now) == 10 * SECOND


async def test_an_order_whose_tokens_come_in_time_waits_for_them() -> None:
    clock = StillClock()
    reply = answer({"order_id": "o1", "fill_count": "10.00", "remaining_count": "0.00"}, 201)
    venue, transport = trading(reply, clock=clock)
    for _ in range(10):
        await venue.budget.write(10, 2)
    report = await venue.send(prepared())
    assert (report.status, clock.slept) == (ReportStatus.DONE, [100 * MILLISECOND])
    (request,) = transport.requests
    assert request.headers["KALSHI-ACCESS-TIMESTAMP"] == str(clock.now // MILLISECOND), "signed after the wait"


async def test_a_read_refused_with_429_is_asked_again_after_growing_pauses() -> None:
    clock = StillClock()
    venue, transport = trading(TOO_MANY, TOO_MANY, balance(), clock=clock)  # type: ignore[arg-type]
    await venue.balances()
    assert len(transport.requests) == 3
    assert clock.slept == [250 * MILLISECOND, 500 * MILLISECOND]


async def test_a_read_that_is_refused_for_ever_is_an_error_that_is_counted_once() -> None:
    venue, transport = trading(*[TOO_MANY] * 6)
    with pytest.raises(RateLimited):
        await venue.balances()
    assert len(transport.requests) == 6
    assert venue.failures == {"RateLimited": 1}


async def test_an_order_refused_with_429_is_rejected_and_the_next_one_waits() -> None:
    clock = StillClock()
    placed = answer({"order_id": "o2", "fill_count": "10.00", "remaining_count": "0.00"}, 201)
    venue, transport = trading(TOO_MANY, placed, clock=clock)
    first = await venue.send(prepared())
    assert (first.status, first.code) == (ReportStatus.REJECTED, "rate_limited")
    assert (await venue.send(prepared(identity="c2"))).status is ReportStatus.DONE
    assert clock.slept == [250 * MILLISECOND] and len(transport.requests) == 2


async def test_a_batch_that_the_bucket_can_never_hold_is_refused_before_sending() -> None:
    venue, transport = trading()
    with pytest.raises(InvalidOrder, match="110 tokens"):
        await venue.resting.place_all([prepared(identity=f"c{n}") for n in range(11)])
    assert transport.requests == []


async def test_the_accounts_own_limits_are_read_at_connect() -> None:
    limits = answer({"usage_tier": "expert", "read": {"refill_rate": 600, "bucket_capacity": 1200},
                     "write": {"refill_rate": 600, "bucket_capacity": 1200}, "grants": []})  # fmt: skip
    venue, _ = trading(balance(), limits)  # type: ignore[arg-type]
    await venue.connect()
    assert venue.budget.limits == Limits("expert", Allowance(600, 1200), Allowance(600, 1200))


@pytest.mark.parametrize(
    "reply", [answer({"error": {"code": "not_found", "message": "m"}}, 404), answer({"read": {}}), answer(b"<html>")]
)
async def test_limits_that_cannot_be_read_are_the_lowest_tiers(reply: object) -> None:
    venue, _ = trading(balance(), reply)  # type: ignore[arg-type]
    await venue.connect()
    assert venue.budget.limits == BASIC


@pytest.mark.parametrize(
    "write", [{"refill_rate": 0, "bucket_capacity": 100}, {"refill_rate": 5, "bucket_capacity": 5}]
)
def test_a_bucket_that_lets_nothing_through_is_refused_by_name(write: dict[str, int]) -> None:
    read = {"refill_rate": 200, "bucket_capacity": 400}
    with pytest.raises(MalformedFrame, match="write"):
        decode_limits(answer({"read": read, "write": write}).body)


@given(
    rate=st.integers(1, 1000),
    capacity=st.integers(10, 2000),
    steps=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 10)), max_size=60),
)
def test_whoever_waits_as_told_never_takes_more_than_the_venue_gives(
    rate: int, capacity: int, steps: list[tuple[int, int]]
) -> None:
    bucket = Bucket(Allowance(rate, capacity), 0)
    now, level, at = 0, capacity * SECOND, 0
    for pause, cost in steps:
        now += pause
        wait = bucket.take(cost, now)
        now += wait
        # the venue's own bucket, by the published rule
        level = min(capacity * SECOND, level + (now - at) * rate) - cost * SECOND
        at = now
        assert level >= 0
        # and no longer than needed: a nanosecond earlier it would not have been enough
        assert wait == 0 or level < rate


async def test_the_simulated_exchange_never_has_to_refuse_the_adapter() -> None:
    async with a_desk(rate_limits=True) as desk:
        await desk.trading.connect()
        assert desk.trading.budget.limits == BASIC
        desk.quote([("0.40", "1000")], [("0.45", "1000")])
        for _ in range(25):
            order = desk.order(YES, BUY, "0.45", "0.01", IOC)
            await desk.trading.send(replace(order, send_by_ns=desk.clock.wall() + SECOND))
        assert desk.exchange.rate_limited == 0
        assert len(desk.clock.slept) == 15
        desk.fault("rate_limits", write=[1, 1])
        _, report = await desk.place(YES, BUY, "0.45", "0.01", IOC)
        assert (report.status, report.code) == (ReportStatus.REJECTED, "rate_limited")
        assert desk.exchange.rate_limited == 1
