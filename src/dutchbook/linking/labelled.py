"""Rows of labelled pairs, whatever fields they have, as two listings. Must never take a text that the row does not
hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from dutchbook.linking.listing import Listing
from dutchbook.linking.reading_codes import alike, read_slug, read_ticker
from dutchbook.linking.reading_title import parse
from dutchbook.linking.words import fold, tokens

_FIRST: Final = ("poly", "polymarket", "pm", "a", "left")
_SECOND: Final = ("kalshi", "ks", "b", "right")
_TITLE: Final = ("question", "title", "name", "text")
_ID: Final = ("ticker", "market_ticker", "id", "market_id", "condition_id", "event", "event_id", "event_ticker")
_RULES: Final = ("rules", "rules_primary", "description")
_SUBTITLE: Final = ("subtitle", "sub_title", "yes_sub_title", "group_item_title", "outcome")


def sides(row: Mapping[str, Any]) -> tuple[Listing | None, Listing | None]:
    """The two listings of a row; None for a side without any readable text, ticker or slug."""
    first, second = _side(row, "polymarket", _FIRST), _side(row, "kalshi", _SECOND)
    paired = row.get("kalshi_main_refers_to")
    if isinstance(paired, str) and first is not None and second is not None:
        first = _paired_by_name(first, second, paired)
    return first, second


def _paired_by_name(first: Listing, second: Listing, name: str) -> Listing:
    """A row that says which side of the game it pairs: the first market's outcome of that name is meant, whichever
    stands first."""
    one, other = read_slug(first.slug), read_ticker(second.id)
    if one is None or other is None or len(one.teams) != 2:
        return first
    words = tuple(tokens(fold(name)))
    for title, codes in ((first.title, one.teams), (second.title, other.teams)):
        names = parse(title, at_is_versus=True).names
        places = [at for at, side in enumerate(names) if side == words]
        if len(places) == 1 and len(codes) == 2:
            team = [code for code in one.teams if alike(code, codes[places[0]])]
            return replace(first, structured=(*first.structured, ("yes_team", team[0]))) if len(team) == 1 else first
    return first


def label(row: Mapping[str, Any]) -> str:
    """What the row says of the pair ("same", "not_same", "inverse", …), or "unlabelled"."""
    value = row.get("label", row.get("relation"))
    if isinstance(value, bool):
        return "same" if value else "not_same"
    return str(value) if value else "unlabelled"


def _side(row: Mapping[str, Any], venue: str, prefixes: tuple[str, ...]) -> Listing | None:
    told = _fields(row, prefixes)
    title = _question(_first(told, _TITLE))
    slug = _first(told, ("slug", "market_slug"))
    market = _first(told, _ID)
    alone = _first(told, ("",))
    if alone and not market and not slug and not title:
        if " " in alone:
            title = _question(alone)
        else:
            market = alone
    if not slug and venue == "polymarket" and market.count("-") >= 3:
        slug = market
    code = market if venue == "kalshi" else ""
    if not title and not slug and not code:
        return None
    event = _first(told, ("event", "event_ticker", "event_id"))
    title, dash, outcome = title.partition("? — ")
    grain = event or market if row.get("grain") == "event" else event
    return Listing(
        venue=venue,
        id=market or slug,
        title=f"{title}?" if dash else title,
        subtitle=_first(told, _SUBTITLE) or outcome,
        event=grain,
        event_title=_first(told, ("event_title",)),
        slug=slug,
        rules=" ".join(filter(None, (_first(told, _RULES), _first(told, ("rules_secondary",))))),
        outcomes=_strings(told.get("outcomes")),
    )


def _fields(row: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    """The fields of one side, without their prefix; a nested object's fields count as fields."""
    told: dict[str, Any] = {}
    for prefix in prefixes:
        for key, value in row.items():
            if key == prefix:
                told.update(value if isinstance(value, Mapping) else {"": value})
            elif key.startswith(prefix + "_"):
                told.setdefault(key[len(prefix) + 1 :], value)
    return told


def _first(told: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = told.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()


def _question(text: str) -> str:
    """The question alone, where a row carries the beginning of the rules behind it ("Will …?: This market will
    resolve …")."""
    head, mark, _ = text.partition("?: ")
    return head + "?" if mark else text
