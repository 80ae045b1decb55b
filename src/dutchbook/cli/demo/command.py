"""`dutchbook demo` as a command: where its ledger goes, what is shown meanwhile, how Ctrl-C ends it, what is told at the end.

Reads no settings file, no `.env` and no secret variable. The demo itself is in `trial.py`.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, dollars, note, say, say_json
from dutchbook.core.errors import LedgerError

if TYPE_CHECKING:
    from dutchbook.cli.demo.extra_venue import OpenVenue
    from dutchbook.cli.demo.screen import Screen
    from dutchbook.cli.demo.trial import Demo
    from dutchbook.cli.interrupt import Interrupt

FOLDER = Path("demo-ledger")
TICK_S = 0.5


def demo(
    seconds: Annotated[float, typer.Option(min=1, max=86_400, help="How long to trade.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 1,
    venue: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A venue of your own (Python), traded beside the two.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Watch it work: the real engine trades on two simulated venues on this machine, then proves its books.

    Needs no account, no key and no network. Ctrl-C ends it early: trades under way are finished and the report is
    printed. The exit status is 0 only when the ledger and all venues agree to the millionth of a dollar. A demo that was
    killed goes on where it was: start it again within a minute, in the same folder, with the same seed.
    """
    from dutchbook.cli.demo.extra_venue import venue_opener
    from dutchbook.cli.demo.screen import LiveScreen, PlainScreen
    from dutchbook.cli.interrupt import run_interruptible

    open_venue = None if venue is None else venue_opener(venue)
    _make_folder()
    events: deque[str] = deque(maxlen=50)
    live = sys.stdout.isatty() and not as_json
    screen: Screen = LiveScreen(events) if live else PlainScreen()
    figures = run_interruptible(lambda interrupt: _play(seconds, seed, events, screen, interrupt, open_venue))
    if as_json:
        say_json(figures)
    else:
        for line in report_lines(figures):
            say(line)
    raise typer.Exit(ExitStatus.OK if figures["ledger_matches_venues"] else ExitStatus.FAILED)


async def _play(
    seconds: float,
    seed: int,
    events: deque[str],
    screen: Screen,
    interrupt: Interrupt,
    open_venue: OpenVenue | None,
) -> dict[str, Any]:
    """Open, trade until time is up, settle, compare; the report's figures.

    A demo of this seed that was killed is gone on with, unless a venue of one's own takes part: that one died with it.
    """
    import asyncio

    from dutchbook.cli.demo.trial import left_behind, open_demo, settle_and_close
    from dutchbook.cli.logs import configure_logs

    found = None if open_venue is not None else await left_behind(FOLDER, seed)
    ledger, world = found or (_new_ledger(seed, own_venue=open_venue is not None), None)
    log = ledger.with_suffix(".log")
    configure_logs(stream=None, file=log, remember=events.append)
    if world is not None:
        note(f"going on with the demo that was killed: its venues still stand, its ledger is {ledger}")
    note(f"watch it in a browser: {own_name()} web --ledger {ledger}")
    screen.open()
    try:
        demo = await open_demo(seed, seconds, ledger, open_venue, world)
        try:
            await _watch(demo, seconds, screen, interrupt)
            closing = asyncio.create_task(settle_and_close(demo))
            while not (await asyncio.wait([closing], timeout=TICK_S))[0]:
                screen.show(demo, 0, "finishing trades, settling and comparing")
            figures = closing.result()
        except BaseException:
            await demo.close()
            raise
    finally:
        screen.close()
    figures["interrupted"] = interrupt.asked.is_set()
    figures["log"] = str(log)
    return figures


async def _watch(demo: Demo, seconds: float, screen: Screen, interrupt: Interrupt) -> None:
    """Show the demo until its time is up, the engine has failed, or somebody presses Ctrl-C."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and demo.engine.desk.failure is None:
        screen.show(demo, left, "trading")
        if await interrupt.wait(min(TICK_S, left)):
            return


def _make_folder() -> None:
    """Raises LedgerError when it cannot be made."""
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"{FOLDER.resolve()}: cannot be created ({error.strerror}); run in a folder of yours"
        ) from None


def _new_ledger(seed: int, *, own_venue: bool) -> Path:
    """A file of its own for each run. One with a venue of the operator's own cannot be gone on with, and says so in its name."""
    name = f"seed{seed}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.db"
    return FOLDER / (f"own-venue-{name}" if own_venue else name)


def report_lines(figures: Mapping[str, Any]) -> list[str]:
    """The report for people, one fact a line."""
    funnel, trades = figures["funnel"], figures["trades"]
    ended = " (ended early by Ctrl-C)" if figures.get("interrupted") else ""
    ended += " (went on where a demo was killed)" if figures.get("continued") else ""
    lines = [
        f"demo over: {figures['seconds']:g} s, seed {figures['seed']}{ended}",
        "",
        f"funnel      {funnel['books']} book updates: {funnel['crossings']} crossings, {funnel['net_positive']} profitable "
        f"after fees, {funnel['approved']} approved by the risk gate, {funnel['traded']} traded",
    ]
    if figures["reasons"]:
        reasons = ", ".join(f"{count} {code}" for code, count in figures["reasons"].items())
        lines.append(f"not traded  {reasons}")
    lines += [
        f"trades      {trades['locked']} locked, {trades['rolled_back']} rolled back, {trades['failed']} failed, "
        f"{trades['naked']} naked",
        f"fees        {_dollars(figures['fees'])}",
        f"P&L         {_dollars(figures['pnl'])}, of which rollbacks {_dollars(figures['rollback_losses'])}",
    ]
    if figures["tick_to_order_us"] is not None:
        lines.append(f"speed       {figures['tick_to_order_us']} µs from a frame to its orders (median)")
    if figures["ledger_matches_venues"]:
        venues = ", ".join(figures["venues"])
        lines.append(
            f"proof       the ledger and every venue ({venues}) agree to the millionth of a dollar, before and after "
            "settlement"
        )
    else:
        lines.append("proof       FAILED: the ledger and the venues do not agree")
        lines += [f"            {mismatch}" for mismatch in figures["mismatches"]]
    if figures["failure"]:
        lines.append(f"failure     {figures['failure']}")
    path, command = figures["ledger"], own_name()
    return [
        *lines,
        "",
        f"ledger      {path}",
        f"log         {figures['log']}",
        f"next        {command} trades --ledger {path}",
        f"            {command} explain --ledger {path}",
        f"            {command} journal verify --ledger {path}",
        f"            {command} web --ledger {path}",
    ]


def own_name() -> str:
    """How this program is called again from here: `make demo` runs it where it is not on the path."""
    return "dutchbook" if shutil.which("dutchbook") else sys.argv[0]


def _dollars(text: str) -> str:
    from dutchbook.core.money import parse_micros

    return dollars(parse_micros(text))
