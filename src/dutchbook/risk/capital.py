"""Where the capital is, and whether its split starves a venue (M37a). Pure: cash and trades in, pools and a verdict out.

A pool is the cash that pays at one place: a Kalshi shard, a Polymarket wallet. A pool starves when its free cash does not pay
the largest bundle, or when its venue has less than its share of all free cash; the verdict names the transfers that would mend
it, and what no transfer can. Nothing is moved here.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dutchbook.core.claim import MarketId
from dutchbook.core.money import RATE_ONE, Cash, Rate, format_dollars, format_micros
from dutchbook.core.position import TradeBook

CENT: Final = 10_000

LEAST_SHARE: Final = Rate(RATE_ONE // 10)
"""A venue with less than this part of all free cash is short, though it may still pay one bundle: the next one stops it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Cash in the contracts of one market: net of what they brought already. `until_ns` is wall time, 0 when not known."""

    market: MarketId
    cash: Cash
    until_ns: int


@dataclass(frozen=True, slots=True)
class PoolCapital:
    """One pool, millionths of a dollar: `cash` is on the account, `reserved` of it for open orders; `locked` is in positions.

    `used` says whether markets that may be traded now are paid from it.
    """

    pool: str
    cash: Cash
    reserved: Cash = Cash(0)
    bound: tuple[Bound, ...] = ()
    used: bool = True

    @property
    def venue(self) -> str:
        return self.pool.partition(":")[0]

    @property
    def free(self) -> Cash:
        return Cash(self.cash - self.reserved)

    @property
    def locked(self) -> Cash:
        return Cash(sum(each.cash for each in self.bound))

    @property
    def total(self) -> Cash:
        return Cash(self.free + self.reserved + self.locked)


@dataclass(frozen=True, slots=True)
class CapitalRule:
    """`need` is what one pool must be able to pay: the largest bundle at worst may be paid almost whole by one leg."""

    need: Cash
    share: Rate = LEAST_SHARE


@dataclass(frozen=True, slots=True)
class Transfer:
    """An amount to move from pool to pool; between venues it is a withdrawal and a deposit."""

    amount: Cash
    source: str
    destination: str

    @property
    def within_venue(self) -> bool:
        return self.source.partition(":")[0] == self.destination.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Starving:
    """A pool without enough free cash, why, and what would mend it: transfers, and fresh `deposit` where none can."""

    pool: str
    text: str
    transfers: tuple[Transfer, ...] = ()
    deposit: Cash = Cash(0)


def pools_of(
    cash: Mapping[str, int],
    trades: Iterable[TradeBook],
    closes_ns: Mapping[MarketId, int],
    paired: Mapping[MarketId, int],
    used: Container[str] | None = None,
) -> tuple[PoolCapital, ...]:
    """The pools of a ledger, by name. `trades` are those that hold or work; `closes_ns` when each market pays (wall time);
    `paired` what a netting venue has paid back already. Without `used` every pool counts as used. What a leg brought that is
    sold or paid is no capital in positions any more."""
    reserved: dict[str, int] = {}
    bound: dict[str, dict[MarketId, int]] = {}
    for trade in trades:
        for leg in trade.legs:
            pool, market = leg.plan.pool, leg.claim.market
            reserved[pool] = reserved.get(pool, 0) + leg.reserved
            if leg.settled is None and (leg.held or leg.sets):
                places = bound.setdefault(pool, {})
                places[market] = places.get(market, 0) + leg.spent + leg.fees - leg.received + leg.sets
    found = []
    for pool in sorted({*cash, *reserved, *bound}):
        places = bound.get(pool, {})
        rows = [Bound(m, Cash(net - paired.get(m, 0)), closes_ns.get(m, 0)) for m, net in places.items()]
        rows.sort(key=lambda row: (row.until_ns == 0, row.until_ns, row.market))
        found.append(
            PoolCapital(
                pool,
                Cash(cash.get(pool, 0)),
                Cash(reserved.get(pool, 0)),
                tuple(rows),
                used is None or pool in used,
            )
        )
    return tuple(found)


def starving(pools: Iterable[PoolCapital], rule: CapitalRule) -> tuple[Starving, ...]:
    """The used pools that starve. All transfers together mend what a transfer can mend and starve nobody else."""
    pots = [pot for pot in pools if pot.used]
    free = {pot.pool: pot.free for pot in pots}
    least = _least_of_venues(pots, rule)
    found = []
    for pot in pots:
        short = max(0, rule.need - pot.free)
        reasons = []
        if short:
            reasons.append(
                f"{pot.pool} has {format_dollars(pot.free)} free, the largest bundle needs {format_dollars(rule.need)}"
            )
        missing = max(0, least[pot.venue] - sum(each.free for each in pots if each.venue == pot.venue))
        poorest = min((each for each in pots if each.venue == pot.venue), key=lambda each: (each.free, each.pool))
        if missing and poorest is pot:
            reasons.append(
                f"{pot.venue} has {format_dollars(Cash(least[pot.venue] - missing))} free, less than "
                f"{rule.share * 100 // RATE_ONE} % of all free cash"
            )
        if reasons:
            found.append(Starving(pot.pool, "; ".join(reasons)))
    mended = [_mend(each, pots, free, least, rule) for each in found]
    return tuple(mended)


def _least_of_venues(pots: list[PoolCapital], rule: CapitalRule) -> dict[str, int]:
    """Free cash below which a venue has less than its share; a share that all venues together cannot have is no rule."""
    venues = sorted({pot.venue for pot in pots})
    everything = max(0, sum(pot.free for pot in pots))
    share = min(rule.share, Rate(RATE_ONE // max(1, len(venues))))
    return dict.fromkeys(venues, everything * share // RATE_ONE if len(venues) > 1 else 0)


def _mend(
    hungry: Starving, pots: list[PoolCapital], free: dict[str, Cash], least: dict[str, int], rule: CapitalRule
) -> Starving:
    """Name transfers to a pool from those that have plenty, the own venue's first; `free` keeps what is left after them."""
    pool, venue = hungry.pool, hungry.pool.partition(":")[0]
    transfers = []

    def take(source: str, wanted: int, spare: int) -> None:
        amount = min(_up(wanted), spare // CENT * CENT)
        if amount > 0:
            free[source], free[pool] = Cash(free[source] - amount), Cash(free[pool] + amount)
            transfers.append(Transfer(Cash(amount), source, pool))

    def richest_first(found: Iterable[PoolCapital]) -> list[PoolCapital]:
        return sorted(found, key=lambda pot: (-free[pot.pool], pot.pool))

    for pot in richest_first(pot for pot in pots if pot.venue == venue and pot.pool != pool):
        take(pot.pool, rule.need - free[pool], free[pot.pool] - rule.need)
    for pot in richest_first(pot for pot in pots if pot.venue != venue):
        missing = max(rule.need - free[pool], least[venue] - _of_venue(pots, free, venue))
        spare_of_venue = _of_venue(pots, free, pot.venue) - least[pot.venue]
        take(pot.pool, missing, min(free[pot.pool] - rule.need, spare_of_venue))
    left = max(0, rule.need - free[pool])
    return replace(hungry, transfers=tuple(transfers), deposit=Cash(left))


def _of_venue(pots: list[PoolCapital], free: dict[str, Cash], venue: str) -> int:
    return sum(free[pot.pool] for pot in pots if pot.venue == venue)


def mending(hungry: Starving, *, live: bool) -> list[str]:
    """What a person can do, one step a line. Only a `live` ledger is told a command that moves real money."""
    steps = []
    for each in hungry.transfers:
        amount, source, destination = format_dollars(each.amount), each.source, each.destination
        if not each.within_venue:
            steps.append(f"withdraw {amount} from {source} and deposit it at {destination}")
        elif live:
            shards = " ".join(pool.partition(":")[2] for pool in (source, destination))
            steps.append(f"dutchbook wallet transfer {format_micros(each.amount, 2)} {shards} --yes")
        else:
            steps.append(f"move {amount} from {source} to {destination}")
    if hungry.deposit:
        steps.append(f"deposit {format_dollars(_up(hungry.deposit))} at {hungry.pool}: no other pool can spare it")
    return steps


def _up(amount: int) -> int:
    """Whole cents, rounded up: what a person can type."""
    return -(-amount // CENT) * CENT
