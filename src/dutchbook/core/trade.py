"""A trade: N legs that end together, or are rolled back together; its phases as one table.

Theory of operation. A trade is OPENED when its whole intent is journaled. EXECUTING while a first round of orders is out.
When all orders of a round have ended, the counts of the legs decide: equal and positive is LOCKED, all zero is FAILED;
otherwise the cheapest way to an equal count is taken: HEDGING buys what is missing, UNWINDING sells what is too much.
Rounds repeat; UNWINDING that ends at zero is ROLLED_BACK with its real loss. When rounds are used up and the counts still
differ the trade is NAKED: new entries stop and it is worked on, round after round, until LOCKED or ROLLED_BACK.
A LOCKED trade becomes SETTLED when every leg's market has paid. A fill that fails after LOCKED reopens it as HEDGING.
DRY_RUN is decided in full and never sent. An event the table does not know raises ImpossibleEvent.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from dutchbook.core.errors import ImpossibleEvent


class Phase(Enum):
    OPENED = "opened"
    EXECUTING = "executing"
    HEDGING = "hedging"
    UNWINDING = "unwinding"
    NAKED = "naked"
    LOCKED = "locked"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    SETTLED = "settled"
    DRY_RUN = "dry_run"


class Turn(Enum):
    """What moves a trade from phase to phase."""

    START = "start"
    HEDGE = "hedge"
    UNWIND = "unwind"
    STRAND = "strand"
    LOCK = "lock"
    FLATTEN = "flatten"
    MISS = "miss"
    REOPEN = "reopen"
    SETTLE = "settle"
    DRY_RUN = "dry_run"


_P, _T = Phase, Turn

TRADE_TABLE: Final[dict[Phase, dict[Turn, Phase]]] = {
    _P.OPENED: {_T.START: _P.EXECUTING, _T.DRY_RUN: _P.DRY_RUN, _T.MISS: _P.FAILED},
    _P.EXECUTING: {
        _T.LOCK: _P.LOCKED,
        _T.MISS: _P.FAILED,
        _T.HEDGE: _P.HEDGING,
        _T.UNWIND: _P.UNWINDING,
        _T.STRAND: _P.NAKED,
        # all that was bought is dust that no order can remove
        _T.FLATTEN: _P.ROLLED_BACK,
    },
    _P.HEDGING: {
        _T.LOCK: _P.LOCKED,
        _T.HEDGE: _P.HEDGING,
        _T.UNWIND: _P.UNWINDING,
        _T.FLATTEN: _P.ROLLED_BACK,
        _T.STRAND: _P.NAKED,
    },
    _P.UNWINDING: {
        _T.LOCK: _P.LOCKED,
        _T.HEDGE: _P.HEDGING,
        _T.UNWIND: _P.UNWINDING,
        _T.FLATTEN: _P.ROLLED_BACK,
        _T.STRAND: _P.NAKED,
    },
    _P.NAKED: {
        _T.LOCK: _P.LOCKED,
        _T.HEDGE: _P.NAKED,
        _T.UNWIND: _P.NAKED,
        _T.FLATTEN: _P.ROLLED_BACK,
        _T.STRAND: _P.NAKED,
        _T.SETTLE: _P.SETTLED,
    },
    _P.LOCKED: {_T.SETTLE: _P.SETTLED, _T.REOPEN: _P.HEDGING},
    _P.ROLLED_BACK: {_T.REOPEN: _P.HEDGING, _T.SETTLE: _P.SETTLED},
    _P.FAILED: {_T.REOPEN: _P.HEDGING},
    _P.SETTLED: {},
    _P.DRY_RUN: {},
}

WORKING: Final = frozenset({_P.OPENED, _P.EXECUTING, _P.HEDGING, _P.UNWINDING, _P.NAKED})
"""Phases in which the engine still has orders to send or answers to wait for."""


def next_phase(phase: Phase, turn: Turn) -> Phase:
    """The table's answer; raises ImpossibleEvent for a pair that it does not know."""
    try:
        return TRADE_TABLE[phase][turn]
    except KeyError:
        raise ImpossibleEvent(f"trade in phase {phase.value} cannot take the turn {turn.value}") from None
