"""How old a quote may be before it must not be traded on (market structure, sections 6.2 and 6.3).

A price moves about `phi(PhiInv(p)) * sqrt(dt / tau)` in `dt`; the age limit is where that reaches a quarter of the edge.
Pure integers from a small table; no clock is read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist
from typing import Final

from dutchbook.core.money import MICRO, Cash, Price
from dutchbook.risk.limits import MAX_AGE_NS, MIN_AGE_NS

_NORMAL: Final = NormalDist()
_PHI: Final = (0, *(round(_NORMAL.pdf(_NORMAL.inv_cdf(cent / 100)) * MICRO) for cent in range(1, 100)), 0)
"""`phi(PhiInv(p))` in millionths for p = 0.00 … 1.00; six digits, so that every platform has the same table."""

_CENT: Final = MICRO // 100


def volatility(price: Price) -> int:
    """`phi(PhiInv(price))` in millionths, never below the true value: the larger neighbour in a table of whole cents."""
    low = price // _CENT
    return max(_PHI[low], _PHI[min(low + (price % _CENT > 0), 100)])


def age_limit(edge: Cash, prices: Iterable[Price], remaining_ns: int) -> int:
    """Allowed age in nanoseconds: `tau * (0.25 g / phi)^2`, within [50 ms, 30 s].

    `edge` is g in millionths of a dollar per bundle, `remaining_ns` tau, the time to resolution. Of several prices the one
    that moves fastest rules. Skew between two books may be half of this.
    """
    phi = max((volatility(price) for price in prices), default=0)
    if phi == 0 or edge <= 0 or remaining_ns <= 0:
        return MIN_AGE_NS
    limit = remaining_ns * edge * edge // (16 * phi * phi)
    return max(MIN_AGE_NS, min(MAX_AGE_NS, limit))
