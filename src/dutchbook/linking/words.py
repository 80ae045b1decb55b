"""Text into plain lower-case words of one spelling, so that two venues' titles can be compared. Must hold only words
of the language and the names of competitions and institutions; never the name of a team, a person or a market."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from dutchbook.linking.words_tables import PHRASES, SPELLINGS

LONGEST_TITLE: Final = 400
"""Characters of a title that are read; venues keep titles far below this, and the cost of a hostile one stays
bounded."""

_TOKEN: Final = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}|\d{4}[-/]\d{2}(?:\d{2})?(?!\d)"
    r"|\d{1,2}:\d{2}(?:[ap]m)?|\d{1,2}[ap]m(?![^\W_])"
    r"|\$?\d+(?:,\d{3})*(?:\.\d+)?(?:bps?|bn|mm|[kmbtc])?(?![^\W_])\+?%?\+?"
    r"|(?<![^\W_])[^\W\d_]\.(?=\s)"
    r"|[^\W_]+"
    r"|[<>≥≤]=?|[-+$]"
)
_DASHES: Final = str.maketrans(
    {"–": "-", "—": " - ", "−": "-", "‐": "-", "‑": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "..."}
    | {"ı": "i", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE"}
)
_POSSESSIVE: Final = re.compile(r"'s?\b")
_INITIALS: Final = re.compile(r"\b((?:[a-z]\.){2,})")
_DASH_BETWEEN_LETTERS: Final = re.compile(r"(?<=[^\W\d_])-(?=[^\W_])")


def fold(text: str) -> str:
    """Lower case without accents, curly quotes, possessives or dots in initials. Other scripts are kept as they are."""
    text = text[:LONGEST_TITLE]
    if not text.isascii():
        text = text.translate(_DASHES)
        if not text.isascii():
            text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = text.lower()
    if "'" in text:
        text = text.replace("n't", " not") if "n't" in text else text
        text = _POSSESSIVE.sub("", text)
    if "." in text:
        text = _INITIALS.sub(lambda found: found.group(1).replace(".", "") + " ", text)
    return text


def tokens(folded: str) -> list[str]:
    """The words, numbers and comparison signs of a folded text, in order, hyphenated words apart."""
    if "-" in folded:
        folded = _DASH_BETWEEN_LETTERS.sub(" ", folded)
    return _TOKEN.findall(folded)


def spell(words: list[str]) -> list[str]:
    """Words in one spelling each: synonyms of the language, plurals off, phrases joined. Order is kept."""
    out: list[str] = []
    at, end = 0, len(words)
    while at < end:
        word = words[at]
        phrases = PHRASES.get(word)
        if phrases is not None:
            for rest, replacement in phrases:
                if tuple(words[at + 1 : at + 1 + len(rest)]) == rest:
                    out += replacement
                    at += 1 + len(rest)
                    break
            else:
                out.append(SPELLINGS.get(word) or _singular(word))
                at += 1
            continue
        out.append(SPELLINGS.get(word) or _singular(word))
        at += 1
    return out


def _singular(word: str) -> str:
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "sui" and word[0].isalpha():
        if word.endswith("ies") and len(word) > 4:
            return word[:-3] + "y"
        if word.endswith(("xes", "ches", "shes")):
            return word[:-2]
        return word[:-1]
    return word


def shared_start(one: str, other: str) -> int:
    """How many letters two words have in common from their beginning."""
    count = 0
    for here, there in zip(one, other, strict=False):
        if here != there:
            break
        count += 1
    return count
