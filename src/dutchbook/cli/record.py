"""`dutchbook record`: keep what a venue says about some markets, frame by frame, to play it back later. Sends no order."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, note, say, say_json
from dutchbook.core.errors import SettingsError

if TYPE_CHECKING:
    from dutchbook.cli.interrupt import Interrupt
    from dutchbook.settings import Settings

NEWS_S = 5.0


def record(
    venue: Annotated[str, typer.Option(help="kalshi or polymarket.")],
    market: Annotated[list[str], typer.Option(help="The venue's own id of a market; repeat it for several.")],
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("recordings"),
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after this time; else until Ctrl-C.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Record raw frames of markets with their receive times. `dutchbook replay` plays them back."""
    from dutchbook.cli.interrupt import run_interruptible
    from dutchbook.cli.logs import configure_logs
    from dutchbook.settings import load_here

    if venue not in ("kalshi", "polymarket"):
        raise SettingsError(f"--venue: {venue!r} is not kalshi or polymarket")
    settings = load_here(os.environ, Path.cwd())
    configure_logs(stream=sys.stderr, as_json=False, file=None)
    for warning in settings.warnings():
        if venue in warning.lower():
            note(f"warning: {warning}")
    report = run_interruptible(lambda interrupt: _record(settings, venue, market, out, seconds, interrupt))
    if as_json:
        say_json(report)
    else:
        say(f"recorded {report['frames']} frames of {len(market)} markets in {report['seconds']} s: {report['file']}")
        for trouble in report["troubles"]:
            say(f"trouble: {trouble}")
    raise typer.Exit(ExitStatus.OK if report["frames"] else ExitStatus.FAILED)


async def _record(
    settings: Settings, venue: str, natives: list[str], out: Path, seconds: float | None, interrupt: Interrupt
) -> dict[str, Any]:
    from dutchbook.cli.sides import data_sides
    from dutchbook.core.clock import SystemClock
    from dutchbook.core.events import StreamTrouble
    from dutchbook.feed.connection import Connection, KeepAlive
    from dutchbook.feed.record import SUFFIX, Recording, RecordingTransport
    from dutchbook.venues.http import AioTransport

    clock = SystemClock()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    recording = Recording(out / f"{venue}-{stamp}{SUFFIX}")
    transport = RecordingTransport(AioTransport(clock), recording, clock)
    troubles: list[str] = []
    began = time.monotonic()
    try:
        side = data_sides(settings, transport, clock)[venue]
        markets = await side.data.markets(natives)
        note(f"recording {', '.join(m.native for m in markets)} to {recording.path}; Ctrl-C ends it")
        connection = Connection(
            f"{venue} books",
            side.data.stream(markets),
            side.transport,
            clock,
            lambda events: troubles.extend(e.reason for e in events if isinstance(e, StreamTrouble)),
            KeepAlive(every_ns=settings.feed.keepalive_ns, silent_ns=max(settings.feed.silent_ns, 30_000_000_000)),
        )
        running = asyncio.create_task(connection.run())
        told = began
        while seconds is None or time.monotonic() - began < seconds:
            if await interrupt.wait(0.1):
                break
            if time.monotonic() - told > NEWS_S:
                told = time.monotonic()
                note(f"{recording.frames} frames after {told - began:.0f} s")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    finally:
        recording.close()
        await transport.close()
    return {
        "file": str(recording.path),
        "frames": recording.frames,
        "markets": [m.native for m in markets],
        "seconds": round(time.monotonic() - began, 1),
        "troubles": list(dict.fromkeys(troubles)),
    }
