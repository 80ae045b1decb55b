"""Faults of requests: each does to the real simulators what its name says, and nothing else."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import Lost, NotSent
from dutchbook.core.transport import Response
from dutchbook.torture import answers, network
from dutchbook.torture.network import Deed, Fault
from torture.wires import Wires, failing, on_wires


def bend(wires: Wires, deed: Deed) -> None:
    """Let a deed befall the next request."""
    wires.network.faults.append(Fault(lambda request: True, deed))


def test_a_lost_request_never_arrives_and_the_sender_hears_nothing_until_its_timeout() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.lose_request)
        began = wires.clock.monotonic()
        assert await failing(wires.seam.send(wires.kalshi_order())) is Lost
        assert wires.clock.monotonic() - began >= 5 * SECOND
        assert await wires.orders() == []

    on_wires(story)


@pytest.mark.parametrize("deed", [network.lose_answer, network.answer_late])
def test_a_lost_or_late_answer_leaves_an_order_that_was_carried_out(deed: Deed) -> None:
    async def story(wires: Wires) -> None:
        bend(wires, deed)
        assert await failing(wires.seam.send(wires.kalshi_order())) is Lost
        (order,) = await wires.orders()
        assert (order["status"], order["fill_count_fp"]) == ("executed", "10.00")

    on_wires(story)


def test_a_late_answer_comes_after_the_timeout_and_not_before() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.answer_late)
        began = wires.clock.monotonic()
        await failing(wires.seam.send(wires.polymarket_order()))
        assert wires.clock.monotonic() - began >= 10 * SECOND
        assert len(await wires.trades()) == 1

    on_wires(story)


def test_a_late_request_is_carried_out_when_it_gets_there() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.hold(300 * MILLISECOND))
        sending = asyncio.ensure_future(wires.seam.send(wires.kalshi_order()))
        await wires.clock.sleep(250 * MILLISECOND)
        assert await wires.orders() == []
        assert (await sending).status == 201
        assert len(await wires.orders()) == 1

    on_wires(story)


def test_a_duplicated_order_arrives_twice_and_a_resting_one_is_refused_the_second_time() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.repeat_and_tell)
        answer = await wires.seam.send(wires.kalshi_order(cents=45, tif="good_till_canceled"))
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (409, "order_already_exists")
        assert len(await wires.orders()) == 1
        bend(wires, network.repeat_and_tell)
        answer = await wires.seam.send(wires.polymarket_order())
        assert answer.status == 400
        assert "Duplicated." in json.loads(answer.body)["error"]
        assert len(await wires.trades()) == 1

    on_wires(story)


def test_the_first_answer_of_a_duplicated_request_comes_back() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.repeat)
        assert (await wires.seam.send(wires.polymarket_order())).status == 200
        assert len(await wires.trades()) == 1

    on_wires(story)


def test_a_request_is_overtaken_by_the_next_one_to_the_same_venue_only() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.overtake(SECOND))
        first = asyncio.ensure_future(wires.seam.send(wires.kalshi_order(cents=45, tif="good_till_canceled")))
        await wires.clock.sleep(MILLISECOND)
        await wires.seam.send(wires.polymarket_order())
        assert await wires.orders() == []
        await wires.seam.send(wires.kalshi_order(cents=44, tif="good_till_canceled", name="two"))
        await first
        newest, oldest = await wires.orders()
        assert (oldest["client_order_id"], newest["client_order_id"]) == ("two", "one")

    on_wires(story)


def test_a_request_that_nobody_overtakes_goes_after_a_while() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.overtake(400 * MILLISECOND))
        began = wires.clock.monotonic()
        assert (await wires.seam.send(wires.kalshi_order())).status == 201
        assert wires.clock.monotonic() - began >= 400 * MILLISECOND
        assert wires.network.overtaken == {}

    on_wires(story)


def test_a_torn_answer_is_the_beginning_of_the_true_one() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.tear(0.5))
        answer = await wires.seam.send(wires.kalshi_order())
        assert answer.status == 201
        assert answer.body.startswith(b'{"order_id":"')
        with pytest.raises(ValueError):
            json.loads(answer.body)
        assert len(await wires.orders()) == 1

    on_wires(story)


def test_an_answer_of_the_wrong_shape_is_json_that_differs_and_the_order_was_carried_out() -> None:
    bodies = []

    async def story(wires: Wires) -> None:
        if bodies:
            bend(wires, network.reshape("7"))
        answer = await wires.seam.send(wires.kalshi_order())
        assert answer.status == 201
        bodies.append(json.loads(answer.body))
        assert len(await wires.orders()) == 1

    on_wires(story)
    on_wires(story)
    true, spoiled = bodies
    assert spoiled != true


def test_wrong_shapes_take_fields_and_types_but_never_a_row() -> None:
    rows = [{"id": str(number), "size": "1.50", "legs": [{"side": "yes"}]} for number in range(3)]
    true = Response(200, json.dumps({"orders": rows, "cursor": ""}).encode())
    seen = set()
    for seed in range(300):
        body = json.loads(answers.reshaped(true, random.Random(seed)).body)
        assert body != json.loads(true.body)
        if isinstance(body, dict) and isinstance(body.get("orders"), list):
            assert len(body["orders"]) == 3
            sizes = [row.get("size") for row in body["orders"]]
            seen |= {type(size) for size in sizes}
    assert seen == {str, float, type(None)}


def test_a_refused_connection_sends_nothing() -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.refuse_connection)
        assert await failing(wires.seam.send(wires.kalshi_order())) is NotSent
        assert await wires.orders() == []
        assert wires.network.orders == []

    on_wires(story)


@pytest.mark.parametrize("status", [401, 409, 429, 500, 503])
@pytest.mark.parametrize("after", [False, True])
def test_an_error_comes_before_or_after_the_order_is_carried_out(status: int, after: bool) -> None:
    async def story(wires: Wires) -> None:
        bend(wires, network.respond(answers.error("kalshi", status), after_delivery=after))
        answer = await wires.seam.send(wires.kalshi_order())
        assert answer.status == status
        assert "error" in json.loads(answer.body)
        assert len(await wires.orders()) == after

    on_wires(story)


def test_only_polymarket_says_when_to_come_back() -> None:
    assert answers.error("polymarket", 429).headers["retry-after"] == "1"
    assert "retry-after" not in answers.error("kalshi", 429).headers
    assert answers.error("polymarket", 425).body == b'{"error":"matching engine is restarting"}'


@pytest.mark.parametrize("status", [200, 502])
def test_a_page_is_no_json_whatever_its_status(status: int) -> None:
    page = answers.page(status)
    assert (page.status, page.headers["content-type"]) == (status, "text/html")
    with pytest.raises(ValueError):
        json.loads(page.body)


def test_what_has_left_arrives_though_its_sender_is_gone() -> None:
    async def story(wires: Wires) -> None:
        sending = asyncio.ensure_future(wires.seam.send(wires.kalshi_order()))
        await wires.clock.sleep(MILLISECOND)
        sending.cancel()
        await wires.clock.sleep(100 * MILLISECOND)
        assert len(await wires.orders()) == 1

    on_wires(story)
