"""An approved plan: what the executor is given, and all it accepts. Only the gate makes one.

It cannot be built, copied, changed, pickled or subclassed by anybody else: an approval is for this process, these books and
this second. Across a bus the plan travels as an opportunity and the gate runs again at the other end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

from dutchbook.core.claim import Claim
from dutchbook.core.money import Cash, Price, Size
from dutchbook.core.opportunity import Opportunity


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One order to send: buy `size` of `claim` at `limit` or better. `worst` is all at the limit, fee included."""

    claim: Claim
    size: Size
    limit: Price
    worst: Cash
    pool: str
    taker_delay_ns: int


class _Seal:
    """Known to the gate's module only."""


_SEAL: Final = _Seal()


class Approved:
    """A plan that passed every check. `approved_at_ns` and `expires_ns` are wall nanoseconds: do not send later."""

    __slots__ = ("approved_at_ns", "expires_ns", "legs", "opportunity")

    opportunity: Opportunity
    legs: tuple[PlannedLeg, ...]
    approved_at_ns: int
    expires_ns: int

    def __new__(
        cls,
        seal: object,
        opportunity: Opportunity,
        legs: tuple[PlannedLeg, ...],
        approved_at_ns: int,
        expires_ns: int,
    ) -> Approved:
        if seal is not _SEAL:
            raise TypeError("only the risk gate approves a plan")
        made = object.__new__(cls)
        object.__setattr__(made, "opportunity", opportunity)
        object.__setattr__(made, "legs", legs)
        object.__setattr__(made, "approved_at_ns", approved_at_ns)
        object.__setattr__(made, "expires_ns", expires_ns)
        return made

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("an approval has no subclasses")

    @property
    def worst_cost(self) -> Cash:
        """The most that the plan can cost, fees included."""
        return Cash(sum(leg.worst for leg in self.legs))

    def expired(self, wall_ns: int) -> bool:
        """Whether it may not be acted on any more."""
        return wall_ns > self.expires_ns

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an approval cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("an approval cannot be changed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an approval cannot be copied or serialised")

    def __repr__(self) -> str:
        return f"Approved({self.opportunity.bundle.id}, {len(self.legs)} legs, expires_ns={self.expires_ns})"
