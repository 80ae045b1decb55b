"""What a trade will bring in each way its event can end, for the contracts that it holds now. Pure arithmetic.

The ledger keeps what a bundle guarantees, not the table of its link. Two markets on one question need no table; for any other
link it is given. Venues' fees at settlement are left out, and what the venues may decide against the table is shown as a case of
its own where the markets are two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.link import Link, LinkKind
from dutchbook.core.money import MICRO, Cash, Price
from dutchbook.core.position import TradeBook

_ONE, _ZERO = Price(MICRO), Price(0)


@dataclass(frozen=True, slots=True)
class Ending:
    """One way it can end: what YES of each market pays. `core` is False for what a bundle need not survive."""

    name: str
    core: bool
    yes: Mapping[MarketId, Price]

    def pays(self, claim: Claim) -> Price:
        """What a contract of this claim pays then."""
        value = self.yes[claim.market]
        return value if claim.outcome is Outcome.YES else Price(MICRO - value)


def endings(trade: TradeBook, link: Link | None = None) -> tuple[Ending, ...]:
    """The ways that the trade's event can end; empty when only the link's table knows and it is not given."""
    markets = tuple(dict.fromkeys(leg.claim.market for leg in trade.legs))
    if link is not None and set(markets) <= link.payoffs.keys():
        rows = {market: link.payoffs[market] for market in markets}
        known = [Ending(s.name, s.core, {m: rows[m][i] for m in markets}) for i, s in enumerate(link.states)]
    elif len(markets) == 1:
        known = [Ending("yes", True, {markets[0]: _ONE}), Ending("no", True, {markets[0]: _ZERO})]
    elif len(markets) == 2 and trade.opened.kind in (LinkKind.YES_NO.value, LinkKind.CROSS_TEAM.value):
        first, second = markets
        same = trade.opened.kind == LinkKind.YES_NO.value
        known = [
            Ending("yes", True, {first: _ONE, second: _ONE if same else _ZERO}),
            Ending("no", True, {first: _ZERO, second: _ZERO if same else _ONE}),
        ]
    else:
        return ()
    return (*known, *_divergent(markets, known))


def _divergent(markets: tuple[MarketId, ...], known: list[Ending]) -> list[Ending]:
    """Results of two markets that no state of the link knows: the venues would have decided differently."""
    if len(markets) != 2:
        return []
    first, second = markets
    seen = {(ending.yes[first], ending.yes[second]) for ending in known}
    return [
        Ending(f"diverged: {first} {_word(one)}, {second} {_word(other)}", False, {first: one, second: other})
        for one in (_ONE, _ZERO)
        for other in (_ONE, _ZERO)
        if (one, other) not in seen
    ]


def _word(value: Price) -> str:
    return "yes" if value else "no"


def payout(trade: TradeBook, ending: Ending) -> Cash:
    """Cash still to come then: what is held and not paid yet, and a dollar for every complete set that stands."""
    open_legs = [leg for leg in trade.legs if leg.settled is None]
    return Cash(sum(leg.held * ending.pays(leg.claim) // MICRO + leg.sets for leg in open_legs))


def result(trade: TradeBook, ending: Ending) -> Cash:
    """The trade's profit or loss then, before the venues' fees at settlement. The dollar of a set is in `pnl` already."""
    sets = sum(leg.sets for leg in trade.legs if leg.settled is None)
    return Cash(trade.pnl + payout(trade, ending) - sets)
