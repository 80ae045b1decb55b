"""What every command shares with the outside: exit statuses, JSON on standard output, errors as one clear message.

Standard output carries results only; errors, logs and progress go to standard error. Nothing here decides anything.
"""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec
import typer

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import (
    CredentialsError,
    LedgerError,
    Lost,
    MalformedFrame,
    Refused,
    Retry,
    SettingsError,
)
from dutchbook.core.money import MICRO, RATE_ONE, Rounding, divide, format_micros, round_to

if TYPE_CHECKING:
    from dutchbook.ledger.statistics import Statistics


class ExitStatus(IntEnum):
    """How a command ended, for scripts. The same table stands in docs/cli.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CREDENTIALS = 3
    VENUE = 4
    LEDGER = 5
    INTERRUPTED = 130


MEANING: Final[dict[ExitStatus, str]] = {
    ExitStatus.OK: "it worked",
    ExitStatus.FAILED: "it ran and something failed: figures that do not match, a trade left open, an engine that stopped",
    ExitStatus.USAGE: "a wrong option, or a setting that is unknown, malformed or contradicts another",
    ExitStatus.CREDENTIALS: "a secret is missing, malformed or refused by a venue",
    ExitStatus.VENUE: "a venue cannot be reached, is not available, or refused",
    ExitStatus.LEDGER: "the ledger cannot be used: missing, foreign, of another mode, in use, damaged, disk full",
    ExitStatus.INTERRUPTED: "left at once on a second Ctrl-C, or on the first where nothing was under way",
}

_HINT: Final[dict[ExitStatus, str]] = {
    ExitStatus.CREDENTIALS: "`dutchbook doctor` shows which secrets are present and tries each with a signed read",
    ExitStatus.VENUE: "check the network and the venue's addresses in the settings; `dutchbook doctor` looks at each part",
}


def status_of(error: BaseException) -> ExitStatus:
    """The exit status that an error ends a command with."""
    match error:
        case SettingsError() | typer.TyperException():
            return ExitStatus.USAGE
        case CredentialsError():
            return ExitStatus.CREDENTIALS
        case LedgerError():
            return ExitStatus.LEDGER
        case Retry() | Lost() | Refused() | MalformedFrame():
            return ExitStatus.VENUE
        case KeyboardInterrupt():
            return ExitStatus.INTERRUPTED
        case _:
            return ExitStatus.FAILED


def show_error(error: BaseException, text: str, *, as_json: bool, debug: bool) -> None:
    """One message on standard error, or in JSON mode `{"error": {...}}` on standard output. No traceback without `debug`.

    Tracebacks carry source lines only, never the values of variables.
    """
    status = status_of(error)
    if as_json:
        told: dict[str, Any] = {
            "type": type(error).__name__,
            "message": text,
            "exit_status": int(status),
        }
        if status in _HINT:
            told["hint"] = _HINT[status]
        say_json({"error": told})
    else:
        note(f"error: {text}")
        if status in _HINT:
            note(f"hint: {_HINT[status]}")
    if debug:
        sys.stderr.writelines(traceback.format_exception(error))


def say(text: str = "") -> None:
    """A line of the result."""
    typer.echo(text)


def say_json(value: Any) -> None:
    """The result as one JSON document, indented."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def note(text: str) -> None:
    """A line for a person who watches; not part of the result."""
    typer.echo(text, err=True)


def money(value: int) -> str:
    """Exact dollars of millionths as JSON carries them: decimal text."""
    return format_micros(value)


def dollars(value: int) -> str:
    """Exact dollars of millionths for a screen: "$1.25", "-$0.002731"."""
    return f"{'-' if value < 0 else ''}${format_micros(abs(value), trim=True)}"


def percent(rate: int) -> str:
    """A rate (over 1e-12) as a percentage with two decimals, for screens: "1.25"."""
    hundredfold = divide(rate * 100 * MICRO, RATE_ONE, Rounding.HALF_EVEN)
    return format_micros(round_to(hundredfold, 10_000, Rounding.HALF_EVEN), 2)


def instant(at_ns: int) -> str | None:
    """ISO text in UTC with milliseconds; None for zero, which stands for "not yet"."""
    if not at_ns:
        return None
    whole, rest = divmod(at_ns, SECOND)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest // MILLISECOND:03d}Z"


def trade_figures(figures: Statistics, *, dry_runs: bool = False) -> dict[str, Any]:
    """How trades ended and what they brought: the part that every report has in common. Amounts are decimal text.

    `dry_runs` counts those too, where the mode can be dry-run.
    """
    return {
        "trades": {
            "locked": figures.successful,
            "rolled_back": figures.rolled_back,
            "failed": figures.failed,
            "naked": figures.naked,
            **({"dry_run": figures.dry_run} if dry_runs else {}),
        },
        "fees": money(figures.fees),
        "pnl": money(figures.realised),
        "locked_profit": money(figures.locked_profit),
        "rollback_losses": money(figures.rollback_losses),
    }
