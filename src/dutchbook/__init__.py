"""dutchbook: a trading engine for prediction markets.

It buys bundles of claims that pay at least one dollar in every outcome for less than one dollar,
all legs or none, and accounts for them to the millionth of a dollar.
"""

__version__ = "0.1.0"
