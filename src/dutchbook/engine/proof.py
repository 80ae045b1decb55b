"""Holds the ledger against the venues' own statements: cash to the millionth and contracts per market. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from dutchbook.core.claim import venue_of
from dutchbook.core.money import Size, format_micros
from dutchbook.core.venue import Trading
from dutchbook.ledger.projection import Ledger


async def differences(ledger: Ledger, trading: Mapping[str, Trading]) -> list[str]:
    """One sentence for each figure that differs; empty when everything agrees.

    Raises the venue's error when a statement cannot be read: no statement is not an empty one.
    """
    found: list[str] = []
    for venue, side in trading.items():
        balances = await side.balances()
        positions = await side.positions()
        cash = ledger.cash_without(ledger.unredeemed(positions.held))
        for pool, stated in balances.available.items():
            expected = cash.get(pool, 0)
            if stated != expected:
                found.append(f"{pool}: venue {format_micros(stated)}, ledger {format_micros(expected)}")
        # tokens of a market that has paid are a payout that waits, or worth nothing
        over = frozenset() if side.capabilities.nets_positions else ledger.paid.keys()
        ours = {m: size for m, size in ledger.net().items() if venue_of(m) == venue and m not in over}
        theirs = {claim.market: positions.net(claim.market) for claim in positions.held if claim.market not in over}
        for market in sorted(ours.keys() | {m for m, size in theirs.items() if size}):
            if theirs.get(market, Size(0)) != ours.get(market, Size(0)):
                found.append(
                    f"{market}: venue holds {format_micros(theirs.get(market, 0))}, "
                    f"ledger {format_micros(ours.get(market, 0))}"
                )
    return found
