"""One listed market: its ids, its single YES-terms book, and what either token's book looks like.

Keeps track of which levels an event touched, so that the stream can publish exactly the difference. Knows no account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import msgspec

from dutchbook.simulator.exchange import Level, MarketSpec
from dutchbook.simulator.matching import Execution, MatchingBook, Resting
from dutchbook.simulator.polymarket.amounts import MICRO, text
from dutchbook.simulator.polymarket.signing import is_v2_asset

_BINARY_MODULE, _NEG_RISK_MODULE = 1, 2

Change = tuple[bool, int, int]
"""(bid side, price, new size) of one level, YES terms."""


def book_hash(book: Mapping[str, object]) -> str:
    """sha1 of the compact JSON in the venue's key order, with an empty hash in its place."""
    keys = ("market", "asset_id", "timestamp", "hash", "bids", "asks", "min_order_size", "tick_size", "neg_risk")
    content = {key: "" if key == "hash" else book[key] for key in (*keys, "last_trade_price")}
    return hashlib.sha1(msgspec.json.encode(content), usedforsecurity=False).hexdigest()


def _token(seed: int, market: str, leg: str) -> str:
    """A position id of protocol v1: a large number that the v2 test does not take for its own."""
    value = int.from_bytes(hashlib.sha256(f"token:{seed}:{market}:{leg}".encode()).digest(), "big")
    return str(value | 1 << 254 if is_v2_asset(value) or value < 1 << 250 else value)


def _position(seed: int, spec: MarketSpec, outcome: int) -> str:
    """A position id of protocol v2: module byte, 18 random bytes, 8 zero bytes, 4 random ones, the outcome byte last."""
    origin = hashlib.sha256(f"position:{seed}:{spec.id}".encode()).digest()
    module = _NEG_RISK_MODULE if spec.neg_risk else _BINARY_MODULE
    return str(int.from_bytes(bytes([module]) + origin[:18] + bytes(8) + origin[18:22] + bytes([outcome]), "big"))


def condition_key(condition: str) -> str:
    """A condition id without the zero byte that some services pad a v2 one with (31 bytes count)."""
    return condition.lower()[:64]


@dataclass(slots=True)
class Market:
    """A binary market; `yes` and `no` are token ids, the YES leg being the first outcome."""

    spec: MarketSpec
    number: str
    condition: str
    yes: str
    no: str
    rate: Fraction
    tick: int
    book: MatchingBook = field(default_factory=MatchingBook)
    last_trade: int | None = None
    """YES price of the last match."""
    last_bought_yes: bool = False
    """Whether the taker of the last match bought YES (or sold NO)."""
    book_ms: int = 0
    collateral: int = 0
    """pUSD locked behind complete sets; equals the YES tokens and the NO tokens in existence until resolution."""
    resolved: int | None = None
    """Value of one YES token once resolved."""
    closed_ns: int | None = None
    halted: bool = False
    """Listed, and taking no orders: stopped for a while, or waiting for its resolution."""
    ended: bool = False
    """Trading is over for good; the result may still be awaited."""
    volume: int = 0
    best_moved: bool = False
    """Whether the last `changes` moved the best bid or ask."""
    _published_best: tuple[int | None, int | None] = (None, None)
    _touched: dict[tuple[bool, int], int] = field(default_factory=dict)

    @classmethod
    def from_spec(cls, spec: MarketSpec, seed: int, number: int, now: int) -> Market:
        """Derive the ids from the seed; the same seed and slug always give the same market."""
        yes, no = _token(seed, spec.id, "yes"), _token(seed, spec.id, "no")
        condition = "0x" + hashlib.sha256(f"condition:{seed}:{spec.id}".encode()).hexdigest()
        if spec.protocol == 2:
            yes, no = _position(seed, spec, 0), _position(seed, spec, 1)
            condition = f"0x{int(yes) >> 8:062x}"
        return cls(
            spec=spec,
            number=str(number),
            condition=condition,
            yes=yes,
            no=no,
            rate=Fraction(spec.taker_rate),
            tick=spec.tick,
            book_ms=now // 1_000_000,
        )

    @property
    def tokens(self) -> tuple[str, str]:
        return self.yes, self.no

    @property
    def version(self) -> str:
        """The protocol version as Gamma writes it."""
        return f"v{self.spec.protocol}"

    @property
    def asset_type(self) -> str:
        """What the balance route calls this market's tokens."""
        return "CONDITIONAL-V2" if self.spec.protocol == 2 else "CONDITIONAL"

    def outcome(self, token: str) -> str:
        """The text of the outcome that a token stands for."""
        return self.spec.outcomes[0 if token == self.yes else 1]

    def opposite(self, token: str) -> str:
        return self.no if token == self.yes else self.yes

    def own_price(self, token: str, yes_price: int) -> int:
        """A YES price seen from a token."""
        return yes_price if token == self.yes else MICRO - yes_price

    def payout(self, token: str) -> int:
        """What one token is worth after resolution."""
        if self.resolved is None:
            raise ValueError(f"{self.spec.id} is not resolved")
        return self.own_price(token, self.resolved)

    def rest(self, order: Resting) -> None:
        """Put an order into the book."""
        self._touch(order.buy, order.price)
        self.book.rest(order)

    def cancel(self, order_id: str) -> Resting | None:
        """Take an order out of the book; None when it does not rest."""
        order = self.book.orders.get(order_id)
        if order is not None:
            self._touch(order.buy, order.price)
            self.book.cancel(order_id)
        return order

    def take(self, buy: bool, limit: int, size: int) -> list[Execution]:
        """Match against the book and remember the levels it changed."""
        for order in self.book.crossing(buy, limit):
            self._touch(order.buy, order.price)
        return self.book.take(buy, limit, size)

    def changes(self, now: int) -> list[Change]:
        """The levels that differ since the last call, with their new sizes; advances the book's timestamp if any do."""
        changed: list[Change] = []
        for (buy, price), before in self._touched.items():
            size = self._side_size(buy, price)
            if size != before:
                changed.append((buy, price, size))
        self._touched.clear()
        if changed:
            self.book_ms = now // 1_000_000
        best = self.best()
        self.best_moved, self._published_best = best != self._published_best, best
        return changed

    def best(self) -> tuple[int | None, int | None]:
        """Best bid and ask in YES terms."""
        return self.book.bids.best(), self.book.asks.best()

    def best_of(self, token: str) -> tuple[int | None, int | None]:
        """Best bid and ask of one token."""
        bid, ask = self.best()
        if token == self.yes:
            return bid, ask
        return None if ask is None else MICRO - ask, None if bid is None else MICRO - bid

    def levels(self, token: str) -> tuple[Sequence[Level], Sequence[Level]]:
        """Bids and asks of one token, best first."""
        bids, asks = self.book.bids.levels(), self.book.asks.levels()
        if token == self.yes:
            return bids, asks
        return [(MICRO - price, size) for price, size in asks], [(MICRO - price, size) for price, size in bids]

    def last_price(self, token: str) -> str:
        """The last matched price from a token's side, or an empty text."""
        return "" if self.last_trade is None else text(self.own_price(token, self.last_trade))

    def last_side(self, token: str) -> str:
        """What the taker of the last match did, seen from a token; empty before the first match."""
        if self.last_trade is None:
            return ""
        return "BUY" if self.last_bought_yes == (token == self.yes) else "SELL"

    def book_json(self, token: str) -> dict[str, object]:
        """The REST book of one token: bids ascending, asks descending, the best of each last."""
        bids, asks = self.levels(token)
        body: dict[str, object] = {
            "market": self.condition,
            "asset_id": token,
            "timestamp": str(self.book_ms),
            "hash": "",
            "bids": [{"price": text(price), "size": text(size)} for price, size in reversed(bids)],
            "asks": [{"price": text(price), "size": text(size)} for price, size in reversed(asks)],
            "min_order_size": text(self.spec.min_size),
            "tick_size": text(self.tick),
            "neg_risk": self.spec.neg_risk,
            "last_trade_price": self.last_price(token),
        }
        body["hash"] = book_hash(body)
        return body

    def _touch(self, buy: bool, price: int) -> None:
        if (buy, price) not in self._touched:
            self._touched[buy, price] = self._side_size(buy, price)

    def _side_size(self, buy: bool, price: int) -> int:
        return (self.book.bids if buy else self.book.asks).size_at(price)
