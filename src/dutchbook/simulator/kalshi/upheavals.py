"""What Kalshi does to its members besides trading: results revised after payment, makers who walk away, orders by hand.

Acts for the world, never for a client; whatever it does shows on the stream and in REST like everything else.
Source: facts §6.2 (lifecycle), §11 (results can be reversed or clawed back). How a revision reads on the wire is not
published. Decided here: the market carries the new result and a new settlement time, `determined` and `settled` are
announced again, the member's settlement row is replaced by one with the new figures, and the balance moves by the
difference, below zero if need be.
"""

from __future__ import annotations

from dataclasses import replace

from dutchbook.simulator.kalshi.account import Account
from dutchbook.simulator.kalshi.market import Market
from dutchbook.simulator.kalshi.orders import IOC, TAKER_AT_CROSS, NewOrder
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import ONE, dollars, seconds

_WHOLE_CENT = 10_000


def resettle(state: State, market: Market, yes_value: int, now: int) -> int:
    """Pay a finalized market again at another value; returns what all members together got more (or less, negative).

    Raises ValueError for a market that is not finalized and for a value outside 0..1.
    """
    if market.status != "finalized":
        raise ValueError(f"{market.ticker} is {market.status}, not finalized")
    if not 0 <= yes_value <= ONE:
        raise ValueError(f"{market.ticker}: yes_value {yes_value} is outside 0..1")
    market.yes_value, market.settled_ns, market.updated_ns = yes_value, now, now
    details = {"result": market.result, "determination_ts": seconds(now), "settlement_value": dollars(yes_value)}
    state.stream.lifecycle(market, "determined", details)
    moved = sum(_repay(state, account, market, yes_value, now) for account in state.members.values())
    # houses have no statement of their own: what the members got more, all of them paid
    state.house("clawback").move(market.shard, -moved)
    state.stream.lifecycle(market, "settled", {"settled_ts": seconds(now)})
    return moved


def _repay(state: State, account: Account, market: Market, yes_value: int, now: int) -> int:
    moved = 0
    for index, row in enumerate(account.settlements):
        if row.ticker != market.ticker:
            continue
        gross = abs(row.size) * (yes_value if row.size > 0 else ONE - yes_value) // ONE
        paid = gross // _WHOLE_CENT * _WHOLE_CENT
        holding = account.holdings[market.ticker]
        holding.realized += gross - (row.revenue + row.fee)
        holding.fees += gross - paid - row.fee
        holding.updated_ns = now
        moved += paid - row.revenue
        account.settlements[index] = replace(
            row,
            ordinal=state.desk.next_ordinal(),
            result=market.result,
            revenue=paid,
            value=yes_value,
            fee=gross - paid,
            at_ns=now,
        )
    if moved:
        account.move(market.shard, moved)
        state.desk.enforce(account, market.shard, now)
        state.stream.position(account, market.ticker)
    account.settlements.sort(key=lambda row: row.ordinal)
    return moved


def retreat(state: State, market: Market, depth: int, leave: int, now: int) -> int:
    """House makers pull what they show within `depth` millionths of the best price, down to `leave` contracts a side.

    Members' orders stay. Returns the size that went away.
    """
    gone = 0
    for buy, best in ((True, market.book.asks.best()), (False, market.book.bids.best())):
        if best is None:
            continue
        kept = leave
        for resting in market.book.crossing(buy, best + depth if buy else best - depth):
            order = state.desk.resting_order(resting.id)
            if not order.account.house:
                continue
            stays = min(kept, resting.remaining)
            kept -= stays
            if stays < resting.remaining:
                gone += resting.remaining - stays
                state.desk.house_shrink(order, stays, now)
    return gone


def trade_by_hand(state: State, account: Account, market: Market, buy: bool, limit: int, size: int, now: int) -> int:
    """The account's owner takes from the book on the web site, in YES terms; returns the size done.

    Raises Refusal when the exchange would refuse it.
    """
    order = NewOrder(
        ticker=market.ticker,
        buy=buy,
        size=size,
        price=limit,
        time_in_force=IOC,
        self_trade_prevention=TAKER_AT_CROSS,
        client_order_id="",
        expiration_ns=None,
        post_only=False,
        reduce_only=False,
        cancel_on_pause=False,
        shard=market.shard,
    )
    return state.desk.place(account, order, now).filled
