"""House makers: ladders around their own late and noisy view of the truth.

A maker never takes and never crosses another maker of its market; being late is its only mistake. Views are floats,
quotes are integer millionths on the market's grid.
"""

from __future__ import annotations

import math
import random

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.simulator.exchange import Level
from dutchbook.simulator.script import Listing
from dutchbook.simulator.street import Street
from dutchbook.simulator.truth import Truth

ONE = 1_000_000
SHORTEST_LAG = 50 * MILLISECOND
LONGEST_LAG = 2 * SECOND
BIAS = 0.0025
"""Standard deviation of a maker's slowly wandering opinion, in dollars."""


class Maker:
    """One maker in one market."""

    def __init__(self, seed: str, name: str, listing: Listing, pace: float, speed: float) -> None:
        """`pace` multiplies the lag: below 1 on the venue that leads this event; `speed` shortens the requote time."""
        draw = self._random = random.Random(seed)
        self.name = name
        self._listing = listing
        self._lag = 90 * MILLISECOND * math.exp(draw.uniform(0.0, 2.1)) * pace
        self._every = 130 * MILLISECOND * math.exp(draw.uniform(0.0, 1.5)) / speed
        self._half_spread = draw.uniform(0.005, 0.013)
        self._bias = draw.gauss(0.0, BIAS)
        self._seen = 0
        fine = listing.tick < 5_000
        self._spacing = listing.tick * (draw.randint(2, 6) if fine else 1)
        self._sizes = [[self._size(level) for level in range(draw.randint(3, 6))] for _ in range(2)]

    def next_delay(self) -> int:
        """Nanoseconds until this maker looks again."""
        return int(self._every * self._random.uniform(0.6, 1.4))

    def reaction(self) -> int:
        """Nanoseconds that it needs to answer having been hit."""
        return int(self._random.uniform(40, 160)) * MILLISECOND

    def ladders(
        self, truth: Truth, street: Street, now: int, *, alarmed: bool = False
    ) -> tuple[list[Level], list[Level]]:
        """Fresh (bids, asks), best first, never crossing the other makers; an alarmed maker looks without lag."""
        mid = self._view(truth, now, alarmed)
        half = self._half_spread
        tick = self._listing.tick
        bid = math.floor((mid - half) * ONE / tick) * tick
        ask = math.ceil((mid + half) * ONE / tick) * tick
        other_ask = street.best(True, without=self.name)
        other_bid = street.best(False, without=self.name)
        if other_ask is not None:
            bid = min(bid, other_ask[0] - tick)
        if other_bid is not None:
            ask = max(ask, other_bid[0] + tick)
        bid, ask = min(bid, ONE - 2 * tick), max(ask, 2 * tick)
        self._stir()
        bids = [(bid - n * self._spacing, size) for n, size in enumerate(self._sizes[0])]
        asks = [(ask + n * self._spacing, size) for n, size in enumerate(self._sizes[1])]
        return [level for level in bids if level[0] >= tick], [level for level in asks if level[0] <= ONE - tick]

    def _view(self, truth: Truth, now: int, alarmed: bool) -> float:
        draw = self._random
        self._bias += -0.05 * self._bias + draw.gauss(0.0, BIAS * 0.3)
        lag = SHORTEST_LAG if alarmed else int(self._lag * math.exp(draw.gauss(0.0, 0.25)))
        # News already seen is not forgotten when the next look has a longer lag.
        self._seen = max(self._seen, now - min(max(lag, SHORTEST_LAG), LONGEST_LAG))
        chances = truth.at(self._seen)
        return sum(chance for chance, pays in zip(chances, self._listing.pays, strict=True) if pays) + self._bias

    def _stir(self) -> None:
        """Change one size: real books flicker between moves."""
        sizes = self._sizes[self._random.randrange(2)]
        level = self._random.randrange(len(sizes))
        sizes[level] = self._size(level)

    def _size(self, level: int) -> int:
        return self._random.randint(5, 60 + 28 * level) * ONE
