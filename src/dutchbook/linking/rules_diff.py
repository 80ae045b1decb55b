"""What differs in the rules of two markets: topic by topic in words, and side by side with the differing words marked.

Compares texts and nothing else. Must never say that two markets are the same: no difference found is not sameness.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

from dutchbook.linking.rules_diff_clauses import TOPICS, Clause, clauses, sentences

WORDS: Final = 1_500
"""Words of a text that are compared one by one; a longer rest stands as one difference."""

_SILENT: Final = Clause((), frozenset())
_TOKEN: Final = re.compile(r"\S+")

Kind = Literal["same", "changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One topic on which at least one text speaks. `differs` unless both are understood and say the same.

    `left` and `right` are the sentences, `left_says` and `right_says` their meaning in fixed words.
    """

    topic: str
    name: str
    differs: bool
    left: tuple[str, ...]
    right: tuple[str, ...]
    left_says: tuple[str, ...]
    right_says: tuple[str, ...]

    @property
    def silent(self) -> str:
        """Which side says nothing: left, right, or neither ("")."""
        return "left" if not self.left else "right" if not self.right else ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of both texts: the same words, or words of one that the other has not (either may be empty)."""

    kind: Kind
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class RulesDiff:
    """Every topic in a fixed order, and both texts from beginning to end."""

    topics: tuple[Difference, ...]
    segments: tuple[Segment, ...]

    @property
    def differing(self) -> tuple[Difference, ...]:
        return tuple(topic for topic in self.topics if topic.differs)


def compare(left: str, right: str) -> RulesDiff:
    """Two rules texts compared. The cost is bounded whatever their length."""
    return RulesDiff(differences(left, right), side_by_side(left, right))


def differences(left: str, right: str) -> tuple[Difference, ...]:
    """The topics of which at least one text speaks."""
    ours, theirs = clauses(left), clauses(right)
    found = []
    for topic in TOPICS:
        mine, other = ours.get(topic.code, _SILENT), theirs.get(topic.code, _SILENT)
        if not mine.sentences and not other.sentences:
            continue
        alike = bool(mine.says) and mine.says == other.says
        if not mine.says and not other.says:
            # neither was understood: alike only when they are word for word the same
            alike = mine.sentences == other.sentences
        found.append(
            Difference(
                topic.code,
                topic.name,
                not alike,
                mine.sentences,
                other.sentences,
                tuple(sorted(mine.says)),
                tuple(sorted(other.says)),
            )
        )
    return tuple(found)


def side_by_side(left: str, right: str) -> tuple[Segment, ...]:
    """Both texts cut into stretches that are the same and stretches that differ, word by word, in order."""
    mine, other = _TOKEN.findall(_flat(left)), _TOKEN.findall(_flat(right))
    heads = mine[:WORDS], other[:WORDS]
    segments: list[Segment] = []
    matcher = SequenceMatcher(
        None, [_plain(word) for word in heads[0]], [_plain(word) for word in heads[1]], autojunk=False
    )
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        segments.append(Segment("same" if tag == "equal" else "changed", " ".join(mine[i1:i2]), " ".join(other[j1:j2])))
    if mine[WORDS:] or other[WORDS:]:
        rest = " ".join(mine[WORDS:]), " ".join(other[WORDS:])
        segments.append(Segment("same" if rest[0] == rest[1] else "changed", *rest))
    return tuple(segments)


def _flat(text: str) -> str:
    return " ".join(sentences(text))


def _plain(word: str) -> str:
    """A word without its case and the marks around it: those are no difference in what is meant."""
    return word.strip("\"“”‘’'.,;:()").lower() or word
