"""The market and user WebSockets: who listens to what, and the frames they are owed. No sequence numbers, no replay.

Frames are queued here and handed out by `drain`; two fault hooks lose price changes or close a connection.
Never decides anything about orders or money.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from dutchbook.simulator.polymarket.amounts import MICRO, text
from dutchbook.simulator.polymarket.dirt import Dirt
from dutchbook.simulator.polymarket.market import Change, Market, condition_key

Frames = list[tuple[int, bytes | None]]

_encoder = msgspec.json.Encoder(decimal_format="number")


def _best_texts(market: Market, token: str) -> tuple[str, str]:
    """Best bid and ask as the venue writes them: "0" and "1" for an empty side."""
    bid, ask = market.best_of(token)
    return text(bid or 0), text(MICRO if ask is None else ask)


@dataclass(slots=True)
class Connection:
    """One WebSocket. `account` stays None until a user socket has authenticated."""

    kind: Literal["market", "user"]
    tokens: dict[str, Market] = field(default_factory=dict)
    custom: bool = False
    account: str | None = None
    conditions: frozenset[str] = frozenset()
    """User socket: only these markets; empty means all."""
    drop_changes: int = 0

    def follows(self, market: Market) -> bool:
        return market.yes in self.tokens or market.no in self.tokens


class Streams:
    """All open connections and their outgoing queue."""

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}
        self.dirt = Dirt()
        self.padding = 0
        """Bytes of an unknown field that every full book carries: how a frame passes 1 MiB."""
        self._queue: Frames = []
        self._next = 1

    def open(self, kind: Literal["market", "user"]) -> int:
        """A new connection's number."""
        number = self._next
        self._next += 1
        self.connections[number] = Connection(kind)
        return number

    def forget(self, number: int) -> None:
        """The client went away: nothing more is sent."""
        self.connections.pop(number, None)

    def close(self, number: int) -> None:
        """The venue closes a connection, after what is already queued."""
        if self.connections.pop(number, None) is not None:
            self._queue.append((number, None))

    def drop_price_changes(self, number: int, count: int) -> None:
        """Fault hook: lose the next `count` price_change frames of one connection."""
        self.connections[number].drop_changes = count

    def drain(self) -> Frames:
        """Everything queued, in order."""
        frames, self._queue = self._queue, []
        return frames

    def receive(
        self,
        number: int,
        data: bytes,
        by_token: Callable[[str], Market | None],
        login: Callable[[dict[str, Any]], str | None],
    ) -> None:
        """A client frame: PING, a subscription, or a login; a wrong login closes the connection."""
        connection = self.connections.get(number)
        if connection is None:
            return
        if data == b"PING":
            self._queue.append((number, b"PONG"))
            return
        try:
            message = msgspec.json.decode(data)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict):
            self._queue.append((number, b"INVALID OPERATION"))
        elif connection.kind == "user":
            self._log_in(number, connection, message, login)
        else:
            self._subscribe(number, connection, message, by_token)

    def _log_in(
        self,
        number: int,
        connection: Connection,
        message: dict[str, Any],
        login: Callable[[dict[str, Any]], str | None],
    ) -> None:
        auth = message.get("auth")
        account = login(auth) if isinstance(auth, dict) else None
        if account is None:
            self.close(number)
            return
        connection.account = account
        connection.conditions = frozenset(condition_key(str(name)) for name in message.get("markets") or ())

    def _subscribe(
        self,
        number: int,
        connection: Connection,
        message: dict[str, Any],
        by_token: Callable[[str], Market | None],
    ) -> None:
        wanted = {token: market for token in message.get("assets_ids", ()) if (market := by_token(token)) is not None}
        if message.get("operation") == "unsubscribe":
            for token in wanted:
                connection.tokens.pop(token, None)
            return
        connection.custom = bool(message.get("custom_feature_enabled", connection.custom))
        connection.tokens.update(wanted)
        books = [self._book_event(market, token) for token, market in wanted.items() if market.resolved is None]
        if books:
            self._send(number, books)

    def book_changed(self, market: Market, changes: Sequence[Change], *, traded: bool) -> None:
        """Publish changed levels to everybody who follows either token; whole books too after a trade."""
        followers = [(n, c) for n, c in self.connections.items() if c.follows(market)]
        if not changes or not followers:
            return
        stamp = str(market.book_ms)
        frame = msgspec.json.encode(
            {
                "event_type": "price_change",
                "market": market.condition,
                "timestamp": stamp,
                "price_changes": self._price_changes(market, changes),
            }
        )
        for number, connection in followers:
            if connection.drop_changes > 0:
                connection.drop_changes -= 1
            else:
                self._queue.append((number, frame))
            if traded:
                for token in market.tokens:
                    if token in connection.tokens:
                        self._send(number, self._book_event(market, token))
            if market.best_moved and connection.custom:
                self._best_bid_ask(number, connection, market, stamp)

    def _price_changes(self, market: Market, changes: Sequence[Change]) -> list[dict[str, object]]:
        views = {token: (market.book_json(token)["hash"], *_best_texts(market, token)) for token in market.tokens}
        return [
            {
                "asset_id": token,
                "price": text(market.own_price(token, price)),
                "size": text(size),
                "side": "BUY" if buy == (token == market.yes) else "SELL",
                "hash": views[token][0],
                "best_bid": views[token][1],
                "best_ask": views[token][2],
            }
            for buy, price, size in changes
            for token in market.tokens
        ]

    def _best_bid_ask(self, number: int, connection: Connection, market: Market, stamp: str) -> None:
        for token in market.tokens:
            if token in connection.tokens:
                bid, ask = market.best_of(token)
                best_bid, best_ask = _best_texts(market, token)
                self._send(
                    number,
                    {
                        "event_type": "best_bid_ask",
                        "market": market.condition,
                        "asset_id": token,
                        "best_bid": best_bid,
                        "best_ask": best_ask,
                        "spread": text((MICRO if ask is None else ask) - (bid or 0)),
                        "timestamp": stamp,
                    },
                )

    def _book_event(self, market: Market, token: str) -> dict[str, object]:
        book = {"event_type": "book", **market.book_json(token)}
        return {**book, "padding": "x" * self.padding} if self.padding else book

    def to_followers(self, market: Market, event: dict[str, object], *, custom: bool = False) -> None:
        """One event to everybody who follows a market; `custom` events only to those who asked for them."""
        for number, connection in self.connections.items():
            if connection.follows(market) and (connection.custom or not custom):
                self._send(number, event)

    def to_custom(self, event: dict[str, object]) -> None:
        """An event about a market nobody follows yet."""
        for number, connection in self.connections.items():
            if connection.kind == "market" and connection.custom:
                self._send(number, event)

    def user_event(self, account: str, condition: str, event: dict[str, object]) -> None:
        """One event to the user sockets of an account that want this market."""
        event = self.dirt.event(event)
        for number, connection in self.connections.items():
            if connection.account == account and (
                not connection.conditions or condition_key(condition) in connection.conditions
            ):
                self._send(number, event)

    def _send(self, number: int, message: object) -> None:
        self._queue.append((number, _encoder.encode(message)))
