"""From judged pairs to links (M10): pairs that hang together are one link, and every doubt about it is a veto in words."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from dutchbook.core.facts import LinkProposed
from dutchbook.core.link import LONGEST_RULES, rules_hash
from dutchbook.core.money import Rate
from dutchbook.ledger.links import check, link_of
from dutchbook.linking.listing import Listing
from dutchbook.linking.reading import Reading
from dutchbook.linking.registry import Judged, link_id, proposals, unique, vetoed
from dutchbook.linking.verdict import Polarity, Verdict, Veto

ONE = 1_000_000


def reading(venue: str, name: str, *, side: str = "", topic: str = "other", **fields: object) -> Reading:
    told: dict[str, object] = {
        "title": f"Question {name}?",
        "rules": f"Rules of {name}.",
        "closes_ns": 10**18,
        **fields,
    }
    return Reading(Listing(venue, name, **told), topic=topic, side=side)  # type: ignore[arg-type]


def pair(
    first: Reading, second: Reading, polarity: Polarity | None = "same", *vetoes: Veto, high: bool = True
) -> Judged:
    return Judged(
        first, second, Verdict(polarity, vetoes, high=high, proposed=not vetoes and polarity is not None, why="because")
    )


def team(venue: str, name: str, side: str) -> Reading:
    return reading(venue, name, side=side, topic="game", event=f"{venue} game", subtitle=side)


def columns(link: LinkProposed) -> dict[str, list[int | None]]:
    core = [row for row in link.states if row.core]
    return {member.market: [row.pays[place] for row in core] for place, member in enumerate(link.members)}


def test_m10_a_pair_becomes_a_yes_no_link_with_both_hashes() -> None:
    (link,) = proposals([pair(reading("kalshi", "K"), reading("polymarket", "p"))], "discovery")
    assert (link.kind, link.link, link.vetoes, link.high) == ("yes_no", "p~K", (), True)
    assert [member.rules_hash for member in link.members] == [rules_hash("Rules of K."), rules_hash("Rules of p.")]
    assert columns(link) == {"kalshi:K": [ONE, 0], "polymarket:p": [ONE, 0]}


def test_m10_two_teams_and_one_market_become_a_cross_team_link() -> None:
    home, away, game = team("kalshi", "K-H", "har"), team("kalshi", "K-C", "cop"), team("polymarket", "p", "har")
    for judged in permutations([pair(home, game), pair(away, game, "inverse")]):
        (link,) = proposals(judged, "discovery")
        assert link.kind == "cross_team" and len(link.members) == 3 and link.vetoes == ()
        paid = columns(link)
        assert paid["kalshi:K-H"] == paid["polymarket:p"] != paid["kalshi:K-C"]
        assert sorted(paid["kalshi:K-H"] + paid["kalshi:K-C"]) == [0, 0, ONE, ONE]
        assert [row.name for row in link.states if row.core] != ["yes", "no"]


def test_m10_home_draw_and_away_become_a_three_way_link() -> None:
    judged = [
        pair(team("kalshi", f"K-{side}", side), team("polymarket", f"p-{side}", side))
        for side in ("ash", "draw", "bri")
    ]
    for order in permutations(judged):
        (link,) = proposals(order, "discovery")
        assert link.kind == "three_way" and len(link.members) == 6
        for side in ("ash", "draw", "bri"):
            column = columns(link)[f"kalshi:K-{side}"]
            assert column == columns(link)[f"polymarket:p-{side}"] and sorted(column, key=int) == [0, 0, ONE]  # type: ignore[arg-type]
        names = [row.name for row in link.states if row.core]
        assert "draw" in names and len(set(names)) == 3


def test_two_of_three_outcomes_are_no_field() -> None:
    judged = [pair(team("kalshi", f"K-{side}", side), team("polymarket", f"p-{side}", side)) for side in ("ash", "bri")]
    assert [link.kind for link in proposals(judged, "x")] == ["yes_no", "yes_no"]


def test_three_outcomes_without_a_draw_are_not_exhaustive_and_stay_apart() -> None:
    judged = [
        pair(team("kalshi", f"K-{side}", side), team("polymarket", f"p-{side}", side)) for side in ("a", "b", "c")
    ]
    assert [link.kind for link in proposals(judged, "x")] == ["yes_no"] * 3


def test_markets_of_another_event_do_not_join_a_field() -> None:
    judged = [
        pair(team("kalshi", f"K-{side}", side), team("polymarket", f"p-{side}", side))
        for side in ("ash", "draw", "bri")
    ]
    stranger = replace(judged[2].second, listing=replace(judged[2].second.listing, event="another game"))
    assert {link.kind for link in proposals([*judged[:2], pair(judged[2].first, stranger)], "x")} == {"yes_no"}


def test_contradicting_polarities_are_a_veto() -> None:
    a, b, c = reading("kalshi", "K1"), reading("polymarket", "p"), reading("kalshi", "K2")
    other = reading("polymarket", "q")
    judged = [pair(a, b), pair(c, b, "inverse"), pair(a, other), pair(c, other)]
    (link,) = proposals(judged, "x")
    assert "polarity" in {veto.code for veto in link.vetoes}


def test_a_market_with_two_twins_on_one_venue_is_a_veto() -> None:
    a, b, c = reading("kalshi", "K"), reading("polymarket", "p"), reading("polymarket", "q")
    (link,) = proposals([pair(a, b), pair(a, c)], "x")
    assert [veto.code for veto in link.vetoes] == ["ambiguous"] and "p, q" in link.vetoes[0].text


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"rules": "  "}, "rules"), ({"rules": "x" * (LONGEST_RULES + 1)}, "length"), ({"closes_ns": None}, "date")],
)
def test_texts_that_nobody_can_approve_are_a_veto(fields: dict[str, object], code: str) -> None:
    (link,) = proposals([pair(reading("kalshi", "K"), reading("polymarket", "p", **fields))], "x")
    assert code in {veto.code for veto in link.vetoes}
    assert len(link.members[1].rules) <= LONGEST_RULES


def test_a_class_that_is_no_lock_is_a_veto() -> None:
    (link,) = proposals([pair(reading("kalshi", "K", title="Will A. Person die?"), reading("polymarket", "p"))], "x")
    assert link.prior == "subjective" and "class" in {veto.code for veto in link.vetoes}


def test_a_vetoed_pair_is_no_link_unless_asked_for_and_then_keeps_its_vetoes() -> None:
    judged = pair(reading("kalshi", "K"), reading("polymarket", "p"), "same", Veto("line", "2.5 and 3.5"))
    assert proposals([judged], "x") == []
    link = vetoed(judged, "x")
    assert [(veto.code, veto.text) for veto in link.vetoes] == [("line", "2.5 and 3.5")]
    assert [veto.code for veto in vetoed(pair(judged.first, judged.second, None), "x").vetoes] == ["polarity"]


def test_m23_one_pair_without_equal_structured_keys_takes_the_confidence_from_the_whole() -> None:
    home, away, game = team("kalshi", "K-H", "har"), team("kalshi", "K-C", "cop"), team("polymarket", "p", "har")
    assert proposals([pair(home, game), pair(away, game, "inverse")], "x")[0].high
    assert not proposals([pair(home, game), pair(away, game, "inverse", high=False)], "x")[0].high


def test_a_ticker_that_is_listed_twice_with_other_contents_is_not_used() -> None:
    one, same, other = Listing("kalshi", "K", "a"), Listing("kalshi", "K", "a"), Listing("kalshi", "K", "b")
    assert unique([one, same]) == ([one], [])
    assert unique([one, other, Listing("polymarket", "K", "c")]) == ([Listing("polymarket", "K", "c")], ["kalshi:K"])


def test_the_name_of_a_link_follows_from_its_members_in_any_order() -> None:
    members = [("kalshi", "K"), ("polymarket", "p"), ("kalshi", "L")]
    assert len({link_id(order) for order in permutations(members)}) == 1
    assert link_id(members[:2]) == "p~K" != link_id(members[1:])


def test_everything_that_is_proposed_can_be_judged_and_built() -> None:
    judged = [
        pair(team("kalshi", f"K-{side}", side), team("polymarket", f"p-{side}", side))
        for side in ("ash", "draw", "bri")
    ]
    for link in [*proposals(judged, "x"), vetoed(judged[0], "x")]:
        check(link)
        assert not link_of(link, Rate(1), approved=False).approved
