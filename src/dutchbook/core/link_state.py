"""How a link comes to be tradable: proposed by the machine, approved or refused by a person; its states as one table.

Theory of operation. A link is PROPOSED when discovery or an imported file says that markets may be one bet: it waits for a person
and is not traded. APPROVED is a person's word for exactly the rules texts that were seen: entries are allowed while every hash
still matches. REJECTED is a person's no, SUSPENDED was approved and takes no new entries until a person looks again. When the
rules of a market are not what they were, a link of any state is PROPOSED again (REOPEN): what a person decided was decided about
another text. Trades that are open go on to their end in every state. A pair of state and turn that the table does not know
raises ImpossibleEvent.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from dutchbook.core.errors import ImpossibleEvent


class Standing(Enum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUSPENDED = "suspended"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity


class LinkTurn(Enum):
    """What moves a link from state to state. All but REOPEN are a person's."""

    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"
    REOPEN = "reopen"

    __hash__ = object.__hash__  # one object a member: the quick hash of identity


_S, _T = Standing, LinkTurn

LINK_TABLE: Final[dict[Standing, dict[LinkTurn, Standing]]] = {
    _S.PROPOSED: {_T.APPROVE: _S.APPROVED, _T.REJECT: _S.REJECTED, _T.REOPEN: _S.PROPOSED},
    _S.APPROVED: {_T.SUSPEND: _S.SUSPENDED, _T.REJECT: _S.REJECTED, _T.REOPEN: _S.PROPOSED},
    _S.REJECTED: {_T.APPROVE: _S.APPROVED, _T.REOPEN: _S.PROPOSED},
    _S.SUSPENDED: {_T.APPROVE: _S.APPROVED, _T.REJECT: _S.REJECTED, _T.REOPEN: _S.PROPOSED},
}

DECIDED: Final = frozenset({_S.APPROVED, _S.REJECTED, _S.SUSPENDED})
"""States that a person chose: nothing waits there."""


def next_standing(standing: Standing, turn: LinkTurn) -> Standing:
    """The table's answer; raises ImpossibleEvent for a pair that it does not know."""
    try:
        return LINK_TABLE[standing][turn]
    except KeyError:
        raise ImpossibleEvent(f"link that is {standing.value} cannot take the turn {turn.value}") from None
