"""A venue from a file of somebody's own, for the demo: what the file must offer, and how it is loaded.

The file is Python and runs with all rights of this process: the operator names it, nothing looks for it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dutchbook.core.clock import Clock, Entropy
from dutchbook.core.errors import SettingsError
from dutchbook.core.link import Link
from dutchbook.engine.engine import VenueSide

ENTRY = "open_venue"


@dataclass(frozen=True, slots=True)
class ExtraVenue:
    """An open venue. A link whose id the demo has already takes that link's place.

    `close` ends everything that was opened. `statement` is what the venue itself says about our account, as plain data:
    it goes into the report beside the ledger's figures, and does not pass through the adapter.
    """

    sides: Mapping[str, VenueSide]
    links: Sequence[Link]
    close: Callable[[], Awaitable[None]]
    statement: Callable[[], Mapping[str, Any]]


OpenVenue = Callable[[Clock, Entropy, Mapping[str, Any]], Awaitable[ExtraVenue]]
"""`open_venue(clock, entropy, description)`; `description` is the line of JSON that the demo's simulators print."""


def venue_opener(path: Path) -> OpenVenue:
    """The entry function of a venue's file. Raises SettingsError when the file cannot be read or has none."""
    spec = importlib.util.spec_from_file_location(f"dutchbook_venue_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SettingsError(f"{path}: not a Python file; --venue takes the file of a venue")
    module = importlib.util.module_from_spec(spec)
    # data classes and annotations look their module up by name; files beside it are imported as from a script
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SettingsError(f"{path}: cannot be loaded: {type(error).__name__}: {error}") from error
    opener: OpenVenue | None = getattr(module, ENTRY, None)
    if opener is None:
        raise SettingsError(f"{path}: has no function {ENTRY}(clock, entropy, description)")
    return opener
