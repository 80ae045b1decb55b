"""What the private reads say: orders, trades as fills, balances, and the results of reads that failed.

Sans-I/O. A page or a row that cannot be read is an error: a partial answer is never passed on as a whole one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from dutchbook.core.claim import Claim
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import CredentialsError, MalformedFrame, RateLimited, Refused, Unavailable
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import MICRO, Cash, Price, Rounding, Size, complement, format_micros, notional, parse_micros
from dutchbook.core.order import Action, Fill, OrderReport, ReportStatus
from dutchbook.core.transport import Response
from dutchbook.venues.polymarket.rate import retry_after_ns
from dutchbook.venues.polymarket.tokens import TokenRegistry
from dutchbook.venues.polymarket.wire import WEB_PAGE, error_text, is_web_page

LAST_CURSOR: Final = "LTE="
FIRST_CURSOR: Final = "MA=="

Row = TypeVar("Row")


NO_AMOUNT: Final = msgspec.Raw(b'""')
"""Amounts stay as they came: decimal text as promised, or the JSON number that the venue sends at times."""


class OpenOrder(msgspec.Struct):
    """An order as the private reads and the user stream show it (the fields that we use)."""

    id: str
    status: str = ""
    size_matched: msgspec.Raw = NO_AMOUNT
    order_type: str | None = ""
    type: str = ""
    """User stream only: PLACEMENT, UPDATE or CANCELLATION."""


class MakerOrder(msgspec.Struct):
    order_id: str
    matched_amount: msgspec.Raw
    price: msgspec.Raw
    asset_id: str
    owner: str | None = ""
    maker_address: str | None = ""
    side: str | None = ""


class Trade(msgspec.Struct):
    """One match: a taker order against one or more maker orders."""

    id: str
    taker_order_id: str
    asset_id: str
    side: str
    size: msgspec.Raw
    price: msgspec.Raw
    status: str
    match_time: str | int | None = ""
    matchtime: str | int | None = ""
    owner: str | None = ""
    trade_owner: str | None = ""
    trader_side: str | None = ""
    maker_orders: list[MakerOrder] = []
    err_msg: str | None = None


class Page(msgspec.Struct):
    data: list[msgspec.Raw]
    next_cursor: str | None = None

    @property
    def next(self) -> str | None:
        """The cursor of the following page; None at the end."""
        return None if self.next_cursor in (None, "", LAST_CURSOR) else self.next_cursor


class Pagination(msgspec.Struct):
    next_cursor: str | None = None


class BalanceAnswer(msgspec.Struct):
    balance: str | int


def check_answer(response: Response, what: str) -> bytes:
    """The body of a read that succeeded.

    Raises RateLimited, Unavailable (5xx, restarts), CredentialsError (401) or Refused (`code` is the HTTP status).
    """
    status = response.status
    if status == 200:
        return response.body
    text = error_text(response.body)[0] or "no message"
    message = f"Polymarket {what}: HTTP {status}, {text}"
    if status == 429:
        raise RateLimited(message, retry_after_ns(response.headers))
    if status == 425 or status >= 500:
        raise Unavailable(message)
    if status == 401:
        raise CredentialsError(f"{message}; check the API credentials and the clock")
    raise Refused(message, code=str(status))


def decode(body: bytes | msgspec.Raw, kind: type[Row], what: str) -> Row:
    """Typed JSON; raises MalformedFrame naming the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(f"Polymarket {what}: {WEB_PAGE if is_web_page(bytes(body)) else error}") from None


def micros(amount: str | int | msgspec.Raw, name: str) -> int:
    """Millionths of a decimal, in quotes or not; "" counts as zero. Raises MalformedFrame naming the field."""
    text = bytes(amount).decode("utf-8", "replace").strip('"') if isinstance(amount, msgspec.Raw) else amount
    if text == "":
        return 0
    try:
        value = parse_micros(text, name)
    except ValueError as error:
        raise MalformedFrame(str(error)) from None
    if value < 0:
        raise MalformedFrame(f"{name}: {text!r} is negative")
    return value


def time_ns(value: str | int) -> int:
    """Unix nanoseconds of seconds or milliseconds (number or text) or of an ISO text; 0 when it is neither."""
    text = str(value)
    if text.isdecimal():
        number = int(text)
        return number * (MILLISECOND if number >= 10**11 else SECOND)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000


def read_balance(body: bytes, what: str) -> int:
    """Millionths of pUSD or of a token: the venue states six-decimal integers."""
    balance = str(decode(body, BalanceAnswer, what).balance)
    if not balance.isdecimal():
        raise MalformedFrame(f"Polymarket {what}: balance {balance!r} is not a six-decimal integer")
    return int(balance)


def read_time(body: bytes) -> int:
    """The venue's clock in nanoseconds from GET /time: bare unix seconds, or `{"time": ..}`."""
    value = decode(body, object, "time")
    if isinstance(value, dict):
        value = value.get("time")
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedFrame(f"Polymarket time: {value!r} is not unix seconds")
    return value * SECOND


class HeldPosition(msgspec.Struct):
    """A row of the Data API's positions, which may be some seconds old."""

    token_id: str
    condition_id: str = ""


class Holdings(msgspec.Struct):
    """A page of them."""

    data: list[HeldPosition]
    pagination: Pagination | None = None

    @property
    def next(self) -> str | None:
        """The cursor of the following page; None at the end."""
        return (self.pagination.next_cursor if self.pagination else None) or None


class _Geoblock(msgspec.Struct):
    blocked: bool
    country: str | None = None
    region: str | None = None


def read_region(body: bytes) -> str:
    """The place of a geoblock answer; raises Refused where no orders are taken, MalformedFrame for another shape."""
    answer = decode(body, _Geoblock, "region check")
    place = " ".join(part for part in (answer.country, answer.region) if part) or "an unnamed region"
    if answer.blocked:
        raise Refused(
            f"Polymarket takes no orders from {place}, where it sees this machine; live trading stays off there",
            "region",
        )
    return place


class _HashedLevel(msgspec.Struct):
    price: str
    size: str


class _HashedBook(msgspec.Struct):
    """A book with the keys in the order that the venue hashes them in."""

    market: str
    asset_id: str
    timestamp: str
    hash: str
    bids: list[_HashedLevel]
    asks: list[_HashedLevel]
    min_order_size: str
    tick_size: str
    neg_risk: bool
    last_trade_price: str = ""


def book_hash(body: bytes) -> str:
    """What the `hash` of a REST book must be: SHA-1 of its compact JSON with an empty hash; raises MalformedFrame.

    Source: the venue's former client, and recorded frames, whose hashes it reproduces.
    """
    book = decode(body, _HashedBook, "book")
    book.hash = ""
    return hashlib.sha1(msgspec.json.encode(book), usedforsecurity=False).hexdigest()


def order_report(order: OpenOrder) -> OrderReport:
    """An order's state in the engine's words.

    UNMATCHED (a delayed order that found nothing) may rest when its type allows it, else its end is not known yet.
    """
    word = order.status.upper().removeprefix("ORDER_STATUS_")
    filled = Size(micros(order.size_matched, "size_matched"))
    if order.type.upper() == "CANCELLATION" or word.startswith(("CANCEL", "INVALID", "EXPIRED")) or word == "MATCHED":
        status = ReportStatus.DONE
    elif word == "LIVE" or (word == "" and order.type.upper() in ("PLACEMENT", "UPDATE")):
        status = ReportStatus.RESTING
    elif word == "DELAYED":
        status = ReportStatus.DELAYED
    elif word == "UNMATCHED" and (order.order_type or "").upper() in ("GTC", "GTD"):
        status = ReportStatus.RESTING
    else:
        status = ReportStatus.UNKNOWN
    return OrderReport(order.id, order.id, status, filled, order.status, word.lower())


def trade_status(trade: Trade) -> str:
    """MATCHED, MINED, CONFIRMED, RETRYING, FAILED, … without the REST prefix."""
    return trade.status.upper().removeprefix("TRADE_STATUS_")


def fill_id(trade: Trade, order: str) -> str:
    """One trade may fill several of our orders: a fill is named by both."""
    return f"{trade.id}:{order}"


def our_orders(trade: Trade, api_key: str, funder: str) -> Iterator[str]:
    """The ids of our orders in a trade: the taker's when we took, and those maker orders that are ours."""
    side = (trade.trader_side or "").upper()
    if side == "TAKER" or (side == "" and api_key in (trade.owner, trade.trade_owner)):
        yield trade.taker_order_id
    seen = set()
    for maker in trade.maker_orders:
        ours = maker.owner == api_key or (maker.maker_address or "").lower() == funder.lower()
        if ours and maker.order_id not in seen:
            seen.add(maker.order_id)
            yield maker.order_id


def read_fill(trade: Trade, order: str, registry: TokenRegistry) -> Fill | None:
    """What `trade` filled of `order` (its hash); None when the order is not in it.

    As taker the cash is what each maker's price says: a maker on the opposite token at q gives us 1 - q. Cash is
    rounded against us, match by match. The fee is the schedule's, not the venue's word. Raises MalformedFrame for a
    token whose market was never read.
    """
    if trade.taker_order_id == order:
        matches = [
            (micros(maker.price, "maker_orders.price"), micros(maker.matched_amount, "matched_amount"), maker.asset_id)
            for maker in trade.maker_orders
        ] or [(micros(trade.price, "price"), micros(trade.size, "size"), trade.asset_id)]
        return _fill(trade, order, trade.asset_id, trade.side, matches, Liquidity.TAKER, registry)
    own = [maker for maker in trade.maker_orders if maker.order_id == order]
    if not own:
        return None
    first = own[0]
    # a maker on the taker's own token trades the other way; on the opposite token both buy (mint) or both sell (merge)
    opposite = {"BUY": "SELL", "SELL": "BUY"}.get(trade.side.upper(), "")
    side = first.side or (opposite if first.asset_id == trade.asset_id else trade.side)
    matches = [
        (micros(maker.price, "maker_orders.price"), micros(maker.matched_amount, "matched_amount"), maker.asset_id)
        for maker in own
    ]
    return _fill(trade, order, first.asset_id, side, matches, Liquidity.MAKER, registry)


def _fill(
    trade: Trade,
    order: str,
    token: str,
    side: str,
    matches: Iterable[tuple[int, int, str]],
    liquidity: Liquidity,
    registry: TokenRegistry,
) -> Fill:
    claim: Claim | None = registry.claim(token)
    if claim is None:
        raise MalformedFrame(f"Polymarket trade {trade.id}: its token {token} belongs to no market that was read")
    try:
        action = Action(side.lower())
    except ValueError:
        raise MalformedFrame(f"Polymarket trade {trade.id}: side {side!r} is neither BUY nor SELL") from None
    fees = registry.market(claim.market).fees
    rounding = Rounding.CEIL if action is Action.BUY else Rounding.FLOOR
    size = cash = fee = 0
    for quoted, matched, asset in matches:
        if not 0 < quoted < MICRO:
            raise MalformedFrame(f"Polymarket trade {trade.id}: price {format_micros(quoted)} is not inside (0, 1)")
        price = Price(quoted) if asset == token else complement(Price(quoted))
        size += matched
        cash += notional(price, Size(matched), rounding)
        fee += fees.trade_fee(price, Size(matched), liquidity)
    status = trade_status(trade)
    return Fill(
        id=fill_id(trade, order),
        identity=order,
        venue_order_id=order,
        claim=claim,
        action=action,
        size=Size(size),
        cash=Cash(cash),
        fee=Cash(fee),
        liquidity=liquidity,
        at_ns=time_ns(trade.match_time or trade.matchtime or ""),
        final=status == "CONFIRMED",
        fee_exact=False,
        sellable=status in ("MINED", "CONFIRMED"),
    )
