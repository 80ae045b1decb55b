"""A missing answer makes an order UNKNOWN: it is resolved by asking and never by sending (M32, rule 5 of the design)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.order import OrderState
from dutchbook.core.trade import Phase
from dutchbook.torture.line import private_of
from dutchbook.torture.network import (
    Fault,
    answer_with,
    hold,
    lose_answer,
    lose_request,
    orders_to,
    reads_of,
    repeat,
)
from engine.parts import CASH, LATENCY_NS
from engine.rig import Rig, cross, play

MARGIN_NS = {"kalshi": 10 * SECOND, "polymarket": 60 * SECOND}


def assert_sent_once(rig: Rig) -> None:
    """Exactly one body for each identity, and each body once."""
    identities = Counter(order.identity for order in rig.network.orders)
    assert set(identities.values()) <= {1}, identities


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_an_answer_lost_after_acceptance_is_found_by_asking(tmp_path: Path, venue: str) -> None:
    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to(venue), lose_answer))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working, 5)
        assert process.trade.phase is Phase.LOCKED
        assert process.trade.rounds == 1
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story)
    assert len(rig.network.orders) == 2
    assert_sent_once(rig)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_an_order_lost_before_acceptance_is_voided_only_upon_evidence(tmp_path: Path, venue: str) -> None:
    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to(venue), lose_request))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        trade = process.trade
        (lost,) = (row for leg in trade.legs for row in leg.orders if leg.claim.market.startswith(venue))
        allowed_ns = lost.plan.send_by_ns + MARGIN_NS[venue]
        await rig.until(lambda: lost.state is OrderState.UNKNOWN)
        assert trade.legs[lost.plan.leg].reserved > 0, "its exposure stays reserved"
        await rig.until(lambda: lost.state is not OrderState.UNKNOWN, 120)
        assert lost.state is OrderState.VOIDED
        assert rig.clock.wall() > allowed_ns
        assert sum(as_of > allowed_ns for as_of in lost.absences) >= 2
        await rig.until(lambda: not trade.working)
        assert trade.phase in (Phase.LOCKED, Phase.FLAT)
        await rig.idle()
        assert await rig.mismatches() == []

    assert_sent_once(play(tmp_path, story))


def test_no_new_entries_while_the_fate_of_an_order_is_unknown(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.list_pair("snow")
        rig.quote("kalshi", [(38, 100)], [(42, 100)], market="snow")
        rig.quote("polymarket", [(40, 100)], [(54, 100)], market="snow")
        rig.network.faults.append(Fault(orders_to("polymarket"), lose_request))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: any(r.state is OrderState.UNKNOWN for t in process.trades for r in t.orders()))
        cross(rig, market="snow")
        await rig.wait(5)
        assert len(process.trades) == 1
        assert process.engine.desk.funnel.snapshot()["reasons"] == {"naked": 1}
        await rig.until(lambda: not process.trades[0].working, 120)
        cross(rig, 11, market="snow")
        await rig.until(lambda: len(process.trades) == 2)

    play(tmp_path, story)


def test_a_read_that_fails_is_not_an_absence(tmp_path: Path) -> None:
    """The account's orders cannot be read for a long time: the order stays UNKNOWN, and is found afterwards."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("kalshi"), lose_answer))
        blind = Fault(reads_of("kalshi", "/portfolio/orders"), answer_with(503, b'{"error":"down"}'), times=10_000)
        rig.network.faults.append(blind)
        rig.network.muffled = private_of("kalshi")
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        await rig.wait(30)
        states = {row.state for row in process.trade.legs[0].orders}
        assert states == {OrderState.UNKNOWN}
        assert not process.trade.legs[0].orders[0].absences
        blind.times = 0
        await rig.until(lambda: not process.trade.working, 20)
        assert process.trade.phase is Phase.LOCKED
        await rig.idle()
        assert await rig.mismatches() == []

    assert_sent_once(play(tmp_path, story))


def test_asking_slows_down_and_a_person_is_told_after_a_minute(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("polymarket"), lose_request))
        rig.network.faults.append(Fault(reads_of("poly", "/data/order/"), answer_with(500, b"oops"), times=10_000))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        await rig.wait(120)
        assert process.trade.working
        assert process.alarms.count("order_unknown") == 1

    rig = play(tmp_path, story)
    asked = sum(request.startswith("GET /data/order/") for request in rig.network.requests)
    assert asked < 30


def test_an_order_that_arrives_after_its_sender_gave_up_is_found(tmp_path: Path) -> None:
    """The request hangs in the network past its timeout, and the venue takes it then."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("kalshi"), hold(6 * SECOND)))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working, 60)
        assert process.trade.phase is Phase.LOCKED
        assert process.trade.rounds == 1
        await rig.idle()
        assert await rig.mismatches() == []

    assert_sent_once(play(tmp_path, story))


def test_an_order_taken_for_absent_that_fills_after_all_reopens_its_trade(tmp_path: Path) -> None:
    """Evidence can be wrong once in a lifetime: the late fill is exposure, and is worked to an end."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("kalshi"), lose_answer))
        for what, path in (("orders", "/portfolio/orders"), ("fills", "/portfolio/fills?ticker=")):
            forgetful = answer_with(200, b'{"%s":[],"cursor":""}' % what.encode())
            rig.network.faults.append(Fault(reads_of("kalshi", path), forgetful, times=10_000))
        rig.network.muffled = private_of("kalshi")
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working, 60)
        first = process.trade.legs[0].orders[0]
        assert first.state is OrderState.VOIDED
        assert process.trade.phase in (Phase.LOCKED, Phase.FLAT)
        rig.network.faults.clear()
        rig.network.muffled = None
        await rig.until(lambda: bool(first.fills))
        await rig.until(lambda: not process.trade.working)
        assert first.state is OrderState.DONE
        assert len({leg.held for leg in process.trade.legs}) == 1
        await rig.idle()
        assert await rig.mismatches() == []

    assert_sent_once(play(tmp_path, story))


def test_m32_an_order_that_is_not_listed_but_has_fills_is_not_absent(tmp_path: Path) -> None:
    """Absence is evidence only when order and fill reads agree (rule 5c): the orders are missing for two minutes, the fills
    are there."""

    async def story(rig: Rig) -> None:
        forgetful = Fault(
            reads_of("kalshi", "/portfolio/orders?"), answer_with(200, b'{"orders":[],"cursor":""}'), times=10_000
        )
        unreadable = Fault(
            reads_of("kalshi", "/portfolio/orders/"), answer_with(404, b'{"error":{"code":"not_found"}}'), times=10_000
        )
        rig.network.faults += [Fault(orders_to("kalshi"), lose_answer), forgetful, unreadable]
        rig.network.muffled = private_of("kalshi")
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        await rig.wait(120)
        (order,) = process.trade.legs[0].orders
        assert order.state is OrderState.UNKNOWN
        assert not order.absences
        rig.network.faults.clear()
        await rig.until(lambda: not process.trade.working, 20)
        assert process.trade.phase is Phase.LOCKED
        await rig.idle()
        assert await rig.mismatches() == []

    assert_sent_once(play(tmp_path, story))


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_request_that_the_network_repeats_fills_once(tmp_path: Path, venue: str) -> None:
    """The second copy of a killed or filled order is refused by its identity, or its fill is found in the books."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to(venue), repeat))
        process = await rig.start()
        cross(rig, 10)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_both_answers_lost_and_the_trade_is_whole(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.network.faults += [Fault(orders_to("kalshi"), lose_answer), Fault(orders_to("polymarket"), lose_answer)]
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        await rig.idle()
        assert await rig.mismatches() == []

    assert_sent_once(play(tmp_path, story))


def test_a_lost_sale_is_not_sold_again(tmp_path: Path) -> None:
    """The unwind's own answer is lost: what is offered counts as gone until the venue has spoken."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("kalshi", "ask"), lose_answer))
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            rig.quote("polymarket", maker="stray")
            rig.quote("polymarket", [(30, 100)], [(54, 100)])

        rig.after(LATENCY_NS + 5 * MILLISECOND, leave)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.FLAT
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    rig = play(tmp_path, story)
    assert [order.action for order in rig.network.orders if order.venue == "kalshi"] == ["bid", "ask"]
    assert_sent_once(rig)


def test_a_delayed_order_that_the_venue_forgets_is_voided_by_the_same_evidence(tmp_path: Path) -> None:
    """Accepted as delayed, and then neither its reads nor its stream know of it: the trade must not wait for ever."""

    async def story(rig: Rig) -> None:
        accepted = (
            b'{"success":true,"errorMsg":"","orderID":"0x1","status":"delayed","takingAmount":"","makingAmount":""}'
        )
        rig.network.faults.append(Fault(orders_to("polymarket"), answer_with(200, accepted)))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        (delayed,) = process.trade.orders()
        await rig.until(lambda: delayed.state is OrderState.DELAYED, 5)
        allowed_ns = delayed.plan.send_by_ns + MARGIN_NS["polymarket"]
        await rig.until(lambda: not process.trade.working, 120)
        assert delayed.state is OrderState.VOIDED
        assert rig.clock.wall() > allowed_ns
        assert process.trade.phase is Phase.FAILED
        await rig.idle()
        assert await rig.mismatches() == []

    assert_sent_once(play(tmp_path, story, delay_ns=3 * SECOND))
