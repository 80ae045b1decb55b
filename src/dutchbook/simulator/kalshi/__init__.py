"""Kalshi in memory: signatures, one YES book per market, netting positions, exact fees, sequenced streams.

An independent witness written from the venue's published rules; it never imports the adapter or the money code it tests.
"""

from dutchbook.simulator.kalshi.exchange import KalshiExchange

__all__ = ["KalshiExchange"]
