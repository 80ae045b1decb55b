"""After a round: the cheapest way to an equal count on every leg, priced on the newest books with exact fees.

For each candidate count n the missing contracts are bought and the surplus is sold; the best n is the one whose payout
plus sales less purchases is highest. This is the rule of the market-structure facts (6.5): complete up to break-even, then
up to the unwind loss, else unwind. The value is concave in n, so the candidates are where its slope changes: at the levels of
the books. Pure; never uses a stale book, a planned price or a venue's cost basis, never sells more than is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dutchbook.core.book import Book, Level, walk
from dutchbook.core.claim import Claim, MarketId
from dutchbook.core.fees import FeeMeter
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Cash, Price, Rounding, Size
from dutchbook.core.order import Action

LEVELS: Final = 8
"""Levels of each side whose ends are candidate counts; beyond them only whole purchases and sales are considered."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One leg as it stands: contracts held, and how many of them the venue lets us sell now."""

    claim: Claim
    held: Size
    sellable: Size


@dataclass(frozen=True, slots=True)
class Correction:
    """One order that brings a leg to the count. `cash` is what it costs (BUY) or brings (SELL), fees included.

    `opposite`: the leg's opposite claim is bought, so that each contract becomes part of a complete set worth one dollar.
    """

    leg: int
    action: Action
    size: Size
    limit: Price
    cash: Cash
    opposite: bool = False


@dataclass(frozen=True, slots=True)
class Balancing:
    """A way to `count` contracts on every leg. `value` is its payout plus sales less purchases.

    `dust` are surplus contracts per leg that no order can remove (below a minimum): they stay as directional risk.
    """

    count: Size
    value: Cash
    corrections: tuple[Correction, ...]
    dust: tuple[Size, ...]
    waits_for_settlement: bool


def price_order(levels: Sequence[Level], market: Market, action: Action, size: Size) -> Correction | None:
    """The order that trades `size` against `levels`: limit at the deepest level used (or the next workable one), exact
    fees, cash rounded against us (a fill may leave fractions of a millionth to price); None without depth."""
    step = walk(levels, size, Rounding.CEIL if action is Action.BUY else Rounding.FLOOR)
    if step.size < size or step.worst is None:
        return None
    limit = workable_limit(market, step.worst, size, action)
    if limit is None:
        return None
    meter = FeeMeter(market.fees)
    buying = action is Action.BUY
    fee = sum(meter.charge(price, part, buying=buying) for price, part in step.parts)
    return Correction(0, action, size, limit, Cash(step.cash + fee if buying else step.cash - fee))


def workable_limit(market: Market, price: Price, size: Size, action: Action) -> Price | None:
    """The nearest grid price, not better for us than `price`, at which `size` is a lot that the venue takes.

    A fine tick admits only some sizes (Polymarket: whole cents); the venue fills at its makers' prices, so a limit a few
    ticks wider costs nothing by itself. None when ten ticks do not find one.
    """
    buying = action is Action.BUY
    candidate = market.grid.ceil(price) if buying else market.grid.floor(price)
    for _ in range(11):
        if candidate is None:
            return None
        if size % market.marketable_lot(candidate, buying=buying) == 0:
            return candidate
        candidate = market.grid.ceil(Price(candidate + 1)) if buying else market.grid.floor(Price(candidate - 1))
    return None


def correct(leg: int, holding: Holding, count: int, book: Book | None, market: Market) -> Correction | int | None:
    """The order that brings one leg to `count`; an int is surplus that cannot be traded; None is impossible now."""
    if holding.held == count:
        return 0
    if book is not None and not book.live:
        book = None
    if holding.held < count:
        size = Size(count - holding.held)
        found = price_order(book.offers(holding.claim.outcome), market, Action.BUY, size) if book else None
        if found is None or not _takes(market, found):
            return None
    else:
        surplus = holding.held - count
        size = Size(surplus // market.lot * market.lot)
        if not size:
            return surplus
        found = price_order(book.demand(holding.claim.outcome), market, Action.SELL, size) if book else None
        if found is None:
            return None
    return Correction(leg, found.action, found.size, found.limit, found.cash)


def balancings(
    holdings: Sequence[Holding],
    guaranteed: Price,
    target: Size,
    books: Mapping[MarketId, Book],
    markets: Mapping[MarketId, Market],
) -> list[Balancing]:
    """Every way to an equal count that the books allow now, best first. A leg whose book is missing or not live stays as it
    is."""
    found: list[Balancing] = []
    for count in candidate_counts(holdings, target, books, markets):
        way = _way(holdings, guaranteed, count, books, markets)
        if way is not None:
            found.append(way)
    found.sort(key=lambda b: (b.value, -len(b.corrections), b.count), reverse=True)
    return found


def through_sets(
    way: Balancing,
    holdings: Sequence[Holding],
    books: Mapping[MarketId, Book],
    markets: Mapping[MarketId, Market],
    cash: Mapping[str, Cash],
) -> Balancing | None:
    """The same way without waiting: what may not be sold yet is paired with its opposite, where the pool's cash allows.

    A venue has one book a market, so the opposite is bought at the price at which the contract would be sold; the dollar
    comes back when the sets are merged or the market pays. None when a purchase is impossible or too dear for the pool.
    """
    corrections: list[Correction] = []
    needed: dict[str, int] = {}
    value = way.value
    for step in way.corrections:
        holding = holdings[step.leg]
        market = markets[holding.claim.market]
        if step.action is Action.BUY:
            needed[market.pool] = needed.get(market.pool, 0) + step.cash
        elif step.size > holding.sellable:
            offers = books[holding.claim.market].offers(holding.claim.outcome.opposite)
            found = price_order(offers, market, Action.BUY, step.size)
            if found is None or not _takes(market, found):
                return None
            needed[market.pool] = needed.get(market.pool, 0) + found.cash
            value = Cash(value - step.cash + step.size - found.cash)
            step = replace(found, leg=step.leg, opposite=True)
        corrections.append(step)
    if any(cost > cash.get(pool, 0) for pool, cost in needed.items()):
        return None
    return replace(way, value=value, corrections=tuple(corrections), waits_for_settlement=False)


def _takes(market: Market, purchase: Correction) -> bool:
    """Whether the venue takes a purchase: in its lots, and not below its least cash."""
    return purchase.size % market.take_lot == 0 and purchase.limit * purchase.size >= market.min_cash * MICRO


def slices(
    holdings: Sequence[Holding], books: Mapping[MarketId, Book], markets: Mapping[MarketId, Market]
) -> Balancing | None:
    """When no way to an equal count is there: the part of the surplus that the books take now, or None.

    It brings the legs closer and leaves the rest to the next round. A leg whose purchase was reversed after its opposite was
    bought holds less than nothing: the others are not sold below nothing to meet it.
    """
    least = max(0, min(holding.held for holding in holdings))
    sales: list[Correction] = []
    waits = False
    for leg, holding in enumerate(holdings):
        market, book = markets[holding.claim.market], books.get(holding.claim.market)
        levels = book.demand(holding.claim.outcome) if book is not None and book.live else []
        size = min(holding.held - least, sum(size for _, size in levels))
        lots = (market.lot, MICRO)  # whole contracts where the finest lot has no workable price
        tries = [price_order(levels, market, Action.SELL, Size(size // lot * lot)) for lot in lots if size >= lot]
        sale = next((found for found in tries if found is not None), None)
        if sale is not None:
            sales.append(Correction(leg, sale.action, sale.size, sale.limit, sale.cash))
            waits = waits or sale.size > holding.sellable
    if not sales:
        return None
    value = Cash(sum(sale.cash for sale in sales))
    return Balancing(Size(least), value, tuple(sales), (Size(0),) * len(holdings), waits)


def candidate_counts(
    holdings: Sequence[Holding], target: Size, books: Mapping[MarketId, Book], markets: Mapping[MarketId, Market]
) -> list[int]:
    """Counts worth pricing, between the smallest and the largest holding: what is held, the target, the ends of levels, and
    the smallest purchase that a venue's least cash allows at each level's price. What is equal already stays: selling it too
    could leave more unhedged than there was (an early exit is another decision).

    A level's end is floored to a lot that every leg's purchase may have; every count also to whole contracts and one more or
    less, because fine sizes have no workable price at some ticks and fees round per order.
    """
    most = max(0, *(holding.held for holding in holdings))
    fewest = max(0, min(holding.held for holding in holdings))
    lot = max(markets[holding.claim.market].take_lot for holding in holdings)
    counts = {int(target), fewest, *(int(holding.held) for holding in holdings)}
    for holding in holdings:
        book = books.get(holding.claim.market)
        if book is None or not book.live:
            continue
        reached: int = holding.held
        least = markets[holding.claim.market].min_cash * MICRO
        for price, size in book.offers(holding.claim.outcome, LEVELS):
            reached += size
            counts.add(reached // lot * lot)
            enough = -((-holding.held + least // -price) // MICRO) * MICRO
            counts.add(enough)
        reached = holding.held
        for _, size in book.demand(holding.claim.outcome, LEVELS):
            reached -= size
            counts.add(reached // lot * lot)
    whole = {count // MICRO * MICRO for count in counts}
    counts |= whole | {count + step for count in whole for step in (-MICRO, MICRO)}
    return sorted(count for count in counts if fewest <= count <= most)


def _way(
    holdings: Sequence[Holding],
    guaranteed: Price,
    count: int,
    books: Mapping[MarketId, Book],
    markets: Mapping[MarketId, Market],
) -> Balancing | None:
    corrections: list[Correction] = []
    dust = [0] * len(holdings)
    value = count * guaranteed // MICRO
    waits = False
    for leg, holding in enumerate(holdings):
        step = correct(leg, holding, count, books.get(holding.claim.market), markets[holding.claim.market])
        if step is None:
            return None
        if isinstance(step, int):
            dust[leg] = step
            continue
        corrections.append(step)
        if step.action is Action.SELL:
            value += step.cash
            waits = waits or step.size > holding.sellable
            dust[leg] = holding.held - count - step.size
        else:
            value -= step.cash
    return Balancing(
        count=Size(count),
        value=Cash(value),
        corrections=tuple(corrections),
        dust=tuple(Size(d) for d in dust),
        waits_for_settlement=waits,
    )
