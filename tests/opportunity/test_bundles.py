"""Bundles come from the state-payoff table: what pays at least 1 in every core state, and nothing superfluous."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.errors import Skip
from dutchbook.core.link import Link, LinkKind, State, same_bet
from dutchbook.core.money import MICRO, Price
from dutchbook.opportunity.bundles import MAX_CLAIMS, bundles_of
from opportunity.pairs import KALSHI, POLY, three_way

YES, NO = Outcome.YES, Outcome.NO


def claim_sets(link: Link) -> set[frozenset[tuple[str, Outcome]]]:
    return {frozenset((str(c.market), c.outcome) for c in bundle.claims) for bundle in bundles_of(link)}


def test_the_same_question_twice_gives_yes_here_and_no_there_both_ways() -> None:
    assert claim_sets(same_bet("l", "e", KALSHI, POLY)) == {
        frozenset({(KALSHI, YES), (POLY, NO)}),
        frozenset({(KALSHI, NO), (POLY, YES)}),
    }


def test_two_complementary_winners_are_bought_both_yes_or_both_no() -> None:
    assert claim_sets(same_bet("l", "e", KALSHI, POLY, inverse=True)) == {
        frozenset({(KALSHI, YES), (POLY, YES)}),
        frozenset({(KALSHI, NO), (POLY, NO)}),
    }


def test_a_three_way_field_on_one_venue_is_the_yes_basket_and_the_no_baskets() -> None:
    found = {len(b.claims): set() for b in bundles_of(three_way("kalshi"))}
    for bundle in bundles_of(three_way("kalshi")):
        found[len(bundle.claims)].add(({c.outcome for c in bundle.claims}.pop(), bundle.guaranteed))
    assert found == {2: {(NO, MICRO)}, 3: {(YES, MICRO), (NO, 2 * MICRO)}}


def test_a_three_way_field_on_two_venues_takes_each_outcome_from_either() -> None:
    bundles = bundles_of(three_way("kalshi", "polymarket"))
    yes_baskets = [b for b in bundles if {c.outcome for c in b.claims} == {YES}]
    no_pairs = [b for b in bundles if len(b.claims) == 2 and {c.outcome for c in b.claims} == {NO}]
    no_triples = [b for b in bundles if len(b.claims) == 3 and {c.outcome for c in b.claims} == {NO}]
    across = [b for b in bundles if {c.outcome for c in b.claims} == {YES, NO}]
    assert [len(kind) for kind in (yes_baskets, no_pairs, no_triples, across)] == [8, 12, 8, 6]
    assert len(bundles) == 34


def test_a_set_that_is_only_mutually_exclusive_has_no_yes_basket() -> None:
    bundles = bundles_of(three_way("kalshi", core_none=True))
    assert all({c.outcome for c in b.claims} == {NO} for b in bundles)
    assert {b.guaranteed for b in bundles} == {Price(MICRO), Price(2 * MICRO)}


def test_an_implication_is_the_implied_yes_and_the_implying_no() -> None:
    by_march, by_june = MarketId("kalshi:march"), MarketId("polymarket:june")
    link = Link(
        "ladder",
        LinkKind.BASKET,
        "event",
        (State("by march"), State("by june"), State("later")),
        {by_march: (Price(MICRO), Price(0), Price(0)), by_june: (Price(MICRO), Price(MICRO), Price(0))},
    )
    assert claim_sets(link) == {frozenset({(by_march, NO), (by_june, YES)})}


def test_a_tail_state_may_lose_but_a_core_tie_must_not() -> None:
    def with_tie(core: bool) -> Link:
        half = Price(MICRO // 2)
        return Link(
            "tie",
            LinkKind.CROSS_TEAM,
            "event",
            (State("x"), State("y"), State("tie", core=core)),
            {KALSHI: (Price(MICRO), Price(0), Price(0)), POLY: (Price(0), Price(MICRO), half)},
        )

    assert len(bundles_of(with_tie(core=False))) == 2
    assert claim_sets(with_tie(core=True)) == {frozenset({(KALSHI, NO), (POLY, NO)})}


def test_ids_do_not_depend_on_the_order_in_which_markets_were_linked() -> None:
    there = same_bet("l", "e", KALSHI, POLY)
    back = same_bet("l", "e", POLY, KALSHI)
    assert [b.id for b in bundles_of(there)] == [b.id for b in bundles_of(back)]
    assert bundles_of(there)[0].id == "l#72bb19517086"


def test_a_link_with_too_many_markets_is_skipped_by_name() -> None:
    payoffs = {MarketId(f"kalshi:{i}"): tuple(Price(MICRO if i == s else 0) for s in range(13)) for i in range(13)}
    link = Link("field", LinkKind.BASKET, "event", tuple(State(str(s)) for s in range(13)), payoffs)
    with pytest.raises(Skip, match="link field: has 13 markets"):
        bundles_of(link)


def test_a_link_in_which_nothing_is_certain_is_skipped_by_name() -> None:
    link = Link("odd", LinkKind.BASKET, "event", (State("a"),), {KALSHI: (Price(400_000),)})
    with pytest.raises(Skip, match="link odd: no bundle"):
        bundles_of(link)


tables = st.integers(2, 4).flatmap(
    lambda states: st.lists(
        st.tuples(*[st.sampled_from([0, MICRO // 2, MICRO]) for _ in range(states)]), min_size=2, max_size=4
    ).map(lambda rows: (states, rows))
)


@settings(max_examples=60)
@given(tables)
def test_every_minimal_bundle_is_found_and_no_other(table: tuple[int, list[tuple[int, ...]]]) -> None:
    states, rows = table
    markets = [MarketId(f"venue:{i}") for i in range(len(rows))]
    link = Link(
        "any",
        LinkKind.BASKET,
        "event",
        tuple(State(str(s)) for s in range(states)),
        {market: tuple(Price(v) for v in row) for market, row in zip(markets, rows, strict=True)},
    )

    def subsets(claims: tuple[Claim, ...]) -> list[tuple[Claim, ...]]:
        return [part for n in range(1, len(claims)) for part in combinations(claims, n)]

    def minimal(claims: tuple[Claim, ...]) -> bool:
        pays = link.guaranteed(claims)
        if pays < MICRO or any(link.guaranteed(part) >= pays for part in subsets(claims)):
            return False
        for part in subsets(claims):
            rest = tuple(c for c in claims if c not in part)
            left, right = link.guaranteed(part), link.guaranteed(rest)
            if min(left, right) >= MICRO and left + right >= pays:
                return False
        return True

    expected = {
        frozenset(claims)
        for count in range(2, min(MAX_CLAIMS, len(markets)) + 1)
        for chosen in combinations(markets, count)
        for outcomes in product(Outcome, repeat=count)
        if minimal(claims := tuple(Claim(m, o) for m, o in zip(chosen, outcomes, strict=True)))
    }
    try:
        bundles = bundles_of(link)
    except Skip:
        bundles = ()
    assert {frozenset(b.claims) for b in bundles} == expected
    assert all(b.guaranteed == link.guaranteed(b.claims) for b in bundles)
    assert len({b.id for b in bundles}) == len(bundles)
