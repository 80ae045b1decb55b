"""Reading the three places of settings into names and values: environment, `.env`, `dutchbook.toml`.

Secrets are wrapped the moment they are read and other people's variables are dropped, so that no error on the way and
no traceback can show them. Environment wins over `.env`; both win over the TOML file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from dutchbook.core.errors import SettingsError
from dutchbook.settings.kinds import Raw
from dutchbook.settings.model import DRY_RUN, MODE, PAPER_TRADING, SECTIONS, Secrets, Settings
from dutchbook.settings.secret import Secret
from dutchbook.settings.table import Row, rows, secret_rows

CONFIG: Final = "DUTCHBOOK_CONFIG"
"""Names the TOML file; it is not a setting itself."""

_TEST_DATA: Final = "DUTCHBOOK_DATA"
_OURS: Final = ("EXECUTOR_", "DUTCHBOOK_", "KALSHI_", "POLYMARKET_")

PLAIN: Final[tuple[Row, ...]] = (
    MODE,
    PAPER_TRADING,
    DRY_RUN,
    *(row for section in (Settings, *SECTIONS.values()) for _, row in rows(section)),
)
SECRET: Final = tuple(row for _, row in secret_rows(Secrets))

_PLAIN_NAMES: Final = frozenset(name for row in PLAIN for name in row.env) | frozenset(
    name for row in SECRET for name in row.path_env
)
_SECRET_NAMES: Final = frozenset(name for row in SECRET for name in row.env)
_KEYS: Final = frozenset(row.key for row in PLAIN) | frozenset(row.path_key for row in SECRET)
_SECRET_KEYS: Final = {row.key: row for row in SECRET}


@dataclass(frozen=True, slots=True)
class Given:
    """A value with the place that it came from, for the error text."""

    name: str
    place: str
    value: Raw

    def __str__(self) -> str:
        return f"{self.name} ({self.place})"


@dataclass(frozen=True, slots=True)
class Sources:
    """What the three places hold, each name once, by rank. `problems` are errors found on the way."""

    variables: Mapping[str, Given]
    secrets: Mapping[str, Secret]
    keys: Mapping[str, Given]
    problems: tuple[str, ...]


class Masked(Mapping[str, str]):
    """An environment that does not show its values when a traceback prints its locals."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Masked({len(self)} variables)"


def read_sources(environ: Masked, toml_path: Path | None, env_file: Path | None) -> Sources:
    """Reads the two files, when named; raises SettingsError when one cannot be read or is not of its format."""
    variables: dict[str, Given] = {}
    secrets: dict[str, Secret] = {}
    problems: list[str] = []
    if env_file is not None:
        _take(
            dotenv_values(stream=StringIO(_text(env_file, "env file")), interpolate=False),
            env_file.name,
            variables,
            secrets,
            problems,
        )
    _take(environ, "environment", variables, secrets, problems)
    keys = _toml(toml_path, problems) if toml_path is not None else {}
    return Sources(variables, secrets, keys, tuple(problems))


def _take(
    source: Mapping[str, str | None],
    place: str,
    variables: dict[str, Given],
    secrets: dict[str, Secret],
    problems: list[str],
) -> None:
    for name in source:
        if name in _SECRET_NAMES:
            if (source[name] or "").strip():
                secrets[name] = Secret((source[name] or "").strip())
        elif name in _PLAIN_NAMES:
            if (source[name] or "").strip():
                variables[name] = Given(name, place, (source[name] or "").strip())
        elif name == CONFIG:
            if place != "environment":
                problems.append(
                    f"{name} ({place}): names the settings file, so it works in the environment only; set it there"
                )
        elif name.startswith(_OURS) and name != _TEST_DATA:
            problems.append(f"{name} ({place}): no such setting{_nearest(name, _PLAIN_NAMES | _SECRET_NAMES)}")


def _toml(path: Path, problems: list[str]) -> dict[str, Given]:
    try:
        document = tomllib.loads(_text(path, "settings file"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name}: is not TOML: {error}") from None
    keys: dict[str, Given] = {}
    for key, value in _leaves(document, ""):
        if key in _SECRET_KEYS:
            row = _SECRET_KEYS[key]
            problems.append(
                f"{key} ({path.name}): is a secret and may not stand in this file; "
                f"set {row.env[0]}, or name a file in {row.path_key}"
            )
        elif key not in _KEYS:
            problems.append(f"{key} ({path.name}): no such setting{_nearest(key, _KEYS)}")
        elif isinstance(value, (str, int, Decimal)):
            keys[key] = Given(key, path.name, value)
        else:
            problems.append(f"{key} ({path.name}): is a {type(value).__name__}; write one value")
    return keys


def _leaves(table: Mapping[str, object], prefix: str) -> Iterable[tuple[str, object]]:
    sections = {key.partition(".")[0] for key in (*_KEYS, *_SECRET_KEYS) if "." in key}
    for name, value in table.items():
        if isinstance(value, dict) and not prefix and name in sections:
            yield from _leaves(value, f"{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{path}: the {what} cannot be read: {reason}") from None


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; remove it"
