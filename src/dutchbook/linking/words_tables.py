"""The vocabulary of titles: spellings that mean one thing, and words that say nothing. Words of the language,
competitions and institutions only; never a team, a person or a market."""

from __future__ import annotations

from typing import Final


def word_set(text: str) -> frozenset[str]:
    """The words of a text as a set: how vocabularies are written here."""
    return frozenset(text.split())


def _spellings() -> dict[str, str]:
    groups = {
        "win": "wins won winning winner winners victory victorious",
        "lose": "loses lost losing defeated",
        "champion": "champions championship championships title titles",
        "nominee": "nominees nomination nominations",
        "nominate": "nominates nominated nominating",
        "election": "elections race races electoral",
        "elect": "elects elected",
        "president": "presidential presidency presidents",
        "mayor": "mayoral mayors mayorship mayoralty",
        "governor": "gubernatorial governorship governors gov",
        "senate": "senator senatorial senators",
        "parliament": "parliamentary parliaments",
        "democratic": "democrat democrats dem dems",
        "republican": "republicans gop rep reps",
        "libertarian": "libertarians",
        "announce": "announced announces announcement announcements announcing",
        "release": "released releases releasing",
        "retire": "retires retired retiring retirement",
        "resign": "resigns resigned resigning resignation",
        "out": "leave leaves leaving left exit exits departs depart departed departure ousted ceases cease",
        "remain": "remains stay stays",
        "reach": "reaches reached hit hits hitting touch touches touched reaching",
        "say": "says said saying mention mentions mentioned utter utters tweets tweet",
        "perform": "performs performed performing performance performer",
        "attend": "attends attended attending attendance",
        "advance": "advances advanced advancing qualify qualifies qualified",
        "confirm": "confirms confirmed confirmation",
        "launch": "launches launched launching",
        "acquire": "acquires acquired acquisition",
        "eliminate": "eliminates eliminated elimination",
        "cut": "cuts decrease decreases decreased lower lowers lowered cutting",
        "hike": "hikes hiked raise raises raised increase increases increased",
        "hold": "holds unchanged pause maintain maintains keep keeps",
        "relegate": "relegated relegation relegates",
        "promote": "promoted promotion promotes",
        "grow": "grows growth grew growing",
        "visit": "visits visited",
        "meet": "meets met meeting",
        "die": "dies died death",
        "marry": "married marries marriage wedding wed",
        "pardon": "pardons pardoned",
        "impeach": "impeached impeachment impeaches",
        "arrest": "arrested arrests",
        "invade": "invades invaded invasion",
        "ceasefire": "ceasefires",
        "close": "closes closed closing",
        "finish": "finishes finished finishers finisher",
        "play": "plays played playing",
        "run": "runs running",
        "become": "becomes",
        "bitcoin": "btc",
        "ethereum": "eth ether",
        "solana": "sol",
        "dogecoin": "doge",
        "fed": "fomc",
        "us": "usa america american u.s",
        "uk": "britain british",
        "temperature": "temp temps temperatures",
        "high": "highest maximum max",
        "low": "lowest minimum min",
        "basis": "bp bps",
        "men": "mens",
        "women": "womens woman",
        "first": "1st",
        "second": "2nd",
        "third": "3rd",
        "fourth": "4th",
        "over": "above exceed exceeds exceeding greater",
        "under": "below fewer",
        "versus": "vs v",
        "premierleague": "epl",
        "championsleague": "ucl",
        "draw": "tie ties tied drawn",
        "score": "scores scored scoring",
        "tax": "taxes",
        "country": "countries",
        "percent": "pct",
        "season": "seasons",
        "finals": "final",
        "halftime": "ht",
        "award": "awards",
        "prize": "prizes",
        "spread": "spreads handicap",
        "total": "totals",
        "match": "matches matchup",
        "game": "games",
    }
    return {word: canon for canon, words in groups.items() for word in [canon, *words.split()]}


SPELLINGS: Final[dict[str, str]] = _spellings()
"""Word -> the spelling that stands for it."""


def _phrases() -> dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]:
    table: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for phrase, replacement in {
        "women pro basketball": "wnba",
        "pro basketball": "nba",
        "pro football": "nfl",
        "pro hockey": "nhl",
        "pro baseball": "mlb",
        "pro soccer": "mls",
        "major league soccer": "mls",
        "college football": "ncaaf",
        "college basketball": "ncaab",
        "fifa world cup": "worldcup",
        "world cup": "worldcup",
        "uefa champions league": "championsleague",
        "champions league": "championsleague",
        "english premier league": "premierleague",
        "premier league": "premierleague",
        "stanley cup": "stanleycup",
        "super bowl": "superbowl",
        "world series": "worldseries",
        "united states": "us",
        "united kingdom": "uk",
        "prime minister": "primeminister",
        "step down": "out",
        "steps down": "out",
        "federal reserve": "fed",
        "federal funds": "fed funds",
        "interest rates": "rate",
        "interest rate": "rate",
        "run off": "runoff",
        "half time result": "1h win",
        "halftime result": "1h win",
        "half time": "halftime",
        "by elections": "byelection",
        "by election": "byelection",
        "first half": "1h",
        "1st half": "1h",
        "second half": "2h",
        "2nd half": "2h",
        "over under": "o/u",
        "o u": "o/u",
        "new year eve": "december 31",
        "pick up": "pickup",
        "market cap": "marketcap",
        "s p 500": "sp500",
        "s p": "sp500",
        "spx": "sp500",
        "nasdaq 100": "nasdaq100",
        "in the us": "us",
        "no change": "hold",
        "academy awards": "oscar",
        "academy award": "oscar",
        "primetime emmy": "emmy",
        "this year": "",
        "indian premier league": "ipl",
        "song contest": "contest",
        "name as": "be",
        "nasdaq 100 ndx": "nasdaq100",
        "s p 500 spx": "sp500",
        "control the house": "win the house",
        "control the senate": "win the senate",
        "control of the house": "win the house",
        "control of the senate": "win the senate",
        "year over year": "yoy",
        "month over month": "mom",
        "annual inflation": "yoy cpi inflation",
        "monthly inflation": "mom cpi inflation",
        "no 1": "number1",
        "number 1": "number1",
        "number one": "number1",
        "top two": "top 2",
        "top three": "top 3",
        "top five": "top 5",
        "top ten": "top 10",
        "top 2 primary": "primary",
        "fail to": "not",
        "fails to": "not",
        "jungle primary": "primary",
    }.items():
        first, *rest = phrase.split()
        table.setdefault(first, []).append((tuple(rest), tuple(replacement.split())))
    for part in ("afc", "nfc", "al", "nl"):
        for place in ("north", "south", "east", "west", "central"):
            table.setdefault(part, []).append(((place, "division"), (part, place)))
    return {first: tuple(sorted(rows, key=lambda row: -len(row[0]))) for first, rows in table.items()}


PHRASES: Final = _phrases()
"""First word -> (following words, replacement), longest first."""

SILENT: Final = word_set(
    "will the a an of in on at to for be is are was were been being by and or this that these those his her"
    " their its our who what which  when where how do does did has have had it with as from during there if"
    " than then into he she they them any some upon about  happen happens occur become party officially"
    " upcoming per get gets make makes vs versus  through until before after since end ends ending yes no get -"
    " + $ o u next many number exactly"
)
"""Words that do not tell two questions apart by themselves (times and negations are read elsewhere)."""

NEGATIONS: Final = word_set("not never without lose")
"""Words that turn a question round."""

SCOPE_NOUNS: Final = word_set(
    "top game set map round week quarter period inning leg stage district episode half place heat pick"
)
"""Words that a number turns into a part of a contest or of a list."""

CLUB_WORDS: Final = word_set("fc cf afc sc ssc ac as cd ud sv vfb vfl tsg ogc rc rcd bc bk fk sk nk club cfc calcio")
"""Legal forms and prefixes of sports clubs."""

BODIES: Final = word_set(
    "nba nfl nhl mlb wnba mls fifa uefa ncaa ncaaf ncaab atp wta pga icc ufc f1 nascar ipl efl concacaf conmebol fide cricket"
)
"""Competitions' governing bodies: one side may leave them out when the competition itself is named by both."""

EVENT_WORDS: Final = word_set(
    "win champion finals election award prize season tournament competition contest official men trophy party"
    " candidate position role  person team office price value level usd dollar et est edt pst utc us time"
    " annual edition single midterm add"
)
"""Words around an event's name that one side may leave out."""

IMPLIES: Final[dict[str, str]] = {
    "stanleycup": "nhl",
    "superbowl": "nfl",
    "worldseries": "mlb",
    "worldcup": "fifa",
    "championsleague": "uefa",
}
"""A competition's name -> the body that runs it."""

FRANCHISE_LEAGUES: Final = word_set("nba nfl nhl mlb wnba stanleycup superbowl worldseries afc nfc")
"""Leagues of franchises named by city and nickname, where one venue may leave the nickname out."""

CEREMONIES: Final = {"oscar": 1928, "grammy": 1958, "emmy": 1948}
"""An award whose ceremonies are numbered -> the year before the first, so that the 98th of 1928 is the one of 2026."""

PLACEHOLDER_NOUNS: Final = (
    "Person",
    "Team",
    "Player",
    "Candidate",
    "Party",
    "Country",
    "Company",
    "Artist",
    "Club",
    "Option",
    "Movie",
    "Driver",
)
"""Nouns that stand with a letter or a number for someone not yet named ("Person X")."""

STAGES: Final = word_set(
    "primary runoff caucus round stage semifinal quarterfinal preseason qualifier general convention"
)
"""Words for a step on the way to the end of a contest."""

PERIODS: Final = word_set(
    "set map half quarter inning period leg game halftime overtime regulation series conference division group"
)
"""Words for a part of a contest, or for a part of a league."""

ACTIONS: Final = word_set(
    "win reach announce say perform attend advance retire resign out remain release launch nominate nominee"
    " acquire confirm visit meet die  marry pardon impeach arrest invade run elect hike cut hold eliminate"
    " finish play score sign pass veto declare endorse host ipo list  charge indict convict sue join trade"
    " qualify publish approve call ask propose file agree deal beat close open start lead drop  ticket vice"
    " running draw tie spread total exact corners strike attack recognize normalize deport fire replace succeed"
    " appear appoint  compete ban buy sell extend suspend shut reopen return sing dance become serve tweet post"
)
"""What is done or decided: a word of these on one side only makes it another kind of question."""

DIRECTED: Final = word_set(
    "beat invade acquire endorse attack sue strike replace succeed recognize fire pardon visit ban defeat nominate"
)
"""Verbs for which it matters who stands before and who after."""

PERSONAL: Final = word_set(
    "mvp rookie coach player award comeback protector manager nominee goalkeeper scorer pitcher quarterback"
)
"""Words that say that a person, not a team, wins."""

DISTINGUISHERS: Final = word_set(
    "jr sr tech state a&m am southern northern eastern western north south east west central christian international"
    " valley upstate poly baptist  atlantic gulf coast pacific ii iii b wfc lfc ladies femenino feminine u17"
    " u18 u19 u20 u21 u23 women woman w youth reserves junior academy saint new"
)
"""Words that make another institution or team of a name: they may never be left out."""
