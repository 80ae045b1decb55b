"""What the risk gate and the breakers need from the settings, in their own words."""

from __future__ import annotations

from dutchbook.risk.breakers import BreakerLimits, OpenRisk
from dutchbook.risk.limits import RiskLimits
from dutchbook.settings.model import Settings


def risk_limits(settings: Settings) -> RiskLimits:
    """The gate's limits for these settings."""
    trading = settings.trading
    return RiskLimits(
        min_bet=trading.min_bet,
        max_bet=trading.max_bet,
        min_roi=trading.min_roi,
        max_roi=trading.max_roi,
        min_edge=trading.min_edge,
        min_profit=trading.min_profit,
        max_daily_trades=trading.max_daily_trades,
        max_daily_loss=trading.max_daily_loss,
        min_platform_balance=trading.min_platform_balance,
        max_event_exposure=trading.max_game_exposure,
        max_order_contracts=trading.max_order_contracts,
        cooldown_ns=trading.cooldown_ns,
        close_margin_ns=trading.close_margin_ns,
        balance_max_age_ns=trading.balance_max_age_ns,
        feed_silent_ns=settings.feed.silent_ns,
    )


def breaker_limits(settings: Settings) -> BreakerLimits:
    """The breakers' thresholds for these settings."""
    breakers = settings.breakers
    return BreakerLimits(
        rejections=breakers.rejections,
        reject_window_ns=breakers.reject_window_ns,
        unknown_orders=breakers.unknown_orders,
        naked_exposure=breakers.naked_exposure,
        repeat_ns=breakers.repeat_ns,
        silent_ns=settings.feed.silent_ns,
    )


def open_risk(settings: Settings) -> OpenRisk:
    """What happens to open risk at the loss limit (M21)."""
    return OpenRisk(settings.trading.on_daily_loss.value)
