"""Events as listings for discovery (M8): what the venue tells, combos left out, unreadable rows left out and never guessed."""

from __future__ import annotations

import json
from typing import Any

from dutchbook.core.link import rules_hash
from dutchbook.core.listing import Listing
from dutchbook.venues.kalshi.listings import read_event


def event(*markets: dict[str, Any], **fields: Any) -> bytes:
    told = {
        "event_ticker": "KXDAM-26", "series_ticker": "KXDAM", "title": "Dam", "sub_title": "2026", "category": "World",
        "settlement_sources": [{"name": "Water Board", "url": "x"}], **fields,
    }  # fmt: skip
    return json.dumps({**told, "markets": list(markets)}).encode()


def market(**fields: Any) -> dict[str, Any]:
    return {
        "ticker": "KXDAM-26-Y", "status": "active", "title": "Will the dam open?", "yes_sub_title": "Opens",
        "no_sub_title": "Stays shut", "rules_primary": "If it opens.", "rules_secondary": "By noon.",
        "close_time": "2026-12-01T05:00:00Z", "yes_bid_dollars": "0.4000", "yes_ask_dollars": "0.4400", **fields,
    }  # fmt: skip


def one(**fields: Any) -> Listing:
    (found,) = read_event(event(market(**fields)))
    return found


def test_m8_a_market_is_told_with_its_event() -> None:
    found = one(strike_type="greater", floor_strike=3.5, custom_strike={"team": {"id": "t-1"}}, volume_fp="12.00")
    assert (found.venue, found.id, found.title, found.subtitle) == (
        "kalshi",
        "KXDAM-26-Y",
        "Will the dam open?",
        "Opens",
    )
    assert (found.event, found.event_title, found.series) == ("KXDAM-26", "Dam 2026", "KXDAM")
    assert (found.rules, found.source, found.category) == ("If it opens.\n\nBy noon.", "Water Board", "World")
    assert found.price == 420_000 and found.volume == 12_000_000
    assert dict(found.structured) == {"strike_type": "greater", "floor_strike": "3.5", "custom_strike.team.id": "t-1"}


def test_m10_the_hash_of_a_listing_is_that_of_the_market_that_is_traded() -> None:
    from dutchbook.venues.kalshi.catalogue import rules_of

    assert rules_hash(one().rules) == rules_hash(rules_of("If it opens.", "By noon."))


def test_m8_combos_closed_and_unreadable_rows_are_left_out() -> None:
    rows = [
        market(ticker="KXMVE-1"), market(mve_collection_ticker="c"), market(status="closed"), market(status="from the future"),
        {"status": "active"}, market(close_time="soon"),
    ]  # fmt: skip
    assert read_event(event(*rows, market())) == [one()]
    assert read_event(b"\xff") == read_event(b"[]") == read_event(b'{"markets": []}') == []


def test_an_empty_side_has_no_price() -> None:
    assert one(yes_bid_dollars="0.0000").price is None and one(yes_ask_dollars="1.0000").price is None
    assert one(yes_bid_dollars="0.6", yes_ask_dollars="0.4").price is None
