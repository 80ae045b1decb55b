"""The official Polymarket package pointed at our simulator over real loopback sockets: an independent client.

Importing this module skips the importing test module, saying why, where the package is not installed. The package's
private names are why its version is pinned. Nothing here knows how the simulator works inside.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Any

import pytest

from dutchbook.simulator.exchange import Level, MarketSpec
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.simulator.server import VenueServer, serve

VERSION = "0.14.0"
polymarket: Any = pytest.importorskip(
    "polymarket", reason=f"the official package polymarket-client {VERSION} is not installed"
)
if metadata.version("polymarket-client") != VERSION:
    pytest.skip(
        f"polymarket-client is not {VERSION}; it is pointed at loopback by private names", allow_module_level=True
    )
environment: Any = pytest.importorskip("polymarket._internal.environment")
wallets: Any = pytest.importorskip("polymarket._internal.wallet")
streams: Any = pytest.importorskip("polymarket.streams")

SECOND = 1_000_000_000
M = 1_000_000
SEED = 11
GAME, CUP = "nba-phx-mia", "who-wins-the-cup-a"
PATIENCE_S = 10.0
"""How long a test waits for a frame before it fails; nothing waits this long when all is well."""


def spec(slug: str, **changes: Any) -> MarketSpec:
    """A market that trades now, with a one-cent tick and no fee."""
    now = time.time_ns()
    base = MarketSpec(
        id=slug,
        event="Suns vs. Heat",
        title="Suns vs. Heat",
        rules="Resolves to the winner of the game.",
        tick=10_000,
        taker_rate="0",
        opens_ns=now - SECOND,
        closes_ns=now + 86_400 * SECOND,
    )
    return dataclasses.replace(base, **changes)


def pointed_at(rest_url: str, ws_url: str) -> Any:
    """The package's environment with every host on loopback."""
    hosts = dict.fromkeys(
        ("clob_url", "relayer_url", "gamma_url", "data_url", "rfq_url", "perps_url", "builder_gateway_url"), rest_url
    )
    sockets = dict.fromkeys(
        ("rtds_ws_url", "sports_ws_url", "realtime_ws_url", "perps_ws_url", "rfq_quoter_ws_url"), ws_url
    )
    config = dataclasses.replace(
        environment.PRODUCTION_CONFIG,
        **hosts,
        **sockets,
        clob_market_ws_url=ws_url + "/ws/market",
        clob_user_ws_url=ws_url + "/ws/user",
        collateral_return_url=rest_url,
        rpc_url=rest_url + "/",
        relayer_poll_frequency_ms=10,
    )
    return environment.create_environment(name="sim", config=config)


class Floor:
    """The simulator with one game and one neg-risk market, quoted on both sides, and its server."""

    def __init__(self, exchange: PolymarketExchange, server: VenueServer) -> None:
        self.exchange = exchange
        self.server = server
        self.environment = pointed_at(server.rest_url, server.ws_url)
        self._clients: list[Any] = []

    def quote(self, market: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Replace the house's quotes and send what that causes."""
        self.exchange.quote(market, "house", bids, asks, time.time_ns())
        self.server.flush()

    def account(self, name: str, signature_type: int = 0) -> dict[str, str]:
        """A funded account whose wallet is the one that the package derives from its key."""
        cash, now = {0: 1_000 * M}, time.time_ns()
        fields = PolymarketExchange(SEED).add_account(name, cash, now).fields
        derive = {
            1: wallets.derive_proxy_wallet_address,
            2: wallets.derive_safe_wallet_address,
            3: wallets.derive_uups_deposit_wallet_address,
        }
        wallet = ""
        if signature_type:
            config = environment.PRODUCTION_CONFIG.wallet_derivation
            wallet = derive[signature_type](fields["address"], config)
        return dict(self.exchange.add_account(name, cash, now, signature_type, wallet).fields)

    async def client(self, fields: dict[str, str], **more: Any) -> Any:
        """The package's client for an account; closed with the floor."""
        made = await polymarket.AsyncSecureClient.create(
            private_key=fields["private_key"], wallet=fields["funder"], environment=self.environment, **more
        )
        self._clients.append(made)
        return made

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@asynccontextmanager
async def floor(*specs: MarketSpec) -> AsyncIterator[Floor]:
    """Serve the simulator on loopback; trades settle with the next request."""
    exchange = PolymarketExchange(SEED)
    exchange.mined_lag_ns = exchange.confirmed_lag_ns = 0
    listed = specs or (
        spec(GAME, taker_rate="0.05"),
        spec(CUP, event="The Cup", title="Will A win the cup?", neg_risk=True, tick=1_000),
    )
    for one in listed:
        exchange.list_market(one, time.time_ns())
    async with serve(exchange) as server:
        made = Floor(exchange, server)
        for one in listed:
            made.quote(one.id, [(400_000, 1_000 * M)], [(600_000, 1_000 * M)])
        try:
            yield made
        finally:
            await made.close()


async def everything(pages: Any) -> list[Any]:
    """All items of all pages."""
    return [item async for page in pages for item in page.items]


async def news(handle: Any, until: Any) -> list[Any]:
    """Events of a subscription up to and with the first for which `until` holds."""
    seen: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in handle:
            seen.append(event)
            if until(event):
                break
    return seen
