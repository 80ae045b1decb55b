"""Kalshi's WebSocket sessions: commands, subscriptions, sequence numbers. Never changes a market or an account.

Source: facts §7. `seq` is per subscription (`sid`), shared by all its markets; acknowledgements on that sid consume one.
ticker, fill, user_orders and market_positions carry no sequence on their data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dutchbook.simulator.kalshi.market import Market, ladder_rows

SEQUENCED = frozenset({"orderbook_delta", "trade", "market_lifecycle_v2", "order_group_updates"})
CHANNELS = SEQUENCED | {"ticker", "fill", "user_orders", "market_positions"}
UNFILTERED = frozenset({"market_lifecycle_v2", "order_group_updates"})
"""Channels that take no notice of tickers."""
ACTIONS = ("add_markets", "delete_markets", "get_snapshot")
ERRORS = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    10: "Channel error",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    25: "Subscription buffer overflow",
}


@dataclass(slots=True)
class Subscription:
    """One channel of one connection; `tickers` None means all markets."""

    sid: int
    channel: str
    tickers: dict[str, None] | None
    yes_price: bool = False
    skip_ack: bool = False
    seq: int = 0
    drops: int = 0
    """Deltas still to be lost by a fault, sequence numbers included."""

    def covers(self, ticker: str) -> bool:
        return self.tickers is None or ticker in self.tickers


@dataclass(slots=True)
class Session:
    """One open connection, authenticated as one account."""

    number: int
    account: str
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    next_sid: int = 1


class _CommandError(Exception):
    def __init__(self, code: int, ticker: str = "", sid: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.ticker = ticker
        self.sid = sid


class Sessions:
    """All sessions of the exchange and the queue of frames that `drain` hands out."""

    def __init__(self, markets: Mapping[str, Market]) -> None:
        self._markets = markets
        self._sessions: dict[int, Session] = {}
        self._next_number = 1
        self._outbox: list[tuple[int, bytes | None]] = []

    # Connections

    def open(self, account: str) -> int:
        """A new session for an authenticated account; returns its connection number."""
        number = self._next_number
        self._next_number += 1
        self._sessions[number] = Session(number, account)
        return number

    def close(self, connection: int) -> None:
        """The client went away; its queued frames go with it."""
        self._sessions.pop(connection, None)
        self._outbox = [item for item in self._outbox if item[0] != connection]

    def drain(self) -> list[tuple[int, bytes | None]]:
        frames, self._outbox = self._outbox, []
        return frames

    # Faults, for tests and the fault simulation

    def drop_deltas(self, connection: int, sid: int, number: int) -> None:
        """Lose the next `number` order book deltas of a subscription: a sequence gap."""
        self._sessions[connection].subscriptions[sid].drops += number

    def drop_everywhere(self, number: int) -> None:
        """The same on every order book subscription there is."""
        for session in self._sessions.values():
            for subscription in session.subscriptions.values():
                if subscription.channel == "orderbook_delta":
                    subscription.drops += number

    def cut_all(self) -> None:
        """End every connection."""
        for number in list(self._sessions):
            self.cut(number)

    def fail_all(self, code: int) -> None:
        """End every order book subscription with a terminal error."""
        for number, session in list(self._sessions.items()):
            for sid, subscription in list(session.subscriptions.items()):
                if subscription.channel == "orderbook_delta":
                    self.fail(number, sid, code)

    def cut(self, connection: int) -> None:
        """End a connection without any frame, queued ones included."""
        self.close(connection)
        self._outbox.append((connection, None))

    def fail(self, connection: int, sid: int, code: int) -> None:
        """End a subscription with a terminal error (10 channel error, 25 buffer overflow)."""
        session = self._sessions[connection]
        subscription = session.subscriptions[sid]
        message = {"code": code, "msg": ERRORS[code]}
        self._send(session, {"type": "error", **self._numbered(subscription, {}), "msg": message})
        del session.subscriptions[sid]

    # Commands

    def receive(self, connection: int, data: bytes, now: int) -> None:
        """Obey one command frame; every mistake is answered with an error frame (facts §7.3)."""
        session = self._sessions.get(connection)
        if session is None:
            return
        try:
            command = msgspec.json.decode(data)
        except msgspec.DecodeError:
            command = None
        if not isinstance(command, dict):
            self._send(session, {"type": "error", "msg": {"code": 1, "msg": ERRORS[1]}})
            return
        number = command.get("id")
        tag = {"id": number} if isinstance(number, int) and not isinstance(number, bool) and number > 0 else {}
        try:
            self._obey(session, command, tag, now)
        except _CommandError as error:
            message: dict[str, Any] = {"code": error.code, "msg": ERRORS[error.code]}
            if error.ticker:
                message["market_ticker"] = error.ticker
            subscription = session.subscriptions.get(error.sid) if error.sid is not None else None
            sequence = {} if subscription is None else self._numbered(subscription, {})
            self._send(session, {**tag, "type": "error", **sequence, "msg": message})

    def _obey(self, session: Session, command: dict[str, Any], tag: dict[str, int], now: int) -> None:
        name = command.get("cmd")
        if name == "list_subscriptions":
            listed = [{"channel": each.channel, "sid": each.sid} for each in session.subscriptions.values()]
            self._send(session, {**tag, "type": "ok", "msg": listed})
            return
        obey: dict[str, Callable[[Session, dict[str, Any], dict[str, int], int], None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "update_subscription": self._update,
        }
        if not isinstance(name, str) or name not in obey:
            raise _CommandError(5)
        params = command.get("params")
        if not isinstance(params, dict):
            raise _CommandError(2)
        obey[name](session, params, tag, now)

    def _tickers(self, params: dict[str, Any], sid: int | None = None) -> list[str]:
        if "market_ticker" in params and "market_tickers" in params:
            raise _CommandError(11, sid=sid)
        wanted = params.get("market_tickers", [params["market_ticker"]] if "market_ticker" in params else [])
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise _CommandError(11, sid=sid)
        for ticker in wanted:
            if ticker not in self._markets:
                raise _CommandError(11, ticker, sid)
        return wanted

    def _subscribe(self, session: Session, params: dict[str, Any], tag: dict[str, int], now: int) -> None:
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise _CommandError(3)
        if not all(isinstance(channel, str) and channel in CHANNELS for channel in channels):
            raise _CommandError(8)
        tickers = self._tickers(params)
        if "orderbook_delta" in channels and not tickers:
            raise _CommandError(14)
        for channel in dict.fromkeys(channels):
            subscription = next((each for each in session.subscriptions.values() if each.channel == channel), None)
            if subscription is not None:
                self._add(session, subscription, tickers, tag, params, now)
                continue
            scope = dict.fromkeys(tickers) if tickers and channel not in UNFILTERED else None
            subscription = Subscription(session.next_sid, channel, scope)
            subscription.yes_price = params.get("use_yes_price") is True
            subscription.skip_ack = params.get("skip_ticker_ack") is True
            session.next_sid += 1
            session.subscriptions[subscription.sid] = subscription
            self._send(session, {**tag, "type": "subscribed", "msg": {"channel": channel, "sid": subscription.sid}})
            self._introduce(session, subscription, tickers, params, now)

    def _introduce(
        self, session: Session, subscription: Subscription, tickers: Iterable[str], params: dict[str, Any], now: int
    ) -> None:
        for ticker in tickers:
            if subscription.channel == "orderbook_delta":
                self._snapshot(session, subscription, ticker, {})
            elif subscription.channel == "ticker" and params.get("send_initial_snapshot") is True:
                self._data(session, subscription, "ticker", self._markets[ticker].ticker_row(now))

    def _add(
        self,
        session: Session,
        subscription: Subscription,
        tickers: list[str],
        tag: dict[str, int],
        params: dict[str, Any],
        now: int,
    ) -> None:
        new = [ticker for ticker in dict.fromkeys(tickers) if not subscription.covers(ticker)]
        if subscription.tickers is not None:
            subscription.tickers.update(dict.fromkeys(new))
        self._ok(session, subscription, tag)
        self._introduce(session, subscription, new, params, now)

    def _unsubscribe(self, session: Session, params: dict[str, Any], tag: dict[str, int], now: int) -> None:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            raise _CommandError(4)
        if not all(isinstance(sid, int) and sid in session.subscriptions for sid in sids):
            raise _CommandError(7)
        for sid in dict.fromkeys(sids):
            subscription = session.subscriptions.pop(sid)
            self._send(session, {**tag, **self._numbered(subscription, {}), "type": "unsubscribed"})

    def _update(self, session: Session, params: dict[str, Any], tag: dict[str, int], now: int) -> None:
        sids = params["sids"] if "sids" in params else [params["sid"]] if "sid" in params else []
        if not isinstance(sids, list) or len(sids) != 1:
            raise _CommandError(12)
        subscription = session.subscriptions.get(sids[0]) if isinstance(sids[0], int) else None
        if subscription is None:
            raise _CommandError(7)
        sid = subscription.sid
        action = params.get("action")
        if action is None:
            raise _CommandError(15, sid=sid)
        if action not in ACTIONS:
            raise _CommandError(13, sid=sid)
        tickers = self._tickers(params, sid)
        if not tickers:
            raise _CommandError(14, sid=sid)
        if action == "add_markets":
            self._add(session, subscription, tickers, tag, params, now)
        elif action == "delete_markets":
            for ticker in tickers:
                if subscription.tickers is not None:
                    subscription.tickers.pop(ticker, None)
            self._ok(session, subscription, tag)
        elif subscription.channel != "orderbook_delta":
            raise _CommandError(13, sid=sid)
        else:
            for ticker in tickers:
                self._snapshot(session, subscription, ticker, tag)

    def _ok(self, session: Session, subscription: Subscription, tag: dict[str, int]) -> None:
        listed = {} if subscription.skip_ack else {"msg": {"market_tickers": list(subscription.tickers or ())}}
        self._send(session, {**tag, **self._numbered(subscription, {}), "type": "ok", **listed})

    # Frames

    def _send(self, session: Session, frame: dict[str, Any]) -> None:
        self._outbox.append((session.number, msgspec.json.encode(frame)))

    def _numbered(self, subscription: Subscription, frame: dict[str, Any]) -> dict[str, Any]:
        subscription.seq += 1
        return {"sid": subscription.sid, "seq": subscription.seq, **frame}

    def _data(self, session: Session, subscription: Subscription, kind: str, message: dict[str, Any]) -> None:
        if subscription.channel in SEQUENCED:
            self._send(session, {"type": kind, **self._numbered(subscription, {}), "msg": message})
        else:
            self._send(session, {"type": kind, "sid": subscription.sid, "msg": message})

    def _snapshot(self, session: Session, subscription: Subscription, ticker: str, tag: dict[str, int]) -> None:
        market = self._markets[ticker]
        message: dict[str, Any] = {"market_ticker": ticker, "market_id": market.market_id}
        if market.book.bids:
            message["yes_dollars_fp"] = ladder_rows(market.book.bids, no_leg=False)
        if market.book.asks:
            message["no_dollars_fp"] = ladder_rows(market.book.asks, no_leg=not subscription.yes_price)
        numbered = self._numbered(subscription, {})
        self._send(session, {**tag, "type": "orderbook_snapshot", **numbered, "msg": message})

    def _listeners(self, channel: str, ticker: str | None = None) -> list[tuple[Session, Subscription]]:
        return [
            (session, subscription)
            for session in self._sessions.values()
            for subscription in session.subscriptions.values()
            if subscription.channel == channel and (ticker is None or subscription.covers(ticker))
        ]
