"""The person at the engine of a seed: takes the kill switch back after a look, and has an order rest now and then.

Acts through what a person has: the facts that `dutchbook start` books, and orders by hand.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.errors import DutchbookError
from dutchbook.core.facts import KillSwitchSet
from dutchbook.core.money import Price, Size
from dutchbook.core.order import TimeInForce
from dutchbook.torture.generation import Generation
from dutchbook.torture.network import Crash
from dutchbook.torture.venue_faults import CENT, DOLLAR, Place

MOST_ORDERS: Final = 4
"""Resting orders in one seed."""


class Operator:
    """One a seed; some of them trade by hand."""

    def __init__(self, draw: random.Random, places: Sequence[Place]) -> None:
        self._draw = draw
        self._places = places
        self._orders_left = MOST_ORDERS if draw.random() < 0.2 else 0

    def act(self, generation: Generation, *, calm: bool) -> None:
        """Between two moves of the world. What is written may be what fails, or in what the process dies."""
        if generation.dead or generation.engine.desk.failure is not None:
            return
        with suppress(Crash, DutchbookError):
            self._take_back(generation)
        if self._orders_left and not calm and not generation.dead and self._draw.random() < 0.1:
            with suppress(Crash, DutchbookError):
                self._rest(generation)

    def _take_back(self, generation: Generation) -> None:
        """The switch, when a breaker has thrown it; never after the loss limit."""
        switch = generation.engine.desk.ledger.kill_switch
        if switch is not None and "loss" not in switch.reason and self._draw.random() < 0.2:
            generation.engine.desk.record(KillSwitchSet(False, "looked at", "operator"))

    def _rest(self, generation: Generation) -> None:
        """Buy some cents below the best offer, good till cancelled."""
        engine = generation.engine
        venue, native = self._draw.choice(self._places)
        claim = Claim(market_id(venue, native), self._draw.choice((Outcome.YES, Outcome.NO)))
        book = engine.desk.books.get(claim.market)
        offer = None if book is None or not book.live else book.best_offer(claim.outcome)
        if not engine.desk.accepting or offer is None or offer <= 20 * CENT:
            return
        self._orders_left -= 1
        limit = Price((offer // CENT - self._draw.randint(1, 3)) * CENT)
        engine.by_hand.buy(claim, Size(self._draw.randint(6, 12) * DOLLAR), limit, TimeInForce.GTC)
