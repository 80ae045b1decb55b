"""What the venue takes from us: rate limits honoured before a 429, and the modes that it announces in its answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import NotSent, RateLimited, Refused, Unavailable
from dutchbook.core.order import ReportStatus, TimeInForce
from dutchbook.core.transport import Response
from dutchbook.core.venue import VenueMode
from dutchbook.venues.polymarket.notices import AFTER_RESTART_NS, DEFAULT_PAUSE_NS, Notices
from dutchbook.venues.polymarket.rate import TIERS, SignerLimits, TokenBucket, retry_after_ns
from venues.polymarket.desk import HandClock
from venues.polymarket.floor import Desk, broken, spec, state


@pytest.fixture
async def desk():
    made = await Desk().open()
    made.fault("signer_limits")
    yield made
    await made.transport.close()


# --- the bucket ---


def test_a_full_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket(40, 60)
    for _ in range(60):
        assert bucket.wait_ns(1, 0) == 0
        bucket.take(1, 0)
    assert bucket.wait_ns(1, 0) == 25 * MILLISECOND
    assert bucket.wait_ns(40, 0) == SECOND
    assert bucket.wait_ns(1, 25 * MILLISECOND) == 0


def test_a_debt_is_waited_for() -> None:
    bucket = TokenBucket(80, 120)
    bucket.take(200, 0)
    assert bucket.wait_ns(1, 0) == 81 * SECOND // 80


@given(st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 20)), max_size=40))
def test_the_bucket_never_lets_more_through_than_burst_and_rate(steps: list[tuple[int, int]]) -> None:
    bucket, now, taken = TokenBucket(40, 60), 0, 0
    for pause, cost in steps:
        now += pause
        now += bucket.wait_ns(cost, now)
        bucket.take(cost, now)
        taken += cost
        assert taken * SECOND <= 60 * SECOND + 40 * now


def test_the_venues_count_lowers_ours_and_never_raises_it() -> None:
    limits = SignerLimits()
    limits.heard(limits.orders, 200, {"poly-ratelimit-remaining": "3.7"}, 0)
    limits.heard(limits.orders, 200, {"poly-ratelimit-remaining": "50"}, 0)
    assert limits.orders.wait_ns(3, 0) == 0 and limits.orders.wait_ns(4, 0) > 0
    limits.heard(limits.cancels, 200, {"poly-ratelimit-remaining": "-4"}, 0)
    assert limits.cancels.wait_ns(1, 0) == 5 * SECOND // 80


def test_a_better_tier_is_adopted_from_the_header() -> None:
    limits = SignerLimits()
    limits.heard(limits.orders, 200, {"poly-ratelimit-tier": "Gold"}, 0)
    assert limits.tier == "gold" and limits.orders.wait_ns(TIERS["gold"].orders[1], 0) == 0


@pytest.mark.parametrize("headers", [{}, {"poly-ratelimit-remaining": "many"}, {"poly-ratelimit-tier": "Unobtainium"}])
def test_headers_that_say_nothing_change_nothing(headers: dict[str, str]) -> None:
    limits = SignerLimits()
    limits.heard(limits.orders, 200, headers, 0)
    assert limits.orders.wait_ns(60, 0) == 0 and limits.tier == "standard"


def test_a_warning_is_counted() -> None:
    limits = SignerLimits()
    limits.heard(limits.orders, 200, {"poly-ratelimit-warning": "true"}, 0)
    assert limits.warnings == 1


def test_a_refusal_for_the_rate_blocks_until_its_retry_after() -> None:
    limits = SignerLimits()
    limits.heard(limits.orders, 429, {"retry-after": "7"}, 0)
    assert limits.orders.wait_ns(1, 2 * SECOND) == 5 * SECOND and limits.cancels.wait_ns(1, 0) == 0


@pytest.mark.parametrize(("text", "ns"), [("7", 7 * SECOND), ("", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("-3", 0)])
def test_retry_after_is_read_in_seconds(text: str, ns: int) -> None:
    assert retry_after_ns({"retry-after": text}) == ns


# --- on the floor ---


async def test_a_storm_of_orders_is_spread_out_and_never_refused(desk: Desk) -> None:
    """A hundred orders at forty a second, sixty at once: a second passes, and the venue has not said 429."""
    began = desk.clock.now
    for _ in range(100):
        order = desk.prepare("10", "0.1", tif=TimeInForce.GTC)
        assert (await desk.trading.send(order)).status is ReportStatus.RESTING
    assert desk.clock.now - began == SECOND


async def test_an_order_is_not_held_back_beyond_its_deadline(desk: Desk) -> None:
    for _ in range(4):
        await desk.trading.send_many([desk.prepare("10", "0.1", tif=TimeInForce.GTC) for _ in range(15)])
    orders = [desk.prepare("10", "0.1", tif=TimeInForce.GTC) for _ in range(15)]
    hurried = [
        order.__class__(order.intent, order.identity, order.body, desk.clock.now + SECOND // 10) for order in orders
    ]
    before = desk.clock.now
    with pytest.raises(NotSent, match="rate limit"):
        await desk.trading.send_many(hurried)
    assert desk.clock.now == before and len(await desk.trading.open_orders()) == 60


async def test_an_order_whose_wait_took_longer_than_asked_for_is_not_written_late(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was asleep or busy: the fault simulation found an order that left seconds after its deadline."""
    for _ in range(4):
        await desk.trading.send_many([desk.prepare("10", "0.1", tif=TimeInForce.GTC) for _ in range(15)])
    order = desk.prepare("10", "0.1", tif=TimeInForce.GTC)
    order = order.__class__(order.intent, order.identity, order.body, desk.clock.now + SECOND)
    plain = desk.clock.sleep

    async def stalled(duration_ns: int) -> None:
        await plain(duration_ns + 5 * SECOND)

    monkeypatch.setattr(desk.clock, "sleep", stalled)
    with pytest.raises(NotSent, match="deadline"):
        await desk.trading.send(order)
    assert len(await desk.trading.open_orders()) == 60


async def test_a_batch_costs_as_many_tokens_as_it_has_orders(desk: Desk) -> None:
    began = desk.clock.now
    for _ in range(5):
        orders = [desk.prepare("10", "0.1", tif=TimeInForce.GTC) for _ in range(15)]
        assert {report.status for report in await desk.trading.send_many(orders)} == {ReportStatus.RESTING}
    assert desk.clock.now - began == 15 * SECOND // 40


async def test_cancel_all_is_paid_for_afterwards(desk: Desk) -> None:
    for _ in range(8):
        await desk.trading.send_many([desk.prepare("10", "0.1", tif=TimeInForce.GTC) for _ in range(15)])
    assert len((await desk.trading.cancel_all()).cancelled) == 120
    before = desk.clock.now
    await desk.trading.cancel_all()
    assert desk.clock.now - before == 2 * SECOND // 80


async def test_a_429_is_a_refusal_and_is_waited_out(desk: Desk) -> None:
    refusal = Response(429, b'{"error":"Too Many Requests"}', {"retry-after": "1"})
    answers = [refusal]
    trading, _ = broken(desk, lambda request: answers.pop() if request.method == "POST" and answers else None)
    report = await trading.send(desk.prepare("10", "0.1", tif=TimeInForce.GTC))
    assert (report.status, report.code) == (ReportStatus.REJECTED, "rate_limited")
    before = desk.clock.now
    order = desk.prepare("10", "0.1", tif=TimeInForce.GTC)
    assert (await trading.send(order)).status is ReportStatus.RESTING
    assert desk.clock.now - before == SECOND


async def test_a_read_that_was_turned_away_is_not_repeated_before_its_time(desk: Desk) -> None:
    refusal = Response(429, b"", {"retry-after": "4"})
    answers = [refusal]
    trading, _ = broken(desk, lambda request: answers.pop() if "/balance" in request.url and answers else None)
    with pytest.raises(RateLimited) as caught:
        await trading.balances()
    assert caught.value.retry_after_ns == 4 * SECOND
    before = desk.clock.now
    await trading.balances()
    assert desk.clock.now - before == 4 * SECOND


async def test_the_limit_per_address_is_named_by_the_venue(desk: Desk) -> None:
    desk.fault("ip_limits", scale=200)
    await desk.trading.balances()
    with pytest.raises(RateLimited) as caught:
        await desk.trading.balances()
    assert caught.value.retry_after_ns == 10 * SECOND


# --- modes ---


async def test_a_restart_is_restarting_then_post_only_then_trading(desk: Desk) -> None:
    desk.quote({}, {"0.5": "100"})
    desk.fault("restart", seconds=20, post_only_seconds=100)
    _, report = await desk.place("10", "0.5")
    assert (report.status, report.code) == (ReportStatus.REJECTED, "restarting")
    assert await desk.data.mode() is VenueMode.RESTARTING
    desk.pass_time(DEFAULT_PAUSE_NS)
    assert await desk.data.mode() is VenueMode.POST_ONLY
    _, report = await desk.place("10", "0.5")
    assert (report.status, report.code) == (ReportStatus.REJECTED, "post_only_mode")
    desk.pass_time(89 * SECOND)
    assert await desk.data.mode() is VenueMode.POST_ONLY
    desk.pass_time(2 * SECOND)
    assert await desk.data.mode() is VenueMode.TRADING
    assert state((await desk.place("10", "0.5"))[1]) == (ReportStatus.DONE, 10_000_000)


async def test_cancel_only_is_said_and_cancels_work(desk: Desk) -> None:
    order, _ = await desk.place("10", "0.1", tif=TimeInForce.GTC)
    desk.fault("mode", mode="cancel_only")
    _, report = await desk.place("10", "0.1", tif=TimeInForce.GTC)
    assert (report.status, report.code) == (ReportStatus.REJECTED, "cancel_only")
    assert await desk.data.mode() is VenueMode.CANCEL_ONLY
    assert state(await desk.trading.cancel(order, "")) == (ReportStatus.DONE, 0)


async def test_trading_that_is_disabled_is_a_pause_and_cancels_fail(desk: Desk) -> None:
    order, _ = await desk.place("10", "0.1", tif=TimeInForce.GTC)
    desk.fault("mode", mode="disabled")
    with pytest.raises(Unavailable):
        await desk.trading.cancel(order, "")
    assert await desk.data.mode() is VenueMode.PAUSED


async def test_the_region_is_barred_by_the_answer_to_an_order_and_stays_so(desk: Desk) -> None:
    desk.fault("geoblock")
    _, report = await desk.place("10", "0.5", tif=TimeInForce.GTC)
    assert (report.status, report.code) == (ReportStatus.REJECTED, "region")
    desk.pass_time(10_000 * SECOND)
    with pytest.raises(Refused, match="region") as caught:
        await desk.data.mode()
    assert caught.value.code == "region"


async def test_the_region_check_names_the_place_and_refuses(desk: Desk) -> None:
    assert await desk.data.region() == "IE"
    desk.fault("geoblock")
    with pytest.raises(Refused, match="takes no orders from XX"):
        await desk.data.region()


async def test_an_account_in_closed_only_mode_is_told_at_the_start() -> None:
    desk = Desk(spec())
    desk.fault("closed_only", account="ann")
    await desk.open()
    with pytest.raises(Refused, match="only close positions"):
        await desk.data.mode()
    _, report = await desk.place("10", "0.5", tif=TimeInForce.GTC)
    assert (report.status, report.code) == (ReportStatus.REJECTED, "closed_only")


async def test_a_page_of_a_gateway_bars_nothing(desk: Desk) -> None:
    page = Response(403, b"<html>error code: 1010</html>")
    trading, _ = broken(desk, lambda request: page if request.method == "POST" else None)
    report = await trading.send(desk.prepare("10", "0.5"))
    assert (report.status, report.code) == (ReportStatus.REJECTED, "forbidden")
    assert "gateway" in report.reason and trading.notices.mode() is VenueMode.TRADING


async def test_what_the_engine_answers_itself_comes_first(desk: Desk) -> None:
    answers = {425: VenueMode.RESTARTING, 503: VenueMode.CANCEL_ONLY}
    for status, mode in answers.items():
        body = b'{"error":"Trading is currently cancel-only. New orders are not accepted"}' if status == 503 else b""
        _, wire = broken(
            desk, lambda request, s=status, b=body: Response(s, b) if request.url.endswith("/ok") else None
        )
        data = desk.data.__class__(wire, desk.trading.session.config, desk.registry)
        assert await data.mode() is mode
    _, wire = broken(desk, lambda request: Response(502, b"<html>"))
    with pytest.raises(Unavailable):
        await desk.data.__class__(wire, desk.trading.session.config, desk.registry).mode()


def test_a_taker_that_was_accepted_ends_every_restriction() -> None:
    notices = Notices(HandClock())
    notices.heard("restarting")
    notices.traded()
    assert notices.mode() is VenueMode.TRADING


def test_a_restriction_without_a_time_does_not_shorten_one_with_a_time() -> None:
    clock = HandClock()
    notices = Notices(clock)
    notices.heard("post_only_mode", 90 * SECOND)
    notices.heard("post_only_mode")
    clock.now += 80 * SECOND
    assert notices.mode() is VenueMode.POST_ONLY


def test_a_restart_is_followed_by_post_only_time() -> None:
    clock = HandClock()
    notices = Notices(clock)
    notices.heard("restarting", 10 * SECOND)
    clock.now += 10 * SECOND
    assert notices.mode() is VenueMode.POST_ONLY
    clock.now += AFTER_RESTART_NS
    assert notices.mode() is VenueMode.TRADING


def test_refusals_of_an_order_say_nothing_about_the_venue() -> None:
    notices = Notices(HandClock())
    for code in ("not_enough_balance", "fok_not_filled", "", "unauthorized"):
        notices.heard(code)
    assert notices.mode() is VenueMode.TRADING
