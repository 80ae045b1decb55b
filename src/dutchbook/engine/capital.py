"""Looks at where the capital is, publishes it, and alarms once when its split starves a venue (M37a).

Judges nothing itself (`risk.capital` does) and moves nothing: a transfer is a person's.
"""

from __future__ import annotations

from typing import Any, Final

from dutchbook.core.claim import MarketId
from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.facts import Alarmed
from dutchbook.core.mode import Mode
from dutchbook.engine.desk import Desk
from dutchbook.engine.payouts import WaitingPayouts
from dutchbook.risk.capital import CapitalRule, PoolCapital, Starving, mending, pools_of, starving

LOOK_EVERY_NS: Final = 5 * SECOND

STANDS_NS: Final = 15 * SECOND
"""How long a pool must starve before it is an alarm: an order that is out reserves cash for a moment."""

QUIET_NS: Final = 10 * MINUTE
"""A pool that starves again within this time is the same trouble, and has been told."""


class CapitalWatch:
    """`look` at it again and again."""

    def __init__(self, desk: Desk, payouts: WaitingPayouts) -> None:
        self._desk = desk
        self._payouts = payouts
        self._since: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._told: set[str] = set()

    async def look(self) -> None:
        """One look: the gauge `capital`, and an alarm for what has starved long enough and a transfer would mend."""
        limits = self._desk.config.limits
        rule = CapitalRule(max(limits.max_bet, limits.min_platform_balance))
        until, used = self._until(), self._used()
        ledger = self._desk.ledger
        cash = ledger.cash_without(
            {m: due for venue in self._desk.venues for m, due in self._payouts.at(venue).items()}
        )
        pools = pools_of(cash, ledger.open.values(), until, ledger.paired, used)
        found = starving(pools, rule)
        self._alarm(found)
        self._desk.publish("capital", self._published(pools, rule, until))

    def _used(self) -> frozenset[str]:
        """Pools that pay for markets of approved links."""
        desk = self._desk
        wanted = {market for link in desk.links.values() if link.approved for market in link.markets}
        return frozenset(desk.markets[market].pool for market in wanted & desk.markets.keys())

    def _until(self) -> dict[MarketId, int]:
        """When each market is expected to pay: the day that its link names, else its close."""
        desk = self._desk
        until = {market.id: market.closes_ns for market in desk.markets.values()}
        for link in desk.links.values():
            if link.settles_ns:
                until.update(dict.fromkeys(link.markets, link.settles_ns))
        return until

    def _alarm(self, found: tuple[Starving, ...]) -> None:
        desk = self._desk
        now = desk.clock.monotonic()
        for hungry in found:
            pool = hungry.pool
            if not hungry.transfers:
                # the account is small, not badly split: the gate says so at every bundle that it stops
                continue
            if now - self._last.get(pool, now - QUIET_NS - 1) > QUIET_NS:
                self._since[pool] = now
                self._told.discard(pool)
            self._last[pool] = now
            if now - self._since[pool] >= STANDS_NS and pool not in self._told:
                self._told.add(pool)
                steps = "; ".join(mending(hungry, live=desk.config.mode is Mode.LIVE))
                desk.log.warning("capital is badly split", pool=pool, reason=hungry.text, mend=steps)
                desk.record(Alarmed("capital_starved", f"{hungry.text}. To mend it: {steps}"))

    def _published(
        self, pools: tuple[PoolCapital, ...], rule: CapitalRule, until: dict[MarketId, int]
    ) -> dict[str, Any]:
        """What readers in other processes cannot know from the ledger: the rule, the pools in use, when markets pay."""
        held = {each.market for pool in pools for each in pool.bound}
        return {
            "at_ns": self._desk.clock.wall(),
            "need": rule.need,
            "share": rule.share,
            "used": [pool.pool for pool in pools if pool.used],
            "until": {market: at_ns for market, at_ns in until.items() if market in held},
            "pools": {
                pool.pool: {"cash": pool.cash, "reserved": pool.reserved, "free": pool.free, "locked": pool.locked}
                for pool in pools
            },
        }
