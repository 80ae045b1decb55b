"""The world on the real exchange cores: what a client would see of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from dutchbook.core.transport import Request
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.simulator.world import World

START = 1_795_000_000_000_000_000
SECOND = 1_000_000_000
SEED = 21


class Venues:
    """Both exchanges on one world."""

    def __init__(self, seed: int = SEED) -> None:
        self.kalshi, self.polymarket = KalshiExchange(seed), PolymarketExchange(seed)
        self.world = World(seed, self.kalshi, self.polymarket, START)
        self.world.list_all(START)

    def bests(self) -> dict[str, tuple[int | None, int | None]]:
        sides = {m.id: self.kalshi.best(m.id) for m in self.world.listings("kalshi")}
        return sides | {m.id: self.polymarket.best(m.id) for m in self.world.listings("polymarket")}

    def get(self, venue: str, path: str, now: int) -> Any:
        exchange = self.kalshi if venue == "kalshi" else self.polymarket
        answer = exchange.handle(Request("GET", "https://venue.test" + path), now)
        assert answer.status == 200, answer.body
        return msgspec.json.decode(answer.body)


def test_no_market_is_ever_crossed_and_few_are_ever_one_sided() -> None:
    venues = Venues()
    looks = one_sided = 0
    while (due := venues.world.next_at()) is not None and due < START + 6 * SECOND:
        venues.world.step(due)
        for market, (bid, ask) in venues.bests().items():
            looks += 1
            one_sided += bid is None or ask is None
            assert bid is None or ask is None or bid < ask, market
    assert looks > 10_000
    assert one_sided < looks / 100


def test_every_book_is_quoted_on_both_sides_from_the_first_moment() -> None:
    venues = Venues()
    venues.world.step(START)
    assert len(venues.bests()) >= 38
    assert all(bid is not None and ask is not None for bid, ask in venues.bests().values())


def test_the_same_bet_costs_about_the_same_on_both_venues() -> None:
    venues = Venues()
    venues.world.step(START + 3 * SECOND)
    bests = venues.bests()
    apart = []
    for link in venues.world.links():
        if link["kind"] == "yes_no":
            (bid_a, ask_a), (bid_b, ask_b) = (bests[member["id"]] for member in link["members"])
            assert bid_a is not None and ask_a is not None and bid_b is not None and ask_b is not None
            apart.append(abs(bid_a + ask_a - bid_b - ask_b) // 2)
    assert sorted(apart)[len(apart) // 2] < 15_000


@pytest.mark.parametrize("seed", [1, 2])
def test_both_venues_report_the_outcome_that_the_world_drew(seed: int) -> None:
    venues = Venues(seed)
    now = START + SECOND
    outcome = venues.world.settle_all(now)
    venues.kalshi.drain(now)
    venues.polymarket.drain(now)
    for link in venues.world.links():
        state = link["states"].index(outcome[link["event"]])
        for member in link["members"]:
            if member["venue"] == "kalshi":
                market = venues.get("kalshi", f"/trade-api/v2/markets/{member['id']}", now)["market"]
                assert market["result"] == ("yes" if member["pays"][state] else "no")
                assert Decimal(market["settlement_value_dollars"]) == member["pays"][state]
            else:
                (market,) = venues.get("polymarket", f"/markets?slug={member['id']}", now)
                yes = Decimal(msgspec.json.decode(market["outcomePrices"], type=list[str])[0])
                assert market["closed"] is True
                assert yes == member["pays"][state]


def test_the_world_is_the_same_on_exchanges_of_another_seed() -> None:
    first, other = Venues(), Venues()
    other.kalshi, other.polymarket = KalshiExchange(99), PolymarketExchange(99)
    other.world = World(SEED, other.kalshi, other.polymarket, START)
    other.world.list_all(START)
    for venues in (first, other):
        venues.world.step(START + 2 * SECOND)
    assert first.bests() == other.bests()
