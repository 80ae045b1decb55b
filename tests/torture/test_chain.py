"""The wallet's way to the chain: what is done, what the wallet hears of it, and that the dead ask for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from dutchbook.core.claim import MarketId
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Lost, Refused
from dutchbook.core.money import Size
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.torture.chain import PATIENCE_NS, SHARE, Chain, ChainWallet
from dutchbook.torture.kinds import Group, named
from dutchbook.torture.network import Crash, Network

RAIN = MarketId("polymarket:rain")


class Tale:
    """Operations one after the other on one chain: when each was carried out, and what was heard of it."""

    def __init__(self, kinds: set[str], operations: int, *, calm: bool = False) -> None:
        self.struck: Counter[str] = Counter()
        self.heard: Counter[str] = Counter()
        self.done_after: list[float] = []
        loop = VirtualLoop()
        clock = VirtualClock(loop, 0)
        exchange = PolymarketExchange(1)

        def strike(kind: str, where: str) -> None:
            assert where == "polymarket chain rain"
            self.struck[kind] += 1

        chain = Chain(1, exchange, Network(clock), lambda: calm, strike, kinds)

        async def story() -> None:
            for _ in range(operations):
                asked = clock.wall()
                try:
                    await chain.carry_out(RAIN, lambda now, asked=asked: self.done_after.append((now - asked) / SECOND))
                    self.heard["done"] += 1
                except (Lost, Refused) as error:
                    self.heard[type(error).__name__] += 1
                await clock.sleep(20 * SECOND)

        run_virtual(loop, story())


@pytest.mark.parametrize(
    ("kind", "word", "carried_out", "late"),
    [
        ("chain_reverted", "Refused", False, False),
        ("chain_lost", "Lost", False, False),
        ("chain_answer_lost", "Lost", True, False),
        ("chain_late", "Lost", True, True),
    ],
)
def test_each_fate_does_what_it_says(kind: str, word: str, carried_out: bool, late: bool) -> None:
    tale = Tale({kind}, 100)
    struck = tale.struck[kind]
    assert 5 < struck < 40
    assert tale.heard == {word: struck, "done": 100 - struck}
    assert len(tale.done_after) == (100 if carried_out else 100 - struck)
    assert sum(after > PATIENCE_NS / SECOND for after in tale.done_after) == (struck if late else 0)


def test_in_calm_weather_everything_is_done_and_told() -> None:
    tale = Tale({kind.name for kind in named(Group.CHAIN)}, 60, calm=True)
    assert (tale.heard, sum(tale.struck.values())) == ({"done": 60}, 0)


def test_what_the_chain_does_not_do_is_told_as_refused_and_the_dead_ask_for_nothing() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, 0)
    exchange = PolymarketExchange(1)
    chain = Chain(1, exchange, Network(clock), lambda: True, lambda kind, where: None, None)
    asked: list[int] = []

    def refuse(now: int) -> None:
        asked.append(now)
        raise ValueError("no such sets")

    def dead() -> None:
        raise Crash

    async def story() -> None:
        with pytest.raises(Refused, match="no such sets"):
            await chain.carry_out(RAIN, refuse)
        wallet = ChainWallet(chain, exchange, "nobody", dead)
        operations: list[Callable[[], object]] = [lambda: wallet.merge(RAIN, Size(1)), lambda: wallet.redeem(RAIN)]
        for operate in operations:
            with pytest.raises(Crash):
                await operate()  # type: ignore[misc]

    run_virtual(loop, story())
    assert len(asked) == 1


def test_a_share_of_the_seeds_has_a_wallet_and_half_of_those_must_redeem_by_themselves() -> None:
    loop = VirtualLoop()
    network = Network(VirtualClock(loop, 0))
    found: Counter[tuple[bool, bool]] = Counter()
    for seed in range(500):
        exchange = PolymarketExchange(seed)
        chain = Chain(seed, exchange, network, lambda: False, lambda kind, where: None, None)
        found[chain.in_use, exchange.auto_redeem] += 1
    assert found[False, False] == 0
    assert abs(found[False, True] / 500 - (1 - SHARE)) < 0.06
    assert min(found[True, True], found[True, False]) > 25
