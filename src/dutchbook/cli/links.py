"""The links that a run may trade: a JSON-lines file of ours, or the line that `dutchbook sim both` prints. Approves nothing
by itself, except on simulators, whose world says what belongs together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dutchbook.cli.compose import links_from_rows
from dutchbook.cli.sides import on_this_machine
from dutchbook.core.errors import SettingsError
from dutchbook.core.link import Link


def read_links(path: Path) -> list[Link]:
    """Every link of the file. Raises SettingsError naming file and line, or the row and its field."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such links file; name one with --links FILE (docs/cli.md shows its rows)"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path}: the links file cannot be read: {error.strerror}") from None
    rows: list[dict[str, Any]] = []
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row: Any = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}, line {number}: is not JSON ({error})") from None
        if not isinstance(row, dict):
            raise SettingsError(f"{path}, line {number}: is not an object")
        rows += _simulated(row) if "venues" in row and "links" in row else [row]
    try:
        links = links_from_rows(rows)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error
    if not links:
        raise SettingsError(f"{path}: holds no link; without links there is nothing to compare")
    return links


def _simulated(description: dict[str, Any]) -> list[dict[str, Any]]:
    urls = [value for venue in description["venues"] for key, value in venue.items() if key.endswith("url")]
    approved = all(map(on_this_machine, urls))
    return [{**row, "approved": approved} for row in description["links"]]
