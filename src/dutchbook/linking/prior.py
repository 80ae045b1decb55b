"""How often venues pay differently on what looks like one bet: a prior for each class, replaced by the ledger's own counts.

The figures are judgement (market structure, section 3.1) until there are counts. The result is the least edge that a bundle must
have for it (`Link.divergence`). Must never make a class safer for lack of evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dutchbook.core.money import RATE_ONE, Rate, Rounding, divide
from dutchbook.linking.reading import Reading


@dataclass(frozen=True, slots=True)
class Prior:
    """A divergence class. `rate` is the expected share (1e-12) of links that pay differently, worth as much as `weight` settled
    links of evidence. Without `arb` its markets are correlated bets and no lock: a veto says so."""

    code: str
    name: str
    rate: Rate
    weight: int
    arb: bool = True


_PER_MILLE: Final = RATE_ONE // 1_000

PRIORS: Final[dict[str, Prior]] = {
    prior.code: prior
    for prior in (
        Prior("game", "winner of a sports game", Rate(3 * _PER_MILLE), 200),
        Prior("print", "scheduled figure of one agency", Rate(3 * _PER_MILLE), 200),
        Prior("election", "election with one list of candidates", Rate(5 * _PER_MILLE), 200),
        Prior("season", "title, season or award", Rate(10 * _PER_MILLE), 100),
        Prior("other", "politics, culture, weather, prices and everything else", Rate(25 * _PER_MILLE), 100),
        Prior(
            "short_price", "price over minutes or hours, from two different feeds", Rate(60 * _PER_MILLE), 50, arb=False
        ),
        Prior(
            "subjective", "death, leaving office, performing, saying, invading", Rate(100 * _PER_MILLE), 50, arb=False
        ),
    )
}

_SUBJECTIVE: Final = re.compile(
    r"\b(?:die[sd]?|death|dead|assassinat\w+|oust\w*|resign\w*|step(?:s|ped)? down|leaves? office|remov\w+ (?:as|from)|impeach\w*"
    r"|perform(?:s|ed|ance)?|sings?|says?|said|mention(?:s|ed)?|tweets?|posts?|invade[sd]?|invasion|attack(?:s|ed)?|strikes? on"
    r"|wears?|suit|capture[sd]?|ceasefire|no longer|out as|out by|out before)\b",
    re.IGNORECASE,
)
_SHORT: Final = re.compile(r"\bup or down\b|\bhourly\b|\b\d+[- ]?(?:m|min|minutes?|h|hours?)\b", re.IGNORECASE)
_PRINT: Final = re.compile(
    r"\b(?:cpi|inflation|gdp|jobs|payrolls?|employment|unemployment|jobless|retail sales|interest rates?|policy rate|funds rate"
    r"|basis points?|bps)\b",
    re.IGNORECASE,
)
_ELECTION: Final = re.compile(
    r"\b(?:election|elected|nominee|nomination|primary|senate|governor|president(?:ial|cy)?|mayor|seats?)\b",
    re.IGNORECASE,
)


def prior_of(readings: Sequence[Reading]) -> Prior:
    """The class of a group of markets: the worst that any of them belongs to, so that a guarded title does not hide it."""
    return max((PRIORS[_code(reading)] for reading in readings), key=lambda prior: prior.rate)


def expected(prior: Prior, settled: int, diverged: int) -> Rate:
    """The chance (1e-12) that the next link of the class diverges: the mean of a Beta prior after so many settled links, of which
    `diverged` paid in a way that no state knows. Rounded up. Raises ValueError for counts that cannot be."""
    if not 0 <= diverged <= settled:
        raise ValueError(f"diverged: {diverged} of {settled} settled links")
    return Rate(divide(prior.rate * prior.weight + diverged * RATE_ONE, prior.weight + settled, Rounding.CEIL))


def _code(reading: Reading) -> str:
    listing = reading.listing
    text = f"{listing.title} {listing.subtitle} {listing.event_title}"
    if reading.topic == "game":
        return "game"
    if _SUBJECTIVE.search(text):
        return "subjective"
    if reading.topic == "asset":
        return "short_price" if _SHORT.search(text) else "other"
    if reading.topic == "rate" or _PRINT.search(text):
        return "print"
    if _ELECTION.search(text):
        return "election"
    return "season" if reading.topic in ("season", "award") else "other"
