"""Limits of trading as settings (M5), each field with its row of the table. Holds no rule but that a range is one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dutchbook.core.errors import SettingsError
from dutchbook.core.money import RATE_ONE, Cash, Rate, Size, format_dollars, format_micros
from dutchbook.settings.kinds import CONTRACTS, COUNT, DOLLARS, FLAG, PERCENT, SECONDS, choice
from dutchbook.settings.table import setting


class OnDailyLoss(Enum):
    """What happens to open risk when the daily loss limit is reached."""

    HOLD = "hold"
    CANCEL = "cancel"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSettings:
    """Limits of trading (M5). Cash and sizes in millionths, ROI and edge over 1e-12, times in nanoseconds."""

    min_bet: Cash = setting(
        "trading.min_bet",
        "EXECUTOR_MIN_BET",
        kind=DOLLARS,
        default="1",
        meaning="smallest worst cost of a bundle, dollars",
    )
    max_bet: Cash = setting(
        "trading.max_bet",
        "EXECUTOR_MAX_BET",
        kind=DOLLARS,
        default="2",
        meaning="largest worst cost of a bundle, fees included, dollars",
    )
    min_roi: Rate = setting(
        "trading.min_roi", "EXECUTOR_MIN_ROI", kind=PERCENT, default="1", meaning="smallest return on cost, percent"
    )
    max_roi: Rate = setting(
        "trading.max_roi",
        "EXECUTOR_MAX_ROI",
        kind=PERCENT,
        default="50",
        meaning="a return above this is suspicious and blocked, percent",
    )
    max_daily_trades: int = setting(
        "trading.max_daily_trades", "EXECUTOR_MAX_DAILY_TRADES", kind=COUNT, default="50", meaning="trades a day"
    )
    max_daily_loss: Cash = setting(
        "trading.max_daily_loss",
        "EXECUTOR_MAX_DAILY_LOSS",
        "MAX_DAILY_LOSS",
        kind=DOLLARS,
        default="5",
        meaning="loss of a day that stops trading, dollars; of two variables the smaller rules",
        smallest=True,
    )
    min_platform_balance: Cash = setting(
        "trading.min_platform_balance",
        "EXECUTOR_MIN_PLATFORM_BALANCE",
        kind=DOLLARS,
        default="1",
        meaning="a venue or shard with less cash than this is not traded on, dollars",
    )
    max_game_exposure: Cash = setting(
        "trading.max_game_exposure",
        "MAX_GAME_EXPOSURE",
        kind=DOLLARS,
        default="100",
        meaning="most cash at risk on one real-world event, dollars",
    )
    min_edge: Rate = setting(
        "trading.min_edge_pct",
        "MIN_EDGE_PCT",
        kind=PERCENT,
        default="2",
        meaning="smallest edge of a signal after fees, percent",
    )
    max_order_contracts: Size = setting(
        "trading.max_order_contracts",
        "MAX_ORDER_CONTRACTS",
        kind=CONTRACTS,
        default="100",
        meaning="most contracts in one order",
    )
    min_profit: Cash = setting(
        "trading.min_profit",
        "MIN_PROFIT",
        kind=DOLLARS,
        default="0.01",
        meaning="smallest locked profit of a bundle, dollars",
    )
    initial_bankroll: Cash = setting(
        "trading.initial_bankroll",
        "INITIAL_BANKROLL",
        kind=DOLLARS,
        default="1000",
        meaning="paper cash and Kelly base, dollars",
    )
    on_daily_loss: OnDailyLoss = setting(
        "trading.on_daily_loss",
        "EXECUTOR_ON_DAILY_LOSS",
        kind=choice(OnDailyLoss),
        default="hold",
        meaning="what happens to open risk at the daily loss limit: hold, cancel or flatten",
    )
    early_exit: bool = setting(
        "trading.early_exit",
        "EXECUTOR_EARLY_EXIT",
        kind=FLAG,
        default="false",
        meaning="sell a locked bundle before its markets pay when it brings min_profit and waiting earns little",
    )
    exit_yield: Rate = setting(
        "trading.exit_yield_pct",
        "EXECUTOR_EXIT_YIELD_PCT",
        kind=PERCENT,
        default="10",
        meaning="an early exit is taken when waiting would earn less than this a year, percent",
    )
    exit_patience_ns: int = setting(
        "trading.exit_patience_s",
        "EXECUTOR_EXIT_PATIENCE_S",
        kind=SECONDS,
        default="120",
        meaning="seconds for which the price of an early exit must have stood",
    )
    use_wallet: bool = setting(
        "trading.use_wallet",
        "EXECUTOR_USE_WALLET",
        kind=FLAG,
        default="false",
        meaning="let the engine merge complete sets and redeem winning tokens at Polymarket (live only; costs gas)",
    )
    require_confident_edge: bool = setting(
        "trading.require_confident_edge",
        "EXECUTOR_REQUIRE_CONFIDENT_EDGE",
        kind=FLAG,
        default="true",
        meaning="a bundle must be worth its misses at the upper bounds of their rates too, not at the estimates alone",
    )
    idle_yield: Rate = setting(
        "trading.idle_yield_pct",
        "EXECUTOR_IDLE_YIELD_PCT",
        kind=PERCENT,
        default="4",
        meaning="what cash earns in a year when no bundle ties it up, percent",
    )
    cooldown_ns: int = setting(
        "trading.cooldown_s",
        "EXECUTOR_COOLDOWN_S",
        kind=SECONDS,
        default="5",
        meaning="seconds between two attempts on the same event",
    )
    close_margin_ns: int = setting(
        "trading.close_margin_s",
        "EXECUTOR_CLOSE_MARGIN_S",
        kind=SECONDS,
        default="60",
        meaning="no entry within these seconds of a close, pause, restart or game start",
    )
    balance_max_age_ns: int = setting(
        "trading.balance_max_age_s",
        "EXECUTOR_BALANCE_MAX_AGE_S",
        kind=SECONDS,
        default="60",
        meaning="a balance older than these seconds is stale and blocks",
    )

    def __post_init__(self) -> None:
        if self.min_bet > self.max_bet:
            raise SettingsError(
                f"EXECUTOR_MIN_BET {format_dollars(self.min_bet)} is above EXECUTOR_MAX_BET {format_dollars(self.max_bet)}; "
                "lower the first or raise the second"
            )
        if self.min_roi > self.max_roi:
            raise SettingsError(
                f"EXECUTOR_MIN_ROI {_percent(self.min_roi)} is above EXECUTOR_MAX_ROI {_percent(self.max_roi)}; "
                "lower the first or raise the second"
            )


def _percent(rate: Rate) -> str:
    return f"{format_micros(rate * 100 * 1_000_000 // RATE_ONE, trim=True)} %"
