"""What happens to a market besides trading: makers who walk away, orders by hand, delays drawn for single orders.

Acts for the world, never for a client; whatever it does shows on the streams and in REST like everything else.
Source: facts §10 (delayed orders end matched, unmatched or rejected), §12 (resolution takes hours to days).
"""

from __future__ import annotations

from dutchbook.simulator.matching import Resting
from dutchbook.simulator.polymarket import placing, rules
from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import notional
from dutchbook.simulator.polymarket.market import Market
from dutchbook.simulator.polymarket.orders import Order
from dutchbook.simulator.polymarket.venue import Venue


def retreat(venue: Venue, market: Market, depth: int, leave: int, now: int) -> int:
    """House makers pull what they show within `depth` millionths of the best price, down to `leave` contracts a side.

    Accounts' orders stay. Returns the size that went away.
    """
    gone = 0
    for buy, best in ((True, market.book.asks.best()), (False, market.book.bids.best())):
        if best is not None:
            reached = market.book.crossing(buy, best + depth if buy else best - depth)
            gone += placing.pull(venue, market, reached, leave)
    placing.publish_book(venue, market, now, [])
    return gone


def trade_by_hand(venue: Venue, account: Account, market: Market, buy: bool, limit: int, size: int, now: int) -> int:
    """The account's owner takes YES tokens from the book on the web site, or sells them; returns the size done.

    Raises ValueError when there is not enough cash or there are not enough tokens.
    """
    reached: list[Resting] = market.book.crossing(buy, limit)
    if not reached:
        return 0
    budget = notional(size, limit)
    # a fee is never more than the rate times the dollars
    if (account.spendable < budget + budget) if buy else (account.sellable(market.yes) < size):
        raise ValueError(f"{account.name} cannot trade {size} of {market.spec.id} by hand")
    order = Order(
        id=venue.new_hash(),
        account=account,
        owner=venue.new_id(),
        market=market,
        token=market.yes,
        buy=buy,
        price=limit,
        size=size,
        budget=budget if buy else 0,
        order_type=rules.FAK,
        expiration=0,
        created_ns=now,
    )
    placing.enter(venue, order, now)
    return order.filled
