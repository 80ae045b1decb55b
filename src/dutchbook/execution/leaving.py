"""Whether a locked bundle is worth selling before its markets pay (B5). Pure: prices now against what waiting brings.

Never proposes a sale below cost, nor one for a price that stands only for a moment: the caller asks again and again, and acts
on an answer that has held (market-structure facts 6.5: most apparent exits last one sample).
"""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.clock import DAY, SECOND
from dutchbook.core.money import MICRO, Cash, Rate
from dutchbook.core.position import TradeBook
from dutchbook.execution.decide import Scene, exit_sales


@dataclass(frozen=True, slots=True)
class ExitRule:
    """When an early exit is taken: it brings at least `min_profit` over all costs, and waiting would earn less than
    `yield_wanted` a year (over 1e-12) on the cash that it frees. The price must stand for `patience_ns`."""

    min_profit: Cash
    yield_wanted: Rate
    patience_ns: int = 120 * SECOND


@dataclass(frozen=True, slots=True)
class ExitValue:
    """What selling now brings, what waiting brings, and what the bundle has cost; millionths of a dollar."""

    now: Cash
    later: Cash
    cost: Cash
    days: int

    @property
    def profit(self) -> Cash:
        return Cash(self.now - self.cost)

    @property
    def yield_of_waiting(self) -> Rate:
        """A year's yield of leaving the cash where it is, over 1e-12; zero when selling brings as much already."""
        return Rate(max(0, self.later - self.now) * 10**12 * 365 // (max(1, self.now) * max(1, self.days)))


def exit_value(trade: TradeBook, scene: Scene) -> ExitValue | None:
    """The figures of selling a locked trade now; None when it cannot be sold whole."""
    sales = exit_sales(trade, scene)
    if sales is None:
        return None
    count = min(leg.held for leg in trade.legs)
    closes_ns = max(scene.markets[leg.claim.market].closes_ns for leg in trade.legs)
    return ExitValue(
        now=Cash(sum(sale.cash for sale in sales)),
        later=Cash(count * trade.opened.guaranteed // MICRO),
        cost=Cash(-trade.pnl),
        days=max(1, -(-(closes_ns - scene.wall_ns) // DAY)),
    )


def worth_leaving(value: ExitValue, rule: ExitRule) -> bool:
    """Whether the rule would take it."""
    return value.profit >= rule.min_profit and value.yield_of_waiting < rule.yield_wanted
