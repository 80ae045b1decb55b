"""POST /__control: faults and venue modes switched on from outside, while a simulator runs. Off unless asked for.

The body is `{"fault": NAME, ...}`; an unknown name is answered with the list of those there are. Durations are
milliseconds. No signature: the endpoint exists only where its maker asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from dutchbook.core.transport import Response
from dutchbook.simulator.kalshi.faults import KINDS, Fault
from dutchbook.simulator.kalshi.grid import STRUCTURES

if TYPE_CHECKING:
    from dutchbook.simulator.kalshi.exchange import KalshiExchange

PATH: Final = "/__control"
_MS: Final = 1_000_000


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What the operator asks for; each fault reads its own fields. Unknown fields are refused: a typo must not be silent."""

    fault: str
    on: bool = True
    times: int = 1
    method: str = ""
    path: str = ""
    status: int = 0
    executed: bool = False
    ms: int = 0
    for_ms: int = 0
    code: int = 25
    shard: int | None = None
    account: str = ""
    market: str = ""
    rules: str = ""
    structure: str = ""
    ranges: list[tuple[int, int, int]] = []
    event: str = ""
    fee_type: str | None = None
    multiplier: str | None = None
    yes_value: int = 0
    tier: str = "basic"
    read: tuple[int, int] = (200, 400)
    write: tuple[int, int] = (100, 100)


def obey(exchange: KalshiExchange, body: bytes, now: int) -> Response:
    """Do what the body says; 400 with the reason when it cannot be done."""
    try:
        order = msgspec.json.decode(body, type=Order)
        if order.fault in KINDS:
            delay_ns = order.ms * _MS
            exchange.plan_fault(
                Fault(order.fault, order.times, order.method, order.path, order.status, order.executed, delay_ns)
            )
        elif order.fault in FAULTS:
            FAULTS[order.fault](exchange, order, now)
        else:
            known = ", ".join(sorted((*KINDS, *FAULTS)))
            raise ValueError(f"there is no fault {order.fault!r}; known: {known}")
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        return Response(400, msgspec.json.encode({"error": f"control: {error}"}), {"content-type": "application/json"})
    return Response(200, b'{"ok":true}', {"content-type": "application/json"})


def _clear(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.clear_faults()
    exchange.limit_rates(on=False)
    exchange.resume_trading(now)


def _pause(exchange: KalshiExchange, order: Order, now: int) -> None:
    if order.for_ms:
        exchange.plan_pause(now, now + order.for_ms * _MS, now)
    else:
        exchange.pause_trading(now, order.shard)


def _resume(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.resume_trading(now, order.shard)


def _market_pause(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.pause_market(order.market, now)


def _market_resume(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.resume_market(order.market, now)


def _exchange_pause(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.pause_exchange(now)


def _drop_deltas(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.drop_deltas_everywhere(order.times)


def _disconnect(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.cut_all()


def _fail_subscriptions(exchange: KalshiExchange, order: Order, now: int) -> None:
    if order.code not in (10, 25):
        raise ValueError("code: 10 or 25")
    exchange.fail_subscriptions(order.code)


def _unfund(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.unfund(order.account, order.shard or 0, now)


def _fund(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.fund(order.account, order.shard or 0, now)


def _grid(exchange: KalshiExchange, order: Order, now: int) -> None:
    ranges = tuple(order.ranges) or STRUCTURES.get(order.structure)
    if ranges is None:
        raise ValueError(f"structure: one of {', '.join(STRUCTURES)}, or ranges in millionths")
    exchange.change_grid(order.market, ranges, now)


def _fees(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.override_fees(order.event, order.fee_type, order.multiplier, now)


def _settle(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.settle(order.market, order.yes_value, now)


def _settle_late(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.settle_delay_ns = order.ms * _MS


def _resettle(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.resettle(order.market, order.yes_value, now)


def _reword(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.reword(order.market, order.rules, now)


def _rate_limits(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.limit_rates(on=order.on, tier=order.tier, read=order.read, write=order.write)


def _clock_skew(exchange: KalshiExchange, order: Order, now: int) -> None:
    exchange.allow_skew(order.ms)


FAULTS: Final[dict[str, Callable[[KalshiExchange, Order, int], None]]] = {
    "allowed_skew": _clock_skew,
    "clear": _clear,
    "disconnect": _disconnect,
    "drop_deltas": _drop_deltas,
    "exchange_pause": _exchange_pause,
    "fail_subscriptions": _fail_subscriptions,
    "fees": _fees,
    "fund": _fund,
    "grid": _grid,
    "market_pause": _market_pause,
    "market_resume": _market_resume,
    "pause": _pause,
    "rate_limits": _rate_limits,
    "resettle": _resettle,
    "resume": _resume,
    "reword": _reword,
    "settle": _settle,
    "settle_late": _settle_late,
    "unfund": _unfund,
}
