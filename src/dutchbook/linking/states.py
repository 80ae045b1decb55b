"""What YES of each market pays in every way that its event can end: the core states, and the tail states hidden in the rules.

A payoff is taken from the market's own rules where they state one, else from what its venue does when rules are silent, else it
is not known. Must never fill an unknown with a guess: such a state is shown, and priced as risk, but guarantees nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dutchbook.core.facts import LinkStateRow
from dutchbook.core.money import MICRO
from dutchbook.linking.listing import Listing
from dutchbook.linking.rules_diff_clauses import Clause, clauses, payout

HALF: Final = MICRO // 2


@dataclass(frozen=True, slots=True)
class Tail:
    """A tail state: the topic whose sentences tell what is paid, and whether it belongs to every link (always), to games, or only
    where one of the rules speaks of it (spoken)."""

    name: str
    topic: str
    where: str = "spoken"


TAILS: Final[tuple[Tail, ...]] = (
    Tail("tie", "tie", "games"),
    Tail("cancelled", "cancellation", "always"),
    Tail("postponed beyond the window", "postponement", "games"),
    Tail("did not start", "start"),
    Tail("death or halt", "death"),
    Tail("several winners", "several"),
    Tail("void", "void", "always"),
    Tail("settled at the venue's discretion", "discretion", "always"),
    Tail("closed early", "early_close", "always"),
)

_HOUSE: Final[Mapping[tuple[str, str], tuple[int | None, str]]] = {
    ("kalshi", "tie"): (HALF, "silent: split in equal parts unless a tie is listed"),
    ("kalshi", "cancellation"): (
        None,
        "silent: the last fair price, at the venue's discretion (rule 6.3(c)); no refund",
    ),
    ("kalshi", "postponement"): (None, "silent: after a limited window the last fair price, at the venue's discretion"),
    ("kalshi", "discretion"): (None, "rule 6.3(c): the last or a fair price, decided by the venue"),
    ("kalshi", "void"): (None, "the last or a fair price (rule 6.3(c)); no refund"),
    ("kalshi", "start"): (None, "silent: usually the last fair price"),
    ("polymarket", "postponement"): (None, "silent: usually stays open until it is played"),
    ("polymarket", "discretion"): (None, "a vote of the oracle: yes, no or 50-50, after a clarification or a dispute"),
    ("polymarket", "void"): (HALF, "50-50: the oracle's answer for a question that has none"),
}
"""What a venue does where the rules are silent (market structure, section 3; the venues' documentation)."""


def state_rows(
    core: Sequence[tuple[str, Sequence[int]]], listings: Sequence[Listing], *, game: bool
) -> tuple[LinkStateRow, ...]:
    """The whole table: `core` states with what YES of each listing pays there, then the tail states that concern them."""
    rows = [LinkStateRow(name, tuple(pays), core=True) for name, pays in core]
    spoken = [clauses(listing.rules) for listing in listings]
    drawn = any(" draw" in f" {name.lower()}" or " tie" in f" {name.lower()}" for name, _ in core)
    for tail in TAILS:
        if tail.topic == "tie" and drawn:
            continue
        if tail.where == "games" and not game and not any(tail.topic in each for each in spoken):
            continue
        if tail.where == "spoken" and not any(tail.topic in each for each in spoken):
            continue
        paid = [_pays(tail.topic, listing, each) for listing, each in zip(listings, spoken, strict=True)]
        notes = [f"{listing.venue} {listing.id}: {note}" for listing, (_, note) in zip(listings, paid, strict=True)]
        rows.append(LinkStateRow(tail.name, tuple(value for value, _ in paid), note="; ".join(notes)))
    return tuple(rows)


def _pays(topic: str, listing: Listing, spoken: Mapping[str, Clause]) -> tuple[int | None, str]:
    """What YES of one market pays in a tail state, with the reason."""
    if topic == "early_close":
        return _early(listing, spoken)
    for sentence in spoken[topic].sentences if topic in spoken else ():
        if topic == "several" and payout(sentence) is None:
            continue
        match payout(sentence):
            case "half":
                return HALF, f"“{sentence[:200]}”"
            case "yes":
                return _stated(topic, MICRO, sentence)
            case "no":
                return _stated(topic, 0, sentence)
            case "price" | "void" | "open":
                return None, f"“{sentence[:200]}”"
    value, note = _HOUSE.get((listing.venue, topic), (None, "the rules are silent"))
    return value, note


def _stated(topic: str, value: int, sentence: str) -> tuple[int | None, str]:
    """A plain yes or no counts only in a sentence about the tail alone: "if X wins or draws" resolves another question."""
    alone = topic in ("cancellation", "several", "start", "death")
    return (value if alone else None), f"“{sentence[:200]}”"


def _early(listing: Listing, spoken: Mapping[str, Clause]) -> tuple[int | None, str]:
    """An early close changes when a market pays, not what: no amount of its own."""
    if "early_close" in spoken:
        return None, f"pays as decided, maybe sooner: “{spoken['early_close'].sentences[0][:200]}”"
    if listing.can_close_early:
        return None, "pays as decided, maybe sooner: it can close early"
    return None, "pays as decided, at its time"
