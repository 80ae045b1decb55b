"""How the words of two titles meet. Must never explain away a word by who or what it names: only by its place or by
the other side's own text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.vetoes_spelling import respelled
from dutchbook.linking.words import LONGEST_TITLE, fold, spell, tokens
from dutchbook.linking.words_tables import (
    ACTIONS,
    BODIES,
    DIRECTED,
    DISTINGUISHERS,
    EVENT_WORDS,
    FRANCHISE_LEAGUES,
    IMPLIES,
    PERIODS,
    PERSONAL,
    SILENT,
    STAGES,
)

WIDE_TEXT: Final = 3_000
"""Characters of rules that are searched for a name's missing part; longer rules are read no further."""

TOPIC_WORDS: Final = {"rate": frozenset({"meet", "decision", "rate"})}
"""Words that one side may leave out when both ask for what a central bank decides."""

MISSING_PARTS: Final = 3
"""Words left over beyond which nobody looks for them in the other side's rules: it is another question."""


@dataclass(slots=True)
class Words:
    """The outcome of comparing words: `related` when there is enough in common to speak of one question at all."""

    related: bool
    flips: int = 0
    vetoes: list[tuple[str, str]] = field(default_factory=list)


def compare_words(first: Reading, second: Reading) -> Words:
    """Every word of one title must be met by the other's, or be explained; what is left over is a veto with its
    words."""
    one, other = first.words, second.words
    shared = one & other
    if not shared or len(shared) * 3 < min(len(one), len(other)):
        return Words(related=False)
    if not shared - EVENT_WORDS - BODIES - ACTIONS:
        return Words(related=False)
    words = Words(related=True)
    left, right = _without_around(one - shared, other - shared, shared, one | other)
    for topic, around in TOPIC_WORDS.items():
        if first.topic == second.topic == topic:
            left, right = left - around, right - around
    if "cpi" in shared:
        left, right = left - {"hike"}, right - {"hike"}
    if first.topic == second.topic == "award":
        _awarded(left, right)
    respelled(left, right, first.title.order, second.title.order)
    if (left & {"remain"} and right & {"out"}) or (left & {"out"} and right & {"remain"}):
        left, right = left - {"remain", "out"}, right - {"remain", "out"}
        words.flips += 1
    if len(left) + len(right) <= MISSING_PARTS:
        left = {word for word in left if not _said_elsewhere(word, first, second, shared)}
        right = {word for word in right if not _said_elsewhere(word, second, first, shared)}
    left, right = _without_nickname(left, right, first, second, one | other)
    left, right = _without_initials(left, right, first), _without_initials(right, left, second)
    words.vetoes += _left_over(left, right)
    words.vetoes += _roles(first.title.order, second.title.order, shared)
    one_next, other_next = first.title.next_word, second.title.next_word
    if one_next and other_next and one_next != other_next:
        words.vetoes.append(("kind", f'"next {one_next}" is not "next {other_next}"'))
    return words


def _awarded(left: set[str], right: set[str]) -> None:
    """ "Oscar for Best Picture?" asks who wins it; "nominations" and "nominated" are one."""
    for here, there in ((left, right), (right, left)):
        if "nominate" in here and "nominee" in there:
            here.discard("nominate")
            there.discard("nominee")
        if "win" in here and not there & ACTIONS:
            here.discard("win")


def _without_around(
    left: frozenset[str], right: frozenset[str], shared: frozenset[str], every: frozenset[str]
) -> tuple[set[str], set[str]]:
    """Without the words around an event's name, and without a governing body that the event's name implies."""
    kept = set()
    implied = {IMPLIES[word] for word in every & IMPLIES.keys()}
    decided = every & (PERSONAL | {"champion"} | FRANCHISE_LEAGUES | IMPLIES.keys())
    if not decided or (every & {"nominee"} and "nominee" not in shared):
        kept.add("win")
    if "women" in every:
        kept.add("men")
    if "mvp" in every or "conference" in every:
        kept |= {"finals", "champion"}
    if "price" in shared:
        kept.add("price")
    out = []
    for side, opposite in ((left, right), (right, left)):
        bodies = side & BODIES
        if bodies and (
            opposite & BODIES or not (bodies <= implied or (shared - EVENT_WORDS - BODIES) | (shared & kept - BODIES))
        ):
            bodies = frozenset()
        out.append({word for word in side if (word not in EVENT_WORDS or word in kept) and word not in bodies})
    return out[0], out[1]


def _said_elsewhere(word: str, here: Reading, there: Reading, shared: frozenset[str]) -> bool:
    """Whether the other side's own text says the word next to a word that both share, in the order of the title.

    Only a part of a name can be told so: never what is done, a stage, a part, or what makes another person or team.
    """
    if word in ACTIONS or word in STAGES or word in PERIODS or word in DISTINGUISHERS:
        return False
    order = here.title.order
    at = order.index(word) if word in order else -1
    if at < 0:
        return False
    wide = _neighbours(there.listing.event_title, there.listing.slug, there.listing.rules[:WIDE_TEXT])
    around = [(order[at - 1], word)] if at else []
    if at + 1 < len(order):
        around.append((word, order[at + 1]))
    return any((a in shared or b in shared) and (a, b) in wide for a, b in around)


@lru_cache(maxsize=256)
def _neighbours(event_title: str, slug: str, rules: str) -> frozenset[tuple[str, str]]:
    """Neighbouring words of everything a listing says beyond its title: event, slug, the beginning of its rules."""
    pairs: set[tuple[str, str]] = set()
    overlap = 20
    step = LONGEST_TITLE - overlap
    parts = [rules[at : at + LONGEST_TITLE] for at in range(0, len(rules), step)]
    for text in (event_title, slug.replace("-", " "), *parts):
        if text:
            words = spell(tokens(fold(text)))
            pairs.update(pairwise(words))
    return frozenset(pairs)


def _without_nickname(
    left: set[str], right: set[str], first: Reading, second: Reading, every: frozenset[str]
) -> tuple[set[str], set[str]]:
    """In a league of franchises one side may leave out the nickname, or give its first letter after the city."""
    if every & PERSONAL or not every & FRANCHISE_LEAGUES or "conference" in every:
        return left, right
    for long, short, reading in ((left, right, first), (right, left, second)):
        nickname = [word for word in reading.title.order if word in long]
        if not 1 <= len(nickname) <= 2 or len(short) > 1 or len(nickname) != len(long):
            continue
        at = reading.title.order.index(nickname[0])
        follows_city = at > 0 and reading.title.order[at - 1] in (first.words & second.words)
        letter = next(iter(short), nickname[0][0])
        told = not short or (len(letter) == 1 and nickname[0].startswith(letter))
        if follows_city and told and len(nickname[0]) > 1 and not set(nickname) & (ACTIONS | STAGES | PERIODS):
            return set(), set()
    return left, right


def _without_initials(here: set[str], there: set[str], reading: Reading) -> set[str]:
    """A middle initial that the other side leaves out, between two words of one name."""
    if any(map(_is_initial, there)):
        return here
    order = reading.title.order
    return {word for word in here if not (_is_initial(word) and _within_a_name(order, order.index(word), here))}


def _is_initial(word: str) -> bool:
    return word[:1].isalpha() and (len(word) == 1 or word[1:] == ".")


def _within_a_name(order: Sequence[str], at: int, here: set[str]) -> bool:
    """Whether the words on both sides of this place are met by the other title."""
    return 0 < at < len(order) - 1 and not {order[at - 1], order[at + 1]} & (here | SILENT)


def _left_over(left: set[str], right: set[str]) -> list[tuple[str, str]]:
    vetoes: list[tuple[str, str]] = []
    for code, kinds in (("stage", STAGES), ("period", PERIODS), ("kind", ACTIONS)):
        one, other = left & kinds, right & kinds
        if one or other:
            vetoes.append((code, _differ(one, other)))
            left, right = left - kinds, right - kinds
    if left or right:
        vetoes.append(("entity", _differ(left, right)))
    return vetoes


def _differ(one: set[str], other: set[str]) -> str:
    first, second = (" ".join(sorted(words)) for words in (one, other))
    if first and second:
        return f'one says "{first}", the other "{second}"'
    return f'only one says "{first or second}"'


def _roles(one: Sequence[str], other: Sequence[str], shared: frozenset[str]) -> list[tuple[str, str]]:
    """Who does it to whom: the same names on the other side of the verb make another question."""
    for verb in shared & DIRECTED:
        before_one, before_other = (set(order[: order.index(verb)]) & shared for order in (one, other))
        after_one, after_other = (set(order[order.index(verb) + 1 :]) & shared for order in (one, other))
        swapped, back = before_one & after_other, after_one & before_other
        if swapped and back:
            return [
                ("polarity", f'"{verb}": {" ".join(sorted(swapped))} and {" ".join(sorted(back))} have changed places')
            ]
    return []
