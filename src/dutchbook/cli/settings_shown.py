"""The settings as they may be shown to anybody: every row with its value, and of secrets only whether they are there."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dutchbook.core.money import RATE_ONE, format_micros

if TYPE_CHECKING:
    from dutchbook.settings import Settings


def shown(settings: Settings | None) -> list[dict[str, Any]]:
    """One row a setting; nothing when the settings could not be read."""
    from dutchbook.settings.model import MODE, SECTIONS, Secrets, Settings
    from dutchbook.settings.table import rows, secret_rows

    if settings is None:
        return []
    found = [_row(MODE.key, settings.mode, MODE.default, MODE.meaning)]
    found += [_row(row.key, getattr(settings, name), row.default, row.meaning) for name, row in rows(Settings)]
    for section, kind in SECTIONS.items():
        part = getattr(settings, section)
        found += [_row(row.key, getattr(part, name), row.default, row.meaning) for name, row in rows(kind)]
    for name, secret in secret_rows(Secrets):
        there = getattr(settings.secrets, name) is not None
        found.append({"key": secret.key, "value": "given" if there else "absent", "meaning": secret.meaning})
    return found


def _row(key: str, value: object, default: str, meaning: str) -> dict[str, Any]:
    return {"key": key, "value": _text(key, value), "default": default, "meaning": meaning}


def _text(key: str, value: object) -> str:
    """As the operator writes it: the unit is in the key or in the meaning."""
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case int() if key.endswith("_s"):
            return format_micros(value // 1000, trim=True)
        case int() if key.endswith(("_pct", "_roi")):
            return format_micros(value * 100 * 1_000_000 // RATE_ONE, trim=True)
        case int() if value >= 10_000:
            return format_micros(value, trim=True)
        case Path():
            return str(value)
        case _:
            return str(value)
