"""POST /__control: faults and venue modes switched on from outside, while a simulator runs. Off unless asked for.

The body is `{"fault": NAME, ...}`; an unknown name is answered with the list of those there are. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.faults import KINDS, Fault, Kind
from dutchbook.simulator.polymarket.limits import TIERS
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.venue import Mode

if TYPE_CHECKING:
    from dutchbook.simulator.polymarket.exchange import PolymarketExchange

PATH: Final = "/__control"
_SECOND: Final = 1_000_000_000


class Order(msgspec.Struct):
    """What the operator asks for; each fault reads its own fields."""

    fault: str
    on: bool = True
    count: int = 1
    path: str = "/order"
    status: int = 500
    seconds: int = 3
    post_only_seconds: int = 120
    mode: str = "normal"
    tier: str = "Standard"
    scale: int = 1
    account: str = ""
    market: str = ""
    rules: str = ""
    tick: int = 0
    kind: str = ""
    bytes: int = 1_100_000


def obey(exchange: PolymarketExchange, call: Call) -> object:
    """Do what the body says; 400 with the reason when it cannot be done."""
    try:
        order = msgspec.json.decode(call.body, type=Order)
    except msgspec.DecodeError as error:
        raise Refused(400, f"control: {error}") from error
    if order.fault in KINDS:
        exchange.faults.add(Fault(msgspec.convert(order.fault, type=Kind), order.path, order.count, order.status))
    elif order.fault in FAULTS:
        FAULTS[order.fault](exchange, order, call.now)
    else:
        names = ", ".join(sorted((*KINDS, *FAULTS)))
        raise Refused(400, f"control: there is no fault {order.fault!r}; known: {names}")
    return {"ok": True}


def _clear(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.faults.clear()
    exchange.streams.dirt.on = False
    exchange.limits.tier, exchange.limits.scale = "", 0
    exchange.geoblocked = exchange.delayed_unmatched = False
    exchange.set_mode("normal")


def _dirty(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.streams.dirt.on = order.on


def _signer_limits(exchange: PolymarketExchange, order: Order, now: int) -> None:
    if order.tier not in TIERS:
        raise Refused(400, f"control: tier: {order.tier!r} is none of {', '.join(TIERS)}")
    exchange.limits.tier = order.tier if order.on else ""


def _ip_limits(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.limits.scale = order.scale if order.on else 0


def _geoblock(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.geoblocked = order.on


def _closed_only(exchange: PolymarketExchange, order: Order, now: int) -> None:
    if order.account not in exchange.accounts:
        raise Refused(400, f"control: account: there is no {order.account!r}")
    exchange.accounts[order.account].closed_only = order.on


def _restart(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.restart(now, order.seconds * _SECOND, order.post_only_seconds * _SECOND)


def _mode(exchange: PolymarketExchange, order: Order, now: int) -> None:
    try:
        exchange.set_mode(msgspec.convert(order.mode, type=Mode))
    except msgspec.ValidationError as error:
        raise Refused(400, f"control: mode: {error}") from error


def _unmatched(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.delayed_unmatched = order.on


def _fail_trades(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.fail_next_trades += order.count


def _retry_trades(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.retry_next_trades += order.count
    exchange.retry_ns = order.seconds * _SECOND


def _delay_orders(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.planned_delays += [(order.seconds * _SECOND, order.kind == "unmatched")] * order.count


def _settle_late(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.settle_delay_ns = order.seconds * _SECOND


def _halt(exchange: PolymarketExchange, order: Order, now: int) -> None:
    if order.market not in exchange.markets:
        raise Refused(400, "control: market: name a listed market")
    if order.on:
        exchange.pause_market(order.market, now)
    else:
        exchange.resume_market(order.market, now)


def _reword(exchange: PolymarketExchange, order: Order, now: int) -> None:
    if order.market not in exchange.markets:
        raise Refused(400, "control: market: name a listed market")
    exchange.reword(order.market, order.rules, now)


def _tick(exchange: PolymarketExchange, order: Order, now: int) -> None:
    if order.market not in exchange.markets or order.tick <= 0:
        raise Refused(400, "control: name a listed market and a tick in millionths")
    exchange.change_tick(order.market, order.tick, now)


def _disconnect(exchange: PolymarketExchange, order: Order, now: int) -> None:
    for number, connection in list(exchange.streams.connections.items()):
        if order.kind in ("", connection.kind):
            exchange.streams.close(number)


def _lose_changes(exchange: PolymarketExchange, order: Order, now: int) -> None:
    for number, connection in exchange.streams.connections.items():
        if connection.kind == "market":
            exchange.streams.drop_price_changes(number, order.count)


def _huge_frames(exchange: PolymarketExchange, order: Order, now: int) -> None:
    exchange.streams.padding = order.bytes if order.on else 0


def _improvement(exchange: PolymarketExchange, order: Order, now: int) -> None:
    if order.kind not in ("refund", "shares"):
        raise Refused(400, "control: kind: refund or shares")
    exchange.buy_improvement = "shares" if order.kind == "shares" else "refund"


FAULTS: Final[dict[str, Callable[[PolymarketExchange, Order, int], None]]] = {
    "clear": _clear,
    "closed_only": _closed_only,
    "delay_orders": _delay_orders,
    "dirty": _dirty,
    "disconnect": _disconnect,
    "fail_trades": _fail_trades,
    "geoblock": _geoblock,
    "halt": _halt,
    "huge_frames": _huge_frames,
    "improvement": _improvement,
    "ip_limits": _ip_limits,
    "lose_changes": _lose_changes,
    "mode": _mode,
    "restart": _restart,
    "retry_trades": _retry_trades,
    "reword": _reword,
    "settle_late": _settle_late,
    "signer_limits": _signer_limits,
    "tick": _tick,
    "unmatched": _unmatched,
}
