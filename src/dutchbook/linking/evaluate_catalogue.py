"""How well whole catalogues are linked by their titles alone, against pairs known to be the same bet. Must never look at an id:
ids of real markets speak, and this measures what titles say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dutchbook.core.errors import SettingsError
from dutchbook.core.listing import Listing
from dutchbook.linking.catalogue import AMBIGUOUS, JudgedPair, every_pair, sift
from dutchbook.linking.evaluate import wilson
from dutchbook.linking.reading import read

_VENUES = {"poly": "polymarket", "kalshi": "kalshi"}

Ids = tuple[str, str]
"""A Polymarket id and a Kalshi id of the document."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A pair to be judged by hand: its ids, its titles, and what was thought of it (a polarity, or why not)."""

    poly: str
    kalshi: str
    poly_title: str
    kalshi_title: str
    said: str


@dataclass(frozen=True, slots=True)
class CatalogueEvaluation:
    """What came of linking two lists of titles. `precision` and `recall` are None when there was nothing to divide by.

    `rows` is the number of pairs known to be the same bet; `by_label` says for them ("same", "inverse") how many were proposed as
    same, proposed as inverse, vetoed, or not found. A pair proposed with the wrong polarity is a wrong one. `wrong` and `missed`
    are for judging by hand: a document that does not know all its true pairs makes right ones look wrong.
    """

    rows: int
    poly: int
    kalshi: int
    skipped: int
    duplicates: int
    judged: int
    proposed: int
    right: int
    by_label: dict[str, dict[str, int]]
    vetoes: dict[str, int]
    precision: float | None
    precision_wilson95: tuple[float, float]
    recall: float | None
    recall_wilson95: tuple[float, float]
    inverted_as_same: int
    wrong: tuple[Remark, ...]
    missed: tuple[Remark, ...]


def evaluate_catalogue(document: Mapping[str, Any]) -> CatalogueEvaluation:
    """All titles of `{"poly": [{id, title}], "kalshi": [{id, title}], "truth": [[poly_id, kalshi_id, inverted]]}` against all.

    A market without a title is skipped; an id told twice counts once, as it was told first. Raises SettingsError naming the field
    of a document that does not have this shape, and for a truth row about an id that is not listed.
    """
    titles: dict[str, dict[str, str]] = {}
    told = 0
    for side in _VENUES:
        entries = _list(document, side)
        told += len(entries)
        titles[side] = _titles(entries, side)
    truth = _truth(_list(document, "truth"), titles)
    ids = {side: list(markets) for side, markets in titles.items()}
    listings = [
        Listing(venue, str(number), title)
        for side, venue in _VENUES.items()
        for number, title in enumerate(titles[side].values())
        if title
    ]

    def named(pair: JudgedPair) -> Ids:
        at = {one.listing.venue: int(one.listing.id) for one in (pair.first, pair.second)}
        return ids["poly"][at["polymarket"]], ids["kalshi"][at["kalshi"]]

    met: dict[Ids, str] = {}

    def watched(pairs: Iterator[JudgedPair]) -> Iterator[JudgedPair]:
        for pair in pairs:
            pair_ids = named(pair)
            if pair_ids in truth:
                vetoes = ", ".join(dict.fromkeys(veto.code for veto in pair.verdict.vetoes))
                met[pair_ids] = vetoes or pair.verdict.why
            yield pair

    readings = [read(listing) for listing in listings]
    unlinkable = {
        (side, ids[side][int(one.listing.id)]): one.unlinkable
        for side, venue in _VENUES.items()
        for one in readings
        if one.unlinkable and one.listing.venue == venue
    }
    links = sift(watched(every_pair(readings)))
    met.update((named(pair), AMBIGUOUS) for pair in links.ambiguous)
    proposed = {named(pair): pair.verdict.polarity for pair in links.proposed}

    def remark(pair: Ids, said: str) -> Remark:
        return Remark(*pair, titles["poly"][pair[0]], titles["kalshi"][pair[1]], said)

    by_label = {
        label: dict.fromkeys(("proposed", "inverse", "vetoed", "not_found"), 0) for label in ("same", "inverse")
    }
    missed = []
    for pair, label in truth.items():
        if pair in proposed:
            by_label[label]["proposed" if proposed[pair] == "same" else "inverse"] += 1
        else:
            why = met.get(pair) or unlinkable.get(("poly", pair[0])) or unlinkable.get(("kalshi", pair[1]))
            by_label[label]["vetoed" if why else "not_found"] += 1
            missed.append(remark(pair, why or "not found"))
    right = by_label["same"]["proposed"] + by_label["inverse"]["inverse"]
    return CatalogueEvaluation(
        rows=len(truth),
        poly=len(titles["poly"]),
        kalshi=len(titles["kalshi"]),
        skipped=sum(not title for markets in titles.values() for title in markets.values()),
        duplicates=told - sum(map(len, titles.values())),
        judged=links.judged,
        proposed=len(proposed),
        right=right,
        by_label=by_label,
        vetoes=dict(links.vetoes.most_common()),
        precision=right / len(proposed) if proposed else None,
        precision_wilson95=wilson(right, len(proposed)),
        recall=right / len(truth) if truth else None,
        recall_wilson95=wilson(right, len(truth)),
        inverted_as_same=by_label["inverse"]["proposed"],
        wrong=tuple(remark(pair, polarity or "") for pair, polarity in proposed.items() if truth.get(pair) != polarity),
        missed=tuple(missed),
    )


def _list(document: Mapping[str, Any], field: str) -> list[Any]:
    if not isinstance(document, Mapping):
        raise SettingsError("the document is not an object with poly, kalshi and truth")
    found = document.get(field)
    if not isinstance(found, list):
        raise SettingsError(f"{field}: {'missing' if found is None else 'not a list'}")
    return found


def _titles(entries: list[Any], side: str) -> dict[str, str]:
    titles: dict[str, str] = {}
    for at, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise SettingsError(f"{side}[{at}]: not an object with id and title")
        title = entry.get("title")
        if title is not None and not isinstance(title, str):
            raise SettingsError(f"{side}[{at}].title: not text")
        titles.setdefault(_id(entry.get("id"), f"{side}[{at}].id"), (title or "").strip())
    return titles


def _truth(rows: list[Any], titles: Mapping[str, Mapping[str, str]]) -> dict[Ids, str]:
    truth: dict[Ids, str] = {}
    for at, row in enumerate(rows):
        if not isinstance(row, list | tuple) or len(row) not in (2, 3):
            raise SettingsError(f"truth[{at}]: not [poly_id, kalshi_id, inverted]")
        pair = (_id(row[0], f"truth[{at}][0]"), _id(row[1], f"truth[{at}][1]"))
        for place, (side, market) in enumerate(zip(_VENUES, pair, strict=True)):
            if market not in titles[side]:
                raise SettingsError(f"truth[{at}][{place}]: {market!r} is not listed under {side}")
        inverted = row[2] if len(row) == 3 else False
        if inverted not in (True, False):
            raise SettingsError(f"truth[{at}][2]: inverted is not true or false")
        label = "inverse" if inverted else "same"
        if truth.setdefault(pair, label) != label:
            raise SettingsError(f"truth[{at}]: the pair stands there before with the other polarity")
    return truth


def _id(value: Any, field: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise SettingsError(f"{field}: {'missing' if value is None else 'not a text or a number'}")
    return str(value)
