"""A small seeded soak: the scripted world, a network that fails, a process that dies, and the ledger still agrees (B2).

Each seed is one run in virtual time and repeats exactly. The long run over many seeds is `make soak`.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dutchbook.cli.compose import links_from_rows
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.money import Cash, Rate
from dutchbook.core.trade import Phase
from dutchbook.core.transport import Request
from dutchbook.risk.breakers import BreakerLimits
from dutchbook.simulator.world import World
from dutchbook.torture.network import (
    Deed,
    Fault,
    answer_with,
    hold,
    lose_answer,
    lose_request,
    posted,
    repeat,
)
from engine.parts import CONFIG, DOLLAR, LIMITS
from engine.rig import Rig, play_bare

SECONDS = 8
SHARDS = (0, 2)
STORM = replace(
    CONFIG,
    breakers=BreakerLimits(rejections=1_000, unknown_orders=1_000, naked_exposure=Cash(1_000 * DOLLAR)),
    limits=replace(LIMITS, min_roi=Rate(LIMITS.min_roi // 4), min_platform_balance=Cash(5 * DOLLAR)),
)

DEEDS: list[tuple[float, Deed]] = [
    (0.05, lose_answer),
    (0.03, lose_request),
    (0.04, answer_with(500, b"oops", after_delivery=True)),
    (0.02, answer_with(500, b"oops")),
    (0.03, answer_with(429, b'{"error":"too many requests"}')),
    (0.03, repeat),
    (0.05, hold(900 * MILLISECOND)),
]


class Weather:
    """Draws what happens to each request: a function of the seed and the order in which they are made."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(f"{seed}:weather")
        self.calm = False

    def fault(self) -> Fault:
        """One standing fault that decides anew for every request."""
        fault = Fault(lambda request: self._strikes(request, fault), lose_answer, times=1 << 30)
        return fault

    def _strikes(self, request: Request, fault: Fault) -> bool:
        if self.calm:
            return False
        is_order = posted(request, 0) is not None
        drawn = self._draw.random()
        if not is_order:
            fault.deed = answer_with(503, b'{"error":"down"}')
            return drawn < 0.04 and "/orders" in request.url
        for share, deed in DEEDS:
            if drawn < share:
                fault.deed = deed
                return True
            drawn -= share
        return False


async def storm(rig: Rig, seed: int) -> None:
    chance = random.Random(f"{seed}:storm")
    weather = Weather(seed)
    world = World(seed, rig.kalshi, rig.polymarket, rig.clock.wall())
    world.list_all(rig.clock.wall())
    world.step(rig.clock.wall())
    rig.links = links_from_rows(world.links(), approved=True)
    rig.open_accounts(SHARDS)
    rig.network.faults.append(weather.fault())
    death_ns = rig.clock.monotonic() + chance.randint(2 * SECOND, (SECONDS - 2) * SECOND)
    end_ns = rig.clock.monotonic() + SECONDS * SECOND
    process = await rig.start(books=False)
    while rig.clock.monotonic() < end_ns:
        due = world.next_at()
        assert due is not None
        await rig.clock.sleep(max(due - rig.clock.wall(), MILLISECOND))
        world.step(rig.clock.wall())
        rig.flush()
        if chance.random() < 0.001:
            rig.polymarket.fail_next_trades = 1
        if death_ns and rig.clock.monotonic() > death_ns:
            death_ns = 0
            await rig.die()
            process = await rig.start(books=False)
        assert process.engine.desk.failure is None
    stopped_ns = rig.clock.wall()
    weather.calm = True
    process.engine.halt_entries()
    await rig.idle(400)
    assert await rig.mismatches() == []
    assert {t.phase for t in process.trades} <= {Phase.LOCKED, Phase.FLAT, Phase.FAILED, Phase.SETTLED}
    world.settle_all(stopped_ns)
    rig.flush()
    await rig.until(lambda: all(trade.flat for trade in process.trades), 120)
    assert await rig.mismatches() == []
    assert rig.wealth() == sum(trade.pnl for trade in process.trades) + 2_000 * DOLLAR
    assert process.engine.desk.failure is None
    assert process.engine.desk.ledger.kill_switch is None
    assert not {"impossible_event", "cash_difference", "defect", "divergence"} & set(process.alarms)
    assert process.journal.verify() == process.journal.seq
    snapshot = process.engine.desk.funnel.snapshot()
    counts = snapshot["funnel"]
    assert isinstance(counts, dict)
    assert sum(snapshot["reasons"].values()) + counts["traded"] == counts["crossings"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_ledger_agrees_with_the_venues_after_a_storm(tmp_path: Path, seed: int) -> None:
    rig = play_bare(tmp_path, lambda rig: storm(rig, seed), config=STORM, seed=seed)
    sent = Counter(order.identity for order in rig.network.orders)
    assert set(sent.values()) <= {1}
    assert rig.processes == 2


def test_a_seed_repeats_to_the_byte(tmp_path: Path) -> None:
    runs = [play_bare(tmp_path / str(run), lambda rig: storm(rig, 3), config=STORM, seed=3) for run in (1, 2)]
    first, second = ([(order.at_ns, order.body) for order in rig.network.orders] for rig in runs)
    assert first == second
    assert len(first) > 2
