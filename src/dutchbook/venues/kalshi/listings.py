"""Kalshi's events with their markets as listings for linking. Functions on bytes; reads what is there and judges nothing.

Source: Kalshi API documentation, events and markets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from dutchbook.core.listing import Listing
from dutchbook.core.money import MICRO, Price, Size, parse_micros
from dutchbook.venues.kalshi.catalogue import OPEN_WORDS, rules_of
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.fields import Instant, nanoseconds

_COMBO_PREFIX: Final = "KXMVE"

_DEPTH: Final = 4
"""How deep a structured strike is unfolded."""


class _Source(msgspec.Struct):
    name: str = ""


class _Row(msgspec.Struct):
    ticker: str
    status: str = ""
    title: str | None = None
    yes_sub_title: str | None = None
    no_sub_title: str | None = None
    rules_primary: str | None = None
    rules_secondary: str | None = None
    close_time: Instant | None = None
    expected_expiration_time: Instant | None = None
    occurrence_datetime: Instant | None = None
    can_close_early: bool | None = None
    early_close_condition: str | None = None
    strike_type: str | None = None
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    functional_strike: str | None = None
    custom_strike: dict[str, Any] | None = None
    primary_participant_key: str | None = None
    mve_collection_ticker: str | None = None
    yes_bid_dollars: Decimal | None = None
    yes_ask_dollars: Decimal | None = None
    volume_fp: Decimal | None = None


class _Event(msgspec.Struct):
    event_ticker: str
    series_ticker: str = ""
    title: str | None = None
    sub_title: str | None = None
    category: str | None = None
    settlement_sources: list[_Source] | None = None
    markets: list[msgspec.Raw] | None = None


class Page(msgspec.Struct):
    """`GET /events` with nested markets; events stay raw: one unreadable event must not cost the page."""

    events: list[msgspec.Raw]
    cursor: str | None = None


PAGE: Final = msgspec.json.Decoder(Page)
_EVENT: Final = msgspec.json.Decoder(_Event)
_ROW: Final = msgspec.json.Decoder(_Row)


def read_event(raw: bytes) -> list[Listing]:
    """The open binary markets of one event, combos left out. What cannot be read is left out, never guessed."""
    try:
        event = _EVENT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    found: list[Listing] = []
    for each in event.markets or ():
        try:
            row = _ROW.decode(each)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        combo = row.mve_collection_ticker or row.ticker.startswith(_COMBO_PREFIX)
        if row.status in OPEN_WORDS and not combo:
            found.append(_listing(row, event))
    return found


def _listing(row: _Row, event: _Event) -> Listing:
    closes, starts = row.close_time, row.occurrence_datetime
    return Listing(
        venue=VENUE,
        id=row.ticker,
        title=row.title or event.title or row.ticker,
        subtitle=row.yes_sub_title or "",
        event=event.event_ticker,
        event_title=" ".join(text for text in (event.title, event.sub_title) if text),
        series=event.series_ticker,
        category=event.category or "",
        outcomes=(row.yes_sub_title or "Yes", row.no_sub_title or "No"),
        rules=rules_of(row.rules_primary, row.rules_secondary),
        source=", ".join(source.name for source in event.settlement_sources or () if source.name),
        # at or after the close it is when the result is expected, not when something starts
        starts_ns=nanoseconds(starts) if starts is not None and (closes is None or starts < closes) else None,
        closes_ns=None if closes is None else nanoseconds(closes),
        expires_ns=None if row.expected_expiration_time is None else nanoseconds(row.expected_expiration_time),
        structured=tuple(_structured(row)),
        price=_middle(row.yes_bid_dollars, row.yes_ask_dollars),
        can_close_early=row.can_close_early,
        volume=_amount(row.volume_fp),
    )


def _structured(row: _Row) -> Iterator[tuple[str, str]]:
    for name in ("strike_type", "functional_strike", "primary_participant_key", "early_close_condition"):
        value = getattr(row, name)
        if value:
            yield name, value
    for name, strike in (("floor_strike", row.floor_strike), ("cap_strike", row.cap_strike)):
        if strike is not None:
            yield name, f"{strike:f}"
    yield from _flat("custom_strike", row.custom_strike or {}, _DEPTH)


def _flat(name: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if depth:
            for key, inner in value.items():
                yield from _flat(f"{name}.{key}", inner, depth - 1)
    elif value is not None:
        yield name, str(value)


def _middle(bid: Decimal | None, ask: Decimal | None) -> Price | None:
    """The middle of the quotes; an empty side reads 0 or 1, and then there is none."""
    if bid is None or ask is None or not 0 < bid <= ask < 1:
        return None
    return Price(int((bid + ask) / 2 * MICRO))


def _amount(value: Decimal | None) -> Size | None:
    try:
        return None if value is None else Size(parse_micros(value, "volume_fp"))
    except ValueError:
        return None
