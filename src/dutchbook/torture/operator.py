"""The person at the engine of a seed: takes the kill switch back after a look, has an order rest, takes a trade over.

Acts through what a person has: the facts that `dutchbook start` books, orders by hand, and the repairs of single trades.
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
from dutchbook.core.trade import Phase
from dutchbook.execution.decide import Wish
from dutchbook.torture.generation import Generation
from dutchbook.torture.network import Crash
from dutchbook.torture.venue_faults import CENT, DOLLAR, Place

MOST_ORDERS: Final = 4
"""Resting orders in one seed."""

TAKE_OVER: Final = 0.15
"""Of the seeds, in so many trades are handed over to the person, and some of them handed back."""


class Operator:
    """One a seed; some of them trade by hand."""

    def __init__(self, seed: int, places: Sequence[Place]) -> None:
        draw = self._draw = random.Random(f"{seed}:operator")
        self._places = places
        # drawn apart: what is handed over changes no other choice
        self._hand = random.Random(f"{seed}:handed over")
        self._takes_over = self._hand.random() < TAKE_OVER
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
        if self._takes_over and not generation.dead:
            with suppress(Crash, DutchbookError):
                self._take_over(generation)

    def _take_back(self, generation: Generation) -> None:
        """The switch, when a breaker has thrown it; never after the loss limit."""
        switch = generation.engine.desk.ledger.kill_switch
        if switch is not None and "loss" not in switch.reason and self._draw.random() < 0.2:
            generation.engine.desk.record(KillSwitchSet(False, "looked at", "operator"))

    def _take_over(self, generation: Generation) -> None:
        """Have a naked trade, seldom a locked one, to oneself; have the engine finish it later, or leave it until it is paid."""
        trades = generation.engine.trades
        for trade in list(generation.engine.desk.ledger.open.values()):
            drawn = self._hand.random()
            if (trade.phase is Phase.NAKED and drawn < 0.3) or (trade.phase is Phase.LOCKED and drawn < 0.004):
                trades.hand_over(trade, "taken over")
            elif trade.phase is Phase.HANDED_OVER and drawn < 0.15:
                trades.wish(trade, self._hand.choice((Wish.COMPLETE, Wish.UNWIND)), "handed back")

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
