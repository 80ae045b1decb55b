"""One seed: the real engine on the stage in foul weather, through deaths and restarts, then calm, and the books compared.

`play(seed)` is a function of the seed and of nothing else: the same seed gives the same trace to the byte.
"""

from __future__ import annotations

import gc
import hashlib
import random
import tempfile
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from dutchbook.core.clock import MILLISECOND, MINUTE, SECOND
from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed
from dutchbook.core.mode import Mode
from dutchbook.core.money import Cash, Rate, Size
from dutchbook.core.position import TradeBook
from dutchbook.core.transport import Request
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.proof import differences
from dutchbook.execution.findings import FEE_TOLERANCE
from dutchbook.execution.leaving import ExitRule
from dutchbook.feed.connection import KeepAlive
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.risk.breakers import BreakerLimits
from dutchbook.risk.limits import RiskLimits
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.simulator.polymarket.signing import SignedFields, exchange_for, order_hash
from dutchbook.torture.cells import Cells
from dutchbook.torture.chain import Chain
from dutchbook.torture.generation import Generation, Ground
from dutchbook.torture.network import Network, Posted, posted
from dutchbook.torture.operator import Operator
from dutchbook.torture.outcome import Outcome
from dutchbook.torture.rules import Rules, Violation
from dutchbook.torture.stage import Stage
from dutchbook.torture.venue_faults import Exchanges
from dutchbook.torture.weather import Weather
from dutchbook.torture.witness import Witness

ORIGIN_NS: Final = 1_795_000_000 * SECOND
DOLLAR: Final = 1_000_000
CASH: Final = 1_000 * DOLLAR
POOR: Final = 150 * DOLLAR
PERCENT: Final = 10**10
MOVES: Final = 60
"""Moves of the world before its questions are paid."""
MOST_PAID: Final = 12
"""Questions that are paid in one move."""
AFTERMATH: Final = 8
"""Seconds of the same weather after the last was paid."""
REST_NS: Final = 15 * SECOND
"""How long it is calm at least: every reading that is due now and then has come round in it several times."""
PATIENCE_NS: Final = 6 * MINUTE
"""Virtual time in which, once the weather is calm, everything has to come to its end."""
MOST_GENERATIONS: Final = 40
LOOKS: Final = 24
"""At both venues' statements, five seconds apart, until they agree: cash that came from outside beside a payout that was redeemed
is booked after it has stood for long."""
HAND_SLACK: Final = 2 * DOLLAR // 100
"""What rounding may take of a payout to two owners of one position, by market."""

_UNSEEN: Final = frozenset({"gap", "reordered_frames", "garbage_frame"})
_TWICE: Final = frozenset({"duplicate_request", "answer_409"})

LIMITS: Final = RiskLimits(
    min_bet=Cash(DOLLAR),
    max_bet=Cash(40 * DOLLAR),
    min_roi=Rate(PERCENT // 4),
    max_roi=Rate(50 * PERCENT),
    min_edge=Rate(2 * PERCENT),
    min_profit=Cash(DOLLAR // 100),
    max_daily_trades=500,
    max_daily_loss=Cash(60 * DOLLAR),
    min_platform_balance=Cash(5 * DOLLAR),
    max_event_exposure=Cash(100 * DOLLAR),
    max_order_contracts=Size(100 * DOLLAR),
    cooldown_ns=300 * MILLISECOND,
    close_margin_ns=60 * SECOND,
    balance_max_age_ns=30 * SECOND,
    feed_silent_ns=5 * SECOND,
)


def engine_config(draw: random.Random) -> EngineConfig:
    """The engine's own settings, some of them drawn: an early exit rule, and how the legs' odds are judged."""
    # with its usual breakers a foul seed would soon stop trading; a part of the seeds keeps them
    loose = BreakerLimits(rejections=10_000, unknown_orders=10_000) if draw.random() < 0.8 else BreakerLimits()
    leaving = ExitRule(Cash(DOLLAR // 50), Rate(100 * PERCENT), 2 * SECOND) if draw.random() < 0.25 else None
    return EngineConfig(
        mode=Mode.LIVE,
        limits=LIMITS,
        zone=ZoneInfo("UTC"),
        keep_alive=KeepAlive(every_ns=2 * SECOND, silent_ns=6 * SECOND),
        breakers=loose,
        require_confident_edge=False,
        balance_every_ns=4 * SECOND,
        results_every_ns=5 * SECOND,
        confirm_every_ns=4 * SECOND,
        venues_every_ns=10 * SECOND,
        publish_every_ns=3 * SECOND,
        treasury_every_ns=4 * SECOND,
        commands_every_ns=0,
        early_exit=leaving,
        exits_every_ns=SECOND,
    )


def play(
    seed: int, kinds: Collection[str] | None = None, *, trace: bool = False, folder: Path | None = None
) -> Outcome:
    """Play one seed. `kinds` restricts the faults; `trace` keeps every fault, request and fact in words."""
    logging_before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    shm = Path("/dev/shm")
    place = folder or (shm if shm.is_dir() else None)
    collecting = gc.isenabled()
    gc.disable()
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix="torture") as ledger_folder:
            return _played(seed, kinds, Path(ledger_folder) / "ledger.db", trace)
    finally:
        structlog.configure(**logging_before)
        if collecting:
            gc.enable()
        # a seed leaves cycles behind: they are looked for once, when nothing of the seed is needed any more
        gc.collect(0)


def _played(seed: int, kinds: Collection[str] | None, path: Path, trace: bool) -> Outcome:
    loop = VirtualLoop()
    run = _Run(seed, kinds, loop, path, trace)
    try:
        run_virtual(loop, run.whole())
    except RuntimeError as error:
        # a task or callback that failed unheard: a run with a hidden error proves nothing
        text = f"{error}: {type(error.__cause__).__name__}: {error.__cause__}"
        run.outcome.violations.append(Violation("no error is hidden", ORIGIN_NS, text))
    return run.outcome


class _Entropy:
    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)


class _Run:
    def __init__(self, seed: int, kinds: Collection[str] | None, loop: VirtualLoop, path: Path, trace: bool) -> None:
        self.outcome = Outcome(seed)
        self._seed = seed
        self._trace = trace
        self._digest = hashlib.sha256()
        self._draw = random.Random(f"{seed}:run")
        self._clock = VirtualClock(loop, ORIGIN_NS)
        self._process_clock = VirtualClock(loop, ORIGIN_NS)
        self._kalshi, self._polymarket = KalshiExchange(seed), PolymarketExchange(seed)
        self._stage = Stage(seed, self._kalshi, self._polymarket)
        self._stage.build(ORIGIN_NS)
        self._network = Network(self._clock)
        self._weather = Weather(seed, kinds)
        self._cells = Cells()
        self._rules = Rules(
            self._still_open,
            self._clock.wall,
            self._process_clock.wall,
            LIMITS.max_bet,
            LIMITS.max_event_exposure,
            LIMITS.max_daily_loss,
            Witness(self._kalshi, self._polymarket),
        )
        # in some seeds the cash of a pool is soon bound: what open orders may still cost is what decides there
        cash = random.Random(f"{seed}:cash").choice((CASH, CASH, CASH, CASH, POOR))
        kalshi = self._kalshi.add_account("trader", {0: cash // 2, 2: cash // 2}, ORIGIN_NS)
        polymarket = self._polymarket.add_account("trader", {0: cash}, ORIGIN_NS)
        self._brought = 2 * cash
        self._exchanges = Exchanges(
            self._kalshi,
            self._polymarket,
            self._clock.wall,
            self._stage.places,
            self._stage.partners,
            "trader",
            (0, 2),
            self._flush,
        )
        self._rules.by_hand = self._exchanges.by_hand
        self._weather.on_strike = self._struck
        self._weather.stall = lambda duration_ns: self._process_clock.advance_to(
            self._process_clock.wall() + duration_ns
        )
        aim = self._weather.aim
        if aim is not None:
            aim.there = self._there
        self._chain = Chain(seed, self._polymarket, self._network, lambda: self._weather.calm, self._struck, kinds)
        self._weather.exchanges = self._exchanges
        self._network.weather = self._network.streams = self._weather
        self._ground = Ground(
            venues={
                "http://kalshi": self._kalshi,
                "ws://kalshi": self._kalshi,
                "http://poly": self._polymarket,
                "ws://poly": self._polymarket,
            },
            kalshi_fields=kalshi.fields,
            polymarket_fields=polymarket.fields,
            links=self._stage.links,
            network=self._network,
            weather=self._weather,
            chain=self._chain if self._chain.in_use else None,
            ledger=path,
            clock=self._process_clock,
            latency=Latency((5 * MILLISECOND, 40 * MILLISECOND), (5 * MILLISECOND, 40 * MILLISECOND), seed),
            config=engine_config(random.Random(f"{seed}:config")),
            entropy=lambda number: _Entropy(f"{seed}:process {number}"),
            power_safe=self._draw.random() < 0.3 or (aim is not None and aim.kind.name == "power_loss"),
            appended=self._appended,
            leaving=self._leaving,
        )
        self._now_alive: Generation | None = None
        self._operator = Operator(seed, self._stage.places)

    # -- the whole -----------------------------------------------------------------------------------------------------

    async def whole(self) -> None:
        """Trade in the weather, pay in the weather, then calm, wait, compare."""
        outcome, stage, weather = self.outcome, self._stage, self._weather
        outcome.mood = weather.mood
        for _ in range(MOVES):
            await self._step(stage.pause())
            stage.move(self._clock.wall())
            self._flush()
        results = stage.results()
        while results:
            await self._step(stage.pause())
            for _ in range(min(len(results), self._draw.randint(1, MOST_PAID))):
                weather.settle(self._exchanges, results.pop(0), self._clock.wall())
        for _ in range(AFTERMATH):
            await self._step(SECOND)
        await self._calm()
        self._report()

    async def _step(self, pause_ns: int) -> None:
        """Let time pass, let things happen, and see that a process lives."""
        await self._clock.sleep(pause_ns)
        now = self._clock.wall()
        self._weather.venue_event(self._exchanges, now)
        self._weather.process_event(self._process_clock, now)
        await self._live()
        generation = self._now_alive
        if generation is not None:
            self._operator.act(generation, calm=self._weather.calm)
        if generation is not None and not generation.dead:
            self._rules.step(generation.engine, self._kalshi.statement("trader"), self._polymarket.statement("trader"))

    async def _live(self) -> None:
        """Bury a process that has died or failed; begin the next one after a while, as its keeper would."""
        generation = self._now_alive
        if generation is not None and generation.engine.desk.failure is not None:
            if generation.failed is not None:
                self._rules.broken("the engine does not fail", repr(generation.failed))
            generation.kill("the engine failed")
        if generation is not None and generation.dead:
            self._say(f"process {generation.number} died: {generation.dead}")
            self._now_alive = None
            writing = generation.journal._left is not None
            await generation.bury()
            self._check_journal(None, died_writing=writing)
            await self._clock.sleep(self._draw.randint(20, 1500) * MILLISECOND)
        if self._now_alive is None and (self.outcome.generations < MOST_GENERATIONS or self._weather.calm):
            await self._begin()

    async def _begin(self) -> None:
        self.outcome.generations += 1
        try:
            generation = Generation(self.outcome.generations, self._ground)
        except LedgerError as error:
            self._rules.broken("a dead process leaves a readable ledger", str(error))
            return
        self._now_alive = generation
        await generation.begin()

    async def _calm(self) -> None:
        """No faults from here: everything must come to its end, and the books must agree."""
        weather = self._weather
        weather.calm = True
        weather.venue_event(self._exchanges, self._clock.wall())
        deadline = self._clock.wall() + PATIENCE_NS
        while self._clock.wall() < deadline:
            await self._step(SECOND)
            generation = self._now_alive
            if generation is None:
                continue
            generation.engine.halt_entries()
            if generation.journal._filling:
                generation.journal.free_disk()
            if self._clock.wall() > deadline - PATIENCE_NS + REST_NS and self._quiet(generation):
                break
        generation = self._now_alive
        if generation is None:
            self._rules.broken(
                "the engine starts in calm weather", f"not within {self.outcome.generations} generations"
            )
            return
        ledger = generation.engine.desk.ledger
        self._rules.ended(ledger)
        await self._compare(generation)
        self._check_journal(ledger)
        self._digest.update(generation.journal.head.encode())
        await generation.bury()

    def _quiet(self, generation: Generation) -> bool:
        engine = generation.engine
        ledger, payouts = engine.desk.ledger, engine.accounts.payouts
        return not ledger.open and not ledger.working and payouts.known("polymarket") and not payouts.at("polymarket")

    async def _compare(self, generation: Generation) -> None:
        engine = generation.engine
        mismatches: list[str] = []
        for _ in range(LOOKS):
            for venue in engine.desk.trading:
                if await engine.accounts.refresh(venue) and engine.accounts.settled_with(venue):
                    engine.accounts.true_up(venue)
            mismatches = await differences(engine.desk.ledger, engine.desk.trading)
            if not mismatches:
                break
            await self._clock.sleep(5 * SECOND)
        self._rules.agree(mismatches)
        exchanges = self._exchanges
        brought = self._brought + sum(exchanges.moves) + exchanges.paid_by_hand()
        slack = HAND_SLACK * len(exchanges.by_hand)
        if exchanges.moves:
            # a balance that shows a deposit and what was computed a little wrongly at once cannot say which is which
            fills = (
                fill for t in engine.desk.ledger.trades.values() for row in t.orders() for fill in row.fills.values()
            )
            slack += FEE_TOLERANCE * sum(not fill.fee_exact for fill in fills)
        self._rules.wealth(exchanges.cash(), brought, engine.desk.ledger, slack)

    def _check_journal(self, live: Ledger | None, *, died_writing: bool = False) -> None:
        try:
            journal = Journal.read(self._ground.ledger)
        except LedgerError as error:
            if self._rules.fold.facts:
                self._rules.broken("a dead process leaves a readable ledger", str(error))
            return
        self._rules.journal(journal, live, died_writing=died_writing)
        journal.close()

    # -- what is heard -------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._network.transport is not None:
            self._network.transport.flush()

    def _appended(self, facts: Any) -> None:
        self._rules.appended(facts)
        for fact in facts:
            if isinstance(fact, Alarmed):
                self.outcome.alarms[fact.code] += 1
            if self._trace:
                self._say(str(fact))

    def _leaving(self, request: Request) -> None:
        self._rules.leaving(request, _identity)
        order = posted(request, self._clock.wall())
        if order is not None:
            self.outcome.orders += 1
            self._digest.update(f"{self._clock.wall()} ".encode() + order.body)
            self._say(f"-> {order.venue} {order.action} {order.identity}")

    def _struck(self, kind: str, where: str) -> None:
        generation = self._now_alive
        ledger = None if generation is None else generation.engine.desk.ledger
        if kind in _TWICE and (order := self._order_of(where)) is not None:
            self._rules.doubled.add(_identity(order))
        if where == "polymarket book" and kind in _UNSEEN:
            self._rules.blind.add("polymarket")
        self._cells.strike(kind, where, ledger, self._trade_of(where))
        self._say(f"FAULT {kind}: {where}")

    def _there(self, phase: str, venue: str) -> bool:
        """Whether a trade with a leg at the venue (any, where it is empty) is in that state."""
        generation = self._now_alive
        if generation is None:
            return False
        return any(
            trade.phase.value == phase and (not venue or any(leg.plan.pool.startswith(venue) for leg in trade.legs))
            for trade in generation.engine.desk.ledger.working
        )

    def _still_open(self, market: str) -> bool:
        venue, _, native = market.partition(":")
        return self._exchanges.of(venue).is_open(native)

    def _order_of(self, where: str) -> Posted | None:
        """The order that left last under the name that a fault gave: `venue order name`."""
        venue, _, name = where.partition(" order ")
        return next((one for one in reversed(self._network.orders) if (one.venue, one.identity) == (venue, name)), None)

    def _trade_of(self, where: str) -> TradeBook | None:
        if self._now_alive is None:
            return None
        desk = self._now_alive.engine.desk
        if " chain " in where:
            market = where.replace(" chain ", ":")
            open_ = desk.ledger.open.values()
            return next((t for t in open_ if any(leg.merging and leg.claim.market == market for leg in t.legs)), None)
        if " order " not in where:
            return None
        order = self._order_of(where)
        found = desk.identities.get(where.split(" ")[-1] if order is None else _identity(order))
        return None if found is None else desk.ledger.trades.get(found[0])

    def _say(self, text: str) -> None:
        if self._trace:
            self.outcome.lines.append(f"{(self._clock.wall() - ORIGIN_NS) / SECOND:9.3f}  {text}")

    # -- the report ----------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        outcome, rules = self.outcome, self._rules
        trades = rules.fold.trades
        outcome.violations = rules.violations
        outcome.trades = len(trades)
        outcome.phases = Counter(trade.phase.value for trade in trades.values())
        outcome.kinds, outcome.cells = self._cells.kinds, self._cells.cells
        for kind, met in self._cells.met.items():
            ended = [trades[trade] for trade in met if trade in trades]
            outcome.met[kind] = Counter(trade.result for trade in ended)
            outcome.profit_met[kind] = sum(trade.pnl for trade in ended)
        outcome.overfilled = sum(row.filled > row.plan.size for t in trades.values() for row in t.orders())
        outcome.naked = outcome.alarms["naked"]
        outcome.false_ends, outcome.repeated = rules.false_ends, rules.repeated
        outcome.unhedged_s = rules.unhedged_ns / SECOND
        outcome.pnl = sum(trade.pnl for trade in trades.values())
        outcome.virtual_s = (self._clock.wall() - ORIGIN_NS) / SECOND
        for violation in rules.violations:
            self._digest.update(violation.text.encode())
        outcome.trace = self._digest.hexdigest()


def _identity(order: Posted) -> str:
    """What the ledger calls an order on the wire: Kalshi's client id, Polymarket's hash."""
    if order.venue == "kalshi":
        return order.identity
    content = order.content
    fields = SignedFields(
        salt=int(content["salt"]),
        maker=content["maker"],
        signer=content["signer"],
        token_id=int(content["tokenId"]),
        maker_amount=int(content["makerAmount"]),
        taker_amount=int(content["takerAmount"]),
        side=0 if content["side"].lower() == "buy" else 1,
        signature_type=int(content["signatureType"]),
        timestamp=int(content["timestamp"]),
        metadata=content["metadata"],
        builder=content["builder"],
    )
    return "0x" + order_hash(fields, exchange_for(fields.token_id, False)).hex()
