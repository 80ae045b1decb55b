"""One match: a taker, its makers at one price, and where it stands on its way to the chain. Data and its JSON only."""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import notional, text
from dutchbook.simulator.polymarket.market import Market

MATCHED, MINED, CONFIRMED, RETRYING, FAILED = "MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"


@dataclass(frozen=True, slots=True)
class Party:
    """One side's part in a trade, in terms of the token it traded. `fee` is millionths of a dollar."""

    account: Account
    order_id: str
    owner: str
    token: str
    buy: bool
    price: int
    size: int
    fee: int = 0

    @property
    def cash(self) -> int:
        """pUSD exchanged for the shares, without the fee."""
        return notional(self.size, self.price)

    def maker_json(self, market: Market, fee_bps: str) -> dict[str, object]:
        return {
            "order_id": self.order_id,
            "owner": self.owner,
            "maker_address": self.account.wallet,
            "matched_amount": text(self.size),
            "price": text(self.price),
            "fee_rate_bps": fee_bps,
            "asset_id": self.token,
            "outcome": market.outcome(self.token),
            "side": "BUY" if self.buy else "SELL",
        }


@dataclass(slots=True)
class Trade:
    """A taker order's match against all makers of one price level."""

    id: str
    market: Market
    taker: Party
    makers: tuple[Party, ...]
    bucket: int
    matched_ns: int
    doomed: bool
    """It will be retried and then fail."""
    status: str = MATCHED
    updated_ns: int = 0
    transaction: str = ""
    retry_ns: int = 0
    """How long it will be retried before it is mined."""

    @property
    def parties(self) -> tuple[Party, ...]:
        return (self.taker, *self.makers)

    def _common(self, viewer: Account) -> dict[str, object]:
        fee_bps = "1000" if self.market.rate else "0"
        body: dict[str, object] = {
            "id": self.id,
            "taker_order_id": self.taker.order_id,
            "market": self.market.condition,
            "asset_id": self.taker.token,
            "side": "BUY" if self.taker.buy else "SELL",
            "size": text(self.taker.size),
            "price": text(self.taker.price),
            "fee_rate_bps": fee_bps,
            "match_time": str(self.matched_ns // 1_000_000_000),
            "match_time_nano": str(self.matched_ns),
            "last_update": str(self.updated_ns // 1_000_000_000),
            "outcome": self.market.outcome(self.taker.token),
            "bucket_index": self.bucket,
            "owner": self.taker.owner,
            "maker_address": self.taker.account.wallet,
            "trader_side": "TAKER" if self.taker.account is viewer else "MAKER",
            "maker_orders": [maker.maker_json(self.market, fee_bps) for maker in self.makers],
        }
        if self.transaction:
            body["transaction_hash"] = self.transaction
        return body

    def rest_json(self, viewer: Account) -> dict[str, object]:
        """A row of /data/trades; a maker finds its own part in `maker_orders`."""
        return {**self._common(viewer), "status": f"TRADE_STATUS_{self.status}"}

    def event_json(self, viewer: Account, now: int) -> dict[str, object]:
        """A `trade` event of the user stream."""
        return {
            "event_type": "trade",
            "type": "TRADE",
            **self._common(viewer),
            "status": self.status,
            "trade_owner": self.taker.owner,
            "timestamp": str(now // 1_000_000),
        }
