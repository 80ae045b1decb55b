"""Which words two markets share, weighed by how rare the words are: an inverted index that grows and shrinks market by market.

This is TF-IDF with a bounded cost for each question: the rarest words are walked first until `WALKED` entries were seen, the
commoner ones only re-weigh what the rare ones found. Must never judge: it answers which markets are worth comparing, no more.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from math import log, sqrt

TEXT_LIMIT = 2_000
"""Characters of a title that are read; a longer one is not a title."""

WALKED = 800
"""Entries of the index walked for one question before only re-weighing goes on."""

USUAL = 8
"""A word held by more than one document in so many says nothing."""

MEETING = 400
"""Documents taken from where a question's common words meet."""

WEIGHED = 8
"""How many times the wanted number is re-weighed with the common words."""

LEVEL = 500
"""Documents re-weighed at most, those that are level with the last one included."""

SHORTLIST = 2
"""How many times the wanted number is weighed exactly."""

_RUN = re.compile(r"\d+(?:[.,]\d+)*[^\W\d_]*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)([^\W\d_]*)")
_WIDE = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_MONTHS = {
    name: name[:3]
    for name in (
        *("january", "february", "march", "april", "may", "june"),
        *("july", "august", "september", "october", "november", "december"),
    )
}
_MONTHS |= {short: short for short in _MONTHS.values()} | {"sept": "sep"}
_DAY = re.compile(r"0?([1-9]|[12]\d|3[01])(?:st|nd|rd|th)?")
_FIGURES = 6
_THOUSANDS = {"k": 3, "m": 6, "mm": 6, "mn": 6, "b": 9, "bn": 9, "t": 12, "tn": 12}
_ORDINAL = frozenset({"st", "nd", "rd", "th"})


def terms(text: str) -> frozenset[str]:
    """The words of a text in one spelling: lower case, no accents, numbers without grouping (95,000 and 95k are one word).

    A day of a month is a word too, and so is every figure together with it: in a long series of like titles, strike and day are
    common apart and rare together.
    """
    text = text[:TEXT_LIMIT]
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    runs = _RUN.findall(text.lower())
    words = set(chain.from_iterable(map(_spelled, runs)))
    days = _days(runs)
    if days:
        words.update(days)
        figures = [word for word in words if word[0].isdigit() and word not in days]
        words.update([f"{figure}/{day}" for day in days for figure in figures[:_FIGURES]])
    return frozenset(words)


def _days(runs: Sequence[str]) -> set[str]:
    """The days of a month that a text names: "march 5", "5th of march"."""
    days = set()
    for at, run in enumerate(runs):
        month = _MONTHS.get(run)
        if month is None:
            continue
        before = runs[at - 1] if at and runs[at - 1] != "of" else runs[at - 2] if at > 1 else ""
        for beside in (runs[at + 1] if at + 1 < len(runs) else "", before):
            match = _DAY.fullmatch(beside)
            if match:
                days.add(f"{match[1]}{month}")
                break
    return days


@lru_cache(maxsize=1 << 16)
def _spelled(run: str) -> tuple[str, ...]:
    number = _NUMBER.fullmatch(run)
    if number is not None:
        return _number(*number.groups())
    if len(run) > 2 and run[-2] in "'’" and run[-1] == "s":
        run = run[:-2]
    run = run.replace("'", "").replace("’", "")
    if _WIDE.search(run) and len(run) > 2:  # scripts without spaces: every two neighbouring characters are a word
        return tuple(run[at : at + 2] for at in range(len(run) - 1))
    return (_MONTHS.get(run, run),)


def _number(digits: str, unit: str) -> tuple[str, ...]:
    """A figure without grouping marks, its unit folded in (k, m, bn) or kept as a word of its own."""
    groups = digits.split(",")
    if len(groups) > 1 and all(len(group.partition(".")[0]) == 3 for group in groups[1:]):
        digits = "".join(groups)
    elif len(groups) == 2 and "." not in digits:
        digits = ".".join(groups)
    if digits.count(".") == 1:
        digits = digits.rstrip("0").rstrip(".")
    if unit in _THOUSANDS and digits.count(".") <= 1 and "," not in digits:
        whole, _, part = digits.partition(".")
        places = _THOUSANDS[unit]
        if len(part) <= places:
            return ((whole + part.ljust(places, "0")).lstrip("0") or "0",)
    if not unit or unit in _ORDINAL:
        return (digits,)
    return (digits, unit)


class TermIndex:
    """Documents by number and the terms they hold. Numbers must be added in rising order; adding and removing cost little.

    What was worked out for one question is remembered for the next, until a document comes or goes.
    """

    def __init__(self) -> None:
        self._postings: dict[str, list[int]] = {}
        self._held: dict[int, frozenset[str]] = {}
        self._sets: dict[str, frozenset[int]] = {}
        self._met: dict[tuple[str, ...], Sequence[int]] = {}
        self._weights: dict[str, float] = {}
        self._lengths: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, term: str) -> bool:
        return term in self._postings

    def add(self, number: int, held: frozenset[str]) -> list[str]:
        """Hold a document; returns the terms that are new to the index."""
        self._forget(held)
        fresh = []
        for term in held:
            posting = self._postings.get(term)
            if posting is None:
                self._postings[term] = [number]
                fresh.append(term)
            else:
                posting.append(number)
        self._held[number] = held
        return fresh

    def remove(self, number: int) -> list[str]:
        """Let a document go; returns the terms that nobody holds any more. Raises KeyError when it is not held."""
        held = self._held.pop(number)
        self._forget(held)
        gone = []
        for term in held:
            posting = self._postings[term]
            if len(posting) == 1:
                del self._postings[term]
                gone.append(term)
            else:
                del posting[bisect_left(posting, number)]
        return gone

    def _forget(self, changed: frozenset[str]) -> None:
        if self._weights:
            self._met.clear()
            self._weights.clear()
            self._lengths.clear()
            for term in changed:
                self._sets.pop(term, None)

    def weight(self, term: str) -> float:
        """The square of the inverse document frequency; a term that nobody holds is as rare as one in a single document."""
        weight = self._weights.get(term)
        if weight is None:
            rarity = log((len(self._held) + 1) / (len(self._postings.get(term, ())) or 1)) + 0.1
            weight = self._weights[term] = rarity * rarity
        return weight

    def nearest(
        self, asked: frozenset[str], like: Mapping[str, float], wanted: int
    ) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """The `wanted` documents with the highest cosine to the asked terms, and to them with the like terms (each with its
        closeness, below 1) counted too: two lists of (number, cosine), best first. The second is empty when no document holds a
        like term."""
        found: dict[int, float] = {}
        length = sqrt(sum(map(self.weight, asked))) or 1.0
        common = self._walk(dict.fromkeys(asked, 1.0), found)
        for number in self._meeting([term for term, _ in common]):
            found.setdefault(number, 0.0)
        by_asked = self._best(found, common, length, wanted)
        gained: dict[int, float] = {}
        self._walk(like, gained)
        if not gained:
            return by_asked, []
        # only a document that holds a like term can overtake the best by the asked terms alone
        for number in gained:
            gained[number] += found.get(number, 0.0)
        by_like = dict(by_asked)
        by_like.update(self._best(gained, common, length, wanted))
        return by_asked, sorted(by_like.items(), key=_best_first)[:wanted]

    def _walk(self, terms: Mapping[str, float], found: dict[int, float]) -> list[tuple[str, float]]:
        """Score the holders of the rarer terms; returns the terms too common to walk, rarest first, with their worth."""
        present = sorted((len(posting), term) for term in terms if (posting := self._postings.get(term)))
        usual = max(WALKED, len(self._held) // USUAL)
        walked = 0
        common = []
        for held, term in present:
            worth = terms[term] * self.weight(term)
            if walked + held <= WALKED:
                walked += held
                posting = self._postings[term]
                if found:
                    scored = found.get
                    for number in posting:
                        found[number] = scored(number, 0.0) + worth
                else:
                    found.update(dict.fromkeys(posting, worth))
            elif held <= usual:
                common.append((term, worth))
        return common

    def _best(
        self, found: Mapping[int, float], common: Sequence[tuple[str, float]], length: float, wanted: int
    ) -> list[tuple[int, float]]:
        """The highest cosines among documents scored by rare terms, the common terms counted for the best of them."""
        best = sorted(found, key=found.__getitem__, reverse=True)
        if common:
            kept = wanted * WEIGHED
            if (
                len(best) > kept
            ):  # those that are level with the last one are kept too: a series of like titles is level
                level = found[best[kept - 1]]
                last = min(len(best), LEVEL)
                while kept < last and found[best[kept]] == level:
                    kept += 1
            scores = {number: found[number] for number in best[:kept]}
            for term, worth in common:
                for number in self._holders(term).intersection(scores):
                    scores[number] += worth
            found, best = scores, sorted(scores, key=scores.__getitem__, reverse=True)
        cosines = [(number, found[number] / (self._length(number) * length)) for number in best[: wanted * SHORTLIST]]
        cosines.sort(key=_best_first)
        return cosines[:wanted]

    def _length(self, number: int) -> float:
        length = self._lengths.get(number)
        if length is None:
            length = self._lengths[number] = sqrt(sum(map(self.weight, self._held[number]))) or 1.0
        return length

    def _holders(self, term: str) -> frozenset[int]:
        holders = self._sets.get(term)
        if holders is None:
            holders = self._sets[term] = frozenset(self._postings[term])
        return holders

    def _meeting(self, common: Sequence[str]) -> Sequence[int]:
        """Documents that hold the rarest of the common terms, and the next ones too while more than `MEETING` are left."""
        names = tuple(common[:4])
        if names not in self._met:
            meeting = self._holders(names[0]) if names else frozenset()
            for term in names[1:]:
                meeting = (len(meeting) > MEETING and meeting & self._holders(term)) or meeting
            self._met[names] = sorted(meeting)[:MEETING]
        return self._met[names]


def _best_first(pair: tuple[int, float]) -> tuple[float, int]:
    return -pair[1], pair[0]
