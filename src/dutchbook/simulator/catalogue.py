"""The default script: about twenty markets per venue, in every shape that the engine has to tell apart.

Countries, teams and companies are invented, so that nothing here can be taken for a real market. Data only.
"""

from __future__ import annotations

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.simulator.script import EventScript, Listing, Script

CENT = 10_000
MILL = 1_000


def _question(
    stub: str,
    series: str,
    question: str,
    condition: str,
    source: str,
    *,
    yes: float,
    days: int,
    category: str,
    kalshi: tuple[int, str] | None,
    polymarket: tuple[int, str] | None,
    shard: int = 0,
    taker_delay_ns: int = 0,
) -> EventScript:
    """A yes/no question; `kalshi` and `polymarket` are (tick, rate) where it is listed."""
    listings = []
    if kalshi is not None:
        listings.append(
            Listing(
                "kalshi",
                f"{series}-{{kalshi_date}}-Y",
                f"{series}-{{kalshi_date}}",
                question,
                f"If {condition} by {{long_date}}, then the market resolves to Yes. Outcome verified from {source}.",
                (1, 0),
                tick=kalshi[0],
                taker_rate=kalshi[1],
                series=series,
                shard=shard,
            )
        )
    if polymarket is not None:
        listings.append(
            Listing(
                "polymarket",
                f"{stub}-{{iso_date}}",
                f"{stub}-{{iso_date}}",
                question,
                f'This market will resolve to "Yes" if {condition} by {{long_date}}. Otherwise it will resolve to '
                f'"No". The resolution source is {source}.',
                (1, 0),
                tick=polymarket[0],
                taker_rate=polymarket[1],
                taker_delay_ns=taker_delay_ns,
            )
        )
    kind = "yes_no" if len(listings) > 1 else "single"
    return EventScript(
        f"{stub}-{{iso_date}}", kind, ("yes", "no"), (yes, 1 - yes), tuple(listings), days, category, False
    )


def _game(
    league: str,
    series: str,
    away: tuple[str, str, str],
    home: tuple[str, str, str],
    *,
    home_odds: float,
    days: int,
    multiplier: str,
    tick: int = CENT,
    taker_delay_ns: int = 0,
) -> EventScript:
    """A game that cannot be drawn; a team is (code, city, name). Kalshi lists both teams, Polymarket one market."""
    event = f"{series}-{{kalshi_date}}{away[0]}{home[0]}"
    slug = f"{league}-{away[0].lower()}-{home[0].lower()}-{{iso_date}}"
    listings = [
        Listing(
            "kalshi",
            f"{event}-{team[0]}",
            event,
            f"{away[1]} at {home[1]} Winner?",
            f"If {team[1]} wins the {away[1]} at {home[1]} {league.upper()} game originally scheduled for "
            "{long_date}, then the market resolves to Yes.",
            pays,
            outcomes=(team[1], f"Not {team[1]}"),
            taker_rate=multiplier,
            series=series,
            mutually_exclusive=True,
        )
        for team, pays in ((away, (1, 0)), (home, (0, 1)))
    ]
    listings.append(
        Listing(
            "polymarket",
            slug,
            slug,
            f"{away[2]} vs. {home[2]}",
            f"In the upcoming {league.upper()} game, scheduled for {{long_date}}: If the {away[2]} win, the market "
            f'will resolve to "{away[2]}". If the {home[2]} win, the market will resolve to "{home[2]}". If the game '
            "is canceled entirely, with no make-up game, this market will resolve 50-50. The result includes any "
            "overtime periods.",
            (1, 0),
            outcomes=(away[2], home[2]),
            tick=tick,
            taker_rate="0.05",
            taker_delay_ns=taker_delay_ns,
        )
    )
    states = (away[1], home[1])
    return EventScript(
        slug, "cross_team", states, (1 - home_odds, home_odds), tuple(listings), days, "sports", is_game=True
    )


def _match(
    league: str,
    series: str,
    home: tuple[str, str],
    away: tuple[str, str],
    *,
    odds: tuple[float, float, float],
    days: int,
    kalshi: bool,
) -> EventScript:
    """A football match over 90 minutes: home, draw, away; a club is (code, name). Polymarket lists it as neg-risk."""
    event = f"{series}-{{kalshi_date}}{home[0]}{away[0]}"
    slug = f"{league}-{home[0].lower()}-{away[0].lower()}-{{iso_date}}"
    states = (home[1], "Draw", away[1])
    codes = (home[0], "TIE", away[0])
    versus = f"{home[1]} vs {away[1]}"
    listings: list[Listing] = []
    for index, (state, code) in enumerate(zip(states, codes, strict=True)):
        pays = (int(index == 0), int(index == 1), int(index == 2))
        what = "the match ends in a draw" if code == "TIE" else f"{state} wins"
        if kalshi:
            listings.append(
                Listing(
                    "kalshi",
                    f"{event}-{code}",
                    event,
                    f"{versus} Winner?",
                    f"If {what} after 90 minutes plus stoppage time in the {versus} match originally scheduled for "
                    "{long_date}, then the market resolves to Yes. Extra time and penalties do not count.",
                    pays,
                    outcomes=("Tie", "Not Tie") if code == "TIE" else (state, f"Not {state}"),
                    series=series,
                    mutually_exclusive=True,
                )
            )
        suffix = "draw" if code == "TIE" else code.lower()
        asked = f"Will {versus} end in a draw?" if code == "TIE" else f"Will {state} win on {{iso_date}}?"
        listings.append(
            Listing(
                "polymarket",
                f"{slug}-{suffix}",
                slug,
                asked,
                f'In the upcoming game {versus}, scheduled for {{long_date}}: this market will resolve to "Yes" if '
                f'{what} within the first 90 minutes of regular play plus stoppage time. Otherwise "No".',
                pays,
                taker_rate="0.05",
                neg_risk=True,
            )
        )
    return EventScript(slug, "three_way", states, odds, tuple(listings), days, "sports", is_game=True)


_QUESTIONS = (
    _question(
        "norland-rate-cut",
        "KXNORRATE",
        "Will the Bank of Norland cut its policy rate?",
        "the Bank of Norland announces a policy rate below the current one",
        "the Bank of Norland",
        yes=0.55,
        days=9,
        category="economics",
        kalshi=(CENT, "1"),
        polymarket=(CENT, "0.05"),
    ),
    _question(
        "norland-cpi-above-3",
        "KXNORCPI",
        "Will Norland inflation be above 3.0%?",
        "the year-on-year consumer price index of Norland is published above 3.0%",
        "Statistics Norland",
        yes=0.4,
        days=4,
        category="economics",
        kalshi=(MILL, "1"),
        polymarket=(MILL, "0.05"),
    ),
    _question(
        "westmark-governor-harlan",
        "KXWESTGOV",
        "Will Ada Harlan win the Westmark governor election?",
        "Ada Harlan wins the election for Governor of Westmark",
        "the Westmark Electoral Commission",
        yes=0.62,
        days=18,
        category="politics",
        kalshi=(CENT, "1"),
        polymarket=(CENT, "0.04"),
    ),
    _question(
        "westmark-budget-passed",
        "KXWESTBUDGET",
        "Will the Westmark budget be passed?",
        "the Westmark assembly passes the budget bill",
        "the Westmark assembly record",
        yes=0.7,
        days=12,
        category="politics",
        kalshi=(CENT, "1"),
        polymarket=(MILL, "0.04"),
    ),
    _question(
        "orvia-talea-treaty-signed",
        "KXTREATY",
        "Will Orvia and Talea sign the border treaty?",
        "Orvia and Talea both sign the border treaty",
        "a joint statement of both governments",
        yes=0.35,
        days=20,
        category="world",
        kalshi=(CENT, "1"),
        polymarket=(CENT, "0"),
    ),
    _question(
        "orvia-election-called",
        "KXORVCALL",
        "Will Orvia call an early election?",
        "the head of government of Orvia calls an early general election",
        "the Orvia official gazette",
        yes=0.28,
        days=15,
        category="world",
        kalshi=(CENT, "0"),
        polymarket=(CENT, "0"),
    ),
    _question(
        "helion-coin-above-500",
        "KXHELION",
        "Will Helion Coin be above $500?",
        "the reference price of Helion Coin is above $500 at 17:00 UTC",
        "the Helion reference rate",
        yes=0.5,
        days=1,
        category="crypto",
        kalshi=(CENT, "1"),
        polymarket=(CENT, "0.07"),
        shard=2,
        taker_delay_ns=250 * MILLISECOND,
    ),
    _question(
        "arden-robotics-listing",
        "KXARDENIPO",
        "Will Arden Robotics go public?",
        "shares of Arden Robotics trade on a public exchange",
        "the exchange's listing notice",
        yes=0.45,
        days=14,
        category="tech",
        kalshi=(CENT, "0.5"),
        polymarket=(CENT, "0.04"),
    ),
    _question(
        "tidewater-film-best-picture",
        "KXTIDEFILM",
        "Will Tidewater win best picture at the Meridian Awards?",
        "the film Tidewater is named best picture at the Meridian Awards",
        "the Meridian Academy",
        yes=0.3,
        days=17,
        category="culture",
        kalshi=(CENT, "1"),
        polymarket=(MILL, "0.05"),
    ),
    _question(
        "port-sable-rain",
        "KXRAINSABLE",
        "Will it rain in Port Sable?",
        "the Port Sable weather station reports measurable rain on the day",
        "the Norland weather service",
        yes=0.6,
        days=2,
        category="weather",
        kalshi=(MILL, "1"),
        polymarket=(CENT, "0.05"),
    ),
    _question(
        "westmark-minister-resigns",
        "KXWESTMIN",
        "Will the Westmark finance minister resign?",
        "the finance minister of Westmark announces a resignation",
        "the Westmark government",
        yes=0.15,
        days=11,
        category="politics",
        kalshi=(CENT, "1"),
        polymarket=None,
    ),
    _question(
        "norland-jobs-above-40k",
        "KXNORJOBS",
        "Will Norland add more than 40,000 jobs?",
        "the published monthly change in Norland employment is above 40,000",
        "Statistics Norland",
        yes=0.5,
        days=6,
        category="economics",
        kalshi=(CENT, "1"),
        polymarket=None,
    ),
    _question(
        "talea-leader-speech-mentions-tariff",
        "KXTALSPEECH",
        "Will the Talea leader say tariff?",
        "the leader of Talea says the word tariff in the annual address",
        "the broadcast of the address",
        yes=0.65,
        days=5,
        category="mentions",
        kalshi=None,
        polymarket=(CENT, "0.04"),
    ),
    _question(
        "helion-coin-record-high",
        "KXHELIONHIGH",
        "Will Helion Coin reach a record high?",
        "the reference price of Helion Coin is above every earlier value",
        "the Helion reference rate",
        yes=0.22,
        days=8,
        category="crypto",
        kalshi=None,
        polymarket=(MILL, "0.07"),
    ),
)

_GAMES = (
    _game(
        "nbl",
        "KXNBLGAME",
        ("HAR", "Harrow Bay", "Herons"),
        ("COP", "Copperfield", "Miners"),
        home_odds=0.55,
        days=1,
        multiplier="1",
    ),
    _game(
        "nbl",
        "KXNBLGAME",
        ("LUM", "Lumen City", "Lanterns"),
        ("STO", "Stonegate", "Rams"),
        home_odds=0.42,
        days=2,
        multiplier="1",
        tick=MILL,
        taker_delay_ns=1 * SECOND,
    ),
    _game(
        "ubl",
        "KXUBLGAME",
        ("PAL", "Palmetto", "Pilots"),
        ("GRE", "Greyhaven", "Gulls"),
        home_odds=0.5,
        days=3,
        multiplier="0.5",
    ),
)

_MATCHES = (
    _match(
        "nfa",
        "KXNFAGAME",
        ("ASH", "Ashford Rovers"),
        ("BRI", "Brightwater"),
        odds=(0.46, 0.27, 0.27),
        days=3,
        kalshi=True,
    ),
    _match(
        "nfa",
        "KXNFAGAME",
        ("VAL", "Valemont"),
        ("KES", "Kestrel United"),
        odds=(0.38, 0.3, 0.32),
        days=4,
        kalshi=False,
    ),
)

DEFAULT_SCRIPT = Script(_QUESTIONS + _GAMES + _MATCHES)
"""Ten questions on both venues, two on each alone, three games, a match on both venues and one on Polymarket alone."""
