"""The orders that this process has prepared or asked about, so that news of them can be told in their own terms.

Memory only, and bounded: what falls out is told as the venue tells it, until it is asked about again.
"""

from __future__ import annotations

from typing import Any, Final

from dutchbook.core.order import Prepared

KEPT: Final = 10_000
"""More orders than can be under way; the oldest make room."""


class OwnOrders:
    """Orders by client order id and by the venue's id. `resized`: venue ids of orders whose size was changed since sent."""

    def __init__(self, kept: int = KEPT) -> None:
        self.resized: dict[str, None] = {}
        self._kept = kept
        self._by_identity: dict[str, Prepared] = {}
        self._identity_of: dict[str, str] = {}

    def remember(self, order: Prepared) -> None:
        """Keep an order, as the newest."""
        self._by_identity.pop(order.identity, None)
        self._by_identity[order.identity] = order
        kept: tuple[dict[str, Any], ...] = (self._by_identity, self._identity_of, self.resized)
        for each in kept:
            while len(each) > self._kept:
                del each[next(iter(each))]

    def name(self, identity: str, venue_order_id: str) -> None:
        """The venue's id of an order, once an answer has told it."""
        if venue_order_id and identity in self._by_identity:
            self._identity_of[venue_order_id] = identity

    def ids_of(self, identity: str) -> list[str]:
        """Every id that the venue has given to orders of this identity, as far as it was told: one, unless a request was
        carried out twice."""
        return [order_id for order_id, named in self._identity_of.items() if named == identity]

    def of(self, identity: str | None, venue_order_id: str) -> Prepared | None:
        """The order, if it is ours."""
        return self._by_identity.get(identity or self._identity_of.get(venue_order_id, ""))
