"""Simulated venues as a process of their own: servers, world and account keys in one line of JSON, orders on stdin.

What `dutchbook sim` and `dutchbook demo` run. Standard output carries JSON lines and nothing else: the first when
ready, then one per answer. Nothing here decides about prices or matching.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from dutchbook.core.clock import MILLISECOND, SECOND, Clock, SystemClock
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import Exchange, TestAccount
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.simulator.server import VenueServer, serve
from dutchbook.simulator.world import World

THOUSAND_DOLLARS = 1_000_000_000
"""In millionths: what the trader's account holds on each venue unless told otherwise."""
VENUES = ("kalshi", "polymarket")
KALSHI_SHARDS = (0, 2)
"""The default world lists on these; Kalshi checks collateral within a shard, so the cash is split between them."""


class AccountedExchange(Exchange, Protocol):
    """An exchange that also tells an account's books to the world's owner."""

    def statement(self, name: str) -> dict[str, Any]: ...


@dataclass(slots=True)
class _Open:
    """One venue being served."""

    exchange: AccountedExchange
    account: TestAccount
    server: VenueServer


@dataclass(slots=True)
class Session:
    """Open venues and their world."""

    world: World
    venues: dict[str, _Open] = field(default_factory=dict)
    playing: asyncio.Task[None] | None = None
    """Steps the world; ends with it, or with the error that stopped it."""

    def flush(self) -> None:
        for venue in self.venues.values():
            venue.server.flush()

    def description(self, venue: str) -> dict[str, Any]:
        """What a client needs to trade there: addresses, account keys, markets. Kalshi's URLs include its base path."""
        opened = self.venues[venue]
        server, account = opened.server, opened.account
        told: dict[str, Any] = {"venue": venue, "rest_url": server.rest_url, "ws_url": server.ws_url}
        if venue == "kalshi":
            told["rest_url"] += "/trade-api/v2"
            told["ws_url"] += "/trade-api/ws/v2"
        else:
            told["market_ws_url"] = server.ws_url + "/ws/market"
            told["user_ws_url"] = server.ws_url + "/ws/user"
        told["accounts"] = [{"name": account.name, **account.fields}]
        told["markets"] = [
            {"id": listing.id, "event": listing.event, "title": listing.title, "outcomes": listing.outcomes}
            for listing in self.world.listings(venue)
        ]
        return told

    def statements(self) -> dict[str, Any]:
        """venue -> account -> cash and positions in millionths, from the venue's own books."""
        return {
            name: {opened.account.name: opened.exchange.statement(opened.account.name)}
            for name, opened in self.venues.items()
        }


async def play(world: World, clock: Clock, flush: Callable[[], None]) -> None:
    """Step the world whenever it is due and flush afterwards; returns when the world has ended (settled)."""
    while (due := world.next_at()) is not None:
        # At least a millisecond: what falls due together is done together.
        await asyncio.sleep(max(due - clock.wall(), MILLISECOND) / SECOND)
        world.step(clock.wall())
        flush()


@asynccontextmanager
async def open_session(
    venues: Sequence[str],
    seed: int,
    speed: float = 1.0,
    *,
    ports: Mapping[str, int] | None = None,
    cash: int = THOUSAND_DOLLARS,
    latency: Latency | None = None,
    control: bool = False,
    rate_limits: bool = False,
    started_ns: int | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Session]:
    """Serve the named venues on one world, in real time, until the block ends.

    `cash` is millionths of a dollar per venue. Two sessions with one venue each show the same world when they have
    the same `seed`, `speed` and `started_ns` (wall ns, in the past; default now). Raises ValueError for an unknown
    venue, OSError for a taken port.
    """
    for venue in venues:
        if venue not in VENUES:
            raise ValueError(f"venue: {venue!r} is not one of {', '.join(VENUES)}")
    clock = clock or SystemClock()
    now = clock.wall()
    kalshi = KalshiExchange(seed, control=control, rate_limits=rate_limits) if "kalshi" in venues else None
    polymarket = PolymarketExchange(seed, control=control) if "polymarket" in venues else None
    world = World(seed, kalshi, polymarket, now if started_ns is None else started_ns, speed=speed)
    world.list_all(now)
    world.step(now)
    session = Session(world)
    exchanges: dict[str, AccountedExchange | None] = {"kalshi": kalshi, "polymarket": polymarket}
    async with AsyncExitStack() as stack:
        for name, exchange in exchanges.items():
            if exchange is None:
                continue
            account = exchange.add_account("trader", _purse(name, cash), now)
            port = (ports or {}).get(name, 0)
            server = await stack.enter_async_context(serve(exchange, port, clock=clock, latency=latency))
            session.venues[name] = _Open(exchange, account, server)
        playing = asyncio.get_running_loop().create_task(play(world, clock, session.flush))
        session.playing = playing
        try:
            yield session
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing


async def run_exchange(
    venue: str,
    port: int = 0,
    seed: int = 0,
    speed: float = 1.0,
    *,
    cash: int = THOUSAND_DOLLARS,
    latency: Latency | None = None,
    control: bool = False,
    rate_limits: bool = False,
    started_ns: int | None = None,
    silence_s: float | None = None,
) -> None:
    """One venue alone with its world: prints its description as a JSON line, then obeys stdin until told to stop."""
    async with open_session(
        [venue],
        seed,
        speed,
        ports={venue: port},
        cash=cash,
        latency=latency,
        control=control,
        rate_limits=rate_limits,
        started_ns=started_ns,
    ) as session:
        await _obey(session, session.description(venue), None, silence_s)


async def run_world(
    seed: int = 0,
    speed: float = 1.0,
    seconds: float | None = None,
    ports: Mapping[str, int] | None = None,
    *,
    cash: int = THOUSAND_DOLLARS,
    latency: Latency | None = None,
    control: bool = False,
    rate_limits: bool = False,
    silence_s: float | None = None,
) -> None:
    """Both venues on one world in this process; ends after `seconds`, when told to stop, or when nobody has said anything
    for `silence_s`."""
    async with open_session(
        VENUES, seed, speed, ports=ports, cash=cash, latency=latency, control=control, rate_limits=rate_limits
    ) as session:
        description = {
            "seed": seed,
            "venues": [session.description(venue) for venue in VENUES],
            "links": session.world.links(),
        }
        await _obey(session, description, seconds, silence_s)


async def _obey(
    session: Session, description: Mapping[str, Any], seconds: float | None, silence_s: float | None
) -> None:
    """Say what is served, then answer the parent's lines (`settle`, `statement`, `stop`); an empty line only breaks the
    silence. To settle twice is to be told the same outcome again.

    Until `stop`, end of input, a signal, time, or silence.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    # before anybody is told that we are here: a signal may come as soon as they know
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lines.put_nowait, None)
    _say(description)

    def fail(playing: asyncio.Task[None]) -> None:
        # A world that broke must not leave its servers standing still; the error leaves with the session.
        if not playing.cancelled() and playing.exception() is not None:
            lines.put_nowait(None)

    if session.playing is not None:
        session.playing.add_done_callback(fail)
    timer = None if seconds is None else loop.call_later(seconds, lines.put_nowait, None)
    threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
    clock = SystemClock()
    outcome: dict[str, str] | None = None
    try:
        while (line := await _next_line(lines, silence_s)) is not None and line != "stop":
            if line == "settle":
                if outcome is None:
                    outcome = session.world.settle_all(clock.wall())
                    session.flush()
                _say({"settled": outcome})
            elif line == "statement":
                _say({"statement": session.statements()})
            elif line:
                _say({"error": f"{line!r} is not one of settle, statement, stop"})
    finally:
        if timer is not None:
            timer.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _next_line(lines: asyncio.Queue[str | None], silence_s: float | None) -> str | None:
    """The next line; None at the end, or when none came for `silence_s`."""
    try:
        async with asyncio.timeout(silence_s):
            return await lines.get()
    except TimeoutError:
        return None


def _read_lines(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str | None]) -> None:
    """Feed stdin's lines into the loop, None at its end.

    A daemon thread on the bare descriptor: a loop cannot watch every kind of stdin (files, /dev/null), and a thread
    blocked inside `sys.stdin` would hold its lock while the interpreter shuts down.
    """
    rest = b""
    with suppress(OSError):
        if os.path.samestat(os.fstat(0), Path(os.devnull).stat()):
            return  # nobody is there to speak, or to be gone: a service, or a job in the background
    try:
        while chunk := os.read(0, 65_536):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                loop.call_soon_threadsafe(lines.put_nowait, line.decode(errors="replace").strip())
        loop.call_soon_threadsafe(lines.put_nowait, None)
    except RuntimeError:
        # the loop has ended for another reason, and with it everybody who would read this
        return


def _purse(venue: str, cash: int) -> dict[int, int]:
    if venue != "kalshi":
        return {0: cash}
    share = cash // len(KALSHI_SHARDS)
    return {shard: cash - share * (len(KALSHI_SHARDS) - 1) if shard == 0 else share for shard in KALSHI_SHARDS}


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()
