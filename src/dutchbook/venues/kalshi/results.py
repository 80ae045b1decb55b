"""Results of markets, as the catalogue states them, from the live tier and from the archive. Reads only.

A market that cannot be read, or whose result says no amount, is left out and kept with the reason: one bad row must not
hide the results of the others. Source: Kalshi API documentation, markets and historical data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dutchbook.core.account import Resolution
from dutchbook.core.claim import MarketId, native_of, venue_of
from dutchbook.core.errors import MalformedFrame
from dutchbook.venues.kalshi import catalogue
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.rest import KalshiRest, batches

_LARGEST_PAGE: Final = ("limit", "1000")


class KalshiResults:
    """`unreadable`: markets that the last reading left out, with the reason."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest
        self.unreadable: dict[str, str] = {}

    async def read(self, markets: Sequence[MarketId]) -> list[Resolution]:
        """Those of the named markets that have a result, without the fee of rounding a scalar payout."""
        self.unreadable = {}
        found: list[Resolution] = []
        for tickers in batches([native_of(market) for market in markets if venue_of(market) == VENUE]):
            for path in ("/markets", "/historical/markets"):
                told: set[str] = set()
                params = [("tickers", ",".join(tickers)), _LARGEST_PAGE]
                async for page in self._rest.pages(path, params, catalogue.MARKETS, "markets"):
                    for raw in page.markets:
                        told.add(catalogue.ticker_of(raw))
                        found += self._result(raw)
                # a market that settled before the cut-off is only in the archive
                tickers = [ticker for ticker in tickers if ticker not in told]
                if not tickers:
                    break
        return found

    def _result(self, raw: bytes) -> list[Resolution]:
        try:
            result = catalogue.resolution_of(catalogue.decode_market(raw))
        except MalformedFrame as error:
            self.unreadable[catalogue.ticker_of(raw)] = str(error)
            return []
        return [] if result is None else [result]
