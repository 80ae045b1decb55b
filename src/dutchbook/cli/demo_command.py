"""`dutchbook demo` as a command: where its ledger goes, what is shown meanwhile, how Ctrl-C ends it, what is told at the end.

Reads no settings file, no `.env` and no secret variable. The demo itself is in `demo.py`.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, dollars, say, say_json
from dutchbook.core.errors import LedgerError

if TYPE_CHECKING:
    from dutchbook.cli.demo import Demo
    from dutchbook.cli.demo_screen import Screen
    from dutchbook.cli.extra_venue import OpenVenue
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
    printed. The exit status is 0 only when the ledger and all venues agree to the millionth of a dollar.
    """
    from dutchbook.cli.demo_screen import LiveScreen, PlainScreen
    from dutchbook.cli.extra_venue import venue_opener
    from dutchbook.cli.interrupt import run_interruptible
    from dutchbook.cli.logs import configure_logs

    open_venue = None if venue is None else venue_opener(venue)
    ledger = _new_ledger(seed)
    log = ledger.with_suffix(".log")
    events: deque[str] = deque(maxlen=50)
    configure_logs(stream=None, file=log, remember=events.append)
    live = sys.stdout.isatty() and not as_json
    screen: Screen = LiveScreen(events) if live else PlainScreen()
    figures = run_interruptible(lambda interrupt: _play(seconds, seed, ledger, screen, interrupt, open_venue))
    figures["log"] = str(log)
    if as_json:
        say_json(figures)
    else:
        for line in report_lines(figures):
            say(line)
    raise typer.Exit(ExitStatus.OK if figures["ledger_matches_venues"] else ExitStatus.FAILED)


async def _play(
    seconds: float, seed: int, ledger: Path, screen: Screen, interrupt: Interrupt, open_venue: OpenVenue | None
) -> dict[str, Any]:
    """Open, trade until time is up, settle, compare; the report's figures."""
    import asyncio

    from dutchbook.cli.demo import open_demo, settle_and_close

    screen.open()
    try:
        demo = await open_demo(seed, seconds, ledger, open_venue)
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
    return figures


async def _watch(demo: Demo, seconds: float, screen: Screen, interrupt: Interrupt) -> None:
    """Show the demo until its time is up, the engine has failed, or somebody presses Ctrl-C."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and demo.engine.desk.failure is None:
        screen.show(demo, left, "trading")
        if await interrupt.wait(min(TICK_S, left)):
            return


def _new_ledger(seed: int) -> Path:
    """A file of its own for each run. Raises LedgerError when the folder cannot be made."""
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"{FOLDER.resolve()}: cannot be created ({error.strerror}); run in a folder of yours"
        ) from None
    return FOLDER / f"seed{seed}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.db"


def report_lines(figures: Mapping[str, Any]) -> list[str]:
    """The report for people, one fact a line."""
    funnel, trades = figures["funnel"], figures["trades"]
    ended = " (ended early by Ctrl-C)" if figures.get("interrupted") else ""
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
    path = figures["ledger"]
    return [
        *lines,
        "",
        f"ledger      {path}",
        f"log         {figures['log']}",
        f"next        dutchbook trades --ledger {path}",
        f"            dutchbook explain --ledger {path}",
        f"            dutchbook journal verify --ledger {path}",
    ]


def _dollars(text: str) -> str:
    from dutchbook.core.money import parse_micros

    return dollars(parse_micros(text))
