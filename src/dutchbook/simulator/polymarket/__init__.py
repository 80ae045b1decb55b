"""The Polymarket (international, CLOB V2) exchange in memory: real signatures, one book per market, late settlement.

An independent witness written from the venue's published rules; it never imports the adapter or the money code it tests.
"""

from dutchbook.simulator.polymarket.exchange import PolymarketExchange

__all__ = ["PolymarketExchange"]
