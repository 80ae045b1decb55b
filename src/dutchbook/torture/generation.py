"""One life of the process: an engine on the seed's journal, until it dies or is stopped.

From the instant of its death nothing of a generation, `finally` blocks included, can write or send: the journal, the seam and
the streams refuse it, its tasks are ended, and what had left still arrives. The next generation starts on the same files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import AnyFact
from dutchbook.core.fees import Precision
from dutchbook.core.link import Link
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.feed.virtual_time import VirtualClock
from dutchbook.ledger.journal import Identity
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.torture.chain import Chain, ChainWallet
from dutchbook.torture.network import Crash, Network, Seam
from dutchbook.torture.store import WeatheredJournal
from dutchbook.torture.weather import Weather
from dutchbook.venues.kalshi import KalshiConfig, KalshiData, KalshiKey, KalshiTrading
from dutchbook.venues.polymarket import (
    ApiCredentials,
    PolymarketConfig,
    PolymarketData,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)

OWNER = Identity("live", "simulators", ("kalshi", "polymarket"), ("trader",))


@dataclass(frozen=True, slots=True)
class Ground:
    """What outlives every generation."""

    venues: Mapping[str, Any]
    """Exchange cores by address."""
    kalshi_fields: Mapping[str, str]
    polymarket_fields: Mapping[str, str]
    links: Sequence[Link]
    network: Network
    weather: Weather
    chain: Chain | None
    """The wallet's way, in the seeds whose engine may use it."""
    ledger: Path
    clock: VirtualClock
    """The process's own clock; it may be wrong."""
    latency: Latency
    config: EngineConfig
    entropy: Callable[[int], Any]
    """Random bits of generation number so and so."""
    power_safe: bool
    appended: Callable[[Sequence[AnyFact]], None]
    """Hears of facts once the file has them."""
    leaving: Callable[[Request], None]
    """Hears of an order just before its first byte leaves."""


class _Journal(WeatheredJournal):
    """The journal on a failing disk; says what it has kept."""

    appended: Callable[[Sequence[AnyFact]], None]

    def append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        before = self.seq
        try:
            super().append(facts, at_ns)
        finally:
            if self.seq > before and self._left is None:
                self.appended(facts)


class _Seam(Seam):
    """The seam of one generation; a death may also strike while a frame is delivered."""

    def __init__(
        self, inner: MemoryTransport, ground: Ground, gate: Callable[[str], None], alive: Callable[[], None]
    ) -> None:
        super().__init__(inner, ground.network, gate, alive)
        self._ground = ground

    async def send(self, request: Request) -> Response:
        self._alive()
        self._ground.leaving(request)
        return await super().send(request)

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        return _Watched(await super().open(url, headers), self._alive)


class _Watched:
    """A socket that brings nothing to the dead."""

    def __init__(self, inner: Channel, alive: Callable[[], None]) -> None:
        self._inner = inner
        self._alive = alive
        self.send, self.ping, self.close = inner.send, inner.ping, inner.close

    async def receive(self) -> Any:
        frame = await self._inner.receive()
        self._alive()
        return frame


class Generation:
    """One process. `dead` says that it has died; whoever runs the seed then calls `bury` and begins the next."""

    def __init__(self, number: int, ground: Ground) -> None:
        self.number = number
        self.dead = ""
        self._ground = ground
        self._death: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._before = asyncio.all_tasks() | ground.network.arriving
        # by the venues' own clock: when the process's jumps, theirs do not
        self.transport = MemoryTransport(
            ground.venues, ground.network.clock, ground.latency, beside=ground.network.transport
        )
        ground.network.transport = self.transport
        seam = _Seam(self.transport, ground, self._gate, self._require_life)
        self.journal = _Journal.write(ground.ledger, OWNER, power_safe=ground.power_safe, busy_s=0)
        self.journal.appended = ground.appended
        self.journal.weather = ground.weather
        self.journal.gate = self._gate
        self.journal.on_death = self._die
        entropy = ground.entropy(number)
        sides = _sides(ground, seam, entropy)
        if ground.chain is not None:
            purse = ChainWallet(ground.chain, ground.venues["http://poly"], "trader", self._require_life)
            sides["polymarket"] = replace(sides["polymarket"], wallet=purse)
        self.engine = Engine(ground.config, sides, ground.links, self.journal, ground.clock, entropy)

    def _gate(self, point: str) -> None:
        self._require_life()
        if self._ground.weather.death(point):
            self._die(point)
            raise Crash

    def _die(self, how: str) -> None:
        self.dead = self.dead or how
        if not self._death.done():
            self._death.set_result(None)

    def _require_life(self) -> None:
        if self.dead:
            raise Crash

    async def begin(self) -> None:
        """Start the engine. A death meanwhile, or a venue that cannot be read, ends the generation: see `dead`."""
        start = asyncio.ensure_future(self.engine.start())
        start.add_done_callback(_heard)
        await asyncio.wait({start, self._death}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            return
        error = start.exception()
        if error is not None:
            self._die(f"start: {type(error).__name__}: {error}")

    def kill(self, how: str) -> None:
        """End the process from outside at this instant."""
        self._die(how)

    async def bury(self) -> None:
        """End its tasks, close its sockets, leave its files as a dead process leaves them."""
        self._die("killed")
        current = asyncio.current_task()
        arriving = self._ground.network.arriving
        doomed = [t for t in asyncio.all_tasks() if t is not current and t not in self._before and t not in arriving]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
        for channel in list(self.transport._channels):
            channel.hang_up()
        self.journal.perish()

    @property
    def failed(self) -> BaseException | None:
        """What made the engine stop by itself; a ledger that could not be written is the fault's doing."""
        failure = self.engine.desk.failure
        return None if isinstance(failure, LedgerError | Crash) else failure


def _heard(start: asyncio.Future[None]) -> None:
    """Nobody may be waiting any more for a start that has died."""
    if not start.cancelled():
        start.exception()


def _sides(ground: Ground, seam: Seam, entropy: Any) -> dict[str, VenueSide]:
    clock = ground.clock
    kalshi, polymarket = ground.kalshi_fields, ground.polymarket_fields
    kalshi_config = KalshiConfig(
        "http://kalshi/trade-api/v2", "ws://kalshi/trade-api/ws/v2", precision=Precision.DIRECT, thursday_pause=False
    )
    key = KalshiKey(kalshi["key_id"], kalshi["private_key_pem"].encode())
    kalshi_trading = KalshiTrading(kalshi_config, seam, clock, entropy, key)
    kalshi_data = KalshiData(kalshi_config, seam, clock, key, kalshi_trading.budget)
    config = PolymarketConfig(
        clob_url="http://poly",
        gamma_url="http://poly",
        data_url="http://poly",
        market_ws_url="ws://poly/ws/market",
        user_ws_url="ws://poly/ws/user",
    )
    wallet = PolymarketKey(
        polymarket["private_key"],
        signature_type=int(polymarket["signature_type"]),
        credentials=ApiCredentials(polymarket["api_key"], polymarket["api_secret"], polymarket["api_passphrase"]),
    )
    registry = TokenRegistry()
    trading = PolymarketTrading(seam, config, wallet, registry, clock, entropy)
    data = PolymarketData(seam, config, registry, trading.notices)
    return {
        "kalshi": VenueSide(kalshi_data, kalshi_trading, seam, seam),
        "polymarket": VenueSide(data, trading, seam, seam),
    }
