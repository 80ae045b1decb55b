"""What `dutchbook doctor` looks at, one function per subject; each answers with lines and never raises for what it finds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from dutchbook.cli.doctor import FAIL, OK, WARN, Check, failed
from dutchbook.cli.links import read_links
from dutchbook.cli.output import ExitStatus, dollars
from dutchbook.cli.sides import (
    check_profile,
    check_region,
    identity,
    kalshi_config,
    kalshi_key,
    polymarket_config,
    polymarket_key,
)
from dutchbook.core.account import Balances
from dutchbook.core.clock import MILLISECOND, SystemClock, SystemEntropy
from dutchbook.core.errors import DutchbookError, LedgerError, Refused
from dutchbook.core.mode import Mode
from dutchbook.core.money import MICRO, format_micros
from dutchbook.core.transport import Transport
from dutchbook.core.venue import MarketData, Trading, VenueMode
from dutchbook.ledger.journal import Journal
from dutchbook.settings import Secrets, Settings
from dutchbook.settings.table import secret_rows
from dutchbook.venues.kalshi import KalshiData, KalshiTrading
from dutchbook.venues.polymarket import PolymarketData, PolymarketTrading, TokenRegistry

CLOCK_LIMIT_NS: Final = 250 * MILLISECOND
"""Offset beyond which the gate refuses to trade (market structure, section 6.3)."""

LEAST_DISK: Final = 100_000_000
AMPLE_DISK: Final = 1_000_000_000
"""Bytes. A day of trading writes a few megabytes; recordings write more."""


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
    try:
        check_profile(settings)
    except DutchbookError as error:
        found.append(failed("profile", error))
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
    found = await _public("kalshi", KalshiData(config, transport, clock, key), "KALSHI_REST_URL")
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
    return [*found, *await _account(settings, "polymarket", trading)]


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


def links(path: Path) -> Check:
    """The links file: readable, and something in it approved."""
    try:
        read = read_links(path)
    except DutchbookError as error:
        return failed("links", error)
    approved = sum(link.approved for link in read)
    text = f"{path}: {approved} of {len(read)} approved"
    if not approved:
        return Check("links", WARN, text, "nothing unapproved is traded: review them and set `approved`")
    return Check("links", OK, text)


def ledger(path: Path, settings: Settings) -> Check:
    """Openable for writing by this mode and account, and by nobody else now. A ledger that is not there yet is not made."""
    try:
        owner = identity(settings)
        if not path.exists():
            return _new_ledger(path)
        journal = Journal.write(path, owner)
        records = journal.seq
        journal.close()
    except OSError as error:
        return failed("ledger", LedgerError(f"ledger {path}: {error.strerror}; check the path and its permissions"))
    except DutchbookError as error:
        return failed("ledger", error)
    return Check("ledger", OK, f"{path}: {records} records")


def _new_ledger(path: Path) -> Check:
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not _writable(folder):
        return failed("ledger", LedgerError(f"ledger {path}: {folder} cannot be written to; choose another path"))
    return Check("ledger", OK, f"{path}: will be created")


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def disk(path: Path) -> Check:
    """Free space where the ledger is."""
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free // 1_000_000} MB free at {folder}"
    if free < LEAST_DISK:
        return Check(
            "disk", FAIL, text, "free some space: a ledger that cannot be written stops trading", ExitStatus.LEDGER
        )
    if free < AMPLE_DISK:
        return Check("disk", WARN, text, "free some space")
    return Check("disk", OK, text)


def telegram(settings: Settings) -> Check:
    """Alerts are worth having and not a condition."""
    if settings.secrets.telegram_bot_token is None or settings.secrets.telegram_chat_id is None:
        return Check(
            "telegram", WARN, "not configured: no alerts go out", "set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID"
        )
    return Check("telegram", OK, "configured")
