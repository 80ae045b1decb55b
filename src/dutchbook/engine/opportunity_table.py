"""The table of bundles that people watch live: what each costs now, how far it came, and why it was not traded.

Rows change with the books of their markets only, are computed a few at a time between frames, and are kept as encoded text:
a thousand rows cost trading nothing that it would notice. Reads best offers and the funnel; judges nothing.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from dutchbook.core.claim import Outcome
from dutchbook.core.money import MICRO
from dutchbook.core.opportunity import Bundle
from dutchbook.engine.desk import Desk
from dutchbook.engine.funnel import Episode
from dutchbook.engine.pursuit import Pursuit
from dutchbook.opportunity.scan import Scanner

MOST_ROWS: Final = 1_000

SLICE: Final = 10
"""Rows computed before frames get their turn again."""

_encoder: Final = msgspec.json.Encoder()


class OpportunityTable:
    """`rows` is called again and again."""

    def __init__(self, desk: Desk, pursuit: Pursuit) -> None:
        self._desk = desk
        self._pursuit = pursuit
        self._rows: dict[str, tuple[int, msgspec.Raw]] = {}
        self._open: set[str] = set()
        self._scanner: Scanner | None = None

    async def rows(self) -> dict[str, Any] | None:
        """The newest rows, the best `MOST_ROWS` of them, in the scanner's order; None when nothing has changed."""
        stale = list(self._stale())
        if not stale:
            return None
        for number, bundle in enumerate(stale, 1):
            self._rows[bundle.id] = self._row(bundle)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        shown = self._rows.items()
        if len(self._rows) > MOST_ROWS:
            shown = heapq.nlargest(MOST_ROWS, shown, key=lambda item: item[1][0])  # type: ignore[assignment]
        return {"bundles": len(self._pursuit.scanner.bundles), "rows": [raw for _, (_, raw) in shown]}

    def _stale(self) -> Iterator[Bundle]:
        """Bundles to be computed anew: all of them for a first reader, else those whose books or fate changed."""
        pursuit = self._pursuit
        touched, pursuit.touched = pursuit.touched, set()
        now_open = set(self._desk.funnel.open_bundles())
        changed, self._open = now_open ^ self._open, now_open
        if touched is None or pursuit.scanner is not self._scanner:
            self._scanner = pursuit.scanner
            self._rows.clear()
            yield from pursuit.scanner.bundles
            return
        seen: set[str] = set()
        for market in touched:
            for bundle in pursuit.scanner.bundles_with(market):
                if bundle.id not in seen:
                    seen.add(bundle.id)
                    yield bundle
        for bundle in pursuit.scanner.bundles if changed - seen else ():
            if bundle.id in changed and bundle.id not in seen:
                yield bundle

    def _row(self, bundle: Bundle) -> tuple[int, msgspec.Raw]:
        """What sorts it, and the row. `gap` is what it pays less its best offers, before fees; None without an offer."""
        books = self._desk.books
        cost, live, legs = 0, True, []
        priced = True
        for claim in bundle.claims:
            book = books.get(claim.market)
            price = None if book is None else book.best_offer(claim.outcome)
            live = live and book is not None and book.live
            priced = priced and price is not None
            cost += price or 0
            legs.append((claim.market, "yes" if claim.outcome is Outcome.YES else "no", price))
        gap = int(bundle.guaranteed) - cost if priced and live else None
        episode = self._desk.funnel.open_bundles().get(bundle.id)
        link = bundle.link
        row = {
            "id": bundle.id,
            "link": link.id,
            "event": link.event,
            "kind": link.kind.value,
            "approved": link.approved,
            "legs": legs,
            "live": live,
            "gap": gap,
            **self._fate(bundle, episode),
        }
        return (-MICRO if gap is None else gap), msgspec.Raw(_encoder.encode(row))

    def _fate(self, bundle: Bundle, episode: Episode | None) -> dict[str, Any]:
        if episode is None:
            return {"stage": None}
        told: dict[str, Any] = {
            "stage": episode.stage.name.lower(),
            "code": episode.reason.code,
            "text": episode.reason.text,
            "for_ns": self._desk.clock.monotonic() - episode.began_ns,
        }
        sized = self._pursuit.sized.get(bundle.id)
        if sized is not None and episode.stage:
            told |= {
                "size": sized.size,
                "cost": sized.cost,
                "profit": sized.profit,
                "roi": sized.roi,
                "days": sized.days_to_cash,
                "yield": sized.annual_yield,
            }
        return told
