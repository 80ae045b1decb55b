"""Gamma's events with their markets as listings for linking. Functions on bytes; reads what is there and judges nothing.

The id of a listing is the slug, as everywhere in this adapter. Source: Polymarket documentation, Gamma.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.errors import MalformedFrame
from dutchbook.core.listing import Listing
from dutchbook.core.money import MICRO, Cash, Price, Size
from dutchbook.venues.polymarket.catalogue import texts
from dutchbook.venues.polymarket.config import NAME
from dutchbook.venues.polymarket.reads import time_ns

_TAGS: Final = 20


class _Tag(msgspec.Struct):
    label: str | None = None


class _Row(msgspec.Struct):
    slug: str
    question: str | None = None
    groupItemTitle: str | None = None
    description: str | None = None
    resolutionSource: str | None = None
    outcomes: str | list[str] | None = None
    closed: bool = False
    archived: bool | None = None
    active: bool = True
    endDate: str | None = None
    gameStartTime: str | None = None
    gameId: str | int | None = None
    sportsMarketType: str | None = None
    line: Decimal | None = None
    negRisk: bool | None = None
    negRiskOther: bool | None = None
    bestBid: Decimal | None = None
    bestAsk: Decimal | None = None
    volumeNum: Decimal | None = None
    liquidityNum: Decimal | None = None


class _Event(msgspec.Struct):
    slug: str | None = None
    title: str | None = None
    seriesSlug: str | None = None
    category: str | None = None
    resolutionSource: str | None = None
    endDate: str | None = None
    startTime: str | None = None
    gameId: str | int | None = None
    homeTeamName: str | None = None
    awayTeamName: str | None = None
    tags: list[_Tag] | None = None
    markets: list[msgspec.Raw] | None = None


class EventsPage(msgspec.Struct):
    """`GET /events/keyset`; events stay raw: one unreadable event must not cost the page."""

    events: list[msgspec.Raw]
    next_cursor: str | None = None


_EVENT: Final = msgspec.json.Decoder(_Event)
_ROW: Final = msgspec.json.Decoder(_Row)


def read_event(raw: bytes) -> list[Listing]:
    """The open markets of one event that have two outcomes. What cannot be read is left out, never guessed."""
    try:
        event = _EVENT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    found: list[Listing] = []
    for each in event.markets or ():
        try:
            row = _ROW.decode(each)
            outcomes = tuple(texts(row.outcomes, "outcomes"))
        except (msgspec.MsgspecError, UnicodeDecodeError, MalformedFrame):
            continue
        if row.active and not row.closed and not row.archived and len(outcomes) == 2:
            found.append(_listing(row, event, outcomes))
    return found


def _listing(row: _Row, event: _Event, outcomes: tuple[str, ...]) -> Listing:
    tags = tuple(tag.label for tag in (event.tags or ())[:_TAGS] if tag.label)
    starts = row.gameStartTime or event.startTime
    closes = row.endDate or event.endDate
    return Listing(
        venue=NAME,
        id=row.slug,
        title=row.question or event.title or row.slug,
        subtitle=row.groupItemTitle or "",
        event=event.slug or row.slug,
        event_title=event.title or "",
        series=event.seriesSlug or "",
        category=event.category or (tags[0] if tags else ""),
        tags=tags,
        slug=row.slug,
        outcomes=outcomes,
        rules=row.description or "",
        source=row.resolutionSource or event.resolutionSource or "",
        starts_ns=(time_ns(starts) or None) if starts else None,
        closes_ns=(time_ns(closes) or None) if closes else None,
        structured=tuple(_structured(row, event)),
        price=_middle(row.bestBid, row.bestAsk),
        other=bool(row.negRiskOther),
        volume=None if row.volumeNum is None else Size(int(row.volumeNum * MICRO)),
        liquidity=None if row.liquidityNum is None else Cash(int(row.liquidityNum * MICRO)),
    )


def _structured(row: _Row, event: _Event) -> list[tuple[str, str]]:
    game = row.gameId if row.gameId is not None else event.gameId
    told = {
        "sportsMarketType": row.sportsMarketType,
        "line": None if row.line is None else f"{row.line:f}",
        "gameId": None if game is None else str(game),
        "homeTeamName": event.homeTeamName,
        "awayTeamName": event.awayTeamName,
    }
    return [(name, value) for name, value in told.items() if value]


def _middle(bid: Decimal | None, ask: Decimal | None) -> Price | None:
    """The middle of the quotes; without a quote on both sides there is none."""
    if bid is None or ask is None or not 0 < bid <= ask < 1:
        return None
    return Price(int((bid + ask) / 2 * MICRO))
