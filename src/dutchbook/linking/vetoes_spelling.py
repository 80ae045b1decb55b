"""One name or word in two spellings: written apart, shortened to its initials, or in another form of the same stem. Must never
know a name; it looks at letters and places only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from dutchbook.linking.words import shared_start
from dutchbook.linking.words_tables import ACTIONS, DISTINGUISHERS, PERIODS, STAGES

STEM: Final = 4
"""Letters that two forms of one word share at least."""

_ENDINGS: Final = frozenset({"", "s", "d", "n", "an", "ian", "vian", "ean", "ese", "ish", "ly", "ed", "ing", "th"})
"""What may follow the stem: a country and its adjective, a verb and its forms."""

_TYPED: Final = ACTIONS | DISTINGUISHERS | PERIODS | STAGES
"""Words that are compared as they stand."""

_ACRONYM: Final = range(2, 6)
"""Letters of a name's initials."""


def respelled(left: set[str], right: set[str], one: Sequence[str], other: Sequence[str]) -> None:
    """Take from both sides' leftover words those that are one in two spellings. `one` and `other` are the titles in order,
    `left` of the first."""
    if not left or not right:
        return
    for here, there, order in ((left, right, other), (right, left, one)):
        _joined(here, there, order)
        _shortened(here, there, order)
    for word in sorted(left - _TYPED):
        form = next((other for other in sorted(right - _TYPED) if _one_stem(word, other)), None)
        if form is not None:
            left.discard(word)
            right.discard(form)


def _joined(here: set[str], there: set[str], order: Sequence[str]) -> None:
    """ "openai" here, "open ai" there."""
    for first, second in pairwise(order):
        if first + second in here and second in there | here and first in there:
            here.discard(first + second)
            there -= {first, second}


def _shortened(here: set[str], there: set[str], order: Sequence[str]) -> None:
    """ "psg" here, "paris saint germain" there: every word of the name is left over, and they stand together."""
    for word in sorted(here):
        if len(word) not in _ACRONYM or not word.isalpha():
            continue
        for at in range(len(order) - len(word) + 1):
            name = order[at : at + len(word)]
            if there.issuperset(name) and "".join(part[0] for part in name) == word:
                here.discard(word)
                there.difference_update(name)
                break


def _one_stem(word: str, form: str) -> bool:
    """Whether two words are one word's forms ("peru" and "peruvian")."""
    length = shared_start(word, form)
    return length >= STEM and word[length:] in _ENDINGS and form[length:] in _ENDINGS
