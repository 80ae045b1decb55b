"""One test's world: the real engine, adapters, simulators and journal in virtual time, with a network that can fail.

A `Rig` has two venues that outlive every engine. `start` begins a process; `die` ends it at an instant, and nothing of it
is sent afterwards; starting again reads the same journal. Prices are given in cents, sizes in contracts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dutchbook.cli.compose import kalshi_pair, polymarket_pair
from dutchbook.core.claim import market_id
from dutchbook.core.clock import DAY, MILLISECOND, SECOND
from dutchbook.core.fees import Precision
from dutchbook.core.link import Link, same_bet
from dutchbook.core.position import TradeBook
from dutchbook.core.venue import Wallet
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.engine.proof import differences
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.journal import Identity
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.torture.network import Crash, Network, Seam
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey
from dutchbook.venues.polymarket import ApiCredentials, PolymarketConfig, PolymarketKey
from engine.parts import CASH, CENT, CONFIG, DOLLAR, LATENCY_NS, LIMITS, ORIGIN_NS, SeededEntropy, WatchedJournal

Quote = tuple[int, int]
"""(cents, contracts)."""


@dataclass(slots=True)
class Process:
    """One engine and what belongs to it alone."""

    engine: Engine
    journal: WatchedJournal
    transport: MemoryTransport

    @property
    def trades(self) -> list[TradeBook]:
        return list(self.engine.desk.ledger.trades.values())

    @property
    def trade(self) -> TradeBook:
        """The only trade."""
        (trade,) = self.trades
        return trade

    @property
    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.engine.desk.ledger.alarms]


@dataclass(slots=True)
class Rig:
    """Venues, network and clock of one test. Use `play`."""

    clock: VirtualClock
    folder: Path
    kalshi: KalshiExchange
    polymarket: PolymarketExchange
    network: Network
    config: EngineConfig = CONFIG
    links: list[Link] = field(default_factory=list)
    wallet: Wallet | None = None
    """Polymarket's slow path, where a test lets the engine use one."""
    process: Process | None = None
    crash_at: set[int] = field(default_factory=set)
    """Numbers of the crash points at which the process dies; counting goes on across processes."""
    points: list[str] = field(default_factory=list)
    processes: int = 0
    dead: bool = False
    _accounts: dict[str, Any] = field(default_factory=dict)
    _ours: set[asyncio.Task[Any]] = field(default_factory=set)
    _transport: MemoryTransport | None = None

    # -- venues -------------------------------------------------------------------------------------------------------

    def open_accounts(self, shards: Sequence[int] = (0,)) -> None:
        """The trader's accounts: the same cash at each venue, at Kalshi in equal parts on these shards."""
        now = self.clock.wall()
        purse = dict.fromkeys(shards, CASH // len(shards))
        self._accounts["kalshi"] = self.kalshi.add_account("trader", purse, now).fields
        self._accounts["polymarket"] = self.polymarket.add_account("trader", {0: CASH}, now).fields

    def list_pair(self, name: str, *, delay_ns: int = 0) -> None:
        """The same question on both venues, linked and approved; `delay_ns` is Polymarket's taker delay."""
        now = self.clock.wall()
        common: dict[str, Any] = {
            "title": f"Will {name} happen?",
            "rules": f"Yes if {name} happens.",
            "tick": CENT,
            "opens_ns": now - DAY,
            "closes_ns": now + 30 * DAY,
        }
        ticker = f"KX{name.upper()}"
        self.kalshi.list_market(
            MarketSpec(id=f"{ticker}-Y", event=ticker, series=ticker, taker_rate="1", **common), now
        )
        self.polymarket.list_market(
            MarketSpec(id=name, event=name, taker_rate="0.05", taker_delay_ns=delay_ns, **common), now
        )
        self.links.append(
            same_bet(name, name, market_id("kalshi", f"{ticker}-Y"), market_id("polymarket", name), approved=True)
        )

    def relink(self, name: str, other: str) -> None:
        """Link the Kalshi market of `name` with the Polymarket market of `other` instead."""
        first, second = market_id("kalshi", f"KX{name.upper()}-Y"), market_id("polymarket", other)
        self.links = [link for link in self.links if link.id != name]
        self.links.append(same_bet(name, name, first, second, approved=True))

    def quote(
        self,
        venue: str,
        bids: Sequence[Quote] = (),
        asks: Sequence[Quote] = (),
        *,
        market: str = "rain",
        maker: str = "m",
    ) -> None:
        """Replace a house maker's quotes now."""
        exchange = self.kalshi if venue == "kalshi" else self.polymarket
        native = f"KX{market.upper()}-Y" if venue == "kalshi" else market
        exchange.quote(
            native,
            maker,
            [(cents * CENT, size * DOLLAR) for cents, size in bids],
            [(cents * CENT, size * DOLLAR) for cents, size in asks],
            self.clock.wall(),
        )
        self.flush()

    def flush(self) -> None:
        """Let the venues say what was done to them by hand."""
        if self._transport is not None:
            self._transport.flush()

    def after(self, delay_ns: int, act: Callable[[], None]) -> None:
        """Do something at the venues later."""
        asyncio.get_running_loop().call_later(delay_ns / SECOND, act)

    def settle(self, yes_value: int = DOLLAR, market: str = "rain") -> None:
        """Both venues pay; `yes_value` is what YES is worth."""
        now = self.clock.wall()
        self.kalshi.settle(f"KX{market.upper()}-Y", yes_value, now)
        self.polymarket.settle(market, yes_value, now)
        self.flush()

    def wealth(self) -> int:
        """All cash of the trader at both venues, by their own books, what is still on its way included."""
        kalshi, polymarket = self.kalshi.statement("trader"), self.polymarket.statement("trader")
        return int(sum(kalshi["cash"].values()) + polymarket["cash"] + polymarket["pending_cash"])

    # -- processes ----------------------------------------------------------------------------------------------------

    async def start(self, *, books: bool = True) -> Process:
        """Begin a process on the journal, with a transport of its own, and wait for its `books` (not of paid markets).

        Raises Crash when it dies meanwhile.
        """
        if self.process is not None:
            raise RuntimeError("a process runs already")
        self.processes += 1
        self.dead = False
        if self._transport is not None:
            await self._transport.close()
        self._ours = asyncio.all_tasks() | self.network.arriving
        kalshi, polymarket = self.kalshi, self.polymarket
        transport = MemoryTransport(
            {"http://kalshi": kalshi, "ws://kalshi": kalshi, "http://poly": polymarket, "ws://poly": polymarket},
            self.clock,
            Latency((LATENCY_NS, LATENCY_NS), (LATENCY_NS, LATENCY_NS)),
        )
        self._transport = self.network.transport = transport
        seam = Seam(transport, self.network, self._gate, self._alive)
        entropy = SeededEntropy(f"process {self.processes}")
        journal = WatchedJournal.write(
            self.folder / "ledger.db",
            Identity(self.config.mode.value, "simulators", ("kalshi", "polymarket"), ("trader",)),
        )
        assert isinstance(journal, WatchedJournal)
        journal.gate = self._gate
        engine = Engine(self.config, self._sides(seam, entropy), self.links, journal, self.clock, entropy)
        self.process = Process(engine, journal, transport)
        await engine.start()
        if books:
            found = engine.desk.books
            await self.until(lambda: bool(found) and all(book.live for book in found.values()))
        return self.process

    def _sides(self, seam: Seam, entropy: SeededEntropy) -> dict[str, VenueSide]:
        kalshi, polymarket = self._accounts["kalshi"], self._accounts["polymarket"]
        kalshi_data, kalshi_trading = kalshi_pair(
            KalshiConfig(
                "http://kalshi/trade-api/v2",
                "ws://kalshi/trade-api/ws/v2",
                precision=Precision.DIRECT,
                thursday_pause=False,
            ),
            KalshiKey(kalshi["key_id"], kalshi["private_key_pem"].encode()),
            seam,
            seam,
            self.clock,
            entropy,
        )
        url = "http://poly"
        polymarket_data, polymarket_trading = polymarket_pair(
            PolymarketConfig(
                clob_url=url,
                gamma_url=url,
                data_url=url,
                market_ws_url="ws://poly/ws/market",
                user_ws_url="ws://poly/ws/user",
            ),
            PolymarketKey(
                polymarket["private_key"],
                signature_type=int(polymarket["signature_type"]),
                credentials=ApiCredentials(
                    polymarket["api_key"], polymarket["api_secret"], polymarket["api_passphrase"]
                ),
            ),
            seam,
            seam,
            self.clock,
            entropy,
        )
        return {
            "kalshi": VenueSide(kalshi_data, kalshi_trading, seam, seam),
            "polymarket": VenueSide(polymarket_data, polymarket_trading, seam, seam, self.wallet),
        }

    def _gate(self, point: str) -> None:
        """A crash point: counts it, and kills the process when its number has come. The dead do nothing any more."""
        self._alive()
        number = len(self.points)
        self.points.append(point)
        if number in self.crash_at:
            self.dead = True
            raise Crash

    def _alive(self) -> None:
        if self.dead:
            raise Crash

    async def die(self) -> None:
        """The process ends at this instant: its tasks stop, its sockets close, what has left still arrives."""
        process = self.process
        assert process is not None
        self.dead = True
        self.process = None
        current = asyncio.current_task()
        doomed = [
            task
            for task in asyncio.all_tasks()
            if task is not current and task not in self._ours and task not in self.network.arriving
        ]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
        # The system closes the sockets; the transport stays for what is still under way, until the next process has one.
        for channel in process.transport._channels:
            channel.hang_up()
        process.journal.close()

    async def stop(self) -> None:
        """An orderly end."""
        process = self.process
        assert process is not None
        await process.engine.stop("test over")
        process.journal.close()
        self.process = None

    # -- waiting and proof --------------------------------------------------------------------------------------------

    async def wait(self, seconds: float) -> None:
        await self.clock.sleep(round(seconds * SECOND))

    async def until(
        self, condition: Callable[[], bool], seconds: float = 30, *, step_ns: int = 10 * MILLISECOND
    ) -> None:
        """Let time pass until something is so; fails when it does not come about. A death ends the wait."""
        deadline = self.clock.monotonic() + round(seconds * SECOND)
        while not condition():
            if self.dead:
                raise Crash
            assert self.clock.monotonic() < deadline, f"not within {seconds} s: {self._state()}"
            await self.clock.sleep(step_ns)

    def _state(self) -> str:
        process = self.process
        if process is None:
            return "no process"
        return (
            "; ".join(
                f"{t.phase.value} ({t.reason}): "
                + ", ".join(
                    f"{o.plan.id} {o.plan.action.value} {o.state.value} {o.filled} {o.reason}" for o in t.orders()
                )
                for t in process.trades
            )
            + f"; failure {process.engine.desk.failure!r}; funnel {process.engine.desk.funnel.snapshot()['reasons']}"
        )

    async def idle(self, seconds: float = 90) -> None:
        """Until no trade is worked on and no venue has anything of ours in flight."""
        process = self.process
        assert process is not None
        accounts = process.engine.accounts

        def quiet() -> bool:
            return not process.engine.desk.ledger.working and all(
                accounts.settled_with(v) for v in ("kalshi", "polymarket")
            )

        await self.until(quiet, seconds, step_ns=200 * MILLISECOND)

    async def mismatches(self) -> list[str]:
        """The ledger against both venues' statements; computed fees are trued up first, as the engine does by the clock."""
        process = self.process
        assert process is not None
        engine = process.engine
        for venue in engine.desk.trading:
            assert await engine.accounts.refresh(venue)
            assert engine.accounts.settled_with(venue), f"{venue} is not settled"
            engine.accounts.true_up(venue)
        return await differences(engine.desk.ledger, engine.desk.trading)


def play(
    folder: Path,
    story: Callable[[Rig], Awaitable[None]],
    *,
    config: EngineConfig = CONFIG,
    crash_at: Iterable[int] = (),
    delay_ns: int = 0,
) -> Rig:
    """Run a story in virtual time on fresh venues with one pair, `rain`, whose prices do not cross.

    `delay_ns` is the taker delay of its Polymarket market.
    """

    async def on_rain(rig: Rig) -> None:
        rig.open_accounts()
        rig.list_pair("rain", delay_ns=delay_ns)
        calm(rig)
        await story(rig)

    return play_bare(folder, on_rain, config=config, crash_at=crash_at)


def play_bare(
    folder: Path,
    story: Callable[[Rig], Awaitable[None]],
    *,
    config: EngineConfig = CONFIG,
    crash_at: Iterable[int] = (),
    seed: int = 1,
) -> Rig:
    """Run a story on venues that list nothing yet and know no account."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN_NS)
    rig = Rig(
        clock, folder, KalshiExchange(seed), PolymarketExchange(seed), Network(clock), config, crash_at=set(crash_at)
    )

    async def main() -> None:
        try:
            await story(rig)
        finally:
            if rig.process is not None:
                await rig.die()

    run_virtual(loop, main())
    return rig


def calm(rig: Rig, market: str = "rain") -> None:
    """Quotes that do not cross: YES 38/42 at Kalshi, 40/54 at Polymarket (NO at 60 to buy, 46 to sell)."""
    rig.quote("kalshi", [(38, 100)], [(42, 100)], market=market)
    rig.quote("polymarket", [(40, 100)], [(54, 100)], market=market)


def cross(rig: Rig, size: int = 10, market: str = "rain") -> None:
    """A buyer of YES at 52 comes to Polymarket: YES at 42 and NO at 48 together cost 90 cents, before fees."""
    rig.quote("polymarket", [(52, size)], market=market, maker="stray")


def uncross(rig: Rig, market: str = "rain") -> None:
    """That buyer leaves."""
    rig.quote("polymarket", market=market, maker="stray")


def with_limits(**changes: Any) -> EngineConfig:
    return replace(CONFIG, limits=replace(LIMITS, **changes))
