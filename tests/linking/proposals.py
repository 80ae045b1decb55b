"""Links to test with: two markets on one invented question, with rules of their own."""

from __future__ import annotations

from typing import Any

from dutchbook.core.claim import MarketId
from dutchbook.core.facts import LinkMember, LinkProposed, LinkStateRow, LinkVeto
from dutchbook.core.link import rules_hash

KALSHI = MarketId("kalshi:KXDAM-26DEC01-Y")
POLYMARKET = MarketId("polymarket:dam-opened-2026-12-01")
K_RULES = (
    "If the dam is opened by December 1, 2026, then the market resolves to Yes. Outcome verified from the Water Board."
)
P_RULES = 'This market will resolve to "Yes" if the dam is opened by December 1, 2026, 11:59 PM ET. Otherwise "No".'


def member(market: MarketId, rules: str, **fields: Any) -> LinkMember:
    return LinkMember(
        market=market, title="Will the dam be opened?", rules=rules, rules_hash=rules_hash(rules), **fields
    )


def proposal(
    name: str = "dam",
    *,
    k_rules: str = K_RULES,
    p_rules: str = P_RULES,
    vetoes: tuple[LinkVeto, ...] = (),
    prior: str = "other",
    high: bool = False,
    by: str = "discovery",
) -> LinkProposed:
    return LinkProposed(
        link=name,
        kind="yes_no",
        event="dam",
        members=(member(KALSHI, k_rules), member(POLYMARKET, p_rules)),
        states=(
            LinkStateRow("yes", (1_000_000, 1_000_000), core=True),
            LinkStateRow("no", (0, 0), core=True),
            LinkStateRow("tie", (500_000, 500_000)),
            LinkStateRow("cancelled", (None, 500_000), note="not known before it happens"),
        ),
        prior=prior,
        why="the titles are the same",
        by=by,
        vetoes=vetoes,
        high=high,
    )


VETO = LinkVeto("date", "one closes a day before the other")
