"""A signing client and a listed market for the tests of the Kalshi simulator; it sees only the public protocol."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.kalshi import KalshiExchange

SECOND = 1_000_000_000
T0 = 1_790_000_000 * SECOND
HOST = "https://exchange.test"
BASE = "/trade-api/v2"
STREAM = "wss://exchange.test/trade-api/ws/v2"
ORDERS = "/portfolio/events/orders"
TICKER = "KXGAME-26NOV21-A"
ONE = 1_000_000
DOLLAR = ONE


def spec(ticker: str = TICKER, **changes: Any) -> MarketSpec:
    """A binary market with a one-cent step, open around T0."""
    given: dict[str, Any] = {
        "id": ticker,
        "event": ticker.rsplit("-", 1)[0],
        "title": "Will A win?",
        "rules": "If A wins, then Yes.",
        "tick": 10_000,
        "taker_rate": "1",
        "opens_ns": T0 - SECOND,
        "closes_ns": T0 + 3600 * SECOND,
    }
    return MarketSpec(**(given | changes))


class Member:
    """One account: signs requests, reads answers, keeps one WebSocket."""

    def __init__(self, exchange: KalshiExchange, name: str, cash: Mapping[int, int]) -> None:
        self.exchange = exchange
        self.fields = exchange.add_account(name, cash, T0).fields
        key = load_pem_private_key(self.fields["private_key_pem"].encode(), password=None)
        assert isinstance(key, Ed25519PrivateKey)
        self._key = key
        self.now = T0
        self.connection = -1
        self._id = 0

    def headers(self, method: str, path: str) -> dict[str, str]:
        stamp = str(self.now // 1_000_000)
        signature = self._key.sign(f"{stamp}{method}{path}".encode())
        return {
            "KALSHI-ACCESS-KEY": self.fields["key_id"],
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    def send(self, method: str, path: str, body: object = None) -> Response:
        headers = self.headers(method, BASE + path.split("?")[0])
        data = b"" if body is None else json.dumps(body).encode()
        return self.exchange.handle(Request(method, HOST + BASE + path, headers, data), self.now)

    def get(self, path: str) -> dict[str, Any]:
        response = self.send("GET", path)
        assert response.status == 200, response.body
        answer = json.loads(response.body)
        assert isinstance(answer, dict)
        return answer

    def order(self, side: str, price: str, count: str, tif: str = "good_till_canceled", **more: Any) -> Response:
        body = {
            "ticker": TICKER,
            "side": side,
            "price": price,
            "count": count,
            "time_in_force": tif,
            "self_trade_prevention_type": "taker_at_cross",
        }
        return self.send("POST", ORDERS, {key: value for key, value in (body | more).items() if value is not None})

    def placed(self, side: str, price: str, count: str, tif: str = "good_till_canceled", **more: Any) -> dict[str, Any]:
        response = self.order(side, price, count, tif, **more)
        assert response.status == 201, response.body
        answer = json.loads(response.body)
        assert isinstance(answer, dict)
        return answer

    def refused(
        self, side: str, price: str, count: str, tif: str = "good_till_canceled", **more: Any
    ) -> tuple[int, str]:
        response = self.order(side, price, count, tif, **more)
        assert response.status >= 400, response.body
        return response.status, error_code(response)

    def position(self) -> str:
        """The signed position in the test market as REST tells it."""
        rows = self.get("/portfolio/positions?settlement_status=all")["market_positions"]
        return next((row["position_fp"] for row in rows if row["ticker"] == TICKER), "0.00")

    def balance(self) -> str:
        return str(self.get("/portfolio/balance")["balance_dollars"])

    def read(self, order_id: str) -> dict[str, Any]:
        row = self.get(f"/portfolio/orders/{order_id}")["order"]
        assert isinstance(row, dict)
        return row

    def connect(self) -> None:
        connection = self.exchange.connect(STREAM, self.headers("GET", "/trade-api/ws/v2"), self.now)
        assert isinstance(connection, int)
        self.connection = connection

    def command(self, cmd: str, **params: Any) -> list[dict[str, Any]]:
        """Send a command and return the frames it and everything before it caused."""
        self._id += 1
        frame = {"id": self._id, "cmd": cmd, "params": params}
        self.exchange.receive(self.connection, json.dumps(frame).encode(), self.now)
        return self.frames()

    def frames(self) -> list[dict[str, Any]]:
        drained = self.exchange.drain(self.now)
        return [json.loads(data) for number, data in drained if number == self.connection and data is not None]


def error_code(response: Response) -> str:
    return str(json.loads(response.body)["error"]["code"])


def floor(cash: int = 1000 * DOLLAR, **changes: Any) -> tuple[KalshiExchange, Member]:
    """An exchange with the test market and one funded member."""
    exchange = KalshiExchange(7)
    exchange.list_market(spec(**changes), T0)
    return exchange, Member(exchange, "ann", {changes.get("shard", 0): cash})
