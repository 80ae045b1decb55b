"""Days and weeks as people name them on the command line, and the ledger with the zone whose midnight divides them."""

from __future__ import annotations

import os
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dutchbook.cli.output import note
from dutchbook.core.errors import DutchbookError, SettingsError


def chosen(ledger: Path | None) -> tuple[Path, ZoneInfo]:
    """The ledger's path and the zone of trading days. With a path given, settings that cannot be read do not matter."""
    from dutchbook.settings import load_here

    try:
        settings = load_here(os.environ, Path.cwd())
    except DutchbookError:
        if ledger is None:
            raise
        note("note: the settings cannot be read (`dutchbook doctor` says why); days are shown in UTC")
        return ledger, ZoneInfo("UTC")
    return ledger or settings.ledger_path, settings.zone


def day_named(text: str | None, zone: ZoneInfo, option: str) -> date | None:
    """A day: YYYY-MM-DD, `today` or `yesterday`. Raises SettingsError naming the option."""
    if text is None:
        return None
    today = datetime.now(zone).date()
    if text in ("today", "yesterday"):
        return today - timedelta(days=text == "yesterday")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option}: {text!r} is not a day such as 2026-11-20, nor `today`, nor `yesterday`"
        ) from None


def week_named(text: str, zone: ZoneInfo, option: str) -> tuple[date, ...]:
    """The seven days, Monday first, of an ISO week (2026-W47), of `this` or `last` week, or of the week with a day in it."""
    today = datetime.now(zone).date()
    found = re.fullmatch(r"([0-9]{4})-W([0-9]{2})", text)
    try:
        if text in ("this", "last"):
            within = today - timedelta(days=7 * (text == "last"))
        elif found:
            within = date.fromisocalendar(int(found[1]), int(found[2]), 1)
        else:
            within = date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option}: {text!r} is not a week such as 2026-W47, nor a day in one, nor `this`, nor `last`"
        ) from None
    monday = within - timedelta(days=within.weekday())
    return tuple(monday + timedelta(days=number) for number in range(7))
