"""Both generations of assets side by side: position ids, Exchange V3, their own balances."""

from __future__ import annotations

import json

import pytest

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.events import FillSeen
from dutchbook.core.money import Price, Size
from dutchbook.core.order import Action, Intent, ReportStatus, TimeInForce
from dutchbook.venues.polymarket.signing import ExchangeContract
from venues.polymarket.floor import Desk, Live, broken, spec, state

NEW = market_id("polymarket", "new")
NEW_YES, NEW_NO = Claim(NEW, Outcome.YES), Claim(NEW, Outcome.NO)


@pytest.fixture(params=[False, True], ids=["binary", "neg-risk"])
async def desk(request: pytest.FixtureRequest):
    made = await Desk(spec(), spec("new", protocol=2, neg_risk=request.param)).open()
    made.trading.know(await made.data.markets(["new"]))
    yield made
    await made.transport.close()


def intent(claim: Claim, action: Action = Action.BUY, limit: int = 500_000) -> Intent:
    return Intent("o-1", "t-1", 0, claim, action, Size(10_000_000), Price(limit), TimeInForce.FOK)


async def test_both_generations_are_discovered(desk: Desk) -> None:
    assert sorted(market.native for market in await desk.data.markets()) == ["new", "rain"]
    assert desk.data.unreadable == {}


async def test_the_position_ids_are_traded_though_the_old_ids_are_listed_too(desk: Desk) -> None:
    _, yes, no = desk.exchange.tokens("new")
    tokens = desk.registry.tokens(NEW)
    assert (tokens.yes, tokens.no) == (yes, no)
    assert tokens.exchange is ExchangeContract.V3 and tokens.asset_type == "CONDITIONAL-V2"


async def test_a_padded_condition_is_the_same_condition(desk: Desk) -> None:
    condition, _, _ = desk.exchange.tokens("new")
    tokens = desk.registry.tokens(NEW)
    assert len(condition) == 64 and tokens.condition == condition + "00"
    assert desk.registry.market_of(condition) == desk.registry.market_of(tokens.condition) == NEW


@pytest.mark.parametrize("claim", [NEW_YES, NEW_NO])
async def test_an_order_is_bought_held_and_sold_again_through_exchange_v3(desk: Desk, claim: Claim) -> None:
    desk.quote({"0.5": "100"}, {"0.501": "0"}, "new")
    desk.exchange.quote("new", "other", [], [(510_000, 100_000_000)], desk.clock.now)
    desk.trading.know(await desk.data.markets(["new"]))
    limit = 510_000 if claim is NEW_YES else 500_000
    live = await Live.open(desk, desk.trading.stream())
    await live.drain()
    bought = desk.trading.prepare(intent(claim, limit=limit), desk.clock.now + SECOND)
    assert state(await desk.trading.send(bought)) == (ReportStatus.DONE, 10_000_000)
    desk.pass_time(5 * SECOND)
    assert {event.fill.claim for event in await live.drain() if isinstance(event, FillSeen)} == {claim}
    assert (await desk.trading.positions()).held == {claim: 10_000_000}
    floor = 490_000 if claim is NEW_NO else 500_000
    sold = desk.trading.prepare(intent(claim, Action.SELL, floor), desk.clock.now + SECOND)
    assert state(await desk.trading.send(sold)) == (ReportStatus.DONE, 10_000_000)
    desk.pass_time(5 * SECOND)
    assert (await desk.trading.positions()).held == {}


async def test_the_balance_is_asked_for_as_of_the_new_ledger(desk: Desk) -> None:
    trading, wire = broken(desk, lambda request: None)
    trading.know([desk.registry.market(NEW)])
    await trading.positions()
    assert wire.seen and all("asset_type=CONDITIONAL-V2" in request.url for request in wire.seen)


async def test_the_book_of_the_new_kind_is_followed_and_its_end_seen(desk: Desk) -> None:
    desk.quote({"0.4": "10"}, {"0.6": "10"}, "new")
    stream = desk.data.stream([desk.registry.market(NEW)])
    live = await Live.open(desk, stream)
    await live.drain()
    assert stream.books[NEW].live and (await desk.data.snapshot(NEW)).bids == ((400_000, 10_000_000),)
    desk.exchange.settle("new", 1_000_000, desk.clock.now)
    (result,) = await desk.trading.resolutions([NEW])
    assert result.final and result.yes_value == 1_000_000


async def test_orders_of_both_generations_go_in_one_batch(desk: Desk) -> None:
    desk.quote({}, {"0.5": "10"}, "new")
    desk.quote({}, {"0.5": "10"})
    orders = [
        desk.trading.prepare(intent(claim), desk.clock.now + SECOND)
        for claim in (NEW_YES, Claim(market_id("polymarket", "rain"), Outcome.YES))
    ]
    assert [state(report) for report in await desk.trading.send_many(orders)] == [(ReportStatus.DONE, 10_000_000)] * 2
    assert len({json.loads(order.body)["order"]["tokenId"] for order in orders}) == 2
