"""What the beginnings of two rule texts contradict: named stations and sources, regulation or overtime, announcing
or being. Read for pairs that the titles let pass, never for a whole catalogue. Must never veto by silence: a rule
said by one side only is for a person."""

from __future__ import annotations

import re
from typing import Final

from dutchbook.linking.reading import Reading
from dutchbook.linking.reading_when import MONTHS, day_before
from dutchbook.linking.words_tables import word_set

READ: Final = 6_000
"""Characters of rules read; the cost of a hostile text stays bounded."""


_REGULATION: Final = re.compile(
    r"90 minutes|regulation (?:time|play)|full[- ]time (?:only|result)"
    r"|excluding (?:overtime|extra time)|does not include (?:overtime|extra)"
)
_OVERTIME: Final = re.compile(
    r"includ(?:ing|es|ed) (?:any )?(?:overtime|extra time|extra innings|shootout)|overtime (?:counts|is included|will count)"
)
_DEADLINE: Final = re.compile(
    r"\b(by|before|until|prior to|on or before|through|as of)\s+"
    r"(?:(\d{1,2}):(\d{2})\s*([ap])\.?m\.?\s*\(?(?:et|est|edt|eastern time)?\)?,?\s*(?:on|of)?\s*)?"
    r"(" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(20\d{2})"
    r"(?:,?\s*(?:at\s*)?(\d{1,2}):(\d{2})\s*([ap])\.?m)?"
)
_STATION: Final = re.compile(
    r"((?:[^\W\d_]+[ .']+){1,4})(?:international |intl |regional |municipal |executive )?(?:airport|field|park|observatory)\b"
)
_STATION_CODE: Final = re.compile(r"\bK[A-Z]{3}\b")
_AVERAGED: Final = re.compile(
    r"\b(\d{1,3})[- ](?:second|minute)s? (?:average|twap|mean|prints?|window)|\b(average|mean|twap)\b"
)


def rules_vetoes(first: Reading, second: Reading) -> list[tuple[str, str]]:
    """(code, text) for every contradiction that both rule texts state."""
    one, other = (reading.listing.rules[:READ].lower() for reading in (first, second))
    vetoes: list[tuple[str, str]] = []
    if one and other:
        vetoes += _scope(one, other) + _deadlines(one, other)
        if "weather" in (first.topic, second.topic):
            vetoes += _stations(first, second)
        if "asset" in (first.topic, second.topic):
            vetoes += _averages(one, other)
    vetoes += _sources(first, second)
    return vetoes


def _scope(one: str, other: str) -> list[tuple[str, str]]:
    regulation = [bool(_REGULATION.search(text)) for text in (one, other)]
    overtime = [bool(_OVERTIME.search(text)) for text in (one, other)]
    if (regulation[0] and overtime[1] and not regulation[1]) or (regulation[1] and overtime[0] and not regulation[0]):
        return [("period", "one counts regulation time only, the other counts overtime")]
    return []


def _deadlines(one: str, other: str) -> list[tuple[str, str]]:
    found = [_deadline_set(text) for text in (one, other)]
    if found[0] and found[1] and not found[0] & found[1]:
        days = [{moment[:3] for moment in moments} for moments in found]
        clocks = [{moment for moment in moments if moment[3] >= 0} for moments in found]
        if not days[0] & days[1] or (clocks[0] and clocks[1]):
            said = [_moment(min(moments)) for moments in found]
            return [("date", f"one's rules end {said[0]}, the other's {said[1]}")]
    return []


def _deadline_set(text: str) -> set[tuple[int, int, int, int]]:
    moments = set()
    for found in _DEADLINE.finditer(text):
        lead, hour, minute, half, month, day, year, hour_after, minute_after, half_after = found.groups()
        hour, minute, half = (hour, minute, half) if hour else (hour_after, minute_after, half_after)
        clock = -1 if hour is None else (int(hour) % 12 + (12 if half == "p" else 0)) * 60 + int(minute)
        end = int(year), MONTHS[month], int(day)
        if clock == 0 or (clock < 0 and lead in ("before", "prior to")):
            end, clock = day_before(*end), -1
        moments.add((*end, clock))
    return moments


def _moment(moment: tuple[int, int, int, int]) -> str:
    year, month, day, clock = moment
    return f"{year}-{month:02d}-{day:02d}" + ("" if clock < 0 else f" {clock // 60}:{clock % 60:02d}")


def _stations(first: Reading, second: Reading) -> list[tuple[str, str]]:
    found = [_station_names(reading.listing.rules[:READ]) for reading in (first, second)]
    if found[0] and found[1] and not found[0] & found[1]:
        return [("source", f"stations {' '.join(sorted(found[0]))} and {' '.join(sorted(found[1]))}")]
    return []


def _station_names(rules: str) -> set[str]:
    """Codes of weather stations, and the words before "airport" or "park" after the last word like "at the"."""
    names = {code.lower() for code in _STATION_CODE.findall(rules)}
    for found in _STATION.finditer(rules.lower()):
        words = found.group(1).split()
        last = max((at for at, word in enumerate(words) if word in _BEFORE_STATION), default=-1)
        names.update(word.strip(".'") for word in words[last + 1 :])
    return names


_BEFORE_STATION: Final = word_set(
    "at in the of from by near for on as is measured recorded observed reported a an and to station"
)


def _averages(one: str, other: str) -> list[tuple[str, str]]:
    found = [bool(_AVERAGED.search(text)) for text in (one, other)]
    if found[0] != found[1]:
        return [("source", "one takes an average of prices, the other one price")]
    return []


def _sources(first: Reading, second: Reading) -> list[tuple[str, str]]:
    one, other = first.listing.source.strip().lower(), second.listing.source.strip().lower()
    if not one or not other or first.topic not in ("asset", "weather", "rate"):
        return []
    words = [set(re.findall(r"[a-z]{3,}", text)) - _SOURCE_WORDS for text in (one, other)]
    if words[0] and words[1] and not words[0] & words[1]:
        return [("source", f"settled by {one[:60]} and by {other[:60]}")]
    return []


_SOURCE_WORDS: Final = word_set("http https www com org net gov the and data official html")
