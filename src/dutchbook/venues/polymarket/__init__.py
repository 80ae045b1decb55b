"""Polymarket international (CLOB V2 on Polygon): `PolymarketData` for the public side, `PolymarketTrading` for orders.

Nothing outside this folder knows its wire. Source of every rule: the venue's documentation as of November 2026.
"""

from dutchbook.venues.polymarket.client import PolymarketData, PolymarketTrading
from dutchbook.venues.polymarket.config import ApiCredentials, PolymarketConfig, PolymarketKey
from dutchbook.venues.polymarket.tokens import TokenRegistry

__all__ = [
    "ApiCredentials",
    "PolymarketConfig",
    "PolymarketData",
    "PolymarketKey",
    "PolymarketTrading",
    "TokenRegistry",
]
