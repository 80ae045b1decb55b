"""The pages: which parts each has, what each part depends on, and how both become HTML. Everything is escaped by the templates.

A part is drawn at most once for each change, for all visitors together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import dutchbook
from dutchbook.web.curve import picture
from dutchbook.web.room import Room
from dutchbook.web.table import cells, key, tint
from dutchbook.web.words import FILTERS

HERE: Final = Path(__file__).parent

Content = Callable[[Room, str], dict[str, Any] | None]
"""What a part shows; the text is what the address names (a trade, a link), empty on most pages. None: there is no such thing."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page that is drawn anew when one of its topics has changed."""

    name: str
    topics: tuple[str, ...]
    content: Content


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `area` is the item of the menu that it belongs to."""

    name: str
    title: str
    area: str
    parts: tuple[Part, ...]
    rows: bool = False
    """Whether it also follows the table of bundles, row by row."""


def _profit(room: Room, _: str) -> dict[str, Any]:
    told = room.profit()
    return {**told, "picture": picture(told["curve"])}


def _trades(room: Room, after: str) -> dict[str, Any]:
    return room.trades(100, int(after or 0))


HELD: Final = ("ledger", "exits", "capital")

STRIP: Final = Part("strip", ("engine", "health", "ledger", "breakers", "watchdog"), lambda room, _: room.strip())

PAGES: Final[Mapping[str, Page]] = {
    page.name: page
    for page in (
        Page(
            "now",
            "Now",
            "now",
            (
                Part("state", ("engine", "health", "breakers", "ledger", "watchdog"), lambda room, _: room.now()),
                Part("money", ("ledger", "balances", "exposure", "capital"), lambda room, _: room.now()),
                Part("guards", ("breakers", "health", "engine"), lambda room, _: room.now()),
                Part("latest", ("ledger",), lambda room, _: room.now()),
            ),
        ),
        Page(
            "opportunities",
            "Opportunities",
            "opportunities",
            (
                Part("crossing", ("opportunities", "engine"), lambda room, _: room.opportunities()),
                Part("funnel", ("funnel", "engine"), lambda room, _: room.opportunities()),
            ),
            rows=True,
        ),
        Page("trades", "Trades", "trades", (Part("trades", ("ledger",), _trades),)),
        Page("trade", "Trade", "trades", (Part("trade", ("ledger", "exits"), lambda room, trade: room.trade(trade)),)),
        Page(
            "positions",
            "Positions",
            "positions",
            (
                Part("positions", HELD, lambda room, _: room.positions()),
                Part("orders", ("ledger",), lambda room, _: room.orders()),
            ),
        ),
        Page("pnl", "P&L", "pnl", (Part("pnl", ("facts",), _profit),)),
        Page("links", "Links", "links", (Part("links", ("facts",), lambda room, standing: room.links(standing)),)),
        Page("link", "Link", "links", (Part("link", ("facts",), lambda room, link: room.link(link)),)),
        Page("signals", "Signals", "signals", (Part("signals", (), lambda room, _: {}),)),
        Page(
            "system",
            "System",
            "system",
            (
                Part(
                    "feeds", ("health", "engine", "latency", "buckets", "reconciliation"), lambda room, _: room.system()
                ),
                Part("log", ("health",), lambda room, _: room.log(60)),
                Part("settings", (), lambda room, _: {"settings": room.figures.settings()}),
            ),
        ),
    )
}

MENU: Final = (
    ("now", "Now", "/"),
    ("opportunities", "Opportunities", "/opportunities"),
    ("trades", "Trades", "/trades"),
    ("positions", "Positions", "/positions"),
    ("pnl", "P&L", "/pnl"),
    ("links", "Links", "/links"),
    ("signals", "Signals", "/signals"),
    ("system", "System", "/system"),
)


class Painter:
    """Draws pages and parts."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._kept: dict[tuple[str, str], tuple[tuple[int, ...], str]] = {}
        self._jinja = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters.update(FILTERS)
        self._jinja.globals.update(
            version=dutchbook.__version__, menu=MENU, read_only=room.read_only, cells=cells, key=key, tint=tint
        )

    def page(self, page: Page, about: str, proof: str) -> str | None:
        """A whole page; None when what it is about does not exist."""
        drawn = {}
        for part in (STRIP, *page.parts):
            html = self.part(part, about if part is not STRIP else "")
            if html is None:
                return None
            drawn[part.name] = html
        template = self._jinja.get_template(f"{page.name}.html")
        rows = self._room.opportunities()["rows"] if page.rows else []
        return template.render(page=page, about=about, parts=drawn, proof=proof, rows=rows)

    def alone(self, name: str, **values: Any) -> str:
        """A page without menu: login, errors."""
        return self._jinja.get_template(f"{name}.html").render(**values)

    def version(self, part: Part) -> tuple[int, ...]:
        """Grows when the part may look different."""
        return tuple(self._room.live.versions.get(topic, 0) for topic in part.topics)

    def part(self, part: Part, about: str) -> str | None:
        """A part as it is now, drawn before if nothing has changed since."""
        version = self.version(part)
        kept = self._kept.get((part.name, about))
        if kept is not None and kept[0] == version and part.topics:
            return kept[1]
        content = part.content(self._room, about)
        if content is None:
            return None
        html = self._jinja.get_template(f"parts/{part.name}.html").render(
            d=content, about=about, now_ms=time.time_ns() // 1_000_000
        )
        if len(self._kept) > 200:
            self._kept.clear()
        self._kept[part.name, about] = version, html
        return html
