"""Kalshi's adapter: data and trading over REST and WebSocket. Nothing outside this folder knows its wire."""

from dutchbook.venues.kalshi.client import KalshiData
from dutchbook.venues.kalshi.config import DEMO, PRODUCTION, KalshiConfig, KalshiKey
from dutchbook.venues.kalshi.trading import KalshiTrading

__all__ = ["DEMO", "PRODUCTION", "KalshiConfig", "KalshiData", "KalshiKey", "KalshiTrading"]
