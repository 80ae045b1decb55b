"""Which words look alike: the words of a catalogue by the three-letter pieces they share, so that "nominee" finds "nomination".

The cosine of two texts over letter pieces that stop at word ends is a sum over pairs of words; it is therefore enough to know the
like words of each word, and the word index does the rest. Must never judge: a like word is a reason to compare, no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import nlargest
from itertools import chain
from math import sqrt

LIKE = 0.45
"""The least cosine of two words' pieces at which they are like."""

LIKE_WORDS = 8
"""At most so many like words are followed."""

_WORD_LIMIT = 40


def pieces(word: str) -> frozenset[str]:
    """The three-letter pieces of a word, its ends marked. Figures have none: 2025 is not like 2026."""
    if word[0].isdigit():
        return frozenset()
    marked = f" {word[:_WORD_LIMIT]} "
    return frozenset(marked[at : at + 3] for at in range(len(marked) - 2))


class LetterIndex:
    """Words that stand in a catalogue, found by their pieces."""

    def __init__(self) -> None:
        self._words: dict[str, dict[str, None]] = {}
        self._sizes: dict[str, int] = {}
        self._like: dict[str, tuple[tuple[str, float], ...]] = {}

    def add(self, words: Iterable[str]) -> None:
        """Words that are new to the catalogue."""
        for word in words:
            parts = pieces(word)
            if not parts:
                continue
            self._sizes[word] = len(parts)
            for part in parts:
                self._words.setdefault(part, {})[word] = None
            self._like.clear()

    def remove(self, words: Iterable[str]) -> None:
        """Words that nobody holds any more; unknown ones are passed over."""
        for word in words:
            if self._sizes.pop(word, None) is None:
                continue
            for part in pieces(word):
                holders = self._words[part]
                del holders[word]
                if not holders:
                    del self._words[part]
            self._like.clear()

    def like(self, word: str) -> tuple[tuple[str, float], ...]:
        """Words that share many pieces with this one, itself included when it stands in the catalogue: (word, cosine)."""
        known = self._like.get(word)
        if known is None:
            known = self._like[word] = self._search(word)
        return known

    def _search(self, word: str) -> tuple[tuple[str, float], ...]:
        parts = pieces(word)
        shared = Counter(chain.from_iterable([self._words.get(part, ()) for part in parts]))
        least = LIKE * LIKE * len(parts)  # a cosine of LIKE needs so many pieces even of the shortest word
        sizes = self._sizes
        alike = [
            (cosine, other)
            for other, count in shared.items()
            if count >= least and (cosine := count / sqrt(len(parts) * sizes[other])) >= LIKE
        ]
        return tuple((other, cosine) for cosine, other in nlargest(LIKE_WORDS, alike))
