"""The venues as the settings name them: keys, data sides, trading sides for live, and whose ledger it is.

Secrets are revealed here and handed straight to the adapters' key objects. Decides nothing about trading.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from dutchbook.cli.compose import kalshi_pair, polymarket_pair
from dutchbook.core.clock import Clock, Entropy
from dutchbook.core.errors import Refused, SettingsError
from dutchbook.core.mode import Mode
from dutchbook.core.transport import Request, Transport
from dutchbook.core.venue import MarketData, Trading
from dutchbook.engine.engine import VenueSide
from dutchbook.feed.polling import PolledData
from dutchbook.ledger.journal import Identity
from dutchbook.settings import Profile, Settings
from dutchbook.venues.kalshi import KalshiConfig, KalshiData, KalshiKey
from dutchbook.venues.polymarket import (
    ApiCredentials,
    PolymarketConfig,
    PolymarketData,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)

if TYPE_CHECKING:
    from dutchbook.settings import Secret
    from dutchbook.venues.polymarket.wallet import SlowWallet

GEOBLOCK_URL = "https://polymarket.com/api/geoblock"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
DEMO_HOST = "demo.kalshi.co"
OLD_DEMO_HOST = "demo-api.kalshi.co"
"""Kalshi's demo exchange: play money. Source: Kalshi API documentation, demo environment."""


@dataclass(frozen=True, slots=True)
class DataSide:
    """A venue's public side and the transport of its stream."""

    data: MarketData
    transport: Transport


def check_profile(settings: Settings) -> None:
    """Raises SettingsError for a profile whose venues this version does not have."""
    if settings.profile is Profile.US:
        raise SettingsError(
            "profile (DUTCHBOOK_PROFILE): us needs Polymarket US, which this version has no adapter for; "
            "use intl where your accounts may, or wait"
        )


def check_money(settings: Settings) -> None:
    """Raises SettingsError when real orders would go out with play money at one address and real money at another.

    A bundle of which one leg is simulated is no bundle but a bet. Every address counts, those for reading too: a price
    of a simulator must not be answered with an order at the real venue.
    """
    if not settings.sends_real_orders:
        return
    kalshi, polymarket = settings.kalshi, settings.polymarket
    addresses = {
        "KALSHI_REST_URL": kalshi.rest_url,
        "KALSHI_WS_URL": kalshi.ws_url,
        "POLYMARKET_CLOB_URL": polymarket.clob_url,
        "POLYMARKET_GAMMA_URL": polymarket.gamma_url,
        "POLYMARKET_DATA_URL": polymarket.data_url,
        "POLYMARKET_MARKET_WS_URL": polymarket.market_ws_url,
        "POLYMARKET_USER_WS_URL": polymarket.user_ws_url,
    }
    play = [f"{name} {url}" for name, url in addresses.items() if play_money(url)]
    real = [f"{name} {url}" for name, url in addresses.items() if not play_money(url)]
    if play and real:
        raise SettingsError(
            f"live with both keys turned, and play money beside real money: {', '.join(play)} against {', '.join(real)}; "
            "name simulators (or Kalshi's demo exchange) everywhere or nowhere, or set EXECUTOR_ENABLED=false"
        )


def kalshi_config(settings: Settings) -> KalshiConfig:
    """Kalshi's addresses and rounding."""
    kalshi = settings.kalshi
    return KalshiConfig(kalshi.rest_url, kalshi.ws_url, precision=kalshi.precision)


def polymarket_config(settings: Settings) -> PolymarketConfig:
    """Polymarket's addresses and margins."""
    polymarket = settings.polymarket
    return PolymarketConfig(
        clob_url=polymarket.clob_url,
        gamma_url=polymarket.gamma_url,
        data_url=polymarket.data_url,
        market_ws_url=polymarket.market_ws_url,
        user_ws_url=polymarket.user_ws_url,
        min_marketable_cash=polymarket.min_marketable_cash,
        absence_margin_ns=polymarket.absence_margin_ns,
    )


def kalshi_key(settings: Settings) -> KalshiKey | None:
    """The member's key, None when either half is absent. Raises CredentialsError for one that cannot be read."""
    key_id, private = settings.secrets.kalshi_key_id, settings.secrets.kalshi_private_key
    if key_id is None or private is None:
        return None
    return KalshiKey(key_id.reveal(), private.reveal().encode())


def polymarket_key(settings: Settings) -> PolymarketKey | None:
    """The wallet's key, None when absent; API credentials are left out (and derived) unless all three are given.

    Raises CredentialsError for parts that cannot be or do not fit together.
    """
    secrets = settings.secrets
    if secrets.polymarket_private_key is None:
        return None
    api = (secrets.polymarket_api_key, secrets.polymarket_api_secret, secrets.polymarket_api_passphrase)
    return PolymarketKey(
        secrets.polymarket_private_key.reveal(),
        funder=settings.polymarket.funder,
        signature_type=settings.polymarket.signature_type,
        credentials=_credentials(*api),
    )


def _credentials(key: Secret | None, secret: Secret | None, passphrase: Secret | None) -> ApiCredentials | None:
    if key is None or secret is None or passphrase is None:
        return None
    return ApiCredentials(key.reveal(), secret.reveal(), passphrase.reveal())


def data_sides(settings: Settings, transport: Transport, clock: Clock) -> dict[str, DataSide]:
    """The public sides. Without a key Kalshi's books are polled, because its stream authenticates even public data."""
    key = kalshi_key(settings)
    kalshi = KalshiData(kalshi_config(settings), transport, clock, key)
    polymarket = PolymarketData(transport, polymarket_config(settings), TokenRegistry())
    sides = {"polymarket": DataSide(polymarket, transport)}
    if key is None:
        polled = PolledData(kalshi, clock)
        return {"kalshi": DataSide(polled, polled.transport), **sides}
    return {"kalshi": DataSide(kalshi, transport), **sides}


def live_sides(settings: Settings, transport: Transport, clock: Clock, entropy: Entropy) -> dict[str, VenueSide]:
    """Both venues with the operator's own keys. Raises CredentialsError naming every missing secret."""
    settings.require_secrets()
    kalshi, polymarket = kalshi_key(settings), polymarket_key(settings)
    assert kalshi is not None and polymarket is not None
    pairs: dict[str, tuple[MarketData, Trading]] = {
        "kalshi": kalshi_pair(kalshi_config(settings), kalshi, transport, transport, clock, entropy),
        "polymarket": polymarket_pair(polymarket_config(settings), polymarket, transport, transport, clock, entropy),
    }
    sides = {name: VenueSide(data, trading, transport, transport) for name, (data, trading) in pairs.items()}
    if settings.trading.use_wallet:
        sides["polymarket"] = replace(sides["polymarket"], wallet=_wallet(settings, polymarket, pairs["polymarket"][1]))
    return sides


def _wallet(settings: Settings, key: PolymarketKey, trading: Trading) -> SlowWallet:
    """The engine's way to the wallet. Raises SettingsError off the real venue, where it has nothing to act on."""
    from dutchbook.venues.polymarket.slow_path import SlowPath
    from dutchbook.venues.polymarket.wallet import SlowWallet

    secret = settings.secrets.polymarket_private_key
    assert secret is not None and isinstance(trading, PolymarketTrading)
    if settings.polymarket.clob_url != PolymarketConfig().clob_url:
        raise SettingsError(
            f"EXECUTOR_USE_WALLET: polymarket.clob_url {settings.polymarket.clob_url} is not the real venue, where the wallet "
            "acts; take one of the two settings out"
        )
    return SlowWallet(SlowPath(key, secret.reveal), trading.registry)


def identity(settings: Settings) -> Identity:
    """Whose ledger a run with these settings writes. A key id counts among the secrets: only its fingerprint is kept."""
    hosts = (settings.kalshi.rest_url, settings.polymarket.clob_url)
    if settings.mode is not Mode.LIVE:
        return Identity(settings.mode.value, settings.profile.value, hosts, ("simulated",))
    kalshi, polymarket = kalshi_key(settings), polymarket_key(settings)
    accounts = []
    if kalshi is not None:
        accounts.append(f"kalshi:{hashlib.sha256(kalshi.key_id.encode()).hexdigest()[:12]}")
    if polymarket is not None:
        accounts.append(f"polymarket:{polymarket.funder}")
    return Identity(settings.mode.value, settings.profile.value, hosts, tuple(accounts))


def on_this_machine(url: str) -> bool:
    """Whether an address is a loopback one: a simulator."""
    return urlsplit(url).hostname in _LOOPBACK


def play_money(url: str) -> bool:
    """Whether no money is behind an address: a simulator on this machine, or Kalshi's demo exchange."""
    host = urlsplit(url).hostname or ""
    return on_this_machine(url) or host in (DEMO_HOST, OLD_DEMO_HOST) or host.endswith("." + DEMO_HOST)


class _Geoblock(msgspec.Struct):
    blocked: bool
    country: str = ""
    region: str = ""


async def check_region(settings: Settings, transport: Transport) -> str:
    """Where Polymarket sees this machine, in words; asked before real orders are enabled. A simulator has no regions.

    Raises Refused where Polymarket takes no orders, and the venue's error when it cannot be asked. There is no way
    around it, on purpose. Source: Polymarket documentation, geographic restrictions.
    """
    if on_this_machine(settings.polymarket.clob_url):
        return "not asked: the venue is a simulator on this machine"
    response = await transport.send(Request("GET", GEOBLOCK_URL, {"Accept": "application/json"}))
    try:
        answer = msgspec.json.decode(response.body, type=_Geoblock)
    except msgspec.DecodeError:
        raise Refused(
            f"Polymarket's region check answered with HTTP {response.status} and nothing readable; "
            "without its word no real order is sent. Try again later",
            code="geoblock",
        ) from None
    place = " ".join(part for part in (answer.country, answer.region) if part) or "an unnamed region"
    if answer.blocked:
        raise Refused(
            f"Polymarket takes no orders from {place}, where it sees this machine; live trading stays off. "
            "Paper and dry-run work everywhere",
            code="geoblock",
        )
    return f"{place}: orders are taken"
