"""An order as posted (decoded, nothing believed yet) and as kept (accepted, with its progress).

Holds no rule about acceptance; `placing` has those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.amounts import MICRO, digits, text
from dutchbook.simulator.polymarket.market import Market
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.rules import ORDER_TYPES
from dutchbook.simulator.polymarket.signing import SignedFields

LIVE, MATCHED, DELAYED, CANCELED = "LIVE", "MATCHED", "DELAYED", "CANCELED"

_SALT_LIMIT = 1 << 53
_MS_RANGE = range(10**12, 10**14)


class SignedOrder(msgspec.Struct):
    """The `order` object of the body, as sent."""

    salt: int
    maker: str
    signer: str
    tokenId: str
    makerAmount: str
    takerAmount: str
    side: str
    signatureType: int
    timestamp: str
    metadata: str
    builder: str
    signature: str
    expiration: str = "0"


class Posting(msgspec.Struct):
    """The body of POST /order. `salt` must be a JSON number, the amounts texts."""

    order: SignedOrder
    owner: str
    orderType: str
    postOnly: bool = False
    deferExec: bool = False


def decode_posting(raw: bytes | msgspec.Raw) -> Posting:
    """Refuses a body of another shape, and a V1 order with its own text."""
    try:
        return msgspec.json.decode(raw, type=Posting)
    except msgspec.DecodeError as error:
        if _is_v1(raw):
            raise Refused(400, "order_version_mismatch") from error
        raise Refused(400, "Invalid order payload") from error


def _is_v1(raw: bytes | msgspec.Raw) -> bool:
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return False
    order = body.get("order") if isinstance(body, dict) else None
    return isinstance(order, dict) and "timestamp" not in order and ("feeRateBps" in order or "nonce" in order)


def signed_fields(posting: Posting) -> SignedFields:
    """The eleven signed fields with their types; `Invalid order payload` when one is out of range."""
    order = posting.order
    token, maker, taker = digits(order.tokenId), digits(order.makerAmount), digits(order.takerAmount)
    timestamp = digits(order.timestamp)
    if (
        token is None
        or not maker
        or not taker
        or timestamp is None
        or timestamp not in _MS_RANGE
        or not 0 <= order.salt < _SALT_LIMIT
        or order.side not in ("BUY", "SELL")
        or order.signatureType not in (0, 1, 2, 3)
        or posting.orderType not in ORDER_TYPES
        or digits(order.expiration) is None
    ):
        raise Refused(400, "Invalid order payload")
    return SignedFields(
        salt=order.salt,
        maker=order.maker,
        signer=order.signer,
        token_id=token,
        maker_amount=maker,
        taker_amount=taker,
        side=0 if order.side == "BUY" else 1,
        signature_type=order.signatureType,
        timestamp=timestamp,
        metadata=order.metadata,
        builder=order.builder,
    )


@dataclass(slots=True)
class Order:
    """An accepted order. `price` is its token's; `size` and `filled` are shares; `held` is what it reserves."""

    id: str
    account: Account
    owner: str
    market: Market
    token: str
    buy: bool
    price: int
    size: int
    budget: int
    """pUSD the signature lets a BUY spend."""
    order_type: str
    expiration: int
    created_ns: int
    filled: int = 0
    held: int = 0
    status: str = LIVE
    trades: list[str] = field(default_factory=list)
    unmatched: bool = False
    """It rests after a delay in which it found nothing, and says so."""

    @property
    def word(self) -> str:
        """The status as the venue shows it."""
        return "UNMATCHED" if self.unmatched and self.status == LIVE and not self.filled else self.status

    @property
    def remaining(self) -> int:
        return self.size - self.filled

    @property
    def book_buy(self) -> bool:
        """The side in YES terms: buying NO is selling YES."""
        return self.buy == (self.token == self.market.yes)

    @property
    def book_price(self) -> int:
        """The limit in YES terms."""
        return self.market.own_price(self.token, self.price)

    def cost_to_hold(self) -> int:
        """What the rest of the order needs: pUSD rounded up for a BUY, shares for a SELL."""
        return -(-self.remaining * self.price // MICRO) if self.buy else self.remaining

    def hold(self, amount: int) -> None:
        """Reserve exactly `amount` of the account's cash (BUY) or tokens (SELL) from now on."""
        if self.buy:
            self.account.held_cash += amount - self.held
        else:
            self.account.held_tokens[self.token] += amount - self.held
        self.held = amount

    def _common(self) -> dict[str, object]:
        return {
            "id": self.id,
            "owner": self.owner,
            "maker_address": self.account.wallet,
            "market": self.market.condition,
            "asset_id": self.token,
            "side": "BUY" if self.buy else "SELL",
            "original_size": text(self.size),
            "size_matched": text(self.filled),
            "price": text(self.price),
            "outcome": self.market.outcome(self.token),
            "order_type": self.order_type,
            "associate_trades": list(self.trades),
            "expiration": str(self.expiration),
        }

    def rest_json(self) -> dict[str, object]:
        """OpenOrder of the REST reference."""
        return {
            **self._common(),
            "status": f"ORDER_STATUS_{self.word}",
            "created_at": self.created_ns // 1_000_000_000,
        }

    def event_json(self, kind: str, status: str, now: int) -> dict[str, object]:
        """An `order` event of the user stream; `kind` is PLACEMENT, UPDATE or CANCELLATION."""
        return {
            "event_type": "order",
            "type": kind,
            **self._common(),
            "order_owner": self.owner,
            "status": status,
            "created_at": str(self.created_ns // 1_000_000_000),
            "timestamp": str(now // 1_000_000),
        }
