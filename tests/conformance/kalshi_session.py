"""A scripted session that calls every endpoint of the Kalshi simulator and causes every frame; nothing is judged here."""

from __future__ import annotations

import json

from conformance.tape import Tape
from dutchbook.core.transport import Request
from dutchbook.simulator.kalshi import KalshiExchange
from simulator.kalshi.member import BASE, DOLLAR, HOST, ONE, ORDERS, SECOND, T0, TICKER, Member, spec

EVENT = TICKER.rsplit("-", 1)[0]
SECOND_TICKER = f"{EVENT}-B"
CRYPTO = "KXBTC-26NOV21-T90000"
READS = (
    "/exchange/status",
    "/exchange/user_data_timestamp",
    "/markets?limit=1",
    "/markets?status=settled",
    f"/markets/{TICKER}",
    f"/markets/{TICKER}/orderbook",
    f"/markets/orderbooks?tickers={TICKER}&tickers={SECOND_TICKER}",
    "/events?with_nested_markets=true",
    f"/events/{EVENT}?with_nested_markets=true",
    "/series",
    "/series/KXGAME",
    "/series/fee_changes?show_historical=true",
    "/account/limits",
    "/portfolio/balance",
    "/portfolio/positions?settlement_status=all",
    "/portfolio/fills",
    "/portfolio/settlements",
    "/portfolio/orders",
    "/exchange/schedule",
    "/account/endpoint_costs",
    "/milestones?limit=10",
    "/structured_targets",
    "/markets/trades",
    f"/series/KXGAME/markets/{TICKER}/candlesticks?start_ts={T0 // SECOND - 60}&end_ts={T0 // SECOND + 60}"
    "&period_interval=1",
    f"/portfolio/orders/queue_positions?event_ticker={EVENT}",
    "/portfolio/summary/total_resting_order_value",
    "/portfolio/intra_exchange_instance_transfers",
    "/portfolio/order_groups",
    "/historical/cutoff",
    "/historical/markets",
    "/historical/trades",
    "/historical/fills",
    "/historical/orders",
)
PROBES = (
    "/events/fee_changes",
    f"/markets/candlesticks?market_tickers={TICKER}&start_ts={T0 // SECOND - 60}&end_ts={T0 // SECOND + 60}"
    "&period_interval=1",
)
"""Reads of the venue that the simulator may or may not serve; where it does, its answers are checked too."""


def play() -> Tape:
    """Run the whole session and return what came back."""
    tape = Tape(KalshiExchange(7))
    tape.list_market(spec(), T0)
    tape.list_market(spec(SECOND_TICKER), T0)
    tape.list_market(spec(CRYPTO, shard=2, taker_rate="0.5"), T0)
    tape.quote(TICKER, "house", [(400_000, 50 * ONE)], [(600_000, 50 * ONE)], T0)
    ann = Member(tape, "ann", {0: 1_000 * DOLLAR, 2: 1_000 * DOLLAR})  # type: ignore[arg-type]
    _listen(tape, ann)
    _trade(ann)
    _write_in_batches(ann)
    _group_orders(ann)
    _move_cash(ann)
    _be_refused(tape, ann)
    tape.list_market(spec(f"{EVENT}-C"), T0)
    for path in (*READS, *PROBES):
        ann.send("GET", path)
    tape.pause_trading(T0)
    ann.order("bid", "0.50", "1")
    tape.resume_trading(T0)
    tape.settle(TICKER, ONE, T0)
    for path in READS:
        ann.send("GET", path)
    _stop_listening(tape, ann)
    return tape


def _listen(tape: Tape, ann: Member) -> None:
    ann.connect()
    both = [TICKER, SECOND_TICKER]
    ann.command("subscribe", channels=["orderbook_delta"], market_tickers=[TICKER], use_yes_price=True)
    ann.command("subscribe", channels=["ticker"], market_tickers=both, send_initial_snapshot=True)
    ann.command("subscribe", channels=["trade", "fill", "user_orders", "market_positions", "market_lifecycle_v2"])
    ann.command("subscribe", channels=["order_group_updates"])
    ann.command("update_subscription", sids=[1], market_tickers=[SECOND_TICKER], action="add_markets")
    ann.command("update_subscription", sids=[1], market_tickers=both, action="get_snapshot")
    ann.command("list_subscriptions")
    ann.command("subscribe", channels=["no_such_channel"])
    ann.command("update_subscription", sids=[99], market_tickers=[TICKER], action="add_markets")
    ann.command("update_subscription", sids=[1], market_tickers=["NO-SUCH-MARKET"], action="add_markets")
    tape.quote(TICKER, "house", [(410_000, 50 * ONE)], [(600_000, 50 * ONE)], T0)
    ann.frames()


def _trade(ann: Member) -> None:
    resting = ann.placed("bid", "0.45", "10", client_order_id="resting", expiration_time=T0 // SECOND + 600)
    ann.read(resting["order_id"])
    ann.send("GET", f"/portfolio/orders/{resting['order_id']}/queue_position")
    amended = {"ticker": TICKER, "side": "bid", "price": "0.46", "count": "10", "updated_client_order_id": "renamed"}
    ann.send("POST", f"{ORDERS}/{resting['order_id']}/amend", amended)
    ann.send("POST", f"{ORDERS}/{resting['order_id']}/decrease", {"reduce_by": "2", "market_ticker": TICKER})
    ann.send("DELETE", f"{ORDERS}/{resting['order_id']}?market_ticker={TICKER}")
    ann.placed("bid", "0.60", "10", "immediate_or_cancel", client_order_id="taken")
    ann.placed("ask", "0.41", "4", "immediate_or_cancel")
    ann.placed("bid", "0.60", "500", "fill_or_kill")
    ann.placed("ask", "0.55", "3", client_order_id="made")
    ann.exchange.take(TICKER, "somebody", True, 550_000, 3 * ONE, T0)
    ann.frames()


def _write_in_batches(ann: Member) -> None:
    order = {
        "ticker": TICKER,
        "side": "bid",
        "price": "0.30",
        "count": "5",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    elsewhere = order | {"ticker": CRYPTO, "client_order_id": "elsewhere"}
    crossing = order | {"price": "0.60", "post_only": True}
    refused = order | {"price": "0.305"}
    ann.send("POST", f"{ORDERS}/batched", {"orders": [order, elsewhere, crossing, refused]})
    open_orders = ann.get("/portfolio/orders?status=resting")["orders"]
    items = [{"order_id": row["order_id"], "market_ticker": row["ticker"]} for row in open_orders[:1]]
    ann.send("DELETE", f"{ORDERS}/batched", {"orders": [*items, {"order_id": "gone", "market_ticker": TICKER}]})
    ann.send("DELETE", ORDERS)
    ann.frames()


def _group_orders(ann: Member) -> None:
    groups = "/portfolio/order_groups"
    made = json.loads(ann.send("POST", f"{groups}/create", {"contracts_limit": 5}).body)["order_group_id"]
    ann.placed("bid", "0.10", "1", order_group_id=made)
    for path in (groups, f"{groups}/{made}"):
        ann.send("GET", path)
    ann.send("PUT", f"{groups}/{made}/limit", {"contracts_limit": 10})
    ann.send("PUT", f"{groups}/{made}/trigger", {})
    ann.send("PUT", f"{groups}/{made}/reset", {})
    ann.send("DELETE", f"{groups}/{made}")
    ann.frames()


def _move_cash(ann: Member) -> None:
    moved = {"source": "event_contract", "destination": "event_contract", "amount": 10_000}
    shards = {"source_exchange_shard": 0, "destination_exchange_shard": 2}
    done = json.loads(ann.send("POST", "/portfolio/intra_exchange_instance_transfer", moved | shards).body)
    ann.send("GET", f"/portfolio/intra_exchange_instance_transfers/{done['transfer_id']}")


def _be_refused(tape: Tape, ann: Member) -> None:
    """One answer of every kind of error: 400, 401, 404, 409, 410."""
    ann.placed("bid", "0.20", "1", client_order_id="twice")
    ann.order("bid", "0.20", "1", client_order_id="twice")
    ann.order("bid", "0.2", "1")
    ann.order("bid", "0.20", "100000")
    ann.order("bid", "0.20", "1", ticker="NO-SUCH-MARKET")
    ann.send("DELETE", f"{ORDERS}/no-such-order?market_ticker={TICKER}")
    ann.send("POST", "/portfolio/orders", {})
    ann.send("GET", "/markets/NO-SUCH-MARKET")
    tape.handle(Request("GET", f"{HOST}{BASE}/portfolio/balance", {}, b""), T0)
    ann.frames()


def _stop_listening(tape: Tape, ann: Member) -> None:
    ann.frames()
    ann.command("update_subscription", sids=[1], market_tickers=[SECOND_TICKER], action="delete_markets")
    ann.command("unsubscribe", sids=[2])
    tape.fail_subscription(ann.connection, 1, 25)
    ann.frames()
