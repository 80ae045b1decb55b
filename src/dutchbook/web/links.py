"""The link registry for the page: the list of what waits for a person, and one link for a decision (M11). Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from dutchbook.core.clock import MILLISECOND
from dutchbook.core.link_state import LINK_TABLE, LinkTurn, Standing
from dutchbook.ledger.links import Count, LinkEntry
from dutchbook.ledger.projection import Ledger
from dutchbook.linking.prior import expected
from dutchbook.linking.review import plain, prior_named, review

MOST: Final = 200
"""Links in one list; the others are found by their standing."""

PERSONS: Final = (LinkTurn.APPROVE, LinkTurn.REJECT, LinkTurn.SUSPEND)

_ORDER: Final = {Standing.PROPOSED: 0, Standing.SUSPENDED: 1, Standing.APPROVED: 2, Standing.REJECTED: 3}


def link_list(ledger: Ledger, standing: str = "") -> dict[str, Any]:
    """How many links stand where, and the first of them: those that wait first, without a veto before those with one."""
    entries = ledger.links.entries
    counts = Counter(entry.standing.value for entry in entries.values())
    chosen = [entry for entry in entries.values() if not standing or entry.standing.value == standing]
    chosen.sort(key=lambda entry: (_ORDER[entry.standing], bool(entry.vetoes), not entry.proposal.high))
    return {
        "total": len(entries),
        "standing": standing,
        "counts": {each.value: counts[each.value] for each in Standing},
        "links": [_row(entry) for entry in chosen[:MOST]],
        "more": max(0, len(chosen) - MOST),
    }


def link_review(ledger: Ledger, link: str) -> dict[str, Any] | None:
    """Everything for a decision about one link, and what can be decided; None when there is no such link."""
    entry = ledger.links.entries.get(link)
    if entry is None:
        return None
    code = entry.proposal.prior
    count = ledger.links.counts(ledger.trades.values(), ledger.divergences).get(code, Count())
    told = review(
        entry.proposal,
        standing=entry.standing.value,
        review_code=entry.review_code,
        divergence=expected(prior_named(code), count.settled, count.diverged),
        settled=count.settled,
        diverged=count.diverged,
        vetoes=entry.vetoes,
        remarks=_remarks(entry),
        history=((str(step.at_ns // MILLISECOND), step.what, step.by, step.reason) for step in entry.history),
    )
    return {
        **told,
        "id": link,
        "approved": entry.approved,
        "may": [turn.value for turn in PERSONS if turn in LINK_TABLE[entry.standing]],
        "needs_reason": bool(entry.vetoes) or entry.standing is not Standing.PROPOSED,
    }


def _remarks(entry: LinkEntry) -> Iterable[tuple[str, str]]:
    return ((each.by, text) for each in entry.remarks for text in each.remarks)


def _row(entry: LinkEntry) -> dict[str, Any]:
    proposal = entry.proposal
    return {
        "link": proposal.link,
        "kind": proposal.kind,
        "event": plain(proposal.event),
        "titles": [plain(member.title) for member in proposal.members],
        "venues": sorted({member.market.partition(":")[0] for member in proposal.members}),
        "standing": entry.standing.value,
        "approved": entry.approved,
        "high_confidence": proposal.high,
        "vetoes": [veto.code for veto in entry.vetoes],
        "why": plain(proposal.why),
        "prior": prior_named(proposal.prior).name,
    }
