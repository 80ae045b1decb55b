"""What venues do while nothing is broken: each kind shows over the wire as the venue's documentation has it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.transport import Request
from dutchbook.simulator.kalshi import KalshiExchange
from dutchbook.torture.network import posted
from dutchbook.torture.venue_faults import PLANNED, VenueFaults, size_of
from torture.wires import CENT, DOLLAR, KALSHI, POLYMARKET, SLUG, TICKER, Wires, on_wires

# -- what venues do ---------------------------------------------------------------------------------------------------


async def befallen(wires: Wires, kind: str, kind_of_order: str = "FAK", seed: int = 1) -> dict[str, Any]:
    """A Polymarket order that a kind befalls, and the answer to it."""
    request = wires.polymarket_order(size=10, kind=kind_of_order)
    order = posted(request, 0)
    assert order is not None
    faults = VenueFaults(lambda kind, where: None)
    assert faults.befall(kind, order, wires.exchanges, random.Random(seed))
    answer: dict[str, Any] = json.loads((await wires.seam.send(request)).body)
    return answer


async def statuses(wires: Wires, seconds: int) -> list[str]:
    """Every status that the only Polymarket trade shows while time passes."""
    seen: list[str] = []
    for _ in range(seconds * 5):
        for trade in await wires.trades():
            status = trade["status"].removeprefix("TRADE_STATUS_")
            if not seen or seen[-1] != status:
                seen.append(status)
        await wires.clock.sleep(150 * MILLISECOND)
    return seen


@pytest.mark.parametrize("kind", sorted(PLANNED))
def test_what_is_planned_strikes_the_order_that_meets_it_and_no_other(kind: str) -> None:
    """An order that would match nothing meets no delay, and no trade of it can fail."""

    async def story(wires: Wires) -> None:
        struck: list[tuple[str, str]] = []
        faults = VenueFaults(lambda kind, where: struck.append((kind, where)))
        missing, meeting = wires.polymarket_order(cents=30), wires.polymarket_order(cents=50)
        order = posted(missing, 0)
        assert order is not None
        assert faults.befall(kind, order, wires.exchanges, random.Random(1))
        await wires.seam.send(missing)
        assert struck == []
        answer = json.loads((await wires.seam.send(meeting)).body)
        assert struck == [(kind, f"polymarket order {answer['orderID']}")]
        assert faults.befall(kind, order, wires.exchanges, random.Random(1))
        faults.end_all(wires.clock.wall())
        await wires.seam.send(wires.polymarket_order(cents=50))
        assert len(struck) == 1

    on_wires(story)


def test_cash_from_outside_and_trades_by_hand_are_added_up() -> None:
    """At the end the account has what was brought, what the trades by hand cost, and what the markets paid for them."""

    async def story(wires: Wires) -> None:
        exchanges = wires.exchanges
        began = exchanges.cash()
        draw = random.Random(3)
        faults = VenueFaults(lambda kind, where: None)
        for number in range(60):
            await wires.clock.sleep(SECOND)
            wires.quote(40, 50)
            kind = "traded_by_hand" if number % 2 else "cash_moved_outside"
            faults.happen(kind, exchanges, wires.clock.wall(), draw)
        await wires.clock.sleep(5 * SECOND)
        assert set(exchanges.by_hand) == {KALSHI, POLYMARKET}
        wires.kalshi.settle(TICKER, DOLLAR, wires.clock.wall())
        wires.polymarket.settle(SLUG, 0, wires.clock.wall())
        assert exchanges.cash() == began + sum(exchanges.moves) + exchanges.paid_by_hand()

    on_wires(story)


def test_a_delayed_order_is_matched_after_its_delay() -> None:
    async def story(wires: Wires) -> None:
        assert (await befallen(wires, "delayed_then_matched"))["status"] == "delayed"
        await wires.clock.sleep(4 * SECOND)
        assert len(await wires.trades()) == 1

    on_wires(story)


def test_the_makers_walk_away_from_a_delayed_order_and_it_ends_unmatched() -> None:
    async def story(wires: Wires) -> None:
        answer = await befallen(wires, "delayed_then_unmatched")
        assert answer["status"] == "delayed"
        await wires.clock.sleep(4 * SECOND)
        assert await wires.trades() == []
        order = json.loads((await wires.transport.send(wires.polymarket_read(f"/data/order/{answer['orderID']}"))).body)
        assert (order["status"], order["size_matched"]) == ("ORDER_STATUS_CANCELED", "0")
        wires.quote(40, 50)
        assert wires.polymarket.best(SLUG) == (40 * CENT, 50 * CENT)

    on_wires(story)


def test_a_matched_trade_fails_on_chain_and_a_retried_one_is_confirmed_late() -> None:
    async def failing(wires: Wires) -> None:
        await befallen(wires, "matched_then_failed")
        assert await statuses(wires, 4) == ["MATCHED", "RETRYING", "FAILED"]
        assert wires.bob.money["tokens"][SLUG] == {"yes": 0, "no": 0}

    async def retrying(wires: Wires) -> None:
        await befallen(wires, "retrying_long")
        assert await statuses(wires, 40) == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
        assert wires.bob.money["tokens"][SLUG] == {"yes": 10 * DOLLAR, "no": 0}

    on_wires(failing)
    on_wires(retrying)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_makers_leave_less_than_an_order_on_its_way_wants(venue: str) -> None:
    async def story(wires: Wires) -> None:
        request = wires.kalshi_order(size=10) if venue == "kalshi" else wires.polymarket_order(size=10)
        order = posted(request, 0)
        assert order is not None
        assert size_of(order) == 10 * DOLLAR
        faults = VenueFaults(lambda kind, where: None)
        assert faults.befall("partial_fill", order, wires.exchanges, random.Random(4))
        await wires.seam.send(request)
        if venue == "kalshi":
            filled = wires.kalshi.statement("ann")["positions"][TICKER]
        else:
            await wires.clock.sleep(SECOND)
            filled = wires.bob.money["tokens"][SLUG]["yes"]
        assert 0 < filled < 10 * DOLLAR

    on_wires(story)


def test_the_other_legs_prices_move_while_an_order_is_on_its_way() -> None:
    async def story(wires: Wires) -> None:
        order = posted(wires.kalshi_order(), 0)
        assert order is not None
        faults = VenueFaults(lambda kind, where: None)
        assert faults.befall("price_moved", order, wires.exchanges, random.Random(1))
        assert wires.kalshi.best(TICKER) == (40 * CENT, 50 * CENT)
        assert wires.polymarket.best(SLUG) != (40 * CENT, 50 * CENT)

    on_wires(story)


async def happening(wires: Wires, kind: str) -> VenueFaults:
    faults = VenueFaults(lambda kind, where: None)
    for seed in range(50):
        if faults.happen(kind, wires.exchanges, wires.clock.wall(), random.Random(seed)) is not None:
            return faults
    raise AssertionError(f"{kind} never happened")


def test_an_exchange_pause_takes_nothing_and_ends() -> None:
    async def story(wires: Wires) -> None:
        faults = await happening(wires, "exchange_pause")
        assert (await wires.seam.send(wires.kalshi_order())).status == 503
        await wires.clock.sleep(9 * SECOND)
        faults.end_due(wires.clock.wall())
        assert (await wires.seam.send(wires.kalshi_order())).status == 201

    on_wires(story)


def test_a_trading_pause_takes_no_orders_and_ends() -> None:
    async def story(wires: Wires) -> None:
        faults = await happening(wires, "trading_pause")
        answer = await wires.seam.send(wires.kalshi_order())
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "trading_paused")
        faults.end_all(wires.clock.wall())
        assert (await wires.seam.send(wires.kalshi_order())).status == 201

    on_wires(story)


def test_a_restart_is_425_then_post_only_then_trading() -> None:
    async def story(wires: Wires) -> None:
        await happening(wires, "restart")
        seen: list[int] = []
        for _ in range(70):
            status = (await wires.seam.send(wires.polymarket_order(size=2))).status
            if not seen or seen[-1] != status:
                seen.append(status)
            await wires.clock.sleep(150 * MILLISECOND)
        assert seen == [425, 503, 200]

    on_wires(story)


@pytest.mark.parametrize("place", [KALSHI, POLYMARKET])
def test_a_halted_market_takes_no_orders_until_it_is_resumed(place: tuple[str, str]) -> None:
    async def story(wires: Wires) -> None:
        exchange = wires.exchanges.of(place[0])
        exchange.pause_market(place[1], wires.clock.wall())
        request = wires.kalshi_order if place is KALSHI else wires.polymarket_order
        answer = await wires.seam.send(request())
        assert answer.status == 400
        assert (b"market is not active" in answer.body) or (b"not yet ready to process" in answer.body)
        exchange.resume_market(place[1], wires.clock.wall())
        wires.quote(40, 50)
        assert (await wires.seam.send(request())).status in (200, 201)

    on_wires(story)


def test_money_moves_outside_and_shows_in_the_balance() -> None:
    async def story(wires: Wires) -> None:
        before = wires.kalshi.statement("ann")["cash"][0] + wires.bob.money["cash"]
        moved = set()
        for seed in range(30):
            faults = VenueFaults(lambda kind, where: None)
            moved.add(faults.happen("cash_moved_outside", wires.exchanges, wires.clock.wall(), random.Random(seed)))
        ways = ("deposit", "withdrawal", "interest")
        assert moved == {f"{venue} {way}" for venue in ("kalshi", "polymarket") for way in ways}
        after = wires.kalshi.statement("ann")["cash"][0] + wires.bob.money["cash"]
        assert before != after
        answer = await wires.transport.send(wires.kalshi_read("/portfolio/balance"))
        assert json.loads(answer.body)["balance"] == wires.kalshi.statement("ann")["cash"][0] // CENT

    on_wires(story)


@pytest.mark.parametrize("place", [KALSHI, POLYMARKET])
def test_somebody_trades_by_hand_and_the_position_shows_it(place: tuple[str, str]) -> None:
    async def story(wires: Wires) -> None:
        exchange = wires.exchanges.of(place[0])
        assert exchange.trade_by_hand("ann", place[1], True, 50 * CENT, 3 * DOLLAR, wires.clock.wall()) == 3 * DOLLAR
        await wires.clock.sleep(SECOND)
        if place is KALSHI:
            (order,) = await wires.orders()
            assert (order["client_order_id"], order["fill_count_fp"]) == ("", "3.00")
        else:
            (trade,) = await wires.trades()
            assert (trade["size"], trade["trader_side"]) == ("3", "TAKER")

    on_wires(story)


# -- settlement -------------------------------------------------------------------------------------------------------


async def settled(wires: Wires, kind: str | None, seed: int = 1) -> VenueFaults:
    """Ten YES bought on each venue at 50, then the question settled at YES."""
    await wires.seam.send(wires.kalshi_order(size=10))
    await wires.seam.send(wires.polymarket_order(size=10))
    await wires.clock.sleep(3 * SECOND)
    faults = VenueFaults(lambda kind, where: None)
    values = [(KALSHI, DOLLAR), (POLYMARKET, DOLLAR)]
    faults.settle(kind, wires.exchanges, values, wires.clock.wall(), random.Random(seed))
    return faults


def cash(wires: Wires) -> tuple[int, int]:
    """Of the client, at Kalshi and at Polymarket."""
    return wires.kalshi.statement("ann")["cash"][0], wires.bob.money["cash"]


async def settlement_row(wires: Wires) -> dict[str, Any]:
    answer = await wires.transport.send(wires.kalshi_read("/portfolio/settlements"))
    (row,) = json.loads(answer.body)["settlements"]
    assert isinstance(row, dict)
    return row


def test_an_ordinary_settlement_pays_both_at_once() -> None:
    async def story(wires: Wires) -> None:
        await settled(wires, None)
        kalshi, polymarket = cash(wires)
        assert polymarket == 1005 * DOLLAR
        assert 1004 * DOLLAR < kalshi < 1005 * DOLLAR

    on_wires(story)


def test_a_late_settlement_pays_one_venue_later() -> None:
    async def story(wires: Wires) -> None:
        await settled(wires, "settlement_late")
        first = cash(wires)
        await wires.clock.sleep(45 * SECOND)
        last = cash(wires)
        assert sorted(after - before for before, after in zip(first, last, strict=True)) == [0, 10 * DOLLAR]
        assert wires.kalshi.settle_delay_ns == wires.polymarket.settle_delay_ns == 0

    on_wires(story)


def test_a_reversed_settlement_changes_result_row_and_balance() -> None:
    async def story(wires: Wires) -> None:
        faults = await settled(wires, "settlement_reversed", seed=1)
        before, row = cash(wires), await settlement_row(wires)
        assert (row["market_result"], row["revenue"]) == ("yes", 1000)
        await wires.clock.sleep(20 * SECOND)
        faults.end_due(wires.clock.wall())
        after, row = cash(wires), await settlement_row(wires)
        assert row["market_result"] in ("no", "scalar")
        assert after[0] - before[0] == row["revenue"] * CENT - 10 * DOLLAR < 0
        assert after[1] == before[1]
        market = json.loads((await wires.transport.send(wires.kalshi_read(f"/markets/{TICKER}"))).body)["market"]
        assert (market["status"], market["result"]) == ("finalized", row["market_result"])

    on_wires(story)


def test_a_result_can_be_reversed_only_once_it_is_paid() -> None:
    async def story(wires: Wires) -> None:
        with pytest.raises(ValueError, match="not finalized"):
            wires.kalshi.resettle(TICKER, 0, wires.clock.wall())

    on_wires(story)


def test_a_scalar_settlement_pays_part_on_both_venues() -> None:
    async def story(wires: Wires) -> None:
        await settled(wires, "settlement_scalar")
        assert (await settlement_row(wires))["market_result"] == "scalar"
        kalshi, polymarket = cash(wires)
        assert 995 * DOLLAR < polymarket < 1005 * DOLLAR
        assert 994 * DOLLAR < kalshi < 1005 * DOLLAR

    on_wires(story)


def test_a_divergent_settlement_pays_on_one_venue_only() -> None:
    async def story(wires: Wires) -> None:
        await settled(wires, "settlement_divergent")
        kalshi, polymarket = cash(wires)
        assert (kalshi > 1004 * DOLLAR) != (polymarket > 1004 * DOLLAR)

    on_wires(story)


# -- from outside -----------------------------------------------------------------------------------------------------


def test_a_running_simulator_can_be_told_to_do_these_things() -> None:
    async def story(wires: Wires) -> None:
        now = wires.clock.wall()
        wires.polymarket.control = True
        told = [
            {"fault": "delay_orders", "count": 2, "seconds": 1, "kind": "unmatched"},
            {"fault": "retry_trades", "count": 1, "seconds": 9},
            {"fault": "settle_late", "seconds": 7},
            {"fault": "halt", "market": SLUG},
        ]
        for body in told:
            request = Request("POST", "http://poly/__control", {}, json.dumps(body).encode())
            assert wires.polymarket.handle(request, now).status == 200
        assert wires.polymarket.planned_delays == [(SECOND, True)] * 2
        assert (wires.polymarket.retry_next_trades, wires.polymarket.retry_ns) == (1, 9 * SECOND)
        assert wires.polymarket.settle_delay_ns == 7 * SECOND
        assert not wires.polymarket.is_open(SLUG)

    on_wires(story)
    kalshi = KalshiExchange(1, control=True)
    late = Request("POST", "http://kalshi/__control", {}, b'{"fault":"settle_late","ms":250}')
    assert kalshi.handle(late, 1).status == 200
    assert kalshi.settle_delay_ns == 250 * MILLISECOND
    unpaid = Request("POST", "http://kalshi/__control", {}, b'{"fault":"resettle","market":"KX","yes_value":0}')
    assert kalshi.handle(unpaid, 1).status == 400
