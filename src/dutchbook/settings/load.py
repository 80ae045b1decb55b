"""From what the three places hold to `Settings`: aliases, contradictions, defaults, secrets. Every error names its setting.

Pure given its inputs: the environment is a mapping and the files are named. All problems are told at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dutchbook.core.errors import CredentialsError, DutchbookError, SettingsError
from dutchbook.core.mode import Mode
from dutchbook.settings.model import DRY_RUN, MODE, PAPER_TRADING, SECTIONS, Secrets, Settings
from dutchbook.settings.secret import Secret
from dutchbook.settings.sources import CONFIG, Given, Masked, Sources, read_sources
from dutchbook.settings.table import Row, SecretRow, rows, secret_rows


def load(environ: Mapping[str, str], toml_path: Path | None = None, env_file: Path | None = None) -> Settings:
    """Settings from an environment and up to two files.

    Raises SettingsError that lists every problem, one a line, or CredentialsError when all of them are about secrets.
    Missing secrets are not an error here: `Settings.require_secrets` says when they are.
    """
    masked = Masked(environ)
    # a raised error keeps this frame alive: it must not hold the raw secrets
    del environ
    reading = _Reading(read_sources(masked, toml_path, env_file))
    settings = reading.settings()
    if settings is None or reading.problems:
        kind = CredentialsError if reading.only_secrets else SettingsError
        raise kind("\n".join(reading.problems))
    return settings


def load_here(environ: Mapping[str, str], directory: Path) -> Settings:
    """As a command does: `.env` and `dutchbook.toml` of a directory when they exist, or the file DUTCHBOOK_CONFIG names."""
    env_file, named = directory / ".env", environ.get(CONFIG)
    toml_path = directory / named if named else directory / "dutchbook.toml"
    return load(
        environ,
        toml_path if named or toml_path.exists() else None,
        env_file if env_file.exists() else None,
    )


class _Reading:
    """One pass over the sources, gathering problems instead of stopping at the first."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.problems = list(sources.problems)
        self.only_secrets = not self.problems

    def settings(self) -> Settings | None:
        """None when something could not be built; `problems` then says what."""
        mode = self._mode()
        root = {name: self._value(row) for name, row in rows(Settings)}
        parts: dict[str, Any] = {}
        for name, section in SECTIONS.items():
            values = {attribute: self._value(row) for attribute, row in rows(section)}
            parts[name] = self._build(section, values)
        parts["secrets"] = self._build(Secrets, {name: self._secret(row) for name, row in secret_rows(Secrets)})
        if self.problems:
            return None
        return Settings(mode=mode, **root, **parts)

    def _build(self, section: type, values: dict[str, Any]) -> Any:
        try:
            return section(**values)
        except DutchbookError as error:
            self._problem(str(error), about_secret=isinstance(error, CredentialsError))
            return None

    def _problem(self, text: str, *, about_secret: bool = False) -> None:
        self.problems.append(text)
        self.only_secrets = self.only_secrets and about_secret

    def _parse(self, row: Row, given: Given) -> Any:
        """The value, or None with a problem noted."""
        try:
            return row.kind.read(given.value)
        except (ValueError, ArithmeticError):
            shown = str(given.value).lower() if isinstance(given.value, bool) else given.value
            self._problem(f"{given}: {shown} is not {row.kind.what}")
            return None

    def _given(self, row: Row) -> Given | None:
        """The one that rules: a variable before the TOML key; of two variables an agreed one, or the smaller."""
        found = [self._sources.variables[name] for name in row.env if name in self._sources.variables]
        if not found:
            return self._sources.keys.get(row.key)
        if len(found) == 1:
            return found[0]
        parsed = [(value, given) for given in found if (value := self._parse(row, given)) is not None]
        if len(parsed) < len(found):
            return None
        if row.smallest:
            return min(parsed, key=lambda pair: pair[0])[1]
        return parsed[0][1]

    def _value(self, row: Row) -> Any:
        given = self._given(row)
        value = self._parse(row, given) if given is not None else None
        return row.kind.read(row.default) if value is None else value

    def _mode(self) -> Mode:
        """M1: up to three spellings of one setting; they must agree."""
        spellings: list[tuple[Mode, Given]] = []
        for row, meaning in (
            (MODE, {mode: mode for mode in Mode}),
            (PAPER_TRADING, {True: Mode.PAPER, False: Mode.LIVE}),
            (DRY_RUN, {True: Mode.DRY_RUN, False: Mode.LIVE}),
        ):
            given = self._given(row)
            if given is not None and (value := self._parse(row, given)) is not None:
                spellings.append((meaning[value], given))
        if not spellings:
            return Mode.PAPER
        first, said = spellings[0]
        for other, also in spellings[1:]:
            if other is not first:
                self._problem(f"{said} says {first.value} but {also} says {other.value}; keep one of them")
        return first

    def _secret(self, row: SecretRow) -> Secret | None:
        """From a variable or from a named file; several that differ are a contradiction, named and never shown."""
        found: list[tuple[str, Secret]] = [
            (name, self._sources.secrets[name]) for name in row.env if name in self._sources.secrets
        ]
        paths = [self._sources.variables[name] for name in row.path_env if name in self._sources.variables]
        if not found and not paths and row.path_key in self._sources.keys:
            paths.append(self._sources.keys[row.path_key])
        for given in paths:
            text = _file_secret(given)
            if isinstance(text, Secret):
                found.append((str(given), text))
            else:
                self._problem(text, about_secret=True)
        if not found:
            return None
        name, value = found[0]
        for other_name, other in found[1:]:
            if other != value:
                self._problem(f"{name} and {other_name} differ; keep one of them", about_secret=True)
        if row.check is None:
            return value
        try:
            return row.check(name, value)
        except CredentialsError as error:
            self._problem(str(error), about_secret=True)
            return None


def _file_secret(given: Given) -> Secret | str:
    """The named file's text without surrounding space, or the problem with it."""
    if not isinstance(given.value, str):
        return f"{given}: {given.value} is not a path of a file"
    path = Path(given.value).expanduser()
    try:
        secret = Secret(path.read_text(encoding="utf-8").strip())
    except OSError as error:
        return f"{given}: {path} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return f"{given}: {path} is not a text file"
    return secret if secret.reveal() else f"{given}: {path} is empty"
