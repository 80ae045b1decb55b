"""PolymarketExchange: the venue put together behind the Exchange protocol, and the world's private hands on it.

`handle`, `connect`, `receive`, `disconnect` and `drain` are all a client sees. Time is given and only moves forward;
all randomness comes from the seed. The knobs are the attributes of `Venue`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from coincurve import PrivateKey

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.exchange import Level, MarketSpec, TestAccount
from dutchbook.simulator.matching import Resting
from dutchbook.simulator.polymarket import control, orders, placing, rest, settlement, upheavals
from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import MICRO, text
from dutchbook.simulator.polymarket.auth import make_credentials
from dutchbook.simulator.polymarket.market import Market, condition_key
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.signing import EOA, address_of
from dutchbook.simulator.polymarket.stream import Frames
from dutchbook.simulator.polymarket.venue import Venue

_FIRST_NUMBER = 1_500_000


class PolymarketExchange(Venue):
    """Polymarket in memory. See the class above for what tests may turn."""

    name = "polymarket"

    # --- what a client sees ---

    def handle(self, request: Request, now: int) -> Response:
        """Answer one REST request of any of the venue's services."""
        self.advance(now)
        call = rest.call_of(request, now)
        if self.control and call.path == control.PATH:
            return rest.reply(lambda: (control.obey(self, call), {}))
        return rest.answer(self, call)

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int | Response:
        """Open /ws/market or /ws/user; 404 for any other path."""
        self.advance(now)
        path = urlsplit(url).path.rstrip("/")
        if path == "/ws/market":
            return self.streams.open("market")
        if path == "/ws/user":
            return self.streams.open("user")
        return Refused(404, "not found").response()

    def receive(self, connection: int, data: bytes, now: int) -> None:
        """A text frame: PING, a subscription, or a user socket's login."""
        self.advance(now)
        self.streams.receive(connection, data, self.by_token.get, self._log_in)

    def _log_in(self, auth: dict[str, Any]) -> str | None:
        account, credentials = self.by_key.get(str(auth.get("apiKey")), (None, None))
        if account is None or credentials is None:
            return None
        wanted = (auth.get("secret"), auth.get("passphrase"))
        return account.name if wanted == (credentials.secret, credentials.passphrase) else None

    def disconnect(self, connection: int) -> None:
        """The client went away."""
        self.streams.forget(connection)

    def drain(self, now: int) -> Frames:
        """Advance to `now` and hand out the queued frames."""
        self.advance(now)
        return self.streams.drain()

    def wake_at(self) -> int | None:
        """When the next delayed match, settlement step, expiry or dead man's switch is due."""
        return self.next_timer()

    # --- the world's hands ---

    def list_market(self, spec: MarketSpec, now: int) -> None:
        """List a market; ValueError when its slug is taken."""
        self.advance(now)
        if spec.id in self.markets:
            raise ValueError(f"{spec.id} is listed already")
        market = Market.from_spec(spec, self.seed, _FIRST_NUMBER + len(self.markets), now)
        self.markets[spec.id] = market
        self.by_condition[condition_key(market.condition)] = market
        for token in market.tokens:
            self.by_token[token] = market
        self.streams.to_custom(
            {
                "event_type": "new_market",
                "id": market.number,
                "question": spec.title,
                "market": market.condition,
                "slug": spec.id,
                "description": spec.rules,
                "assets_ids": list(market.tokens),
                "outcomes": list(spec.outcomes),
                "timestamp": str(now // 1_000_000),
            }
        )

    def add_account(
        self, name: str, cash: Mapping[int, int], now: int, signature_type: int = EOA, wallet: str = ""
    ) -> TestAccount:
        """A funded wallet with an API key and full allowances; other types get a wallet address of their own.

        `wallet` names that address instead: the official package derives it from the signer and accepts no other.
        """
        self.advance(now)
        if name in self.accounts:
            raise ValueError(f"{name} has an account already")
        private_key = hashlib.sha256(f"wallet:{self.seed}:{name}".encode()).digest()
        signer = address_of(PrivateKey(private_key).public_key)
        if signature_type == EOA:
            wallet = signer
        elif not wallet:
            proxy = PrivateKey(hashlib.sha256(b"proxy:" + private_key).digest())
            wallet = address_of(proxy.public_key)
        account = Account(name, signer, wallet, signature_type, cash=cash.get(0, 0))
        credentials = make_credentials(self.seed, signer, 0)
        self.accounts[name] = account
        self.by_signer[signer.lower()] = account
        self.by_key[credentials.key] = account, credentials
        return TestAccount(
            name,
            {
                "private_key": "0x" + private_key.hex(),
                "address": signer,
                "funder": wallet,
                "signature_type": str(signature_type),
                "api_key": credentials.key,
                "api_secret": credentials.secret,
                "api_passphrase": credentials.passphrase,
            },
        )

    def quote(self, market: str, maker: str, bids: Sequence[Level], asks: Sequence[Level], now: int) -> None:
        """Replace a house maker's quotes; levels that stay the same keep their priority and say nothing."""
        self.advance(now)
        listed = self.markets[market]
        if listed.resolved is not None or listed.halted:
            return
        account = self.house(maker)
        wanted = {(True, price): size for price, size in bids} | {(False, price): size for price, size in asks}
        current = self.quotes.setdefault((market, maker), {})
        for level, resting in list(current.items()):
            if resting.remaining != wanted.get(level, 0):
                listed.cancel(resting.id)
                del current[level]
        trades = []
        for (buy, price), size in wanted.items():
            if size <= 0 or (buy, price) in current:
                continue
            done = listed.take(buy, price, size)
            trades += placing.record(self, listed, done, account, None, now)
            left = size - sum(execution.size for execution in done)
            if left:
                current[buy, price] = Resting(self.new_hash(), account.name, buy, price, left)
                listed.rest(current[buy, price])
        for trade in trades:
            settlement.begin(self, trade, now)
        placing.publish_book(self, listed, now, trades)

    def take(self, market: str, taker: str, buy: bool, limit: int, size: int, now: int) -> int:
        """A house taker hits the book in YES terms; returns the size done, 0 once the market is resolved."""
        self.advance(now)
        listed = self.markets[market]
        if listed.resolved is not None or listed.halted:
            return 0
        done = listed.take(buy, limit, size)
        trades = placing.record(self, listed, done, self.house(taker), None, now)
        for trade in trades:
            settlement.begin(self, trade, now)
        placing.publish_book(self, listed, now, trades)
        return sum(execution.size for execution in done)

    def settle(self, market: str, yes_value: int, now: int) -> None:
        """End trading in a market; `settle_delay_ns` later announce its result and redeem winners (`auto_redeem`)."""
        self.advance(now)
        listed = self.markets[market]
        if listed.resolved is not None or listed.ended or not 0 <= yes_value <= MICRO:
            raise ValueError(f"{market} cannot be settled at {yes_value}")
        listed.halted = listed.ended = True
        for account in self.accounts.values():
            for order in self.open_orders(account):
                if order.market is listed:
                    placing.withdraw(self, order, now, "CANCELED_MARKET_RESOLVED")
        for key in [key for key in self.quotes if key[0] == market]:
            for resting in self.quotes.pop(key).values():
                listed.cancel(resting.id)
        placing.publish_book(self, listed, now, [])
        if self.settle_delay_ns:
            self.at(now + self.settle_delay_ns, lambda when: self._resolve(listed, yes_value, when))
        else:
            self._resolve(listed, yes_value, now)

    def _resolve(self, listed: Market, yes_value: int, now: int) -> None:
        listed.resolved = yes_value
        listed.closed_ns = now
        winner = listed.yes if yes_value * 2 >= MICRO else listed.no
        self.streams.to_followers(
            listed,
            {
                "event_type": "market_resolved",
                "id": listed.number,
                "market": listed.condition,
                "assets_ids": list(listed.tokens),
                "winning_asset_id": winner,
                "winning_outcome": listed.outcome(winner),
                "timestamp": str(now // 1_000_000),
            },
            custom=True,
        )
        if self.auto_redeem:
            settlement.redeem_all(self, listed)

    def is_open(self, market: str) -> bool:
        """Whether a market is listed and trading (modes of the venue aside)."""
        return market in self.markets and not self.markets[market].halted

    def best(self, market: str) -> tuple[int | None, int | None]:
        """Best bid and ask in YES terms."""
        return self.markets[market].best()

    def resting(self, market: str, maker: str) -> tuple[list[Level], list[Level]]:
        """What a house maker's quotes still show, best first."""
        return self.markets[market].book.resting(self.house(maker).name)

    def deposit(self, account: str, shard: int, amount: int, now: int) -> None:
        """pUSD paid into a wallet; there is one pool, shard 0. KeyError, ValueError."""
        self.advance(now)
        if shard != 0 or amount < 0:
            raise ValueError(f"{amount} cannot be paid into shard {shard}")
        self.accounts[account].cash += amount

    def withdraw(self, account: str, shard: int, amount: int, now: int) -> None:
        """pUSD taken out of a wallet by its owner. KeyError; ValueError for more than is free."""
        self.advance(now)
        if shard != 0 or not 0 <= amount <= self.accounts[account].spendable:
            raise ValueError(f"{amount} cannot be withdrawn from shard {shard} of {account}")
        self.accounts[account].cash -= amount

    def reword(self, market: str, rules: str, now: int) -> None:
        """The venue edits the rules of a listed market, as a clarification does. Raises KeyError."""
        self.advance(now)
        self.markets[market].spec = replace(self.markets[market].spec, rules=rules)

    def retreat(self, market: str, depth: int, leave: int, now: int) -> int:
        """House makers pull all but `leave` a side within `depth` of the best prices; returns the size. KeyError."""
        self.advance(now)
        return upheavals.retreat(self, self.markets[market], depth, leave, now)

    def trade_by_hand(self, account: str, market: str, buy: bool, limit: int, size: int, now: int) -> int:
        """The owner takes from the YES book without the engine; returns the size done. KeyError; ValueError without means."""
        self.advance(now)
        return upheavals.trade_by_hand(self, self.accounts[account], self.markets[market], buy, limit, size, now)

    def pause_market(self, market: str, now: int) -> None:
        """Stop one market: no orders are taken, cancels work, what rests stays. KeyError."""
        self.advance(now)
        self.markets[market].halted = True

    def resume_market(self, market: str, now: int) -> None:
        """Orders are taken again, unless trading has ended for good. KeyError."""
        self.advance(now)
        self.markets[market].halted = self.markets[market].ended

    def endow(self, account: str, market: str, yes: bool, size: int, now: int) -> None:
        """Tokens from before this exchange was made: the house mints the sets and keeps the other leg."""
        self.advance(now)
        listed, house = self.markets[market], self.house("endowment")
        token = listed.yes if yes else listed.no
        self.accounts[account].tokens[token] += size
        house.tokens[listed.opposite(token)] += size
        house.cash -= size
        listed.collateral += size

    def tokens(self, market: str) -> tuple[str, str, str]:
        """Condition id, YES token and NO token of a slug."""
        listed = self.markets[market]
        return listed.condition, listed.yes, listed.no

    def change_tick(self, market: str, tick: int, now: int) -> None:
        """Change a market's tick and announce it for both tokens."""
        self.advance(now)
        listed = self.markets[market]
        old, listed.tick = listed.tick, tick
        for token in listed.tokens:
            self.streams.to_followers(
                listed,
                {
                    "event_type": "tick_size_change",
                    "market": listed.condition,
                    "asset_id": token,
                    "old_tick_size": text(old),
                    "new_tick_size": text(tick),
                    "timestamp": str(now // 1_000_000),
                },
            )

    def redeem(self, name: str, market: str, now: int) -> int:
        """An account redeems its tokens of a resolved market by itself; returns the cash received."""
        self.advance(now)
        return settlement.redeem(self.accounts[name], self.markets[market])

    def merge(self, name: str, market: str, size: int, now: int) -> None:
        """An account merges complete sets back into dollars; ValueError when it has not as many free and settled."""
        self.advance(now)
        settlement.merge(self.accounts[name], self.markets[market], size)

    def statement(self, name: str) -> dict[str, Any]:
        """The books of one account in millionths: settled, still on its way (pending), and held by open orders."""
        account = self.accounts[name]
        due, owed = account.due_tokens, account.owed_tokens
        pending = {token: due.get(token, 0) - owed.get(token, 0) for token in due.keys() | owed.keys()}
        return {
            "cash": account.cash,
            "pending_cash": account.due_cash - account.owed_cash,
            "held_cash": account.held_cash,
            "open_orders": sum(order.status == orders.LIVE for order in self.open_orders(account)),
            "tokens": self._legs(account.tokens),
            "pending_tokens": self._legs(pending),
        }

    def _legs(self, amounts: Mapping[str, int]) -> dict[str, dict[str, int]]:
        return {
            slug: {"yes": amounts.get(market.yes, 0), "no": amounts.get(market.no, 0)}
            for slug, market in self.markets.items()
        }

    # --- faults ---

    def drop_price_changes(self, connection: int, count: int) -> None:
        """Lose the next `count` price_change frames of one connection."""
        self.streams.drop_price_changes(connection, count)

    def close_connection(self, connection: int) -> None:
        """Close one connection from the venue's side."""
        self.streams.close(connection)
