"""One game on two venues: by codes, by names, which side, which part, which line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dutchbook.linking.listing import Listing
from dutchbook.linking.reading import read
from dutchbook.linking.reading_codes import alike, read_slug, read_ticker
from dutchbook.linking.verdict import Verdict, judge


def slug(text: str, title: str = "", **more: object) -> Listing:
    return replace(Listing("polymarket", text, title, slug=text), **more)  # type: ignore[arg-type]


def ticker(text: str, title: str = "", **more: object) -> Listing:
    return replace(Listing("kalshi", text, title), **more)  # type: ignore[arg-type]


def judged(first: Listing, second: Listing) -> Verdict:
    return judge(read(first), read(second))


def codes(verdict: Verdict) -> set[str]:
    return {veto.code for veto in verdict.vetoes}


GAME = slug("nba-qua-har-2031-01-09")


def test_equal_codes_of_both_venues_make_a_link_of_high_confidence() -> None:
    verdict = judged(GAME, ticker("KXNBAGAME-31JAN09QUAHAR-QUA"))
    assert (verdict.proposed, verdict.high, verdict.polarity) == (True, True, "same")


def test_the_other_teams_market_is_the_opposite_bet() -> None:
    verdict = judged(GAME, ticker("KXNBAGAME-31JAN09QUAHAR-HAR"))
    assert (verdict.proposed, verdict.polarity) == (True, "inverse")


def test_the_order_of_the_teams_in_a_ticker_does_not_turn_the_bet() -> None:
    assert judged(GAME, ticker("KXNBAGAME-31JAN09HARQUA-QUA")).polarity == "same"
    assert judged(GAME, ticker("KXNBAGAME-31JAN09HARQUA-HAR")).polarity == "inverse"


def test_the_first_named_outcome_says_what_yes_is_even_against_the_slug() -> None:
    turned = slug("nba-qua-har-2031-01-09", "Quills vs. Harriers", outcomes=("Harriers", "Quills"))
    assert judged(turned, ticker("KXNBAGAME-31JAN09QUAHAR-HAR")).polarity == "same"


def test_codes_that_differ_in_spelling_are_one_game_when_the_opponent_is_the_same() -> None:
    verdict = judged(slug("nba-zyl-har-2031-01-09"), ticker("KXNBAGAME-31JAN09QUAHAR-HAR"))
    assert (verdict.proposed, verdict.high, verdict.polarity) == (False, False, None)
    verdict = judged(slug("nba-qu-har-2031-01-09"), ticker("KXNBAGAME-31JAN09QUAHAR-HAR"))
    assert (verdict.proposed, verdict.high, verdict.polarity) == (True, False, "inverse")


def test_two_games_whose_codes_are_only_alike_are_not_one() -> None:
    assert not judged(slug("mlb-min-chc-2031-04-16"), ticker("KXMLBGAME-31APR16MILCHW-MIL")).proposed


@pytest.mark.parametrize(
    ("other", "veto"),
    [
        ("KXNBAGAME-31JAN10QUAHAR-QUA", "date"),
        ("KXNBASERIES-31QUAHARR1-QUA", "period"),
        ("KXNBA1HWINNER-31JAN09QUAHAR-QUA", "period"),
        ("KXNBASPREAD-31JAN09QUAHAR-QUA5", "kind"),
        ("KXNBATOTAL-31JAN09QUAHAR-223", "kind"),
        ("KXNBAOVERTIME-31JAN09QUAHAR-QUA", "kind"),
    ],
)
def test_another_day_part_or_kind_of_market_is_vetoed(other: str, veto: str) -> None:
    verdict = judged(GAME, ticker(other))
    assert not verdict.proposed
    assert veto in codes(verdict)


@pytest.mark.parametrize("league", ["atp", "wta"])
def test_a_set_is_not_the_match(league: str) -> None:
    match = slug(f"aec-{league}-ottvar-minoko-2031-04-15")
    name = league.upper()
    assert judged(match, ticker(f"KX{name}MATCH-31APR15VAROKO-VAR")).polarity == "same"
    assert codes(judged(match, ticker(f"KX{name}SETWINNER-31APR15VAROKO-1-VAR"))) == {"period"}


def test_a_map_is_not_the_match() -> None:
    match = slug("aec-lol-zyp-nim-2031-05-12")
    assert codes(judged(match, ticker("KXLOLMAP-31MAY120600ZYPNIM-2-ZYP"))) == {"period"}
    assert judged(match, ticker("KXLOLGAME-31MAY120600ZYPNIM-ZYP")).proposed


def test_lines_of_totals_must_be_equal() -> None:
    total = slug("nba-qua-har-2031-01-09-total-223pt5")
    game = read_ticker("KXNBATOTAL-31JAN09QUAHAR-223.5")
    assert game is not None
    assert (game.kind, game.line, game.side) == ("total", "223.5", "over")
    assert judged(total, ticker("KXNBATOTAL-31JAN09QUAHAR-223.5")).polarity == "same"
    assert codes(judged(total, ticker("KXNBATOTAL-31JAN09QUAHAR-224.5"))) == {"line"}


def test_with_a_draw_one_sides_loss_is_not_the_others_win() -> None:
    home = slug("epl-dul-har-2031-05-19-dul")
    assert judged(home, ticker("KXEPLGAME-31MAY19DULHAR-DUL")).polarity == "same"
    assert codes(judged(home, ticker("KXEPLGAME-31MAY19DULHAR-HAR"))) == {"polarity"}
    assert codes(judged(home, ticker("KXEPLGAME-31MAY19DULHAR-TIE"))) == {"kind"}
    assert judged(slug("epl-dul-har-2031-05-19-draw"), ticker("KXEPLGAME-31MAY19DULHAR-TIE")).polarity == "same"


def test_two_starts_on_one_day_are_two_games() -> None:
    hour = 3_600_000_000_000
    first = slug("mlb-qua-har-2031-04-16", starts_ns=0)

    def second(at: int) -> Verdict:
        return judged(first, ticker("KXMLBGAME-31APR161810QUAHAR-QUA", starts_ns=at))

    assert second(hour // 2).proposed
    assert codes(second(7 * hour)) == {"date"}


def test_the_second_game_of_a_day_is_not_the_only_one() -> None:
    second = ticker("KXMLBGAME-31APR161810QUAHARG2-QUA")
    assert codes(judged(slug("mlb-qua-har-2031-04-16"), second)) == {"period"}
    assert judged(slug("mlb-qua-har-2031-04-16-game2"), second).proposed


def test_names_make_a_game_only_when_both_sides_are_named() -> None:
    event = Listing("polymarket", "1", "Duluth FC vs. Moorhead SC: Both Teams to Score")
    assert judged(event, Listing("kalshi", "k", "Moorhead at Duluth: Both Teams to Score")).proposed
    assert not judged(event, Listing("kalshi", "k", "Moorhead at Kestrel: Both Teams to Score")).proposed
    women = Listing("polymarket", "1", "Duluth WFC vs. Moorhead SC: Both Teams to Score")
    assert not judged(women, Listing("kalshi", "k", "Moorhead at Duluth: Both Teams to Score")).proposed


def test_another_institution_of_the_same_name_is_another_team() -> None:
    game = Listing("polymarket", "1", "Harlow vs. Quillan")
    assert judged(game, Listing("kalshi", "k", "Harlow vs Quillan")).proposed
    for other in ("Harlow Tech", "Harlow State", "North Harlow", "Harlow U21"):
        assert not judged(game, Listing("kalshi", "k", f"{other} vs Quillan")).proposed


def test_a_game_is_not_the_title_of_the_season() -> None:
    game = slug("nba-qua-har-2031-01-09", "Quillan vs. Harlow")
    verdict = judged(game, Listing("kalshi", "KXNBA-31-QUA", "Will Quillan win the 2031 NBA Finals?"))
    assert not verdict.proposed


def test_codes_that_cannot_be_told_apart_stay_together() -> None:
    game = read_ticker("KXNBATOTAL-31JAN09QUAHAR-220")
    assert game is not None
    assert game.teams == ()
    assert game.blob == "quahar"
    assert read_ticker("KXNBA-31-QUA") is None
    assert read_slug("will-quillan-win-in-2031") is None


def test_a_slug_of_three_words_and_a_day_is_a_game_only_in_a_known_league() -> None:
    assert read_slug("fed-rate-cut-2031-03-18") is None
    assert read_slug("nba-qua-har-2031-03-18") is not None


def test_likeness_of_codes_is_symmetric() -> None:
    for one, other in (("pho", "phx"), ("ottvar", "var"), ("no", "nop"), ("abc", "xyz")):
        assert alike(one, other) == alike(other, one)
