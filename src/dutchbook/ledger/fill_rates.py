"""How often entry orders fill and what unwinding costs, as the engine's own trades show: a fold that is fed trade by trade.

Nothing here is kept in a file: it is rebuilt from the ledger at the start and then told of each trade that ends. It must
never count an order whose fate is open, and never a sale that was not an unwinding.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt
from typing import Final, NamedTuple

from dutchbook.core.claim import venue_of
from dutchbook.core.link import LinkKind
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Rate
from dutchbook.core.order import Action, OrderState
from dutchbook.core.position import LegRow, OrderRow, TradeBook
from dutchbook.ledger.projection import Ledger

PRIORS: Final[dict[tuple[bool, bool], tuple[int, int]]] = {
    (False, False): (9, 1),
    (False, True): (8, 2),
    (True, False): (7, 3),
    (True, True): (7, 3),
}
"""(delayed, later) -> (fills, misses) that count as seen before the first trade. Judgement: nobody publishes two-leg fill
rates (market structure, 6.1); an order that waits for another's answer meets a book that is one round trip older."""

PRIOR_CONTRACTS: Final = 100 * MICRO
"""How many contracts the books' own cost of unwinding weighs against the realised one. Judgement."""

_Z_SQUARED: Final = (2_705_543, 1_000_000)
"""Square of the normal deviate 1.644854: one-sided bounds at 95 %."""

_NEVER_REACHED: Final = frozenset({OrderState.PLANNED, OrderState.NOT_SENT, OrderState.DRY_RUN})


class Entry(NamedTuple):
    """A class of entry orders. `later` are those sent after the answer of the trade's first orders."""

    venue: str
    delayed: bool
    later: bool = False


class Tally(NamedTuple):
    """Orders sent and filled in full; contracts unwound (millionths) and what that cost (millionths of a dollar)."""

    sent: int
    filled: int
    unwound: int
    unwind_cost: int


_Part = tuple[Entry, Tally]

_EMPTY: Final = Tally(0, 0, 0, 0)


class FillRates:
    """Counters by class of entry; whether a leg was delayed is in its plan."""

    __slots__ = ("_followed", "_parts", "_sums")

    def __init__(self) -> None:
        self._followed = 0
        self._sums: dict[Entry, Tally] = {}
        self._parts: dict[str, tuple[_Part, ...]] = {}

    def follow(self, ledger: Ledger) -> None:
        """Take the trades that have ended since the last call; the first call takes all, a later one costs nothing for the
        past."""
        for trade in ledger.newest(self._followed):
            if not trade.working:
                self.take(trade)
        self._followed = ledger.facts

    def take(self, trade: TradeBook) -> None:
        """Count a trade that has ended; one that was reopened and ended again replaces what it said before."""
        for entry, part in self._parts.pop(trade.id, ()):
            self._add(entry, part, -1)
        parts = tuple(self._entries(trade))
        if parts:
            self._parts[trade.id] = parts
        for entry, part in parts:
            self._add(entry, part, 1)

    def tally(self, entry: Entry) -> Tally:
        """What was seen of a class, without any prior."""
        return self._sums.get(entry, _EMPTY)

    def known(self) -> dict[Entry, Tally]:
        """All classes that have been seen."""
        return {entry: tally for entry, tally in self._sums.items() if tally != _EMPTY}

    def fill(self, entry: Entry) -> Rate:
        """The chance that such an order fills in full: the mean of the Beta posterior. Waiting never makes it better."""
        filled, sent = self._posterior(entry)
        chance = Rate(filled * RATE_ONE // sent)
        return min(chance, self.fill(entry._replace(later=False))) if entry.later else chance

    def fill_lower(self, entry: Entry) -> Rate:
        """One less the upper bound of the miss rate."""
        return Rate(RATE_ONE - self.miss_upper(entry))

    def miss_upper(self, entry: Entry) -> Rate:
        """Upper Wilson bound, one-sided 95 %, of the chance that such an order does not fill; the prior counts as seen."""
        filled, sent = self._posterior(entry)
        bound = wilson_upper(sent - filled, sent)
        return max(bound, self.miss_upper(entry._replace(later=False))) if entry.later else bound

    def unwind(self, entry: Entry, by_the_books: Cash) -> Cash:
        """Cost of unwinding a contract, millionths of a dollar: the books' figure, pulled towards the realised one."""
        seen = self.tally(entry)
        weighed = by_the_books * PRIOR_CONTRACTS + seen.unwind_cost * MICRO
        return Cash(max(0, -(-weighed // (PRIOR_CONTRACTS + seen.unwound))))

    def _posterior(self, entry: Entry) -> tuple[int, int]:
        """(filled, sent), the prior's included."""
        fills, misses = PRIORS[entry.delayed, entry.later]
        seen = self.tally(entry)
        return fills + seen.filled, fills + misses + seen.sent

    def _add(self, entry: Entry, part: Tally, sign: int) -> None:
        old = self.tally(entry)
        self._sums[entry] = Tally(*(before + sign * more for before, more in zip(old, part, strict=True)))

    def _entries(self, trade: TradeBook) -> Iterable[_Part]:
        if trade.opened.kind == LinkKind.SINGLE.value or not any(leg.orders for leg in trade.legs):
            return
        opening = {plan.id for plan in trade.opened.orders}
        exits = [[row for row in leg.orders if _leaves(row)] for leg in trade.legs]
        # an unwinding leaves the leg that missed alone; a surplus apart, early exits are of all legs
        unwinding = not all(any(row.fills for row in rows) for rows in exits)
        for leg, left in zip(trade.legs, exits, strict=True):
            entry = leg.orders[0] if leg.orders else None
            if entry is None or entry.state in _NEVER_REACHED:
                continue
            unwound, cost = _unwound(leg, left) if unwinding else (0, 0)
            venue, delayed = venue_of(leg.plan.market), leg.plan.taker_delay_ns > 0
            filled = int(entry.filled >= entry.plan.size)
            yield Entry(venue, delayed, entry.plan.id not in opening), Tally(1, filled, unwound, cost)


def _leaves(row: OrderRow) -> bool:
    """Whether an order gives contracts up: a sale, or a purchase of the opposite claim."""
    return row.plan.action is Action.SELL or row.plan.opposite


def _unwound(leg: LegRow, left: Iterable[OrderRow]) -> tuple[int, int]:
    """(contracts given up, what that cost against what they were bought for, all fees included)."""
    size = brought = 0
    for row in left:
        size += row.filled
        # with the opposite claim a contract is a set worth a dollar
        brought += (row.filled - row.cash if row.plan.opposite else row.cash) - row.fee
    entries = [row for row in leg.orders if not _leaves(row)]
    bought = sum(row.filled for row in entries)
    if not (size and bought):
        return 0, 0
    return size, sum(row.cash + row.fee for row in entries) * size // bought - brought


def wilson_upper(misses: int, trials: int) -> Rate:
    """Upper end of the Wilson score interval for `misses` in `trials` (> 0), rounded up, over 1e-12.

    `(p + z2/2n + sqrt(z2/n (p (1 - p) + z2/4n))) / (1 + z2/n)`, in exact integers but for the root, which is rounded up.
    """
    z, one = _Z_SQUARED
    # times 2 n one: centre 2 m one + z, root sqrt(z2 one^2 (4 m (n - m) / n + z2)), divisor 2 (n one + z)
    square = z * (4 * misses * (trials - misses) * one * RATE_ONE**2 // trials + z * RATE_ONE**2)
    numerator = (2 * misses * one + z) * RATE_ONE + isqrt(square) + 1
    return Rate(min(RATE_ONE, -(-numerator // (2 * (trials * one + z)))))
