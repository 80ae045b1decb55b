"""Settings as M1 to M6 word them: spellings, defaults, aliases, precedence, errors that name the fix, secrets that hide."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.errors import CredentialsError, SettingsError
from dutchbook.core.fees import Precision
from dutchbook.core.money import MICRO, RATE_ONE, Cash, format_micros
from dutchbook.settings import (
    Durability,
    KalshiSettings,
    Mode,
    OnDailyLoss,
    Profile,
    Secret,
    Secrets,
    Settings,
    TradingSettings,
    describe,
    load,
    load_here,
    risk_limits,
)

KEY = "0x" + "1f" * 32
PEM = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"


def from_toml(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    path = folder / "dutchbook.toml"
    path.write_text(text, encoding="utf-8")
    return load(environ or {}, toml_path=path)


def test_without_any_source_it_is_paper_with_the_defaults_of_the_specification() -> None:
    settings = load({})
    trading = settings.trading
    assert settings == Settings()
    assert (settings.mode, settings.executor_enabled, settings.profile) == (Mode.PAPER, False, Profile.INTL)
    assert (trading.min_bet, trading.max_bet) == (1_000_000, 2_000_000)
    assert (trading.min_roi, trading.max_roi) == (RATE_ONE // 100, RATE_ONE // 2)
    assert (trading.max_daily_trades, trading.max_daily_loss) == (50, 5_000_000)
    assert (trading.min_platform_balance, trading.max_game_exposure) == (1_000_000, 100_000_000)
    assert (trading.min_edge, trading.max_order_contracts) == (RATE_ONE // 50, 100 * MICRO)
    assert (trading.min_profit, trading.initial_bankroll) == (10_000, 1_000_000_000)
    assert trading.on_daily_loss is OnDailyLoss.HOLD


@pytest.mark.parametrize(
    ("environ", "power_safe"),
    [
        ({}, False),
        ({"DUTCHBOOK_MODE": "dry-run"}, False),
        ({"DUTCHBOOK_MODE": "live"}, True),
        ({"DUTCHBOOK_MODE": "live", "DUTCHBOOK_DURABILITY": "process"}, False),
        ({"DUTCHBOOK_DURABILITY": "power"}, True),
    ],
)
def test_a_live_ledger_survives_a_power_failure_unless_the_operator_says_otherwise(
    environ: dict[str, str], power_safe: bool
) -> None:
    assert load(environ).power_safe is power_safe


def test_the_durability_has_a_key_and_three_values(tmp_path: Path) -> None:
    assert from_toml(tmp_path, '[ledger]\ndurability = "power"').durability is Durability.POWER
    with pytest.raises(
        SettingsError, match=r"DUTCHBOOK_DURABILITY .environment.: always is not one of: auto, power, process"
    ):
        load({"DUTCHBOOK_DURABILITY": "always"})


SPELLINGS = [
    ({}, "", Mode.PAPER),
    ({"PAPER_TRADING": "1"}, "", Mode.PAPER),
    ({"PAPER_TRADING": "0"}, "", Mode.LIVE),
    ({}, "[trading]\ndry_run = true", Mode.DRY_RUN),
    ({}, "[trading]\ndry_run = false", Mode.LIVE),
    ({}, 'mode = "live"', Mode.LIVE),
    ({"DUTCHBOOK_MODE": "dry-run"}, 'mode = "live"', Mode.DRY_RUN),
    ({"PAPER_TRADING": "0"}, 'mode = "live"\n[trading]\ndry_run = false', Mode.LIVE),
    ({"PAPER_TRADING": "1"}, "[trading]\npaper_trading = false", Mode.PAPER),
]


@pytest.mark.parametrize(("environ", "text", "mode"), SPELLINGS)
def test_every_spelling_of_the_mode_is_understood(
    environ: dict[str, str], text: str, mode: Mode, tmp_path: Path
) -> None:
    assert from_toml(tmp_path, text, environ).mode is mode


@pytest.mark.parametrize(
    ("environ", "text", "names"),
    [
        ({"PAPER_TRADING": "1"}, "[trading]\ndry_run = true", ["PAPER_TRADING", "trading.dry_run"]),
        ({"PAPER_TRADING": "1"}, "[trading]\ndry_run = false", ["PAPER_TRADING", "trading.dry_run"]),
        ({"PAPER_TRADING": "1"}, 'mode = "live"', ["PAPER_TRADING", "mode (dutchbook.toml)"]),
        ({"PAPER_TRADING": "0", "DUTCHBOOK_MODE": "paper"}, "", ["PAPER_TRADING", "DUTCHBOOK_MODE"]),
        ({}, 'mode = "paper"\n[trading]\ndry_run = false', ["mode (dutchbook.toml)", "trading.dry_run"]),
    ],
)
def test_spellings_that_disagree_are_an_error_that_names_both(
    environ: dict[str, str], text: str, names: list[str], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        from_toml(tmp_path, text, environ)
    assert not [name for name in names if name not in str(caught.value)], caught.value


def test_live_needs_two_keys_turned() -> None:
    one = load({"DUTCHBOOK_MODE": "live"})
    both = load({"DUTCHBOOK_MODE": "live", "EXECUTOR_ENABLED": "true"})
    other = load({"EXECUTOR_ENABLED": "true"})
    assert [s.sends_real_orders for s in (one, both, other)] == [False, True, False]
    assert any("nothing is sent" in text for text in one.warnings())
    assert not any("nothing is sent" in text for text in both.warnings())


def test_environment_wins_over_env_file_wins_over_toml(tmp_path: Path) -> None:
    toml = tmp_path / "dutchbook.toml"
    toml.write_text("[trading]\nmax_bet = 10\nmin_roi = 1.5\nmax_daily_trades = 7")
    env = tmp_path / ".env"
    env.write_text("EXECUTOR_MAX_BET=20\nEXECUTOR_MIN_ROI=2.5\n# a comment\nOTHER_PROGRAM=x\n")
    settings = load({"EXECUTOR_MAX_BET": "30"}, toml, env)
    assert settings.trading.max_bet == 30 * MICRO
    assert settings.trading.min_roi == RATE_ONE * 25 // 1000
    assert settings.trading.max_daily_trades == 7


def test_a_variable_that_is_empty_is_as_good_as_absent() -> None:
    assert load({"EXECUTOR_MAX_BET": " ", "TELEGRAM_BOT_TOKEN": ""}) == Settings()


@pytest.mark.parametrize(
    ("one", "two", "rules"), [("5", "3", 3), ("3", "5", 3), ("4", "4", 4), (None, "9", 9), ("9", None, 9)]
)
def test_of_the_two_names_of_the_daily_loss_the_smaller_limit_rules(
    one: str | None, two: str | None, rules: int, tmp_path: Path
) -> None:
    given_names = {"EXECUTOR_MAX_DAILY_LOSS": one, "MAX_DAILY_LOSS": two}
    environ = {name: value for name, value in given_names.items() if value is not None}
    assert load(environ).trading.max_daily_loss == rules * MICRO
    env_file = tmp_path / ".env"
    env_file.write_text(f"MAX_DAILY_LOSS={two or ''}")
    assert load({k: v for k, v in environ.items() if k != "MAX_DAILY_LOSS"}, None, env_file) == load(environ)


def test_money_and_percentages_are_read_exactly_from_text_and_from_toml(tmp_path: Path) -> None:
    trading = from_toml(tmp_path, "[trading]\nmax_bet = 0.29\nmin_bet = 0.1\nmin_edge_pct = 0.3").trading
    assert (trading.max_bet, trading.min_bet, trading.min_edge) == (290_000, 100_000, 3_000_000_000)


@given(st.integers(2 * MICRO, 10**12))
def test_any_amount_survives_the_way_through_text(micros: int) -> None:
    assert load({"EXECUTOR_MAX_BET": format_micros(micros)}).trading.max_bet == micros


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"EXECUTOR_MAX_BET": "a lot"}, ["EXECUTOR_MAX_BET", "a lot", "dollars"]),
        ({"EXECUTOR_MAX_BET": "-2"}, ["EXECUTOR_MAX_BET", "-2", "0 or more"]),
        ({"EXECUTOR_MAX_BET": "NaN"}, ["EXECUTOR_MAX_BET", "NaN"]),
        ({"EXECUTOR_MAX_BET": "inf"}, ["EXECUTOR_MAX_BET", "inf"]),
        ({"EXECUTOR_MAX_BET": "1e3"}, ["EXECUTOR_MAX_BET", "1e3"]),
        ({"EXECUTOR_MAX_BET": "2.0000001"}, ["EXECUTOR_MAX_BET", "6 decimals"]),
        ({"EXECUTOR_MIN_ROI": "1%"}, ["EXECUTOR_MIN_ROI", "percentage"]),
        ({"EXECUTOR_MAX_DAILY_TRADES": "1.5"}, ["EXECUTOR_MAX_DAILY_TRADES", "whole number"]),
        ({"EXECUTOR_ENABLED": "maybe"}, ["EXECUTOR_ENABLED", "true or false"]),
        ({"EXECUTOR_ON_DAILY_LOSS": "panic"}, ["EXECUTOR_ON_DAILY_LOSS", "hold, cancel, flatten"]),
        ({"DUTCHBOOK_MODE": "real"}, ["DUTCHBOOK_MODE", "dry-run, paper, live"]),
        ({"DUTCHBOOK_TIMEZONE": "Mars/Base"}, ["DUTCHBOOK_TIMEZONE", "America/New_York"]),
        ({"KALSHI_REST_URL": "http://example.com/v2"}, ["KALSHI_REST_URL", "https://"]),
        ({"POLYMARKET_USER_WS_URL": "https://example.com"}, ["POLYMARKET_USER_WS_URL", "wss://"]),
        ({"KALSHI_PRECISION": "cents"}, ["KALSHI_PRECISION", "direct, non_direct"]),
        ({"POLYMARKET_SIGNATURE_TYPE": "4"}, ["POLYMARKET_SIGNATURE_TYPE", "0, 1, 2 or 3"]),
        ({"POLY_FUNDER_ADDRESS": "0x12"}, ["POLY_FUNDER_ADDRESS", "40"]),
        ({"EXECUTOR_MIN_BET": "3"}, ["EXECUTOR_MIN_BET $3.00", "EXECUTOR_MAX_BET $2.00", "raise"]),
        ({"EXECUTOR_MIN_ROI": "51"}, ["EXECUTOR_MIN_ROI 51.00 %", "EXECUTOR_MAX_ROI 50.00 %"]),
        ({"EXECUTOR_MAXBET": "3"}, ["EXECUTOR_MAXBET", "did you mean EXECUTOR_MAX_BET"]),
        ({"DUTCHBOOK_MOOD": "x"}, ["DUTCHBOOK_MOOD", "DUTCHBOOK_MODE"]),
        ({"KALSHI_API_KEY": "x"}, ["KALSHI_API_KEY", "KALSHI_API_KEY_ID"]),
        ({"POLYMARKET_QQQQQQ": "x"}, ["POLYMARKET_QQQQQQ", "no such setting"]),
    ],
)
def test_a_wrong_variable_is_named_with_the_fix(environ: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ)
    assert not [word for word in words if word not in str(caught.value)], caught.value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[trading]\nmax_bets = 3", ["trading.max_bets", "did you mean trading.max_bet"]),
        ("[tradin]\nmax_bet = 3", ["tradin"]),
        ("modes = 'paper'", ["modes", "did you mean mode"]),
        ("[trading]\nmax_bet = true", ["trading.max_bet (dutchbook.toml)", "true is not", "dollars"]),
        ("[trading]\nmax_bet = nan", ["trading.max_bet", "dollars"]),
        ("[trading]\nmax_bet = -1", ["trading.max_bet", "-1"]),
        ("[trading]\nmax_bet = [1]", ["trading.max_bet", "list"]),
        ("[trading]\nmax_bet = 1979-05-27", ["trading.max_bet", "date"]),
        ("trading = 3", ["trading (dutchbook.toml)"]),
        ("mode = 1", ["mode (dutchbook.toml)", "dry-run, paper, live"]),
        ("[kalshi]\nprivate_key = 'hush-hush'", ["kalshi.private_key", "secret", "KALSHI_PRIVATE_KEY"]),
        ("mode = ", ["dutchbook.toml", "TOML"]),
    ],
)
def test_a_wrong_key_of_the_file_is_named_with_the_fix(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        from_toml(tmp_path, text)
    assert not [word for word in words if word not in str(caught.value)], caught.value
    assert "hush-hush" not in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"EXECUTOR_MAX_BET": "x", "MIN_PROFIT": "y", "EXECUTOR_FOO_BAR": "z", "POLYMARKET_PRIVATE_KEY": "w"})
    assert len(str(caught.value).splitlines()) == 4


def test_variables_of_other_programs_are_none_of_our_business() -> None:
    assert load({"PATH": "/bin", "DRY_RUN": "1", "MODE": "live", "DUTCHBOOK_DATA": "/data"}) == Settings()


def test_a_file_that_is_named_and_absent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load({}, toml_path=tmp_path / "dutchbook.toml")


def test_a_command_finds_its_files_in_its_directory_or_where_the_environment_says(tmp_path: Path) -> None:
    assert load_here({}, tmp_path) == Settings()
    (tmp_path / "dutchbook.toml").write_text("[trading]\nmax_bet = 3")
    (tmp_path / ".env").write_text("MIN_PROFIT=0.02")
    (tmp_path / "other.toml").write_text("[trading]\nmax_bet = 4")
    assert load_here({}, tmp_path).trading == TradingSettings(max_bet=Cash(3 * MICRO), min_profit=Cash(20_000))
    assert load_here({"DUTCHBOOK_CONFIG": "other.toml"}, tmp_path).trading.max_bet == 4 * MICRO
    with pytest.raises(SettingsError, match=r"gone\.toml"):
        load_here({"DUTCHBOOK_CONFIG": "gone.toml"}, tmp_path)
    (tmp_path / ".env").write_text("DUTCHBOOK_CONFIG=other.toml")
    with pytest.raises(SettingsError, match="environment only"):
        load_here({}, tmp_path)


def test_every_setting_has_a_key_in_the_file_and_a_variable_that_mean_the_same(tmp_path: Path) -> None:
    samples: dict[str, Any] = {
        "trading": "0.5",
        "executor_enabled": "true",
        "profile": "us",
        "timezone": "Asia/Tokyo",
        "ledger.path": "other.db",
        "mode": "live",
        "trading.paper_trading": "false",
        "ledger.durability": "power",
        "trading.dry_run": "true",
        "trading.max_bet": "7",
        "trading.max_roi": "99",
        "trading.max_daily_trades": "9",
        "trading.on_daily_loss": "flatten",
        "trading.require_confident_edge": "false",
        "trading.early_exit": "true",
        "trading.use_wallet": "true",
        "kalshi.rest_url": "http://127.0.0.1:1/x",
        "kalshi.ws_url": "ws://localhost:1/x",
        "kalshi.precision": "direct",
        "polymarket.clob_url": "https://a.example",
        "polymarket.gamma_url": "https://b.example",
        "polymarket.data_url": "https://c.example",
        "polymarket.market_ws_url": "wss://d.example",
        "polymarket.user_ws_url": "wss://e.example",
        "polymarket.signature_type": "0",
        "polymarket.funder_address": "0x" + "ab" * 20,
        "polymarket.min_marketable_cash": "0.5",
        "polymarket.absence_margin_s": "0.5",
        "breakers": "9",
        "feed.keepalive_s": "0.5",
        "feed.silent_s": "0.5",
        "telegram.api_url": "http://127.0.0.1:1",
        "telegram.daily_summary_at": "18:30",
        "anthropic.base_url": "http://127.0.0.1:1",
        "anthropic.model": "another-model",
    }
    plain = [row for row in describe() if not row.secret]
    assert len({row.key for row in plain}) == len(plain) >= 30
    for row in plain:
        assert row.env, row
        assert row.meaning, row
        value = samples.get(row.key) or samples[row.key.partition(".")[0]]
        section, _, name = row.key.rpartition(".")
        by_file = from_toml(tmp_path, f"{f'[{section}]' if section else ''}\n{name} = '{value}'")
        assert by_file != Settings(), row
        for variable in row.env:
            assert load({variable: value}) == by_file, row


def test_the_table_shows_each_default_as_an_operator_would_write_it() -> None:
    for row in describe():
        if row.default:
            assert load({row.env[0]: row.default}) == Settings(), row


def test_a_demo_builds_settings_in_code_and_its_limits_follow() -> None:
    settings = Settings(
        trading=TradingSettings(max_bet=Cash(50 * MICRO)),
        kalshi=KalshiSettings(rest_url="http://127.0.0.1:8080/trade-api/v2", precision=Precision.DIRECT),
    )
    assert risk_limits(settings).max_bet == 50 * MICRO
    assert risk_limits(settings).feed_silent_ns == settings.feed.silent_ns
    with pytest.raises(SettingsError, match="EXECUTOR_MIN_BET"):
        TradingSettings(max_bet=Cash(1))


# Secrets


def secret_environ(folder: Path) -> dict[str, str]:
    pem = folder / "kalshi.pem"
    pem.write_text(PEM)
    return {
        "KALSHI_API_KEY_ID": "id-of-the-key",
        "KALSHI_PRIVATE_KEY_PATH": str(pem),
        "POLYMARKET_PRIVATE_KEY": KEY,
        "POLY_FUNDER_ADDRESS": "0x" + "ab" * 20,
        "POLYMARKET_API_KEY": "api-key-text",
        "POLYMARKET_API_SECRET": "api-secret-text",
        "POLYMARKET_API_PASSPHRASE": "api-passphrase-text",
        "TELEGRAM_BOT_TOKEN": "bot-token-text",
        "TELEGRAM_CHAT_ID": "chat-id-text",
        "ANTHROPIC_API_KEY": "anthropic-text",
    }


HIDDEN = (KEY, "c2VjcmV0", "id-of-the-key", "-text")


def test_secrets_come_from_the_environment_and_from_named_files(tmp_path: Path) -> None:
    secrets = load(secret_environ(tmp_path)).secrets
    assert secrets.kalshi_private_key == Secret(PEM.strip())
    assert secrets.polymarket_private_key is not None
    assert secrets.polymarket_private_key.reveal() == KEY
    assert load({"POLY_PRIVATE_KEY": KEY}).secrets.polymarket_private_key == Secret(KEY)
    key_file = tmp_path / "poly.key"
    key_file.write_text(KEY + "\n")
    assert load({"POLYMARKET_PRIVATE_KEY_PATH": str(key_file)}).secrets.polymarket_private_key == Secret(KEY)
    by_toml = from_toml(tmp_path, f"[polymarket]\nprivate_key_path = '{key_file}'")
    assert by_toml.secrets.polymarket_private_key == Secret(KEY)


def test_no_secret_shows_in_any_text_of_the_settings(tmp_path: Path) -> None:
    settings = load(secret_environ(tmp_path))
    texts = [
        repr(settings),
        str(settings),
        f"{settings.secrets}",
        repr(describe()),
        f"{settings.secrets.kalshi_key_id:>9}",
    ]
    assert not [hidden for hidden in HIDDEN for text in texts if hidden in text]
    assert "Secret(***)" in repr(settings)


def test_a_secret_cannot_be_pickled_copied_or_changed() -> None:
    secret = Secret("hush-hush")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(secret)
    with pytest.raises(TypeError):
        pickle.dumps(Settings(secrets=Secrets(telegram_chat_id=secret)))
    changed: Any = secret
    with pytest.raises(AttributeError):
        changed._text = "other"
    assert secret != "hush-hush"


@pytest.mark.parametrize(
    "key",
    ["0x" + "g" * 64, "ab" * 32, "0x" + "a" * 63, "0x" + "a" * 65, "0x" + "0" * 64, "0x" + "f" * 64, "0X" + "a" * 64],
)
def test_a_wrong_private_key_is_refused_without_echoing_it(key: str) -> None:
    with pytest.raises(CredentialsError, match="POLYMARKET_PRIVATE_KEY: Invalid private key") as caught:
        load({"POLYMARKET_PRIVATE_KEY": key})
    assert key not in str(caught.value)
    assert key[3:] not in str(caught.value)


def test_a_kalshi_key_file_that_holds_no_key_is_refused_without_echoing_it(tmp_path: Path) -> None:
    wrong = tmp_path / "key.pem"
    wrong.write_text("hush-hush")
    with pytest.raises(CredentialsError, match="Invalid private key") as caught:
        load({"KALSHI_PRIVATE_KEY_PATH": str(wrong)})
    assert "KALSHI_PRIVATE_KEY_PATH" in str(caught.value)
    assert "hush-hush" not in str(caught.value)
    with pytest.raises(CredentialsError, match=r"KALSHI_PRIVATE_KEY_PATH.*cannot be read"):
        load({"KALSHI_PRIVATE_KEY_PATH": str(tmp_path / "gone.pem")})


def test_no_secret_shows_in_a_traceback_that_prints_the_locals(tmp_path: Path) -> None:
    environ = secret_environ(tmp_path) | {"POLYMARKET_PRIVATE_KEY": KEY + "0", "EXECUTOR_MAX_BET": "x"}
    env_file = tmp_path / ".env"
    env_file.write_text("ANTHROPIC_API_KEY=from-a-file-text\n")
    bad_toml = tmp_path / "bad.toml"
    bad_toml.write_text("= 1")
    for toml_path in (None, bad_toml):
        try:
            load(environ, toml_path, env_file)
        except SettingsError as error:
            frames = traceback.TracebackException.from_exception(error, capture_locals=True)
            # the first frame is this test, which holds the dictionary itself
            shown = "".join(str(frame.locals) for frame in list(frames.stack)[1:]) + str(error)
        else:
            pytest.fail("it was accepted")
        assert "masked" in shown
        assert not [hidden for hidden in HIDDEN if hidden in shown]


def test_the_time_of_the_daily_summary_is_a_time_of_day() -> None:
    assert Settings().telegram.daily_summary_at == (0, 5)
    assert load({"DAILY_SUMMARY_AT": "18:30"}).telegram.daily_summary_at == (18, 30)
    for wrong in ("24:00", "7", "18:60", "6pm", "-1:00"):
        with pytest.raises(SettingsError, match="DAILY_SUMMARY_AT"):
            load({"DAILY_SUMMARY_AT": wrong})


def test_live_names_every_missing_secret_in_one_error() -> None:
    with pytest.raises(CredentialsError) as caught:
        load({"DUTCHBOOK_MODE": "live"}).require_secrets()
    for name in ("KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH", "POLYMARKET_PRIVATE_KEY", "POLY_FUNDER_ADDRESS"):
        assert name in str(caught.value)
    assert "live" in str(caught.value)


def test_live_with_all_secrets_is_content_and_an_own_key_needs_no_funder(tmp_path: Path) -> None:
    environ = secret_environ(tmp_path) | {"DUTCHBOOK_MODE": "live", "EXECUTOR_ENABLED": "1"}
    load(environ).require_secrets()
    assert load(environ).warnings() == ()
    del environ["POLY_FUNDER_ADDRESS"]
    assert load(environ).missing_secrets() == ("POLY_FUNDER_ADDRESS",)
    assert load(environ | {"POLYMARKET_SIGNATURE_TYPE": "0"}).missing_secrets() == ()


@pytest.mark.parametrize("mode", ["paper", "dry-run"])
def test_without_live_nothing_is_required_but_said_plainly(mode: str) -> None:
    settings = load({"DUTCHBOOK_MODE": mode})
    settings.require_secrets()
    assert len([text for text in settings.warnings() if "Telegram" in text]) == 1
    assert len([text for text in settings.warnings() if "polled by REST" in text]) == 1


def test_api_secrets_come_all_three_or_not_at_all() -> None:
    with pytest.raises(CredentialsError, match="POLYMARKET_API_SECRET, POLYMARKET_API_PASSPHRASE: missing"):
        load({"POLYMARKET_API_KEY": "x"})


def test_two_names_of_one_secret_that_differ_are_an_error_that_names_both() -> None:
    other = "0x" + "2e" * 32
    with pytest.raises(CredentialsError) as caught:
        load({"POLYMARKET_PRIVATE_KEY": KEY, "POLY_PRIVATE_KEY": other})
    assert "POLYMARKET_PRIVATE_KEY and POLY_PRIVATE_KEY differ" in str(caught.value)
    assert KEY not in str(caught.value)
    same = load({"POLYMARKET_PRIVATE_KEY": KEY, "POLY_PRIVATE_KEY": KEY})
    assert same.secrets.polymarket_private_key == Secret(KEY)


def test_a_number_of_the_file_never_passes_through_a_float(tmp_path: Path) -> None:
    """0.1 + 0.2 as floats would not be 0.3 dollars; a twelve-digit rate keeps all its digits."""
    settings = from_toml(tmp_path, "[trading]\nmin_roi = 1.0123456789")
    assert settings.trading.min_roi == int(Decimal("0.010123456789") * RATE_ONE)
