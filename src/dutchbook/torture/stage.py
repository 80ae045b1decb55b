"""The small world of one seed: linked questions on both venues, quotes that cross now and then, and their results.

A function of the seed and of nothing else. It knows no engine: it moves quotes and settles markets, and no seed is special.
Thin depth, several ticks, a taker delay, a cross-team and a three-way question, so that partial fills and misses happen.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import DAY, MILLISECOND, SECOND
from dutchbook.core.link import Link, LinkKind, State, same_bet
from dutchbook.core.money import MICRO, Price
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.torture.venue_faults import Place

CENT: Final = 10_000
PAIRS: Final = 42
DELAYED: Final = frozenset({3, 11, 29})
"""Pairs whose Polymarket market has a taker delay."""
INVERSE: Final = frozenset({5, 13, 17, 27, 35})
"""Pairs in which YES of one venue is NO of the other."""
FINE: Final = frozenset({7, 15, 31})
"""Pairs whose Polymarket market has a tenth of a cent as its tick."""
THREE_WAYS: Final = 2
EVERY_NS: Final = (150 * MILLISECOND, 600 * MILLISECOND)
"""How long the world rests between two of its moves."""


@dataclass(slots=True)
class Question:
    """One market at each venue about the same thing. `inverse`: YES at Kalshi is NO at Polymarket."""

    ticker: str
    slug: str
    inverse: bool = False
    base: int = 50
    middle: int = 50
    """Cents around which both venues quote YES of Kalshi; it wanders near `base`."""
    sizes: tuple[int, int] = (20, 20)
    """Contracts that each venue shows while nothing happens."""

    @property
    def places(self) -> tuple[Place, Place]:
        return ("kalshi", self.ticker), ("polymarket", self.slug)


@dataclass(slots=True)
class Stage:
    """Lists the questions, moves their quotes, and pays them in the end."""

    seed: int
    kalshi: KalshiExchange
    polymarket: PolymarketExchange
    questions: list[Question] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    groups: list[list[Question]] = field(default_factory=list)
    """Questions that are settled together: alone, or three of which one comes true."""
    partners: dict[Place, list[Place]] = field(default_factory=dict)
    _draw: random.Random = field(default_factory=random.Random)
    _crossed: dict[int, int] = field(default_factory=dict)
    _turn: int = 0

    def build(self, now: int) -> None:
        """List every market, link them, and quote each without a crossing."""
        self._draw = random.Random(f"{self.seed}:stage")
        for number in range(PAIRS):
            self._pair(number, now)
        for number in range(THREE_WAYS):
            self._three_way(number, now)
        for question in self.questions:
            question.middle = question.base = self._draw.randint(30, 70)
            question.sizes = self._draw.randint(6, 40), self._draw.randint(6, 40)
            self._back_up(question, now)
            self._calm(question, now)

    def _list(
        self, name: str, now: int, event: str, *, tick: int = CENT, delay_ns: int = 0
    ) -> tuple[MarketId, MarketId]:
        common: dict[str, Any] = {
            "title": f"Will {name} happen?",
            "rules": f"Yes if {name} happens.",
            "opens_ns": now - DAY,
            "closes_ns": now + 30 * DAY,
        }
        ticker = f"KX{name.upper()}"
        listed = f"KX{event.upper()}"
        self.kalshi.list_market(
            MarketSpec(id=ticker, event=listed, series="KXALL", taker_rate="1", tick=CENT, **common), now
        )
        self.polymarket.list_market(
            MarketSpec(id=name, event=event, taker_rate="0.05", tick=tick, taker_delay_ns=delay_ns, **common), now
        )
        return market_id("kalshi", ticker), market_id("polymarket", name)

    def _pair(self, number: int, now: int) -> None:
        name = f"pair{number}"
        tick = CENT // 10 if number in FINE else CENT
        first, second = self._list(
            name, now, f"week{number // 9}", tick=tick, delay_ns=SECOND if number in DELAYED else 0
        )
        question = Question(f"KX{name.upper()}", name, inverse=number in INVERSE)
        self.questions.append(question)
        self.groups.append([question])
        self.links.append(same_bet(name, name, first, second, inverse=question.inverse, approved=True))
        one, other = question.places
        self.partners[one], self.partners[other] = [other], [one]

    def _three_way(self, number: int, now: int) -> None:
        event = f"match{number}"
        sides = ("home", "draw", "away")
        payoffs: dict[MarketId, tuple[Price, ...]] = {}
        group = []
        for index, side in enumerate(sides):
            row = tuple(Price(MICRO if at == index else 0) for at in range(3))
            for market in self._list(f"{event}{side}", now, event):
                payoffs[market] = row
            group.append(Question(f"KX{event.upper()}{side.upper()}", f"{event}{side}"))
        self.questions.extend(group)
        self.groups.append(group)
        states = tuple(State(side) for side in sides)
        self.links.append(Link(event, LinkKind.THREE_WAY, event, states, payoffs, approved=True))
        places = [place for question in group for place in question.places]
        for place in places:
            self.partners[place] = [other for other in places if other != place]

    @property
    def places(self) -> list[Place]:
        return [place for question in self.questions for place in question.places]

    # -- quotes --------------------------------------------------------------------------------------------------------

    def pause(self) -> int:
        """Nanoseconds until the next move."""
        return self._draw.randint(*EVERY_NS)

    def move(self, now: int) -> None:
        """One move: a question begins or ceases to cross, or its price wanders."""
        draw = self._draw
        for index in [index for index, until in self._crossed.items() if until <= now]:
            del self._crossed[index]
            self._calm(self.questions[index], now)
        # every question has its turn, so that none is left out
        index = self._turn % len(self.questions) if draw.random() < 0.85 else draw.randrange(len(self.questions))
        self._turn += 1
        if index not in self._crossed:
            self._cross(self.questions[index], now)
            self._crossed[index] = now + draw.randint(200, 2500) * MILLISECOND

    def _quote_here(self, question: Question, low: int, high: int, size: int, now: int) -> None:
        """Kalshi's bid and ask, cents of YES."""
        if self.kalshi.is_open(question.ticker):
            self.kalshi.quote(question.ticker, "m", [(low * CENT, size * MICRO)], [(high * CENT, size * MICRO)], now)

    def _quote_there(self, question: Question, low: int, high: int, size: int, now: int) -> None:
        """Polymarket's, in cents of Kalshi's YES."""
        if question.inverse:
            low, high = 100 - high, 100 - low
        if self.polymarket.is_open(question.slug):
            self.polymarket.quote(question.slug, "m", [(low * CENT, size * MICRO)], [(high * CENT, size * MICRO)], now)

    def _back_up(self, question: Question, now: int) -> None:
        """A second, patient maker far from the middle: what is left when everybody near it has gone."""
        low, high, size = question.middle - 20, question.middle + 20, self._draw.randint(1, 6) * 10
        self.kalshi.quote(question.ticker, "far", [(low * CENT, size * MICRO)], [(high * CENT, size * MICRO)], now)
        if question.inverse:
            low, high = 100 - high, 100 - low
        self.polymarket.quote(question.slug, "far", [(low * CENT, size * MICRO)], [(high * CENT, size * MICRO)], now)

    def _calm(self, question: Question, now: int) -> None:
        """Both venues quote around the middle again; what was taken is put back, and now and then the price wanders."""
        draw = self._draw
        if draw.random() < 0.3:
            moved = question.middle + draw.randint(-2, 2)
            question.middle = min(question.base + 5, max(question.base - 5, moved))
            question.sizes = draw.randint(6, 40), draw.randint(6, 40)
        low, high = question.middle - 2, question.middle + 2
        self._quote_here(question, low, high, question.sizes[0], now)
        self._quote_there(question, low, high, question.sizes[1], now)

    def _cross(self, question: Question, now: int) -> None:
        """One venue moves away by some cents and the other does not follow: a bundle is cheaper than a dollar."""
        draw = self._draw
        gap = draw.choice((6, 8, 10, 12)) * draw.choice((-1, 1))
        middle = min(93, max(7, question.middle + gap))
        quote = self._quote_here if draw.random() < 0.5 else self._quote_there
        quote(question, middle - 1, middle + 1, draw.randint(3, 30), now)

    # -- results -------------------------------------------------------------------------------------------------------

    def results(self) -> list[list[tuple[Place, int]]]:
        """For each group what every market of it pays, in millionths of a dollar a YES."""
        draw = random.Random(f"{self.seed}:results")
        found = []
        for group in self.groups:
            winner = draw.randrange(len(group)) if len(group) > 1 else draw.randrange(2)
            values: list[tuple[Place, int]] = []
            for index, question in enumerate(group):
                true = index == winner if len(group) > 1 else bool(winner)
                here, there = question.places
                values.append((here, MICRO if true else 0))
                values.append((there, MICRO if true != question.inverse else 0))
            found.append(values)
        return found
