"""Milestones and structured targets of the games that the simulated exchange lists, as REST shows them. Reads only.

A game is an event in the category sports whose markets know when it starts: one market a side, and a tie where there is one.
Source: facts §6.1 (`custom_strike`), §6.3; shapes from the OpenAPI document.
"""

from __future__ import annotations

import uuid
from typing import Any

from dutchbook.simulator.kalshi.market import Event, Market
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import rfc3339

_SIDES = 2
_NAMES = uuid.UUID("2f1f3f62-6d5b-4b0e-9d2c-7f2b6a1e0c55")
"""Under which ids are made from names: the same team has one id, whatever it plays in."""

_TWO_WAY, _WITH_DRAW = "basketball", "soccer"
"""Sports of the invented leagues."""


def milestone_rows(state: State) -> list[dict[str, Any]]:
    """One milestone for every listed game."""
    return [_milestone(event) for event in state.events.values() if _sides(event)]


def target_rows(state: State) -> list[dict[str, Any]]:
    """Every team of a listed game, once."""
    rows: dict[str, dict[str, Any]] = {}
    for event in state.events.values():
        for side in _sides(event):
            name = side.spec.outcomes[0]
            rows.setdefault(
                _id(name),
                {
                    "id": _id(name),
                    "name": name,
                    "type": f"{_sport(event)}_team",
                    "details": {},
                    "source_ids": {},
                    "last_updated_ts": rfc3339(event.updated_ns),
                },
            )
    return list(rows.values())


def market_row(market: Market) -> dict[str, Any]:
    """The Market object, with the target that its YES stands for where it is a side of a game."""
    if not any(side is market for side in _sides(market.event)):
        return market.row()
    strike = {f"{_sport(market.event)}_team": _id(market.spec.outcomes[0])}
    return market.row() | {"strike_type": "structured", "custom_strike": strike}


def _milestone(event: Event) -> dict[str, Any]:
    first, second = _sides(event)
    # a title reads "Away at Home" or "Home vs Away"
    home, away = (second, first) if " at " in event.title else (first, second)
    starts = first.spec.starts_ns
    assert starts is not None
    return {
        "id": _id(event.ticker),
        "category": "Sports",
        "type": f"{_sport(event)}_game",
        "title": event.title,
        "start_date": rfc3339(starts),
        "end_date": None,
        "primary_event_tickers": [event.ticker],
        "related_event_tickers": [event.ticker],
        "notification_message": "",
        "source_ids": {},
        "details": {"home_team_id": _id(home.spec.outcomes[0]), "away_team_id": _id(away.spec.outcomes[0])},
        "last_updated_ts": rfc3339(event.updated_ns),
    }


def _sides(event: Event) -> list[Market]:
    """The two markets on a side of a game; none for what is no game."""
    markets = event.markets
    if len(markets) > _SIDES + 1:
        return []
    sides = [market for market in markets if market.spec.outcomes[0].lower() != "tie"]
    known = all(market.spec.category == "sports" and market.spec.starts_ns is not None for market in markets)
    return sides if known and len(sides) == _SIDES else []


def _sport(event: Event) -> str:
    return _TWO_WAY if len(event.markets) == _SIDES else _WITH_DRAW


def _id(name: str) -> str:
    return str(uuid.uuid5(_NAMES, name))
