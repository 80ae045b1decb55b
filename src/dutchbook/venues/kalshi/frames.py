"""WebSocket frames as typed structs, the commands that we send, and lifecycle news in the engine's words. No I/O.

Source: Kalshi API documentation, WebSockets (AsyncAPI).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.account import Resolution
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.events import MarketChanged, MarketResolved, StreamEvent, StreamTrouble
from dutchbook.core.market import Market
from dutchbook.core.money import MICRO, Price
from dutchbook.venues.kalshi.catalogue import result_value
from dutchbook.venues.kalshi.fields import decoded

TERMINAL_CODES: Final = frozenset({10, 25})
"""Channel error and buffer overflow: the subscription is dead, a new connection is needed."""

_CODES: Final = {
    1: "message not understood",
    2: "params missing",
    3: "channels missing",
    4: "subscription ids missing",
    5: "unknown command",
    7: "unknown subscription",
    8: "unknown channel",
    9: "not authenticated",
    10: "channel error",
    11: "invalid parameter",
    12: "exactly one subscription id",
    13: "unknown action",
    14: "market ticker missing",
    15: "action missing",
    18: "command timed out",
    25: "buffer overflow: frames were read too slowly",
    26: "too many markets subscribed",
    27: "too many requests",
}
"""What the codes mean, in our words: the venue's text may be empty."""


class DeltaMessage(msgspec.Struct, gc=False):
    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: str
    ts_ms: int = 0


class DeltaFrame(msgspec.Struct, tag_field="type", tag="orderbook_delta", gc=False):
    """The hot frame: decoded in one go, texts kept as texts. Anything else goes through the envelope."""

    sid: int
    seq: int
    msg: DeltaMessage


class TolerantDelta(msgspec.Struct):
    """A delta with numbers where texts were promised."""

    market_ticker: str
    price_dollars: Decimal
    delta_fp: Decimal
    side: str
    ts_ms: int = 0


class SnapshotMessage(msgspec.Struct):
    """An empty side's key is absent."""

    market_ticker: str
    yes_dollars_fp: list[tuple[Decimal, Decimal]] | None = None
    no_dollars_fp: list[tuple[Decimal, Decimal]] | None = None
    ts_ms: int = 0


class Envelope(msgspec.Struct):
    """What all frames share. `seq` counts per `sid`, over all markets of it, answers and errors included."""

    type: str
    id: int = 0
    sid: int | None = None
    seq: int | None = None
    msg: msgspec.Raw = msgspec.Raw(b"{}")


class _Subscribed(msgspec.Struct):
    sid: int


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""
    market_ticker: str = ""


class _MarketNews(msgspec.Struct):
    market_ticker: str
    event_type: str
    result: str = ""
    settlement_value: Decimal | None = None


class _FeeNews(msgspec.Struct):
    event_ticker: str


class _Named(msgspec.Struct):
    market_ticker: str = ""


DELTA: Final = msgspec.json.Decoder(DeltaFrame)
ENVELOPE: Final = msgspec.json.Decoder(Envelope)
TOLERANT_DELTA: Final = msgspec.json.Decoder(TolerantDelta)
SNAPSHOT: Final = msgspec.json.Decoder(SnapshotMessage)
_SUBSCRIBED: Final = msgspec.json.Decoder(_Subscribed)
_ERROR: Final = msgspec.json.Decoder(_Error)
_MARKET_NEWS: Final = msgspec.json.Decoder(_MarketNews)
_FEE_NEWS: Final = msgspec.json.Decoder(_FeeNews)
_NAMED: Final = msgspec.json.Decoder(_Named)


def subscribe(command: int, channels: Sequence[str], tickers: Sequence[str] = (), **options: bool) -> bytes:
    """A subscribe command; lifecycle and private channels take no tickers here."""
    params: dict[str, object] = {"channels": list(channels)}
    if tickers:
        params["market_tickers"] = list(tickers)
    return msgspec.json.encode({"id": command, "cmd": "subscribe", "params": params | options})


def ask_snapshot(command: int, sid: int, tickers: Sequence[str]) -> bytes:
    """Ask for fresh snapshots on a running subscription; the stream itself is not disturbed."""
    params = {"sids": [sid], "market_tickers": list(tickers), "action": "get_snapshot"}
    return msgspec.json.encode({"id": command, "cmd": "update_subscription", "params": params})


def subscribed_sid(frame: Envelope) -> int:
    """The sid in a `subscribed` answer; raises MalformedFrame."""
    return decoded(_SUBSCRIBED, frame.msg, "subscribed").sid


def named_market(frame: Envelope) -> str:
    """The market of a message that may be unreadable otherwise; empty when there is none."""
    try:
        return decoded(_NAMED, frame.msg, "message").market_ticker
    except MalformedFrame:
        return ""


def trouble_of(frame: Envelope) -> StreamTrouble:
    """An error frame: codes 10 and 25 end the subscription."""
    try:
        error = decoded(_ERROR, frame.msg, "error")
    except MalformedFrame as unreadable:
        return StreamTrouble(str(unreadable), terminal=False)
    where = f" ({error.market_ticker})" if error.market_ticker else ""
    words = error.msg or _CODES.get(error.code, "unknown code")
    return StreamTrouble(f"kalshi error {error.code}: {words}{where}", terminal=error.code in TERMINAL_CODES)


class Lifecycle:
    """What became of known markets. The channel has no filter, so news of other markets is dropped here.

    `settled` news carry no value: it is remembered from `determined`, and left to the REST reads when that was missed.
    """

    def __init__(self, markets: Mapping[str, Market]) -> None:
        """`markets` by native ticker; it may grow while in use."""
        self._markets = markets
        self._values: dict[str, Price] = {}

    def news(self, frame: Envelope) -> tuple[StreamEvent, ...]:
        """Events for one frame of the lifecycle channel; trouble is an event too."""
        try:
            if frame.type == "event_fee_update":
                event = decoded(_FEE_NEWS, frame.msg, "event_fee_update").event_ticker
                return tuple(
                    MarketChanged(market.id, "fees") for market in self._markets.values() if market.event == event
                )
            news = decoded(_MARKET_NEWS, frame.msg, "market_lifecycle_v2")
        except MalformedFrame as error:
            return (StreamTrouble(str(error), terminal=False),)
        known = self._markets.get(news.market_ticker)
        if known is None:
            return ()
        market = known.id
        changed = MarketChanged(market, news.event_type)
        if news.event_type == "determined":
            try:
                value = result_value(news.market_ticker, news.result, news.settlement_value)
            except MalformedFrame as error:
                return (StreamTrouble(str(error), terminal=False), changed)
            if value is not None:
                self._values[news.market_ticker] = value
                return (MarketResolved(Resolution(market, value, final=False)), changed)
        if news.event_type == "settled" and news.market_ticker in self._values:
            value = self._values[news.market_ticker]
            # a part of a dollar is rounded to whole cents through a fee that only the account's settlements tell: it is asked for
            whole = value in (0, MICRO)
            return (MarketResolved(Resolution(market, value, final=whole)), changed)
        return (changed,)


LIFECYCLE_TYPES: Final = frozenset({"market_lifecycle_v2", "event_fee_update"})
