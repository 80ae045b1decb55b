"""Who plays, when it begins and whom a market's YES stands for: milestones and structured targets joined to listings.

Reads only, for discovery. Nothing here is needed to list a market: what cannot be read is named in `unread` and stays absent,
and where two milestones could be meant none is. Source: Kalshi API documentation, milestones and structured targets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from dutchbook.core.clock import DAY
from dutchbook.core.errors import DutchbookError
from dutchbook.core.listing import Listing
from dutchbook.venues.kalshi.fields import nanoseconds
from dutchbook.venues.kalshi.reference import KalshiReference, Milestone, StructuredTarget

BEGUN_NS: Final = 14 * DAY
"""How long ago something may have begun that open markets are still about: a series or a tournament, no single game."""

IDS_A_CALL: Final = 100
"""Targets asked for at once: 4 kB of address."""

STRIKE: Final = "custom_strike."
"""How a listing names what a structured strike says."""

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COMPETITION: Final = ("competition", "league")
_HOME, _AWAY = "home_", "away_"


@dataclass(slots=True)
class KalshiHappenings:
    """What one pass of discovery has learned beside the events."""

    reads: KalshiReference
    milestones: int = 0
    joined: int = 0
    """Listings that a milestone or a target said something about."""
    unread: dict[str, str] = field(default_factory=dict)
    """What could not be read, with the reason."""
    _primary: dict[str, list[Milestone]] = field(default_factory=dict)
    _related: dict[str, list[Milestone]] = field(default_factory=dict)
    _targets: dict[str, StructuredTarget | None] = field(default_factory=dict)

    @property
    def targets(self) -> int:
        """How many teams, players and other things were read by name."""
        return sum(target is not None for target in self._targets.values())

    async def begin(self, now_ns: int) -> None:
        """Read the milestones once; an error leaves them all out, since a part does not show what is ambiguous."""
        try:
            found = await self.reads.milestones(since_ns=max(1, now_ns - BEGUN_NS))
        except DutchbookError as error:
            self.unread["milestones"] = str(error)
            return
        self.milestones = len(found)
        for milestone in found:
            for places, events in (
                (self._primary, milestone.primary_event_tickers),
                (self._related, milestone.related_event_tickers),
            ):
                for event in dict.fromkeys(events):
                    places.setdefault(event, []).append(milestone)

    async def told(self, page: Sequence[Listing]) -> list[Listing]:
        """The same listings in the same order, each with what is known beside it."""
        wanted = {each for listing in page for each in self._ids(listing)}
        await self._read(each for each in sorted(wanted) if each not in self._targets)
        found = [self._with(listing) for listing in page]
        self.joined += sum(one is not other for one, other in zip(page, found, strict=True))
        return found

    def _milestone(self, event: str) -> Milestone | None:
        """The one milestone that this event is about; None when several could be meant."""
        named = self._primary.get(event) or self._related.get(event) or []
        return named[0] if len(named) == 1 else None

    def _ids(self, listing: Listing) -> Iterator[str]:
        yield from (value for name, value in listing.structured if name.startswith(STRIKE) and _ID.fullmatch(value))
        milestone = self._milestone(listing.event)
        if milestone is not None:
            yield from _sides(milestone.details or {}).values()

    async def _read(self, ids: Iterable[str]) -> None:
        rest = iter(ids)
        while asked := list(islice(rest, IDS_A_CALL)):
            try:
                found = await self.reads.structured_targets(asked)
            except DutchbookError as error:
                self.unread["structured targets"] = str(error)
                return
            self._targets |= dict.fromkeys(asked) | {target.id: target for target in found if target.name}

    def _with(self, listing: Listing) -> Listing:
        milestone = self._milestone(listing.event)
        told = [] if milestone is None else list(self._happening(milestone))
        for name, value in listing.structured:
            target = self._targets.get(value) if name.startswith(STRIKE) else None
            if target is not None:
                told.append((f"target.{target.type or name.removeprefix(STRIKE)}", target.name))
        if not told:
            return listing
        starts = listing.starts_ns if milestone is None else nanoseconds(milestone.start_date)
        return replace(listing, structured=(*listing.structured, *told), starts_ns=starts)

    def _happening(self, milestone: Milestone) -> Iterator[tuple[str, str]]:
        yield "milestone", milestone.id
        if milestone.type:
            yield "milestone_type", milestone.type
        details = milestone.details or {}
        for name in _COMPETITION:
            if isinstance(details.get(name), str) and details[name]:
                yield "league", details[name]
                break
        yield "start", f"{milestone.start_date:%Y-%m-%dT%H:%M:%S%z}"
        for place, side in _sides(details).items():
            target = self._targets.get(side)
            if target is not None:
                yield place, target.name


def _sides(details: Mapping[str, Any]) -> dict[str, str]:
    """home and away, or first and second, with their target ids; none unless there are exactly two."""
    ids = {
        name: value
        for name, value in details.items()
        if name.endswith("_id") and isinstance(value, str) and _ID.fullmatch(value)
    }
    home, away = ([name for name in ids if name.startswith(place)] for place in (_HOME, _AWAY))
    if len(home) == len(away) == 1:
        sides = {"home": ids[home[0]], "away": ids[away[0]]}
    elif len(ids) == 2 and not home and not away:
        sides = dict(zip(("first", "second"), ids.values(), strict=True))
    else:
        return {}
    return sides if len(set(sides.values())) == 2 else {}
