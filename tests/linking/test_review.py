"""A link for a person's eyes (M11): everything is there, and nothing of a venue's text can do anything to a screen."""

from __future__ import annotations

import msgspec

from dutchbook.core.money import Rate
from dutchbook.linking.review import COMPARISONS, prior_named, review
from linking.proposals import K_RULES, KALSHI, P_RULES, POLYMARKET, VETO, member, proposal


def told(**changes: object) -> dict[str, object]:
    proposed = msgspec.structs.replace(proposal(vetoes=(VETO,)), **changes)
    return review(
        proposed,
        standing="proposed",
        review_code="abc",
        divergence=Rate(25_000_000_000),
        settled=4,
        diverged=1,
        vetoes=proposed.vetoes,
        remarks=[("reader", "hm")],
        history=[("2026-11-21T00:00:00.000Z", "proposed", "discovery", "why")],
    )


def test_m11_a_review_shows_rules_side_by_side_states_prior_and_why() -> None:
    shown = told()
    assert shown["why"] and shown["vetoes"] == [{"code": "date", "text": VETO.text}]
    (comparison,) = shown["comparisons"]  # type: ignore[misc]
    assert (comparison["left"], comparison["right"]) == (KALSHI, POLYMARKET)
    words = " ".join(segment["left"] for segment in comparison["segments"] if segment["left"])
    assert words == K_RULES
    topics = {topic["code"]: topic for topic in comparison["topics"]}
    assert topics["deadline"]["differs"] and "23:59" in topics["deadline"]["right_says"]
    assert topics["source"]["silent"] == "right"
    assert [row["pays"] for row in shown["states"]] == [
        ["1.00", "1.00"],
        ["0.00", "0.00"],
        ["0.50", "0.50"],
        [None, "0.50"],
    ]  # type: ignore[attr-defined]
    assert shown["prior"]["chance"] == "0.025" and shown["hurdle"] == "0.025"  # type: ignore[index]
    assert shown["prior"]["settled"] == 4 and shown["history"] and shown["remarks"]  # type: ignore[index]


def test_a_review_is_plain_data() -> None:
    assert msgspec.json.decode(msgspec.json.encode(told())) == told()


def test_a_venues_text_cannot_command_a_screen() -> None:
    hostile = f"{P_RULES} \x1b[2J\x07 \u202eapproved\u202c \x00"
    shown = msgspec.json.encode(told(members=(member(KALSHI, K_RULES), member(POLYMARKET, hostile)))).decode()
    assert not any(mark in shown for mark in ("\\u001b", "\u202e", "\\u0000", "\\u0007"))


def test_a_class_of_a_later_version_is_the_least_trusted_one() -> None:
    assert prior_named("from the future").rate == max(
        prior_named(code).rate for code in ("game", "other", "subjective")
    )


def test_many_markets_are_compared_only_so_often() -> None:
    members = tuple(member(type(KALSHI)(f"{venue}:{n}"), "r") for venue in ("kalshi", "polymarket") for n in range(6))
    states = tuple(
        msgspec.structs.replace(row, pays=tuple(row.pays[0] for _ in members)) for row in proposal().states[:2]
    )
    assert len(told(members=members, states=states)["comparisons"]) == COMPARISONS  # type: ignore[arg-type]
