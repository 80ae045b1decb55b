"""From judged pairs to links for a person's decision: pairs that hang together become one link, with its state-payoff table.

Yes/no, cross-team and three-way links. What is doubtful about a link becomes a veto in words. Must never drop a veto that a pair
had, and knows nothing of approval.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dutchbook.core.claim import market_id
from dutchbook.core.facts import LinkMember, LinkProposed, LinkVeto
from dutchbook.core.link import LONGEST_RULES, LinkKind, rules_hash
from dutchbook.core.money import MICRO
from dutchbook.linking.listing import Listing
from dutchbook.linking.prior import prior_of
from dutchbook.linking.reading import Reading
from dutchbook.linking.states import state_rows
from dutchbook.linking.verdict import Verdict

MOST_MEMBERS: Final = 12
"""The most markets that a link can be searched with (`opportunity.bundles`)."""

_Name = tuple[str, str]
"""Venue and its id."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Two readings and the verdict on them."""

    first: Reading
    second: Reading
    verdict: Verdict


@dataclass(slots=True)
class _Claim:
    """Markets on one question: each with whether its YES is the question's YES. `pairs` are what put them together."""

    members: dict[_Name, tuple[Reading, bool]]
    pairs: list[Judged]

    @property
    def readings(self) -> list[Reading]:
        return [reading for reading, _ in self.members.values()]


def unique(listings: Iterable[Listing]) -> tuple[list[Listing], list[str]]:
    """Each market once, and the ids that were listed twice with different contents: those are left out, whichever is right."""
    kept: dict[_Name, Listing] = {}
    twice: dict[_Name, None] = {}
    for listing in listings:
        name = (listing.venue, listing.id)
        if kept.setdefault(name, listing) != listing:
            twice[name] = None
    return [listing for name, listing in kept.items() if name not in twice], [
        f"{venue}:{native}" for venue, native in twice
    ]


def proposals(judged: Iterable[Judged], by: str) -> list[LinkProposed]:
    """The links that follow from proposed pairs. Pairs that are not proposed say nothing here; see `vetoed`."""
    claims = _claims([pair for pair in judged if pair.verdict.proposed])
    found: list[LinkProposed] = []
    alone: list[_Claim] = []
    by_event: dict[frozenset[tuple[str, str]], list[_Claim]] = {}
    for claim in claims:
        # an event is what the venues themselves list together
        by_event.setdefault(frozenset((r.listing.venue, r.listing.event) for r in claim.readings), []).append(claim)
    for event, together in by_event.items():
        if all(name for _, name in event) and _is_three_way(together):
            found.append(_three_way(together, by))
        else:
            alone += together
    return found + [_two_way(claim, by) for claim in alone]


def vetoed(pair: Judged, by: str) -> LinkProposed:
    """A pair that the verdict is against, for a person who wants to see why. It always has a veto."""
    same = pair.verdict.polarity != "inverse"
    claim = _Claim({_name(pair.first): (pair.first, True), _name(pair.second): (pair.second, same)}, [pair])
    vetoes = [LinkVeto(veto.code, veto.text) for veto in pair.verdict.vetoes]
    if pair.verdict.polarity is None:
        vetoes.append(LinkVeto("polarity", "nothing says whether YES of one is YES or NO of the other"))
    return _two_way(claim, by, vetoes or [LinkVeto("evidence", pair.verdict.why)])


def link_id(names: Sequence[_Name]) -> str:
    """A name that follows from the members alone: the ids of two markets, or a digest of more."""
    ordered = sorted(names, reverse=True)
    if len(ordered) == 2:
        return "~".join(native for _, native in ordered)
    digest = hashlib.sha256("\n".join(f"{venue}:{native}" for venue, native in ordered).encode()).hexdigest()[:8]
    return f"{ordered[0][1]}~{len(ordered)}-{digest}"


def _claims(pairs: Sequence[Judged]) -> list[_Claim]:
    """Connected pairs as claims. A contradiction between polarities stays in the pairs, where `_doubts` finds it."""
    home: dict[_Name, _Claim] = {}
    for pair in pairs:
        for reading in (pair.first, pair.second):
            home.setdefault(_name(reading), _Claim({_name(reading): (reading, True)}, []))
        one, two = _name(pair.first), _name(pair.second)
        first, second = home[one], home[two]
        if first is not second:
            alike = first.members[one][1] == second.members[two][1]
            turned = alike != (pair.verdict.polarity == "same")
            for name, (reading, sense) in second.members.items():
                first.members[name] = (reading, sense != turned)
                home[name] = first
            first.pairs += second.pairs
        first.pairs.append(pair)
    return list({id(claim): claim for claim in home.values()}.values())


def _is_three_way(claims: Sequence[_Claim]) -> bool:
    """Home, draw and away of one match: exhaustive because a draw is one of them."""
    if len(claims) != 3 or sum(len(claim.members) for claim in claims) > MOST_MEMBERS:
        return False
    if any(not sense for claim in claims for _, sense in claim.members.values()):
        return False
    sides = [{reading.side for reading in claim.readings} for claim in claims]
    return sum("draw" in each for each in sides) == 1 and all(
        reading.topic == "game" for c in claims for reading in c.readings
    )


def _three_way(claims: Sequence[_Claim], by: str) -> LinkProposed:
    ordered = sorted(claims, key=lambda claim: ("draw" in {r.side for r in claim.readings}, sorted(claim.members)))
    names = _distinct([_side_name(claim) for claim in ordered])
    readings = [reading for claim in ordered for reading in claim.readings]
    core = [
        (name, [MICRO if number == place else 0 for place, claim in enumerate(ordered) for _ in claim.members])
        for number, name in enumerate(names)
    ]
    pairs = [pair for claim in ordered for pair in claim.pairs]
    doubts = [doubt for claim in ordered for doubt in _doubts(claim)]
    return _proposal(LinkKind.THREE_WAY, readings, core, pairs, doubts, by)


def _two_way(claim: _Claim, by: str, vetoes: Sequence[LinkVeto] = ()) -> LinkProposed:
    senses = [sense for _, sense in claim.members.values()]
    inverse = not all(senses)
    names = ["yes", "no"]
    if inverse:
        sides = [
            _outcome(next(r for r, sense in claim.members.values() if sense is wanted)) for wanted in (True, False)
        ]
        names = _distinct(sides)
    core = [
        (name, [MICRO if sense is wanted else 0 for sense in senses])
        for name, wanted in zip(names, (True, False), strict=True)
    ]
    kind = LinkKind.CROSS_TEAM if inverse else LinkKind.YES_NO
    return _proposal(kind, claim.readings, core, claim.pairs, [*vetoes, *_doubts(claim)], by)


def _proposal(
    kind: LinkKind,
    readings: Sequence[Reading],
    core: Sequence[tuple[str, Sequence[int]]],
    pairs: Sequence[Judged],
    vetoes: Sequence[LinkVeto],
    by: str,
) -> LinkProposed:
    listings = [reading.listing for reading in readings]
    prior = prior_of(readings)
    why = dict.fromkeys(pair.verdict.why for pair in pairs)
    against = [*vetoes, *(doubt for listing in listings for doubt in _text_doubts(listing))]
    if not prior.arb:
        against.append(
            LinkVeto("class", f"{prior.name}: correlated bets, not a lock; venues have paid these differently")
        )
    if len(listings) > MOST_MEMBERS:
        against.append(LinkVeto("size", f"{len(listings)} markets in one link; at most {MOST_MEMBERS} can be searched"))
    return LinkProposed(
        link=link_id([(listing.venue, listing.id) for listing in listings]),
        kind=kind.value,
        event=_event(listings),
        members=tuple(map(_member, listings)),
        states=state_rows(core, listings, game=any(reading.topic == "game" for reading in readings)),
        prior=prior.code,
        why="; ".join(why),
        by=by,
        vetoes=tuple(dict.fromkeys(against)),
        high=all(pair.verdict.high for pair in pairs) and bool(pairs),
    )


def _doubts(claim: _Claim) -> list[LinkVeto]:
    """What is wrong with pairs that hang together: contradicting polarities, or one market with several twins on a venue."""
    found = []
    for pair in claim.pairs:
        senses = claim.members[_name(pair.first)][1] == claim.members[_name(pair.second)][1]
        if pair.verdict.polarity is not None and senses != (pair.verdict.polarity == "same"):
            found.append(
                LinkVeto(
                    "polarity",
                    f"{pair.first.listing.id} and {pair.second.listing.id} cannot be both what the pairs say",
                )
            )
    sides: dict[tuple[str, bool], list[str]] = {}
    for (venue, native), (_, sense) in claim.members.items():
        sides.setdefault((venue, sense), []).append(native)
    for (venue, _), natives in sides.items():
        if len(natives) > 1:
            found.append(
                LinkVeto(
                    "ambiguous", f"{venue} lists this more than once: {', '.join(natives)}; at most one is the twin"
                )
            )
    return found


def _text_doubts(listing: Listing) -> list[LinkVeto]:
    found = []
    if not listing.rules.strip():
        found.append(LinkVeto("rules", f"{listing.venue} {listing.id} has no rules text: there is nothing to approve"))
    if len(listing.rules) > LONGEST_RULES:
        found.append(
            LinkVeto(
                "length",
                f"the rules of {listing.venue} {listing.id} have {len(listing.rules)} characters and are shown cut",
            )
        )
    if listing.closes_ns is None:
        found.append(LinkVeto("date", f"{listing.venue} {listing.id} does not say when it closes"))
    return found


def _member(listing: Listing) -> LinkMember:
    return LinkMember(
        market=market_id(listing.venue, listing.id),
        title=listing.title,
        rules=listing.rules[:LONGEST_RULES],
        rules_hash=rules_hash(listing.rules),
        subtitle=listing.subtitle,
        event_title=listing.event_title,
        source=listing.source,
        outcomes=listing.outcomes,
        starts_ns=listing.starts_ns or 0,
        closes_ns=listing.closes_ns or 0,
    )


def _event(listings: Sequence[Listing]) -> str:
    """One name for everything that bets on one happening: Polymarket's event where there is one, else the first venue's."""
    for listing in sorted(listings, key=lambda each: (each.venue, each.id), reverse=True):
        if listing.event:
            return listing.event
    return listings[0].id


def _side_name(claim: _Claim) -> str:
    return next((r.side for r in claim.readings if r.side == "draw"), "") or _outcome(claim.readings[0])


def _outcome(reading: Reading) -> str:
    """What YES of a market is called."""
    listing = reading.listing
    first = listing.outcomes[0] if listing.outcomes else ""
    return first if first and first.lower() != "yes" else listing.subtitle or reading.side or "yes"


def _distinct(names: Sequence[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name} {number}" for number, name in enumerate(names, 1)]


def _name(reading: Reading) -> _Name:
    return reading.listing.venue, reading.listing.id
