"""The page in a real browser, the size of a phone (M46): sign in, look, stop, and stay open while the engine comes and goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from cli.ledgers import locked, write
from dutchbook.core.facts import Alarmed, TradeOpened
from web.chromium import DESK, PATIENCE_MS, PHONE, chromium, needs_chromium, window
from web.serving import Served, page, row, talking, until

pytestmark = needs_chromium
expect.set_options(timeout=PATIENCE_MS)

EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'
PAGES = ("", "opportunities", "trades", "trades/cccc3333", "positions", "pnl", "signals", "system")


async def sign_in(tab: Page, served: Served, path: str = "") -> None:
    await tab.goto(f"{served.url}/login?to=/{path}#{served.token}")
    await expect(tab.locator("main#main")).to_be_visible()
    # its script listens to buttons from here on
    await tab.wait_for_load_state("load")


async def test_a_person_signs_in_with_the_token_typed_or_behind_the_address(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, chromium() as browser:
        async with window(browser) as tab:
            await tab.goto(f"{served.url}/trades")
            await tab.fill("[name=token]", "wrong")
            await tab.press("[name=token]", "Enter")
            await expect(tab.locator("#said")).to_have_text("this is not the token")
            await tab.fill("[name=token]", served.token)
            await tab.press("[name=token]", "Enter")
            await expect(tab.get_by_role("heading", name="Trades")).to_be_visible()
            assert served.token not in tab.url
        async with window(browser) as tab:
            await sign_in(tab, served)
            assert "#" not in tab.url
            # the token's cookie is out of reach of scripts
            assert await tab.evaluate("document.cookie") == ""
            await tab.evaluate("document.querySelector('[data-logout]').click()")
            await tab.wait_for_url("**/login")


async def test_a_door_that_is_told_another_site_stays_here(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, chromium() as browser, window(browser) as tab:
        # a browser reads a tab as nothing and a backslash as a slash
        for elsewhere in (
            "//evil.example/",
            "/%09/evil.example/",
            "%5C%5Cevil.example",
            "javascript:alert(1)",
            "http://[",
        ):
            await tab.goto(f"{served.url}/login?to={elsewhere}#{served.token}")
            await expect(tab.locator("main#main")).to_be_visible()
            assert tab.url == f"{served.url}/", elsewhere
        await tab.goto(f"{served.url}/login?to=/trades/cccc3333#{served.token}")
        await expect(tab.locator("main#main")).to_be_visible()
        assert tab.url == f"{served.url}/trades/cccc3333"


@pytest.mark.parametrize("size", [PHONE, DESK])
async def test_every_page_fits_its_window_and_can_be_reached_by_keyboard(tmp_path: Path, size: tuple[int, int]) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, chromium() as browser, window(browser, size) as tab:
        await sign_in(tab, served)
        for path in PAGES:
            await tab.goto(f"{served.url}/{path}")
            await expect(tab.locator(".menu [aria-current=page]")).to_have_count(1)
            wide = await tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= size[0], f"{path} is {wide} wide"
            # a word that is broken in two, letter by letter, is not readable
            broken = await tab.evaluate(
                "[...document.querySelectorAll('.list a.mono, .list time')].filter(e => e.getClientRects().length > 1).length"
            )
            assert broken == 0, f"{path} breaks {broken} numbers or times"
            here = await tab.locator(".menu [aria-current=page]").bounding_box()
            assert here and here["x"] >= 0 and here["x"] + here["width"] <= size[0], "the menu hides the page one is on"
            unnamed = await tab.evaluate(
                "[...document.querySelectorAll('button, a, input')].filter(e => !(e.textContent.trim() || e.ariaLabel || "
                "e.labels?.length)).length"
            )
            assert unnamed == 0
        await tab.goto(f"{served.url}/")
        await tab.keyboard.press("Tab")
        await expect(tab.locator(".skip")).to_be_focused()


async def test_stop_asks_first_and_start_brings_it_back(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, chromium() as browser, window(browser) as tab:
        await sign_in(tab, served)
        ledger = served.room.live.view
        await tab.locator(".hero [data-open=stop]").press("Enter")
        await expect(tab.locator("#stop")).to_be_visible()
        await tab.keyboard.press("Escape")
        await expect(tab.locator("#stop")).to_be_hidden()
        assert ledger.ledger.kill_switch is None
        await tab.locator(".hero [data-open=stop]").click()
        await tab.fill("#stop [name=reason]", EVIL)
        await tab.locator("#stop [data-do=stop]").click()
        await expect(tab.locator(".hero h1")).to_have_text("Stopped")
        await expect(tab.locator(".hero p").first).to_contain_text(EVIL)
        assert ledger.ledger.kill_switch is not None and ledger.ledger.kill_switch.reason == EVIL
        await tab.locator(".hero [data-open=start]").click()
        await expect(tab.locator("#start [data-why]")).to_have_text(EVIL)
        await tab.locator("#start [data-do=start]").click()
        await expect(tab.locator(".hero [data-open=stop]")).to_be_visible()
        await until(lambda: ledger.ledger.kill_switch is None)


async def test_a_stop_that_did_not_arrive_stays_open_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, chromium() as browser, window(browser) as tab:
        await sign_in(tab, served)
        await tab.route("**/api/v1/commands/stop", lambda route: route.abort())
        await tab.locator(".hero [data-open=stop]").click()
        await tab.locator("#stop [data-do=stop]").click()
        await expect(tab.locator("#stop .failed")).to_contain_text("nothing is known to be done")
        await expect(tab.locator("#stop")).to_be_visible()
        await tab.unroute("**/api/v1/commands/stop")
        await tab.locator("#stop [data-do=stop]").click()
        await expect(tab.locator("#stop")).to_be_hidden()
        await expect(tab.locator(".hero h1")).to_have_text("Stopped")


async def test_a_start_that_comes_after_anothers_stop_is_refused_and_said(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, chromium() as browser, window(browser) as tab:
        async with served.client() as other:
            await other.post("/api/v1/commands/stop", json={"reason": "one"})
            await sign_in(tab, served)
            await tab.locator(".hero [data-open=start]").click()
            await other.post("/api/v1/commands/start", json={})
            await other.post("/api/v1/commands/stop", json={"reason": "two"})
            await tab.locator("#start [data-do=start]").click()
            await expect(tab.locator(".toasts .bad")).to_contain_text("after you looked")
            await expect(tab.locator("#start .failed")).to_contain_text("after you looked")
            await tab.keyboard.press("Escape")
            await expect(tab.locator(".hero p").first).to_contain_text("two")
        assert served.room.live.view.ledger.kill_switch is not None


async def test_a_page_left_open_follows_the_engine_over_its_death_and_return(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with page(ledger) as served, chromium() as browser, window(browser) as tab:
        await sign_in(tab, served)
        async with talking(ledger) as engine:
            engine.publish("health", {"accepting": True, "books": 2, "books_live": 2, "venues": {}, "working": 0})
            await expect(tab.locator(".hero h1")).to_have_text("Trading")
        await expect(tab.locator(".hero h1")).to_have_text("Engine down")
        await expect(tab.locator(".strip time")).not_to_be_empty()
        async with talking(ledger) as engine:
            engine.publish("health", {"accepting": True, "books": 2, "books_live": 1, "venues": {}, "working": 0})
            await expect(tab.locator(".hero h1")).to_have_text("Trading")
            engine.record(Alarmed("storm", "a storm is coming"))
            await expect(tab.locator(".alarms")).to_contain_text("a storm is coming")


async def test_a_page_left_open_says_that_its_server_is_gone_and_finds_the_next_one(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with chromium() as browser, window(browser) as tab:
        async with page(tmp_path / "ledger.db") as served:
            await sign_in(tab, served)
            await until(lambda: served.room.live.visitors == 1)
            port = int(served.url.rpartition(":")[2])
        await expect(tab.locator(".offline")).to_be_visible()
        async with page(tmp_path / "ledger.db", port=port) as served:
            await until(lambda: served.room.live.visitors == 1)
            await expect(tab.locator(".offline")).to_be_hidden()


async def test_a_script_in_a_markets_name_stays_text_when_it_comes_live(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    opened, *rest = locked()
    assert isinstance(opened, TradeOpened)
    fields = {name: getattr(opened, name) for name in opened.__struct_fields__}
    async with talking(ledger) as engine, page(ledger) as served, chromium() as browser, window(browser) as tab:
        await sign_in(tab, served)
        engine.record(TradeOpened(**{**fields, "event": EVIL}), *rest)
        await expect(tab.locator("[data-part=latest]")).to_contain_text(EVIL)
        await tab.goto(f"{served.url}/opportunities")
        engine.table([row(EVIL, 20_000, stage="crossing", code="fees", text=EVIL)])
        await expect(tab.locator("[data-rows] tbody")).to_contain_text(EVIL)
        await expect(tab.locator("[data-part=crossing]")).to_contain_text(EVIL)
        assert await tab.locator("main img").count() == 0


async def test_a_table_of_a_thousand_rows_lives_sorts_and_filters(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with talking(ledger) as engine, page(ledger) as served, chromium() as browser, window(browser, DESK) as tab:
        engine.table([row(f"event-{n:04}", -n * 100) for n in range(1_000)])
        await until(lambda: len(served.room.live.table) == 1_000)
        await sign_in(tab, served, "opportunities")
        rows = tab.locator("[data-rows] tbody tr")
        await expect(rows).to_have_count(1_000)
        for beat in range(8):
            engine.table([row(f"event-{n:04}", beat - n * 100) for n in range(1_000)])
            await asyncio.sleep(0)
        engine.table([row("event-0500", 99_000), row("event-0501", None)])
        await expect(rows).to_have_count(2)
        await tab.get_by_role("button", name="Gap ¢").click()
        await expect(rows.first).to_contain_text("event-0500")
        await expect(rows.first.locator("td").nth(2)).to_have_text("9.9")
        await tab.get_by_placeholder("Filter by name or reason").fill("0501")
        await expect(tab.locator("[data-rows] tbody tr:visible")).to_have_count(1)


async def test_missing_chart_data_and_an_empty_ledger_are_said(tmp_path: Path) -> None:
    async with page(tmp_path / "none.db") as served, chromium() as browser, window(browser) as tab:
        await sign_in(tab, served, "pnl")
        await expect(tab.locator("main")).to_contain_text("The curve begins with the second trade")
        write(tmp_path / "none.db")
        await expect(tab.locator("svg .line")).to_have_count(1)
