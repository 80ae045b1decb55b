"""The links that a run is given: a JSON-lines file of ours, or the line that `dutchbook sim both` prints. A file approves nothing
for real money: that is the registry's, except on simulators, whose world says what belongs together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from dutchbook.cli.compose import links_from_rows
from dutchbook.cli.sides import on_this_machine
from dutchbook.core.errors import SettingsError
from dutchbook.core.link import Link
from dutchbook.core.mode import Mode

if TYPE_CHECKING:
    from dutchbook.settings import Settings

DEFAULT: Final = Path("links.jsonl")


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


def given_links(file: Path | None, settings: Settings, ledger: Path) -> list[Link]:
    """The links of a file for a run with these settings; without one named, `links.jsonl` where it is there.

    Live against real venues a file's approvals do not count. Raises SettingsError for a file that cannot be read, and when there
    is neither a file nor a link in the ledger's registry.
    """
    if file is None and not DEFAULT.exists():
        if registry_links(ledger):
            return []
        raise SettingsError(
            f"{DEFAULT}: no such links file, and no link in {ledger}; `dutchbook links discover` looks for some, or name a file "
            "with --links FILE (docs/cli.md shows its rows)"
        )
    links = read_links(file or DEFAULT)
    return [replace(link, approved=False, high_confidence=False) for link in links] if for_real(settings) else links


def for_real(settings: Settings) -> bool:
    """Whether a run with these settings trades real money: live, and a venue that is not on this machine."""
    urls = (settings.kalshi.rest_url, settings.polymarket.clob_url)
    return settings.mode is Mode.LIVE and not all(map(on_this_machine, urls))


def registry_links(ledger: Path) -> list[Link]:
    """The links that an engine on this ledger would watch. Raises LedgerError for one that cannot be read."""
    from dutchbook.cli.figures import open_ledger
    from dutchbook.engine.links import registered

    if not ledger.exists():
        return []
    journal, folded = open_ledger(ledger)
    journal.close()
    return registered(folded)


def _simulated(description: dict[str, Any]) -> list[dict[str, Any]]:
    urls = [value for venue in description["venues"] for key, value in venue.items() if key.endswith("url")]
    approved = all(map(on_this_machine, urls))
    return [{**row, "approved": approved} for row in description["links"]]
