"""Links of several markets, from the venues' catalogues to a locked trade (M10): two team markets of Kalshi against one market of
two team tokens, and a match of three outcomes on both venues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from dutchbook.cli.links.discover import Beside, listed_at_kalshi, match
from dutchbook.cli.links.show import draw
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import DAY, HOUR, SECOND
from dutchbook.core.facts import LinkProposed
from dutchbook.core.link_state import Standing
from dutchbook.core.money import MICRO
from dutchbook.core.trade import Phase
from dutchbook.engine.links import divergence_of
from dutchbook.linking.review import review
from dutchbook.opportunity.bundles import bundles_of
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.venues.kalshi import KalshiData
from engine.parts import CENT, CONFIG, DOLLAR
from engine.rig import Process, Rig, play
from engine.test_links import tell

REGISTRY = replace(CONFIG, registry=True, rules_every_ns=5 * SECOND, require_confident_edge=False)
YES = Outcome.YES
START_NS = 2 * DAY


@dataclass(frozen=True, slots=True)
class Contest:
    """Names that a story is told with: each is invented, so that no rule can know it."""

    league: str
    first: tuple[str, str, str]
    """Code, city, nickname; of a club code, name, name."""
    second: tuple[str, str, str]


GAMES = (
    Contest("qbl", ("HRW", "Harrow Bay", "Herons"), ("CPF", "Copperfield", "Miners")),
    Contest("zba", ("VLM", "Valemont", "Vipers"), ("OST", "Ostrava Bay", "Otters")),
)
MATCHES = (
    Contest("qfa", ("ASH", "Ashford Rovers", ""), ("BRI", "Brightwater", "")),
    Contest("zlf", ("TUR", "Turwick", ""), ("KES", "Kestrel United", "")),
)


def day(now: int, text: str) -> str:
    return datetime.fromtimestamp((now + START_NS) // SECOND, UTC).strftime(text)


def spec(now: int, **fields: Any) -> MarketSpec:
    common = {
        "tick": CENT, "opens_ns": now - DAY, "closes_ns": now + START_NS + 3 * HOUR,
        "starts_ns": now + START_NS, "taker_rate": "1",
    }  # fmt: skip
    return MarketSpec(**(common | fields))


def list_game(rig: Rig, game: Contest) -> dict[str, str]:
    """One Kalshi market for each team, one Polymarket market whose tokens are the teams. Returns short names of the markets."""
    now = rig.clock.wall()
    (one, city, nick), (two, other_city, other_nick) = game.first, game.second
    series, league = f"KX{game.league.upper()}GAME", game.league.upper()
    event = f"{series}-{day(now, '%y%b%d').upper()}{one}{two}"
    for code, name in ((one, city), (two, other_city)):
        rules = f"If {name} wins the {city} at {other_city} {league} game, then the market resolves to Yes."
        title = f"{city} at {other_city} Winner?"
        row = spec(
            now,
            id=f"{event}-{code}",
            event=event,
            series=series,
            title=title,
            rules=rules,
            outcomes=(name, f"Not {name}"),
        )
        rig.kalshi.list_market(replace(row, mutually_exclusive=True), now)
    slug = f"{game.league}-{one.lower()}-{two.lower()}-{day(now, '%Y-%m-%d')}"
    rules = (
        f'In the {league} game: if the {nick} win, it resolves to "{nick}"; if the {other_nick} win, to "{other_nick}".'
    )
    title = f"{nick} vs. {other_nick}"
    rig.polymarket.list_market(
        spec(now, id=slug, event=slug, title=title, rules=rules, outcomes=(nick, other_nick), taker_rate="0.05"), now
    )
    return {"first": f"kalshi:{event}-{one}", "second": f"kalshi:{event}-{two}", "tokens": f"polymarket:{slug}"}


def list_match(rig: Rig, game: Contest) -> dict[str, str]:
    """Home, draw and away on both venues, neg-risk at Polymarket."""
    now = rig.clock.wall()
    (one, home, _), (two, away, _) = game.first, game.second
    series = f"KX{game.league.upper()}GAME"
    event = f"{series}-{day(now, '%y%b%d').upper()}{one}{two}"
    slug = f"{game.league}-{one.lower()}-{two.lower()}-{day(now, '%Y-%m-%d')}"
    found: dict[str, str] = {}
    for short, code, name in (("home", one, home), ("draw", "TIE", "Tie"), ("away", two, away)):
        what = "the match ends in a draw" if short == "draw" else f"{name} wins"
        rules = f"If {what} after 90 minutes plus stoppage time in the {home} vs {away} match, then the market resolves to Yes."
        row = spec(
            now, id=f"{event}-{code}", event=event, series=series, title=f"{home} vs {away} Winner?", rules=rules,
            outcomes=(name, f"Not {name}"), mutually_exclusive=True,
        )  # fmt: skip
        rig.kalshi.list_market(row, now)
        title = (
            f"Will {home} vs {away} end in a draw?"
            if short == "draw"
            else f"Will {name} win on {day(now, '%Y-%m-%d')}?"
        )
        tail = "draw" if short == "draw" else code.lower()
        rules = f'This market will resolve to "Yes" if {what} within 90 minutes of play plus stoppage time in {home} vs {away}.'
        twin = spec(now, id=f"{slug}-{tail}", event=slug, title=title, rules=rules, taker_rate="0.05", neg_risk=True)
        rig.polymarket.list_market(twin, now)
        found |= {f"{short} K": f"kalshi:{event}-{code}", f"{short} P": f"polymarket:{slug}-{tail}"}
    return found


def quote(rig: Rig, market: str, bid: int, ask: int) -> None:
    """Cents; a hundred contracts a side."""
    venue, _, native = market.partition(":")
    exchange = rig.kalshi if venue == "kalshi" else rig.polymarket
    exchange.quote(native, "m", [(bid * CENT, 100 * DOLLAR)], [(ask * CENT, 100 * DOLLAR)], rig.clock.wall())
    rig.flush()


async def discovered(rig: Rig, process: Process) -> list[LinkProposed]:
    """What discovery proposes about what the two venues list now; the rig's own pair left out."""
    sides = process.engine.desk.venues
    kalshi, polymarket = sides["kalshi"].data, sides["polymarket"].data
    assert isinstance(kalshi, KalshiData)
    beside = Beside()
    listings = [each async for page in listed_at_kalshi(kalshi, rig.clock, beside) for each in page]
    listings += [each async for page in polymarket.listings() for each in page]
    assert beside.unread == {} and beside.milestones == 1
    return [link for link in match(listings).proposals if not any("rain" in m.market for m in link.members)]


async def approved(rig: Rig, link: LinkProposed) -> Process:
    """The link proposed, shown, approved by its review code, and an engine that watches its markets."""
    process = rig.process
    assert process is not None
    assert (await tell(process, "link_propose", proposals=msgspec.json.encode([link]).decode())).done
    registry = process.engine.desk.ledger.links
    entry = registry.entries[link.link]
    told = review(
        entry.proposal, standing=entry.standing.value, review_code=entry.review_code,
        divergence=divergence_of(process.engine.desk.ledger)[entry.proposal.prior], vetoes=entry.vetoes,
    )  # fmt: skip
    screen = Console(width=160)
    with screen.capture() as shown:
        draw(told, screen)
    assert link.kind in shown.get() and all(member.market in shown.get() for member in link.members)
    assert told["comparisons"] and not told["vetoes"]
    assert (await tell(process, "link_approve", link=link.link, seen=told["review_code"])).done
    await rig.stop()
    process = await rig.start()
    assert process.engine.desk.ledger.links.entries[link.link].standing is Standing.APPROVED
    return process


def pays(link: LinkProposed, names: dict[str, str]) -> dict[str, list[str]]:
    """Short name of a market to the core states in which its YES pays."""
    at = {member.market: place for place, member in enumerate(link.members)}
    return {
        short: [row.name for row in link.states if row.core and row.pays[at[MarketId(market)]] == MICRO]
        for short, market in names.items()
    }


def bought(process: Process) -> set[Claim]:
    return {leg.claim for leg in process.trade.opened.legs}


async def settled(rig: Rig, process: Process, names: dict[str, str], won: set[str]) -> None:
    """Every market pays as if the markets of the short names `won` had come true."""
    for short, market in names.items():
        venue, _, native = market.partition(":")
        exchange = rig.kalshi if venue == "kalshi" else rig.polymarket
        exchange.settle(native, MICRO if short in won else 0, rig.clock.wall())
    rig.flush()
    await rig.until(lambda: process.trade.phase is Phase.SETTLED, 120)
    assert process.trade.pnl > 0


def story(
    tmp_path: Path, listing: Callable[[Rig], dict[str, str]], tell_it: Callable[[Rig, dict[str, str]], Any]
) -> None:
    async def whole(rig: Rig) -> None:
        names = listing(rig)
        await tell_it(rig, names)

    play(tmp_path, whole, config=REGISTRY)


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.league)
def test_m10_two_team_markets_and_one_of_two_tokens_are_one_cross_team_link_that_is_traded(
    tmp_path: Path, game: Contest
) -> None:
    async def it(rig: Rig, names: dict[str, str]) -> None:
        for short, (bid, ask) in {"first": (50, 56), "second": (44, 50), "tokens": (49, 58)}.items():
            quote(rig, names[short], bid, ask)
        (link,) = await discovered(rig, await rig.start())
        assert link.kind == "cross_team" and link.vetoes == () and link.high
        paid = pays(link, names)
        assert paid["first"] == paid["tokens"] != paid["second"] and all(len(states) == 1 for states in paid.values())
        assert paid["first"][0] in game.first and paid["second"][0] in game.second
        process = await approved(rig, link)
        legs = {Claim(MarketId(names[short]), YES) for short in ("second", "tokens")}
        known = bundles_of(process.engine.desk.links[link.link])
        assert any(set(bundle.claims) == legs for bundle in known)
        # the second team at 42 here, the first team's token at 46 there
        quote(rig, names["second"], 36, 42)
        quote(rig, names["tokens"], 40, 46)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        assert process.trade.opened.link == link.link
        assert bought(process) == legs
        await settled(rig, process, names, {"first", "tokens"})

    story(tmp_path, lambda rig: list_game(rig, game), it)


@pytest.mark.parametrize("game", MATCHES, ids=lambda game: game.league)
def test_m10_home_draw_and_away_on_both_venues_are_one_three_way_link_that_is_traded(
    tmp_path: Path, game: Contest
) -> None:
    async def it(rig: Rig, names: dict[str, str]) -> None:
        for short, market in names.items():
            bid = {"home": 36, "draw": 26, "away": 30}[short.split()[0]]
            quote(rig, market, bid, bid + 5)
        (link,) = await discovered(rig, await rig.start())
        assert link.kind == "three_way" and link.vetoes == () and len(link.members) == 6
        home, away = game.first[1], game.second[1]
        states = {"home": home, "draw": "draw", "away": away}
        assert pays(link, names) == {short: [states[short.split()[0]]] for short in names}
        process = await approved(rig, link)
        # home here, away there and the draw here come to 84 cents; nothing else crosses
        chosen = {"home K": 32, "away P": 28, "draw K": 24}
        legs = {Claim(MarketId(names[short]), YES) for short in chosen}
        assert any(set(bundle.claims) == legs for bundle in bundles_of(process.engine.desk.links[link.link]))
        asked = {short.split()[0]: ask for short, ask in chosen.items()}
        for short, market in names.items():
            quote(rig, market, asked[short.split()[0]] - 2, chosen.get(short, 44))
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        assert process.trade.opened.link == link.link
        assert bought(process) == legs
        await settled(rig, process, names, {"draw K", "draw P"})

    story(tmp_path, lambda rig: list_match(rig, game), it)


def test_m10_without_milestones_the_other_teams_market_of_an_unknown_league_stays_out(tmp_path: Path) -> None:
    """Nothing says then that the game cannot be drawn, and a loss is no win."""

    async def it(rig: Rig, names: dict[str, str]) -> None:
        process = await rig.start()
        sides = process.engine.desk.venues
        listings = [
            each for venue in ("kalshi", "polymarket") async for page in sides[venue].data.listings() for each in page
        ]
        found = [link for link in match(listings).proposals if not any("rain" in m.market for m in link.members)]
        assert [(link.kind, {member.market for member in link.members}) for link in found] == [
            ("yes_no", {names["first"], names["tokens"]})
        ]

    story(tmp_path, lambda rig: list_game(rig, GAMES[0]), it)
