"""`dutchbook doctor`: could `dutchbook run` start here, now? One line per check, each with its fix. Changes nothing.

It reads what a run would read, with the same code; it sends no order and never shows a secret.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, say, say_json, status_of
from dutchbook.core.errors import DutchbookError

if TYPE_CHECKING:
    from dutchbook.settings import Settings

OK, WARN, FAIL = "ok", "warn", "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `status` is the exit status that a FAIL leads to."""

    name: str
    verdict: str
    text: str
    fix: str = ""
    status: ExitStatus = ExitStatus.FAILED

    def line(self) -> str:
        return f"{self.verdict:5} {self.name:22} {self.text}" + (f"  -> {self.fix}" if self.fix else "")

    def plain(self) -> dict[str, Any]:
        return {"name": self.name, "verdict": self.verdict.lower(), "text": self.text, "fix": self.fix}


def failed(name: str, error: DutchbookError, fix: str = "") -> Check:
    """A check that an error of ours ends; such an error usually names its own fix."""
    return Check(name, FAIL, str(error), fix, status_of(error))


def doctor(
    links: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The links file that `run` would use; links.jsonl if it is there."),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The ledger that `run` would use, instead of the settings'.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Check everything that `run` needs before any money moves, one line each with the fix.

    The exit status is 0 only when the mode of the settings could run.
    """
    import asyncio

    from dutchbook.settings import load_here

    mode = None
    try:
        settings = load_here(os.environ, Path.cwd())
    except DutchbookError as error:
        checks = [failed("settings", error, "correct it in the environment, .env or dutchbook.toml")]
    else:
        mode = settings.mode.value
        checks = asyncio.run(_examine(settings, links, ledger or settings.ledger_path))
    failures = [check for check in checks if check.verdict == FAIL]
    status = failures[0].status if failures else ExitStatus.OK
    if as_json:
        told = {"mode": mode, "could_run": not failures, "checks": [check.plain() for check in checks]}
        say_json({**told, "exit_status": int(status)})
    else:
        for check in checks:
            say(check.line())
        say()
        say(f"{len(failures)} of {len(checks)} checks failed" if failures else f"mode {mode} could run")
    raise typer.Exit(status)


async def _examine(settings: Settings, links: Path | None, ledger: Path) -> list[Check]:
    """Every check, in the order in which a person would mend them."""
    import asyncio

    from dutchbook.cli.doctor import examination as look
    from dutchbook.cli.doctor import surroundings as around
    from dutchbook.core.clock import SystemClock
    from dutchbook.venues.http import AioTransport

    transport = AioTransport(SystemClock())
    try:
        venues = await asyncio.gather(
            look.kalshi(settings, transport), look.polymarket(settings, transport), look.region(settings, transport)
        )
        chat = await around.telegram(settings, transport)
    finally:
        await transport.close()
    return [
        *look.choices(settings),
        *look.secrets(settings),
        *around.secrets_file(Path(".env")),
        *(check for checks in venues for check in checks),
        look.links(links, settings, ledger),
        around.ledger(ledger, settings),
        around.disk(ledger),
        around.state_stream(ledger),
        chat,
    ]
