"""Links for review (M11): both rules side by side, what each state pays, doubts, and a person's word with a reason."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.async_api import expect

from dutchbook.core.claim import MarketId
from dutchbook.core.facts import EngineStarted, EngineStopped, LinkMember, LinkProposed, LinkStateRow, LinkVeto
from dutchbook.core.link import rules_hash
from dutchbook.core.link_state import Standing
from dutchbook.ledger.journal import Journal
from web.chromium import PATIENCE_MS, chromium, needs_chromium, window
from web.serving import OWNER, Served, page

DOLLAR = 1_000_000
EVIL = "<script>alert(1)</script>"
KALSHI_RULES = (
    "Resolves Yes if it rains in Paris on July 1, per Meteo France. If the event is cancelled it resolves to No."
)
POLYMARKET_RULES = (
    f"Resolves Yes if it rains in Paris on July 1, per Wunderground. If cancelled it resolves 50-50. {EVIL}"
)


def member(market: str, rules: str) -> LinkMember:
    return LinkMember(
        MarketId(market), f"Rain in Paris? {EVIL}", rules, rules_hash(rules), closes_ns=1_800_000_000 * 10**9
    )


def proposed(link: str = "rain~KXRAIN", *vetoes: LinkVeto) -> LinkProposed:
    return LinkProposed(
        link=link,
        kind="yes_no",
        event="rain-in-paris",
        members=(member("kalshi:KXRAIN", KALSHI_RULES), member("polymarket:rain", POLYMARKET_RULES)),
        states=(
            LinkStateRow("rain", (DOLLAR, DOLLAR), core=True),
            LinkStateRow("dry", (0, 0), core=True),
            LinkStateRow("cancelled", (0, DOLLAR // 2), note="the venues pay differently"),
        ),
        prior="weather",
        why="the same words on the same day",
        by="discovery",
        vetoes=vetoes,
    )


def write(path: Path, *facts: LinkProposed) -> None:
    journal = Journal.write(path, OWNER)
    journal.append([EngineStarted("0.1.0", "paper"), *facts, EngineStopped("time is up")], time.time_ns())
    journal.close()


def standing(served: Served, link: str = "rain~KXRAIN") -> Standing:
    return served.room.live.view.ledger.links.entries[link].standing


async def test_m11_the_page_shows_both_rules_with_what_differs_marked_and_every_state(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db", proposed("rain~KXRAIN", LinkVeto("source", "the sources are not the same")))
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        listed = (await client.get("/links")).text
        assert "/links/rain~KXRAIN" in listed and "source" in listed
        shown = (await client.get("/links/rain~KXRAIN")).text
        told_of = ("Meteo", "Wunderground", "<mark>", "cancelled", "tail state", "0.50", "the sources are not the same")
        for text in (*told_of, "discovery"):
            assert text in shown, text
        assert EVIL not in listed + shown
        assert (await client.get("/links/none")).status_code == 404
        told = (await client.get("/api/v1/links/rain~KXRAIN")).json()
        assert [state["name"] for state in told["states"]] == ["rain", "dry", "cancelled"]
        assert told["may"] == ["approve", "reject"] and told["needs_reason"]
        assert (await client.get("/api/v1/links?standing=approved")).json()["links"] == []


async def test_m11_a_decision_is_a_persons_and_is_about_the_text_that_was_read(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db", proposed("rain~KXRAIN", LinkVeto("source", "not the same")))
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        seen = (await client.get("/api/v1/links/rain~KXRAIN")).json()["review_code"]
        body = {"link": "rain~KXRAIN", "turn": "approve", "seen": seen}
        without = await client.post("/api/v1/links", json=body)
        assert without.status_code == 409 and "reason" in without.json()["detail"]
        stale = await client.post("/api/v1/links", json={**body, "seen": "0" * 12, "reason": "fine"})
        assert stale.status_code == 409 and "read it again" in stale.json()["detail"]
        assert standing(served) is Standing.PROPOSED
        done = await client.post("/api/v1/links", json={**body, "reason": "both are official"})
        assert done.status_code == 200, done.text
        assert standing(served) is Standing.APPROVED
        unknown = await client.post("/api/v1/links", json={**body, "link": "none"})
        assert unknown.status_code == 409


@needs_chromium
async def test_m11_a_link_is_rejected_from_a_phone_with_a_reason(tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    write(tmp_path / "ledger.db", proposed())
    async with page(tmp_path / "ledger.db") as served, chromium() as browser, window(browser) as tab:
        await tab.goto(f"{served.url}/login?to=/links#{served.token}")
        await tab.get_by_role("link", name="Rain in Paris?").click()
        await expect(tab.get_by_text("Rules side by side")).to_be_visible()
        assert await tab.evaluate("document.documentElement.scrollWidth") <= 390
        await tab.get_by_role("button", name="Reject").click()
        await tab.fill("#ask [name=reason]", "another source")
        await tab.locator("#ask [data-do=ask]").click()
        await expect(tab.locator(".phase").first).to_have_text("rejected")
        assert standing(served) is Standing.REJECTED
