"""A trade: N legs that end together, or are rolled back together; its phases as one table.

Theory of operation. A trade is OPENED when its whole intent is journaled. EXECUTING while its first round of orders is out.
When all orders of a round have ended, the counts of the legs decide. Equal and positive is LOCKED: the bundle pays in every
outcome. All zero is FAILED when nothing ever filled, FLAT when what had filled is gone again. Unequal is PARTIAL: the
cheapest way to an equal count is being chosen. HEDGING buys what is missing, UNWINDING sells what is too much, SETTLING waits
until bought contracts may be sold; each ends in LOCKED, FLAT or PARTIAL again. When rounds are used up, or no way is there, the
trade is NAKED: new entries stop and it is worked on, round after round, until LOCKED or FLAT; a person may take it over, and
then it is HANDED_OVER: the engine leaves it alone and the ledger waits for marks or for the markets to pay. What happens to
such a trade after nothing was left of it, or after marks made it equal, makes it HANDED_OVER again, until it is handed back.
A LOCKED trade can be sold before its markets pay (EXIT), or be taken over by a person who sells it outside. LOCKED, FLAT
and FAILED are not for ever: a late fill, a fill that fails or a mark makes the trade PARTIAL again (REOPEN). SETTLED: every
leg's market has paid; a later correction is a further fact. DRY_RUN is decided in full and never sent. An event that the
table does not know raises ImpossibleEvent.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from dutchbook.core.errors import ImpossibleEvent


class Phase(Enum):
    OPENED = "opened"
    EXECUTING = "executing"
    PARTIAL = "partial"
    HEDGING = "hedging"
    UNWINDING = "unwinding"
    SETTLING = "settling"
    NAKED = "naked"
    HANDED_OVER = "handed_over"
    LOCKED = "locked"
    FLAT = "flat"
    FAILED = "failed"
    SETTLED = "settled"
    DRY_RUN = "dry_run"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity


class Turn(Enum):
    """What moves a trade from phase to phase."""

    START = "start"
    FALL_SHORT = "fall_short"
    HEDGE = "hedge"
    UNWIND = "unwind"
    AWAIT = "await"
    STRAND = "strand"
    HAND_OVER = "hand_over"
    LOCK = "lock"
    EXIT = "exit"
    FLATTEN = "flatten"
    MISS = "miss"
    REOPEN = "reopen"
    SETTLE = "settle"
    DRY_RUN = "dry_run"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity


_P, _T = Phase, Turn

_ENDS_OF_A_ROUND: Final = {_T.LOCK: _P.LOCKED, _T.FLATTEN: _P.FLAT, _T.FALL_SHORT: _P.PARTIAL}
_NEXT_ROUNDS: Final = {_T.HEDGE: _P.HEDGING, _T.UNWIND: _P.UNWINDING, _T.STRAND: _P.NAKED}

TRADE_TABLE: Final[dict[Phase, dict[Turn, Phase]]] = {
    _P.OPENED: {_T.START: _P.EXECUTING, _T.DRY_RUN: _P.DRY_RUN, _T.MISS: _P.FAILED},
    _P.EXECUTING: {**_ENDS_OF_A_ROUND, _T.MISS: _P.FAILED},
    _P.PARTIAL: {
        **_NEXT_ROUNDS,
        _T.AWAIT: _P.SETTLING,
        # the rest is dust that no order can remove, or a late fill or a mark made the counts equal
        _T.LOCK: _P.LOCKED,
        _T.FLATTEN: _P.FLAT,
    },
    _P.HEDGING: {**_ENDS_OF_A_ROUND},
    _P.UNWINDING: {**_ENDS_OF_A_ROUND},
    _P.SETTLING: {**_ENDS_OF_A_ROUND, **_NEXT_ROUNDS},
    _P.NAKED: {
        _T.LOCK: _P.LOCKED,
        _T.FLATTEN: _P.FLAT,
        _T.HEDGE: _P.NAKED,
        _T.UNWIND: _P.NAKED,
        _T.STRAND: _P.NAKED,
        _T.HAND_OVER: _P.HANDED_OVER,
        # its markets have paid before it could be closed
        _T.SETTLE: _P.SETTLED,
    },
    _P.HANDED_OVER: {
        _T.REOPEN: _P.PARTIAL,
        _T.LOCK: _P.LOCKED,
        _T.FLATTEN: _P.FLAT,
        _T.SETTLE: _P.SETTLED,
    },
    _P.LOCKED: {
        _T.SETTLE: _P.SETTLED,
        _T.REOPEN: _P.PARTIAL,
        _T.EXIT: _P.UNWINDING,
        _T.HAND_OVER: _P.HANDED_OVER,
    },
    _P.FLAT: {
        _T.REOPEN: _P.PARTIAL,
        _T.SETTLE: _P.SETTLED,
        # it was in a person's hands until nothing was left, and something came back
        _T.HAND_OVER: _P.HANDED_OVER,
    },
    _P.FAILED: {_T.REOPEN: _P.PARTIAL},
    _P.SETTLED: {},
    _P.DRY_RUN: {},
}

WORKING: Final = frozenset(
    {_P.OPENED, _P.EXECUTING, _P.PARTIAL, _P.HEDGING, _P.UNWINDING, _P.SETTLING, _P.NAKED},
)
"""Phases in which the engine still has orders to send or answers to wait for."""

UNEQUAL: Final = frozenset({_P.PARTIAL, _P.HEDGING, _P.UNWINDING, _P.SETTLING, _P.NAKED})
"""Phases that say that the legs may hold different counts: no new entries meanwhile."""


def next_phase(phase: Phase, turn: Turn) -> Phase:
    """The table's answer; raises ImpossibleEvent for a pair that it does not know."""
    try:
        return TRADE_TABLE[phase][turn]
    except KeyError:
        raise ImpossibleEvent(f"trade in phase {phase.value} cannot take the turn {turn.value}") from None
