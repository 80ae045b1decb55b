"""A third venue from its own folder: the demo trades there, and an order without a name ends by its fills alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cli.console import dutchbook
from dutchbook.cli.demo.extra_venue import venue_opener
from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import DAY, SECOND
from dutchbook.core.errors import InvalidOrder, Lost, SettingsError
from dutchbook.core.link import same_bet
from dutchbook.core.money import Price, Size
from dutchbook.core.order import Action, Intent, OrderState, TimeInForce
from dutchbook.core.trade import Phase
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.core.venue import OrderIdentity
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.engine.proof import differences
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.risk.breakers import BreakerLimits
from dutchbook.simulator.delivery import Latency
from dutchbook.simulator.memory import MemoryTransport
from engine.parts import CENT, CONFIG, DOLLAR, LATENCY_NS, ORIGIN_NS, SeededEntropy

FILE = Path(__file__).parents[2] / "examples" / "corner_venue" / "corner.py"
venue_opener(FILE)
corner: Any = sys.modules["dutchbook_venue_corner"]
servers: Any = sys.modules["corner_exchange"]
A, B, C = (market_id("corner", native) for native in ("a", "b", "c"))


@dataclass
class Line:
    """The transport to the corner. It counts the orders under way in each market and may lose answers or whole orders."""

    inner: MemoryTransport
    lose: str = ""
    sent: int = 0
    most: int = 0
    under_way: dict[str, int] = field(default_factory=dict)

    async def send(self, request: Request) -> Response:
        if request.method != "POST":
            return await self.inner.send(request)
        self.sent += 1
        market = servers.msgspec.json.decode(request.body)["market"]
        self.under_way[market] = self.under_way.get(market, 0) + 1
        self.most = max(self.most, self.under_way[market])
        lose, self.lose = self.lose, ""
        try:
            if lose == "order":
                raise Lost("the order was lost")
            answer = await self.inner.send(request)
            if lose == "answer":
                raise Lost("the answer was lost")
            return answer
        finally:
            self.under_way[market] -= 1

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        return await self.inner.open(url, headers)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Stage:
    """The real engine on the corner alone: `a` is the same bet as `b` and as `c`."""

    venue: Any
    line: Line
    engine: Engine
    adapter: Any

    def cross(self, *natives: str) -> None:
        """YES at 40 cents in `a`; NO at 45 in the others."""
        self.venue.quote("a", 30 * CENT, 40 * CENT)
        for native in natives:
            self.venue.quote(native, 55 * CENT, 60 * CENT)
        self.line.inner.flush()

    async def rest(self, seconds: int = 3) -> None:
        await self.engine.desk.clock.sleep(seconds * SECOND)

    async def mismatches(self) -> list[str]:
        return await differences(self.engine.desk.ledger, self.engine.desk.trading)

    def states(self) -> set[OrderState]:
        return {row.state for trade in self.engine.desk.ledger.trades.values() for row in trade.orders()}


WITHOUT_GUARD = replace(CONFIG, breakers=BreakerLimits(repeat_ns=0))
"""Two bundles that share a claim want the same order twice, which is a runaway otherwise."""


def play(
    folder: Path, story: Callable[[Stage], Awaitable[None]], config: EngineConfig = CONFIG, **capabilities: Any
) -> None:
    """Run a story in virtual time; `capabilities` are what the adapter wrongly declares."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, ORIGIN_NS)

    async def run() -> None:
        venue = servers.Corner(["a", "b", "c"])
        inner = MemoryTransport(venue, clock, Latency((LATENCY_NS, LATENCY_NS), (LATENCY_NS, LATENCY_NS)))
        line = Line(inner)
        adapter = corner.CornerVenue("http://corner", "ws://corner", line, clock)
        adapter.capabilities = replace(adapter.capabilities, **capabilities)
        links = [same_bet(str(other), str(other), A, other, approved=True) for other in (B, C)]
        journal = Journal.write(folder / "ledger.db", Identity("live", "corner", ("corner",), ("us",)))
        sides = {"corner": VenueSide(adapter, adapter, line, line)}
        engine = Engine(config, sides, links, journal, clock, SeededEntropy("corner"))
        await engine.start()
        await clock.sleep(SECOND)
        try:
            await story(Stage(venue, line, engine, adapter))
        finally:
            await engine.stop("over")
            journal.close()
            await line.close()
        assert engine.desk.failure is None

    run_virtual(loop, run())


def test_a_bundle_at_a_venue_without_order_names_locks_and_is_paid(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cross("b")
        await stage.rest()
        (trade,) = stage.engine.desk.ledger.trades.values()
        assert trade.phase is Phase.LOCKED and trade.legs[0].held == trade.legs[1].held > 0
        assert await stage.mismatches() == []
        for native in ("a", "b"):
            stage.venue.settle(native, DOLLAR)
        await stage.rest()
        assert trade.phase is Phase.SETTLED and trade.pnl > 0
        assert await stage.mismatches() == []

    play(tmp_path, story)


def test_an_order_whose_answer_was_lost_is_found_among_the_fills_and_not_sent_again(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.line.lose = "answer"
        stage.cross("b")
        await stage.rest()
        (trade,) = stage.engine.desk.ledger.trades.values()
        assert trade.phase is Phase.LOCKED and stage.line.sent == 2
        assert await stage.mismatches() == []

    play(tmp_path, story)


def test_an_order_that_never_came_is_voided_by_absence_and_its_leg_is_made_good(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.line.lose = "order"
        stage.cross("b")
        await stage.rest(8)
        (trade,) = stage.engine.desk.ledger.trades.values()
        assert OrderState.VOIDED in stage.states()
        assert trade.phase in (Phase.LOCKED, Phase.FLAT) and trade.legs[0].held == trade.legs[1].held
        assert await stage.mismatches() == []

    play(tmp_path, story)


def test_a_market_without_order_names_has_one_order_in_flight(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cross("b", "c")
        await stage.rest(8)
        assert stage.line.sent >= 2 and stage.line.most == 1
        assert await stage.mismatches() == []

    play(tmp_path, story, WITHOUT_GUARD)


def test_two_orders_are_in_flight_where_orders_have_names(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cross("b", "c")
        await asyncio.sleep(LATENCY_NS * 4 / SECOND)
        assert stage.line.most == 2

    play(tmp_path, story, WITHOUT_GUARD, identity=OrderIdentity.CLIENT_ID)


def test_a_restarted_adapter_still_knows_which_fills_are_an_orders_own(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cross("b")
        await stage.rest()
        assert len(stage.engine.desk.ledger.trades) == 1
        await stage.engine.stop("another process goes on")
        stage.cross()
        claim, size, limit = Claim(A, Outcome.YES), Size(DOLLAR), Price(40 * CENT)
        intent = Intent("x.0.1", "x", 0, claim, Action.BUY, size, limit, TimeInForce.IOC)
        deadline = stage.engine.desk.clock.wall() + DAY
        fresh = corner.CornerVenue("http://corner", "ws://corner", stage.line, stage.engine.desk.clock)
        await fresh.connect()
        later = fresh.prepare(intent, deadline)
        assert await fresh.find(later) is None
        report = await fresh.send(later)
        again = corner.CornerVenue("http://corner", "ws://corner", stage.line, stage.engine.desk.clock)
        (fill,) = await again.fills(replace(later, body=b""), "")
        assert (fill.size, fill.identity) == (report.filled, later.identity) and fill.size == DOLLAR

    play(tmp_path, story)


def test_the_corner_takes_no_order_that_rests(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        claim, size, limit = Claim(A, Outcome.YES), Size(DOLLAR), Price(CENT)
        intent = Intent("x.0.1", "x", 0, claim, Action.BUY, size, limit, TimeInForce.GTC)
        with pytest.raises(InvalidOrder, match="time in force"):
            stage.adapter.prepare(intent, 0)

    play(tmp_path, story)


def test_the_demo_trades_a_leg_at_the_third_venue_and_proves_all_three(tmp_path: Path) -> None:
    for seconds in ("6", "20", "60"):  # what the world offers in a few seconds is not promised
        ended = dutchbook("demo", "--seconds", seconds, "--seed", "3", "--venue", str(FILE), "--json", cwd=tmp_path)
        assert ended.status == 0, ended.err
        told = ended.json
        assert told["venues"] == ["corner", "kalshi", "polymarket"] and told["ledger_matches_venues"] is True
        theirs = told["extra_venue"]
        if theirs["fills"]:
            break
    assert theirs["fills"] and theirs["held"] == []
    trades = dutchbook("trades", "--ledger", told["ledger"], "--json", cwd=tmp_path)
    assert "corner:" in trades.out


def test_a_venue_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    for name, words in (
        ("absent.py", "not a Python file"),
        ("empty.py", "open_venue"),
        ("broken.py", "nothing_of_this"),
    ):
        with pytest.raises(SettingsError, match=words):
            venue_opener(tmp_path / name)
    ended = dutchbook("demo", "--seconds", "2", "--venue", "absent.py", cwd=tmp_path)
    assert ended.status == 2 and "absent.py" in ended.err and not (tmp_path / "demo-ledger").exists()
