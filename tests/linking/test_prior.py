"""The divergence prior (B4): by class of event, replaced by the ledger's own counts; the least edge of a bundle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.book import Book
from dutchbook.core.claim import Outcome
from dutchbook.core.link import same_bet
from dutchbook.core.money import MICRO, RATE_ONE, Rate
from dutchbook.core.opportunity import Opportunity, Rejection
from dutchbook.linking.listing import Listing
from dutchbook.linking.prior import PRIORS, expected, prior_of
from dutchbook.linking.reading import Reading, read
from opportunity.pairs import KALSHI, POLY, bundle_buying, limits, market
from opportunity.pairs import sized as size


def reading(title: str, topic: str = "") -> Reading:
    found = read(Listing("polymarket", title.lower().replace(" ", "-"), title))
    return replace(found, topic=topic) if topic else found


@pytest.mark.parametrize(
    ("title", "topic", "code"),
    [
        ("Herons vs. Miners", "game", "game"),
        ("Will the central bank cut its policy rate in May?", "rate", "print"),
        ("Will inflation be above 3.0%?", "other", "print"),
        ("Will A. Person win the governor election?", "politics", "election"),
        ("Will the Herons win the title?", "season", "season"),
        ("Will the bridge be finished?", "other", "other"),
        ("Will A. Person perform at the show?", "other", "subjective"),
        ("Will A. Person be out as leader?", "politics", "subjective"),
        ("Will the leader say tariff?", "other", "subjective"),
        ("Will one country invade another?", "politics", "subjective"),
        ("Coin up or down, 4PM?", "asset", "short_price"),
        ("Coin above 500 on May 4?", "asset", "other"),
    ],
)
def test_b4_every_kind_of_event_has_its_class(title: str, topic: str, code: str) -> None:
    assert prior_of([reading(title, topic)]).code == code


def test_b4_a_group_has_the_worst_class_of_its_markets() -> None:
    assert (
        prior_of([reading("Will it be done?", "other"), reading("Will A. Person die?", "other")]).code == "subjective"
    )


def test_what_is_no_lock_is_said_to_be_none() -> None:
    assert {prior.code for prior in PRIORS.values() if not prior.arb} == {"subjective", "short_price"}


@given(st.sampled_from(sorted(PRIORS)), st.integers(0, 5_000), st.integers(0, 50))
def test_b4_counts_move_the_prior_towards_what_was_seen(code: str, settled: int, diverged: int) -> None:
    prior = PRIORS[code]
    diverged = min(diverged, settled)
    now = expected(prior, settled, diverged)
    assert 0 < now <= RATE_ONE
    seen = diverged * RATE_ONE // settled if settled else prior.rate
    assert min(prior.rate, seen) <= now <= max(prior.rate, seen) + 1
    assert expected(prior, settled + 1, diverged + 1) > now or now == RATE_ONE
    assert expected(prior, settled + 1, diverged) <= now


def test_b4_without_evidence_it_is_the_prior_and_with_much_it_is_the_evidence() -> None:
    game = PRIORS["game"]
    assert expected(game, 0, 0) == game.rate
    assert expected(game, 807, 0) < Rate(RATE_ONE // 1_500)
    assert Rate(RATE_ONE // 20) < expected(game, 2_781, 158) < Rate(RATE_ONE * 6 // 100)
    with pytest.raises(ValueError, match="diverged"):
        expected(game, 1, 2)


def sized(divergence: Rate) -> Opportunity | Rejection:
    """A pair with a gross gap of 4 cents and no fees."""
    first, second = market(KALSHI), market(POLY)
    link = same_bet("l", "e", KALSHI, POLY, approved=True, divergence=divergence)
    books = {}
    for name, bid, ask in ((KALSHI, 430_000, 440_000), (POLY, 480_000, 560_000)):
        books[name] = Book(name)
        books[name].snapshot([(bid, 100 * MICRO)], [(ask, 100 * MICRO)])
    bundle = bundle_buying(link, (KALSHI, Outcome.YES), (POLY, Outcome.NO))
    return size(bundle, books.values(), (first, second), limits(max_cost="100"))


def test_b4_the_hurdle_of_a_bundle_is_its_links_divergence() -> None:
    priced = sized(PRIORS["game"].rate)
    assert isinstance(priced, Opportunity) and priced.divergence == PRIORS["game"].rate
    refused = sized(PRIORS["subjective"].rate)
    assert isinstance(refused, Rejection) and refused.code == "fees" and "hurdle" in refused.text
