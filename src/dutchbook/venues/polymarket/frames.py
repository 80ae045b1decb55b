"""Frames of the market stream as types, and their decimals as millionths. Bytes and texts in, values out; no book here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from dutchbook.core.money import MICRO, parse_micros

_SCALE: Final[tuple[int, ...]] = tuple(10 ** (6 - places) for places in range(7))


class MicrosOf(dict[str, int]):
    """Millionths by their decimal text, remembered: prices and sizes repeat. Raises ValueError for other text."""

    LIMIT: Final = 50_000

    def __missing__(self, text: str) -> int:
        whole, dot, places = text.partition(".")
        if dot and len(places) <= 6 and text.isascii() and whole.isdigit() and places.isdigit():
            # the usual shape does not go through the general parser
            value = int(whole + places) * _SCALE[len(places)]
        else:
            value = parse_micros(text, "price or size")
        if len(self) >= self.LIMIT:
            self.clear()
        self[text] = value
        return value


class Fractions(dict[str, int]):
    """Millionths by the text behind the point, remembered. Raises ValueError for more than six decimals."""

    def __missing__(self, places: str) -> int:
        value = parse_micros(f"0.{places}", "size") if places else 0
        self[places] = value
        return value


_PLAIN: Final = b"0123456789.,"
_ODD: Final = (",,", ",.", ".,")
_FRACTIONS: Final = Fractions()


def sizes_of(levels: Sequence[Level]) -> list[int]:
    """The sizes of a book's side in millionths. Sizes are seldom seen twice, so they are checked together and not kept.

    Raises ValueError naming the first one that is no plain decimal.
    """
    texts = [level.size for level in levels]
    together = f",{','.join(texts)},"
    if texts and (together.encode().translate(None, _PLAIN) or any(odd in together for odd in _ODD)):
        return [parse_micros(text, "size") for text in texts]
    parts = [text.partition(".") for text in texts]
    return [int(whole) * MICRO + _FRACTIONS[places] for whole, _, places in parts]


class Level(msgspec.Struct, gc=False):
    price: str
    size: str


class BookFrame(msgspec.Struct, tag_field="event_type", tag="book", gc=False):
    asset_id: str
    timestamp: str
    bids: list[Level]
    asks: list[Level]
    hash: str | None = None


class LevelChange(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    size: str
    side: str
    hash: str | None = None
    best_bid: str | None = None
    best_ask: str | None = None


class PriceChangeFrame(msgspec.Struct, tag_field="event_type", tag="price_change", gc=False):
    timestamp: str
    price_changes: list[LevelChange]


class TickSizeFrame(msgspec.Struct, tag_field="event_type", tag="tick_size_change"):
    asset_id: str
    old_tick_size: str
    new_tick_size: str


class ResolvedFrame(msgspec.Struct, tag_field="event_type", tag="market_resolved"):
    market: str
    winning_asset_id: str | None = None


class LastTradeFrame(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    """Read and dropped: prints change no book."""


class BestPricesFrame(msgspec.Struct, tag_field="event_type", tag="best_bid_ask"):
    """Read and dropped: every level change carries the best prices already."""


class NewMarketFrame(msgspec.Struct, tag_field="event_type", tag="new_market"):
    """Read and dropped: the catalogue finds new markets."""


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
Message = (
    BookFrame | PriceChangeFrame | TickSizeFrame | ResolvedFrame | LastTradeFrame | BestPricesFrame | NewMarketFrame
)
FRAME: Final = msgspec.json.Decoder(list[Message] | Message)


class Kind(msgspec.Struct):
    event_type: str = ""


KINDS: Final = msgspec.json.Decoder(list[Kind] | Kind)
KNOWN: Final = frozenset({"book", "price_change", "tick_size_change", "market_resolved", ""})
"""Message kinds that, unreadable, may hide a change of a book."""
