"""Whole catalogues against each other: every market read once, its candidates judged, and what contradicts itself taken back.

Must never approve: a proposal is worth a person's reading, no more. One market asks one question; when it seems to be the same
bet as two markets of one other venue, at least one of the two is wrong, and nothing here knows which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dutchbook.core.listing import Listing
from dutchbook.linking.candidates import Candidates, Found, listing_terms
from dutchbook.linking.reading import Reading, read
from dutchbook.linking.verdict import Verdict, Veto, judge

AMBIGUOUS = "ambiguous"
"""The veto of a pair that would make one market the twin of two."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two markets of different venues, how they were found and what was thought of them. `first` is the one that asked."""

    first: Reading
    second: Reading
    by: Found
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CatalogueLinks:
    """What came of comparing catalogues.

    `proposed` are the pairs worth a person's reading. `ambiguous` would have been, but contradict each other. `vetoes` counts the
    pairs that failed for each reason (a pair may have several), `unsupported` those without a veto that nothing speaks for.
    """

    proposed: tuple[JudgedPair, ...]
    ambiguous: tuple[JudgedPair, ...]
    judged: int
    unsupported: int
    vetoes: Counter[str]


def judged_pairs(reading: Reading, standing: Candidates) -> list[JudgedPair]:
    """One market against the standing catalogue of all other venues: every candidate with its verdict, judged briefly."""
    return [
        JudgedPair(reading, found.reading, found.by, judge(reading, found.reading, briefly=True))
        for found in standing.near(reading)
    ]


def link_catalogue(listings: Iterable[Listing]) -> CatalogueLinks:
    """Every market against those of every other venue. Of listings with the same venue and id the last one counts."""
    return sift(every_pair(map(read, listings)))


def every_pair(readings: Iterable[Reading]) -> Iterator[JudgedPair]:
    """The judged candidates of every market, each pair once: a smaller venue asks the larger ones, which stand already."""
    venues: dict[str, dict[str, Reading]] = {}
    for reading in readings:
        venues.setdefault(reading.listing.venue, {})[reading.listing.id] = reading
    standing = Candidates()
    for markets in sorted(venues.values(), key=len, reverse=True):
        if len(standing):
            for reading in markets.values():
                yield from judged_pairs(reading, standing)
        for reading in markets.values():
            standing.add(reading)


def sift(pairs: Iterable[JudgedPair]) -> CatalogueLinks:
    """The pairs worth a person's reading, and a count of why the others are not."""
    judged = unsupported = 0
    vetoes: Counter[str] = Counter()
    hopeful: list[JudgedPair] = []
    for pair in pairs:
        judged += 1
        if pair.verdict.proposed:
            hopeful.append(pair)
        elif pair.verdict.vetoes:
            vetoes.update({veto.code for veto in pair.verdict.vetoes})
        else:
            unsupported += 1
    proposed, ambiguous = without_contradictions(hopeful)
    if ambiguous:
        vetoes[AMBIGUOUS] += len(ambiguous)
    return CatalogueLinks(tuple(proposed), tuple(ambiguous), judged, unsupported, vetoes)


def without_contradictions(pairs: Sequence[JudgedPair]) -> tuple[list[JudgedPair], list[JudgedPair]]:
    """Proposed pairs, and those taken back because a market would have two twins of one polarity in one venue.

    A pair whose titles are closer than those of all its rivals stays; pairs that are level go, all of them.
    """
    rivals: dict[tuple[str, str, str, str | None], list[int]] = {}
    for at, pair in enumerate(pairs):
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            place = (one.listing.venue, one.listing.id, other.listing.venue, pair.verdict.polarity)
            rivals.setdefault(place, []).append(at)
    lost: dict[int, int] = {}
    for contenders in rivals.values():
        if len(contenders) < 2:
            continue
        ranked = sorted(((_alikeness(pairs[at]), at) for at in contenders), reverse=True)
        clear = ranked[0][0] > ranked[1][0]
        for _, at in ranked[clear:]:
            lost[at] = len(contenders)
    kept = [pair for at, pair in enumerate(pairs) if at not in lost]
    taken_back = [_taken_back(pairs[at], count) for at, count in sorted(lost.items())]
    return kept, taken_back


def _alikeness(pair: JudgedPair) -> tuple[bool, float]:
    """Structured evidence first, then the share of words that both titles have (Jaccard)."""
    one, other = listing_terms(pair.first.listing), listing_terms(pair.second.listing)
    return pair.verdict.high, len(one & other) / (len(one | other) or 1)


def _taken_back(pair: JudgedPair, count: int) -> JudgedPair:
    text = f"one of {count} markets that seem to be the same bet as one market; at most one of them is"
    verdict = replace(pair.verdict, proposed=False, vetoes=(*pair.verdict.vetoes, Veto(AMBIGUOUS, text)), why=text)
    return replace(pair, verdict=verdict)
