"""Which bundles might pay, looking at best offers only: the fast check behind every book update.

It ignores fees, depth and lots on purpose (sizing does them) and must never report a crossing that rests on a book that
is not live or is crossed in itself. Pure: it keeps an index of bundles and no prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.errors import Skip
from dutchbook.core.link import Link
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, format_micros
from dutchbook.core.opportunity import Bundle, Rejection
from dutchbook.opportunity.bundles import bundles_of


@dataclass(frozen=True, slots=True)
class _Watch:
    """One bundle as seen from one of its markets: the other legs, and whether each is bought as YES."""

    bundle: Bundle
    guaranteed: int
    buys_yes: bool
    others: tuple[tuple[MarketId, bool], ...]


def data_alarms(book: Book) -> Rejection | None:
    """Code `data` when YES and NO of this one market together cost 1 or less: the venue would have matched them (M13)."""
    bid, ask = book.bids.best(), book.asks.best()
    if bid is None or ask is None or bid < ask:
        return None
    return Rejection(
        "data",
        f"data: {book.market} is crossed, bid {format_micros(bid, trim=True)} against ask"
        f" {format_micros(ask, trim=True)}: wrong data, not a trade",
    )


class Scanner:
    """Market -> bundles. Links are kept whether approved or not: a gap on an unapproved one is evidence about it.

    `refused` names the links that cannot be scanned and why: no bundle, too many markets, or an unknown market.
    """

    __slots__ = ("_watches", "bundles", "refused")

    def __init__(self, links: Iterable[Link], markets: Mapping[MarketId, Market]) -> None:
        self.refused: dict[str, str] = {}
        found: list[Bundle] = []
        for link in links:
            unknown = [market for market in link.payoffs if market not in markets]
            if unknown:
                self.refused[link.id] = f"link {link.id}: {unknown[0]} is not a known market"
                continue
            try:
                found.extend(bundles_of(link))
            except Skip as refusal:
                self.refused[link.id] = str(refusal)
        self.bundles = tuple(found)
        self._watches: dict[MarketId, list[_Watch]] = {}
        for bundle in found:
            for claim in bundle.claims:
                others = tuple((c.market, c.outcome is Outcome.YES) for c in bundle.claims if c != claim)
                watch = _Watch(bundle, int(bundle.guaranteed), claim.outcome is Outcome.YES, others)
                self._watches.setdefault(claim.market, []).append(watch)

    def bundles_with(self, market: MarketId) -> list[Bundle]:
        """The bundles that have a leg in this market."""
        return [watch.bundle for watch in self._watches.get(market, [])]

    def crossings(self, market: MarketId, books: Mapping[MarketId, Book]) -> list[Bundle]:
        """The bundles with a leg in `market` whose best offers together cost less than they surely pay, before fees."""
        found: list[Bundle] = []
        book = books.get(market)
        if book is None:
            return found
        ask, bid = book.asks.best(), book.bids.best()
        for watch in self._watches.get(market, ()):
            if watch.buys_yes:
                if ask is None:
                    continue
                room = watch.guaranteed - ask
            else:
                if bid is None:
                    continue
                room = watch.guaranteed - MICRO + bid
            for other, buys_yes in watch.others:
                other_book = books.get(other)
                if other_book is None:
                    break
                if buys_yes:
                    best = other_book.asks.best()
                    if best is None:
                        break
                    room -= best
                else:
                    best = other_book.bids.best()
                    if best is None:
                        break
                    room -= MICRO - best
                if room <= 0:
                    break
            else:
                if all(sound(books[claim.market]) for claim in watch.bundle.claims):
                    found.append(watch.bundle)
        return found


def sound(book: Book) -> bool:
    """Whether a book's offers may be believed: live, and not crossed in itself."""
    return book.live and not book.crossed
