"""A client for these tests only: it signs with a real key and speaks REST and the sockets of the exchange in memory.

It encodes requests by itself and reads the venue only through its public surface.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from coincurve import PrivateKey

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.polymarket import PolymarketExchange, signing

NOW = 1_795_220_183_248_000_000
MS = 1_000_000
SECOND = 1_000_000_000
M = 1_000_000
ZERO32 = "0x" + "00" * 32
GAME = "nba-phx-mia-2026-11-21"


def spec(slug: str = GAME, **changes: Any) -> MarketSpec:
    """A fee-free game market with a one-cent tick, open now."""
    base = MarketSpec(
        id=slug,
        event="Suns vs. Heat",
        title="Suns vs. Heat",
        rules="Resolves to the winner of the game.",
        tick=10_000,
        taker_rate="0",
        opens_ns=NOW - SECOND,
        closes_ns=NOW + 86_400 * SECOND,
    )
    return replace(base, **changes)


def sign(key: PrivateKey, digest: bytes) -> bytes:
    """A 65-byte r, s, v signature."""
    raw = key.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


class World:
    """An exchange with a hand on the clock."""

    def __init__(self, *specs: MarketSpec, seed: int = 0) -> None:
        self.exchange = PolymarketExchange(seed)
        self.now = NOW
        for one in specs or (spec(),):
            self.exchange.list_market(one, self.now)

    def pass_time(self, ns: int) -> None:
        self.now += ns
        self.frames = self.exchange.drain(self.now)

    def quote(
        self, bids: list[tuple[str, str]], asks: list[tuple[str, str]], market: str = GAME, maker: str = "mm"
    ) -> None:
        self.exchange.quote(market, maker, [_pair(x) for x in bids], [_pair(x) for x in asks], self.now)

    def trader(self, name: str = "ann", cash: str = "1000", signature_type: int = 0) -> Trader:
        return Trader(self, name, cash, signature_type)

    def get(self, url: str) -> Response:
        return self.exchange.handle(Request("GET", f"https://anything.example{url}"), self.now)

    def read(self, url: str) -> Any:
        response = self.get(url)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def open(self, path: str, first: dict[str, Any]) -> Socket:
        return Socket(self, path, first)


def micros(value: str) -> int:
    whole, _, rest = value.partition(".")
    return int(whole) * M + int(rest.ljust(6, "0") or 0)


def _pair(level: tuple[str, str]) -> tuple[int, int]:
    return micros(level[0]), micros(level[1])


class Socket:
    """One WebSocket; `read` returns the decoded frames queued for it."""

    def __init__(self, world: World, path: str, first: dict[str, Any]) -> None:
        self.world = world
        number = world.exchange.connect(f"wss://x.example{path}", {}, world.now)
        assert isinstance(number, int)
        self.number = number
        self.send(json.dumps(first).encode())

    def send(self, data: bytes) -> None:
        self.world.exchange.receive(self.number, data, self.world.now)

    def raw(self) -> list[bytes | None]:
        return [data for number, data in self.world.exchange.drain(self.world.now) if number == self.number]

    def read(self, kind: str | None = None) -> list[dict[str, Any]]:
        found = []
        for data in self.raw():
            assert data is not None, "the venue closed the socket"
            message = json.loads(data)
            found += message if isinstance(message, list) else [message]
        return [event for event in found if kind in (None, event["event_type"])]


class Trader:
    """One account's client."""

    def __init__(self, world: World, name: str, cash: str, signature_type: int) -> None:
        self.world = world
        account = world.exchange.add_account(name, {0: micros(cash)}, world.now, signature_type)
        self.fields = account.fields
        self.name = name
        self.key = PrivateKey(bytes.fromhex(account.fields["private_key"][2:]))
        self.salt = 0

    # --- wire ---

    def headers(self, method: str, path: str, body: bytes, **changes: str) -> dict[str, str]:
        stamp = changes.pop("stamp", str(self.world.now // SECOND))
        secret = base64.urlsafe_b64decode(self.fields["api_secret"])
        mac = hmac.new(secret, f"{stamp}{method}{path}".encode() + body, hashlib.sha256).digest()
        return {
            "POLY_ADDRESS": self.fields["address"],
            "POLY_API_KEY": self.fields["api_key"],
            "POLY_PASSPHRASE": self.fields["api_passphrase"],
            "POLY_TIMESTAMP": stamp,
            "POLY_SIGNATURE": base64.urlsafe_b64encode(mac).decode(),
            **changes,
        }

    def call(self, method: str, url: str, body: Any = None) -> Response:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self.headers(method, url.split("?")[0], raw)
        return self.world.exchange.handle(Request(method, "https://clob.example" + url, headers, raw), self.world.now)

    def read(self, url: str) -> Any:
        response = self.call("GET", url)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def l1(self, method: str, path: str, nonce: int = 0, stamp: int | None = None) -> Response:
        from dutchbook.simulator.polymarket.auth import clob_auth_digest

        timestamp = str(self.world.now // SECOND if stamp is None else stamp)
        digest = clob_auth_digest(self.fields["address"], timestamp, nonce)
        headers = {
            "POLY_ADDRESS": self.fields["address"],
            "POLY_SIGNATURE": "0x" + sign(self.key, digest).hex(),
            "POLY_TIMESTAMP": timestamp,
            "POLY_NONCE": str(nonce),
        }
        return self.world.exchange.handle(Request(method, "https://clob.example" + path, headers), self.world.now)

    def user_socket(self, *conditions: str) -> Socket:
        auth = {
            "apiKey": self.fields["api_key"],
            "secret": self.fields["api_secret"],
            "passphrase": self.fields["api_passphrase"],
        }
        return self.world.open("/ws/user", {"type": "user", "auth": auth, "markets": list(conditions)})

    # --- orders ---

    def body(
        self,
        side: str,
        price: str = "0.5",
        size: str = "10",
        /,
        *,
        leg: str = "yes",
        market: str = GAME,
        order_type: str = "GTC",
        amounts: tuple[int, int] | None = None,
        domain: signing.Domain | None = None,
        expiration: int = 0,
        **changes: Any,
    ) -> dict[str, Any]:
        """A signed posting; `changes` overwrite the order's fields after signing, or top-level fields."""
        _, yes, no = self.world.exchange.tokens(market)
        token = yes if leg == "yes" else no
        cash = micros(price) * micros(size) // M
        maker, taker = amounts or ((cash, micros(size)) if side == "BUY" else (micros(size), cash))
        self.salt += 1
        kind = int(self.fields["signature_type"])
        wallet = self.fields["funder"]
        fields = signing.SignedFields(
            salt=self.salt,
            maker=wallet,
            signer=wallet if kind == 3 else self.fields["address"],
            token_id=int(token),
            maker_amount=maker,
            taker_amount=taker,
            side=0 if side == "BUY" else 1,
            signature_type=kind,
            timestamp=self.world.now // MS,
            metadata=ZERO32,
            builder=ZERO32,
        )
        domain = domain or signing.exchange_for(int(token), self.world.exchange.markets[market].spec.neg_risk)
        if kind == 3:
            signature = sign(self.key, signing.wrapped_hash(fields, domain)) + signing.wallet_trailer(fields, domain)
        else:
            signature = sign(self.key, signing.order_hash(fields, domain))
        order: dict[str, Any] = {
            "salt": fields.salt,
            "maker": fields.maker,
            "signer": fields.signer,
            "tokenId": token,
            "makerAmount": str(maker),
            "takerAmount": str(taker),
            "side": side,
            "signatureType": kind,
            "timestamp": str(fields.timestamp),
            "metadata": ZERO32,
            "builder": ZERO32,
            "expiration": str(expiration),
            "signature": "0x" + signature.hex(),
        }
        posting = {"order": order, "owner": self.fields["api_key"], "orderType": order_type, "deferExec": False}
        for name, value in changes.items():
            (order if name in order else posting)[name] = value
        return posting

    def post(self, side: str, price: str = "0.5", size: str = "10", /, **more: Any) -> Response:
        return self.call("POST", "/order", self.body(side, price, size, **more))

    def done(self, side: str, price: str = "0.5", size: str = "10", /, **more: Any) -> dict[str, Any]:
        """Post and expect to be accepted."""
        response = self.post(side, price, size, **more)
        assert response.status == 200, response.body
        answer: dict[str, Any] = json.loads(response.body)
        assert answer["success"] is True, answer
        return answer

    def refused(self, side: str, price: str = "0.5", size: str = "10", /, *, status: int = 400, **more: Any) -> str:
        """Post and expect to be refused; the venue's text."""
        response = self.post(side, price, size, **more)
        assert response.status == status, response
        return str(json.loads(response.body)["error"])

    def hold(self, leg: str, size: str, market: str = GAME) -> None:
        """Own settled tokens, bought from the house at 0.5 and mined."""
        house_sells = leg == "yes"
        level = [(500_000, micros(size))]
        empty: list[tuple[int, int]] = []
        self.world.exchange.quote(
            market, "giver", empty if house_sells else level, level if house_sells else empty, self.world.now
        )
        self.done("BUY", "0.5", size, leg=leg, market=market, order_type="FOK")
        self.world.pass_time(3 * SECOND)
        self.world.exchange.quote(market, "giver", [], [], self.world.now)

    @property
    def money(self) -> dict[str, Any]:
        return self.world.exchange.statement(self.name)

    def balance(self, asset: str = "COLLATERAL", token: str = "", kind: int | None = None) -> int:
        kind = int(self.fields["signature_type"]) if kind is None else kind
        answer = self.read(f"/balance-allowance?asset_type={asset}&token_id={token}&signature_type={kind}")
        return int(answer["balance"])


def error(response: Response) -> str:
    return str(json.loads(response.body)["error"])
