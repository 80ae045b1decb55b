"""A scripted, seeded world: events whose chances move, and the makers and takers of the venues that list them.

It drives the exchanges only by their private hands (`list_market`, `quote`, `take`, `settle`) and never looks at
them: what happens is a function of the seed, the start and the script. The engine's trades change books, not fate.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypedDict

from dutchbook.core.clock import DAY, HOUR, SECOND
from dutchbook.simulator.catalogue import DEFAULT_SCRIPT
from dutchbook.simulator.competitors import ArbitrageBot, Gap, Hit, NoiseTaker, claim_pairs, widest_gap
from dutchbook.simulator.exchange import Exchange
from dutchbook.simulator.makers import Maker
from dutchbook.simulator.script import EventScript, Listing, Script, market_spec
from dutchbook.simulator.street import Street
from dutchbook.simulator.truth import Truth

ONE = 1_000_000
BOTS = 4


class Member(TypedDict):
    """One market of a link; `pays` is what its YES pays in each state of the link."""

    venue: str
    id: str
    pays: list[int]


class LinkText(TypedDict):
    """Markets that are bets on the same event, as the world knows it."""

    id: str
    kind: str
    event: str
    members: list[Member]
    states: list[str]


class _Stage:
    """One event being played: its truth, and per listing a street, makers and a noise taker."""

    def __init__(self, seed: int, event: EventScript, started_ns: int, speed: float) -> None:
        self.event = event
        self.truth = Truth(f"{seed}:{event.id}:truth", event.odds, started_ns, speed)
        self.streets = [Street() for _ in event.listings]
        self.makers: list[list[Maker]] = []
        self.noise: list[NoiseTaker] = []
        self.pairs = claim_pairs(event)
        self.crossed = [False] * len(self.pairs)
        # Which venue hears the news first is a matter of the event.
        lead = random.Random(f"{seed}:{event.id}:lead").uniform(0.55, 1.8)
        for index, listing in enumerate(event.listings):
            key = f"{seed}:{listing.venue}:{listing.id}"
            pace = lead if listing.venue == "kalshi" else 1 / lead
            count = random.Random(f"{key}:count").randint(2, 3)
            self.makers.append([Maker(f"{key}:{n}", f"maker-{n}", listing, pace, speed) for n in range(count)])
            self.noise.append(NoiseTaker(f"{key}:noise", index, speed))

    def stale_leg(self, gap: Gap, now: int) -> int:
        """Which leg of a gap is further below its true worth."""
        chances = self.truth.at(now)

        def bargain(leg: int) -> float:
            pays = self.event.listings[gap.ways[leg].listing].pays
            worth = sum(chance for chance, paid in zip(chances, pays, strict=True) if paid)
            margin = worth - gap.prices[leg] / ONE
            return margin if gap.ways[leg].buy else -margin

        return 0 if bargain(0) >= bargain(1) else 1


class World:
    """The world of one seed, from `started_ns` (wall nanoseconds) on."""

    def __init__(
        self,
        seed: int,
        kalshi: Exchange | None,
        polymarket: Exchange | None,
        started_ns: int,
        script: Script = DEFAULT_SCRIPT,
        *,
        speed: float = 1.0,
    ) -> None:
        """`speed` multiplies news, requotes and noise; the latencies of makers and bots stay. Raises ValueError at 0.

        An exchange that is None is absent: the other sees exactly the same quotes and takes as if both were there.
        """
        if speed <= 0:
            raise ValueError(f"speed: {speed} is not positive")
        self.seed = seed
        self._exchanges = {"kalshi": kalshi, "polymarket": polymarket}
        self._started = started_ns
        self._stages = [_Stage(seed, _dated(event, started_ns), started_ns, speed) for event in script.events]
        self._bots = [ArbitrageBot(f"{seed}:bot:{n}", f"bot-{n}") for n in range(BOTS)]
        self._due: list[tuple[int, int, Callable[[int, int], None]]] = []
        self._order = 0
        self._listed = False

    def list_all(self, now: int) -> None:
        """List every market on the venues that are there and let the actors begin. Raises RuntimeError twice."""
        if self._listed:
            raise RuntimeError("the world has listed its markets already")
        self._listed = True
        for stage in self._stages:
            for index, listing in enumerate(stage.event.listings):
                exchange = self._exchanges[listing.venue]
                if exchange is not None:
                    exchange.list_market(market_spec(stage.event, listing, self._started), now)
                for n, maker in enumerate(stage.makers[index]):
                    # The first maker of a market quotes at once, so that no book opens empty.
                    first = self._started if n == 0 else self._started + maker.next_delay()
                    self._at(first, partial(self._requote, stage, index, maker))
                self._at(self._started + stage.noise[index].next_delay(), partial(self._trade, stage, index))

    def next_at(self) -> int | None:
        """When `step` has something to do (wall ns); None before listing and after settlement."""
        return self._due[0][0] if self._due else None

    def step(self, now: int) -> None:
        """Let everything happen that is due by `now`, in order.

        Decisions are made as of their own due time, so it does not matter how often this is called; the exchanges
        are given `now`, because their clock must not run backwards.
        """
        while self._due and self._due[0][0] <= now:
            due, _, act = heapq.heappop(self._due)
            act(due, now)

    def settle_all(self, now: int) -> dict[str, str]:
        """End every event: draw its state from the final chances and settle its markets on both venues.

        Returns event id -> the state that came true. Nothing happens in the world afterwards.
        """
        self.step(now)
        self._due.clear()
        outcome: dict[str, str] = {}
        for stage in self._stages:
            draw = random.Random(f"{self.seed}:{stage.event.id}:outcome")
            chances = stage.truth.at(now)
            state = draw.choices(range(len(chances)), weights=chances)[0]
            outcome[stage.event.id] = stage.event.states[state]
            for listing in stage.event.listings:
                exchange = self._exchanges[listing.venue]
                if exchange is not None:
                    exchange.settle(listing.id, ONE * listing.pays[state], now)
        return outcome

    def links(self) -> list[LinkText]:
        """Every group of markets that are bets on one event, whether or not both exchanges are there."""
        return [
            LinkText(
                id=stage.event.id,
                kind=stage.event.kind,
                event=stage.event.id,
                members=[Member(venue=m.venue, id=m.id, pays=list(m.pays)) for m in stage.event.listings],
                states=list(stage.event.states),
            )
            for stage in self._stages
            if len(stage.event.listings) > 1
        ]

    def listings(self, venue: str) -> list[Listing]:
        """The markets of one venue, in the order of listing."""
        return [m for stage in self._stages for m in stage.event.listings if m.venue == venue]

    def gaps(self) -> list[tuple[str, Gap]]:
        """(event id, widest gap) of every claim that can be bundled, crossed or not, as the actors see it now."""
        found = []
        for stage in self._stages:
            for pair in stage.pairs:
                gap = widest_gap(stage.event, stage.streets, pair)
                if gap is not None:
                    found.append((stage.event.id, gap))
        return found

    def _at(self, due: int, act: Callable[[int, int], None]) -> None:
        heapq.heappush(self._due, (due, self._order, act))
        self._order += 1

    def _requote(self, stage: _Stage, index: int, maker: Maker, due: int, now: int) -> None:
        self._quote(stage, index, maker, due, now)
        self._at(due + maker.next_delay(), partial(self._requote, stage, index, maker))

    def _trade(self, stage: _Stage, index: int, due: int, now: int) -> None:
        noise = stage.noise[index]
        hit = noise.trade(stage.streets[index])
        if hit is not None:
            self._take(stage, "noise", hit, due, now)
        self._at(due + noise.next_delay(), partial(self._trade, stage, index))

    def _strike(self, stage: _Stage, bot: str, hits: list[Hit], due: int, now: int) -> None:
        for hit in hits:
            self._take(stage, bot, hit, due, now)

    def _quote(self, stage: _Stage, index: int, maker: Maker, due: int, now: int, *, alarmed: bool = False) -> None:
        street, listing = stage.streets[index], stage.event.listings[index]
        bids, asks = maker.ladders(stage.truth, street, due, alarmed=alarmed)
        street.quote(maker.name, bids, asks)
        exchange = self._exchanges[listing.venue]
        if exchange is not None:
            exchange.quote(listing.id, maker.name, bids, asks, now)
        self._watch(stage, due)

    def _take(self, stage: _Stage, taker: str, hit: Hit, due: int, now: int) -> None:
        listing = stage.event.listings[hit.listing]
        exchange = self._exchanges[listing.venue]
        if exchange is not None:
            exchange.take(listing.id, taker, hit.buy, hit.limit, hit.size, now)
        struck = stage.streets[hit.listing].take(hit.buy, hit.limit, hit.size)
        for maker in stage.makers[hit.listing]:
            if maker.name in struck:
                self._at(due + maker.reaction(), partial(self._quote, stage, hit.listing, maker, alarmed=True))
        self._watch(stage, due)

    def _watch(self, stage: _Stage, due: int) -> None:
        """Bots look when a gap opens, once per opening."""
        for number, pair in enumerate(stage.pairs):
            gap = widest_gap(stage.event, stage.streets, pair)
            crossed = gap is not None and gap.gross > 0
            if gap is not None and crossed and not stage.crossed[number]:
                stale = stage.stale_leg(gap, due)
                for bot in self._bots:
                    plan = bot.notice(gap, stale)
                    if plan is not None:
                        self._at(due + plan[0], partial(self._strike, stage, bot.name, plan[1]))
            stage.crossed[number] = crossed


def _dated(event: EventScript, started_ns: int) -> EventScript:
    """The event with its day written into ids and texts."""
    day = datetime.fromtimestamp((started_ns // HOUR * HOUR + event.days * DAY) // SECOND, UTC)
    dates = {
        "kalshi_date": f"{day:%y%b%d}".upper(),
        "iso_date": f"{day:%Y-%m-%d}",
        "long_date": f"{day:%B} {day.day}, {day.year}",
    }
    listings = tuple(
        replace(
            listing,
            id=listing.id.format(**dates),
            event=listing.event.format(**dates),
            title=listing.title.format(**dates),
            rules=listing.rules.format(**dates),
        )
        for listing in event.listings
    )
    return replace(event, id=event.id.format(**dates), listings=listings)
