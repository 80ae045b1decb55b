"""Which prices, amounts and sizes an order may have. Pure; refuses with the venue's own texts.

Source: tick table and error texts of the venue's order documentation; the 2 and 4 decimals of FOK/FAK amounts are the
server's rule whatever the tick.
"""

from __future__ import annotations

from dutchbook.simulator.polymarket.amounts import MICRO, text
from dutchbook.simulator.polymarket.refusal import Refused

GTC, GTD, FOK, FAK = "GTC", "GTD", "FOK", "FAK"
IMMEDIATE = (FOK, FAK)
ORDER_TYPES = (GTC, GTD, FOK, FAK)

_CENT = 10_000
_TENTH_OF_A_MILL = 100

GTD_LEAD_NS = 180_000_000_000
GTD_EARLY_NS = 60_000_000_000
"""A GTD order ends this long before its stated expiration."""

FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
POST_ONLY_CROSSES = "invalid post-only order: order crosses book"
NOT_READY = "the market is not yet ready to process new orders"


def check_precision(order_type: str, buy: bool, maker: int, taker: int) -> None:
    """FOK/FAK: the maker amount has at most 2 decimals, the taker amount 4. Resting types: shares have at most 2."""
    if order_type in IMMEDIATE:
        if maker % _CENT or taker % _TENTH_OF_A_MILL:
            raise Refused(
                400,
                f"invalid amounts, the market {'buy' if buy else 'sell'} orders maker amount supports a max accuracy of "
                "2 decimals, taker amount a max of 4 decimals",
            )
    elif (taker if buy else maker) % _CENT:
        raise Refused(400, "invalid amounts, the size of limit orders supports a max accuracy of 2 decimals")


def limit_price(order_id: str, order_type: str, buy: bool, maker: int, taker: int, tick: int) -> int:
    """The price in millionths that the amounts stand for; refuses one that is off the grid or outside [tick, 1 - tick].

    A FOK/FAK BUY gives pUSD and shares of which one was rounded to 4 decimals: it is accepted when a grid price explains
    the amounts within that rounding, and counts as the grid price at or below maker/taker. Shares rounded up therefore
    fall a whole tick short, as they do at the venue.
    """
    cash, shares = (maker, taker) if buy else (taker, maker)
    price, odd = divmod(cash * MICRO, shares)
    if not odd and price % tick == 0 and tick <= price <= MICRO - tick:
        return price
    if order_type in IMMEDIATE and buy:
        below = price // tick * tick
        for grid in (below, below + tick):
            near = abs(cash * MICRO - grid * shares) <= grid * _TENTH_OF_A_MILL
            if near and tick <= grid <= MICRO - tick:
                return below
    raise Refused(
        400, f"order {order_id} is invalid. Price ({text(price)}) breaks minimum tick size rule: {text(tick)}"
    )


def check_resting_size(order_id: str, size: int, minimum: int) -> None:
    """An order that comes to rest has at least `minimum` shares."""
    if size < minimum:
        raise Refused(400, f"order {order_id} is invalid. Size ({text(size)}) lower than the minimum: {text(minimum)}")


def check_marketable_amount(buy: bool, maker: int, minimum: int) -> None:
    """A marketable BUY spends at least `minimum` millionths of a dollar (reported, not documented)."""
    if buy and maker < minimum:
        raise Refused(400, f"invalid amount for a marketable BUY order (${text(maker)}), min size: ${text(minimum)}")


def check_expiration(order_type: str, expiration: int, now: int) -> None:
    """GTD needs a future end at least 180 s away; the other types have none."""
    if order_type == GTD:
        if expiration * 1_000_000_000 < now + GTD_LEAD_NS:
            raise Refused(400, "invalid expiration")
    elif expiration:
        raise Refused(400, "invalid expiration")
