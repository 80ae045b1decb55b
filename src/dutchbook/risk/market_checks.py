"""The checks on the market: live events, closes and pauses, order sanity, freshness, slippage (M23 to M25).

Each looks at the newest books and markets of the view. What is missing is a rejection, never an assumption.
"""

from __future__ import annotations

from dutchbook.core.book import walk
from dutchbook.core.claim import Outcome
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.market import Market, MarketStatus
from dutchbook.core.money import MICRO, Rounding, complement, format_dollars, format_micros, notional
from dutchbook.core.opportunity import Rejection
from dutchbook.risk.candidate import Candidate
from dutchbook.risk.checks import seconds
from dutchbook.risk.freshness import age_limit
from dutchbook.risk.limits import LIVE_AGE_NS, MAX_CLOCK_OFFSET_NS, RiskLimits
from dutchbook.risk.view import RiskView, VenueMode


def quote_ages(candidate: Candidate, view: RiskView) -> list[int] | None:
    """Age of each leg's book in nanoseconds; None when one is missing."""
    ages: list[int] = []
    for market in candidate.markets:
        book = view.books.get(market)
        if book is None:
            return None
        ages.append(view.monotonic_ns - max(book.received_ns, view.confirmed_ns.get(market, book.received_ns)))
    return ages


def allowed_age(candidate: Candidate, view: RiskView) -> int:
    """The age limit for this plan, nanoseconds; shorter once the event has started."""
    ends = [market.closes_ns for market in _known(candidate, view)]
    settles = candidate.opportunity.bundle.link.settles_ns
    if settles > 0:
        ends.append(settles)
    remaining = min(ends, default=view.wall_ns) - view.wall_ns
    limit = age_limit(candidate.edge, candidate.prices, remaining)
    return min(limit, LIVE_AGE_NS) if _has_started(candidate, view) else limit


def _known(candidate: Candidate, view: RiskView) -> list[Market]:
    return [view.markets[market] for market in candidate.markets if market in view.markets]


def _has_started(candidate: Candidate, view: RiskView) -> bool:
    return any(market.starts_ns is not None and market.starts_ns <= view.wall_ns for market in _known(candidate, view))


def live(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M23: an event that has started needs both sides executable, fresh quotes, high confidence and approval."""
    if not _has_started(candidate, view):
        return None
    link = candidate.opportunity.bundle.link
    if not link.high_confidence:
        return Rejection("live", f"live event: link {link.id} is not of high confidence")
    if not link.approved:
        return Rejection("live", f"live event: link {link.id} is not approved")
    for market in candidate.markets:
        book = view.books.get(market)
        if book is None or not book.live or not book.bids or not book.asks:
            return Rejection("live", f"live event: {market} has no executable bid and ask")
    ages, limit = quote_ages(candidate, view), allowed_age(candidate, view)
    if ages is None or max(ages) > limit:
        oldest = seconds(max(ages)) if ages else "unknown"
        return Rejection("live", f"live event: oldest quote is {oldest} old, at most {seconds(limit)}")
    return None


def closing(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M23a: no entry when the unwind could be impossible. The margin is counted from the end of the taker delay."""
    delay = max((leg.taker_delay_ns for leg in candidate.legs), default=0)
    horizon = view.wall_ns + delay + limits.close_margin_ns
    for venue in candidate.venues:
        mode = view.modes.get(venue)
        if mode is None:
            return Rejection("closing", f"pause: the mode of {venue} is unknown")
        if mode is not VenueMode.TRADING:
            return Rejection("closing", f"pause: {venue} takes no new risk ({mode.value})")
        for window in view.windows.get(venue, ()):
            if window.begins_ns <= horizon and view.wall_ns < window.ends_ns:
                away = seconds(max(0, window.begins_ns - view.wall_ns))
                return Rejection("closing", f"pause: {window.what} of {venue} begins in {away}")
    for market_id in candidate.markets:
        market = view.markets.get(market_id)
        if market is None:
            return Rejection("closing", f"closing: {market_id} is unknown")
        if market.status is MarketStatus.PAUSED:
            return Rejection("closing", f"pause: {market_id} is paused")
        if market.status is not MarketStatus.OPEN:
            return Rejection("closing", f"closing: {market_id} is {market.status.value}")
        if market.closes_ns <= horizon:
            return Rejection("closing", f"closing: {market_id} closes in {seconds(market.closes_ns - view.wall_ns)}")
        if market.starts_ns is not None and view.wall_ns < market.starts_ns <= horizon:
            away = seconds(market.starts_ns - view.wall_ns)
            return Rejection("closing", f"closing: the event of {market_id} starts in {away}")
    return None


def size(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M24: at most MAX_ORDER_CONTRACTS, whole lots, no less than the venue takes."""
    wanted = candidate.opportunity.size
    text = format_micros(wanted, trim=True)
    if wanted <= 0:
        return Rejection("size", f"size {text} is not positive")
    if wanted > limits.max_order_contracts:
        return Rejection(
            "size", f"size {text} is above {format_micros(limits.max_order_contracts, trim=True)} contracts"
        )
    for leg in candidate.legs:
        market = view.markets[leg.claim.market]
        if not 0 < leg.limit < MICRO:
            continue
        lot = market.marketable_lot(leg.limit)
        if wanted % lot:
            return Rejection("size", f"size {text} of {leg.claim} is not in lots of {format_micros(lot, trim=True)}")
        cash = notional(leg.limit, wanted, Rounding.FLOOR)
        if cash < market.min_cash:
            least = format_dollars(market.min_cash)
            return Rejection(
                "size", f"size {text} of {leg.claim} costs {format_dollars(cash)}, the venue takes {least} or more"
            )
    return None


def price(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M24: on the tick grid, which is in YES terms, and strictly inside (0, 1)."""
    for leg in candidate.legs:
        in_yes = leg.limit if leg.claim.outcome is Outcome.YES else complement(leg.limit)
        if not view.markets[leg.claim.market].grid.contains(in_yes):
            return Rejection(
                "price", f"price {format_micros(leg.limit, trim=True)} of {leg.claim} is not on the tick grid"
            )
    return None


def feeds(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M9, first half: clocks agree, feeds speak, books are whole."""
    for venue in candidate.venues:
        offset = view.clock_offsets_ns.get(venue)
        if offset is None:
            return Rejection("stale", f"stale: the clock offset of {venue} is unknown")
        if abs(offset) > MAX_CLOCK_OFFSET_NS:
            most = f"{MAX_CLOCK_OFFSET_NS // MILLISECOND} ms"
            return Rejection(
                "stale", f"stale: the clock of {venue} is off by {offset // MILLISECOND} ms, at most {most}"
            )
        heard = view.heard_ns.get(venue)
        if heard is None or view.monotonic_ns - heard > limits.feed_silent_ns:
            since = "never spoke" if heard is None else f"is silent for {seconds(view.monotonic_ns - heard)}"
            return Rejection("stale", f"stale: the feed of {venue} {since}")
    for market in candidate.markets:
        book = view.books.get(market)
        if book is None or not book.live:
            return Rejection("stale", f"stale: the book of {market} is not live")
        if book.crossed:
            return Rejection("stale", f"stale: the book of {market} is crossed")
    return None


def stale(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M9 on the newest books: feeds are sound, quotes are young and close to each other in age."""
    broken = feeds(candidate, view, limits)
    if broken is not None:
        return broken
    ages, limit = quote_ages(candidate, view), allowed_age(candidate, view)
    if not ages or max(ages) > limit:
        return Rejection("stale", f"stale: oldest quote is {seconds(max(ages or [0]))} old, at most {seconds(limit)}")
    skew = max(ages) - min(ages)
    if skew > limit // 2:
        return Rejection("stale", f"stale: quotes are {seconds(skew)} apart, at most {seconds(limit // 2)}")
    return None


def slippage(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M25: the planned size walked down the newest books, within each limit, against the plan's expected cash.

    Summed over the legs: more than half of the expected profit gone is a rejection; cheaper than expected is fine.
    """
    lost = 0
    for leg, quote in zip(candidate.legs, candidate.opportunity.legs, strict=True):
        offers = view.books[leg.claim.market].offers(leg.claim.outcome)
        reached = walk([level for level in offers if level[0] <= leg.limit], leg.size, Rounding.CEIL)
        if reached.size < leg.size:
            there, wanted = format_micros(reached.size, trim=True), format_micros(leg.size, trim=True)
            limit = format_micros(leg.limit, trim=True)
            return Rejection(
                "slippage", f"slippage: not enough depth, {there} of {wanted} {leg.claim} at {limit} or better"
            )
        lost += reached.cash - quote.cash
    if 2 * lost > candidate.profit:
        gone, edge = format_dollars(lost, 4), format_dollars(candidate.profit, 4)
        return Rejection("slippage", f"slippage {gone} is more than half of the expected edge of {edge}")
    return None
