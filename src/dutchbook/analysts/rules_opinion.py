"""What a reader says about two rules texts, and the checks that make it usable. Sans-I/O: JSON in, remarks and vetoes out.

Everything that the reader writes is somebody's claim: payoffs must be amounts, quotes must stand in the text that they are quoted
from, words are cut and cleaned. An opinion can only add doubts. Must never remove a veto, and has no way to approve.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from dutchbook.core.claim import MarketId
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.facts import LinkMember, LinkProposed, LinkVeto

MOST_DIFFERENCES: Final = 20
LONGEST_WORDS: Final = 400
SHORTEST_QUOTE: Final = 12
"""A quote of fewer letters proves nothing."""

VETO: Final = "reader"
"""Code of a veto that a reader of the rules adds."""

UNSTATED: Final = "unknown"


class Quote(msgspec.Struct, frozen=True):
    """What YES of one market pays in a state ("0", "1", a decimal between, or "unknown"), and the words of its rules for it."""

    market: str
    pays: str
    quote: str = ""


class StatedDifference(msgspec.Struct, frozen=True):
    """A state of the world in which the markets pay differently."""

    state: str
    payoffs: tuple[Quote, ...]
    why: str = ""


class Statement(msgspec.Struct, frozen=True):
    """The whole answer."""

    differences: tuple[StatedDifference, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is left of an answer after the checks: remarks for a person, vetoes, and what was thrown away and why."""

    remarks: tuple[str, ...]
    vetoes: tuple[LinkVeto, ...]
    discarded: tuple[str, ...] = ()


def schema(members: Sequence[LinkMember]) -> dict[str, Any]:
    """The JSON schema that the reader is held to, with the markets by number."""
    numbers = [str(number) for number in range(1, len(members) + 1)]
    payoff = {
        "type": "object",
        "properties": {
            "market": {"type": "string", "enum": numbers},
            "pays": {"type": "string", "description": 'what YES pays: "0", "1", a decimal between, or "unknown"'},
            "quote": {"type": "string", "description": "the words of that market's rules that say so, copied exactly"},
        },
        "required": ["market", "pays", "quote"],
    }
    difference = {
        "type": "object",
        "properties": {
            "state": {"type": "string", "description": "the state of the world, in a few words"},
            "payoffs": {"type": "array", "items": payoff, "maxItems": len(members)},
            "why": {"type": "string"},
        },
        "required": ["state", "payoffs", "why"],
    }
    return {
        "type": "object",
        "properties": {
            "differences": {"type": "array", "items": difference, "maxItems": MOST_DIFFERENCES},
            "summary": {"type": "string"},
        },
        "required": ["differences", "summary"],
    }


def examine(answer: object, proposal: LinkProposed) -> Opinion:
    """An answer held against the rules that it speaks of. Raises MalformedFrame when it is no answer of the agreed shape.

    A difference with a quote that proves it is a veto; one that contradicts the link's own table in a core state most of all. A
    difference without proof is a remark. One about nothing (equal payoffs, unknown markets) is thrown away.
    """
    try:
        statement = msgspec.convert(answer, Statement)
    except msgspec.ValidationError as error:
        raise MalformedFrame(f"the reader's answer: {error}") from None
    members = {str(number): member for number, member in enumerate(proposal.members, 1)}
    remarks: list[str] = []
    vetoes: list[LinkVeto] = []
    discarded: list[str] = []
    for difference in statement.differences[:MOST_DIFFERENCES]:
        trouble = _trouble(difference, members)
        words = _words(difference, members)
        if trouble:
            discarded.append(f"{words} ({trouble})")
        elif all(_proven(each, members[each.market]) for each in difference.payoffs):
            vetoes.append(LinkVeto(VETO, words))
        else:
            remarks.append(f"without proof in the rules: {words}")
    if len(statement.differences) > MOST_DIFFERENCES:
        discarded.append(f"{len(statement.differences) - MOST_DIFFERENCES} more differences")
    summary = clean(statement.summary)
    if summary:
        remarks.insert(0, summary)
    if not vetoes:
        remarks.append("no proven difference was named; that is no sign that there is none")
    return Opinion(tuple(remarks), tuple(vetoes), tuple(discarded))


def clean(text: str) -> str:
    """Words for a screen and the ledger: printable, on one line, not long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 1] + "…"


def texts_by_market(proposal: LinkProposed) -> dict[MarketId, str]:
    """Market to the hash of the text that was read."""
    return {member.market: member.rules_hash for member in proposal.members}


def _trouble(difference: StatedDifference, members: Mapping[str, LinkMember]) -> str:
    """Why a difference is none; "" when it is one."""
    named = [payoff.market for payoff in difference.payoffs]
    if any(name not in members for name in named):
        return "names a market that is not there"
    if len(set(named)) < 2 or len(set(named)) < len(named):
        return "does not speak of two markets"
    amounts = [_amount(payoff.pays) for payoff in difference.payoffs]
    if any(amount is None for amount in amounts):
        return "a payoff is no amount between 0 and 1"
    if len(set(amounts)) == 1 and amounts[0] != UNSTATED:
        return "the markets pay the same"
    return ""


def _amount(text: str) -> Decimal | str | None:
    """An amount, `UNSTATED`, or None for what is neither."""
    if text == UNSTATED:
        return UNSTATED
    if not re.fullmatch(r"[01]|0?\.\d{1,6}|1\.0{1,6}", text):
        return None
    return Decimal(text)


def _proven(payoff: Quote, member: LinkMember) -> bool:
    """Whether the quote stands in this market's own rules, word for word apart from blanks and quotation marks."""
    quote = _folded(payoff.quote)
    return len(quote) >= SHORTEST_QUOTE and quote in _folded(member.rules)


def _folded(text: str) -> str:
    return re.sub(r"[\s\"“”'‘’`]+", " ", text).strip().lower()


def _words(difference: StatedDifference, members: Mapping[str, LinkMember]) -> str:
    paid = ", ".join(
        f"{members[each.market].market if each.market in members else each.market} pays {each.pays}"
        for each in difference.payoffs
    )
    return clean(f"{difference.state}: {paid}; {difference.why}")
