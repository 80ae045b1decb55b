"""The official Kalshi package trades on our simulator over real loopback HTTP, where Python is new enough for it.

It reads REST only and is strict: a field that it misses fails the whole answer. Every reading it accepts is therefore one
more witness for the simulator's shapes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi import KalshiExchange
from dutchbook.simulator.server import serve

VERSION = "3.34.0"
if sys.version_info < (3, 13):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    pytest.skip(
        f"kalshi-python-async {VERSION} needs Python 3.13, this is {version} (pip would pick 3.2.0, which cannot trade)",
        allow_module_level=True,
    )
kalshi: Any = pytest.importorskip(
    "kalshi_python_async", reason=f"the official package kalshi-python-async {VERSION} is not installed"
)
if metadata.version("kalshi-python-async") != VERSION:
    pytest.skip(f"kalshi-python-async is not {VERSION}", allow_module_level=True)

M = 1_000_000
SECOND = 1_000_000_000
TICKER, EVENT = "KXGAME-26NOV21-A", "KXGAME-26NOV21"


@dataclass(slots=True)
class Floor:
    """The simulator, its server, and the package's calls under the key of one funded member."""

    exchange: KalshiExchange
    calls: Any

    async def order(self, side: str, price: str, count: str, tif: str = "good_till_canceled", **more: Any) -> Any:
        """Create an order on the YES leg."""
        return await self.calls.orders.create_order_v2(
            ticker=TICKER,
            side=side,
            price=price,
            count=count,
            time_in_force=tif,
            self_trade_prevention_type="taker_at_cross",
            **more,
        )


@asynccontextmanager
async def floor() -> AsyncIterator[Floor]:
    now = time.time_ns()
    exchange = KalshiExchange(5)
    exchange.list_market(
        MarketSpec(
            id=TICKER,
            event=EVENT,
            title="Will A win?",
            rules="If A wins, then Yes.",
            tick=10_000,
            taker_rate="1",
            opens_ns=now - SECOND,
            closes_ns=now + 86_400 * SECOND,
        ),
        now,
    )
    exchange.quote(TICKER, "house", [(400_000, 50 * M)], [(600_000, 50 * M)], now)
    ann = exchange.add_account("ann", {0: 1_000 * M}, now).fields
    async with serve(exchange) as server:
        configuration = kalshi.Configuration(host=server.rest_url + "/trade-api/v2")
        configuration.api_key_id, configuration.private_key_pem = ann["key_id"], ann["private_key_pem"]
        client = kalshi.KalshiClient(configuration)
        calls = SimpleNamespace(
            orders=kalshi.OrdersApi(client),
            portfolio=kalshi.PortfolioApi(client),
            market=kalshi.MarketApi(client),
            events=kalshi.EventsApi(client),
            exchange=kalshi.ExchangeApi(client),
            account=kalshi.AccountApi(client),
        )
        try:
            yield Floor(exchange, calls)
        finally:
            await client.close()


async def test_it_reads_the_exchange_and_its_catalogue() -> None:
    async with floor() as venue:
        status = await venue.calls.exchange.get_exchange_status()
        assert status.trading_active and status.exchange_active
        (market,) = (await venue.calls.market.get_markets(status="open")).markets
        assert (market.ticker, market.yes_bid_dollars, market.yes_ask_dollars) == (TICKER, "0.4000", "0.6000")
        event = await venue.calls.events.get_event(event_ticker=EVENT)
        assert event.event.event_ticker == EVENT
        series = await venue.calls.market.get_series(series_ticker="KXGAME")
        assert (series.series.fee_type, series.series.fee_multiplier) == ("quadratic", 1)
        book = await venue.calls.market.get_market_orderbook(ticker=TICKER)
        assert book.orderbook_fp.yes_dollars == [["0.4000", "50.00"]]
        assert book.orderbook_fp.no_dollars == [["0.4000", "50.00"]]
        limits = await venue.calls.account.get_account_api_limits()
        assert limits.write.refill_rate > 0


async def test_an_order_rests_is_amended_decreased_and_cancelled() -> None:
    async with floor() as venue:
        placed = await venue.order("bid", "0.50", "10", client_order_id="mine")
        assert (placed.fill_count, placed.remaining_count, placed.client_order_id) == ("0.00", "10.00", "mine")
        read = (await venue.calls.orders.get_order(order_id=placed.order_id)).order
        assert (read.status, read.outcome_side, read.remaining_count_fp) == ("resting", "yes", "10.00")
        amended = await venue.calls.orders.amend_order_v2(
            order_id=placed.order_id, ticker=TICKER, side="bid", price="0.49", count="10"
        )
        assert amended.order_id == placed.order_id
        decreased = await venue.calls.orders.decrease_order_v2(
            order_id=placed.order_id, reduce_by="3", market_ticker=TICKER
        )
        assert decreased.remaining_count == "7.00"
        gone = await venue.calls.orders.cancel_order_v2(order_id=placed.order_id, market_ticker=TICKER)
        assert (gone.order_id, gone.reduced_by) == (placed.order_id, "7.00")
        (row,) = (await venue.calls.orders.get_orders(ticker=TICKER)).orders
        assert row.status == "canceled"


async def test_a_taker_sees_its_fill_its_position_and_its_balance() -> None:
    async with floor() as venue:
        done = await venue.order("bid", "0.60", "10", "immediate_or_cancel")
        assert (done.fill_count, done.remaining_count) == ("10.00", "0.00")
        assert done.average_fill_price == "0.6000"
        (fill,) = (await venue.calls.portfolio.get_fills(ticker=TICKER)).fills
        assert (fill.order_id, fill.count_fp, fill.is_taker) == (done.order_id, "10.00", True)
        # 0.07 x 10 x 0.6 x 0.4
        assert fill.fee_cost == "0.1680"
        (held,) = (await venue.calls.portfolio.get_positions()).market_positions
        assert (held.ticker, held.position_fp) == (TICKER, "10.00")
        balance = await venue.calls.portfolio.get_balance()
        assert balance.balance == 99_383
        venue.exchange.settle(TICKER, M, time.time_ns())
        (paid,) = (await venue.calls.portfolio.get_settlements()).settlements
        assert (paid.market_result, paid.revenue) == ("yes", 1_000)


async def test_batches_and_cancel_all() -> None:
    async with floor() as venue:
        order = kalshi.CreateOrderV2Request(
            ticker=TICKER,
            side="bid",
            price="0.30",
            count="5",
            time_in_force="good_till_canceled",
            self_trade_prevention_type="taker_at_cross",
        )
        made = await venue.calls.orders.batch_create_orders_v2(orders=[order, order])
        assert [each.remaining_count for each in made.orders] == ["5.00", "5.00"]
        await venue.calls.orders.cancel_all_orders()
        assert not (await venue.calls.orders.get_orders(status="resting")).orders


async def test_a_duplicate_client_order_id_is_a_conflict() -> None:
    async with floor() as venue:
        await venue.order("bid", "0.30", "1", client_order_id="once")
        with pytest.raises(kalshi.ApiException) as refused:
            await venue.order("bid", "0.30", "1", client_order_id="once")
        assert refused.value.status == 409
