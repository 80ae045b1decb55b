"""What a rules text says about the things over which two venues pay differently: deadline, source, ties, cancellation …

Sentences are found by words, and what they say is put into a few fixed words, so that two texts can be compared. What is not
understood stays a sentence without a meaning. Must never decide which of two texts is right, and knows no name of a person,
team or place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 40_000
"""Characters of a rules text that are read; what is beyond is not, and the text is vetoed elsewhere for its length."""

SENTENCES: Final = 12
"""At most so many sentences are quoted for one topic."""


@dataclass(frozen=True, slots=True)
class Clause:
    """What one text says on one topic: its sentences, and their meaning in fixed words (empty when it was not understood)."""

    sentences: tuple[str, ...]
    says: frozenset[str]


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that rules speak about. `finds` picks the sentences, `means` puts one into fixed words."""

    code: str
    name: str
    finds: re.Pattern[str]
    means: Callable[[str], frozenset[str]]


def sentences(text: str) -> list[str]:
    """The sentences of a rules text, in order, blanks folded."""
    parts = _BREAK.split(text[:LONGEST])
    return [clean for part in parts if (clean := " ".join(part.split()))]


def clauses(text: str) -> dict[str, Clause]:
    """Topic code to what the text says on it; topics that it does not speak about are left out."""
    found: dict[str, Clause] = {}
    spoken = sentences(text)
    for topic in TOPICS:
        hits = [sentence for sentence in spoken if topic.finds.search(sentence)]
        if hits:
            says = frozenset[str]().union(*map(topic.means, hits))
            found[topic.code] = Clause(tuple(hits[:SENTENCES]), says)
    return found


def payout(sentence: str) -> str | None:
    """What a sentence says that YES pays: half, yes, no, price (what the venue thinks fair), void, open (it waits), or None."""
    for word, pattern in _PAYOUTS:
        if pattern.search(sentence):
            return word
    return None


_BREAK: Final = re.compile(
    r"(?<=[.!?;])(?<!a\.m\.)(?<!p\.m\.)(?<!U\.S\.)(?<!vs\.)(?<!No\.)[\"”’)]*\s+(?=[A-Z0-9\"“(])|[\r\n]+"
)

_PAYOUTS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (word, re.compile(pattern, re.IGNORECASE))
    for word, pattern in (
        ("half", r"50\s*[-–/]\s*50|\bequally\b|\$?0?\.50?\b|1/n|split (?:evenly|equally|between)"),
        ("price", r"fair (?:market )?(?:price|value)|last (?:traded |fair |trade )?price|prevailing price"),
        ("void", r"\brefund|\bvoid(?:ed)?\b|returned to (?:traders|members|holders)"),
        (
            "open",
            r"(?:remain|stay)s? open|until (?:the |it |such )?\w* ?(?:has been|is|have been) (?:played|completed|held)",
        ),
        ("no", r"(?:resolve|settle|determine)\w*(?: \w+){0,3} (?:to|as|at)?\s*[\"“‘']?no\b"),
        ("yes", r"(?:resolve|settle|determine)\w*(?: \w+){0,3} (?:to|as|at)?\s*[\"“‘']?yes\b"),
    )
)

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sept", "sep"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        1,
    )
    for name in names
}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE: Final = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", re.IGNORECASE)
_ISO: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_TIME: Final = re.compile(
    r"\b(\d{1,2})(?::(\d{2}))?(?::\d{2})? ?([ap])\.?m\b\.?|\b([01]?\d|2[0-3]):([0-5]\d)\b", re.IGNORECASE
)
_NAMED_TIME: Final = re.compile(r"\b(midnight|noon)\b", re.IGNORECASE)
_ZONE: Final = re.compile(
    r"\b(ET|EST|EDT|UTC|GMT|PT|PST|PDT|CT|CST|CDT|BST|CET|CEST|JST)\b"
    r"|\b((?i:eastern|pacific|central|mountain|local)) (?i:standard |daylight )?(?i:time)\b"
)
_ZONES: Final = {
    "EST": "ET", "EDT": "ET", "EASTERN": "ET", "GMT": "UTC", "PST": "PT", "PDT": "PT", "PACIFIC": "PT",
    "CST": "CT", "CDT": "CT", "CENTRAL": "CT", "CEST": "CET",
}  # fmt: skip


def _instants(sentence: str) -> frozenset[str]:
    found = set()
    for month, day, year in _DATE.findall(sentence):
        found.add(f"{year}-{_MONTHS[month.lower()]:02}-{int(day):02}".lstrip("-"))
    for year, month, day in _ISO.findall(sentence):
        found.add(f"{year}-{month}-{day}")
    for hour, minute, half, hour24, minute24 in _TIME.findall(sentence):
        if half:
            found.add(f"{int(hour) % 12 + (12 if half.lower() == 'p' else 0):02}:{minute or '00'}")
        else:
            found.add(f"{int(hour24):02}:{minute24}")
    found.update({"midnight": "00:00", "noon": "12:00"}[word.lower()] for word in _NAMED_TIME.findall(sentence))
    return frozenset(found)


def _zones(sentence: str) -> frozenset[str]:
    words = {(short or named).upper() for short, named in _ZONE.findall(sentence)}
    return frozenset(_ZONES.get(word, word) for word in words)


_SOURCE: Final = re.compile(
    r"(?:verified from|according to|reported by|published by|based on"
    r"|resolution sources?(?: for this market)?(?: is| will be|:)) (?:the )?([^.;,]{3,80})",
    re.IGNORECASE,
)


def _sources(sentence: str) -> frozenset[str]:
    named = {" ".join(found.lower().split()) for found in _SOURCE.findall(sentence)}
    if re.search(r"credible (?:media )?report", sentence, re.IGNORECASE):
        named = {each for each in named if "credible" not in each} | {"credible reporting"}
    return frozenset(named)


def _table(*rows: tuple[str, str]) -> Callable[[str], frozenset[str]]:
    """A meaning by patterns: every row that occurs says its word; what an earlier row has matched is taken out first."""
    patterns = [(word, re.compile(pattern, re.IGNORECASE)) for word, pattern in rows]

    def means(sentence: str) -> frozenset[str]:
        said = set()
        for word, pattern in patterns:
            rest = pattern.sub(" ", sentence)
            if rest != sentence:
                said.add(word)
                sentence = rest
        return frozenset(said)

    return means


_COMPARATORS: Final = _table(
    (
        ">=",
        r"greater than or equal to|more than or equal to|at least|or (?:higher|above|more|greater)\b|no (?:less|lower) than"
        r"|\bequal to or (?:above|greater)|>=",
    ),
    (
        "<=",
        r"less than or equal to|at most|or (?:lower|below|less|fewer)\b|no (?:more|higher) than"
        r"|\bequal to or (?:below|less)|<=",
    ),
    ("between", r"\bbetween\b"),
    (">", r"\b(?:above|exceeds?|greater than|more than|higher than|over)\b|>"),
    ("<", r"\b(?:below|less than|fewer than|lower than|under)\b|<"),
    ("touches", r"\b(?:touch(?:es)?|reach(?:es)?|hits?|at any (?:time|point))\b"),
    ("close", r"\b(?:clos(?:e|es|ing) (?:price|above|below|at)|final (?:price|value))\b"),
)
_COMPARED: Final = (
    r"above|below|exceed|(?:greater|less|more|fewer|higher|lower) than|at least|at most|or (?:higher|lower|more|above|below)"
    r"|between|touch|reach(?:es)?\b|\bhits?\b|clos(?:es|ing) (?:price|above|below|at)|[<>]"
)

_CALLED: Final = r"\bprojected\b|\bcall(?:s|ed) the (?:race|election)\b"
_OFFICE: Final = r"\binaugurat\w*|\bsworn in\b|\btakes? office\b"
_ANNOUNCED: Final = _table(("announced", r"\bannounc\w*"), ("called by media", _CALLED), ("takes office", _OFFICE))

_EXTRA: Final = r"overtime|extra[- ]time|extra innings|penalt(?:y|ies)|shoot-?outs?"
_EXTRA_OUT: Final = re.compile(
    rf"(?:not (?:be )?(?:count|includ)|exclud|does not|do not|without)[^.;]*(?:{_EXTRA})|(?:{_EXTRA})[^.;]*(?:not|exclud)"
)


def _overtime(sentence: str) -> frozenset[str]:
    low = sentence.lower()
    if re.search(_EXTRA, low):
        return frozenset({"does not count" if _EXTRA_OUT.search(low) else "counts"})
    return frozenset({"does not count"}) if re.search(r"90 minutes|regulation", low) else frozenset()


_WINDOW: Final = re.compile(r"within (\d+|one|two|three|four|five|six|seven) (hour|day|week|month)s?", re.IGNORECASE)
_COUNTS: Final = {"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7"}


def _paid(sentence: str) -> frozenset[str]:
    paid, window = payout(sentence), _WINDOW.search(sentence)
    said = set() if paid is None else {paid}
    if window:
        said.add(f"within {_COUNTS.get(window[1].lower(), window[1])} {window[2].lower()}")
    return frozenset(said)


_ROUNDED: Final = _table(
    ("to one decimal", r"one decimal|nearest (?:tenth|0\.1)"),
    ("to two decimals", r"two decimal|nearest (?:hundredth|0\.01|cent)"),
    ("to a whole", r"nearest (?:whole|integer|degree|dollar)|whole number"),
    ("truncated", r"truncat\w*"),
    ("not rounded", r"not (?:be )?round\w*"),
)

_EARLY: Final = (
    r"clos\w* early|early clos\w*|resolve (?:early|immediately)|clos(?:e|es) (?:and expire )?(?:immediately|when|upon|once)"
    r"|prior to (?:the )?expiration|as soon as"
)
_REVISED: Final = _table(
    (
        "first print counts",
        r"initial release|first (?:published|released|print)\w*|revisions? [^.]*(?:not|no effect|disregard|ignored)",
    ),
    ("revisions count", r"\brevis\w*"),
)


def _topic(code: str, name: str, finds: str, means: Callable[[str], frozenset[str]], *, cased: bool = False) -> Topic:
    return Topic(code, name, re.compile(finds, 0 if cased else re.IGNORECASE), means)


_WHEN: Final = "|".join(pattern.pattern for pattern in (_DATE, _ISO, _TIME, _NAMED_TIME))

TOPICS: Final[tuple[Topic, ...]] = (
    _topic("deadline", "deadline", _WHEN, _instants),
    _topic("zone", "time zone", _ZONE.pattern, _zones, cased=True),
    _topic(
        "source",
        "source of the result",
        r"\bsources?\b|verified from|according to|reported by|credible (?:media )?report|published by",
        _sources,
    ),
    _topic("comparator", "comparison", _COMPARED, _COMPARATORS),
    _topic("announcement", "announced or done", rf"\bannounc|{_CALLED}|{_OFFICE}", _ANNOUNCED),
    _topic("overtime", "overtime", rf"{_EXTRA}|90 minutes|regulation|stoppage", _overtime),
    _topic("tie", "tie", r"\bti(?:e|es|ed)\b|\bdraws?\b|\bdead heat\b", _paid),
    _topic("postponement", "postponement", r"\bpostpon|\breschedul|\bdelayed\b|\bsuspended\b", _paid),
    _topic(
        "cancellation",
        "cancellation",
        r"\bcancel|\babandon|\bcalled off\b|no make-?up|\bnot (?:be )?(?:played|held|take place)",
        _paid,
    ),
    _topic(
        "start",
        "did not start",
        r"\bwithdraw|\bwalkover|\bretire(?:s|d|ment)?\b|\bdisqualif|\bscratched\b"
        r"|(?:does|did|do) not (?:start|play|participate|compete|appear)",
        _paid,
    ),
    _topic(
        "death",
        "death or halt",
        r"\bdeath\b|\bdies?\b|\bdied\b|\bdeceased\b|\bpasse[sd] away\b|\bincapacit|\bhalt(?:s|ed)?\b",
        _paid,
    ),
    _topic("rounding", "rounding", r"\bround(?:ed|ing)?\b|\bdecimal|\bnearest\b|\btruncat", _ROUNDED),
    _topic("early_close", "early close", _EARLY, _table(("may end early", _EARLY))),
    _topic(
        "revision",
        "revisions",
        r"\brevis|initial release|first (?:published|released|print)|\bpreliminary\b|\brestat",
        _REVISED,
    ),
    _topic(
        "discretion",
        "discretion",
        r"discretion|fair (?:market )?(?:price|value)|last (?:traded |fair |trade )?price|\bclarif|ambigu|\bcommittee\b",
        _paid,
    ),
    _topic(
        "several",
        "several winners",
        r"more than one|multiple (?:winners|candidates|outcomes)|co-winner|shared? (?:the )?(?:award|title|win)|joint winner",
        _paid,
    ),
)
