"""The account's recent fills and everything that it holds, whoever traded and whatever was read before (M37)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dutchbook.core.clock import SECOND
from dutchbook.core.order import Action
from dutchbook.core.transport import Response
from venues.polymarket.desk import micros
from venues.polymarket.floor import RAIN, YES, Desk, broken, spec


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = await Desk(spec(), spec("snow")).open()
    for market in ("rain", "snow"):
        made.quote({"0.40": "100"}, {"0.42": "100"}, market)
    yield made
    await made.transport.close()


async def test_m37_recent_fills_are_those_of_the_order_and_name_it(desk: Desk) -> None:
    order, _ = await desk.place("10", "0.42")
    (fill,) = await desk.trading.recent_fills(desk.clock.now - SECOND)
    assert fill in await desk.trading.fills(order, order.identity)
    assert (fill.identity, fill.claim, fill.size) == (order.identity, YES, micros("10"))


async def test_m37_fills_before_the_asked_second_are_left_out(desk: Desk) -> None:
    await desk.place("10", "0.42")
    asked = desk.clock.now
    assert len(await desk.trading.recent_fills(asked)) == 1
    desk.pass_time(10 * SECOND)
    assert await desk.trading.recent_fills(desk.clock.now) == []


async def test_m37_a_trade_by_hand_in_a_market_never_read_is_told_under_its_token(desk: Desk) -> None:
    desk.exchange.trade_by_hand("ann", "snow", True, micros("0.42"), micros("5"), desk.clock.now)
    (fill,) = await desk.trading.recent_fills(desk.clock.now - SECOND)
    assert fill.claim.market.startswith("polymarket:token ")
    assert (fill.action, fill.size, fill.cash) == (Action.BUY, micros("5"), micros("2.1"))
    await desk.data.markets(["snow"])
    (fill,) = await desk.trading.recent_fills(desk.clock.now - SECOND)
    assert fill.claim.market == "polymarket:snow"
    assert fill.fee > 0


async def test_m37_a_failed_trade_is_no_fill(desk: Desk) -> None:
    await desk.place("10", "0.42")
    rows = await desk.trading.session.rows("/data/trades", {})
    failed = b'{"data":[' + bytes(rows[0]).replace(b"TRADE_STATUS_MATCHED", b"TRADE_STATUS_FAILED") + b"]}"
    assert b"FAILED" in failed
    trading, _ = broken(desk, lambda request: Response(200, failed) if "/data/trades" in request.url else None)
    assert await trading.recent_fills(0) == []


async def test_m37_markets_held_are_named_whether_they_were_read_or_not(desk: Desk) -> None:
    assert await desk.trading.held_natives() == []
    await desk.place("10", "0.42")
    desk.exchange.trade_by_hand("ann", "snow", True, micros("0.42"), micros("5"), desk.clock.now)
    desk.pass_time(60 * SECOND)
    assert await desk.trading.held_natives() == ["rain", "snow"]
    assert {claim.market for claim in (await desk.trading.positions()).held} == {RAIN}, "told for known markets only"
    desk.exchange.settle("snow", 0, desk.clock.now)
    desk.pass_time(60 * SECOND)
    assert "rain" in await desk.trading.held_natives()
