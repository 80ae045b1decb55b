"""Where the venues are, how their accounts round and sign, how a feed is kept alive. No key or token stands here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dutchbook.core.fees import Precision
from dutchbook.core.money import Cash
from dutchbook.settings.kinds import ADDRESS, DOLLARS, HTTPS, SECONDS, SIGNATURE_TYPE, TIME_OF_DAY, WSS, Kind
from dutchbook.settings.table import setting

_PRECISIONS: Final = {"direct": Precision.DIRECT, "non_direct": Precision.NON_DIRECT}
_PRECISION: Final = Kind("one of: direct, non_direct", lambda raw: _precision(str(raw)))


def _precision(text: str) -> Precision:
    try:
        return _PRECISIONS[text.strip().lower()]
    except KeyError:
        raise ValueError("unknown precision") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class KalshiSettings:
    """Where Kalshi is, and how its member rounds."""

    rest_url: str = setting(
        "kalshi.rest_url",
        "KALSHI_REST_URL",
        kind=HTTPS,
        default="https://external-api.kalshi.com/trade-api/v2",
        meaning="REST root",
    )
    ws_url: str = setting(
        "kalshi.ws_url",
        "KALSHI_WS_URL",
        kind=WSS,
        default="wss://external-api-ws.kalshi.com/trade-api/ws/v2",
        meaning="WebSocket",
    )
    precision: Precision = setting(
        "kalshi.precision",
        "KALSHI_PRECISION",
        kind=_PRECISION,
        default="non_direct",
        meaning="balance rounding of the member: direct ($0.0001) or non_direct ($0.01)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolymarketSettings:
    """Where Polymarket is, and how its account signs."""

    clob_url: str = setting(
        "polymarket.clob_url",
        "POLYMARKET_CLOB_URL",
        kind=HTTPS,
        default="https://clob.polymarket.com",
        meaning="order book REST root",
    )
    gamma_url: str = setting(
        "polymarket.gamma_url",
        "POLYMARKET_GAMMA_URL",
        kind=HTTPS,
        default="https://gamma-api.polymarket.com",
        meaning="market catalogue",
    )
    data_url: str = setting(
        "polymarket.data_url",
        "POLYMARKET_DATA_URL",
        kind=HTTPS,
        default="https://data-api.polymarket.com",
        meaning="positions",
    )
    market_ws_url: str = setting(
        "polymarket.market_ws_url",
        "POLYMARKET_MARKET_WS_URL",
        kind=WSS,
        default="wss://ws-subscriptions-clob.polymarket.com/ws/market",
        meaning="market WebSocket",
    )
    user_ws_url: str = setting(
        "polymarket.user_ws_url",
        "POLYMARKET_USER_WS_URL",
        kind=WSS,
        default="wss://ws-subscriptions-clob.polymarket.com/ws/user",
        meaning="user WebSocket",
    )
    signature_type: int = setting(
        "polymarket.signature_type",
        "POLYMARKET_SIGNATURE_TYPE",
        kind=SIGNATURE_TYPE,
        default="3",
        meaning="0 own key, 1 proxy, 2 safe, 3 deposit wallet (new accounts)",
    )
    funder: str = setting(
        "polymarket.funder_address",
        "POLY_FUNDER_ADDRESS",
        kind=ADDRESS,
        default="",
        meaning="wallet that holds the money; not needed with signature type 0",
    )
    min_marketable_cash: Cash = setting(
        "polymarket.min_marketable_cash",
        "POLYMARKET_MIN_MARKETABLE_CASH",
        kind=DOLLARS,
        default="1",
        meaning="smallest purchase that takes from the book, dollars",
    )
    absence_margin_ns: int = setting(
        "polymarket.absence_margin_s",
        "POLYMARKET_ABSENCE_MARGIN_S",
        kind=SECONDS,
        default="30",
        meaning="seconds after an order's deadline before 'not found' counts as evidence",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """How a stream is kept alive and when it counts as dead, nanoseconds."""

    keepalive_ns: int = setting(
        "feed.keepalive_s",
        "DUTCHBOOK_FEED_KEEPALIVE_S",
        kind=SECONDS,
        default="1",
        meaning="seconds between keep-alive messages",
    )
    silent_ns: int = setting(
        "feed.silent_s",
        "DUTCHBOOK_FEED_SILENT_S",
        kind=SECONDS,
        default="5",
        meaning="a feed silent for these seconds is stale",
    )


_NAME: Final = Kind("a name of letters, digits, dots and dashes", lambda raw: _name(str(raw)))


def _name(text: str) -> str:
    name = text.strip()
    if not name or not all(char.isascii() and (char.isalnum() or char in ".-_:/@") for char in name):
        raise ValueError("not a name")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicSettings:
    """Where Claude is asked, and which model."""

    base_url: str = setting(
        "anthropic.base_url",
        "ANTHROPIC_BASE_URL",
        kind=HTTPS,
        default="https://api.anthropic.com",
        meaning="API root of Claude",
    )
    model: str = setting(
        "anthropic.model", "ANTHROPIC_MODEL", kind=_NAME, default="claude-sonnet-5", meaning="model that reads rules"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """Where Telegram is, and when the day is summed up."""

    api_url: str = setting(
        "telegram.api_url",
        "TELEGRAM_API_URL",
        kind=HTTPS,
        default="https://api.telegram.org",
        meaning="Bot API server",
    )
    daily_summary_at: tuple[int, int] = setting(
        "telegram.daily_summary_at",
        "DAILY_SUMMARY_AT",
        kind=TIME_OF_DAY,
        default="00:05",
        meaning="when the daily summary is sent, in dutchbook's timezone; before noon it tells of the day before",
    )
