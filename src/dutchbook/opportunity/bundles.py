"""Which claims make a bundle: every minimal set that pays at least 1 in each core state of a link.

Read from the state-payoff table alone, so yes/no, cross-team, three-way and baskets are one search. It never looks at a
price, never puts YES and NO of one market together (that is a data alarm, not a trade), and never leaves the pure core.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import combinations
from typing import Final

from dutchbook.core.claim import Claim, Outcome
from dutchbook.core.errors import Skip
from dutchbook.core.link import Link
from dutchbook.core.money import MICRO, Price
from dutchbook.core.opportunity import Bundle

MAX_CLAIMS: Final = 6
"""The most legs a bundle may have; wider sets are not listed (each leg is one more order that can miss)."""

MAX_MARKETS: Final = 12
"""The most markets a link may have: two venues with six outcomes each. The search grows with its sixth power."""

_Column = tuple[int, ...]
"""What a claim pays in each core state."""

_Choice = tuple[tuple[int, Outcome], ...]
"""Numbers of markets and what is bought there."""


def bundles_of(link: Link) -> tuple[Bundle, ...]:
    """Every minimal bundle of 2 to 6 claims, one unit each, smallest first, in an order and with ids stable across runs.

    Minimal: without any one claim it would guarantee less, and it is not two parts, each paying 1, that guarantee as much
    when bought apart.
    Raises Skip naming the link when it has too many markets to search, or no bundle at all.
    """
    if len(link.payoffs) > MAX_MARKETS:
        raise Skip(
            f"link {link.id}: has {len(link.payoffs)} markets and at most {MAX_MARKETS} can be searched; split the link"
        )
    core = [number for number, state in enumerate(link.states) if state.core]
    markets = sorted(link.payoffs)
    table = tuple(
        (
            tuple(int(link.pays(Claim(market, Outcome.YES), state)) for state in core),
            tuple(int(link.pays(Claim(market, Outcome.NO), state)) for state in core),
        )
        for market in markets
    )
    found: list[Bundle] = []
    for chosen, guaranteed in _minimal(table):
        claims = tuple(Claim(markets[number], outcome) for number, outcome in chosen)
        found.append(Bundle(bundle_id(link, claims), link, claims, Price(guaranteed)))
    if not found:
        raise Skip(f"link {link.id}: no bundle of at most {MAX_CLAIMS} claims pays 1 in every core state")
    found.sort(key=lambda bundle: (len(bundle.claims), bundle.claims[0].market, bundle.id))
    return tuple(found)


@lru_cache(256)
def _minimal(table: tuple[tuple[_Column, _Column], ...]) -> tuple[tuple[_Choice, int], ...]:
    """The choices that are minimal bundles, with what they guarantee. `table` is what YES and NO of each market pay.

    Most links are alike in it, whatever they are about: the search is made once for all of them.
    """
    found: list[tuple[_Choice, int]] = []
    for count in range(2, min(MAX_CLAIMS, len(table)) + 1):
        for numbers in combinations(range(len(table)), count):
            _combine(table, numbers, (), (), (0,) * len(table[0][0]), found)
    return tuple(found)


def bundle_id(link: Link, claims: tuple[Claim, ...]) -> str:
    """`link id#digest`: the digest names the set of claims, whatever order they or the link's markets come in."""
    digest = hashlib.sha256("\n".join(sorted(map(str, claims))).encode()).hexdigest()
    return f"{link.id}#{digest[:12]}"


def _combine(
    table: tuple[tuple[_Column, _Column], ...],
    numbers: tuple[int, ...],
    choice: _Choice,
    columns: tuple[_Column, ...],
    sums: _Column,
    found: list[tuple[_Choice, int]],
) -> None:
    """Choose YES or NO for each market; keep the choices that are minimal bundles."""
    if len(choice) == len(numbers):
        guaranteed = min(sums)
        if guaranteed >= MICRO and _needs_all(columns, sums, guaranteed) and not _splits(columns, guaranteed):
            found.append((choice, guaranteed))
        return
    number = numbers[len(choice)]
    for outcome, column in zip((Outcome.YES, Outcome.NO), table[number], strict=True):
        total = tuple(map(int.__add__, sums, column))
        _combine(table, numbers, (*choice, (number, outcome)), (*columns, column), total, found)


def _needs_all(columns: tuple[_Column, ...], sums: _Column, guaranteed: int) -> bool:
    """Whether leaving out any one claim lowers the guarantee."""
    return all(min(map(int.__sub__, sums, column)) < guaranteed for column in columns)


def _splits(columns: tuple[_Column, ...], guaranteed: int) -> bool:
    """Whether two parts that each pay 1 guarantee as much bought apart as these claims together."""
    first, rest = columns[0], columns[1:]
    for count in range(len(rest)):
        for others in combinations(range(len(rest)), count):
            left = _guarantee([first, *(rest[i] for i in others)])
            right = _guarantee([rest[i] for i in range(len(rest)) if i not in others])
            if left >= MICRO and right >= MICRO and left + right >= guaranteed:
                return True
    return False


def _guarantee(columns: list[_Column]) -> int:
    return min(map(sum, zip(*columns, strict=True)))
