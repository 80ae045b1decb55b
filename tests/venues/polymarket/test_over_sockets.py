"""The adapter over real HTTP and WebSocket on loopback, where a connection can really be dropped."""

from __future__ import annotations

import time

from dutchbook.core.clock import SECOND, SystemClock, SystemEntropy
from dutchbook.core.order import Action, Intent, ReportStatus, TimeInForce
from dutchbook.core.transport import CLOSED, Request
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.simulator.server import serve
from dutchbook.venues.http import AioTransport
from dutchbook.venues.polymarket import (
    PolymarketConfig,
    PolymarketData,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)
from venues.polymarket.floor import RAIN, YES, micros, spec, state


async def test_a_dropped_connection_leaves_an_order_unknown_until_it_is_found_and_ends_a_stream() -> None:
    clock = SystemClock()
    now = clock.wall()
    exchange = PolymarketExchange(control=True)
    exchange.list_market(spec(opens_ns=now - SECOND, closes_ns=now + 10**15), now)
    exchange.quote("rain", "mm", [], [(500_000, micros("100"))], now)
    fields = exchange.add_account("ann", {0: micros("100")}, now).fields
    transport = AioTransport(clock)
    async with serve(exchange) as server:
        http, ws = server.rest_url, server.ws_url
        config = PolymarketConfig(http, http, http, ws + "/ws/market", ws + "/ws/user")
        registry = TokenRegistry()
        trading = PolymarketTrading(
            transport, config, PolymarketKey(fields["private_key"]), registry, clock, SystemEntropy()
        )
        data = PolymarketData(transport, config, registry, trading.notices)
        try:
            trading.know(await data.markets(["rain"]))
            await trading.connect()
            books = data.stream([registry.market(RAIN)])
            channel = await transport.open(books.url, books.headers(now))
            lost = b'{"fault":"lost","path":"/order"}'
            assert (await transport.send(Request("POST", http + "/__control", {}, lost))).status == 200
            intent = Intent("o", "t", 0, YES, Action.BUY, micros("10"), 500_000, TimeInForce.FOK)  # type: ignore[arg-type]
            order = trading.prepare(intent, time.time_ns() + 5 * SECOND)
            report = await trading.send(order)
            assert (state(report), report.code) == ((ReportStatus.UNKNOWN, 0), "lost")
            assert state(await trading.find(order)) == (ReportStatus.DONE, 10_000_000)
            await transport.send(Request("POST", http + "/__control", {}, b'{"fault":"disconnect"}'))
            assert await channel.receive() == CLOSED
        finally:
            await transport.close()
