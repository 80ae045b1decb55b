"""A link for a person's decision, as plain values for any screen: rules side by side, state-payoff table, doubts, prior, history.

Everything is text, numbers and lists (amounts as decimal text, hostile characters taken out). Must never decide or soften:
what is not known is said to be not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from dutchbook.core.claim import native_of, venue_of
from dutchbook.core.facts import LinkMember, LinkProposed, LinkVeto
from dutchbook.core.money import RATE_ONE, Rate, format_micros
from dutchbook.linking.prior import PRIORS, Prior
from dutchbook.linking.rules_diff import compare

COMPARISONS: Final = 6
"""At most so many pairs of rules are shown side by side for one link."""

UNKNOWN_CLASS: Final = PRIORS["subjective"]
"""What stands for a class that this version does not know: the least trusted one."""


def prior_named(code: str) -> Prior:
    """The class of that name, or the least trusted one."""
    return PRIORS.get(code, UNKNOWN_CLASS)


def review(
    proposal: LinkProposed,
    *,
    standing: str,
    review_code: str,
    divergence: Rate,
    settled: int = 0,
    diverged: int = 0,
    vetoes: Sequence[LinkVeto] = (),
    remarks: Iterable[tuple[str, str]] = (),
    history: Iterable[tuple[str, str, str, str]] = (),
) -> dict[str, Any]:
    """Everything that M11 asks for about one link.

    `divergence` is the chance now in use, from the class's prior and `settled`/`diverged` links of it; `vetoes` are all reasons
    against it; `remarks` are (by, text) and `history` (when, what, by, reason). Keys: link, kind, event, standing, review_code,
    why, high_confidence, vetoes, members, states, comparisons, prior, hurdle, remarks, history.
    """
    prior = prior_named(proposal.prior)
    return {
        "link": plain(proposal.link),
        "kind": proposal.kind,
        "event": plain(proposal.event),
        "standing": standing,
        "review_code": review_code,
        "why": plain(proposal.why),
        "proposed_by": plain(proposal.by),
        "high_confidence": proposal.high,
        "vetoes": [{"code": plain(veto.code), "text": plain(veto.text)} for veto in vetoes],
        "members": [_member(member) for member in proposal.members],
        "states": [
            {
                "name": plain(row.name),
                "core": row.core,
                "pays": [None if value is None else format_micros(value, trim=True) for value in row.pays],
                "note": plain(row.note),
            }
            for row in proposal.states
        ],
        "comparisons": [_comparison(proposal.members[one], proposal.members[two]) for one, two in _opposed(proposal)],
        "prior": {
            "class": prior.code,
            "name": prior.name,
            "lock": prior.arb,
            "chance": _chance(prior.rate),
            "weight": prior.weight,
            "settled": settled,
            "diverged": diverged,
        },
        "hurdle": _chance(divergence),
        "remarks": [{"by": plain(by), "text": plain(text)} for by, text in remarks],
        "history": [
            {"at": at, "what": what, "by": plain(by), "reason": plain(reason)} for at, what, by, reason in history
        ],
    }


def plain(text: str) -> str:
    """Text of a venue that may be put on a screen: no control characters (terminal commands among them), no direction marks."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def _member(member: LinkMember) -> dict[str, Any]:
    return {
        "market": member.market,
        "venue": venue_of(member.market),
        "id": native_of(member.market),
        "title": plain(member.title),
        "subtitle": plain(member.subtitle),
        "event_title": plain(member.event_title),
        "outcomes": [plain(outcome) for outcome in member.outcomes],
        "source": plain(member.source),
        "starts_ns": member.starts_ns or None,
        "closes_ns": member.closes_ns or None,
        "rules": plain(member.rules),
        "rules_hash": member.rules_hash,
    }


def _comparison(left: LinkMember, right: LinkMember) -> dict[str, Any]:
    difference = compare(plain(left.rules), plain(right.rules))
    return {
        "left": left.market,
        "right": right.market,
        "topics": [
            {
                "code": topic.topic,
                "name": topic.name,
                "differs": topic.differs,
                "silent": topic.silent,
                "left": list(topic.left),
                "right": list(topic.right),
                "left_says": list(topic.left_says),
                "right_says": list(topic.right_says),
            }
            for topic in difference.topics
        ],
        "segments": [{"kind": each.kind, "left": each.left, "right": each.right} for each in difference.segments],
    }


def _opposed(proposal: LinkProposed) -> list[tuple[int, int]]:
    """Pairs of members of two venues to be read against each other: those that pay alike, or exactly opposite."""
    core = [row.pays for row in proposal.states if row.core]
    columns = [tuple(pays[place] for pays in core) for place in range(len(proposal.members))]
    found = []
    for one, first in enumerate(proposal.members):
        for two, second in enumerate(proposal.members[one + 1 :], one + 1):
            if venue_of(first.market) == venue_of(second.market):
                continue
            opposite = all(
                a is not None and b is not None and a + b == 1_000_000
                for a, b in zip(columns[one], columns[two], strict=True)
            )
            if columns[one] == columns[two] or opposite:
                found.append((one, two))
    return found[:COMPARISONS]


def _chance(rate: Rate) -> str:
    """A probability as decimal text, exact to a millionth, rounded up."""
    return format_micros(-(-rate * 1_000_000 // RATE_ONE), trim=True)
