"""Pictures of every page, from a running demo, on a phone and on a desk, dark and light: docs/pictures/.

    python benchmarks/screenshots.py [--seconds N] [--out FOLDER] [--ledger PATH]

Needs the packages of requirements/test.txt and a Chromium (CHROMIUM, or /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

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
PAGES = ("now", "opportunities", "trades", "trade", "positions", "pnl", "links", "signals", "system")
SIZES = {"desk": (1360, 860), "phone": (390, 844)}


@contextmanager
def running(*words: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command of ours for as long as the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dutchbook", *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def new_ledger(folder: Path) -> Path:
    """The ledger of the demo that has just been started there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = sorted((folder / "demo-ledger").glob("*.db"))
        if found:
            return found[-1]
        time.sleep(0.2)
    raise SystemExit("the demo made no ledger")


def address(web: subprocess.Popen[str]) -> str:
    """Where the page is, its token included."""
    assert web.stdout is not None
    return web.stdout.readline().strip()


def shoot(browser: Browser, url: str, out: Path, size: str, theme: str) -> None:
    """Every page once."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,  # type: ignore[arg-type]
        device_scale_factor=2 if size == "phone" else 1,
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("main#main")
    base = url.partition("/login")[0]
    for name in PAGES:
        if not _open(page, base, name):
            continue
        page.wait_for_timeout(900)
        page.screenshot(path=out / f"{name}-{size}-{theme}.png")
    if theme == "dark":
        page.goto(f"{base}/")
        page.click("[data-open=stop] >> nth=0")
        page.wait_for_timeout(300)
        page.screenshot(path=out / f"stop-{size}-{theme}.png")
    context.close()


def _open(page: Page, base: str, name: str) -> bool:
    if name == "trade":
        page.goto(f"{base}/trades")
        link = page.query_selector("main td a.mono")
        if link is None:
            return False
        link.click()
        page.wait_for_selector("ol.timeline")
        return True
    answer = page.goto(f"{base}/{'' if name == 'now' else name}")
    return answer is not None and answer.ok


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=int, default=45, help="how long the demo trades before the first picture")
    words.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "pictures")
    words.add_argument("--ledger", type=Path, help="of an engine that runs already")
    words.add_argument("--only", choices=SIZES, help="one size")
    given = words.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        if given.ledger is not None:
            _all(where, given.ledger.resolve(), given.out, given.only)
            return
        with running("demo", "--seconds", str(given.seconds + 300), cwd=where):
            ledger = new_ledger(where)
            time.sleep(given.seconds)
            _all(where, ledger, given.out, given.only)
        if given.only is None:
            review(where, given.out)


def proposed(where: Path) -> Path:
    """A ledger with the links that discovery finds at two simulators, for a person to review."""
    with running("sim", "both", "--seed", "5", cwd=where) as simulators:
        kalshi, polymarket = json.loads(address(simulators))["venues"]
        rest = polymarket["rest_url"]
        told = {
            "KALSHI_REST_URL": kalshi["rest_url"],
            "POLYMARKET_CLOB_URL": rest, "POLYMARKET_GAMMA_URL": rest, "POLYMARKET_DATA_URL": rest,
        }  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "dutchbook", "links", "discover", "--ledger", "links.db"],
            cwd=where, env={**os.environ, **told}, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return where / "links.db"


def review(where: Path, out: Path) -> None:
    """A link as a person reviews it."""
    with running("web", "--ledger", str(proposed(where)), "--port", "0", cwd=where) as web, sync_playwright() as play:
        url = address(web)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for size, (width, height) in SIZES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark",
                device_scale_factor=2 if size == "phone" else 1,
            )  # fmt: skip
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector("main#main")
            page.goto(url.partition("/login")[0] + "/links")
            page.wait_for_timeout(900)
            page.screenshot(path=out / f"links-{size}-dark.png")
            page.click("main td a >> nth=0")
            page.wait_for_selector(".pairing")
            page.wait_for_timeout(900)
            page.screenshot(path=out / f"link-{size}-dark.png")
            context.close()
        browser.close()


def _all(where: Path, ledger: Path, out: Path, only: str | None) -> None:
    with running("web", "--ledger", str(ledger), "--port", "0", cwd=where) as web, sync_playwright() as play:
        url = address(web)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for size in SIZES if only is None else (only,):
            for theme in ("dark", "light"):
                shoot(browser, url, out, size, theme)
        browser.close()


if __name__ == "__main__":
    main()
