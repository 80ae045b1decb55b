"""Payouts that are booked while their tokens still lie at the venue: how much cash it lacks meanwhile, and whether that is known.

Reads nothing and books nothing: whoever asks a venue what it holds says it here.
"""

from __future__ import annotations

from collections.abc import Mapping

from dutchbook.core.claim import Claim, MarketId
from dutchbook.core.clock import Clock
from dutchbook.core.money import Cash, Size
from dutchbook.ledger.projection import Ledger

Waiting = Mapping[MarketId, Mapping[str, Cash]]


class WaitingPayouts:
    """Of every venue. Where a venue nets, it pays by itself and nothing waits."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._held: dict[str, Mapping[Claim, Size]] = {}
        self._booked: dict[str, int] = {}
        """How many payouts the ledger had booked when the venue was asked."""
        self._lost: set[str] = set()
        self._strange: set[str] = set()
        self._stale: set[str] = set()
        """Venues that said anew what they hold since it was last weighed."""
        self._waiting: dict[str, tuple[int, Waiting]] = {}
        self._changed_ns: dict[str, int] = {}

    def hold(self, venue: str, held: Mapping[Claim, Size], booked: int) -> None:
        """Take what a venue says; the ledger had booked so many payouts when it was asked."""
        self._held[venue], self._booked[venue] = held, booked
        self._lost.discard(venue)
        self._stale.add(venue)

    def lose(self, venue: str) -> None:
        """What the venue holds could not be read: what waits there is not known until it is."""
        self._lost.add(venue)

    def estrange(self, venue: str, *, strange: bool) -> None:
        """Whether the venue may hold tokens of paid markets that this process does not know, and so does not see."""
        (self._strange.add if strange else self._strange.discard)(venue)

    def unread(self, venue: str) -> bool:
        """Whether the venue is to be asked what it holds: a payout was booked since, or the last answer was lost."""
        if venue in self._ledger.netting:
            return False
        return venue in self._lost or self._booked.get(venue, 0) != self._ledger.payouts

    def known(self, venue: str) -> bool:
        """Whether it is known what waits."""
        return not (venue in self._strange or self.unread(venue))

    def at(self, venue: str) -> Waiting:
        """By market and pool: what waits there."""
        found = self._waiting.get(venue)
        if found is None or found[0] != self._ledger.payouts or venue in self._stale:
            waiting = self._ledger.unredeemed(self._held.get(venue, {}))
            if waiting != (found[1] if found is not None else {}):
                self._changed_ns[venue] = self._clock.monotonic()
            self._waiting[venue] = found = self._ledger.payouts, waiting
            self._stale.discard(venue)
        return found[1]

    def unsteady(self, venue: str, margin_ns: int) -> bool:
        """Whether something waits there, or did a moment ago: what the venue says of tokens and of cash need not be of one
        instant then."""
        if self.at(venue):
            return True
        changed = self._changed_ns.get(venue)
        return changed is not None and self._clock.monotonic() - changed < margin_ns

    def expected(self, venue: str) -> dict[str, Cash]:
        """Cash by pool as the venue should state it: the ledger's, less what waits there."""
        return self._ledger.cash_without(self.at(venue))
