"""One test's world: the real engine, adapters, simulators and journal in virtual time, with a network that can fail.

A `Rig` has two venues that outlive every engine. `start` begins a process; `die` ends it at an instant, and nothing of it
is sent afterwards; starting again reads the same journal. Prices are given in cents, sizes in contracts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dutchbook.cli.compose import kalshi_pair, polymarket_pair
from dutchbook.core.clock import DAY, MILLISECOND, SECOND
from dutchbook.core.facts import AnyFact
from dutchbook.core.fees import Precision
from dutchbook.core.link import Link, same_bet
from dutchbook.core.claim import market_id
from dutchbook.core.mode import Mode
from dutchbook.core.money import Cash, Rate, Size
from dutchbook.core.position import TradeBook
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.engine.proof import differences
from dutchbook.feed.connection import KeepAlive
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.risk.limits import RiskLimits
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.venues.kalshi import KalshiConfig, KalshiKey
from dutchbook.venues.polymarket import ApiCredentials, PolymarketConfig, PolymarketKey

from engine.seam import Crash, Network, Seam

ORIGIN_NS = 1_795_000_000 * SECOND
DOLLAR = 1_000_000
CENT = 10_000
PERCENT = 10**10
LATENCY_NS = 20 * MILLISECOND
CASH = 1_000 * DOLLAR

Quote = tuple[int, int]
"""(cents, contracts)."""

LIMITS = RiskLimits(
    min_bet=Cash(DOLLAR),
    max_bet=Cash(50 * DOLLAR),
    min_roi=Rate(PERCENT),
    max_roi=Rate(50 * PERCENT),
    min_edge=Rate(2 * PERCENT),
    min_profit=Cash(DOLLAR // 100),
    max_daily_trades=50,
    max_daily_loss=Cash(100 * DOLLAR),
    min_platform_balance=Cash(DOLLAR),
    max_event_exposure=Cash(100 * DOLLAR),
    max_order_contracts=Size(100 * DOLLAR),
    cooldown_ns=2 * SECOND,
    close_margin_ns=60 * SECOND,
    balance_max_age_ns=30 * SECOND,
    feed_silent_ns=5 * SECOND,
)
CONFIG = EngineConfig(
    mode=Mode.LIVE,
    limits=LIMITS,
    zone=ZoneInfo("UTC"),
    keep_alive=KeepAlive(every_ns=500 * MILLISECOND, silent_ns=5 * SECOND),
    balance_every_ns=2 * SECOND,
    results_every_ns=SECOND,
)


class SeededEntropy:
    """Random bits that repeat with the seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)


class WatchedJournal(Journal):
    """The real journal with a crash point before and after each append."""

    gate: Callable[[str], None]

    def append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        """As the journal does; a death on either side of it leaves the file without or with these facts."""
        self.gate("before an append")
        super().append(facts, at_ns)
        self.gate("after an append")

    def fill_disk(self) -> None:
        """Let the file grow no further: SQLite itself says that the disk is full from the next page on."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        self._db.execute(f"PRAGMA max_page_count={pages}")


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

    def open_accounts(self, kalshi: int = CASH, polymarket: int = CASH) -> None:
        """The trader's accounts."""
        now = self.clock.wall()
        self._accounts["kalshi"] = self.kalshi.add_account("trader", {0: kalshi}, now).fields
        self._accounts["polymarket"] = self.polymarket.add_account("trader", {0: polymarket}, now).fields

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
        return sum(kalshi["cash"].values()) + polymarket["cash"] + polymarket["pending_cash"]

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
            KalshiConfig("http://kalshi/trade-api/v2", "ws://kalshi/trade-api/ws/v2", precision=Precision.DIRECT),
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
            "polymarket": VenueSide(polymarket_data, polymarket_trading, seam, seam),
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

    async def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Let time pass until something is so; fails when it does not come about. A death ends the wait."""
        deadline = self.clock.monotonic() + round(seconds * SECOND)
        while not condition():
            if self.dead:
                raise Crash
            assert self.clock.monotonic() < deadline, f"not within {seconds} s: {self._state()}"
            await self.clock.sleep(5 * MILLISECOND)

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

        await self.until(quiet, seconds)

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
    """Run a story in virtual time on a fresh world with one pair, `rain`, whose prices do not cross.

    `delay_ns` is the taker delay of its Polymarket market.
    """
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN_NS)
    rig = Rig(clock, folder, KalshiExchange(1), PolymarketExchange(1), Network(clock), config, crash_at=set(crash_at))

    async def main() -> None:
        rig.open_accounts()
        rig.list_pair("rain", delay_ns=delay_ns)
        calm(rig)
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
