"""Kalshi's adapter: data and trading over REST and WebSocket. Nothing outside this folder knows its wire."""

from dutchbook.venues.kalshi.client import KalshiData, KalshiTrading
from dutchbook.venues.kalshi.config import DEMO, PRODUCTION, KalshiConfig, KalshiKey

__all__ = ["DEMO", "PRODUCTION", "KalshiConfig", "KalshiData", "KalshiKey", "KalshiTrading"]
