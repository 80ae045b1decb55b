"""What venues do to their members while nothing is broken: delays, failed trades, pauses, halts, late or revised results.

Acts through the simulators' own hands only, so that everything shows on the wire as a venue shows it. Draws how much and
for how long from the random numbers it is given; whether anything happens at all is the weather's business.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.simulator.kalshi.exchange import KalshiExchange
from dutchbook.simulator.kalshi.grid import STRUCTURES
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.torture.network import Posted

DOLLAR = 1_000_000
CENT = 10_000

Place = tuple[str, str]
"""(venue, native market id): a ticker, or a slug."""

_MET: Final = {
    "delay": "delayed_then_matched",
    "desertion": "delayed_then_unmatched",
    "failure": "matched_then_failed",
    "retry": "retrying_long",
}

PLANNED: Final = frozenset(_MET.values())
"""Kinds that are planned at the venue for an order or a trade to come, and strike when it comes."""


@dataclass(slots=True)
class Exchanges:
    """The venues of one scene, and what of them the engine trades. `partners` names the other legs' markets of each."""

    kalshi: KalshiExchange
    polymarket: PolymarketExchange
    now: Callable[[], int]
    """Wall nanoseconds of the venues' clock."""
    markets: Sequence[Place] = ()
    partners: Mapping[Place, Sequence[Place]] = field(default_factory=dict)
    account: str = "trader"
    shards: Sequence[int] = (0,)
    """Kalshi's shards in which the account has cash."""
    flush: Callable[[], None] = lambda: None
    """Sends out what the venues have to say after something was done to them by hand."""
    moves: list[int] = field(default_factory=list)
    """Cash that came from outside (went out: negative) since the scene began, purchases by hand included."""
    by_hand: dict[Place, int] = field(default_factory=dict)
    """Contracts bought by hand, in YES."""

    def cash(self) -> int:
        """All cash of the account at both venues, on its way included."""
        kalshi, polymarket = self.kalshi.statement(self.account), self.polymarket.statement(self.account)
        return int(sum(kalshi["cash"].values()) + polymarket["cash"] + polymarket["pending_cash"])

    def trade_by_hand(self, place: Place, buy: bool, limit: int, size: int) -> int:
        """The account's owner trades without the engine; what it cost and brought is noted. ValueError as the venue's."""
        venue, market = place
        self.of(venue).deposit(self.account, 0, 0, self.now())  # what is due by now happens first, and is not counted
        before = self._worth(place)
        done = self.of(venue).trade_by_hand(self.account, market, buy, limit, size, self.now())
        if done:
            self.moves.append(self._worth(place) - before)
            self.by_hand[place] = self.by_hand.get(place, 0) + (done if buy else -done)
        return done

    def _worth(self, place: Place) -> int:
        """Cash, a NO of Kalshi's counted as a dollar less a YES: so that netting a pair changes nothing."""
        short = 0
        if place[0] == "kalshi":
            short = max(0, -self.kalshi.statement(self.account)["positions"].get(place[1], 0))
        return self.cash() + short

    def paid_by_hand(self) -> int:
        """What the markets have paid for what was bought by hand."""
        total = 0
        for (venue, market), size in self.by_hand.items():
            kalshi = venue == "kalshi"
            value = self.kalshi._state.markets[market].yes_value if kalshi else self.polymarket.markets[market].resolved
            total += 0 if value is None else size * value // DOLLAR
        return total

    def of(self, venue: str) -> KalshiExchange | PolymarketExchange:
        """Raises KeyError for a venue that is not simulated."""
        if venue not in ("kalshi", "polymarket"):
            raise KeyError(venue)
        return self.kalshi if venue == "kalshi" else self.polymarket

    def market_of(self, order: Posted) -> Place | None:
        """The market that an order on the wire is for; None when no venue lists it."""
        if order.venue == "kalshi":
            return "kalshi", str(order.content["ticker"])
        listed = self.polymarket.by_token.get(str(order.content["tokenId"]))
        return None if listed is None else ("polymarket", listed.spec.id)


def size_of(order: Posted) -> int:
    """Contracts of an order on the wire, in millionths."""
    if order.venue == "kalshi":
        whole, _, rest = str(order.content["count"]).partition(".")
        return int(whole) * DOLLAR + int(rest.ljust(6, "0")[:6])
    return int(order.content["takerAmount" if order.action == "buy" else "makerAmount"])


class VenueFaults:
    """Carries venue faults out and ends those that last. `lasting` is what is still to be ended."""

    def __init__(self, struck: Callable[[str, str], None]) -> None:
        """`struck` hears (kind, where) of what strikes later than it was decided."""
        self._struck = struck
        self._ends: list[tuple[int, int, Callable[[int], None]]] = []
        self._count = 0
        self._fine: set[Place] = set()
        self._planned: PolymarketExchange | None = None

    @property
    def lasting(self) -> int:
        return len(self._ends)

    def end_due(self, now: int) -> None:
        """End what has lasted long enough."""
        while self._ends and self._ends[0][0] <= now:
            heapq.heappop(self._ends)[2](now)

    def end_all(self, now: int) -> None:
        """End everything that lasts, and forget what was planned for orders still to come."""
        while self._ends:
            heapq.heappop(self._ends)[2](now)
        if self._planned is not None:
            self._planned.planned_delays.clear()
            self._planned.fail_next_trades = self._planned.retry_next_trades = 0

    def later(self, at: int, act: Callable[[int], None]) -> None:
        """Do something when the venues' time reaches `at`, or when everything is ended."""
        self._count += 1
        heapq.heappush(self._ends, (at, self._count, act))

    # -- while an order is on its way ----------------------------------------------------------------------------------

    def befall(self, kind: str, order: Posted, exchanges: Exchanges, draw: random.Random) -> bool:
        """Let a kind of the order group befall an order that has just left; False where it cannot.

        Those of `PLANNED` strike later: the next order that would match, or the next trade, meets them.
        """
        place = exchanges.market_of(order)
        if place is None or not exchanges.of(place[0]).is_open(place[1]):
            return False
        now, polymarket = exchanges.now(), exchanges.polymarket
        if kind in PLANNED:
            self._planned, polymarket.on_planned = polymarket, self._meets
        match kind:
            case "delayed_then_matched" | "delayed_then_unmatched":
                delay_ns = draw.choice((50 * MILLISECOND, 150 * MILLISECOND, SECOND, 3 * SECOND))
                polymarket.planned_delays.append((delay_ns, kind == "delayed_then_unmatched"))
            case "matched_then_failed":
                polymarket.fail_next_trades += 1
            case "retrying_long":
                polymarket.retry_next_trades += 1
                polymarket.retry_ns = draw.randint(3, 25) * SECOND
            case "partial_fill":
                leave = size_of(order) * draw.randint(5, 95) // 100 // CENT * CENT
                return exchanges.of(place[0]).retreat(place[1], 20 * CENT, leave, now) > 0
            case "price_moved":
                return self._move_away(exchanges.partners.get(place, ()), exchanges, draw)
            case _:
                raise ValueError(f"{kind} does not befall orders")
        return True

    def _meets(self, what: str, order: str) -> None:
        """Something planned has met an order, which the venue knows by its hash."""
        self._struck(_MET[what], f"polymarket order {order}")

    @staticmethod
    def _move_away(places: Sequence[Place], exchanges: Exchanges, draw: random.Random) -> bool:
        """Makers of other markets pull their best prices, all of them or nearly so."""
        gone = 0
        for venue, market in places:
            depth, leave = draw.randint(0, 8) * CENT, draw.choice((0, 0, 0, DOLLAR))
            if exchanges.of(venue).is_open(market):
                gone += exchanges.of(venue).retreat(market, depth, leave, exchanges.now())
        exchanges.flush()
        return gone > 0

    # -- now and then --------------------------------------------------------------------------------------------------

    def happen(self, kind: str, exchanges: Exchanges, now: int, draw: random.Random) -> str | None:
        """Let a kind of the venue group happen; returns where, or None when it cannot happen now."""
        lasts = draw.randint(1_000, 8_000) * MILLISECOND
        kalshi, polymarket = exchanges.kalshi, exchanges.polymarket
        where: str | None
        match kind:
            case "exchange_pause":
                kalshi.pause_exchange(now)
                self.later(now + lasts, kalshi.resume_trading)
                where = "kalshi"
            case "trading_pause":
                shard = draw.choice((None, *exchanges.shards))
                kalshi.pause_trading(now, shard)
                self.later(now + lasts, lambda at: kalshi.resume_trading(at, shard))
                where = "kalshi"
            case "restart":
                polymarket.restart(now, draw.randint(500, 4_000) * MILLISECOND, lasts)
                self.later(now + 4 * SECOND + lasts, lambda at: polymarket.set_mode("normal"))
                where = "polymarket"
            case "market_halt":
                where = self._halt(exchanges, now, lasts, draw)
            case "tick_change":
                where = self._change_tick(exchanges, now, draw)
            case "cash_moved_outside":
                where = _move_cash(exchanges, now, draw)
            case "traded_by_hand":
                where = _trade_by_hand(exchanges, now, draw)
            case _:
                raise ValueError(f"{kind} does not happen now and then")
        if where in ("kalshi", "polymarket") and draw.random() < 0.3:
            _drop_sockets(exchanges, where)
        exchanges.flush()
        return where

    def _halt(self, exchanges: Exchanges, now: int, lasts: int, draw: random.Random) -> str | None:
        place = _open_market(exchanges, draw)
        if place is None:
            return None
        venue, market = place
        exchanges.of(venue).pause_market(market, now)
        self.later(now + lasts, lambda at: exchanges.of(venue).resume_market(market, at))
        return f"{venue} {market}"

    def _change_tick(self, exchanges: Exchanges, now: int, draw: random.Random) -> str | None:
        place = _open_market(exchanges, draw)
        if place is None:
            return None
        fine = place not in self._fine
        self._fine ^= {place}
        if place[0] == "kalshi":
            exchanges.kalshi.change_grid(place[1], STRUCTURES["deci_cent" if fine else "linear_cent"], now)
        else:
            exchanges.polymarket.change_tick(place[1], CENT // 10 if fine else CENT, now)
        return f"{place[0]} {place[1]}"

    # -- settlement ----------------------------------------------------------------------------------------------------

    def settle(
        self, kind: str | None, exchanges: Exchanges, values: Sequence[tuple[Place, int]], now: int, draw: random.Random
    ) -> str | None:
        """Settle the markets of one question at their YES values, as a kind of the settlement group has it.

        Returns the venue that it concerned, or None when nothing but the ordinary happened.
        """
        where = None
        paid = dict(values)
        venues = sorted({venue for venue, _ in paid})
        if kind == "settlement_scalar":
            part = draw.choice((CENT * draw.randint(1, 99), DOLLAR // 2, DOLLAR // 3))
            paid = {place: part if value else DOLLAR - part for place, value in paid.items()}
            where = " ".join(venues)
        elif kind == "settlement_divergent" and len(venues) > 1:
            where = draw.choice(venues)
            paid = {place: DOLLAR - value if place[0] == where else value for place, value in paid.items()}
        late = draw.choice(venues) if kind == "settlement_late" else ""
        where = late or where
        for (venue, market), value in paid.items():
            exchange = exchanges.of(venue)
            usual = exchange.settle_delay_ns
            if venue == late:
                exchange.settle_delay_ns = usual + draw.randint(3, 40) * SECOND
            exchange.settle(market, value, now)
            exchange.settle_delay_ns = usual
        if kind == "settlement_reversed":
            where = self._reverse_later(exchanges, paid, now, draw)
        exchanges.flush()
        return where

    def _reverse_later(
        self, exchanges: Exchanges, paid: Mapping[Place, int], now: int, draw: random.Random
    ) -> str | None:
        markets = {market: value for (venue, market), value in paid.items() if venue == "kalshi"}
        if not markets:
            return None
        part = draw.choice((0, 0, CENT * draw.randint(1, 99)))

        def reverse(at: int) -> None:
            for market, value in markets.items():
                if exchanges.kalshi.is_final(market):
                    exchanges.kalshi.resettle(market, part if value else DOLLAR - part, at)
                    self._struck("settlement_reversed", f"kalshi {market}")
            exchanges.flush()

        self.later(now + exchanges.kalshi.settle_delay_ns + draw.randint(1, 15) * SECOND, reverse)
        return "kalshi"


def _open_market(exchanges: Exchanges, draw: random.Random) -> Place | None:
    places = [place for place in exchanges.markets if exchanges.of(place[0]).is_open(place[1])]
    return draw.choice(places) if places else None


def _move_cash(exchanges: Exchanges, now: int, draw: random.Random) -> str | None:
    """Money in, money out (as far as it is free), or interest of odd cents."""
    venue = draw.choice(("kalshi", "polymarket"))
    exchange = exchanges.of(venue)
    shard = draw.choice(exchanges.shards) if venue == "kalshi" else 0
    way = draw.randrange(3)
    # Kalshi's balances move in steps of 0.0001 dollars
    amount = draw.randint(1, 20) * DOLLAR if way < 2 else draw.randint(1, 9_999) * 100
    if way != 1:
        exchange.deposit(exchanges.account, shard, amount, now)
        exchanges.moves.append(amount)
        return f"{venue} {'deposit' if way == 0 else 'interest'}"
    try:
        exchange.withdraw(exchanges.account, shard, amount, now)
    except ValueError:
        return None
    exchanges.moves.append(-amount)
    return f"{venue} withdrawal"


def _trade_by_hand(exchanges: Exchanges, now: int, draw: random.Random) -> str | None:
    place = _open_market(exchanges, draw)
    if place is None:
        return None
    venue, market = place
    bid, ask = exchanges.of(venue).best(market)
    buy = draw.random() < 0.7
    limit = ask if buy else bid
    if limit is None:
        return None
    try:
        done = exchanges.trade_by_hand(place, buy, limit, draw.randint(1, 10) * DOLLAR)
    except ValueError:
        return None
    return f"{venue} {market}" if done else None


def _drop_sockets(exchanges: Exchanges, venue: str) -> None:
    """A venue that goes down takes its sockets with it."""
    if venue == "kalshi":
        exchanges.kalshi.cut_all()
    else:
        for number in list(exchanges.polymarket.streams.connections):
            exchanges.polymarket.close_connection(number)
