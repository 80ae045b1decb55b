"""The line that installs what an optional part needs. Installs nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).resolve().parents[3]


def install_line(part: str) -> str:
    """With the whole path where this runs from a checkout: settings and ledger live in another folder than the packages' list."""
    listed = Path("requirements") / f"{part}.txt"
    whole = _CHECKOUT / listed
    return f"pip install -r {whole if whole.is_file() else listed}"
