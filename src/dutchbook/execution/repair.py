"""What follows when a person books a counter-entry on a trade. Pure; edits nothing and sends nothing."""

from __future__ import annotations

from dutchbook.core.errors import Skip
from dutchbook.core.facts import LotsMarked
from dutchbook.core.money import format_micros
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase, Turn

_MARKABLE = frozenset({Phase.LOCKED, Phase.FLAT, Phase.FAILED, Phase.NAKED, Phase.HANDED_OVER})


def after_mark(trade: TradeBook, mark: LotsMarked) -> Turn | None:
    """The turn that a trade takes with this mark; None when it stays as it is.

    Raises Skip, naming what is wrong, for a trade that is being worked on, a leg that is not there or has been paid, or
    contracts that are not held.
    """
    if trade.phase not in _MARKABLE:
        raise Skip(f"trade {trade.id} is {trade.result}; only an ended, naked or handed-over trade can be marked")
    if not 0 <= mark.leg < len(trade.legs):
        raise Skip(f"trade {trade.id} has legs 0 to {len(trade.legs) - 1}, not {mark.leg}")
    leg = trade.legs[mark.leg]
    if leg.settled is not None:
        raise Skip(f"trade {trade.id}: leg {mark.leg} has been paid; a mark would change nothing")
    if leg.held + mark.size < 0:
        raise Skip(
            f"trade {trade.id}: leg {mark.leg} holds {format_micros(leg.held, trim=True)} contracts; "
            f"{format_micros(-mark.size, trim=True)} cannot go out"
        )
    if any(not (row.ended and row.accounted) for row in trade.orders()):
        raise Skip(
            f"trade {trade.id} has an order whose fate is not known; wait for it, or end it with `trade void` or `trade fill`"
        )
    if not mark.size:
        return None  # cash alone changes no count
    counts = {other.held + (mark.size if index == mark.leg else 0) for index, other in enumerate(trade.legs)}
    if counts == {0}:
        return _towards(trade, Turn.FLATTEN)
    if trade.in_hand and trade.phase in (Phase.FLAT, Phase.LOCKED):
        return Turn.HAND_OVER
    if len(counts) == 1:
        return _towards(trade, Turn.LOCK)
    return Turn.REOPEN if trade.phase in (Phase.LOCKED, Phase.FLAT, Phase.FAILED) else None


def _towards(trade: TradeBook, turn: Turn) -> Turn | None:
    """An ended trade is reopened and comes to its end by itself; a naked or handed-over one ends at once."""
    if trade.phase in (Phase.NAKED, Phase.HANDED_OVER):
        return turn
    return Turn.REOPEN


def nothing_left(trade: TradeBook) -> bool:
    """Whether a trade holds nothing that still has to be paid, and nothing of it is out."""
    over = all(row.ended and row.accounted for row in trade.orders())
    return over and not any(leg.held or leg.sets for leg in trade.legs)


def require_handing_over(trade: TradeBook) -> None:
    """Raises Skip, naming what is wrong, for a trade that a person cannot take over now."""
    if trade.phase not in (Phase.NAKED, Phase.LOCKED):
        raise Skip(f"trade {trade.id} is {trade.result}; only a naked or locked trade can be handed over")
    if not all(row.ended and row.accounted for row in trade.orders()):
        raise Skip(f"trade {trade.id} has an order out; wait for its end, or end it with `trade void` or `trade fill`")
