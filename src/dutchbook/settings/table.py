"""One row per setting: its key in `dutchbook.toml`, its environment names, its default and its meaning.

The rows live next to the fields they fill (`model.py`), so a field without a row, or a row without a field, cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar

from dutchbook.settings.kinds import Kind
from dutchbook.settings.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Description:
    """A row for people: `doctor` and the documentation list these. Holds no value of the operator's."""

    key: str
    env: tuple[str, ...]
    default: str
    meaning: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A setting. When several of `env` are set they must agree, or with `smallest` the smaller one rules."""

    key: str
    env: tuple[str, ...]
    default: str
    kind: Kind[Any]
    meaning: str
    smallest: bool = False

    def describe(self) -> Description:
        return Description(self.key, self.env, self.default, self.meaning)


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret, given as a variable, or as a file that `<variable>_PATH` (or `<key>_path` in the TOML file) names."""

    key: str
    env: tuple[str, ...]
    meaning: str
    check: Callable[[str, Secret], Secret] | None = None

    @property
    def path_env(self) -> tuple[str, ...]:
        return tuple(f"{name}_PATH" for name in self.env)

    @property
    def path_key(self) -> str:
        return f"{self.key}_path"

    def describe(self) -> Description:
        return Description(self.path_key, self.env + self.path_env, "", self.meaning, secret=True)


_ROW: Final = "row"


def setting(key: str, *env: str, kind: Kind[T], default: str, meaning: str, smallest: bool = False) -> T:
    """A dataclass field with its row; the default is read by the same kind as the operator's text."""
    row = Row(key, env, default, kind, meaning, smallest)
    return field(default=kind.read(default), metadata={_ROW: row})


def secret(key: str, *env: str, meaning: str, check: Callable[[str, Secret], Secret] | None = None) -> Secret | None:
    """A dataclass field for a secret; absent by default."""
    return field(default=None, metadata={_ROW: SecretRow(key, env, meaning, check)})


def rows(section: type[Any]) -> Iterator[tuple[str, Row]]:
    """(field name, row) of a section's plain settings."""
    for each in fields(section):
        row = each.metadata.get(_ROW)
        if isinstance(row, Row):
            yield each.name, row


def secret_rows(section: type[Any]) -> Iterator[tuple[str, SecretRow]]:
    """(field name, row) of a section's secrets."""
    for each in fields(section):
        row = each.metadata.get(_ROW)
        if isinstance(row, SecretRow):
            yield each.name, row
