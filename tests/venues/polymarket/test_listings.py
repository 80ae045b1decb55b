"""Gamma's events as listings for discovery (M8): what the venue tells; what cannot be read is left out, never guessed."""

from __future__ import annotations

import json
from typing import Any

from dutchbook.core.listing import Listing
from dutchbook.venues.polymarket.listings import read_event


def event(*markets: dict[str, Any], **fields: Any) -> bytes:
    told = {
        "slug": "dam",
        "title": "Dam",
        "tags": [{"label": "World"}, {"label": None}],
        "seriesSlug": "dams",
        **fields,
    }
    return json.dumps({**told, "markets": list(markets)}).encode()


def market(**fields: Any) -> dict[str, Any]:
    return {
        "slug": "dam-opens", "question": "Will the dam open?", "groupItemTitle": "Opens", "description": "Yes if it opens.",
        "outcomes": '["Yes", "No"]', "endDate": "2026-12-01T05:00:00Z", "bestBid": 0.4, "bestAsk": 0.44, **fields,
    }  # fmt: skip


def one(**fields: Any) -> Listing:
    (found,) = read_event(event(market(**fields)))
    return found


def test_m8_a_market_is_told_with_its_event() -> None:
    found = one(
        sportsMarketType="totals",
        line=2.5,
        gameId=7,
        volumeNum=12.5,
        liquidityNum=3,
        gameStartTime="2026-11-30 20:00:00+00",
    )
    assert (found.venue, found.id, found.slug, found.event) == ("polymarket", "dam-opens", "dam-opens", "dam")
    assert (found.title, found.subtitle, found.event_title) == ("Will the dam open?", "Opens", "Dam")
    assert (found.rules, found.category, found.tags, found.series) == ("Yes if it opens.", "World", ("World",), "dams")
    assert (found.price, found.volume, found.liquidity) == (420_000, 12_500_000, 3_000_000)
    assert dict(found.structured) == {"sportsMarketType": "totals", "line": "2.5", "gameId": "7"}
    assert found.starts_ns == 1_796_068_800 * 10**9 and found.closes_ns == 1_796_101_200 * 10**9


def test_m8_closed_unreadable_and_many_sided_rows_are_left_out() -> None:
    rows = [
        market(closed=True), market(archived=True), market(active=False), market(outcomes='["A", "B", "C"]'),
        market(outcomes="no list"), {"question": "no slug"},
    ]  # fmt: skip
    assert read_event(event(*rows, market())) == [one()]
    assert read_event(b"\xff") == read_event(b"[]") == read_event(b"{}") == []


def test_a_placeholder_says_that_it_is_one() -> None:
    assert one(negRiskOther=True).other and not one().other


def test_without_quotes_on_both_sides_there_is_no_price() -> None:
    assert one(bestBid=0).price is None and one(bestAsk=1).price is None and one(bestBid=None).price is None
