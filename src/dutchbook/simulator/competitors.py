"""The other takers of the scripted world: arbitrage bots with a latency each, and traders who just trade.

They read the street, never an exchange, and never the engine. A bot sees a gap appear, decides, and arrives later
with the prices it saw: what is gone by then is gone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.simulator.script import EventScript, Listing
from dutchbook.simulator.street import Street

ONE = 1_000_000
KALSHI_TAKER = Fraction(7, 100)
NOISE_EVERY_S = 7.0
"""Mean seconds between two aimless trades in one market."""


@dataclass(frozen=True, slots=True)
class Way:
    """Buying (`buy`) or selling YES in one listing of an event: one of the ways to own a claim."""

    listing: int
    buy: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A taker's order: YES terms, integer millionths."""

    listing: int
    buy: bool
    limit: int
    size: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The cheapest way to own a claim and the cheapest to own its opposite; both together pay exactly 1."""

    ways: tuple[Way, Way]
    prices: tuple[int, int]
    """In YES terms of each listing."""
    size: int
    gross: int
    """1 minus both costs before fees, millionths per contract."""
    fees: int


def claim_pairs(event: EventScript) -> list[tuple[tuple[Way, ...], tuple[Way, ...]]]:
    """For each claim of an event that two listings or more speak about: ways to own it, ways to own its opposite."""
    ways: dict[tuple[int, ...], list[Way]] = {}
    for index, listing in enumerate(event.listings):
        opposite = tuple(1 - pays for pays in listing.pays)
        ways.setdefault(listing.pays, []).append(Way(index, True))
        ways.setdefault(opposite, []).append(Way(index, False))
    pairs = []
    for claim, owned in ways.items():
        opposite = tuple(1 - pays for pays in claim)
        if claim > opposite and len(owned) > 1:
            pairs.append((tuple(owned), tuple(ways[opposite])))
    return pairs


def fee_rate(listing: Listing) -> Fraction:
    """Coefficient of p(1-p) per contract that a taker pays there."""
    rate = Fraction(listing.taker_rate)
    return KALSHI_TAKER * rate if listing.venue == "kalshi" else rate


def widest_gap(
    event: EventScript, streets: Sequence[Street], pair: tuple[tuple[Way, ...], tuple[Way, ...]]
) -> Gap | None:
    """The best pair of ways at the touch of each street, crossed or not; None when a side is empty everywhere."""
    chosen: list[tuple[int, Way, int, int, int]] = []
    for ways in pair:
        offers = []
        for way in ways:
            best = streets[way.listing].best(way.buy)
            if best is not None:
                price, size = best
                rate = fee_rate(event.listings[way.listing])
                fee = rate.numerator * price * (ONE - price) // (rate.denominator * ONE)
                cost = price if way.buy else ONE - price
                offers.append((cost + fee, way, price, size, fee))
        if not offers:
            return None
        chosen.append(min(offers, key=lambda offer: offer[0]))
    (cost_a, way_a, price_a, size_a, fee_a), (cost_b, way_b, price_b, size_b, fee_b) = chosen
    fees = fee_a + fee_b
    return Gap((way_a, way_b), (price_a, price_b), min(size_a, size_b), ONE - cost_a - cost_b + fees, fees)


class ArbitrageBot:
    """Draws, for each gap that appears, whether it is awake, how late it comes, and whether it takes both legs."""

    def __init__(self, seed: str, name: str) -> None:
        draw = self._random = random.Random(seed)
        self.name = name
        self._median_ns = 90 * MILLISECOND * math.exp(draw.uniform(0.0, 2.0))
        self._awake = draw.uniform(0.35, 0.65)
        self._least_edge = int(draw.uniform(-2_000, 6_000))

    def notice(self, gap: Gap, stale_leg: int) -> tuple[int, list[Hit]] | None:
        """(nanoseconds until it arrives, its orders), or None. `stale_leg` is the leg furthest from the truth."""
        draw = self._random
        awake, latency = draw.random() < self._awake, self._median_ns * math.exp(draw.gauss(0.0, 0.7))
        one_leg, wanted = draw.random() < 0.4, draw.randint(10, 120) * ONE
        if not awake or gap.gross - gap.fees < self._least_edge:
            return None
        size = min(wanted, gap.size)
        hits = [Hit(way.listing, way.buy, price, size) for way, price in zip(gap.ways, gap.prices, strict=True)]
        delay = min(max(int(latency), 30 * MILLISECOND), 5 * SECOND // 2)
        return delay, [hits[stale_leg]] if one_leg else hits


class NoiseTaker:
    """Trades one market now and then, either way, at the touch."""

    def __init__(self, seed: str, listing: int, speed: float) -> None:
        self._random = random.Random(seed)
        self._listing = listing
        self._mean_s = NOISE_EVERY_S / speed

    def next_delay(self) -> int:
        """Nanoseconds until its next trade."""
        return int(self._random.expovariate(1 / self._mean_s) * SECOND)

    def trade(self, street: Street) -> Hit | None:
        """An order at the touch, or None when that side is empty."""
        buy, size = self._random.random() < 0.5, self._random.randint(1, 40) * ONE
        best = street.best(buy)
        return None if best is None else Hit(self._listing, buy, best[0], size)
