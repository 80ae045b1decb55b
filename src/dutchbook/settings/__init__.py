"""Settings: what an operator may choose, read from the environment, `.env` and `dutchbook.toml` (in that order of rank).

The result is frozen dataclasses with integer money; nothing here trades, connects or reads a clock. The demo and the
tests build `Settings(...)` in code: doing so reads no file and no environment.
"""

from dutchbook.core.mode import Mode
from dutchbook.settings.breakers import BreakerSettings
from dutchbook.settings.limits import breaker_limits, open_risk, risk_limits
from dutchbook.settings.load import load, load_here
from dutchbook.settings.model import Durability, Profile, Secrets, Settings, describe
from dutchbook.settings.places import FeedSettings, KalshiSettings, PolymarketSettings
from dutchbook.settings.secret import Secret
from dutchbook.settings.table import Description
from dutchbook.settings.trading import OnDailyLoss, TradingSettings

__all__ = [
    "BreakerSettings",
    "Description",
    "Durability",
    "FeedSettings",
    "KalshiSettings",
    "Mode",
    "OnDailyLoss",
    "PolymarketSettings",
    "Profile",
    "Secret",
    "Secrets",
    "Settings",
    "TradingSettings",
    "breaker_limits",
    "describe",
    "load",
    "load_here",
    "open_risk",
    "risk_limits",
]
