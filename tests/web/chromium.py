"""A real browser for tests: the system's Chromium, the size of a phone. Tests skip, and say so, where there is none."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = (390, 844)
DESK = (1360, 860)
PATIENCE_MS = 60_000

needs_chromium = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}: install chromium, or name one in CHROMIUM"
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser while the block runs."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def window(browser: Browser, size: tuple[int, int] = PHONE) -> AsyncIterator[Page]:
    """A fresh window; at its end nothing may have gone wrong in the page's own script."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
    page.on("dialog", lambda dialog: troubles.append(f"a script spoke: {dialog.message}"))
    try:
        yield page
    finally:
        await context.close()
    assert troubles == []
