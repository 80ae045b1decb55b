"""Milestones and structured targets joined to listings for discovery (issue "The same bet", typed reading): over the simulator's
real HTTP, and on rows written by hand. What is missing or unclear stays absent, and a failing read stops nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dutchbook.cli.links.discover import Beside, listed_at_kalshi
from dutchbook.core.clock import DAY, HOUR, SECOND, SystemClock
from dutchbook.core.listing import Listing
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.kalshi.faults import Fault
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.simulator.server import serve
from dutchbook.venues.http import AioTransport
from dutchbook.venues.kalshi import KalshiConfig, KalshiData
from dutchbook.venues.kalshi.happenings import KalshiHappenings
from venues.kalshi.bits import CONFIG, NOW, StillClock

HOME, AWAY, PLAYER, SOMEBODY = (f"{digit}" * 8 + "-0000-4000-8000-000000000000" for digit in "1234")
EVENT = "KXQBLGAME-26NOV22HRWCPF"
START = "2026-11-22T01:30:00Z"
START_NS = 1_795_311_000 * SECOND


def milestone(**fields: Any) -> dict[str, Any]:
    return {
        "id": "m1", "category": "Sports", "type": "basketball_game", "title": "Harrow Bay at Copperfield", "start_date": START,
        "primary_event_tickers": [EVENT], "related_event_tickers": [EVENT, "KXQBLTOTAL-26NOV22HRWCPF"],
        "notification_message": "",
        "details": {"home_team_id": HOME, "away_team_id": AWAY, "competition": "Quarry League", "rank": 3},
        "source_ids": {},
    } | fields  # fmt: skip


def target(native: str, name: str, kind: str = "basketball_team", **fields: Any) -> dict[str, Any]:
    return {"id": native, "name": name, "type": kind, "details": {}} | fields


TARGETS = [
    target(HOME, "Copperfield Miners"),
    target(AWAY, "Harrow Bay Herons"),
    target(PLAYER, "Ada Quill", "basketball_player"),
]


def listing(event: str = EVENT, *strikes: str, **fields: Any) -> Listing:
    told = tuple((f"custom_strike.{kind}", native) for kind, native in (strike.split("=") for strike in strikes))
    return Listing("kalshi", f"{event}-X", "Who?", event=event, structured=told, **fields)


async def joined(
    *page: Listing, milestones: Sequence[Mapping[str, Any]] = (), targets: Sequence[Mapping[str, Any]] = TARGETS
) -> list[Listing]:
    exchange = KalshiExchange(1)
    exchange.describe(milestones=milestones, targets=targets)
    clock = StillClock()
    happenings = KalshiHappenings(KalshiData(CONFIG, MemoryTransport(exchange, clock), clock).reference)
    await happenings.begin(NOW)
    found = await happenings.told(page)
    assert happenings.unread == {}
    return found


async def test_a_milestone_tells_who_plays_where_the_league_and_the_true_start() -> None:
    (found,) = await joined(listing(EVENT, f"basketball_team={AWAY}", starts_ns=5), milestones=[milestone()])
    assert found.starts_ns == START_NS
    assert dict(found.structured) == {
        "custom_strike.basketball_team": AWAY, "milestone": "m1", "milestone_type": "basketball_game", "league": "Quarry League",
        "start": "2026-11-22T01:30:00+0000", "home": "Copperfield Miners", "away": "Harrow Bay Herons",
        "target.basketball_team": "Harrow Bay Herons",
    }  # fmt: skip


async def test_an_event_that_is_only_related_is_joined_too() -> None:
    (found,) = await joined(listing("KXQBLTOTAL-26NOV22HRWCPF"), milestones=[milestone()])
    assert found.starts_ns == START_NS and dict(found.structured)["home"] == "Copperfield Miners"


async def test_where_two_milestones_could_be_meant_none_is_and_a_primary_one_goes_first() -> None:
    season = milestone(id="m2", primary_event_tickers=[], start_date="2026-11-30T00:00:00Z")
    total = listing("KXQBLTOTAL-26NOV22HRWCPF", starts_ns=5)
    assert await joined(total, milestones=[milestone(), season]) == [total]
    (game,) = await joined(listing(), milestones=[milestone(), season])
    assert game.starts_ns == START_NS


@pytest.mark.parametrize(
    "details",
    [
        {}, {"home_team_id": HOME}, {"home_team_id": HOME, "away_team_id": HOME}, {"home_team_id": HOME, "away_team_id": 7},
        {"home_team_id": HOME, "away_team_id": "a team"}, {"a_id": HOME, "b_id": AWAY, "c_id": PLAYER}, None,
    ],
)  # fmt: skip
async def test_sides_that_are_not_two_named_ones_are_absent(details: Any) -> None:
    (found,) = await joined(listing(), milestones=[milestone(details=details)])
    assert not {"home", "away", "first", "second"} & dict(found.structured).keys()
    assert found.starts_ns == START_NS


async def test_two_players_without_home_and_away_are_first_and_second() -> None:
    details = {"competitor_a_id": AWAY, "competitor_b_id": HOME}
    (found,) = await joined(listing(), milestones=[milestone(details=details, type="tennis_match")])
    told = dict(found.structured)
    assert (told["first"], told["second"]) == ("Harrow Bay Herons", "Copperfield Miners") and "league" not in told


async def test_a_target_that_the_venue_does_not_name_is_absent() -> None:
    page = [
        listing(EVENT, f"basketball_player={PLAYER}"), listing(EVENT, f"basketball_player={SOMEBODY}"),
        listing(EVENT, "Word=tariff"),
    ]  # fmt: skip
    known, unknown, word = await joined(*page, targets=[*TARGETS, {"id": SOMEBODY}])
    assert dict(known.structured)["target.basketball_player"] == "Ada Quill"
    assert unknown == page[1] and word == page[2]


async def test_rows_that_cannot_be_read_cost_nobody_else_theirs() -> None:
    exchange = KalshiExchange(1)
    bad = [
        {"id": 7, "start_date": START, "related_event_tickers": []},
        milestone(id="m0", start_date="soon", primary_event_tickers=[]),
    ]
    exchange.describe(milestones=[*bad, milestone()], targets=[{"id": HOME, "name": 7}, TARGETS[1]])
    clock = StillClock()
    happenings = KalshiHappenings(KalshiData(CONFIG, MemoryTransport(exchange, clock), clock).reference)
    await happenings.begin(NOW)
    (found,) = await happenings.told([listing()])
    told = dict(found.structured)
    assert (happenings.milestones, told["away"], "home" in told) == (1, "Harrow Bay Herons", False)


async def test_every_page_of_milestones_is_read_and_what_began_long_ago_is_not_asked_for() -> None:
    many = [milestone(id=f"m{n}", primary_event_tickers=[f"KXG-{n}"], related_event_tickers=[]) for n in range(1_100)]
    old = milestone(
        id="old", start_date="2026-10-01T00:00:00Z", primary_event_tickers=["KXG-OLD"], related_event_tickers=[]
    )
    first, last, gone = listing("KXG-0"), listing("KXG-1099"), listing("KXG-OLD")
    found = await joined(first, last, gone, milestones=[*many, old])
    assert [dict(each.structured).get("milestone") for each in found] == ["m0", "m1099", None]


# -- over real HTTP


@asynccontextmanager
async def served(*faults: Fault) -> AsyncIterator[KalshiData]:
    """A game of two teams and a match with a tie, listed at the simulated exchange on a real socket."""
    clock = SystemClock()
    now = clock.wall()
    exchange = KalshiExchange(3)
    for event, codes, title in (
        ("KXQBLGAME-31JAN09HRWCPF", ("Harrow Bay", "Copperfield"), "Harrow Bay at Copperfield Winner?"),
        ("KXQFAGAME-31JAN09ASHBRI", ("Ashford", "Tie", "Brightwater"), "Ashford vs Brightwater Winner?"),
        ("KXRAIN-31JAN09", ("Yes",), "Will it rain?"),
    ):
        for name in codes:
            spec = MarketSpec(
                id=f"{event}-{name[:3].upper()}", event=event, title=title, rules=f"If {name}.", tick=10_000, taker_rate="1",
                opens_ns=now - DAY, closes_ns=now + DAY, outcomes=(name, f"Not {name}"), series=event.split("-")[0],
                starts_ns=None if "RAIN" in event else now + HOUR, category="world" if "RAIN" in event else "sports",
            )  # fmt: skip
            exchange.list_market(spec, now)
    for fault in faults:
        exchange.plan_fault(fault)
    transport = AioTransport(clock)
    async with serve(exchange, clock=clock) as server:
        yield KalshiData(
            KalshiConfig(f"{server.rest_url}/trade-api/v2", "ws://nowhere", thursday_pause=False), transport, clock
        )
    await transport.close()


async def discovered(data: KalshiData) -> tuple[dict[str, dict[str, str]], Beside]:
    beside = Beside()
    found = [each async for page in listed_at_kalshi(data, SystemClock(), beside) for each in page]
    return {each.id: dict(each.structured) for each in found}, beside


async def test_over_http_every_game_of_the_simulated_exchange_is_told() -> None:
    async with served() as data:
        found, beside = await discovered(data)
    game = found["KXQBLGAME-31JAN09HRWCPF-HAR"]
    assert (game["home"], game["away"], game["target.basketball_team"]) == ("Copperfield", "Harrow Bay", "Harrow Bay")
    match = found["KXQFAGAME-31JAN09ASHBRI-BRI"]
    assert (match["home"], match["away"], match["milestone_type"]) == ("Ashford", "Brightwater", "soccer_game")
    assert "target.soccer_team" not in found["KXQFAGAME-31JAN09ASHBRI-TIE"]
    assert "milestone" not in found["KXRAIN-31JAN09-YES"]
    assert (beside.milestones, beside.targets, beside.markets, beside.unread) == (2, 4, 5, {})


@pytest.mark.parametrize(
    ("path", "kind", "what", "joined_markets"),
    [
        ("/milestones", "error", "milestones", 4),
        ("/milestones", "truncated", "milestones", 4),
        ("/structured_targets", "error", "structured targets", 5),
    ],
)
async def test_over_http_a_failing_read_is_named_and_stops_nothing(
    path: str, kind: str, what: str, joined_markets: int
) -> None:
    async with served(Fault(kind, times=100, method="GET", path=path, status=500)) as data:
        found, beside = await discovered(data)
    assert len(found) == 6 and list(beside.unread) == [what] and beside.unread[what]
    assert beside.markets == joined_markets
    assert ("milestone" in found["KXQBLGAME-31JAN09HRWCPF-HAR"]) is (what != "milestones")


def test_a_report_of_discovery_says_what_was_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    from dutchbook.cli.links.discover import _say

    told = json.loads(
        '{"markets": {"kalshi": 6}, "pairs_judged": 0, "milestones": {"read": 0, "targets": 0, "markets": 0},'
        ' "not_read": {"milestones": "HTTP 500"}, "left_out": 0, "listed_twice": [], "vetoes": {}, "written": false}'
    )
    _say(told, [])
    assert "kalshi's milestones" in capsys.readouterr().out
