"""Orders as bytes and the answers to them: amounts, the body of POST /order, and what each answer means.

Sans-I/O: no request leaves here and no clock is read. An answer that is not understood is UNKNOWN, never a zero fill.
"""

from __future__ import annotations

from typing import Final

import msgspec

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import InvalidOrder
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Price, Size, format_dollars, format_micros, notional, parse_micros
from dutchbook.core.order import Action, Intent, OrderReport, ReportStatus, TimeInForce
from dutchbook.venues.polymarket.config import PolymarketKey
from dutchbook.venues.polymarket.signing import SignedOrder

ORDER_TYPES: Final = {
    TimeInForce.FOK: "FOK",
    TimeInForce.IOC: "FAK",
    TimeInForce.GTC: "GTC",
    TimeInForce.GTD: "GTD",
}
MARKETABLE: Final = frozenset({TimeInForce.FOK, TimeInForce.IOC})
GTD_EARLY_NS: Final = 60 * SECOND
"""A GTD order ends this much before its `expiration` field says."""
GTD_LEAST_NS: Final = 180 * SECOND
"""The `expiration` field must be at least this far ahead."""

_EMPTY32: Final = "0x" + "00" * 32


def order_amounts(action: Action, price: Price, size: Size) -> tuple[int, int]:
    """(makerAmount, takerAmount) in millionths: a BUY gives pUSD and takes shares, a SELL the reverse.

    Exact for every tick and a size of two decimals; raises InvalidOrder naming the size otherwise.
    """
    try:
        cash = notional(price, size)
    except ValueError:
        raise InvalidOrder(
            f"size: {format_micros(size, trim=True)} at {format_micros(price, trim=True)} is not a whole amount of pUSD"
        ) from None
    return (cash, size) if action is Action.BUY else (size, cash)


def check_order(intent: Intent, market: Market, wall_ns: int) -> None:
    """Raises InvalidOrder, naming the field, for an order that the venue would refuse."""
    price, size = intent.limit, intent.size
    if not market.grid.contains(price):
        raise InvalidOrder(f"price: {format_micros(price, trim=True)} is not on the tick grid of {market.id}")
    if size <= 0 or size % market.lot:
        raise InvalidOrder(
            f"size: {format_micros(size, trim=True)} is not a positive multiple of {format_micros(market.lot, 2)}"
        )
    if intent.reduce_only and intent.action is Action.BUY:
        raise InvalidOrder("reduce_only: both tokens are held here, so a purchase never closes; sell the held token")
    if intent.tif not in MARKETABLE:
        if size < market.min_size:
            raise InvalidOrder(
                f"size: {format_micros(size, trim=True)} is below the smallest resting order, "
                f"{format_micros(market.min_size, trim=True)}"
            )
        if intent.tif is TimeInForce.GTD and intent.expires_ns + GTD_EARLY_NS < wall_ns + GTD_LEAST_NS:
            raise InvalidOrder("expires_ns: a GTD order must live for at least two minutes")
        return
    if intent.post_only:
        raise InvalidOrder(f"post_only: it cannot be combined with {ORDER_TYPES[intent.tif]}")
    buying = intent.action is Action.BUY
    lot = market.marketable_lot(price, buying=buying)
    if size % lot:
        raise InvalidOrder(
            f"size: {format_micros(size, trim=True)} at {format_micros(price, trim=True)} breaks the decimals rule of "
            f"{ORDER_TYPES[intent.tif]} orders; sizes are multiples of {format_micros(lot, trim=True)}"
        )
    if buying and price * size < market.min_cash * MICRO:
        raise InvalidOrder(
            f"size: the purchase is below the smallest marketable one, {format_dollars(market.min_cash)}"
        )


def expiration_of(intent: Intent) -> str:
    """The unsigned `expiration` field, unix seconds: "0" unless GTD; the venue ends the order 60 s before it."""
    if intent.tif is not TimeInForce.GTD:
        return "0"
    return str((intent.expires_ns + GTD_EARLY_NS) // SECOND)


def order_body(
    intent: Intent,
    key: PolymarketKey,
    owner: str,
    signed: SignedOrder,
    *,
    salt: int,
    token: str,
    maker_amount: int,
    taker_amount: int,
    timestamp_ms: int,
) -> bytes:
    """The exact bytes of POST /order: compact JSON with the salt as a number. `owner` is the API key's id."""
    post_only = ',"postOnly":true' if intent.post_only else ""
    side = "BUY" if intent.action is Action.BUY else "SELL"
    return (
        f'{{"deferExec":false,"order":{{"builder":"{_EMPTY32}","expiration":"{expiration_of(intent)}",'
        f'"maker":"{key.funder}","makerAmount":"{maker_amount}","metadata":"{_EMPTY32}","salt":{salt},'
        f'"side":"{side}","signature":"{signed.signature}","signatureType":{key.signature_type},'
        f'"signer":"{key.order_signer}","takerAmount":"{taker_amount}","timestamp":"{timestamp_ms}",'
        f'"tokenId":"{token}"}},"orderType":"{ORDER_TYPES[intent.tif]}","owner":{msgspec.json.encode(owner).decode()}'
        f"{post_only}}}"
    ).encode()


class _PostAnswer(msgspec.Struct, rename="camel"):
    success: bool | None = None
    error_msg: str | None = None
    order_id: str | None = msgspec.field(name="orderID", default=None)
    status: str | None = None
    making_amount: msgspec.Raw = msgspec.Raw()
    taking_amount: msgspec.Raw = msgspec.Raw()
    error: str | None = None
    code: str | int | None = None


DUPLICATED: Final = "duplicated"
"""Code of an answer that says that these bytes are already there: ask for the order."""

# text in the venue's message (lower case) -> (what it means for the order, our code); the first that occurs decides
_TEXTS: Final[tuple[tuple[str, ReportStatus, str], ...]] = (
    ("duplicated", ReportStatus.UNKNOWN, DUPLICATED),
    ("context canceled", ReportStatus.UNKNOWN, "context_canceled"),
    ("fully filled or killed", ReportStatus.DONE, "fok_not_filled"),
    ("couldn't be fully filled", ReportStatus.DONE, "fok_not_filled"),
    ("no orders found to match with fak", ReportStatus.DONE, "fak_not_filled"),
    ("order timed out", ReportStatus.REJECTED, "order_timed_out"),
    ("trading is currently disabled", ReportStatus.REJECTED, "trading_disabled"),
    ("cancel-only", ReportStatus.REJECTED, "cancel_only"),
    ("post_only_mode", ReportStatus.REJECTED, "post_only_mode"),
    ("post-only mode", ReportStatus.REJECTED, "post_only_mode"),
    ("breaks minimum tick size", ReportStatus.REJECTED, "tick_size"),
    ("lower than the minimum", ReportStatus.REJECTED, "min_size"),
    ("crosses book", ReportStatus.REJECTED, "post_only_would_cross"),
    ("crosses the book", ReportStatus.REJECTED, "post_only_would_cross"),
    ("not enough balance", ReportStatus.REJECTED, "not_enough_balance"),
    ("insufficient balance", ReportStatus.REJECTED, "not_enough_balance"),
    ("max accuracy", ReportStatus.REJECTED, "invalid_amounts"),
    ("invalid expiration", ReportStatus.REJECTED, "invalid_expiration"),
    ("match delayed due to market conditions", ReportStatus.REJECTED, "match_delayed"),
    ("not yet ready to process", ReportStatus.REJECTED, "market_not_ready"),
    ("order canceled in the ctf exchange", ReportStatus.REJECTED, "canceled_on_chain"),
    ("order_version_mismatch", ReportStatus.REJECTED, "version_mismatch"),
    ("maker address not allowed", ReportStatus.REJECTED, "maker_not_allowed"),
    ("invalid signature", ReportStatus.REJECTED, "invalid_signature"),
    ("closed only mode", ReportStatus.REJECTED, "closed_only"),
    ("address banned", ReportStatus.REJECTED, "banned"),
    ("' banned", ReportStatus.REJECTED, "banned"),
    ("restricted in your region", ReportStatus.REJECTED, "region"),
    ("has to be the owner of the api key", ReportStatus.REJECTED, "wrong_owner"),
    ("has to be the address of the api key", ReportStatus.REJECTED, "wrong_signer"),
    ("invalid order payload", ReportStatus.REJECTED, "invalid_payload"),
    ("too many orders in payload", ReportStatus.REJECTED, "too_many_orders"),
    ("invalid api key", ReportStatus.REJECTED, "unauthorized"),
    ("invalid l1 request headers", ReportStatus.REJECTED, "unauthorized"),
)
# statuses with which the venue refuses whatever it says
_REFUSING: Final = {400: "refused", 401: "unauthorized", 403: "forbidden", 425: "restarting", 429: "rate_limited"}
# statuses with which the venue may have done anything, except where its text is one of these
_EXCUSED: Final = {
    500: frozenset({"order_timed_out"}),
    503: frozenset({"trading_disabled", "cancel_only", "post_only_mode"}),
}


def meaning_of(text: str) -> tuple[ReportStatus, str] | None:
    """What a message of the venue means for the order it answers, with our code; None when it is not known."""
    lower = text.lower()
    for part, status, code in _TEXTS:
        if part in lower:
            return status, code
    return None


WEB_PAGE: Final = "a web page instead of JSON: a gateway answered, not the venue"


def is_web_page(body: bytes) -> bool:
    """Whether an answer is HTML, as gateways and proxies send it."""
    return body.lstrip()[:1] == b"<"


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def error_text(body: bytes) -> tuple[str, str]:
    """(message, the venue's own code) of an error body; the first bytes as they are when it is not JSON."""
    try:
        answer = msgspec.json.decode(body, type=_PostAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return WEB_PAGE if is_web_page(body) else body[:200].decode("utf-8", "replace").strip(), ""
    return answer.error or answer.error_msg or "", str(answer.code or "")


def restriction(status: int, body: bytes) -> str:
    """What an answer that is no 200 says about the venue or the account, as one of our codes; "" when nothing."""
    text, venue_code = error_text(body)
    known = meaning_of(venue_code) or meaning_of(text)
    return known[1] if known is not None else _REFUSING.get(status, "")


def read_post_answer(status: int, body: bytes, identity: str, intent: Intent) -> OrderReport:
    """The report of an answer to POST /order.

    Accepted means all of: success, no message, an order id, and a status that we know. `live` for an order that may
    not rest, `unmatched`, new statuses, unreadable bodies and 5xx are UNKNOWN: the order is asked for by its hash.
    """

    def report(what: ReportStatus, reason: str, code: str, filled: Size = Size(0), order: str = "") -> OrderReport:
        return OrderReport(identity, order, what, filled, reason, code)

    if status != 200:
        text, venue_code = error_text(body)
        known = meaning_of(venue_code) or meaning_of(text)
        if status not in _REFUSING and known is not None and known[1] not in _EXCUSED.get(status, ()):
            known = None
        # a 400 that cannot be read may have said `Duplicated`: then the order is there
        if known is None and status in _REFUSING and (status != 400 or (text and _is_json(body))):
            known = (ReportStatus.REJECTED, venue_code or _REFUSING[status])
        what, code = known or (ReportStatus.UNKNOWN, venue_code or str(status))
        return report(what, text or f"HTTP {status}", code)
    try:
        answer = msgspec.json.decode(body, type=_PostAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = WEB_PAGE if is_web_page(body) else f"unreadable answer: {error}"
        return report(ReportStatus.UNKNOWN, reason, "unreadable")
    text = answer.error_msg or answer.error or ""
    order_id = answer.order_id or ""
    if text:
        known = meaning_of(text)
        if known is None and answer.success is False and not order_id:
            known = (ReportStatus.REJECTED, "refused")
        what, code = known or (ReportStatus.UNKNOWN, "unknown_message")
        return report(what, text, code, order=order_id)
    if answer.success is not True or not order_id:
        return report(ReportStatus.UNKNOWN, "the answer neither accepts nor refuses", "unreadable", order=order_id)
    word = (answer.status or "").lower()
    if word == "delayed":
        return report(ReportStatus.DELAYED, "", word, order=order_id)
    if word not in ("live", "matched"):
        return report(ReportStatus.UNKNOWN, f"status {answer.status!r}", word or "no_status", order=order_id)
    shares = answer.taking_amount if intent.action is Action.BUY else answer.making_amount
    try:
        filled = _amount(shares, intent.size)
    except ValueError as error:
        return report(ReportStatus.UNKNOWN, str(error), "unreadable", order=order_id)
    if word == "live":
        if intent.tif in MARKETABLE:
            # such orders were seen to fill later: neither resting nor a miss
            return report(ReportStatus.UNKNOWN, "live, though it may not rest", word, order=order_id)
        return report(ReportStatus.RESTING, "", word, filled or Size(0), order_id)
    if filled is None:
        return report(ReportStatus.UNKNOWN, "matched without amounts", word, order=order_id)
    rests = intent.tif not in MARKETABLE and filled < intent.size
    return report(ReportStatus.RESTING if rests else ReportStatus.DONE, "", word, filled, order_id)


def answered_order(body: bytes) -> str:
    """The order id in one answer; "" when it names none or cannot be read."""
    try:
        return msgspec.json.decode(body, type=_PostAnswer).order_id or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _amount(value: msgspec.Raw, size: Size) -> Size | None:
    """Shares of an answer in millionths; None when absent. Raises ValueError for what is not a number.

    The venue sends decimal text in human units; its schema shows six-decimal integers. A number without a point is
    taken for whichever of the two lies nearer to the order's size (in ratio).
    """
    text = bytes(value).decode().strip('"')
    if text in ("", "null"):
        return None
    if not text.isdecimal():
        shares = parse_micros(text, "takingAmount/makingAmount")
        if shares < 0:
            raise ValueError(f"takingAmount/makingAmount: {text!r} is negative")
        return Size(shares)
    number = int(text)
    return Size(number * MICRO if number * 1_000 < size else number)
