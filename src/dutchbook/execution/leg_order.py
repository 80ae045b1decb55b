"""Which leg goes first, whether the trade is worth its misses, and the orders that open it (market structure, 6.4 and 6.6).

Pure arithmetic on exact integers. Probabilities and dollars a contract are rates (1e-12). It reads no book, keeps no
evidence and must never send a leg under a taker delay together with legs that have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Final

from dutchbook.core.money import MICRO, RATE_ONE, Cash, Rate
from dutchbook.core.order import Action, Intent, TimeInForce
from dutchbook.risk.approved import Approved

MICROS_TO_RATE: Final = RATE_ONE // MICRO
"""Millionths of a dollar times this are dollars over 1e-12."""


@dataclass(frozen=True, slots=True)
class LegOdds:
    """What is known of one leg. `now` is the chance that it fills at its limit when it is among the first orders, `later`
    when it is sent after their answer; `unwind` what selling a contract of it again costs, millionths of a dollar.
    """

    now: Rate
    later: Rate
    unwind: Cash
    delayed: bool = False


@dataclass(frozen=True, slots=True)
class Sequencing:
    """The legs of the `first` group leave in parallel, the rest in parallel once all of them have filled.

    `all_fill` is the chance that every leg fills, `miss` that some leg fills and another does not. `gain` and `unwinding`
    are expected dollars a bundle (1e-12): the edge times `all_fill`, and what the misses cost (positive).
    """

    first: tuple[int, ...]
    legs: int
    all_fill: Rate
    miss: Rate
    gain: Rate
    unwinding: Rate

    @property
    def value(self) -> Rate:
        return Rate(self.gain - self.unwinding)

    @property
    def simultaneous(self) -> bool:
        return len(self.first) == self.legs

    def __str__(self) -> str:
        return "all together" if self.simultaneous else f"leg {', '.join(map(str, self.first))} first"


@dataclass(frozen=True, slots=True)
class Expectation:
    """The accept test's terms, dollars a bundle (1e-12): `gain - unwinding + windfall - divergence - carry`.

    `gain` is f_A f_B (g - s); `divergence` is q1, the chance that all legs lose, and `windfall` q2, that more than one wins.
    """

    all_fill: Rate
    miss: Rate
    gain: Rate
    unwinding: Rate
    divergence: Rate
    windfall: Rate
    carry: Rate

    @property
    def value(self) -> Rate:
        return Rate(self.gain - self.unwinding + self.windfall - self.divergence - self.carry)

    def __str__(self) -> str:
        terms = (
            f"{cents(self.gain)} gain at {percent(self.all_fill)} all filled",
            f"- {cents(self.unwinding)} unwinding at {percent(self.miss)} missed",
            f"- {cents(self.divergence)} divergence" if self.divergence else "",
            f"+ {cents(self.windfall)} windfall" if self.windfall else "",
            f"- {cents(self.carry)} carry" if self.carry else "",
        )
        return f"{cents(self.value)} = {' '.join(term for term in terms if term)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The accept test: `point` from the best estimates, `lower` from upper bounds of the miss rates and of q1.

    `break_even` is m*, the miss rate of what follows a filled first leg (the one dearest to unwind) at which it pays nothing.
    """

    accepted: bool
    sequencing: Sequencing
    point: Expectation
    lower: Expectation
    break_even: Rate


@dataclass(frozen=True, slots=True)
class Terms:
    """What one bundle is worth and what it risks apart from misses, dollars a bundle (1e-12).

    `edge` is g, `slippage` s beyond the depth walk, `divergence` q1 with its upper bound, `windfall` q2.
    """

    edge: Rate
    divergence: Rate = Rate(0)
    divergence_upper: Rate = Rate(0)
    windfall: Rate = Rate(0)
    carry: Rate = Rate(0)
    slippage: Rate = Rate(0)


def cents(rate: Rate) -> str:
    """Dollars over 1e-12 as cents with two decimals, floored."""
    hundredths = abs(rate) // 10**8 if rate >= 0 else -(rate // 10**8)
    return f"{'-' if rate < 0 and hundredths else ''}{hundredths // 100}.{hundredths % 100:02d} c"


def percent(rate: Rate) -> str:
    """A probability in whole percent, floored."""
    return f"{rate * 100 // RATE_ONE} %"


def break_even_miss_rate(edge: Rate, unwind: Cash) -> Rate:
    """m* = g / (g + u): a higher chance of missing the second leg loses money. Zero without an edge."""
    if edge <= 0:
        return Rate(0)
    return Rate(edge * RATE_ONE // (edge + unwind * MICROS_TO_RATE))


def sequencing(legs: Sequence[LegOdds], first: tuple[int, ...], edge: Rate) -> Sequencing:
    """The expected value of sending `first` and then the rest.

    With two legs this is 6.4: `f_A (f_B g - (1 - f_B) u_A)` for A first, and for both at once
    `f_A f_B g - f_A (1 - f_B) u_A - f_B (1 - f_A) u_B`. A group with a miss is unwound, and nothing follows it.
    """
    rest = tuple(i for i in range(len(legs)) if i not in first)
    now = {i: legs[i].now for i in first}
    later = {i: legs[i].later for i in rest}
    # numerators: each group over ONE ** its size, so that a whole sequencing is over ONE ** len(legs)
    first_fills, rest_fills = prod(now.values()), prod(later.values())
    rest_one = RATE_ONE ** len(rest)
    fills = first_fills * rest_fills
    lost = _lost(legs, now) * rest_one
    lost += first_fills * ((rest_one - rest_fills) * sum(legs[i].unwind for i in first) + _lost(legs, later))
    none = prod(RATE_ONE - chance for chance in now.values()) * rest_one
    one = RATE_ONE ** len(legs)
    return Sequencing(
        first=first,
        legs=len(legs),
        all_fill=Rate(fills * RATE_ONE // one),
        miss=Rate((one - fills - none) * RATE_ONE // one),
        gain=Rate(fills * edge // one),
        unwinding=Rate(-(-lost * MICROS_TO_RATE // one)),
    )


def _lost(legs: Sequence[LegOdds], chances: dict[int, Rate]) -> int:
    """Expected cost of unwinding a group of parallel legs of which another missed, over ONE ** its size."""
    total = 0
    for leg, chance in chances.items():
        others = [other for i, other in chances.items() if i != leg]
        total += chance * (RATE_ONE ** len(others) - prod(others)) * legs[leg].unwind
    return total


def sequencings(legs: Sequence[LegOdds], edge: Rate) -> list[Sequencing]:
    """Every sequencing, the most valuable first; on a tie the one with more legs in parallel, then the earlier legs.

    Legs under a taker delay always go first, and together: they are uncertain, slow and cannot be cancelled.
    """
    everyone = tuple(range(len(legs)))
    delayed = tuple(i for i in everyone if legs[i].delayed)
    if delayed:
        return [sequencing(legs, delayed, edge)]
    found = [
        sequencing(legs, first, edge) for count in range(len(legs), 0, -1) for first in combinations(everyone, count)
    ]
    found.sort(key=lambda one: one.value, reverse=True)
    return found


def choose(point: Sequence[LegOdds], lower: Sequence[LegOdds], terms: Terms, *, confident: bool) -> Verdict:
    """The most valuable sequencing that passes the accept test; when none does, the most valuable one with its terms.

    `lower` are the same legs with lower bounds of their chances; with `confident` the value there must be positive too.
    """
    verdicts = (accept(point, lower, one.first, terms, confident=confident) for one in sequencings(point, terms.edge))
    best: Verdict | None = None
    for verdict in verdicts:
        if verdict.accepted:
            return verdict
        best = best or verdict
    assert best is not None
    return best


def accept(
    point: Sequence[LegOdds], lower: Sequence[LegOdds], first: tuple[int, ...], terms: Terms, *, confident: bool
) -> Verdict:
    """Formula 6.6 for one sequencing: EV > 0, and with `confident` the lower-confidence EV > 0."""
    edge = Rate(terms.edge - terms.slippage)
    chosen, careful = sequencing(point, first, edge), sequencing(lower, first, edge)
    expected = _expectation(chosen, terms.divergence, terms)
    least = _expectation(careful, max(terms.divergence, terms.divergence_upper), terms)
    accepted = expected.value > 0 and (least.value > 0 or not confident)
    dearest = max(point[i].unwind for i in first)
    return Verdict(accepted, chosen, expected, least, break_even_miss_rate(edge, dearest))


def _expectation(one: Sequencing, divergence: Rate, terms: Terms) -> Expectation:
    return Expectation(one.all_fill, one.miss, one.gain, one.unwinding, divergence, terms.windfall, terms.carry)


def opening_round(approved: Approved, trade: str, first: tuple[int, ...]) -> tuple[Intent, ...]:
    """The orders that open a trade: the legs of `first`.

    One leg that others wait for takes what is there (IOC at its limit), because they are sized to what it filled; legs that
    leave together are fill-or-kill.
    """
    alone = len(first) == 1 and len(approved.legs) > 1
    return tuple(
        Intent(
            id=f"{trade}.{i}.1",
            trade=trade,
            leg=i,
            claim=approved.legs[i].claim,
            action=Action.BUY,
            size=approved.legs[i].size,
            limit=approved.legs[i].limit,
            tif=TimeInForce.IOC if alone else TimeInForce.FOK,
        )
        for i in first
    )
