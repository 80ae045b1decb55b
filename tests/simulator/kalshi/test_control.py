"""Trouble on demand, through the control endpoint: off by default, and each fault does what its name says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dutchbook.core.clock import SystemClock
from dutchbook.core.errors import Lost
from dutchbook.core.transport import Request, Response
from dutchbook.simulator.exchange import DROPPED, HELD
from dutchbook.simulator.kalshi import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.server import serve
from dutchbook.venues.http import AioTransport
from simulator.kalshi.member import BASE, DOLLAR, HOST, ONE, ORDERS, SECOND, STREAM, T0, TICKER, Member, spec


def desk(**options: Any) -> tuple[KalshiExchange, Member]:
    exchange = KalshiExchange(7, control=True, **options)
    exchange.list_market(spec(), T0)
    return exchange, Member(exchange, "ann", {0: 100 * DOLLAR})


def ask(exchange: KalshiExchange, fault: str, **fields: Any) -> Response:
    body = json.dumps({"fault": fault, **fields}).encode()
    return exchange.handle(Request("POST", f"{HOST}/__control", {}, body), T0)


def order(ann: Member, **more: Any) -> Response:
    return ann.order("bid", "0.10", "1", **more)


def test_there_is_no_control_endpoint_unless_it_was_asked_for() -> None:
    exchange = KalshiExchange(7)
    assert ask(exchange, "pause").status == 404


def test_an_unknown_fault_is_answered_with_those_there_are() -> None:
    exchange, _ = desk()
    for body in (b"", b"[]", b'{"fault":"nonsense"}', b'{"fault":"pause","typo":1}', b'{"fault":"grid","market":"x"}',
                 b'{"fault":"settle","market":"none"}', b'{"fault":"fail_subscriptions","code":3}'):  # fmt: skip
        answer = exchange.handle(Request("POST", f"{HOST}/__control", {}, body), T0)
        assert answer.status == 400 and b"control" in answer.body
    assert b"lost_reply" in ask(exchange, "nonsense").body


def test_a_lost_reply_is_executed_and_a_lost_request_is_not() -> None:
    for fault, placed in (("lost_reply", 1), ("lost_request", 0)):
        exchange, ann = desk()
        assert ask(exchange, fault, method="POST", path=ORDERS).status == 200
        assert ann.send("GET", "/exchange/status").status == 200, "only what matches is hit"
        assert order(ann) == DROPPED
        assert len(ann.get("/portfolio/orders")["orders"]) == placed
        assert order(ann).status == 201, "used up"


@pytest.mark.parametrize(("executed", "placed"), [(False, 0), (True, 1)])
def test_a_5xx_may_or_may_not_have_done_something(executed: bool, placed: int) -> None:
    exchange, ann = desk()
    ask(exchange, "error", status=503, executed=executed, times=1, method="POST")
    assert order(ann).status == 503
    assert len(ann.get("/portfolio/orders")["orders"]) == placed


def test_answers_are_spoiled_slow_or_a_gateways_page() -> None:
    exchange, ann = desk()
    ask(exchange, "truncated", times=1, path="/portfolio/balance")
    with pytest.raises(json.JSONDecodeError):
        json.loads(ann.send("GET", "/portfolio/balance").body)
    ask(exchange, "html", status=502)
    answer = ann.send("GET", "/portfolio/balance")
    assert answer.status == 502 and answer.body.startswith(b"<!DOCTYPE html>")
    ask(exchange, "slow", ms=250)
    assert ann.send("GET", "/portfolio/balance").headers[HELD] == str(250_000_000)


def test_deltas_are_lost_with_their_numbers() -> None:
    exchange, ann = desk()
    ann.connect()
    ann.command("subscribe", channels=["orderbook_delta"], market_tickers=[TICKER])
    ask(exchange, "drop_deltas", times=2)
    for price in (100_000, 200_000, 300_000):
        exchange.quote(TICKER, str(price), [(price, ONE)], [], T0)
    (frame,) = ann.frames()
    assert (frame["seq"], frame["msg"]["price_dollars"]) == (4, "0.3000")


def test_everybody_is_disconnected() -> None:
    exchange, ann = desk()
    ann.connect()
    ask(exchange, "disconnect")
    assert exchange.drain(T0) == [(ann.connection, None)]


def test_subscriptions_end_with_a_terminal_error() -> None:
    exchange, ann = desk()
    ann.connect()
    ann.command("subscribe", channels=["orderbook_delta", "fill"], market_tickers=[TICKER])
    ask(exchange, "fail_subscriptions", code=10)
    (frame,) = ann.frames()
    assert (frame["type"], frame["msg"]["code"], frame["seq"]) == ("error", 10, 2)
    (listed,) = ann.command("list_subscriptions")
    assert [each["channel"] for each in listed["msg"]] == ["fill"]


def test_a_shard_loses_its_cash_and_its_resting_orders_and_gets_the_cash_back() -> None:
    exchange, ann = desk()
    resting = ann.placed("bid", "0.40", "10")["order_id"]
    ask(exchange, "unfund", account="ann", shard=0)
    assert ann.read(resting)["last_update_reason"] == "MarginCancel"
    assert ann.refused("bid", "0.10", "1") == (404, "user_not_found")
    assert ann.refused("bid", "0.10", "1", exchange_index=0) == (400, "insufficient_balance")
    ask(exchange, "fund", account="ann", shard=0)
    assert ann.balance() == "100.0000"


def test_a_pause_takes_no_orders_and_an_exchange_pause_not_even_cancels() -> None:
    exchange, ann = desk()
    stays = ann.placed("bid", "0.10", "1")["order_id"]
    goes = ann.placed("bid", "0.10", "1", cancel_order_on_pause=True)["order_id"]
    ask(exchange, "pause")
    assert ann.refused("bid", "0.10", "1") == (400, "trading_paused")
    amend = {"ticker": TICKER, "side": "bid", "price": "0.11", "count": "1"}
    assert ann.send("POST", f"{ORDERS}/{stays}/amend", amend).status == 400
    assert [ann.read(each)["status"] for each in (stays, goes)] == ["resting", "canceled"]
    assert ann.send("DELETE", f"{ORDERS}/{stays}").status == 200
    ask(exchange, "resume")
    stays = ann.placed("bid", "0.10", "1")["order_id"]
    ask(exchange, "exchange_pause")
    assert ann.get("/exchange/status")["exchange_active"] is False
    assert ann.refused("bid", "0.10", "1") == (503, "exchange_paused")
    assert ann.send("DELETE", f"{ORDERS}/{stays}").status == 503
    ask(exchange, "clear")
    assert ann.send("DELETE", f"{ORDERS}/{stays}").status == 200


def test_one_shard_pauses_alone() -> None:
    exchange, ann = desk()
    exchange.list_market(spec("KXOTHER-1", event="KXOTHER", shard=2), T0)
    goes = ann.placed("bid", "0.10", "1", cancel_order_on_pause=True)["order_id"]
    ask(exchange, "pause", shard=2)
    statuses = ann.get("/exchange/status")
    assert statuses["trading_active"] is True
    assert {row["exchange_index"]: row["trading_active"] for row in statuses["exchange_index_statuses"]} == {
        0: True,
        2: False,
    }
    assert ann.read(goes)["status"] == "resting" and order(ann).status == 201


def test_a_pause_for_a_time_is_in_the_schedule_and_ends_by_itself() -> None:
    exchange, ann = desk()
    ask(exchange, "pause", for_ms=2000)
    (window,) = ann.get("/exchange/schedule")["schedule"]["maintenance_windows"]
    assert window["start_datetime"] < window["end_datetime"]
    assert order(ann).status == 400
    ann.now += 2 * SECOND
    assert order(ann).status == 201


def test_a_market_pauses_alone_and_its_reopening_cancels_what_rested() -> None:
    exchange, ann = desk()
    ann.connect()
    ann.command("subscribe", channels=["market_lifecycle_v2"])
    resting = ann.placed("bid", "0.10", "1")["order_id"]
    ask(exchange, "market_pause", market=TICKER)
    assert ann.refused("bid", "0.10", "1") == (400, "market_inactive")
    assert ann.read(resting)["status"] == "resting"
    assert [row["ticker"] for row in ann.get("/markets?status=paused")["markets"]] == [TICKER]
    ask(exchange, "market_resume", market=TICKER)
    assert ann.read(resting)["status"] == "canceled" and order(ann).status == 201
    assert [frame["msg"]["event_type"] for frame in ann.frames()] == ["deactivated", "activated"]


def test_the_price_grid_changes_while_orders_rest() -> None:
    exchange, ann = desk()
    ann.connect()
    ann.command("subscribe", channels=["market_lifecycle_v2"])
    resting = ann.placed("bid", "0.40", "1")["order_id"]
    assert ann.refused("bid", "0.055", "1") == (400, "invalid_price")
    assert ask(exchange, "grid", market=TICKER, structure="tapered_deci_cent").status == 200
    ann.placed("bid", "0.055", "1")
    assert ann.refused("bid", "0.405", "1") == (400, "invalid_price")
    assert ann.read(resting)["status"] == "resting"
    (frame,) = ann.frames()
    assert frame["msg"]["event_type"] == "price_level_structure_updated"
    assert frame["msg"]["price_level_structure"] == "tapered_deci_cent"
    shown = ann.get(f"/markets/{TICKER}")["market"]
    assert [each["step"] for each in shown["price_ranges"]] == ["0.0010", "0.0100", "0.0010"]
    assert ask(exchange, "grid", market=TICKER, ranges=[[0, 500_000, 10_000]]).status == 400


def test_an_events_fees_change_and_what_is_charged_with_them() -> None:
    exchange, ann = desk()
    exchange.quote(TICKER, "maker", [], [(500_000, 100 * ONE)], T0)
    ann.connect()
    ann.command("subscribe", channels=["market_lifecycle_v2"])
    event = TICKER.rsplit("-", 1)[0]
    ask(exchange, "fees", event=event, multiplier="0.5")
    (frame,) = ann.frames()
    assert (frame["type"], frame["msg"]["fee_multiplier_override"]) == ("event_fee_update", 0.5)
    assert "seq" not in frame
    assert ann.placed("bid", "0.50", "10", "immediate_or_cancel")["average_fee_paid"] == "0.008750"
    assert ann.get(f"/events/{event}")["event"]["fee_multiplier_override"] == 0.5
    ask(exchange, "fees", event=event)
    assert ann.placed("bid", "0.50", "10", "immediate_or_cancel")["average_fee_paid"] == "0.0175"
    assert ann.get(f"/events/{event}")["event"]["fee_multiplier_override"] is None
    assert ask(exchange, "fees", event=event, fee_type="flat").status == 400


def test_rate_limits_are_switched_on_and_off() -> None:
    exchange, ann = desk()
    ask(exchange, "rate_limits", write=[1, 10])
    assert [order(ann).status for _ in range(2)] == [201, 429]
    ask(exchange, "rate_limits", on=False)
    assert order(ann).status == 201


def test_how_old_a_signature_may_be_is_set() -> None:
    exchange, ann = desk()
    headers = ann.headers("GET", f"{BASE}/portfolio/balance")
    asked = Request("GET", f"{HOST}{BASE}/portfolio/balance", headers)
    assert exchange.handle(asked, T0 + 6 * SECOND).status == 200
    ask(exchange, "allowed_skew", ms=5000)
    assert exchange.handle(asked, T0 + 6 * SECOND).status == 401


async def test_over_sockets_a_lost_reply_is_a_dropped_connection_and_slow_is_slow() -> None:
    exchange = KalshiExchange(7, control=True)
    clock = SystemClock()
    transport = AioTransport(clock)
    async with serve(exchange) as server:
        url = f"{server.rest_url}{BASE}/exchange/status"
        for fault in (b'{"fault":"lost_reply"}', b'{"fault":"slow","ms":20,"path":"/exchange/status"}'):
            control = Request("POST", f"{server.rest_url}/__control", {}, fault)
            assert (await transport.send(control)).status == 200
            if b"lost" in fault:
                with pytest.raises(Lost):
                    await transport.send(Request("GET", url))
            began = clock.monotonic()
            answer = await transport.send(Request("GET", url))
            assert answer.status == 200 and HELD not in answer.headers
        assert clock.monotonic() - began >= 20_000_000
    await transport.close()


async def test_in_memory_it_is_the_same() -> None:
    exchange, ann = desk()
    transport = MemoryTransport(exchange, _Still())
    ask(exchange, "lost_reply")
    asked = Request("GET", f"{HOST}{BASE}/exchange/status")
    with pytest.raises(Lost):
        await transport.send(asked)
    ask(exchange, "slow", ms=50)
    with pytest.raises(Lost):
        await transport.send(Request("GET", asked.url, timeout_ns=5_000_000))
    ask(exchange, "slow", ms=1)
    assert HELD not in (await transport.send(asked)).headers
    await transport.close()
    assert STREAM and ann.now == T0


class _Still(SystemClock):
    def wall(self) -> int:
        return T0
