"""What the settings are: frozen dataclasses, money in integer millionths, each field with its row of the table.

Names and defaults are those of the specification (M1 to M6). Building these in code reads nothing from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dutchbook.core.errors import CredentialsError
from dutchbook.core.mode import Mode
from dutchbook.settings.breakers import BreakerSettings
from dutchbook.settings.kinds import FLAG, PATH, ZONE, choice
from dutchbook.settings.places import (
    AnthropicSettings,
    FeedSettings,
    KalshiSettings,
    PolymarketSettings,
    TelegramSettings,
)
from dutchbook.settings.secret import Secret, check_hex_key, check_pem_key
from dutchbook.settings.table import Description, Row, rows, secret, secret_rows, setting
from dutchbook.settings.trading import TradingSettings


class Profile(Enum):
    """Which venues: Kalshi with Polymarket, or Kalshi with Polymarket US."""

    INTL = "intl"
    US = "us"


class Durability(Enum):
    """What a fact in the ledger survives: the death of the process, or also a power failure (the disk is waited for)."""

    AUTO = "auto"
    POWER = "power"
    PROCESS = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Secrets that were given (M6); None when absent."""

    kalshi_key_id: Secret | None = secret("kalshi.api_key_id", "KALSHI_API_KEY_ID", meaning="Kalshi API key id")
    kalshi_private_key: Secret | None = secret(
        "kalshi.private_key",
        "KALSHI_PRIVATE_KEY",
        meaning="Kalshi private key, PEM; usually a file",
        check=check_pem_key,
    )
    polymarket_private_key: Secret | None = secret(
        "polymarket.private_key",
        "POLYMARKET_PRIVATE_KEY",
        "POLY_PRIVATE_KEY",
        meaning="Polymarket signing key, 0x and 64 hex digits",
        check=check_hex_key,
    )
    polymarket_api_key: Secret | None = secret(
        "polymarket.api_key", "POLYMARKET_API_KEY", meaning="Polymarket API key; derived when absent"
    )
    polymarket_api_secret: Secret | None = secret(
        "polymarket.api_secret",
        "POLYMARKET_API_SECRET",
        "POLYMARKET_SECRET",
        meaning="Polymarket API secret; derived when absent",
    )
    polymarket_api_passphrase: Secret | None = secret(
        "polymarket.api_passphrase",
        "POLYMARKET_API_PASSPHRASE",
        "POLYMARKET_PASSPHRASE",
        meaning="Polymarket API passphrase; derived when absent",
    )
    telegram_bot_token: Secret | None = secret("telegram.bot_token", "TELEGRAM_BOT_TOKEN", meaning="Telegram bot")
    telegram_chat_id: Secret | None = secret(
        "telegram.chat_id", "TELEGRAM_CHAT_ID", meaning="the only chat that is obeyed"
    )
    web_token: Secret | None = secret(
        "web.token", "DUTCHBOOK_WEB_TOKEN", meaning="token of the web page; generated beside the ledger when absent"
    )
    anthropic_api_key: Secret | None = secret("anthropic.api_key", "ANTHROPIC_API_KEY", meaning="for signals by Claude")

    def __post_init__(self) -> None:
        trio = {
            "POLYMARKET_API_KEY": self.polymarket_api_key,
            "POLYMARKET_API_SECRET": self.polymarket_api_secret,
            "POLYMARKET_API_PASSPHRASE": self.polymarket_api_passphrase,
        }
        absent = [name for name, value in trio.items() if value is None]
        if 0 < len(absent) < len(trio):
            raise CredentialsError(
                f"{', '.join(absent)}: missing; give all three Polymarket API secrets, or none of them"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator chose. `Settings()` is paper trading with all defaults and no secret."""

    mode: Mode = Mode.PAPER
    executor_enabled: bool = setting(
        "executor_enabled", "EXECUTOR_ENABLED", kind=FLAG, default="false", meaning="the second key of live trading"
    )
    profile: Profile = setting(
        "profile", "DUTCHBOOK_PROFILE", kind=choice(Profile), default="intl", meaning="intl or us: which venues"
    )
    timezone: str = setting(
        "timezone", "DUTCHBOOK_TIMEZONE", kind=ZONE, default="UTC", meaning="zone whose midnight begins a trading day"
    )
    ledger_path: Path = setting(
        "ledger.path", "DUTCHBOOK_LEDGER_PATH", kind=PATH, default="dutchbook.db", meaning="the ledger's SQLite file"
    )
    durability: Durability = setting(
        "ledger.durability",
        "DUTCHBOOK_DURABILITY",
        kind=choice(Durability),
        default="auto",
        meaning="what a record survives: power (a power failure), process (its own process), auto (power when live)",
    )
    trading: TradingSettings = field(default_factory=TradingSettings)
    breakers: BreakerSettings = field(default_factory=BreakerSettings)
    kalshi: KalshiSettings = field(default_factory=KalshiSettings)
    polymarket: PolymarketSettings = field(default_factory=PolymarketSettings)
    feed: FeedSettings = field(default_factory=FeedSettings)
    anthropic: AnthropicSettings = field(default_factory=AnthropicSettings)
    telegram: TelegramSettings = field(default_factory=TelegramSettings)
    secrets: Secrets = field(default_factory=Secrets)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the trading day."""
        return ZoneInfo(self.timezone)

    @property
    def power_safe(self) -> bool:
        """Whether each append to the ledger waits for the disk."""
        if self.durability is Durability.AUTO:
            return self.mode is Mode.LIVE
        return self.durability is Durability.POWER

    @property
    def sends_real_orders(self) -> bool:
        """Both keys of live trading are turned (M2)."""
        return self.mode is Mode.LIVE and self.executor_enabled

    def missing_secrets(self) -> tuple[str, ...]:
        """Names that `mode` cannot do without and that were not given. Only live needs any (M6)."""
        if self.mode is not Mode.LIVE:
            return ()
        given = {
            "KALSHI_API_KEY_ID": self.secrets.kalshi_key_id is not None,
            "KALSHI_PRIVATE_KEY_PATH": self.secrets.kalshi_private_key is not None,
            "POLYMARKET_PRIVATE_KEY": self.secrets.polymarket_private_key is not None,
            "POLY_FUNDER_ADDRESS": bool(self.polymarket.funder) or self.polymarket.signature_type == 0,
        }
        return tuple(name for name, present in given.items() if not present)

    def require_secrets(self) -> None:
        """Raises CredentialsError that names every missing secret of the mode at once."""
        missing = self.missing_secrets()
        if missing:
            raise CredentialsError(
                f"{', '.join(missing)}: missing; mode {self.mode.value} needs them in the environment, in .env, "
                "or in files named by the same names with _PATH"
            )

    def warnings(self) -> tuple[str, ...]:
        """What works less well with these settings, one plain sentence each."""
        found: list[str] = []
        if self.mode is Mode.LIVE and not self.executor_enabled:
            found.append("mode is live but EXECUTOR_ENABLED is not true: nothing is sent")
        if self.secrets.kalshi_key_id is None or self.secrets.kalshi_private_key is None:
            found.append("no Kalshi key: its WebSocket needs one even for public data, so books are polled by REST")
        if self.secrets.telegram_bot_token is None or self.secrets.telegram_chat_id is None:
            found.append("no Telegram: TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are not both set, so no alerts go out")
        return tuple(found)


MODE: Final = Row("mode", ("DUTCHBOOK_MODE",), "paper", choice(Mode), "dry-run, paper or live")
PAPER_TRADING: Final = Row(
    "trading.paper_trading", ("PAPER_TRADING",), "", FLAG, "another spelling of mode: 1 paper, 0 live"
)
DRY_RUN: Final = Row(
    "trading.dry_run", ("EXECUTOR_DRY_RUN",), "", FLAG, "another spelling of mode: true dry-run, false live"
)

SECTIONS: Final[dict[str, type]] = {
    "trading": TradingSettings,
    "breakers": BreakerSettings,
    "kalshi": KalshiSettings,
    "polymarket": PolymarketSettings,
    "feed": FeedSettings,
    "anthropic": AnthropicSettings,
    "telegram": TelegramSettings,
}


def describe() -> tuple[Description, ...]:
    """Every setting and secret, for `doctor` and the documentation: TOML key, environment names, default, meaning."""
    plain = [MODE, PAPER_TRADING, DRY_RUN]
    for section in (Settings, *SECTIONS.values()):
        plain.extend(row for _, row in rows(section))
    return tuple(row.describe() for row in plain) + tuple(row.describe() for _, row in secret_rows(Secrets))
