"""What `dutchbook doctor` looks at, one function per subject; each answers with lines and never raises for what it finds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dutchbook.cli.doctor.command import FAIL, OK, WARN, Check, failed
from dutchbook.cli.links.given import DEFAULT, given_links, registry_links
from dutchbook.cli.output import ExitStatus, dollars
from dutchbook.cli.sides import (
    check_money,
    check_profile,
    check_region,
    kalshi_config,
    kalshi_key,
    polymarket_config,
    polymarket_key,
)
from dutchbook.core.account import Balances
from dutchbook.core.clock import MILLISECOND, SECOND, SystemClock, SystemEntropy
from dutchbook.core.errors import DutchbookError, Refused
from dutchbook.core.mode import Mode
from dutchbook.core.money import MICRO, format_micros
from dutchbook.core.transport import Transport
from dutchbook.core.venue import MarketData, Scheduled, Trading, VenueMode
from dutchbook.settings import Secrets, Settings
from dutchbook.settings.table import secret_rows
from dutchbook.venues.kalshi import KalshiData, KalshiTrading
from dutchbook.venues.polymarket import PolymarketData, PolymarketTrading, TokenRegistry

CLOCK_LIMIT_NS: Final = 250 * MILLISECOND
"""Offset beyond which the gate refuses to trade (market structure, section 6.3)."""


def choices(settings: Settings) -> list[Check]:
    """Mode, its second key, profile, and whether the bet limit can buy anything."""
    found = [
        Check(
            "settings", OK, f"mode {settings.mode.value}, profile {settings.profile.value}, days in {settings.timezone}"
        )
    ]
    if settings.sends_real_orders:
        found.append(Check("mode", WARN, "live with both keys turned: `run` sends real orders"))
    elif settings.mode is Mode.LIVE:
        fix = "set EXECUTOR_ENABLED=true when you mean it"
        found.append(Check("mode", WARN, "live, but the second key is not turned: `run` sends nothing", fix))
    for name, check in (("profile", check_profile), ("addresses", check_money)):
        try:
            check(settings)
        except DutchbookError as error:
            found.append(failed(name, error))
    return [*found, _bet_size(settings)]


def _bet_size(settings: Settings) -> Check:
    """A bundle's Polymarket leg has a least cost, so a small limit shuts out claims that are cheap there."""
    largest, least = settings.trading.max_bet, settings.polymarket.min_marketable_cash
    if largest <= least:
        fix = f"set EXECUTOR_MAX_BET above {dollars(least)}, better 10 or more"
        return Check("bet size", FAIL, f"{dollars(largest)} a bundle buys nothing", fix, ExitStatus.USAGE)
    if largest < 5 * least:
        price = format_micros(-(-least * MICRO // largest // 10_000) * 10_000, 2)
        text = (
            f"{dollars(largest)} a bundle is small: a Polymarket leg costs at least {dollars(least)}, "
            f"so claims below about ${price} there do not fit"
        )
        return Check("bet size", WARN, text, "raise EXECUTOR_MAX_BET")
    return Check("bet size", OK, f"{dollars(largest)} a bundle")


def secrets(settings: Settings) -> list[Check]:
    """Which are there, by name only; the mode's missing ones fail."""
    missing = settings.missing_secrets()
    given = [row.env[0] for name, row in secret_rows(Secrets) if getattr(settings.secrets, name) is not None]
    present = ", ".join(given) or "none"
    if not missing:
        return [Check("secrets", OK, f"present: {present}")]
    fix = "set them in the environment or .env, or name files with the same names and _PATH"
    return [Check("secrets", FAIL, f"missing: {', '.join(missing)}; present: {present}", fix, ExitStatus.CREDENTIALS)]


async def kalshi(settings: Settings, transport: Transport) -> list[Check]:
    """Status, clock, and with a key a signed read."""
    clock, entropy = SystemClock(), SystemEntropy()
    config = kalshi_config(settings)
    try:
        key = kalshi_key(settings)
    except DutchbookError as error:
        return [failed("kalshi key", error)]
    data = KalshiData(config, transport, clock, key)
    found = [*await _public("kalshi", data, "KALSHI_REST_URL"), *await _windows("kalshi", data, clock.wall())]
    if key is None:
        text = "none: its WebSocket needs one even for public data, so books are polled by REST, slower"
        return [*found, Check("kalshi key", WARN, text, "set KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH")]
    return [*found, *await _account(settings, "kalshi", KalshiTrading(config, transport, clock, entropy, key))]


async def polymarket(settings: Settings, transport: Transport) -> list[Check]:
    """Status, clock, and with a key the API credentials (derived when absent) and a signed read."""
    clock, entropy = SystemClock(), SystemEntropy()
    config = polymarket_config(settings)
    registry = TokenRegistry()
    found = await _public("polymarket", PolymarketData(transport, config, registry), "POLYMARKET_CLOB_URL")
    try:
        key = polymarket_key(settings)
    except DutchbookError as error:
        fix = "POLYMARKET_SIGNATURE_TYPE and POLY_FUNDER_ADDRESS must belong to the key's account"
        if settings.mode is not Mode.LIVE:
            return [*found, Check("polymarket key", WARN, f"{error}; {settings.mode.value} does not use it", fix)]
        return [*found, failed("polymarket key", error, fix)]
    if key is None:
        if settings.mode is Mode.LIVE:
            return found
        return [*found, Check("polymarket key", OK, f"none: {settings.mode.value} needs none to read books")]
    trading = PolymarketTrading(transport, config, key, registry, clock, entropy)
    found += await _account(settings, "polymarket", trading)
    if found[-1].verdict != FAIL:
        found += await allowances(settings, trading)
    return found


async def region(settings: Settings, transport: Transport) -> list[Check]:
    """Whether Polymarket takes orders from where this machine is: a condition of live only."""
    try:
        return [Check("region", OK, await check_region(settings, transport))]
    except DutchbookError as error:
        if settings.mode is Mode.LIVE:
            return [failed("region", error, "" if isinstance(error, Refused) else "check the network")]
        return [Check("region", WARN, f"{error}; {settings.mode.value} does not need it")]


async def _public(venue: str, data: MarketData, address: str) -> list[Check]:
    """Reachable, trading, and its clock against ours."""
    clock = SystemClock()
    status = f"{venue} status"
    try:
        mode = await data.mode()
        before = clock.wall()
        earliest, latest = await data.server_time()
        after = clock.wall()
    except DutchbookError as error:
        return [failed(status, error, f"check the network and {address}")]
    found = [
        Check(status, OK, "trading")
        if mode is VenueMode.TRADING
        else Check(status, WARN, f"takes no new risk now: {mode.value}", "wait; see the venue's status page")
    ]
    offset = max(0, earliest - after) or min(0, latest - before)
    text = (
        f"{abs(offset) // MILLISECOND} ms {'ahead of' if offset > 0 else 'behind'} ours"
        if offset
        else "agrees with ours"
    )
    if abs(offset) > CLOCK_LIMIT_NS:
        found.append(Check(f"{venue} clock", FAIL, text, "set this machine's clock (NTP)", ExitStatus.VENUE))
    else:
        found.append(Check(f"{venue} clock", OK, text))
    return found


async def _windows(venue: str, data: MarketData, wall_ns: int) -> list[Check]:
    """The pause that runs, or the next one that is planned."""
    name = f"{venue} windows"
    if not isinstance(data, Scheduled):
        return []
    try:
        windows = await data.windows()
    except DutchbookError as error:
        return [Check(name, WARN, f"its schedule cannot be read: {error}", "planned pauses are seen when they begin")]
    if not windows:
        return [Check(name, OK, "no pause is planned for the coming week")]
    first = windows[0]
    begins, ends = _minute(first.begins_ns), _minute(first.ends_ns)
    if first.begins_ns <= wall_ns:
        return [Check(name, WARN, f"{first.what} now, until {ends} UTC", "wait: nothing is begun there until then")]
    return [Check(name, OK, f"next: {first.what}, {begins} to {ends} UTC")]


def _minute(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // SECOND, UTC):%Y-%m-%d %H:%M}"


async def allowances(settings: Settings, trading: PolymarketTrading) -> list[Check]:
    """Whether the account may open positions, and whether every exchange may move its money. Conditions of live only."""
    bad = FAIL if settings.mode is Mode.LIVE else WARN
    try:
        if await trading.account.closed_only():
            text = "this account may only close positions"
            return [Check("polymarket account", bad, text, "ask the venue's support why", ExitStatus.VENUE)]
        collateral = await trading.account.collateral()
        troubles = await trading.account.explain() if collateral.empty or collateral.unapproved() else []
    except DutchbookError as error:
        return [failed("polymarket allowances", error)]
    found = [Check("polymarket account", OK, "may open positions")]
    if not troubles:
        return [*found, Check("polymarket allowances", OK, "every exchange may move the wallet's pUSD")]
    fix = "`dutchbook wallet approve` gives the trading approvals; a wrong wallet is a matter of the settings"
    return [*found, Check("polymarket allowances", bad, "; ".join(troubles), fix, ExitStatus.CREDENTIALS)]


async def _account(settings: Settings, venue: str, trading: Trading) -> list[Check]:
    """A signed read and the cash. Other modes than live can run without."""
    signed = await _attempt(f"{venue} signed read", trading.connect, "accepted")
    if signed.verdict == FAIL:
        return [signed]
    name = f"{venue} balance"
    try:
        balances = await trading.balances()
    except DutchbookError as error:
        return [signed, failed(name, error)]
    return [signed, _balance(name, balances, settings)]


def _balance(name: str, balances: Balances, settings: Settings) -> Check:
    least = settings.trading.min_platform_balance
    text = ", ".join(f"{pool} {dollars(cash)}" for pool, cash in balances.available.items()) or "no cash pool"
    short = [pool for pool, cash in balances.available.items() if cash < least]
    if short and settings.mode is Mode.LIVE:
        fix = (
            f"fund {', '.join(short)}: below {dollars(least)} (EXECUTOR_MIN_PLATFORM_BALANCE) nothing is bought with it"
        )
        return Check(name, WARN, text, fix)
    return Check(name, OK, text)


async def _attempt(name: str, work: Callable[[], Awaitable[None]], well: str) -> Check:
    try:
        await work()
    except DutchbookError as error:
        return failed(name, error)
    return Check(name, OK, well)


def links(path: Path | None, settings: Settings, ledger: Path) -> Check:
    """The links file and the ledger's registry: readable, and something in them approved."""
    try:
        read = given_links(path, settings, ledger)
        kept = registry_links(ledger)
    except DutchbookError as error:
        return failed("links", error)
    approved, parts = 0, []
    for name, each in ((str(path or DEFAULT), read), ("registry", kept)):
        if each:
            good = sum(link.approved for link in each)
            parts.append(f"{name}: {good} of {len(each)} approved")
            approved += good
    text = "; ".join(parts)
    if not approved:
        return Check("links", WARN, text, "nothing unapproved is traded: `dutchbook links show`, then `links approve`")
    return Check("links", OK, text)
