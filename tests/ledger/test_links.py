"""The link registry (M10): a fold of facts, in which only a person's approval of exactly these texts makes a link tradable."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dutchbook.core.errors import ImpossibleEvent, Skip
from dutchbook.core.facts import LinkAnnotated, LinkProposed, LinkStateRow, LinkTurned, LinkVeto, OutcomesDiverged
from dutchbook.core.link import LONGEST_RULES, rules_hash
from dutchbook.core.link_state import LinkTurn, Standing
from dutchbook.core.money import Rate
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.links import LinkBook, approval, check, news, refusal, reread
from dutchbook.ledger.projection import Ledger
from linking.proposals import K_RULES, KALSHI, P_RULES, POLYMARKET, VETO, member, proposal

RATE = Rate(3_000_000_000)


def book_with(told: LinkProposed) -> LinkBook:
    book = LinkBook()
    book.apply(told, 1)
    return book


def approved(told: LinkProposed, reason: str = "") -> LinkBook:
    book = book_with(told)
    book.apply(approval(book, told.link, "ann", reason), 2)
    return book


def test_m10_a_proposed_link_is_not_tradable_and_an_approved_one_is() -> None:
    book = book_with(proposal())
    assert not book.entries["dam"].link(RATE).approved
    book.apply(approval(book, "dam", "ann"), 2)
    entry = book.entries["dam"]
    assert entry.link(RATE).approved and entry.standing is Standing.APPROVED
    assert entry.approved_hashes == {KALSHI: rules_hash(K_RULES), POLYMARKET: rules_hash(P_RULES)}
    assert [(step.what, step.by) for step in entry.history] == [("proposed", "discovery"), ("approve", "ann")]


def test_m10_rules_edited_after_approval_reopen_the_link() -> None:
    book = approved(proposal())
    fact = reread(
        book.entries["dam"], {POLYMARKET: P_RULES + " Clarification: openings for repair do not count."}, "engine"
    )
    assert fact is not None
    book.apply(fact, 3)
    entry = book.entries["dam"]
    assert entry.standing is Standing.PROPOSED and not entry.link(RATE).approved
    assert "Clarification" in entry.proposal.members[1].rules
    # an edit taken back does not bring the approval back
    again = reread(entry, {POLYMARKET: P_RULES}, "engine")
    assert again is not None
    book.apply(again, 4)
    assert not book.entries["dam"].approved


def test_m10_the_same_texts_reopen_nothing() -> None:
    book = approved(proposal())
    assert reread(book.entries["dam"], {KALSHI: K_RULES, POLYMARKET: P_RULES}, "engine") is None
    book.apply(proposal(by="somebody else"), 3)
    assert book.entries["dam"].approved


@pytest.mark.parametrize("other", [{"k_rules": K_RULES + " "}, {"p_rules": "Something else."}])
def test_m10_a_new_reading_with_other_texts_reopens(other: dict[str, str]) -> None:
    book = approved(proposal())
    book.apply(proposal(**other), 3)
    assert book.entries["dam"].standing is Standing.PROPOSED


def test_m10_a_new_reading_with_other_payoffs_reopens() -> None:
    book = approved(proposal())
    turned = msgspec.structs.replace(
        proposal(),
        states=(LinkStateRow("yes", (1_000_000, 0), core=True), LinkStateRow("no", (0, 1_000_000), core=True)),
    )
    book.apply(turned, 3)
    assert not book.entries["dam"].approved


def test_m10_approving_a_vetoed_pair_needs_a_reason() -> None:
    book = book_with(proposal(vetoes=(VETO,)))
    with pytest.raises(Skip, match=r"--reason.*date: one closes a day before"):
        approval(book, "dam", "ann")
    with pytest.raises(Skip, match="--reason"):
        approval(book, "dam", "ann", "   ")
    book.apply(approval(book, "dam", "ann", "the dates are the same day in two zones"), 2)
    assert book.entries["dam"].approved


def test_m10_a_readers_veto_counts_like_any_other_and_falls_with_the_text_it_was_about() -> None:
    book = book_with(proposal())
    veto = LinkVeto("reader", "a leak is an opening for one only")
    book.apply(LinkAnnotated("dam", "reader", ("a remark",), book.entries["dam"].hashes, (veto,)), 2)
    with pytest.raises(Skip, match="a leak is an opening"):
        approval(book, "dam", "ann")
    book.apply(proposal(p_rules="New text."), 3)
    assert book.entries["dam"].vetoes == ()


def test_a_remark_about_other_texts_is_history_and_no_veto() -> None:
    book = book_with(proposal())
    veto = LinkVeto("reader", "whatever")
    book.apply(LinkAnnotated("dam", "reader", ("late",), {KALSHI: "0" * 64}, (veto,)), 2)
    assert book.entries["dam"].vetoes == () and book.entries["dam"].history[-1].what == "annotated"


def test_m10_what_was_read_must_be_what_is_approved() -> None:
    book = book_with(proposal())
    code = book.entries["dam"].review_code
    book.apply(proposal(p_rules="Other."), 2)
    with pytest.raises(Skip, match="changed since it was read"):
        approval(book, "dam", "ann", seen=code)
    assert approval(book, "dam", "ann", seen=book.entries["dam"].review_code).turn is LinkTurn.APPROVE


def test_an_earlier_no_needs_a_reason_to_be_overruled() -> None:
    book = book_with(proposal())
    with pytest.raises(Skip, match="--reason is missing"):
        refusal(book, "dam", LinkTurn.REJECT, "ann", " ")
    book.apply(refusal(book, "dam", LinkTurn.REJECT, "ann", "another dam"), 2)
    with pytest.raises(Skip, match="is rejected; approving it all the same needs --reason"):
        approval(book, "dam", "ann")
    book.apply(approval(book, "dam", "bob", "it is the same dam after all"), 3)
    book.apply(refusal(book, "dam", LinkTurn.SUSPEND, "ann", "news"), 4)
    assert book.entries["dam"].standing is Standing.SUSPENDED and not book.entries["dam"].approved
    with pytest.raises(Skip, match="nothing to suspend"):
        refusal(book, "dam", LinkTurn.SUSPEND, "ann", "again")


def test_nobody_is_not_a_person() -> None:
    with pytest.raises(Skip, match="nobody is named"):
        approval(book_with(proposal()), "dam", " ")


def test_a_link_that_is_not_there_is_named() -> None:
    with pytest.raises(Skip, match="link river: not in this ledger"):
        approval(LinkBook(), "river", "ann")
    with pytest.raises(ImpossibleEvent, match="never proposed"):
        LinkBook().apply(LinkTurned("river", LinkTurn.APPROVE, "ann", "", {}), 1)


def test_an_approval_of_other_hashes_makes_nothing_tradable() -> None:
    book = book_with(proposal())
    book.apply(LinkTurned("dam", LinkTurn.APPROVE, "forger", "", {KALSHI: "0" * 64}), 2)
    assert not book.entries["dam"].approved and not book.entries["dam"].link(RATE).approved


def test_m23_high_confidence_needs_equal_structured_keys_and_an_approval() -> None:
    assert not book_with(proposal(high=True)).entries["dam"].link(RATE).high_confidence
    assert approved(proposal(high=True)).entries["dam"].link(RATE).high_confidence
    assert not approved(proposal(high=False)).entries["dam"].link(RATE).high_confidence


def test_states_whose_payoffs_nobody_knows_are_shown_and_guarantee_nothing() -> None:
    link = approved(proposal()).entries["dam"].link(RATE)
    assert [(state.name, state.core) for state in link.states] == [("yes", True), ("no", True), ("tie", False)]
    assert link.divergence == RATE


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"members": (member(KALSHI, "a"), member(KALSHI, "a"))}, "each once"),
        ({"members": (member(KALSHI, "a"),)}, "at least two"),
        ({"kind": "hunch"}, "kind 'hunch'"),
        ({"states": (LinkStateRow("yes", (1_000_000,), core=True),)}, "every market"),
        ({"states": (LinkStateRow("yes", (1_000_000, None), core=True),)}, "core state"),
        ({"states": (LinkStateRow("yes", (1_000_001, 0), core=True),)}, "outside"),
        ({"states": (LinkStateRow("tie", (0, 0)),)}, "no core state"),
    ],
)
def test_a_proposal_that_nobody_could_judge_is_refused(broken: dict[str, object], words: str) -> None:
    told = msgspec.structs.replace(proposal(), **broken)
    with pytest.raises(Skip, match=words):
        check(told)
    with pytest.raises(Skip, match=words):
        news(LinkBook(), [told])


def test_news_are_what_was_not_said_before() -> None:
    book = book_with(proposal())
    assert news(book, [proposal(by="again")]) == []
    assert [each.link for each in news(book, [proposal(), proposal("river"), proposal(vetoes=(VETO,))])] == [
        "river",
        "dam",
    ]


def test_a_huge_text_is_kept_cut_and_its_whole_is_hashed() -> None:
    book = approved(proposal())
    huge = "x" * (LONGEST_RULES + 5)
    fact = reread(book.entries["dam"], {KALSHI: huge}, "engine")
    assert fact is not None and len(fact.rules[0].rules) == LONGEST_RULES
    assert fact.rules[0].rules_hash == rules_hash(huge)


def test_the_registry_is_the_ledgers_and_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    journal = Journal.write(path, Identity("paper", "intl", (), ()))
    ledger = Ledger()
    ledger.apply(proposal(vetoes=(VETO,)), 1)
    turn = approval(ledger.links, "dam", "ann", "read both")
    journal.append([proposal(vetoes=(VETO,)), turn], 5)
    journal.close()
    again = Ledger().replay(Journal.read(path).records())
    entry = again.links.entries["dam"]
    assert entry.approved and (entry.history[-1].by, entry.history[-1].reason) == ("ann", "read both")
    assert again.links.with_market(KALSHI) == [entry] and again.links.with_market(KALSHI[:-1]) == []  # type: ignore[arg-type]


def test_b4_divergences_are_counted_by_class_one_a_link() -> None:
    book = book_with(proposal(prior="game"))
    counts = book.counts(
        [], [OutcomesDiverged("t1", "dam", ""), OutcomesDiverged("t2", "dam", ""), OutcomesDiverged("t3", "x", "")]
    )
    assert counts["game"].settled == 1 and counts["game"].diverged == 1
