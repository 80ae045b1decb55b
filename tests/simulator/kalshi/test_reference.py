"""Schedule, milestones, fee changes, trades, candles, queue, transfers and the archive of the simulated exchange."""

from __future__ import annotations

from typing import Any

from dutchbook.simulator.exchange import MarketSpec
from simulator.kalshi.member import DOLLAR, ONE, SECOND, T0, TICKER, Member, error_code, floor

T0_S = T0 // SECOND


def test_the_queue_position_is_what_trades_before() -> None:
    exchange, ann = floor()
    exchange.quote(TICKER, "maker", [(410_000, 3 * ONE), (400_000, 5 * ONE)], [], T0)
    first = ann.placed("bid", "0.40", "2")["order_id"]
    second = ann.placed("bid", "0.40", "2")["order_id"]
    assert ann.get(f"/portfolio/orders/{first}/queue_position") == {"queue_position_fp": "8.00"}
    assert ann.get(f"/portfolio/orders/{second}/queue_position") == {"queue_position_fp": "10.00"}
    rows = ann.get(f"/portfolio/orders/queue_positions?market_tickers={TICKER}")["queue_positions"]
    assert {row["order_id"]: row["queue_position_fp"] for row in rows} == {first: "8.00", second: "10.00"}
    assert ann.send("GET", "/portfolio/orders/queue_positions").status == 400
    exchange.take(TICKER, "taker", False, 400_000, 8 * ONE, T0)
    assert ann.get(f"/portfolio/orders/{first}/queue_position") == {"queue_position_fp": "0.00"}


def move(ann: Member, amount: int, source: int = 0, destination: int = 2, **more: Any) -> Any:
    body = {"source": "event_contract", "destination": "event_contract", "amount": amount,
            "source_exchange_shard": source, "destination_exchange_shard": destination} | more  # fmt: skip
    return ann.send("POST", "/portfolio/intra_exchange_instance_transfer", body)


def test_cash_moves_between_shards_but_not_what_orders_hold() -> None:
    exchange, ann = floor(10 * DOLLAR)
    ann.placed("bid", "0.50", "10")
    assert error_code(move(ann, 60_000)) == "insufficient_balance"
    assert move(ann, 25_000, client_transfer_id="a").status == 200
    again = move(ann, 25_000, client_transfer_id="a")
    assert again.status == 409
    shards = ann.get("/portfolio/balance")["balance_breakdown"]
    assert shards == [{"exchange_index": 0, "balance": "2.5000"}, {"exchange_index": 2, "balance": "2.5000"}]
    (row,) = ann.get("/portfolio/intra_exchange_instance_transfers")["transfers"]
    assert (row["amount"], row["status"]) == ("2.5000", "complete")
    assert ann.get(f"/portfolio/intra_exchange_instance_transfers/{row['transfer_id']}")["transfer"] == row
    assert ann.get("/portfolio/summary/total_resting_order_value")["total_resting_order_value"] == 500
    for bad in ({"amount": 0}, {"amount": 1, "source": "margined"}, {"amount": 1, "destination_exchange_shard": 0}):
        assert move(ann, **{"amount": 1, **bad}).status == 400
    assert exchange.statement("ann")["cash"] == {0: 7_500_000, 2: 2_500_000}


def test_public_trades_and_candles_show_the_same_contracts() -> None:
    exchange, ann = floor()
    exchange.quote(TICKER, "maker", [(400_000, 5 * ONE)], [(500_000, 5 * ONE)], T0)
    ann.placed("bid", "0.50", "2", "immediate_or_cancel")
    ann.now += 61 * SECOND
    ann.placed("ask", "0.40", "3", "immediate_or_cancel")
    trades = ann.get(f"/markets/trades?ticker={TICKER}")["trades"]
    assert [(row["yes_price_dollars"], row["count_fp"], row["taker_book_side"]) for row in trades] == [
        ("0.4000", "3.00", "ask"),
        ("0.5000", "2.00", "bid"),
    ]
    path = f"/series/KXGAME/markets/{TICKER}/candlesticks?start_ts={T0_S - 60}&end_ts={T0_S + 120}&period_interval=1"
    candles = ann.get(path)["candlesticks"]
    assert [row["volume_fp"] for row in candles] == ["2.00", "3.00"]
    assert candles[0]["price"]["close_dollars"] == "0.5000" and candles[1]["yes_bid"]["open_dollars"] == "0.4000"
    assert all(row["end_period_ts"] % 60 == 0 for row in candles)
    assert ann.send("GET", path.replace("interval=1", "interval=7")).status == 400


def test_what_ended_before_the_cut_off_is_in_the_archive_only() -> None:
    exchange, ann = floor()
    exchange.quote(TICKER, "maker", [], [(500_000, 5 * ONE)], T0)
    done = ann.placed("bid", "0.50", "2", "immediate_or_cancel")["order_id"]
    resting = ann.placed("bid", "0.30", "2")["order_id"]
    exchange.archive_before(T0 + SECOND)
    ann.now += 2 * SECOND
    late = ann.placed("bid", "0.50", "1", "immediate_or_cancel")["order_id"]
    assert {row["order_id"] for row in ann.get("/portfolio/orders")["orders"]} == {resting, late}
    assert [row["order_id"] for row in ann.get("/historical/orders")["orders"]] == [done]
    assert [row["order_id"] for row in ann.get("/portfolio/fills")["fills"]] == [late]
    assert [row["order_id"] for row in ann.get("/historical/fills")["fills"]] == [done]
    assert len(ann.get("/historical/trades")["trades"]) == len(ann.get("/markets/trades")["trades"]) == 1
    exchange.settle(TICKER, ONE, ann.now)
    assert ann.get("/historical/markets")["markets"] == []
    exchange.archive_before(ann.now + 1)
    assert [row["ticker"] for row in ann.get("/historical/markets")["markets"]] == [TICKER]
    assert ann.get("/markets")["markets"] == []
    assert ann.get(f"/historical/markets/{TICKER}")["market"]["result"] == "yes"
    assert ann.get("/historical/cutoff")["orders_updated_ts"] > "2026"


def test_reference_rows_are_filtered_and_paged() -> None:
    exchange, ann = floor()
    rows = [{"id": str(n), "type": "football_game", "related_event_tickers": [f"E{n}"]} for n in range(3)]
    exchange.describe(
        milestones=rows, targets=[{"id": "a"}, {"id": "b"}], fee_changes=[(T0 - 1, {"series_ticker": "S"})]
    )
    assert ann.send("GET", "/milestones").status == 400, "limit is required"
    first = ann.get("/milestones?limit=2")
    assert [row["id"] for row in first["milestones"]] == ["0", "1"]
    assert [row["id"] for row in ann.get(f"/milestones?limit=2&cursor={first['cursor']}")["milestones"]] == ["2"]
    assert [row["id"] for row in ann.get("/milestones?limit=9&related_event_ticker=E1")["milestones"]] == ["1"]
    assert [row["id"] for row in ann.get("/structured_targets?ids=b")["structured_targets"]] == ["b"]
    assert ann.get("/series/fee_changes")["series_fee_change_arr"] == []
    assert len(ann.get("/series/fee_changes?show_historical=true")["series_fee_change_arr"]) == 1


def test_listed_games_have_milestones_and_named_targets_and_nothing_else_has() -> None:
    exchange, ann = floor()
    assert ann.get("/milestones?limit=10")["milestones"] == []
    for event, names, title in (
        ("KXGAME-26NOV22AB", ("Alder", "Birch"), "Alder at Birch"),
        ("KXCUP-26NOV22CD", ("Cedar", "Tie", "Dune"), "Cedar vs Dune"),
    ):
        for name in names:
            spec = MarketSpec(
                id=f"{event}-{name}", event=event, title=title, rules="", tick=10_000, taker_rate="1", opens_ns=T0,
                closes_ns=T0 + 7_200 * SECOND, outcomes=(name, f"Not {name}"), starts_ns=T0 + 3_600 * SECOND,
            )  # fmt: skip
            exchange.list_market(spec, T0)
    named = {row["id"]: row["name"] for row in ann.get("/structured_targets?page_size=2000")["structured_targets"]}
    assert sorted(named.values()) == ["Alder", "Birch", "Cedar", "Dune"]
    game, cup = ann.get("/milestones?limit=10")["milestones"]
    sides = [tuple(named[row["details"][f"{at}_team_id"]] for at in ("home", "away")) for row in (game, cup)]
    assert sides == [("Birch", "Alder"), ("Cedar", "Dune")]
    assert (game["primary_event_tickers"], cup["type"]) == (["KXGAME-26NOV22AB"], "soccer_game")
    markets = {row["ticker"]: row for row in ann.get("/markets?limit=100")["markets"]}
    assert named[markets["KXCUP-26NOV22CD-Dune"]["custom_strike"]["soccer_team"]] == "Dune"
    assert "custom_strike" not in markets["KXCUP-26NOV22CD-Tie"]
    late = f"/milestones?limit=10&minimum_start_date={game['start_date'][:10]}T23:59:59Z"
    assert ann.get(late)["milestones"] == []
    page = ann.get("/structured_targets?page_size=3")
    assert len(page["structured_targets"]) == 3 and page["cursor"]
