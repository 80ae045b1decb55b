"""Price grids: which prices a market takes, by range, and the venue's names for the usual ones. Pure data.

Source: facts §6.5. Whole cents are valid everywhere, $0 and $1 never.
"""

from __future__ import annotations

from collections.abc import Sequence

from dutchbook.simulator.kalshi.text import ONE, PRICE_STEP, dollars

WHOLE_CENT = 10_000

Range = tuple[int, int, int]
"""(start, end, step) in millionths."""

_CENT, _HALF, _FIFTH, _DECI, _CENTI = 10_000, 5_000, 2_000, 1_000, 100


def _tapered(edge: int, centre: int, low: int = 100_000) -> tuple[Range, ...]:
    return ((0, low, edge), (low, ONE - low, centre), (ONE - low, ONE, edge))


STRUCTURES: dict[str, tuple[Range, ...]] = {
    "linear_cent": ((0, ONE, _CENT),),
    "deci_cent": ((0, ONE, _DECI),),
    "tapered_deci_cent": _tapered(_DECI, _CENT),
    "center_whole_edge_half_cent": _tapered(_HALF, _CENT),
    "center_whole_edge_quint_cent": _tapered(_FIFTH, _CENT),
    "center_half_edge_half_cent": _tapered(_HALF, _HALF),
    "center_half_edge_quint_cent": _tapered(_FIFTH, _HALF),
    "center_half_edge_deci_cent": _tapered(_DECI, _HALF),
    "center_quint_edge_quint_cent": _tapered(_FIFTH, _FIFTH),
    "center_quint_edge_deci_cent": _tapered(_DECI, _FIFTH),
    "center_centi_edge_centi_cent": ((0, ONE, _CENTI),),
    "center_deci_edge_centi_cent": _tapered(_CENTI, _DECI, 10_000),
}


def uniform(step: int) -> tuple[Range, ...]:
    """One range over the whole book."""
    return ((0, ONE, step),)


def label(ranges: Sequence[Range]) -> str:
    """The venue's name of a grid; `custom` for one that has none."""
    return next((name for name, known in STRUCTURES.items() if known == tuple(ranges)), "custom")


def contains(ranges: Sequence[Range], price: int) -> bool:
    """Whether an order may carry this price."""
    on_step = any(start <= price <= end and (price - start) % step == 0 for start, end, step in ranges)
    return 0 < price < ONE and (on_step or price % WHOLE_CENT == 0)


def rows(ranges: Sequence[Range]) -> list[dict[str, str]]:
    """`price_ranges` on the wire."""
    return [{"start": dollars(start), "end": dollars(end), "step": dollars(step)} for start, end, step in ranges]


def check(ranges: Sequence[Range]) -> None:
    """Raises ValueError unless the ranges follow each other from 0 to 1 in steps that the wire can write."""
    at = 0
    for start, end, step in ranges:
        if start != at or end <= start or step <= 0 or step % PRICE_STEP or (end - start) % step:
            raise ValueError(f"price range {start}..{end} step {step} is no part of a grid from 0 to 1")
        at = end
    if at != ONE:
        raise ValueError("a price grid reaches from 0 to 1")
